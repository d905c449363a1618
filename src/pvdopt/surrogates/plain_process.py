"""The surrogate of a plain optimiser: a Gaussian process averaged over its settings, on a scale found with them.

y = w(v) = level + additive + interaction + run + noise, w a monotone change of scale (:mod:`~pvdopt.surrogates.warp`).
Its power and all other settings are first set to the maximum of their posterior, with analytic gradients; then a few
settings are drawn from around it and each makes a prediction of its own. With a handful of cells a single setting is
sure of what it cannot know.

Notation: theta log settings in the order of :func:`priors`; K covariance of the training rows, alpha = K^-1 y.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import cho_solve, lapack, solve_triangular
from scipy.optimize import minimize

from pvdopt.features import NumberInput
from pvdopt.surrogates.base import IdentityLink, MixedPrediction, Prediction, safe_cholesky
from pvdopt.surrogates.kernel import equal_levels
from pvdopt.surrogates.plain_kernel import (
    Points,
    covariance,
    covariance_with_slopes,
    read_points,
    squared_gaps,
    variance,
)
from pvdopt.surrogates.warp import POWERS, WarpedLink, yeo_johnson, yeo_johnson_slopes
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Log-normal priors (median, deviation of the logarithm), the outcome's spread being 1 and a number's range too. The
#: interaction reads the mean of the scaled differences, so that its reach grows with the number of inputs as recipes
#: move apart (Hvarfner, Hellsten, Nardi, Vanilla Bayesian Optimization Performs Great in High Dimensions, ICML 2024).
NUMBER_LENGTH, CATEGORY_LENGTH = (0.5, 0.9), (1.0, 0.9)
ADDITIVE, TOGETHER = (0.5, 0.8), (0.8, 0.6)
NOISE, RUN = (0.12, 1.5), (0.10, 0.5)
#: Normal prior of the power of the scale: none is changed without a reason.
POWER = (1.0, 0.35)
#: Settings lie within this many deviations of their priors' medians.
REACH = 4.0
#: Starts of the search for the settings, and rows it looks at; all rows are used to predict.
N_STARTS, N_ROWS_FOR_SETTINGS = 2, 200
#: Settings drawn to choose from, and kept: as many as rows allow, since with many rows one is enough.
N_DRAWN, N_KEPT = 64, ((160, 8), (320, 4))
#: Width of the draws around the maximum against the curvature there, and the exponent that evens out their weights.
WIDENING, TEMPER = 1.3, 0.7
#: An outcome further from the middle than this many spreads counts as this far: it is an extreme in any case.
FARTHEST = 1e4
#: Numbers handled at once: what a core keeps close by.
N_AT_ONCE = 60_000
JITTER = 1e-8


def is_plain(table: TrainingTable) -> bool:
    """Return whether a table is one this surrogate can learn from: exact and complete, with no domain knowledge."""
    plain = not table.effects and isinstance(table.link, IdentityLink) and not len(table.prior.weight_sd)
    return plain and not (table.censor != 0).any() and not read_points(table.inputs, table.frame).has_gaps


def priors(table: TrainingTable, has_runs: bool) -> tuple[Array, Array]:
    """Return centres and deviations of theta: lengths, additive, together, noise, the run's if any, the power."""
    numbers = [NUMBER_LENGTH for i in table.inputs if isinstance(i, NumberInput)]
    lengths = numbers + [CATEGORY_LENGTH] * (len(table.inputs) - len(numbers))
    found = [*lengths, ADDITIVE, TOGETHER, NOISE, *([RUN] if has_runs else [])]
    centre = [float(np.log(median)) for median, _ in found]
    return np.array([*centre, POWER[0]]), np.array([*(sd for _, sd in found), POWER[1]])


@dataclass(frozen=True)
class _Rows:
    """The training rows: v, its known variance, and what the covariance reads."""

    points: Points
    v: Array
    known_var: Array
    same_run: Array | None

    def take(self, picked: NDArray[np.intp]) -> _Rows:
        same = None if self.same_run is None else self.same_run[np.ix_(picked, picked)]
        return _Rows(self.points.take(picked), self.v[picked], self.known_var[picked], same)


@dataclass(frozen=True)
class _Setting:
    """One setting, its weight, and the training rows solved under it."""

    theta: Array
    weight: float
    factor: Array
    alpha: Array

    def explained(self, cross: Array) -> Array:
        """Return what makes up, squared and summed, the variance that the training rows explain; shape (n, m)."""
        return np.asarray(solve_triangular(self.factor, cross, lower=True, check_finite=False)) if len(cross) else cross


