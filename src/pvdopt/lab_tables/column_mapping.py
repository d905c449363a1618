"""A foreign sheet's columns as ours: mapped once by a person, kept in the campaign's folder, never guessed.

A mapping says which of their columns is which of ours and in which unit it stands, what their words mean, which columns
say nothing for us and what holds for every row. Knows columns and units; reads no value.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from pvdopt.errors import DataInvalid, Problem, PvdoptError, UsageError, what_the_system_says
from pvdopt.lab_tables.fields import Field
from pvdopt.lab_tables.table_files import read_raw
from pvdopt.lab_tables.text_table import RawTable
from pvdopt.output_files import write_text
from pvdopt.unit_symbols import UnknownUnitError
from pvdopt.units import shown_in
from pvdopt.wording import closest, find_closest

#: The file in a campaign's folder.
MAPPINGS_FILE = "column_maps.json"
#: Numbers that have no unit to state.
_COUNTS = frozenset({"cycles"})


@dataclass(frozen=True)
class ColumnMapping:
    """How the columns of one kind of foreign sheet are read.

    Attributes
    ----------
    columns : mapping of str to (str, str)
        Our name -> their heading and its unit; the unit is empty for a text or a count.
    words : mapping of str to mapping of str to str
        Our column -> their word -> ours.
    constants : mapping of str to str
        What holds for every row, by our name.
    ignored : tuple of str
        Their headings that are not read.
    """

    columns: Mapping[str, tuple[str, str]]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """Their headings that are read."""
        return tuple(head for head, _ in self.columns.values())

    def fits(self, header: Collection[str]) -> bool:
        """Return whether a table has all columns that are mapped."""
        return set(self.heads) <= set(header)

    def apply(self, raw: RawTable, fields: Mapping[str, Field]) -> RawTable:
        """Return a foreign table with our columns.

        Raises
        ------
        DataInvalid
            If a column that is mapped is missing, or one is neither mapped nor ignored nor ours.
        """
        ours = {head: (name, unit) for name, (head, unit) in self.columns.items()}
        problems = [self._missing(head, raw) for head in self.heads if head not in raw.header]
        header, places = [], []
        for place, head in enumerate(raw.header):
            if head in self.ignored or not head:
                continue
            if head in ours:
                name, unit = ours[head]
                header.append(f"{name} [{unit}]" if unit else name)
            elif head in fields:
                header.append(head)
            else:
                problems.append(_unmapped(head, raw, place, fields))
                continue
            places.append(place)
        if problems:
            raise DataInvalid(problems)
        added = [name for name in ("id", *self.constants) if name not in [_name(head) for head in header]]
        values = [self.constants.get(name) for name in added]
        rows = [(number, (*self._read(cells, header, places), *values)) for number, cells in raw.rows]
        origin = (*places, *([-1] * len(added)))
        return replace(raw, header=(*header, *added), rows=tuple(rows), origin=origin)

    def _read(self, cells: Sequence[object], header: Sequence[str], places: Sequence[int]) -> list[object]:
        found = []
        for head, place in zip(header, places, strict=True):
            value = cells[place] if place < len(cells) else None
            words = self.words.get(_name(head))
            found.append(words.get(value.strip(), value) if words and isinstance(value, str) else value)
        return found

    def _missing(self, head: str, raw: RawTable) -> Problem:
        todo = closest(head, raw.header) or f"Its columns are {', '.join(filter(None, raw.header))}"
        return Problem("must have the column that is mapped", head, todo, raw.file, raw.header_row)

    def sentences(self) -> list[str]:
        """Return what is read from where, in words."""
        return [
            f"{name} from {head!r}" + (f" in {unit}" if unit else "") for name, (head, unit) in self.columns.items()
        ]

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Return a mapping as it was kept."""
        columns = {str(name): (str(head), str(unit)) for name, (head, unit) in raw["columns"].items()}
        return cls(columns, raw.get("words") or {}, raw.get("constants") or {}, tuple(raw.get("ignored") or ()))


def _name(head: str) -> str:
    return head.split(" [")[0]


def _unmapped(head: str, raw: RawTable, place: int, fields: Mapping[str, Field]) -> Problem:
    hint = find_closest(head, fields) or "NAME"
    unit = ":UNIT" if hint == "NAME" or fields[hint].unit else ""
    todo = f'Say what it is (--map "{hint}={head}{unit}"), or that it is not read (--ignore "{head}")'
    row = raw.address(raw.header_row, place) if raw.is_grid else raw.header_row
    return Problem("is none of our columns and is not mapped", head, todo, raw.file, row)


