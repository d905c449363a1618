"""The theory of capacity and the conversions between its units; knows formulae, no materials and no cells.

Notation: x lithium per formula, M molar mass (g/mol), rho density (g/cm3), L thickness (um), F Faraday constant, C
C-rate (1/h), q_g and q_v capacity per mass and per area and thickness, i current density;

    q_g = x F / (3.6 M)  [mAh/g]        q_v = q_g rho / 10  [uAh/cm2/um]        i = C q_v L  [uA/cm2]

One mAh/cm3 is 0.1 uAh/cm2/um.
"""

from __future__ import annotations

import math

from pvdopt.errors import DataInvalid, Problem

#: Faraday constant, C/mol (CODATA 2018, exact).
FARADAY_C_MOL = 96485.33212


def formula_mass(formula: str) -> float:
    """Return the molar mass of a formula such as ``LiFe(WO4)2`` (g/mol).

    Raises
    ------
    DataInvalid
        If the formula cannot be read or names no element.
    """
    import periodictable
    from pyparsing import ParseBaseException

    try:
        mass = float(periodictable.formula(formula).mass)
    except (ValueError, ParseBaseException):
        mass = 0.0
    if not mass:
        raise DataInvalid(Problem("must be a chemical formula", formula, "Write it like LiNi0.5Mn1.5O4"))
    return mass


def theoretical_capacity(formula: str, li_per_formula: float, density_g_cm3: float) -> tuple[float, float]:
    """Return the capacity of a formula that exchanges ``li_per_formula`` lithium: (mAh/g, uAh/cm2/um).

    Examples
    --------
    >>> gravimetric, volumetric = theoretical_capacity("LiCoO2", 0.5, 5.053)
    >>> round(gravimetric, 1), round(volumetric, 1)
    (136.9, 69.2)
    """
    require_positive(li_per_formula=li_per_formula)
    gravimetric = li_per_formula * FARADAY_C_MOL / (3.6 * formula_mass(formula))
    return gravimetric, volumetric_from_gravimetric(gravimetric, density_g_cm3)


def volumetric_from_gravimetric(capacity_mah_g: float, density_g_cm3: float) -> float:
    """Return uAh/cm2/um from mAh/g; an upper value unless the density is the film's own."""
    require_positive(density_g_cm3=density_g_cm3)
    return capacity_mah_g * density_g_cm3 / 10


def gravimetric_from_volumetric(capacity_uah_cm2_um: float, density_g_cm3: float) -> float:
    """Return mAh/g from uAh/cm2/um."""
    require_positive(density_g_cm3=density_g_cm3)
    return capacity_uah_cm2_um * 10 / density_g_cm3


def areal_from_volumetric(capacity_uah_cm2_um: float, thickness_um: float) -> float:
    """Return uAh/cm2 from uAh/cm2/um."""
    require_positive(thickness_um=thickness_um)
    return capacity_uah_cm2_um * thickness_um


def volumetric_from_areal(areal_capacity_uah_cm2: float, thickness_um: float) -> float:
    """Return uAh/cm2/um from uAh/cm2."""
    require_positive(thickness_um=thickness_um)
    return areal_capacity_uah_cm2 / thickness_um


def current_from_c_rate(c_rate: float, capacity_uah_cm2_um: float, thickness_um: float) -> float:
    """Return the current density (uA/cm2) of a C-rate (1/h): i = C q_v L."""
    return c_rate * areal_from_volumetric(capacity_uah_cm2_um, thickness_um)


def c_rate_from_current(current_ua_cm2: float, capacity_uah_cm2_um: float, thickness_um: float) -> float:
    """Return the C-rate (1/h) of a current density (uA/cm2)."""
    require_positive(capacity_uah_cm2_um=capacity_uah_cm2_um)
    return current_ua_cm2 / areal_from_volumetric(capacity_uah_cm2_um, thickness_um)


def require_positive(**values: float) -> None:
    """Raise ``ValueError`` naming the first value that is not positive and finite."""
    for name, value in values.items():
        if not value > 0 or math.isinf(value):
            raise ValueError(f"{name} must be positive and finite, got {value}")
