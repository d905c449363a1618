"""``pvdopt suggest`` and ``predict``: what to make next, and what to expect of a recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pvdopt.campaign.reports import Suggestion
from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, DryRun, SamplerName, Words, open_target, split_words, unit_of
from pvdopt.cli.recorded import NOTHING_WRITTEN
from pvdopt.cli.sheets import SheetFile, check_sheet, write
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.attribution import Contribution
    from pvdopt.campaign import Campaign
    from pvdopt.campaign.drivers import Driven
    from pvdopt.campaign.reports import Forecast, Shares
    from pvdopt.explain import NearCell
    from pvdopt.objectives import Objective


#: A setting that moves an outcome by less than this share of it is left out of what drives a proposal.
LEAST_TOLD = 0.01
#: What the words of `predict` are.
PREDICT = "[FOLDER | FILE.toml] FILE | NAME=VALUE ..."


def suggest(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="FOLDER | FILE.toml",
            help="A campaign's folder (proposals are recorded), or a campaign file or a shipped one's bare name "
            "(a preview: nothing is written).",
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="How many cells to propose: 4, or what fits into the budget.")
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            "--fix", metavar="NAME=VALUE", help="Hold a setting, e.g. --fix 'thickness_um=500 nm'; repeatable."
        ),
    ] = None,
    candidates: Annotated[
        Path | None, typer.Option("--candidates", metavar="FILE", help="Choose among these recipes (CSV) only.")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="HOURS",
            help="Hours that runs and cells may take, e.g. '20 h'; 'deposition=8 h' for one kind of run; repeatable.",
        ),
    ] = None,
    sampler: SamplerName = None,
    sheet: SheetFile = None,
    seed: Annotated[int | None, typer.Option(help="Of everything drawn; the campaign's own by default.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Propose the next recipes.

    With each: what to expect of it, which reported cells that leans on, and where the evidence ends. Where the
    campaign file has [runs.NAME], cells share deposition and furnace runs, so that the batch gains most in an hour.
    """
    form = output.choose_form(as_json, as_csv)
    stray, held = split_words(fix or [])
    if stray:
        raise UsageError(f"--fix {stray[0]}: must read NAME=VALUE, such as --fix thickness_um=0.5.")
    with open_target(target, seed) as campaign:
        if sheet is not None:
            if dry_run:
                raise UsageError("--sheet and --dry-run exclude each other: what is not recorded has no id to fill in.")
            check_sheet(campaign, sheet)
        suggestion = campaign.suggest(
            n, fix=held or None, candidates=candidates, budget=budget, sampler=sampler, dry_run=dry_run, seed=seed
        )
        if form == "csv":
            rows = output.to_rows(suggestion.frame)
            output.print_csv(rows, list(rows[0]) if rows else list(suggestion.frame.columns))
        elif form == "json":
            output.print_json(_suggestion_as_json(campaign, suggestion))
        else:
            _print_suggestion(campaign, suggestion, target)
        output.say_notes(suggestion.notes)
        if suggestion.advice_sentence:
            output.say_wrapped(f"Advice: {suggestion.advice_sentence}")
        if sheet is not None:
            write(campaign, sheet, [str(id_) for id_ in suggestion.frame["id"]])
        else:
            output.say(_next_step(campaign, suggestion, target))


