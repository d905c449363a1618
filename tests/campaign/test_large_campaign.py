"""A campaign of many cells: fitted once and kept, compared on whole runs, and never on all pairs of cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaigns import make_plain
from pvdopt import surrogates
from pvdopt.campaign import Campaign
from pvdopt.campaign.learning import draw_runs, make_folds
from pvdopt.space import SearchSpace, Stepped
from pvdopt.surrogates.large_table import LargeTable
from pvdopt.usability import N_CELLS, Usability


@pytest.fixture
def wafers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Campaign]:
    """Return the plain campaign with 24 cells on four wafers, which counts as large."""
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(surrogates, "N_EXACT", 20)
    with make_plain(tmp_path / "wafers") as campaign:
        rows = [
            {"speed": 1 + k % 7, "moisture": "dry" if k % 2 else "wet", "gloss": float(k % 7), "run": f"W{k // 6}"}
            for k in range(24)
        ]
        campaign.record(rows)
        yield campaign


def test_a_large_table_is_fitted_once(wafers: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    report = wafers.retrain()
    assert "Beyond" in report.why
    assert report.skills == []
    first = wafers.predict({"speed": 5, "moisture": "dry"}).frame["gloss"].iloc[0]

    def refuse(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(LargeTable, "fit", refuse)
    proposals = wafers.suggest(2)
    assert proposals.frame["gloss"].notna().all()
    assert wafers.predict({"speed": 5, "moisture": "dry"}).frame["gloss"].iloc[0] == first


def test_new_cells_are_learned_from(wafers: Campaign) -> None:
    before = wafers.beliefs(wafers.own_cells()).fingerprint()
    wafers.record([{"speed": 3, "moisture": "dry", "gloss": 50.0, "run": "W9"}])
    assert wafers.beliefs(wafers.own_cells()).fingerprint() != before


def frame(runs: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"run": np.array(runs, dtype=object)}, index=[f"C{k}" for k in range(len(runs))])


@pytest.mark.parametrize("n_runs", [5, 12, 13, 40])
def test_folds_hold_whole_runs_and_are_not_many(n_runs: int) -> None:
    runs = [f"W{k % n_runs}" for k in range(3 * n_runs)]
    folds = make_folds(frame(runs), seed=0)
    assert len({(r, f) for r, f in zip(runs, folds, strict=True)}) == n_runs
    assert len(set(folds)) == (n_runs if n_runs <= 12 else 5)


def test_whole_runs_are_drawn() -> None:
    runs: list[str | None] = [*(f"W{k // 10}" for k in range(100)), *([None] * 30)]
    found = draw_runs(frame(runs), 57, seed=1)
    assert 40 < len(found) <= 57
    counts = found["run"].dropna().value_counts()
    assert set(counts) == {10}
    assert len(draw_runs(frame(["W0"] * 100), 30, seed=0)) == 30


def test_failures_of_many_cells_are_told_from_some_of_them() -> None:
    space = SearchSpace([Stepped("x", low=0, high=1, step=0.01), Stepped("z", low=0, high=1, step=0.01)])
    cells = space.from_unit(np.random.default_rng(0).random((4 * N_CELLS, 2)))
    cells["outcome_class"] = np.where(cells["x"] > 0.8, "cracked", "ok")
    usability = Usability(space).fit(cells)
    assert len(usability.recipes) == N_CELLS
    good, bad = usability.chance(space.frame([{"x": 0.3, "z": 0.5}, {"x": 0.95, "z": 0.5}]))
    assert good > 0.85
    assert bad < 0.2
