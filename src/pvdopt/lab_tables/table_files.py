"""Open a table whatever form it was saved in; the content says which, not the name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pvdopt.errors import DataInvalid, Problem, what_the_system_says
from pvdopt.input_files import read_file, read_standard_input
from pvdopt.lab_tables.text_table import RawTable, read_text_table
from pvdopt.lab_tables.workbook import read_workbook

STANDARD_INPUT = "-"


def read_raw(source: str | Path, heads: Collection[str] = ()) -> RawTable:
    """Return the table in a file or from standard input.

    Parameters
    ----------
    source : str or Path
        A file's path, or ``-`` for standard input.
    heads : collection of str
        Headings to know the header of a spreadsheet by, where it is another laboratory's.

    Raises
    ------
    DataInvalid
        If it cannot be opened, is empty or is no table.
    """
    if source == STANDARD_INPUT:
        name, data = "standard input", read_standard_input()
    else:
        name = Path(source).name
        try:
            data = read_file(source)
        except OSError as error:
            must = f"cannot be read ({what_the_system_says(error)})"
            raise DataInvalid(Problem(must, todo="Check name and folder", file=str(source))) from error
    if data.startswith(b"PK\x03\x04"):
        return read_workbook(data, name, heads)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        must = "must be an .xlsx or .csv file, got an old or a protected spreadsheet"
        raise DataInvalid(Problem(must, todo="Save it as .xlsx without a password", file=name))
    return read_text_table(data, name)
