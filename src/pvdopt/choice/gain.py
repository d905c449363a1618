"""What one more cell is expected to gain over what is achieved: quickly for thousands, jointly for a shortlist.

Everything here is turned so that more is better (``Objective.sign``). With one objective the gain is the expected
improvement in its unit; with several it is the expected growth of the hypervolume above the reference point. An
outcome that only has to reach a threshold multiplies the gain by the chance that it does.
Shapes: s draws, n candidates, a achieved recipes, m objectives with a direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from scipy.special import ndtri

from pvdopt.choice.acquisition import (
    draw_scalarisations,
    hypervolume_improvement,
    is_non_dominated,
    log_expected_improvement,
    log_noisy_expected_improvement,
    log_probability_at_least,
    scalarise,
)
from pvdopt.objectives import Objective
from pvdopt.surrogates.base import Prediction
from pvdopt.training import robust_spread

Array = np.ndarray[Any, Any]

#: Draws for scoring many recipes one by one, and for a shortlist jointly.
N_MARGINAL, N_JOINT = 48, 256
#: Directions per draw where three or more objectives are scalarised.
N_DIRECTIONS = 8
#: Rows scored at once.
N_ROWS = 20_000
#: Measured recipes kept as rivals in the joint draws: the best ones, front by front.
N_RIVALS = 40
#: Recipes whose outcomes are to come that are kept in the joint draws.
N_EXPECTED = 200
#: Smoothing of the improvement, as a share of the spread of the draws: no more than gives a rank where none improves.
SMOOTHING = 1e-5
#: Step at which the slope of a link is taken.
SLOPE_STEP = 1e-4
#: Weight of nearness to the reference point against growth: decides only where no draw grows anything.
NEARNESS = 1e-6


class Models(Protocol):
    """What the choice reads of :class:`pvdopt.surrogates.outcomes.OutcomeModels`."""

    def fit(self, observed: pd.DataFrame) -> Self:
        """Learn from own cells."""

    def predict(self, recipes: pd.DataFrame) -> dict[str, Prediction]:
        """Return what is believed of recipes for each objective."""

    def draw(self, recipes: pd.DataFrame, n_draws: int, rng: np.random.Generator) -> dict[str, Array]:
        """Return joint draws in the outcomes' units, each of shape (n_draws, n_recipes)."""


def split_objectives(objectives: Sequence[Objective]) -> tuple[list[Objective], list[Objective]]:
    """Return objectives with a direction, and those that are only constraints."""
    return [o for o in objectives if not o.is_constraint], [o for o in objectives if o.is_constraint]


def signed_medians(predictions: Mapping[str, Prediction], goals: Sequence[Objective]) -> Array:
    """Return the predicted medians of objectives with a direction, more being better; shape (n, m)."""
    if not goals:
        return np.zeros((len(next(iter(predictions.values()))), 0))
    return np.stack([o.sign * predictions[o.name].median() for o in goals], axis=1)


def log_chance_to_meet(
    predictions: Mapping[str, Prediction], limits: Sequence[Objective], *, as_cell: bool = False
) -> Array:
    """Return the log of the chance that every constraint outcome reaches its threshold; shape (n,).

    Parameters
    ----------
    as_cell : bool
        Ask it of a new cell in this laboratory, as intervals do, and not of the recipe's effect, by which recipes
        are told apart.
    """
    n = len(next(iter(predictions.values())))
    total = np.zeros(n)
    for limit in limits:
        p = predictions[limit.name]
        wanted = float(p.link.forward(np.array([limit.threshold]))[0])
        if not np.isfinite(wanted):
            # Off the model's scale, such as a capacity of at least 0: it holds or it does not.
            total += np.where(p.median() >= float(limit.threshold or 0.0), 0.0, -np.inf)
            continue
        turn = 1.0 if p.link.increasing else -1.0
        std = p.total_std if as_cell else p.std
        total += log_probability_at_least(turn * p.mean, std, turn * wanted)
    return np.maximum(total, -1e4)


