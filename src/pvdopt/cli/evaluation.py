"""``pvdopt evaluate``: how well predictions hold where nothing was seen, in a table, as JSON, CSV and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, Dask, Jobs, open_target, place_of_work

if TYPE_CHECKING:
    from pvdopt.campaign.learning_reports import CurvePoint, Evaluation
    from pvdopt.skill.direction import DirectionSummary, PairCheck
    from pvdopt.skill.report import FamilySkill, PermutedControl
    from pvdopt.skill.validation import Interval, Skill

#: Word that asks for every model a campaign chooses among.
ALL = "all"


def evaluate(
    target: Annotated[
        str | None,
        typer.Argument(metavar="FOLDER | FILE.toml", help="A campaign's folder, or a campaign file."),
    ] = None,
    specification: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="gaussian_process, forest, boosting, ridge or mixture; repeatable; all for those that a campaign "
            "chooses among. By default the one in use.",
        ),
    ] = None,
    by: Annotated[
        Literal["source", "team"], typer.Option(help="What is held out together: a publication, or all of one team.")
    ] = "source",
    outcome: Annotated[str | None, typer.Option(help="Look at this outcome only.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Also list every stated pair and every family.")] = False,
    control: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Also deal the outcomes out anew N times: what looks like skill then is chance."
        ),
    ] = 0,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also draw calibration, predictions and differences there (extra: figures)."),
    ] = None,
    jobs: Jobs = 1,
    dask: Dask = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how well unseen publications are predicted.

    Every publication is predicted from all others, by the model and by two baselines: climatology, the spread of the
    other publications' values; and theory times the utilisation of the family. --csv gives each held-out row with its
    prediction.
    """
    form = output.choose_form(as_json, as_csv)
    if figures is not None:
        # Before minutes of computing, not after them.
        from pvdopt.skill.figures import load_pyplot

        load_pyplot()
    with output.progress_bar() as progress, open_target(target) as campaign, place_of_work(dask, jobs):
        found = campaign.evaluate(
            specifications=None if specification == [ALL] else specification or campaign.in_use(),
            by=by,
            outcome=outcome,
            n_permutations=control,
            progress=progress,
            n_jobs=jobs,
        )
    skills = [skill for skill in found.skills if outcome in (None, skill.outcome)]
    if form == "csv":
        rows = [row for row in output.to_rows(found.frame) if outcome in (None, row["outcome"])]
        output.print_csv(rows, list(found.frame.columns))
    elif form == "json":
        output.print_json({**_parts(found), "skills": skills})
    else:
        _print_evaluation(found, skills, details)
    if figures is not None:
        from pvdopt.skill.figures import draw_skill

        for path in draw_skill(found.frame, found.skills, figures):
            output.say(f"wrote {path.as_posix()}")
    output.say_notes(found.notes)


def _parts(found: Evaluation) -> dict[str, object]:
    names = ("without_odd", "families", "pairs", "direction", "control", "curve", "scores", "coverage", "notes")
    return {name: getattr(found, name) for name in names}


def _print_evaluation(found: Evaluation, skills: Sequence[Skill], details: bool) -> None:
    print_skills(skills, found.without_odd)
    for name, summaries in found.direction.items():
        _print_direction(name, summaries)
    if details:
        for name, pairs in found.pairs.items():
            _print_pairs(name, pairs)
        _print_families(found.families)
    for control in found.control:
        _print_control(control)
    _print_curve(found.curve)
    print_coverage(found.coverage)


def print_skills(skills: Sequence[Skill], without_odd: Sequence[Skill] = ()) -> None:
    """Print the skill of each specification, a table an outcome, and what the differences mean in words."""
    for outcome, by in dict.fromkeys((skill.outcome, skill.by) for skill in skills):
        shown = [skill for skill in skills if (skill.outcome, skill.by) == (outcome, by)]
        less = {s.specification: s for s in without_odd if (s.outcome, s.by) == (outcome, by)}
        first = shown[0]
        held = {"source": "its publication", "team": "its team"}.get(by, "its fold")
        output.print_line(
            f"\n{outcome}: {output.count(first.n_rows, 'cell')} of {output.count(first.n_sources, 'publication')}, "
            f"each predicted without {held}",
            style="bold",
        )
        columns = [_skill_column(skill, less.get(skill.specification)) for skill in shown]
        names = list(columns[0])
        rows = [[name, *(column[name] for column in columns)] for name in names]
        # A line that no column fills says nothing.
        told = [row for row in rows if any(cell != output.NOTHING for cell in row[1:])]
        output.print_across(["", *(skill.specification for skill in shown)], told)
        for skill in shown:
            _say_differences(skill)
    if skills:
        output.print_line(
            "\ntypical factor: what predictions of a capacity or of a fade are off by. CRPS and log score: lower is "
            "better; less a baseline's, below 0 is better. In brackets: 90 % interval from resampling publications."
        )


