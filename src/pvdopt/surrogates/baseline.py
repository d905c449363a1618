"""The two baselines every surrogate has to beat: climatology, and theory times the family's utilisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.surrogates.base import Prediction
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Prior deviation of a family's mean about the overall mean, as a share of the residual spread (judgement).
FAMILY_SHRINKAGE = 0.6
#: Spread assumed where fewer than two rows say anything; ln capacity 0.6, the fade scale 1.5 (domain notes).
FALLBACK_SD = 0.6


def source_weights(source: NDArray[np.object_]) -> Array:
    """Return weights under which every source counts 1, however many rows it has."""
    _, inverse, counts = np.unique(source.astype(str), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[inverse])


def row_weights(table: TrainingTable) -> Array:
    """Return weights under which every source counts 1, or every row where there is but one source."""
    return source_weights(table.source) if len(set(table.source)) > 1 else np.ones(len(table))


def weighted_moments(values: Array, weights: Array) -> tuple[float, float]:
    """Return mean and standard deviation; the latter with the small-sample correction by number of sources."""
    total = weights.sum()
    mean = float(weights @ values / total)
    variance = float(weights @ (values - mean) ** 2 / total)
    n = max(total, 1.0)
    return mean, float(np.sqrt(variance * n / max(n - 1.0, 1.0)))


def _independent(table: TrainingTable, mean: Array, sd: Array) -> Prediction:
    zero = np.zeros_like(mean)
    return Prediction(mean, zero + 1e-6, zero, sd, table.link)


@dataclass
class Climatology:
    """The spread of the values seen, each source weighing 1; looks at no recipe."""

    name: str = "climatology"

    def fit(self, table: TrainingTable) -> Self:
        """Learn mean and spread on the model scale, bounds taken at their value."""
        self._table = table
        if len(table) >= 2:
            self._mean, self._sd = weighted_moments(table.y, row_weights(table))
        else:
            unit = table.prior.unit
            self._mean = float(table.y.mean()) if len(table) else 0.0
            self._sd = FALLBACK_SD * unit
        return self

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict the same for every recipe."""
        n = len(recipes)
        return _independent(self._table, np.full(n, self._mean), np.full(n, max(self._sd, 1e-6)))


@dataclass
class TheoryTimesFamily:
    """Theory and physics for the recipe, times the mean utilisation of its family, shrunk to that of all."""

    name: str = "theory"

    def fit(self, table: TrainingTable) -> Self:
        """Learn one factor a family from the residuals to the prior mean, each source weighing 1."""
        self._table = table
        residual = table.y - table.prior.mean(table.frame)[0]
        weights = row_weights(table)
        self._by_family: dict[str, float] = {}
        if len(table) < 2:
            self._mean = float(residual.mean()) if len(residual) else 0.0
            self._sd = FALLBACK_SD * table.prior.unit
            return self
        self._mean, self._sd = weighted_moments(residual, weights)
        families = self._families(table.frame)
        for family in {f for f in families if isinstance(f, str)}:
            rows = families == family
            n = weights[rows].sum()
            shrink = n * FAMILY_SHRINKAGE**2 / (n * FAMILY_SHRINKAGE**2 + 1.0)
            family_mean = weights[rows] @ residual[rows] / n
            self._by_family[family] = self._mean + shrink * (family_mean - self._mean)
        fitted = np.array([self._by_family.get(f, self._mean) for f in families])
        self._sd = max(weighted_moments(residual - fitted, weights)[1], 0.05)
        return self

    @staticmethod
    def _families(frame: pd.DataFrame) -> NDArray[np.object_]:
        column = frame["cathode_family"] if "cathode_family" in frame.columns else [None] * len(frame)
        return np.array(list(column), dtype=object)

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict physics times utilisation, with one spread for all."""
        mean, variance = self._table.prior.mean(recipes)
        shift = np.array([self._by_family.get(f, self._mean) for f in self._families(recipes)])
        return _independent(self._table, mean + shift, np.sqrt(self._sd**2 + variance))
