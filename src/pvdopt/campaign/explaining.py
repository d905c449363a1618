"""Explain one recipe of a campaign: where what is known of it comes from, what each setting adds, what else would do.

Computes and draws nothing. Imported only when something is to be explained, since it loads scipy and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.attribution import Contribution, contributions, count_evidence, iterate_slices
from pvdopt.campaign.beliefs import INTERVAL, Beliefs, describe, find_theory, general_notes, lean_on, tell_shares
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.campaign.reports import Shares
from pvdopt.campaign.standing import measured_recipes, meets_thresholds
from pvdopt.choice.observed import known_recipes
from pvdopt.columns import column
from pvdopt.errors import DataInvalid
from pvdopt.explain import NearCell
from pvdopt.ledger.values import Scalar, unknown_cell
from pvdopt.parameters import Categorical
from pvdopt.space import SearchSpace
from pvdopt.usability import squared_differences
from pvdopt.wording import show_measured, spell

#: Own cells shown as near.
N_NEAR_OWN = 3


@dataclass(frozen=True)
class Expected:
    """What is believed of one outcome: median and the interval that holds 80 % of new cells, in its unit."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class SliceRow:
    """One place of a slice.

    Attributes
    ----------
    value : number or str
    expected : mapping of str to Expected
    n_own, n_reported : int
        Cells that state this value or, of a number, one nearer to it than to the next place.
    is_allowed, is_here : bool
        Whether the recipe may be made; whether it is the one explained.
    """

    value: Scalar
    expected: Mapping[str, Expected]
    n_own: int
    n_reported: int
    is_allowed: bool
    is_here: bool


@dataclass(frozen=True)
class Explanation:
    """Everything behind the prediction of one recipe.

    Attributes
    ----------
    id : str or None
        Of the cell it is the recipe of.
    against : str
        What the baseline is.
    contributions : list of Contribution
        What each setting that differs adds (Shapley values of the predicted medians); they sum to the difference.
    slices : mapping of str to list of SliceRow
        Each setting varied alone.
    not_varied : mapping of str to str
        Settings that do not apply in the recipe, and so have no slice: when they would, in words.
    near, near_own : list of NearCell
    alternatives : list of mapping
        What was considered with the proposal and came next, see :func:`pvdopt.choice.alternatives.find_alternatives`.
    theory : dict of str to float
        What the recipe can hold in theory, by outcome.
    """

    id: str | None
    recipe: Mapping[str, Scalar]
    baseline: Mapping[str, Scalar]
    against: str
    units: Mapping[str, str]
    expected: Mapping[str, Expected]
    expected_of_baseline: Mapping[str, Expected]
    usable_chance: float
    shares: Mapping[str, Shares]
    contributions: list[Contribution]
    slices: Mapping[str, list[SliceRow]]
    not_varied: Mapping[str, str]
    near: list[NearCell]
    near_own: list[NearCell]
    purpose: str | None
    reason: str | None
    warnings: list[str]
    notes: list[str]
    fingerprint: str
    alternatives: list[Mapping[str, Any]]
    theory: dict[str, float]


def explain(beliefs: Beliefs, own: OwnCells, asked: str | pd.DataFrame, against: str | None) -> Explanation:
    """Explain a cell's recipe or another one; see :meth:`Campaign.explain`.

    Raises
    ------
    DataInvalid
        If there is no cell of a name.
    """
    space = beliefs.space
    cell = own.state.cells.get(asked) if isinstance(asked, str) else None
    recipes = _recipe_of(own, asked) if isinstance(asked, str) else asked[list(space.names)].iloc[[0]]
    recipe = _plain(recipes.iloc[0])
    baseline, words = find_baseline(own, beliefs, recipes, against)
    both = describe(beliefs, pd.concat([recipes, space.frame([baseline])], ignore_index=True))
    leans_on, warnings = lean_on(beliefs, recipes)
    # How a cell was made need not stand on the machine's grid.
    told = recipe if cell is None or not cell.executed else _on_the_grid(space, recipes)
    outside = [f"outside the campaign's space: {sentence}" for sentence in space.explain(told)]
    shares = tell_shares(beliefs, recipes)[0]
    return Explanation(
        id=asked if isinstance(asked, str) else None,
        recipe=recipe,
        baseline=baseline,
        against=words,
        units={o.name: o.unit or "" for o in beliefs.objectives},
        expected=_expected(beliefs, both.iloc[0]),
        expected_of_baseline=_expected(beliefs, both.iloc[1]),
        usable_chance=float(both["usable_chance"].iloc[0]),
        shares=shares,
        contributions=contributions(space, recipe, baseline, lambda frame: _medians(beliefs, frame)),
        slices=_slices(beliefs, own, recipe, baseline),
        not_varied={p.name: p.condition_text() for p in space.parameters if p.when and recipe[p.name] is None},
        near=leans_on[0],
        near_own=_near_own(own, beliefs, recipes),
        purpose=None if cell is None else cell.purpose,
        reason=None if cell is None else cell.reason,
        warnings=[*outside, *warnings[0]],
        notes=[*_share_notes(beliefs, shares), *_kind_notes(beliefs), *general_notes(beliefs)],
        fingerprint=beliefs.fingerprint(),
        alternatives=[] if cell is None else list(cell.proposal.get("alternatives") or []),
        theory=find_theory(beliefs, recipes)[0],
    )


