"""``pvdopt config``: check a campaign file, print the schema of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.campaign.folder import CONFIG_FILE
from pvdopt.cli import output
from pvdopt.cli.arguments import AsCsv, AsJson, find_folder, is_config, unit_of
from pvdopt.errors import ConfigInvalid, DataInvalid, Problem
from pvdopt.wording import closest

if TYPE_CHECKING:
    from pvdopt.columns import Column
    from pvdopt.config import CampaignConfig
    from pvdopt.objectives import Objective

group = typer.Typer(no_args_is_help=True)

#: What a campaign file and a table of results may name.
GROUPS = ("materials", "deposition", "stack", "anneal", "protocol", "outcome")
#: Choices that a line lists; of a name with more it tells how many.
N_TOLD = 6


@group.command("check")
def check(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A campaign file, a shipped one's bare name, or a campaign's folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a campaign file; list every fault at once.

    Exit code 3 if there is any. What may not be made together is said by [[constraints]], each with a type:

    \b
        type = "exclude"   when = { anneal_kind = ["furnace"], thickness_um = { above = 3 } }
        type = "limit"     parameter = "anneal_temperature_c"  by = "substrate"  at_most = { mica = 520 }
        type = "sum"       weights = { thickness_um = 1, electrolyte_thickness_um = 1 }  high = 6

    An exclude takes any number of conditions, which must all hold: choices, or above, below, from, to. A limit has
    at_most, at_least or both; a sum low, high or both. Each but the sum may say why = "...", for whoever asks.
    """
    from pvdopt.config import load_config

    path = Path(file) if file is not None and is_config(file) else find_folder(file) / CONFIG_FILE
    try:
        config = load_config(path)
    except ConfigInvalid as error:
        if as_json:
            output.print_json({"file": str(path), "problems": error.problems})
        else:
            output.print_problems(error.problems)
        output.say(f"{path}: {output.count(len(error.problems), 'error')}")
        raise typer.Exit(ConfigInvalid.exit_code) from error
    if as_json:
        output.print_json({"file": str(path), "problems": config.doubts, "fingerprint": config.fingerprint()})
    else:
        _print_config(config)
        output.print_problems(config.doubts)
    output.say(f"{path}: can be used, {output.count(len(config.doubts), 'doubt')}")


@group.command("schema")
def schema() -> None:
    """Print the JSON Schema of campaign files.

    For editors that check while one types.
    """
    from pvdopt.config import json_schema

    output.print_json(json_schema())


@group.command("names")
def list_names(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A setting or outcome: then what it may be.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List settings and outcomes, or what one may be.

    Such as all electrolytes: pvdopt config names electrolyte. A name that is not here may be a setting of your own.
    """
    from pvdopt.columns import vocabulary

    form = output.choose_form(as_json, as_csv)
    known = {n: c for n, c in vocabulary().items() if c.group in GROUPS}
    if name is None:
        rows = [{"name": n, "may be": _may_be(c), "meaning": c.meaning} for n, c in known.items()]
        output.print_rows(rows, ["name", "may be", "meaning"], form, wrap=["may be", "meaning"])
        return
    if name not in known:
        todo = closest(name, known) or "See `pvdopt config names` for all of them"
        raise DataInvalid(Problem("is no setting or outcome of the vocabulary", name, todo))
    found = known[name]
    if found.levels:
        output.print_rows([{name: level} for level in found.levels], [name], form)
    else:
        row = {"name": name, "may be": _may_be(found), "meaning": found.meaning, "basis": found.limits_basis}
        output.print_rows([row], list(row), form, wrap=["meaning", "basis"])


def _may_be(declared: Column) -> str:
    if len(declared.levels) > N_TOLD:
        return f"one of {len(declared.levels)}"
    return declared.range_text()


def _print_config(config: CampaignConfig) -> None:
    space = config.space()
    rows = []
    for parameter in space.parameters:
        only = f"only with {parameter.parent} {', '.join(parameter.parent_choices)}" if parameter.parent else ""
        rows.append([parameter.name, parameter.range_text(), only])
    output.print_table(["varied", "", ""], rows, wrap=[1, 2])
    if space.fixed:
        output.print_line()
        fixed = [[name, output.show(value, unit_of(name))] for name, value in space.fixed.items()]
        output.print_table(["fixed", ""], fixed)
    tested = config.protocol().columns()
    if tested:
        output.print_line()
        output.print_table(["tested at", ""], [[name, output.show(v, unit_of(name))] for name, v in tested.items()])
    output.print_line()
    output.print_table(["wanted", ""], [[o.name, _aim(o)] for o in config.objectives()])


def _aim(objective: Objective) -> str:
    """Return what an objective asks for, in words."""
    sign = "at most" if objective.maximize is False else "at least"
    limit = "" if objective.threshold is None else f"{sign} {output.show(objective.threshold, objective.unit)}"
    if objective.is_constraint:
        return limit
    direction = "more is better" if objective.maximize else "less is better"
    return f"{direction}, {limit}" if limit else direction