def predict(words: Words, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Predict the outcomes of recipes.

    FILE is a table of recipes (CSV); or name the settings of one: pvdopt predict lco_lipon.toml bias_kind=none
    anneal_kind=furnace "anneal_temperature_c=650 C" thickness_um=0.5 electrolyte=Lipon
    """
    form = output.choose_form(as_json, as_csv)
    plain, recipe = split_words(words)
    if len(plain) > (1 if recipe else 2) or not words:
        raise UsageError(f"Expected here: {PREDICT}")
    recipes: dict[str, str] | Path = recipe or Path(plain.pop())
    target = plain[0] if plain else None
    with open_target(target) as campaign:
        forecast = campaign.predict(recipes)
        print_forecast(campaign, forecast, form)


def print_forecast(campaign: Campaign, forecast: Forecast, form: output.Form) -> None:
    """Print what is expected of recipes, in the form asked for."""
    rows = output.to_rows(forecast.frame)
    if form == "csv":
        output.print_csv(rows, list(forecast.frame.columns))
    elif form == "json":
        cells = [_row_as_json(campaign, row) for row in rows]
        beside = zip(forecast.leans_on, forecast.warnings, forecast.shares, forecast.theory, strict=True)
        for cell, (near, gaps, shares, most) in zip(cells, beside, strict=True):
            cell.update(leans_on=near, warnings=gaps, shares=shares, theory=most)
        output.print_json({"fingerprint": forecast.fingerprint, "recipes": cells, "notes": forecast.notes})
    else:
        labels = _labels(rows, forecast.frame.index)
        _print_cells(campaign, labels, rows, forecast, campaign.space.fixed, shares=forecast.shares)
    output.say_notes(forecast.notes)


def print_recipes(campaign: Campaign, frame: pd.DataFrame) -> None:
    """Print recipes side by side with their outcomes, each under its id."""
    rows = output.to_rows(frame, index=None if "id" in frame.columns else "id")
    if rows:
        lines = [*_recipe_lines(campaign, rows), [""] * (1 + len(rows)), *_outcome_lines(campaign, rows)]
        output.print_across(["", *(str(row["id"]) for row in rows)], lines)
        _print_absent(campaign, rows)


# -- tables ------------------------------------------------------------------------------------------------------


def _print_suggestion(campaign: Campaign, suggestion: Suggestion, target: str | None) -> None:
    rows = output.to_rows(suggestion.frame)
    labels = [str(row["id"] or number) for number, row in enumerate(rows, start=1)]
    kind = output.count(len(rows), "proposal") + ("" if suggestion.is_recorded else ", not recorded")
    failed = suggestion.n_own - suggestion.n_measured
    own = f"{suggestion.n_own} own" + (f" ({suggestion.n_measured} measured, {failed} failed)" if failed else "")
    learned = f"learned from {own} and {suggestion.n_reported} reported cells"
    output.print_line(f"{campaign.name}: {kind}; {learned}\n", style="bold")
    reasons = [str(row.get("reason") or "") for row in rows]
    _print_cells(campaign, labels, rows, suggestion, suggestion.fixed, reasons, target=target)


def _print_drivers(campaign: Campaign, labels: Sequence[str], suggestion: Suggestion, target: str | None) -> None:
    """Print which settings make the proposals differ from the best so far, the two that matter most each."""
    told: dict[str, dict[str, list[str]]] = {}
    for label, driven, row in zip(labels, suggestion.drivers, output.to_rows(suggestion.frame), strict=False):
        words = "" if driven is None else _driven_words(campaign, driven, row)
        if driven is not None and words:
            told.setdefault(driven.against, {}).setdefault(words, []).append(label)
    if told:
        where = output.as_typed(campaign.folder or target or "")
        # What is not recorded has no id, and is explained by its settings.
        which = labels[0] if suggestion.is_recorded else "NAME=VALUE ..."
        more = f"pvdopt explain {where} {which}"
        output.print_line(f"\nWhat drives it, by predicted medians (more: {more})", style="bold")
        for against, items in told.items():
            output.print_line(f"  against {against}")
            output.print_items([(", ".join(alike), words) for words, alike in items.items()])


def _driven_words(campaign: Campaign, driven: Driven, row: Mapping[str, Any]) -> str:
    """Return how each outcome differs and by which settings, leaving out what hardly moves."""
    units = {objective.name: objective.unit for objective in campaign.objectives}
    texts = []
    for outcome, whole in driven.differs.items():
        least = LEAST_TOLD * abs(float(row.get(outcome) or 0.0))
        parts = sorted(driven.contributions, key=lambda part: -abs(part.adds[outcome]))[:2]
        parts = [part for part in parts if abs(part.adds[outcome]) > least]
        if parts:
            unit = units.get(outcome)
            amount = f"{whole:+.2g}{'' if unit in (None, '', '1') else f' {unit}'}"
            texts.append(f"{outcome} {amount} by {', '.join(_driver(driven, part, outcome) for part in parts)}")
    return "; ".join(texts)


def _driver(driven: Driven, part: Contribution, outcome: str) -> str:
    """Return what a setting adds, with its share of the difference where it is one."""
    from pvdopt.campaign.explain_figure import change_words

    share = driven.share(part, outcome)
    of_it = f" ({share:.0%} of it)" if share is not None and 0.0 <= share <= 1.0 else ""
    return f"{change_words(part.value, part.baseline)}: {part.adds[outcome]:+.2g}{of_it}"


def _print_runs(campaign: Campaign, suggestion: Suggestion) -> None:
    """Print the runs in the order in which they are begun: what is set, for how long, which cells are in."""
    if not suggestion.runs:
        return
    output.print_line("\nRuns", style="bold")
    rows = []
    for run in suggestion.runs:
        settings = ", ".join(
            f"{name} {output.show(value, unit_of(name) or getattr(campaign.space.get(name), 'unit', ''))}"
            for name, value in run.shares.items()
            if not output.is_nothing(value)
        )
        room = "" if run.free is None else f"{run.free} of {run.places} places free"
        label = run.label if run.is_new else f"{run.label} (open)"
        rows.append([label, f"{output.show(run.hours, digits=3)} h", " ".join(run.cells), settings, room])
    output.print_table(["", "lasts", "cells", "set to", ""], rows, wrap=(2, 3))
    if suggestion.hours is not None:
        by_kind = {name: hours for name, hours in suggestion.hours.items() if name != "total"}
        own = suggestion.hours["total"] - sum(by_kind.values())
        parts = [f"{name} {output.show(hours, digits=3)} h" for name, hours in by_kind.items()]
        total = output.show(suggestion.hours["total"], digits=3)
        output.print_line(f"The batch adds {total} h: {', '.join(parts)}, cells {output.show(own, digits=3)} h.")


def _print_cells(
    campaign: Campaign,
    labels: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    basis: Suggestion | Forecast,
    fixed: Mapping[str, Any],
    reasons: Sequence[str] = (),
    shares: Sequence[Mapping[str, Shares]] = (),
    target: str | None = None,
) -> None:
    """Print recipes side by side, then why, where the evidence ends, and what the predictions lean on."""
    lines = [*_recipe_lines(campaign, rows), [""] * (1 + len(rows)), *_outcome_lines(campaign, rows, basis.theory)]
    lines += share_lines(shares)
    numbers: dict[str, int] = {}
    for cell in (cell for near in basis.leans_on for cell in near):
        numbers.setdefault(cell.id, len(numbers) + 1)
    if numbers:
        near = [" ".join(f"[{numbers[cell.id]}]" for cell in near) for near in basis.leans_on]
        lines.append(["leans on", *near])
    output.print_across(["", *labels], lines, n_labels=1)
    _print_absent(campaign, rows)
    if fixed:
        output.print_line("\nThe same in all", style="bold")
        held = (f"{name} {output.show(value, unit_of(name))}" for name, value in fixed.items())
        output.print_items([("", ", ".join(held))], indent=1)
    if isinstance(basis, Suggestion):
        _print_runs(campaign, basis)
    _print_about("Why", labels, [[reason] if reason else [] for reason in reasons])
    if isinstance(basis, Suggestion):
        _print_drivers(campaign, labels, basis, target)
    _print_about("Where the evidence ends", labels, basis.warnings, style="yellow")
    _print_near(basis.leans_on, numbers)


def _recipe_lines(campaign: Campaign, rows: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for name in campaign.space.names:
        unit = getattr(campaign.space[name], "unit", "")
        yield [name, *(output.show(row[name], unit) for row in rows)]
    for name in ("run", "sample"):
        if any(row.get(name) for row in rows):
            yield [name, *(output.show(row.get(name)) for row in rows)]


def _print_absent(campaign: Campaign, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say what a dash among the settings means: a setting that does not apply."""
    absent = [p for p in campaign.space.parameters if p.when and any(output.is_nothing(row[p.name]) for row in rows)]
    if absent:
        told = "; ".join(f"{p.name} {p.condition_text()}" for p in absent)
        output.print_line(f"\n{output.NOTHING}: does not apply ({told})")


def _outcome_lines(
    campaign: Campaign, rows: Sequence[Mapping[str, Any]], theory: Sequence[Mapping[str, float]] = ()
) -> Iterator[list[str]]:
    for objective in campaign.objectives:
        name = objective.name
        values = (output.show_measured(row[name], row.get(f"{name}_qualifier"), digits=3) for row in rows)
        yield [_label(campaign, objective), *values]
        if any(f"{name}_low" in row for row in rows):
            yield ["  80 % within", *(output.show_interval(row[f"{name}_low"], row[f"{name}_high"]) for row in rows)]
            # An interval is that of a factor and knows no bound: what passes theory cannot be.
            if any(row[f"{name}_high"] > most.get(name, math.inf) for row, most in zip(rows, theory, strict=False)):
                yield ["  in theory up to", *(output.show(most.get(name), digits=3) for most in theory)]
        if any(not output.is_nothing(row.get(f"{name}_measured")) for row in rows):
            told = ((row[f"{name}_measured"], row.get(f"{name}_measured_qualifier")) for row in rows)
            yield ["  measured", *(output.show_measured(*each) for each in told)]
    if any(not output.is_nothing(row.get("usable_chance")) for row in rows):
        yield ["usable chance", *(output.show(row["usable_chance"], digits=2) for row in rows)]
    for run in campaign.config.runs():
        if any(run.column in row for row in rows):
            yield [run.column.replace("_", " "), *(output.show(row.get(run.column)) for row in rows)]
    if any("hours" in row for row in rows):
        yield ["adds (h)", *(output.show(row.get("hours"), digits=3) for row in rows)]
    if any(row.get("purpose") for row in rows):
        yield ["purpose", *(output.show(row.get("purpose")) for row in rows)]


def share_lines(shares: Sequence[Mapping[str, Shares]]) -> Iterator[list[str]]:
    """Yield what is known of recipes by where it comes from, a line an outcome; nothing where that is not told."""
    for place, name in enumerate(dict.fromkeys(name for found in shares for name in found)):
        if place == 0:
            yield ["known, by physics/reported/own cells", *([""] * len(shares))]
        parts = ([found[name].physics, found[name].reported, found[name].own] for found in shares)
        yield [f"  {name}", *("/".join(f"{100 * part:.0f}" for part in each) + " %" for each in parts)]


def _print_near(leans_on: Sequence[Sequence[NearCell]], numbers: Mapping[str, int]) -> None:
    if not numbers:
        return
    more = f"pvdopt cells show {next(iter(numbers))}"
    output.print_line(f"\nNearest reported cells (1: alike in all; more: {more})", style="bold")
    items = []
    for id_, number in numbers.items():
        alike = [cell for near in leans_on for cell in near if cell.id == id_]
        low, high = (f"{pick(cell.nearness for cell in alike):.2f}" for pick in (min, max))
        span = low if low == high else f"{low} to {high}"
        items.append((f"[{number}]", f"{alike[0].reference} ({id_}, {span}): {alike[0].summary}"))
    output.print_items(items)


def _print_about(title: str, labels: Sequence[str], texts: Sequence[Sequence[str]], style: str | None = None) -> None:
    """Print each text once, with the recipes it is about; what is about all of them comes first."""
    about: dict[str, list[str]] = {}
    for label, found in zip(labels, texts, strict=False):
        for text in found:
            about.setdefault(text, []).append(label)
    if not about:
        return
    output.print_line(f"\n{title}", style=f"bold {style}" if style else "bold")
    whom = {text: "all" if len(found) == len(labels) > 1 else ", ".join(found) for text, found in about.items()}
    output.print_items(sorted(((w, text) for text, w in whom.items()), key=lambda item: item[0] != "all"))


def _label(campaign: Campaign, objective: Objective) -> str:
    cycles = campaign.config.protocol().cycles
    if objective.name == "retention" and cycles is not None:
        return f"retention at {cycles:g} cycles"
    return objective.name if objective.unit in (None, "", "1") else f"{objective.name} ({objective.unit})"


def _labels(rows: Sequence[Mapping[str, Any]], index: Iterable[Any]) -> list[str]:
    """Return what to call each recipe: its id, else its place, where people count from 1."""
    return [
        str(row.get("id") or (key + 1 if isinstance(key, int) else key)) for row, key in zip(rows, index, strict=True)
    ]


# -- JSON --------------------------------------------------------------------------------------------------------


def _suggestion_as_json(campaign: Campaign, suggestion: Suggestion) -> dict[str, Any]:
    cells = [_row_as_json(campaign, row) for row in output.to_rows(suggestion.frame)]
    drivers = suggestion.drivers or [None] * len(cells)
    beside = zip(suggestion.leans_on, suggestion.warnings, drivers, suggestion.theory, strict=True)
    for cell, (near, gaps, driven, most) in zip(cells, beside, strict=True):
        cell.update(leans_on=near, warnings=gaps, drivers=driven, theory=most)
    return {
        "campaign": campaign.name,
        "is_recorded": suggestion.is_recorded,
        "sampler": suggestion.sampler,
        "seed": suggestion.seed,
        "fingerprint": suggestion.fingerprint,
        "n_own": suggestion.n_own,
        "n_measured": suggestion.n_measured,
        "n_reported": suggestion.n_reported,
        "fixed": suggestion.fixed,
        "runs": suggestion.runs,
        "hours": suggestion.hours,
        "alternatives": suggestion.alternatives,
        "advice": suggestion.advice and {**vars(suggestion.advice), "sentence": suggestion.advice_sentence},
        "proposals": cells,
        "notes": suggestion.notes,
    }


def _row_as_json(campaign: Campaign, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a frame with its recipe and its predictions as objects of their own."""
    predicted, used = {}, set(campaign.space.names)
    for objective in campaign.objectives:
        name = objective.name
        predicted[name] = {
            "median": row[name],
            "low": row[f"{name}_low"],
            "high": row[f"{name}_high"],
            "p": 0.8,
            "unit": objective.unit,
        }
        used |= {name, f"{name}_low", f"{name}_high"}
    rest = {key: value for key, value in row.items() if key not in used}
    recipe = {name: row[name] for name in campaign.space.names}
    return {"id": rest.pop("id", None), "recipe": recipe, "predicted": predicted, **rest}


# -- what to do next ---------------------------------------------------------------------------------------------


def how_to_record(campaign: Campaign, id_: str) -> str:
    """Return the command that records a cell, its values left blank."""
    names = [objective.name for objective in campaign.objectives]
    # Capacity and thickness say the areal capacity.
    values = " ".join(f"{n}=..." for n in names if not (n == "areal_capacity" and "capacity" in names))
    where = "" if campaign.folder is None else f" {output.as_typed(campaign.folder)}"
    return f"pvdopt record{where} {id_} {values}"


def _next_step(campaign: Campaign, suggestion: Suggestion, target: str | None) -> str:
    if suggestion.is_recorded and campaign.folder is not None:
        return f"Next: make the cells, then  {how_to_record(campaign, suggestion.frame['id'].iloc[0])}"
    if campaign.is_preview:
        begin = f"pvdopt init {campaign.name} --from {output.as_typed(target or '')}"
        return f"Nothing was written. To begin a campaign:  {begin}"
    return NOTHING_WRITTEN
