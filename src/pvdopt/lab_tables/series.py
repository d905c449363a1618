"""Capacity against cycle: read from a file, and what follows from it - capacity, retention and an early estimate.

A file holds one number a cycle, or a tester's record in the Battery Data Format (BDF: one cell a file, ``Test Time /
s``, ``Current / A`` with charge positive, ``Voltage / V``; https://w3id.org/battery-data-alliance). Knows no campaign.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.fade import Fade, fit_fade
from pvdopt.lab_tables.table_files import read_raw
from pvdopt.lab_tables.text_table import RawTable
from pvdopt.unit_symbols import UnknownUnitError, normalise
from pvdopt.units import convert

Array = NDArray[np.float64]

#: A last discharge counts as complete if it ends within this of where the earlier ones ended (V; judgement).
CUT_OFF_SLACK_V = 0.02

#: BDF's names of a column: preferred label and notations, lower case.
_BDF = {
    "time": ("test time / s", "test_time_second", "test_time_s"),
    "current": ("current / a", "current_ampere", "current_a"),
    "voltage": ("voltage / v", "voltage_volt", "voltage_v"),
    "cycle": ("cycle count / 1", "cycle_count", "cycle_count_1", "cycle_dimensionless"),
    "charge": ("cycle discharging capacity / ah", "cycle_discharging_capacity_ah"),
}
_CYCLE_NAMES = ("cycle", "cycles", "cycle number", "cycle_number", "cycle index", "n", *_BDF["cycle"])
_CAPACITY_NAMES = (
    "capacity", "areal_capacity", "areal capacity", "discharge capacity", "discharge_capacity", "discharging capacity",
    "retention", "cycle discharging capacity", "q", "q_discharge",
)  # fmt: skip
#: Units in which a series is kept, by kind, and what a head without a unit means.
_KINDS = ("uAh/cm2/um", "uAh/cm2", "mAh/g", "uAh", "1")
_BARE = {"capacity": "uAh/cm2/um", "areal_capacity": "uAh/cm2", "retention": "1"}
_HEAD = re.compile(r"(?P<name>[^\[\](/]+?)\s*(?:\[(?P<a>[^\]]+)\]|\((?P<b>[^)]+)\)|/\s*(?P<c>.+))?")


@dataclass(frozen=True)
class Series:
    """Capacity against cycle of one cell.

    Attributes
    ----------
    cycle, capacity : tuple of float
        Of one length; cycles rise.
    unit : str
        Of the capacity: uAh/cm2/um, uAh/cm2, mAh/g, uAh, or 1 where only the share of the first was given.
    file, sha256 : str
        Where it comes from.
    notes : tuple of str
        What the reader left out or counted otherwise.
    """

    cycle: tuple[float, ...]
    capacity: tuple[float, ...]
    unit: str
    file: str
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> Array:
        """Cycles counted from 1 at the first."""
        return np.asarray(self.cycle) - self.cycle[0] + 1.0

    @property
    def shares(self) -> Array:
        """Capacities over the first."""
        return np.asarray(self.capacity) / self.capacity[0]

    def retention(self, cycles: float | None) -> tuple[float, float]:
        """Return the retention after a number of cycles, or after the last one if there are fewer; and that number.

        Between two cycles of the series it is interpolated.
        """
        last = float(self.n[-1])
        at = last if cycles is None else min(cycles, last)
        return float(np.interp(at, self.n, self.shares)), at

    def fade(self) -> Fade | None:
        """Return the fade fitted to the series; None with fewer than two cycles."""
        return fit_fade(self.n[1:], self.shares[1:]) if len(self.cycle) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return the series as the ledger keeps it, with its fade."""
        fade = self.fade()
        return {
            "cycle": list(self.cycle),
            "capacity": list(self.capacity),
            "unit": self.unit,
            "file": self.file,
            "sha256": self.sha256,
            "fade": None if fade is None else asdict(fade),
        }


# -- reading ---------------------------------------------------------------------------------------------------------


