"""What a lab tells a campaign: results, failures, corrections, its own cells and its vetoes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import (
    AcceptGoodRows,
    AsCsv,
    AsJson,
    Confirm,
    DryRun,
    Why,
    Words,
    open_campaign,
    split_words,
    take_folder,
)
from pvdopt.cli.proposals import how_to_record, print_forecast
from pvdopt.cli.recorded import NOTHING_WRITTEN, print_report
from pvdopt.errors import UsageError

#: Ids as the ledger gives them.
_CELL_ID = re.compile(r"[PpCc]\d+")
#: What the words of each command are.
RECORD = "[FOLDER] FILE | - | ID [NAME=VALUE ...]"
CHANGE = "[FOLDER] ID NAME=VALUE ..."
ADD = "[FOLDER] NAME=VALUE ..."
CELL = "[FOLDER] ID"
RUN = "[FOLDER] RUN"
HISTORY = "[FOLDER] [ID]"

OptionalWords = Annotated[list[str] | None, typer.Argument(hidden=True, show_default=False)]


def record(
    words: Words,
    series: Annotated[
        Path | None,
        typer.Option(
            "--series",
            metavar="FILE",
            help="A cell's capacity against cycle: a table with columns cycle and capacity, or a tester's record in "
            "the Battery Data Format. Give the area with it where charges are not per area: P001 area_cm2=0.5",
        ),
    ] = None,
    confirm: Confirm = False,
    accept_good_rows: AcceptGoodRows = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record what was made and measured.

    FILE is a filled run sheet or another table with a row a cell (.xlsx, .csv, .md), - the same from standard input.
    All rows are recorded or, if one cannot stand, none. What is not known yet is left out and comes later; a retention
    can be read again after more cycles.

    One cell's values can stand in the command: settings as executed, outcomes and labels, such as pvdopt record P001
    capacity=57.2 "retention=>0.9" "thickness_um=480 nm" run=R12

    Values may carry units (58.2 uAh/cm2/um, 120 mAh/g, 26 uAh, 93 %, 0.5C), an uncertainty (58.2 +- 1.5) or a sign
    (>= 92 %, ~50). A charge needs area_cm2 and thickness_um as made; what was used is said.
    """
    plain, values = split_words(words)
    folder, (what,) = take_folder(plain, 1, RECORD)
    with open_campaign(folder) as campaign:
        if series is not None:
            report = campaign.record_series(what, series, values, confirm=confirm, dry_run=dry_run)
        else:
            results: Any = {"id": what, **values} if values else what if what == "-" else Path(what)
            report = campaign.record(results, confirm=confirm, accept_good_rows=accept_good_rows, dry_run=dry_run)
    print_report(report, folder, as_json)


def add(
    words: Words,
    remark: Annotated[str | None, typer.Option(help="Why this cell.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add a cell of the lab's own, and predict it.

    The prediction is kept: once the cell is measured it says how well it was foreseen, as for a proposal.
    """
    plain, recipe = split_words(words)
    if not recipe:
        raise UsageError(f"Expected here: {ADD}")
    folder, _ = take_folder(plain, 0, ADD)
    with open_campaign(folder) as campaign:
        forecast = campaign.add_predicted(recipe, remark, dry_run=dry_run)
        print_forecast(campaign, forecast, output.choose_form(as_json))
        if dry_run:
            output.say(NOTHING_WRITTEN)
        else:
            output.say(f"Next: make it, then  {how_to_record(campaign, forecast.frame['id'].iloc[0])}")


def history(
    words: OptionalWords = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what was said of a cell, or of all.

    Who said it and when, and what a correction or a later reading replaced.
    """
    given = list(words or [])
    cell = given.pop() if given and _CELL_ID.fullmatch(given[-1]) else None
    folder, _ = take_folder(given, 0, HISTORY)
    with open_campaign(folder) as campaign:
        lines = campaign.history(cell)
    form = output.choose_form(as_json, as_csv)
    rows = [
        {**vars(line), "time": line.time if form != "table" else line.time[:16].replace("T", " ")} for line in lines
    ]
    columns = ["time", "author", "cell", "what", "why"]
    output.print_rows(rows, columns, form, wrap=["what", "why"])


def veto(
    words: Words,
    why: Why = "",
    dry_run: DryRun = False,
) -> None:
    """Drop a proposal that will not be made."""
    folder, (id_,) = take_folder(words, 1, CELL)
    with open_campaign(folder, dry_run=dry_run) as campaign:
        _print_news(campaign.veto(id_, why), f"{id_} is vetoed", dry_run)


def edit(
    words: Words,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Change a cell that was not made yet, and predict it anew."""
    folder, id_, changes = _read_changes(words, CHANGE)
    with open_campaign(folder) as campaign:
        forecast = campaign.edit(id_, changes, dry_run=dry_run)
        print_forecast(campaign, forecast, output.choose_form(as_json))
    if dry_run:
        output.say(NOTHING_WRITTEN)


def fail(
    words: Words,
    outcome_class: Annotated[
        str,
        typer.Option(
            "--class", metavar="CLASS", help="shorted, delaminated, cracked, not_made or lab_error.", show_default=False
        ),
    ],
    stage: Annotated[str | None, typer.Option(help="Where it failed, e.g. anneal.")] = None,
    cause: Annotated[str | None, typer.Option(help="Why it failed, if known.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Record that a cell gave no usable figures."""
    folder, (id_,) = take_folder(words, 1, CELL)
    with open_campaign(folder, dry_run=dry_run) as campaign:
        _print_news(campaign.fail(id_, outcome_class, stage, cause), f"{id_} is {outcome_class}", dry_run)


def correct(
    words: Words,
    why: Why = "",
    confirm: Confirm = False,
    dry_run: DryRun = False,
) -> None:
    """Replace recorded values; the old ones stay on record.

    An outcome without a value, such as capacity= , is withdrawn.
    """
    folder, id_, changes = _read_changes(words, CHANGE)
    with open_campaign(folder, dry_run=dry_run) as campaign:
        n_changed = campaign.correct(id_, changes, why, confirm=confirm, say=output.say)
    output.print_line(f"{id_}: {output.count(n_changed, 'value')} changed")
    if dry_run:
        output.say(NOTHING_WRITTEN)


def discard_run(
    words: Words,
    why: Why,
    dry_run: DryRun = False,
) -> None:
    """Let no cell of a run count, say after a leak."""
    folder, (run,) = take_folder(words, 1, RUN)
    with open_campaign(folder, dry_run=dry_run) as campaign:
        is_news = campaign.discard_run(run, why)
        cells = ", ".join(campaign.cells_of_run(run))
        _print_news(is_news, f"run {run} counts no more: {cells}", dry_run)


def _read_changes(words: Sequence[str], usage: str) -> tuple[Path, str, Mapping[str, str]]:
    plain, changes = split_words(words)
    if not changes:
        raise UsageError(f"Expected here: {usage}")
    folder, (id_,) = take_folder(plain, 1, usage)
    return folder, id_, changes


def _print_news(is_news: bool, what: str, dry_run: bool) -> None:
    output.print_line(what if is_news else f"{what}, as was known; nothing was written")
    if dry_run:
        output.say(NOTHING_WRITTEN)
