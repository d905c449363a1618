"""Ridge regression on physics features: what a straight line through the prior's beliefs and settings can do.

y = prior mean + level + phi(x) w + noise with w ~ N(0, 1) in the features' own units and noise of variance s2, which
is set by its evidence (Bishop, Pattern Recognition and Machine Learning (2006), equations 3.53, 3.54 and 3.86).

Notation: phi features, 0 where nothing is known, each in units of what it may do; W weights of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import CategoryInput, encode
from pvdopt.surrogates.base import Prediction
from pvdopt.surrogates.baseline import FALLBACK_SD
from pvdopt.surrogates.forest import cell_weights
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Share of what is left unexplained that is the laboratory's level, where several sources exist (judgement).
LEVEL_SHARE = 0.5
#: How far a setting may move ln capacity over its whole range, and a level from the mean: 0.45 shared by eleven
#: settings, 0.2 between families (domain notes, 5.2). A plain outcome is standardised and may hang on any setting.
SETTING_SD, EFFECT_SD, PLAIN_SETTING_SD = 0.15, 0.2, 1.5
#: Noise deviations tried, ln capacity; where publications are told apart, their level is part of it, and it is
#: believed to be 0.37 (x / 1.5): 0.35 between them and 0.12 between cells (domain notes, 5.2).
NOISE_GRID = np.geomspace(0.02, 1.2, 25)
NOISE_MEDIAN, NOISE_LOG_SD = 0.37, 0.4
#: Least variance of a recipe's effect: keeps joint draws possible.
LEAST_VAR = 1e-8
#: Rows under which no line is drawn: only mean and spread are known.
N_FOR_A_LINE = 5


@dataclass
class Ridge:
    """Every publication weighs 1, every own cell too; a missing setting says nothing (its feature is 0).

    The deviation of a recipe's effect is that of the weights; the rest is split between the laboratory's level and
    noise. The level is learned from what is left of the own cells, as the mean of a random effect.
    """

    seed: int = 0
    name: str = "ridge"

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table; under five rows only mean and spread."""
        self._table = table
        self._levels = {
            e: sorted({v for v in table.frame[e] if isinstance(v, str)}) if e in table.frame.columns else []
            for e in table.effects
        }
        residual = table.y - table.prior.mean(table.frame)[0]
        unit = table.prior.unit
        weights = cell_weights(table)
        self._mean = float(np.average(residual, weights=weights)) if len(table) else 0.0
        spread = float(np.average((residual - self._mean) ** 2, weights=weights)) if len(table) else 0.0
        # One row's worth of the fallback, so that few rows are not believed.
        self._left = float(np.sqrt(((FALLBACK_SD * unit) ** 2 + len(table) * spread) / (len(table) + 1)))
        self._level, self._level_left = 0.0, 1.0
        self._weights: Array | None = None
        if len(table) < N_FOR_A_LINE:
            return self
        features = self._features(table.frame)
        found = self._solve(features, residual - self._mean, weights * len(table) / weights.sum())
        self._weights, self._covariance, self._left = found
        error = residual - self._mean - features @ found[0]
        n_own = int(table.own.sum())
        if n_own and len(set(table.source)) > 1:
            ratio = LEVEL_SHARE / (1.0 - LEVEL_SHARE)
            self._level = float(error[table.own].mean()) * n_own * ratio / (n_own * ratio + 1.0)
            self._level_left = 1.0 / (n_own * ratio + 1.0)
        return self

    def _solve(self, features: Array, residual: Array, weights: Array) -> tuple[Array, Array, float]:
        """Return mean and covariance of w, and the deviation of the noise whose evidence is highest."""
        gram, target = features.T @ (weights[:, None] * features), features.T @ (weights * residual)
        unit, found, best = self._table.prior.unit, None, -np.inf
        for sd in NOISE_GRID * unit:
            s2 = float(sd) ** 2
            precision = np.eye(features.shape[1]) + gram / s2
            mean = np.asarray(np.linalg.solve(precision, target / s2))
            misfit = float(weights @ (residual - features @ mean) ** 2 / s2 + mean @ mean)
            evidence = -0.5 * (misfit + len(residual) * np.log(s2) + np.linalg.slogdet(precision)[1])
            if self._table.effects:
                evidence -= 0.5 * (np.log(sd / (NOISE_MEDIAN * unit)) / NOISE_LOG_SD) ** 2
            if found is None or evidence > best:
                found, best = (mean, np.asarray(np.linalg.inv(precision)), float(sd)), evidence
        if found is None:
            raise ValueError("no noise to choose from")
        return found

    def _features(self, frame: pd.DataFrame) -> Array:
        """Return the features in units of their prior deviations, 0 where nothing is known; shape (n, k)."""
        unit = self._table.prior.unit
        setting = (SETTING_SD if self._table.effects else PLAIN_SETTING_SD) * unit
        columns = [self._table.prior.beliefs(frame) * self._table.prior.weight_sd]
        for c in encode(self._table.inputs, frame).columns:
            known = ~(c.missing | c.absent)
            if isinstance(c.input, CategoryInput):
                codes = np.arange(len(c.input.levels))[None, :]
                hot = (np.nan_to_num(c.values)[:, None] == codes).astype(float) - 1.0 / len(c.input.levels)
                columns.append(np.where(known[:, None], hot, 0.0) * setting)
            else:
                centred = np.where(known, np.nan_to_num(c.values) - 0.5, 0.0)
                columns.append((centred * setting)[:, None])
        for effect, levels in self._levels.items():
            values = np.array(list(frame[effect]) if effect in frame.columns else [None] * len(frame), dtype=object)
            for level in levels:
                columns.append(((values == level).astype(float) * EFFECT_SD * unit)[:, None])
        return np.hstack(columns)

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict recipes from the line and the uncertainty of its weights."""
        prior_mean, prior_var = self._table.prior.mean(recipes)
        n, left = len(recipes), self._left**2
        several = len(set(self._table.source)) > 1
        offset = LEVEL_SHARE * left if several else 0.0
        offset_std = np.full(n, np.sqrt(offset * self._level_left))
        noise, link = np.sqrt(left - offset + prior_var), self._table.link
        if self._weights is None or n == 0:
            half = np.full(n, np.sqrt(0.5) * self._left)
            return Prediction(prior_mean + self._mean, half, offset_std, np.sqrt(np.maximum(noise**2, half**2)), link)
        features = self._features(recipes)
        spread = features @ self._covariance @ features.T + LEAST_VAR * np.eye(n)
        mean = prior_mean + self._mean + self._level + features @ self._weights
        return Prediction(mean, np.sqrt(np.diag(spread)), offset_std, noise, link, lambda: np.asarray(spread))
