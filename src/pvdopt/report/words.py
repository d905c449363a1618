"""Values, quantities and recipes as a report's charts and tables say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pvdopt.ledger.values import Outcome, Scalar
from pvdopt.report.content import Quantity, Span
from pvdopt.wording import is_nothing, print_unit, show, show_interval

#: Before a measured value in a table.
SIGNS = {"=": "", "~": "≈ ", ">=": "≥ ", "<=": "≤ "}


def title_of(quantity: Quantity) -> str:
    """Return a quantity as an axis names it."""
    unit = print_unit(quantity.unit)
    words = quantity.words[:1].upper() + quantity.words[1:]
    return f"{words} ({unit})" if unit else words


def say_value(value: object, quantity: Quantity, digits: int = 3) -> str:
    """Return a value with its unit."""
    return show(value, print_unit(quantity.unit), digits)


def say_outcome(outcome: Outcome, quantity: Quantity) -> str:
    """Return a measured value with its qualifier, deviation and unit."""
    sign = {"=": "", "~": "about ", ">=": "at least ", "<=": "at most "}[outcome.qualifier]
    sd = "" if outcome.sd is None else f" ± {show(outcome.sd, digits=2)}"
    unit = print_unit(quantity.unit)
    return f"{sign}{show(outcome.value)}{sd}{f' {unit}' if unit else ''}"


def say_recipe(settings: Mapping[str, Scalar], quantities: Sequence[Quantity]) -> str:
    """Return a recipe in as few words as say it."""
    words = []
    for q in quantities:
        value = settings.get(q.name)
        if is_nothing(value):
            continue
        unit = print_unit(q.unit)
        plain = isinstance(value, str) and value not in ("none", "unknown")
        words.append(str(value) if plain else f"{show(value)} {unit}" if unit else f"{q.words} {show(value)}")
    return ", ".join(words)


def say_span(span: Span, quantity: Quantity) -> str:
    """Return a prediction with its interval and unit."""
    unit = print_unit(quantity.unit)
    return f"{show(span[0], digits=3)} ({show_interval(*span[1:])}){f' {unit}' if unit else ''}"