def reference_near(
    predictions: Mapping[str, Prediction], goals: Sequence[Objective], medians: Array, counts: Array
) -> Array:
    """Return the signed point from which growth of the hypervolume counts, shape (m,): near the leading recipes.

    A reference far below them makes a hair's breadth at one end of the front, which noise hides, worth as much as a
    better compromise in its middle. The front's worst values less what it extends over, so that it can still be
    extended, are near to what is usual (Ishibuchi et al., How to Specify a Reference Point in Hypervolume Calculation,
    Evol. Comput. 26, 411 (2018)). The extent counts in how sure the leading recipes' values are, and is no less than
    the spread of all recipes: where one recipe leads and is known exactly, others must be able to join it.

    Parameters
    ----------
    medians : ndarray of shape (n, m)
        Signed.
    counts : ndarray of bool, shape (n,)
        Which recipes meet the constraints.
    """
    rows = np.flatnonzero(counts)
    both = []
    for o in goals:
        p = predictions[o.name]
        both.append([o.sign * p.link.inverse(p.mean[rows] + side * p.std[rows]) for side in (-1.0, 1.0)])
    low, high = np.sort(np.array(both), axis=1).transpose(1, 2, 0)
    # Better than another by no more than it is sure of, and worse by more: noise alone puts such a recipe in front.
    middle = medians[rows][None, :, :]
    beaten = (middle >= low[:, None, :]).all(axis=2) & (middle > high[:, None, :]).any(axis=2)
    front = ~beaten.any(axis=1)
    if not front.any():
        front[:] = True
    led = medians[rows][front]
    extent = led.max(axis=0) - led.min(axis=0) + 0.5 * (high - low)[front].mean(axis=0)
    usual = np.array([robust_spread(values) for values in medians.T])
    return np.asarray(led.min(axis=0) - np.maximum(extent, usual))


