"""Read a table of results or recipes as a lab writes it; knows columns, units and the form of a file.

Every value becomes a number in its canonical unit or a level of its column, or a problem that names file, row and
column - in a spreadsheet the cell. Whether the figures can be true is
:mod:`pvdopt.lab_tables.result_checks`' business. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pvdopt.conversions import Basis, has_route
from pvdopt.errors import N_SHOWN, DataInvalid, Problem
from pvdopt.lab_tables.fields import (
    ERRORS,
    Field,
    Manner,
    Part,
    is_blank,
    read_parts,
    read_setting,
    read_value,
    read_word,
)
from pvdopt.lab_tables.table_files import read_raw
from pvdopt.lab_tables.text_table import RawTable, Unreadable
from pvdopt.ledger.values import Outcome
from pvdopt.units import parse_quantity
from pvdopt.wording import closest

#: What a results table may hold: the path of a file, ``-`` for standard input, a table read already, or rows.
Source = str | Path | RawTable | Mapping[str, object] | Sequence[Mapping[str, object]]
#: Gives what converts values of a row, from the id and the settings it states.
Context = Callable[[str | None, Mapping[str, float | str]], Basis]

#: How the head of a column begins that repeats the plan for whoever makes the cell.
PLANNED = "planned "
_RUN = "_run"
#: Settings read after all others, since they may be written in terms of them: a C-rate of a thickness.
_READ_LAST = frozenset({"current_ua_cm2"})
#: Columns of predictions: a file that has them may hold predicted outcomes under the names of measured ones.
_PREDICTED = frozenset({"usable_chance", "acquisition", "purpose", "reason"})
_HEADER = re.compile(r"(?P<name>[^\[\](/]+?)\s*(?:\[(?P<unit>[^\]]+)\]|\((?P<unit_2>[^)]+)\)|/\s*(?P<unit_3>.+))?")


@dataclass(frozen=True)
class Head:
    """What the head of a column says: whose values stand below it, which part of them, in which unit."""

    field: Field
    part: Part
    unit: str | None
    is_planned: bool = False


Heads = dict[str, Head]


@dataclass(frozen=True)
class ReadRow:
    """One row with its values read; what cannot be read is in ``problems``.

    Attributes
    ----------
    place : mapping
        ``file`` and ``row``, for messages.
    planned : mapping
        Settings the row repeats from the plan.
    replicate_of : str or None
        The cell whose recipe a row without an id repeats.
    said : tuple of str
        Which values were converted, and with what.
    """

    place: Mapping[str, Any]
    id: str | None = None
    settings: Mapping[str, float | str] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    planned: Mapping[str, float | str | None] = field(default_factory=dict)
    replicate_of: str | None = None
    problems: tuple[Problem, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether it names a recipe to repeat and says nothing of a cell yet, as a line kept free in a sheet."""
        told = {n for n in self.labels if n not in ("run", "sample")} | set(self.outcomes)
        return self.id is None and self.replicate_of is not None and not told and not self.problems

    @property
    def unread(self) -> frozenset[str]:
        """The columns that hold what cannot be read."""
        return frozenset(p.column for p in self.problems if p.column)

    @property
    def is_broken(self) -> bool:
        """Whether the row as a whole cannot be read, so that nothing is known of what it holds."""
        return any(p.column is None for p in self.problems)


@dataclass(frozen=True)
class Table:
    """The rows of one source, and what is wrong with it as a whole.

    Attributes
    ----------
    raw : RawTable or None
        The file's table; None where the rows came from a program.
    places : mapping of str to int
        Columns counted from 0, by the names that problems give them.
    """

    rows: tuple[ReadRow, ...]
    problems: tuple[Problem, ...] = ()
    raw: RawTable | None = None
    places: Mapping[str, int] = field(default_factory=dict)

    def locate(self, problem: Problem) -> Problem:
        """Return a problem with the address of its cell, such as C7, where the source is a grid of cells."""
        if self.raw is None or not self.raw.is_grid or not isinstance(problem.row, int):
            return problem
        place = self.places.get(problem.column or "")
        return problem if place is None else replace(problem, row=self.raw.address(problem.row, place))


