"""The plain optimiser's surrogate: its gradient, what it averages over, and what it makes of awkward outcomes."""

import numpy as np
import pandas as pd
import pytest
from surrogate_tables import PLAIN, observed, recipes, truth, with_evidence

from pvdopt.space import Categorical, Continuous, SearchSpace
from pvdopt.surrogates import fit_surrogate
from pvdopt.surrogates.doubting_process import DoubtingProcess
from pvdopt.surrogates.plain_kernel import covariance, covariance_with_slopes, read_points, squared_gaps, variance
from pvdopt.surrogates.plain_process import PlainProcess, is_plain
from pvdopt.training import plain_table


def table(n, seed=0, **columns):
    return plain_table("outcome", PLAIN, observed(n, seed).assign(**columns))


def fitted(n, **columns):
    return PlainProcess().fit(table(n, **columns))


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [{}, {"run": list("aabbcdefghij")}, {"outcome_sd": 0.3}], ids=["", "run", "sd"])
def test_the_gradient_is_that_of_the_posterior(columns):
    model = fitted(12, **columns)
    gaps = squared_gaps(model._rows.points, model._rows.points)
    theta = model._centre + 0.2
    theta[-1] = 0.6
    _, gradient = model._objective(theta, model._rows, gaps)
    step = 1e-5
    for j, slope in enumerate(gradient):
        ahead, behind = theta.copy(), theta.copy()
        ahead[j] += step
        behind[j] -= step
        rise = model._objective(ahead, model._rows, gaps)[0] - model._objective(behind, model._rows, gaps)[0]
        assert slope == pytest.approx(rise / (2 * step), rel=1e-4, abs=1e-5)


def test_the_quick_covariance_is_the_one_with_slopes():
    points = read_points(table(9).inputs, table(9).frame)
    gaps = squared_gaps(points, points)
    theta = np.linspace(-0.5, 0.5, len(gaps) + 2)
    quick = covariance(gaps, theta, points.numbers.shape[1])
    np.testing.assert_allclose(quick, covariance_with_slopes(gaps, theta)[0], rtol=1e-12)
    np.testing.assert_allclose(np.diag(quick), variance(theta, len(gaps)))
    assert np.linalg.eigvalsh(quick).min() > -1e-9


def test_a_few_cells_leave_several_settings_and_many_cells_one():
    few = fitted(8)
    assert len(few._settings) > 2
    assert sum(s.weight for s in few._settings) == pytest.approx(1)
    assert len(fitted(330)._settings) == 1


def test_one_setting_is_surer_than_several_where_cells_are_few():
    there = recipes(PLAIN, 40, 3)
    p = fitted(6).predict(there)
    alone = [part.std.mean() for _, part in p.parts()]
    assert p.std.mean() > np.average(alone, weights=[w for w, _ in p.parts()])


def test_draws_of_a_mixture_come_from_its_members():
    p = fitted(10).predict(recipes(PLAIN, 5, 3))
    drawn = p.draw_model_scale(np.random.default_rng(0).standard_normal((8000, 5)))
    np.testing.assert_allclose(drawn.mean(axis=0), p.mean, atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), p.std, rtol=0.1, atol=0.02)
    assert p.covariance is not None
    np.testing.assert_allclose(np.sqrt(np.diag(p.covariance())), p.std, rtol=1e-6)


# -- what it learns --------------------------------------------------------------------------------------------------


def test_more_cells_make_it_better():
    there = recipes(PLAIN, 60, 3)
    errors = [np.sqrt(np.mean((fitted(n).predict(there).median() - truth(there)) ** 2)) for n in (6, 60)]
    assert errors[1] < 0.2
    assert errors[1] < 0.5 * errors[0]


def test_what_a_level_does_is_expected_beside_other_levels_too():
    """Twenty levels, two other settings: each level was seen with one of the settings only."""
    names = [f"m{k:02d}" for k in range(20)]
    space = SearchSpace([Categorical("material", names), Categorical("gas", ["a", "b", "c"])])
    rng = np.random.default_rng(0)
    effect = rng.standard_normal(20)
    seen = pd.DataFrame({"material": names * 2, "gas": ["a"] * 20 + list(rng.choice(["b", "c"], 20))})
    values = np.tile(effect, 2) + seen["gas"].map({"a": 0.0, "b": 1.0, "c": -1.0}).to_numpy()
    model = PlainProcess().fit(plain_table("y", space, seen.assign(y=values)))
    other = pd.DataFrame({"material": names, "gas": ["b" if g == "c" else "c" for g in seen["gas"][20:]]})
    found = model.predict(other).median()
    wanted = effect + other["gas"].map({"b": 1.0, "c": -1.0}).to_numpy()
    assert np.corrcoef(found, wanted)[0, 1] > 0.95


