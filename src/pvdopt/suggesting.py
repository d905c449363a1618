"""Choose recipes, say what they lean on, and keep them: what stands behind ``suggest``, ``predict`` and ``edit``.

Imported only when something is to be predicted or proposed, since it loads scipy and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.beliefs import (
    INTERVAL,
    Beliefs,
    derive_seed,
    describe,
    general_notes,
    lean_on,
    n_reported,
    tell_shares,
    worth_of_baseline,
)
from pvdopt.campaign_reports import Forecast, Suggestion
from pvdopt.candidates import draw_recipes
from pvdopt.cells import closest, is_empty
from pvdopt.errors import ConfigInvalid, DataInvalid, NothingToPropose, Problem, UsageError
from pvdopt.ledger.changes import not_editable
from pvdopt.ledger.values import unknown_cell
from pvdopt.observed import check_observed, sort_out
from pvdopt.own_cells import OwnCells
from pvdopt.recipe_reading import require_complete
from pvdopt.space import Categorical, SearchSpace

if TYPE_CHECKING:
    from pvdopt.ledger.ledger import Ledger

#: Recipes drawn to choose from where settings are fixed by hand.
N_CANDIDATES = 4000

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


def narrow_space(space: SearchSpace, fix: Mapping[str, Any]) -> SearchSpace | None:
    """Return the space with some parameters fixed, or None where nothing is left to vary.

    A fixed number that applies only under some choices of its parent leaves the parent those choices.
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


def draw_fixed(
    space: SearchSpace, fix: Mapping[str, Any], taken: frozenset[Any], rng: np.random.Generator
) -> pd.DataFrame:
    """Return allowed recipes of the whole space that have the settings fixed and were not tried yet.

    Raises
    ------
    NothingToPropose
        If there are none.
    """
    narrow = narrow_space(space, fix)
    if narrow is None:
        drawn = space.frame([fix])
    else:
        drawn = draw_recipes(narrow, N_CANDIDATES, rng)
        full = narrow.with_fixed(drawn)
        drawn = space.clear(space.frame([{str(k): v for k, v in row.items()} for row in full.to_dict("records")]))
    new = [key not in taken for key in space.keys(drawn)]
    drawn = drawn[np.array(new, dtype=bool) & space.is_allowed(drawn)].reset_index(drop=True)
    if not len(drawn):
        settings = ", ".join(f"{n} {v}" for n, v in fix.items())
        raise NothingToPropose(
            f"Nothing can be proposed: no allowed recipe with {settings} is left that was not tried. "
            "Fix fewer settings or others."
        )
    return drawn


# -- choosing ----------------------------------------------------------------------------------------------------


