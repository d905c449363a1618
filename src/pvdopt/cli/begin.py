"""``pvdopt init``: begin a campaign, from a file, from a few answers, or from an export of another one."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.campaign.folder import CONFIG_FILE, rename_config
from pvdopt.cli import output
from pvdopt.cli.arguments import STUDIES, DryRun
from pvdopt.errors import UsageError
from pvdopt.output_files import write_text

if TYPE_CHECKING:
    from pvdopt.config.draft import Answers

#: A list on the command line is one word, its parts apart by commas.
_LIST = "NAME,NAME"


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name; its folder is studies/NAME.")],
    config: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE.toml", help="The campaign file to copy, or a shipped one's bare name."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--from-export", metavar="FOLDER", help="Begin it again from an export, with all its facts."),
    ] = None,
    cathode: Annotated[str | None, typer.Option("--cathode", metavar="NAME", help="Such as LiCoO2.")] = None,
    method: Annotated[
        str | None, typer.Option("--method", metavar="NAME", help="Such as rf_sputtering or pld.")
    ] = None,
    substrates: Annotated[
        str | None, typer.Option("--substrates", metavar=_LIST, help="Those to choose among, or the only one.")
    ] = None,
    objectives: Annotated[
        str | None, typer.Option("--objectives", metavar=_LIST, help="Of capacity, areal_capacity, retention.")
    ] = None,
    electrolytes: Annotated[
        str | None, typer.Option("--electrolytes", metavar=_LIST, help="Those to choose among, or the only one.")
    ] = None,
    bias: Annotated[
        str | None, typer.Option("--bias", metavar="rf,dc", help="Supplies of a substrate bias, or none.")
    ] = None,
    anneals: Annotated[
        str | None, typer.Option("--anneals", metavar="furnace,rta", help="Ways to anneal, or none.")
    ] = None,
    hottest: Annotated[
        float | None, typer.Option("--hottest", metavar="C", help="Hottest they go, in C; 1000 by default.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Begin a campaign in a folder of its own.

    Copies a campaign file (--from), or writes one, with comments, from what you have: on a terminal it asks for what
    you do not name, such as

    pvdopt init lco --cathode LiCoO2 --method rf_sputtering --substrates Pt/Ti/Si --bias rf
    """
    folder = Path(name) if Path(name).name != name else Path(STUDIES) / name
    from pvdopt.config.schema import is_name

    if not is_name(folder.name):
        raise UsageError(f"{name!r}: a campaign's name must be letters, digits, _ and - only, since it names a folder.")
    told = {
        "cathode": cathode,
        "method": method,
        "substrates": substrates,
        "objectives": objectives,
        "electrolytes": electrolytes,
        "bias": bias,
        "anneals": anneals,
        "hottest": None if hottest is None else f"{hottest:g}",
    }
    given = {key: text for key, text in told.items() if text is not None}
    n_ways = (config is not None) + (export is not None) + bool(given)
    if n_ways > 1:
        raise UsageError(
            "A campaign begins from --from, from --from-export or from answers such as --cathode: name one."
        )
    if export is not None:
        _go_on(export, folder, dry_run)
    elif config is not None:
        _copy(config, folder, dry_run)
    else:
        _draft(folder, given, dry_run)


def _go_on(export: Path, folder: Path, dry_run: bool) -> None:
    from pvdopt.campaign import Campaign
    from pvdopt.campaign.exchange import read_export

    if dry_run:
        _, facts = read_export(export)
        output.say(f"{folder.name} would go on in {folder.as_posix()}, {output.count(len(facts), 'fact')}")
        return
    with Campaign.from_export(export, folder) as campaign:
        n_facts = campaign.own_cells().state.n_facts
        output.print_line(f"{campaign.name} goes on in {folder.as_posix()}, {output.count(n_facts, 'fact')}")
    output.say(f"See where it stands:  pvdopt status {output.as_typed(folder)}")


def _copy(config: str, folder: Path, dry_run: bool) -> None:
    from pvdopt.campaign import Campaign
    from pvdopt.config import load_config
    from pvdopt.config.reading import find_config, read_config_text

    source = find_config(config)
    # Faults are named where the user can mend them, not in the copy.
    load_config(source)
    text = rename_config(read_config_text(source), folder.name)
    if dry_run:
        print(text, end="")
        output.say(f"{folder.name} would begin in {folder.as_posix()} with this file.")
        return
    with Campaign.create(folder, text, source=source.parent) as campaign:
        output.print_line(f"{campaign.name} begins in {folder.as_posix()}")
    _say_next(folder)