def test_a_heavy_tail_is_evened_out_and_a_normal_spread_left_alone():
    space = SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)])
    seen = recipes(space, 40, 1)
    smooth = np.sin(4 * seen["a"]) + seen["b"]
    models = [PlainProcess().fit(plain_table("y", space, seen.assign(y=y))) for y in (np.exp(2.5 * smooth), smooth)]
    assert models[0].power < 0.5
    assert 0.6 < models[1].power < 1.4
    there = recipes(space, 100, 2)
    wanted = np.sin(4 * there["a"]) + there["b"]
    found = models[0].predict(there).median()
    assert (found > 0).mean() > 0.95
    assert np.median(np.abs(np.log(np.maximum(found, 1e-3)) / 2.5 - wanted)) < 0.02


def test_units_do_not_matter():
    there = recipes(PLAIN, 10, 3)
    one, other = (
        PlainProcess().fit(plain_table("y", PLAIN, observed(15).assign(y=lambda f, s=s: s * f["outcome"])))
        for s in (1.0, 1e9)
    )
    np.testing.assert_allclose(other.predict(there).median(), 1e9 * one.predict(there).median(), rtol=1e-4)


def test_one_wild_value_does_not_hide_the_rest():
    there = recipes(PLAIN, 60, 3)
    frame = observed(40)
    frame.loc[7, "outcome"] = 500.0
    found = PlainProcess().fit(plain_table("outcome", PLAIN, frame)).predict(there).median()
    assert np.corrcoef(found, truth(there))[0, 1] > 0.7


@pytest.mark.parametrize("values", [[], [2.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0, 1.0]], ids=str)
def test_few_constant_or_tied_values_are_no_obstacle(values):
    frame = observed(len(values)).assign(outcome=values)
    p = PlainProcess().fit(plain_table("outcome", PLAIN, frame)).predict(recipes(PLAIN, 6, 3))
    assert np.isfinite([p.mean, p.std, p.total_std, p.median()]).all()
    assert (p.std > 0).all()
    assert len(p.draw(4, np.random.default_rng(0))) == 4


# -- which tables it is for ------------------------------------------------------------------------------------------


def test_bounds_gaps_and_evidence_are_left_to_the_other_process():
    assert is_plain(table(8))
    gap = observed(8)
    gap.loc[2, "a"] = np.nan
    for other in (
        plain_table("outcome", PLAIN, gap),
        table(8, outcome_qualifier=[">="] + [None] * 7),
        with_evidence(2),
    ):
        assert not is_plain(other)
        assert isinstance(fit_surrogate("gaussian_process", other), DoubtingProcess)
    assert isinstance(fit_surrogate("gaussian_process", table(8)), PlainProcess)
    assert not isinstance(fit_surrogate("forest", table(8)), PlainProcess)


def test_a_number_that_does_not_apply_is_no_gap():
    frame = observed(30)
    assert frame["heat"].isna().any()
    assert is_plain(plain_table("outcome", PLAIN, frame))


def test_cells_take_away_what_is_not_known():
    there = recipes(PLAIN, 10, 3)
    prior, after_reported, after_all = fitted(30).variances(there)
    np.testing.assert_array_equal(prior, after_reported)
    assert (after_all < 0.5 * prior).all()
    assert fitted(30).level() is None


@pytest.mark.parametrize("wild", [1e12, -1e90])
def test_a_value_beyond_all_measure_is_an_extreme_and_no_more(wild):
    frame = observed(20)
    frame.loc[3, "outcome"] = wild
    p = PlainProcess().fit(plain_table("outcome", PLAIN, frame)).predict(recipes(PLAIN, 6, 3))
    assert np.isfinite([p.mean, p.std, p.median()]).all()
