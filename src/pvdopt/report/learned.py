"""What the models say for the report: fronts, slices, random recipes, calibration. Numbers only; draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.attribution import slice_through
from pvdopt.campaign.beliefs import Beliefs, describe
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.campaign.reports import PredictionScore
from pvdopt.campaign.standing import measured_recipes, meets_thresholds
from pvdopt.choice.acquisition import hypervolume, is_non_dominated
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.gain import split_objectives
from pvdopt.choice.observed import check_observed
from pvdopt.objectives import Objective
from pvdopt.report.content import Believed, Calibration, Front, Progress, Quantity, Slice, Span
from pvdopt.space import Categorical
from pvdopt.usability import Usability

Array = np.ndarray[Any, Any]

#: Allowed recipes drawn to look for the predicted front, and members of it that are shown.
N_SEARCHED, N_SHOWN = 4000, 12
#: Random recipes and joint draws behind the estimate of a random search.
N_RANDOM, N_DRAWS = 600, 200
#: Places along a slice.
N_PLACES = 33
#: Chance of a usable cell below which a recipe is not shown as promising.
LEAST_CHANCE = 0.5
#: Widths of the intervals that calibration looks at.
LEVELS = tuple(round(0.1 * k, 1) for k in range(1, 10))


def to_plain(value: Any) -> Any:
    """Return a value of a frame as Python's own; None for what is missing."""
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def spans_of(row: Mapping[Any, Any], objectives: Sequence[Objective]) -> dict[str, Span]:
    """Return median and interval of each objective of a described recipe."""
    names = [o.name for o in objectives]
    return {n: (float(row[n]), float(row[f"{n}_low"]), float(row[f"{n}_high"])) for n in names if row[n] == row[n]}


def believe(beliefs: Beliefs, recipes: pd.DataFrame, ids: Sequence[str | None]) -> list[Believed]:
    """Return what is believed of recipes."""
    if not len(recipes):
        return []
    frame = describe(beliefs, recipes)
    found = []
    for id_, row in zip(ids, frame.to_dict("records"), strict=True):
        settings = {n: to_plain(row[n]) for n in beliefs.space.names}
        found.append(Believed(id_, settings, spans_of(row, beliefs.objectives)))
    return found


def make_generator(beliefs: Beliefs, what: int) -> np.random.Generator:
    """Return the generator of one part of the report: the same ledger gives the same report."""
    return np.random.default_rng([abs(beliefs.seed), len(beliefs.observed), what])


# -- fronts --------------------------------------------------------------------------------------------------------


def find_fronts(own: OwnCells, beliefs: Beliefs) -> Front:
    """Return measured cells that none beats, all measured recipes as believed, and the front believed possible."""
    goals, _ = split_objectives(own.objectives)
    cells = measured_recipes(own)
    made = believe(beliefs, cells, [str(i) for i in cells.index])
    whole = cells[cells[[o.name for o in goals]].notna().all(axis=1)]
    whole = whole[meets_thresholds(whole, own.objectives)]
    measured = [str(i) for i in whole.index[is_non_dominated(_signed(whole, goals))]] if len(whole) else []
    return Front(measured, made, search_front(beliefs))


def search_front(beliefs: Beliefs) -> list[Believed]:
    """Return the recipes that are predicted to be beaten by none of many allowed ones, spread along the front."""
    goals, _ = split_objectives(beliefs.objectives)
    drawn = draw_recipes(beliefs.space, N_SEARCHED, make_generator(beliefs, 1))
    if not goals or not len(drawn):
        return []
    frame = describe(beliefs, drawn)
    kept = meets_thresholds(frame, beliefs.objectives) & (frame["usable_chance"].to_numpy() >= LEAST_CHANCE)
    frame = frame[kept] if kept.any() else frame
    frame = frame[is_non_dominated(_signed(frame, goals))]
    frame = frame.sort_values(goals[0].name, kind="stable")
    places = np.unique(np.linspace(0, len(frame) - 1, min(N_SHOWN, len(frame))).round().astype(int))
    rows = frame.iloc[places].to_dict("records")
    settings = [{n: to_plain(row[n]) for n in beliefs.space.names} for row in rows]
    return [Believed(None, s, spans_of(row, beliefs.objectives)) for s, row in zip(settings, rows, strict=True)]


