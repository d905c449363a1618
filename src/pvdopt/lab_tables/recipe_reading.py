"""Read recipes and single settings as people give them: from files, mappings and frames. Knows space and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.fields import Field
from pvdopt.lab_tables.figure_checks import find_recipe_gaps
from pvdopt.lab_tables.recording import Source, read_table
from pvdopt.parameters import Categorical
from pvdopt.space import SearchSpace
from pvdopt.wording import as_word

if TYPE_CHECKING:
    import pandas as pd


def read_settings(
    settings: Mapping[str, object], fields: Mapping[str, Field], row: str | None = None
) -> dict[str, Any]:
    """Return settings by name as numbers in canonical units and as levels; None where a text says nothing is known.

    Raises
    ------
    DataInvalid
        With a problem for each name that is no setting and each value that cannot be.
    """
    found, problems = read_each(settings, fields, row)
    if problems:
        raise DataInvalid(problems)
    return found


def read_each(
    settings: Mapping[str, object], fields: Mapping[str, Field], row: str | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings that can be read, None where a text says nothing is known; and what is wrong with others."""
    known = {n: f for n, f in fields.items() if f.role == "setting"}
    results = [n for n in settings if n in fields and n not in known]
    table = read_table({n: v for n, v in settings.items() if n not in results}, known)
    must, todo = "is no setting", f"Results go in when the cell is there: pvdopt record {row or 'ID'}"
    problems = [
        Problem(must, todo=f"{todo} {as_word(n, settings[n])}", column=n)
        for n in results
        if fields[n].role == "outcome"
    ]
    problems += [Problem(must, todo="Leave it out", column=n) for n in results if fields[n].role != "outcome"]
    problems += [*table.problems, *(p for r in table.rows for p in r.problems)]
    found = {name: table.rows[0].settings.get(name) for name in settings}
    return found, [Problem(p.must, p.value, p.todo, row=row, column=p.column) for p in problems]


def read_own_recipe(recipe: Mapping[str, object], fields: Mapping[str, Field], space: SearchSpace) -> dict[str, Any]:
    """Return a recipe of the lab's own with the fixed settings, complete.

    Raises
    ------
    DataInvalid
        With every name and value that cannot be, every setting that is missing and every one that does not apply.
    """
    found, problems = read_each(recipe, fields)
    settings = {n: v for n, v in found.items() if v is not None}
    full = {**dict.fromkeys(space.names), **space.fixed, **settings}
    unread = {p.column for p in problems if p.column}
    problems += find_recipe_gaps(full, space, unread)
    if problems:
        raise DataInvalid(problems)
    return full


def read_held(settings: Mapping[str, object], fields: Mapping[str, Field], space: SearchSpace) -> dict[str, Any]:
    """Return settings to hold fixed, as :func:`read_settings` does, judged by what the space varies.

    Whether a number lies within the space is left to :func:`pvdopt.campaign.suggesting.check_fix`.

    Raises
    ------
    DataInvalid
        As ``read_settings``.
    """
    narrowed = dict(fields)
    for p in space.parameters:
        levels = tuple(p.choices) if isinstance(p, Categorical) else ()
        narrowed[p.name] = replace(fields[p.name], levels=levels, column=None)
    try:
        return read_settings(settings, narrowed)
    except DataInvalid as error:
        # There is no row to correct here, and nothing is left empty.
        problems = [
            replace(p, todo="") if p.todo.startswith(("Leave it empty", "Correct or")) else p for p in error.problems
        ]
        raise DataInvalid(problems) from error


def read_recipes(recipes: Source | pd.DataFrame, fields: Mapping[str, Field], space: SearchSpace) -> pd.DataFrame:
    """Return complete recipes as a frame with the space's columns, indexed by id where every row has one.

    Raises
    ------
    DataInvalid
        With every value that cannot be and every setting that is missing.
    """
    import pandas as pd

    if isinstance(recipes, pd.DataFrame):
        rows = [{str(n): v for n, v in row.items()} for row in recipes.to_dict("records")]
        return read_recipes(rows, fields, space).set_axis(recipes.index)
    known = {n: f for n, f in fields.items() if f.role in ("setting", "id")}
    table = read_table(recipes, known)
    problems = list(table.problems)
    for row in table.rows:
        problems += row.problems
        for name, value in row.settings.items():
            if name not in space and space.fixed.get(name) != value:
                must = "must be as the campaign file fixes it" if name in space.fixed else "is not varied here"
                problems.append(Problem(must, value, column=name, **row.place))
        gaps = [] if row.is_broken else find_recipe_gaps({**space.fixed, **row.settings}, space, row.unread)
        problems += [Problem(p.must, p.value, p.todo, column=p.column, **row.place) for p in gaps]
    if problems:
        raise DataInvalid(problems)
    frame = space.frame([row.settings for row in table.rows])
    ids = [row.id for row in table.rows]
    return frame.set_axis(pd.Index(ids, dtype=object, name="id")) if ids and all(ids) else frame
