"""Read a table of results or recipes as a lab writes it; knows columns, units and the form of a file.

Every value becomes a number in its canonical unit or a level of its column, or a problem that names file, row and
column. Whether the figures can be true is :mod:`pvdopt.result_checks`' business. Writes nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pvdopt.cells import closest, fault_of
from pvdopt.columns import Column, names, vocabulary
from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger.facts import OUTCOME_CLASSES
from pvdopt.ledger.values import Outcome
from pvdopt.objectives import OUTCOME_UNITS, Objective
from pvdopt.space import Categorical, SearchSpace
from pvdopt.text_table import read_records
from pvdopt.units import CANONICAL_UNITS, Measured, parse_quantity

#: What a results table may hold: the path of a file, ``-`` for standard input, or rows.
Source = str | Path | Mapping[str, object] | Sequence[Mapping[str, object]]
Role = Literal["id", "setting", "outcome", "label"]
Part = Literal["value", "sd", "qualifier"]

#: Texts about a cell that are neither a setting nor an outcome.
LABELS = ("outcome_class", "stage", "cause", "run", "sample", "remark")
#: Outcomes any campaign may record, beside its own objectives.
OUTCOMES = (*OUTCOME_UNITS, "cycles")
#: Columns of predictions: a file that has them may hold predicted outcomes under the names of measured ones.
_PREDICTED = frozenset({"usable_chance", "acquisition", "purpose", "reason"})
_HEADER = re.compile(r"(?P<name>[^\[\](/]+?)\s*(?:\[(?P<unit>[^\]]+)\]|\((?P<unit_2>[^)]+)\)|/\s*(?P<unit_3>.+))?")


@dataclass(frozen=True)
class Field:
    """A column that a table may have.

    Attributes
    ----------
    unit : str or None
        Canonical unit of a number; None for a text or category.
    levels : tuple of str
        Allowed categories; none means any text.
    column : Column or None
        Its entry in the vocabulary, with limits.
    """

    name: str
    role: Role
    unit: str | None = None
    levels: tuple[str, ...] = ()
    column: Column | None = None


#: For each head of a table its field, which part of it, and the unit the head states.
Heads = dict[str, tuple[Field, Part, str | None]]


@dataclass(frozen=True)
class ReadRow:
    """One row with its values read; what cannot be read is in ``problems``.

    Attributes
    ----------
    place : mapping
        ``file`` and ``row``, for messages.
    """

    place: Mapping[str, Any]
    id: str | None = None
    settings: Mapping[str, float | str] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Table:
    """The rows of one source, and what is wrong with it as a whole."""

    rows: tuple[ReadRow, ...]
    problems: tuple[Problem, ...] = ()


def known_fields(space: SearchSpace, objectives: Iterable[Objective]) -> dict[str, Field]:
    """Return the columns a table of this campaign may have, by name.

    Settings are the space's, and every other that the vocabulary declares: what was fixed may have been made
    differently too.
    """
    found = {"id": Field("id", "id")}
    declared = vocabulary()
    for name in names("materials", "deposition", "stack", "anneal", "protocol"):
        column = declared[name]
        unit = column.unit if column.kind == "number" else None
        found[name] = Field(name, "setting", unit, column.levels, column)
    for p in space.parameters:
        if p.name in declared:
            continue
        if isinstance(p, Categorical):
            found[p.name] = Field(p.name, "setting", None, tuple(p.choices))
        else:
            found[p.name] = Field(p.name, "setting", _unit(p.unit))
    for name in OUTCOMES:
        found[name] = Field(name, "outcome", declared[name].unit, (), declared[name])
    for objective in objectives:
        found.setdefault(objective.name, Field(objective.name, "outcome", _unit(objective.unit)))
    for name in LABELS:
        levels = OUTCOME_CLASSES if name == "outcome_class" else ()
        found[name] = Field(name, "label", None, levels)
    return found


def _unit(unit: str | None) -> str:
    return unit if unit in CANONICAL_UNITS else "1"


def read_table(source: Source, fields: Mapping[str, Field], *, needs_id: bool = False) -> Table:
    """Read rows from a CSV file, standard input or mappings.

    Parameters
    ----------
    source : path, "-", mapping or sequence of mapping
        A header may carry a unit: ``thickness_um [nm]``. Values may, too: ``0.31 mAh/cm2``, ``>= 92 %``.
    fields : mapping
        The columns allowed, see :func:`known_fields`.
    needs_id : bool
        Whether a file must have a column ``id``.

    Returns
    -------
    Table
        With every problem of every row; nothing stops at the first.

    Raises
    ------
    DataInvalid
        If the file cannot be opened or is no table at all.
    """
    if isinstance(source, Mapping):
        source = [source]
    file: str | None = None
    raw: list[tuple[dict[str, Any], dict[str, object], int]]
    if isinstance(source, (str, Path)):
        file, records = read_records(source)
        header = [cell.strip() for cell in records[0][1]]
        raw = [
            (_place(file, number), {**dict(zip(header, cells, strict=False))}, len(cells))
            for number, cells in records[1:]
            if any(cell.strip() for cell in cells)
        ]
    else:
        header = list(dict.fromkeys(name for row in source for name in row))
        raw = [({"row": _row_name(k, row)}, dict(row), len(header)) for k, row in enumerate(source, start=1)]
        needs_id = False
    place = {} if file is None else _place(file, 1)
    heads, problems = _read_header(header, fields, place)
    if needs_id and "id" not in header:
        todo = "Add a column id with the names that suggest gave"
        return Table((), (*problems, Problem("is missing", todo=todo, column="id", **place)))
    if file is not None and not raw:
        problems.append(Problem("must hold at least one row below its header", file=file))
    rows = []
    for where, values, n_cells in raw:
        if file is not None and n_cells != len(header):
            must = f"must have {len(header)} fields as the header has, got {n_cells}"
            fault = Problem(must, todo="Look for a missing or stray comma", **where)
            rows.append(ReadRow(where, problems=(fault,)))
        else:
            rows.append(_read_row(values, heads, where))
    return Table(tuple(rows), tuple(problems))


def _place(file: str, row: int) -> dict[str, Any]:
    return {"file": file, "row": row}


def _row_name(k: int, row: Mapping[str, object]) -> int | str:
    name = row.get("id")
    return name if isinstance(name, str) and name else k


# -- the header ---------------------------------------------------------------------------------------------------


def _read_header(
    header: Sequence[str], fields: Mapping[str, Field], place: Mapping[str, Any]
) -> tuple[Heads, list[Problem]]:
    heads: Heads = {}
    problems = []
    seen: set[str] = set()
    for head in header:
        match = _HEADER.fullmatch(head) if isinstance(head, str) else None
        name = match["name"] if match else str(head)
        unit = (match["unit"] or match["unit_2"] or match["unit_3"]) if match else None
        base, part = _split_part(name, fields)
        found = fields.get(base)
        if found is None:
            problems.append(_unknown_column(name, fields, place))
            continue
        if name in seen:
            problems.append(Problem("must appear once, got it repeated", todo="Delete one", column=name, **place))
        seen.add(name)
        if unit is not None:
            fault = _find_unit_fault(unit, found, part)
            if fault:
                problems.append(Problem(fault, unit, column=name, **place))
                continue
        heads[head] = (found, part, unit)
    for head, (found, part, unit) in heads.items():
        if part == "sd" and unit is None:
            heads[head] = (found, part, _unit_of_value(heads, found.name))
    return heads, problems


def _unit_of_value(heads: Heads, name: str) -> str | None:
    return next((unit for found, part, unit in heads.values() if found.name == name and part == "value"), None)


def _split_part(name: str, fields: Mapping[str, Field]) -> tuple[str, Part]:
    parts: tuple[Part, ...] = ("sd", "qualifier")
    for part in parts:
        base = name.removesuffix(f"_{part}")
        if base != name and base in fields and fields[base].role == "outcome":
            return base, part
    return name, "value"


def _find_unit_fault(unit: str, found: Field, part: str) -> str | None:
    if found.unit is None or part == "qualifier":
        return "is no number and has no unit"
    try:
        parse_quantity("1", found.unit, bare_unit=unit)
    except DataInvalid as error:
        return error.problems[0].todo or error.problems[0].must
    return None


def _unknown_column(name: str, fields: Mapping[str, Field], place: Mapping[str, Any]) -> Problem:
    if not name:
        return Problem("a column must have a name", todo="Name or delete it", **place)
    stem = name.removesuffix("_low").removesuffix("_high")
    if name in _PREDICTED or (stem != name and stem in fields):
        must = "is a column of predictions, so that the outcomes beside it may be predicted ones"
        todo = "Delete the predicted columns and write what was measured"
        return Problem(must, todo=todo, column=name, **place)
    todo = closest(name, fields) or "Rename it, or put it into remark"
    return Problem("is not a column of this campaign", todo=todo, column=name, **place)


# -- from texts to values ----------------------------------------------------------------------------------------


def _read_row(values: Mapping[str, object], heads: Heads, place: Mapping[str, Any]) -> ReadRow:
    problems: list[Problem] = []
    id_: str | None = None
    settings: dict[str, float | str] = {}
    labels: dict[str, str] = {}
    parts: dict[str, dict[Part, tuple[object, str | None]]] = {}
    for head, raw in values.items():
        if head not in heads or _is_empty(raw):
            continue
        declared, part, unit = heads[head]
        if declared.role == "outcome":
            parts.setdefault(declared.name, {})[part] = (raw, unit)
        elif declared.role == "id":
            id_ = str(raw).strip()
        elif declared.role == "label":
            problems += _keep(labels, declared.name, place, partial(_read_word, declared, raw))
        else:
            problems += _keep(settings, declared.name, place, partial(read_value, declared, raw, unit))
    outcomes: dict[str, Outcome] = {}
    for name, found in parts.items():
        declared = next(f for f, _, _ in heads.values() if f.name == name)
        problems += _keep(outcomes, name, place, partial(_read_parts, declared, found))
    return ReadRow(place, id_, settings, outcomes, labels, tuple(problems))


def _keep(into: dict[str, Any], name: str, place: Mapping[str, Any], read: Callable[[], Any]) -> list[Problem]:
    """Put what is read into a mapping, unless it says that nothing is known; return what is wrong with it."""
    try:
        value = read()
    except DataInvalid as error:
        return [replace(p, column=p.column or name, **place) for p in error.problems]
    if value is not None:
        into[name] = value
    return []


def _is_empty(raw: object) -> bool:
    return raw is None or raw != raw or (isinstance(raw, str) and not raw.strip())


def read_value(declared: Field, raw: object, bare_unit: str | None = None) -> float | str | None:
    """Return a setting given as text or number; None where it says that nothing is known.

    Raises
    ------
    DataInvalid
        If it cannot be read, is not one number, or lies outside what can be true.
    """
    if _is_empty(raw):
        return None
    if declared.unit is None:
        return _read_word(declared, raw)
    found = _measure(declared, raw, bare_unit)
    if found is None:
        return None
    if found.qualifier not in ("=", "~") or found.sd is not None:
        raise DataInvalid(Problem("a setting must be one number", str(raw), "Write the nearest value"))
    _check_limits(declared.column, found.value)
    return found.value


def read_outcome(declared: Field, raw: object) -> Outcome | None:
    """Return an outcome written in one field, such as ``>= 92 %`` or ``58.2 ± 1.5``; None where it is empty.

    Raises
    ------
    DataInvalid
        If it cannot be read or lies outside what can be true.
    """
    return None if _is_empty(raw) else _read_parts(declared, {"value": (raw, None)})


def _measure(declared: Field, raw: object, bare_unit: str | None) -> Measured | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise DataInvalid(Problem("must be a number or a text", repr(raw)))
    if not isinstance(raw, str):
        if not math.isfinite(raw):
            raise DataInvalid(Problem("must be a finite number", raw))
        raw = repr(float(raw))
    return parse_quantity(raw, declared.unit or "1", bare_unit=bare_unit)


def _read_parts(declared: Field, parts: Mapping[Part, tuple[object, str | None]]) -> Outcome | None:
    """Return the outcome of a value with its sign and its deviation, which may stand in columns of their own."""
    found = _measure(declared, *parts["value"]) if "value" in parts else None
    if found is None:
        stray = next((part for part in parts if part != "value"), None)
        if stray is not None:
            column = f"{declared.name}_{stray}"
            raise DataInvalid(Problem(f"must stand beside a {declared.name}", parts[stray][0], column=column))
        return None
    _check_limits(declared.column, found.value)
    qualifier, sd = found.qualifier, found.sd
    if "qualifier" in parts:
        stated = str(parts["qualifier"][0]).strip()
        if qualifier not in ("=", stated):
            must = f"must be {qualifier} as in the value itself, or empty"
            raise DataInvalid(Problem(must, stated, column=f"{declared.name}_qualifier"))
        qualifier = stated
    if "sd" in parts:
        sd = _read_sd(declared, parts)
    try:
        return Outcome(found.value, qualifier, sd)
    except ValueError as error:
        raise DataInvalid(Problem(str(error))) from error


def _read_sd(declared: Field, parts: Mapping[Part, tuple[object, str | None]]) -> float | None:
    name = f"{declared.name}_sd"
    raw, bare_unit = parts["sd"]
    try:
        found = _measure(declared, raw, bare_unit)
        if found is None:
            return None
        if _states_unit(declared, parts["value"][0]) and not _states_unit(declared, raw):
            # 93 % with a deviation of 2 beside it: 2 % or 2?
            raise DataInvalid(Problem("must state its unit, as its value does", raw))
        _check_limits(vocabulary().get(name), found.value)
    except DataInvalid as error:
        raise DataInvalid([replace(p, column=name) for p in error.problems]) from error
    return found.value


def _states_unit(declared: Field, raw: object) -> bool:
    """Return whether a text carries a unit of its own: then it can be read whatever a bare number would mean."""
    if not isinstance(raw, str):
        return False
    try:
        parse_quantity(raw, declared.unit or "1", bare_unit="?")
    except DataInvalid:
        return False
    return True


def _check_limits(column: Column | None, value: float) -> None:
    must = fault_of(column, value) if column is not None else None
    if column is None or must is None:
        return
    todo = "Correct or remove it"
    if column.name == "retention" and 1.5 < value <= 150:
        todo = f"Write {value / 100:.12g} or {value:.12g} %"
    elif column.name in ("capacity", "areal_capacity") and value == 0:
        todo = "A cell without capacity is recorded by its outcome_class, such as shorted"
    raise DataInvalid(Problem(must, int(value) if value.is_integer() else value, todo))


def _read_word(declared: Field, raw: object) -> str:
    word = str(raw).strip()
    if declared.levels and word not in declared.levels:
        must = f"must be one of {', '.join(declared.levels)}"
        raise DataInvalid(Problem(must, word, closest(word, declared.levels) or "Correct or remove it"))
    return word
