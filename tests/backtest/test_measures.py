"""Figures of a run, against runs simple enough to know the answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pvdopt.backtest.measures import (
    acceleration_factor,
    area,
    bootstrap,
    bootstrap_mean,
    enhancement_factor,
    experiments_to,
    progress_of,
)
from pvdopt.choice.acquisition import hypervolume

values = st.floats(-5, 5, allow_nan=False)


@given(arrays(float, (7, 2), elements=values))
def test_progress_is_the_hypervolume_of_all_so_far(points):
    reference = np.array([-1.0, 0.5])
    expected = [hypervolume(points[: k + 1], reference) for k in range(len(points))]
    assert progress_of(points, reference) == pytest.approx(expected)


@given(arrays(float, (6, 1), elements=values))
def test_progress_of_one_objective_never_falls(points):
    progress = progress_of(points, np.array([-5.0]))
    assert (np.diff(progress) >= 0).all()
    assert progress[-1] == points.max()


@pytest.mark.parametrize("m", [1, 2])
def test_an_experiment_without_a_value_changes_nothing(m):
    points = np.ones((3, m))
    points[1, -1] = np.nan
    assert progress_of(points, np.zeros(m)).tolist() == [1.0, 1.0, 1.0]
    points[0, -1] = np.nan
    assert progress_of(points, np.zeros(m)).tolist() == [0.0, 0.0, 1.0]


def test_a_target_that_is_never_reached_is_censored():
    assert math.isnan(experiments_to(np.array([0.0, 1.0]), 2.0))
    assert experiments_to(np.array([2.0, 2.0]), 2.0) == 1.0


def test_regret_area_is_zero_for_who_begins_with_the_best():
    assert area(np.full(4, 7.0), -3.0, 7.0) == 1.0
    assert area(np.full(4, -3.0), -3.0, 7.0) == 0.0


def test_factors_against_random_search():
    ours = np.array([[0.0, 4.0, 8.0, 8.0]] * 3)
    chance = np.array([[0.0, 1.0, 2.0, 4.0]] * 3)
    assert acceleration_factor(ours, chance, 4.0) == 2.0
    # Random search does not get there in its four experiments: at least five, against three.
    assert acceleration_factor(ours, chance, 5.0) == pytest.approx(5 / 3)
    assert acceleration_factor(chance, ours, 5.0) == pytest.approx(3 / 5)
    assert math.isnan(acceleration_factor(ours, chance, 9.0))
    factors = enhancement_factor(ours, chance, 0.0)
    assert math.isnan(factors[0])
    assert factors[1:].tolist() == [4.0, 4.0, 2.0]
    # Above the worst, not above zero: a shift of all values changes nothing.
    assert enhancement_factor(ours + 5, chance + 5, 5.0)[1:].tolist() == [4.0, 4.0, 2.0]


def test_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(25):
        sample = rng.normal(size=30)
        low, high = bootstrap(lambda rows, s=sample: float(s[rows].mean()), 30, rng)
        inside += low <= 0 <= high
    assert 19 <= inside <= 25


def test_a_statistic_that_mostly_is_censored_has_no_interval():
    rng = np.random.default_rng(0)
    needed = np.array([np.nan] * 9 + [5.0])
    assert all(math.isnan(end) for end in bootstrap(lambda rows: float(np.median(needed[rows])), 10, rng))


def test_groups_weigh_the_same_whatever_their_size():
    mean, (low, high) = bootstrap_mean([np.zeros(100), np.ones(2)], np.random.default_rng(0))
    assert mean == low == high == 0.5
