"""The project's own machinery: what is left out says so, and what must hold between files holds."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mutants import find_mutants

ROOT = Path(__file__).parent.parent

SAMPLE = """
import pytest

@pytest.mark.system("a-program-nobody-has")
def test_with_program(): pass

@pytest.mark.system("{python}")
def test_with_python(): pass

def test_plain(): pass
"""


def run_pytest(folder: Path, require: str, workers: int = 0) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = system(name): x\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", str(workers), str(folder)],
        env={**os.environ, "PVDOPT_REQUIRE": require},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    text = SAMPLE.replace("{python}", Path(sys.executable).as_posix())
    (tmp_path / "test_sample.py").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_program_is_named_and_its_test_left_out(sample: Path, workers: int) -> None:
    done = run_pytest(sample, require="", workers=workers)
    assert done.returncode == 0
    assert "left out for want of the program a-program-nobody-has: " in done.stdout
    assert "test_sample.py::test_with_program" in done.stdout
    assert "2 passed, 1 skipped" in done.stdout


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_program_fails_where_everything_is_required(sample: Path, workers: int) -> None:
    done = run_pytest(sample, require="all", workers=workers)
    assert done.returncode == 1
    assert "needs the program a-program-nobody-has, and PVDOPT_REQUIRE=all" in done.stdout


@pytest.mark.parametrize("workers", [0, 1])
def test_any_skip_fails_where_everything_is_required(tmp_path: Path, workers: int) -> None:
    (tmp_path / "test_sample.py").write_text("import pytest\ndef test_it(): pytest.skip('why not')\n", encoding="utf-8")
    assert run_pytest(tmp_path, require="").returncode == 0
    done = run_pytest(tmp_path, require="all", workers=workers)
    assert done.returncode == 1
    assert "1 tests were skipped, and PVDOPT_REQUIRE=all leaves nothing out" in done.stdout


def test_constraints_pin_every_dependency_and_name_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.+!-]*", line) for line in pins), pins
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", line)[0]).lower() for line in wanted} - {"pvdopt"}
    assert not names - pinned


def test_the_map_of_the_house_names_every_module() -> None:
    """What the import contract lists stands in CONTRIBUTING.md too."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = next(c for c in tool["importlinter"]["contracts"] if c.get("exhaustive"))["layers"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    plan = text.split("```")[1]
    lacking = []
    for layer in (layer.strip("()") for layer in layers):
        package, _, part = layer.partition(".")
        if not re.search(rf"^  {package}(\.py|/)\s", plan, re.M) or not re.search(rf"\b{part}\b", plan):
            lacking.append(layer)
    assert not lacking


def test_what_the_map_calls_written_is_there() -> None:
    plan = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("```")[1]
    written = re.findall(r"^  (\w+)(\.py|/) +(?=[^ (])", plan, re.M)
    planned = re.findall(r"^  (\w+)(\.py|/) +\(", plan, re.M)
    assert [name + ending for name, ending in written if not (ROOT / "src" / "pvdopt" / (name + ending)).exists()] == []
    assert [name + ending for name, ending in planned if (ROOT / "src" / "pvdopt" / (name + ending)).exists()] == []


CHECKED = """
def judge(x, low=0):
    if x is None or x < low:
        raise ValueError("x")
    try:
        note(x)
    except (OSError, KeyError):
        return not x
    return [y for y in x if y] and all(x)
class Other:
    def fine(self):
        return self.a == 1
"""


def test_every_check_is_broken_once_and_in_one_place_only() -> None:
    found = [m.name for m in find_mutants(CHECKED)]
    assert sorted(found) == sorted(
        [
            "judge: x < low  ->  x <= low",
            "judge: x is None  ->  x is not None",
            "judge: x is None or x < low  ->  False",
            "judge: x is None or x < low  ->  True",
            "judge: x is None or x < low  ->  without x < low",
            "judge: x is None or x < low  ->  without x is None",
            "judge: raise ValueError('x')  ->  nothing",
            "judge: note(x)  ->  nothing",
            "judge: except (OSError, KeyError)  ->  not caught",
            "judge: except (OSError, KeyError)  ->  without KeyError",
            "judge: except (OSError, KeyError)  ->  without OSError",
            "judge: not x  ->  x",
            "judge: [y for y in x if y] and all(x)  ->  without [y for y in x if y]",
            "judge: [y for y in x if y] and all(x)  ->  without all(x)",
            "judge: all(x)  ->  any",
            "judge: y  ->  False",
            "judge: y  ->  True",
            "Other.fine: self.a == 1  ->  self.a != 1",
        ]
    )
    assert [m.where for m in find_mutants(CHECKED, ["Other"])] == ["Other.fine"]
    whole = ast.unparse(ast.parse(CHECKED)).splitlines()
    for mutant in find_mutants(CHECKED):
        changed = ast.unparse(mutant.tree).splitlines()
        assert len(changed) == len(whole)
        assert sum(a != b for a, b in zip(whole, changed, strict=True)) == 1, mutant.name
