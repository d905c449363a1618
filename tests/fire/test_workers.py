"""Several workers on one ledger: no cell twice, a dead worker's cell taken up, two in little over half the time."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from zygote import Zygote

from pvdopt.campaign import Campaign

FOLDER = Path("studies") / "plain"
#: A rig: notes which cell it makes and in which process, takes its time, measures.
RIG = """
import json, os, sys, time
asked = json.load(sys.stdin)
with open("made.txt", "a") as file:
    file.write(f"{asked['id']}\\n")
time.sleep(float(sys.argv[1]))
print(json.dumps({"gloss": asked["recipe"]["speed"]}))
"""


def study(budget: int, seconds: float, *more: object) -> tuple[object, ...]:
    return (
        "study", "run", FOLDER, "--budget", budget, "-n", 4, "--share", *more,
        "--command", f"{sys.executable} rig.py {seconds}", "--json",
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, campaign_text: str) -> Path:
    (tmp_path / "rig.py").write_text(RIG)
    return tmp_path


def read_made(home: Path) -> Counter[str]:
    return Counter((home / "made.txt").read_text().split())


def test_three_workers_share_a_study(home: Path) -> None:
    with Zygote(home) as zygote:
        assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
        ended = zygote.run_together([study(9, 0.2)] * 3)
        assert [e.code for e in ended] == [0, 0, 0], [e.err for e in ended]
    found = [json.loads(e.out) for e in ended]
    assert sum(f["done_now"] for f in found) == 9
    assert {f["evaluations"] for f in found} == {9}
    assert set(read_made(home).values()) == {1}, "no cell was made twice"
    with Campaign.open(home / FOLDER) as campaign:
        assert campaign.ledger is not None
        assert campaign.ledger.check() == []
        recipes = Counter(tuple(c.recipe.items()) for c in campaign.own_cells().state.cells.values())
        assert set(recipes.values()) == {1}


def test_a_dead_workers_cell_is_taken_up(home: Path) -> None:
    with Zygote(home) as zygote:
        assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
        made = home / "made.txt"
        made.touch()
        # Killed while its rig is at work on the first cell.
        assert zygote.run(*study(3, 30, "--lease", 2), kill_after=0.1, watch=made).code is None
        (first,) = read_made(home)
        ended = zygote.run(*study(3, 0.1, "--lease", 2))
        assert ended.code == 0, ended.err
    assert read_made(home)[first] == 2
    with Campaign.open(home / FOLDER) as campaign:
        state = campaign.own_cells().state
        assert state.cells[first].status == "complete"
        assert sum(c.status == "complete" for c in state.cells.values()) == 3


def test_a_lease_may_be_shorter_than_an_evaluation(home: Path) -> None:
    with Zygote(home) as zygote:
        assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
        ended = zygote.run_together([study(1, 4.5, "--lease", 2)] * 2)
    assert [e.code for e in ended] == [0, 0], [e.err for e in ended]
    assert set(read_made(home).values()) == {1}, "a cell was made twice while its worker was at work on it"


@pytest.mark.slow
@pytest.mark.parametrize("n_evaluations", [200])
def test_two_workers_take_at_most_six_tenths_of_ones_time(
    home: Path, n_evaluations: int, tell: Callable[[str], None]
) -> None:
    seconds = {}
    for n_workers in (1, 2):
        with Zygote(home) as zygote:
            if (home / FOLDER).exists():
                (home / "studies").rename(home / f"former-{n_workers}")
                text = (home / "plain.toml").read_text()
                (home / "plain.toml").write_text(text.replace("schema=", "schema=second_"))
            assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
            started = time.monotonic()
            ended = zygote.run_together([study(n_evaluations, 1.0)] * n_workers, 20.0 * n_evaluations)
            seconds[n_workers] = time.monotonic() - started
            assert [e.code for e in ended] == [0] * n_workers, [e.err for e in ended]
            assert sum(json.loads(e.out)["done_now"] for e in ended) == n_evaluations
    share = seconds[2] / seconds[1]
    tell(
        f"{n_evaluations} evaluations of a second: one worker {seconds[1]:.0f} s, two {seconds[2]:.0f} s, a share of "
        f"{share:.2f}"
    )
    assert share <= 0.6
