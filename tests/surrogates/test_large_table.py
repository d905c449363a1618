"""What stands for the exact models where a table is large: whole runs are left out, and by rule it takes over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from surrogate_tables import CAMPAIGN, PLAIN, recipes, small_evidence, truth, with_evidence

from pvdopt import surrogates
from pvdopt.objectives import Objective
from pvdopt.surrogates.large_table import LargeTable, _conformal_factor
from pvdopt.surrogates.outcomes import OutcomeModels
from pvdopt.training import plain_table

N_ON_WAFER = 20
RUN_SD, CELL_SD = 0.10, 0.05


def wafers(n: int, seed: int = 0) -> pd.DataFrame:
    """Cells on wafers with their outcome: the kind is the same on a wafer, everything else varies over it."""
    rng = np.random.default_rng(seed)
    found = recipes(PLAIN, n, seed)
    wafer = np.arange(n) // N_ON_WAFER
    found["kind"] = found["kind"].to_numpy()[wafer * N_ON_WAFER]
    found["heat"] = np.where(found["kind"] == "none", np.nan, found["heat"].fillna(500.0))
    noise = RUN_SD * rng.standard_normal(wafer.max() + 1)[wafer] + CELL_SD * rng.standard_normal(n)
    return found.assign(run=[f"W{k}" for k in wafer], y=truth(found) + noise)


def table(n: int = 600, seed: int = 0):
    return plain_table("y", PLAIN, wafers(n, seed))


SMALL = {"n_members": 6, "n_trees": 40}


@pytest.fixture(scope="module")
def fitted():
    learned = table()
    return learned, LargeTable(**SMALL).fit(learned)


def test_new_runs_are_predicted_with_intervals_that_hold_them(fitted):
    learned, model = fitted
    new = wafers(2000, seed=1)
    p = model.predict(new)
    true, measured = (learned.link.forward(v) for v in (truth(new), new["y"].to_numpy()))
    assert np.sqrt(np.mean((p.mean - true) ** 2)) < 0.25 * true.std()
    inside = np.abs(measured - p.mean) <= 1.2816 * p.total_std
    assert 0.65 <= inside.mean() <= 0.93
    assert (p.std > 0).all()
    # Noise is that of runs and cells, not of cells alone.
    expected = np.hypot(RUN_SD, CELL_SD) / learned.link.scale
    assert 0.6 * expected < p.noise_std.mean() < 1.8 * expected


def test_joint_draws_have_the_deviations_of_the_prediction(fitted):
    _, model = fitted
    p = model.predict(wafers(30, seed=2))
    covariance = p.covariance()
    assert np.sqrt(np.diag(covariance)) == pytest.approx(p.std)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_the_order_of_rows_does_not_matter(fitted):
    learned, model = fitted
    turned = learned.subset(np.arange(len(learned))[::-1])
    new = wafers(40, seed=3)
    again = LargeTable(**SMALL).fit(turned).predict(new)
    assert again.mean == pytest.approx(model.predict(new).mean)
    assert again.std == pytest.approx(model.predict(new).std)


def test_nothing_is_predicted_of_no_recipes(fitted):
    assert len(fitted[1].predict(wafers(20).iloc[:0])) == 0


def test_rows_without_runs_and_reported_rows_are_taken_as_they_come():
    learned = with_evidence(30)
    assert set(learned.run) == {""}
    p = LargeTable(**SMALL).fit(learned).predict(learned.frame)
    assert np.isfinite(p.mean).all()
    assert np.isfinite(p.total_std).all()


def test_the_factor_widens_what_is_too_narrow_with_each_run_weighing_one():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    z = np.abs(rng.standard_normal(300))
    assert _conformal_factor(z, groups) == pytest.approx(1.0, abs=0.25)
    assert _conformal_factor(2.0 * z, groups) == pytest.approx(2.0 * _conformal_factor(z, groups))
    # One run of very many bad rows counts for no more than any other.
    flooded = np.concatenate([z, np.full(2000, 50.0)]), np.concatenate([groups, np.full(2000, 60)])
    assert _conformal_factor(*flooded) < 1.4
    assert _conformal_factor(10.0 * z[:40], groups[:40]) == 1.0


@pytest.mark.parametrize("name", surrogates.SPECIFICATIONS)
def test_it_takes_over_beyond_the_rows_that_an_exact_model_can_bear(name, monkeypatch):
    seen = wafers(60)[[*PLAIN.names, "run", "y"]]
    for limit, expected in ((60, False), (59, name not in ("theory", "climatology"))):
        monkeypatch.setattr(surrogates, "N_EXACT", limit)
        models = OutcomeModels(PLAIN, [Objective("y")], None, name, calibration={"y": 1.7}).fit(seen)
        assert isinstance(models.models["y"], LargeTable) == expected
        # It has found out by itself how wide intervals have to be.
        assert models.factors["y"] == (1.0 if limit == 59 else 1.7)


def test_a_capacity_learns_on_the_physics_prior(monkeypatch):
    learned = with_evidence(12)
    model = LargeTable(**SMALL).fit(replace(learned, y=learned.prior.mean(learned.frame)[0]))
    full = small_evidence().complete(CAMPAIGN.with_fixed(recipes(CAMPAIGN, 5, seed=4)))
    # Where rows lie on the prior mean, so do predictions.
    assert model.predict(full).mean == pytest.approx(learned.prior.mean(full)[0], abs=0.05)
