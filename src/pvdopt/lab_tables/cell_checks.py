"""Check a cell as it stands in a ledger: what the door refuses as an error must not have come in another way.

For facts that somebody may have written without the door, such as an edited export. Doubts are left out: whoever
confirmed one has it in the ledger. Knows the ledger's state, the vocabulary and the campaign's space; knows no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import chain

from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.fields import Field, check_limits, check_outcome, read_word
from pvdopt.lab_tables.figure_checks import Door, check_class, check_made, check_result, find_recipe_gaps
from pvdopt.ledger.state import CellState
from pvdopt.ledger.values import find_name_fault, is_same, unknown_cell
from pvdopt.parameters import Categorical
from pvdopt.wording import closest


def find_cell_errors(cell: CellState, door: Door, fields: Mapping[str, Field], is_as_begun: bool) -> list[Problem]:
    """Return what the door would have refused of a cell, each problem once, with the cell as its row.

    Parameters
    ----------
    fields : mapping
        The campaign's columns, see :func:`pvdopt.lab_tables.fields.known_fields`.
    is_as_begun : bool
        Whether the campaign file is the one that the campaign was begun with. If not, an earlier one may have declared
        what this one does not know and tested under another protocol; then only each value by itself is judged.
    """
    found = [*_find_settings(cell, door, fields, is_as_begun), *_find_outcomes(cell, fields, is_as_begun)]
    if is_as_begun and not found:
        # Together only once each is of its kind: a text is compared with nothing.
        found = list(_find_contradictions(cell, door))
    return [replace(p, row=cell.id) for p in dict.fromkeys(found)]


def _find_settings(cell: CellState, door: Door, fields: Mapping[str, Field], is_as_begun: bool) -> Iterator[Problem]:
    for name, value in chain(cell.recipe.items(), cell.executed.items()):
        fault = find_name_fault(name)
        if fault is not None:
            yield Problem(fault, column=name)
        elif value is not None and not _is_declared(name, value, door):
            yield from _find_setting(name, value, door, fields, is_as_begun)


def _is_declared(name: str, value: object, door: Door) -> bool:
    """Whether the campaign file itself has this value: as fixed, or as one that may be proposed."""
    if name in door.space.fixed and is_same(door.space.fixed[name], value):
        return True
    if name not in door.space:
        return False
    p = door.space[name]
    if isinstance(p, Categorical):
        return value in p.choices
    return isinstance(value, (int, float)) and not isinstance(value, bool) and p.low <= value <= p.high


def _find_setting(
    name: str, value: object, door: Door, fields: Mapping[str, Field], is_as_begun: bool
) -> Iterator[Problem]:
    declared = fields.get(name)
    if declared is None or declared.role not in ("setting", "replicate_of"):
        if is_as_begun:
            yield Problem("is no setting of this campaign", value, closest(name, fields), column=name)
    elif declared.role == "replicate_of":
        if value not in door.state.cells:
            yield unknown_cell(value, door.state.cells, column=name)
    elif declared.unit is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        wanted = "" if declared.column is None else declared.column.range_text()
        yield Problem(f"must be a number {wanted}".rstrip(), value, column=name)
    elif declared.unit is None and not isinstance(value, str):
        yield Problem("must be a text", value, column=name)
    elif declared.is_date:
        if not _is_day(str(value)):
            yield Problem("must be a day", value, "Write year-month-day, such as 2025-03-31", column=name)
    else:
        yield from _refused(name, declared, value, is_as_begun)


def _refused(name: str, declared: Field, value: object, is_as_begun: bool) -> Iterator[Problem]:
    """Yield why a number lies beyond what can be true, or a text is none of the column's."""
    try:
        if isinstance(value, str):
            # An own category's choices may have been others before.
            read_word(declared if is_as_begun or declared.column is not None else replace(declared, levels=()), value)
        elif isinstance(value, (int, float)):
            check_limits(declared.column, float(value))
    except DataInvalid as error:
        for p in error.problems:
            yield replace(p, column=name)


def _is_day(text: str) -> bool:
    """Whether a text is a day as it is kept; that it may not lie in the future yet is another clock's word."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _find_outcomes(cell: CellState, fields: Mapping[str, Field], is_as_begun: bool) -> Iterator[Problem]:
    for name, outcome in cell.outcomes.items():
        declared, fault = fields.get(name), find_name_fault(name)
        if fault is not None:
            yield Problem(fault, column=name)
        elif declared is None or declared.role != "outcome":
            if is_as_begun:
                must = "is no outcome of this campaign"
                yield Problem(must, outcome.value, closest(name, fields), column=name)
        else:
            try:
                check_outcome(declared, outcome)
            except DataInvalid as error:
                for p in error.problems:
                    yield replace(p, column=p.column or name)


def _find_contradictions(cell: CellState, door: Door) -> Iterator[Problem]:
    """Yield the errors of a cell as a whole: its plan, and what its making and its results say together.

    What the plan itself contradicts was planned before anything was checked against it.
    """
    fixed = {**door.protocol.columns(), **door.space.fixed}
    plan, made = {**fixed, **cell.recipe}, {**fixed, **cell.settings}
    outcomes = dict(cell.outcomes)
    for p in (
        *find_recipe_gaps({**door.space.fixed, **cell.recipe}, door.space),
        *check_made(made, plan, cell, door),
        *check_result(made, outcomes, {}, door),
        *check_class(cell.outcome_class, outcomes, {}),
    ):
        if p.grade == "error":
            yield p