def read_table(
    source: Source, fields: Mapping[str, Field], *, needs_id: bool = False, context: Context | None = None
) -> Table:
    """Read rows from a file, standard input or mappings.

    Parameters
    ----------
    source : path, "-", RawTable, mapping or sequence of mapping
        A file may be comma-separated, a spreadsheet or a Markdown table. A header may carry a unit:
        ``thickness_um [nm]``. Values may, too: ``0.31 mAh/cm2``, ``>= 92 %``.
    fields : mapping
        The columns allowed, see :func:`pvdopt.lab_tables.fields.known_fields`.
    needs_id : bool
        Whether a file must have a column ``id``.
    context : callable, optional
        What converts kinds of capacity and current; without it a value of another kind is refused.

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
    if isinstance(source, (str, Path)):
        source = read_raw(source)
    if isinstance(source, RawTable):
        return _read_file(source, fields, needs_id, context)
    header = list(dict.fromkeys(name for row in source for name in row))
    heads, problems = _read_header(header, fields, {})
    rows = [_read_row(row, heads, {"row": _row_name(k, row)}, context) for k, row in enumerate(source, start=1)]
    return Table(tuple(rows), tuple(problems))


def _read_file(raw: RawTable, fields: Mapping[str, Field], needs_id: bool, context: Context | None) -> Table:
    place = _place(raw.file, raw.header_row)
    heads, problems = _read_header(raw.header, fields, place)
    places = _places(raw.header, heads)
    if needs_id and "id" not in raw.header:
        todo = "Add a column id with the names that suggest gave"
        gone = Problem("is missing", todo=todo, column="id", **place)
        return Table((), (*problems, gone), raw, places)
    if not raw.rows:
        problems.append(Problem("must hold at least one row below its header", file=raw.file))
    rows = []
    told: dict[str, Mapping[str, float | str]] = {}

    def find_basis(name: str | None, settings: Mapping[str, float | str]) -> Basis:
        # A film's further cells stand below its first: what that row says of the film holds for them.
        return Basis() if context is None else context(name, {**told.get(name or "", {}), **settings})

    n_repeated = 0
    at = raw.header.index("id") if "id" in raw.header else None
    for number, cells in raw.rows:
        where = _place(raw.file, number)
        if len(cells) != len(raw.header):
            must = f"must have {len(raw.header)} fields as the header has, got {len(cells)}"
            fault = Problem(must, todo="Look for a missing or stray comma", **where)
            rows.append(ReadRow(where, problems=(fault,)))
        elif at is not None and (name := cells[at]) in told and (n_repeated := n_repeated + 1) > N_SHOWN:
            # Whoever checks it refuses it for its id, and no more of its faults would be shown.
            rows.append(ReadRow(where, id=str(name)))
        else:
            values = dict(zip(raw.header, cells, strict=True))
            row = _read_row(values, heads, where, None if context is None else find_basis, raw.has_decimal_comma)
            rows.append(row)
            told |= {row.id: row.settings} if row.id else {}
    return Table(tuple(rows), tuple(problems), raw, places)


def _places(header: Sequence[str], heads: Heads) -> dict[str, int]:
    """Return where columns stand, by every name a problem may give them."""
    found: dict[str, int] = {}
    for place, head in enumerate(header):
        found.setdefault(head, place)
        match = _HEADER.fullmatch(head)
        name = match["name"] if match else head
        found.setdefault(name, place)
        known = heads.get(head)
        if known is not None and not known.is_planned:
            # What is planned stands beside what was made under the same name; a problem is about the latter.
            found[name] = place
            if known.part == "value":
                found[known.field.name] = place
    return found


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
        is_planned = name.startswith(PLANNED)
        base, part = _split_part(name.removeprefix(PLANNED), fields)
        found = fields.get(base)
        if is_planned and base.endswith(_RUN):
            # The run a cell was planned into; the one it was made in has a column of its own.
            continue
        if found is None or (is_planned and found.role != "setting"):
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
        heads[head] = Head(found, part, unit, is_planned)
    for head, found_head in heads.items():
        if found_head.part == "sd" and found_head.unit is None:
            heads[head] = replace(found_head, unit=_unit_of_value(heads, found_head.field.name))
    return heads, problems


def _unit_of_value(heads: Heads, name: str) -> str | None:
    return next((h.unit for h in heads.values() if h.field.name == name and h.part == "value"), None)


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
    if has_route(unit, found.unit):
        return None
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
    todo = closest(name, fields)
    if not todo:
        outcomes = ", ".join(_with_unit(f) for f in fields.values() if f.role == "outcome" and f.name != "cycles")
        todo = f"Rename it, or put it into remark{f' (outcomes are {outcomes})' if outcomes else ''}"
    return Problem("is not a column of this campaign", todo=todo, column=name, **place)


def _with_unit(found: Field) -> str:
    return found.name if found.unit in (None, "", "1") else f"{found.name} in {found.unit}"


# -- rows ---------------------------------------------------------------------------------------------------------


def _read_row(
    values: Mapping[str, object],
    heads: Heads,
    place: Mapping[str, Any],
    context: Context | None,
    has_decimal_comma: bool = False,
) -> ReadRow:
    row = _Row(place, Manner(has_decimal_comma=has_decimal_comma))
    given = [(heads[head], raw) for head, raw in values.items() if head in heads and not is_blank(raw)]
    parts: dict[str, dict[Part, tuple[object, str | None]]] = {}
    for head, raw in sorted(given, key=lambda item: item[0].field.name in _READ_LAST):
        name = head.field.name
        if context is not None and name in _READ_LAST:
            row.manner.basis = context(row.id or row.replicate_of, row.settings)
        if head.is_planned:
            row.keep(row.planned, name, partial(read_value, head.field, raw, head.unit, row.manner))
        elif head.field.role == "outcome":
            parts.setdefault(name, {})[head.part] = (raw, head.unit)
        elif head.field.role in ("id", "replicate_of"):
            row.read_name(head.field.role, raw)
        elif head.field.role == "label":
            row.keep(row.labels, name, partial(read_word, head.field, raw))
        else:
            row.read_setting(head, raw)
    if parts and context is not None:
        row.manner.basis = context(row.id or row.replicate_of, row.settings)
    declared = {head.field.name: head.field for head in heads.values()}
    for name, found in parts.items():
        row.keep(row.outcomes, name, partial(read_parts, declared[name], found, row.manner))
    return row.done()


class _Row:
    """A row while it is read."""

    def __init__(self, place: Mapping[str, Any], manner: Manner) -> None:
        self.place = place
        self.manner = manner
        self.id: str | None = None
        self.replicate_of: str | None = None
        self.settings: dict[str, float | str] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.labels: dict[str, str] = {}
        self.planned: dict[str, float | str | None] = {}
        self.problems: list[Problem] = []

    def keep(self, into: dict[str, Any], name: str, read: Callable[[], Any]) -> None:
        """Put what is read into a mapping, unless it says that nothing is known; keep what is wrong with it."""
        try:
            value = read()
        except DataInvalid as error:
            self.problems += [replace(p, column=p.column or name, **self.place) for p in error.problems]
            return
        if value is not None:
            into[name] = value

    def read_setting(self, head: Head, raw: object) -> None:
        """Keep a setting, and its deviation where one is stated."""
        name = head.field.name
        read: dict[str, tuple[float | str | None, float | None]] = {}
        self.keep(read, name, partial(read_setting, head.field, raw, head.unit, self.manner))
        value, sd = read.get(name, (None, None))
        if value is not None:
            self.settings[name] = value
        if sd is not None:
            self.settings[ERRORS[name]] = sd

    def read_name(self, role: str, raw: object) -> None:
        """Keep the name of a cell."""
        if isinstance(raw, Unreadable):
            self.problems.append(Problem(raw.must, raw.shown, raw.todo, column=role, **self.place))
        else:
            setattr(self, role, str(raw).strip())

    def done(self) -> ReadRow:
        """Return what was read."""
        return ReadRow(
            self.place,
            self.id,
            self.settings,
            self.outcomes,
            self.labels,
            self.planned,
            self.replicate_of,
            tuple(self.problems),
            tuple(self.manner.said),
        )
