"""The chance that a recipe gives a usable cell, from the cells that did and did not. Numpy only.

Failures of the process (shorted, delaminated, cracked, not made) count; a laboratory's own mishap (``lab_error``)
says nothing about a recipe and is ignored. Successes alone give the prior everywhere: a yield is not a ranking.

Notation: k closeness of two recipes, in [0, 1]; y 1 for a usable cell, 0 for a failed one; p0 prior chance; r how
much one cell tells about its own recipe.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from pvdopt.features import Design, encode, inputs_of_space
from pvdopt.space import SearchSpace

Array = np.ndarray[Any, Any]

#: Outcome classes that are the recipe's doing.
PROCESS_FAILURES = ("shorted", "delaminated", "cracked", "not_made")
#: Yield before any cell was made: about 90 % at a thickness of 1 um (domain notes, unverified).
PRIOR_CHANCE = 0.9
#: Length scales tried for each setting, as shares of its range, and what leaving the first has to gain in
#: leave-one-out log likelihood; an infinite one ignores the setting.
LENGTHS = ((0.3, 0.0), (0.15, 0.5), (0.6, 0.5), (np.inf, 1.0))
#: Ratios r tried likewise. With 0.7 a first failure takes the chance of its recipe from 0.90 to 0.53, a third to
#: 0.29; failures that follow no pattern call for less, failures that do for more.
RATIOS = ((0.7, 0.0), (0.25, 0.5), (2.0, 0.5))
#: Cells that the prior counts as in a chance that is the same everywhere.
PRIOR_CELLS = 1.0
#: No recipe is ever taken to be certain to fail or to work.
CERTAIN = 0.98
#: Cells used to choose length scales, cells used to predict, and recipes predicted at once.
N_CELLS_FOR_LENGTHS, N_CELLS, N_ROWS = 200, 1000, 1000
#: Squared difference of two settings one of which was not reported: that of two uniform numbers.
UNKNOWN = 1.0 / 6.0


def squared_differences(space: SearchSpace, left: pd.DataFrame, right: pd.DataFrame) -> Array:
    """Return the squared difference of each parameter between recipes, shape (n_parameters, n_left, n_right).

    Numbers differ by their distance as a share of the range (of its logarithm for log parameters), categories by 0
    or 1. A parameter that does not apply to one of the two adds nothing: its parent differs already.
    """
    return design_differences(design_of(space, left), design_of(space, right))


def design_of(space: SearchSpace, recipes: pd.DataFrame) -> Design:
    """Return recipes as a design by the space's own inputs."""
    return encode(inputs_of_space(space), space.with_fixed(recipes))


def design_differences(a: Design, b: Design) -> Array:
    """Return what :func:`squared_differences` does, of recipes that are encoded already."""
    return np.stack([_column_difference(a, b, j) for j in range(len(a.columns))])


def _column_difference(a: Design, b: Design, j: int) -> Array:
    x, y = a.columns[j], b.columns[j]
    with np.errstate(invalid="ignore"):
        gap = x.values[:, None] - y.values[None, :]
        square = (gap != 0).astype(float) if x.is_category else gap**2
    square = np.where(x.missing[:, None] | y.missing[None, :], UNKNOWN, square)
    return np.where(x.absent[:, None] | y.absent[None, :], 0.0, square)


