"""Acquisition against numerical integration and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from pvdopt.choice import acquisition as acq


def brute_force_volume(points, reference):
    """Count the cells of the grid that the points' own coordinates span."""
    axes = [np.unique(np.append(points[:, j], reference[j])) for j in range(points.shape[1])]
    axes = [a[a >= r] for a, r in zip(axes, reference, strict=True)]
    total = 0.0
    for index in np.ndindex(*[len(a) - 1 for a in axes]):
        upper = np.array([a[i + 1] for a, i in zip(axes, index, strict=True)])
        lower = np.array([a[i] for a, i in zip(axes, index, strict=True)])
        if (points >= upper).all(axis=1).any():
            total += float(np.prod(upper - lower))
    return total


@pytest.mark.parametrize("mean", [-3.0, -0.4, 0.0, 2.5])
@pytest.mark.parametrize("std", [0.05, 1.0, 4.0])
def test_expected_improvement_is_the_integral(mean, std):
    top = max(mean, 0.3)
    wanted, _ = quad(lambda f: (f - 0.3) * norm.pdf(f, mean, std), 0.3, top + 12 * std, points=[top])
    found = float(acq.expected_improvement(np.array([mean]), np.array([std]), 0.3)[0])
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-14)


def test_log_expected_improvement_is_its_log_where_that_exists():
    mean = np.linspace(-6, 5, 45)
    std = np.full(45, 0.9)
    plain = np.log(acq.expected_improvement(mean, std, 0.2))
    np.testing.assert_allclose(acq.log_expected_improvement(mean, std, 0.2), plain, rtol=1e-8)


def test_log_expected_improvement_keeps_ranking_where_floats_give_zero():
    mean = -np.geomspace(30, 1e7, 60)
    score = acq.log_expected_improvement(mean, np.ones(60), 0.0)
    assert np.isfinite(score).all()
    assert (np.diff(score) < 0).all()
    tail = -0.5 * mean[-1] ** 2 - 0.5 * math.log(2 * math.pi) - 2 * math.log(-mean[-1])
    assert score[-1] - tail == pytest.approx(0.0, abs=0.01)
    # No step where one branch hands over to the next.
    around = np.array([-1e3 * (1 - 1e-9), -1e3 * (1 + 1e-9), -1 + 1e-12, -1 - 1e-12])
    value = acq.log_expected_improvement(around, np.ones(4), 0.0)
    assert value[0] == pytest.approx(value[1], rel=1e-8)
    assert value[2] == pytest.approx(value[3], rel=1e-8)


def test_zero_deviation_is_certain():
    mean, std = np.array([1.0, -1.0]), np.zeros(2)
    assert acq.expected_improvement(mean, std, 0.0).tolist() == [1.0, 0.0]
    assert np.exp(acq.log_probability_at_least(mean, std, 0.0)).tolist() == [1.0, 0.0]
    assert acq.log_expected_improvement(mean, std, 0.0)[0] == pytest.approx(0.0, abs=1e-9)


def test_noisy_improvement_tends_to_the_analytic_one():
    rng = np.random.default_rng(0)
    mean, std = np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.2, 2.0])
    draws = mean + std * rng.standard_normal((200_000, 3))
    score = acq.log_noisy_expected_improvement(draws, np.full(200_000, 0.5), 1e-4)
    np.testing.assert_allclose(np.exp(score), acq.expected_improvement(mean, std, 0.5), rtol=0.02)


def test_noisy_improvement_ranks_candidates_that_never_improve():
    draws = np.array([[-1.0, -2.0, -1e6]])
    score = acq.log_noisy_expected_improvement(draws, np.array([0.0]), 1e-3)
    assert np.isfinite(score).all()
    assert score[0] > score[1] > score[2]


def test_probability_keeps_its_log_far_below():
    score = acq.log_probability_at_least(np.array([-60.0, -50.0]), np.ones(2), 0.0)
    assert np.isfinite(score).all()
    assert score[1] > score[0]
    assert score[1] == pytest.approx(norm.logsf(50.0))


points = st.integers(1, 4).flatmap(
    lambda m: st.lists(st.lists(st.integers(-1, 5), min_size=m, max_size=m), min_size=1, max_size=7)
)


@given(points)
def test_hypervolume_is_the_volume_counted(rows):
    p = np.array(rows, dtype=float)
    reference = np.zeros(p.shape[1])
    assert acq.hypervolume(p, reference) == pytest.approx(brute_force_volume(p, reference))


@given(points)
def test_non_dominated_is_its_definition(rows):
    p = np.array(rows, dtype=float)
    wanted = [not any((q >= r).all() and (q > r).any() for q in p) for r in p]
    assert acq.is_non_dominated(p).tolist() == wanted


@given(
    st.lists(st.tuples(st.integers(-2, 6), st.integers(-2, 6)), min_size=0, max_size=6),
    st.tuples(st.integers(-2, 8), st.integers(-2, 8)),
)
def test_improvement_is_a_difference_of_volumes(achieved, new):
    reference = np.array([0.0, 1.0])
    old = np.array(achieved, dtype=float).reshape(-1, 2)
    both = np.vstack([old, np.array([new], dtype=float)])
    wanted = acq.hypervolume(both, reference) - acq.hypervolume(old, reference)
    # A point that does not count in this draw changes nothing.
    padded = np.vstack([old, [[-np.inf, -np.inf]]])[None]
    found = acq.hypervolume_improvement(np.array([[new]], dtype=float), padded, reference)
    assert found[0, 0] == pytest.approx(wanted)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_scalarisations_average_to_the_volume(m):
    rng = np.random.default_rng(m)
    p = rng.random((6, m)) * 2.0
    directions = acq.draw_scalarisations(200_000, m, rng)
    estimate = acq.scalarise(p, np.full(m, 0.2), directions).max(axis=-1).mean()
    assert estimate == pytest.approx(acq.hypervolume(p, np.full(m, 0.2)), rel=0.02)


def test_scalarisations_broadcast_over_draws():
    rng = np.random.default_rng(0)
    p, directions = rng.random((5, 4, 3)), acq.draw_scalarisations(5 * 2, 3, rng).reshape(5, 2, 3)
    found = acq.scalarise(p, np.zeros(3), directions)
    assert found.shape == (5, 2, 4)
    assert found[3, 1, 2] == pytest.approx(math.pi / 6 * min(p[3, 2] / directions[3, 1]) ** 3)
