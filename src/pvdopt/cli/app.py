"""All commands in one place: which there are, and what they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pvdopt.cli import (
    backtest,
    begin,
    campaigns,
    cells,
    config,
    doctor,
    evaluation,
    explanations,
    ledger,
    models,
    proposals,
    report,
    results,
    sheets,
    study,
)
from pvdopt.cli.arguments import with_usage

_VERBOSE = "--verbose"


class _Commands(TyperGroup):
    """All commands, with an option of them all that may stand before or after any."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put --verbose first, wherever it stands, unless it stands behind a -- and is a word like any other."""
        end = args.index("--") if "--" in args else len(args)
        if _VERBOSE in args[:end]:
            args = [_VERBOSE, *(word for word in args[:end] if word != _VERBOSE), *args[end:]]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="pvdopt",
    cls=_Commands,
    help="Propose the next deposition recipes for thin-film battery cathodes, from reported cells and your own.",
    no_args_is_help=True,
    # Plain help appears in half the time.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib import metadata

        print(metadata.version("pvdopt"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            _VERBOSE,
            help="Log what is done and why, with times (PVDOPT_LOG=FILE: into a file); may stand after a command too.",
        ),
    ] = False,
) -> None:
    """Take the options of all commands; --verbose is looked at where a log begins and where a fault is reported."""


#: Every command that stands by itself, in the order of a lab's work; those that sort their words with a usage.
_COMMANDS: dict[str, tuple[Callable[..., None], str | None]] = {
    "init": (begin.init, None),
    "suggest": (proposals.suggest, None),
    "sheet": (sheets.sheet, sheets.SHEET),
    "record": (results.record, results.RECORD),
    "retrain": (models.retrain, None),
    "status": (campaigns.status, None),
    "fail": (results.fail, results.CELL),
    "correct": (results.correct, results.CHANGE),
    "history": (results.history, results.HISTORY),
    "discard-run": (results.discard_run, results.RUN),
    "add": (results.add, results.ADD),
    "edit": (results.edit, results.CHANGE),
    "veto": (results.veto, results.CELL),
    "predict": (proposals.predict, proposals.PREDICT),
    "explain": (explanations.explain, explanations.EXPLAIN),
    "evaluate": (evaluation.evaluate, None),
    "best": (campaigns.best, None),
    "pareto": (campaigns.pareto, None),
    "report": (report.report, None),
    "export": (campaigns.export, campaigns.EXPORT),
    "dashboard": (campaigns.dashboard, None),
    "backtest": (backtest.backtest, None),
    "doctor": (doctor.doctor, None),
}
_GROUPS = {
    "study": (study.group, "Run an optimisation study by itself."),
    "cells": (cells.group, "Tables of cells: list, show, check, import."),
    "config": (config.group, "Campaign files: check, names, schema."),
    "ledger": (ledger.group, "The record of a campaign: check, backup, restore."),
}

for _name, (_command, _usage) in _COMMANDS.items():
    app.command(_name, cls=with_usage(_usage) if _usage else None)(_command)
for _name, (_group, _help) in _GROUPS.items():
    app.add_typer(_group, name=_name, help=_help)
