"""A campaign's folder: its files and how it is made. Knows files, no model.

``campaign.toml`` (with the files it names), ``ledger.sqlite`` unless the campaign file names a database for the ledger,
and ``models/``, a cache that may be deleted.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from pvdopt.errors import ConfigInvalid, DataInvalid, Problem, PvdoptError, what_the_system_says
from pvdopt.wording import as_typed

if TYPE_CHECKING:
    from pvdopt.config import CampaignConfig
    from pvdopt.ledger.facts import Fact

CONFIG_FILE = "campaign.toml"
LEDGER_FILE = "ledger.sqlite"
MODELS_FOLDER = "models"
#: Before a campaign's name it makes a schema's, so that no campaign meets a schema of PostgreSQL's own or of others.
_SCHEMA_PREFIX = "pvdopt_"
REPORT_FILE = "report.html"


#: Names of what was being written when a process died; it belongs to nobody once that process is gone.
_ASIDE = re.compile(r"\..+\.\d+\.aside")


def make_folder(
    folder: Path, config_text: str, source: Path | None, author: str | None, facts: Sequence[Fact] | None = None
) -> None:
    """Make a campaign's folder with all its files, or leave everything as it was.

    Parameters
    ----------
    config_text : str
        The campaign file.
    source : Path or None
        Folder in which the files it names lie.
    facts : sequence of Fact, optional
        Of an earlier ledger, all of which the new one will hold.

    Raises
    ------
    ConfigInvalid
        If the campaign file is not valid.
    DataInvalid
        If there is a campaign already, or another file in the way.
    PvdoptError
        If the system refuses.
    """
    if (folder / CONFIG_FILE).exists() or (folder / LEDGER_FILE).exists():
        must = "holds a campaign already"
        raise DataInvalid(Problem(must, todo="Name another folder, or go on with this one", file=str(folder)))
    if folder.exists() and not folder.is_dir():
        raise DataInvalid(Problem("must be a folder, and is a file", file=str(folder)))
    aside = folder.parent / f".{folder.name}.{os.getpid()}.aside"
    with _says_why(folder):
        try:
            aside.mkdir(parents=True)
            _fill(aside, config_text, source, author, facts)
            _move_in(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def ledger_place(folder: Path, storage: str | None, name: str) -> Path | str:
    """Return where a campaign's ledger lies: its file, or the URL with the schema that is this campaign's.

    Several campaigns may share one database; a schema each, unless the URL names one, keeps them apart.
    """
    if storage is None:
        return folder / LEDGER_FILE
    if parse_qs(urlsplit(storage).query).get("schema"):
        return storage
    return f"{storage}{'&' if '?' in storage else '?'}schema={_SCHEMA_PREFIX}{name}"


def find_ledger(folder: Path) -> Path | str:
    """Return where the ledger of a folder lies, even if its campaign file cannot be used in any other respect."""
    try:
        campaign = tomllib.loads((folder / CONFIG_FILE).read_text(encoding="utf-8-sig"))["campaign"]
        storage, name = campaign.get("storage"), campaign["name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return folder / LEDGER_FILE
    return ledger_place(folder, storage if isinstance(storage, str) else None, str(name))


def _begin_ledger(place: Path | str, config: CampaignConfig, config_text: str, author: str | None) -> None:
    """Create the ledger; one that is in the shared database already is gone on with, if it is of the same campaign.

    Raises
    ------
    DataInvalid
        If a campaign of that name was begun with another campaign file.
    """
    from pvdopt.ledger.ledger import Ledger

    note = {"event": "created", "config": config_text, "fingerprint": config.fingerprint()}
    try:
        Ledger.create(place, config.name, author, note=note).close()
    except DataInvalid:
        if isinstance(place, Path):
            raise
        with Ledger.open(place, author) as ledger:
            first = next(iter(ledger.facts()), None)
            if first is None or first.payload.get("fingerprint") != note["fingerprint"]:
                by = "" if first is None else f" (begun by {first.author}, {first.time})"
                must = f"holds a campaign {ledger.campaign} with another campaign file{by}"
                todo = "Take that file, or begin a campaign of another name"
                raise DataInvalid(Problem(must, todo=todo, file=ledger.name)) from None


def _fill(aside: Path, config_text: str, source: Path | None, author: str | None, facts: Sequence[Fact] | None) -> None:
    from pvdopt.config import load_config

    for name in named_files(config_text):
        found = None if source is None else source / name
        # A missing file is the config's own complaint, with its line.
        if found is not None and found.is_file() and (source or found).resolve() in found.resolve().parents:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, aside / name)
    (aside / CONFIG_FILE).write_text(config_text, encoding="utf-8", newline="")
    config = load_config(aside / CONFIG_FILE)
    place = ledger_place(aside, config.storage, config.name)
    if facts is None:
        _begin_ledger(place, config, config_text, author)
    else:
        from pvdopt.ledger.ledger import Ledger

        Ledger.remake(place, config.name, facts).close()


def named_files(config_text: str) -> list[str]:
    """Return the files a campaign file names, all relative to its folder."""
    try:
        raw = tomllib.loads(config_text)
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid(Problem(f"must be TOML; {error}", file=CONFIG_FILE)) from error
    names = [raw["machine"]] if isinstance(raw.get("machine"), str) else []
    campaign = raw.get("campaign")
    words = campaign.get("evidence", []) if isinstance(campaign, dict) else []
    words = [words] if isinstance(words, str) else words if isinstance(words, list) else []
    return names + [w for w in words if isinstance(w, str) and w.lower().endswith(".csv")]


def _move_in(aside: Path, folder: Path) -> None:
    """Move everything into the folder, the campaign file last: it is what makes the folder a campaign's."""
    if not folder.exists():
        # At once: a process that dies leaves no campaign or a whole one.
        aside.rename(folder)
        return
    entries = sorted(aside.iterdir(), key=lambda path: path.name == CONFIG_FILE)
    for entry in entries:
        if (folder / entry.name).exists():
            raise DataInvalid(Problem("is in the way of a file of the campaign", file=str(folder / entry.name)))
    moved: list[Path] = []
    try:
        for entry in entries:
            moved.append(entry.rename(folder / entry.name))
    except OSError:
        for path in moved:
            path.rename(aside / path.name)
        raise


