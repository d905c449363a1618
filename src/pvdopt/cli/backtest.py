"""``pvdopt backtest``: strategies compared before chamber time is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, Dask, Jobs, is_config, open_campaign, open_target, place_of_work
from pvdopt.errors import PvdoptError, UsageError
from pvdopt.pictures import require_drawable

if TYPE_CHECKING:
    from pvdopt.backtest.running import MakeArena, Plan, Run
    from pvdopt.backtest.summary import BacktestReport, Figure
    from pvdopt.objectives import Objective

#: Compared where nothing else is asked for; a table alone brings nothing that the first could know beforehand.
USUAL = ("surrogate", "surrogate_alone", "tpe", "random")
WITHOUT_EVIDENCE = ("surrogate", "tpe", "random")
#: Experiments where a space is searched; in a pool as many, or this share of it, five of them at random to begin with.
SPACE_BUDGET, POOL_BUDGET, POOL_SHARE, POOL_STARTS = 40, 50, 0.4, 5


def backtest(
    target: Annotated[
        str | None,
        typer.Argument(metavar="FILE.toml | FOLDER", help="Campaign file or campaign; not needed with --pool."),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(metavar="FILE.csv", help="Choose among the measured recipes of this table; - reads stdin."),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option("--objective", metavar="COLUMN:max|min", help="What the table's recipes are judged by."),
    ] = None,
    past: Annotated[bool, typer.Option("--past", help="Choose among the campaign's own finished cells.")] = False,
    virtual_lab: Annotated[
        bool, typer.Option("--virtual-lab", help="Simulated laboratories, a truth a seed; the default.")
    ] = False,
    strategy: Annotated[
        list[str] | None,
        typer.Option("--strategy", "-s", metavar="NAME", help="Repeatable: surrogate, surrogate_alone, tpe, ..."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each strategy.")] = 10,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Experiments of a run.  [default: 40, or 2 in 5 recipes up to 50]")
    ] = None,
    batch: Annotated[int, typer.Option("-n", "--batch", min=1, help="Recipes chosen at a time.")] = 1,
    starts: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Random experiments to begin with.  [default: 0; in a table 5, or half of a budget under 10]",
        ),
    ] = None,
    reach: Annotated[float, typer.Option("--reach", help="Share of what there is to gain that is the target.")] = 0.95,
    tuning: Annotated[
        bool, typer.Option("--tuning", help="Seeds to choose settings by, none of which is ever reported.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep runs, tables and JSON. What is there is not run again; delete runs/NAME.csv to have it so.",
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the curves: .html, .svg, .png, .pdf.")
    ] = None,
    jobs: Jobs = 1,
    dask: Dask = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Compare strategies over seeds, before chamber time is spent.

    On what: simulated laboratories under a campaign file (backtest lco_lipon.toml), a table of measured recipes
    (backtest --pool films.csv --objective conductivity:max), or a campaign's own past (backtest FOLDER --past).

    Strategies: surrogate (pvdopt with what is known beforehand), surrogate_alone (without literature and physics),
    Optuna's tpe, nsga2, cmaes and qmc, and random. Prints for each the median experiments to the target, how many
    times as many random needs (acceleration factor), and how many times as far it is at the end (enhancement factor),
    with 90 % intervals from resampling seeds.
    """
    form = output.choose_form(as_json, as_csv)
    try:
        with output.progress_bar() as progress:
            goals, faults = _read_objectives(objective or [])
            faults += _find_faults(strategy or [], reach, figure)
            puzzles = _find_puzzles(target, pool, objective or [], past, virtual_lab)
            if puzzles:
                # Nobody can tell what to look at for further faults.
                raise UsageError("\n".join([*puzzles, *faults]))
            subject = _require_subject(target, pool, goals, past, faults)
            names = _choose_strategies(strategy, subject, is_table_alone=pool is not None and target is None)
            plan = _make_plan(subject.n_recipes, budget, batch, starts)
            with place_of_work(dask, jobs):
                runs = _run(subject, names, seeds, tuning, plan, out, jobs, progress)
    except KeyboardInterrupt:
        kept = "" if out is None else " Finished runs are kept; the same command goes on from there."
        output.say(f"Broken off.{kept}")
        raise typer.Exit(130) from None
    from pvdopt.backtest.summary import summarise

    _print(summarise(runs, subject.name, reach, plan, tuning), form, out, figure)


