"""A Gaussian process and a forest, weighted by how well each predicts whole sources it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_ndtr

from pvdopt.surrogates.base import Prediction, Surrogate
from pvdopt.surrogates.doubting_process import DoubtingProcess
from pvdopt.surrogates.forest import Forest, cell_weights
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Folds in which the weight is found; each refits both models.
N_FOLDS = 3


def fold_labels(table: TrainingTable, n_folds: int = 5) -> NDArray[np.intp]:
    """Return a fold for each row: whole sources, else whole runs, else rows, dealt out in order of size."""
    groups = table.source.astype(str)
    if len(set(groups)) < 3:
        groups = np.array([r or f"row {k}" for k, r in enumerate(table.run)])
    names, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    fold_of = np.empty(len(names), dtype=np.intp)
    load = np.zeros(n_folds)
    for k in np.argsort(-counts, kind="stable"):
        fold_of[k] = int(np.argmin(load))
        load[fold_of[k]] += counts[k]
    return np.asarray(fold_of[inverse])


@dataclass
class Mixture:
    """Both models; the weight maximises the log score over refitted folds, shrunk towards one half."""

    seed: int = 0
    name: str = "mixture"

    def fit(self, table: TrainingTable) -> Self:
        """Learn both models and their weight (one half under eight rows)."""
        table = table.in_fixed_order()
        self.weight = self._find_weight(table) if len(table) >= 8 else 0.5
        self._gp = DoubtingProcess(seed=self.seed).fit(table)
        self._forest = Forest(seed=self.seed).fit(table)
        return self

    def _find_weight(self, table: TrainingTable) -> float:
        folds = fold_labels(table, N_FOLDS)
        log_density = np.full((2, len(table)), np.nan)
        for fold in np.unique(folds):
            out = folds == fold
            train, test = table.subset(~out), table.subset(out)
            models: tuple[Surrogate, ...] = (
                DoubtingProcess(seed=self.seed).fit(train),
                Forest(seed=self.seed, n_trees=40).fit(train),
            )
            for k, model in enumerate(models):
                p = model.predict(test.frame)
                z = (test.y - p.mean) / p.total_std
                exact = -0.5 * z**2 - np.log(p.total_std) - 0.5 * np.log(2.0 * np.pi)
                log_density[k, out] = np.select(
                    [test.censor < 0, test.censor > 0], [log_ndtr(z), log_ndtr(-z)], default=exact
                )
        weights = cell_weights(table)
        grid = np.linspace(0.05, 0.95, 19)
        top = log_density.max(axis=0)
        score = [
            float(weights @ (top + np.log(w * np.exp(log_density[0] - top) + (1 - w) * np.exp(log_density[1] - top))))
            + 2.0 * np.log(4.0 * w * (1.0 - w))
            for w in grid
        ]
        return float(grid[int(np.argmax(score))])

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict the mixture's mean and, for each of the three deviations, its mixed variance."""
        a, b = self._gp.predict(recipes), self._forest.predict(recipes)
        w = self.weight
        mean = w * a.mean + (1 - w) * b.mean
        between = w * (1 - w) * (a.mean - b.mean) ** 2

        def mixed(x: Array, y: Array, extra: Array | float = 0.0) -> Array:
            return np.asarray(np.sqrt(w * x**2 + (1 - w) * y**2 + extra))

        def covariance() -> Array:
            gap = a.mean - b.mean
            ours = w * a.covariance() if a.covariance is not None else w * np.diag(a.std**2)
            theirs = (1 - w) * b.covariance() if b.covariance is not None else (1 - w) * np.diag(b.std**2)
            return np.asarray(ours + theirs + w * (1 - w) * np.outer(gap, gap))

        return Prediction(
            mean,
            mixed(a.std, b.std, between),
            mixed(a.offset_std, b.offset_std),
            mixed(a.noise_std, b.noise_std),
            a.link,
            covariance,
        )

    def variances(self, recipes: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return the variances of the Gaussian process; a forest has no prior to tell of."""
        return self._gp.variances(recipes)

    @property
    def faith(self) -> float:
        """How probable own cells make it that the literature holds here, as the Gaussian process finds."""
        return self._gp.faith

    def level(self) -> tuple[float, float] | None:
        """Return the level that the Gaussian process finds."""
        return self._gp.level()
