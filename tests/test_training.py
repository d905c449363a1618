"""Rows on the model's scale: noise, bounds and their signs, and what a plain optimiser may not know."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt.space import Categorical, Continuous, SearchSpace
from pvdopt.surrogates.base import FadeLink
from pvdopt.training import MAINTAINED, OWN_SOURCE, fade_rows, log_rows, plain_table

SPACE = SearchSpace([Continuous("a", 0, 10), Categorical("kind", ["x", "y"])])


def observed(values, **more):
    n = len(values)
    frame = pd.DataFrame({"a": np.linspace(0, 10, n), "kind": (["x", "y"] * n)[:n], "outcome": values})
    return frame.assign(**more)


def fade(retention, cycles=100.0, qualifier=None, **more):
    return fade_rows(
        pd.DataFrame({"retention": [retention], "cycles": [cycles], "retention_qualifier": [qualifier], **more}),
        FadeLink(),
    )


class TestLogRows:
    def test_a_figure_is_its_logarithm_and_a_useless_one_no_row(self):
        frame = pd.DataFrame(
            {
                "capacity": [60.0, np.nan, 0.0, -2.0, 50.0, 40.0, 30.0],
                "outcome_class": [None, None, None, None, "ok", "shorted", ""],
            }
        )
        rows = log_rows(frame, "capacity")
        assert rows.kept.tolist() == [0, 4, 6]
        assert rows.y == pytest.approx(np.log([60, 50, 30]))
        assert (rows.censor == 0).all()

    @pytest.mark.parametrize(("qualifier", "censor"), [("=", 0), ("~", 0), (None, 0), (">=", 1), ("<=", -1)])
    def test_a_bound_lies_on_the_side_it_says(self, qualifier, censor):
        rows = log_rows(pd.DataFrame({"capacity": [60.0], "capacity_qualifier": [qualifier]}), "capacity")
        assert rows.censor.tolist() == [censor]

    def test_what_is_read_less_surely_counts_less(self):
        frame = pd.DataFrame(
            {
                "capacity": [60.0] * 5,
                "capacity_qualifier": ["=", "~", "=", "=", "~"],
                "capacity_origin": ["stated", "stated", "converted", "stated", "computed"],
                "certainty": ["clear", "clear", "clear", "doubtful", "doubtful"],
                "capacity_sd": [np.nan, np.nan, np.nan, np.nan, 6.0],
            }
        )
        noise = log_rows(frame, "capacity").noise_var
        assert (noise[1:] > noise[0]).all()
        # A stated deviation replaces every guess.
        assert noise[4] == pytest.approx(0.1**2)

    def test_a_table_without_the_outcome_has_no_rows(self):
        assert len(log_rows(pd.DataFrame({"a": [1.0]}), "capacity").kept) == 0


class TestFadeRows:
    # The domain notes' table: retention, cycles, y
    @pytest.mark.parametrize(
        ("retention", "cycles", "y"),
        [
            (0.542, 100, -0.49), (0.825, 100, -1.65), (0.909, 140, -2.52), (0.95, 800, -4.01), (0.90, 1000, -3.40),
            (0.813, 1000, -2.73), (0.927, 1000, -3.73), (0.72, 90, -1.06), (0.47, 40, 0.18), (0.207, 100, 0.45),
            (0.90, 10_000, -4.55),
        ],
    )  # fmt: skip
    def test_figures_at_different_cycles_stand_on_one_scale(self, retention, cycles, y):
        rows = fade(retention, cycles)
        assert rows.y[0] == pytest.approx(y, abs=0.01)
        assert rows.censor[0] == 0

    @pytest.mark.parametrize(
        ("retention", "qualifier", "read_as", "censor"),
        [
            (0.92, ">=", 0.92, -1),
            (0.73, "<=", 0.73, 1),
            (0.92, "=", 0.92, 0),
            (0.92, "~", 0.92, 0),
            (np.nan, "maintained", MAINTAINED, -1),
            (0.99, "maintained", 0.99, -1),
            (1.0, "=", 0.995, -1),
            (3.2, "=", 0.995, -1),
            (1.1, ">=", 0.995, -1),
            # At most all of it says nothing: any fade is a larger fade than none.
            (1.0, "<=", 0.995, 1),
        ],
    )
    def test_a_kept_capacity_bounds_the_fade_from_above_and_a_lost_one_from_below(
        self, retention, qualifier, read_as, censor
    ):
        rows = fade(retention, 200.0, qualifier)
        assert rows.y[0] == pytest.approx(np.log(-np.log(read_as)) - 0.5 * np.log(2))
        assert rows.censor[0] == censor

    @pytest.mark.parametrize(
        "bad",
        [
            {"retention": np.nan},
            {"retention": np.nan, "qualifier": "~"},
            {"retention": 0.9, "cycles": np.nan},
            {"retention": 0.9, "cycles": 0.0},
            {"retention": 0.9, "outcome_class": ["cracked"]},
        ],
        ids=str,
    )
    def test_what_says_nothing_about_the_fade_is_no_row(self, bad):
        assert len(fade(**bad).kept) == 0

    def test_noise_follows_reading_and_distance_from_100_cycles(self):
        near, far, rough, stated = (
            fade(0.8), fade(0.8, 1000), fade(0.8, qualifier="~"), fade(0.8, retention_sd=[0.001])
        )  # fmt: skip
        assert near.noise_var[0] == pytest.approx((0.01 / (0.8 * -np.log(0.8))) ** 2)
        assert far.noise_var[0] == pytest.approx(near.noise_var[0] + (0.2 * np.log(10)) ** 2)
        assert rough.noise_var[0] > near.noise_var[0] > stated.noise_var[0]

    @given(st.floats(0, 1.5), st.floats(1, 1e5))
    def test_any_retention_gives_finite_rows(self, retention, cycles):
        rows = fade(retention, cycles)
        assert np.isfinite([rows.y[0], rows.noise_var[0]]).all()


class TestPlainTable:
    def test_the_outcome_is_standardised_and_comes_back(self):
        values = np.array([3.0, 5.0, 9.0, 4.0])
        table = plain_table("outcome", SPACE, observed(values))
        assert np.median(table.y) == pytest.approx(0)
        assert np.std(table.y) == pytest.approx(1)
        assert table.link.inverse(table.y) == pytest.approx(values)
        assert [i.name for i in table.inputs] == ["a", "kind"]
        assert table.effects == ()
        assert table.own.all()
        assert (table.source == OWN_SOURCE).all()

    @given(st.sampled_from([1e-15, 1e-6, 1.0, 1e9, -3.0]), st.lists(st.integers(-50, 50), max_size=6))
    def test_units_do_not_matter(self, size, values):
        one, other = (plain_table("outcome", SPACE, observed(np.array(values, float) * s)) for s in (1.0, size))
        np.testing.assert_allclose(other.y, np.sign(size) * one.y, rtol=1e-9, atol=1e-9)
        assert np.isfinite(one.y).all()

    def test_names_mean_nothing(self):
        values = [3.0, -5.0, 0.0]
        tables = [
            plain_table(n, SPACE, observed(values).rename(columns={"outcome": n}))
            for n in ("capacity", "retention", "zebra")
        ]
        for t in tables[1:]:
            np.testing.assert_array_equal(t.y, tables[0].y)
            np.testing.assert_array_equal(t.noise_var, tables[0].noise_var)

    def test_bounds_deviations_runs_and_failures_are_read(self):
        frame = observed(
            [1.0, 2.0, 3.0, 4.0, np.nan],
            outcome_qualifier=[">=", "<=", None, "=", None],
            outcome_sd=[np.nan, 0.5, np.nan, np.nan, np.nan],
            outcome_class=["ok", None, "ok", "shorted", "ok"],
            run=["r1", None, "r2", "r2", "r2"],
            source=["elsewhere", None, "", "elsewhere", None],
        )
        table = plain_table("outcome", SPACE, frame)
        assert len(table) == 3
        assert table.censor.tolist() == [1, -1, 0]
        assert table.run.tolist() == ["r1", "", "r2"]
        assert table.source.tolist() == ["elsewhere", OWN_SOURCE, OWN_SOURCE]
        assert table.team.tolist() == table.source.tolist()
        assert table.noise_var == pytest.approx([0, (0.5 / table.link.scale) ** 2, 0])

    @pytest.mark.parametrize("values", [[], [7.0], [0.0, 0.0], [7.0, 7.0, 7.0], [0.1] * 5], ids=str)
    def test_few_or_constant_values_stay_finite(self, values):
        table = plain_table("outcome", SPACE, observed(values))
        assert len(table) == len(values)
        assert table.y == pytest.approx(np.zeros(len(values)))
        assert table.link.scale > 0


class TestRowsOfATable:
    def table(self):
        return plain_table(
            "outcome",
            SPACE,
            observed([3.0, 5.0, 5.0, 9.0], run=["b", "a", "a", ""], outcome_qualifier=["=", "=", ">=", "="]),
        )

    def test_a_subset_by_mask_or_number_keeps_rows_together(self):
        table = self.table()
        by_mask = table.subset(np.array([False, True, False, True]))
        by_number = table.subset(np.array([1, 3]))
        for part in (by_mask, by_number):
            assert part.run.tolist() == ["a", ""]
            assert part.frame["a"].tolist() == table.frame["a"][[1, 3]].tolist()
            assert part.frame.index.tolist() == [0, 1]
            np.testing.assert_array_equal(part.y, table.y[[1, 3]])
        assert len(table.subset(np.zeros(4, dtype=bool))) == 0

    @given(st.permutations(range(4)))
    def test_the_fixed_order_does_not_depend_on_the_order_given(self, order):
        table = self.table()
        one, other = table.in_fixed_order(), table.subset(np.array(order)).in_fixed_order()
        np.testing.assert_array_equal(one.y, other.y)
        np.testing.assert_array_equal(one.censor, other.censor)
        pd.testing.assert_frame_equal(one.frame, other.frame)
