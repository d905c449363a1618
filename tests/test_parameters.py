"""Parameters refuse what makes no sense and map the unit interval onto what a machine can set."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt.parameters import DEFAULT_RESOLUTION, Categorical, Continuous, Stepped
from strategies import categorical, continuous, stepped

UNIT = st.floats(0, 1)
#: Share of the range that may get lost between a value and its place in the unit interval.
LOSS = 1e-9


@pytest.mark.parametrize(
    ("low", "high", "more", "message"),
    [
        (1, 0, {}, "x: low must lie below high, got 1 and 0"),
        (1, 1, {}, "x: low must lie below high, got 1 and 1"),
        (math.nan, 1, {}, "x: low and high must be finite, got nan and 1"),
        (0, math.inf, {}, "x: low and high must be finite, got 0 and inf"),
        (-math.inf, 0, {}, "x: low and high must be finite, got -inf and 0"),
        (0, 1, {"log": True}, "x: a log scale needs low > 0, got 0"),
        (-1, 1, {"log": True}, "x: a log scale needs low > 0, got -1"),
        (0, 1, {"when": {}}, "x: when must name one parent"),
        (0, 1, {"when": {"a": ["b"], "c": ["d"]}}, "x: when must name one parent"),
        (0, 1, {"when": {"a": []}}, "x: when must name one parent and at least one of its choices"),
        (0, 1, {"when": {"a": "none"}}, "x: when must list the parent's choices, got a single word"),
    ],
)
@pytest.mark.parametrize("kind", [Continuous, Stepped])
def test_bad_numbers(kind: Any, low: float, high: float, more: dict[str, Any], message: str) -> None:
    step = {"step": 0.1} if kind is Stepped else {}
    with pytest.raises(ValueError, match=message):
        kind("x", low, high, **step, **more)


@pytest.mark.parametrize("size", [0.0, -0.1, 1.1, math.nan])
def test_bad_steps(size: float) -> None:
    with pytest.raises(ValueError, match=r"x: resolution must lie in \(0, high - low\]"):
        Continuous("x", 0, 1, resolution=size)
    with pytest.raises(ValueError, match=r"x: step must lie in \(0, high - low\]"):
        Stepped("x", 0, 1, step=size)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([], "x: at least two choices are needed"),
        (["a"], "x: at least two choices are needed; a single one belongs to fixed"),
        (["a", "b", "a"], "x: choices must differ, got a, b, a"),
        ("ab", "x: choices must be a list, got the word 'ab'"),
    ],
)
def test_bad_choices(choices: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Categorical("x", choices)
    with pytest.raises(ValueError, match="x: when must name one parent"):
        Categorical("x", ["a", "b"], when={"p": []})


def test_the_bound_of_a_step_is_the_range_and_not_the_upper_bound() -> None:
    assert Continuous("x", -10, 2, resolution=11).resolution == 11
    with pytest.raises(ValueError, match="resolution must lie in"):
        Continuous("x", 10, 12, resolution=3)


def test_the_step_may_be_the_whole_range() -> None:
    assert list(Stepped("x", 0, 1, step=1).levels()) == [0, 1]
    assert list(Stepped("x", 0, 0.3, step=0.3 * (1 + 1e-12)).levels()) == [0, 0.3]
    assert Continuous("x", 0, 1, resolution=1).snap(np.array([0.4, 0.6])).tolist() == [0, 1]


def test_parents() -> None:
    free = Continuous("x", 0, 1)
    assert (free.parent, free.parent_choices) == (None, ())
    bound = Categorical("x", ["a", "b"], when={"p": ["c", "d"]})
    assert (bound.parent, bound.parent_choices) == ("p", ("c", "d"))
    assert bound.choices == ("a", "b")


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Continuous("x", 0.1, 5, unit="um"), "in [0.1, 5] um"),
        (Continuous("x", 0, 1, unit="1"), "in [0, 1]"),
        (Stepped("x", -100, 0, step=5, unit="V"), "in [-100, 0] V"),
        (Categorical("x", ["a", "b"]), "one of a, b"),
    ],
)
def test_ranges_in_words(parameter: Any, text: str) -> None:
    assert parameter.range_text() == text


# -- continuous --------------------------------------------------------------------------------------------------


def grain(p: Continuous) -> float:
    """How far the nearest settable value may be, as a share of the range."""
    return ((p.resolution or 0.0) + LOSS * (abs(p.low) + abs(p.high))) / (p.high - p.low) + LOSS


@given(p=continuous(), u=st.lists(UNIT, min_size=1, max_size=10).map(np.array))
def test_a_continuous_number_comes_back_from_the_unit_interval(p: Continuous, u: np.ndarray) -> None:
    values = p.from_unit(u)
    assert ((values >= p.low) & (values <= p.high)).all()
    assert (np.diff(p.from_unit(np.sort(u))) >= 0).all()
    back = p.from_unit(p.to_unit(values))
    assert (np.abs(back - values) <= grain(p) * (p.high - p.low)).all()
    if p.resolution is None:
        assert np.allclose(p.to_unit(values), u, atol=1e-6)


def test_ends_and_middles() -> None:
    plain, log = Continuous("x", -2, 6), Continuous("x", 0.01, 100, log=True)
    assert plain.from_unit(np.array([0, 0.25, 1])).tolist() == [-2, 0, 6]
    assert plain.to_unit(np.array([-2, 0, 6, 10, np.nan])).tolist()[:4] == [0, 0.25, 1, 1.5]
    assert np.allclose(log.from_unit(np.array([0, 0.5, 1])), [0.01, 1, 100])
    assert np.allclose(log.to_unit(np.array([0.01, 1, 100, 10000])), [0, 0.5, 1, 1.5])
    assert np.isnan(log.to_unit(np.array([np.nan, 0.0, -1.0]))).all()
    assert math.isnan(plain.to_unit(np.array([np.nan]))[0])


@given(p=continuous(), values=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8).map(np.array))
def test_snapping_clips_settles_and_is_nearest(p: Continuous, values: np.ndarray) -> None:
    snapped = p.snap(values)
    assert ((snapped >= p.low) & (snapped <= p.high)).all()
    assert p.snap(snapped) == pytest.approx(snapped, abs=LOSS * (p.high - p.low))
    inside = np.clip(values, p.low, p.high)
    reach = 0 if p.resolution is None else p.resolution / 2
    assert (np.abs(snapped - inside) <= reach * (1 + 1e-6) + 1e-9).all()
    assert not p.off_grid(values).any()


def test_resolution_counts_from_zero() -> None:
    p = Continuous("x", 0.13, 0.98, resolution=0.1)
    assert p.snap(np.array([0.0, 0.14, 0.26, 0.97, 2.0])).tolist() == [0.13, 0.13, 0.3, 0.98, 0.98]


@given(p=continuous(), u=st.tuples(UNIT, UNIT))
def test_keys_tell_settable_values_apart(p: Continuous, u: tuple[float, float]) -> None:
    a, b = p.from_unit(np.array(u))
    key_a, key_b = p.key(np.array([a, b]))
    places = p.to_unit(np.array([a, b]))
    if a == b:
        assert key_a == key_b
        return
    is_step = p.resolution is not None and abs(a - b) > p.resolution * 1e-3
    if is_step or abs(places[0] - places[1]) > DEFAULT_RESOLUTION * 1.001:
        assert key_a != key_b


def test_keys_of_a_plain_number_are_thousandths_of_its_range() -> None:
    keys = Continuous("x", 0, 100).key(np.array([50.0, 50.04, 50.06, 50.1, np.nan]))
    assert keys.tolist()[:4] == [500, 500, 501, 501]
    assert math.isnan(keys[4])
    ratios = Continuous("x", 1, 100, log=True).key(np.array([10.0, 10.01, 10.1]))
    assert ratios[0] == ratios[1] != ratios[2]


# -- stepped -----------------------------------------------------------------------------------------------------


@given(p=stepped())
def test_levels_are_the_grid_within_the_bounds(p: Stepped) -> None:
    levels = p.levels()
    assert len(levels) == p.n_levels >= 2
    assert levels[0] == pytest.approx(p.low, abs=1e-9)
    assert np.allclose(np.diff(levels), p.step)
    assert p.high - p.step * (1 + 1e-6) < levels[-1] <= p.high + p.step * 1e-6
    assert not p.off_grid(levels).any()
    assert np.array_equal(p.snap(levels), levels)
    assert p.key(levels).tolist() == list(range(p.n_levels))


@given(p=stepped())
def test_every_level_comes_back_from_the_unit_interval(p: Stepped) -> None:
    assert p.from_unit(p.to_unit(p.levels())) == pytest.approx(p.levels())


@given(p=stepped(), u=st.lists(UNIT, min_size=1, max_size=10).map(np.array))
def test_the_unit_interval_gives_levels_only(p: Stepped, u: np.ndarray) -> None:
    values = p.from_unit(u)
    assert np.isin(values, p.levels()).all()
    assert (np.diff(p.from_unit(np.sort(u))) >= 0).all()


@given(p=stepped(), values=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8).map(np.array))
def test_snapping_gives_the_nearest_level(p: Stepped, values: np.ndarray) -> None:
    snapped = p.snap(values)
    assert np.isin(snapped, p.levels()).all()
    nearest = np.abs(p.levels()[None, :] - values[:, None]).min(axis=1)
    assert np.abs(snapped - values) == pytest.approx(nearest)


def test_levels_have_equal_shares() -> None:
    p = Stepped("bias_v", -100, 0, step=5)
    assert p.n_levels == 21
    values, counts = np.unique(p.from_unit((np.arange(2100) + 0.5) / 2100), return_counts=True)
    assert values.tolist() == p.levels().tolist()
    assert set(counts) == {100}
    assert p.from_unit(np.array([0.0, 1.0])).tolist() == [-100, 0]


def test_steps_count_from_the_lower_bound() -> None:
    p = Stepped("x", 10, 40, step=7)
    assert p.levels().tolist() == [10, 17, 24, 31, 38]
    assert p.snap(np.array([0.0, 20.0, 25.0, 99.0])).tolist() == [10, 17, 24, 38]
    assert p.key(np.array([10.0, 24.0, 38.0])).tolist() == [0, 2, 4]
    assert p.to_unit(np.array([10.0, 25.0, 40.0, 55.0])).tolist() == [0, 0.5, 1, 1.5]
    log = Stepped("x", 2, 50, step=1, log=True)
    assert log.from_unit(np.array([0, 0.5, 1])).tolist() == [2, 10, 50]
    assert log.to_unit(np.array([2.0, 10.0, 50.0])) == pytest.approx([0, 0.5, 1])


def test_logarithmic_steps_have_equal_ratios() -> None:
    p = Stepped("x", 1, 100, step=1, log=True)
    assert p.from_unit(np.array([0, 0.5, 1])).tolist() == [1, 10, 100]
    assert p.to_unit(np.array([1.0, 10.0, 100.0])) == pytest.approx([0, 0.5, 1])
    assert np.isnan(p.to_unit(np.array([0.0, -1.0]))).all()


def test_what_lies_between_levels_is_off_the_grid() -> None:
    p = Stepped("x", 0, 1, step=0.1)
    assert p.off_grid(np.array([0.3, 0.1 + 0.2, 0.35, 0.3001, np.nan])).tolist() == [False, False, True, True, False]
    assert Stepped("x", 0, 1, step=0.3).off_grid(np.array([0.9, 1.0])).tolist() == [False, True]


# -- categorical -------------------------------------------------------------------------------------------------


@given(p=categorical(), u=st.lists(UNIT, min_size=1, max_size=10).map(np.array))
def test_the_unit_interval_gives_choices_only(p: Categorical, u: np.ndarray) -> None:
    assert set(p.from_unit(u)) <= set(p.choices)


def test_choices_have_equal_shares() -> None:
    p = Categorical("x", ["a", "b", "c"])
    assert p.from_unit(np.array([0.0, 0.33, 0.34, 0.66, 0.67, 1.0])).tolist() == ["a", "a", "b", "b", "c", "c"]


def test_when_a_parameter_applies_is_said_in_words() -> None:
    assert Continuous("x", 0, 1, when={"kind": ["rf", "dc"]}).condition_text() == "only with kind rf or dc"
    assert Continuous("x", 0, 1).condition_text() == ""
