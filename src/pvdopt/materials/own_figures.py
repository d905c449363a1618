"""A laboratory's own figures for a cathode: in place of the table's, or for one that no table has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pvdopt.errors import ConfigInvalid, Problem
from pvdopt.materials.cathode import (
    DEFAULT_EXPONENT,
    DEFAULT_LOG10_DIFFUSIVITY,
    Cathode,
    Window,
    scale_window,
)
from pvdopt.theory import theoretical_capacity

#: Where a figure comes from if the campaign does not say.
BY_CAMPAIGN = "set by the campaign"
#: What must be told of a cathode that no table has.
NEEDED = ("formula", "li_per_formula", "density_g_cm3")
#: Chemistries with a behaviour of their own in the models.
CLASSES = (
    "layered", "spinel", "vanadium_oxide", "molybdenum_oxide", "sulfide", "phosphate", "conversion", "other",
)  # fmt: skip
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


def with_overrides(cathode: Cathode, source: str = BY_CAMPAIGN, /, **changes: float) -> Cathode:
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
    scaled = scale_window(window, ratio)
    return replace(scaled, v_min_at_most=None, v_max_at_least=None, source=source, verified=True)


def _override_problem(cathode: Cathode, name: str, value: float) -> Problem | None:
    if name not in OVERRIDABLE:
        return Problem(f"must be one of {', '.join(OVERRIDABLE)}", name, file=cathode.name)
    least = -math.inf if name == "log10_diffusivity" else 0.0
    if not math.isfinite(value) or value < least or (value == 0 and name != "reference_rel_sd"):
        return Problem("must be finite and positive", value, file=cathode.name, column=name)
    return None


def new_cathode(
    name: str,
    *,
    formula: str,
    li_per_formula: float,
    density_g_cm3: float,
    cathode_class: str = "other",
    lithium_free: bool = False,
    nominal_voltage_v: float | None = None,
    source: str = BY_CAMPAIGN,
    **figures: float,
) -> Cathode:
    """Return a cathode that no table has, of its formula, the lithium it exchanges and its density.

    Physics knows its theoretical capacity and what its class shares; diffusivity and exponent are the defaults unless
    ``figures`` (of :data:`OVERRIDABLE`) say otherwise. It is a family of its own.

    Parameters
    ----------
    li_per_formula : float
        Lithium exchanged for one formula, whatever the voltage window.
    density_g_cm3 : float
        Of the crystal, g/cm3: what a film holds at most.
    cathode_class : str
        One of :data:`CLASSES`.
    source : str
        Where formula, lithium and density come from.

    Raises
    ------
    ConfigInvalid
        If a figure cannot be true.
    DataInvalid
        If the formula cannot be read.

    Examples
    --------
    >>> new = new_cathode("LiFePO4", formula="LiFePO4", li_per_formula=1, density_g_cm3=3.6, cathode_class="phosphate")
    >>> round(new.reference_capacity(), 1)
    61.2
    """
    gravimetric, volumetric = theoretical_capacity(formula, li_per_formula, density_g_cm3)
    mean, sd = DEFAULT_LOG10_DIFFUSIVITY
    window = Window(name, li_per_formula, None, None, "default", gravimetric, volumetric, source, True, "")
    cathode = Cathode(
        name=name,
        family=name,
        cathode_class=cathode_class,
        formula=formula,
        formula_note="",
        lithium_free=lithium_free,
        density_g_cm3=density_g_cm3,
        density_source=source,
        density_basis="tabulated",
        density_verified=True,
        reference_rel_sd=0.0,
        log10_diffusivity=mean,
        log10_diffusivity_sd=sd,
        diffusivity_basis="default of all cathodes without a figure of their own",
        diffusivity_fitted_on=(),
        exponent=DEFAULT_EXPONENT,
        exponent_basis="theory of constant diffusivity",
        exponent_fitted_on=(),
        nominal_voltage_v=nominal_voltage_v,
        voltage_source=source,
        voltage_verified=True,
        windows=(window,),
    )
    return with_overrides(cathode, source, **figures) if figures else cathode
