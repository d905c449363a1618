"""One setting of a recipe: a number on an interval or a grid, or a choice. Values check themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: Two settings of a continuous parameter closer than this share of its range are one setting.
DEFAULT_RESOLUTION = 1e-3
#: Slack for comparing a value with a bound or a step, as a share of the range or step.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class _Parameter:
    name: str
    when: Mapping[str, Sequence[str]] | None = field(default=None, kw_only=True)

    def _check_when(self) -> None:
        if self.when is None:
            return
        choices = list(self.when.values())
        if len(choices) != 1 or not choices[0]:
            raise ValueError(f"{self.name}: when must name one parent and at least one of its choices")
        if isinstance(choices[0], str):
            raise ValueError(f"{self.name}: when must list the parent's choices, got a single word")

    @property
    def parent(self) -> str | None:
        """The parameter this one depends on, if any."""
        return next(iter(self.when)) if self.when else None

    @property
    def parent_choices(self) -> tuple[str, ...]:
        """The parent's choices under which this parameter applies."""
        return tuple(next(iter(self.when.values()))) if self.when else ()

    def condition_text(self) -> str:
        """Return in words when it applies, nothing if always."""
        return f"only with {self.parent} {' or '.join(self.parent_choices)}" if self.when else ""


@dataclass(frozen=True)
class _Number(_Parameter):
    low: float = math.nan
    high: float = math.nan
    unit: str = field(default="", kw_only=True)

    def _check_bounds(self) -> None:
        self._check_when()
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"{self.name}: low and high must be finite, got {self.low} and {self.high}")
        if not self.low < self.high:
            raise ValueError(f"{self.name}: low must lie below high, got {self.low:g} and {self.high:g}")

    def range_text(self) -> str:
        """Return the bounds in words."""
        return f"in [{self.low:g}, {self.high:g}]" + (f" {self.unit}" if self.unit not in ("", "1") else "")


@dataclass(frozen=True)
class Continuous(_Number):
    """A number on an interval.

    Parameters
    ----------
    low, high : float
        Bounds, both included, in ``unit``.
    log : bool
        Whether equal ratios count as equal steps; needs ``low > 0``.
    resolution : float, optional
        The finest difference the machine can set; recipes are put on multiples of it.
    when : mapping, optional
        ``{parent: [choices]}``: the parameter exists only under these choices of another one.

    Raises
    ------
    ValueError
        If bounds are reversed, not finite, or not positive with ``log``.
    """

    log: bool = field(default=False, kw_only=True)
    resolution: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._check_bounds()
        if self.log and self.low <= 0:
            raise ValueError(f"{self.name}: a log scale needs low > 0, got {self.low:g}")
        if self.resolution is not None and not 0 < self.resolution <= self.high - self.low:
            raise ValueError(f"{self.name}: resolution must lie in (0, high - low], got {self.resolution:g}")

    def from_unit(self, u: Array) -> Array:
        """Map [0, 1] to the parameter's values, snapped to its resolution."""
        if self.log:
            span = math.log(self.high / self.low)
            return self.snap(self.low * np.exp(np.asarray(u, dtype=float) * span))
        return self.snap(self.low + np.asarray(u, dtype=float) * (self.high - self.low))

    def to_unit(self, values: Array) -> Array:
        """Map values to [0, 1]; NaN stays NaN, values outside the bounds leave [0, 1]."""
        values = np.asarray(values, dtype=float)
        if self.log:
            safe = np.where(values > 0, values, np.nan)
            return np.log(safe / self.low) / math.log(self.high / self.low)
        return (values - self.low) / (self.high - self.low)

    def snap(self, values: Array) -> Array:
        """Return the nearest settable values."""
        values = np.clip(np.asarray(values, dtype=float), self.low, self.high)
        if self.resolution is None:
            return values
        steps = np.round(values / self.resolution) * self.resolution
        return np.clip(np.round(steps, 12), self.low, self.high)

    def key(self, values: Array) -> Array:
        """Return integers that are equal for settings that count as the same."""
        if self.resolution is not None:
            return np.round(np.asarray(values, dtype=float) / self.resolution)
        return np.round(self.to_unit(values) / DEFAULT_RESOLUTION)

    def off_grid(self, values: Array) -> Array:
        """Return which values lie in the bounds but cannot be set (none, for a continuous parameter)."""
        return np.zeros(len(values), dtype=bool)


@dataclass(frozen=True)
class Stepped(_Number):
    """A number on the grid ``low, low + step, ..., <= high``.

    Raises
    ------
    ValueError
        If bounds are reversed or the step does not lie in (0, high - low].
    """

    step: float = 1.0
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check_bounds()
        if not 0 < self.step <= (self.high - self.low) * (1 + TOLERANCE):
            raise ValueError(f"{self.name}: step must lie in (0, high - low], got {self.step:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.name}: a log scale needs low > 0, got {self.low:g}")

    @property
    def n_levels(self) -> int:
        """Number of settable values."""
        return math.floor((self.high - self.low) / self.step + TOLERANCE) + 1

    def levels(self) -> Array:
        """Return all settable values, ascending."""
        return np.round(self.low + self.step * np.arange(self.n_levels), 12)

    def from_unit(self, u: Array) -> Array:
        """Map [0, 1] to levels of equal share (equal log width with ``log``)."""
        u = np.asarray(u, dtype=float)
        if self.log:
            return self.snap(self.low * np.exp(u * math.log(self.high / self.low)))
        index = np.minimum((u * self.n_levels).astype(int), self.n_levels - 1)
        return np.asarray(self.levels()[index])

    def to_unit(self, values: Array) -> Array:
        """Map values to [0, 1] by their place between the bounds; NaN stays NaN."""
        values = np.asarray(values, dtype=float)
        if self.log:
            safe = np.where(values > 0, values, np.nan)
            return np.log(safe / self.low) / math.log(self.high / self.low)
        return (values - self.low) / (self.high - self.low)

    def snap(self, values: Array) -> Array:
        """Return the nearest levels."""
        index = np.round((np.asarray(values, dtype=float) - self.low) / self.step)
        return np.round(self.low + self.step * np.clip(index, 0, self.n_levels - 1), 12)

    def key(self, values: Array) -> Array:
        """Return the index of the nearest level."""
        return np.round((np.asarray(values, dtype=float) - self.low) / self.step)

    def off_grid(self, values: Array) -> Array:
        """Return which values are not on a level."""
        values = np.asarray(values, dtype=float)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.snap(values) - values) > TOLERANCE * max(self.step, 1e-12))


@dataclass(frozen=True)
class Categorical(_Parameter):
    """A choice among named levels.

    Raises
    ------
    ValueError
        If there are fewer than two choices or one is repeated.
    """

    choices: Sequence[str] = ()

    def __post_init__(self) -> None:
        self._check_when()
        if isinstance(self.choices, str):
            raise ValueError(f"{self.name}: choices must be a list, got the word {self.choices!r}")
        object.__setattr__(self, "choices", tuple(self.choices))
        if len(self.choices) < 2:
            raise ValueError(f"{self.name}: at least two choices are needed; a single one belongs to fixed")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError(f"{self.name}: choices must differ, got {', '.join(map(str, self.choices))}")

    def from_unit(self, u: Array) -> Array:
        """Map [0, 1] to choices of equal share."""
        index = np.minimum((np.asarray(u) * len(self.choices)).astype(int), len(self.choices) - 1)
        return np.asarray(np.array(self.choices, dtype=object)[index])

    def range_text(self) -> str:
        """Return the choices in words."""
        return "one of " + ", ".join(map(str, self.choices))


Parameter = Continuous | Stepped | Categorical
