"""Recipes in which some settings are held by hand, such as the one substrate that is in stock this week.

Knows the space; knows no data and no model.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.candidates import draw_recipes
from pvdopt.errors import NothingToPropose
from pvdopt.space import Categorical, SearchSpace

Array = np.ndarray[Any, Any]


def narrow_space(space: SearchSpace, fix: Mapping[str, Any]) -> SearchSpace | None:
    """Return the space with some parameters fixed, or None where nothing is left to vary.

    A fixed number that applies only under some choices of its parent leaves the parent those choices.

    Raises
    ------
    NothingToPropose
        If the settings exclude each other.
    """
    fixed = {**space.fixed, **fix}
    parameters = []
    for p in space.parameters:
        wanted = [set(space[n].parent_choices) for n in fix if space[n].parent == p.name]
        if p.name in fix:
            if wanted and fix[p.name] not in set.intersection(*wanted):
                raise NothingToPropose(
                    f"Nothing can be proposed: with {p.name} {fix[p.name]} some of the settings fixed do not apply."
                )
            continue
        if wanted and isinstance(p, Categorical):
            left = [c for c in p.choices if all(c in choices for choices in wanted)]
            if not left:
                raise NothingToPropose(f"Nothing can be proposed: no choice of {p.name} suits all settings fixed.")
            if len(left) == 1:
                fixed[p.name] = left[0]
                continue
            p = replace(p, choices=left)
            # Children that need a choice which is gone can never apply.
        parameters.append(p)
    kept = []
    for p in parameters:
        if p.parent is not None and p.parent not in fixed:
            parent = next(q for q in parameters if q.name == p.parent)
            choices = [c for c in p.parent_choices if isinstance(parent, Categorical) and c in parent.choices]
            if not choices:
                fixed[p.name] = None
                continue
            p = replace(p, when={p.parent: choices})
        kept.append(p)
    return SearchSpace(kept, space.constraints, fixed) if kept else None


class Held:
    """Draws and changes recipes so that the settings held stay as they are.

    Parameters
    ----------
    fix : mapping
        ``{name: value}`` of parameters of the space.

    Raises
    ------
    NothingToPropose
        If the settings exclude each other.
    """

    def __init__(self, space: SearchSpace, fix: Mapping[str, Any]) -> None:
        self.space, self.fix = space, dict(fix)
        self.narrow = narrow_space(space, fix)
        #: The settings held and those that follow from them.
        self.values = dict(fix)
        if self.narrow is not None:
            self.values = {n: v for n, v in self.narrow.fixed.items() if n in space and v is not None}

    def draw(self, n: int, rng: np.random.Generator, without: Set[Hashable] = frozenset()) -> pd.DataFrame:
        """Return up to n different allowed recipes of the whole space, as ``candidates.draw_recipes`` does."""
        if self.narrow is None:
            return self.keep(self.space.frame([self.fix]), without)
        # Keys of the narrower space are others: what is not wanted is left out afterwards.
        drawn = draw_recipes(self.narrow, n + len(without), rng)
        full = self.narrow.with_fixed(drawn)
        rows = [{str(k): v for k, v in row.items()} for row in full.to_dict("records")]
        return self.keep(self.space.frame(rows), without).iloc[:n]

    def keep(self, recipes: pd.DataFrame, without: Set[Hashable] = frozenset()) -> pd.DataFrame:
        """Return recipes with the settings put in place, once each, those that may be made so."""
        recipes = recipes.reset_index(drop=True).copy()
        for name, value in self.values.items():
            kind = object if isinstance(self.space[name], Categorical) else float
            recipes[name] = pd.Series([value] * len(recipes), dtype=kind)
        recipes = self.space.clear(recipes)
        if not len(recipes):
            return recipes
        # A number held does not apply where its parent says so; that is no recipe with it.
        there = recipes[list(self.values)].notna().all(axis=1).to_numpy()
        seen, new = set(without), []
        for key in self.space.keys(recipes):
            new.append(key not in seen)
            seen.add(key)
        kept: Array = there & np.array(new, dtype=bool) & self.space.is_allowed(recipes)
        return recipes[kept].reset_index(drop=True)
