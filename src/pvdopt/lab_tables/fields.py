"""A column that a table of results may have, and how what stands in it is read: texts, numbers, dates, outcomes.

Knows the vocabulary and units, and no table. What cannot be read for sure is a problem, never a guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from pvdopt.cells.table import fault_of
from pvdopt.columns import Column, names, vocabulary
from pvdopt.conversions import Basis, parse_on_basis
from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.text_table import Unreadable, unguard
from pvdopt.ledger.facts import OUTCOME_CLASSES
from pvdopt.ledger.values import Outcome
from pvdopt.objectives import OUTCOME_UNITS, Objective
from pvdopt.space import Categorical, SearchSpace
from pvdopt.units import CANONICAL_UNITS, Measured, parse_quantity
from pvdopt.wording import miss_choice

Role = Literal["id", "setting", "outcome", "label", "replicate_of"]
Part = Literal["value", "sd", "qualifier"]

#: Texts about a cell that are neither a setting nor an outcome.
LABELS = ("outcome_class", "stage", "cause", "run", "sample", "remark")
#: Outcomes any campaign may record, beside its own objectives.
OUTCOMES = (*OUTCOME_UNITS, "cycles")
#: Settings that may be stated with a deviation, and the settings that keep it: it counts where they convert a charge.
ERRORS = {"thickness_um": "thickness_error_um", "area_cm2": "area_error_cm2"}
#: What a laboratory notes of a cell that no model reads: which of a sample's cells it is, and the day it was made.
CELL, MADE_ON, REPLICATE_OF = "cell", "made_on", "replicate_of"
#: Nothing is larger in any unit, and the squares of larger numbers are none that a model could add up (judgement).
BEYOND_MEASURE = 1e50
#: A comma between digits that can be no thousands separator.
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(0,\d+|\d+,(?:\d{1,2}|\d{4,}))(?![\d.,])")
_DATES = (
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T ].*)?"),
    re.compile(r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})"),
)


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
    is_date : bool
        Whether it holds a day, kept as text in ISO 8601.
    """

    name: str
    role: Role
    unit: str | None = None
    levels: tuple[str, ...] = ()
    column: Column | None = None
    is_date: bool = False


@dataclass
class Manner:
    """How a file writes values, what its row's cell is like, and what a reader did beyond reading.

    Attributes
    ----------
    basis : Basis
        What converts between kinds of capacity and of current.
    has_decimal_comma : bool
        Whether a comma may stand for the decimal point.
    said : list of str
        A sentence for each value that was converted with figures of the cell.
    """

    basis: Basis = field(default_factory=Basis)
    has_decimal_comma: bool = False
    said: list[str] = field(default_factory=list)


def known_fields(space: SearchSpace, objectives: Iterable[Objective]) -> dict[str, Field]:
    """Return the columns a table of this campaign may have, by name.

    Settings are the space's, and every other that the vocabulary declares: what was fixed may have been made
    differently too.
    """
    found = {"id": Field("id", "id"), REPLICATE_OF: Field(REPLICATE_OF, "replicate_of")}
    declared = vocabulary()
    for name in names("materials", "deposition", "stack", "anneal", "protocol"):
        column = declared[name]
        unit = column.unit if column.kind == "number" else None
        found[name] = Field(name, "setting", unit, column.levels, column)
    for name, error in ERRORS.items():
        found[error] = Field(error, "setting", declared[name].unit)
    found[CELL] = Field(CELL, "setting")
    found[MADE_ON] = Field(MADE_ON, "setting", is_date=True)
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


# -- from texts to values ----------------------------------------------------------------------------------------


def is_blank(raw: object) -> bool:
    """Return whether nothing was written."""
    return raw is None or raw != raw or (isinstance(raw, str) and not raw.strip())


def read_value(
    declared: Field, raw: object, bare_unit: str | None = None, manner: Manner | None = None
) -> float | str | None:
    """Return a setting given as text or number; None where it says that nothing is known.

    Raises
    ------
    DataInvalid
        If it cannot be read, is not one number, or lies outside what can be true.
    """
    return read_setting(declared, raw, bare_unit, manner)[0]


