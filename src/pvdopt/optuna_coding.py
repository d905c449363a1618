"""A study's parameters as the proposer's, and back. Knows no trial and no proposer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from pvdopt.space import Categorical, Continuous, Parameter, SearchSpace, Stepped

#: A plain study's parameter with more steps than this is drawn as a continuous one and put on its steps.
N_LEVELS = 1000
#: Two values of a plain study's number closer than this share of its range are one: computers set them finely.
FINE_RESOLUTION = 1e-5

Array = np.ndarray[Any, Any]
Recipe = dict[str, Any]
Distributions = Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class FineContinuous(Continuous):
    """A number that may be repeated as nearly as a computer's settings allow; machines are set more coarsely."""

    def key(self, values: Array) -> Array:
        """Return integers that are equal for settings that count as the same."""
        return np.round(self.to_unit(values) / FINE_RESOLUTION)


class DeclaredCoding:
    """A declared space's recipes and a trial's parameters: the same, without what does not apply."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def recipe(self, params: Mapping[str, Any], distributions: Distributions) -> Recipe | None:
        """Return a trial's recipe, None if it lacks something that applies."""
        recipe: Recipe = {}
        for p in self.space.parameters:
            if applies(self.space, p, recipe):
                if params.get(p.name) is None:
                    return None
                recipe[p.name] = params[p.name]
        return recipe

    def params(self, row: Mapping[str, Any]) -> Recipe:
        """Return a recipe as a trial's parameters, in the types Optuna compares."""
        found: Recipe = {}
        for p in self.space.parameters:
            if applies(self.space, p, found):
                scale, value = distribution_of(p), row[p.name]
                # Sums of steps can leave the bounds by a rounding error, and Optuna replaces such a value unasked.
                found[p.name] = value if isinstance(scale, CategoricalDistribution) else _clip(scale, float(value))
        return found


class LearnedCoding:
    """A study's parameters coded for the engine: choices by their number, steps by their count."""

    def __init__(self, distributions: Distributions) -> None:
        self._codes = {name: f"p{k}" for k, name in enumerate(distributions)}
        self._distributions = distributions
        self.space = SearchSpace([_parameter(self._codes[name], d) for name, d in distributions.items()])

    def recipe(self, params: Mapping[str, Any], distributions: Distributions) -> Recipe | None:
        """Return a trial's recipe, None if it lacks a parameter or has it on another scale."""
        if any(name not in params or distributions.get(name) != d for name, d in self._distributions.items()):
            return None
        return {self._codes[name]: _encode(d, params[name]) for name, d in self._distributions.items()}

    def params(self, row: Mapping[str, Any]) -> Recipe:
        """Return a recipe as a trial's parameters."""
        return {name: _decode(d, row[self._codes[name]]) for name, d in self._distributions.items()}


def distribution_of(p: Parameter) -> FloatDistribution | CategoricalDistribution:
    """Return a parameter's range as Optuna states it."""
    if isinstance(p, Categorical):
        return CategoricalDistribution(tuple(p.choices))
    if isinstance(p, Stepped):
        levels = p.levels()
        # Optuna knows no steps on a logarithmic scale; the proposer puts values on them.
        return FloatDistribution(float(levels[0]), float(levels[-1]), log=p.log, step=None if p.log else p.step)
    return FloatDistribution(p.low, p.high, log=p.log)


def applies(space: SearchSpace, p: Parameter, recipe: Mapping[str, Any]) -> bool:
    """Return whether a parameter applies to a recipe that holds all before it."""
    return p.parent is None or {**space.fixed, **recipe}.get(p.parent) in p.parent_choices


def leave_a_choice(distributions: Distributions) -> dict[str, BaseDistribution]:
    """Return what leaves a choice."""
    kinds = (FloatDistribution, IntDistribution, CategoricalDistribution)
    return {name: d for name, d in distributions.items() if isinstance(d, kinds) and not d.single()}


def _parameter(name: str, d: BaseDistribution) -> Parameter:
    if isinstance(d, CategoricalDistribution):
        return Categorical(name, [str(k) for k in range(len(d.choices))])
    number = _number(d)
    if number.log and isinstance(number, IntDistribution):
        return Stepped(name, number.low, number.high, step=1.0, log=True)
    if number.step is None or number.log:
        return FineContinuous(name, number.low, number.high, log=number.log)
    n = round((number.high - number.low) / number.step)
    return Stepped(name, 0, n, step=1.0) if n <= N_LEVELS else Continuous(name, 0, n, resolution=1.0)


def _encode(d: BaseDistribution, value: Any) -> float | str:
    if isinstance(d, CategoricalDistribution):
        return str(int(d.to_internal_repr(value)))
    number = _number(d)
    if number.step is None or number.log:
        return float(value)
    return float(round((value - number.low) / number.step))


def _decode(d: BaseDistribution, code: Any) -> Any:
    if isinstance(d, CategoricalDistribution):
        return d.choices[int(code)]
    number = _number(d)
    value = code if number.step is None or number.log else number.low + round(code) * number.step
    return _clip(number, value)


def _clip(d: FloatDistribution | IntDistribution, value: float) -> float | int:
    inside = min(max(value, d.low), d.high)
    return round(inside) if isinstance(d, IntDistribution) else float(inside)


def _number(d: BaseDistribution) -> FloatDistribution | IntDistribution:
    if not isinstance(d, FloatDistribution | IntDistribution):
        raise ValueError(f"a number's distribution is needed, got {d}")
    return d