def _signed(frame: pd.DataFrame, goals: Sequence[Objective]) -> Array:
    return np.stack([o.sign * frame[o.name].to_numpy(dtype=float) for o in goals], axis=1)


# -- progress ------------------------------------------------------------------------------------------------------


def follow_progress(own: OwnCells, beliefs: Beliefs, reference: Mapping[str, float]) -> list[Progress]:
    """Return for each goal, and with several for all together, the best after each experiment.

    Beside it stands what as many random allowed recipes would have reached: recipes drawn from the space, outcomes
    drawn from the model with its doubt and the noise of a cell, failures at the chance it sees for them.
    """
    goals, _ = split_objectives(own.objectives)
    cells = [own.state.cells[str(i)] for i in own.observed().index]
    cells.sort(key=lambda c: (c.times.get("measured") or max(c.times.values()), c.id))
    if not cells or not goals:
        return []
    table = own.observed().loc[[c.id for c in cells]]
    usable = table["outcome_class"].isin(["ok"]).to_numpy() & meets_thresholds(table, own.objectives)
    rows = np.where(usable[:, None], _signed(table, goals), np.nan)
    random = _draw_random(beliefs, goals, len(cells))
    ids = [c.id for c in cells]
    found = []
    if len(goals) == 2:
        point = np.array([o.sign * reference[o.name] for o in goals])
        above = {o.name: float(reference[o.name]) for o in goals}
        found.append(_hypervolumes(ids, rows, random, point, above))
    for j, goal in enumerate(goals):
        best = _running_max(rows[None, :, j])[0]
        values = [None if v == -np.inf else float(goal.sign * v) for v in best]
        spans = _spread(goal.sign * _running_max(random[:, :, j]), goal.sign)
        found.append(Progress(goal.name, goal.unit or "", ids, values, spans))
    return found


def _draw_random(beliefs: Beliefs, goals: Sequence[Objective], n: int) -> Array:
    """Return signed outcomes of random campaigns of n cells, shape (n_draws, n, m); NaN where a cell gives nothing."""
    rng = make_generator(beliefs, 2)
    recipes = draw_recipes(beliefs.space, N_RANDOM, rng)
    models = beliefs.fitted()
    predictions = models.predict(recipes)
    drawn = models.draw(recipes, N_DRAWS, rng)
    noise: dict[str, Array] = {}
    values = {}
    for o in beliefs.objectives:
        # Areal capacity rests on the model of capacity, and so on the same cell's noise.
        base = o.name if o.name in models.models else "capacity"
        if base not in noise:
            noise[base] = rng.standard_normal((N_DRAWS, len(recipes)))
        p = predictions[o.name]
        on_scale = p.link.forward(drawn[o.name])
        values[o.name] = p.link.inverse(p.mean + p.factor * (on_scale - p.mean + p.noise_std * noise[base]))
    table = check_observed(beliefs.observed, beliefs.space, beliefs.objectives, beliefs.evidence)
    counts = rng.random((N_DRAWS, len(recipes))) < Usability(beliefs.space).fit(table).chance(recipes)
    for o in beliefs.objectives:
        if o.is_constraint and o.threshold is not None:
            counts &= values[o.name] >= o.threshold
    signed = np.stack([o.sign * values[o.name] for o in goals], axis=2)
    chosen = np.stack([rng.choice(len(recipes), n, replace=len(recipes) < n) for _ in range(N_DRAWS)])
    at = np.arange(N_DRAWS)[:, None]
    return np.where(counts[at, chosen][:, :, None], signed[at, chosen], np.nan)


def _running_max(values: Array) -> Array:
    """Return the best so far along the last axis, minus infinity before anything counts."""
    return np.maximum.accumulate(np.where(np.isnan(values), -np.inf, values), axis=-1)


def _spread(curves: Array, sign: float = 1.0) -> list[Span]:
    """Return median and central 80 % of curves after each experiment, as far as most of them count anything."""
    spans: list[Span] = []
    for column in curves.T:
        # Campaigns with nothing yet are the worst, whichever direction is better.
        column = np.where(np.isfinite(column), column, -sign * np.inf)
        low, mid, high = (float(v) for v in np.quantile(column, (0.1, 0.5, 0.9), method="nearest"))
        spans.append((mid, low, high))
    return spans


