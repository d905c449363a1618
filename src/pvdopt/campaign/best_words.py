"""Why the best cell measured and the best recipe believed differ, in sentences. Fits nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pvdopt.campaign.standing_reports import BestCell
from pvdopt.objectives import Objective
from pvdopt.surrogates.base import Prediction
from pvdopt.wording import show, show_interval, show_measured, spell

#: Share of a cell's scatter below which two recipes are called as good as each other.
CLOSE = 0.25


def cell_scatter(prediction: Prediction, place: int) -> float:
    """Return the deviation of a recipe's single cells, in the outcome's unit: half of what one each way spans."""
    mean, noise = prediction.mean[place], prediction.factor * prediction.noise_std[place]
    low, high = prediction.link.inverse(np.array([mean - noise, mean + noise]))
    return float(abs(high - low) / 2.0)


def say_differences(
    objectives: Sequence[Objective],
    measured: Sequence[BestCell],
    believed: Sequence[BestCell],
    frame: pd.DataFrame,
    predictions: Mapping[str, Prediction],
) -> list[str]:
    """Return a sentence for each goal that has a best cell by measurement and by belief.

    Parameters
    ----------
    frame : DataFrame
        All measured recipes as :func:`pvdopt.campaign.beliefs.describe` returns them, indexed by id.
    predictions : mapping
        Of the same rows in the same order.
    """
    by_belief = {cell.outcome: cell for cell in believed}
    found = []
    for cell in measured:
        other = by_belief.get(cell.outcome)
        if other is None or not other.id or cell.id not in frame.index or other.id not in frame.index:
            continue
        objective = next(o for o in objectives if o.name == cell.outcome)
        found.append(_say(objective, cell, other, frame, predictions[cell.outcome]))
    return found


def _say(objective: Objective, cell: BestCell, other: BestCell, frame: pd.DataFrame, prediction: Prediction) -> str:
    name, unit = objective.name, objective.unit or ""
    place = list(frame.index).index(cell.id)
    median, low, high = (float(frame[column].iloc[place]) for column in (name, f"{name}_low", f"{name}_high"))
    scatter = cell_scatter(prediction, place)
    value, expected = show_measured(cell.value, cell.qualifier, digits=3), show(median, unit, digits=3)
    within = f"80 % of further cells within {show_interval(low, high)}"
    start = f"{spell(name)}: {cell.id} measured {value}, and its recipe is believed to give {expected} ({within})"
    by_luck = f"single cells scatter by about {show(scatter, unit, digits=2)}"
    if cell.id == other.id:
        if abs(cell.value - median) <= scatter:
            return f"{start}: they agree, {by_luck}."
        way = "lower" if cell.value > median else "higher"
        return f"{start}: {by_luck}, and cells alike came out {way}.{_ask_again(cell, low, high)}"
    is_close = abs(other.value - median) < CLOSE * scatter
    best = f"{other.id}'s recipe is believed to be {'as good' if is_close else 'better'}, "
    best += show(other.value, unit, digits=3)
    return f"{start}. {best}: {by_luck}, and cells alike speak for it.{_ask_again(cell, low, high)}"


def _ask_again(cell: BestCell, low: float, high: float) -> str:
    return "" if low <= cell.value <= high else f" {cell.id} lies outside: a second cell of its recipe would tell."
