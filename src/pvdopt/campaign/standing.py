"""Where a campaign stands: counts, what is open, what is best. The status alone needs no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.campaign.data_dictionary import DERIVED
from pvdopt.campaign.own_cells import OwnCells, lab_levels
from pvdopt.campaign.standing_reports import Best, BestCell, Budget, LabStanding, PendingCell, ResultCell, Status
from pvdopt.ledger.state import CellState
from pvdopt.objectives import OUTCOME_UNITS, Objective

if TYPE_CHECKING:
    from pvdopt.campaign.beliefs import Beliefs

#: Results shown by the status.
N_RESULTS = 5
#: Allowed recipes among which the best one believed is looked for, and the least chance of a usable cell it must have.
N_SEARCHED, LEAST_CHANCE = 4000, 0.5
Flags = np.ndarray[Any, np.dtype[np.bool_]]


def status(own: OwnCells, name: str, folder: Path | None, specification: str) -> Status:
    """Return counts, open cells, latest results and how this laboratory compares with what was predicted."""
    state = own.state
    cells = list(state.cells.values())
    made = [fact for fact in state.notes if fact.payload.get("event") == "created"]
    studies = [fact.payload for fact in state.notes if fact.payload.get("event") == "study"]
    recorded = [c for c in cells if c.status in ("partial", "complete", "failed")]
    latest = sorted(recorded, key=lambda c: max(c.times.values()), reverse=True)
    evaluated = [c for c in cells if c.status not in ("proposed", "made", "vetoed")]
    used = sum(c.outcome_class != "lab_error" for c in evaluated)
    notes = [f"run {run} is discarded: {why}" for run, why in state.discarded_runs.items()]
    told = [c.proposal["advice"] for c in cells if c.proposal.get("advice")]
    advice = told[-1] if told else {}
    n_measured = sum(c.status in ("partial", "complete") for c in cells)
    return Status(
        name=name,
        folder=folder,
        created=made[0].time if made else None,
        n_facts=state.n_facts,
        counts=dict(Counter(own.status(c) for c in cells)),
        pending=[_pending(own, c) for c in cells if c.status in ("proposed", "made") or own.waits_for(c)],
        results=[
            ResultCell(c.id, max(c.times.values()), own.status(c), c.outcome_class, c.outcomes, c.cause)
            for c in latest[:N_RESULTS]
        ],
        budget=_budget(studies[-1], used, own) if studies else None,
        hours_used=own.hours_used(),
        lab=lab_levels(own.scores()),
        standing=lab_standing(own),
        specification=specification,
        retrained=state.retrained[-1].time if state.retrained else None,
        evaluator=studies[-1]["evaluator"] if studies else None,
        notes=notes,
        advice=advice["sentence"] if advice else None,
        lab_errors=sum(c.outcome_class == "lab_error" for c in cells if own.status(c) == "failed"),
        advice_lag=max(0, n_measured - int(advice.get("n_own") or 0)) if advice else 0,
    )


def _budget(study: Mapping[str, Any], used: int, own: OwnCells) -> Budget | None:
    """Return what a study's budget was, and what of it is used."""
    cells, hours = study.get("budget"), study.get("hours")
    if cells is None and hours is None:
        return None
    left = None if cells is None else max(int(cells) - used, 0)
    return Budget(cells, used, left, hours, own.hours_used() if hours is not None else None)


def lab_standing(own: OwnCells) -> list[LabStanding]:
    """Return where the laboratory's level was last found to stand against the reported cells.

    Computing it takes the models; so it is kept with every batch of proposals and every retraining.
    """
    told = [(f.time, f.payload["lab"]) for f in own.state.retrained if f.payload.get("lab")]
    told += [(c.times["proposed"], c.proposal["lab"]) for c in own.state.cells.values() if c.proposal.get("lab")]
    if not told:
        return []
    time, found = max(told, key=lambda each: each[0])
    return [LabStanding(name, s["ratio"], s["low"], s["high"], int(s["n"]), time) for name, s in found.items()]


def _pending(own: OwnCells, cell: CellState) -> PendingCell:
    return PendingCell(
        id=cell.id,
        kind=cell.kind,
        status=own.status(cell),
        since=max(cell.times.values()),
        waits_for=own.waits_for(cell),
        settings={n: own.settings(cell).get(n) for n in own.space.names},
        run=cell.run,
        sample=cell.sample,
        purpose=cell.purpose,
        cycles=cell.outcomes["cycles"].value if own.is_early(cell) else None,
    )


# -- the best --------------------------------------------------------------------------------------------------------