def read_series(path: str | Path) -> Series:
    """Read capacity against cycle from a file.

    Parameters
    ----------
    path : str or Path
        CSV or spreadsheet with a column ``cycle`` and one of capacity (``capacity``, ``areal_capacity [mAh/cm2]``,
        ``discharge capacity [uAh]``, ``retention [%]``), or a record in the Battery Data Format.

    Raises
    ------
    DataInvalid
        With every fault of the file.
    """
    raw = read_raw(path)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    heads = {" ".join(head.lower().split()): place for place, head in enumerate(raw.header)}
    bdf = {name: next((heads[w] for w in words if w in heads), None) for name, words in _BDF.items()}
    if bdf["time"] is not None and bdf["current"] is not None:
        cycle, capacity, notes = _integrate(raw, bdf)
        unit = "uAh"
    else:
        cycle, capacity, unit = _read_cycles(raw)
        notes = []
    if cycle[0] != 1:
        notes.append(f"cycle {cycle[0]:g} is the series' first and counts as 1")
    return Series(tuple(cycle), tuple(capacity), unit, raw.file, digest, tuple(notes))


def _read_cycles(raw: RawTable) -> tuple[list[float], list[float], str]:
    """Return cycles and capacities of a table with a row a cycle."""
    named = [(place, *_split_head(head)) for place, head in enumerate(raw.header)]
    cycle = next((place for place, name, unit in named if name in _CYCLE_NAMES), None)
    capacity = next((entry for entry in named if entry[1] in _CAPACITY_NAMES), None)
    problems = []
    if cycle is None:
        todo = "Name it cycle, or give a record in the Battery Data Format"
        problems.append(Problem("must have a column of cycle numbers", todo=todo, file=raw.file, row=raw.header_row))
    if capacity is None:
        must = "must have a column of capacities"
        todo = "Name it capacity [uAh/cm2/um], areal_capacity [uAh/cm2], discharge capacity [uAh] or retention"
        problems.append(Problem(must, todo=todo, file=raw.file, row=raw.header_row))
    if cycle is None or capacity is None:
        raise DataInvalid(problems)
    place, name, stated = capacity
    unit, factor = _find_unit(raw, name, stated)
    columns = {"cycle": cycle, raw.header[place]: place}
    rows = list(_read_numbers(raw, columns))
    numbers = [(number, values["cycle"], values[raw.header[place]] * factor) for number, values in rows]
    _require_rising(raw, numbers)
    return [n for _, n, _ in numbers], [q for _, _, q in numbers], unit


def _split_head(head: str) -> tuple[str, str | None]:
    match = _HEAD.fullmatch(head)
    if match is None:
        return head.lower(), None
    return " ".join(match["name"].lower().split()), match["a"] or match["b"] or match["c"]


def _find_unit(raw: RawTable, name: str, stated: str | None) -> tuple[str, float]:
    """Return the unit in which a column of capacities is kept, and the factor to it."""
    given = stated or _BARE.get(name)
    for unit in _KINDS:
        try:
            if given is not None:
                return unit, convert(1.0, normalise(given), unit)
        except UnknownUnitError:
            continue
    must = f"must state its unit, one of a capacity: {', '.join(_KINDS[:-1])}"
    raise DataInvalid(Problem(must, stated, f"Write {name} [uAh]", raw.file, raw.header_row, name))


