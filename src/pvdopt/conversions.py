"""Convert between kinds of one quantity with what a cell is like: charge, per area, per volume, per mass; C-rate.

Knows units and the arithmetic, no cell and no material: whoever asks gives the :class:`Basis`. Nothing is converted on
a guess: what is missing is named, what was used is said, and how well it is known goes into the deviation.

Notation: Q charge, A area, L thickness, rho density, q_v capacity per volume, C rate, i current density;

    Q/A,   Q/(A L),   (Q/m) rho = Q/V,   i = I/A = C q_v L
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pvdopt.errors import DataInvalid, Problem
from pvdopt.unit_symbols import Dimensions, UnknownUnitError
from pvdopt.units import C_RATE, Measured, dimensions_of, parse_quantity, si_value, split_quantity

#: How well thickness and area of a film are usually known, as relative standard deviation (domain notes, unverified).
THICKNESS_REL_SD, AREA_REL_SD = 0.04, 0.02
#: The same of a film's density against its crystal's (a film is often 80 to 98 % dense; domain notes, unverified).
DENSITY_REL_SD = 0.05
#: How well a value is known that states no deviation of its own, as where nothing is converted.
READING_REL_SD = 0.02


@dataclass(frozen=True)
class Known:
    """A quantity of the cell that converts: its value in its canonical unit, how well it is known, where it is from."""

    value: float
    rel_sd: float
    unit: str
    words: str
    remark: str = ""


@dataclass(frozen=True)
class Basis:
    """What is known of a cell; None where it is not.

    Attributes
    ----------
    area, thickness : Known or None
        As made, cm2 and um.
    density : Known or None
        Of the cathode, g/cm3.
    reference : Known or None
        Capacity in theory to which a C-rate refers, uAh/cm2/um.
    """

    area: Known | None = None
    thickness: Known | None = None
    density: Known | None = None
    reference: Known | None = None


_CHARGE: Dimensions = (0, 0, 1, 1, 0)
_PER_AREA: Dimensions = (-2, 0, 1, 1, 0)
_PER_VOLUME: Dimensions = (-3, 0, 1, 1, 0)
_PER_MASS: Dimensions = (0, -1, 1, 1, 0)
_CURRENT: Dimensions = (0, 0, 0, 1, 0)
_DENSITY: Dimensions = (-2, 0, 0, 1, 0)
_RATE: Dimensions = (0, 0, -1, 0, 0)

#: (kind given, kind wanted) -> what it is multiplied with, each to a power.
_ROUTES: Mapping[tuple[Dimensions, Dimensions], Mapping[str, int]] = {
    (_CHARGE, _PER_AREA): {"area": -1},
    (_CHARGE, _PER_VOLUME): {"area": -1, "thickness": -1},
    (_PER_AREA, _PER_VOLUME): {"thickness": -1},
    (_PER_VOLUME, _PER_AREA): {"thickness": 1},
    (_PER_MASS, _PER_VOLUME): {"density": 1},
    (_PER_MASS, _PER_AREA): {"density": 1, "thickness": 1},
    (_CURRENT, _DENSITY): {"area": -1},
    (_RATE, _DENSITY): {"reference": 1, "thickness": 1},
}
_NEEDED = {
    "area": "the cell's area: state area_cm2 with it, or fix it in the campaign file",
    "thickness": "the thickness as made: state thickness_um with it",
    "density": "the density of a known cathode: state it in the campaign file under materials.cathodes",
    "reference": "a known cathode, in whose theoretical capacity a C-rate is counted",
}


def parse_on_basis(
    text: str, unit: str, basis: Basis, *, column: str | None = None, bare_unit: str | None = None
) -> tuple[Measured | None, str]:
    """Read a number in a canonical unit, converting its kind where the cell's own figures allow it.

    Parameters
    ----------
    text, unit, column, bare_unit
        As :func:`pvdopt.units.parse_quantity` takes them.

    Returns
    -------
    Measured or None
        Its deviation holds that of area, thickness and density where these were used.
    str
        What was used, as a sentence; empty where nothing was converted.

    Raises
    ------
    DataInvalid
        As ``parse_quantity``; and if a figure that the conversion needs is not known.

    Examples
    --------
    >>> basis = Basis(Known(0.5, 0.02, "cm2", "area"), Known(1.0, 0.04, "um", "thickness"))
    >>> measured, said = parse_on_basis("26 uAh", "uAh/cm2/um", basis)
    >>> measured.value, round(measured.sd, 2)
    (52.0, 2.55)
    >>> said
    '26 uAh is 52 uAh/cm2/um with area 0.5 cm2 and thickness 1 um'
    """
    given = _unit_given(text, unit, bare_unit)
    route = None if given is None else _ROUTES.get((dimensions_of(given), dimensions_of(unit)))
    if given is None or route is None:
        return parse_quantity(text, unit, column=column, bare_unit=bare_unit), ""
    # C-rates are written in ways of their own (C/2); their canonical unit reads them all.
    home = "1/h" if dimensions_of(given) == _RATE else given
    found = parse_quantity(text, home, column=column, bare_unit=bare_unit)
    if found is None:
        return None, ""
    shown = " ".join(text.split()) + ("" if split_quantity(text)[1] or home == "1/h" else f" {given}")
    used = []
    factor = si_value(home) / si_value(unit)
    for name, power in route.items():
        known: Known | None = getattr(basis, name)
        if known is None:
            must = f"cannot be turned into {unit} without {_NEEDED[name].split(':')[0]}"
            todo = _NEEDED[name].split(": ")[-1]
            raise DataInvalid(Problem(must, shown, todo[0].upper() + todo[1:], column=column))
        factor *= (known.value * si_value(known.unit)) ** power
        used.append(known)
    value = _tidy(found.value * factor)
    own = READING_REL_SD if found.sd is None or not found.value else found.sd / abs(found.value)
    sd = _tidy(abs(value) * math.sqrt(own**2 + sum(k.rel_sd**2 for k in used)), 6)
    said = " and ".join(f"{k.words} {k.value:.4g} {k.unit}{k.remark}" for k in used)
    return Measured(value, found.qualifier, sd), f"{shown} is {value:.4g} {unit} with {said}"


def has_route(given: str, unit: str) -> bool:
    """Return whether a unit is of a kind that converts into another's, given figures of the cell."""
    try:
        return (dimensions_of(given), dimensions_of(unit)) in _ROUTES
    except UnknownUnitError:
        return False


def _unit_given(text: str, unit: str, bare_unit: str | None) -> str | None:
    """Return the unit a text states or takes from its header; None where it has none or cannot be read."""
    rest, stated = split_quantity(text)
    if unit == "uA/cm2" and C_RATE.fullmatch(rest):
        return "1/h"
    found = stated or bare_unit
    try:
        if found:
            dimensions_of(found)
    except UnknownUnitError:
        return None
    return found or None


def _tidy(value: float, digits: int = 14) -> float:
    return float(f"{value:.{digits}g}")
