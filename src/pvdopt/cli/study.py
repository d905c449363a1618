"""``pvdopt study``: suggest, evaluate and record, over and over, without a hand on the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, Folder, open_campaign, split_words
from pvdopt.cli.proposals import print_recipes
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.closed_loop import Evaluator, LoopReport

group = typer.Typer(no_args_is_help=True)


@group.command("run")
def run(
    folder: Folder = None,
    budget: Annotated[
        int, typer.Option("--budget", min=1, help="Evaluations in all; a study that was broken off goes on to it.")
    ] = 20,
    batch: Annotated[int, typer.Option("-n", "--batch", min=1, help="Recipes proposed at a time.")] = 1,
    command: Annotated[
        str | None,
        typer.Option(
            "--command",
            metavar="'PROGRAM ...'",
            help="Evaluate with your own program, run once a cell.",
        ),
    ] = None,
    surrogate: Annotated[
        bool, typer.Option("--surrogate", help="Evaluate with what the trained model believes: a predicted front.")
    ] = False,
    virtual_lab: Annotated[
        bool, typer.Option("--virtual-lab", help="Evaluate with a simulated laboratory whose truth is known.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the virtual laboratory's noise.")] = 0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long a program may take for a cell.")] = 3600.0,
    fix: Annotated[
        list[str] | None, typer.Option("--fix", metavar="NAME=VALUE", help="Hold a setting; repeatable.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Run an optimisation study in a campaign of its own.

    Name who evaluates: --command, --surrogate or --virtual-lab. Prints the evaluated recipes that none beats. Each
    result is recorded at once, so that a study can be broken off (Ctrl-C) and run again.

    A program of yours reads {"id": "P001", "recipe": {"thickness_um": 0.8, ...}, "protocol": {"cycles": 100, ...}}
    on standard input, with null for a setting that does not apply, and writes {"capacity": 57.2, "retention": 0.93}
    or {"outcome_class": "cracked"} on standard output. Five failures in a row stop the study, with exit code 1.
    """
    form = output.choose_form(as_json, as_csv)
    if (command is not None) + surrogate + virtual_lab != 1:
        raise UsageError("Name one evaluator: --command 'PROGRAM ...', --surrogate or --virtual-lab.")
    stray, held = split_words(fix or [])
    if stray:
        raise UsageError(f"--fix {stray[0]}: must read NAME=VALUE.")
    from pvdopt.closed_loop import ClosedLoop, CommandEvaluator, SurrogateEvaluator, VirtualLabEvaluator

    with open_campaign(folder) as campaign:
        evaluator: Evaluator
        if command is not None:
            evaluator = CommandEvaluator(command, timeout)
        elif surrogate:
            evaluator = SurrogateEvaluator(campaign)
        else:
            evaluator = VirtualLabEvaluator(seed)
        try:
            with output.progress_bar() as progress:
                report = ClosedLoop(campaign, evaluator, budget, batch, held or None, progress).run()
        except KeyboardInterrupt:
            output.say("Broken off. What was evaluated is recorded; the same command goes on from there.")
            raise typer.Exit(130) from None
        if form == "json":
            output.print_json(report)
        elif form == "csv":
            output.print_frame(report.front, form, index="id")
        else:
            print_recipes(campaign, report.front)
    _say_how_it_ended(report)
    if report.stopped == "evaluator_fails":
        raise typer.Exit(1)


def _say_how_it_ended(report: LoopReport) -> None:
    resumed = f", {report.resumed} of them left over from before" if report.resumed else ""
    output.say(
        f"{output.count(report.evaluations, 'evaluation')} in all, {report.done_now} now{resumed}; "
        f"{output.count(report.failed, 'failed cell')}; {output.count(len(report.front), 'recipe')} on the front"
    )
    if report.stopped == "nothing_to_propose":
        output.say("Stopped before the budget was spent: there is nothing left to propose.")
    output.say_notes(report.notes)
