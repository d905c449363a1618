"""Write a run sheet into a file: whole or not at all, and never over another one, which may be filled in."""

from __future__ import annotations

from pathlib import Path

from pvdopt.errors import DataInvalid, Problem, PvdoptError, UsageError, what_the_system_says
from pvdopt.output_files import written_aside
from pvdopt.sheets.layout import Sheet
from pvdopt.sheets.texts import to_csv, to_markdown
from pvdopt.sheets.workbooks import to_workbook

#: Endings of the files a sheet can be written to.
FORMS = (".xlsx", ".csv", ".md")


def require_free(path: str | Path) -> Path:
    """Return where a sheet is to be written, after making sure that it can be, before anything is proposed.

    Raises
    ------
    UsageError
        If the ending says no form that is known.
    DataInvalid
        If something is there already, or the folder is missing.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMS:
        raise UsageError(f"{path}: a run sheet's file ends with {', '.join(FORMS)}.")
    if path.exists():
        todo = "Name another file; if this one is filled in, record it first"
        raise DataInvalid(Problem("is there already", todo=todo, file=str(path)))
    if not path.absolute().parent.is_dir():
        raise DataInvalid(Problem("there is no such folder", todo="Make it first", file=str(path.parent)))
    return path


def write_sheet(sheet: Sheet, path: str | Path) -> Path:
    """Write a sheet; the ending says as what.

    Raises
    ------
    UsageError, DataInvalid
        As :func:`require_free`.
    PvdoptError
        If the system refuses.
    """
    path = require_free(path)
    form = path.suffix.lower()
    if form == ".xlsx":
        data = to_workbook(sheet)
    else:
        text = to_csv(sheet) if form == ".csv" else to_markdown(sheet)
        # A spreadsheet program takes a file for UTF-8 only with this mark.
        data = text.encode("utf-8-sig" if form == ".csv" else "utf-8")
    try:
        with written_aside(path) as aside:
            aside.write_bytes(data)
    except OSError as error:
        raise PvdoptError(f"{path} cannot be written ({what_the_system_says(error)}).") from error
    return path
