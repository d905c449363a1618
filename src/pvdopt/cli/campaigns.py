"""A campaign as a whole: begin one, see how it stands, take its data out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pvdopt.campaign.level_words import say_level
from pvdopt.cli import output
from pvdopt.cli.arguments import (
    AsCsv,
    AsJson,
    DryRun,
    Folder,
    Words,
    open_campaign,
    open_target,
    take_folder,
    unit_of,
)
from pvdopt.cli.proposals import print_recipes
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.campaign.standing_reports import BestCell, Budget, PendingCell, Status


#: What the words of `export` are.
EXPORT = "[FOLDER] INTO"
#: Characters of why a cell failed that are shown beside the latest results; `pvdopt history` has all.
MOST_OF_CAUSE = 120

#: Who evaluates in a study that runs by itself.
_MAKERS = {
    "command": "a program of yours (pvdopt study run)",
    "surrogate": "nobody: outcomes are what the model believes (pvdopt study run)",
    "virtual_lab": "nobody: outcomes are simulated (pvdopt study run)",
}


def status(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show what is pending and what came out.

    Also how the lab compares with what had been predicted for it.
    """
    with open_campaign(folder) as campaign:
        found = campaign.status()
    if as_json:
        output.print_json(found)
    else:
        _print_status(found)
    output.say_notes(found.notes)


