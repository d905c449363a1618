"""``pvdopt retrain`` and ``evaluate``: fit anew, and say how well predictions hold where nothing was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, DryRun, Folder, Jobs, open_campaign, open_target
from pvdopt.cli.results import print_scores
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.campaign_reports import Choice, RetrainReport, TrackRecord
    from pvdopt.validation import Interval, Skill

#: What is printed of a skill, line by line.
_MEASURES = ("typical factor", "in 80 % interval", "CRPS", "  less climatology's", "  less theory's")


def retrain(
    folder: Folder = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the model used before the last change, without comparing.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="Only list the models chosen so far, and why.")] = False,
    dry_run: DryRun = False,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Refit on all data and choose among the models.

    Models compete on your own cells, held out in the same folds; a new one is taken only if it is better by more than
    the standard error of the difference. Past predictions are scored by what was measured. Each choice is kept in the
    ledger and as a card in the campaign's folder.
    """
    if rollback and history:
        raise UsageError("--rollback and --history exclude each other.")
    with open_campaign(folder) as campaign:
        if history:
            _print_history(campaign.choices(), output.choose_form(as_json))
            return
        if rollback:
            report = campaign.roll_back(dry_run=dry_run)
        else:
            with output.progress_bar() as progress:
                report = campaign.retrain(progress=progress, dry_run=dry_run, n_jobs=jobs)
        where = "" if campaign.folder is None else campaign.folder.as_posix()
    if as_json:
        output.print_json(report)
    else:
        _print_retrained(report)
    output.say_notes(report.notes)
    if report.card is not None:
        output.say(f"Card:  {report.card.as_posix()}")
    output.say(f"Next:  pvdopt suggest {where}" if report.is_recorded else "Nothing was written (--dry-run).")


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


def evaluate(
    target: Annotated[
        str | None,
        typer.Argument(metavar="FOLDER | FILE.toml", help="A campaign's folder, or a campaign file."),
    ] = None,
    specification: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="NAME", help="gaussian_process, forest or mixture; repeatable, all by default."
        ),
    ] = None,
    by: Annotated[
        Literal["source", "team"], typer.Option(help="What is held out together: a publication, or all of one team.")
    ] = "source",
    outcome: Annotated[str | None, typer.Option(help="Show this outcome only.")] = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how well unseen publications are predicted.

    Every publication is predicted from all others, by each model and by two baselines. --csv gives each held-out row
    with its prediction.
    """
    form = output.choose_form(as_json, as_csv)
    with open_target(target) as campaign, output.progress_bar() as progress:
        found = campaign.evaluate(specifications=specification, by=by, progress=progress, n_jobs=jobs)
    skills = [skill for skill in found.skills if outcome in (None, skill.outcome)]
    if form == "csv":
        rows = [row for row in output.to_rows(found.frame) if outcome in (None, row["outcome"])]
        output.print_csv(rows, list(found.frame.columns))
    elif form == "json":
        output.print_json({"skills": skills, "scores": found.scores, "coverage": found.coverage, "notes": found.notes})
    else:
        print_skills(skills)
        print_coverage(found.coverage)
    output.say_notes(found.notes)


def print_skills(skills: Sequence[Skill]) -> None:
    """Print the skill of each specification, a table an outcome."""
    for outcome in dict.fromkeys(skill.outcome for skill in skills):
        shown = [skill for skill in skills if skill.outcome == outcome]
        first = shown[0]
        output.print_line(
            f"\n{outcome}: {output.count(first.n_rows, 'cell')} of {output.count(first.n_sources, 'publication')}, "
            f"each predicted without its {'publication' if first.by == 'source' else 'team'}",
            style="bold",
        )
        columns = [_skill_column(skill) for skill in shown]
        headings = ["", *(skill.specification for skill in shown)]
        output.print_across(headings, [[what, *cells] for what, *cells in zip(_MEASURES, *columns, strict=True)])
    if skills:
        output.print_line(
            "\ntypical factor: what predictions of a capacity or of a fade are off by. CRPS: lower is better; less a "
            "baseline's, below 0 is better. In brackets: 90 % interval from resampling publications."
        )


def print_coverage(coverage: Mapping[str, tuple[int, int]]) -> None:
    """Print how many of the campaign's own results fell into the intervals predicted for them."""
    for outcome, (inside, n) in coverage.items():
        if n:
            output.print_line(f"{outcome}: {inside} of {n} own results inside the 80 % interval predicted for them")


def _skill_column(skill: Skill) -> list[str]:
    baselines = (skill.against.get(name) for name in ("climatology", "theory"))
    return [
        _span(skill.typical_factor, ".2f"),
        f"{skill.coverage.value:.0%}",
        _span(skill.crps, ".3f"),
        *(output.NOTHING if gap is None else _span(gap, "+.3f") for gap in baselines),
    ]


def _span(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
