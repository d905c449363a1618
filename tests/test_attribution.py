"""What each setting adds, and slices: exact sums, conditional settings as one, and cells counted where they belong."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdopt.attribution import (
    MOST_GROUPS,
    contributions,
    count_evidence,
    setting_groups,
    shapley_values,
    slice_through,
)
from pvdopt.errors import UsageError
from pvdopt.space import Categorical, Continuous, Exclude, SearchSpace, Stepped

SPACE = SearchSpace(
    [
        Stepped("bias_v", low=-100, high=-10, step=5, unit="V", when={"bias_kind": ["rf"]}),
        Categorical("bias_kind", ["none", "rf"]),
        Continuous("thickness_um", low=0.1, high=5, log=True, unit="um"),
        Categorical("electrolyte", ["Lipon", "LiBON"]),
    ],
    constraints=[Exclude({"bias_kind": ["rf"], "electrolyte": ["LiBON"]})],
)
RECIPE = {"bias_kind": "rf", "bias_v": -50.0, "thickness_um": 2.0, "electrolyte": "Lipon"}
BASELINE = {"bias_kind": "none", "bias_v": None, "thickness_um": 0.5, "electrolyte": "LiBON"}


def predict(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """An outcome with every kind of interaction, and one that knows the thickness alone."""
    bias = frame["bias_v"].fillna(0.0).to_numpy()
    lipon = (frame["electrolyte"] == "Lipon").to_numpy(dtype=float)
    thickness = frame["thickness_um"].to_numpy()
    return {"capacity": 30 + 0.3 * bias * lipon * thickness - bias, "mass": 2 * thickness}


worths = st.integers(1, 5).flatmap(lambda d: st.lists(st.floats(-1e3, 1e3), min_size=2**d, max_size=2**d).map(np.array))


@given(worths)
def test_shapley_values_sum_to_the_whole_difference(values: np.ndarray) -> None:
    assert shapley_values(values).sum() == pytest.approx(values[-1] - values[0], abs=1e-7)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6))
def test_what_only_adds_up_is_given_back(parts: list[float]) -> None:
    d = len(parts)
    values = np.array([sum(p for j, p in enumerate(parts) if m >> j & 1) for m in range(2**d)])
    assert shapley_values(values) == pytest.approx(np.array(parts), abs=1e-9)


@given(worths)
def test_they_are_the_mean_over_all_orders(values: np.ndarray) -> None:
    d = len(values).bit_length() - 1
    total = np.zeros(d)
    orders = list(itertools.permutations(range(d)))
    for order in orders:
        coalition = 0
        for j in order:
            total[j] += values[coalition | 1 << j] - values[coalition]
            coalition |= 1 << j
    assert shapley_values(values) == pytest.approx(total / len(orders), abs=1e-8)


def test_settings_that_depend_on_a_choice_go_with_it() -> None:
    assert setting_groups(SPACE) == [("bias_kind", "bias_v"), ("thickness_um",), ("electrolyte",)]


def test_contributions_sum_to_the_difference_of_the_predictions() -> None:
    found = contributions(SPACE, RECIPE, BASELINE, predict)
    ends = predict(SPACE.frame([BASELINE, RECIPE]))
    for outcome, values in ends.items():
        assert sum(c.adds[outcome] for c in found) == pytest.approx(values[1] - values[0])
    by_name = {c.names[0]: c for c in found}
    assert by_name["bias_kind"].value == {"bias_kind": "rf", "bias_v": -50.0}
    assert by_name["bias_kind"].baseline == {"bias_kind": "none", "bias_v": None}
    assert by_name["thickness_um"].adds["mass"] == pytest.approx(3.0)
    assert by_name["bias_kind"].adds["mass"] == by_name["electrolyte"].adds["mass"] == 0.0


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_contributions_sum_for_any_two_recipes(seed: int) -> None:
    two = SPACE.from_unit(np.random.default_rng(seed).random((2, 4)))
    recipe, baseline = ({str(n): None if pd.isna(v) else v for n, v in two.iloc[k].items()} for k in (0, 1))
    found = contributions(SPACE, recipe, baseline, predict)
    values = predict(SPACE.frame([baseline, recipe]))["capacity"]
    assert sum(c.adds["capacity"] for c in found) == pytest.approx(values[1] - values[0], abs=1e-8)


def test_the_same_recipe_has_nothing_to_add() -> None:
    assert contributions(SPACE, RECIPE, RECIPE, predict) == []


def test_too_many_differences_are_refused() -> None:
    space = SearchSpace([Stepped(f"x{k}", low=0, high=1) for k in range(MOST_GROUPS + 1)])
    low, high = ({n: float(v) for n in space.names} for v in (0, 1))
    with pytest.raises(UsageError, match="differs from the baseline in 15 settings"):
        contributions(space, high, low, lambda f: {"y": np.zeros(len(f))})


class TestSlices:
    def test_a_number_runs_over_its_range_with_the_recipe_on_it(self) -> None:
        places = slice_through(SPACE, "thickness_um", RECIPE, BASELINE)
        values = [p.value for p in places]
        assert values == sorted(values)
        assert (values[0], values[-1]) == (0.1, 5.0)
        assert [p.value for p in places if p.is_here] == [2.0]
        assert all(p.recipe == {**RECIPE, "thickness_um": p.value} for p in places)

    def test_a_choice_that_needs_more_takes_it_from_the_baseline_else_the_middle(self) -> None:
        bare = {**RECIPE, "bias_kind": "none", "bias_v": None}
        for baseline, expected in ((RECIPE, -50.0), (BASELINE, -55.0)):
            none, rf = slice_through(SPACE, "bias_kind", bare, baseline)
            assert none.is_here
            assert none.recipe["bias_v"] is None
            assert rf.recipe["bias_v"] == expected

    def test_what_may_not_be_made_is_marked(self) -> None:
        lipon, libon = slice_through(SPACE, "electrolyte", RECIPE, BASELINE)
        assert (lipon.is_allowed, libon.is_allowed) == (True, False)

    def test_what_was_made_off_the_grid_forbids_no_other_value(self) -> None:
        # 47.3 V stand between two steps of the supply.
        places = slice_through(SPACE, "thickness_um", {**RECIPE, "bias_v": -47.3}, BASELINE)
        assert all(place.is_allowed for place in places)

    def test_a_setting_that_does_not_apply_has_no_slice(self) -> None:
        assert slice_through(SPACE, "bias_v", BASELINE, RECIPE) == []


@pytest.mark.parametrize(
    ("values", "stated", "expected"),
    [
        ([0.0, 1.0, 2.0], [0.4, 0.6, 2.4, 2.6, -0.6, np.nan], [1, 1, 1]),
        ([5.0], [5.0, 6.0], [1]),
        ([0.0, 1.0], [], [0, 0]),
    ],
)
def test_cells_count_for_the_nearest_place(values: list[float], stated: list[float], expected: list[int]) -> None:
    assert count_evidence(np.array(values), np.array(stated, dtype=float)) == expected