def _read_numbers(raw: RawTable, columns: Mapping[str, int]) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the numbers of each row; raise with everything that is none."""
    problems: list[Problem] = []
    found = []
    for number, cells in raw.rows:
        values = {}
        for name, place in columns.items():
            value = cells[place] if place < len(cells) else None
            if isinstance(value, str) and raw.has_decimal_comma:
                value = value.replace(",", ".")
            try:
                values[name] = float(value) if isinstance(value, (str, int, float)) else math.nan
            except ValueError:
                values[name] = math.nan
            if not math.isfinite(values[name]):
                row = raw.address(number, place) if raw.is_grid else number
                shown = "" if value is None else str(value)
                problems.append(Problem("must be a number", shown, "Correct or remove the row", raw.file, row, name))
        found.append((number, values))
    if problems:
        raise DataInvalid(problems)
    if not found:
        raise DataInvalid(Problem("must hold at least one row below its header", file=raw.file))
    yield from found


def _read_columns(raw: RawTable, columns: Mapping[str, int]) -> dict[str, Array]:
    """Return columns of a long record; row by row, as problems need it, only where something is no number."""
    try:
        table = {name: np.array([cells[k] for _, cells in raw.rows], dtype=float) for name, k in columns.items()}
    except (ValueError, TypeError, IndexError):
        table = {}
    if table and len(raw.rows) and all(np.isfinite(values).all() for values in table.values()):
        return table
    rows = list(_read_numbers(raw, columns))
    return {name: np.array([values[name] for _, values in rows]) for name in columns}


def _require_rising(raw: RawTable, numbers: Sequence[tuple[int, float, float]]) -> None:
    problems = []
    last = -math.inf
    for row, cycle, capacity in numbers:
        place: dict[str, Any] = {"file": raw.file, "row": row}
        if cycle != int(cycle) or cycle < 0:
            problems.append(Problem("must be a whole number, 0 or more", cycle, column="cycle", **place))
        elif cycle <= last:
            must = f"must be above that of the row before ({last:g})"
            problems.append(Problem(must, cycle, "Sort the rows, each cycle once", column="cycle", **place))
        last = max(last, cycle)
        if capacity < 0 or (capacity == 0 and row == numbers[0][0]):
            problems.append(Problem("must be positive", capacity, "Check sign and unit", column="capacity", **place))
    if problems:
        raise DataInvalid(problems)


def _integrate(raw: RawTable, bdf: Mapping[str, int | None]) -> tuple[list[float], list[float], list[str]]:
    """Return cycles and their discharge capacities in uAh from a record of current against time."""
    columns = {name: place for name, place in bdf.items() if place is not None}
    table = _read_columns(raw, columns)
    time, current = table["time"], table["current"]
    back = np.flatnonzero(np.diff(time) < 0)
    if len(back):
        must = "must not fall: it is counted from the start of the test"
        name = raw.header[columns["time"]]
        raise DataInvalid(Problem(must, float(time[back[0] + 1]), "", raw.file, raw.rows[back[0] + 1][0], name))
    cycle = table["cycle"] if "cycle" in table else _count_cycles(current)
    out = np.maximum(-current, 0.0)
    steps = np.concatenate([[0.0], 0.5 * (out[1:] + out[:-1]) * np.diff(time)]) / 3600.0 * 1e6
    numbers = sorted(set(cycle.tolist()))
    if "charge" in table:
        charge = {n: float(table["charge"][cycle == n].max()) * 1e6 for n in numbers}
    else:
        charge = {n: float(steps[cycle == n].sum()) for n in numbers}
    notes = []
    idle = [n for n in numbers if charge[n] <= 0]
    if idle:
        notes.append(f"{len(idle)} cycles without a discharge are left out")
    numbers = [n for n in numbers if charge[n] > 0]
    if numbers and _is_cut_short(cycle == numbers[-1], out, table.get("voltage"), cycle):
        notes.append(f"cycle {numbers[-1]:g} is left out: its discharge had not ended")
        numbers.pop()
    if not numbers:
        must = "must hold at least one whole discharge, in which the current is negative"
        raise DataInvalid(Problem(must, todo="Check the sign of the current: charge is positive", file=raw.file))
    return numbers, [charge[n] for n in numbers], notes


def _count_cycles(current: Array) -> Array:
    """Return cycle numbers of a record without any: a cycle ends where charging follows a discharge."""
    sign = np.sign(current)
    moving = np.flatnonzero(sign)
    starts = np.zeros(len(current))
    turned = moving[1:][(sign[moving[1:]] > 0) & (sign[moving[:-1]] < 0)]
    starts[turned] = 1
    return np.asarray(1.0 + np.cumsum(starts))


def _is_cut_short(last: NDArray[np.bool_], out: Array, voltage: Array | None, cycle: Array) -> bool:
    """Return whether the record stops within its last discharge."""
    if out[-1] <= 0 or not last[-1]:
        return False
    if voltage is None:
        return True
    discharging = out > 0
    ends = [float(voltage[(cycle == n) & discharging].min()) for n in set(cycle[~last & discharging].tolist())]
    return not ends or float(voltage[-1]) > float(np.median(ends)) + CUT_OFF_SLACK_V
