"""What must hold between the settings of one recipe; each constraint judges a frame and explains itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.parameters import TOLERANCE

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class LinearSum:
    """Bound a weighted sum of numbers: ``low <= sum(weight * value) <= high``.

    A parameter that does not apply counts as 0.
    """

    weights: Mapping[str, float]
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("a sum needs at least one parameter")
        if not all(math.isfinite(w) for w in self.weights.values()):
            raise ValueError(f"sum of {', '.join(self.weights)}: weights must be finite")
        if not self.low <= self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise ValueError(f"sum of {', '.join(self.weights)}: give low, high or both, low not above high")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(self.weights)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of those that must hold numbers; the others must hold choices."""
        return self.names

    def total(self, recipes: pd.DataFrame) -> Array:
        """Return the weighted sum of each recipe."""
        total = np.zeros(len(recipes))
        for name, weight in self.weights.items():
            values = recipes[name].to_numpy(dtype=float, na_value=np.nan)
            # opposite infinities give NaN: no sum, and the bounds of each setting refuse them anyway
            with np.errstate(invalid="ignore"):
                total += weight * np.where(np.isnan(values), 0.0, values)
        return total

    def broken(self, recipes: pd.DataFrame) -> Array:
        """Return which recipes violate it."""
        total = self.total(recipes)
        scale = max(abs(b) for b in (self.low, self.high) if math.isfinite(b)) or 1.0
        return (total < self.low - TOLERANCE * scale) | (total > self.high + TOLERANCE * scale)

    def sentence(self, recipe: Mapping[str, Any]) -> str:
        """Say what must hold."""
        terms = " + ".join(n if w == 1 else f"{w:g} * {n}" for n, w in self.weights.items())
        return f"{terms} must lie in [{self.low:g}, {self.high:g}]"


@dataclass(frozen=True)
class Between:
    """A closed range of numbers, for the conditions of :class:`Exclude`."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"a range needs low not above high, got {self.low:g} and {self.high:g}")

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Exclude:
    """Forbid a combination: recipes for which every condition holds.

    Parameters
    ----------
    conditions : mapping
        ``{name: choices or Between}``.
    why : str
        Reason shown to the user.
    """

    conditions: Mapping[str, Sequence[str] | Between]
    why: str = ""

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError("an exclusion needs at least one condition")
        for name, condition in self.conditions.items():
            # a bare word would be taken letter by letter and never be met
            if isinstance(condition, str) or not condition:
                raise ValueError(f"exclusion on {name}: give a list of choices or a Between, got {condition!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(self.conditions)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of those that must hold numbers; the others must hold choices."""
        return tuple(n for n, c in self.conditions.items() if isinstance(c, Between))

    def broken(self, recipes: pd.DataFrame) -> Array:
        """Return which recipes meet all conditions."""
        hit = np.ones(len(recipes), dtype=bool)
        for name, condition in self.conditions.items():
            if isinstance(condition, Between):
                values = recipes[name].to_numpy(dtype=float, na_value=np.nan)
                hit &= (values >= condition.low) & (values <= condition.high)
            else:
                hit &= np.asarray(recipes[name].isin(list(condition)))
        return hit

    def sentence(self, recipe: Mapping[str, Any]) -> str:
        """Say which combination is excluded."""
        parts = [
            f"{n} {c}" if isinstance(c, Between) else f"{n} {' or '.join(map(str, c))}"
            for n, c in self.conditions.items()
        ]
        return "not together: " + ", ".join(parts) + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class Limit:
    """Set a number's upper or lower limit by another choice, e.g. an anneal by its substrate.

    Parameters
    ----------
    parameter, by : str
        The number limited, and the category that decides.
    at_most, at_least : mapping
        Limit for each choice of ``by``; a choice not named is not limited.
    why : str
        Reason shown to the user.
    """

    parameter: str
    by: str
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    why: str = ""

    def __post_init__(self) -> None:
        if not self.at_most and not self.at_least:
            raise ValueError(f"limit on {self.parameter}: name at least one choice of {self.by}")
        if not all(math.isfinite(limit) for limit in (*self.at_most.values(), *self.at_least.values())):
            raise ValueError(f"limit on {self.parameter}: limits must be finite")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return (self.parameter, self.by)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of those that must hold numbers; the others must hold choices."""
        return (self.parameter,)

    def broken(self, recipes: pd.DataFrame) -> Array:
        """Return which recipes violate it; a number that does not apply never does."""
        values = recipes[self.parameter].to_numpy(dtype=float, na_value=np.nan)
        high = recipes[self.by].map(lambda c: self.at_most.get(c, math.inf)).to_numpy(dtype=float)
        low = recipes[self.by].map(lambda c: self.at_least.get(c, -math.inf)).to_numpy(dtype=float)
        with np.errstate(invalid="ignore"):
            return (values > high + TOLERANCE) | (values < low - TOLERANCE)

    def sentence(self, recipe: Mapping[str, Any]) -> str:
        """Say which limit the recipe's choice sets."""
        choice: Any = recipe.get(self.by)
        bounds = [
            f"{word} {table[choice]:g}"
            for word, table in (("at most", self.at_most), ("at least", self.at_least))
            if choice in table
        ]
        reason = f" ({self.why})" if self.why else ""
        return f"{self.parameter} must be {' and '.join(bounds)} with {self.by} {choice}{reason}"


Constraint = LinearSum | Exclude | Limit
