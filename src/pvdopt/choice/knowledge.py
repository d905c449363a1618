"""What one more cell is expected to teach about which recipe is best: of a new recipe, or of one made before.

One step of the knowledge gradient: Frazier, Powell, Dayanik, The Knowledge-Gradient Policy for Correlated Normal
Beliefs, INFORMS J. Comput. 21, 599 (2009), with its decision after the step limited to recipes that were made. A new
recipe and a replicate are so measured alike: the one may turn out better than the best, the other may show which of
the best it is.

Notation: a recipe's effect is normal on the model's scale, mean m and covariance K; a cell of recipe x with noise sd
s(x) moves the means by K(., x) / sqrt(K(x, x) + s(x)^2) z, z standard normal (eq. 12 there).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from pvdopt.choice.acquisition import hypervolume, is_non_dominated
from pvdopt.choice.gain import Models, log_chance_to_meet, signed_medians, split_objectives
from pvdopt.objectives import Objective
from pvdopt.surrogates.base import Prediction

Array = np.ndarray[Any, Any]

#: Outcomes of the further cell that are averaged over, evenly spread over its distribution.
N_OUTCOMES = 64


def knowledge_gain(
    models: Models,
    objectives: Sequence[Objective],
    reference: Array,
    made: pd.DataFrame,
    options: pd.DataFrame,
    rng: np.random.Generator,
) -> Array:
    """Return what one further cell of each option is expected to improve the choice of the best by.

    Parameters
    ----------
    models : Models
        Fitted.
    reference : ndarray of shape (m,)
        Of the hypervolume, signed; with one objective not used.
    made : DataFrame
        Recipes one would choose among now: measured, and likely to meet the constraints.
    options : DataFrame of shape (k, n_parameters)
        Recipes of which one more cell could be made, those made among them.

    Returns
    -------
    ndarray of shape (k,)
        In the objective's unit with one objective, in hypervolume with several; at least 0. Times the chance that
        constraints hold; the chance of a usable cell is not in it.
    """
    goals, limits = split_objectives(objectives)
    if not goals or not len(options) or not len(made):
        return np.zeros(len(options))
    together = pd.concat([made, options], ignore_index=True)
    predictions = models.predict(together)
    moves = {o.name: _Moves.of(predictions[o.name]) for o in goals}
    normals = _even_normals(len(goals), rng)
    # With several objectives the choice is the whole front: what it holds now is what counts as kept.
    now = signed_medians(predictions, goals)[: len(made)]
    kept = is_non_dominated(now) if len(goals) > 1 else np.arange(len(made)) == int(np.argmax(now[:, 0]))
    chance = np.exp(log_chance_to_meet({n: _part(p, len(made)) for n, p in predictions.items()}, limits))
    gains = np.empty(len(options))
    for j in range(len(options)):
        x = len(made) + j
        rows = np.append(np.arange(len(made)), x)
        after = np.stack([o.sign * moves[o.name].medians(rows, x, normals[:, k]) for k, o in enumerate(goals)], axis=2)
        gains[j] = np.mean([_better(points, np.append(kept, False), reference) for points in after])
    return np.asarray(np.maximum(gains, 0.0) * chance)


def _part(prediction: Prediction, start: int) -> Prediction:
    """Return a prediction of the recipes from a place on."""
    p = prediction
    return Prediction(p.mean[start:], p.std[start:], p.offset_std[start:], p.noise_std[start:], p.link, factor=p.factor)


def _better(points: Array, kept: Array, reference: Array) -> float:
    """Return how much better the best of all points is than the best of those kept; points of shape (a, m)."""
    if points.shape[1] == 1:
        return float(points[:, 0].max() - points[kept, 0].max())
    return hypervolume(points, reference) - hypervolume(points[kept], reference)


class _Moves:
    """How the medians of an outcome move with what one further cell gives."""

    def __init__(self, prediction: Prediction, covariance: Array) -> None:
        self._prediction, self._covariance = prediction, covariance

    @classmethod
    def of(cls, prediction: Prediction) -> _Moves:
        if prediction.covariance is None:
            return cls(prediction, np.diag(prediction.std**2))
        return cls(prediction, prediction.covariance())

    def medians(self, rows: Array, x: int, normals: Array) -> Array:
        """Return the medians of some recipes after each outcome of a cell of recipe x, shape (n_outcomes, n_rows)."""
        p = self._prediction
        spread = np.sqrt(max(float(self._covariance[x, x]), 0.0) + float(p.noise_std[x]) ** 2)
        step = self._covariance[rows, x] / spread if spread > 0 else np.zeros(len(rows))
        return p.link.inverse(p.mean[rows] + normals[:, None] * step)


def _even_normals(m: int, rng: np.random.Generator) -> Array:
    """Return normal numbers spread evenly over each objective's distribution, shape (N_OUTCOMES, m)."""
    even = ndtri((np.arange(N_OUTCOMES) + 0.5) / N_OUTCOMES)
    return np.stack([even, *(rng.permutation(even) for _ in range(m - 1))], axis=1)


def noise_of_best(predictions: Mapping[str, Prediction], goals: Sequence[Objective], reference: Array) -> float:
    """Return by how much one cell of the best recipes differs from another of the same: one standard deviation.

    Parameters
    ----------
    predictions : mapping
        Of the best recipes: one, or a front.

    Returns
    -------
    float
        In the objective's unit with one objective, in hypervolume with several: how much it moves if every recipe of
        the front is made once more, all independently.
    """
    n = len(next(iter(predictions.values())))
    if len(goals) == 1:
        p, best = predictions[goals[0].name], 0
        best = int(np.argmax(goals[0].sign * p.median()))
        ends = p.link.inverse(p.mean[best] + np.array([-1.0, 1.0]) * p.noise_std[best])
        return float(abs(ends[1] - ends[0]) / 2.0)
    rng = np.random.default_rng(0)
    volumes = []
    for _ in range(N_OUTCOMES):
        points = [
            o.sign * p.link.inverse(p.mean + rng.standard_normal(n) * p.noise_std)
            for o in goals
            for p in [predictions[o.name]]
        ]
        volumes.append(hypervolume(np.stack(points, axis=1), reference))
    return float(np.std(volumes))
