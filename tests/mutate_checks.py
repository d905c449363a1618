"""Break each check of what may be made and of the ledger, one at a time, and see that a test fails each time.

Run by ``make mutate``. A general mutation tester breaks everything, numbers and texts too, and starts a process and
all imports for each; this one breaks checks alone (:mod:`mutants`), forks for each with everything loaded, and runs
only the tests that run the code in question, the quick ones first. Mutants that no test could tell
from the original are listed in ``equivalent_mutants.toml``, each with the reason.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import os
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import hypothesis
import pytest

from mutants import Mutant, find_mutants

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
#: A mutant on which a test computes for longer than this and so many times as long as on the unchanged code turns in a
#: circle, which notices it: seconds of processor time, so that other load on the machine has no say in it.
CPU_S, CPU_TIMES = 5, 10
#: One on which tests merely wait for longer than this hangs. That is told apart, since on a machine that has other
#: things to do it may also be the machine.
PATIENCE_S, PATIENCE_TIMES = 120.0, 20.0

#: The functions through which a recipe is judged; the rest of these files draws, snaps and counts.
_SPACE = (
    "SearchSpace.__init__",
    *(f"SearchSpace.{name}" for name in ("_check_names", "_holds_numbers", "_parents_first", "applies", "_make_rules")),
    *(f"SearchSpace.{name}" for name in ("_constraint_rule", "_parameter_rules", "is_allowed", "explain", "frame")),
    "SearchSpace.with_fixed",
    "is_missing",
)
_PARAMETERS = (
    *("_Parameter", "_Number", "Continuous.__post_init__", "Stepped.__post_init__", "Categorical.__post_init__"),
    *("Continuous.off_grid", "Stepped.off_grid", "Stepped.n_levels", "Stepped.snap"),
)


@dataclass(frozen=True)
class Group:
    """Files that are broken, and the tests that must notice."""

    files: Collection[str]
    tests: Sequence[str]
    functions: dict[str, Collection[str]] = field(default_factory=dict)


def find_groups() -> list[Group]:
    ledger = sorted(f"pvdopt/ledger/{p.name}" for p in (SOURCE / "pvdopt/ledger").glob("*.py") if p.stem != "__init__")
    space = ["pvdopt/space.py", "pvdopt/parameters.py", "pvdopt/constraints.py"]
    chosen = {"pvdopt/space.py": _SPACE, "pvdopt/parameters.py": _PARAMETERS}
    return [
        Group(space, ["tests/test_space.py", "tests/test_parameters.py", "tests/test_constraints.py"], dict(chosen)),
        # Processes of their own run the code unchanged.
        Group(ledger, ["tests/ledger", "--ignore=tests/ledger/test_ledger_processes.py"]),
    ]


# -- one process a mutant ----------------------------------------------------------------------------------------


def in_child(work: Callable[[], int], patience_s: float) -> int | None:
    """Fork, work there in silence, and return the exit code; None where it took too long."""
    child = os.fork()
    if child == 0:
        # A group of its own, so that what the tests started goes with it.
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        code = 70
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - the fork must never come back from here
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def find_functions() -> dict[str, list[FunctionType]]:
    """Return by file the functions of pvdopt that are loaded."""
    found: dict[str, list[FunctionType]] = {}
    for live in gc.get_objects():
        if isinstance(live, FunctionType) and live.__code__.co_filename.startswith(str(SOURCE)):
            found.setdefault(live.__code__.co_filename, []).append(live)
    return found


def replace_code(path: Path, loaded: Sequence[FunctionType], mutant: Mutant) -> None:
    """Let the functions of a loaded file run as the mutant says; what is made from them already stays.

    Raises
    ------
    LookupError
        If the function is not loaded.
    """
    wanted = {code.co_qualname: code for code in _walk_code(compile(mutant.tree, str(path), "exec"))}
    # A function that another one makes anew gets its code from there.
    places = [f for f in loaded if f"{mutant.where}.".startswith(f"{f.__code__.co_qualname}.")]
    if not places:
        raise LookupError(f"{path.name} has no live function {mutant.where}")
    for place in places:
        place.__code__ = wanted[place.__code__.co_qualname]


def _walk_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _walk_code(part)


class Runner:
    """A plugin in place of pytest's own loop: all tests are collected once, and run in forks as they are asked for."""

    def __init__(self, work: Callable[[Runner], int]) -> None:
        self.work = work
        self.result = 1
        self.items: dict[str, pytest.Item] = {}
        self.functions: dict[str, list[FunctionType]] = {}
        self.has_failed = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work instead of running all tests."""
        self.items = {item.nodeid: item for item in session.items}
        self.functions = find_functions()
        # Looking for garbage would copy what the forks share.
        gc.freeze()
        self.result = self.work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a test that fails."""
        self.has_failed = self.has_failed or report.failed

    def run(self, names: Sequence[str], around: Callable[[str], Any] = nullcontext) -> int:
        """Run tests until one fails; return 1 if one did."""
        self.has_failed = False
        items = [self.items[name] for name in names]
        for item, following in zip(items, [*items[1:], None], strict=True):
            with around(item.nodeid):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.has_failed:
                # What the session started, a database server for one, is put away.
                item.session._setupstate.teardown_exact(None)
                break
        return int(self.has_failed)


