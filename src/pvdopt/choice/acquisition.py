"""Acquisition functions: arrays in, scores out, more is better throughout. Know no model and no recipe.

Notation: mu, sigma posterior mean and deviation, f* the best so far, z = (mu - f*) / sigma, phi and Phi density and
distribution of the standard normal; m objectives, r reference point, all turned so that more is better.
Shapes: s draws, n candidates, a achieved recipes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

Array = np.ndarray[Any, Any]

_LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


def expected_improvement(mean: Array, std: Array, best: float) -> Array:
    """Return the expected improvement E[max(f - f*, 0)] = sigma (phi(z) + z Phi(z)).

    Jones, Schonlau, Welch, J. Global Optim. 13, 455 (1998), eq. 15. A deviation of zero gives max(mu - f*, 0).

    >>> expected_improvement(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 0.0).round(4)
    array([0.3989, 1.    ])
    """
    mean, std = np.asarray(mean, dtype=float), np.asarray(std, dtype=float)
    safe = np.where(std > 0, std, 1.0)
    z = (mean - best) / safe
    smooth = safe * (np.exp(-0.5 * z**2 - _LOG_SQRT_2PI) + z * ndtr(z))
    return np.where(std > 0, smooth, np.maximum(mean - best, 0.0))


def log_expected_improvement(mean: Array, std: Array, best: float) -> Array:
    """Return log EI = log h(z) + log sigma, h(z) = phi(z) + z Phi(z), also where EI itself is zero in floats.

    Ament et al., Unexpected Improvements to Expected Improvement, NeurIPS 2023, eq. 9. Below z = -1 the two terms
    of h cancel: there h = phi(z) (1 - |z| sqrt(pi/2) erfcx(|z|/sqrt 2)), and below -1e3 the bracket is 1/z^2 to
    double precision. A deviation of zero is read as the smallest positive one.

    >>> log_expected_improvement(np.array([0.0, -5.0]), np.array([1.0, 1.0]), 0.0).round(3)
    array([ -0.919, -16.744])
    """
    std = np.maximum(np.asarray(std, dtype=float), 1e-150)
    z = np.clip((np.asarray(mean, dtype=float) - best) / std, -1e150, 1e150)
    near = np.maximum(z, -1.0)
    upper = np.log(np.exp(-0.5 * near**2 - _LOG_SQRT_2PI) + near * ndtr(near))
    far = np.clip(-z, 1.0, 1e3)
    bracket = np.log1p(-far * math.sqrt(math.pi / 2.0) * erfcx(far / math.sqrt(2.0)))
    bracket = np.where(z < -1e3, -2.0 * np.log(np.maximum(-z, 1.0)), bracket)
    lower = -0.5 * np.minimum(z, -1.0) ** 2 - _LOG_SQRT_2PI + bracket
    return np.where(z > -1.0, upper, lower) + np.log(std)


def log_noisy_expected_improvement(draws: Array, achieved: Array, smoothing: float) -> Array:
    """Return the log of the expected improvement on what each joint draw says is achieved; shape (n,).

    alpha(x) = 1/s sum_k softplus_tau(f_k(x) - max_j f_k(x_j)): Letham et al., Constrained Bayesian Optimization
    with Noisy Experiments, Bayesian Analysis 14, 495 (2019), with the maximum of the difference and 0 smoothed as
    in Ament et al. 2023, eq. 10, so that candidates that improve in no draw still have a rank.

    Parameters
    ----------
    draws : ndarray of shape (s, n)
    achieved : ndarray of shape (s,)
        Best achieved value in each draw.
    smoothing : float
        tau > 0, small against the differences that matter.

    >>> gain = log_noisy_expected_improvement(np.array([[1.0, 3.0], [3.0, 3.0]]), np.array([2.0, 2.0]), 1e-6)
    >>> np.exp(gain).round(3)
    array([0.5, 1. ])
    """
    z = (draws - achieved[:, None]) / smoothing
    # log softplus(z) is z itself once exp(z) vanishes against 1.
    logs = np.where(z < -30.0, z, np.log(np.logaddexp(0.0, np.maximum(z, -30.0))))
    top = logs.max(axis=0)
    return np.asarray(top + np.log(np.exp(logs - top).mean(axis=0)) + math.log(smoothing))


def log_probability_at_least(mean: Array, std: Array, threshold: float) -> Array:
    """Return log P(f >= t) = log Phi((mu - t) / sigma); with a deviation of zero 0 or -inf.

    The weight of an inequality constraint: Gardner et al., Bayesian Optimization with Inequality Constraints,
    ICML 2014.

    >>> np.exp(log_probability_at_least(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 1.0)).round(4)
    array([0.5   , 0.9772])
    """
    mean, std = np.asarray(mean, dtype=float), np.asarray(std, dtype=float)
    safe = np.where(std > 0, std, 1.0)
    certain = np.where(mean >= threshold, 0.0, -np.inf)
    return np.where(std > 0, log_ndtr((mean - threshold) / safe), certain)


def is_non_dominated(points: Array) -> Array:
    """Return which points no other point beats in one objective while matching it in all; shape (n,).

    >>> is_non_dominated(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]))
    array([ True,  True, False,  True])
    """
    kept = np.ones(len(points), dtype=bool)
    for i, point in enumerate(points):
        if kept[i]:
            # What this point beats cannot beat anything this point does not.
            beaten = (points <= point).all(axis=1) & (points < point).any(axis=1)
            kept &= ~beaten
    return kept


def hypervolume(points: Array, reference: Array) -> float:
    """Return the volume that points dominate above the reference point.

    Two objectives by a sweep; more by While, Bradstreet, Barone, A Fast Way of Calculating Exact Hypervolumes,
    IEEE Trans. Evol. Comput. 16, 86 (2012), eqs. 6 and 7: the volume of a set is the sum of what each point adds
    to those after it.

    Parameters
    ----------
    points : ndarray of shape (n, m)
    reference : ndarray of shape (m,)

    >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([0.0, 0.0]))
    3.0
    >>> hypervolume(np.array([[1.0, 1.0, 2.0], [2.0, 1.0, 1.0]]), np.zeros(3))
    3.0
    """
    shifted = np.asarray(points, dtype=float) - reference
    shifted = shifted[(shifted > 0).all(axis=1)]
    if len(shifted) == 0:
        return 0.0
    shifted = shifted[is_non_dominated(shifted)]
    if shifted.shape[1] == 1:
        return float(shifted.max())
    shifted = shifted[np.argsort(-shifted[:, 0], kind="stable")]
    if shifted.shape[1] == 2:
        height = np.maximum.accumulate(shifted[:, 1])
        return float(shifted[0, 0] * height[0] + shifted[1:, 0] @ np.diff(height))
    return _volume_by_slices(shifted)


def _volume_by_slices(points: Array) -> float:
    total = 0.0
    for i, point in enumerate(points):
        limited = np.minimum(points[i + 1 :], point)
        total += float(np.prod(point)) - hypervolume(limited, np.zeros(points.shape[1]))
    return total


def hypervolume_improvement(draws: Array, achieved: Array, reference: Array) -> Array:
    """Return what each candidate adds to the hypervolume of two objectives, in each draw; shape (s, n).

    A point (u, v) adds the integral over x from r_1 to u of max(v - H(x), 0), where H is the height the achieved
    points reach at x: a sum over the strips between their first coordinates, as Emmerich, Deutz, Klinkenberg cut
    the plane for the expected improvement (Hypervolume-based expected improvement, CEC 2011).

    Parameters
    ----------
    draws : ndarray of shape (s, n, 2)
    achieved : ndarray of shape (s, a, 2)
        ``-inf`` for what does not count in a draw.
    reference : ndarray of shape (2,)

    >>> hypervolume_improvement(np.array([[[2.0, 2.0]]]), np.array([[[1.0, 3.0], [3.0, 1.0]]]), np.zeros(2))
    array([[1.]])
    """
    n_draws = len(draws)
    order = np.argsort(achieved[:, :, 0], axis=1)
    edges = np.maximum(np.take_along_axis(achieved[:, :, 0], order, axis=1), reference[0])
    tops = np.maximum(np.take_along_axis(achieved[:, :, 1], order, axis=1), reference[1])
    # A strip's height is the best second coordinate of all points whose first one reaches its right edge.
    height = np.maximum.accumulate(tops[:, ::-1], axis=1)[:, ::-1]
    height = np.hstack([height, np.full((n_draws, 1), reference[1])])
    left = np.hstack([np.full((n_draws, 1), reference[0]), edges])
    right = np.hstack([edges, np.full((n_draws, 1), np.inf)])
    gain = np.zeros(draws.shape[:2])
    u, v = draws[:, :, 0], draws[:, :, 1]
    for k in range(left.shape[1]):
        width = np.clip(np.minimum(u, right[:, k, None]) - left[:, k, None], 0.0, None)
        gain += width * np.clip(v - height[:, k, None], 0.0, None)
    return gain


def draw_scalarisations(n: int, n_objectives: int, rng: np.random.Generator) -> Array:
    """Return directions for :func:`scalarise`, uniform on the positive part of the unit sphere; shape (n, m)."""
    normals = np.abs(rng.standard_normal((n, n_objectives))) + 1e-12
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def scalarise(points: Array, reference: Array, directions: Array) -> Array:
    """Return s_l(y) = min_i max(0, (y_i - r_i) / l_i)^m for each direction, times the volume constant.

    Its greatest value over a set of points, averaged over directions, is the set's hypervolume, in any number of
    objectives: Golovin, Zhang, Random Hypervolume Scalarizations for Provable Multi-Objective Black Box
    Optimization, ICML 2020, with c_m = pi^(m/2) / (2^m Gamma(m/2 + 1)).

    Parameters
    ----------
    points : ndarray of shape (..., n, m)
    directions : ndarray of shape (..., k, m)

    Returns
    -------
    ndarray of shape (..., k, n)

    >>> one = np.array([[1.0, 1.0]])
    >>> directions = draw_scalarisations(100_000, 2, np.random.default_rng(0))
    >>> scalarise(one, np.zeros(2), directions).max(axis=1).mean().round(2)
    np.float64(1.0)
    """
    m = points.shape[-1]
    constant = math.pi ** (m / 2.0) / (2.0**m * math.gamma(m / 2.0 + 1.0))
    shifted = np.maximum(points - reference, 0.0)
    lowest = np.full((*np.broadcast_shapes(points.shape[:-2], directions.shape[:-2]), 1, 1), np.inf)
    for i in range(m):
        lowest = np.minimum(lowest, shifted[..., None, :, i] / directions[..., :, None, i])
    return np.asarray(constant * lowest**m)
