"""The vocabulary: every parameter and every column of a cell, declared once in ``data/columns.csv``.

A search-space parameter and a column of a cell of the same name are the same thing. Knows names, units, limits and
which number applies under which category; knows no data and no model.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal, cast

Kind = Literal["number", "category", "text"]


@dataclass(frozen=True)
class Column:
    """Declare one named quantity.

    Attributes
    ----------
    unit : str
        Canonical unit (see :mod:`pvdopt.units`), empty for texts and categories.
    low, high : float or None
        Limits of what can be true at all, not of what is sensible.
    levels : tuple of str
        Allowed categories; filled from the materials tables where the vocabulary says so.
    parent, parent_levels : str, tuple of str
        The number applies only where ``parent`` has one of these levels, or is not known.
    absent_value : str
        What it physically amounts to where it does not apply, e.g. a bias of 0 V; empty where nothing does.
    limits_basis : str
        Where limits and usual range come from; "unverified" marks common knowledge.
    """

    name: str
    group: str
    kind: Kind
    unit: str
    low: float | None
    high: float | None
    levels: tuple[str, ...]
    parent: str
    parent_levels: tuple[str, ...]
    absent_value: str
    meaning: str
    limits_basis: str

    def range_text(self) -> str:
        """Return the allowed range or levels in words, for messages and the data dictionary."""
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        if self.kind == "category":
            return "one of " + ", ".join(self.levels)
        if self.low is None or self.high is None:
            return "a number" if self.kind == "number" else "a text"
        return f"in [{self.low:g}, {self.high:g}]{unit}"

    @property
    def listing(self) -> str:
        """The command that lists what a category may be."""
        return f"`pvdopt config names {self.name}`"


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("|") if part)


def _levels(text: str) -> tuple[str, ...]:
    """Return the levels; ``table:NAME`` takes the first column of ``data/NAME.csv``."""
    if not text.startswith("table:"):
        return _split(text)
    name = text.removeprefix("table:")
    if name == "cathode_families":
        rows = _read_csv("cathodes")
        return tuple(dict.fromkeys(row["family"] for row in rows))
    return tuple(dict.fromkeys(row["name"] for row in _read_csv(name)))


def _read_csv(name: str) -> list[dict[str, str]]:
    text = (resources.files("pvdopt") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def vocabulary() -> Mapping[str, Column]:
    """Return all declared columns by name, in the order of the data dictionary."""
    found: dict[str, Column] = {}
    for row in _read_csv("columns"):
        found[row["name"]] = Column(
            name=row["name"],
            group=row["group"],
            kind=cast(Kind, row["kind"]),
            unit=row["unit"],
            low=float(row["low"]) if row["low"] else None,
            high=float(row["high"]) if row["high"] else None,
            levels=_levels(row["levels"]),
            parent=row["parent"],
            parent_levels=_split(row["parent_levels"]),
            absent_value=row["absent_value"],
            meaning=row["meaning"],
            limits_basis=row["limits_basis"],
        )
    return MappingProxyType(found)


def column(name: str) -> Column | None:
    """Return the declared column, or None for a name the vocabulary does not know."""
    return vocabulary().get(name)


def names(*groups: str, kind: Kind | None = None) -> tuple[str, ...]:
    """Return the names of the columns in these groups (all without any), of one kind if given."""
    return tuple(
        c.name for c in vocabulary().values() if (not groups or c.group in groups) and (kind is None or c.kind == kind)
    )
