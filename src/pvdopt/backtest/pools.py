"""A pool: a finite table of measured recipes, among which a strategy chooses without seeing their values.

Knows a table and its columns; knows no strategy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.backtest.pool_columns import (
    KEPT,
    LEAST_ROWS,
    find_labels,
    infer_space,
    is_number,
    recipes_of,
    say_columns,
)
from pvdopt.choice.acquisition import hypervolume
from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.table_files import read_raw
from pvdopt.lab_tables.text_table import RawTable, Unreadable, unguard
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, SearchSpace
from pvdopt.wording import closest

if TYPE_CHECKING:
    from pvdopt.campaign.own_cells import OwnCells

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pool:
    """Recipes that were all made.

    Attributes
    ----------
    recipes : DataFrame
        n rows with the space's columns, numbered from 0, none twice.
    values : DataFrame
        A column for each objective, in its unit; NaN where a cell gave no figure.
    classes : sequence of str, optional
        Outcome class of each; ``ok`` throughout by default.
    remarks : tuple of str
        What was taken for what, where nobody said.
    """

    name: str
    space: SearchSpace
    objectives: Sequence[Objective]
    recipes: pd.DataFrame
    values: pd.DataFrame
    classes: Sequence[str] | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.recipes)

    @cached_property
    def signed(self) -> Array:
        """What counts, turned so that more is better, shape (n, m): NaN where a row breaks a threshold alone."""
        return signed_goals(self.values, self.objectives)

    @cached_property
    def worst(self) -> Array:
        """The worst of each goal, shape (m,): where progress starts from."""
        return np.asarray(np.nanmin(self.signed, axis=0))

    @cached_property
    def best(self) -> float:
        """The most that progress can reach: the best value, or the hypervolume of the whole pool."""
        if self.signed.shape[1] == 1:
            return float(np.nanmax(self.signed))
        return hypervolume(self.signed[np.isfinite(self.signed).all(axis=1)], self.worst)

    def top(self, share: float) -> Array:
        """Return which rows are among the best share by the only goal, at least one; ties are all in."""
        values = self.signed[:, 0]
        n_top = max(1, round(share * len(values)))
        return np.asarray(values >= np.sort(values)[-n_top])

    def digest(self) -> str:
        """Return a hash over recipes and values: another one is another pool."""
        told = pd.concat([self.recipes, self.values], axis=1).to_csv(index=False)
        goals = [(o.name, o.maximize, o.threshold) for o in self.objectives]
        return hashlib.sha256(f"{goals}\n{self.classes}\n{told}".encode()).hexdigest()[:16]

    def observed(self, rows: Sequence[int]) -> pd.DataFrame:
        """Return what was learned from rows: recipes and values, and how cells ended where some failed."""
        table = pd.concat([self.recipes.iloc[list(rows)], self.values.iloc[list(rows)]], axis=1)
        return table if self.classes is None else table.assign(outcome_class=[self.classes[row] for row in rows])

    def nearest(self, recipe: Mapping[str, Any], taken: Collection[int]) -> int:
        """Return the row that is nearest to a recipe, among those not taken.

        Numbers count by their share of the range, another choice as the whole range: Gower, Biometrics 27, 857 (1971).
        """
        distance = np.zeros(len(self))
        for p in self.space.parameters:
            values, wanted = self.recipes[p.name], recipe[p.name]
            if isinstance(p, Categorical):
                distance += (values != wanted).to_numpy(dtype=float)
            else:
                here = p.to_unit(values.to_numpy(dtype=float))
                there = float(p.to_unit(np.array([np.nan if wanted is None else wanted], dtype=float))[0])
                # A number that does not apply on one side only is as far as another choice.
                apart = np.where(np.isnan(here) & np.isnan(there), 0.0, np.nan_to_num(np.abs(here - there), nan=1.0))
                distance += apart
        distance[list(taken)] = np.inf
        return int(np.argmin(distance))


def signed_goals(values: pd.DataFrame, objectives: Sequence[Objective]) -> Array:
    """Return the objectives with a direction, turned so that more is better; shape (n, m).

    A row that misses a threshold of an outcome without a direction counts for nothing: NaN throughout.
    """
    goals = [o for o in objectives if not o.is_constraint]
    signed = np.column_stack([o.sign * values[o.name].to_numpy(dtype=float) for o in goals])
    for o in objectives:
        if o.is_constraint and o.threshold is not None:
            signed[~(values[o.name].to_numpy(dtype=float) >= o.threshold)] = np.nan
    return signed


# -- from a file -------------------------------------------------------------------------------------------------


def read_pool(
    source: str | Path, objectives: Sequence[Objective] | None = None, space: SearchSpace | None = None
) -> Pool:
    """Read a table of measured recipes; rows with equal recipes are one, their values averaged.

    Parameters
    ----------
    source : str or Path
        CSV or spreadsheet with a header; ``-`` for standard input.
    objectives : sequence of Objective
        Named like columns.
    space : SearchSpace, optional
        What was varied. By default every other column: a number, on steps where its values stand on equal ones, or a
        choice among the texts that occur. A text that names each recipe is left out.

    Raises
    ------
    DataInvalid
        With every problem found: a missing column, a cell that is empty or no number, a recipe outside the space.
    """
    raw = read_raw(source)
    name, header = raw.file, list(raw.header)
    problems: list[Problem] = []
    rows = [(number, _texts(raw, number, cells, problems)) for number, cells in raw.rows]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    wanted = list(objectives or ())
    problems += _header_problems(name, header, [o.name for o in wanted], space)
    problems += [
        Problem(f"must have {len(header)} cells as the header", len(cells), file=name, row=number)
        for number, cells in rows
        if len(cells) != len(header)
    ]
    if not problems and len(rows) < LEAST_ROWS:
        problems.append(Problem(f"must hold at least {LEAST_ROWS} measured recipes", len(rows), file=name))
    if problems:
        raise DataInvalid(problems)
    texts = {column: [cells[place] for _, cells in rows] for place, column in enumerate(header)}
    numbers = [number for number, _ in rows]
    names = {o.name for o in wanted}
    inputs = list(space.names) if space is not None else [n for n in header if n not in names]
    labels = [] if space is not None else find_labels(texts, inputs)
    inputs = [n for n in inputs if n not in labels]
    n_left = len(recipes_of(texts, inputs))
    if labels and n_left < LEAST_ROWS:
        must = f"names the recipes, of which only {n_left} differ without it, and {LEAST_ROWS} must"
        problems += [Problem(must, todo=KEPT, file=name, column=n) for n in labels]
        raise DataInvalid(problems)
    remarks = [] if space is not None else say_columns(texts, labels, inputs)
    values = pd.DataFrame({n: _numbers(texts[n], name, numbers, n, problems) for n in names})
    found = space or infer_space(texts, inputs, name, numbers, problems)
    recipes = pd.DataFrame(
        {
            p.name: _choices(texts[p.name])
            if isinstance(p, Categorical)
            else _numbers(texts[p.name], name, numbers, p.name, problems, may_miss=p.parent is not None)
            for p in found.parameters
        }
    )
    if not problems:
        problems += [
            Problem(f"is no recipe of the space: {sentence}", file=name, row=numbers[k])
            for k in np.flatnonzero(~found.is_allowed(recipes))
            for sentence in found.explain({str(n): v for n, v in recipes.iloc[k].items()})
        ]
    if problems:
        raise DataInvalid(problems)
    pool = _require_contest(merge_repeats(Path(name).stem, found, wanted, recipes, values), name)
    return replace(pool, remarks=tuple(remarks))


def _require_contest(pool: Pool, file: str) -> Pool:
    """Return a pool in which some recipes are better than others."""
    same = [o.name for o in pool.objectives if not o.is_constraint and pool.values[o.name].dropna().nunique() < 2]
    if same:
        raise DataInvalid(
            [Problem("must differ between recipes, or none is better", file=file, column=n) for n in same]
        )
    if not np.isfinite(pool.signed).all(axis=1).any():
        raise DataInvalid(Problem("must hold a recipe that meets all thresholds", file=file))
    return pool


def merge_repeats(
    name: str,
    space: SearchSpace,
    objectives: Sequence[Objective],
    recipes: pd.DataFrame,
    values: pd.DataFrame,
    classes: Sequence[str] | None = None,
) -> Pool:
    """Return a pool in which each setting stands once: repeats count as their mean, and usable if any of them was."""
    keys = pd.Series(space.keys(recipes), index=recipes.index, dtype=object)
    first = ~keys.duplicated()
    place = {key: k for k, key in enumerate(keys[first])}
    group = keys.map(place).to_numpy()
    merged = values.groupby(group).mean().reset_index(drop=True)
    if classes is not None:
        told = pd.Series(list(classes), dtype=object)
        ok = told.eq("ok").groupby(group).any()
        classes = ["ok" if is_ok else str(kind) for is_ok, kind in zip(ok, told.groupby(group).first(), strict=True)]
    return Pool(name, space, tuple(objectives), recipes[first].reset_index(drop=True), merged, classes)


def _texts(raw: RawTable, number: int, cells: Sequence[object], problems: list[Problem]) -> list[str]:
    """Return a row's cells as texts, numbers with a decimal point."""
    texts = []
    for place, cell in enumerate(cells):
        if isinstance(cell, Unreadable):
            column = raw.header[place] if place < len(raw.header) else raw.address(number, place)
            problems.append(Problem(cell.must, cell.shown, cell.todo, raw.file, number, column))
        text = "" if cell is None or isinstance(cell, Unreadable) else unguard(str(cell).strip())
        if raw.has_decimal_comma and is_number(text.replace(",", ".")):
            text = text.replace(",", ".")
        texts.append(text)
    return texts