def _skill_column(skill: Skill, less: Skill | None) -> dict[str, str]:
    by_level = {round(100 * c.probability): c for c in skill.levels}

    def inside(percent: int) -> str:
        return f"{by_level[percent].share.value:.0%}" if percent in by_level else output.NOTHING

    def gap(of: Skill | None, name: str) -> str:
        found = None if of is None else of.against.get(name)
        return output.NOTHING if found is None else _span(found, "+.3f")

    bounds = f"{skill.coverage.value:.0%}"
    return {
        "typical factor": _span(skill.typical_factor, ".2f"),
        "mean error": output.NOTHING if skill.mae is None else f"{skill.mae.value:.3g}",
        "median error": output.NOTHING if skill.mae is None else f"{skill.median_ae:.3g}",
        "in 50 % interval": inside(50),
        "in 80 % interval": bounds,
        "in 90 % interval": inside(90),
        "CRPS": _span(skill.crps, ".3f"),
        "  less climatology's": gap(skill, "climatology"),
        "  less theory's": gap(skill, "theory"),
        "log score": _span(skill.log_score, ".2f"),
        # Climatology says the same of all cells but for the one left out, which turns its order around.
        "pairs in order": f"{skill.concordance:.0%}"
        if skill.concordance == skill.concordance and skill.specification != "climatology"
        else output.NOTHING,
        "without FeS2: factor": output.NOTHING if less is None else _span(less.typical_factor, ".2f"),
        "  CRPS": output.NOTHING if less is None else _span(less.crps, ".3f"),
        "  less climatology's ": gap(less, "climatology"),
        "  less theory's ": gap(less, "theory"),
    }


def _say_differences(skill: Skill) -> None:
    from pvdopt.skill.report import BASELINES, say_difference

    told = [say_difference(skill.against[name], name) for name in BASELINES if name in skill.against]
    if skill.specification not in BASELINES and told:
        output.print_line(f"{skill.specification}: {'; '.join(told)}")


def _print_direction(name: str, summaries: Sequence[DirectionSummary]) -> None:
    output.print_line(f"\n{name}: which of two cells of one unseen publication is better", style="bold")
    rows = [
        [s.what, f"{s.n_right} of {s.n_pairs}", str(s.n_no_opinion), f"{s.coin_chance:.0%}"]
        for s in summaries
        if s.n_pairs
    ]
    output.print_table(["", "right", "no difference seen", "a coin does as well"], rows)


def _print_pairs(name: str, pairs: Sequence[PairCheck]) -> None:
    output.print_line(f"\n{name}: the stated pairs, the better cell first", style="bold")
    rows = []
    for check in pairs:
        pair = check.pair
        stated = (
            "in words"
            if pair.figure_better is None
            else f"{output.show(pair.figure_better)} > {output.show(pair.figure_worse)}"
        )
        verdict = {True: "right", False: "wrong", None: "no difference"}[check.is_right]
        predicted = f"{check.predicted_better:.3g} : {check.predicted_worse:.3g}"
        where = "yes" if check.occurs_elsewhere else "no"
        rows.append([f"{pair.outcome}, {pair.lever}", pair.better, stated, predicted, verdict, where])
    output.print_table(["lever", "better cell", "stated", "predicted", "", "elsewhere"], rows)


def _print_families(families: Sequence[FamilySkill]) -> None:
    for outcome in dict.fromkeys(f.outcome for f in families):
        shown = [f for f in families if f.outcome == outcome]
        names = list(dict.fromkeys(f.specification for f in shown))
        factor = {(f.specification, f.family): f.typical_factor for f in shown}
        first = [f for f in shown if f.specification == names[0]]
        output.print_line(f"\n{outcome}: typical factor by family", style="bold")
        rows = [
            [f.family, str(f.n_rows), str(f.n_sources), *(f"{factor[n, f.family]:.2f}" for n in names)] for f in first
        ]
        output.print_table(["", "cells", "publications", *names], rows)


def _print_control(control: PermutedControl) -> None:
    output.print_line(
        f"{control.outcome}, {control.specification}: CRPS less climatology's is {control.gap:+.3f}; where outcomes "
        f"are exchanged among the rows at random it is {control.mean:+.3f} on average and {min(control.gaps):+.3f} at "
        f"best ({len(control.gaps)} times)."
    )


def _print_curve(curve: Sequence[CurvePoint]) -> None:
    for outcome in dict.fromkeys(point.outcome for point in curve):
        output.print_line(f"\n{outcome}: own cells predicted from those made before", style="bold")
        rows = [
            [str(p.n_own), str(p.n_later), f"{p.typical_factor:.2f}", f"{p.inside} of {p.n_later}"]
            for p in curve
            if p.outcome == outcome
        ]
        output.print_table(["own cells known", "later cells", "typical factor", "in 80 % interval"], rows)


def print_coverage(coverage: Mapping[str, tuple[int, int]]) -> None:
    """Print how many of the campaign's own results fell into the intervals predicted for them."""
    for outcome, (inside, n) in coverage.items():
        if n:
            output.print_line(f"{outcome}: {inside} of {n} own results inside the 80 % interval predicted for them")


def _span(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
