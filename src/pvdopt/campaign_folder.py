"""A campaign's folder: its files, how it is made and how it is exported. Knows files, no model.

``campaign.toml`` (with the files it names), ``ledger.sqlite`` unless the campaign file names a database for the ledger,
and ``models/``, a cache that may be deleted.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from pvdopt.columns import vocabulary
from pvdopt.errors import ConfigInvalid, DataInvalid, Problem, PvdoptError
from pvdopt.objectives import OUTCOME_UNITS

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.config import CampaignConfig
    from pvdopt.ledger.facts import Fact

CONFIG_FILE = "campaign.toml"
LEDGER_FILE = "ledger.sqlite"
MODELS_FOLDER = "models"
#: Before a campaign's name it makes a schema's, so that no campaign meets a schema of PostgreSQL's own or of others.
_SCHEMA_PREFIX = "pvdopt_"
REPORT_FILE = "report.html"
#: What an export writes; a folder that holds nothing else may be written again.
EXPORTED = ("cells.csv", "facts.json", "data_dictionary.csv", CONFIG_FILE)


#: Names of what was being written when a process died; it belongs to nobody once that process is gone.
_ASIDE = re.compile(r"\..+\.\d+\.aside")


def make_folder(folder: Path, config_text: str, source: Path | None, author: str | None) -> None:
    """Make a campaign's folder with all its files, or leave everything as it was.

    Parameters
    ----------
    config_text : str
        The campaign file.
    source : Path or None
        Folder in which the files it names lie.

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
            _fill(aside, config_text, source, author)
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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


def _fill(aside: Path, config_text: str, source: Path | None, author: str | None) -> None:
    from pvdopt.config import load_config

    for name in _named_files(config_text):
        found = None if source is None else source / name
        # A missing file is the config's own complaint, with its line.
        if found is not None and found.is_file() and (source or found).resolve() in found.resolve().parents:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, aside / name)
    (aside / CONFIG_FILE).write_text(config_text, encoding="utf-8", newline="")
    config = load_config(aside / CONFIG_FILE)
    _begin_ledger(ledger_place(aside, config.storage, config.name), config, config_text, author)


def _named_files(config_text: str) -> list[str]:
    """Return the files a campaign file names, all relative to its folder."""
    try:
        raw = tomllib.loads(config_text)
    except tomllib.TOMLDecodeError as error:
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
        raise PvdoptError(f"{folder}: cannot be written ({error.strerror or error}).") from error


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
    if not folder.is_dir():
        raise DataInvalid(Problem("there is no such campaign folder", todo=todo, file=str(folder)))
    if missing:
        raise DataInvalid(Problem(f"is no campaign: {' and '.join(missing)} missing", todo=todo, file=str(folder)))


# -- export ------------------------------------------------------------------------------------------------------


def write_export(
    target: Path, cells: pd.DataFrame, facts: Iterable[Fact], config: CampaignConfig, config_text: str
) -> list[Path]:
    """Write a campaign as CSV and JSON for others, each file whole or not at all; return their paths.

    Raises
    ------
    DataInvalid
        If the folder holds anything but an earlier export.
    PvdoptError
        If the system refuses.
    """
    if target.exists() and not target.is_dir():
        raise DataInvalid(Problem("must be a folder, and is a file", file=str(target)))
    found = [] if not target.exists() else [p.name for p in target.iterdir() if p.name not in EXPORTED]
    # What an export that was killed left behind is in nobody's way.
    strangers = sorted(name for name in found if not _ASIDE.fullmatch(name))
    if strangers:
        must = f"must be empty or hold an earlier export, and holds {', '.join(strangers[:3])}"
        raise DataInvalid(Problem(must, todo="Name another folder", file=str(target)))
    described = [{"name": n, **d} for n, d in describe_columns(cells.columns, config).items()]
    texts = {
        "cells.csv": _to_csv(
            ["id", *cells.columns], ([i, *row] for i, row in zip(cells.index, cells.to_numpy(), strict=True))
        ),
        "facts.json": json.dumps([vars(fact) for fact in facts], indent=1, ensure_ascii=False, default=dict) + "\n",
        "data_dictionary.csv": _to_csv(list(described[0]), (d.values() for d in described)),
        CONFIG_FILE: config_text,
    }
    with _says_why(target):
        target.mkdir(parents=True, exist_ok=True)
        for name in set(found) - set(strangers):
            (target / name).unlink(missing_ok=True)
        asides = {}
        try:
            for name, text in texts.items():
                asides[name] = target / f".{name}.{os.getpid()}.aside"
                asides[name].write_text(text, encoding="utf-8", newline="")
            for name, path in asides.items():
                path.replace(target / name)
        finally:
            for path in asides.values():
                path.unlink(missing_ok=True)
    return [target / name for name in texts]


def _to_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if v is None or v != v else v for v in row] for row in rows])
    return text.getvalue()


def describe_columns(names: Iterable[str], config: CampaignConfig) -> dict[str, dict[str, str]]:
    """Return for each column of an export its unit and meaning."""
    found = {"id": {"unit": "", "meaning": "name of the cell: P proposed by pvdopt, C added by the laboratory"}}
    for name in names:
        found[name] = {"unit": _unit(name, config), "meaning": _meaning(name)}
    return found


def _unit(name: str, config: CampaignConfig) -> str:
    base = name
    for end in ("_sd", "_low", "_high", "_predicted"):
        base = base.removesuffix(end)
    if name.endswith("_qualifier"):
        return ""
    if base in vocabulary():
        return vocabulary()[base].unit
    units: Mapping[str, str | None] = {**OUTCOME_UNITS, **{o.name: o.unit for o in config.objectives()}}
    parameter = config.space().get(base)
    return units.get(base) or getattr(parameter, "unit", "") or ""


_MEANINGS = {
    "status": "proposed, made, partial, complete, failed, vetoed or discarded",
    "outcome_class": "whether the cell gave usable figures: ok, shorted, delaminated, cracked, not_made, lab_error",
    "purpose": "what the cell was proposed for",
    "reason": "why it was proposed",
    "fingerprint": "hash of the data and the model behind its prediction",
    "usable_chance": "chance of a usable cell, predicted when it was proposed",
    "proposed": "when it entered the ledger",
}


def _meaning(name: str) -> str:
    if name in vocabulary():
        return vocabulary()[name].meaning
    if name in _MEANINGS:
        return _MEANINGS[name]
    for end, words in (
        ("_sd", "standard deviation of {}"),
        ("_qualifier", "how {} was stated: = exactly, ~ about, >= at least, <= at most"),
        ("_predicted_low", "lower end of the 80 % interval predicted for {} with the proposal"),
        ("_predicted_high", "upper end of the 80 % interval predicted for {} with the proposal"),
        ("_predicted", "median predicted for {} with the proposal"),
    ):
        if name.endswith(end):
            return words.format(name.removesuffix(end))
    return "the laboratory's own"