# -- which tests run which line ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Map:
    """What the unchanged code showed: by file and line the tests that run it, and how long each takes."""

    runs: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests_of(self, file: str, lines: range) -> list[str]:
        """Return the tests that run these lines, quick ones first."""
        found = {test for line in lines for test in self.runs[file].get(line, ())} - {""}
        return sorted(found, key=lambda test: self.seconds.get(test, 0.0))

    @contextmanager
    def limiting(self, test: str) -> Iterator[None]:
        """Let this process end with SIGXCPU if a test computes far longer than it did on the unchanged code."""
        most_s = time.process_time() + CPU_S + CPU_TIMES * self.seconds.get(test, 0.0)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(most_s), resource.RLIM_INFINITY))
        yield


def find_map(runner: Runner, group: Group) -> Map:
    """Return which test runs what; it is kept while neither code nor tests change, for going on file by file."""
    digest = hashlib.sha256("\n".join(runner.items).encode())
    for path in [*SOURCE.rglob("*.py"), *HERE.rglob("*.py")]:
        digest.update(path.read_bytes())
    kept = HERE.parent / ".venv/mutants" / f"{digest.hexdigest()}.json"
    if not kept.exists():
        drawn = draw_map(runner, group.files)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({"runs": drawn.runs, "seconds": drawn.seconds}), encoding="utf-8")
    read = json.loads(kept.read_text(encoding="utf-8"))
    runs = {file: {int(line): tests for line, tests in lines.items()} for file, lines in read["runs"].items()}
    return Map(runs, read["seconds"])


def draw_map(runner: Runner, files: Collection[str]) -> Map:
    """Run all tests on the unchanged code, and return which runs what.

    If a test fails already, nothing is to be learned, and the session ends.
    """
    paths = {file: str(SOURCE / file) for file in files}
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "map.json"

        def work() -> int:
            watched = coverage.Coverage(data_file=None, include=list(paths.values()), config_file=False)
            seconds = {}

            @contextmanager
            def watching(name: str) -> Iterator[None]:
                watched.switch_context(name)
                begun = time.monotonic()
                yield
                seconds[name] = time.monotonic() - begun

            watched.start()
            code = runner.run(list(runner.items), watching)
            watched.stop()
            data = watched.get_data()
            runs = {file: data.contexts_by_lineno(path) for file, path in paths.items()}
            kept.write_text(json.dumps({"runs": runs, "seconds": seconds}), encoding="utf-8")
            return code

        if in_child(work, 3600) != 0:
            pytest.exit("a test fails before anything is changed: make test", returncode=3)
        return Map(**json.loads(kept.read_text(encoding="utf-8")))


# -- all of it ---------------------------------------------------------------------------------------------------


