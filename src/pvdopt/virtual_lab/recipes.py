"""Read recipes in the vocabulary's columns and fill in what they leave open; knows no physics.

A simulated cell needs every setting. What a recipe does not state takes the value in :data:`DEFAULTS`; a bias and an
anneal temperature have none where they apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pvdopt.columns import column
from pvdopt.errors import DataInvalid, Problem
from pvdopt.materials import anodes, electrolytes, methods, substrates
from pvdopt.virtual_lab.truths import CHEMISTRIES

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

#: What a setting is where a recipe does not state it. The voltage window is the cathode's usual one.
DEFAULTS: Mapping[str, str | float] = MappingProxyType(
    {
        "cathode": "LiCoO2",
        "method": "rf_sputtering",
        "bias_kind": "none",
        "anneal_kind": "none",
        "substrate": "Pt/Ti/Si",
        "substrate_temperature_c": 25.0,
        "thickness_um": 1.0,
        "electrolyte": "Lipon",
        "electrolyte_thickness_um": 1.0,
        "anode": "Li",
        "architecture": "planar",
        "stacking": "in_situ",
        "cycles": 100.0,
        "test_temperature_c": 25.0,
        "area_cm2": 1.0,
    }
)
#: Discharge current (uA/cm2) where neither current nor C-rate is stated: that of most anchors.
DEFAULT_CURRENT = 10.0
#: Minutes at temperature where an anneal states none (middle of the domain notes' ranges).
DEFAULT_ANNEAL_MIN: Mapping[str, float] = MappingProxyType({"furnace": 60.0, "rta": 10.0, "unspecified": 60.0})
#: Cell voltage limits against lithium where a recipe states none (domain notes 1.1).
DEFAULT_WINDOWS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "LiCoO2": (3.0, 4.2),
        "LiMn2O4": (3.2, 4.3),
        "LiNi0.5Mn1.5O4": (3.5, 5.0),
        "MoO3": (1.5, 3.5),
        "V2O5": (2.0, 3.8),
    }
)
_CATEGORIES = (
    "cathode", "method", "bias_kind", "anneal_kind", "substrate", "electrolyte", "anode", "architecture", "stacking",
)  # fmt: skip
NUMBERS = (
    "bias_v", "anneal_temperature_c", "anneal_time_min", "substrate_temperature_c", "thickness_um",
    "electrolyte_thickness_um", "current_ua_cm2", "c_rate", "v_min", "v_max", "cycles", "test_temperature_c",
    "area_cm2",
)  # fmt: skip
#: The columns that make a difference in the virtual lab, in the vocabulary's words.
SETTINGS = (*_CATEGORIES, *NUMBERS)


@dataclass(frozen=True)
class Recipes:
    """Complete settings of n cells; every array has shape (n,). Units end the names.

    Attributes
    ----------
    bias_v : ndarray
        0 where none applies.
    anneal_temperature_c, anneal_time_min : ndarray
        The time is 0 where there is no anneal, and the temperature then that of the room.
    v_min, v_max : ndarray
        Limits of the cathode against lithium (V).
    current_ua_cm2, c_rate : ndarray
        One of the two is NaN; the other defines the discharge.
    """

    cathode: Array
    method: Array
    substrate: Array
    electrolyte: Array
    anode: Array
    is_3d: Array
    is_ex_situ: Array
    bias_v: Array
    anneal_temperature_c: Array
    anneal_time_min: Array
    substrate_temperature_c: Array
    thickness_um: Array
    electrolyte_thickness_um: Array
    current_ua_cm2: Array
    c_rate: Array
    v_min: Array
    v_max: Array
    cycles: Array
    test_temperature_c: Array
    area_cm2: Array

    def __len__(self) -> int:
        return len(self.cathode)

    def changed(self, **changes: Array) -> Self:
        """Return the same cells with some settings different."""
        return replace(self, **changes)


def read_recipes(frame: pd.DataFrame) -> Recipes:
    """Return complete settings of all rows.

    Parameters
    ----------
    frame : DataFrame
        Any of :data:`SETTINGS`; empty values and missing columns take the defaults, other columns make no
        difference.

    Raises
    ------
    DataInvalid
        If a category is not one the virtual lab knows, a number lies outside the vocabulary's limits, or a bias or
        anneal is said to be applied and not how much; lists all such values.
    """
    texts = {name: _texts(frame, name) for name in _CATEGORIES}
    numbers = {name: _numbers(frame, name) for name in NUMBERS}
    for name, kind in (("bias_v", "bias_kind"), ("anneal_temperature_c", "anneal_kind")):
        # A number without its kind speaks for itself, unless it says that nothing was done.
        stated = ~np.isnan(numbers[name]) & (numbers[name] != 0)
        texts[kind] = np.where((texts[kind] == "") & stated, "unspecified", texts[kind])
    for name in _CATEGORIES:
        texts[name] = np.where(texts[name] == "", DEFAULTS[name], texts[name])
    problems = [*_category_problems(texts), *_number_problems(numbers, texts)]
    if problems:
        raise DataInvalid(problems)
    return _complete(texts, numbers)


def _complete(texts: dict[str, Array], numbers: dict[str, Array]) -> Recipes:
    for name in NUMBERS:
        if name in DEFAULTS:
            numbers[name] = np.where(np.isnan(numbers[name]), DEFAULTS[name], numbers[name])
    able = np.array([methods()[m].bias_possible for m in texts["method"]], dtype=bool)
    is_biased = able & (texts["bias_kind"] != "none")
    # A direct voltage does not pass an insulating substrate; a radio frequency does.
    conducts = np.array([substrates()[s].conductive for s in texts["substrate"]], dtype=bool)
    is_biased &= conducts | (texts["bias_kind"] != "dc")
    is_annealed = texts["anneal_kind"] != "none"
    usual_min = np.array([DEFAULT_ANNEAL_MIN.get(k, 0.0) for k in texts["anneal_kind"]])
    minutes = np.where(np.isnan(numbers["anneal_time_min"]), usual_min, numbers["anneal_time_min"])
    potential = np.array([anodes()[a].potential_v for a in texts["anode"]])
    limits = {}
    for place, name in enumerate(("v_min", "v_max")):
        usual = np.array([DEFAULT_WINDOWS[c][place] for c in texts["cathode"]])
        limits[name] = np.where(np.isnan(numbers[name]), usual, numbers[name] + potential)
    neither = np.isnan(numbers["current_ua_cm2"]) & np.isnan(numbers["c_rate"])
    return Recipes(
        **{name: texts[name] for name in ("cathode", "method", "substrate", "electrolyte", "anode")},
        **{name: numbers[name] for name in NUMBERS if name in DEFAULTS},
        **limits,
        is_3d=texts["architecture"] == "3d",
        is_ex_situ=texts["stacking"] == "ex_situ",
        bias_v=np.where(is_biased, numbers["bias_v"], 0.0),
        anneal_temperature_c=np.where(is_annealed, numbers["anneal_temperature_c"], 25.0),
        anneal_time_min=np.where(is_annealed, minutes, 0.0),
        current_ua_cm2=np.where(neither, DEFAULT_CURRENT, numbers["current_ua_cm2"]),
        c_rate=numbers["c_rate"],
    )


def _texts(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame:
        return np.full(len(frame), "", dtype=object)
    values = frame[name].astype(object)
    return np.asarray(values.where(values.notna(), "").astype(str), dtype=object)


def _numbers(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame:
        return np.full(len(frame), np.nan)
    values = frame[name].astype(object)
    return np.asarray(values.where(values.notna(), np.nan), dtype=float)


def _known(name: str) -> tuple[str, ...]:
    if name == "cathode":
        return tuple(CHEMISTRIES)
    declared = column(name)
    levels = declared.levels if declared is not None else ()
    tables = {"electrolyte": electrolytes(), "substrate": substrates(), "anode": anodes(), "method": methods()}
    return tuple(tables.get(name, levels))


def _category_problems(texts: dict[str, Array]) -> list[Problem]:
    problems = []
    for name, values in texts.items():
        known = _known(name)
        for row, value in enumerate(values):
            if value not in known:
                must = f"the virtual lab knows {', '.join(known)}"
                problems.append(Problem(must, value, row=f"recipe {row}", column=name))
    return problems


def _number_problems(numbers: dict[str, Array], texts: dict[str, Array]) -> list[Problem]:
    problems = []
    for name, values in numbers.items():
        declared = column(name)
        if declared is None or declared.low is None or declared.high is None:
            continue
        with np.errstate(invalid="ignore"):
            wrong = (values < declared.low) | (values > declared.high)
        for row in np.flatnonzero(wrong):
            must = f"must lie {declared.range_text()}"
            problems.append(Problem(must, float(values[row]), row=f"recipe {row}", column=name))
    for name, kind in (("bias_v", "bias_kind"), ("anneal_temperature_c", "anneal_kind")):
        for row in np.flatnonzero((texts[kind] != "none") & np.isnan(numbers[name])):
            must = f"must be stated where {kind} is {texts[kind][row]}"
            problems.append(Problem(must, row=f"recipe {row}", column=name))
    return problems
