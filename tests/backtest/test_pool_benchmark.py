"""The study of pools is not run here, but what it measures with, and that a planner of ours still fits it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

STUDY = Path(__file__).parents[2] / "studies" / "pool_benchmark"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the study's modules, which live beside their scripts."""
    import sys

    monkeypatch.syspath_prepend(str(STUDY))
    before = set(sys.modules)
    import figures_of_merit
    import pools
    import run

    yield {"pools": pools, "merits": figures_of_merit.merits, "run": run}
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(STUDY) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_the_copied_tables_are_what_their_metadata_say(study: Any) -> None:
    for name in study["pools"].SETS:
        pool = study["pools"].load_pool(name)
        told = study["pools"].metadata()[name]
        assert len(pool) == told["rows"]
        assert pool.space.is_allowed(pool.recipes).all(), name
        assert len(set(pool.space.keys(pool.recipes))) <= len(pool)
        assert np.isfinite(pool.signed).all()


@pytest.mark.parametrize("name", ["agnp", "suzuki_i"])
def test_who_knows_the_best_rows_scores_one_and_who_takes_the_worst_scores_little(study: Any, name: str) -> None:
    pool = study["pools"].load_pool(name)
    order = np.argsort(-pool.signed.sum(axis=1) if pool.signed.shape[1] == 1 else -pool.signed.prod(axis=1))
    budget = study["pools"].n_budget(pool)
    (end, speed, reached), needed = study["merits"](name, [int(r) for r in order[:budget]])
    assert end > 0.95
    assert reached > 0.9
    assert speed == 1 - (needed - 1) / budget
    worst, needed = study["merits"](name, [int(r) for r in order[-budget:]])
    assert worst[1] == 0.0
    assert np.isnan(needed)
    assert worst[2] < reached


def test_a_run_begins_with_the_common_starts_and_is_not_run_twice(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run.py", "--planner", "random", "--seeds", "2", "--pool", "suzuki_i", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    study["run"].main()
    before = (tmp_path / "random.csv").read_text()
    study["run"].main()
    assert (tmp_path / "random.csv").read_text() == before
    lines = list(csv.DictReader(before.splitlines()))
    assert len(lines) == 4
    for line in lines:
        rows = [int(row) for row in line["rows"].split()]
        assert rows[:5] == study["run"].starts("suzuki_i", 74, int(line["seed"]))
        assert len(set(rows)) == 29


def test_our_planner_keeps_to_the_study(study: Any) -> None:
    from planners import make_planner

    pool = study["pools"].load_pool("suzuki_i")
    plan = make_planner("pvdopt", pool, 0)
    told = study["run"].starts("suzuki_i", len(pool), 0)
    plan.tell(told)
    asked = plan.ask(3)
    assert len(set(asked) - set(told)) == 3