def measured_recipes(own: OwnCells) -> pd.DataFrame:
    """Return usable cells with an outcome whose recipe may be made: settable settings and measured objectives.

    Indexed by id; an objective not measured yet is NaN. ``<outcome>_qualifier`` says what is only a bound.
    """
    observed = own.observed()
    names = [o.name for o in own.objectives]
    if "retention" in names:
        # What is left after fewer cycles than asked for is not what is left after all of them.
        early = [own.is_early(own.state.cells[str(i)]) for i in observed.index]
        observed["retention"] = observed["retention"].mask(np.array(early, dtype=bool))
    recipes = own.space.snap(observed[list(own.space.names)])
    usable = observed["outcome_class"].isin(["ok"]) & observed[names].notna().any(axis=1)
    kept = np.asarray(usable, dtype=bool) & own.space.is_allowed(recipes)
    return pd.concat([recipes, observed[[*names, *_qualifiers(own)]]], axis=1)[kept]


def _qualifiers(own: OwnCells) -> list[str]:
    return [f"{o.name}_qualifier" for o in own.objectives]


def _say_left_out(own: OwnCells, measured: pd.DataFrame) -> list[str]:
    """Say which measured cells are no candidates because their recipes, as made, may not be made again."""
    observed = own.observed()
    usable = observed["outcome_class"].isin(["ok"]) & observed[[o.name for o in own.objectives]].notna().any(axis=1)
    ids = [str(i) for i in observed.index[np.asarray(usable, dtype=bool)] if i not in measured.index]
    if not ids:
        return []
    return [f"Left out, being made outside the limits of the campaign file: {', '.join(ids)}."]


def meets_thresholds(frame: pd.DataFrame, objectives: Sequence[Objective]) -> Flags:
    """Return which rows keep the thresholds of outcomes without a direction, as far as these are known."""
    kept = np.ones(len(frame), dtype=bool)
    for o in objectives:
        if o.is_constraint and o.threshold is not None:
            values = frame[o.name].to_numpy(dtype=float)
            kept &= np.isnan(values) | (values >= o.threshold)
    return kept


def best(own: OwnCells, beliefs: Beliefs) -> Best:
    """Return the best measured cell and the recipe believed best, per objective with a direction.

    The best so far is the best posterior median among allowed recipes that were measured; before the first cell,
    among reported recipes of the space, as predicted for this laboratory.
    """
    from pvdopt.campaign.beliefs import describe
    from pvdopt.campaign.best_words import say_differences
    from pvdopt.choice.observed import known_recipes

    measured = measured_recipes(own)
    notes = _say_left_out(own, measured)
    recipes = measured
    if not len(measured):
        recipes = known_recipes(own.space, beliefs.evidence)
        notes.append(
            "No own cell was measured yet: the best of the reported recipes, as predicted for this laboratory."
            if len(recipes)
            else "No own cell was measured yet, and no reported recipe lies in the space."
        )
    believed: list[BestCell] = []
    why: list[str] = []
    top = best_measured(own)
    if len(recipes):
        frame = describe(beliefs, recipes)
        kept = meets_thresholds(frame, own.objectives)
        if not kept.any():
            notes.append("No recipe is believed to keep all thresholds; the best are shown all the same.")
            kept[:] = True
        believed = _best_of(own, frame[kept], has_interval=True, is_own=bool(len(measured)))
        if len(measured):
            predictions = beliefs.fitted().predict(recipes[list(own.space.names)])
            why = say_differences(own.objectives, top, believed, frame, predictions)
    kept = meets_thresholds(measured, own.objectives)
    if len(measured) and not kept.any():
        notes.append("No measured cell keeps all thresholds.")
    if believed and len(measured) and _differs_from_made(own, measured):
        notes.append("What is believed is believed of the nearest recipe that can be set, and shown so.")
    return Best(top, believed, notes, why, best_reachable(own, beliefs) if len(recipes) else [])


def best_reachable(own: OwnCells, beliefs: Beliefs) -> list[BestCell]:
    """Return per objective with a direction the recipe believed best of many allowed ones, made or not.

    Of those that are expected to keep the thresholds and, more likely than not, to give usable figures.
    """
    from pvdopt.campaign.beliefs import describe
    from pvdopt.choice.candidates import draw_recipes

    names = list(own.space.names)
    drawn = draw_recipes(own.space, N_SEARCHED, np.random.default_rng(abs(beliefs.seed)))
    recipes = pd.concat([measured_recipes(own)[names], drawn], ignore_index=True)
    if not len(recipes):
        return []
    frame = describe(beliefs, recipes)
    kept = meets_thresholds(frame, own.objectives) & (frame["usable_chance"].to_numpy() >= LEAST_CHANCE)
    return _best_of(own, frame[kept], has_interval=True, is_own=False) if kept.any() else []


def best_measured(own: OwnCells) -> list[BestCell]:
    """Return the best measured cell per objective with a direction, of those that keep the thresholds, as made."""
    measured = measured_recipes(own)
    kept = measured[meets_thresholds(measured, own.objectives)]
    return _best_of(own, _as_made(own, kept), has_interval=False, is_own=True)