def _hypervolumes(ids: list[str], rows: Array, random: Array, reference: Array, above: Mapping[str, float]) -> Progress:
    def grow(points: Array) -> list[float]:
        return [
            hypervolume(seen[~np.isnan(seen).any(axis=1)], reference)
            for seen in (points[: k + 1] for k in range(len(points)))
        ]

    own = grow(rows)
    if not own[-1] > 0:
        # A share of nothing says nothing, and random recipes have nothing to be compared with.
        nothing = (float("nan"), float("nan"), float("nan"))
        return Progress("hypervolume", "% of today's", ids, [0.0] * len(own), [nothing] * len(own), above)
    today = own[-1]
    curves = np.array([grow(points) for points in random])
    values: list[float | None] = [100.0 * v / today for v in own]
    return Progress("hypervolume", "% of today's", ids, values, _spread(100.0 * curves / today), above)


# -- slices --------------------------------------------------------------------------------------------------------


def cut_slices(
    own: OwnCells, beliefs: Beliefs, base: Mapping[str, Any], quantities: Mapping[str, Quantity]
) -> list[Slice]:
    """Return what each setting is believed to do to each goal, all others held as in a base recipe.

    A setting that does not apply in the base recipe is cut where its parent makes it apply.
    """
    space = beliefs.space
    goals = [o for o in beliefs.objectives if not o.is_constraint]
    observed = measured_recipes(own)
    found: list[Slice] = []
    for p in space.parameters:
        held = dict(base)
        if p.parent is not None and held.get(p.parent) not in p.parent_choices:
            held[p.parent] = p.parent_choices[0]
        places = slice_through(space, p.name, held, base, N_PLACES)
        if not places:
            continue
        xs = [place.value for place in places]
        rows = describe(beliefs, space.frame([place.recipe for place in places])).to_dict("records")
        for o in goals:
            measured = [
                (to_plain(row[p.name]), float(row[o.name]), str(id_))
                for id_, row in observed.iterrows()
                if to_plain(row[p.name]) is not None and row[o.name] == row[o.name]
            ]
            found.append(
                Slice(
                    parameter=quantities[p.name],
                    outcome=quantities[o.name],
                    is_log=not isinstance(p, Categorical) and p.log,
                    xs=xs,
                    spans=[spans_of(row, [o])[o.name] for row in rows],
                    own=measured,
                    reported=_reported_values(beliefs, p.name, o.name),
                )
            )
    return found


def _reported_values(beliefs: Beliefs, name: str, outcome: str) -> list[Any]:
    """Return what reported cells with the outcome state of a setting, those of the campaign's cathode alone."""
    if beliefs.evidence is None or name not in beliefs.evidence.cells.columns:
        return []
    cells = beliefs.evidence.cells
    cathode = beliefs.space.fixed.get("cathode")
    if cathode is not None:
        cells = cells[cells["cathode"] == cathode]
    base = "capacity" if outcome == "areal_capacity" else outcome
    if base in cells.columns:
        cells = cells[cells[base].notna()]
    return [to_plain(v) for v in cells[name].dropna()]


# -- calibration -----------------------------------------------------------------------------------------------------


def calibrate(scores: Sequence[PredictionScore], to_scale: Any) -> list[Calibration]:
    """Return how often results lay inside intervals of each width; bounds do not count.

    Parameters
    ----------
    to_scale : callable
        (outcome, value) -> value on the scale on which the outcome is modelled, where errors are normal.
    """
    found = []
    for outcome in dict.fromkeys(s.outcome for s in scores):
        widths = []
        for s in scores:
            if s.outcome != outcome or s.qualifier in (">=", "<="):
                continue
            y, mean, one, other = (to_scale(outcome, v) for v in (s.measured, s.median, s.low, s.high))
            sd = abs(other - one) / (2.0 * NormalDist().inv_cdf(0.5 + s.p / 2.0))
            # The narrowest central interval that still holds the result.
            widths.append(2.0 * NormalDist().cdf(abs(y - mean) / sd) - 1.0 if sd > 0 else 1.0)
        if widths:
            shares = [sum(w <= level for w in widths) / len(widths) for level in LEVELS]
            found.append(Calibration(outcome, list(LEVELS), shares, len(widths)))
    return found