def best(
    target: Annotated[
        str | None,
        typer.Argument(metavar="FOLDER | FILE.toml", help="A campaign's folder, or a campaign file."),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the best cells so far.

    As measured, as the model believes once noise is taken out, and why the two differ; and what it believes to be the
    best of all that may be made.
    """
    form = output.choose_form(as_json, as_csv)
    with open_target(target) as campaign:
        found = campaign.best()
    if form == "json":
        output.print_json(found)
    elif form == "csv":
        kinds = {"measured": found.measured, "believed": found.believed, "reachable": found.reachable}
        cells = [(by, c) for by, listed in kinds.items() for c in listed]
        rows = [{**output.to_plain(c), **c.recipe, "by": by} for by, c in cells]
        names = list(dict.fromkeys(name for _, c in cells for name in c.recipe))
        output.print_csv(rows, ["by", "outcome", "id", "value", "qualifier", "low", "high", "unit", *names])
    else:
        _print_best("measured", found.measured)
        _print_best("believed", found.believed)
        _print_best("believed of all that may be made", found.reachable)
        if found.why:
            output.print_line("\nWhy they differ", style="bold")
            output.print_items([("", text) for text in found.why], indent=1)
    output.say_notes(found.notes)


def pareto(
    folder: Folder = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="Compare measured values; by default what the model believes of them.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the recipes made that none is believed to beat in all."""
    form = output.choose_form(as_json, as_csv)
    with open_campaign(folder) as campaign:
        frame = campaign.pareto(believed=not measured)
        if form == "table":
            print_recipes(campaign, frame)
        else:
            output.print_frame(frame, form, index="id")
    if not len(frame):
        output.say("No cell has all outcomes yet.")


def export(
    words: Words,
    optuna: Annotated[
        str | None,
        typer.Option(
            "--optuna",
            metavar="FILE | URL",
            help="Write a study for optuna-dashboard instead, into an SQLite file or a database.",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write everything as CSV and JSON, for others.

    A data package with all facts and a data dictionary. INTO is the folder to write into. From it the campaign can be
    begun again: pvdopt init NAME --from-export INTO
    """
    if optuna is not None:
        _export_study(words, optuna, dry_run)
        return
    folder, (into,) = take_folder(words, 1, EXPORT)
    if into == "-" or "://" in into:
        todo = "A database takes the campaign as a study: --optuna URL." if into != "-" else "Name one."
        raise UsageError(f"An export is several files; they go into a folder. {todo}")
    with open_campaign(folder) as campaign:
        if dry_run:
            n_facts = campaign.status().n_facts
            output.say(f"{campaign.name} would be written into {into}, {output.count(n_facts, 'fact')}")
            return
        for path in campaign.export(Path(into)):
            print(path.as_posix())
        output.say(
            f"To begin it again elsewhere:  pvdopt init {campaign.name} --from-export {output.as_typed(Path(into))}"
        )


def _export_study(words: Sequence[str], target: str, dry_run: bool) -> None:
    from pvdopt.optuna_export import write_study

    if len(words) > 1:
        raise UsageError("Expected here: [FOLDER] --optuna FILE | URL")
    with open_campaign(words[0] if words else None) as campaign:
        if dry_run:
            n_cells = sum(campaign.status().counts.values())
            output.say(f"A study {campaign.name} with {output.count(n_cells, 'trial')} would be written.")
            return
        written = write_study(campaign, target)
    print(written.url)
    states = ", ".join(f"{n} {state.lower()}" for state, n in written.counts.items()) or "no trials yet"
    output.say(f"study {written.name}: {states}. See it with:  optuna-dashboard {written.url}")


def dashboard(
    folder: Folder = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; by default this machine alone can see it.")
    ] = "127.0.0.1",
) -> None:
    """Show the campaign in optuna-dashboard, in a browser.

    It shows a copy in memory: what is changed there is gone when it stops. Stop it with Ctrl-C.
    """
    from pvdopt.optuna_export import make_dashboard

    with open_campaign(folder) as campaign:
        server = make_dashboard(campaign, host, port)
    with server:
        print(f"http://{host}:{server.server_port}/", flush=True)
        output.say("Open this address in a browser. Ctrl-C stops it.")
        server.serve_forever()


def _print_status(found: Status) -> None:
    where = "" if found.folder is None else f" ({found.folder.as_posix()})"
    begun = "" if found.created is None else f", begun {_day(found.created)}"
    output.print_line(f"{found.name}{where}{begun}, {output.count(found.n_facts, 'fact')}", style="bold")
    errors = f" ({output.count(found.lab_errors, 'lab error')})" if found.lab_errors else ""
    words = (f"{n} {word}{errors if word == 'failed' else ''}" for word, n in found.counts.items() if n)
    cells = ", ".join(words) or "none yet"
    items = [("cells", cells)]
    if found.budget is not None:
        items.append(("budget", _budget_left(found.budget)))
    if found.hours_used is not None:
        items.append(("spent", f"{output.show(found.hours_used, digits=3)} h of runs and cells, as planned"))
    trained = "not retrained yet" if found.retrained is None else f"retrained {_moment(found.retrained)}"
    items.append(("model", f"{found.specification}, {trained}"))
    if found.evaluator is not None:
        kind, _, details = found.evaluator.partition(" ")
        items.append(("made by", f"{_MAKERS.get(kind, kind)}{details and f', {details}'}"))
    for level in found.lab:
        inside = f"{level.inside} of {level.n} inside their 80 % interval"
        ratio = output.show(level.median_ratio, digits=2)
        told = f"{level.outcome} came out at {ratio} x what had been predicted of its cells ({inside})"
        items.append(("forecast", told))
    for standing in found.standing:
        items.append(("this lab", f"{say_level(standing.outcome, vars(standing))}, as of {_day(standing.time)}"))
    if found.advice is not None:
        # Advice that results have overtaken may say what is no longer so.
        since = output.count(found.advice_lag, "result")
        before = f"before the last {since}; `pvdopt suggest` looks again: " if found.advice_lag else ""
        items.append(("advice", before + found.advice))
    output.print_items(items, indent=0)
    if found.pending:
        output.print_line("\nWaiting", style="bold")
        rows = [
            [cell.id, cell.status, _since(cell.since), _waits_for(cell), _recipe(cell.settings)]
            for cell in found.pending
        ]
        output.print_table(["cell", "status", "since", "waits for", "recipe"], rows, wrap=(3, 4))
    if found.results:
        output.print_line("\nLatest results", style="bold")
        output.print_table(["cell", "status", "when", "outcomes"], [_result_row(cell) for cell in found.results])


def _budget_left(budget: Budget) -> str:
    parts = [] if budget.cells is None else [f"{budget.left} of {budget.cells} cells left"]
    if budget.hours is not None:
        left = max(budget.hours - (budget.hours_used or 0.0), 0.0)
        parts.append(f"{output.show(left, digits=3)} of {output.show(budget.hours, digits=3)} h left")
    return ", ".join(parts)


def _result_row(cell: Any) -> list[str]:
    values = [f"{name} {output.show_measured(o.value, o.qualifier)}" for name, o in cell.outcomes.items()]
    word = cell.outcome_class if cell.outcome_class not in (None, "ok") else cell.status
    told = cell.cause or ""
    if len(told) > MOST_OF_CAUSE:
        # Its end says what went wrong: a program's last words.
        told = f"... {told[-MOST_OF_CAUSE:].partition(' ')[2]}"
    none = f"none: {told}" if told else "none"
    return [cell.id, word, _day(cell.time), ", ".join(values) or none]


def _print_best(by: str, cells: Sequence[BestCell]) -> None:
    if not cells:
        return
    output.print_line(f"\nBest {by}", style="bold")
    rows = []
    for cell in cells:
        span = "" if cell.low is None else f" ({output.show_interval(cell.low, cell.high)})"
        digits = 4 if cell.low is None else 3
        unit = "" if cell.unit in ("", "1") else f" {cell.unit}"
        value = f"{output.show_measured(cell.value, cell.qualifier, digits=digits)}{span}{unit}"
        rows.append([cell.outcome, value, cell.id, _recipe(cell.recipe)])
    output.print_table(["", "", "cell", "recipe"], rows)


def _waits_for(cell: PendingCell) -> str:
    so_far = "" if cell.cycles is None else f" ({cell.cycles:g} cycles so far)"
    return ", ".join(f"{name}{so_far}" if name == "retention" else name for name in cell.waits_for)


def _recipe(settings: Mapping[str, Any]) -> str:
    """Return a recipe in as few words as say it."""
    words = []
    for name, value in settings.items():
        unit = unit_of(name)
        if not output.is_nothing(value):
            # A unit tells which setting is meant; a bare number needs its name.
            words.append(output.show(value, unit) if unit or isinstance(value, str) else f"{name} {output.show(value)}")
    return ", ".join(words)


def _since(time: str) -> str:
    """Return the day of a moment, and how many days ago that was."""
    days = (datetime.now().astimezone().date() - datetime.fromisoformat(time).astimezone().date()).days
    return f"{_day(time)}, {output.count(days, 'day')}" if days > 0 else _day(time)


def _day(time: str) -> str:
    return _moment(time)[:10]


def _moment(time: str) -> str:
    """Return a moment of the ledger in the reader's own time zone, to the minute."""
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")