def _find_faults(strategy: Sequence[str], reach: float, figure: Path | None) -> list[str]:
    """Return what is wrong with the words, whatever is compared on."""
    from pvdopt.backtest.strategies import check_strategies

    faults = []
    if not 0 < reach <= 1:
        faults.append(f"--reach: must lie above 0 and not above 1, got {reach:g}.")
    if figure is not None:
        try:
            require_drawable(figure)
        except UsageError as error:
            faults.append(str(error))
    # Whether each takes as many goals as there are is seen later.
    return faults + check_strategies(strategy, n_goals=1)


def _find_puzzles(
    target: str | None, pool: str | None, objective: Sequence[str], past: bool, virtual_lab: bool
) -> list[str]:
    """Return why the words do not tell what to compare on."""
    found = []
    if (pool is not None) + past + virtual_lab > 1:
        found.append("Choose one of --virtual-lab, --pool FILE and --past.")
    if past and target is not None and is_config(target):
        found.append("--past needs a campaign's folder: a campaign file has no cells.")
    if objective and pool is None:
        found.append("--objective goes with --pool; elsewhere the campaign file names the objectives.")
    elif objective and target is not None:
        found.append("--objective: the campaign file names the objectives; leave one of the two out.")
    if pool is not None and target is None and not objective:
        found.append("--pool: say what the recipes are judged by, such as --objective conductivity:max")
    return found


def _require_subject(
    target: str | None, pool: str | None, goals: Sequence[Objective], past: bool, faults: Sequence[str]
) -> Subject:
    """Return what is compared on; where there are faults, raise them together with what is wrong with it."""
    from pvdopt.lab_tables.table_files import read_raw

    try:
        if pool is not None and target is None and not goals:
            # Nothing that was named can judge its recipes; whether there is such a table can be told all the same.
            read_raw(pool)
        else:
            subject = _find_subject(target, pool, goals, past)
    except PvdoptError as error:
        if not faults:
            raise
        raise UsageError("\n".join([*faults, str(error)])) from error
    if faults:
        raise UsageError("\n".join(faults))
    return subject


def _choose_strategies(strategy: Sequence[str] | None, subject: Subject, *, is_table_alone: bool) -> list[str]:
    """Return the strategies asked for, or the usual ones; say what they are judged by."""
    from pvdopt.backtest.strategies import check_strategies

    if subject.settings:
        goals = ", ".join(o.name for o in subject.objectives)
        output.say(f"Settings are taken to be {', '.join(subject.settings)}; judged by {goals}.")
        output.say_notes(subject.remarks)
    names = list(dict.fromkeys(strategy or (WITHOUT_EVIDENCE if is_table_alone else USUAL)))
    faults = check_strategies(names, sum(not o.is_constraint for o in subject.objectives))
    if faults:
        raise UsageError("\n".join(faults))
    return names


def _run(
    subject: Subject,
    names: Sequence[str],
    seeds: int,
    tuning: bool,
    plan: Plan,
    out: Path | None,
    jobs: int,
    progress: output.Progress,
) -> list[Run]:
    from pvdopt.backtest.running import Store, run_all, seed_numbers

    store = None if out is None else Store(out, {"subject": subject.name, "contents": subject.digest, **vars(plan)})
    wanted = seed_numbers(seeds, tuning)
    return run_all(subject.make_arena, names, wanted, plan, n_jobs=jobs, store=store, progress=progress)


