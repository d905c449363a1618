"""``pvdopt ledger``: check a campaign's record, copy it, go back to a copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.campaign.folder import CONFIG_FILE, find_ledger
from pvdopt.cli import output
from pvdopt.cli.arguments import AsJson, DryRun, Folder, Words, find_folder, take_folder, with_usage
from pvdopt.errors import DataInvalid, Problem, PvdoptError

if TYPE_CHECKING:
    from pvdopt.ledger import Ledger

group = typer.Typer(no_args_is_help=True)

#: What the words of a copy's commands are.
COPY = "[FOLDER] FILE"


@group.command("check")
def check(
    folder: Folder = None,
    digest: Annotated[
        bool, typer.Option("--digest", help="Print the SHA-256 of all facts: equal digests, equal ledgers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that the ledger is whole.

    No gap, nothing about unknown cells, no fact changed, added or taken away by other means, no cell that `record`
    would refuse; exit code 3 if not so.
    """
    from pvdopt.ledger import Ledger

    with Ledger.open(ledger_at(folder)) as ledger:
        # What the cells are is asked only where it can be read what they are.
        problems = ledger.check() or _find_false(find_folder(folder), ledger)
        n_facts = 0 if problems else ledger.n_facts()
        found = ledger.digest() if digest and not problems else None
    if as_json:
        output.print_json({"ledger": ledger.name, "facts": n_facts, "digest": found, "problems": problems})
    else:
        output.print_problems(problems)
        if found is not None:
            print(found)
    if problems:
        raise typer.Exit(DataInvalid.exit_code)
    output.say(f"{ledger.name}: {output.count(n_facts, 'fact')}, whole")


def _find_false(folder: Path, ledger: Ledger) -> list[Problem]:
    """Return what cannot be true of the cells, where there is a campaign file to hold them against."""
    from pvdopt.campaign.fact_checks import find_false_facts
    from pvdopt.config import load_config

    try:
        config = load_config(folder / CONFIG_FILE)
    except PvdoptError:
        # What is wrong with the file is the business of `pvdopt config check`; the ledger is whole without it.
        return []
    return find_false_facts(ledger.facts(), config, ledger.name)


@group.command("backup", cls=with_usage(COPY))
def backup(words: Words, dry_run: DryRun = False) -> None:
    """Copy the ledger into a new file.

    Others may go on writing meanwhile.
    """
    from pvdopt.ledger.copies import back_up, check_copy, require_new

    folder, (file,) = take_folder(words, 1, COPY)
    if dry_run:
        require_new(Path(file))
        n_facts = check_copy(ledger_at(str(folder)))
        output.say(f"{file}: a copy with {output.count(n_facts, 'fact')} would be written")
        return
    n_facts = back_up(ledger_at(str(folder)), file)
    output.say(f"{file}: a copy with {output.count(n_facts, 'fact')}")
    output.say(f"To go back to it:  pvdopt ledger restore {output.as_typed(folder)} {output.as_typed(Path(file))}")


@group.command("restore", cls=with_usage(COPY))
def restore(words: Words, dry_run: DryRun = False) -> None:
    """Put a copy in the ledger's place.

    The ledger that was there is kept beside it.
    """
    from pvdopt.ledger import copies

    folder, (file,) = take_folder(words, 1, COPY)
    if dry_run:
        n_facts = copies.check_restore(file, ledger_at(str(folder)))
        output.say(f"{folder.as_posix()}: would be restored from {file}, {output.count(n_facts, 'fact')}")
        return
    former = copies.restore(file, ledger_at(str(folder)))
    output.say(f"{folder.as_posix()}: restored from {file}" + (f"; the former ledger is {former}" if former else ""))


def ledger_at(folder: str | None) -> Path | str:
    """Return the ledger of a campaign's folder, which need not hold a campaign file that can be read."""
    return find_ledger(find_folder(folder))
