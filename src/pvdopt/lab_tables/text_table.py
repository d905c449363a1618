"""Read a table that is text - comma-separated or Markdown - as numbered records, and what a table of any form is.

Knows forms of files and no column. A table comes out as a header and rows with the places a person finds them at; what
cannot be read for sure is refused with the place.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pvdopt.errors import DataInvalid, Problem
from pvdopt.input_files import refuse_columns, refuse_rows

_SAVE_AS = "Save the file as 'CSV UTF-8 (comma delimited)'"
_SEPARATORS = ",;\t"
#: Characters of the first line that tell the separator.
_N_TOLD_BY = 100_000
#: A text that a spreadsheet would compute, and the sign that keeps it from doing so.
#: A sign alone, such as the = of a qualifier, is none.
_FORMULA = re.compile(r"[=+\-@\t\r].", re.DOTALL)
_GUARD = "'"


@dataclass(frozen=True)
class Unreadable:
    """A cell of a spreadsheet that holds no plain value: why not, and what it shows."""

    must: str
    shown: str
    todo: str


@dataclass(frozen=True)
class RawTable:
    """A table before anybody asks what its columns mean.

    Attributes
    ----------
    file : str
        For messages: the file's name, with the sheet's in a spreadsheet.
    header_row : int
    header : tuple of str
    rows : tuple of (int, tuple of object)
        Numbers as a spreadsheet or editor counts rows, and values: texts, numbers, dates, None, :class:`Unreadable`.
    is_grid : bool
        Whether a cell has an address such as C7.
    has_decimal_comma : bool
        Whether the form of the file says that a comma may stand for the decimal point.
    origin : tuple of int or None
        Where the columns stand in the file, where that is elsewhere; -1 for one that the file does not have.
    """

    file: str
    header_row: int
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[object, ...]], ...]
    is_grid: bool = False
    has_decimal_comma: bool = False
    origin: tuple[int, ...] | None = None

    def address(self, row: int, place: int) -> str:
        """Return where a cell is, such as C7; ``place`` counts columns from 0."""
        place = place if self.origin is None else self.origin[place]
        if place < 0:
            return f"row {row}"
        letters = ""
        number = place + 1
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(ord("A") + rest) + letters
        return f"{letters}{row}"


def read_text_table(data: bytes, name: str) -> RawTable:
    """Return the table in a text: comma-separated (or by semicolons or tabs), or Markdown.

    Parameters
    ----------
    name : str
        For messages; one that ends with ``.md`` says that it is Markdown.

    Raises
    ------
    DataInvalid
        If it is empty or no table.
    """
    text = _decode(data, name)
    if name.lower().endswith((".md", ".markdown")) or text.lstrip().startswith(("|", "# ")):
        return _read_markdown(text, name)
    return _read_separated(text, name)


def guard(text: str) -> str:
    """Return a text so that no spreadsheet takes it for a formula.

    Examples
    --------
    >>> guard("=1+1"), guard("ok")
    ("'=1+1", 'ok')
    >>> guard("=")
    '='
    """
    return _GUARD + text if _FORMULA.match(text) or _is_guarded(text) else text


def unguard(text: str) -> str:
    """Return a text as it was before :func:`guard`."""
    return text[1:] if _is_guarded(text) else text


def _is_guarded(text: str) -> bool:
    return text.startswith(_GUARD) and (_FORMULA.match(text.lstrip(_GUARD)) is not None)


# -- text --------------------------------------------------------------------------------------------------------


def _decode(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        # What a spreadsheet program calls Unicode text.
        return data.decode("utf-16", errors="replace")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise DataInvalid(Problem("must be UTF-8 text", todo=_SAVE_AS, file=name, row=row)) from error
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise DataInvalid(Problem("must be text, got a NUL byte", todo=_SAVE_AS, file=name, row=row))
    return text


def _read_separated(text: str, name: str) -> RawTable:
    skipped = 0
    stated = re.match(r"sep=(.)\r?\n", text)
    if stated:
        # A first line of this kind tells a spreadsheet program the separator.
        text, skipped = text[stated.end() :], 1
    separator = stated[1] if stated else _find_separator(text)
    records: list[tuple[int, list[str]]] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for number, cells in enumerate(reader, start=1 + skipped):
            refuse_columns(len(cells), name, number)
            refuse_rows(number, name)
            records.append((number, cells))
    except csv.Error as error:
        row = len(records) + 1 + skipped
        if "field limit" in str(error):
            must = f"a cell must hold at most {csv.field_size_limit()} characters"
            todo = "Shorten its text, or look for a quotation mark that is not closed"
            raise DataInvalid(Problem(must, todo=todo, file=name, row=row)) from error
        must = f"must be comma-separated with paired quotation marks ({error})"
        raise DataInvalid(Problem(must, file=name, row=row)) from error
    filled = [(number, cells) for number, cells in records if any(cell.strip() for cell in cells)]
    if not filled:
        raise DataInvalid(Problem("is empty", todo="Write a header and one row a cell", file=name))
    number, header = filled[0]
    rows = tuple((n, tuple(cells)) for n, cells in filled[1:])
    return RawTable(name, number, tuple(c.strip() for c in header), rows, has_decimal_comma=separator != ",")


def _find_separator(text: str) -> str:
    """Return what splits the first line that is not blank into most parts; the comma where nothing does."""
    line = next((line for line in text.splitlines() if line.strip()), "")[:_N_TOLD_BY]
    parts = {s: len(next(csv.reader([line], delimiter=s), [])) for s in _SEPARATORS}
    return max(_SEPARATORS, key=lambda s: (parts[s], s == ","))


def _read_markdown(text: str, name: str) -> RawTable:
    """Return the rows of the tables with a column ``id``, else of the first table; other tables are for people."""
    tables: list[tuple[int, tuple[str, ...], list[tuple[int, tuple[object, ...]]]]] = []
    is_inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("|"):
            is_inside = False
            continue
        cells = _split_markdown(line)
        refuse_columns(len(cells), name, number)
        if all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            continue
        if is_inside:
            tables[-1][2].append((number, cells))
        else:
            tables.append((number, cells, []))
            is_inside = True
    if not tables:
        must = "must hold a table whose lines begin with |"
        raise DataInvalid(Problem(must, todo="Or save it as .csv or .xlsx", file=name))
    chosen = [table for table in tables if "id" in table[1]] or tables[:1]
    header_row, header, _ = chosen[0]
    for row, other, _ in chosen:
        if other != header:
            must = "must have the same columns in all tables with an id"
            raise DataInvalid(Problem(must, todo="Put the rows into one table", file=name, row=row))
    rows = tuple(row for *_, found in chosen for row in found if any(row[1]))
    return RawTable(name, header_row, header, rows)


def _split_markdown(line: str) -> tuple[str, ...]:
    parts = re.split(r"(?<!\\)\|", line.strip().strip("|") if not line.strip().endswith("\\|") else line.strip()[1:])
    return tuple(part.strip().replace("\\|", "|").replace("<br>", "\n") for part in parts)


def to_markdown_row(cells: Sequence[str]) -> str:
    """Return texts as a line of a Markdown table."""
    plain = (cell.replace("|", "\\|").replace("\r\n", "\n").replace("\n", "<br>") for cell in cells)
    return "| " + " | ".join(plain) + " |"
