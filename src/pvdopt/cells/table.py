"""Read and write tables of cells; knows the vocabulary and the form of a file, judges nothing beyond it.

Reading never writes and never stops at the first fault: what can be used comes back as a frame, everything else as
problems that name row and column. Whether the figures make sense is :mod:`pvdopt.cells.checks`' business.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.columns import Column, vocabulary
from pvdopt.errors import DataInvalid, Problem, PvdoptError, what_the_system_says
from pvdopt.input_files import read_file
from pvdopt.materials import cathodes
from pvdopt.wording import closest, miss_choice

#: A plain number in ASCII; ``float`` would also take "nan", "1_000" and digits of other scripts.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+([eE][+-]?[0-9]+)?")
_SAVE_AS = "Save the file as 'CSV UTF-8 (comma delimited)'"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CellTable:
    """The rows of one file that can be used, and what is wrong with the others.

    Attributes
    ----------
    frame : DataFrame of shape (n_cells, n_columns)
        One row a cell, ``id`` as index, every column of the vocabulary in its order: float with NaN where missing
        for numbers, object with None where missing for the rest.
    refused : tuple of Problem
        Every fault found. A fault of the file as a whole (its header, its encoding) leaves ``frame`` empty.
    source : str
        Name of the file.
    sha256 : str
        Digest of the file's bytes.
    """

    frame: pd.DataFrame
    refused: tuple[Problem, ...]
    source: str
    sha256: str

    def accepted(self) -> pd.DataFrame:
        """Return the frame, or raise with every problem if anything was refused.

        Raises
        ------
        DataInvalid
            If a row or the file was refused.
        """
        if self.refused:
            raise DataInvalid(self.refused)
        return self.frame


def read_cells(source: str | Path) -> CellTable:
    """Read a table of cells.

    Parameters
    ----------
    source : path, or the text of a table
        A string with a line break is the table itself. UTF-8 with or without byte order mark, commas, any line end.
        Columns are those of the vocabulary, in any order and number; only ``id`` is required.

    Returns
    -------
    CellTable
        ``cathode_family`` is filled from the cathodes table where it is empty; nothing else is.

    Raises
    ------
    DataInvalid
        If the file cannot be opened. All other faults come back in ``refused``.
    """
    name, data = _load(source)
    digest = hashlib.sha256(data).hexdigest()
    text = _decode(data, name)
    if isinstance(text, Problem):
        return CellTable(_frame([]), (text,), name, digest)
    rows, faults = _read_records(text, name)
    if faults:
        return CellTable(_frame([]), tuple(faults), name, digest)
    header, faults = _read_header(rows[0][1] if rows else [], name)
    accepted: list[dict[str, Any]] = []
    first_seen: dict[str, int] = {}
    refused: list[Problem] = list(faults)
    for number, fields in rows[1:]:
        if not any(field.strip() for field in fields):
            continue
        values, problems = _read_row(header, fields, name, number)
        id_ = values.get("id")
        if id_ in first_seen:
            must = f"must be unique, row {first_seen[id_]} has it too"
            problems.append(Problem(must, id_, "Give each cell an id of its own", name, number, "id"))
        elif id_ is not None:
            first_seen[id_] = number
        refused += problems
        if not problems:
            accepted.append(values)
    return CellTable(_frame([] if faults else accepted), tuple(refused), name, digest)


def reported_cells() -> CellTable:
    """Return the reported cells shipped with the package."""
    table = _read_shipped()
    return replace(table, frame=table.frame.copy())


@cache
def _read_shipped() -> CellTable:
    with resources.as_file(resources.files("pvdopt") / "data" / "reported_cells.csv") as path:
        return read_cells(path)


def write_cells(frame: pd.DataFrame, path: str | Path) -> None:
    """Write cells as CSV, so that the file is either the old or the whole new one.

    Parameters
    ----------
    frame : DataFrame
        As :attr:`CellTable.frame`: ``id`` as index, columns of the vocabulary. Read back, it gives the same frame.

    Raises
    ------
    ValueError
        If the frame has a column that the vocabulary does not know.
    PvdoptError
        If the folder or the file cannot be written.
    """
    unknown = [n for n in frame.columns if n not in vocabulary()]
    if unknown:
        raise ValueError(f"not columns of a table of cells: {', '.join(map(str, unknown))}")
    path = Path(path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *frame.columns])
    for id_, values in zip(frame.index, frame.itertuples(index=False), strict=True):
        writer.writerow([id_, *(_as_text(v) for v in values)])
    # not a temporary file of the system's: that one would be readable to its owner alone, and stay so
    aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
    try:
        with aside.open("wb") as file:
            file.write(text.getvalue().encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        if aside.is_file():
            aside.unlink()
        reason = what_the_system_says(error)
        raise PvdoptError(f"{path} cannot be written ({reason}). Close it where it is open, or name another") from error


def fault_of(column: Column, value: float | str) -> str | None:
    """Return what a value of this column must fulfil and does not, or None if it can be true."""
    if column.kind == "category":
        return None if value in column.levels else f"must be {column.range_text()}"
    if column.kind == "text":
        return None
    number = float(value)
    if not math.isfinite(number):
        return "must be a finite number"
    low = -math.inf if column.low is None else column.low
    high = math.inf if column.high is None else column.high
    return None if low <= number <= high else f"must lie {column.range_text()}"


def ruled_out_by(column: Column, row: Row) -> tuple[str, str] | None:
    """Return parent and level that say this column does not apply in the row, or None if it may.

    A parent that is itself missing says nothing; then its own parent is asked.
    """
    child = column
    while child.parent:
        level = row.get(child.parent)
        if not is_empty(level):
            return None if level in child.parent_levels else (child.parent, str(level))
        child = vocabulary()[child.parent]
    return None


def is_empty(value: object) -> bool:
    """Return whether a value stands for "not reported": None or NaN."""
    return value is None or value != value


# -- from bytes to records ---------------------------------------------------------------------------------------


def _load(source: str | Path) -> tuple[str, bytes]:
    if isinstance(source, str) and ("\n" in source or "\r" in source):
        return "table", source.encode("utf-8")
    path = Path(source)
    try:
        return path.name, read_file(path)
    except OSError as error:
        reason = what_the_system_says(error)
        raise DataInvalid(
            Problem(f"cannot be read ({reason})", todo="Check name and folder", file=str(path))
        ) from error


def _decode(data: bytes, name: str) -> str | Problem:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem("must be UTF-8 text, got UTF-16", todo=_SAVE_AS, file=name)
    if data.startswith(b"PK\x03\x04"):
        return Problem("must be a CSV file, got a spreadsheet or archive", todo=_SAVE_AS, file=name)
    if 0 in data:
        row = data[: data.index(0)].count(b"\n") + 1
        return Problem("must be text, got a NUL byte", todo="The file is damaged; save it again", file=name, row=row)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        return Problem(f"must be UTF-8 text, got the byte 0x{data[error.start]:02X}", todo=_SAVE_AS, file=name, row=row)


def _read_records(text: str, name: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    """Return numbered records; a spreadsheet counts records, not lines, and blank ones too."""
    rows: list[tuple[int, list[str]]] = []
    try:
        for number, fields in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            rows.append((number, fields))
    except csv.Error as error:
        if "field limit" in str(error):
            must = f"a cell must hold at most {csv.field_size_limit()} characters"
            todo = "Shorten its text, or look for a quotation mark that is not closed"
            return [], [Problem(must, todo=todo, file=name, row=len(rows) + 1)]
        fault = Problem(
            f"must be comma-separated with paired quotation marks ({error})",
            todo="Look for a stray quotation mark in this row or above",
            file=name,
            row=len(rows) + 1,
        )
        return [], [fault]
    return rows, []


def _read_header(fields: Sequence[str], name: str) -> tuple[list[str], list[Problem]]:
    header = [field.strip() for field in fields]
    known = vocabulary()
    if not any(field in known for field in header):
        got = ", ".join(header[:4]) or None
        for sign, word in ((";", "semicolons"), ("\t", "tabs")):
            if any(part.strip() in known for part in sign.join(header).split(sign)):
                must = f"columns must be separated by commas, got {word}"
                return header, [Problem(must, todo=_SAVE_AS, file=name, row=1)]
        must = "the first row must hold the names of the columns, such as id, cathode, thickness_um"
        return header, [Problem(must, got, file=name, row=1)]
    problems = []
    for place, field in enumerate(header, start=1):
        if not field:
            problems.append(Problem(f"column {place} must have a name", todo="Name or delete it", file=name, row=1))
        elif field not in known:
            todo = closest(field, known) or "Rename or delete it"
            problems.append(Problem("is not a column of the vocabulary", None, todo, name, 1, field))
        elif field in header[: place - 1]:
            problems.append(Problem("must appear once, got it repeated", None, "Delete one of them", name, 1, field))
    if "id" not in header:
        problems.append(Problem("is missing", None, "Add a column with a name for each cell", name, 1, "id"))
    return header, problems


def _read_row(
    header: Sequence[str], fields: Sequence[str], name: str, number: int
) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    if len(fields) != len(header):
        must = f"must have {len(header)} fields as the header has, got {len(fields)}"
        return values, [Problem(must, todo="Look for a missing or stray comma", file=name, row=number)]
    problems = []
    known = vocabulary()
    for field, raw in zip(header, fields, strict=True):
        text = _one_line_end(raw.strip())
        if field not in known or not text:
            continue
        fault = _convert(known[field], text, values)
        if fault is not None:
            problems.append(replace(fault, file=name, row=number, column=field))
    if "id" in header and "id" not in values:
        problems.append(Problem("is empty", None, "Name the cell", name, number, "id"))
    problems += [replace(p, file=name, row=number) for p in misplaced(values)]
    return values, problems


def misplaced(row: Row) -> Iterator[Problem]:
    """Yield a problem for each value that does not apply under the row's own choices, such as a bias under PLD."""
    for column in vocabulary().values():
        value = row.get(column.name)
        if not column.parent or is_empty(value):
            continue
        ruled = ruled_out_by(column, row)
        if ruled is not None:
            parent, level = ruled
            todo = f"Leave {column.name} empty or correct {parent}"
            yield Problem(f"does not apply with {parent} {level}", value, todo, column=column.name)