def _recipe_of(own: OwnCells, cell_id: str) -> pd.DataFrame:
    cell = own.state.cells.get(cell_id)
    if cell is None:
        raise DataInvalid(unknown_cell(cell_id, own.state.cells))
    return own.space.frame([own.settings(cell)])


def _on_the_grid(space: SearchSpace, recipes: pd.DataFrame) -> dict[str, Scalar]:
    """Return a recipe with its numbers on the machine's grid, those outside the bounds as they are."""
    snapped = space.snap(recipes)
    for p in space.parameters:
        if not isinstance(p, Categorical):
            outside = ~recipes[p.name].astype(float).between(p.low, p.high)
            snapped.loc[outside, p.name] = recipes.loc[outside, p.name]
    return _plain(snapped.iloc[0])


def find_baseline(
    own: OwnCells, beliefs: Beliefs, recipes: pd.DataFrame, against: str | None
) -> tuple[dict[str, Scalar], str]:
    """Return the recipe to compare with, and what it is in words.

    The cell named; else the best measured one (by predicted median of the first objective with a direction, among
    those predicted to meet the thresholds), else the reported recipe predicted best for this laboratory, else the
    middle of the space. Never the recipe itself.
    """
    space = beliefs.space
    if against is not None:
        return _plain(_recipe_of(own, against).iloc[0]), f"{against}"
    goal = next((o for o in beliefs.objectives if not o.is_constraint), beliefs.objectives[0])
    key = space.keys(space.snap(recipes))[0]
    which = (
        f"the measured cell believed best in {spell(goal.name)}" if _has_several(beliefs) else "the best measured cell"
    )
    for pool, words in (
        (measured_recipes(own), f"{{}}, {which}"),
        (
            known_recipes(space, beliefs.evidence),
            "the reported recipe predicted best here (what it leaves open is filled in)",
        ),
    ):
        others = pool[np.array([k != key for k in space.keys(pool)], dtype=bool)] if len(pool) else pool
        if not len(others):
            continue
        medians = pd.DataFrame(_medians(beliefs, others[list(space.names)]))
        kept = meets_thresholds(medians, beliefs.objectives)
        worth = goal.sign * medians[goal.name].to_numpy()
        best = int(np.argmax(np.where(kept, worth, -np.inf) if kept.any() else worth))
        return _plain(others[list(space.names)].iloc[best]), words.format(others.index[best])
    return _plain(space.from_unit(np.full((1, len(space.names)), 0.5)).iloc[0]), "the middle of the space"


def _has_several(beliefs: Beliefs) -> bool:
    return sum(not o.is_constraint for o in beliefs.objectives) > 1


def _plain(row: pd.Series) -> dict[str, Scalar]:
    """Return a recipe as a mapping; None where a setting does not apply."""
    found: dict[str, Scalar] = {}
    for name, value in row.items():
        found[str(name)] = (
            None if value is None or value != value else value if isinstance(value, str) else float(value)
        )
    return found