class Gain:
    """The gain of candidates over achieved recipes, under fitted models.

    Parameters
    ----------
    models : Models
        Fitted.
    objectives : sequence of Objective
    reference : ndarray of shape (m,)
        Signed; with one objective only used while nothing is achieved, with several only until the leading recipes
        give a nearer one (:func:`reference_near`).
    measured : DataFrame of shape (k, n_parameters)
        Allowed recipes with an outcome.
    expected : DataFrame
        Recipes whose outcomes are still to come: pending, partly measured, chosen before.
    n_best : int
        With one objective, the gain is over this many best recipes together: what one more adds to their sum, which
        is what it exceeds the least of them by. 1 is the expected improvement of the best.
    """

    def __init__(
        self,
        models: Models,
        objectives: Sequence[Objective],
        reference: Array,
        measured: pd.DataFrame,
        expected: pd.DataFrame,
        rng: np.random.Generator,
        n_best: int = 1,
    ) -> None:
        self.models = models
        self.goals, self.limits = split_objectives(objectives)
        self.reference, self.n_best = reference, n_best
        self._rng = rng
        medians = np.zeros((0, len(self.goals)))
        meets = np.zeros(0, dtype=bool)
        if len(measured):
            predictions = models.predict(measured)
            medians = signed_medians(predictions, self.goals)
            meets = log_chance_to_meet(predictions, self.limits) >= np.log(0.5)
            if len(self.goals) > 1 and meets.any():
                self.reference = np.maximum(reference, reference_near(predictions, self.goals, medians, meets))
        #: Medians of the measured recipes that meet the constraints; what counts as achieved.
        self.achieved = medians[meets]
        leading = _first_fronts(np.where(meets[:, None], medians, -np.inf), N_RIVALS)
        self._leading: pd.DataFrame = measured.iloc[leading]
        self._n_expected = len(expected)
        if len(expected) > N_EXPECTED:
            # Of very many cells that wait for a result those that promise most.
            promising = _first_fronts(signed_medians(models.predict(expected), self.goals), N_EXPECTED)
            expected = expected.iloc[promising]
        self.rivals = pd.concat([self._leading, expected], ignore_index=True).drop_duplicates(ignore_index=True)
        self._normals = _stratified_normals(N_MARGINAL, len(self.goals), rng)
        self._directions = draw_scalarisations(N_MARGINAL * N_DIRECTIONS, max(len(self.goals), 2), rng)

    @property
    def is_exact(self) -> bool:
        """Whether the gain of a recipe alone holds as it is: one objective, and nothing whose outcome is to come."""
        return len(self.goals) == 1 and self._n_expected == 0

    def log_marginal(self, recipes: pd.DataFrame) -> Array:
        """Return the log gain of each recipe alone, usability aside; shape (n,)."""
        blocks = [recipes.iloc[k : k + N_ROWS] for k in range(0, len(recipes), N_ROWS)]
        return np.concatenate([self._log_marginal(b) for b in blocks]) if blocks else np.zeros(0)

    def _log_marginal(self, recipes: pd.DataFrame) -> Array:
        predictions = self.models.predict(recipes)
        meets = log_chance_to_meet(predictions, self.limits)
        if len(self.goals) == 0:
            return meets
        if len(self.goals) == 1:
            goal = self.goals[0]
            p = predictions[goal.name]
            turn = goal.sign * (1.0 if p.link.increasing else -1.0)
            best = _least_of_best(self.achieved[:, 0], self.n_best) if len(self.achieved) else self.reference[0]
            floor = turn * float(p.link.forward(np.array([goal.sign * best]))[0])
            floor = floor if np.isfinite(floor) else float((turn * p.mean).min())
            logs = [
                math.log(weight) + log_expected_improvement(turn * part.mean, part.std, floor)
                for weight, part in p.parts()
            ]
            # In the outcome's unit, as far as the link is straight beyond the best.
            ends = p.link.inverse(np.array([floor, floor + SLOPE_STEP]) * turn)
            slope = abs(float(ends[1] - ends[0])) / SLOPE_STEP
            return np.asarray(np.logaddexp.reduce(logs) + meets + (math.log(slope) if slope > 0 else 0.0))
        draws = np.stack(
            [
                o.sign * predictions[o.name].link.inverse(p.mean + self._normals[:, [j]] * p.std)
                for j, o in enumerate(self.goals)
                for p in [predictions[o.name]]
            ],
            axis=2,
        )
        achieved = np.broadcast_to(self.achieved, (len(draws), *self.achieved.shape))
        front = Front(achieved, self.reference, self._directions.reshape(N_MARGINAL, N_DIRECTIONS, -1))
        return front.log_growth(draws) + meets

    def leaders(self, n: int) -> pd.DataFrame:
        """Return up to n of the best measured recipes, front by front."""
        return self._leading.iloc[:n]

    def log_worth(self, recipes: pd.DataFrame) -> Array:
        """Return a score of the predicted medians themselves: their chance to meet the constraints, and above the
        reference point the volume they reach; shape (n,).
        """
        predictions = self.models.predict(recipes)
        meets = log_chance_to_meet(predictions, self.limits)
        if not self.goals:
            return meets
        return _log_volume_above(signed_medians(predictions, self.goals), self.reference) + meets

    def joint(self, shortlist: pd.DataFrame, log_weight: Array) -> JointGain:
        """Return the gain of a shortlist on joint draws with everything achieved or expected.

        Parameters
        ----------
        log_weight : ndarray of shape (n,)
            Log of what multiplies the gain, such as the chance of a usable cell.
        """
        together = pd.concat([self.rivals, shortlist], ignore_index=True)
        raw = self.models.draw(together, N_JOINT, self._rng)
        draws = np.stack([o.sign * raw[o.name] for o in self.goals], axis=2) if self.goals else None
        meets = np.ones((N_JOINT, len(together)), dtype=bool)
        for limit in self.limits:
            meets &= raw[limit.name] >= float(limit.threshold or 0.0)
        weight = log_weight
        if self.limits:
            weight = log_weight + log_chance_to_meet(self.models.predict(shortlist), self.limits)
        return JointGain(draws, meets, len(self.rivals), self.reference, weight, self._rng, self.n_best)


