"""A monotone change of scale for outcomes whose spread is skewed or heavy-tailed: Yeo-Johnson, with its slopes.

Notation: v outcome, shifted and scaled; y model scale; power 1 changes nothing, 0 is a logarithm above the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Powers between which the change of scale maps all numbers onto all numbers.
POWERS = (0.0, 2.0)
#: Below this a power counts as zero: the limit of the formula is a logarithm.
LEAST_POWER = 1e-6


def yeo_johnson(v: Array, power: float) -> Array:
    """Return y = ((1 + v)^p - 1) / p above zero, and -y(-v) with 2 - p below.

    Yeo, Johnson, A New Family of Power Transformations to Improve Normality or Symmetry, Biometrika 87, 954 (2000).

    >>> yeo_johnson(np.array([-1.0, 0.0, 3.0]), 0.5).round(3)
    array([-1.219,  0.   ,  2.   ])
    """
    side, exponent, grown = _sides(v, power)
    small = np.abs(exponent) < LEAST_POWER
    safe = np.where(small, 1.0, exponent)
    return np.asarray(side * np.where(small, grown, np.expm1(safe * grown) / safe))


def yeo_johnson_slopes(v: Array, power: float) -> tuple[Array, Array, Array]:
    """Return dy/dp, log dy/dv and the derivative of the latter by p."""
    side, exponent, grown = _sides(v, power)
    small = np.abs(exponent) < LEAST_POWER
    safe = np.where(small, 1.0, exponent)
    raised = np.exp(safe * grown)
    by_power = np.where(small, 0.5 * grown**2, (safe * grown * raised - (raised - 1.0)) / safe**2)
    # Below zero both the sign and the exponent 2 - p turn: the derivative by p keeps its sign.
    return by_power, (exponent - 1.0) * grown, side * grown


def inverse_yeo_johnson(y: Array, power: float) -> Array:
    """Return v, the inverse of :func:`yeo_johnson`.

    >>> inverse_yeo_johnson(yeo_johnson(np.array([-2.0, 5.0]), 0.3), 0.3).round(6)
    array([-2.,  5.])
    """
    y = np.asarray(y, dtype=float)
    side = np.where(y >= 0, 1.0, -1.0)
    exponent = np.where(y >= 0, power, 2.0 - power)
    small = np.abs(exponent) < LEAST_POWER
    safe = np.where(small, 1.0, exponent)
    # Beyond 300 in the exponent there is no number left to return.
    grown = np.minimum(np.where(small, np.abs(y), np.log1p(safe * np.abs(y)) / safe), 300.0)
    return np.asarray(side * np.expm1(grown))


def _sides(v: Array, power: float) -> tuple[Array, Array, Array]:
    """Return the sign of each value, the exponent on its side, and log(1 + |v|)."""
    v = np.asarray(v, dtype=float)
    above = v >= 0
    return np.where(above, 1.0, -1.0), np.where(above, power, 2.0 - power), np.log1p(np.abs(v))


@dataclass(frozen=True)
class WarpedLink:
    """The outcome shifted, scaled and changed by :func:`yeo_johnson`."""

    center: float = 0.0
    scale: float = 1.0
    power: float = 1.0
    increasing: bool = True

    def forward(self, values: Array) -> Array:
        """Return model values of outcomes."""
        return yeo_johnson((np.asarray(values, dtype=float) - self.center) / self.scale, self.power)

    def inverse(self, values: Array) -> Array:
        """Return outcomes of model values."""
        return np.asarray(inverse_yeo_johnson(values, self.power) * self.scale + self.center)
