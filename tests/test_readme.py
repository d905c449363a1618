"""The README and the pages of docs/ are kept true: commands run in order, in an empty folder, and print what is shown.

A ```console block holds commands (lines after ``$ ``) and what they print. Numbers may differ in their digits between
machines; the words around them may not. Which recipe is proposed may, so blocks are compared without their table of
recipes where a comment ``<!-- recipes vary -->`` stands before them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


@dataclass(frozen=True)
class Step:
    command: str
    shown: tuple[str, ...]
    recipes_vary: bool


def read_steps(text: str) -> list[Step]:
    steps = []
    for match in re.finditer(r"(<!-- recipes vary -->\n)?```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"(?m)^\$ ", match[2])[1:]:
            command, _, shown = part.partition("\n")
            while command.endswith("\\"):
                more, _, shown = shown.partition("\n")
                command = command[:-1] + more.strip()
            steps.append(Step(command.strip(), tuple(shown.splitlines()), match[1] is not None))
    return steps


def bare(line: str) -> str:
    """Return a line without digits, signs and spacing."""
    return re.sub(r"[\s\d.,+-]+", " ", line).strip()


STEPS = read_steps(README)


def test_the_two_commands_stand_in_the_readme_and_the_makefile():
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    for word in ("suggest", "test"):
        assert f"make {word}" in README
        assert word in targets


def test_the_readme_shows_commands():
    assert sum(step.command.startswith("pvdopt ") for step in STEPS) >= 8


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if read_steps(text)])
def test_commands_of_a_page_run_and_print_what_it_shows(tmp_path, page):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "PVDOPT_AUTHOR": "reader",
    }
    for step in read_steps(PAGES[page]):
        if step.command.startswith("make "):
            continue
        done = subprocess.run(
            step.command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, f"{step.command}\n{printed}"
        if step.recipes_vary:
            continue
        lines = {bare(line) for line in printed.splitlines()}
        missing = [line for line in step.shown if line.strip() not in ("", "...") and bare(line) not in lines]
        assert not missing, f"{step.command}\nnot printed: {missing}\nprinted:\n{printed}"


def test_a_step_that_prints_something_else_is_seen():
    steps = read_steps("```console\n$ pvdopt one \\\n  two\nout 1\n$ pvdopt three\n```\n")
    assert [s.command for s in steps] == ["pvdopt one two", "pvdopt three"]
    assert steps[0].shown == ("out 1",)
    assert bare("a 1.5 b") == bare("a 27 b") != bare("a 1 c")


@pytest.mark.parametrize("page", PAGES)
def test_links_point_to_files(page):
    folder = ROOT if page == "README.md" else ROOT / "docs"
    links = re.findall(r"\]\(([^)#:]+)\)", PAGES[page])
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_page_is_linked_from_the_readme():
    assert [name for name in PAGES if name != "README.md" and f"docs/{name}" not in README] == []


def test_code_of_the_pages_runs(tmp_path):
    blocks = [block for text in PAGES.values() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert blocks
    for block in blocks:
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{block}\n{done.stderr}"
