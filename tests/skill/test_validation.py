"""Scores against numerical integration, and held-out predictions that cannot leak."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from pvdopt.evidence import Evidence
from pvdopt.skill import validation
from pvdopt.skill.validation import (
    FACTOR_LIMITS,
    N_SOURCES_FOR_CALIBRATION,
    Interval,
    bootstrap,
    calibration_factor,
    cross_calibrated,
    crps_normal,
    held_out,
    log_score,
    measure_skill,
    skill_table,
    weighted_quantile,
)
from pvdopt.surrogates.base import Prediction

CATHODES = ("LiCoO2", "LiMn2O4", "V2O5", "MoO3")


def synthetic(n_sources=12, n_rows=3, seed=0, n_teams=None):
    """Reported cells whose capacity is nothing but a constant of the source (of the team, if teams are few)."""
    rng = np.random.default_rng(seed)
    constants = rng.uniform(10, 90, n_sources if n_teams is None else n_teams)
    rows = []
    for s in range(n_sources):
        team = s if n_teams is None else s % n_teams
        for r in range(n_rows):
            row = {"id": f"s{s}-{r}", "source": f"s{s}", "team": f"t{team}", "cathode": CATHODES[s % 4]}
            rows.append({**row, "capacity": constants[team], "cell_kind": "solid", "ratio_kind": None})
    return Evidence(pd.DataFrame(rows))


class Memory:
    """Remembers the level of every label it has seen: perfect wherever anything of the answer leaks."""

    def __init__(self, label="source"):
        self.name, self.label = "memory", label

    def fit(self, table):
        self.table = table
        self.level = pd.Series(table.y).groupby(list(table.frame[self.label])).mean()
        return self

    def predict(self, recipes):
        mean = np.array([self.level.get(s, self.table.y.mean()) for s in recipes[self.label]])
        zero = np.zeros(len(mean))
        return Prediction(mean, zero + 0.01, zero, zero + 0.3, self.table.link)


def use(monkeypatch, make):
    fitted = []

    def made(name, table, seed=0):
        fitted.append(make().fit(table))
        return fitted[-1]

    monkeypatch.setattr(validation, "fit_surrogate", made)
    return fitted


def error(held):
    return float(np.sqrt(np.mean((held["y"] - held["mean"]) ** 2)))


class TestScores:
    @pytest.mark.parametrize(("y", "mean", "sd"), [(0.3, 0.0, 1.0), (-2.0, 1.0, 0.5), (4.0, 4.0, 2.0), (9.0, 0.0, 0.7)])
    def test_crps_is_the_integral_of_the_squared_difference_of_distributions(self, y, mean, sd):
        below = quad(lambda x: norm.cdf(x, mean, sd) ** 2, -40, y)[0]
        above = quad(lambda x: (1 - norm.cdf(x, mean, sd)) ** 2, y, 40)[0]
        assert crps_normal(np.array(y), np.array(mean), np.array(sd)) == pytest.approx(below + above, abs=1e-6)

    @pytest.mark.parametrize(("y", "mean", "sd"), [(0.3, 0.0, 1.0), (-2.0, 1.0, 0.8), (4.0, 4.0, 2.0)])
    def test_the_log_score_of_a_bound_is_the_probability_of_its_tail(self, y, mean, sd):
        pdf = norm(mean, sd).pdf
        expected = -np.log([quad(pdf, -40, y)[0], pdf(y), quad(pdf, y, 40)[0]])
        found = log_score(np.full(3, y), np.full(3, mean), np.full(3, sd), np.array([-1, 0, 1]))
        assert found == pytest.approx(expected, abs=1e-6)

    @given(st.floats(-3, 3), st.floats(0.1, 3))
    def test_honest_predictions_score_best_on_average(self, shift, stretch):
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        weights = weights / weights.sum()
        zeros, ones, exact = np.zeros(60), np.ones(60), np.zeros(60, dtype=int)
        for score in (crps_normal, lambda y, m, s: log_score(y, m, s, exact)):
            honest = weights @ score(nodes, zeros, ones)
            assert weights @ score(nodes, zeros + shift, ones * stretch) >= honest - 1e-3


class TestCalibration:
    @given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(0.05, 1))
    def test_a_weighted_quantile_has_its_share_below_or_at_it(self, values, share):
        values = np.array(values)
        weights = np.random.default_rng(len(values)).uniform(0.1, 1, len(values))
        found = weighted_quantile(values, weights, share)
        assert found in values
        assert weights[values <= found].sum() >= (share - 1e-6) * weights.sum()
        assert weights[values < found].sum() <= (share + 1e-6) * weights.sum()

    def test_a_share_that_is_met_exactly_is_enough(self):
        values = np.arange(9.0)
        for k in range(1, 10):
            assert weighted_quantile(values, np.full(9, 1 / 3), k / 9) == k - 1

    def groups(self, n, size=1):
        return np.array([f"g{k}" for k in range(n) for _ in range(size)], dtype=object)

    @pytest.mark.parametrize("n", range(N_SOURCES_FOR_CALIBRATION))
    def test_few_sources_calibrate_nothing(self, n):
        assert calibration_factor(np.full(n, 9.0), self.groups(n)) == 1.0

    def test_the_interval_holds_its_share_of_sources(self):
        z = np.random.default_rng(0).standard_normal(40) * 1.7
        factor = calibration_factor(z, self.groups(40))
        assert (np.abs(z) <= factor * norm.ppf(0.9) + 1e-9).mean() == pytest.approx(0.825, abs=0.01)
        many = np.random.default_rng(1).standard_normal(4000)
        assert calibration_factor(many, self.groups(4000)) == pytest.approx(1, abs=0.04)

    def test_it_scales_with_the_errors_within_its_limits(self):
        z = np.random.default_rng(2).standard_normal(30)
        groups = self.groups(30)
        one = calibration_factor(z, groups)
        assert calibration_factor(1.3 * z, groups) == pytest.approx(1.3 * one)
        assert calibration_factor(-z, groups) == one
        assert calibration_factor(100 * z, groups) == FACTOR_LIMITS[1]
        assert calibration_factor(0 * z, groups) == FACTOR_LIMITS[0]

    def test_a_source_counts_once_however_many_rows_it_has(self):
        z = np.concatenate([np.linspace(0.5, 1.5, 15), np.full(60, 9.0)])
        groups = np.concatenate([self.groups(15), np.full(60, "big", dtype=object)])
        once = calibration_factor(np.append(z[:15], 9.0), np.append(groups[:15], "big"))
        assert calibration_factor(z, groups) == pytest.approx(once)

    def test_a_source_has_no_part_in_its_own_factor(self):
        rng = np.random.default_rng(3)
        held = pd.DataFrame(
            {"source": self.groups(14, 2), "y": rng.standard_normal(28), "mean": 0.0, "sd": 1.0, "censor": 0}
        )
        usual = cross_calibrated(held)
        odd = cross_calibrated(held.assign(y=held["y"].where(held["source"] != "g3", 50.0)))
        mine = (held["source"] == "g3").to_numpy()
        np.testing.assert_array_equal(odd[mine], usual[mine])
        assert (odd[~mine] >= usual[~mine]).all()
        # Nor have bounds, whose distance from the prediction is not known.
        bounded = held.assign(censor=np.where(held["source"] == "g5", 1, 0))
        far = bounded.assign(y=bounded["y"].where(bounded["source"] != "g5", 50.0))
        np.testing.assert_array_equal(cross_calibrated(far), cross_calibrated(bounded))


class TestBootstrap:
    VALUES = np.random.default_rng(4).normal(3, 1, 60)

    def test_the_interval_is_that_of_the_mean(self):
        rows = np.array([str(k) for k in range(60)], dtype=object)
        found = bootstrap(lambda r: float(self.VALUES[r].mean()), rows, n=2000)
        assert found.value == pytest.approx(self.VALUES.mean())
        half = 1.645 * self.VALUES.std() / np.sqrt(60)
        assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.04)
        assert str(Interval(1.0, 0.5, 2.0)) == "1.000 [0.500, 2.000]"

    def test_whole_publications_are_drawn(self):
        levels = np.repeat(np.random.default_rng(5).normal(0, 1, 12), 5)
        apart, together = (
            bootstrap(lambda r: float(levels[r].mean()), groups, n=500)
            for groups in (np.arange(60).astype(object), np.repeat(np.arange(12), 5).astype(object))
        )
        assert together.high - together.low > 1.7 * (apart.high - apart.low)

    def test_the_same_seed_gives_the_same_interval(self):
        groups = np.repeat(np.arange(6), 10).astype(object)
        one, same, other = (bootstrap(lambda r: float(self.VALUES[r].mean()), groups, 50, s) for s in (1, 1, 2))
        assert one == same != other


class TestHeldOut:
    def test_a_model_that_remembers_sources_has_no_skill(self, monkeypatch):
        evidence = synthetic()
        fitted = use(monkeypatch, Memory)
        held = held_out(evidence, "capacity", "memory")
        table = evidence.table("capacity")
        assert list(held["id"]) == list(table.frame["id"])
        np.testing.assert_array_equal(held["y"], table.y)
        assert len(fitted) == 12
        assert error(held) >= table.y.std()
        # The detector works: with its own rows in sight the same model is perfect.
        assert Memory().fit(table).predict(table.frame).mean == pytest.approx(table.y)

    def test_teams_are_held_out_together(self, monkeypatch):
        evidence = synthetic(n_sources=12, n_teams=4)
        use(monkeypatch, lambda: Memory("team"))
        assert error(held_out(evidence, "capacity", "memory", by="source")) < 1e-9
        assert error(held_out(evidence, "capacity", "memory", by="team")) > 0.2

    def test_constants_fitted_on_a_source_are_held_out_with_it(self, monkeypatch):
        cells = synthetic().cells
        cells["source"] = cells["source"].replace({"s0": "park2005", "s1": "kuwata2006", "s2": "matsuda2018"})
        evidence = Evidence(cells.assign(cathode="LiCoO2", anneal_kind="none", thickness_um=3.0, bias_v=-30.0))
        fitted = use(monkeypatch, Memory)
        held_out(evidence, "capacity", "memory")
        film = evidence.table("capacity").frame.iloc[:1]
        names = sorted(set(cells["source"]))
        means = {n: float(m.table.prior.mean(film)[0][0]) for n, m in zip(names, fitted, strict=True)}
        usual = means["s5"]
        for name, mean in means.items():
            assert (mean != usual) == (name in ("park2005", "kuwata2006", "matsuda2018")), name

    def test_permuted_targets_leave_no_skill(self):
        whole = Evidence.reported()
        cells = whole.cells[whole.cells["capacity"].notna()].reset_index(drop=True)
        gaps, r2 = [], []
        for seed in range(5):
            shuffled = cells.assign(capacity=np.random.default_rng(seed).permutation(cells["capacity"]))
            theory, climatology = skill_table(replace(whole, cells=shuffled), "capacity", ["theory"])
            assert climatology.r2 <= 0
            r2.append(theory.r2)
            gaps.append(theory.against["climatology"].value)
        assert np.mean(r2) < 0
        assert np.mean(gaps) > 0

    @pytest.mark.slow
    def test_permuted_targets_leave_no_skill_to_the_process_either(self):
        whole = Evidence.reported()
        gaps = []
        for seed in range(5):
            cells = whole.cells[whole.cells["capacity"].notna()].reset_index(drop=True)
            shuffled = cells.assign(capacity=np.random.default_rng(seed).permutation(cells["capacity"]))
            skills = skill_table(replace(whole, cells=shuffled), "capacity", ["gaussian_process"], n_jobs=-1)
            gaps.append(skills[0].against["climatology"].value)
        assert np.mean(gaps) > -0.01

    def test_progress_is_told_fold_by_fold(self):
        told = []
        held_out(synthetic(5, 1), "capacity", "climatology", progress=lambda *at: told.append(at))
        assert told == [(k, 5) for k in range(1, 6)]

    @pytest.mark.slow
    def test_more_workers_change_nothing(self):
        told = []
        one = held_out(synthetic(6), "capacity", "theory")
        two = held_out(synthetic(6), "capacity", "theory", n_jobs=2, progress=lambda *at: told.append(at))
        pd.testing.assert_frame_equal(one, two)
        assert told[-1] == (6, 6)


class TestSkill:
    def held(self, mean=0.1, sd=0.5, n=24):
        rng = np.random.default_rng(6)
        return pd.DataFrame(
            {
                "source": np.repeat([f"s{k}" for k in range(n // 2)], 2),
                "y": rng.normal(0, 0.5, n),
                "mean": mean,
                "sd": sd,
                "censor": np.where(np.arange(n) == 5, 1, 0),
            }
        )

    def test_figures_are_those_of_the_rows_that_are_no_bounds(self):
        held = self.held()
        skill = measure_skill("any", "capacity", "source", held, {})
        exact = held[held["censor"] == 0]
        assert skill.typical_factor.value == pytest.approx(np.exp(np.sqrt(np.mean((exact["y"] - 0.1) ** 2))))
        assert (skill.n_rows, skill.n_sources) == (24, 12)
        scaled = cross_calibrated(held)[held["censor"] == 0]
        inside = np.abs(exact["y"] - 0.1) <= norm.ppf(0.9) * scaled
        assert skill.coverage.value == pytest.approx(inside.mean())
        assert skill.width == pytest.approx(2 * norm.ppf(0.9) * scaled.mean())
        assert skill.against == {}
        for figure in (skill.crps, skill.log_score, skill.coverage, skill.typical_factor):
            assert figure.low <= figure.value <= figure.high

    def test_a_bound_counts_in_the_log_score_alone(self):
        held = self.held()
        far = held.assign(y=held["y"].where(held["censor"] == 0, 5.0))
        usual, odd = (measure_skill("any", "capacity", "source", h, {}) for h in (held, far))
        assert odd.log_score.value > usual.log_score.value
        assert (odd.crps, odd.r2, odd.coverage) == (usual.crps, usual.r2, usual.coverage)

    def test_better_than_a_reference_is_below_zero(self):
        good, bad = self.held(mean=0.0), self.held(mean=1.0)
        skill = measure_skill("good", "capacity", "source", good, {"bad": bad, "same": good})
        assert skill.against["bad"].high < 0
        assert skill.against["same"].value == 0
        assert measure_skill("bad", "capacity", "source", bad, {"good": good}).against["good"].low > 0

    def test_specifications_stand_beside_the_two_baselines(self):
        told = []
        found = skill_table(synthetic(10, 1), "capacity", ["theory"], progress=lambda *at: told.append(at))
        assert [s.specification for s in found] == ["theory", "climatology"]
        assert [set(s.against) for s in found] == [{"climatology"}, {"theory"}]
        assert told[0] == (1, 20)
        assert told[-1] == (20, 20)
