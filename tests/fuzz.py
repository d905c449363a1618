"""Let coverage guide odd input into every reader for some time, then say how much was tried; fail if one fell over.

Run by ``make fuzz``. What was found to reach new branches is kept in .hypothesis, and the next run goes on from it.
"""

from __future__ import annotations

import argparse
import collections
import os
import subprocess
import sys
import time
from pathlib import Path

from hypofuzz.collection import collect_tests
from hypofuzz.database import FailureState, HypofuzzDatabase
from hypothesis import settings

READERS = ["tests/fire/test_hostile.py", "tests/fire/test_damaged_files.py"]


def run_hypofuzz(seconds: float) -> bool:
    """Run HypoFuzz, which ends by itself only when it has nothing left to try; return whether it was stopped."""
    words = [str(Path(sys.executable).with_name("hypothesis")), "fuzz", "--no-dashboard", "-n", "1", "--", *READERS]
    with subprocess.Popen(words, start_new_session=True) as started:
        try:
            started.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, 9)
            return True
        except BaseException:
            os.killpg(started.pid, 9)
            raise
    return False


def tell(since: float) -> bool:
    """Print by test how many inputs were tried since then and how many branches they reached; return if all is well."""
    is_well = True
    database = HypofuzzDatabase(settings().database)
    for test in collect_tests(READERS).fuzz_targets:
        tried: dict[str, int] = collections.defaultdict(int)
        reports = [r for r in database.reports.fetch(test.database_key) if r.timestamp >= since]
        for report in reports:
            # Each report counts from its worker's start.
            tried[report.worker_uuid] = max(tried[report.worker_uuid], sum(report.status_counts.values()))
        behaviours = max((report.behaviors for report in reports), default=0)
        states = (FailureState.SHRUNK, FailureState.UNSHRUNK)
        fell = any(list(database.failures(state=state).fetch(test.database_key)) for state in states)
        fatal = database.fatal_failures.fetch(test.database_key)
        ended = "FELL OVER" if fell else "COULD NOT START" if fatal else "" if tried else "NOT TRIED"
        print(f"{sum(tried.values()):9} inputs  {behaviours:6} behaviours  {test.nodeid.rpartition('::')[2]}  {ended}")
        if fatal:
            print(fatal.traceback)
        is_well = is_well and not ended
    return is_well


def main() -> int:
    """Fuzz and report; return 1 if a reader fell over, could not be tried, or was not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, help="how long to try")
    chosen = parser.parse_args()
    os.chdir(Path(__file__).resolve().parent.parent)
    began = time.time()
    was_stopped = run_hypofuzz(chosen.seconds)
    is_well = tell(began)
    if not was_stopped:
        print("HypoFuzz ended before its time; see above", file=sys.stderr)
    # Hypothesis keeps what a reader fell over at, and plain pytest tries that first.
    shown = subprocess.run([sys.executable, "-m", "pytest", "-q", *READERS, "-m", "not slow"], check=False)
    return 0 if was_stopped and is_well and shown.returncode == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
