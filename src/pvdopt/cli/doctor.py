"""``pvdopt doctor``: does everything pvdopt needs work on this machine, in this folder?"""

from __future__ import annotations

import errno
import platform
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import typer

from pvdopt.campaign.folder import CONFIG_FILE, find_ledger
from pvdopt.cli import output
from pvdopt.cli.arguments import STUDIES, AsJson, Folder, find_folder
from pvdopt.errors import PvdoptError, what_the_system_says
from pvdopt.redaction import redact


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and what was seen."""

    what: str
    is_fine: bool
    seen: str


def doctor(folder: Folder = None, as_json: AsJson = False) -> None:
    """Check that pvdopt works on this machine, in this folder.

    Looks at the installation, the data it brings, and whether a ledger can be kept here; and at the campaign that is
    named (in place of this folder) or, without a name, at all that are here: campaign file, whether its folder can be
    written, record, models. Exit code 1 if anything is wrong;
    then it says what to do.
    """
    found = list(_examine(folder))
    if as_json:
        output.print_json(found)
    else:
        output.print_table(["", "", ""], [["ok" if f.is_fine else "FAULT", f.what, f.seen] for f in found], wrap=[2])
    if not all(f.is_fine for f in found):
        raise typer.Exit(PvdoptError.exit_code)


def _examine(folder: str | None) -> Iterator[Finding]:
    yield Finding("python", True, f"{platform.python_version()}, {platform.platform(terse=True)}")
    yield Finding("pvdopt", True, metadata.version("pvdopt"))
    yield _packages()
    yield _extras()
    yield _shipped()
    if folder is None:
        yield _folder()
    for place in _campaigns(folder):
        yield from _campaign(place)


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


_SEVERAL = "a folder that several machines write to needs PostgreSQL (storage in the campaign file)"
#: What to do about a folder or file that cannot be written, by the system's code.
_TODO = {
    errno.ENOSPC: "Make room on that drive",
    errno.EDQUOT: "Make room: your share of that drive is used up",
    errno.EROFS: "The drive takes no writing: have it mounted for that, or move the campaign onto another one",
    errno.EACCES: "See that you may write there: whose it is, and its rights",
    errno.EPERM: "See that you may write there: whose it is, and its rights",
}
#: SQLite's codes for the same (https://www.sqlite.org/rescode.html).
_SQLITE_TODO = {13: _TODO[errno.ENOSPC], 8: _TODO[errno.EACCES], 14: _TODO[errno.EACCES]}


def _folder(folder: Path | None = None, what: str = "this folder") -> Finding:
    """Make a ledger in a folder and let it go again: a network drive may refuse what SQLite asks of it."""
    from pvdopt.ledger import Ledger
    from pvdopt.ledger.drives import find_network, read_journal

    here = Path.cwd() if folder is None else folder
    network = find_network(here)
    try:
        with (
            tempfile.TemporaryDirectory(dir=here, prefix=".pvdopt-") as place,
            Ledger.create(Path(place) / "try.sqlite", "try") as ledger,
        ):
            ledger.add_note({"event": "tried"})
            author, journal = ledger.author, read_journal(ledger)
    except (OSError, PvdoptError) as error:
        return Finding(what, False, f"{here} cannot hold a ledger: {_why(error)}")
    seen = f"{here} can hold a ledger ({journal} journal); facts are signed by {author}"
    if network is not None or journal != "wal":
        seen += f". It is {f'on a network drive ({network})' if network else 'no local disk'}: "
        seen += f"let one machine at a time write here; {_SEVERAL}"
    return Finding(what, True, seen)


def _why(error: OSError | PvdoptError) -> str:
    """Return what was refused, and what to do about that very cause."""
    said = f"{what_the_system_says(error)}." if isinstance(error, OSError) else str(error)
    cause: BaseException | None = error
    while cause is not None:
        driver = getattr(cause, "orig", cause)
        known = _TODO.get(getattr(driver, "errno", None) or 0)
        known = known or _SQLITE_TODO.get((getattr(driver, "sqlite_errorcode", None) or 0) & 0xFF)
        if known:
            return f"{said} {known}."
        cause = cause.__cause__
    return f"{said} Choose a local folder; {_SEVERAL}."


def _writable(name: str, folder: Path, ledger: Path) -> Finding:
    """Look whether a campaign's folder takes new files and its ledger takes facts; nothing in either changes."""
    what = f"{name}: folder"
    try:
        # Before the ledger is opened: closing the file again would let go of SQLite's locks on it.
        with ledger.open("rb+"):
            pass
    except OSError as error:
        return Finding(what, False, f"{ledger} can be read and not written: {_why(error)}")
    return _folder(folder, what)


#: What some commands need beyond the rest, and the extra that brings it.
_EXTRAS = {
    "matplotlib": "figures as PNG and SVG: figures",
    "optuna-dashboard": "pvdopt dashboard: dashboard",
    "psycopg": "ledgers in PostgreSQL: postgres",
    "distributed": "many machines: dask",
}


def _extras() -> Finding:
    """Name the extras that are there and what is missed without the others; none is needed."""
    found, missing = [], []
    for name, what in _EXTRAS.items():
        use, _, extra = what.partition(": ")
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(f"{use} (pip install 'pvdopt[{extra}]')")
    seen = ", ".join(found) or "none"
    return Finding("extras", True, f"{seen}; without: {', '.join(missing)}" if missing else seen)


def _campaigns(folder: str | None) -> list[Path]:
    """Return the campaign that is named, else all that are in this folder and in studies."""
    if folder is not None:
        return [find_folder(folder)]
    here = [Path()] if Path(CONFIG_FILE).is_file() else []
    return [*here, *sorted(path.parent for path in Path(STUDIES).glob(f"*/{CONFIG_FILE}"))]


def _campaign(folder: Path) -> Iterator[Finding]:
    """Look at a campaign's file, its record and the models that are kept of it."""
    from pvdopt.campaign.folder import MODELS_FOLDER, require_campaign
    from pvdopt.config import load_config
    from pvdopt.ledger import Ledger

    name, place = folder.resolve().name, find_ledger(folder)
    try:
        require_campaign(folder)
        doubts = load_config(folder / CONFIG_FILE).doubts
    except PvdoptError as error:
        yield Finding(f"{name}: campaign file", False, redact(str(error)))
        if isinstance(place, Path) and not place.is_file():
            # That there is none was just said.
            return
    else:
        seen = "; ".join(p.sentence() for p in doubts) or "can be used"
        yield Finding(f"{name}: campaign file", True, seen)
    if isinstance(place, Path):
        yield _writable(name, folder, place)
    try:
        with Ledger.open(place) as ledger:
            problems = ledger.check()
            seen = f"{ledger.name}: {output.count(0 if problems else ledger.n_facts(), 'fact')}, whole"
    except PvdoptError as error:
        yield Finding(f"{name}: ledger", False, redact(str(error)))
    else:
        faults = "; ".join(p.sentence() for p in problems[:5])
        copy = f"pvdopt ledger restore {output.as_typed(folder)} COPY"
        todo = f"Go back to a copy: {copy}; or ask for help with the file as it is"
        yield Finding(f"{name}: ledger", not problems, f"{faults} {todo}." if problems else seen)
    yield _models(name, folder / MODELS_FOLDER)


def _models(name: str, folder: Path) -> Finding:
    """Say how much the kept models take; they may be deleted at any time."""
    sizes = [path.stat().st_size for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    seen = f"{output.count(len(sizes), 'file')}, {sum(sizes) / 1e6:.1f} MB; made anew if deleted"
    return Finding(f"{name}: models", True, seen if sizes else "none kept yet")