def make_mapping(
    maps: Iterable[str],
    words: Iterable[str],
    constants: Mapping[str, str],
    ignored: Iterable[str],
    fields: Mapping[str, Field],
) -> ColumnMapping:
    """Return a mapping from what was typed.

    Parameters
    ----------
    maps : iterable of str
        ``own=theirs:unit``; without a unit for a text.
    words : iterable of str
        ``own:theirs=ours``: in our column, their word is ours.
    constants : mapping
        By our name the value of every row.

    Raises
    ------
    UsageError
        If a text has another form.
    DataInvalid
        With every name that is not ours, and every number without a unit.
    """
    columns: dict[str, tuple[str, str]] = {}
    problems: list[Problem] = []
    for text in maps:
        name, sign, theirs = (part.strip() for part in text.partition("="))
        if not sign or not name or not theirs:
            raise UsageError(f'--map {text!r}: must read OWN=THEIRS:UNIT, such as --map "thickness_um=film:nm".')
        base = name.removesuffix("_sd").removesuffix("_qualifier")
        declared = fields.get(name) or fields.get(base)
        if declared is None:
            problems.append(Problem("is not a column of this campaign", name, closest(name, fields), column="--map"))
            continue
        columns[name], problem = _read_unit(name, theirs, declared)
        problems += [] if problem is None else [problem]
    meant: dict[str, dict[str, str]] = {}
    for text in words:
        place, sign, ours = (part.strip() for part in text.partition("="))
        name, colon, theirs = (part.strip() for part in place.partition(":"))
        if not sign or not colon or not ours:
            raise UsageError(f'--word {text!r}: must read COLUMN:THEIRS=OURS, such as --word "electrolyte:LPO=Lipon".')
        meant.setdefault(name, {})[theirs] = ours
    for name in (*meant, *constants):
        if name not in fields:
            problems.append(Problem("is not a column of this campaign", name, closest(name, fields)))
    if problems:
        raise DataInvalid(problems)
    return ColumnMapping(columns, meant, dict(constants), tuple(ignored))


def _read_unit(name: str, theirs: str, declared: Field) -> tuple[tuple[str, str], Problem | None]:
    """Return their heading and its unit; a number's must be stated, since nobody can see it in the numbers."""
    if declared.unit is None or name.endswith("_qualifier"):
        return (theirs, ""), None
    head, colon, unit = theirs.rpartition(":")
    if colon:
        unit = unit.strip()
        try:
            shown_in(1.0, declared.unit, unit)
        except UnknownUnitError:
            # A capacity per mass or a charge is of another kind, and converts with figures of the cell.
            if not _is_convertible(unit, declared.unit):
                must = f"must be a unit of {declared.unit}"
                return (theirs, ""), Problem(must, unit, "It stands after the last colon", column=f"--map {name}")
        return (head.strip(), unit), None
    if declared.name in _COUNTS:
        return (theirs, ""), None
    unit = "%" if declared.unit == "1" else declared.unit
    must = "must say the unit their numbers are in"
    return (theirs, ""), Problem(must, theirs, f'Write --map "{name}={theirs}:{unit}"', column=f"--map {name}")


def _is_convertible(given: str, wanted: str) -> bool:
    from pvdopt.conversions import has_route

    return has_route(given, wanted)


# -- kept in the campaign's folder -------------------------------------------------------------------------------


def find_mapping(folder: Path, path: str | Path) -> tuple[ColumnMapping, RawTable] | None:
    """Return the kept mapping with most columns that fits a file, and its table; None without one.

    Raises
    ------
    DataInvalid
        If the file is no table, or the one that keeps the mappings cannot be read.
    """
    fitting = []
    for mapping in read_mappings(folder):
        raw = read_raw(path, mapping.heads)
        if mapping.fits(raw.header):
            fitting.append((mapping, raw))
    return max(fitting, key=lambda found: len(found[0].columns), default=None)


def read_mappings(folder: Path) -> list[ColumnMapping]:
    """Return every mapping that is kept, the newest first.

    Raises
    ------
    DataInvalid
        If the file cannot be read.
    """
    path = folder / MAPPINGS_FILE
    if not path.is_file():
        return []
    try:
        return [ColumnMapping.from_json(raw) for raw in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        must = f"must hold column mappings ({error})"
        raise DataInvalid(Problem(must, todo="Delete it, and map the columns anew", file=str(path))) from error


def keep_mapping(folder: Path, mapping: ColumnMapping) -> None:
    """Keep a mapping, in place of one of the same columns of theirs.

    Raises
    ------
    PvdoptError
        If the file cannot be written.
    """
    others = [m for m in read_mappings(folder) if set(m.heads) != set(mapping.heads)]
    path = folder / MAPPINGS_FILE
    text = json.dumps([asdict(m) for m in (mapping, *others)], indent=1, ensure_ascii=False) + "\n"
    try:
        write_text(path, text)
    except OSError as error:
        raise PvdoptError(f"{path}: cannot be written ({what_the_system_says(error)}).") from error
