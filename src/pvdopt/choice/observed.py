"""The cells a proposer is told of: checked, in an order of their own, and sorted by what they say.

Knows the space and the names of the objectives; knows no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.columns import column
from pvdopt.objectives import OUTCOME_UNITS, Objective, Protocol
from pvdopt.space import Categorical, SearchSpace
from pvdopt.surrogates import is_large
from pvdopt.usability import PROCESS_FAILURES, outcome_classes

if TYPE_CHECKING:
    from pvdopt.evidence import Evidence

Array = np.ndarray[Any, Any]

#: Readings of a reported cell that leaves settings open.
N_READINGS = 16

#: Of a large table, cells that may be the best: so many by what was measured, and so many spread evenly over all. Of
#: 100,000 simulated cells of wafers, the 83 best by prediction were all among them (studies/scale).
N_BY_VALUE, N_SPREAD = 1000, 500
#: Weightings of several objectives by which cells are ranked for that, beside each objective alone.
N_WEIGHTINGS = 16

#: Columns beside parameters and outcomes that say where a row comes from.
LABELS = ("outcome_class", "source", "run", "sample")
CLASSES = ("ok", *PROCESS_FAILURES, "lab_error")


def known_columns(space: SearchSpace, objectives: Sequence[Objective], evidence: Evidence | None) -> set[str]:
    """Return the names a table of cells may have."""
    outcomes = {o.name for o in objectives}
    protocol = {f.name for f in fields(Protocol)} | {"cycles"}
    known = {*space.names, *space.fixed, *LABELS, *protocol}
    if evidence is not None:
        outcomes |= set(OUTCOME_UNITS)
        known |= set(evidence.fixed)
    return known | {f"{name}{end}" for name in outcomes for end in ("", "_sd", "_qualifier")}


def check_observed(
    observed: pd.DataFrame | None,
    space: SearchSpace,
    objectives: Sequence[Objective],
    evidence: Evidence | None,
) -> pd.DataFrame:
    """Return cells as a table with every parameter and objective, its rows in an order that depends only on them.

    Parameters
    ----------
    observed : DataFrame or None
        See :meth:`pvdopt.choice.proposer.Proposer.propose`; None and a frame without rows mean no cells.

    Raises
    ------
    ValueError
        If a column is not known, a parameter's is missing, or a value is not a finite number where one belongs.
    """
    names = [o.name for o in objectives]
    if observed is None or len(observed) == 0:
        return space.frame([]).assign(**{n: np.zeros(0) for n in names})
    unknown = [str(c) for c in observed.columns if c not in known_columns(space, objectives, evidence)]
    if unknown:
        raise ValueError(f"observed has columns nobody declared: {', '.join(unknown)}")
    lacking = [n for n in space.names if n not in observed.columns]
    if lacking:
        raise ValueError(f"observed lacks the parameters {', '.join(lacking)}")
    table = observed.reset_index(drop=True).copy()
    recipes = read_recipes(table, space, "observed")
    for name in space.names:
        table[name] = recipes[name]
    for name in names:
        table[name] = _numbers(table[name], name, "observed") if name in table.columns else np.nan
        if f"{name}_sd" in table.columns and (_numbers(table[f"{name}_sd"], f"{name}_sd", "observed") < 0).any():
            raise ValueError(f"observed, {name}_sd: a standard deviation is not below 0")
    strange = sorted(set(outcome_classes(table)) - set(CLASSES))
    if strange:
        raise ValueError(f"outcome_class must be one of {', '.join(CLASSES)}, got {', '.join(strange)}")
    order = np.argsort(np.array(row_digests(table)), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def read_recipes(frame: pd.DataFrame, space: SearchSpace, what: str) -> pd.DataFrame:
    """Return the space's columns of a frame with the space's column types.

    Raises
    ------
    ValueError
        If a parameter has no column or a number is none.
    """
    lacking = [n for n in space.names if n not in frame.columns]
    if lacking:
        raise ValueError(f"{what} lacks the parameters {', '.join(lacking)}")
    columns: dict[str, pd.Series] = {}
    for p in space.parameters:
        if isinstance(p, Categorical):
            texts = [None if v is None or v != v else v for v in frame[p.name]]
            columns[p.name] = pd.Series(np.array([*texts, None], dtype=object)[:-1], index=frame.index)
        else:
            columns[p.name] = _numbers(frame[p.name], p.name, what)
    return pd.DataFrame(columns, index=frame.index)


def _numbers(values: pd.Series, name: str, what: str) -> pd.Series:
    try:
        numbers = pd.to_numeric(values).astype(float)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what}, {name}: must hold numbers ({error})") from error
    if np.isinf(numbers).any():
        raise ValueError(f"{what}, {name}: must hold finite numbers, got {numbers[np.isinf(numbers)].iloc[0]}")
    return numbers


def row_digests(frame: pd.DataFrame) -> list[str]:
    """Return for each row a digest of the values it holds, whatever the order of columns."""
    if is_large(len(frame)):
        return _quick_digests(frame)
    columns = [_texts(str(c), frame[c]) for c in sorted(map(str, frame.columns))]
    rows = zip(*columns, strict=True) if columns else [()] * len(frame)
    return [hashlib.sha256("\n".join(filter(None, row)).encode()).hexdigest() for row in rows]


def _quick_digests(frame: pd.DataFrame) -> list[str]:
    """Return much the same column by column: 64 bits, in a small part of the time."""
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values.dtype):
            told = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            told = np.array([_text(v) for v in values.to_numpy(dtype=object)], dtype=object)
        salt = np.frombuffer(hashlib.sha256(str(name).encode()).digest()[:8], dtype=np.uint64)
        # What is not known adds nothing, so that an empty column is the same as none. Hashed once more with the name:
        # plain sums could not tell two columns whose values were exchanged.
        mixed = pd.util.hash_array(pd.util.hash_array(told) ^ salt)
        total += np.where(pd.isna(values).to_numpy(), np.uint64(0), mixed)
    return [f"{digest:016x}" for digest in total.tolist()]


def _texts(name: str, values: pd.Series) -> list[str]:
    """Return each value with its name; an empty text for what is not known."""
    if values.dtype == float:
        # Much the same as below, and ten times as quick for the many numbers of a large table.
        return [f"{name}={v!r}" if v == v else "" for v in values.tolist()]
    return [f"{name}={text}" if (text := _text(v)) else "" for v in values.to_numpy(dtype=object)]


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    return repr(float(value)) if isinstance(value, int | float | np.number) else str(value)


@dataclass(frozen=True)
class Known:
    """Recipes sorted by what is known of them, each at the nearest settable recipe.

    Attributes
    ----------
    tried : DataFrame
        Everything that was made or is to be made; a laboratory's mishap does not count as tried.
    measured : DataFrame
        Allowed recipes with an outcome from a usable cell.
    promising : DataFrame
        Those of them that may be the best: all, unless they are so many that predicting each takes too long.
    expected : DataFrame
        Allowed recipes with an outcome still to come: pending ones, and cells not measured completely.
    keys : set
        Of everything tried.
    """

    tried: pd.DataFrame
    measured: pd.DataFrame
    promising: pd.DataFrame
    expected: pd.DataFrame
    keys: frozenset[Hashable]


def sort_out(table: pd.DataFrame, pending: pd.DataFrame, space: SearchSpace, objectives: Sequence[Objective]) -> Known:
    """Return what a checked table and pending recipes say."""
    names = list(space.names)
    classes = outcome_classes(table)
    settable = space.snap(table[names])
    to_come = space.snap(pending[names])
    values = table[[o.name for o in objectives]].to_numpy(dtype=float)
    usable = (classes == "ok") & space.is_allowed(settable)
    some, every = np.isfinite(values).any(axis=1), np.isfinite(values).all(axis=1)
    tried = pd.concat([settable[classes != "lab_error"], to_come], ignore_index=True)
    made = settable[usable & some]
    measured = _distinct(space, made)
    promising = measured
    if is_large(len(measured)):
        promising = _distinct(space, made.iloc[_promising_rows(values[usable & some], objectives)])
    waiting = pd.concat([settable[usable & ~every], to_come[space.is_allowed(to_come)]], ignore_index=True)
    return Known(
        tried=tried,
        measured=measured,
        promising=promising,
        expected=_distinct(space, waiting),
        keys=frozenset(space.keys(tried)),
    )


def _distinct(space: SearchSpace, recipes: pd.DataFrame) -> pd.DataFrame:
    first = ~pd.Series(space.keys(recipes), dtype=object).duplicated().to_numpy()
    return recipes[first].reset_index(drop=True)


def _promising_rows(values: Array, objectives: Sequence[Objective]) -> Array:
    """Return which of many cells may be the best: those that were measured so, and some spread evenly over all.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        As measured, NaN where not.
    """
    n = len(values)
    # A missing outcome stands in the middle.
    ranks = np.full((n, len(objectives)), 0.5)
    breaks = np.zeros(n, dtype=bool)
    for j, o in enumerate(objectives):
        seen = np.flatnonzero(np.isfinite(values[:, j]))
        ranks[seen[np.argsort(o.sign * values[seen, j], kind="stable")], j] = np.arange(1, len(seen) + 1) / len(seen)
        if o.is_constraint:
            breaks |= values[:, j] < float(o.threshold or 0.0)
    goals = ranks[:, [j for j, o in enumerate(objectives) if not o.is_constraint]]
    m = goals.shape[1]
    weights = np.eye(m)
    if m > 1:
        # The least weighted rank finds points between the ends of a front, however it is bent.
        weights = np.vstack([weights, np.random.default_rng(0).dirichlet(np.ones(m), N_WEIGHTINGS)])
    rows = [np.linspace(0, n - 1, N_SPREAD).astype(int)]
    for weight in weights:
        score = (goals / np.maximum(weight, 1e-3)).min(axis=1)
        rows.append(np.lexsort((-score, breaks))[: N_BY_VALUE // len(weights)])
    return np.unique(np.concatenate(rows))


def known_recipes(space: SearchSpace, evidence: Evidence | None) -> pd.DataFrame:
    """Return recipes of the space that reported cells were made by, as far as they say.

    A reported cell counts if it gave an outcome, contradicts none of the fixed categories and states how it was
    deposited or annealed. What it states is kept; silence about a bias or an anneal means none; other settings are
    drawn (always the same ones), so that the models can choose among several readings of one cell.
    """
    if evidence is None or not len(evidence.cells):
        return space.frame([])
    cells = evidence.cells
    telling = cells["capacity"].notna() | cells["retention"].notna()
    for name, value in space.fixed.items():
        if isinstance(value, str) and name in cells.columns:
            telling &= cells[name].isna() | (cells[name] == value)
    made_by = [n for n in space.names if n in cells.columns and _is_process(n)]
    telling &= cells[made_by].notna().any(axis=1)
    # The cathode decides what a recipe is for: a cell of another or an unknown one is no recipe for this.
    if "cathode" in space.fixed:
        telling &= cells["cathode"] == space.fixed["cathode"]
    cube = np.random.default_rng(0).random((N_READINGS, len(space.names)))
    readings = [_read_recipe(space, cell, cube) for _, cell in cells[telling].iterrows()]
    if not readings:
        return space.frame([])
    recipes = pd.concat(readings, ignore_index=True)
    return _distinct(space, recipes[space.is_allowed(recipes)])


def _is_process(name: str) -> bool:
    declared = column(name)
    return declared is not None and declared.group in ("deposition", "anneal")


def _read_recipe(space: SearchSpace, cell: pd.Series, cube: Array) -> pd.DataFrame:
    """Return several readings of one reported cell; a category the space does not have leaves none."""
    recipes = space.from_unit(cube)
    for p in space.parameters:
        value = cell.get(p.name)
        silent = value is None or value != value
        if not isinstance(p, Categorical):
            if not silent:
                recipes[p.name] = float(str(value))
            continue
        if silent and "none" in p.choices:
            value = "none"
        elif silent:
            continue
        elif value == "unspecified":
            value = next(choice for choice in p.choices if choice != "none")
        if value not in p.choices:
            return recipes.iloc[:0]
        recipes[p.name] = pd.Series([value] * len(recipes), dtype=object)
    # A number drawn for a parent that turned out otherwise, or one that its parent's draw had emptied.
    drawn = {p.name: p.from_unit(cube[:, j]) for j, p in enumerate(space.parameters) if not isinstance(p, Categorical)}
    for name, values in drawn.items():
        recipes[name] = recipes[name].where(recipes[name].notna(), pd.Series(values))
    return space.snap(recipes)