def read_setting(
    declared: Field, raw: object, bare_unit: str | None = None, manner: Manner | None = None
) -> tuple[float | str | None, float | None]:
    """Return a setting as :func:`read_value` does, and its deviation where it may have one and does.

    Raises
    ------
    DataInvalid
        As ``read_value``.
    """
    if is_blank(raw):
        return None, None
    if declared.is_date:
        return read_date(raw), None
    if declared.unit is None:
        return read_word(declared, raw), None
    found = _measure(declared, raw, bare_unit, manner)
    if found is None:
        return None, None
    is_stated = found.sd is not None and not (manner is not None and manner.said and _is_converted(manner, raw))
    if found.qualifier not in ("=", "~") or (is_stated and declared.name not in ERRORS):
        raise DataInvalid(Problem("a setting must be one number", str(raw), "Write the nearest value"))
    check_limits(declared.column, found.value)
    return found.value, found.sd if is_stated else None


def _is_converted(manner: Manner, raw: object) -> bool:
    """Whether the last value was converted, so that its deviation is the conversion's and nobody stated it."""
    return manner.said[-1].startswith(" ".join(str(raw).split()))


def read_outcome(declared: Field, raw: object, manner: Manner | None = None) -> Outcome | None:
    """Return an outcome written in one field, such as ``>= 92 %`` or ``58.2 ± 1.5``; None where it is empty.

    Raises
    ------
    DataInvalid
        If it cannot be read or lies outside what can be true.
    """
    return None if is_blank(raw) else read_parts(declared, {"value": (raw, None)}, manner)


def _measure(declared: Field, raw: object, bare_unit: str | None, manner: Manner | None = None) -> Measured | None:
    manner = manner or Manner()
    _refuse_no_value(raw)
    if isinstance(raw, date):
        todo = "The spreadsheet took what was typed for a date: give the cell the format Text and write it anew"
        raise DataInvalid(Problem("must be a number, got a date", raw.isoformat(), todo))
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise DataInvalid(Problem("must be a number or a text", repr(raw)))
    if not isinstance(raw, str):
        try:
            number = float(raw)
        except OverflowError:
            # A whole number of hundreds of digits, as JSON may hold.
            number = math.inf
        if not math.isfinite(number):
            raise DataInvalid(Problem("must be a finite number", number))
        raw = repr(number)
    if manner.has_decimal_comma:
        raw = _DECIMAL_COMMA.sub(lambda match: match[1].replace(",", "."), raw)
    found, said = parse_on_basis(unguard(raw), declared.unit or "1", manner.basis, bare_unit=bare_unit)
    if said:
        manner.said.append(said)
    return found


def _refuse_no_value(raw: object) -> None:
    if isinstance(raw, Unreadable):
        raise DataInvalid(Problem(raw.must, raw.shown, raw.todo))


def read_parts(
    declared: Field, parts: Mapping[Part, tuple[object, str | None]], manner: Manner | None = None
) -> Outcome | None:
    """Return the outcome of a value with its sign and its deviation, which may stand in columns of their own."""
    found = _measure(declared, *parts["value"], manner) if "value" in parts else None
    if found is None:
        stray = next((part for part in parts if part != "value"), None)
        if stray is not None:
            column = f"{declared.name}_{stray}"
            raise DataInvalid(Problem(f"must stand beside a {declared.name}", parts[stray][0], column=column))
        return None
    qualifier, sd = found.qualifier, found.sd
    if "qualifier" in parts:
        stated = str(parts["qualifier"][0]).strip()
        if qualifier not in ("=", stated):
            must = f"must be {qualifier} as in the value itself, or empty"
            raise DataInvalid(Problem(must, stated, column=f"{declared.name}_qualifier"))
        qualifier = stated
    if "sd" in parts:
        sd = _read_sd(declared, parts, manner)
    try:
        outcome = Outcome(found.value, qualifier, sd)
    except ValueError as error:
        raise DataInvalid(Problem(str(error))) from error
    check_outcome(declared, outcome)
    return outcome