def _header_problems(name: str, header: list[str], goals: list[str], space: SearchSpace | None) -> list[Problem]:
    problems = [
        Problem("must stand once in the header", file=name, row=1, column=column)
        for column in dict.fromkeys(c for c in header if header.count(c) > 1)
    ]
    missing = [n for n in [*goals, *(space.names if space is not None else ())] if n not in header]
    return problems + [
        Problem(
            f"is no column of the table, which has {', '.join(header)}", file=name, column=n, todo=closest(n, header)
        )
        for n in missing
    ]


def _numbers(
    texts: Sequence[str], file: str, rows: Sequence[int], column: str, problems: list[Problem], may_miss: bool = False
) -> Array:
    values = np.full(len(texts), np.nan)
    for k, text in enumerate(texts):
        if not text and may_miss:
            continue
        try:
            values[k] = float(text)
        except ValueError:
            problems.append(Problem("must be a number", text, "Correct or remove the row", file, rows[k], column))
            continue
        if not np.isfinite(values[k]):
            problems.append(
                Problem("must be a finite number", text, "Correct or remove the row", file, rows[k], column)
            )
    return values


def _choices(texts: Sequence[str]) -> Array:
    return np.array([*(text or None for text in texts), None], dtype=object)[:-1]


# -- from a ledger -----------------------------------------------------------------------------------------------


