"""A pool: a finite table of measured recipes, among which a strategy chooses without seeing their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.acquisition import hypervolume
from pvdopt.objectives import Objective
from pvdopt.space import SearchSpace

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pool:
    """Recipes that were all measured.

    Attributes
    ----------
    recipes : DataFrame
        n rows with the space's columns, numbered from 0.
    values : DataFrame
        A column for each objective, in its unit, none missing.
    """

    name: str
    space: SearchSpace
    objectives: Sequence[Objective]
    recipes: pd.DataFrame
    values: pd.DataFrame

    def __len__(self) -> int:
        return len(self.recipes)

    @cached_property
    def signed(self) -> Array:
        """Values turned so that more is better, shape (n, m)."""
        signs = np.array([o.sign for o in self.objectives])
        return np.asarray(self.values[[o.name for o in self.objectives]].to_numpy(dtype=float) * signs)

    @cached_property
    def worst(self) -> Array:
        """The worst of each objective, shape (m,): where progress starts from."""
        return np.asarray(self.signed.min(axis=0))

    @cached_property
    def best(self) -> float:
        """The most that progress can reach: the best value, or the hypervolume of the whole pool."""
        if len(self.objectives) == 1:
            return float(self.signed.max())
        return hypervolume(self.signed, self.worst)

    def top(self, share: float) -> Array:
        """Return which rows are among the best share by the only objective, at least one; ties are all in."""
        values = self.signed[:, 0]
        n_top = max(1, round(share * len(values)))
        return np.asarray(values >= np.sort(values)[-n_top])

    def observed(self, rows: Sequence[int]) -> pd.DataFrame:
        """Return what was learned from rows: recipes and values."""
        return pd.concat([self.recipes.iloc[list(rows)], self.values.iloc[list(rows)]], axis=1)