def choose(
    beliefs: Beliefs,
    pending: pd.DataFrame,
    n: int,
    fix: Mapping[str, Any],
    candidates: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return the recipes the surrogate chooses, described; see :meth:`pvdopt.proposer.Proposer.propose`.

    Raises
    ------
    NothingToPropose
        If no recipe is left.
    """
    space = beliefs.space
    if fix:
        check_fix(space, fix)
        table = check_observed(beliefs.observed, space, beliefs.objectives, beliefs.evidence)
        if candidates is None:
            known = sort_out(table, pending, space, beliefs.objectives)
            rng = np.random.default_rng(beliefs.seed)
            candidates = draw_fixed(space, fix, known.keys, rng)
            return beliefs.proposer().propose(beliefs.observed, n, pending, candidates).reset_index(drop=True)
        for name, value in fix.items():
            candidates = candidates[candidates[name] == value]
        if not len(candidates):
            raise NothingToPropose("Nothing can be proposed: no candidate has the settings fixed.")
    return beliefs.proposer().propose(beliefs.observed, n, pending, candidates)


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


def suggest(
    beliefs: Beliefs,
    own: OwnCells,
    sampler: str,
    n: int,
    fix: Mapping[str, Any],
    candidates: pd.DataFrame | None,
    ledger: Ledger | None,
) -> Suggestion:
    """Choose recipes, say what they lean on and, given a ledger, record them; see :meth:`Campaign.suggest`."""
    state = own.state
    # Fixed with the campaign's first proposals: what counts as better may not move while it is searched.
    told = (c.proposal.get("reference") for c in state.cells.values())
    reference = next((r for r in told if isinstance(r, dict)), None)
    beliefs = replace(beliefs, seed=derive_seed(beliefs.seed, state.n_facts), reference=reference)
    pending = own.pending()
    notes: list[str] = []
    if sampler == "surrogate":
        frame = choose(beliefs, pending, n, fix, candidates)
    elif candidates is not None:
        raise UsageError(f'the sampler {sampler} takes no list of candidates; choose sampler = "surrogate".')
    else:
        frame, notes = choose_by_optuna(sampler, beliefs, pending, n, fix)
    if len(frame) < n:
        notes.append(f"{len(frame)} of {n} asked for: no more recipes are left that are allowed and were not tried.")
    leans_on, warnings = lean_on(beliefs, frame)
    fingerprint = beliefs.fingerprint()
    ids: list[str | None] = [None] * len(frame)
    lab = beliefs.lab_standing() if beliefs.evidence is not None and len(beliefs.observed) else {}
    if ledger is not None:
        batch = 1 + max((int(c.proposal.get("batch") or 0) for c in state.cells.values()), default=0)
        same = {"fingerprint": fingerprint, "batch": batch, "seed": beliefs.seed, "sampler": sampler}
        if reference is None and "reference" in frame.attrs:
            same["reference"] = frame.attrs["reference"]
        same |= {"specification": beliefs.specification, "fixed_by_hand": dict(fix)}
        if lab:
            same["lab"] = lab
        rows = [{**same, **row} for row in proposal_rows(beliefs, frame)]
        ids = list(ledger.add_proposals(rows, expected=state.n_facts))
    frame.insert(0, "id", pd.Series(ids, index=frame.index, dtype=object))
    if not beliefs.observed[[o.name for o in beliefs.objectives]].notna().any(axis=None):
        notes += worth_of_baseline(beliefs, frame)
    return Suggestion(
        frame=frame,
        parameters=beliefs.space.names,
        fixed={**beliefs.space.fixed, **fix},
        leans_on=leans_on,
        warnings=warnings,
        notes=[*notes, *general_notes(beliefs)],
        is_recorded=ledger is not None,
        fingerprint=fingerprint,
        seed=beliefs.seed,
        sampler=sampler,
        n_own=len(own.counting()),
        n_reported=n_reported(beliefs),
    )


def proposal_rows(beliefs: Beliefs, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return recipes and what is believed of them as the ledger keeps them; the fixed settings belong to a recipe."""
    rows = []
    for row in frame.to_dict("records"):
        found = {str(n): None if v is None or v != v else v for n, v in row.items()}
        recipe = {**beliefs.space.fixed, **{n: found[n] for n in beliefs.space.names}}
        more = {n: found.get(n) for n in ("usable_chance", "acquisition", "purpose", "reason")}
        rows.append({"recipe": recipe, "predicted": predicted_of(beliefs, found), **more})
    return rows


def predicted_of(beliefs: Beliefs, row: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return a row's predictions as the ledger keeps them; an outcome nothing is known of yet is left out."""
    return {
        o.name: {"median": row[o.name], "low": row[f"{o.name}_low"], "high": row[f"{o.name}_high"], "p": INTERVAL}
        for o in beliefs.objectives
        if row.get(o.name) is not None
    }


def forecast(beliefs: Beliefs, recipes: pd.DataFrame) -> Forecast:
    """Return what is believed of recipes; one outside the space comes with a warning."""
    frame = describe(beliefs, recipes)
    leans_on, warnings = lean_on(beliefs, recipes)
    for place, values in enumerate(recipes.to_dict("records")):
        sentences = beliefs.space.explain({str(n): v for n, v in values.items()})
        warnings[place] = [f"outside the campaign's space: {s}" for s in sentences] + warnings[place]
    if recipes.index.name == "id":
        frame.insert(0, "id", list(recipes.index))
    shares = tell_shares(beliefs, recipes)
    return Forecast(frame, leans_on, warnings, general_notes(beliefs), beliefs.fingerprint(), shares)


def edit(beliefs: Beliefs, own: OwnCells, cell_id: str, changes: Mapping[str, Any], ledger: Ledger | None) -> Forecast:
    """Change a planned recipe and predict it anew; see :meth:`Campaign.edit`."""
    cell = own.state.cells.get(cell_id)
    if cell is None:
        raise DataInvalid(unknown_cell(cell_id, own.state.cells))
    # Before the settings are looked at: those of a made cell need not lie on the steps.
    if cell.status != "proposed":
        raise DataInvalid(not_editable(cell_id, is_vetoed=cell.status == "vetoed"))
    space = beliefs.space
    settings = {**own.settings(cell), **changes}
    cleared = space.clear(space.frame([settings])).iloc[0]
    idle = {n: None for n in space.names if n not in changes and is_empty(cleared[n]) and settings.get(n) is not None}
    recipe = {**settings, **idle}
    require_complete(recipe, space, row=cell_id)
    broken = [Problem(sentence, row=cell_id) for sentence in space.explain(recipe)]
    broken += [
        Problem("is fixed in the campaign file", value, row=cell_id, column=name)
        for name, value in changes.items()
        if name not in space and space.fixed.get(name) != value
    ]
    if broken:
        raise DataInvalid(broken)
    found = forecast(beliefs, space.frame([recipe]))
    if ledger is not None:
        row = {str(n): None if v is None or v != v else v for n, v in found.frame.iloc[0].items()}
        ledger.edit(cell_id, {**changes, **idle}, predicted_of(beliefs, row), expected=own.state.n_facts)
    found.frame.insert(0, "id", [cell_id])
    return found
