"""The recipes that came next: what else was considered for a batch, and why it came second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.gain import Gain, log_chance_to_meet
from pvdopt.choice.runs import RunPlan
from pvdopt.choice.search import Search
from pvdopt.usability import squared_differences

Array = np.ndarray[Any, Any]

#: Alternatives told.
N_TOLD = 3
#: Sum of squared differences of settings, as shares of their ranges, below which a recipe is hardly another one.
HARDLY = 0.0025


def find_alternatives(search: Search, gain: Gain, plan: RunPlan | None) -> list[dict[str, Any]]:
    """Return the best recipes that were not chosen, as plain values for the ledger.

    Returns
    -------
    list of dict
        ``recipe``; ``predicted`` medians by outcome; ``gain`` once the batch is made, times the chances;
        ``usable_chance``; ``meets`` (chance that the recipe meets the thresholds once the scatter of single cells is
        taken out, by which recipes are told apart; a proposal's reason tells the chance of a cell); ``hours`` it would
        add; ``why`` it came second, in words.
    """
    chosen = [choice for choice in search.choices if choice.gain is not None and choice.rival is None]
    if search.considered is None or not chosen:
        return []
    shortlist, scores, preference = search.considered
    taken = pd.concat([choice.recipe for choice in search.choices], ignore_index=True)
    rows = _different_rows(search, shortlist, scores, taken)
    if not rows:
        return []
    recipes = shortlist.iloc[rows].reset_index(drop=True)
    told = _figures(search, gain, plan, recipes)
    told["gain"] = np.exp(np.minimum(scores[rows] - preference[rows], 700.0))
    last = min(chosen, key=lambda choice: choice.gain or 0.0)
    measure = _figures(search, gain, plan, last.recipe)
    measure["gain"] = np.array([last.gain or 0.0])
    predictions = gain.models.predict(recipes)
    return [
        {
            "recipe": {str(n): _plain(v) for n, v in recipes.iloc[k].items() if n in search.space},
            "predicted": {name: float(p.median()[k]) for name, p in predictions.items()},
            **{name: float(values[k]) for name, values in told.items()},
            "why": _say_why({n: float(v[k]) for n, v in told.items()}, {n: float(v[0]) for n, v in measure.items()}),
        }
        for k in range(len(recipes))
    ]


def _different_rows(search: Search, shortlist: pd.DataFrame, scores: Array, taken: pd.DataFrame) -> list[int]:
    """Return the best rows that are no near copy of a recipe taken or of a better row."""
    rows: list[int] = []
    known = taken
    for row in np.argsort(-scores, kind="stable"):
        if not np.isfinite(scores[row]) or len(rows) == N_TOLD:
            break
        one = shortlist.iloc[[int(row)]]
        if squared_differences(search.space, one, known).sum(axis=0).min() >= HARDLY:
            rows.append(int(row))
            known = pd.concat([known, one], ignore_index=True)
    return rows


def _figures(search: Search, gain: Gain, plan: RunPlan | None, recipes: pd.DataFrame) -> dict[str, Array]:
    found = {
        "usable_chance": np.exp(search.log_chance(recipes)),
        "meets": np.exp(log_chance_to_meet(gain.models.predict(recipes), gain.limits)),
    }
    if plan is not None:
        found["hours"] = plan.extra_hours(recipes)[0]
    return found


def _say_why(told: dict[str, float], last: dict[str, float]) -> str:
    """Return what an alternative lacks most against the recipe of the batch that gains least."""
    chances = {
        "usable_chance": "a usable cell is less likely",
        "meets": "its recipe, the scatter of single cells taken out, is less likely to meet the thresholds",
    }
    lacks = {name: np.log(max(last[name], 1e-12) / max(told[name], 1e-12)) for name in chances}
    # What is left of the gain once the chances are taken out of it.
    lacks["gain"] = np.log(max(last["gain"], 1e-300) / max(told["gain"], 1e-300)) - sum(lacks.values())
    if "hours" in told:
        lacks["hours"] = np.log(max(told["hours"], 0.1) / max(last["hours"], 0.1))
    most = max(lacks, key=lambda name: lacks[name])
    if most in chances:
        return f"{chances[most]} ({told[most]:.0%} against {last[most]:.0%} of the least gainful one chosen)"
    if most == "hours":
        return f"it would add {told['hours']:.3g} h, with the runs it opens"
    share = told["gain"] / last["gain"] if last["gain"] > 0 else 0.0
    return f"once the batch is made it gains {share:.0%} of what the least gainful recipe of it does"


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value
