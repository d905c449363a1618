"""``pvdopt config``: check a campaign file, print the schema of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.campaign.folder import CONFIG_FILE
from pvdopt.cli import output
from pvdopt.cli.arguments import AsJson, find_folder, is_config, unit_of
from pvdopt.errors import ConfigInvalid

if TYPE_CHECKING:
    from pvdopt.config import CampaignConfig
    from pvdopt.objectives import Objective

group = typer.Typer(no_args_is_help=True)


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
