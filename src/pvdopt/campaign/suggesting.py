"""Choose recipes, say what they lean on, and keep them: what stands behind ``suggest``, ``predict`` and ``edit``.

Imported only when something is to be predicted or proposed, since it loads scipy and scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.campaign.beliefs import (
    Beliefs,
    derive_seed,
    describe,
    find_theory,
    general_notes,
    lean_on,
    n_reported,
    worth_of_baseline,
)
from pvdopt.campaign.drivers import find_drivers
from pvdopt.campaign.held_words import say_held
from pvdopt.campaign.level_words import is_shown, say_level
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.campaign.progress import kept_reference
from pvdopt.campaign.reports import PlannedRun, Suggestion
from pvdopt.choice.advice import Advice, advise, say_advice
from pvdopt.choice.holding import narrow_space
from pvdopt.choice.observed import check_observed, sort_out
from pvdopt.choice.runs import HourBudget, OpenRun
from pvdopt.errors import ConfigInvalid, DataInvalid, NothingToPropose, Problem, UsageError
from pvdopt.space import SearchSpace
from pvdopt.units import parse_quantity
from pvdopt.wording import closest

if TYPE_CHECKING:
    from pvdopt.ledger.ledger import Ledger
from pvdopt.campaign.forecasting import predicted_of

# -- settings by hand --------------------------------------------------------------------------------------------


def check_fix(space: SearchSpace, fix: Mapping[str, Any]) -> None:
    """Raise if settings by hand cannot be held fixed in the space.

    Raises
    ------
    DataInvalid
        With a problem for each name or value.
    """
    problems = []
    for name, value in fix.items():
        p = space.get(name)
        if p is None:
            todo = closest(name, space.names) or f"Parameters are {', '.join(space.names)}"
            must = "is fixed in the campaign file" if name in space.fixed else "is not a parameter of this campaign"
            problems.append(Problem(must, todo="" if name in space.fixed else todo, column=name))
        elif value is None:
            problems.append(Problem(f"must be {p.range_text()}", column=name))
        else:
            alone = space.frame([{name: value}])
            sentences = SearchSpace([replace(p, when=None)]).explain(dict(alone.iloc[0]))
            problems += [Problem(s.removeprefix(f"{name} "), column=name) for s in sentences]
    if problems:
        raise DataInvalid(problems)


# -- choosing ----------------------------------------------------------------------------------------------------


def choose(
    beliefs: Beliefs,
    pending: pd.DataFrame,
    n: int,
    fix: Mapping[str, Any],
    candidates: pd.DataFrame | None,
    budget: HourBudget | None = None,
    opened: Sequence[OpenRun] = (),
) -> pd.DataFrame:
    """Return the recipes the surrogate chooses, described; see :meth:`pvdopt.choice.proposer.Proposer.propose`.

    Raises
    ------
    NothingToPropose
        If no recipe is left.
    """
    space = beliefs.space
    check_fix(space, fix)
    if candidates is not None:
        for name, value in fix.items():
            candidates = candidates[candidates[name] == value]
        if not len(candidates):
            raise NothingToPropose("Nothing can be proposed: no candidate has the settings fixed.")
        fix = {}
    return beliefs.proposer().propose(
        beliefs.observed, n, pending, candidates, fix=fix or None, budget=budget, opened=opened
    )


def choose_by_optuna(
    sampler: str, beliefs: Beliefs, pending: pd.DataFrame, n: int, fix: Mapping[str, Any]
) -> tuple[pd.DataFrame, list[str]]:
    """Return recipes of one of Optuna's samplers, described by the models, and what it could not take into account.

    Raises
    ------
    NothingToPropose
        If the sampler gives no allowed, untried recipe.
    ConfigInvalid
        If the sampler cannot take the campaign's objectives.
    """
    from pvdopt.optuna_asking import WITHOUT_CONSTRAINTS, Asked

    n_goals = sum(not o.is_constraint for o in beliefs.objectives)
    if sampler in WITHOUT_CONSTRAINTS and n_goals > 1:
        must = "must be one that takes several objectives with a direction: surrogate, tpe, nsga2, qmc, random"
        raise ConfigInvalid(Problem(must, sampler, column="campaign.sampler"))
    check_fix(beliefs.space, fix)
    fixed = dict(fix)
    narrow = narrow_space(beliefs.space, fix) if fix else beliefs.space
    if narrow is not None and fix:
        fixed = {n: v for n, v in narrow.fixed.items() if n in beliefs.space and v is not None}
    asked = Asked(sampler, beliefs.seed, beliefs.space, beliefs.objectives, beliefs.observed, pending, fixed)
    frame = describe(beliefs, asked.ask(n))
    frame["acquisition"] = np.nan
    frame["purpose"] = "explore"
    frame["reason"] = f"Chosen by Optuna's sampler {sampler}; what is predicted had no part in it."
    notes = [f"Optuna's sampler {sampler} learns from complete own cells only: not from partial results or literature."]
    if sampler in WITHOUT_CONSTRAINTS:
        notes.append(f"The sampler {sampler} uses neither failed cells nor thresholds.")
    if len(frame) < n:
        notes.append(f"The sampler gave {len(frame)} of {n} recipes that may be made and are new.")
    return frame, notes


# -- what a campaign asks for ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What is asked for: how many cells (0: as many as the budget has room for), from where, chosen by whom.

    With ``until_advice`` nothing is recorded once the advice is to stop.
    """

    n: int
    fix: Mapping[str, Any]
    candidates: pd.DataFrame | None
    budget: HourBudget | None
    sampler: str
    until_advice: bool = False


