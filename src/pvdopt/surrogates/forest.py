"""A random forest that takes missing values as they are, on the physics prior mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import CategoryInput, NumberInput, encode
from pvdopt.surrogates.base import Prediction
from pvdopt.surrogates.baseline import FALLBACK_SD, source_weights
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]


@dataclass
class Forest:
    """Trees on the scaled inputs and one column an effect level; every source weighs 1.

    The recipe effect's deviation is the spread between trees; what the forest leaves unexplained out of bag is split
    evenly between the laboratory's level and noise where several sources exist, else it is all noise.
    """

    n_trees: int = 200
    min_leaf: int = 3
    seed: int = 0
    name: str = "forest"

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table; under four rows only mean and spread."""
        self._table = table
        effects = tuple(
            CategoryInput(e, tuple(sorted({v for v in table.frame[e] if isinstance(v, str)})))
            for e in table.effects
            if e in table.frame.columns
        )
        self._inputs: tuple[NumberInput | CategoryInput, ...] = table.inputs + tuple(e for e in effects if e.levels)
        residual = table.y - table.prior.mean(table.frame)[0]
        self._model = None
        self._mean = float(residual.mean()) if len(residual) else 0.0
        self._left = float(residual.std()) if len(residual) > 1 else FALLBACK_SD * table.prior.unit
        if len(table) < 4:
            return self
        from sklearn.ensemble import RandomForestRegressor

        weights = source_weights(table.source)
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
            self._left = float(np.sqrt(np.average(error**2, weights=weights)))
        return self

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict recipes from the mean and spread of the trees."""
        prior_mean, prior_var = self._table.prior.mean(recipes)
        n = len(recipes)
        if self._model is None:
            mean, trees = prior_mean + self._mean, np.zeros((1, n))
        else:
            matrix = encode(self._inputs, recipes).matrix()
            trees = np.stack([tree.predict(matrix.astype(np.float32)) for tree in self._model.estimators_])
            mean = prior_mean + trees.mean(axis=0)
        std = np.maximum(trees.std(axis=0), 1e-6)
        several = len(set(self._table.source)) > 1
        share = self._left / np.sqrt(2.0) if several else 0.0
        noise = np.sqrt(self._left**2 - share**2 + prior_var)
        centred = trees - trees.mean(axis=0)

        def covariance() -> Array:
            return np.asarray(centred.T @ centred / max(len(centred), 1) + 1e-8 * np.eye(n))

        return Prediction(mean, std, np.full(n, share), noise, self._table.link, covariance)
