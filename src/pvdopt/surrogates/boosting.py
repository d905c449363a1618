"""Gradient boosting that takes missing values, with monotone hints where physics is sure, on the physics prior mean.

Capacity never rises with the current, nor with the thickness above 1 um; below, texture may turn the sign
(domain notes, 1.2). Elsewhere nothing is imposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import CategoryInput, encode
from pvdopt.surrogates.base import Prediction
from pvdopt.surrogates.baseline import FALLBACK_SD
from pvdopt.surrogates.forest import LEAST_VAR, cell_weights
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Thickness above which capacity per thickness can only fall (um); texture below (domain notes, 1.2).
THICK_UM = 1.0
#: Inputs that only take, on a scale on which more is more capacity.
ONLY_TAKE = ("current_ua_cm2", "thick_um")


@dataclass
class Boosting:
    """A bag of boosted trees, each on a draw of whole publications (of rows where there is but one source).

    The deviation of a recipe's effect is the spread of the bag; what is left where a member saw nothing is split
    evenly between the laboratory's level and noise where several sources exist, else it is all noise.
    """

    n_members: int = 5
    n_rounds: int = 40
    seed: int = 0
    name: str = "boosting"

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table; under eight rows only mean and spread."""
        table = table.in_fixed_order()
        self._table = table
        self._inputs = table.all_inputs()
        self._is_capacity = table.outcome == "capacity" and bool(table.effects)
        residual = table.y - table.prior.mean(table.frame)[0]
        weights = cell_weights(table)
        self._mean = float(np.average(residual, weights=weights)) if len(table) else 0.0
        self._left = self._unexplained(residual - self._mean, weights)
        self._level, self._level_left = 0.0, 1.0
        self._members: list[Any] = []
        if len(table) < 8:
            return self
        out_of_bag = self._fit_members(self._matrix(table.frame), residual - self._mean, weights)
        error = residual - self._mean - out_of_bag
        self._left = self._unexplained(error, weights)
        n_own = int(table.own.sum())
        if n_own and len(set(table.source)) > 1:
            # Level and noise have the same variance, so that n cells leave 1 / (n + 1) of the level unknown.
            self._level = float(error[table.own].mean()) * n_own / (n_own + 1)
            self._level_left = 1.0 / (n_own + 1)
        return self

    def _fit_members(self, matrix: Array, residual: Array, weights: Array) -> Array:
        """Fit the bag and return what members say of rows they have not seen (0 where all have), shape (n,)."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        rng = np.random.default_rng(self.seed)
        sources = self._table.source.astype(str)
        several = len(set(sources)) > 2
        names, group = np.unique(sources, return_inverse=True) if several else (sources, np.arange(len(sources)))
        total, count = np.zeros(len(residual)), np.zeros(len(residual))
        for _ in range(self.n_members):
            times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[group]
            model = HistGradientBoostingRegressor(
                max_iter=self.n_rounds,
                learning_rate=0.08,
                max_leaf_nodes=8,
                min_samples_leaf=max(2, min(10, len(residual) // 8)),
                l2_regularization=1.0,
                monotonic_cst=self._hints(matrix.shape[1]),
                early_stopping=False,
                random_state=self.seed,
            )
            seen = times > 0
            # A column without any value cannot be binned; as a constant it is never split.
            blank = np.isnan(matrix[seen]).all(axis=0)
            model.fit(np.where(blank, 0.0, matrix[seen]), residual[seen], sample_weight=(weights * times)[seen])
            self._members.append(model)
            if not seen.all():
                total[~seen] += model.predict(matrix[~seen])
                count[~seen] += 1
        return np.where(count > 0, total / np.maximum(count, 1), 0.0)

    def _matrix(self, frame: pd.DataFrame) -> Array:
        """Return the scaled inputs, the thickness above 1 um last where capacity is modelled; shape (n, k)."""
        matrix = encode(self._inputs, frame).matrix()
        if not self._is_capacity:
            return matrix
        thickness = frame["thickness_um"] if "thickness_um" in frame.columns else np.full(len(frame), np.nan)
        values = np.asarray(pd.to_numeric(thickness, errors="coerce"), dtype=float)
        return np.column_stack([matrix, np.maximum(values, THICK_UM)])

    def _hints(self, n_columns: int) -> Array:
        """Return -1 for columns that only take capacity, 0 for the others."""
        hints = np.zeros(n_columns, dtype=int)
        if self._is_capacity:
            widths = [len(i.levels) if isinstance(i, CategoryInput) else 1 for i in self._inputs]
            starts = np.concatenate([[0], np.cumsum(widths)])
            for declared, start in zip(self._inputs, starts, strict=False):
                if declared.name in ONLY_TAKE:
                    hints[start] = -1
            hints[-1] = -1
        return hints

    def _unexplained(self, error: Array, weights: Array) -> float:
        """Return the spread of what is left, with one row's worth of the fallback so that few are not believed."""
        n = len(error)
        squares = n * float(np.average(error**2, weights=weights)) if n else 0.0
        return float(np.sqrt(((FALLBACK_SD * self._table.prior.unit) ** 2 + squares) / (n + 1)))

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict recipes from the mean and spread of the bag."""
        prior_mean, prior_var = self._table.prior.mean(recipes)
        n, left = len(recipes), self._left**2
        offset = 0.5 * left if len(set(self._table.source)) > 1 else 0.0
        offset_std, link = np.full(n, np.sqrt(offset * self._level_left)), self._table.link
        if not self._members or n == 0:
            effect = np.full(n, np.sqrt(0.5 * left))
            noise = np.sqrt(np.maximum(0.5 * left - offset, 0.0) + prior_var)
            return Prediction(prior_mean + self._mean, effect, offset_std, noise, link)
        matrix = self._matrix(recipes)
        said = np.stack([m.predict(matrix) for m in self._members])
        centred = said - said.mean(axis=0)

        def covariance() -> Array:
            return np.asarray(centred.T @ centred / len(centred) + LEAST_VAR * np.eye(n))

        mean = prior_mean + self._mean + said.mean(axis=0) + self._level
        std = np.sqrt(said.var(axis=0) + LEAST_VAR)
        return Prediction(mean, std, offset_std, np.sqrt(left - offset + prior_var), link, covariance)
