"""Read a spreadsheet (.xlsx) as numbered records: what its cells hold, with what they cannot say for sure named.

Knows the form of a workbook and no column. A date, an error or a formula without a stored value comes out as
:class:`~pvdopt.lab_tables.text_table.Unreadable`, so that only a column that needs a number minds.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Collection
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

from pvdopt.errors import DataInvalid, Problem
from pvdopt.input_files import MAX_GRID, MAX_UNPACKED, MB, refuse_columns
from pvdopt.lab_tables.text_table import RawTable, Unreadable

#: The sheet that is read where a workbook has several.
CELLS_SHEET = "cells"
#: Rows in which the header may stand: above it a lab writes titles and dates.
N_TOP_ROWS = 30
_MERGED = re.compile(rb"mergeCell\s[^>]*?ref\s*=\s*[\"']\$?([A-Z]{1,4})\$?(\d{1,9}):\$?([A-Z]{1,4})\$?(\d{1,9})")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, ParseError, OSError, EOFError, KeyError, ValueError, TypeError, IndexError,
    AttributeError,
)  # fmt: skip


def read_workbook(data: bytes, name: str, heads: Collection[str] = ()) -> RawTable:
    """Return the table in a workbook's sheet ``cells``, or in its only sheet that holds anything.

    Parameters
    ----------
    heads : collection of str
        Headings to know the header by.

    Raises
    ------
    DataInvalid
        If the file is damaged or no workbook, if nobody can tell which sheet is meant, or if cells are merged.
    """
    _refuse_bomb(data, name)
    stored, computed = _load(data, name, computed=False), _load(data, name, computed=True)
    _refuse_wide(stored, name)
    sheet = _choose_sheet(stored, name)
    place = f"{name}, sheet '{sheet.title}'"
    values = computed[sheet.title]
    top = [[_text(c.value) for c in row] for row in sheet.iter_rows(max_row=min(sheet.max_row or 1, N_TOP_ROWS))]
    start = _find_header(top, heads)
    if start is None:
        raise DataInvalid(Problem("is empty", todo="Write a header and one row a cell", file=place))
    header = list(top[start])
    while header and not header[-1]:
        header.pop()
    _refuse_merged(sheet, start + 1, len(header), place)
    rows = []
    for cells, shown in zip(sheet.iter_rows(min_row=start + 2), values.iter_rows(min_row=start + 2), strict=True):
        found = tuple(_read_cell(cell, value) for cell, value in zip(cells, shown, strict=True))
        if any(v is not None for v in found):
            number = cells[0].row
            rows.append((number, _fit(found, len(header), number, place)))
    return RawTable(place, start + 1, tuple(header), tuple(rows), is_grid=True)


def _refuse_bomb(data: bytes, name: str) -> None:
    """Refuse a file that unpacks to far more than it seems; no more is ever unpacked than the file says beforehand."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MAX_UNPACKED:
                must = f"must have at most {MAX_UNPACKED / MB:g} MB once it is unpacked, got {unpacked / MB:.0f} MB"
                raise DataInvalid(Problem(must, todo="Keep the sheet with the results alone", file=name))
            parts = [archive.read(entry) for entry in archive.infolist() if entry.filename.endswith(".xml")]
    except (*_DAMAGED, NotImplementedError, RuntimeError) as error:
        # An encrypted entry is a RuntimeError, an unknown kind of compression a NotImplementedError.
        raise _damaged(name) from error
    # openpyxl makes a cell for each place of a merged area, however large.
    merged = [area for part in parts for area in _MERGED.findall(part)]
    if sum(map(_count_cells, merged)) > MAX_GRID:
        must = f"must have at most {MAX_GRID} merged cells"
        raise DataInvalid(Problem(must, todo="Unmerge them and write each value into its cell", file=name))


