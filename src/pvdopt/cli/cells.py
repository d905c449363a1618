"""``pvdopt cells``: look at reported cells, check a table of cells, and record a foreign one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import (
    AcceptGoodRows,
    AsCsv,
    AsJson,
    Confirm,
    DryRun,
    Words,
    open_campaign,
    split_words,
    take_folder,
    with_usage,
)
from pvdopt.cli.recorded import print_report
from pvdopt.errors import DataInvalid, Problem, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.cells import CellTable

group = typer.Typer(no_args_is_help=True)

#: What a list shows of a cell, with headings short enough for a narrow terminal.
_LISTED = {
    "id": "id",
    "cathode": "cathode",
    "electrolyte": "electrolyte",
    "thickness_um": "um",
    "anneal_temperature_c": "anneal",
    "bias_v": "bias",
    "capacity": "capacity",
    "retention": "kept",
    "cycles": "cycles",
}
_LEGEND = "anneal in C, bias in V, capacity in uAh/cm2/um, kept: retention after that many cycles"

File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="A table of cells (CSV) instead of the shipped one.")
]


@group.command("list")
def list_cells(
    cathode: Annotated[str | None, typer.Option(help="Only this cathode.")] = None,
    electrolyte: Annotated[str | None, typer.Option(help="Only this electrolyte.")] = None,
    method: Annotated[str | None, typer.Option(help="Only this deposition method.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this publication.")] = None,
    stating: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Only cells that state this, e.g. retention; repeatable.")
    ] = None,
    file: File = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List reported cells."""
    from pvdopt.columns import names

    form = output.choose_form(as_json, as_csv)
    frame = _read(file).accepted()
    wanted = {"cathode": cathode, "electrolyte": electrolyte, "method": method, "source": source}
    for name, value in wanted.items():
        if value is not None:
            frame = frame[frame[name] == _known_level(frame, name, value)]
    for name in stating or []:
        frame = frame[frame[_known_column(name)].notna()]
    rows = output.to_rows(frame, "id")
    if form == "table":
        output.print_rows(rows, _LISTED, wrap=["id", "electrolyte"])
        output.say(f"{output.count(len(rows), 'cell')}; {_LEGEND}")
    else:
        output.print_rows(rows, ["id", *(n for n in names() if n != "id")], form)


@group.command("show")
def show_cell(
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="The cell's id, see `pvdopt cells list`.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw capacity against voltage of all cells cycled 1000 times or more, as .html, .svg, .png or .pdf.",
        ),
    ] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a cell, or draw them all."""
    if (id_ is None) == (figure is None):
        raise UsageError("Name the id of a cell, or a file to draw into: pvdopt cells show ID | --figure FILE")
    table = _read(file)
    if figure is not None:
        _draw(table, figure)
        return
    cell = _cell_of(table, str(id_))
    if as_json:
        output.print_json({"id": id_, **cell})
        return
    from pvdopt.columns import vocabulary

    known = vocabulary()
    stated = [name for name in cell if name in known]
    rows = [[name, output.show(cell[name], known[name].unit)] for name in stated]
    output.print_table(["", ""], rows, title=str(id_))


@group.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A table of cells (CSV); the shipped one by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a table of cells.

    Looks at units, ranges, theory and contradictions; exit code 3 if anything is wrong. An error must be corrected. A
    doubt is unlikely and may yet be so; a note in the row settles it.
    """
    from pvdopt.cells.checks import check_cells, unexplained

    table = _read(file)
    found = check_cells(table.frame, table.source)
    problems = [*table.refused, *unexplained(found, table.frame)]
    n_errors = sum(problem.grade == "error" for problem in problems)
    if as_json:
        output.print_json({"file": table.source, "cells": len(table.frame), "problems": problems})
    else:
        output.print_problems(problems)
    n_noted = len(found) - len(problems) + len(table.refused)
    output.say(
        f"{table.source}: {output.count(len(table.frame), 'cell')} read, {output.count(n_errors, 'error')}, "
        f"{output.count(len(problems) - n_errors, 'doubt')}"
        + (f", {output.count(n_noted, 'more doubt')} settled by a note" if n_noted else "")
    )
    if n_errors:
        raise typer.Exit(DataInvalid.exit_code)


@group.command("import", cls=with_usage("[FOLDER] FILE"))
def import_cells(
    words: Words,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OWN=THEIRS:UNIT",
            help='Which column is which, e.g. --map "thickness_um=Film:nm" --map sample=Probe; numbers need a unit.',
        ),
    ] = None,
    meanings: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="COLUMN:THEIRS=OURS", help='What a word means, e.g. "electrolyte:LPO=Lipon".'),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="What holds for every row, e.g. --set electrolyte=Lipon."),
    ] = None,
    ignored: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="THEIRS", help="A column that is not read; repeatable.")
    ] = None,
    confirm: Confirm = False,
    accept_good_rows: AcceptGoodRows = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record a sheet with headings and units of your own.

    Its columns are mapped once; the campaign's folder keeps the mapping, and the next sheet with these headings needs
    none (pvdopt record reads it too). Numbers are converted, and nothing is guessed. A row is a cell of the campaign by
    its id, or else one of the lab's own with its whole recipe.
    """
    from pvdopt.lab_tables.column_mapping import make_mapping

    folder, (file,) = take_folder(words, 1, "[FOLDER] FILE")
    stray, held = split_words(constants or [])
    if stray:
        raise UsageError(f"--set {stray[0]}: must read NAME=VALUE, such as --set electrolyte=Lipon.")
    with open_campaign(folder) as campaign:
        mapping = None
        if maps or meanings or held or ignored:
            mapping = make_mapping(maps or [], meanings or [], held, ignored or [], campaign.fields)
        report = campaign.import_cells(
            file, mapping, confirm=confirm, accept_good_rows=accept_good_rows, dry_run=dry_run
        )
    print_report(report, folder, as_json)


def _read(file: Path | None) -> CellTable:
    from pvdopt.cells import read_cells, reported_cells

    return reported_cells() if file is None else read_cells(file)


def _cell_of(table: CellTable, id_: str) -> dict[str, Any]:
    """Return what a cell states, by column."""
    from pvdopt.wording import closest

    frame = table.accepted()
    if id_ not in frame.index:
        todo = closest(id_, frame.index) or "See `pvdopt cells list`"
        raise DataInvalid(Problem("there is no such cell", id_, todo, table.source))
    (cell,) = output.to_rows(frame.loc[[id_]])
    return {name: value for name, value in cell.items() if not output.is_nothing(value)}


def _known_column(name: str) -> str:
    from pvdopt.columns import vocabulary
    from pvdopt.wording import closest

    if name not in vocabulary() or name == "id":
        todo = closest(name, vocabulary()) or "See `pvdopt cells list --csv` for all of them"
        raise DataInvalid(Problem("is not a column of a table of cells", None, todo, column=name))
    return name


def _known_level(frame: pd.DataFrame, name: str, value: str) -> str:
    """Return the level a word means, whatever its case."""
    from pvdopt.wording import closest

    levels = sorted(set(frame[name].dropna()))
    for level in levels:
        if level.lower() == value.lower():
            return str(level)
    todo = closest(value, levels) or f"Stated are {', '.join(levels)}"
    raise DataInvalid(Problem("no cell has this", value, todo, column=name))


def _draw(table: CellTable, path: Path) -> None:
    from pvdopt.cells.figure import closing_figure, draw_closing_figure

    figure = closing_figure(table.accepted())
    draw_closing_figure(figure, path)
    output.say(f"{path}: {output.count(len(figure.placed), 'cell')} drawn, {len(figure.listed)} listed below")
