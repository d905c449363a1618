"""The whole report of skill: what is left out of it, what chance makes, and what its words say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pvdopt.evidence import Evidence
from pvdopt.skill import report as skill_report
from pvdopt.skill import validation
from pvdopt.skill.report import (
    PermutedControl,
    family_skill,
    permuted_control,
    report_skill,
    say_difference,
    without_family,
)
from pvdopt.skill.validation import Interval, concordance, held_out, measure_skill
from pvdopt.surrogates.base import Prediction


@pytest.fixture(scope="module")
def reported():
    return Evidence.reported()


@pytest.fixture(scope="module")
def report(reported):
    return report_skill(reported, ["capacity", "retention"], ["theory"], n_permutations=2)


class TestReport:
    def test_every_model_stands_beside_the_baselines_with_and_without_the_odd_family(self, report):
        for outcome in ("capacity", "retention"):
            names = [s.specification for s in report.skills if s.outcome == outcome]
            assert names == ["theory", "climatology"]
        whole = {(s.outcome, s.specification): s for s in report.skills}
        for less in report.without_odd:
            more = whole[less.outcome, less.specification]
            assert (less.n_rows, less.n_sources) == (more.n_rows - 1, more.n_sources - 1)
        odd = {s.specification: s for s in report.without_odd if s.outcome == "capacity"}
        # One row of 332 decides what the spread of the others is worth.
        assert odd["climatology"].crps.value < whole["capacity", "climatology"].crps.value - 0.02
        assert set(odd["theory"].against) == {"climatology"}

    def test_figures_carry_their_unit_and_three_levels(self, report):
        for s in report.skills:
            assert [c.probability for c in s.levels] == [0.5, 0.8, 0.9]
            shares = [c.share.value for c in s.levels]
            assert shares == sorted(shares)
            assert s.levels[1].share == s.coverage
            assert s.levels[1].width == s.width
            assert s.mae.low <= s.mae.value <= s.mae.high
        capacity = next(s for s in report.skills if s.outcome == "capacity")
        rows = report.frame[(report.frame["specification"] == "theory") & (report.frame["outcome"] == "capacity")]
        rows = rows[rows["censor"] == 0]
        assert capacity.mae.value == pytest.approx((rows["value"] - rows["predicted"]).abs().mean())
        assert capacity.median_ae == pytest.approx((rows["value"] - rows["predicted"]).abs().median())

    def test_families_hold_every_row_once(self, report):
        rows = [f for f in report.families if f.outcome == "capacity" and f.specification == "theory"]
        table = report.frame[(report.frame["specification"] == "theory") & (report.frame["outcome"] == "capacity")]
        assert sum(f.n_rows for f in rows) == int((table["censor"] == 0).sum())
        assert [f.n_rows for f in rows] == sorted((f.n_rows for f in rows), reverse=True)
        pyrite = next(f for f in rows if f.family == "FeS2")
        assert (pyrite.n_rows, pyrite.n_sources) == (1, 1)
        assert np.log(pyrite.typical_factor) == pytest.approx(abs(pyrite.bias))

    def test_pairs_and_control_are_told_for_each_model(self, report):
        assert set(report.pairs) == set(report.direction) == {"theory"}
        assert len(report.pairs["theory"]) == report.direction["theory"][0].n_pairs >= 12
        assert [(c.outcome, c.specification, len(c.gaps)) for c in report.control] == [
            ("capacity", "theory", 2),
            ("retention", "theory", 2),
        ]

    def test_an_outcome_of_one_source_is_left_out_with_a_word(self, reported):
        cells = reported.cells[(reported.cells["source"] == "park2005") | reported.cells["capacity"].isna()]
        found = report_skill(replace(reported, cells=cells), ["capacity"], ["theory"])
        assert (found.skills, found.notes) == ([], ["capacity: fewer than two sources, so none can be held out."])

    def test_progress_ends_where_it_says(self, reported):
        told = []
        cells = reported.cells[reported.cells["source"].isin(["park2005", "bates2000b", "sun2019", "tan2014"])]
        few = replace(reported, cells=cells)
        report_skill(few, ["capacity"], ["theory"], progress=lambda done, total, _: told.append(done / total))
        assert told == sorted(told)
        assert 0.5 < told[-1] <= 1


class TestControl:
    def test_what_a_model_learns_is_gone_when_outcomes_are_dealt_out_anew(self, reported):
        # The least that physics knows, enough to beat climatology; on shuffled outcomes it can only be worse.
        found = permuted_control(reported, "capacity", "theory", 4)
        assert found.gap < 0 < found.mean
        assert found.share_as_good == pytest.approx(1 / 5)

    def test_no_outcome_is_lost_and_none_stays_by_rule(self, reported):
        whole = held_out(reported, "capacity", "climatology")
        shuffled = held_out(reported, "capacity", "climatology", shuffle=3)
        assert sorted(shuffled["y"]) == pytest.approx(sorted(whole["y"]))
        assert (shuffled["y"].to_numpy() != whole["y"].to_numpy()).mean() > 0.8
        assert list(shuffled["id"]) == list(whole["id"])
        again = held_out(reported, "capacity", "climatology", shuffle=3)
        pd.testing.assert_frame_equal(again, shuffled)

    def test_the_training_rows_are_shuffled_as_the_others_are(self, reported, monkeypatch):
        class Memory:
            def fit(self, table):
                self.table = table
                seen.update(zip(table.frame["id"], table.y, strict=True))
                return self

            def predict(self, recipes):
                zero = np.zeros(len(recipes))
                return Prediction(zero, zero + 0.1, zero, zero + 0.3, self.table.link)

        seen = {}
        monkeypatch.setattr(validation, "fit_surrogate", lambda name, table, seed=0: Memory().fit(table))
        held = held_out(reported, "capacity", "any", shuffle=1, n_folds=5)
        assert seen == pytest.approx(dict(zip(held["id"], held["y"], strict=True)))

    def test_folds_deal_out_whole_groups(self, reported, monkeypatch):
        sizes = []

        class Mean:
            def fit(self, table):
                self.table = table
                sizes.append(set(table.source))
                return self

            def predict(self, recipes):
                zero = np.zeros(len(recipes))
                return Prediction(zero, zero + 0.1, zero, zero + 0.3, self.table.link)

        monkeypatch.setattr(validation, "fit_surrogate", lambda name, table, seed=0: Mean().fit(table))
        held = held_out(reported, "capacity", "any", n_folds=4)
        sources = set(held["source"])
        assert len(sizes) == 4
        left_out = [sources - s for s in sizes]
        assert set.union(*left_out) == sources
        assert sum(map(len, left_out)) == len(sources)

    def test_the_share_counts_the_truth_among_the_shuffled(self):
        assert PermutedControl("m", "o", (0.1, -0.2, 0.05), -0.1).share_as_good == pytest.approx(2 / 4)


class TestOrder:
    def held(self, y, mean, censor=None, source=None):
        n = len(y)
        return pd.DataFrame(
            {
                "y": np.array(y, dtype=float),
                "mean": np.array(mean, dtype=float),
                "censor": [0] * n if censor is None else censor,
                "source": [f"s{k}" for k in range(n)] if source is None else source,
            }
        )

    @pytest.mark.parametrize(
        ("y", "mean", "censor", "share"),
        [
            ([1, 2, 3], [1, 2, 3], None, 1.0),
            ([1, 2, 3], [3, 2, 1], None, 0.0),
            ([1, 2, 3], [0, 0, 0], None, 0.5),
            # At most 2 may be below 1: only 3 is known to lie above it.
            ([1, 2, 3], [1, 0, 3], [0, -1, 0], 1.0),
            # At least 2 may be above 3: only 1 is known to lie below it.
            ([1, 2, 3], [1, 4, 3], [0, 1, 0], 1.0),
        ],
    )
    def test_only_what_is_known_is_put_in_order(self, y, mean, censor, share):
        assert concordance(self.held(y, mean, censor)) == share

    def test_rows_of_one_source_are_no_pair(self):
        assert np.isnan(concordance(self.held([1, 2], [2, 1], source=["a", "a"])))


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (Interval(-0.1, -0.2, -0.05), "better than theory"),
        (Interval(0.1, 0.02, 0.2), "worse than theory"),
        (Interval(-0.1, -0.2, 0.0), "no difference shown to theory"),
    ],
)
def test_an_interval_that_holds_zero_shows_no_difference(gap, words):
    assert say_difference(gap, "theory") == words


def test_a_family_is_taken_out_before_anything_is_fitted(reported):
    rest = without_family(reported, "FeS2")
    assert "FeS2" not in set(rest.table("capacity").frame["cathode"])
    assert without_family(Evidence.physics_only(), "FeS2").cells.empty


def test_rows_without_families_have_no_family_figures():
    held = pd.DataFrame({"source": ["a"], "y": [1.0], "mean": [0.0], "censor": [0]})
    assert family_skill(held, "m", "o") == []
    assert skill_report.ODD_FAMILY == "FeS2"


def test_rows_without_a_unit_have_no_error_in_it():
    held = pd.DataFrame({"source": list("abc"), "y": [1.0, 2, 3], "mean": 0.0, "censor": 0, "sd": 1.0})
    skill = measure_skill("m", "o", "source", held, {})
    assert skill.mae is None
    assert np.isnan(skill.median_ae)
