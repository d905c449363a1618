"""``pvdopt retrain``: fit anew and choose among the models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsJson, Dask, DryRun, Folder, Jobs, open_campaign, place_of_work
from pvdopt.cli.recorded import NOTHING_WRITTEN, print_scores
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.campaign.learning_reports import Choice, RetrainReport
    from pvdopt.campaign.reports import TrackRecord
    from pvdopt.skill.validation import Interval, Skill


def retrain(
    folder: Folder = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the model used before the last change, without comparing.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="Only list the models chosen so far, and why.")] = False,
    dry_run: DryRun = False,
    jobs: Jobs = 1,
    dask: Dask = None,
    as_json: AsJson = False,
) -> None:
    """Refit on all data and choose among the models.

    Models compete on your own cells, held out in the same folds; a new one is taken only if it is better by more than
    the standard error of the difference. Past predictions are scored by what was measured. Each choice is kept in the
    ledger and as a card in the campaign's folder.
    """
    if rollback and history:
        raise UsageError("--rollback and --history exclude each other.")
    if history:
        with open_campaign(folder) as campaign:
            _print_history(campaign.choices(), output.choose_form(as_json))
        return
    place = nullcontext() if rollback else place_of_work(dask, jobs)
    with output.progress_bar() as progress, open_campaign(folder) as campaign, place:
        if rollback:
            report = campaign.roll_back(dry_run=dry_run)
        else:
            report = campaign.retrain(progress=progress, dry_run=dry_run, n_jobs=jobs)
        where = "" if campaign.folder is None else output.as_typed(campaign.folder)
    if as_json:
        output.print_json(report)
    else:
        _print_retrained(report)
    output.say_notes(report.notes)
    if report.card is not None:
        output.say(f"Card:  {report.card.as_posix()}")
    output.say(f"Next:  pvdopt suggest {where}" if report.is_recorded else NOTHING_WRITTEN)


def _print_retrained(report: RetrainReport) -> None:
    chosen = f"{report.chosen} instead of {report.previous}" if report.is_changed else f"{report.chosen}, as before"
    own = ", ".join(f"{n} of {outcome}" for outcome, n in report.n_own.items())
    reported = ", ".join(f"{n} of {outcome}" for outcome, n in report.n_reported.items())
    items = [("model", chosen), ("why", report.why), ("own values", own), ("reported values", reported)]
    output.print_items(items, indent=0)
    _print_comparison(report.skills, report.previous)
    if report.scores:
        output.print_line("\nPast predictions", style="bold")
        print_scores(report.scores)
        _print_record(report.record)


def _print_history(found: Sequence[Choice], form: output.Form) -> None:
    if form == "json":
        output.print_json(found)
        return
    if not found:
        output.say("No model was chosen yet:  pvdopt retrain")
        return
    rows = [
        [
            str(choice.number),
            choice.time[:10],
            choice.author,
            f"{choice.previous} -> {choice.chosen}" if choice.chosen != choice.previous else choice.chosen,
            ", ".join(f"{n} of {outcome}" for outcome, n in choice.n_own.items()),
            choice.why,
        ]
        for choice in found
    ]
    output.print_table(["", "when", "who", "model", "own values", "why"], rows)


def _print_comparison(skills: Sequence[Skill], current: str) -> None:
    """Print how the specifications predict own cells held out in the same folds, a table an outcome."""
    for outcome in dict.fromkeys(skill.outcome for skill in skills):
        shown = [skill for skill in skills if skill.outcome == outcome]
        output.print_line(
            f"\n{outcome}: {output.count(shown[0].n_rows, 'own cell')}, each predicted without its fold", style="bold"
        )
        measures = ["typical factor", "in 80 % interval", "CRPS", f"  less {current}'s"]
        rows = [
            [
                skill.specification,
                f"{skill.typical_factor.value:.2f}",
                f"{skill.coverage.value:.0%}",
                f"{skill.crps.value:.3f}",
                output.NOTHING if skill.specification == current else _span(skill.against[current], "+.3f"),
            ]
            for skill in shown
        ]
        output.print_table(["", *measures], rows)


def _print_record(record: Sequence[TrackRecord]) -> None:
    """Print how past predictions have done, a line an outcome."""
    for r in record:
        scores = [
            f"{word} {value:.3f}" for word, value in (("CRPS", r.crps), ("log score", r.log_score)) if value is not None
        ]
        told = f" ({', '.join(scores)}; lower is better)" if scores else ""
        inside = f"{r.inside} of {r.n_known} own results inside the 80 % interval predicted for them"
        output.print_line(f"{r.outcome}: {inside}{told}")


def _span(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
