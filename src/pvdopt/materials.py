"""What cathodes, electrolytes, substrates, anodes and methods are: the tables in ``data/``.

Every figure keeps its source beside it (``<figure>_source`` or ``_basis``) and, where it may be doubted, a flag
``<figure>_verified``; ``no`` marks common knowledge and assumptions that a campaign may override. A reference
capacity follows from formula, density and voltage window only (:mod:`pvdopt.theory`), never from a reported
capacity; the tables hold it ready computed. Knows no cells and no model.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

from pvdopt.errors import ConfigInvalid, Problem
from pvdopt.theory import (
    areal_from_volumetric,
    c_rate_from_current,
    current_from_c_rate,
    formula_mass,
    gravimetric_from_volumetric,
    require_positive,
    theoretical_capacity,
    volumetric_from_areal,
    volumetric_from_gravimetric,
)

__all__ = [
    "OVERRIDABLE", "Anode", "Cathode", "Electrolyte", "Method", "Substrate", "Window", "anodes",
    "areal_from_volumetric", "c_rate_from_current", "cathodes", "current_from_c_rate", "electrolytes",
    "formula_mass", "gravimetric_from_volumetric", "methods", "substrates", "theoretical_capacity",
    "volumetric_from_areal", "volumetric_from_gravimetric", "with_overrides",
]  # fmt: skip

#: Mean and sd of log10 of the diffusivity (cm2/s) of a cathode without a figure of its own (domain notes, unverified).
DEFAULT_LOG10_DIFFUSIVITY = (-12.0, 1.0)
#: Exponent of the utilisation curve where nothing was fitted: constant diffusivity.
DEFAULT_EXPONENT = 1.0

Row = TypeVar("Row")


#: A cell voltage plus an anode's potential may miss a window's edge by rounding only (V).
VOLT_SLACK = 1e-6


@dataclass(frozen=True)
class Window:
    """How much lithium a cathode exchanges within a voltage window.

    Attributes
    ----------
    v_min_at_most, v_max_at_least : float or None
        Limits against lithium (V) the window must reach for this row to hold; None asks nothing.
    role : str
        ``default`` holds also where the window is not stated; ``window`` only where its limit is reached; ``cap``
        is the most the formula can hold and serves checks only.
    capacity_mah_g, capacity_uah_cm2_um : float
        Computed from the cathode's formula and density.
    fitted_on : tuple of str
        Publications whose own cells told how much lithium that is; empty where it follows from the formula.
    """

    cathode: str
    li_per_formula: float
    v_min_at_most: float | None
    v_max_at_least: float | None
    role: str
    capacity_mah_g: float
    capacity_uah_cm2_um: float
    source: str
    verified: bool
    note: str
    fitted_on: tuple[str, ...] = ()

    def is_met(self, v_min: float | None, v_max: float | None) -> bool:
        """Tell whether this row holds for a window whose limits (V against lithium) may be unknown."""
        unknown = self.role == "default"
        low = self.v_min_at_most is None or (unknown if v_min is None else v_min <= self.v_min_at_most + VOLT_SLACK)
        high = self.v_max_at_least is None or (unknown if v_max is None else v_max >= self.v_max_at_least - VOLT_SLACK)
        return self.role != "cap" and low and high


@dataclass(frozen=True)
class Cathode:
    """One cathode material.

    Attributes
    ----------
    family : str
        Chemistry that shares its behaviour, such as all ``Li2MMn3O8``.
    cathode_class : str
        ``layered``, ``spinel``, ``vanadium_oxide``, ``molybdenum_oxide``, ``sulfide``, ``phosphate``,
        ``conversion`` or ``other``.
    lithium_free : bool
        The film is made without lithium, so that the anode must bring it.
    density_basis : str
        ``lattice`` (computed from the crystal's cell), ``tabulated``, ``estimated``, ``mixture`` or ``assumed``; only
        the first two count as verified. A film is often 80 to 98 % dense, so all are upper values.
    reference_rel_sd : float
        Relative sd of the reference capacity for want of a known density or composition.
    log10_diffusivity, log10_diffusivity_sd : float
        Prior of log10 of the effective diffusivity in cm2/s.
    diffusivity_fitted_on, exponent_fitted_on : tuple of str
        Publications behind the prior; empty for a default. See :meth:`without_sources`.
    exponent : float
        Exponent m of the utilisation curve u(delta**m).
    windows : tuple of Window
        Lithium exchanged by voltage window.
    """

    name: str
    family: str
    cathode_class: str
    formula: str
    formula_note: str
    lithium_free: bool
    density_g_cm3: float
    density_source: str
    density_basis: str
    density_verified: bool
    reference_rel_sd: float
    log10_diffusivity: float
    log10_diffusivity_sd: float
    diffusivity_basis: str
    diffusivity_fitted_on: tuple[str, ...]
    exponent: float
    exponent_basis: str
    exponent_fitted_on: tuple[str, ...]
    nominal_voltage_v: float
    voltage_source: str
    voltage_verified: bool
    windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        require_positive(
            density_g_cm3=self.density_g_cm3,
            log10_diffusivity_sd=self.log10_diffusivity_sd,
            exponent=self.exponent,
            nominal_voltage_v=self.nominal_voltage_v,
        )
        if sum(window.role == "default" for window in self.windows) != 1:
            raise ValueError(f"{self.name}: exactly one window must be the default")

    def reference_window(
        self, v_min: float | None = None, v_max: float | None = None, *, anode_potential_v: float = 0.0
    ) -> Window:
        """Return the row of the table that holds for a voltage window.

        Parameters
        ----------
        v_min, v_max : float, optional
            Limits of the cell's voltage (V). Where one is not stated, rows that ask for it do not hold, save the
            default. Among the rows that hold, the one with the most lithium counts.
        anode_potential_v : float
            Potential of the anode against lithium (V), which a cell's voltage hides.
        """
        low = None if v_min is None else v_min + anode_potential_v
        high = None if v_max is None else v_max + anode_potential_v
        return max((w for w in self.windows if w.is_met(low, high)), key=lambda w: w.li_per_formula)

    def reference_capacity(
        self, v_min: float | None = None, v_max: float | None = None, *, anode_potential_v: float = 0.0
    ) -> float:
        """Return the theoretical capacity within a voltage window (uAh/cm2/um); see :meth:`reference_window`.

        Examples
        --------
        >>> cathodes()["LiCoO2"].reference_capacity()
        69.19
        >>> cathodes()["LiCoO2"].reference_capacity(v_min=3.0, v_max=4.4)
        85.79
        """
        return self.reference_window(v_min, v_max, anode_potential_v=anode_potential_v).capacity_uah_cm2_um

    def open_windows(self, v_min: float | None = None, v_max: float | None = None) -> list[Window]:
        """Return the other rows of the table that hold if a limit that is not stated (against lithium, V) is met."""
        used = self.reference_window(v_min, v_max)
        is_sure = not (used.v_min_at_most is not None and v_min is None) and not (
            used.v_max_at_least is not None and v_max is None
        )
        low, high = -math.inf if v_min is None else v_min, math.inf if v_max is None else v_max
        found = [w for w in self.windows if w is not used and w.role == "window" and w.is_met(low, high)]
        return [w for w in found if w.li_per_formula > used.li_per_formula or not is_sure]

    def largest_capacity(self) -> float:
        """Return the capacity with all the lithium the formula can exchange (uAh/cm2/um), for checks only."""
        return max(window.capacity_uah_cm2_um for window in self.windows)

    def without_sources(self, held_out: Collection[str]) -> Cathode:
        """Return this cathode with every constant fitted on a held-out publication put back to its default.

        Lithium that only its own cells told is taken as one for the one metal of the formula. A prior may not know
        what it is tested on; publications that were never used change nothing.
        """
        changed = self
        told = [w for w in self.windows if not set(w.fitted_on).isdisjoint(held_out)]
        if told:
            one = tuple(_scale_window(w, 1.0 / w.li_per_formula) if w in told else w for w in self.windows)
            changed = replace(changed, windows=one)
        if not set(self.diffusivity_fitted_on).isdisjoint(held_out):
            mean, sd = DEFAULT_LOG10_DIFFUSIVITY
            changed = replace(
                changed,
                log10_diffusivity=mean,
                log10_diffusivity_sd=sd,
                diffusivity_basis="default of all cathodes",
                diffusivity_fitted_on=(),
            )
        if not set(self.exponent_fitted_on).isdisjoint(held_out):
            changed = replace(
                changed,
                exponent=DEFAULT_EXPONENT,
                exponent_basis="theory of constant diffusivity",
                exponent_fitted_on=(),
            )
        return changed


@dataclass(frozen=True)
class Diffusivity:
    """One measurement of a cathode's diffusivity (log10 of cm2/s), by the publication it rests on."""

    cathode: str
    log10_diffusivity: float
    source: str
    basis: str


@dataclass(frozen=True)
class Electrolyte:
    """One electrolyte; conductivity as log10 of S/cm, stability limit against lithium (V), None where unknown."""

    name: str
    family: str
    composition: str
    solid: bool
    log10_conductivity: float
    log10_conductivity_sd: float
    conductivity_source: str
    conductivity_verified: bool
    stability_limit_v: float | None
    stability_source: str
    stability_verified: bool
    max_temperature_c: float | None
    max_temperature_source: str
    max_temperature_verified: bool


@dataclass(frozen=True)
class Substrate:
    """One substrate; ``transfer_only`` ones take a finished stack and never see the deposition."""

    name: str
    max_temperature_c: float
    max_temperature_source: str
    max_temperature_verified: bool
    expansion_1e6_k: float
    expansion_source: str
    expansion_verified: bool
    conductive: bool
    flexible: bool
    transfer_only: bool
    note: str


@dataclass(frozen=True)
class Anode:
    """One negative electrode; ``risk`` ranks its fade from 0 (lithium) to 3 (aluminium)."""

    name: str
    kind: str
    composition: str
    contains_lithium: bool
    potential_v: float
    potential_source: str
    potential_verified: bool
    risk: float
    risk_source: str
    max_temperature_c: float
    max_temperature_source: str
    max_temperature_verified: bool
    note: str


@dataclass(frozen=True)
class Method:
    """One deposition method; rates in um/h for the films it usually makes, ``family`` sputter, pld or evaporation."""

    name: str
    family: str
    bias_possible: bool
    radiant_load: str
    sources: str
    strengths: str
    limits: str
    strengths_source: str
    rate_low_um_h: float
    rate_um_h: float
    rate_high_um_h: float
    rate_source: str
    rate_verified: bool
    note: str


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


#: What a campaign may override, and the fields that say where the figure comes from.
OVERRIDABLE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "density_g_cm3": {"density_source": str, "density_verified": True},
        "reference_rel_sd": {},
        "li_per_formula": {},
        "log10_diffusivity": {"diffusivity_basis": str, "diffusivity_fitted_on": ()},
        "log10_diffusivity_sd": {"diffusivity_basis": str, "diffusivity_fitted_on": ()},
        "exponent": {"exponent_basis": str, "exponent_fitted_on": ()},
        "nominal_voltage_v": {"voltage_source": str, "voltage_verified": True},
    }
)


