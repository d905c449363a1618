"""The Gaussian process against finite differences, numerical integration and dense algebra."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from surrogate_tables import CAMPAIGN, PLAIN, asked, observed, plain, recipes, small_evidence, truth, with_evidence

from pvdopt.evidence import Evidence
from pvdopt.space import Continuous, SearchSpace
from pvdopt.surrogates import gaussian_process
from pvdopt.surrogates.gaussian_process import GaussianProcess, asking_source, truncated_moments
from pvdopt.surrogates.hyperpriors import hyperpriors
from pvdopt.training import OWN_SOURCE, plain_table

ONE = {"bias_v": -50.0, "thickness_um": 0.5, "anneal_kind": "none"}
OTHER = {"bias_v": 0.0, "thickness_um": 2.0, "anneal_kind": "furnace", "anneal_temperature_c": 600.0}


def with_runs(table):
    """The table with two runs, a row of an unknown one, and all kinds of rows."""
    n = len(table)
    return replace(table, run=np.array((["r1", "r2", "r1", ""] * n)[:n], dtype=object))


def evenly_wide(table):
    """The table with process effects of the same width everywhere."""
    return replace(table, prior=replace(table.prior, widening=None))


def own_table(*cells, evidence=None, **columns):
    """Own cells (recipe, capacity) beside the small evidence."""
    own = CAMPAIGN.frame([r for r, _ in cells]).assign(capacity=[float(c) for _, c in cells], **columns)
    return (evidence or small_evidence()).table("capacity", own, CAMPAIGN)


def lab(*found):
    return small_evidence().complete(CAMPAIGN.with_fixed(CAMPAIGN.frame(list(found))))


TABLES = {
    "plain": lambda: with_runs(plain(9)),
    "capacity": lambda: with_runs(with_evidence(4)),
    "retention": lambda: with_evidence(2, "retention"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("shift", [0.0, 0.8, -0.6])
def test_the_gradient_is_that_of_finite_differences(kind, shift):
    table = TABLES[kind]()
    if kind == "plain":
        table.frame.loc[[1, 4], "a"] = np.nan
    model = GaussianProcess(n_restarts=0).fit(table)
    rng = np.random.default_rng(1)
    theta = np.array([np.log(p.median) for p in hyperpriors(table)]) + shift * rng.random(len(model.theta))
    rows, residual, noise = model._rows, model._residual, model._noise_var
    _, gradient = model._objective(theta, rows, residual, noise)
    step = 1e-5
    for k in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[k] += step
        down[k] -= step
        slope = (model._objective(up, rows, residual, noise)[0] - model._objective(down, rows, residual, noise)[0]) / (
            2 * step
        )
        assert gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-5), hyperpriors(table)[k].name


@pytest.mark.parametrize("kind", TABLES)
def test_both_ways_to_the_covariance_of_the_rows_agree(kind):
    model = GaussianProcess(n_restarts=0).fit(TABLES[kind]())
    slow, _ = model._covariance.with_slopes(model.theta, model._rows, model._noise_var)
    np.testing.assert_allclose(model._covariance.of_known(model.theta, model._noise_var), slow, rtol=1e-12)
    assert np.linalg.eigvalsh(slow).min() > 0


@pytest.mark.parametrize("kind", TABLES)
def test_hyperparameters_are_named_once_and_stay_in_their_bounds(kind):
    table = TABLES[kind]()
    priors = hyperpriors(table)
    assert len({p.name for p in priors}) == len(priors)
    theta = GaussianProcess().fit(table).theta
    for value, prior in zip(theta, priors, strict=True):
        assert prior.bounds[0] - 1e-9 <= value <= prior.bounds[1] + 1e-9, prior.name


class TestTruncatedMoments:
    @pytest.mark.parametrize("side", [-1, 1])
    @pytest.mark.parametrize(("mean", "sd", "bound"), [(0, 1, 0), (2, 0.5, 1.2), (-1, 3, 4), (0, 1, -2.5), (0, 1, 2.5)])
    def test_they_agree_with_numerical_integration(self, mean, sd, bound, side):
        ends = (-np.inf, bound) if side < 0 else (bound, np.inf)
        middle = norm(mean, sd)
        weight = quad(middle.pdf, *ends)[0]
        first = quad(lambda v: v * middle.pdf(v), *ends)[0] / weight
        second = quad(lambda v: (v - first) ** 2 * middle.pdf(v), *ends)[0] / weight
        found = truncated_moments(mean, sd, bound, side)
        assert found == pytest.approx((first, second), rel=1e-5)

    @given(st.floats(-30, 30), st.floats(0.01, 10), st.floats(-30, 30), st.sampled_from([-1, 1]))
    def test_the_mean_lies_on_the_side_of_the_bound_and_the_spread_shrinks(self, mean, sd, bound, side):
        new, variance = truncated_moments(mean, sd, bound, side)
        assert side * (new - bound) >= -1e-3 * sd
        assert side * (new - mean) >= 0
        assert 0 < variance <= sd**2


class TestBounds:
    SPACE = SearchSpace([Continuous("x", 0, 1)])

    def predicted_at_middle(self, value, qualifier):
        x = [0.1, 0.3, 0.5, 0.7, 0.9]
        seen = pd.DataFrame({"x": x, "y": [1.0, 2.0, value, 2.0, 1.0], "y_qualifier": ["=", "=", qualifier, "=", "="]})
        table = plain_table("y", self.SPACE, seen)
        # The same scale whatever the bound, so that only what the row says differs.
        base = plain_table("y", self.SPACE, seen.assign(y=[1.0, 2.0, 2.5, 2.0, 1.0]))
        y = base.link.forward(seen["y"].to_numpy())
        if qualifier is None:
            base, y = base.subset(np.array([0, 1, 3, 4])), np.delete(y, 2)
            table = table.subset(np.array([0, 1, 3, 4]))
        fitted = GaussianProcess(n_restarts=0).fit(replace(base, y=y, censor=table.censor))
        return float(fitted.predict(pd.DataFrame({"x": [0.5]})).median()[0])

    def test_a_bound_moves_the_prediction_to_its_side_at_most_to_itself_or_beyond(self):
        nothing = self.predicted_at_middle(2.5, None)
        assert self.predicted_at_middle(4.0, ">=") > nothing + 0.3
        assert self.predicted_at_middle(0.5, "<=") < nothing - 0.3

    def test_a_bound_that_was_clear_anyway_says_next_to_nothing(self):
        nothing = self.predicted_at_middle(2.5, None)
        assert self.predicted_at_middle(-5.0, ">=") == pytest.approx(nothing, abs=0.15)
        assert self.predicted_at_middle(9.0, "<=") == pytest.approx(nothing, abs=0.15)
        # Read as figures they would have mattered.
        assert abs(self.predicted_at_middle(9.0, "=") - nothing) > 1

    def test_a_capacity_that_is_kept_makes_fade_less_likely_than_one_that_is_lost(self):
        medians = []
        for value, qualifier in ((0.9, ">="), (0.9, "="), (0.9, "<=")):
            own = CAMPAIGN.frame([ONE] * 3).assign(retention=value, retention_qualifier=qualifier)
            table = small_evidence().table("retention", own, CAMPAIGN)
            medians.append(float(GaussianProcess(n_restarts=0).fit(table).predict(lab(ONE)).median()[0]))
        assert medians[0] > medians[1] > medians[2]


class TestLevelOfTheLaboratory:
    def test_the_two_deviations_are_those_of_dense_algebra(self):
        table = with_runs(own_table((ONE, 30), (ONE, 33), (OTHER, 25)))
        model = GaussianProcess(n_restarts=0).fit(table)
        asked_for = lab(ONE, OTHER, {**ONE, "bias_v": -20.0})
        p = model.predict(asked_for)
        covariance, theta = model._covariance, model.theta
        rows, level_var = covariance.read_recipes(asked_for), covariance.amplitudes(theta)["source"]
        # Prior of effects and level stacked, and what each has in common with the rows.
        prior = np.zeros((4, 4))
        prior[:3, :3], prior[3, 3] = covariance.of_effects(theta, rows), level_var
        with_rows = np.vstack([covariance.with_known(theta, rows), level_var * table.own])
        inverse = np.linalg.inv(covariance.of_known(theta, model._noise_var))
        joint = prior - with_rows @ inverse @ with_rows.T
        add = np.hstack([np.eye(3), np.ones((3, 1))])
        total = np.diag(add @ joint @ add.T)
        given_level = joint[:3, :3] - np.outer(joint[:3, 3], joint[3, :3]) / joint[3, 3]
        np.testing.assert_allclose(p.std**2 + p.offset_std**2, total, rtol=1e-6)
        np.testing.assert_allclose(p.covariance(), given_level, atol=1e-9)
        mean = table.prior.mean(asked_for)[0] + add @ with_rows @ inverse @ model._residual
        np.testing.assert_allclose(p.mean, mean, rtol=1e-9)

    def test_it_is_unknown_before_own_cells_and_learned_from_them(self):
        # Annealed, so that the best bias and the level are not the same question.
        made = {**ONE, "anneal_kind": "furnace", "anneal_temperature_c": 700.0}
        widths, medians = [], []
        for n in (0, 1, 4):
            p = GaussianProcess(n_restarts=0).fit(own_table(*[(made, 20)] * n)).predict(lab(made, OTHER))
            widths.append(p.offset_std)
            medians.append(p.median())
        assert widths[0][0] == widths[0][1] > 0.2
        assert (widths[1] < 0.5 * widths[0]).all()
        assert widths[2][0] < 0.02
        # What was made comes out as measured; what was not goes most of the way with it.
        assert medians[2][0] == pytest.approx(20, rel=0.05)
        assert medians[2][1] < 0.7 * medians[0][1]

    def test_a_partners_cells_are_not_the_laboratorys_level(self):
        model = GaussianProcess(n_restarts=0)
        ours = model.fit(own_table(*[(ONE, 20)] * 3)).predict(lab(OTHER))
        mixed = own_table(*[(ONE, 20)] * 3, (OTHER, 60), source=["", "", "", "partner"])
        assert asking_source(mixed) == OWN_SOURCE
        with_partner = model.fit(mixed).predict(lab(OTHER))
        assert ours.median()[0] < with_partner.median()[0] < 60
        for p in (ours, with_partner):
            assert np.linalg.eigvalsh(model.predict(lab(ONE, OTHER)).covariance()).min() > -1e-9
            assert (p.total_std > 0).all()

    @pytest.mark.parametrize(
        ("sources", "expected"),
        [([], None), (["a", "a", "b"], "a"), (["a", "a", ""], OWN_SOURCE), (["", ""], OWN_SOURCE)],
    )
    def test_the_laboratory_that_asks_is_the_unnamed_one_else_the_one_with_most_cells(self, sources, expected):
        assert asking_source(own_table(*[(ONE, 20)] * len(sources), source=sources)) == expected

    def test_what_a_laboratory_never_states_does_not_blur_its_replicates(self):
        stated = replace(
            small_evidence(), fixed={**small_evidence().fixed, "stacking": "in_situ", "architecture": "planar"}
        )
        cells = [(ONE, 20)] * 6
        blurred, clear = (
            GaussianProcess(n_restarts=0).fit(own_table(*cells, evidence=e)).predict(e.complete(lab(ONE)))
            for e in (small_evidence(), stated)
        )
        assert blurred.std[0] == pytest.approx(clear.std[0], rel=0.1)
        assert blurred.std[0] < 0.1

    def test_an_unknown_level_or_run_adds_its_own_spread_to_a_row(self):
        table = evenly_wide(with_evidence(2))
        model = GaussianProcess(n_restarts=0).fit(table)
        known = table.frame["electrolyte"].notna().to_numpy()
        assert 0 < known.sum() < len(table)
        believed = (model._rows.beliefs * table.prior.weight_sd) ** 2
        variance = np.diag(model._covariance.of_known(model.theta, np.zeros(len(table)))) - believed.sum(axis=1)
        np.testing.assert_allclose(variance, variance[0], rtol=1e-9)


def test_an_own_response_can_stand_apart_from_the_literatures():
    cells = [({**ONE, "bias_v": b}, c) for b, c in ((-100.0, 60), (-50.0, 20), (0.0, 60))]
    apart, shared = (
        GaussianProcess(shared_response=r, n_restarts=0).fit(evenly_wide(own_table(*cells))).predict(lab(ONE))
        for r in (0.0, 1.0)
    )
    # The literature praises -50 V; the less is shared, the closer to the laboratory's own three cells.
    assert abs(np.log(apart.median()[0] / 20)) < abs(np.log(shared.median()[0] / 20))


def test_where_the_best_bias_lies_is_learned_from_own_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [({**ONE, "bias_v": b}, c) for b, c in ((-85.0, 60), (-40.0, 20), (-85.0, 58), (-40.0, 21))]

    def gap(sd: float) -> float:
        monkeypatch.setattr("pvdopt.physics.BIAS_OPTIMUM_SD_V", sd)
        asked = lab({**ONE, "bias_v": -75.0}, {**ONE, "bias_v": -35.0})
        near, far = GaussianProcess(n_restarts=0).fit(evenly_wide(own_table(*cells))).predict(asked).median()
        return float(near / far)

    # Without a best that may move, these cells would have to be told by the process alone.
    assert gap(20.0) > 1.1 * gap(0.01) > 1.1


def test_the_prior_is_what_an_empty_table_gives():
    table = evenly_wide(
        Evidence.physics_only(small_evidence().fixed, small_evidence().protocol).table("capacity", None, CAMPAIGN)
    )
    p = GaussianProcess().fit(table).predict(lab(ONE, OTHER))
    np.testing.assert_array_equal(p.mean, table.prior.mean(lab(ONE, OTHER))[0])
    variances = {h.name: h.median**2 for h in hyperpriors(table)}
    believed = ((table.prior.beliefs(lab(ONE, OTHER)) * table.prior.weight_sd) ** 2).sum(axis=1)
    effects = sum(v for n, v in variances.items() if n.startswith("effect ") or n in ("additive", "interaction"))
    np.testing.assert_allclose(p.std**2, effects + 0.3**2 + believed)
    np.testing.assert_allclose(p.offset_std**2, variances["source"])


def test_figures_without_noise_are_met_and_those_between_nearly():
    seen = recipes(PLAIN, 30)
    table = plain_table("outcome", PLAIN, seen.assign(outcome=truth(seen)))
    p = GaussianProcess().fit(table).predict(seen)
    assert np.abs(p.median() - truth(seen)).max() < 0.1
    new = asked("plain", 50)
    assert np.sqrt(np.mean((GaussianProcess().fit(table).predict(new).median() - truth(new)) ** 2)) < 0.3


def test_what_does_not_apply_is_not_what_is_unknown():
    seen = observed(24)
    model = GaussianProcess().fit(plain_table("outcome", PLAIN, seen))
    base = {"a": 0.0, "b": 1.0}
    asked_for = PLAIN.frame([{**base, "kind": "none"}, {**base, "kind": "rta", "heat": 750.0}, {**base, "kind": "rta"}])
    none, hot, unknown = model.predict(asked_for).total_std
    none_median, hot_median, _ = model.predict(asked_for).median()
    assert hot_median - none_median == pytest.approx(1.4, abs=0.4)
    # A heat that applies and is not known leaves more open than one that is, or that does not apply.
    assert unknown > hot
    assert unknown > none


def test_many_rows_set_hyperparameters_on_some_and_predict_from_all(monkeypatch):
    monkeypatch.setattr(gaussian_process, "N_ROWS_FOR_HYPERPARAMETERS", 20)
    sizes = set()
    objective = GaussianProcess._objective

    def watched(self, theta, rows, *more):
        sizes.add(rows.design.n)
        return objective(self, theta, rows, *more)

    monkeypatch.setattr(GaussianProcess, "_objective", watched)
    table = plain(80)
    model = GaussianProcess(n_restarts=0).fit(table)
    assert sizes == {20}
    assert len(model._alpha) == 80
    p = model.predict(table.frame)
    assert np.sqrt(np.mean((p.mean - table.y) ** 2)) < 0.1


@pytest.mark.parametrize("kind", ["plain", "capacity", "retention"])
def test_variances_fall_with_what_is_learned_and_end_at_the_prediction(kind):
    table = TABLES[kind]()
    model = GaussianProcess(n_restarts=0).fit(table)
    found = asked("plain" if kind == "plain" else "evidence")
    prior, after_reported, after_all = model.variances(found)
    assert (prior >= after_reported - 1e-12).all()
    assert (after_reported >= after_all).all()
    p = model.predict(found)
    assert after_all == pytest.approx(p.std**2 + p.offset_std**2, rel=1e-6)
    if kind == "plain":
        assert after_reported == pytest.approx(prior)
    else:
        # With the same hyperparameters, a model of the reported rows alone leaves what is said to be left after them.
        reported = GaussianProcess(n_restarts=0).fit(table.subset(~table.own))
        reported.theta = model.theta
        reported._solve(reported._residual, reported._noise_var)
        q = reported.predict(found)
        if not (table.censor != 0).any():
            assert after_reported == pytest.approx(q.std**2 + q.offset_std**2, rel=1e-6)


def test_the_level_of_the_laboratory_is_told_with_its_deviation():
    table = own_table((ONE, 20.0), (OTHER, 18.0), (ONE, 21.0))
    low, high = (
        GaussianProcess(n_restarts=0).fit(t).level() for t in (table, replace(table, y=table.y + 1.0 * table.own))
    )
    assert low is not None
    assert high is not None
    assert low[0] < high[0]
    assert 0 < low[1] < 0.6
    assert GaussianProcess(n_restarts=0).fit(table.subset(~table.own)).level() is None
    assert GaussianProcess(n_restarts=0).fit(plain(5)).level() is None


@pytest.mark.parametrize("kind", ["capacity", "plain"])
@pytest.mark.parametrize("n_cells", [1, 3])
def test_what_further_cells_would_leave_is_what_they_leave(kind, n_cells):
    table = TABLES[kind]()
    model = GaussianProcess(n_restarts=0).fit(table)
    found = asked("plain" if kind == "plain" else "evidence")
    expected = model.predict(found).std_after(n_cells)
    first = found.iloc[[0] * n_cells].reset_index(drop=True)

    def longer(old, new):
        return np.concatenate([old, np.full(n_cells, new, dtype=old.dtype)])

    after = replace(
        table,
        frame=pd.concat([table.frame, first], ignore_index=True),
        y=longer(table.y, 0.0),
        noise_var=longer(table.noise_var, 0.0),
        censor=longer(table.censor, 0),
        source=longer(table.source, OWN_SOURCE),
        team=longer(table.team, OWN_SOURCE),
        run=np.concatenate([table.run, np.array([f"later {k}" for k in range(n_cells)], dtype=object)]),
        own=longer(table.own, True),
    )
    later = GaussianProcess(n_restarts=0).fit(after)
    # What a missing value may have been and what a bound hides is read off all rows; that is not asked here.
    later.theta, later._covariance._kernel = model.theta, model._covariance._kernel
    later._noise_var[: len(table)] = model._noise_var
    later._solve(later._residual, later._noise_var)
    # A prediction keeps the level's deviation without its sign, which for a recipe or two is the other one.
    assert later.predict(found).total_std == pytest.approx(expected, rel=0.06)
    assert np.median(np.abs(later.predict(found).total_std / expected - 1)) < 1e-5
    assert (expected < model.predict(found).total_std).all()


def test_process_effects_are_as_wide_as_the_prior_says():
    table = own_table((ONE, 20.0), (OTHER, 18.0))
    even = evenly_wide(table)
    wide = replace(table, prior=replace(table.prior, widening=lambda beliefs: np.full(len(beliefs), 3.0)))
    plain, tripled = (GaussianProcess(n_restarts=0).fit(t.subset(np.zeros(len(t), bool))) for t in (even, wide))
    process = sum(plain._covariance.amplitudes(plain.theta)[name] for name in ("additive", "interaction"))
    gained = tripled.predict(lab(ONE)).std ** 2 - plain.predict(lab(ONE)).std ** 2
    assert gained == pytest.approx(8.0 * process)
    rows = GaussianProcess(n_restarts=0).fit(wide)
    joint = rows._covariance.of_effects(rows.theta, rows._rows)
    assert np.linalg.eigvalsh(joint).min() > -1e-9