def past_pool(name: str, own: OwnCells) -> Pool:
    """Return a campaign's own finished cells as a pool: each at the nearest settable recipe.

    Cells that gave no usable figure are rows without values; those that still wait for an outcome, and mishaps of the
    laboratory, are left out.

    Raises
    ------
    DataInvalid
        If fewer than ten are left.
    """
    objectives = list(own.objectives)
    observed = own.observed()
    outcomes = observed[[o.name for o in objectives]].astype(float)
    classes = observed["outcome_class"].fillna("ok").astype(str)
    failed = ~classes.isin(["ok", "lab_error"])
    recipes = own.space.snap(observed[list(own.space.names)])
    kept = ((outcomes.notna().all(axis=1) & (classes == "ok")) | failed) & own.space.is_allowed(recipes)
    if kept.sum() < LEAST_ROWS or not (kept & ~failed).any():
        must = f"must have at least {LEAST_ROWS} finished cells, some of them usable, to replay"
        raise DataInvalid(Problem(must, int(kept.sum()), file=name))
    outcomes = outcomes.mask(failed)
    pool = merge_repeats(
        name,
        own.space,
        objectives,
        recipes[kept].reset_index(drop=True),
        outcomes[kept].reset_index(drop=True),
        list(classes[kept]),
    )
    return _require_contest(pool, name)