class Judge:
    """Goes through the mutants, and keeps the count.

    Attributes
    ----------
    listed : mapping
        By file the changes that no test could notice, with the reason.
    told : str or None
        What an earlier run printed: only the mutants it names are tried again.
    """

    def __init__(self, listed: Mapping[str, Mapping[str, str]], told: str | None = None) -> None:
        self.listed = listed
        self.told = told
        self.counts: Counter[str] = Counter()
        self.met: set[tuple[str, str]] = set()

    def mutants(self, group: Group, files: Collection[str]) -> Iterator[tuple[str, Mutant]]:
        """Return the mutants of a group's files that are not listed, and count all."""
        for file in files:
            source = (SOURCE / file).read_text(encoding="utf-8")
            for mutant in find_mutants(source, group.functions.get(file, ())):
                if self.told is not None and f" {mutant.name}" not in self.told:
                    continue
                self.counts["all"] += 1
                self.met.add((file, mutant.name))
                if mutant.name in self.listed.get(file, {}):
                    self.counts["equivalent"] += 1
                else:
                    yield file, mutant

    def judge(self, runner: Runner, group: Group, files: Collection[str]) -> int:
        """Print the mutants that no test notices."""
        drawn = find_map(runner, group)
        for file, mutant in self.mutants(group, files):
            tests = drawn.tests_of(file, mutant.lines)

            def work(file: str = file, mutant: Mutant = mutant, tests: Sequence[str] = tests) -> int:
                path = SOURCE / file
                replace_code(path, runner.functions[str(path)], mutant)
                return runner.run(tests, drawn.limiting)

            # A fault of this program's own must not pass for a test's.
            patience_s = PATIENCE_S + PATIENCE_TIMES * sum(drawn.seconds.get(test, 0.0) for test in tests)
            code = in_child(work, patience_s) if tests else 0
            if code == 70:
                pytest.exit(f"{file}: {mutant.name} could not be tried", returncode=3)
            if code == -signal.SIGXCPU:
                self.counts["circled"] += 1
            if code is None:
                self.counts["hung"] += 1
                print(f"hung      {file}:{mutant.lines.start} {mutant.name}", flush=True)
            if code == 0:
                self.counts["survived"] += 1
                print(
                    f"survived  {file}:{mutant.lines.start} {mutant.name}{'' if tests else '  (no test)'}", flush=True
                )
        return 0

    def find_gone(self, files: Collection[str]) -> list[str]:
        """Return what is listed as unnoticeable and not in the code any more."""
        return [f"{f}: {name}" for f, names in self.listed.items() for name in names if (f, name) not in self.met]


def run_pytest(tests: Sequence[str], runner: Runner) -> int:
    """Collect tests, and let the runner work on them; hypothesis draws the same each time and keeps nothing."""
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutants")
    # Pytest warns that hypothesis was loaded before its plugin.
    options = [
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        "-s",
        "-qq",
    ]
    # Threads do not survive a fork, and BLAS would start some.
    code = int(pytest.main([*options, *tests], plugins=[runner]))
    return code or runner.result


def main() -> int:
    """Break, run and report; return 1 if something unlisted went unnoticed, 3 if it cannot run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="only these, such as pvdopt/ledger/values.py; all by default")
    parser.add_argument("--again", type=Path, help="only the mutants named in this file, which an earlier run printed")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    chosen = parser.parse_args()
    chosen.again = chosen.again.resolve() if chosen.again else None
    os.chdir(HERE.parent)
    listed = tomllib.loads((HERE / "equivalent_mutants.toml").read_text(encoding="utf-8"))
    judge = Judge(listed, chosen.again.read_text(encoding="utf-8") if chosen.again else None)
    for group in find_groups():
        files = [file for file in group.files if not chosen.files or file in chosen.files]
        if chosen.list:
            for file, mutant in judge.mutants(group, files):
                print(f"{file}:{mutant.lines.start} {mutant.name}")
        elif files:
            code = run_pytest(group.tests, Runner(partial(judge.judge, group=group, files=files)))
            if code:
                return code
    counts, gone = judge.counts, [] if chosen.files or chosen.again else judge.find_gone(chosen.files)
    told = f"{counts['equivalent']} listed as equivalent, {counts['circled']} turned in a circle, "
    told += f"{counts['hung']} hung, {counts['survived']} survived"
    print(f"{counts['all']} mutants, {told}")
    for name in gone:
        print(f"listed and not there any more  {name}")
    return 1 if counts["survived"] or gone else 0


if __name__ == "__main__":
    raise SystemExit(main())