def _draft(folder: Path, given: dict[str, str], dry_run: bool) -> None:
    import json

    from pvdopt.campaign import Campaign
    from pvdopt.config import json_schema
    from pvdopt.config.draft import SCHEMA_FILE, write_draft

    is_asked = sys.stdin.isatty()
    missing = [key for key in ("cathode", "method", "substrates") if key not in given]
    if missing and not is_asked:
        options = ", ".join(f"--{key}" for key in missing)
        raise UsageError(
            f"A new campaign needs a campaign file (--from lco_lipon.toml), or to be told {options}. On a terminal, "
            f"pvdopt init {folder.name} asks."
        )
    answers = _ask(given) if is_asked and missing else _read(given)
    text = write_draft(folder.name, answers)
    if dry_run:
        print(text, end="")
        output.say(f"{folder.name} would begin in {folder.as_posix()} with this file.")
        return
    with Campaign.create(folder, text) as campaign:
        output.print_line(f"{campaign.name} begins in {folder.as_posix()}")
    schema = json.dumps(json_schema(), indent=1)
    write_text(folder / SCHEMA_FILE, schema + "\n")
    _say_next(folder)


def _say_next(folder: Path) -> None:
    output.say(f"Look through {(folder / CONFIG_FILE).as_posix()}, then:  pvdopt suggest {output.as_typed(folder)}")


# -- answers -------------------------------------------------------------------------------------------------------


def _read(given: dict[str, str]) -> Answers:
    """Return the answers that the options give; the others are as they are by default."""
    from pvdopt.config.draft import Answers

    found = Answers(given["cathode"], given["method"], _split(given["substrates"]))
    lists = {"objectives": "goals", "electrolytes": "electrolytes", "bias": "bias", "anneals": "anneals"}
    changes: dict[str, tuple[str, ...]] = {lists[key]: _split(given[key]) for key in lists if key in given}
    found = replace(found, **changes)  # type: ignore[arg-type]
    return replace(found, hottest_c=float(given["hottest"])) if "hottest" in given else found


def _split(text: str) -> tuple[str, ...]:
    """Return the parts of a list; the word none stands for an empty one.

    Examples
    --------
    >>> _split("rf, dc"), _split("none")
    (('rf', 'dc'), ())
    """
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    return () if parts == ("none",) else parts


def _ask(given: dict[str, str]) -> Answers:
    """Ask for what was not given; Enter takes what stands in brackets."""
    from pvdopt.materials import methods

    output.say("A few questions; Enter takes what stands in brackets. All of it can be changed in the file afterwards.")
    told = dict(given)

    def ask(key: str, name: str, question: str, default: str, is_list: bool = True) -> None:
        if key not in told:
            told[key] = _prompt(name, question, default, is_list)

    ask("cathode", "cathode", "Which cathode?", "LiCoO2", is_list=False)
    ask("method", "method", "Deposited by?", "rf_sputtering", is_list=False)
    ask("substrates", "substrate", "On which substrates?", "Pt/Ti/Si")
    ask("electrolytes", "electrolyte", "Which electrolytes can you make?", "Lipon")
    takes_bias = told["method"] in methods() and methods()[told["method"]].bias_possible
    if takes_bias:
        ask("bias", "bias", "Supplies of a substrate bias, or none?", "rf")
    ask("anneals", "anneal", "Ways to anneal, or none?", "furnace,rta")
    if told["anneals"] != "none" and "hottest" not in told:
        told["hottest"] = f"{typer.prompt('Hottest they go, in C?', default=1000.0, type=float, err=True):g}"
    ask("objectives", "objective", "What counts?", "capacity,retention")
    return _read(told)


def _prompt(name: str, question: str, default: str, is_list: bool) -> str:
    """Ask until every word of the answer is known."""
    from pvdopt.config.draft import choices_of
    from pvdopt.wording import closest

    choices = choices_of(name)
    output.say("\n" + textwrap.fill(", ".join(choices), output.WIDTH, initial_indent="  ", subsequent_indent="  "))
    while True:
        text = str(typer.prompt(question, default=default, err=True)).strip()
        words: Sequence[str] = _split(text) if is_list else [text]
        unknown = [word for word in words if word not in choices]
        is_open = not words and name not in ("bias", "anneal")
        if not unknown and not is_open:
            return text
        for word in unknown:
            output.say(f"  {word} is not known. {closest(word, choices)}")
