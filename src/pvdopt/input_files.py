"""Read files that come from anywhere, no further than makes sense: what is too large is refused, not loaded.

Knows sizes and no forms. The limits are far above what a laboratory writes and far below what a small machine holds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from pvdopt.errors import DataInvalid, Problem

MB = 1_000_000
#: A table of results or cells, or a tester's record.
MAX_TABLE = 100 * MB
#: A campaign or machine file.
MAX_CONFIG = 1 * MB
#: The facts of an export; those of 100,000 cells take a quarter.
MAX_FACTS = 500 * MB
#: What an evaluator replies for one cell.
MAX_REPLY = 1 * MB
#: Rows of a table; a tester that looks every ten seconds fills them in half a year.
MAX_ROWS = 1_500_000
#: Columns of a table, and cells of a spreadsheet with the empty ones among them.
MAX_COLUMNS = 2_000
MAX_GRID = 2_000_000
#: A spreadsheet once it is unpacked; openpyxl takes some fifty times as much.
MAX_UNPACKED = 40 * MB


def read_file(path: str | Path, most: int = MAX_TABLE) -> bytes:
    """Return a file's content, which may have ``most`` bytes.

    Raises
    ------
    DataInvalid
        If it is larger; it is then not read to its end.
    OSError
        If it cannot be read.
    """
    with Path(path).open("rb") as file:
        return _read(file, most, Path(path).name)


def read_standard_input(most: int = MAX_TABLE) -> bytes:
    """Return what comes from standard input, see :func:`read_file`."""
    return _read(sys.stdin.buffer, most, "standard input")


def _read(file: BinaryIO, most: int, name: str) -> bytes:
    # A size that is asked for beforehand says nothing of pipes and devices.
    data = file.read(most + 1)
    if len(data) > most:
        must = f"must have at most {most / MB:g} MB"
        raise DataInvalid(Problem(must, todo="Leave out what is no result, or split it", file=name))
    return data


def refuse_rows(n: int, name: str) -> None:
    """Raise if a table has more rows than any.

    Raises
    ------
    DataInvalid
    """
    if n > MAX_ROWS:
        must = f"must have at most {MAX_ROWS} rows"
        raise DataInvalid(Problem(must, todo="Leave out what is no result, or split it", file=name))


def refuse_columns(n: int, name: str, row: int) -> None:
    """Raise if a row has more columns than any table.

    Raises
    ------
    DataInvalid
    """
    if n > MAX_COLUMNS:
        must = f"must have at most {MAX_COLUMNS} columns, got {n}"
        raise DataInvalid(Problem(must, todo="One column a setting or outcome, one row a cell", file=name, row=row))
