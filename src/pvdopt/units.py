"""Canonical units, their spellings, and numbers as people write them; knows no column and no material.

Units themselves are read by :mod:`pvdopt.unit_symbols`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from pvdopt.errors import DataInvalid, Problem
from pvdopt.unit_symbols import Dimensions, UnknownUnitError, normalise, read_unit

#: Units in which values are kept: those of ``data/columns.csv``.
CANONICAL_UNITS = (
    "1", "%", "um", "nm", "mm", "cm2", "V", "C", "min", "h", "1/h", "W", "W/cm2", "Hz", "Pa", "sccm", "um/h", "J/cm2",
    "uA/cm2", "uAh/cm2", "uAh/cm2/um", "mAh/g", "g/cm3",
)  # fmt: skip


#: Celsius from a temperature: value * scale + offset.
_TEMPERATURES = {
    **dict.fromkeys(("C", "c", "degC", "deg C", "deg. C", "celsius", "Celsius", "deg"), (1.0, 0.0)),
    **dict.fromkeys(("K", "kelvin", "Kelvin"), (1.0, -273.15)),
    **dict.fromkeys(("degF", "deg F", "fahrenheit"), (5 / 9, -160 / 9)),
}
#: What to say when a unit of another kind turns up where these are wanted.
_HINTS = {
    "uAh/cm2/um": "A capacity per area goes into areal_capacity; one per mass needs a density",
    "uA/cm2": "A C-rate goes into c_rate, a current into this only after division by the area",
    "1/h": "A current density goes into current_ua_cm2",
    "C": "Write a temperature such as 650, 650 C or 923 K",
}

_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(
    rf"(?P<value>[+-]?{_UNSIGNED})\s*(?P<unit>.*?)(?:\s*(?:\+/?-)\s*(?P<sd>{_UNSIGNED})\s*(?P<sd_unit>.*))?", re.DOTALL
)
_QUALIFIERS = (
    (">=", ">="), ("=>", ">="), ("≥", ">="), (">", ">="), ("at least", ">="),
    ("<=", "<="), ("=<", "<="), ("≤", "<="), ("<", "<="), ("at most", "<="), ("up to", "<="),
    ("~", "~"), ("≈", "~"), ("about", "~"), ("approx.", "~"), ("ca.", "~"), ("=", "="),
)  # fmt: skip
_MISSING = frozenset({"", "-", "--", "n/a", "na", "n.a.", "?"})
#: A C-rate as people write it: 0.5C, C/2, C/5 h.
C_RATE = re.compile(rf"(?P<value>{_UNSIGNED})?\s*C(?:\s*/\s*(?P<hours>{_UNSIGNED})(?:\s*h)?)?")


@dataclass(frozen=True)
class Measured:
    """A number as it was written: value, how sure, and its standard deviation if stated.

    Attributes
    ----------
    qualifier : {"=", "~", ">=", "<="}
        ``>`` and ``<`` are kept as ``>=`` and ``<=``.
    """

    value: float
    qualifier: str = "="
    sd: float | None = None


def parse_quantity(
    text: str,
    unit: str,
    *,
    column: str | None = None,
    bare_unit: str | None = None,
    density_g_cm3: float | None = None,
) -> Measured | None:
    """Read a number as people write it, in a canonical unit.

    Parameters
    ----------
    text : str
        Such as ``58.2``, ``~50``, ``>= 92 %``, ``650 C``, ``58.2 ± 1.5 uAh/cm2/um``; a unit at the end holds for
        value and uncertainty alike. Empty, ``-``, ``?`` and ``n/a`` are missing values.
    unit : str
        One of :data:`CANONICAL_UNITS`, in which the result is.
    column : str, optional
        Named in messages.
    bare_unit : str, optional
        Unit of a number that stands alone, say from a table's header; the canonical one otherwise.
    density_g_cm3 : float, optional
        Allows to convert between capacities per mass and per volume.

    Returns
    -------
    Measured or None
        None where the value is missing. Limits are not checked here.

    Raises
    ------
    DataInvalid
        If there is no finite number, a decimal comma, or a unit that is unknown or of another kind.

    Examples
    --------
    >>> parse_quantity(">= 92 %", "1")
    Measured(value=0.92, qualifier='>=', sd=None)
    >>> parse_quantity("0.2 mAh/cm2", "uAh/cm2").value
    200.0
    """
    plain = normalise(text)
    if plain.lower() in _MISSING:
        return None
    qualifier, rest = _split_qualifier(plain)
    if unit == "1/h" and (found := C_RATE.fullmatch(rest)):
        hours = float(found["hours"] or 1)
        rest = f"{float(found['value'] or 1) / hours!r} 1/h" if hours else rest
    match = None if re.search(r"\d\s*,\s*\d", rest) else _QUANTITY.fullmatch(rest)
    if not match or not math.isfinite(float(match["value"])) or not math.isfinite(float(match["sd"] or 0)):
        raise DataInvalid(_no_number(text, rest, unit, column))
    if re.match(r"(-|to|\.\.)\s*\d", match["unit"]):
        todo = "Write a range as its middle ± half its width"
        raise DataInvalid(Problem("must be one number", text, todo, column=column))
    if match["unit"] and match["sd_unit"] and match["unit"] != match["sd_unit"]:
        raise DataInvalid(
            Problem("must have one unit", text, "Write 58.2 ± 1.5 and the unit at the end", column=column)
        )
    given = match["unit"] or match["sd_unit"] or bare_unit or unit
    try:
        scale, offset = _conversion(given, unit, density_g_cm3)
    except UnknownUnitError as error:
        todo = f"{error}. {_HINTS.get(unit, 'Write the number alone if it is in this unit')}"
        raise DataInvalid(Problem(f"must be {_unit_text(unit)}", text, todo, column=column)) from None
    value = _convert_number(float(match["value"]), scale, offset)
    return Measured(value, qualifier, None if match["sd"] is None else _convert_number(float(match["sd"]), scale, 0.0))


def convert(value: float, unit_from: str, unit_to: str) -> float:
    """Return a value in another unit.

    Raises
    ------
    UnknownUnitError
        If a unit is not known, or the two are of different kinds.

    Examples
    --------
    >>> convert(57, "uAh/cm2/um", "mAh/cm3")
    570.0
    """
    return _convert_number(value, *_conversion(unit_from, unit_to))


def shown_in(value: float, unit: str, shown: str) -> float:
    """Return a value in a canonical unit as an instrument that shows another unit has it.

    Raises
    ------
    UnknownUnitError
        If the shown unit is not known or of another kind.

    Examples
    --------
    >>> round(shown_in(25, "C", "K"), 2), shown_in(1.2, "um", "nm")
    (298.15, 1200.0)
    """
    scale, offset = _conversion(shown, unit)
    return _tidy((value - offset) / scale)


def dimensions_of(unit: str) -> Dimensions:
    """Return the exponents of metre, kilogram, second, ampere and standard gas flow of a unit.

    Raises
    ------
    UnknownUnitError
        If the unit is not known.
    """
    return read_unit(unit)[1]


def si_value(unit: str) -> float:
    """Return what one of a unit is in SI.

    Raises
    ------
    UnknownUnitError
        If the unit is not known.

    Examples
    --------
    >>> si_value("mAh")
    3.6
    """
    return read_unit(unit)[0]


def split_quantity(text: str) -> tuple[str, str]:
    """Return what a text says without its sign of precision, and the unit it states, if it can be read as a number.

    Examples
    --------
    >>> split_quantity("~ 26 µAh"), split_quantity("C/2")
    (('26 uAh', 'uAh'), ('C/2', ''))
    """
    _, rest = _split_qualifier(normalise(text))
    match = _QUANTITY.fullmatch(rest)
    return rest, (match["unit"] or match["sd_unit"] or "") if match else ""


def _split_qualifier(plain: str) -> tuple[str, str]:
    for mark, meaning in _QUALIFIERS:
        if plain.lower().startswith(mark):
            return meaning, plain[len(mark) :].strip()
    return "=", plain


def _no_number(text: str, plain: str, unit: str, column: str | None) -> Problem:
    """Say why a text is not a number; a comma is never read, since 1,234 may be either."""
    must = f"must be {_unit_text(unit)}"
    todo = "Leave it empty where the value is not known"
    numbers = re.findall(r"\d[\d.]*(?: ?, ?[\d.]+)+", plain)
    if numbers:
        must = "must be written with a decimal point"
        todo = f"Write {re.sub(r' *, *', '.', plain)}"
        if any(number.count(",") > 1 or "." in number for number in numbers):
            todo = "Use one decimal point and no thousands separators"
        elif any(re.fullmatch(r"\d+,\d{3}", number) for number in numbers):
            todo += f", or {plain.replace(',', '')} if a thousand is meant"
    return Problem(must, text, todo, column=column)


def _unit_text(unit: str) -> str:
    return "a finite number, plain or in %" if unit == "1" else f"a finite number in {unit}"


@lru_cache(maxsize=512)
def _conversion(unit_from: str, unit_to: str, density_g_cm3: float | None = None) -> tuple[float, float]:
    """Return (scale, offset) with ``value_to = value_from * scale + offset``."""
    if unit_to == "C":
        found = _TEMPERATURES.get(normalise(unit_from))
        if found is None:
            raise UnknownUnitError(f"{unit_from!r} is not a unit of temperature")
        return found
    if normalise(unit_from) == unit_to:
        return 1.0, 0.0
    value_from, dimensions_from = read_unit(unit_from)
    value_to, dimensions_to = read_unit(unit_to)
    # Charge per mass and per volume differ by a density: 1 g/cm3 is 1000 kg/m3.
    per_density = tuple(a - b for a, b in zip(dimensions_to, dimensions_from, strict=True))
    if density_g_cm3 is not None and per_density in ((-3, 1, 0, 0, 0), (3, -1, 0, 0, 0)):
        factor = 1e3 * density_g_cm3
        return _tidy(value_from / value_to * (factor if per_density[1] == 1 else 1 / factor)), 0.0
    if dimensions_from != dimensions_to:
        raise UnknownUnitError(f"{unit_from!r} does not convert to {unit_to!r}")
    return _tidy(value_from / value_to), 0.0


def _convert_number(value: float, scale: float, offset: float) -> float:
    """Return a converted number as a person writes it: 94 % is 0.94, not 0.9400000000000001."""
    return value if (scale, offset) == (1.0, 0.0) else float(f"{value * scale + offset:.15g}")


def _tidy(ratio: float) -> float:
    """Return the ratio without the last digits that SI values in binary leave: 0.09999999999999999 is 0.1."""
    return float(f"{ratio:.14g}")
