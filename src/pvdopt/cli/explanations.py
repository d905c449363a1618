"""``pvdopt explain``: where a prediction comes from, what each setting adds, and what else would do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, Words, is_config, open_target, split_words, unit_of
from pvdopt.cli.proposals import share_lines
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.campaign.explaining import Explanation, SliceRow

#: What the words of `explain` are.
EXPLAIN = "[FOLDER | FILE.toml] ID | NAME=VALUE ..."


def explain(
    words: Words,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="ID", help="Cell to compare with; by default the best measured, else reported, one."
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Also draw it: .html, .svg, .png or .pdf.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Explain a prediction: of a cell by its ID, or of a recipe.

    Shown are what is known by physics, reported and own cells; what each setting adds against a baseline recipe;
    predictions with one setting varied, beside the number of cells that state it (a number: one nearer to it than to
    the next value shown); and the nearest cells. --csv gives the slices.

    For a recipe name all settings: pvdopt explain lco_lipon.toml bias_kind=none anneal_kind=furnace
    "anneal_temperature_c=650 C" thickness_um=0.5 electrolyte=Lipon
    """
    form = output.choose_form(as_json, as_csv)
    plain, recipe = split_words(words)
    asked = recipe or (plain.pop() if plain else None)
    if not asked or len(plain) > 1 or (isinstance(asked, str) and is_config(asked)):
        raise UsageError(f"Expected here: {EXPLAIN}")
    with open_target(plain[0] if plain else None) as campaign:
        found = campaign.explain(asked, against)
    if figure is not None:
        from pvdopt.campaign.explain_figure import draw_explanation

        draw_explanation(found, figure)
    if form == "json":
        output.print_json(found)
    elif form == "csv":
        from pvdopt.campaign.explaining import SLICE_COLUMNS, slice_rows

        output.print_csv(slice_rows(found), SLICE_COLUMNS)
    else:
        _print_explanation(found)
    output.say_notes(found.notes)
    if figure is not None:
        output.say(f"Drawn: {figure}")


def _print_explanation(found: Explanation) -> None:
    from pvdopt.campaign.explain_figure import outcome_label

    output.print_line(found.id or "This recipe", style="bold")
    settings = ", ".join(
        f"{n} {output.show(v, unit_of(n))}" for n, v in found.recipe.items() if not output.is_nothing(v)
    )
    output.print_items([("", settings)], indent=1)
    if found.reason:
        output.print_items([("", f"When it was proposed: {found.reason}")], indent=1)
    rows = [
        [outcome_label(found, name), output.show(e.median, digits=3), output.show_interval(e.low, e.high)]
        for name, e in found.expected.items()
    ]
    headings = ["", "predicted", "80 % within"]
    if any(e.high > found.theory.get(name, math.inf) for name, e in found.expected.items()):
        headings.append("in theory up to")
        rows = [[*row, output.show(found.theory.get(n), digits=3)] for row, n in zip(rows, found.expected, strict=True)]
    output.print_table(headings, rows, "")
    lines = list(share_lines([found.shares]))
    if lines:
        output.print_line()
        output.print_table(["", ""], lines)
    _print_contributions(found)
    if found.slices:
        counted = "cells are counted at the value shown that is nearest to theirs"
        output.print_line(f"\nWith one setting varied; {counted}", style="bold")
    for name, places in found.slices.items():
        _print_slice(found, name, places)
    if found.not_varied:
        absent = "; ".join(f"{name} ({when})" for name, when in found.not_varied.items())
        output.print_line(f"\nNot varied, since it does not apply here: {absent}")
    for title, near in (("Nearest own cells", found.near_own), ("Nearest reported cells", found.near)):
        if near:
            output.print_line(f"\n{title} (1: alike in all)", style="bold")
            output.print_items([(f"{c.nearness:.2f}", f"{c.reference} ({c.id}): {c.summary}") for c in near])
    _print_alternatives(found)
    if found.warnings:
        output.print_line("\nWhere the evidence ends", style="bold yellow")
        output.print_items([("", text) for text in found.warnings], indent=1)


def _print_alternatives(found: Explanation) -> None:
    if not found.alternatives:
        return
    title = "\nConsidered when it was proposed, as predicted then, and why it came second"
    output.print_line(title, style="bold")
    items = []
    for other in found.alternatives:
        recipe = ", ".join(output.show(v, unit_of(n)) for n, v in other["recipe"].items() if not output.is_nothing(v))
        expected = ", ".join(f"{name} {output.show(v, digits=3)}" for name, v in other["predicted"].items())
        items.append(("", f"{recipe}: {expected} predicted; {other['why']}"))
    output.print_items(items, indent=1)


def _print_contributions(found: Explanation) -> None:
    from pvdopt.campaign.explain_figure import change_words

    output.print_line(f"\nWhat each setting adds to the median, against {found.against}", style="bold")
    if not found.contributions:
        output.print_line("  nothing: the recipes are the same")
        return
    names = list(found.expected)
    first = names[0]
    rows = [["  baseline", *(output.show(found.expected_of_baseline[n].median, digits=3) for n in names)]]
    for c in sorted(found.contributions, key=lambda c: -abs(c.adds[first])):
        added = (_show_added(c.adds[n], found.expected[n].median) for n in names)
        rows.append([f"  {change_words(c.value, c.baseline)}", *added])
    rows.append(["  this recipe", *(output.show(found.expected[n].median, digits=3) for n in names)])
    output.print_table(["", *names], rows, wrap=(0,))


def _show_added(value: float, median: float) -> str:
    """Return a difference to the digits that a median of this size is shown with.

    Examples
    --------
    >>> _show_added(-3.914, 50.8), _show_added(-0.00024, 0.937), _show_added(20.16, 204.0)
    ('-3.9', '0', '+20')
    """
    decimals = max(0, 2 - math.floor(math.log10(abs(median)))) if median else 3
    return "0" if round(value, decimals) == 0 else f"{value:+.{decimals}f}"


def _print_slice(found: Explanation, name: str, places: list[SliceRow]) -> None:
    from pvdopt.campaign.explain_figure import setting_words

    names = list(found.expected)
    rows = []
    for place in places:
        mark = "*" if place.is_here else "x" if not place.is_allowed else ""
        cells = [
            f"{output.show(e.median, digits=3)} ({output.show_interval(e.low, e.high)})"
            for e in (place.expected[n] for n in names)
        ]
        rows.append([f"  {setting_words(place.value, name)} {mark}", *cells, str(place.n_own), str(place.n_reported)])
    output.print_line()
    output.print_table([f"{name} varied", *names, "own", "reported"], rows, wrap=())
    if any(not place.is_allowed for place in places):
        output.print_line("  x: may not be made in this campaign")
