"""Several processes at one ledger, and processes that die."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from pvdopt.ledger import Ledger

#: Facts in one transaction: enough that a kill falls into the middle of one.
SIZE = 100

WRITER = """
import itertools, sys
from pvdopt.ledger import Ledger

path, label, rounds, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with Ledger.open(path, label, wait_s=30) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    for batch in itertools.islice(itertools.count(), rounds or None):
        rows = [{"recipe": {"bias_v": -i}, "predicted": {}, "batch": f"{label}-{batch}"} for i in range(size)]
        print(*ledger.add_proposals(rows), flush=True)
"""


def start(path: Path, label: str, rounds: int, size: int) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), label, str(rounds), str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def test_two_writers_at_once_get_distinct_ids(ledger: Ledger, path: Path) -> None:
    writers = [start(path, label, 12, 5) for label in ("anna", "ben")]
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    # Both stand waiting at the same door by the time it opens.
    time.sleep(0.1)
    holder.execute("ROLLBACK")
    holder.close()
    told = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    ids = [name for names in told for name in names]
    assert len(set(ids)) == len(ids) == 120
    assert set(ids) == set(ledger.state().cells)
    assert ledger.check() == []


def test_a_killed_writer_leaves_whole_transactions(ledger: Ledger, path: Path) -> None:
    rng = random.Random(0)
    for kill in range(10):
        before = ledger.n_facts()
        writer = start(path, f"w{kill}", 0, SIZE)
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
        told = writer.stdout.readline().split()
        time.sleep(rng.uniform(0, 0.03))
        writer.kill()
        told += writer.communicate(timeout=60)[0].split()
        assert ledger.check() == []
        assert ledger.n_facts() > before
        # What the writer said was kept is kept; a line may have been cut off by the kill.
        assert set(told[:-SIZE]) <= set(ledger.state().cells)
    sizes = Counter(fact.payload["batch"] for fact in ledger.facts())
    assert set(sizes.values()) == {SIZE}
