"""The tables of materials in ``data/``, read once and kept.

A reference capacity follows from formula, density and voltage window only (:mod:`pvdopt.theory`), never from a
reported capacity; the tables hold it ready computed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

from pvdopt.materials.cathode import Cathode, Diffusivity, Window
from pvdopt.materials.kinds import Anode, Electrolyte, Method, Substrate

Row = TypeVar("Row")


def _read_number(text: str) -> float | None:
    return float(text) if text else None


_READERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "float": float,
    "float | None": _read_number,
    "bool": lambda text: {"yes": True, "no": False}[text],
    "tuple[str, ...]": lambda text: tuple(part for part in text.split(";") if part),
}


def _read_rows(table: str, kind: Callable[..., Row], **more: Callable[[str], Any]) -> list[Row]:
    """Return the rows of ``data/TABLE.csv`` as dataclasses; ``more`` derives fields from the row's first column."""
    readers = {f.name: _READERS[str(f.type)] for f in fields(kind) if f.name not in more}  # type: ignore[arg-type]
    rows = []
    text = (resources.files("pvdopt") / "data" / f"{table}.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        values = {name: read(row[name]) for name, read in readers.items()}
        key = next(iter(row.values()))
        rows.append(kind(**values, **{name: derive(key) for name, derive in more.items()}))
    return rows


@cache
def cathodes() -> Mapping[str, Cathode]:
    """Return all cathodes by name, each with its voltage windows."""
    windows = _read_rows("cathode_windows", Window)
    rows = _read_rows("cathodes", Cathode, windows=lambda name: tuple(w for w in windows if w.cathode == name))
    return MappingProxyType({row.name: row for row in rows})


@cache
def _diffusivities() -> tuple[Diffusivity, ...]:
    return tuple(_read_rows("diffusivities", Diffusivity))


def diffusivities(cathode: str) -> list[Diffusivity]:
    """Return the measurements behind a cathode's diffusivity, so that it is still known without one of them."""
    return [m for m in _diffusivities() if m.cathode == cathode]


@cache
def electrolytes() -> Mapping[str, Electrolyte]:
    """Return all electrolytes by name."""
    return MappingProxyType({row.name: row for row in _read_rows("electrolytes", Electrolyte)})


@cache
def substrates() -> Mapping[str, Substrate]:
    """Return all substrates by name."""
    return MappingProxyType({row.name: row for row in _read_rows("substrates", Substrate)})


@cache
def anodes() -> Mapping[str, Anode]:
    """Return all anodes by name."""
    return MappingProxyType({row.name: row for row in _read_rows("anodes", Anode)})


@cache
def methods() -> Mapping[str, Method]:
    """Return all deposition methods by name."""
    return MappingProxyType({row.name: row for row in _read_rows("methods", Method)})
