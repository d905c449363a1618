"""How a capacity fades with the cycles, fitted to what was read so far, and where it will stand later.

Notation: n cycle counted from 1 at the first of the series, q_n capacity, r_n = q_n / q_1,

    r_n = a exp(-k (n/100)^beta)                (domain notes 1.3; k is the fade after 100 cycles)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Prior of the exponent of the fade (domain notes 1.3), and of ln k from the spread of the reported cells (same).
BETA_MEAN, BETA_SD = 0.5, 0.2
LN_K_MEAN, LN_K_SD = -2.1, 1.5
#: How well one retention is read, and the least that a series' scatter is taken for (judgement, unverified).
READING_SD, LEAST_SCATTER = 0.01, 0.003
#: How well the first capacity, to which all others are related, is known (judgement, unverified).
AMPLITUDE_SD = 0.02
#: However long a series is, it counts as this many readings: what the law misses is the same in neighbouring cycles.
EFFECTIVE_READINGS = 20
#: How the exponent drifts as a cell goes on, per e-fold of cycles beyond the last. Chosen so that the 80 % interval for
#: cycle 100 holds about 80 % of simulated linear, stretched and fast-then-slow fades read at 20 to 60 cycles, taken
#: together (72 % at 0.10, 91 % at 0.20).
DRIFT_SD = 0.15


@dataclass(frozen=True)
class Fade:
    """How a cell fades: the law's parameters with their variances.

    Attributes
    ----------
    ln_k, beta, amplitude : float
        Of the law above.
    var_ln_k, var_beta, covariance : float
    drift_sd : float
        By how much the exponent may be another one beyond the last cycle.
    n_cycles : float
        The last cycle behind it.
    """

    ln_k: float
    beta: float
    amplitude: float
    var_ln_k: float
    var_beta: float
    covariance: float
    drift_sd: float
    n_cycles: float

    @property
    def k100(self) -> float:
        """Fade after 100 cycles, -ln of the retention."""
        return math.exp(self.ln_k)

    def at(self, cycles: float, p: float = 0.8) -> tuple[float, float, float]:
        """Return the retention after a number of cycles: median, low and high end of the ``p`` interval."""
        reach = math.log(cycles / 100.0)
        y = self.ln_k + self.beta * reach
        beyond = math.log(max(1.0, cycles / self.n_cycles)) * self.drift_sd
        variance = self.var_ln_k + reach**2 * self.var_beta + 2.0 * reach * self.covariance
        sd = math.sqrt(max(0.0, variance) + beyond**2)
        z = NormalDist().inv_cdf(0.5 + p / 2.0)
        mid, low, high = (
            min(1.0, self.amplitude * math.exp(-math.exp(min(v, 700.0)))) for v in (y, y + z * sd, y - z * sd)
        )
        return mid, low, high

    def sd_at(self, cycles: float) -> float:
        """Return the standard deviation of that retention, from the interval's width."""
        _, low, high = self.at(cycles)
        return (high - low) / (2.0 * NormalDist().inv_cdf(0.9))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Return a fade as :func:`dataclasses.asdict` wrote it."""
        return cls(**{name: float(raw[name]) for name in cls.__dataclass_fields__})


def fit_fade(n: Sequence[float] | Array, shares: Sequence[float] | Array) -> Fade:
    """Fit the fade's law to retentions by least squares, with priors on k and beta.

    Parameters
    ----------
    n, shares : array of shape (m,)
        Cycles and retentions, m at least 1. With one reading the exponent is the prior's.

    Examples
    --------
    >>> fade = fit_fade([37], [0.95])
    >>> [round(v, 2) for v in fade.at(100)]
    [0.92, 0.88, 0.94]
    """
    from scipy.optimize import least_squares

    cycles, r = np.asarray(n, dtype=float) / 100.0, np.asarray(shares, dtype=float)
    priors = np.array([LN_K_SD, BETA_SD])
    is_series = len(r) > 3
    # One reading cannot tell a first capacity that was read wrongly from fade; then its error is the reading's.
    amplitude_sd = AMPLITUDE_SD if is_series else 1e-3

    def law(x: Array) -> Array:
        return np.asarray(x[2] * np.exp(-np.exp(x[0]) * cycles ** np.clip(x[1], 0.02, 3.0)))

    def fit(scatter: float) -> Any:
        weight = scatter * math.sqrt(max(1.0, len(r) / EFFECTIVE_READINGS))

        def residuals(x: Array) -> Array:
            prior = np.array([(x[0] - LN_K_MEAN), (x[1] - BETA_MEAN)]) / priors
            return np.concatenate([(law(x) - r) / weight, prior, [(x[2] - 1.0) / amplitude_sd]])

        return least_squares(residuals, np.array([LN_K_MEAN, BETA_MEAN, 1.0]))

    found = fit(READING_SD)
    if is_series:
        found = fit(max(LEAST_SCATTER, float(np.sqrt(np.mean((law(found.x) - r) ** 2)))))
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    return Fade(
        ln_k=float(found.x[0]),
        beta=float(found.x[1]),
        amplitude=float(found.x[2]),
        var_ln_k=float(covariance[0, 0]),
        var_beta=float(covariance[1, 1]),
        covariance=float(covariance[0, 1]),
        drift_sd=DRIFT_SD if is_series else 0.0,
        n_cycles=float(100.0 * cycles.max()),
    )
