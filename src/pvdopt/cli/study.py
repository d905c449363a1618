"""``pvdopt study``: suggest, evaluate and record, over and over, without a hand on the keyboard."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, DryRun, Folder, SamplerName, open_campaign, split_words
from pvdopt.cli.proposals import print_recipes
from pvdopt.errors import DataInvalid, PvdoptError, UsageError
from pvdopt.wording import as_word

if TYPE_CHECKING:
    from pvdopt.campaign import Campaign
    from pvdopt.closed_loop import ClosedLoop, LoopReport
    from pvdopt.evaluators import Evaluator

group = typer.Typer(no_args_is_help=True)

#: Evaluations where nobody names an end.
N_EVALUATIONS = 20
#: Seconds after which a worker that gives no sign of life is taken to be gone: a busy ledger is no reason.
LEASE_S = 120.0
#: Seconds for which a result is tried to be recorded; that of the loop, which is imported when one runs.
PATIENCE_S = 600.0
#: Steps of the curve that are printed.
N_STEPS = 6
#: Failed cells that are named.
N_NAMED = 5


@group.command("run")
def run(
    folder: Folder = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="CELLS | HOURS",
            help="Evaluations in all (20 by default), or hours of runs and cells such as '40 h'; both by naming it "
            "twice. A study that was broken off goes on to it.",
        ),
    ] = None,
    until_advice: Annotated[
        bool, typer.Option("--until-advice", help="Stop before the budget is spent where the advice is to stop.")
    ] = False,
    batch: Annotated[int, typer.Option("-n", "--batch", min=1, help="Recipes proposed at a time.")] = 1,
    sampler: SamplerName = None,
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
    seed: Annotated[int, typer.Option(help="Of the virtual laboratory.")] = 0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long a program may take for a cell.")] = 3600.0,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="How often a program that failed is run again for the same cell.")
    ] = 0,
    fix: Annotated[
        list[str] | None, typer.Option("--fix", metavar="NAME=VALUE", help="Hold a setting; repeatable.")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Be one of several workers: start the same command once for each.")
    ] = False,
    lease: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="With --share: after how long without a sign of life from a worker another one takes up its cell; an "
            f"evaluation may take longer.  [default: {LEASE_S:g}]",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="For how long a result is tried to be recorded while the ledger cannot take it (a server that is "
            "down, a full disk).",
        ),
    ] = PATIENCE_S,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Run an optimisation study in a campaign of its own.

    Name who evaluates: --command, --surrogate or --virtual-lab. Prints the evaluated recipes that none beats, how the
    best grew, and why it ended. Each result is recorded at once, so that a study can be broken off at any moment
    (Ctrl-C, a power cut) and run again.

    A program of yours reads {"id": "P001", "recipe": {"thickness_um": 0.8, ...}, "protocol": {"cycles": 100, ...},
    "run": "deposition-1"} on standard input, with null for what does not apply, and writes {"capacity": 57.2,
    "retention": 0.93} or {"outcome_class": "cracked"} on standard output. If it ends with an error or takes too long,
    the cell is a lab_error, which counts for no evaluation; five of them in a row stop the study, with exit code 1.
    """
    form = output.choose_form(as_json, as_csv)
    if (command is not None) + surrogate + virtual_lab != 1:
        raise UsageError("Name one evaluator: --command 'PROGRAM ...', --surrogate or --virtual-lab.")
    cells, hours = read_budget(budget or [], until_advice)
    stray, held = split_words(fix or [])
    if stray:
        raise UsageError(f"--fix {stray[0]}: must read NAME=VALUE.")
    if lease is not None and not share:
        raise UsageError("--lease: is for several workers; name --share too.")
    from pvdopt.closed_loop import ClosedLoop
    from pvdopt.shared_loop import SharedLoop

    make_loop = partial(SharedLoop, lease_s=LEASE_S if lease is None else lease) if share else ClosedLoop
    with open_campaign(folder) as campaign:
        evaluator = _make_evaluator(campaign, command, surrogate, seed, timeout, retries)
        if dry_run:
            campaign.read_asked(held, sampler)
            waiting = output.count(len(campaign.status().pending), "cell")
            until = " or ".join(
                [*([output.count(cells, "evaluation")] if cells else []), *([f"{hours:g} h"] if hours else [])]
            )
            output.say(
                f"{campaign.name} would be evaluated by {evaluator.name}, {batch} at a time, up to "
                f"{until or 'the advice to stop'}; {waiting} wait already. Nothing was written."
            )
            return
        start = partial(
            make_loop,
            campaign,
            evaluator,
            cells,
            batch,
            held or None,
            hours=hours,
            sampler=sampler,
            until_advice=until_advice,
            patience_s=patience,
            say=output.say,
        )
        report = _run_to_its_end(campaign, lambda progress: start(progress=progress))
        if form == "json":
            output.print_json(report)
        elif form == "csv":
            output.print_frame(report.front, form, index="id")
        else:
            _print_report(campaign, report)
    _say_how_it_ended(report)
    if report.stopped == "evaluator_fails":
        raise typer.Exit(1)


