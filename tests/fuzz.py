"""Let coverage guide odd input into every reader for some time, then say how much was tried; fail if one fell over.

Run by ``make fuzz``. What was found to reach new branches is kept in .hypothesis, and the next run goes on from it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis.database import choices_to_bytes
from hypothesis.internal.reflection import function_digest

if TYPE_CHECKING:
    # Installed by `make fuzz` alone, while the tests look into every file here.
    from hypofuzz.database import HypofuzzDatabase
    from hypofuzz.hypofuzz import FuzzTarget

READERS = ["tests/fire/test_hostile.py", "tests/fire/test_damaged_files.py"]


def run_hypofuzz(test: str, seconds: float) -> bool:
    """Run HypoFuzz on one test, which ends by itself only when it found a fault; return whether it was stopped."""
    words = [str(Path(sys.executable).with_name("hypothesis")), "fuzz", "--no-dashboard", "-n", "1", "--", test]
    with subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL) as started:
        try:
            started.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        finally:
            # Its workers too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
    return False


def hand_over(database: HypofuzzDatabase, test: FuzzTarget) -> bool:
    """Put what a test fell over at where plain pytest looks for it; return whether there is such."""
    from hypofuzz.database import FailureState

    inner = test.wrapped_test.hypothesis.inner_test
    # HypoFuzz keeps all tests apart by their ids, pytest's plugin only those with parameters.
    vars(inner).pop("_hypothesis_internal_add_digest", None)
    found = [
        choices
        for state in (FailureState.SHRUNK, FailureState.UNSHRUNK)
        for choices in database.failures(state=state).fetch(test.database_key)
    ]
    for choices in found:
        database._db.save(function_digest(inner), choices_to_bytes(choices))
    return bool(found)


def tell(database: HypofuzzDatabase, test: FuzzTarget, since: float, was_stopped: bool) -> bool:
    """Print how many inputs a test tried since then and what they reached; return whether all is well."""
    tried: dict[str, int] = collections.defaultdict(int)
    reports = [r for r in database.reports.fetch(test.database_key) if r.timestamp >= since]
    for report in reports:
        # Each report counts from its worker's start.
        tried[report.worker_uuid] = max(tried[report.worker_uuid], sum(report.status_counts.values()))
    behaviours = max((report.behaviors for report in reports), default=0)
    fatal = database.fatal_failures.fetch(test.database_key)
    fell = hand_over(database, test) or not was_stopped
    ended = "COULD NOT START" if fatal else "FELL OVER" if fell else "" if tried else "NOT TRIED"
    print(
        f"{sum(tried.values()):9} inputs  {behaviours:6} behaviours  {test.nodeid.rpartition('::')[2]}  {ended}",
        flush=True,
    )
    if fatal:
        print(fatal.traceback)
    return not ended


def main() -> int:
    """Fuzz and report; return 1 if a reader fell over, could not be tried, or was not."""
    from hypofuzz.collection import collect_tests
    from hypofuzz.database import HypofuzzDatabase

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, help="how long to try, shared out evenly among the tests")
    chosen = parser.parse_args()
    os.chdir(Path(__file__).resolve().parent.parent)
    tests = collect_tests(READERS).fuzz_targets
    database = HypofuzzDatabase(settings().database)
    is_well = True
    for test in tests:
        began = time.time()
        was_stopped = run_hypofuzz(test.nodeid, chosen.seconds / len(tests))
        is_well = tell(database, test, began, was_stopped) and is_well
    # Hypothesis keeps what a reader fell over at, and plain pytest tries that first.
    shown = subprocess.run([sys.executable, "-m", "pytest", "-q", *READERS, "-m", "not slow"], check=False)
    return 0 if is_well and shown.returncode == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
