"""What a batch is hoped to bring: by how much each recipe may better the best so far, and what lies in its spread.

Everything is turned so that more is better (``Objective.sign``) and rests on joint draws of the best recipes and the
batch, the same ones for what is said of each cell (:mod:`pvdopt.choice.reasons`) and of all (:mod:`.advice`): what
the cells of a batch gain one after the other adds up to what the advice says of the whole.
Shapes: s draws, b best recipes, n recipes of the batch, m objectives with a direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.acquisition import draw_scalarisations, hypervolume, hypervolume_improvement, scalarise
from pvdopt.choice.gain import Models, split_objectives
from pvdopt.objectives import Objective

Array = np.ndarray[Any, Any]

#: Joint draws of the best recipes and a batch.
N_DRAWS = 512
#: Directions per draw where three or more objectives are scalarised.
N_DIRECTIONS = 8
#: A recipe is hoped to reach what one draw in so many exceeds.
ONE_IN = 10


@dataclass(frozen=True)
class Hope:
    """What one recipe of a batch is hoped to bring.

    Attributes
    ----------
    gain : float
        Expected gain on top of the cells before it, the chances of a usable cell and of the thresholds counted: in
        the objective's unit with one objective, in hypervolume above the campaign's reference point with several.
    better : float
        Chance that its effect, once the noise of single cells is taken out, is better than every one of the best;
        with several objectives, that none of the best matches it in all of them.
    high : mapping
        Outcome -> what its effect reaches with a chance of one in :data:`ONE_IN`, in the outcome's unit.
    in_medians : float
        What the predicted medians themselves would gain, as a share of what its effect is expected to; above 1 where
        the medians promise more than the draws.
    """

    gain: float
    better: float
    high: Mapping[str, float]
    in_medians: float


def draw_together(
    models: Models,
    objectives: Sequence[Objective],
    best: pd.DataFrame,
    batch: pd.DataFrame,
    usable: Array,
    seed: int,
) -> tuple[Array, Array]:
    """Return joint draws of the best recipes and a batch, and in which of them each counts.

    Parameters
    ----------
    best, batch : DataFrame
        With the space's columns.
    usable : ndarray of shape (n,)
        Chance of a usable cell.

    Returns
    -------
    points : ndarray of shape (s, b + n, m)
        Signed effects.
    counts : ndarray of bool, shape (s, b + n)
        False where a cell of the batch is not usable or misses a threshold.
    """
    goals, limits = split_objectives(objectives)
    rng = np.random.default_rng(abs(seed))
    raw = models.draw(pd.concat([best, batch], ignore_index=True), N_DRAWS, rng)
    points = np.stack([o.sign * raw[o.name] for o in goals], axis=2)
    counts = np.ones(points.shape[:2], dtype=bool)
    counts[:, len(best) :] = rng.random((N_DRAWS, len(batch))) < usable
    for limit in limits:
        counts[:, len(best) :] &= raw[limit.name][:, len(best) :] >= float(limit.threshold or 0.0)
    return points, counts


def find_hopes(
    models: Models,
    objectives: Sequence[Objective],
    reference: Array,
    best: pd.DataFrame,
    front: Array,
    batch: pd.DataFrame,
    medians: Array,
    usable: Array,
    seed: int,
) -> list[Hope]:
    """Return what each recipe of a batch is hoped to bring.

    Parameters
    ----------
    models : Models
        Fitted.
    reference : ndarray of shape (m,)
        Of the hypervolume, signed; with one objective not used.
    best : DataFrame of shape (b, n_parameters)
        The best recipes so far: one, or a front.
    front : ndarray of shape (b, m)
        Their signed medians.
    batch : DataFrame of shape (n, n_parameters)
    medians : ndarray of shape (n, m)
        Signed.
    usable : ndarray of shape (n,)
    """
    goals, _ = split_objectives(objectives)
    points, counts = draw_together(models, objectives, best, batch, usable, seed)
    made, new = points[:, : len(best)], points[:, len(best) :]
    counted = np.where(counts[:, len(best) :, None], new, -np.inf)
    rng = np.random.default_rng(abs(seed))
    steps = _grow(made, counted, reference, rng, is_one_by_one=True)
    alone = _grow(made, new, reference, rng, is_one_by_one=False)
    # Whether one of the best matches a recipe in all objectives, draw by draw; shape (s, n).
    matched: Array = np.any(np.all(made[:, :, None, :] >= new[:, None, :, :], axis=3), axis=1)
    high = np.quantile(new, 1.0 - 1.0 / ONE_IN, axis=0)
    return [
        Hope(
            gain=float(steps[k]),
            better=float(1.0 - matched[:, k].mean()),
            high={o.name: float(o.sign * high[k, j]) for j, o in enumerate(goals)},
            in_medians=_growth_of_medians(front, medians[k], reference) / max(float(alone[k]), 1e-300),
        )
        for k in range(len(batch))
    ]


def _grow(made: Array, new: Array, reference: Array, rng: np.random.Generator, *, is_one_by_one: bool) -> Array:
    """Return the mean growth by each new point, alone or on top of those before it; shape (n,).

    Two objectives exactly, more by random scalarisations.
    """
    n, m = new.shape[1:]
    found = np.zeros(n)
    directions = draw_scalarisations(len(made) * N_DIRECTIONS, max(m, 2), rng).reshape(len(made), N_DIRECTIONS, -1)
    for k in range(n):
        before = np.concatenate([made, new[:, :k]], axis=1) if is_one_by_one else made
        one = new[:, [k]]
        if m == 1:
            growth = np.maximum(one[:, 0, 0] - before[:, :, 0].max(axis=1), 0.0)
        elif m == 2:
            growth = hypervolume_improvement(one, before, reference)[:, 0]
        else:
            reached = [scalarise(p, reference, directions).max(axis=2) for p in (before, one)]
            growth = np.maximum(reached[1] - reached[0], 0.0).mean(axis=1)
        found[k] = growth.mean()
    return found


def _growth_of_medians(front: Array, median: Array, reference: Array) -> float:
    if front.shape[1] == 1:
        return max(float(median[0] - front[:, 0].max()), 0.0)
    return hypervolume(np.vstack([front, median]), reference) - hypervolume(front, reference)