def _make_plan(n_recipes: int | None, budget: int | None, batch: int, starts: int | None) -> Plan:
    """Return the plan asked for; what was not depends on the number of recipes, None where a space is searched."""
    from pvdopt.backtest.running import Plan

    if budget is None:
        budget = SPACE_BUDGET if n_recipes is None else min(POOL_BUDGET, int(POOL_SHARE * n_recipes))
    elif n_recipes is not None:
        budget = min(budget, n_recipes)
    if starts is None:
        starts = 0 if n_recipes is None else min(POOL_STARTS, budget // 2)
    if starts >= budget:
        raise UsageError(f"--starts: {starts} leave nothing of a budget of {budget} to choose.")
    return Plan(budget, batch, starts)


@dataclass(frozen=True)
class Subject:
    """What is compared on: a seed's arena, its name, and a digest of all that makes it what it is."""

    make_arena: MakeArena
    name: str
    objectives: Sequence[Objective]
    digest: str
    #: Number of recipes of a pool; None where a space is searched.
    n_recipes: int | None = None
    #: Columns of a pool that were taken for settings.
    settings: tuple[str, ...] = ()
    #: What is to be said of others.
    remarks: tuple[str, ...] = ()


def _find_subject(target: str | None, pool: str | None, goals: Sequence[Objective], past: bool) -> Subject:
    """Return what the words ask to compare on."""
    from pvdopt.backtest.arenas import LabArena, PoolArena
    from pvdopt.backtest.pools import past_pool, read_pool

    def of_pool(arena: PoolArena, kind: str) -> Subject:
        found = arena.pool
        name = f"{kind} {found.name}"
        settings = tuple(found.space.names)
        same = partial(_same, arena)
        return Subject(same, name, found.objectives, found.digest(), len(found), settings, found.remarks)

    if pool is not None and target is None:
        return of_pool(PoolArena(read_pool(pool, goals)), "pool")
    with open_campaign(target) if past else open_target(target) as campaign:
        config = campaign.config
        if past:
            cells = past_pool(campaign.name, campaign.own_cells())
            return of_pool(PoolArena(cells, campaign.evidence, config.surrogate), "past of")
        if pool is not None:
            table = read_pool(pool, campaign.objectives, campaign.space)
            return of_pool(PoolArena(table, campaign.evidence, config.surrogate), "pool")
        name = f"virtual lab, {config.name}"
        return Subject(partial(LabArena, config), name, config.objectives(), config.fingerprint())


def _same(arena: Any, seed: int) -> Any:
    """Return a pool's arena, which is the same at every seed."""
    return arena


def _read_objectives(words: Sequence[str]) -> tuple[list[Objective], list[str]]:
    """Return the objectives that can be read, and what is wrong with others."""
    from pvdopt.objectives import Objective

    found: dict[str, Objective] = {}
    faults = []
    for word in words:
        name, _, direction = word.rpartition(":")
        if direction not in ("max", "min") or not name:
            faults.append(f"--objective {word}: must read COLUMN:max or COLUMN:min.")
        elif name in found:
            faults.append(f"--objective: {name} was given twice.")
        else:
            found[name] = Objective(name, maximize=direction == "max")
    return list(found.values()), faults


def _print(report: BacktestReport, form: output.Form, out: Path | None, figure: Path | None) -> None:
    from pvdopt.backtest.files import draw_report, summary_rows, write_report

    if form == "json":
        output.print_json(
            {"subject": report.subject, "target": report.target, "plan": report.plan}
            | {"tuning": report.is_tuning, "strategies": summary_rows(report)}
            | {"curves": report.curves, "notes": report.notes}
        )
    elif form == "csv":
        rows = summary_rows(report)
        output.print_csv(rows, list(rows[0]))
    else:
        _print_table(report)
    if out is not None:
        write_report(report, out)
        output.say(f"Kept in {out}: runs/, summary.csv, curves.csv, backtest.json")
    if figure is not None:
        draw_report(report, figure)
        output.say(f"Drawn in {figure}")
    output.say_notes(report.notes)


def _print_table(report: BacktestReport) -> None:
    plan = report.plan
    starts = f", the first {plan.starts} at random" if plan.starts else ""
    times = "one at a time" if plan.batch == 1 else f"{plan.batch} at a time"
    output.print_line(f"{report.subject}: {plan.budget} experiments, {times}{starts}")
    headings = [
        "strategy",
        "reached",
        f"to {report.target:.0%}",
        "times sooner",
        "times as far",
        "at the end",
        "refused",
        "CPU s",
    ]
    rows = [
        [
            s.strategy,
            f"{s.n_reached} of {s.n_seeds}",
            _count(s.needed, f"> {plan.budget}"),
            ("> " if s.is_bound else "") + _interval(s.acceleration, "-"),
            _interval(s.enhancement, "-"),
            _interval(s.final, "-"),
            str(s.n_refused),
            f"{s.seconds:.2f}",
        ]
        for s in report.strategies
    ]
    output.print_table(headings, rows)
    output.print_line()
    output.print_line(
        f"to {report.target:.0%}: median experiments to that share of what there is to gain; times sooner: how many "
        "times as many experiments random search needs (acceleration factor); times as far: how many times as far as "
        "random search it is at the end (enhancement factor); -: not to be told, or random search itself; refused: "
        "proposals that may not be made; CPU s: processor time of an ask. In brackets: 90 % interval from resampling "
        "seeds."
    )


def _interval(figure: Figure, beyond: str) -> str:
    """Return a figure with its interval; an end that lies beyond the budget, or cannot be told, is a word."""
    if figure.value is None:
        return beyond
    value, low, high = (
        beyond if v is None else f"{v:.2f}" if v < 10 else f"{v:.3g}" for v in (figure.value, figure.low, figure.high)
    )
    return f"{value} [{low}, {high}]"


def _count(figure: Figure, beyond: str) -> str:
    """Return a number of experiments with its interval."""
    if figure.value is None and figure.low is None:
        return beyond
    value, low, high = (beyond if v is None else f"{v:g}" for v in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}]"