class JointGain:
    """The gain of a shortlist given everything achieved, draw by draw; what is taken counts as achieved."""

    def __init__(
        self,
        draws: Array | None,
        meets: Array,
        n_achieved: int,
        reference: Array,
        log_weight: Array,
        rng: np.random.Generator,
        n_best: int = 1,
    ) -> None:
        self.log_weight = log_weight.copy()
        self._meets = meets[:, n_achieved:]
        self._draws = draws[:, n_achieved:] if draws is not None else None
        if draws is None:
            return
        # What breaks a constraint in a draw is not achieved in it.
        achieved = np.where(meets[:, :n_achieved, None], draws[:, :n_achieved], -np.inf)
        m = draws.shape[2]
        if m == 1:
            # The best ones of each draw, ascending; where fewer count in a draw, the least of those that do.
            nothing = np.full((len(draws), 1), -np.inf)
            self._top = np.sort(np.hstack([nothing, achieved[:, :, 0]]), axis=1)[:, -min(n_best, n_achieved + 1) :]
            self._reference = float(reference[0])
            size = max(1.0, float(np.abs(draws).max()))
            self._smoothing = SMOOTHING * max(float(draws[:, n_achieved:].std()), 1e-9 * size)
        else:
            directions = draw_scalarisations(len(draws) * N_DIRECTIONS, m, rng)
            self._front = Front(achieved, reference, directions.reshape(len(draws), N_DIRECTIONS, m))

    def log_scores(self) -> Array:
        """Return the log of the weighted gain of each candidate; ``-inf`` for what is taken. Shape (n,)."""
        if self._draws is None:
            return self.log_weight
        if self._draws.shape[2] == 1:
            least = np.where(np.isfinite(self._top), self._top, np.inf).min(axis=1)
            least = np.where(np.isfinite(least), least, self._reference)
            gain = log_noisy_expected_improvement(self._draws[:, :, 0], least, self._smoothing)
        else:
            gain = self._front.log_growth(self._draws)
        return np.asarray(gain + self.log_weight)

    def take(self, i: int) -> None:
        """Count a candidate as achieved from here on."""
        self.log_weight[i] = -np.inf
        if self._draws is None:
            return
        point = np.where(self._meets[:, i, None], self._draws[:, i], -np.inf)
        if self._draws.shape[2] == 1:
            self._top = np.sort(np.hstack([self._top, point]), axis=1)[:, 1:]
        else:
            self._front.add(point)


class Front:
    """What is achieved in each draw of several objectives, and how much a further point makes it grow.

    Two objectives exactly, more by random scalarisations.

    Parameters
    ----------
    achieved : ndarray of shape (s, a, m)
    directions : ndarray of shape (s, k, m)
    """

    def __init__(self, achieved: Array, reference: Array, directions: Array) -> None:
        self.reference = reference
        self._directions = directions
        self._achieved = achieved
        if len(reference) > 2:
            start = np.zeros((*directions.shape[:2], 1))
            known = np.concatenate([start, scalarise(achieved, reference, directions)], axis=2)
            self._best = known.max(axis=2)

    def add(self, point: Array) -> None:
        """Add one point, shape (s, m), to each draw."""
        if len(self.reference) > 2:
            new = scalarise(point[:, None, :], self.reference, self._directions)[:, :, 0]
            self._best = np.maximum(self._best, new)
        else:
            self._achieved = np.concatenate([self._achieved, point[:, None, :]], axis=1)

    def log_growth(self, draws: Array) -> Array:
        """Return the log of the mean growth by each candidate, shape (n,), for draws of shape (s, n, m)."""
        if len(self.reference) > 2:
            scores = scalarise(draws, self.reference, self._directions)
            growth = np.clip(scores - self._best[:, :, None], 0.0, None).mean(axis=(0, 1))
        else:
            growth = hypervolume_improvement(draws, self._achieved, self.reference).mean(axis=0)
        # Where nothing grows in any draw, nearness to the reference point leads on, however far below it.
        volumes = _log_volume_above(draws, self.reference)
        top = volumes.max(axis=0)
        nearness = top + np.log(np.exp(volumes - top).mean(axis=0)) + math.log(NEARNESS)
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp(np.log(growth), nearness))


def _log_volume_above(points: Array, reference: Array) -> Array:
    """Return the log volume between points, shape (..., m), and the reference point, smoothly on below it."""
    width = 0.1 * points.reshape(-1, points.shape[-1]).std(axis=0) + 1e-12
    z = (points - reference) / width
    heights = np.where(z < -30.0, z, np.log(np.logaddexp(0.0, np.maximum(z, -30.0))))
    return np.asarray((heights + np.log(width)).sum(axis=-1))


def _least_of_best(values: Array, n_best: int) -> float:
    """Return the least of the n best values, or of all where there are fewer."""
    return float(np.sort(values)[-min(n_best, len(values))])


def _first_fronts(medians: Array, at_most: int) -> Array:
    """Return positions of the best points, front by front, until ``at_most`` are reached."""
    left = np.arange(len(medians))
    kept: list[int] = []
    while len(left) and len(kept) < at_most:
        front = is_non_dominated(medians[left])
        kept.extend(int(i) for i in left[front])
        left = left[~front]
    return np.array(kept[:at_most], dtype=int)


def _stratified_normals(n: int, m: int, rng: np.random.Generator) -> Array:
    """Return normal numbers, each objective's spread evenly over its distribution; shape (n, m)."""
    slices = rng.permuted(np.tile(np.arange(n)[:, None], (1, m)), axis=0)
    return np.asarray(ndtri((slices + rng.random((n, m))) / n))
