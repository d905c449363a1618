"""What became of results, as every command prints it that records some: what is new, doubted, refused, foreseen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pvdopt.cli import output

if TYPE_CHECKING:
    from pvdopt.campaign.reports import PredictionScore, RecordReport

NOTHING_WRITTEN = "Nothing was written (--dry-run)."
#: Scores shown in a table; --json gives all.
N_SCORES = 40


def print_report(report: RecordReport, folder: Path, as_json: bool) -> None:
    """Print what became of results, and what to do next."""
    if as_json:
        output.print_json(report)
    else:
        _print_record(report)
    for problem in (*report.refused, *report.doubts):
        output.say(problem.sentence())
    output.say_notes(report.notes)
    if report.is_recorded:
        output.say(f"Next:  pvdopt suggest {output.as_typed(folder)}")
    else:
        output.say(NOTHING_WRITTEN)


def _print_record(report: RecordReport) -> None:
    cells = ", ".join(report.cells) or "no cell"
    old = f", {output.count(report.unchanged, 'row')} known already" if report.unchanged else ""
    output.print_line(f"{cells}: {output.count(report.new, 'new row')}{old}")
    if report.added:
        output.print_line(f"Entered as cells of the lab's own: {', '.join(report.added)}")
    if report.scores:
        print_scores(report.scores)


def print_scores(scores: Sequence[PredictionScore]) -> None:
    """Print what was measured beside what had been predicted, of very many the last."""
    if len(scores) > N_SCORES:
        output.print_line(f"the last {N_SCORES} of {len(scores)} (--json gives all)")
    rows = []
    for score in scores[-N_SCORES:]:
        # A bound that lies inside leaves open where the value is.
        inside = "open" if score.is_inside is None else "yes" if score.is_inside else "no"
        interval = output.show_interval(score.low, score.high)
        measured = output.show_measured(score.measured, score.qualifier)
        rows.append([score.id, score.outcome, measured, output.show(score.median, digits=3), interval, inside])
    output.print_table(["cell", "outcome", "measured", "predicted", "80 % within", "inside"], rows)
