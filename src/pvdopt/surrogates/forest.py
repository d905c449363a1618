"""A random forest that takes missing values as they are, on the physics prior mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import encode
from pvdopt.surrogates.base import Prediction
from pvdopt.surrogates.baseline import FALLBACK_SD, source_weights
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Least variance of a recipe's effect: keeps joint draws possible where all trees agree.
LEAST_VAR = 1e-8


@dataclass
class Forest:
    """Trees on the scaled inputs and one column an effect level; every publication and every own cell weighs 1.

    The recipe effect's deviation is the spread between trees; what the forest leaves unexplained out of bag is split
    evenly between the laboratory's level and noise where several sources exist, else it is all noise. The level is
    learned from what is left of the own cells, as the mean of a random effect. Under four rows there is no forest,
    and half of the variance counts as the recipe's effect.
    """

    n_trees: int = 200
    min_leaf: int = 3
    seed: int = 0
    name: str = "forest"

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table; under four rows only mean and spread."""
        table = table.in_fixed_order()
        self._table = table
        self._inputs = table.all_inputs()
        residual = table.y - table.prior.mean(table.frame)[0]
        self._model = None
        self._level, self._level_left = 0.0, 1.0
        self._mean = float(residual.mean()) if len(residual) else 0.0
        self._left = _unexplained(residual - self._mean, np.ones(len(residual)), table.prior.unit)
        if len(table) < 4:
            return self
        from sklearn.ensemble import RandomForestRegressor

        weights = cell_weights(table)
        matrix = encode(self._inputs, table.frame).matrix()
        self._model = RandomForestRegressor(
            n_estimators=self.n_trees,
            min_samples_leaf=min(self.min_leaf, max(1, len(table) // 4)),
            max_features=0.5,
            bootstrap=True,
            oob_score=len(table) >= 10,
            random_state=self.seed,
        )
        self._model.fit(matrix, residual, sample_weight=weights)
        if len(table) >= 10:
            error = residual - self._model.oob_prediction_
            self._left = _unexplained(error, weights, table.prior.unit)
            n_own = int(table.own.sum())
            if n_own and len(set(table.source)) > 1:
                # Level and noise have the same variance, so that n cells leave 1 / (n + 1) of the level unknown.
                self._level = float(error[table.own].mean()) * n_own / (n_own + 1)
                self._level_left = 1.0 / (n_own + 1)
        return self

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict recipes from the mean and spread of the trees."""
        prior_mean, prior_var = self._table.prior.mean(recipes)
        n = len(recipes)
        left = self._left**2 if self._model is not None else 0.5 * self._left**2
        offset = 0.5 * left if len(set(self._table.source)) > 1 else 0.0
        link, noise = self._table.link, np.sqrt(left - offset + prior_var)
        offset_std = np.full(n, np.sqrt(offset * self._level_left))
        if self._model is None or n == 0:
            return Prediction(prior_mean + self._mean, np.full(n, np.sqrt(left)), offset_std, noise, link)
        matrix = encode(self._inputs, recipes).matrix()
        trees = np.stack([tree.predict(matrix.astype(np.float32)) for tree in self._model.estimators_])
        centred = trees - trees.mean(axis=0)

        def covariance() -> Array:
            return np.asarray(centred.T @ centred / len(centred) + LEAST_VAR * np.eye(n))

        std = np.sqrt(trees.var(axis=0) + LEAST_VAR)
        mean = prior_mean + trees.mean(axis=0) + self._level
        return Prediction(mean, std, offset_std, noise, link, covariance)


def cell_weights(table: TrainingTable) -> Array:
    """Return weights under which a publication counts as much as one own cell, however many rows it has."""
    return np.where(table.own, 1.0, source_weights(table.source))


def _unexplained(error: Array, weights: Array, unit: float) -> float:
    """Return the spread of what is left, with one row's worth of the fallback so that few rows are not believed."""
    n = len(error)
    squares = n * float(np.average(error**2, weights=weights)) if n else 0.0
    return float(np.sqrt(((FALLBACK_SD * unit) ** 2 + squares) / (n + 1)))
