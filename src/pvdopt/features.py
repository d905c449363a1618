"""Recipes as a design: one column per declared input, with what is missing or does not apply marked as such.

The design follows declared inputs, never a frame's dtypes. Numbers are put on [0, 1] by fixed bounds (not by the
data), categories are coded by their declared levels. Knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.parameters import Categorical, Parameter
from pvdopt.space import SearchSpace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NumberInput:
    """A number the model sees.

    Attributes
    ----------
    low, high : float
        Fixed scaling to [0, 1]; values outside are allowed.
    absent_when : mapping
        ``{parent: levels}`` under which an empty value means "does not apply" and not "not reported".
    absent_value : float or None
        What not applying physically amounts to (a bias of 0 V); None keeps it a state of its own.
    guess : tuple of (value, weight)
        Belief about a value that was not reported; empty: the values seen in training.
    reach : float
        Over what share of the range films are expected to stay alike, before any cell: the prior median of the
        length scale of models that know the setting.
    """

    name: str
    low: float
    high: float
    log: bool = False
    absent_when: Mapping[str, Sequence[str]] = field(default_factory=dict)
    absent_value: float | None = None
    guess: tuple[tuple[float, float], ...] = ()
    reach: float = 1.0

    def scale(self, values: Array) -> Array:
        """Return values on [0, 1]."""
        if self.log:
            safe = np.where(values > 0, values, np.nan)
            return np.asarray(np.log(safe / self.low) / np.log(self.high / self.low))
        return np.asarray((values - self.low) / (self.high - self.low))


@dataclass(frozen=True)
class CategoryInput:
    """A category the model sees, by its declared levels.

    Attributes
    ----------
    reach : float
        How alike films of different levels are expected to be, before any cell: a correlation of exp(-1/reach).
    """

    name: str
    levels: tuple[str, ...]
    absent_when: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guess: tuple[tuple[str, float], ...] = ()
    reach: float = 1.0


Input = NumberInput | CategoryInput


@dataclass(frozen=True)
class DesignColumn:
    """One input of n recipes.

    Attributes
    ----------
    values : ndarray of shape (n,)
        Scaled number or level code; NaN where missing or absent.
    missing, absent : ndarray of bool, shape (n,)
        Not reported; does not apply.
    common : ndarray of bool, shape (n,), or None
        Those of the missing whose value, whatever it is, is one and the same.
    """

    input: Input
    values: Array
    missing: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    common: NDArray[np.bool_] | None = None

    @property
    def is_category(self) -> bool:
        """Whether values are level codes."""
        return isinstance(self.input, CategoryInput)

    def take(self, picked: NDArray[np.intp]) -> DesignColumn:
        """Return the column with these rows only."""
        common = None if self.common is None else self.common[picked]
        return DesignColumn(self.input, self.values[picked], self.missing[picked], self.absent[picked], common)


@dataclass(frozen=True)
class Design:
    """All inputs of n recipes, in declared order."""

    columns: tuple[DesignColumn, ...]
    n: int

    def take(self, picked: NDArray[np.intp]) -> Design:
        """Return the design of these rows only."""
        return Design(tuple(c.take(picked) for c in self.columns), len(picked))

    def matrix(self) -> Array:
        """Return numbers and one-hot categories with NaN for what is missing, shape (n, n_features); for trees."""
        parts: list[Array] = []
        for c in self.columns:
            if isinstance(c.input, CategoryInput):
                codes = np.where(c.missing | c.absent, -1, np.nan_to_num(c.values)).astype(int)
                hot = (codes[:, None] == np.arange(len(c.input.levels))[None, :]).astype(float)
                hot[c.missing] = np.nan
                parts.append(hot)
            else:
                parts.append(np.where(c.absent, -0.5, c.values)[:, None])
        return np.hstack(parts) if parts else np.zeros((self.n, 0))


def encode(inputs: Sequence[Input], frame: pd.DataFrame) -> Design:
    """Return the design of a frame; an input without a column counts as not reported.

    A category level that was not declared counts as not reported: no other row can say anything about it.
    """
    return Design(tuple(_encode_one(i, frame) for i in inputs), len(frame))


def _encode_one(declared: Input, frame: pd.DataFrame) -> DesignColumn:
    n = len(frame)
    raw = frame[declared.name] if declared.name in frame.columns else pd.Series(np.nan, index=range(n))
    if isinstance(declared, CategoryInput):
        codes = pd.Index(declared.levels, dtype=object).get_indexer(pd.Index(raw, dtype=object))
        values = np.where(codes < 0, np.nan, codes.astype(float))
    else:
        values = declared.scale(pd.to_numeric(raw, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
    empty_mask = np.isnan(values)
    absent = np.zeros(n, dtype=bool)
    for parent, levels in declared.absent_when.items():
        if parent in frame.columns:
            absent |= empty_mask & np.asarray(frame[parent].isin(list(levels)))
    if isinstance(declared, NumberInput) and declared.absent_value is not None and absent.any():
        values = np.where(absent, declared.scale(np.full(n, declared.absent_value)), values)
        absent = np.zeros(n, dtype=bool)
        empty_mask = np.isnan(values)
    return DesignColumn(declared, values, empty_mask & ~absent, absent)


def inputs_of_space(space: SearchSpace) -> tuple[Input, ...]:
    """Return the inputs of a plain space: its parameters, nothing known about them but their bounds."""
    return tuple(input_of_parameter(space, p) for p in space.parameters)


def input_of_parameter(space: SearchSpace, p: Parameter) -> Input:
    """Return one parameter as an input; what does not apply under its parent is a state of its own."""
    absent: dict[str, list[str]] = {}
    child: Parameter | None = p
    # Where a parent does not apply either, it is the parent's own parent that says so.
    while child is not None and child.parent is not None:
        parent = space.get(child.parent)
        choices = parent.choices if isinstance(parent, Categorical) else [str(space.fixed.get(child.parent))]
        absent[child.parent] = [c for c in choices if c not in child.parent_choices]
        child = parent
    if isinstance(p, Categorical):
        return CategoryInput(p.name, tuple(p.choices), absent)
    return NumberInput(p.name, p.low, p.high, p.log, absent)
