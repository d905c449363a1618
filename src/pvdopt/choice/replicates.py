"""Make a recipe once more where noise, and not want of recipes, holds the ranking back.

A replicate takes the place of the new recipe that teaches least, if one more cell of a leading recipe is expected to
improve the choice of the best by clearly more (:mod:`pvdopt.choice.knowledge`), hours considered.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.gain import Gain, Models, log_chance_to_meet, split_objectives
from pvdopt.choice.knowledge import knowledge_gain
from pvdopt.choice.runs import HourBudget, RunPlan
from pvdopt.choice.search import Choice, Search
from pvdopt.objectives import Objective

Array = np.ndarray[Any, Any]

#: How many times more than the new recipe a replicate has to teach: one step ahead nothing is seen of what a new recipe
#: opens up for the steps after it. A judgement (unverified).
MARGIN = 2.0
#: Cells with an outcome under which the noise is too little known.
N_MEASURED = 5
#: Hours below this count as this.
LEAST_H = 1e-3
#: Leading recipes that are told apart, and those of them that may be made once more.
N_LEADING, N_AGAIN = 12, 6


def swap_in_replicates(
    search: Search,
    gain: Gain,
    models: Models,
    objectives: Sequence[Objective],
    reference: Array,
    rng: np.random.Generator,
    empty_plan: RunPlan | None = None,
    budget: HourBudget | None = None,
) -> None:
    """Let replicates take the place of chosen recipes where they teach more; half of the batch at most.

    Parameters
    ----------
    search : Search
        With the choices made so far; those by gain may be replaced.
    empty_plan : RunPlan, optional
        The runs as they were before this batch.
    """
    new = [k for k, choice in enumerate(search.choices) if choice.gain is not None]
    leading = _leading(gain, models, objectives)
    if not new or len(leading) < 2 or len(search.known.measured) < 2:
        return
    coming: set[Hashable] = set(search.space.keys(search.known.expected))
    again = leading[[key not in coming for key in search.space.keys(leading)]].iloc[:N_AGAIN]
    again = search.keep_held(again)
    if not len(again):
        return
    options = pd.concat([*(search.choices[k].recipe for k in new), again], ignore_index=True)
    chance = np.exp(search.log_chance(options))
    taught = knowledge_gain(models, objectives, reference, leading, options, rng) * chance
    worth = taught / _hours(search, new, again, empty_plan)
    weakest = sorted(range(len(new)), key=lambda i: worth[i])
    best = sorted(range(len(new), len(options)), key=lambda i: -worth[i])
    for i, j in zip(weakest[: max(1, len(search.choices) // 2)], best, strict=False):
        if not worth[j] > MARGIN * worth[i]:
            return
        other = Choice(options.iloc[[j]].reset_index(drop=True), gain=float(taught[j]), rival=float(taught[i]))
        before = search.choices[new[i]]
        search.choices[new[i]] = other
        if empty_plan is not None and budget is not None and not _fits(search, empty_plan, budget):
            search.choices[new[i]] = before
            return


def _leading(gain: Gain, models: Models, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Return the best measured recipes that are likely to meet the constraints."""
    leading = gain.leaders(N_LEADING)
    if not len(leading):
        return leading
    _, limits = split_objectives(objectives)
    meets: Array = log_chance_to_meet(models.predict(leading), limits) >= np.log(0.5)
    return leading[meets].reset_index(drop=True)


def _hours(search: Search, new: Sequence[int], again: pd.DataFrame, empty_plan: RunPlan | None) -> Array:
    """Return what each chosen recipe added in hours, and what each replicate would add to the batch as it is."""
    if empty_plan is None:
        return np.ones(len(new) + len(again))
    plan, added = empty_plan.copy(), {}
    for k, choice in enumerate(search.choices):
        before = plan.hours
        plan.take(choice.recipe)
        added[k] = plan.hours - before
    return np.asarray(np.maximum([*(added[k] for k in new), *plan.extra_hours(again)[0]], LEAST_H))


def _fits(search: Search, empty_plan: RunPlan, budget: HourBudget) -> bool:
    plan = empty_plan.copy()
    for choice in search.choices:
        extra, by_kind = plan.extra_hours(choice.recipe)
        if not budget.fits(plan, extra, by_kind)[0]:
            return False
        plan.take(choice.recipe)
    return True