class Usability:
    """Chance of a usable cell: a Gaussian process on the labels 0 and 1, with the prior chance as its mean.

    p(x) = p0 + k(x, X) (K + I/r)^-1 (y - p0), kept within [1 - 0.98, 0.98]: least-squares classification (Rasmussen,
    Williams, Gaussian Processes for Machine Learning, 2006, section 6.5). Cells close to each other count for little
    more than one, so that many successes elsewhere do not wash out a few failures. The length scale of each setting
    and r are those with the best leave-one-out likelihood (section 5.4.2), so that a setting that does not matter
    does not thin out the failures seen.

    Parameters
    ----------
    space : SearchSpace
    prior_chance : float
        Chance where nothing is known, in (0, 1).

    Attributes
    ----------
    pattern : float
        How much better, in log likelihood, failures are foretold by the recipe than by their share alone.
    """

    def __init__(self, space: SearchSpace, prior_chance: float = PRIOR_CHANCE) -> None:
        if not 0.0 < prior_chance < 1.0:
            raise ValueError(f"prior_chance must lie in (0, 1), got {prior_chance}")
        self.space = space
        self.prior_chance = prior_chance

    def fit(self, observed: pd.DataFrame) -> Self:
        """Learn from cells.

        Parameters
        ----------
        observed : DataFrame
            The space's columns and optionally ``outcome_class``; a row without a class is usable.
        """
        classes = outcome_classes(observed)
        counted = (classes == "ok") | np.isin(classes, PROCESS_FAILURES)
        if counted.sum() > N_CELLS:
            # Thinned whatever became of them, so that the share of failures stays what it is.
            counted = _every_so_many(np.flatnonzero(counted), N_CELLS)
        usable = classes[counted] == "ok"
        self.recipes = observed.iloc[np.arange(len(observed))[counted]][list(self.space.names)].reset_index(drop=True)
        self.n_failures = int((~usable).sum())
        self.pattern = 0.0
        if self.n_failures == 0:
            return self
        label = usable - self.prior_chance
        differences = squared_differences(self.space, self.recipes, self.recipes)
        n, d = len(label), len(differences)
        # In more dimensions recipes are further apart; their closeness should not vanish for that alone.
        self._widening = max(1.0, d / 2.0) ** 0.5
        self._lengths, self._ratio = np.full(d, LENGTHS[0][0]), RATIOS[0][0]
        if usable.any():
            half = N_CELLS_FOR_LENGTHS // 2
            some = np.concatenate([_every_so_many(np.flatnonzero(kind), half) for kind in (~usable, usable)])
            self._choose(differences[:, some][:, :, some], label[some])
        covariance = self._closeness(differences, self._lengths) + np.eye(n) / self._ratio
        self._weights = np.linalg.solve(covariance, label)
        return self

    def _closeness(self, differences: Array, lengths: Array) -> Array:
        scaled = 1.0 / (lengths * self._widening) ** 2
        return np.asarray(np.exp(-0.5 * np.tensordot(scaled, differences, axes=1)))

    def _choose(self, differences: Array, label: Array) -> None:
        """Set length scales and ratio by coordinate search, twice around."""
        lengths, ratio = self._lengths.copy(), self._ratio
        costs = np.zeros(len(lengths) + 1)
        best = self._score(differences, label, lengths, ratio)
        for j in [*range(len(lengths)), -1] * 2:
            for value, cost in RATIOS if j == -1 else LENGTHS:
                new_lengths, new_costs = lengths.copy(), costs.copy()
                new_costs[j] = cost
                if j >= 0:
                    new_lengths[j] = value
                new_ratio = value if j == -1 else ratio
                score = self._score(differences, label, new_lengths, new_ratio) - new_costs.sum()
                if score > best:
                    best, lengths, ratio, costs = score, new_lengths, new_ratio, new_costs
        self._lengths, self._ratio = lengths, ratio
        # What a chance that is the same everywhere would score, left out likewise.
        others = len(label) - 1 + PRIOR_CELLS
        usable = label > 0
        rate = (usable.sum() - usable + PRIOR_CELLS * self.prior_chance) / others
        plain = float(np.log(np.where(usable, rate, 1.0 - rate)).sum())
        self.pattern = max(0.0, best - plain)

    def _score(self, differences: Array, label: Array, lengths: Array, ratio: float) -> float:
        """Return the leave-one-out log likelihood of the labels."""
        inverse = np.linalg.inv(self._closeness(differences, lengths) + np.eye(len(label)) / ratio)
        left_out = label - inverse @ label / np.diag(inverse)
        chance = np.clip(self.prior_chance + left_out, 1.0 - CERTAIN, CERTAIN)
        return float(np.log(np.where(label > 0, chance, 1.0 - chance)).sum())

    def chance(self, recipes: pd.DataFrame) -> Array:
        """Return the chance of a usable cell for each recipe, shape (n,)."""
        if self.n_failures == 0:
            return np.full(len(recipes), self.prior_chance)
        blocks = [recipes.iloc[k : k + N_ROWS] for k in range(0, len(recipes), N_ROWS)]
        chance = [self.prior_chance + self._close_to(block) @ self._weights for block in blocks]
        return np.clip(np.concatenate(chance) if chance else np.zeros(0), 1.0 - CERTAIN, CERTAIN)

    def _close_to(self, recipes: pd.DataFrame) -> Array:
        return self._closeness(squared_differences(self.space, recipes, self.recipes), self._lengths)


def _every_so_many(rows: Array, at_most: int) -> Array:
    """Return rows from first to last, thinned evenly to ``at_most``."""
    return np.asarray(rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), at_most)).astype(int))])


def outcome_classes(observed: pd.DataFrame) -> Array:
    """Return the outcome class of each cell, ``ok`` where none is stated; shape (n,)."""
    if "outcome_class" not in observed.columns:
        return np.full(len(observed), "ok", dtype=object)
    # As objects at once: a column of texts hands out one by one slowly.
    stated = observed["outcome_class"].to_numpy(dtype=object)
    return np.array([v if isinstance(v, str) and v else "ok" for v in stated], dtype=object)
