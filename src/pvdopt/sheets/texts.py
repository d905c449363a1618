"""A run sheet as text: CSV, which every program reads, and Markdown, which prints. Either can be filled in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pvdopt.sheets.layout import RunGroup, Sheet, Value
from pvdopt.text_table import guard, to_markdown_row


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
    yield from (f"- {text}" for text in sheet.instructions)
    if sheet.fixed:
        yield ""
        yield "The same in all: " + ", ".join(f"{name} {text}" for name, text in sheet.fixed) + "."
    for group in sheet.groups:
        yield ""
        yield from _group_lines(sheet, group)
    yield ""
    yield "## What was made and measured"
    yield ""
    places = [k for k, column in enumerate(sheet.columns) if column.kind == "id" or column.is_input]
    yield to_markdown_row([sheet.columns[k].head for k in places])
    yield to_markdown_row(["---"] * len(places))
    for row in sheet.rows:
        yield to_markdown_row([show_number(row[k]) for k in places])


def _group_lines(sheet: Sheet, group: RunGroup) -> Iterator[str]:
    """Yield a run: what is set for all of it, and then a line for each setting that differs."""
    yield f"## {group.label or 'What to make'}"
    yield ""
    if group.settings:
        yield "Set once: " + ", ".join(f"{name} {text}" for name, text in group.settings) + "."
        yield ""
    rows = [row for row in sheet.rows if row[0] in group.cells]
    common = {name for name, _ in group.settings}
    yield to_markdown_row(["planned", *group.cells])
    yield to_markdown_row(["---"] * (1 + len(group.cells)))
    for place, column in enumerate(sheet.columns):
        name = column.head.removeprefix("planned ")
        if column.kind == "planned" and name.split(" [")[0] not in common:
            yield to_markdown_row([name, *(show_number(row[place]) or "-" for row in rows)])