@contextmanager
def _says_why(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PvdoptError(f"{folder}: cannot be written ({what_the_system_says(error)}).") from error


def require_campaign(folder: Path) -> None:
    """Raise if a folder is no campaign's.

    Raises
    ------
    DataInvalid
        Naming what is missing.
    """
    place = find_ledger(folder)
    needed = [CONFIG_FILE, LEDGER_FILE] if isinstance(place, Path) else [CONFIG_FILE]
    missing = [name for name in needed if not (folder / name).is_file()]
    todo = "Begin one with `pvdopt init`"
    if folder.suffix == ".toml":
        todo = f"Begin a campaign with it: pvdopt init {folder.stem} --from {as_typed(folder)}"
        raise DataInvalid(Problem("is a campaign file, and a campaign's folder is needed", todo=todo, file=str(folder)))
    if missing == [LEDGER_FILE]:
        todo = f"If it was lost, put a copy back: pvdopt ledger restore {as_typed(folder)} COPY"
    if not folder.is_dir():
        raise DataInvalid(Problem("there is no such campaign folder", todo=todo, file=str(folder)))
    if missing:
        raise DataInvalid(Problem(f"is no campaign: {' and '.join(missing)} missing", todo=todo, file=str(folder)))


def rename_config(text: str, name: str) -> str:
    """Return a campaign file's text with another name of the campaign, comments and all else as they were."""
    entry = re.compile(r"""(^\[campaign\][^\[]*?^name[ \t]*=[ \t]*)("[^"\n]*"|'[^'\n]*')""", re.MULTILINE)
    return entry.sub(lambda found: f'{found[1]}"{name}"', text, count=1)
