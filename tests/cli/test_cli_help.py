"""Every command can explain itself, quickly; what a person waits for at the prompt loads nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import pvdopt
import pvdopt.cells
from pvdopt.cli import main
from pvdopt.cli.app import app

HEAVY = ("sklearn", "scipy", "pint", "optuna")


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, (*words, name))


COMMANDS = sorted(walk(get_command(app)))


def loaded_by(*words: str, cwd: Path) -> tuple[int, set[str]]:
    """Return a command's exit code, and the top-level modules it has loaded, in a process of its own."""
    script = (
        "import json, sys\nfrom pvdopt.cli import main\ncode = 0\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit as left:\n    code = left.code or 0\n"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, {name.split(".")[0] for name in modules}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(run: Any, words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.code == 0
    assert done.out.startswith(" ".join(["Usage: pvdopt", *words]))
    assert done.err == ""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_a_list_of_commands_says_of_each_is_not_cut(run: Any, words: tuple[str, ...]) -> None:
    assert "..." not in "".join(run(*words, "--help").out.partition("Commands:")[2])


def test_the_commands_of_the_design_are_there() -> None:
    wanted = (
        "init suggest record add veto edit fail correct discard-run retrain evaluate predict status best pareto export"
    )
    groups = "study run,cells list,cells show,cells check,config check,config schema"
    ledger = "ledger check,ledger backup,ledger restore"
    names = {" ".join(words) for words in COMMANDS}
    assert {*wanted.split(), *groups.split(","), *ledger.split(",")} <= names


@pytest.mark.parametrize("words", [(), ("suggest",), ("study", "run"), ("cells", "show")], ids=" ".join)
def test_help_loads_neither_pandas_nor_what_is_heavier(words: tuple[str, ...], tmp_path: Path) -> None:
    code, modules = loaded_by(*words, "--help", cwd=tmp_path)
    assert code == 0
    assert not modules & {*HEAVY, "pandas", "numpy", "sqlalchemy"}


def test_checking_a_config_loads_nothing_heavy(tmp_path: Path) -> None:
    code, modules = loaded_by("config", "check", "lco_lipon.toml", cwd=tmp_path)
    assert code == 0
    assert not modules & set(HEAVY)


def test_the_version_is_that_of_the_package(run: Any) -> None:
    from importlib import metadata

    assert run("--version").out.strip() == metadata.version("pvdopt")


def test_a_mistyped_command_is_a_usage_error(run: Any) -> None:
    done = run("sugest")
    assert done.code == 2
    assert "sugest" in done.err
    assert done.out == ""


@pytest.mark.parametrize("entry", [["-m", "pvdopt"], ["-c", "from pvdopt.cli import main; main()"]], ids=["-m", "main"])
def test_the_entry_points_lead_to_the_command_line(entry: list[str]) -> None:
    done = subprocess.run([sys.executable, *entry, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fault_of_the_program_is_one_line_and_a_report(tmp_path: Path) -> None:
    script = (
        "import pvdopt.cells\nfrom pvdopt.cli import main\n"
        "def fall(*_): raise RuntimeError('fell over')\n"
        "pvdopt.cells.read_cells = fall\nmain(['cells', 'check', 'x.csv'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "PATH": ""},
    )
    assert done.returncode == 1
    assert "RuntimeError: fell over" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
    (report,) = tmp_path.glob("pvdopt-*.txt")
    assert str(report) in done.stderr
    assert "Traceback" in report.read_text(encoding="utf-8")


def test_what_the_system_refuses_is_no_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fall(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "x.csv")

    monkeypatch.setattr(pvdopt.cells, "read_cells", fall)
    with pytest.raises(SystemExit) as left:
        main(["cells", "check", "x.csv"])
    assert left.value.code == 1
    assert capsys.readouterr().err == "x.csv: the system refuses it (Permission denied).\n"


@pytest.mark.parametrize("words", [["status"], ["suggest"], ["init", "lco", "--from"], ["doctor"], ["ledger", "check"]])
def test_a_name_too_long_for_the_system_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*words, "x" * 300])
    # Which of both depends on the Python: whether it says that there is no such file.
    assert left.value.code in (1, 3)
    assert "x" * 300 in capsys.readouterr().err


def test_public_names_are_there_and_come_late() -> None:
    script = "import sys, pvdopt; print(sorted(m for m in sys.modules if m.startswith('pvdopt.')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in pvdopt.__all__:
        assert getattr(pvdopt, name).__module__.startswith("pvdopt.")
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = pvdopt.nothing_of_the_kind


def test_what_is_printed_and_what_is_said_come_in_their_order(tmp_path: Path) -> None:
    """Also where both go into one pipe, as when somebody pages or keeps them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "pvdopt", "init", "lco", "--from", "lco_lipon.toml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    first, second = done.stdout.splitlines()
    assert first == "lco begins in studies/lco"
    assert second.startswith("Look through studies/lco/campaign.toml")
