"""Covariance between recipes of a plain table, quick enough to be averaged over its settings.

k = s_a^2 mean_j m(g_j / u_j^2) + s_i^2 m(mean_j g_j / u_j^2) + s_l^2, with m Matern 5/2 of a squared distance. The
additive part lets each setting have an effect of its own, the other one lets them act together; which of the two
weighs more is learned. A category's levels are all equally far from each other: twenty levels share one length scale,
and what one of them does beside one setting is expected beside the others too (the additive part).

Notation: n, m rows; d inputs; g_j squared difference of input j, for a category 0 or 1; u_j length scale; theta the
logarithms of u_1..u_d, s_a and s_i.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import CategoryInput, Input, encode

Array = NDArray[np.float64]

#: Where a number that does not apply stands: its parent tells such recipes apart from the others.
ABSENT_PLACE = 0.5
#: Deviation of the overall level, the outcome's spread being 1.
LEVEL_SD = 1.0


@dataclass(frozen=True)
class Points:
    """Recipes as the kernel reads them.

    Attributes
    ----------
    numbers : ndarray of shape (n, p)
        On [0, 1] between the bounds.
    codes : ndarray of int, shape (n, q)
        Level of each category; -1 for none.
    has_gaps : bool
        Whether something was not reported.
    """

    numbers: Array
    codes: NDArray[np.int_]
    has_gaps: bool

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.intp] | slice) -> Points:
        """Return some of the points."""
        return Points(self.numbers[rows], self.codes[rows], self.has_gaps)


def read_points(inputs: Sequence[Input], frame: pd.DataFrame) -> Points:
    """Return the points of a frame; what was not reported stands in the middle, and ``has_gaps`` says so."""
    design = encode(inputs, frame)
    numbers = [c for c in design.columns if not isinstance(c.input, CategoryInput)]
    categories = [c for c in design.columns if isinstance(c.input, CategoryInput)]
    places = [np.where(np.isnan(c.values), ABSENT_PLACE, c.values) for c in numbers]
    codes = [np.where(np.isnan(c.values), -1, c.values).astype(int) for c in categories]
    return Points(
        np.stack(places, axis=1) if places else np.zeros((design.n, 0)),
        np.stack(codes, axis=1) if codes else np.zeros((design.n, 0), dtype=int),
        any(bool(c.missing.any()) for c in design.columns),
    )


def squared_gaps(a: Points, b: Points) -> Array:
    """Return the squared difference of each input, numbers first; shape (d, n, m)."""
    p = a.numbers.shape[1]
    gaps = np.empty((p + a.codes.shape[1], len(a), len(b)))
    for j in range(p):
        np.subtract.outer(a.numbers[:, j], b.numbers[:, j], out=gaps[j])
    np.square(gaps[:p], out=gaps[:p])
    for j in range(a.codes.shape[1]):
        gaps[p + j] = a.codes[:, j, None] != b.codes[None, :, j]
    return gaps


def covariance(gaps: Array, theta: Array, n_numbers: int) -> Array:
    """Return k, shape (n, m); the first ``n_numbers`` of the gaps are those of numbers."""
    d = len(gaps)
    inverse = np.exp(-2.0 * theta[:d])
    additive, together = np.exp(2.0 * theta[d : d + 2])
    total = np.full(gaps.shape[1:], LEVEL_SD**2)
    scaled = gaps * inverse[:, None, None]
    total += together * _matern(scaled.sum(axis=0) / max(d, 1))
    for value in scaled[:n_numbers]:
        total += additive / d * _matern(value)
    # Of a category there are two values only.
    for gap, apart in zip(gaps[n_numbers:], _matern(inverse[n_numbers:]), strict=True):
        total += additive / d * (1.0 - (1.0 - apart) * gap)
    return total


def variance(theta: Array, d: int) -> float:
    """Return k between a recipe and itself."""
    return float(LEVEL_SD**2 + np.exp(2.0 * theta[d : d + 2]).sum())


def covariance_with_slopes(gaps: Array, theta: Array) -> tuple[Array, Slopes]:
    """Return k and what its derivatives by theta are made of."""
    d = len(gaps)
    inverse = np.exp(-2.0 * theta[:d])
    additive, together = np.exp(2.0 * theta[d : d + 2])
    scaled = gaps * inverse[:, None, None]
    each, each_slope = _matern_with_slope(scaled)
    joint, joint_slope = _matern_with_slope(scaled.mean(axis=0))
    by_additive, by_together = additive / d * each.sum(axis=0), together * joint
    total = LEVEL_SD**2 + by_additive + by_together
    return total, Slopes(scaled, additive / d * each_slope, together / d * joint_slope, by_additive, by_together)


@dataclass(frozen=True)
class Slopes:
    """Parts of the derivatives of k; :meth:`trace` puts them together."""

    scaled: Array
    each: Array
    joint: Array
    additive: Array
    together: Array

    def trace(self, matrix: Array) -> Array:
        """Return tr(matrix dk/dtheta) of a symmetric matrix, shape (d + 2,)."""
        d = len(self.scaled)
        by_length = (self.scaled * self.each).reshape(d, -1) @ matrix.ravel()
        by_length += self.scaled.reshape(d, -1) @ (matrix * self.joint).ravel()
        amplitudes = [np.vdot(matrix, self.additive), np.vdot(matrix, self.together)]
        # The squared distance falls as exp(-2 theta), the amplitudes' squares grow as exp(2 theta).
        return np.append(-2.0 * by_length, 2.0 * np.array(amplitudes))


def _matern(squared: Array) -> Array:
    """Return the Matern 5/2 correlation of a squared scaled distance (Rasmussen, Williams 2006, equation 4.17)."""
    s = np.sqrt(5.0 * squared)
    value = s / 3.0
    value += 1.0
    value *= s
    value += 1.0
    np.negative(s, out=s)
    np.exp(s, out=s)
    value *= s
    return np.asarray(value)


def _matern_with_slope(squared: Array) -> tuple[Array, Array]:
    """Return the correlation and its derivative by the squared distance."""
    s = np.sqrt(5.0 * squared)
    decay = np.exp(-s)
    # Both share (1 + s) exp(-s): the correlation adds s^2 / 3 = 5/3 of the squared distance.
    lead = (1.0 + s) * decay
    return lead + 5.0 / 3.0 * squared * decay, -5.0 / 6.0 * lead
