"""The facts of a ledger: their kinds and what each must carry.

Knows one fact at a time; knows neither the database that keeps facts nor what they add up to.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import metadata
from typing import Any

from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger.values import Payload, canonical_json, is_printable

#: Whether a cell gave usable figures; damage that was merely seen is a remark beside it.
OUTCOME_CLASSES = ("ok", "shorted", "delaminated", "cracked", "not_made", "lab_error")
FAILURE_CLASSES = OUTCOME_CLASSES[1:]

#: What a payload of each kind must carry, and as which JSON type.
SHAPES: Mapping[str, Mapping[str, type]] = {
    "proposed": {"recipe": dict, "predicted": dict},
    "vetoed": {},
    "edited": {"recipe": dict, "predicted": dict},
    "added": {"recipe": dict},
    "executed": {"settings": dict},
    "measured": {"outcomes": dict},
    "failed": {"outcome_class": str},
    "corrected": {"changes": list},
    "run_discarded": {"run": str},
    "retrained": {},
    "note": {},
}
KINDS = tuple(SHAPES)
#: Kinds that tell of the campaign; a note may tell of either.
WITHOUT_CELL = frozenset({"run_discarded", "retrained"})


@dataclass(frozen=True)
class Fact:
    """One thing that was said, by whom, when, and with which version of the program.

    Attributes
    ----------
    seq : int
        Place in the ledger, counted from 1 without gaps.
    kind : str
        One of ``KINDS``.
    cell : str or None
        The cell it tells of; None for a fact about the campaign.
    time : str
        ISO 8601 in UTC, such as ``2025-03-01T08:30:00.000Z``.
    """

    seq: int
    kind: str
    cell: str | None
    time: str
    author: str
    version: str
    payload: Mapping[str, Any]

    def canonical(self) -> str:
        """Return the fact as one line of JSON with a fixed order of keys, the form the digest is taken of."""
        return canonical_json(vars(self))


@dataclass(frozen=True)
class Draft:
    """A fact about to be written; place, time, author and version come with the writing."""

    kind: str
    cell: str | None
    payload: Payload


def format_time(moment: datetime) -> str:
    """Return a moment in UTC with milliseconds.

    Raises
    ------
    ValueError
        If it has no time zone, since nobody could say later which one was meant.
    """
    if moment.tzinfo is None:
        raise ValueError("a clock must give times with their time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_faults(fact: Fact) -> list[str]:
    """Return what is wrong with a fact by itself, as sentences; empty if nothing is."""
    if fact.kind not in SHAPES:
        return [f"kind must be one of {', '.join(KINDS)}, got {fact.kind!r} (written by pvdopt {fact.version})"]
    faults = []
    for key, kind in SHAPES[fact.kind].items():
        if not isinstance(fact.payload.get(key), kind):
            faults.append(f"payload of a fact of kind {fact.kind} must hold {key} as {kind.__name__}")
    if fact.cell is None and fact.kind not in WITHOUT_CELL | {"note"}:
        faults.append(f"a fact of kind {fact.kind} must name its cell")
    if fact.cell is not None and fact.kind in WITHOUT_CELL:
        faults.append(f"a fact of kind {fact.kind} must name no cell, got {fact.cell!r}")
    if not isinstance(fact.time, str) or not _is_time(fact.time):
        faults.append(f"time must be ISO 8601 with its zone, got {fact.time!r}")
    return faults


@lru_cache(maxsize=1024)
def _is_time(text: str) -> bool:
    """Return whether a text is a moment with its zone; the facts of one transaction share theirs."""
    try:
        format_time(datetime.fromisoformat(text))
    except ValueError:
        return False
    return True


def check_author(author: str | None) -> str:
    """Return who writes: the name given, else ``PVDOPT_AUTHOR``, else the user's name.

    Raises
    ------
    DataInvalid
        If the name is empty or cannot be printed.
    """
    name = author if author is not None else os.environ.get("PVDOPT_AUTHOR") or _user_name()
    if not name.strip() or not is_printable(name):
        todo = "Set PVDOPT_AUTHOR to your name"
        raise DataInvalid(Problem("an author must have a printable name", repr(name), todo))
    return name.strip()


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # A container's user may have no name, and Windows has no pwd module to ask.
        return "unknown"


@cache
def package_version() -> str:
    """Return the installed version of pvdopt, ``0+unknown`` when run from a bare source tree."""
    try:
        return metadata.version("pvdopt")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