def _count_cells(area: tuple[bytes, bytes, bytes, bytes]) -> int:
    first, top, last, bottom = area
    return (_column(last) - _column(first) + 1) * (int(bottom) - int(top) + 1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number


def _refuse_wide(book: Any, name: str) -> None:
    """Refuse a sheet with a cell so far out that going through all before it would take for ever."""
    for sheet in book.worksheets:
        place = f"{name}, sheet '{sheet.title}'"
        refuse_columns(sheet.max_column, place, 1)
        if sheet.max_row * sheet.max_column > MAX_GRID:
            must = f"must have at most {MAX_GRID} cells, got {sheet.max_row} rows of {sheet.max_column}"
            raise DataInvalid(Problem(must, todo="Delete the rows below the table", file=place))


def _damaged(name: str) -> DataInvalid:
    must = "must be an .xlsx workbook; it is damaged or another kind of file"
    return DataInvalid(Problem(must, todo="Open it in the spreadsheet program and save it as .xlsx", file=name))


def _load(data: bytes, name: str, *, computed: bool) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            # What openpyxl does not keep of a file (drawings, extensions) is nothing we read.
            warnings.simplefilter("ignore")
            return load_workbook(io.BytesIO(data), data_only=computed)
    except (InvalidFileException, *_DAMAGED) as error:
        raise _damaged(name) from error


def _choose_sheet(book: Any, name: str) -> Any:
    sheets = list(book.worksheets)
    named = [s for s in sheets if s.title.strip().lower() == CELLS_SHEET]
    filled = named or [s for s in sheets if any(c.value is not None for row in s.iter_rows() for c in row)]
    if not filled:
        raise DataInvalid(Problem("is empty", todo="Write a header and one row a cell", file=name))
    if len(filled) > 1:
        must = f"must hold one sheet, or one named {CELLS_SHEET}; it holds {', '.join(s.title for s in filled)}"
        raise DataInvalid(Problem(must, todo=f"Name the one with the results {CELLS_SHEET}", file=name))
    return filled[0]


def _find_header(top: list[list[str]], heads: Collection[str]) -> int | None:
    """Return the place of the row with most of the heads, else of the first with ``id``, else with most texts."""
    known = [sum(text in heads for text in row) for row in top]
    if any(known):
        return known.index(max(known))
    for place, row in enumerate(top):
        if "id" in row:
            return place
    # A title has fewer texts than a header, and a row of data mostly numbers.
    texts = [sum(bool(text) and not text.lstrip("+-").replace(".", "").isdigit() for text in row) for row in top]
    filled = [place for place, row in enumerate(top) if any(row)]
    return max(filled, key=lambda place: (texts[place], -place), default=None)


def _refuse_merged(sheet: Any, header_row: int, width: int, place: str) -> None:
    """Refuse merged cells in the table: the spreadsheet keeps one value and nobody knows for which rows it holds."""
    problems = [
        Problem("must not be merged", todo="Unmerge them and write each value into its cell", file=place, row=str(area))
        for area in sheet.merged_cells.ranges
        if area.max_row >= header_row and area.min_col <= width
    ]
    if problems:
        raise DataInvalid(sorted(problems, key=lambda p: str(p.row)))


def _fit(found: tuple[object, ...], width: int, number: int, place: str) -> tuple[object, ...]:
    """Return a row as wide as the header; what stands beyond it belongs to no column."""
    stray = [k for k in range(width, len(found)) if found[k] is not None]
    if stray:
        address = RawTable("", 0, (), ()).address(number, stray[0])
        must = "stands in no column of the table"
        raise DataInvalid(
            Problem(must, str(found[stray[0]]), "Give its column a heading, or delete it", place, address)
        )
    return (*found[:width], *([None] * (width - len(found))))


def _text(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())


def _read_cell(cell: Any, shown: Any) -> object:
    """Return what a cell holds; ``shown`` is the same cell with its formula computed by whoever saved it last."""
    value = shown.value
    if cell.data_type == "f" and value is None:
        todo = "Open and save it in the spreadsheet program, or write the value"
        return Unreadable("holds a formula whose value is not stored", str(cell.value), todo)
    if shown.data_type == "e" or (isinstance(value, str) and cell.data_type == "f" and value.startswith("#")):
        return Unreadable("holds an error of the spreadsheet", str(value), "Correct the formula, or write the value")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, (datetime, date)):
        return value.date() if isinstance(value, datetime) and value.time() == time() else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        # 93 % is kept as 0.93 and shown as 93 %: what is shown is what was meant, whatever unit the column has.
        return f"{float(f'{value * 100:.12g}')!r} %" if "%" in (cell.number_format or "") else value
    return value if isinstance(value, str) else Unreadable("must be a number or a text", str(value), "Write it anew")