@dataclass
class PlainProcess:
    """The surrogate described above; fit only tables for which :func:`is_plain` holds."""

    seed: int = 0
    name: str = "plain_process"
    power: float = field(default=1.0, init=False)

    # -- fitting -------------------------------------------------------------------------------------------------

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table; an empty one gives the prior."""
        table = table.in_fixed_order()
        self._table = table
        points = read_points(table.inputs, table.frame)
        self._d, self._n_numbers = len(table.inputs), points.numbers.shape[1]
        same = equal_levels(table.run, table.run)
        np.fill_diagonal(same, 1.0)
        has_runs = bool(same.sum() > len(table))
        v = np.clip(table.y, -FARTHEST, FARTHEST)
        self._rows = _Rows(points, v, table.noise_var, same if has_runs else None)
        self._centre, self._width = priors(table, has_runs)
        rng = np.random.default_rng(self.seed)
        picked = np.arange(len(table))
        if len(table) > N_ROWS_FOR_SETTINGS:
            picked = np.sort(rng.choice(len(table), N_ROWS_FOR_SETTINGS, replace=False))
        some = self._rows.take(picked)
        gaps = squared_gaps(some.points, some.points)
        theta = self._search(some, gaps, rng) if len(table) else self._centre.copy()
        self.power = float(theta[-1])
        base = table.link
        if not isinstance(base, IdentityLink):
            raise ValueError(f"a plain table has a plain scale, got {type(base).__name__}")
        self._link = WarpedLink(base.center, base.scale, self.power)
        n_kept = next((kept for rows, kept in N_KEPT if len(table) <= rows), 1)
        drawn = self._draw_settings(theta, some, gaps, n_kept, rng) if len(table) and n_kept > 1 else [(theta, 1.0)]
        everything = gaps if len(picked) == len(table) else squared_gaps(points, points)
        self._settings = [self._solve(t, w, everything) for t, w in drawn]
        return self

    def _search(self, rows: _Rows, gaps: Array, rng: np.random.Generator) -> Array:
        """Return the best theta of a few L-BFGS-B runs."""
        bounds = np.stack([self._centre - REACH * self._width, self._centre + REACH * self._width], axis=1)
        bounds[-1] = np.clip(bounds[-1], *POWERS)
        best_value, best = np.inf, self._centre
        for k in range(N_STARTS):
            away = 0.7 * self._width * rng.standard_normal(len(self._centre)) if k else 0.0
            start = np.clip(self._centre + away, *bounds.T)
            found = minimize(
                lambda t: self._objective(t, rows, gaps),
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 60},
            )
            if found.fun < best_value:
                best_value, best = float(found.fun), np.asarray(found.x)
        return best

    def _objective(self, theta: Array, rows: _Rows, gaps: Array) -> tuple[float, Array]:
        """Return minus the log posterior of theta, the change of scale counted in, and its gradient."""
        y, by_power, log_slope, slope_by_power = self._warp(rows.v, theta[-1])
        matrix, slopes = covariance_with_slopes(gaps, theta)
        extra, noise_slopes = self._noise(theta, rows, log_slope)
        matrix += extra
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=0)
        if failed:
            return 1e12, np.zeros_like(theta)
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        alpha = inverse @ y
        value = 0.5 * y @ alpha + np.log(np.diag(factor)).sum() - log_slope.sum()
        inner = inverse - np.outer(alpha, alpha)
        by_noise = [np.vdot(inner, s) if s.ndim == 2 else np.diag(inner) @ s for s in noise_slopes]
        # A known variance is stretched with the scale: its slope by the power goes with that of the scale's.
        stretched = 2.0 * rows.known_var * np.exp(2.0 * log_slope) * slope_by_power
        power_slope = alpha @ by_power - slope_by_power.sum() + 0.5 * np.diag(inner) @ stretched
        gradient = np.concatenate([0.5 * slopes.trace(inner), 0.5 * np.array(by_noise), [power_slope]])
        z = (theta - self._centre) / self._width
        return float(value + 0.5 * z @ z), gradient + z / self._width

    @staticmethod
    def _warp(v: Array, power: float) -> tuple[Array, Array, Array, Array]:
        return (yeo_johnson(v, power), *yeo_johnson_slopes(v, power))

    def _noise(self, theta: Array, rows: _Rows, log_slope: Array) -> tuple[Array, list[Array]]:
        """Return what noise and runs add to K, and its slopes by their amplitudes (a vector for a diagonal)."""
        noise = float(np.exp(2.0 * theta[self._d + 2]))
        extra = np.diag(noise + JITTER + rows.known_var * np.exp(2.0 * log_slope))
        slopes = [np.full(len(extra), 2.0 * noise)]
        if rows.same_run is not None:
            by_run = np.exp(2.0 * theta[self._d + 3]) * rows.same_run
            extra += by_run
            slopes.append(2.0 * by_run)
        return extra, slopes

    def _draw_settings(
        self, best: Array, rows: _Rows, gaps: Array, n_kept: int, rng: np.random.Generator
    ) -> list[tuple[Array, float]]:
        """Return settings from around the best one, and their weights: importance sampling, resampled.

        Draws from the normal that has the curvature of the posterior at its maximum, a little wider; the power of
        the scale stays, so that all predictions live on one.
        """
        free = len(best) - 1
        step = 1e-3
        here = self._objective(best, rows, gaps)[1][:free]
        curvature = np.stack(
            [(self._objective(best + step * e, rows, gaps)[1][:free] - here) / step for e in np.eye(free, free + 1)]
        )
        values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
        values = np.maximum(values, 1.0 / (2.0 * self._width.max()) ** 2)
        half = rng.standard_normal((N_DRAWN // 2, free))
        normals = np.vstack([np.zeros((1, free)), half, -half])
        drawn = np.tile(best, (len(normals), 1))
        drawn[:, :free] += WIDENING * normals / np.sqrt(values) @ vectors.T
        log_weight = np.array([self._log_posterior(t, rows, gaps) for t in drawn]) + 0.5 * (normals**2).sum(axis=1)
        weight = np.exp(TEMPER * (log_weight - log_weight.max()))
        places = (np.arange(n_kept) + rng.random()) / n_kept
        chosen = np.searchsorted(np.cumsum(weight / weight.sum()), places)
        kept, counts = np.unique(np.minimum(chosen, len(drawn) - 1), return_counts=True)
        return [(drawn[k], float(c) / n_kept) for k, c in zip(kept, counts, strict=True)]

    def _log_posterior(self, theta: Array, rows: _Rows, gaps: Array) -> float:
        """Return the log posterior of theta for a given power, up to a constant; no gradient."""
        y, _, log_slope, _ = self._warp(rows.v, theta[-1])
        matrix = covariance(gaps, theta, self._n_numbers) + self._noise(theta, rows, log_slope)[0]
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=0)
        if failed:
            return -1e12
        whitened, _ = lapack.dtrtrs(factor, y, lower=1)
        z = (theta - self._centre) / self._width
        return float(-0.5 * whitened @ whitened - np.log(np.diag(factor)).sum() - 0.5 * z @ z)

    def _solve(self, theta: Array, weight: float, gaps: Array) -> _Setting:
        y, _, log_slope, _ = self._warp(self._rows.v, self.power)
        matrix = covariance(gaps, theta, self._n_numbers) + self._noise(theta, self._rows, log_slope)[0]
        factor = safe_cholesky(matrix)
        return _Setting(theta, weight, factor, cho_solve((factor, True), y) if len(y) else y)

    # -- prediction ------------------------------------------------------------------------------------------------

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict complete recipes, shape (n, ...)."""
        points = read_points(self._table.inputs, recipes)
        means = np.empty((len(self._settings), len(points)))
        deviations = np.empty_like(means)
        size = max(1, N_AT_ONCE // max(1, self._d * len(self._rows.v)))
        for start in range(0, len(points), size):
            block = slice(start, start + size)
            gaps = squared_gaps(self._rows.points, points.take(block))
            for k, setting in enumerate(self._settings):
                cross = covariance(gaps, setting.theta, self._n_numbers)
                means[k, block] = setting.alpha @ cross
                explained = setting.explained(cross)
                left = variance(setting.theta, self._d) - np.einsum("ij,ij->j", explained, explained)
                deviations[k, block] = np.sqrt(np.maximum(left, 1e-12))
        gaps_of = _OnDemand(self._rows.points, points)
        members = [self._member(s, gaps_of, means[k], deviations[k]) for k, s in enumerate(self._settings)]
        return MixedPrediction.of(members, np.array([s.weight for s in self._settings]))

    def variances(self, recipes: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return variances before any cell, after the reported ones (there are none) and after all, each shape (n,)."""
        before = sum(s.weight * variance(s.theta, self._d) for s in self._settings)
        prior = np.full(len(recipes), before)
        return prior, prior, np.minimum(self.predict(recipes).std ** 2, prior)

    def level(self) -> tuple[float, float] | None:
        """Return None: no laboratory's level is told apart."""
        return None

    def _member(self, setting: _Setting, gaps: _OnDemand, mean: Array, std: Array) -> Prediction:
        """Return the prediction under one setting."""

        def joint() -> Array:
            explained = setting.explained(covariance(gaps.to_rows, setting.theta, self._n_numbers))
            return covariance(gaps.among, setting.theta, self._n_numbers) - explained.T @ explained

        per_cell = np.exp(2.0 * setting.theta[self._d + 2 : -1]).sum()
        nothing = np.zeros(len(mean))
        return Prediction(mean, std, nothing, np.full(len(mean), np.sqrt(per_cell)), self._link, covariance=joint)


@dataclass(frozen=True)
class _OnDemand:
    """Squared differences of predicted recipes, found once for all settings when joint draws are asked for."""

    rows: Points
    points: Points

    @cached_property
    def to_rows(self) -> Array:
        """Between training rows and recipes, shape (d, n, m)."""
        return squared_gaps(self.rows, self.points)

    @cached_property
    def among(self) -> Array:
        """Between recipes, shape (d, m, m)."""
        return squared_gaps(self.points, self.points)
