"""Covariance between recipes, one factor per input, with what is missing averaged over.

Each input has a correlation r_j in [0, 1]: Matern 5/2 of the scaled distance for a number, equal-or-not for a
category. A value that was not reported is replaced by the average of r_j over what it may have been, never by a
single filled-in value; a value that does not apply is a state of its own. Rows whose unknown value is known to be
one and the same (what a laboratory never states) correlate fully in it. From these follow an additive part (mean of
the r_j) and an interaction part (product of the r_j).

Notation: n, m rows; d inputs; theta_j = ln(length scale of input j).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvdopt.features import CategoryInput, Design, DesignColumn, NumberInput

Array = NDArray[np.float64]

#: Correlation between "does not apply" and any value of the same input (judgement, unverified).
ABSENT_CORRELATION = 0.5
#: Number of places at which an unknown value is averaged when training says little about it.
N_GUESSES = 7
#: States of an input without a value, in the order in which they follow the known values: does not apply, not
#: known, and not known but the same for all rows in this state.
ABSENT, MISSING, COMMON = range(3)
N_STATES = 3


def matern52(distance: Array, log_length: float) -> tuple[Array, Array]:
    """Return the Matern 5/2 correlation and its derivative by the log of the length scale.

    Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), equation 4.17.
    """
    s = np.sqrt(5.0) * distance / np.exp(log_length)
    decay = np.exp(-s)
    return (1.0 + s + s**2 / 3.0) * decay, s**2 * (1.0 + s) / 3.0 * decay


@dataclass(frozen=True)
class Factor:
    """The correlation of one input.

    Attributes
    ----------
    support, weights : ndarray of shape (k,)
        Belief about a value that was not reported: scaled values (or level codes) and their weights.
    may_be_absent : bool
        Whether the input can fail to apply; then "absent" is a state of its own.
    """

    is_category: bool
    support: Array
    weights: Array
    may_be_absent: bool

    @classmethod
    def learn(cls, column: DesignColumn) -> Factor:
        """Return the factor of a training column: the belief about missing values is its own or the values seen."""
        declared = column.input
        known = column.values[~column.missing & ~column.absent]
        if isinstance(declared, CategoryInput):
            counts = np.bincount(known.astype(int), minlength=len(declared.levels)).astype(float) + 0.5
            for level, weight in declared.guess:
                counts[declared.levels.index(level)] += 100.0 * weight
            support = np.arange(len(declared.levels), dtype=float)
            weights = counts
        elif declared.guess:
            support = declared.scale(np.array([v for v, _ in declared.guess]))
            weights = np.array([w for _, w in declared.guess])
        elif len(known) >= 5:
            support = np.quantile(known, (np.arange(N_GUESSES) + 0.5) / N_GUESSES)
            weights = np.ones(N_GUESSES)
        else:
            support = (np.arange(N_GUESSES) + 0.5) / N_GUESSES
            weights = np.ones(N_GUESSES)
        absent = bool(column.absent.any()) or (
            bool(declared.absent_when) and not (isinstance(declared, NumberInput) and declared.absent_value is not None)
        )
        return cls(column.is_category, support, weights / weights.sum(), absent)

    def pair(self, a: DesignColumn, b: DesignColumn) -> FactorPair:
        """Return what does not depend on the length scale when two columns are compared."""
        points_a, index_a = _nodes(a)
        points_b, index_b = _nodes(b)
        left, right = np.concatenate([points_a, self.support]), np.concatenate([points_b, self.support])
        gap = left[:, None] != right[None, :] if self.is_category else np.abs(left[:, None] - right[None, :])
        return FactorPair(self, np.asarray(gap, dtype=float), len(points_a), len(points_b), index_a, index_b)


@dataclass(frozen=True)
class FactorPair:
    """Two columns of one input, ready for any length scale.

    Attributes
    ----------
    gap : ndarray
        Distance between distinct values (for a category 1 where they differ), the places for unknown values last.
    """

    factor: Factor
    gap: Array
    n_left: int
    n_right: int
    index_left: NDArray[np.intp]
    index_right: NDArray[np.intp]

    def correlation(self, log_length: float) -> Array:
        """Return the correlation, shape (n, m)."""
        value, _ = self._base(log_length)
        return self._spread(value, ABSENT_CORRELATION, 1.0)

    def with_slope(self, log_length: float) -> tuple[Array, Array]:
        """Return the correlation and its derivative by the log length scale."""
        value, slope = self._base(log_length)
        return self._spread(value, ABSENT_CORRELATION, 1.0), self._spread(slope, 0.0, 0.0)

    def _base(self, log_length: float) -> tuple[Array, Array]:
        """Return correlation and slope between known values."""
        if self.factor.is_category:
            other = float(np.exp(-np.exp(-log_length)))
            value = np.where(self.gap > 0, other, 1.0)
            slope = np.where(self.gap > 0, other * np.exp(-log_length), 0.0)
        else:
            value, slope = matern52(self.gap, log_length)
        if self.factor.may_be_absent:
            value = ABSENT_CORRELATION + (1.0 - ABSENT_CORRELATION) * value
            slope = (1.0 - ABSENT_CORRELATION) * slope
        return value, slope

    def _spread(self, known: Array, with_absent: float, with_itself: float) -> Array:
        """Return values for all rows from those of distinct known values: unknown ones averaged, absent ones apart."""
        pa, pb, weights = self.n_left, self.n_right, self.factor.weights
        full = np.full((pa + N_STATES, pb + N_STATES), with_absent)
        full[:pa, :pb] = known[:pa, :pb]
        full[:pa, pb + MISSING :] = (known[:pa, pb:] @ weights)[:, None]
        full[pa + MISSING :, :pb] = weights @ known[pa:, :pb]
        full[pa + MISSING :, pb + MISSING :] = weights @ known[pa:, pb:] @ weights
        full[pa + ABSENT, pb + ABSENT] = full[pa + COMMON, pb + COMMON] = with_itself
        return np.asarray(full[self.index_left[:, None], self.index_right[None, :]])


def _nodes(column: DesignColumn) -> tuple[Array, NDArray[np.intp]]:
    """Return the distinct known values, and for each row its place among them and the three states after them."""
    known = ~column.missing & ~column.absent
    points, inverse = np.unique(column.values[known], return_inverse=True)
    index = np.full(len(column.values), len(points) + MISSING, dtype=np.intp)
    index[known] = inverse
    index[column.absent] = len(points) + ABSENT
    if column.common is not None:
        index[column.common] = len(points) + COMMON
    return points, index


@dataclass(frozen=True)
class ProcessKernel:
    """The additive and the interaction part over all inputs.

    k = s_add^2 mean_j r_j + s_int^2 prod_j r_j.
    """

    factors: tuple[Factor, ...]

    @classmethod
    def learn(cls, design: Design) -> ProcessKernel:
        """Return the kernel of a training design."""
        return cls(tuple(Factor.learn(c) for c in design.columns))

    def pairs(self, a: Design, b: Design) -> list[FactorPair]:
        """Return all inputs of two designs, ready for any length scales."""
        return [f.pair(ca, cb) for f, ca, cb in zip(self.factors, a.columns, b.columns, strict=True)]

    def parts(
        self, a: Design, b: Design, log_lengths: Sequence[float] | Array, same: bool = False
    ) -> tuple[Array, Array]:
        """Return the additive and the interaction part with unit amplitude, each of shape (n, m).

        With ``same`` rows correlate fully with themselves: a row's unknown value is one value, whatever it is; the
        average applies between rows only.
        """
        additive, product = np.zeros((a.n, b.n)), np.ones((a.n, b.n))
        for pair, log_length in zip(self.pairs(a, b), log_lengths, strict=True):
            value = pair.correlation(float(log_length))
            if same:
                np.fill_diagonal(value, 1.0)
            additive += value
            product *= value
        return additive / max(len(self.factors), 1), product


def equal_levels(a: NDArray[np.object_], b: NDArray[np.object_]) -> Array:
    """Return 1 where two rows share a level, 0 where they don't or one is not known; shape (n, m)."""
    known = np.array([isinstance(v, str) and v != "" for v in a], dtype=bool)[:, None]
    return np.asarray((a[:, None] == b[None, :]) & known, dtype=float)
