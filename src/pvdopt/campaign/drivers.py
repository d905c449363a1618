"""Which settings drive a proposal: their shares of the predicted difference to the best recipe so far.

Shapley values of the predicted medians (:mod:`pvdopt.attribution`), so that they add up to the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.attribution import Contribution, contributions, setting_groups
from pvdopt.campaign.beliefs import Beliefs
from pvdopt.choice.gain import log_chance_to_meet, signed_medians, split_objectives
from pvdopt.choice.observed import known_recipes
from pvdopt.wording import spell

Array = np.ndarray[Any, Any]

#: Groups of settings up to which all their mixtures are predicted for every proposal of a batch.
MOST_GROUPS = 9


@dataclass(frozen=True)
class Driven:
    """What makes a proposal differ from the best so far.

    Attributes
    ----------
    against : str
        The id of the best cell, or words for a reported recipe.
    differs : mapping of str to float
        Per outcome with a direction: predicted median less that of the best, in the outcome's unit.
    contributions : list of Contribution
        What each setting adds to that, the one that matters most first.
    """

    against: str
    differs: Mapping[str, float]
    contributions: list[Contribution]

    def share(self, contribution: Contribution, outcome: str) -> float | None:
        """Return a setting's share of the difference; None where there is hardly any."""
        whole = self.differs[outcome]
        return contribution.adds[outcome] / whole if abs(whole) > 1e-9 else None


def find_drivers(beliefs: Beliefs, frame: pd.DataFrame) -> list[Driven | None]:
    """Return what drives each proposal; None where nothing is there to compare with or too many settings vary."""
    space = beliefs.space
    goals, _ = split_objectives(beliefs.objectives)
    nothing: list[Driven | None] = [None] * len(frame)
    if not goals or len(setting_groups(space)) > MOST_GROUPS:
        return nothing
    pool, names = _known(beliefs)
    if not len(pool):
        return nothing
    order = _order(beliefs, pool)
    best, labels = pool.iloc[order], [names[k] for k in order]
    keys = space.keys(best)
    found: list[Driven | None] = []
    for k, key in enumerate(space.keys(frame)):
        # A replicate of the best is compared with the next.
        place = next((j for j, other in enumerate(keys) if other != key), None)
        found.append(None if place is None else _drive(beliefs, frame.iloc[[k]], best.iloc[[place]], labels[place]))
    return found


def _known(beliefs: Beliefs) -> tuple[pd.DataFrame, list[str]]:
    """Return the recipes measured with the ids of their cells; before any, reported ones."""
    space, seen = beliefs.space, beliefs.observed
    outcomes = [o.name for o in beliefs.objectives]
    usable = seen["outcome_class"].isin(["ok"]) & seen[outcomes].notna().any(axis=1)
    recipes = space.snap(seen[list(space.names)])
    kept = np.asarray(usable, dtype=bool) & space.is_allowed(recipes)
    if kept.any():
        goals, _ = split_objectives(beliefs.objectives)
        best = "the cell believed best so far" + (f" in {spell(goals[0].name)}" if len(goals) > 1 else "")
        return recipes[kept], [f"{name}, {best}" for name in recipes.index[kept]]
    reported = known_recipes(space, beliefs.evidence)
    return reported, ["the reported recipe predicted best here (what it leaves open is filled in)"] * len(reported)


def _order(beliefs: Beliefs, pool: pd.DataFrame) -> Array:
    """Return recipes from the best predicted on: by the first objective, those that meet the constraints first."""
    goals, limits = split_objectives(beliefs.objectives)
    predictions = beliefs.fitted().predict(pool)
    meets = log_chance_to_meet(predictions, limits) >= np.log(0.5)
    return np.lexsort((-signed_medians(predictions, goals)[:, 0], ~meets))


def _drive(beliefs: Beliefs, proposal: pd.DataFrame, best: pd.DataFrame, label: str) -> Driven:
    goals, _ = split_objectives(beliefs.objectives)
    models = beliefs.fitted()

    def predict(recipes: pd.DataFrame) -> dict[str, Array]:
        predictions = models.predict(recipes)
        return {o.name: predictions[o.name].median() for o in goals}

    names = list(beliefs.space.names)
    here, there = (_recipe(row[names].iloc[0]) for row in (proposal, best))
    parts = contributions(beliefs.space, here, there, predict)
    differs = {o.name: float(sum(part.adds[o.name] for part in parts)) for o in goals}
    sizes = {o.name: max((abs(part.adds[o.name]) for part in parts), default=0.0) or 1.0 for o in goals}
    parts.sort(key=lambda part: -max(abs(part.adds[name]) / sizes[name] for name in sizes))
    return Driven(label, differs, parts)


def _recipe(row: pd.Series) -> dict[str, Any]:
    return {str(n): None if v is None or v != v else v for n, v in row.items()}