def _as_made(own: OwnCells, recipes: pd.DataFrame) -> pd.DataFrame:
    """Return cells with their settings as they were made, in place of the nearest that can be set."""
    observed = own.observed()
    return recipes.assign(**{n: observed.loc[recipes.index, n] for n in own.space.names})


def _differs_from_made(own: OwnCells, recipes: pd.DataFrame) -> bool:
    names = list(own.space.names)
    return not recipes[names].equals(_as_made(own, recipes)[names])


def _best_of(own: OwnCells, frame: pd.DataFrame, *, has_interval: bool, is_own: bool) -> list[BestCell]:
    found = []
    for o in own.objectives:
        values = frame[o.name].to_numpy(dtype=float)
        if o.is_constraint or not np.isfinite(values).any():
            continue
        row = frame.iloc[int(np.nanargmax(o.sign * values))]
        plain = {str(n): _to_plain(v) for n, v in row.items()}
        found.append(
            BestCell(
                id=str(row.name) if is_own else "",
                outcome=o.name,
                value=float(row[o.name]),
                low=float(row[f"{o.name}_low"]) if has_interval else None,
                high=float(row[f"{o.name}_high"]) if has_interval else None,
                unit=o.unit or "",
                recipe={n: plain[n] for n in own.space.names},
                outcomes={p.name: float(row[p.name]) for p in own.objectives if plain[p.name] is not None},
                qualifier=str(plain.get(f"{o.name}_qualifier") or "="),
            )
        )
    return found


def _to_plain(value: Any) -> Any:
    """Return a value of a frame as Python's own; None for what is missing."""
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def pareto(own: OwnCells, beliefs: Beliefs | None) -> pd.DataFrame:
    """Return the measured recipes that no other beats in all objectives with a direction.

    Parameters
    ----------
    beliefs : Beliefs or None
        Compares posterior medians, of the nearest recipes that can be set; without, measured values of cells with
        all of them, as they were made.

    Returns
    -------
    DataFrame
        Indexed by id: parameters, objectives and ``<outcome>_qualifier`` of what was measured (``>=`` of a bound);
        where medians are compared ``<outcome>_low``, ``<outcome>_high``, ``<outcome>_measured`` and
        ``<outcome>_measured_qualifier``. Of cells of one recipe the first stands for all.
    """
    from pvdopt.choice.acquisition import is_non_dominated

    frame = measured_recipes(own)
    goals = [o for o in own.objectives if not o.is_constraint]
    if beliefs is not None and len(frame):
        from pvdopt.campaign.beliefs import describe

        names = [o.name for o in own.objectives]
        believed = describe(beliefs, frame).drop(columns="usable_chance")
        measured = frame[names].add_suffix("_measured")
        frame = believed.join(measured.assign(**{f"{n}_measured_qualifier": frame[f"{n}_qualifier"] for n in names}))
        frame = frame[~pd.Series(own.space.keys(frame), dtype=object).duplicated().to_numpy()]
    frame = frame[frame[[o.name for o in goals]].notna().all(axis=1)]
    frame = frame[meets_thresholds(frame, own.objectives)]
    if not len(frame):
        return frame
    signed = np.stack([o.sign * frame[o.name].to_numpy(dtype=float) for o in goals], axis=1)
    front = frame[is_non_dominated(signed)]
    if beliefs is None:
        front = _as_made(own, front)
    return front.sort_values(goals[0].name, ascending=goals[0].sign < 0, kind="stable")


def export_frame(own: OwnCells) -> pd.DataFrame:
    """Return all cells with settings, outcomes, status, and what was predicted when they were proposed.

    What models read in an outcome that was not measured itself, since it follows from another one and the thickness as
    made, stands in columns of its own: ``capacity_derived`` beside ``capacity``.
    """
    frame = own.state.frame()
    cells = list(own.state.cells.values())
    for name in OUTCOME_UNITS:
        derived = [own.derived(cell).get(name) for cell in cells]
        if any(derived):
            frame[f"{name}{DERIVED}"] = [None if o is None else o.value for o in derived]
            frame[f"{name}{DERIVED}_sd"] = [None if o is None else o.sd for o in derived]
            frame[f"{name}{DERIVED}_qualifier"] = [None if o is None else o.qualifier for o in derived]
    frame["status"] = [own.status(c) for c in cells]
    outcomes = dict.fromkeys(name for c in cells for name in c.predicted)
    for name in outcomes:
        for key, end in (("median", "_predicted"), ("low", "_predicted_low"), ("high", "_predicted_high")):
            frame[f"{name}{end}"] = pd.Series([c.predicted.get(name, {}).get(key) for c in cells], frame.index, float)
    for name in ("usable_chance", "purpose", "reason", "fingerprint"):
        frame[name] = pd.Series([c.proposal.get(name) for c in cells], index=frame.index, dtype=object)
    frame["proposed"] = [c.times.get("proposed") or c.times.get("added") for c in cells]
    return frame
