"""What commands print: tables for people, JSON and CSV for programs, messages and progress beside them.

Data go to stdout, everything else to stderr. Knows how things look and nothing of what they mean.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pvdopt.errors import Problem, UsageError
from pvdopt.wording import NOTHING as NOTHING
from pvdopt.wording import as_typed as as_typed
from pvdopt.wording import count as count
from pvdopt.wording import is_nothing as is_nothing
from pvdopt.wording import show as show
from pvdopt.wording import show_interval as show_interval
from pvdopt.wording import show_measured as show_measured

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, RenderableType

Form = Literal["table", "json", "csv"]
Progress = Callable[[int, int, str], None]

#: Lines are no longer than this, however wide the terminal; a line that is too long is hard to read back.
WIDTH = 100
#: A column that may be broken stays this wide.
LEAST_WIDTH = 18


def choose_form(as_json: bool, as_csv: bool = False) -> Form:
    """Return what ``--json`` and ``--csv`` ask for.

    Raises
    ------
    UsageError
        If both are given.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.")
    return "json" if as_json else "csv" if as_csv else "table"


def to_plain(value: Any) -> Any:
    """Return a value as JSON knows it: dataclasses as objects, frames as lists of rows, what is missing as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return to_plain(to_rows(value))
    if isinstance(value, Mapping):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(part) for part in value]
    if isinstance(value, Path):
        return str(value)
    # numpy's numbers know what they are in plain Python; asking them spares the import.
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_rows(frame: pd.DataFrame, index: str | None = None) -> list[dict[str, Any]]:
    """Return a frame as a list of rows, the index under the given name."""
    rows = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
    return rows if index is None else [{index: key, **row} for key, row in zip(frame.index, rows, strict=True)]


# -- to stdout ---------------------------------------------------------------------------------------------------


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(to_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as CSV; what is not known or does not apply is empty, and no text is a formula to a spreadsheet."""
    from pvdopt.lab_tables.text_table import guard

    def plain(value: Any) -> Any:
        told = "" if is_nothing(value) else to_plain(value)
        return guard(told) if isinstance(told, str) else told

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([plain(row.get(name)) for name in columns])
    print(text.getvalue(), end="")


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | Mapping[str, str],
    form: Form = "table",
    title: str = "",
    wrap: Sequence[str] = (),
) -> None:
    """Print rows in the form asked for.

    Parameters
    ----------
    columns : sequence of str, or mapping of str to str
        Which values to print, in order; a mapping gives each a heading, which only the table shows.
    wrap : sequence of str
        Columns that may be broken where the terminal is narrow.
    """
    names = list(columns)
    if form == "json":
        print_json([{name: row.get(name) for name in names} for row in rows])
    elif form == "csv":
        print_csv(rows, names)
    else:
        headings = list(columns.values()) if isinstance(columns, Mapping) else names
        texts = [[show(row.get(name)) for name in names] for row in rows]
        print_table(headings, texts, title, wrap=[names.index(name) for name in wrap])


def print_frame(frame: pd.DataFrame, form: Form = "table", index: str | None = None) -> None:
    """Print a frame in the form asked for, its index first if it has no column of the given name."""
    name = None if index in frame.columns else index
    columns = [*([] if name is None else [name]), *map(str, frame.columns)]
    print_rows(to_rows(frame, name), columns, form)


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", *, wrap: Sequence[int] = (-1,)
) -> None:
    """Print a table of texts.

    Parameters
    ----------
    headings : sequence of str
        No header is printed if all are empty.
    wrap : sequence of int
        Columns that may be broken where the terminal is narrow; the last by default.
    """
    from rich.table import Table

    console = _console()
    widths = [max(len(text) for text in column) for column in zip(headings, *rows, strict=True)]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= console.width else 1
    breakable = {place % len(headings) for place in wrap}
    least = [min(width, LEAST_WIDTH) if place in breakable else width for place, width in enumerate(widths)]
    # Where even that does not fit, all are broken: nothing may be cut off.
    is_tight = sum(least) + gap * (len(least) - 1) > console.width
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=any(headings), header_style="bold")
    for place, heading in enumerate(headings):
        is_whole = place not in breakable and not is_tight
        least_width = least[place] if place in breakable and not is_tight else None
        table.add_column(heading, no_wrap=is_whole, min_width=least_width, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if title:
        _print(console, title)
    _print(console, table)


def print_across(headings: Sequence[str], rows: Sequence[Sequence[str]], n_labels: int = 1) -> None:
    """Print a table with an item a column, in as many parts as the width needs.

    Parameters
    ----------
    n_labels : int
        How many columns on the left say what a row is; every part repeats them.
    """
    widths = [max(map(len, column)) + 2 for column in zip(headings, *rows, strict=True)]
    room = _console().width - sum(widths[:n_labels]) + 2
    parts: list[list[int]] = [[]]
    for place in range(n_labels, len(headings)):
        if parts[-1] and sum(widths[p] for p in [*parts[-1], place]) > room:
            parts.append([])
        parts[-1].append(place)
    for number, part in enumerate(parts):
        if number:
            print()
        places = [*range(n_labels), *part]
        print_table([headings[p] for p in places], [[row[p] for p in places] for row in rows])


def print_line(text: str = "", style: str | None = None) -> None:
    """Print a line, wrapped to the width of tables."""
    from rich.text import Text

    _print(_console(), Text(text, style=style or ""))


def print_items(items: Iterable[tuple[str, str]], indent: int = 2, style: str | None = None) -> None:
    """Print labelled texts, each text's further lines under its first."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", style=style)
    for label, text in items:
        grid.add_row(label, text)
    _print(_console(), Padding(grid, (0, 0, 0, indent)))


def print_problems(problems: Iterable[Problem]) -> None:
    """Print each problem on a line of its own; a line is not wrapped, so that programs can read it."""
    for problem in problems:
        print(problem.sentence())


def _console() -> Console:
    from rich.console import Console

    # Texts of a lab hold brackets that are no markup, and numbers that need no colour.
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if console.legacy_windows:
        console = Console(file=sys.stdout, color_system=None, highlight=False, markup=False, emoji=False)
    # A file or pipe has no width of its own, for which rich would take 80 columns.
    has_width = console.is_terminal or os.environ.get("COLUMNS", "").isdigit()
    console.width = min(console.width, WIDTH) if has_width else WIDTH
    return console


def _print(console: Console, what: RenderableType) -> None:
    """Print what rich makes of something, without the blanks that it fills lines with."""
    with console.capture() as captured:
        console.print(what)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


# -- to stderr ---------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a message to the person at the terminal."""
    print(text, file=sys.stderr)


def say_notes(notes: Iterable[str]) -> None:
    """Print remarks of the library, a long one on several lines."""
    for note in notes:
        say_wrapped(f"note: {note}")


def say_wrapped(text: str) -> None:
    """Print a message on as many lines as it needs; words stay whole, so that a path or a unit can be copied."""
    say("\n  ".join(textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)))


def _show_nothing(done: int, total: int, what: str = "") -> None:
    """Take the place of a bar where nobody looks."""


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a function that shows how far a long command is: a bar on a terminal, nothing elsewhere.

    Begin it before anything else: reading a campaign and loading the models takes seconds on a busy machine.
    """
    if not sys.stderr.isatty():
        yield _show_nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(file=sys.stderr, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("getting ready", total=None)

        def report(done: int, total: int, what: str = "") -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield report