def read_budget(given: HourBudget | str | Sequence[str], beliefs: Beliefs) -> HourBudget:
    """Return a budget of hours from texts such as ``20 h`` and ``deposition=8 h``.

    Raises
    ------
    UsageError
        If no hours are declared, a text is no number of hours above 0, or names no kind of run.
    """
    if not beliefs.runs and beliefs.cost is None:
        raise UsageError("a budget needs to know how long things take: give the campaign file [runs.NAME] or [cost].")
    if isinstance(given, HourBudget):
        return given
    total, by_kind = None, {}
    for text in [given] if isinstance(given, str) else given:
        kind, sign, amount = text.rpartition("=")
        names = [run.name for run in beliefs.runs]
        if sign and kind.strip() not in names:
            raise UsageError(
                f"budget {text!r}: there is no kind of run {kind.strip()!r}; there are {', '.join(names)}."
            )
        hours = read_hours(amount)
        if sign:
            by_kind[kind.strip()] = hours
        else:
            total = hours
    return HourBudget(total, by_kind)


def read_hours(text: str) -> float:
    """Return a number of hours above 0, of a text such as ``20 h``, ``2 d`` or ``20``.

    Raises
    ------
    UsageError
        If it is none.
    """
    try:
        found = parse_quantity(text, "h")
    except DataInvalid as error:
        raise UsageError(f"budget {text!r}: {error.problems[0].must}; write hours, such as 20 h.") from error
    if found is None or not 0 < found.value < math.inf:
        raise UsageError(f"budget {text!r}: must be hours above 0, such as 20 h.")
    return found.value


def suggest(beliefs: Beliefs, own: OwnCells, wanted: Wanted, ledger: Ledger | None) -> Suggestion:
    """Choose recipes, say what they lean on and, given a ledger, record them; see :meth:`Campaign.suggest`."""
    state = own.state
    # Fixed with the campaign's first proposals: what counts as better may not move while it is searched.
    reference = kept_reference(own)
    beliefs = replace(
        beliefs, seed=derive_seed(beliefs.seed, state.n_facts), reference=reference, fit_seed=beliefs.seed
    )
    frame, notes = _choose_wanted(beliefs, own, wanted)
    leans_on, warnings = lean_on(beliefs, frame)
    fingerprint = beliefs.fingerprint()
    ids: list[str | None] = [None] * len(frame)
    advice = _advise(beliefs, own, frame)
    sentence = say_advice(advice)
    if wanted.until_advice and advice.word == "stop":
        ledger = None
    lab = beliefs.lab_standing() if beliefs.evidence is not None and len(beliefs.observed) else {}
    if ledger is not None:
        # A program of the laboratory's own may name its batches otherwise.
        told = [c.proposal.get("batch") for c in state.cells.values()]
        batch = 1 + max((b for b in told if isinstance(b, int)), default=0)
        same = {"fingerprint": fingerprint, "batch": batch, "seed": beliefs.seed, "sampler": wanted.sampler}
        if reference is None and "reference" in frame.attrs:
            same["reference"] = frame.attrs["reference"]
        same |= {"specification": beliefs.specification, "fixed_by_hand": dict(wanted.fix)}
        if lab:
            same["lab"] = lab
        if frame.attrs.get("alternatives"):
            same["alternatives"] = frame.attrs["alternatives"]
        same["advice"] = {**advice.to_json(), "sentence": sentence}
        rows = [{**same, **row} for row in proposal_rows(beliefs, frame)]
        ids = list(ledger.add_proposals(rows, expected=state.n_facts))
    frame.insert(0, "id", pd.Series(ids, index=frame.index, dtype=object))
    if not beliefs.observed[[o.name for o in beliefs.objectives]].notna().any(axis=None):
        notes += worth_of_baseline(beliefs, frame)
    # First of all, since it may be why none of this is worth making.
    held = say_held(beliefs, frame, wanted.fix)
    notes = [*held, *notes]
    notes += [f"This laboratory: {say_level(name, level)}." for name, level in lab.items() if is_shown(level)]
    return Suggestion(
        frame=frame,
        parameters=beliefs.space.names,
        fixed={**beliefs.space.fixed, **wanted.fix},
        leans_on=leans_on,
        warnings=warnings,
        notes=[*notes, *general_notes(beliefs)],
        is_recorded=ledger is not None,
        fingerprint=fingerprint,
        seed=beliefs.seed,
        sampler=wanted.sampler,
        n_own=len(own.counting()),
        n_measured=advice.n_own,
        n_reported=n_reported(beliefs),
        runs=_planned_runs(beliefs, own, frame),
        hours=frame.attrs.get("hours"),
        advice=advice,
        advice_sentence=sentence,
        drivers=find_drivers(beliefs, frame),
        alternatives=list(frame.attrs.get("alternatives") or []),
        theory=find_theory(beliefs, frame),
        held=held,
    )


