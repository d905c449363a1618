"""What all tests share: programs of the system that some need, never left out in silence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postgres_server import Server


#: Set to "all" where nothing may be left out, as in continuous integration.
REQUIRE = "PVDOPT_REQUIRE"
_WANTED = "needs the program "


def find_program(name: str) -> str | None:
    """Return a program's path; Debian keeps those of PostgreSQL's server out of the PATH."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, newest_first), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("system"):
        for program in marker.args:
            if find_program(program) is not None:
                continue
            if os.environ.get(REQUIRE) == "all":
                pytest.fail(f"{_WANTED}{program}, and {REQUIRE}=all leaves nothing out", pytrace=False)
            pytest.skip(f"{_WANTED}{program}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server of the tests' own; whoever asks for it is marked ``system("postgres")``."""
    from postgres_server import running

    program = find_program("postgres")
    assert program is not None
    with running(program) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, with what it takes to get in set in the environment, as a user would set it."""
    for name, value in postgres_server.environment.items():
        monkeypatch.setenv(name, value)
    return postgres_server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]:
        for name, sentence in report.user_properties:
            if name == "figures" and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {sentence}")
    # Read off the reports, which come back from worker processes too.
    left_out: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _, found, program = reason.partition(_WANTED)
        if found:
            left_out.setdefault(program, []).append(report.nodeid)
    for program, tests in sorted(left_out.items()):
        terminalreporter.write_line(
            f"left out for want of the program {program}: {', '.join(tests)} "
            f"(.ci/packages.txt names the Debian package)",
            yellow=True,
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where everything is required and a test was skipped for whatever reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if os.environ.get(REQUIRE) == "all" and skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} tests were skipped, and {REQUIRE}=all leaves nothing out", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
