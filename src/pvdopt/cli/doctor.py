"""``pvdopt doctor``: does everything pvdopt needs work on this machine, in this folder?"""

from __future__ import annotations

import platform
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import typer

from pvdopt.campaign_folder import CONFIG_FILE, find_ledger
from pvdopt.cli import output
from pvdopt.cli.arguments import AsJson
from pvdopt.errors import PvdoptError


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and what was seen."""

    what: str
    is_fine: bool
    seen: str


def doctor(as_json: AsJson = False) -> None:
    """Check that pvdopt works on this machine.

    Looks at the installation, the data it brings, and whether this folder can hold a ledger; exit code 1 if not so.
    """
    found = list(_examine())
    if as_json:
        output.print_json(found)
    else:
        output.print_table(["", "", ""], [["ok" if f.is_fine else "FAULT", f.what, f.seen] for f in found], wrap=[2])
    if not all(f.is_fine for f in found):
        raise typer.Exit(PvdoptError.exit_code)


def _examine() -> Iterator[Finding]:
    yield Finding("python", True, f"{platform.python_version()}, {platform.platform(terse=True)}")
    yield Finding("pvdopt", True, metadata.version("pvdopt"))
    yield _packages()
    yield _shipped()
    yield _folder()
    yield from _databases()


def _packages() -> Finding:
    """Look for what pvdopt needs at any rate, extras left out."""
    found, missing = [], []
    for line in metadata.requires("pvdopt") or []:
        if "extra ==" in line:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", line)[0]
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", False, f"missing: {', '.join(missing)}")
    return Finding("packages", True, ", ".join(found))


def _shipped() -> Finding:
    from pvdopt.cells import reported_cells
    from pvdopt.config import shipped_names

    table, names = reported_cells(), shipped_names()
    seen = f"{output.count(len(table.frame), 'reported cell')}; {', '.join(names) or 'no campaign files'}"
    return Finding("data", not table.refused and bool(names), seen)


def _folder() -> Finding:
    """Make a ledger here and let it go again: a network drive may refuse what SQLite asks of it."""
    from pvdopt.ledger import Ledger
    from pvdopt.ledger.drives import find_network, read_journal

    here = Path.cwd()
    network = find_network(here)
    several = "a folder that several machines write to needs PostgreSQL (storage in the campaign file)"
    try:
        with (
            tempfile.TemporaryDirectory(dir=here, prefix=".pvdopt-") as folder,
            Ledger.create(Path(folder) / "try.sqlite", "try") as ledger,
        ):
            ledger.add_note({"event": "tried"})
            author, journal = ledger.author, read_journal(ledger)
    except (OSError, PvdoptError) as error:
        return Finding("this folder", False, f"{here} cannot hold a ledger: {error} Choose a local folder; {several}")
    seen = f"{here} can hold a ledger ({journal} journal); facts are signed by {author}"
    if network is not None or journal != "wal":
        seen += f". It is {f'on a network drive ({network})' if network else 'no local disk'}: "
        seen += f"let one machine at a time write here; {several}"
    return Finding("this folder", True, seen)


def _databases() -> Iterator[Finding]:
    """Open the ledgers that the campaigns here keep in a database."""
    from pvdopt.cli.arguments import STUDIES
    from pvdopt.ledger import Ledger

    for folder in [Path(), *sorted(path.parent for path in Path(STUDIES).glob(f"*/{CONFIG_FILE}"))]:
        place = find_ledger(folder)
        if isinstance(place, Path):
            continue
        try:
            with Ledger.open(place) as ledger:
                seen = f"{ledger.name}: reached, {output.count(ledger.n_facts(), 'fact')}"
        except PvdoptError as error:
            yield Finding(f"ledger of {folder.resolve().name}", False, str(error))
        else:
            yield Finding(f"ledger of {folder.resolve().name}", True, seen)