def _convert(column: Column, text: str, values: dict[str, Any]) -> Problem | None:
    """Put the value of a field into ``values``, or return what is wrong with it."""
    value: float | str = text
    if column.kind == "number":
        unit = "" if column.unit in ("", "1") else f" in {column.unit}"
        if _DECIMAL_COMMA.fullmatch(text):
            point = text.replace(",", ".")
            return Problem("must be written with a decimal point and no thousands separator", text, f"Write {point}?")
        if not _NUMBER.fullmatch(text):
            return Problem(f"must be a plain number{unit} or empty", text, "Put words and signs into the note")
        value = float(text)
    must = fault_of(column, value)
    if must is not None:
        is_category, todo = column.kind == "category", ""
        if is_category:
            must, todo = miss_choice(text, column.levels, column.listing)
        return Problem(must, text if is_category else value, todo or "Correct or remove the row")
    values[column.name] = value
    return None


# -- frames ------------------------------------------------------------------------------------------------------


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a frame with every column of the vocabulary."""
    columns: dict[str, Any] = {}
    for column in vocabulary().values():
        values = [row.get(column.name) for row in rows]
        if column.kind == "number":
            columns[column.name] = np.array([np.nan if v is None else v for v in values], dtype=float)
        else:
            columns[column.name] = pd.Series(values, dtype=object)
    families = {name: cathode.family for name, cathode in cathodes().items()}
    columns["cathode_family"] = pd.Series(
        [row.get("cathode_family") or families.get(row.get("cathode", "")) for row in rows], dtype=object
    )
    index = pd.Index(columns.pop("id"), dtype=object, name="id")
    return pd.DataFrame({n: pd.Series(np.asarray(v), index=index, dtype=v.dtype) for n, v in columns.items()})


def _as_text(value: Any) -> str:
    if is_empty(value):
        return ""
    if isinstance(value, (float, int, np.number)):
        # the shortest text that reads back as the same number, whole numbers without their ".0"
        return repr(float(value)).removesuffix(".0")
    return _one_line_end(str(value))


def _one_line_end(text: str) -> str:
    # a bare carriage return inside a field would end the record for some readers of CSV
    return text.replace("\r\n", "\n").replace("\r", "\n")
