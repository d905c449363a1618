"""The Gaussian process with and without faith in the literature, weighted by what the laboratory's own cells say.

A lever that helps everywhere else may harm in one laboratory. Two processes are fitted: one in which the beliefs about
heat and bias, and part of the reported response, hold here, and one in which they do not. Each own cell shifts weight
between them, by how probable it makes it: a few cells settle it, where a single process of a middling faith would
go on erring. Bayesian model averaging: Hoeting, Madigan, Raftery and Volinsky, Stat. Sci. 14, 382 (1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.surrogates.base import MixedPrediction, Prediction
from pvdopt.surrogates.gaussian_process import GaussianProcess
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Chance before any own cell that the literature's beliefs hold here (judgement, unverified): the reported pairs that
#: differ in anneal or bias do not contradict each other on layered oxides, and they are few. On simulated laboratories
#: 0.6 to 0.9 come to the same from eight cells on (studies/lab_transfer); with fewer, more faith does better.
FAITH = 0.9
#: Under this weight a process is left out: it would cost time and say nothing.
LEAST_WEIGHT = 0.01


@dataclass
class DoubtingProcess:
    """The surrogate described above. Before any own cell, and where no belief is doubtful, it is the one that believes.

    Attributes
    ----------
    faith : float
        Weight of the process that believes, after all own cells.
    """

    seed: int = 0
    name: str = "gaussian_process"
    faith: float = field(default=1.0, init=False)

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table; an empty one gives the prior."""
        believing = GaussianProcess(seed=self.seed, n_restarts=0).fit(table)
        self._members: Sequence[GaussianProcess] = (believing,)
        self._weights = np.ones(1)
        self.faith = 1.0
        if table.own.any() and np.any(table.prior.doubtful):
            doubting = GaussianProcess(seed=self.seed, n_restarts=0, believes=False).fit(table)
            self.faith = _posterior(FAITH, believing.log_evidence() - doubting.log_evidence())
            both = ((believing, self.faith), (doubting, 1.0 - self.faith))
            kept = [(member, weight) for member, weight in both if weight >= LEAST_WEIGHT]
            self._members = tuple(member for member, _ in kept)
            self._weights = np.array([weight for _, weight in kept]) / sum(weight for _, weight in kept)
        return self

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict recipes as either process does, each with its weight."""
        return MixedPrediction.of([member.predict(recipes) for member in self._members], self._weights)

    def variances(self, recipes: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return the variances of either process, weighted: before any cell, after the reported and after all."""
        found = np.array([member.variances(recipes) for member in self._members])
        prior, after_reported, after_all = np.tensordot(self._weights, found, axes=1)
        return prior, after_reported, after_all

    def level(self) -> tuple[float, float] | None:
        """Return mean and deviation of this laboratory's level above the sources' mean, None where it is not known."""
        levels = [member.level() for member in self._members]
        told = np.array([level for level in levels if level is not None])
        if not len(told):
            return None
        mean = float(self._weights @ told[:, 0])
        return mean, float(np.sqrt(self._weights @ (told[:, 1] ** 2 + (told[:, 0] - mean) ** 2)))


def _posterior(prior: float, log_ratio: float) -> float:
    """Return a chance after evidence whose log probability is so much higher if it is true.

    Examples
    --------
    >>> round(_posterior(0.75, -np.log(3.0)), 6)
    0.5
    """
    log_odds = np.log(prior / (1.0 - prior)) + log_ratio
    return float(1.0 / (1.0 + np.exp(-np.clip(log_odds, -50.0, 50.0))))
