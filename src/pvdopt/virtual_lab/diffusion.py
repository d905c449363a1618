"""Lithium spreading through a film while it is filled at constant current, solved numerically.

Knows one equation and no material: ``d(theta)/d(u) = d/dx (delta * 10**(-k * theta) * d(theta)/dx)`` on x in [0, 1],
no flux at x = 0 (the collector), unit flux at x = 1 (the electrolyte). theta is the local filling, u the charge passed
over the charge that fills the film, so that u is the time; delta = D0 q / (i L) compares the time of filling with
that of diffusion. The discharge ends when the filling at the surface reaches the cut-off; the share of the film
used is u at that moment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_banded

Array = np.ndarray[Any, Any]

N_CELLS = 40
#: Width of the cell at the surface; the film's other cells grow from it. Resolves layers down to 1e-3 of the film.
SURFACE_CELL = 1e-4
#: How much the surface may fill in one step.
FILLING_STEP = 0.02
#: Least fall of the diffusivity (decades per filling): constant to the digits that matter, and free of 0/0.
LEAST_SLOPE = 1e-3


def _grid() -> Array:
    """Return the widths of the cells, shape (N_CELLS,), in geometric progression down to the surface."""
    low, high = 1.0, 2.0
    for _ in range(80):
        ratio = (low + high) / 2
        total = SURFACE_CELL * np.sum(ratio ** np.arange(N_CELLS))
        low, high = (ratio, high) if total < 1 else (low, ratio)
    widths = SURFACE_CELL * low ** np.arange(N_CELLS)[::-1]
    return np.asarray(widths / widths.sum())


def _potential(filling: Array, slope: Array) -> Array:
    """Return the integral of 10**(-slope * filling) from 0: its differences drive the flux exactly."""
    rate = slope * np.log(10.0)
    return np.asarray(-np.expm1(-rate * filling) / rate)


def _filling_at(potential: Array, slope: Array) -> Array:
    """Return the filling of a potential; very large where no filling carries that flux."""
    rate = slope * np.log(10.0)
    return np.asarray(-np.log(np.maximum(1.0 - rate * potential, 1e-12)) / rate)


def _solve_tridiagonal(diagonal: Array, beside: Array, right: Array) -> Array:
    """Return the solutions of n symmetric tridiagonal systems of m unknowns.

    Parameters
    ----------
    diagonal, right : ndarray, shape (n, m)
    beside : ndarray, shape (n, m - 1)
        The entries above and below the diagonal.
    """
    # One banded system with nothing between the recipes' blocks: a single call solves them all.
    band = np.zeros((3, diagonal.size))
    linked = np.concatenate([beside, np.zeros((len(beside), 1))], axis=1).ravel()
    band[0, 1:], band[1], band[2] = linked[:-1], diagonal.ravel(), linked
    return np.asarray(solve_banded((1, 1), band, right.ravel(), check_finite=False)).reshape(right.shape)


def solve_utilisation(delta: Array, slope: Array, cutoff: Array) -> Array:
    """Return the share of each film that is filled when its surface reaches the cut-off.

    Implicit finite volumes; the diffusivity is the secant of its integral between neighbouring cells and is found
    by two fixed-point rounds a step. All recipes advance together, each with its own step.

    Parameters
    ----------
    delta : ndarray, shape (n,)
        D0 q / (i L), dimensionless, positive.
    slope : ndarray, shape (n,)
        Decades by which the diffusivity falls from an empty to a full place.
    cutoff : ndarray, shape (n,)
        Filling of the surface at which the discharge ends, in (0, 1].

    Returns
    -------
    ndarray, shape (n,)
        In (0, 1].

    Examples
    --------
    >>> solve_utilisation(np.array([2.0]), np.array([0.0]), np.array([1.0])).round(2)
    array([0.83])
    """
    widths = _grid()
    gaps = (widths[1:] + widths[:-1]) / 2
    delta, slope = np.maximum(delta, 1e-6), np.maximum(slope, LEAST_SLOPE)
    used = np.zeros(len(delta))
    open_ = np.arange(len(delta))
    filling = np.zeros((len(delta), N_CELLS))
    surface, step = np.zeros(len(delta)), np.full(len(delta), 1e-7)
    while len(open_):
        new = _advance(filling, step[:, None], delta[open_, None], slope[open_, None], widths, gaps)
        at_last = _potential(new[:, -1], slope[open_])
        at_surface = _filling_at(at_last + widths[-1] / 2 / delta[open_], slope[open_])
        reached = at_surface >= cutoff[open_]
        rise = np.maximum(at_surface - surface, 1e-12)
        # Where the surface crosses the cut-off within the step, only that part of the step is used.
        part = np.where(reached, np.clip((cutoff[open_] - surface) / rise, 0.0, 1.0), 1.0)
        used[open_] += part * step
        step = np.minimum(step * np.clip(FILLING_STEP / rise, 0.3, 1.7), FILLING_STEP)
        left = ~reached & (used[open_] < 1.0)
        open_, filling, surface, step = open_[left], new[left], at_surface[left], step[left]
    return np.minimum(used, 1.0)


def _advance(filling: Array, step: Array, delta: Array, slope: Array, widths: Array, gaps: Array) -> Array:
    """Return the fillings (recipes, cells) one step later; ``step``, ``delta`` and ``slope`` are (recipes, 1)."""
    load = filling * widths / step
    load[:, -1] += 1.0
    half_rate = slope * (np.log(10.0) / 2)
    new = filling
    for _ in range(2):
        # Beyond 1.2 the discharge has ended; the bound keeps the last step finite.
        bounded = np.minimum(new, 1.2) * half_rate
        # The secant of the potential is the diffusivity midway times sinh(h)/h, h half the fall between the cells.
        half_fall = bounded[:, 1:] - bounded[:, :-1]
        half_fall[np.abs(half_fall) < 1e-6] = 1e-6
        middle = np.exp(-bounded[:, 1:] - bounded[:, :-1])
        exchange = delta / gaps * middle * np.sinh(half_fall) / half_fall
        diagonal = widths / step
        diagonal[:, :-1] += exchange
        diagonal[:, 1:] += exchange
        new = _solve_tridiagonal(diagonal, -exchange, load)
    return new