def _advise(beliefs: Beliefs, own: OwnCells, frame: pd.DataFrame) -> Advice:
    """Return whether this batch is worth making; recipes to replicate by the ids of their cells."""
    space, objectives = beliefs.space, beliefs.objectives
    table = check_observed(beliefs.observed, space, objectives, beliefs.evidence)
    known = sort_out(table, space.frame([]), space, objectives)
    told = frame.attrs.get("reference") or beliefs.reference or beliefs.proposer().reference(beliefs.observed)
    reference = np.array([o.sign * told[o.name] for o in objectives if not o.is_constraint])
    n_own = int(table[[o.name for o in objectives]].notna().any(axis=1).sum())
    hours = frame.attrs.get("hours")
    advice = advise(
        beliefs.fitted(),
        objectives,
        reference,
        known.promising,
        frame,
        n_own=n_own,
        hours=None if hours is None else hours["total"],
        least_per_hour=beliefs.least_gain_per_hour,
        seed=beliefs.seed,
    )
    if not advice.replicate:
        return advice
    made = beliefs.observed
    keys = space.keys(space.snap(made[list(space.names)]))
    wanted = {space.keys(frame.iloc[[k]])[0] for k in advice.replicate}
    return replace(advice, replicate=[str(name) for name, key in zip(made.index, keys, strict=True) if key in wanted])


def _choose_wanted(beliefs: Beliefs, own: OwnCells, wanted: Wanted) -> tuple[pd.DataFrame, list[str]]:
    """Return the recipes asked for, described, and what is to be said of the choice."""
    pending, n = own.pending(), wanted.n
    if wanted.sampler == "surrogate":
        opened = own.planned_runs(beliefs.runs)
        frame = choose(beliefs, pending, n, wanted.fix, wanted.candidates, wanted.budget, opened)
        if len(frame) >= n:
            return frame, []
        left = "no more recipes are left that are allowed and were not tried"
        why = left if wanted.budget is None else "no more fit into the budget"
        return frame, [f"{len(frame)} of {n} asked for: {why}."]
    if wanted.candidates is not None:
        raise UsageError(f'the sampler {wanted.sampler} takes no list of candidates; choose sampler = "surrogate".')
    if wanted.budget is not None:
        raise UsageError(f'the sampler {wanted.sampler} takes no budget of hours; choose sampler = "surrogate".')
    frame, notes = choose_by_optuna(wanted.sampler, beliefs, pending, n, wanted.fix)
    if beliefs.runs:
        notes.append(f"The sampler {wanted.sampler} knows no runs: its cells share none but by chance.")
    return frame, notes


def _planned_runs(beliefs: Beliefs, own: OwnCells, frame: pd.DataFrame) -> list[PlannedRun]:
    """Return the runs of a batch, kind by kind in the order in which they are begun."""
    before = {one.label: one for one in own.planned_runs(beliefs.runs)}
    found = []
    for run in beliefs.runs:
        if run.column not in frame.columns:
            continue
        for label in frame[run.column].dropna().unique():
            cells = frame[frame[run.column] == label]
            names = [
                str(row["id"] or k + 1) for k, row in enumerate(frame.to_dict("records")) if row[run.column] == label
            ]
            settings = beliefs.space.with_fixed(cells[list(beliefs.space.names)])
            one = before.get(label)
            hours = max(float(run.hours_of(settings).max()), 0.0 if one is None else one.hours)
            used = len(cells) + (0 if one is None else one.used)
            free = None if run.places is None else run.places - used
            shares = {n: _or_none(settings[n].iloc[0]) for n in run.shares}
            found.append(PlannedRun(run.name, str(label), names, shares, hours, run.places, free, one is None))
    return found


def _or_none(value: Any) -> Any:
    """Return a value of a frame as Python's own; None for what is missing."""
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def proposal_rows(beliefs: Beliefs, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return recipes and what is believed of them as the ledger keeps them; the fixed settings belong to a recipe."""
    rows = []
    for row in frame.to_dict("records"):
        found = {str(n): None if v is None or v != v else v for n, v in row.items()}
        recipe = {**beliefs.space.fixed, **{n: found[n] for n in beliefs.space.names}}
        more = {n: found.get(n) for n in ("usable_chance", "acquisition", "purpose", "reason")}
        if beliefs.runs and beliefs.runs[0].column in found:
            runs = {run.name: found[run.column] for run in beliefs.runs if found[run.column] is not None}
            # The run of the first kind is the one a results table names as `run`.
            more |= {"runs": runs, "run": runs.get(beliefs.runs[0].name), "hours": found["hours"]}
        rows.append({"recipe": recipe, "predicted": predicted_of(beliefs, found), **more})
    return rows
