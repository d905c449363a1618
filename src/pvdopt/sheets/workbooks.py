"""A run sheet as a spreadsheet: grey places are locked, light ones are to be filled in, with lists to choose from."""

from __future__ import annotations

import io
from typing import Any

from pvdopt.lab_tables.workbook import CELLS_SHEET
from pvdopt.sheets.layout import Sheet, SheetColumn, Value

#: Empty lines below the cells, for replicates and for cells of the lab's own.
SPARE_ROWS = 12
#: Row of the header; above it stand the title and how to fill the sheet in.
HEADER_ROW = 3
_ABOUT, _LISTS = "how to", "lists"
_FILL_IN = "Fill in the light places only."
_LOCKED, _INPUT, _HEAD = "E7E6E6", "FFFBE6", "D9E2F3"
_WIDTHS = {"id": 8, "remark": 30, "cause": 18}


def to_workbook(sheet: Sheet) -> bytes:
    """Return the sheet as the bytes of an .xlsx file."""
    from openpyxl import Workbook

    book = Workbook()
    cells = book.active
    cells.title = CELLS_SHEET
    _write_cells(cells, sheet)
    _write_about(book.create_sheet(_ABOUT), sheet)
    _write_choices(book, cells, sheet)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def put(cell: Any, value: Value) -> None:
    """Write a value; a text stays a text, whatever a spreadsheet program would make of it."""
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"
        cell.quotePrefix = value[:1] in "=+-@'" and value != ""


def _write_cells(cells: Any, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
    from openpyxl.utils import get_column_letter

    line = Side(style="thin", color="BFBFBF")
    border = Border(left=line, right=line, top=line, bottom=line)
    fills = {name: PatternFill("solid", fgColor=name) for name in (_LOCKED, _INPUT, _HEAD)}
    put(cells["A1"], sheet.title)
    cells["A1"].font = Font(bold=True, size=14)
    put(cells["A2"], f"{_FILL_IN} {sheet.instructions[0]} More on the sheet '{_ABOUT}'.")
    for place, column in enumerate(sheet.columns, start=1):
        head = cells.cell(HEADER_ROW, place)
        put(head, column.head)
        head.font, head.fill, head.border = Font(bold=True), fills[_HEAD], border
        head.alignment = Alignment(wrap_text=True, vertical="top")
        name = column.head.split(" [")[0]
        cells.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(name, 14)
        for number in range(len(sheet.rows) + SPARE_ROWS):
            cell = cells.cell(HEADER_ROW + 1 + number, place)
            is_spare = number >= len(sheet.rows)
            if not is_spare:
                put(cell, sheet.rows[number][place - 1])
            is_free = column.is_input or (is_spare and column.kind == "id")
            cell.fill, cell.border = fills[_INPUT if is_free else _LOCKED], border
            cell.protection = Protection(locked=not is_free)
            cell.number_format = _number_format(column)
    cells.row_dimensions[HEADER_ROW].height = 48
    cells.freeze_panes = cells.cell(HEADER_ROW + 1, 2)
    # Without a password: the lock is against slips, not against the laboratory.
    cells.protection.sheet = True
    cells.protection.formatColumns = cells.protection.formatRows = cells.protection.formatCells = False
    cells.page_setup.orientation = "landscape"
    cells.page_setup.fitToHeight = 0
    cells.sheet_properties.pageSetUpPr.fitToPage = True
    cells.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"


def _number_format(column: SheetColumn) -> str:
    if column.kind == "date":
        return "yyyy-mm-dd"
    if column.kind == "planned" and column.decimals is not None:
        return "0" if column.decimals == 0 else "0." + "0" * column.decimals
    # What is typed into a text column stays as it is typed: sample 1-2 is no day in January.
    return "@" if column.kind == "text" else "General"


def _write_about(about: Any, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Font

    told = (_FILL_IN, *sheet.instructions)
    lines: list[tuple[str, str]] = [(sheet.title, ""), *((text, "") for text in told), ("", "")]
    for group in sheet.groups:
        if group.cells:
            lines.append((group.label or "All cells", ", ".join(group.cells)))
            lines += [(f"  {name}", text) for name, text in group.settings]
    if sheet.fixed:
        lines += [("", ""), ("The same in all", ""), *((f"  {name}", text) for name, text in sheet.fixed)]
    lines += [("", ""), ("Columns to fill in", "")]
    lines += [(f"  {c.head}", c.hint + _listed(c)) for c in sheet.columns if c.is_input]
    for number, (name, text) in enumerate(lines, start=1):
        put(about.cell(number, 1), name)
        put(about.cell(number, 2), text)
        about.cell(number, 2).alignment = Alignment(wrap_text=True, vertical="top")
    about["A1"].font = Font(bold=True, size=14)
    about.column_dimensions["A"].width = 34
    about.column_dimensions["B"].width = 80
    about.protection.sheet = True


def _listed(column: SheetColumn) -> str:
    return f"; one of {', '.join(column.choices)}" if column.choices else ""


def _write_choices(book: Any, cells: Any, sheet: Sheet) -> None:
    """Give columns with fixed words their lists, which stand on a sheet of their own: in a cell 255 letters fit."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    lists = book.create_sheet(_LISTS)
    lists.sheet_state = "hidden"
    last = HEADER_ROW + len(sheet.rows) + SPARE_ROWS
    n_lists = 0
    for place, column in enumerate(sheet.columns, start=1):
        if not column.is_input:
            continue
        rule = DataValidation(allow_blank=True, promptTitle=column.head[:32], prompt=column.hint[:255] or None)
        if column.choices:
            n_lists += 1
            letter = get_column_letter(n_lists)
            for number, word in enumerate(column.choices, start=1):
                put(lists.cell(number, n_lists), word)
            rule.type = "list"
            rule.formula1 = f"{_LISTS}!${letter}$1:${letter}${len(column.choices)}"
            rule.errorTitle, rule.error = "Not on the list", "Choose one of the words listed."
            rule.showErrorMessage = True
        rule.showInputMessage = True
        letter = get_column_letter(place)
        rule.add(f"{letter}{HEADER_ROW + 1}:{letter}{last}")
        cells.add_data_validation(rule)