def check_outcome(declared: Field, outcome: Outcome) -> None:
    """Raise if an outcome or its deviation lies outside what can be true.

    Raises
    ------
    DataInvalid
    """
    check_limits(declared.column, outcome.value)
    if outcome.sd is None:
        return
    name = f"{declared.name}_sd"
    try:
        check_limits(vocabulary().get(name), outcome.sd)
    except DataInvalid as error:
        raise DataInvalid([replace(p, column=name) for p in error.problems]) from error


def _read_sd(declared: Field, parts: Mapping[Part, tuple[object, str | None]], manner: Manner | None) -> float | None:
    name = f"{declared.name}_sd"
    raw, bare_unit = parts["sd"]
    try:
        comma = manner is not None and manner.has_decimal_comma
        found = _measure(declared, raw, bare_unit, Manner(has_decimal_comma=comma))
        if found is None:
            return None
        if _states_unit(declared, parts["value"][0]) and not _states_unit(declared, raw):
            # 93 % with a deviation of 2 beside it: 2 % or 2?
            raise DataInvalid(Problem("must state its unit, as its value does", raw))
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


def check_limits(column: Column | None, value: float) -> None:
    """Raise if a number lies outside what can be true of a column of the vocabulary, or of any column.

    Raises
    ------
    DataInvalid
    """
    must = fault_of(column, value) if column is not None else None
    if must is None and abs(value) > BEYOND_MEASURE:
        must = f"must be a number of at most {BEYOND_MEASURE:g} either way"
    if must is None:
        return
    todo = "Correct or remove it"
    name = "" if column is None else column.name
    if name == "retention" and 1.5 < value <= 150:
        todo = f"Write {value / 100:.12g} or {value:.12g} %"
    elif name in ("capacity", "areal_capacity") and value == 0:
        todo = "A cell without capacity is recorded by its outcome_class, such as shorted"
    is_short = value.is_integer() and abs(value) < 1e15
    raise DataInvalid(Problem(must, int(value) if is_short else value, todo))


def read_word(declared: Field, raw: object) -> str:
    """Return a text or category.

    Raises
    ------
    DataInvalid
        If it is none of the allowed.
    """
    _refuse_no_value(raw)
    word = raw.isoformat() if isinstance(raw, date) else unguard(str(raw).strip())
    if isinstance(raw, float) and raw.is_integer():
        # Sample 12 is 12 however a spreadsheet keeps it.
        word = str(int(raw))
    if declared.levels and word not in declared.levels:
        # A campaign's own choices are fewer than the vocabulary's.
        is_whole = declared.column is not None and declared.levels == declared.column.levels
        listing = declared.column.listing if declared.column is not None and is_whole else ""
        must, todo = miss_choice(word, declared.levels, listing)
        raise DataInvalid(Problem(must, word, todo or "Correct or remove it"))
    return word


def read_date(raw: object) -> str:
    """Return a day in ISO 8601, given as a date or as a text that leaves no doubt which number is the month.

    Raises
    ------
    DataInvalid
        If it is none, or lies in the future.
    """
    _refuse_no_value(raw)
    day = raw.date() if isinstance(raw, datetime) else raw if isinstance(raw, date) else _parse_date(str(raw).strip())
    if day is None:
        todo = "Write year-month-day, such as 2025-03-31"
        raise DataInvalid(Problem("must be a day that leaves no doubt", str(raw).strip(), todo))
    if day > datetime.now().astimezone().date():
        raise DataInvalid(Problem("must not lie in the future", day.isoformat(), "Check the year"))
    if day.year < 1950:
        raise DataInvalid(Problem("must lie in living memory", day.isoformat(), "Check the year"))
    return day.isoformat()


def _parse_date(text: str) -> date | None:
    for form in _DATES:
        match = form.fullmatch(text)
        if match:
            try:
                return date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                return None
    return None
