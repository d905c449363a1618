"""A report of a fault can be sent: no password is in it, wherever it came from."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pvdopt import cli
from pvdopt.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://anna:hunter2@labdb/pvd",
        "postgresql://labdb/pvd?user=anna&password=hunter2&x=1",
        "{'password': 'hunter2', 'host': 'labdb'}",
        "host=labdb password=hunter2 dbname=pvd",
        "the server said hunter2 is wrong",
        "postgresql:/anna:hunter2@labdb/pvd: there is no such folder",
        "postgresql://anna:odd/hunter2@labdb/pvd",
        "postgresql://anna:odd@hunter2@labdb/pvd",
        "postgresql://labdb/pvd?password%20=hunter2",
        "postgresql://labdb/pvd?sslpassword=hunter2",
    ],
)
def test_a_password_is_starred_out(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "said" in text:
        monkeypatch.setenv("PGPASSWORD", "hunter2")
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


def test_what_is_no_secret_stays() -> None:
    for text in ("postgresql://anna@labdb:5432/pvd", "studies/lco, row 3: must be 57.2", "https://doi.org/10.1/x"):
        assert redact(text) == text


@pytest.mark.parametrize(
    "words",
    [
        ("status", "URL"),
        ("status", "a", "URL"),
        ("URL",),
        ("--optuna=URL",),
        ("init", "lco", "--from", "URL"),
        ("export", "nowhere", "URL"),
        ("doctor", "URL"),
        ("cells", "check", "URL"),
        ("--verbose", "status", "URL"),
    ],
    ids=" ".join,
)
def test_no_message_of_a_command_tells_a_password(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(SystemExit):
        cli.main([word.replace("URL", "postgresql://anna:hunter2@labdb/pvd") for word in words])
    printed = capsys.readouterr()
    assert "hunter2" not in printed.out + printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_a_fault_holds_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "argv", ["pvdopt", "status", "postgresql://anna:hunter3@labdb/pvd"])
    try:
        raise RuntimeError("connecting with hunter2 to postgresql://anna:hunter3@labdb/pvd")
    except RuntimeError as error:
        cli._report_unexpected(type(error), error, error.__traceback__)
    (report,) = tmp_path.glob("pvdopt-*.txt")
    versions = report.read_text().splitlines()[1]
    for part in (metadata.version("pvdopt"), platform.python_version(), platform.system()):
        assert part in versions
    for text in (report.read_text(), capsys.readouterr().err):
        assert "hunter" not in text
        assert "RuntimeError" in text
