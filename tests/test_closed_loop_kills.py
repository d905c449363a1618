"""A study that is killed at any moment goes on where it was: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from campaigns import make_plain
from pvdopt.campaign import Campaign

#: A study as a program of its own; the sampler is a quick one, what is recorded is what counts.
STUDY = """
import sys
from pvdopt.campaign import Campaign
from pvdopt.closed_loop import ClosedLoop
from pvdopt.evaluators import CommandEvaluator

with Campaign.open(sys.argv[1]) as campaign:
    rig = CommandEvaluator([sys.executable, sys.argv[2]])
    print(ClosedLoop(campaign, rig, int(sys.argv[3]), 3, sampler="random").run().evaluations)
"""
RIG = """
import json, sys, time
asked = json.load(sys.stdin)
time.sleep(0.05)
print(json.dumps({"gloss": 50 - (asked["recipe"]["speed"] - 6) ** 2}))
"""


def check_kills(folder: Path, budget: int, n_kills: int, gap_s: float) -> None:
    """Kill a study again and again, at moments that differ, then let it end."""
    (folder / "study.py").write_text(STUDY)
    (folder / "rig.py").write_text(RIG)
    words = [sys.executable, str(folder / "study.py"), str(folder / "plain"), str(folder / "rig.py"), str(budget)]
    make_plain(folder / "plain").close()
    kills = 0
    for attempt in range(10 * n_kills):
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = wait_for_more(folder / "plain", running)
        # From the moment something new is there on: into a recording, a proposal or an evaluation.
        time.sleep(gap_s * (attempt % 5) / 5)
        if running.poll() is None and done:
            running.send_signal(signal.SIGKILL)
            kills += 1
        running.wait()
        if kills == n_kills or running.returncode == 0:
            break
    assert kills == n_kills
    with Campaign.open(folder / "plain") as campaign:
        before = dict(campaign.own_cells().state.cells)
        assert 0 < sum(c.status == "complete" for c in before.values()) < budget
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout.split()[-1] == str(budget)
    with Campaign.open(folder / "plain") as campaign:
        assert campaign.ledger is not None
        assert campaign.ledger.check() == []
        cells = campaign.own_cells().state.cells
        assert [c.status for c in cells.values()] == ["complete"] * budget
        facts = Counter((fact.kind, fact.cell) for fact in campaign.ledger.facts() if fact.cell is not None)
        assert set(facts.values()) == {1}
        for name, cell in before.items():
            assert cells[name].recipe == cell.recipe
            if cell.status == "complete":
                assert cells[name].outcomes == cell.outcomes


def wait_for_more(folder: Path, running: subprocess.Popen[bytes]) -> bool:
    """Wait until the ledger has grown by a few facts; return whether it did before the program ended."""
    with Campaign.open(folder) as campaign:
        assert campaign.ledger is not None
        start = campaign.ledger.n_facts()
        for _ in range(2000):
            if running.poll() is not None:
                return False
            if campaign.ledger.n_facts() > start + 4:
                return True
            time.sleep(0.02)
    return False


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_study_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    check_kills(tmp_path, budget=16, n_kills=1, gap_s=0.3)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_study_killed_many_times_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    check_kills(tmp_path, budget=18, n_kills=4, gap_s=0.5)
