"""A run sheet as text: CSV, which every program reads, and Markdown, which prints. Either can be filled in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pvdopt.lab_tables.recording import PLANNED
from pvdopt.lab_tables.text_table import guard, to_markdown_row
from pvdopt.sheets.layout import Sheet, Value


def to_csv(sheet: Sheet) -> str:
    """Return the sheet as comma-separated text; no text in it is a formula to a spreadsheet program."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.head for column in sheet.columns])
    writer.writerows([[_guarded(value) for value in row] for row in sheet.rows])
    return text.getvalue()


def _guarded(value: Value) -> str:
    return guard(value) if isinstance(value, str) else show_number(value)


def show_number(value: Value) -> str:
    """Return a value as text: a number with the digits it has, nothing for nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.12g}"


def to_markdown(sheet: Sheet) -> str:
    """Return the sheet for printing: what to set run by run, then a table to fill in."""
    return "\n".join(_lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    yield f"# {sheet.title}"
    yield ""
    yield "- Fill in the empty places of the last table only."
    yield from (f"- {text}" for text in sheet.instructions)
    if sheet.fixed:
        yield ""
        yield "The same in all: " + ", ".join(f"{name} {text}" for name, text in sheet.fixed) + "."
    yield ""
    yield "## What to make"
    yield ""
    yield from _plan_lines(sheet)
    yield ""
    yield "## What was made and measured"
    yield ""
    places = [k for k, column in enumerate(sheet.columns) if column.kind == "id" or column.is_input]
    yield to_markdown_row([sheet.columns[k].head for k in places])
    yield to_markdown_row(["---"] * len(places))
    for row in sheet.rows:
        yield to_markdown_row([show_number(row[k]) for k in places])


def _plan_lines(sheet: Sheet) -> Iterator[str]:
    """Yield what is set for all cells of a run, and then a line for each setting of the cells."""
    runs = [group for group in sheet.groups if group.label]
    for group in sheet.groups:
        settings = ", ".join(f"{name} {text}" for name, text in group.settings) or "nothing in common"
        yield f"- {group.label}: {settings}; {', '.join(group.cells)}" if group.label else f"Set once: {settings}."
    yield ""
    # What is set once for all is not repeated for each; a run's settings are, since cells go through several.
    common = set() if runs else {name for name, _ in sheet.groups[0].settings}
    yield to_markdown_row(["planned", *sheet.ids])
    yield to_markdown_row(["---"] * (1 + len(sheet.rows)))
    for place, column in enumerate(sheet.columns):
        name = column.head.removeprefix(PLANNED)
        if column.kind == "planned" and name.split(" [")[0] not in common:
            yield to_markdown_row([name, *(show_number(row[place]) or "-" for row in sheet.rows)])
