"""Read a comma-separated file, or standard input, as numbered records; knows no column."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path

from pvdopt.errors import DataInvalid, Problem

STANDARD_INPUT = "-"
_SAVE_AS = "Save the file as 'CSV UTF-8 (comma delimited)'"


def read_records(source: str | Path) -> tuple[str, list[tuple[int, list[str]]]]:
    """Return a name for messages, and the records with their numbers, counted as a spreadsheet does.

    Parameters
    ----------
    source : str or Path
        A file's path, or ``-`` for standard input.

    Raises
    ------
    DataInvalid
        If it cannot be opened, is empty or is no comma-separated text.
    """
    if source == STANDARD_INPUT:
        name, data = "standard input", sys.stdin.buffer.read()
    else:
        name = Path(source).name
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            must = f"cannot be read ({error.strerror or error})"
            raise DataInvalid(Problem(must, todo="Check name and folder", file=str(source))) from error
    text = _decode(data, name)
    records: list[tuple[int, list[str]]] = []
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            records.append((number, cells))
    except csv.Error as error:
        must = f"must be comma-separated with paired quotation marks ({error})"
        raise DataInvalid(Problem(must, file=name, row=len(records) + 1)) from error
    if not any(cell.strip() for _, cells in records for cell in cells):
        raise DataInvalid(Problem("is empty", todo="Write a header and one row a cell", file=name))
    if len(records[0][1]) == 1 and re.search(r"[;\t]", records[0][1][0]):
        must = "columns must be separated by commas, got semicolons or tabs"
        raise DataInvalid(Problem(must, todo=_SAVE_AS, file=name, row=1))
    return name, records


def _decode(data: bytes, name: str) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise DataInvalid(Problem("must be a CSV file, got a spreadsheet or archive", todo=_SAVE_AS, file=name))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise DataInvalid(Problem("must be UTF-8 text", todo=_SAVE_AS, file=name, row=row)) from error
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise DataInvalid(Problem("must be text, got a NUL byte", todo=_SAVE_AS, file=name, row=row))
    return text
