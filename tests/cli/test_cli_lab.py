"""Runs, budgets and advice at the prompt."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
[campaign]
name = "plates"
evidence = "none"

[parameters.speed]
low = 1
high = 9
step = 1

[parameters.moisture]
choices = ["dry", "wet"]

[objectives.gloss]
maximize = true

[runs.coating]
shares = ["speed"]
places = 3
hours = 8
"""
RIG = """
import json, sys
recipe = json.load(sys.stdin)["recipe"]
print(json.dumps({"gloss": 50 - (recipe["speed"] - 6) ** 2 + 5 * (recipe["moisture"] == "wet")}))
"""


@pytest.fixture
def plates(run: Any, tmp_path: Path) -> str:
    (tmp_path / "plates.toml").write_text(CONFIG)
    (tmp_path / "rig.py").write_text(RIG)
    assert run("init", "plates", "--from", "plates.toml").code == 0
    return f'"{Path(sys.executable).as_posix()}" rig.py'


def test_a_budget_that_nothing_fits_into_is_told_the_cheapest(run: Any, plates: str) -> None:
    done = run("suggest", "plates", "--budget", "3 h")
    assert (done.code, done.out) == (4, "")
    assert (
        "no recipe fits into the budget. The cheapest of those tried would add 8.5 h (coating 8 h, cell 0.5 h)"
        in done.err
    )


def test_a_bad_run_is_discarded_with_the_names_of_its_cells(run: Any, plates: str) -> None:
    assert run("suggest", "plates", "-n", 2, "--fix", "speed=3").code == 0
    rehearsed = run("discard-run", "plates", "coating-1", "--why", "leak", "--dry-run")
    assert rehearsed.out == "run coating-1 counts no more: P001, P002\n"
    assert run("discard-run", "plates", "coating-1", "--why", "leak").out == rehearsed.out
    assert json.loads(run("status", "plates", "--json").out)["counts"] == {"discarded": 2}


def test_a_batch_is_shown_run_by_run_and_fits_the_budget(run: Any, plates: str) -> None:
    shown = run("suggest", "plates", "--budget", "18 h")
    assert shown.code == 0, shown.err
    assert "Runs" in shown.out
    assert "coating-1" in shown.out
    assert "The batch adds" in shown.out
    told = json.loads(run("suggest", "plates", "--budget", "18 h", "--dry-run", "--json").out)
    assert told["hours"]["total"] <= 18
    assert {run_["kind"] for run_ in told["runs"]} == {"coating"}
    assert all(cell["coating_run"].startswith("coating-") for cell in told["proposals"])
    assert told["advice"]["word"] == "go on"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "much"], "budget 'much'"),
        (["--budget", "oven=3 h"], "there is no kind of run 'oven'; there are coating"),
        (["--sampler", "gp"], "the sampler must be one of surrogate, tpe"),
        (["--sampler", "tpe", "--budget", "9 h"], "takes no budget of hours"),
    ],
)
def test_what_cannot_be_asked_for(run: Any, plates: str, words: list[str], said: str) -> None:
    done = run("suggest", "plates", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_study_says_how_it_went_and_the_status_what_is_left(run: Any, plates: str) -> None:
    done = run("study", "run", "plates", "--command", plates, "--budget", "5", "--budget", "60 h", "-n", "5",
               "--sampler", "random")  # fmt: skip
    assert done.code == 2
    assert "takes no budget of hours" in done.err
    done = run("study", "run", "plates", "--command", plates, "--budget", "5", "--budget", "60 h", "-n", "5")
    assert done.code == 0, done.err
    assert "Best gloss after so many cells" in done.out
    assert "5 evaluations in all, 5 of them now" in done.err
    assert "Stopped: the budget of 5 evaluations or 60 h is spent." in done.err
    status = run("status", "plates").out
    assert "0 of 5 cells left" in status
    assert "of 60 h left" in status
    assert "advice" in status
    assert run("study", "run", "plates", "--command", plates, "--budget", "none").code == 2
