"""The values a fact may hold: plain JSON, outcomes with their errors, names and texts; and how they are shown.

Knows neither facts nor cells.
"""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

from pvdopt.errors import Problem

#: The largest whole number that a float holds; JSON and TOML can state larger ones.
_MOST = int(sys.float_info.max)

Scalar = float | int | str | bool | None
Payload = dict[str, Any]

#: How a value was stated: exactly, about, at least, at most.
QUALIFIERS = ("=", "~", ">=", "<=")

#: Columns of the derived table, so neither a setting nor an outcome can have these names.
RESERVED = frozenset({"id", "status", "outcome_class", "run", "sample", "stage", "cause", "remark"})


@dataclass(frozen=True)
class Outcome:
    """A measured value with its qualifier and, where known, its standard deviation.

    Raises
    ------
    ValueError
        If the value is no finite number, the deviation is not positive or the qualifier is unknown.
    """

    value: float
    qualifier: str = "="
    sd: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _as_float(self.value))
        if self.qualifier not in QUALIFIERS:
            raise ValueError(f"must have a qualifier among {' '.join(QUALIFIERS)}, got {self.qualifier!r}")
        if self.sd is not None:
            object.__setattr__(self, "sd", _as_float(self.sd))
            # An sd of 0 would claim a measurement without error, which a model then takes at its word.
            if not self.sd > 0:
                raise ValueError(f"must have an sd above 0, or none where it is not known, got {self.sd:g}")

    @classmethod
    def parse(cls, raw: object) -> Outcome:
        """Read a number, or a mapping with ``value`` and optionally ``qualifier`` and ``sd``.

        Raises
        ------
        ValueError
            With a sentence on what must hold.
        """
        if isinstance(raw, Outcome):
            return raw
        if not isinstance(raw, Mapping):
            return cls(_as_float(raw))
        if not raw.keys() <= {"value", "qualifier", "sd"} or "value" not in raw:
            raise ValueError(f"must carry value, qualifier and sd only, got {sorted(map(str, raw))}")
        sd = raw.get("sd")
        return cls(_as_float(raw["value"]), raw.get("qualifier") or "=", None if sd is None else _as_float(sd))

    def to_json(self) -> Payload:
        """Return the outcome as it stands in a payload."""
        return {"value": self.value, "qualifier": self.qualifier, "sd": self.sd}


def _as_float(raw: object) -> float:
    number = to_scalar(raw)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValueError(f"must be a number, got {number!r}")
    return float(number)


def to_scalar(raw: object) -> Scalar:
    """Return a setting as plain JSON; numbers of other libraries become Python's.

    Raises
    ------
    ValueError
        If it is none of finite number, text, truth value or None.
    """
    if type(raw) is float and math.isfinite(raw):
        # What nearly every value is; the questions below take ten times as long.
        return raw
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        if not is_printable(raw):
            raise ValueError(f"must be printable text, got {raw!r}")
        return raw
    if isinstance(raw, Integral):
        if abs(int(raw)) > _MOST:
            raise ValueError("must be a number of at most 308 digits")
        return int(raw)
    if isinstance(raw, Real):
        number = float(raw)
        if not math.isfinite(number):
            raise ValueError(f"must be a finite number, got {number}")
        return number
    raise ValueError(f"must be a number, a text, true, false or nothing, got {raw!r}")


def to_plain(raw: object) -> Any:
    """Return nested mappings and sequences as plain JSON.

    Raises
    ------
    ValueError
        At the first value JSON cannot hold, naming its place.
    """
    if isinstance(raw, Mapping):
        plain: Payload = {}
        for key, value in raw.items():
            if not isinstance(key, str):
                raise ValueError(f"must have texts as names, got {key!r}")
            try:
                plain[key] = to_plain(value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        return plain
    if isinstance(raw, (list, tuple)):
        return [to_plain(value) for value in raw]
    return to_scalar(raw)


def is_printable(text: str) -> bool:
    """Whether a text can be stored and shown anywhere: no lone surrogates, no control characters but breaks."""
    return all(c in "\n\r\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in text)


def is_same(one: object, other: object) -> bool:
    """Whether two plain values say the same: 60 and 60.0 do, 1 and true do not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def canonical_json(value: object) -> str:
    """Return JSON that is the same for the same content: sorted keys, no spaces, plain ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def find_name_fault(name: object) -> str | None:
    """Return what is wrong with the name of a setting or an outcome, None if nothing is."""
    if not isinstance(name, str) or not name.strip() or name != name.strip() or not name.isprintable():
        return f"must be a plain name, got {name!r}"
    if name in RESERVED or name.endswith(("_sd", "_qualifier")):
        return "is a name the ledger's own table uses and cannot name a setting or an outcome"
    return None


def read_text(raw: object) -> str | None:
    """Return a text without surrounding blanks, None if nothing is left.

    Raises
    ------
    ValueError
        If it is no text.
    """
    text = to_scalar(raw)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"must be a text, got {text!r}")
    return (text or "").strip() or None


def show(value: object) -> str:
    """Return a recorded value as a person writes it."""
    if isinstance(value, Mapping):
        sign = "" if value["qualifier"] == "=" else f"{value['qualifier']} "
        # Two digits: what was stated has no more, and what follows from usual errors deserves no more.
        sd = "" if value["sd"] is None else f" +- {value['sd']:.2g}"
        return f"{sign}{value['value']:.12g}{sd}"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "not applying" if value is None else str(value)


def close_names(name: object, known: Iterable[str]) -> str:
    """Return a hint that lists the known names nearest to a mistyped one, or all while they are few."""
    names = list(known)
    if not names:
        return "There is none yet"
    matches = get_close_matches(str(name), names, n=3, cutoff=0.5)
    if matches:
        return f"Close to it: {', '.join(matches)}"
    return f"Known: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"


def unknown_cell(name: object, known: Iterable[str], **place: Any) -> Problem:
    """Return the problem of a cell the ledger does not know."""
    return Problem("must name a cell of this campaign", name, close_names(name, known), **place)