def _run_to_its_end(campaign: Campaign, make_loop: Callable[[output.Progress], ClosedLoop]) -> LoopReport:
    """Run a loop; where it breaks off, say what stays, and show what does not."""
    loop: ClosedLoop | None = None
    try:
        with output.progress_bar() as progress, _ended_as_by_hand():
            loop = make_loop(progress)
            return loop.run()
    except KeyboardInterrupt:
        output.say(f"Broken off. {_what_stays(campaign)}")
        raise typer.Exit(130) from None
    except DataInvalid as error:
        # Whoever reads why also wants to know what the hours before were good for. Imported at first use.
        from pvdopt.evaluators import ReplyInvalid

        if isinstance(error, ReplyInvalid) and campaign.folder is not None:
            output.say(f"Stopped over the reply about {error.cell_id}. {_what_stays(campaign)}")
            aside = f"pvdopt fail {output.as_typed(campaign.folder)} {error.cell_id} --class lab_error"
            output.say(f"Mend the program first, or set {error.cell_id} aside:  {aside}")
        raise
    finally:
        # What a simulation said it says again when it is asked again, and nobody may say it in its place.
        if loop is not None and loop.unkept is not None and not loop.evaluator.is_simulated:
            _show_unkept(campaign, *loop.unkept)


@contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """Let the end of a session, and a polite kill, break a study off as Ctrl-C does: its program must end with it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    former = {}
    try:
        for number in (getattr(signal, name) for name in names):
            # One that is ignored, as under nohup, stays so.
            if signal.getsignal(number) == signal.SIG_DFL:
                former[number] = signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _show_unkept(campaign: Campaign, cell_id: str, found: Mapping[str, object]) -> None:
    """Show results that are not recorded as the command that records them."""
    words = [as_word(name, value) for name, value in found.items() if value is not None]
    folder = "" if campaign.folder is None else f"{output.as_typed(campaign.folder)} "
    output.say(f"{cell_id} is evaluated and not recorded. Once the ledger can be used again, before anything else:")
    output.say(f"  pvdopt record {folder}{cell_id} {' '.join(words)} --confirm")
    output.say(f"The study would make {cell_id} a second time otherwise.")


def _what_stays(campaign: Campaign) -> str:
    """Say how many evaluations are recorded, and how to go on."""
    from pvdopt.closed_loop import ClosedLoop

    try:
        n_done = output.count(ClosedLoop.count_done(campaign.own_cells()), "evaluation")
    except PvdoptError:
        return "What is recorded stays; the same command goes on from there once the ledger can be used again."
    return f"{n_done} in all so far, all recorded; the same command goes on from there."


def read_budget(words: list[str], until_advice: bool) -> tuple[int | None, float | None]:
    """Return a budget's cells and hours, of words such as ``20`` and ``40 h``.

    Raises
    ------
    UsageError
        If a word is neither, or names a second number of the same.
    """
    cells: int | None = None
    hours: float | None = None
    for word in words:
        text = word.strip()
        if text.isdecimal() and int(text) > 0 and cells is None:
            cells = int(text)
        elif (found := _read_hours(text)) is not None and hours is None:
            hours = found
        else:
            raise UsageError(
                f"--budget {word!r}: must be a number of cells from 1, such as 20, or hours, such as 40 h."
            )
    if cells is None and hours is None and not until_advice:
        cells = N_EVALUATIONS
    return cells, hours


def _read_hours(text: str) -> float | None:
    """Return hours such as ``40 h``; None of anything else, a plain number included."""
    from pvdopt.campaign.suggesting import read_hours

    try:
        return None if text.isdecimal() else read_hours(text)
    except UsageError:
        return None


def _make_evaluator(
    campaign: Campaign, command: str | None, surrogate: bool, seed: int, timeout: float, retries: int
) -> Evaluator:
    from pvdopt.evaluators import CommandEvaluator, SurrogateEvaluator, VirtualLabEvaluator

    if command is not None:
        return CommandEvaluator(command, timeout, retries)
    return SurrogateEvaluator(campaign) if surrogate else VirtualLabEvaluator(seed)


def _print_report(campaign: Campaign, report: LoopReport) -> None:
    """Print the front, the best in each respect, and how the best grew."""
    print_recipes(campaign, report.front)
    goals = [o for o in campaign.objectives if not o.is_constraint]
    if report.best:
        output.print_line("\nBest measured", style="bold")
        rows = []
        for cell in report.best:
            unit = "" if cell.unit in ("", "1") else f" {cell.unit}"
            rows.append([cell.outcome, f"{output.show_measured(cell.value, cell.qualifier)}{unit}", cell.id])
        output.print_table(["", "", ""], rows)
    steps = [step for step in report.curve if step.best is not None]
    if steps:
        what = f"Best {goals[0].name}" if len(goals) == 1 else "Hypervolume"
        output.print_line(f"\n{what} after so many cells", style="bold")
        places = sorted({round(k * (len(steps) - 1) / (N_STEPS - 1)) for k in range(N_STEPS)})
        shown = [steps[k] for k in places]
        output.print_table(
            ["cells", *(str(step.n) for step in shown)], [["", *(output.show(step.best, digits=4) for step in shown)]]
        )
        if len(goals) > 1:
            output.print_line(_say_reference(campaign))


def _say_reference(campaign: Campaign) -> str:
    """Say above which point the hypervolume counts, and so why it may be 0."""
    from pvdopt.campaign.progress import kept_reference

    units = {o.name: o.unit for o in campaign.objectives}
    point = kept_reference(campaign.own_cells()) or {}
    told = ", ".join(f"{name} {output.show(value, units[name], digits=3)}" for name, value in point.items())
    return f"counted above the reference point {told}: 0 until a cell exceeds it in every goal and keeps the thresholds"


def _say_how_it_ended(report: LoopReport) -> None:
    resumed = f", {report.resumed} of these left over from before" if report.resumed else ""
    errors = f"; {output.count(report.lab_errors, 'lab error')} beside them" if report.lab_errors else ""
    hours = "" if report.hours is None else f"; {output.show(report.hours, digits=4)} h of runs and cells"
    failed, more = output.count(report.failed, "failed cell"), report.failed - N_NAMED
    if report.failed:
        failed += f" in all ({', '.join(report.failed_cells[:N_NAMED])}{f' and {more} more' if more > 0 else ''})"
    output.say(
        f"{output.count(report.evaluations, 'evaluation')} in all, {report.done_now} of them now{resumed}{errors}; "
        f"{failed}; {output.count(len(report.front), 'recipe')} on the front{hours}"
    )
    output.say(f"Stopped: {report.why}.")
    output.say_notes(report.notes)
