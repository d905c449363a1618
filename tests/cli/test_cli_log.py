"""The log says what was done and why, and holds no password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns import make_plain

from .conftest import Run


def test_commands_and_facts_are_logged(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_plain(tmp_path / "plain").close()
    monkeypatch.setenv("PVDOPT_LOG", str(tmp_path / "log.jsonl"))
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    assert run("add", "plain", "speed=5", "moisture=dry").code == 0
    assert run("veto", "plain", "C001", "--why", "hunter2 said so").code == 0
    assert run("veto", "plain", "C009").code == 3
    text = (tmp_path / "log.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert "hunter2" not in text
    assert [line["event"] for line in lines].count("command begins") == 3
    assert [line["exit_code"] for line in lines if line["event"] == "command ends"] == ["0", "0", "3"]
    facts = [line for line in lines if line["event"] == "fact recorded"]
    assert [(f["kind"], f["cell"]) for f in facts] == [("added", "C001"), ("vetoed", "C001")]
    assert facts[1]["why"] == "*** said so"
    assert all(f["seconds"] >= f["waited_s"] >= 0 for f in facts)


def test_a_log_that_cannot_be_written_stops_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_plain(tmp_path / "plain").close()
    monkeypatch.setenv("PVDOPT_LOG", str(tmp_path / "nowhere" / "log.jsonl"))
    seen = run("status", "plain")
    assert seen.code == 0
    assert "nothing more is logged" in seen.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_a_full_disk_is_told_once_and_stops_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plain(tmp_path / "plain").close()
    monkeypatch.setenv("PVDOPT_LOG", "/dev/full")
    seen = run("add", "plain", "speed=5", "moisture=dry")
    assert seen.code == 0
    assert seen.err.count("note: PVDOPT_LOG: /dev/full cannot be written (No space left on device)") == 1
    assert "Traceback" not in seen.err
    assert run("veto", "plain", "C009").code == 3, "the command's own exit code"


@pytest.mark.skipif(os.name != "posix", reason="rights of files are POSIX's here")
def test_a_log_is_its_owners_alone_and_an_older_one_keeps_its_rights(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = tmp_path / "new.jsonl", tmp_path / "old.jsonl"
    old.touch()
    old.chmod(0o640)
    for path in (new, old):
        monkeypatch.setenv("PVDOPT_LOG", str(path))
        run("status", "nowhere")
    assert [path.stat().st_mode & 0o777 for path in (new, old)] == [0o600, 0o640]
    assert all(path.read_text() for path in (new, old))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(("words", "code"), [(["--help"], 1), (["cells", "list"], 1), (["status", "nowhere"], 3)])
def test_output_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path, words: list[str], code: int) -> None:
    command = [sys.executable, "-m", "pvdopt", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == code
    if code == 1:
        assert done.stderr == (
            "The output could not be written (No space left on device). What the command did until then stands.\n"
        )


@pytest.mark.parametrize(
    "words",
    [
        ("--verbose", "status", "plain"),
        ("status", "plain", "--verbose"),
        ("status", "--verbose", "plain"),
        ("ledger", "check", "plain", "--verbose"),
    ],
    ids=" ".join,
)
def test_verbose_logs_to_standard_error_wherever_it_stands(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    make_plain(tmp_path / "plain").close()
    seen = run(*words)
    assert seen.code == 0
    assert json.loads(seen.err.splitlines()[0])["event"] == "command begins"


def test_behind_two_dashes_verbose_is_a_word_like_any_other(run: Run, tmp_path: Path) -> None:
    make_plain(tmp_path / "plain").close()
    seen = run("status", "--", "--verbose")
    assert seen.code == 3
    assert "--verbose: there is no such campaign folder" in seen.err
