"""Unit symbols and products of them, as scale and SI dimensions.

A unit is read as a product of symbols with whole exponents (``uAh cm-2 um-1`` is ``µAh/cm²/µm``). A small table knows
what laboratories write; any other symbol is looked up with pint. ``/`` divides by the next factor or bracket only, so
``uAh/cm2 um`` is refused: nothing is converted on a guess.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

#: Exponents of metre, kilogram, second, ampere and standard gas flow.
Dimensions = tuple[int, int, int, int, int]
_NONE: Dimensions = (0, 0, 0, 0, 0)
_PREFIXES = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6}
#: symbol -> (SI value, dimensions, prefixes it takes)
_SYMBOLS: dict[str, tuple[float, Dimensions, str]] = {
    "m": (1.0, (1, 0, 0, 0, 0), "num"),
    "g": (1e-3, (0, 1, 0, 0, 0), "umk"),
    "s": (1.0, (0, 0, 1, 0, 0), "num"),
    "A": (1.0, (0, 0, 0, 1, 0), "num"),
    "Ah": (3600.0, (0, 0, 1, 1, 0), "num"),
    "C": (1.0, (0, 0, 1, 1, 0), "um"),
    "V": (1.0, (2, 1, -3, -1, 0), "umk"),
    "W": (1.0, (2, 1, -3, 0, 0), "umkM"),
    "Wh": (3600.0, (2, 1, -2, 0, 0), "umk"),
    "J": (1.0, (2, 1, -2, 0, 0), "umk"),
    "Pa": (1.0, (-1, 1, -2, 0, 0), "mkM"),
    "bar": (1e5, (-1, 1, -2, 0, 0), "um"),
    "Torr": (101325 / 760, (-1, 1, -2, 0, 0), "um"),
    "Hz": (1.0, (0, 0, -1, 0, 0), "kM"),
}
_ALONE: dict[str, tuple[float, Dimensions]] = {
    "1": (1.0, _NONE),
    "%": (1e-2, _NONE),
    "cm": (1e-2, (1, 0, 0, 0, 0)),
    "Å": (1e-10, (1, 0, 0, 0, 0)),
    "min": (60.0, (0, 0, 1, 0, 0)),
    "h": (3600.0, (0, 0, 1, 0, 0)),
    "d": (86400.0, (0, 0, 1, 0, 0)),
    "hPa": (100.0, (-1, 1, -2, 0, 0)),
    "sccm": (1.0, (0, 0, 0, 0, 1)),
    "slm": (1e3, (0, 0, 0, 0, 1)),
}
#: Other ways to write a symbol.
_ALIASES = {
    "uAh": "uah µAh", "mAh": "mah", "um": "micron microns micrometer micrometers micrometre micrometres",
    "nm": "nanometer nanometers nanometre nanometres", "Å": "angstrom angstroms Angstrom", "%": "percent pct",
    "V": "volt volts Volt v", "W": "watt watts Watt", "s": "sec secs second seconds", "min": "mins minute minutes",
    "h": "hr hrs hour hours", "d": "day days", "Pa": "pascal pa", "Torr": "torr", "mTorr": "mtorr Mtorr",
    "Hz": "hz hertz", "slm": "slpm", "sccm": "SCCM",
}  # fmt: skip
_FACTOR = re.compile(
    r"\s*(?:(?P<operator>[/*·.])|(?P<bracket>[()])|(?P<symbol>[A-Za-zÅ%]+|1)(?:\^|\*\*)?(?P<power>[+-]?\d(?!\d))?)"
)


class UnknownUnitError(ValueError):
    """A unit is not known, or does not convert to the one wanted."""


def normalise(text: str) -> str:
    """Return the text in plain letters: one micro sign, plain digits and minus signs, single spaces.

    Examples
    --------
    >>> normalise("58.2 µAh·cm⁻²·µm⁻¹")
    '58.2 uAh·cm-2·um-1'
    """
    plain = unicodedata.normalize("NFKC", text)
    for mark, letter in (("\N{GREEK SMALL LETTER MU}", "u"), ("\N{MINUS SIGN}", "-"), ("–", "-"), ("—", "-")):
        plain = plain.replace(mark, letter)
    plain = plain.replace("±", "+-").replace("∙", "·").replace("⋅", "·").replace("×", "*").replace("°", "deg")
    return " ".join(plain.split())


@lru_cache(maxsize=512)
def read_unit(text: str) -> tuple[float, Dimensions]:
    """Return the SI value and the dimensions of a product of symbols."""
    plain = normalise(text)
    # Each open bracket keeps the sign with which its factors count; ``awaits`` is true after an operator.
    position, signs, sign, awaits = 0, [1], 1, True
    value, dimensions = 1.0, _NONE
    while position < len(plain):
        match = _FACTOR.match(plain, position)
        if (
            not match
            or (match["operator"] and awaits and (position or match["operator"] != "/"))
            or (match["bracket"] == ")" and awaits)
        ):
            raise UnknownUnitError(f"The unit {text!r} cannot be read")
        position = match.end()
        awaits = bool(match["operator"] or match["bracket"] == "(")
        if match["operator"]:
            sign = -1 if match["operator"] == "/" else 1
        elif match["bracket"] == "(":
            signs.append(signs[-1] * sign)
            sign = 1
        elif match["bracket"]:
            signs.pop()
            if not signs:
                raise UnknownUnitError(f"The unit {text!r} cannot be read")
        else:
            one, single = _read_symbol(match["symbol"])
            power = sign * signs[-1] * int(match["power"] or 1)
            try:
                value *= one**power
            except OverflowError:
                value = math.inf
            dimensions = _add(dimensions, single, power)
            sign = 1
    if len(signs) > 1 or awaits:
        raise UnknownUnitError(f"The unit {text!r} cannot be read")
    if not 0 < value < math.inf:
        raise UnknownUnitError(f"The unit {text!r} is beyond all measure")
    return value, dimensions


def _add(dimensions: Dimensions, more: Dimensions, power: int) -> Dimensions:
    a, b, c, d, e = (x + power * y for x, y in zip(dimensions, more, strict=True))
    return a, b, c, d, e


@cache
def _symbols() -> Mapping[str, tuple[float, Dimensions]]:
    """Return every symbol, prefix and alias written out."""
    known = dict(_ALONE)
    for symbol, (value, dimensions, prefixes) in _SYMBOLS.items():
        for prefix in ("", *prefixes):
            known[prefix + symbol] = (_PREFIXES[prefix] * value, dimensions)
    for symbol, others in _ALIASES.items():
        known |= dict.fromkeys(others.split(), known[symbol])
    return MappingProxyType(known)


def _read_symbol(symbol: str) -> tuple[float, Dimensions]:
    found = _symbols().get(symbol)
    if found is None and "%" not in symbol:
        # Pint reads u% as a mass.
        found = _ask_pint(symbol)
    if found is None:
        raise UnknownUnitError(f"The unit {symbol!r} is not known")
    return found


@cache
def _registry() -> Any:
    """Return pint's registry; a second to load, so only for units the table lacks."""
    import pint

    return pint.UnitRegistry()


def _ask_pint(symbol: str) -> tuple[float, Dimensions] | None:
    """Return what pint knows of one symbol.

    None if nothing, or if it is dimensionless, logarithmic, has an offset or other dimensions than ours: pint reads
    ``e`` and ``rad`` as pure numbers, and a number is not multiplied by a stray letter.
    """
    import pint

    try:
        quantity = _registry().Quantity(1.0, symbol).to_base_units()
        doubled = _registry().Quantity(2.0, symbol).to_base_units()
    except (pint.errors.PintError, AttributeError, ValueError):
        return None
    known = {"[length]": 0, "[mass]": 1, "[time]": 2, "[current]": 3}
    exponents = [0, 0, 0, 0]
    for name, power in quantity.dimensionality.items():
        if name not in known or power != int(power):
            return None
        exponents[known[name]] = int(power)
    if not any(exponents) or not math.isclose(doubled.magnitude, 2 * quantity.magnitude):
        return None
    a, b, c, d = exponents
    return float(quantity.magnitude), (a, b, c, d, 0)