def _medians(beliefs: Beliefs, frame: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    return {name: p.median() for name, p in beliefs.fitted().predict(frame).items()}


def _expected(beliefs: Beliefs, row: pd.Series) -> dict[str, Expected]:
    names = [o.name for o in beliefs.objectives]
    return {n: Expected(float(row[n]), float(row[f"{n}_low"]), float(row[f"{n}_high"])) for n in names}


# -- slices --------------------------------------------------------------------------------------------------------


def _slices(
    beliefs: Beliefs, own: OwnCells, recipe: Mapping[str, Scalar], baseline: Mapping[str, Scalar]
) -> dict[str, list[SliceRow]]:
    space = beliefs.space
    slices = dict(iterate_slices(space, recipe, baseline))
    places = [place for found in slices.values() for place in found]
    frame = space.frame([place.recipe for place in places])
    predictions = beliefs.fitted().predict(frame)
    bounds = {n: (p.median(), *p.interval(INTERVAL)) for n, p in predictions.items()}
    observed = own.observed()
    rows: dict[str, list[SliceRow]] = {}
    k = 0
    for name, found in slices.items():
        is_category = isinstance(space[name], Categorical)
        values = np.array([p.value for p in found], dtype=object if is_category else float)
        n_own = count_evidence(values, observed[name].to_numpy(dtype=object if is_category else float))
        n_reported = count_evidence(values, _reported(beliefs, name, is_category))
        rows[name] = []
        for place, mine, theirs in zip(found, n_own, n_reported, strict=True):
            expected = {n: Expected(*(float(b[k]) for b in three)) for n, three in bounds.items()}
            rows[name].append(SliceRow(place.value, expected, mine, theirs, place.is_allowed, place.is_here))
            k += 1
    return rows


def _reported(beliefs: Beliefs, name: str, is_category: bool) -> np.ndarray[Any, Any]:
    """Return what reported cells of the campaign's cathode state of a setting; nobody reports of an unknown one.

    A bias or an anneal of a kind that was not said is "unspecified", and counts for none of the choices.
    """
    evidence = beliefs.evidence
    nothing: np.ndarray[Any, Any] = np.zeros(0, dtype=object if is_category else float)
    if evidence is None or name not in evidence.cells.columns:
        return nothing
    cells = evidence.cells
    telling = cells[[n for n in ("capacity", "retention") if n in cells.columns]].notna().any(axis=1)
    cathode = beliefs.space.fixed.get("cathode")
    if cathode is not None:
        telling &= cells["cathode"] == cathode
    stated = cells.loc[telling, name]
    if not is_category:
        return np.asarray(pd.to_numeric(stated, errors="coerce"), dtype=float)
    return np.array([*stated, None], dtype=object)[:-1]


# -- what is near ----------------------------------------------------------------------------------------------------


def _near_own(own: OwnCells, beliefs: Beliefs, recipes: pd.DataFrame) -> list[NearCell]:
    """Return the own cells with results that are most alike: 1 less the mean squared difference of their settings."""
    observed = own.observed()
    if not len(observed):
        return []
    names = list(beliefs.space.names)
    alike = 1.0 - squared_differences(beliefs.space, recipes[names], observed[names])[:, 0, :].mean(axis=0)
    order = np.argsort(-alike, kind="stable")[:N_NEAR_OWN]
    return [
        NearCell(str(observed.index[k]), "this laboratory", float(alike[k]), _sum_up(beliefs, observed.iloc[k]))
        for k in order
    ]


def _sum_up(beliefs: Beliefs, cell: pd.Series) -> str:
    """Return an own cell's settings and outcomes in a few words."""
    parts = []
    for name in beliefs.space.names:
        value = cell[name]
        if pd.isna(value) or value == "none":
            continue
        declared = column(name)
        unit = "" if declared is None or declared.unit in ("", "1") else f" {declared.unit}"
        parts.append(f"{value:.4g}{unit}" if isinstance(value, float) else str(value))
    outcomes = [
        f"{o.name} {show_measured(cell[o.name], cell.get(f'{o.name}_qualifier'), o.unit)}"
        for o in beliefs.objectives
        if pd.notna(cell[o.name])
    ]
    word = cell["outcome_class"]
    told = ", ".join(outcomes) or (word if isinstance(word, str) else "no outcome yet")
    return f"{', '.join(parts)}: {told}" if parts else told


def _kind_notes(beliefs: Beliefs) -> list[str]:
    """Say how many reported cells state something and not of what kind: no place of a slice counts them."""
    notes = []
    for p in beliefs.space.parameters:
        if isinstance(p, Categorical) and "unspecified" not in p.choices:
            n = int((_reported(beliefs, p.name, is_category=True) == "unspecified").sum())
            if n:
                cells = "1 reported cell has" if n == 1 else f"{n} reported cells have"
                notes.append(f"{p.name}: {cells} one of a kind not said, which no choice counts.")
    return notes


def _share_notes(beliefs: Beliefs, shares: Mapping[str, Shares]) -> list[str]:
    if shares:
        return []
    return [f"Where what is known comes from cannot be told by the model {beliefs.specification}."]


def slice_rows(found: Explanation) -> list[dict[str, Any]]:
    """Return the slices as rows for a table: a row for each setting, place and outcome."""
    rows = []
    for name, places in found.slices.items():
        for place in places:
            for outcome, expected in place.expected.items():
                rows.append(
                    {
                        "setting": name,
                        "value": place.value,
                        "outcome": outcome,
                        "median": expected.median,
                        "low": expected.low,
                        "high": expected.high,
                        "n_own": place.n_own,
                        "n_reported": place.n_reported,
                        "is_allowed": place.is_allowed,
                        "is_here": place.is_here,
                    }
                )
    return rows


#: Columns of :func:`slice_rows`.
SLICE_COLUMNS: Sequence[str] = (
    "setting", "value", "outcome", "median", "low", "high", "n_own", "n_reported", "is_allowed", "is_here",
)  # fmt: skip
