"""Closed forms behind the prior means: conversions, diffusion-limited utilisation, ohmic loss, heat and bias.

Pure functions of arrays. Knows no data table and no model; every constant says where it comes from.

Notation: D diffusivity (cm2/s), L thickness (um), i current density (uA/cm2), q_v capacity (uAh/cm2/um),
delta = D t_full / L^2 with t_full = L q_v / i the time of a full discharge, u utilisation (share of q_v reached).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

#: Overvoltage that ends a discharge (V); common knowledge, unverified.
OHMIC_WINDOW_V = 0.9
#: Resistance of the interface, ohm cm2, of a stack made without a break of vacuum (Jeon et al., 2001), and by how much
#: a break multiplies it, by the publication (review); the first that is not held out counts.
IN_SITU_OHM_CM2 = 60.0
EX_SITU_TIMES = {"jeon2001": 15.0, "liu2007": 35.0}
#: Utilisation of a thin, well crystallised film at low current; a judgement (unverified).
FULL_UTILISATION = 0.85


def diffusion_parameter(diffusivity: ArrayLike, q_v: ArrayLike, current: ArrayLike, thickness: ArrayLike) -> Array:
    """Return delta = D t_full / L^2, dimensionless.

    Parameters
    ----------
    diffusivity : cm2/s
    q_v : uAh/cm2/um
    current : uA/cm2
    thickness : um
    """
    d, q, i, length = (np.asarray(a, dtype=float) for a in (diffusivity, q_v, current, thickness))
    seconds = 3600.0 * q * length / i
    return np.asarray(d * seconds / (length * 1e-4) ** 2)


def utilisation(delta: ArrayLike) -> Array:
    """Return the share of the capacity that a planar film gives at constant current before its surface is full.

    Constant diffusivity, blocking collector. The exact relation 1 = u + (1/delta) [1/3 - (2/pi^2) sum_n
    exp(-n^2 pi^2 delta u) / n^2] is the finite-space solution of diffusion at constant flux (Carslaw and Jaeger,
    Conduction of Heat in Solids, 1959, section 3.8); this closed form stays within 0.0065 of it for
    1e-3 < delta < 1e3.
    """
    d = np.asarray(delta, dtype=float)
    return np.asarray(d / (d + 1.0 / 3.0 + 0.9399 / (1.0 + (2.14 * d) ** 2)))


def exact_utilisation(delta: ArrayLike, n_terms: int = 2000) -> Array:
    """Return the exact utilisation of the relation in :func:`utilisation`, by bisection; for tests and studies."""
    d = np.atleast_1d(np.asarray(delta, dtype=float))
    n2 = np.arange(1, n_terms + 1, dtype=float)[:, None] ** 2
    low, high = np.zeros_like(d), np.ones_like(d)
    for _ in range(60):
        u = 0.5 * (low + high)
        series = (np.exp(-n2 * np.pi**2 * d * u) / n2).sum(axis=0)
        surface = u + (1.0 / 3.0 - 2.0 / np.pi**2 * series) / d
        low, high = np.where(surface < 1.0, u, low), np.where(surface < 1.0, high, u)
    return np.asarray(0.5 * (low + high))


def ohmic_factor(current: ArrayLike, electrolyte_um: ArrayLike, conductivity: ArrayLike, interface: ArrayLike) -> Array:
    """Return the share of capacity left by the ohmic drop, max(0.05, 1 - (i R / 0.9 V)^2).

    Parameters
    ----------
    current : uA/cm2
    electrolyte_um : um
    conductivity : S/cm
    interface : ohm cm2
    """
    i, length, sigma, r = (np.asarray(a, dtype=float) for a in (current, electrolyte_um, conductivity, interface))
    drop = i * 1e-6 * (length * 1e-4 / sigma + r) / OHMIC_WINDOW_V
    return np.asarray(np.maximum(0.05, 1.0 - drop**2))


#: ln(capacity / theory) of LiCoO2 films against the highest temperature they saw (C). 500, 600, 700 C: 41.8, 50.6,
#: 61.2 of 69.2 uAh/cm2/um in liquid cells, published outside the review; as deposited: a tenth of annealed
#: (Kuwata et al., 2006, abstract). Between, linear.
HEAT_ANCHORS_C = np.array([25.0, 300.0, 500.0, 600.0, 700.0])
HEAT_LOG_FACTOR = np.array([-2.4, -1.3, -0.50, -0.31, -0.12])
HEAT_FITTED_ON = ("kuwata2006",)
#: Without Kuwata et al. the two cold anchors follow the line through those of 500 and 700 C.
COLD_ANCHORS_C = 500.0
#: Bias as crystallising agent: LiCoO2 at -50 V gave 63 of 69.2 uAh/cm2/um without an anneal (Park et al., 2005); with
#: bias and 500 C 67 was reached (published outside the review, 2012).
#: The width is a judgement (unverified).
BIAS_OPTIMUM_V, BIAS_WIDTH_V, BIAS_FITTED_ON = -50.0, 25.0, ("park2005",)
#: Deviation of the best bias from one laboratory to another, V: -30 to -80 V is called useful (domain notes,
#: unverified), and supply, distance and pressure differ.
BIAS_OPTIMUM_SD_V = 20.0


def crystallinity_belief(
    anneal_c: ArrayLike,
    substrate_c: ArrayLike,
    bias_v: ArrayLike,
    bias_strength: float = 1.0,
    with_cold_figure: bool = True,
    bias_optimum_v: float = BIAS_OPTIMUM_V,
) -> Array:
    """Return a belief about ln(capacity factor) of a layered oxide from its heat and bias, 0 = fully crystallised.

    Heat is the larger of anneal and substrate temperature (C). A bias stands in for heat, the more the nearer it is
    to the best one. Only a belief about shape: the surrogate gives it a weight that data can move or cancel. Without
    the figure of a film as deposited, the cold end follows the line through the films of 500 and 700 C.
    """
    factors = HEAT_LOG_FACTOR if with_cold_figure else _warm_line()
    heat = np.fmax(np.asarray(anneal_c, dtype=float), np.asarray(substrate_c, dtype=float))
    from_heat = np.interp(heat, HEAT_ANCHORS_C, factors)
    bell = np.exp(-0.5 * ((np.asarray(bias_v, dtype=float) - bias_optimum_v) / BIAS_WIDTH_V) ** 2)
    # The bell's tail reaches 0 V: without it the anchors of unbiased films would not be met.
    unbiased = np.exp(-0.5 * (bias_optimum_v / BIAS_WIDTH_V) ** 2)
    closeness = bias_strength * np.maximum(bell - unbiased, 0.0) / (1.0 - unbiased)
    return np.asarray(from_heat + closeness * (np.maximum(from_heat, factors[-1]) - from_heat))


def _warm_line() -> Array:
    """Return the anchors of heat with the cold ones on the line through the first and the last warm one."""
    warm = HEAT_ANCHORS_C >= COLD_ANCHORS_C
    temperature, factor = HEAT_ANCHORS_C[warm], HEAT_LOG_FACTOR[warm]
    slope = (factor[-1] - factor[0]) / (temperature[-1] - temperature[0])
    return np.where(warm, HEAT_LOG_FACTOR, factor[0] + slope * (HEAT_ANCHORS_C - temperature[0]))


def fade_noise_variance(cycles: Any, beta_sd: float = 0.2) -> Array:
    """Return the variance that an uncertain fade exponent adds on the fade scale, (0.2 ln(N/100))^2."""
    n = np.asarray(cycles, dtype=float)
    return np.asarray((beta_sd * np.log(n / 100.0)) ** 2)