def with_overrides(cathode: Cathode, source: str = "set by the campaign", /, **changes: float) -> Cathode:
    """Return a copy of the cathode with the user's figures in place of the table's.

    Parameters
    ----------
    source : str
        What to write where the table names its source.
    **changes : float
        Any of :data:`OVERRIDABLE`. A density rescales all capacities; ``li_per_formula`` replaces what the default
        window exchanges and drops the rows for other windows.

    Raises
    ------
    ConfigInvalid
        If a figure may not be overridden or cannot be true; lists all such figures.
    """
    problems = [problem for name, value in changes.items() if (problem := _override_problem(cathode, name, value))]
    if problems:
        raise ConfigInvalid(problems)
    values: dict[str, Any] = {}
    windows = cathode.windows
    for name, value in changes.items():
        if name == "li_per_formula":
            windows = tuple(
                _scale(w, value / w.li_per_formula, source) if w.role == "default" else w
                for w in windows
                if w.role != "window"
            )
        else:
            values[name] = value
        values |= {field: source if origin is str else origin for field, origin in OVERRIDABLE[name].items()}
    if "density_g_cm3" in changes:
        ratio = changes["density_g_cm3"] / cathode.density_g_cm3
        windows = tuple(replace(w, capacity_uah_cm2_um=w.capacity_uah_cm2_um * ratio) for w in windows)
    return replace(cathode, windows=windows, **values)


def _scale(window: Window, ratio: float, source: str) -> Window:
    """Return the window with ``ratio`` times its lithium, holding whatever the voltages are."""
    scaled = _scale_window(window, ratio)
    return replace(scaled, v_min_at_most=None, v_max_at_least=None, source=source, verified=True)


def _scale_window(window: Window, ratio: float) -> Window:
    """Return the window with ``ratio`` times its lithium, which then rests on no publication."""
    return replace(
        window,
        li_per_formula=window.li_per_formula * ratio,
        capacity_mah_g=window.capacity_mah_g * ratio,
        capacity_uah_cm2_um=window.capacity_uah_cm2_um * ratio,
        fitted_on=(),
    )


def _override_problem(cathode: Cathode, name: str, value: float) -> Problem | None:
    if name not in OVERRIDABLE:
        return Problem(f"must be one of {', '.join(OVERRIDABLE)}", name, file=cathode.name)
    least = -math.inf if name == "log10_diffusivity" else 0.0
    if not math.isfinite(value) or value < least or (value == 0 and name != "reference_rel_sd"):
        return Problem("must be finite and positive", value, file=cathode.name, column=name)
    return None
