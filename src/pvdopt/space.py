"""Parameters, constraints and the search space: which recipes may be made.

One function decides (:meth:`SearchSpace.is_allowed`) and one explains on the same rules
(:meth:`SearchSpace.explain`). A set of recipes is a data frame with one column per parameter; a number that does not
apply is NaN, a category that does not apply is None. Knows no data, no model and no Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]
Value = float | str | None

#: Two settings of a continuous parameter closer than this share of its range are one setting.
DEFAULT_RESOLUTION = 1e-3
#: Slack for comparing a value with a bound or a step, as a share of the range or step.
TOLERANCE = 1e-6


def _show(value: object, unit: str = "") -> str:
    text = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    return f"{text} {unit}" if unit and unit != "1" else text


def is_missing(values: pd.Series) -> Array:
    """Return where a column holds nothing (NaN, None)."""
    return np.asarray(values.isna(), dtype=bool)


@dataclass(frozen=True)
class _Parameter:
    name: str
    when: Mapping[str, Sequence[str]] | None = field(default=None, kw_only=True)

    def _check_when(self) -> None:
        if self.when is not None and (len(self.when) != 1 or not all(self.when.values())):
            raise ValueError(f"{self.name}: when must name one parent and at least one of its choices")

    @property
    def parent(self) -> str | None:
        """The parameter this one depends on, if any."""
        return next(iter(self.when)) if self.when else None

    @property
    def parent_choices(self) -> tuple[str, ...]:
        """The parent's choices under which this parameter applies."""
        return tuple(next(iter(self.when.values()))) if self.when else ()


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
        return int(math.floor((self.high - self.low) / self.step + TOLERANCE)) + 1

    def levels(self) -> Array:
        """Return all settable values, ascending."""
        return np.round(self.low + self.step * np.arange(self.n_levels), 12)

    def from_unit(self, u: Array) -> Array:
        """Map [0, 1] to levels of equal share (equal log width with ``log``)."""
        u = np.asarray(u, dtype=float)
        if self.log:
            top = self.low + self.step * (self.n_levels - 1)
            return self.snap(self.low * np.exp(u * math.log(top / self.low)))
        index = np.minimum((u * self.n_levels).astype(int), self.n_levels - 1)
        return self.levels()[index]

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
            return np.abs(self.snap(values) - values) > TOLERANCE * max(self.step, 1e-12)


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
        object.__setattr__(self, "choices", tuple(self.choices))
        if len(self.choices) < 2:
            raise ValueError(f"{self.name}: at least two choices are needed; a single one belongs to fixed")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError(f"{self.name}: choices must differ, got {', '.join(map(str, self.choices))}")

    def from_unit(self, u: Array) -> Array:
        """Map [0, 1] to choices of equal share."""
        index = np.minimum((np.asarray(u) * len(self.choices)).astype(int), len(self.choices) - 1)
        return np.array(self.choices, dtype=object)[index]

    def range_text(self) -> str:
        """Return the choices in words."""
        return "one of " + ", ".join(map(str, self.choices))


Parameter = Continuous | Stepped | Categorical


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
        if not self.low <= self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise ValueError(f"sum of {', '.join(self.weights)}: give low, high or both, low not above high")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(self.weights)

    def total(self, recipes: pd.DataFrame) -> Array:
        """Return the weighted sum of each recipe."""
        total = np.zeros(len(recipes))
        for name, weight in self.weights.items():
            total += weight * np.nan_to_num(recipes[name].to_numpy(dtype=float, na_value=np.nan))
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

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(self.conditions)

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

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return (self.parameter, self.by)

    def broken(self, recipes: pd.DataFrame) -> Array:
        """Return which recipes violate it; a number that does not apply never does."""
        values = recipes[self.parameter].to_numpy(dtype=float, na_value=np.nan)
        high = recipes[self.by].map(lambda c: self.at_most.get(c, math.inf)).to_numpy(dtype=float)
        low = recipes[self.by].map(lambda c: self.at_least.get(c, -math.inf)).to_numpy(dtype=float)
        with np.errstate(invalid="ignore"):
            return (values > high + TOLERANCE) | (values < low - TOLERANCE)

    def sentence(self, recipe: Mapping[str, Any]) -> str:
        """Say which limit the recipe's choice sets."""
        choice = recipe.get(self.by)
        bounds = [
            f"{word} {table[choice]:g}"
            for word, table in (("at most", self.at_most), ("at least", self.at_least))
            if choice in table
        ]
        reason = f" ({self.why})" if self.why else ""
        return f"{self.parameter} must be {' and '.join(bounds)} with {self.by} {choice}{reason}"


Constraint = LinearSum | Exclude | Limit


@dataclass(frozen=True)
class _Rule:
    """One thing that must hold: where it is broken, and the sentence for one recipe."""

    broken: Callable[[pd.DataFrame], Array]
    sentence: Callable[[Mapping[str, Any]], str]


class SearchSpace:
    """All recipes a campaign may propose.

    Parameters
    ----------
    parameters : sequence of Continuous, Stepped or Categorical
        In any order; parents of conditional parameters are sorted first.
    constraints : sequence of LinearSum, Exclude or Limit
    fixed : mapping
        Settings the campaign does not vary; constraints and conditions may name them.

    Raises
    ------
    ValueError
        If names repeat, or a condition or constraint names what is neither a parameter nor fixed.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        constraints: Sequence[Constraint] = (),
        fixed: Mapping[str, Value] | None = None,
    ) -> None:
        self.fixed: dict[str, Value] = dict(fixed or {})
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        self._by_name: dict[str, Parameter] = {}
        for p in parameters:
            if p.name in self._by_name or p.name in self.fixed:
                raise ValueError(f"{p.name}: declared twice (parameters and fixed share one set of names)")
            self._by_name[p.name] = p
        if not self._by_name:
            raise ValueError("a search space needs at least one parameter")
        self._check_names()
        self.parameters: tuple[Parameter, ...] = tuple(self._parents_first())
        self._rules: tuple[_Rule, ...] = tuple(self._make_rules())

    def __repr__(self) -> str:
        return f"SearchSpace({list(self.parameters)!r}, {list(self.constraints)!r}, fixed={self.fixed!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, parents before their children."""
        return tuple(p.name for p in self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def _check_names(self) -> None:
        known = set(self._by_name) | set(self.fixed)
        for p in self._by_name.values():
            if p.parent is None:
                continue
            if p.parent not in known:
                raise ValueError(f"{p.name}: its parent {p.parent} is neither a parameter nor fixed")
            parent = self._by_name.get(p.parent)
            if parent is not None and not isinstance(parent, Categorical):
                raise ValueError(f"{p.name}: its parent {p.parent} must be categorical")
            unknown = [c for c in p.parent_choices if parent is not None and c not in parent.choices]
            if unknown:
                raise ValueError(f"{p.name}: {p.parent} has no choice {', '.join(unknown)}")
        for c in self.constraints:
            missing = [n for n in c.names if n not in known]
            if missing:
                raise ValueError(f"constraint on {', '.join(c.names)}: {', '.join(missing)} is not declared")

    def _parents_first(self) -> Iterator[Parameter]:
        placed: set[str] = set(self.fixed)
        waiting = list(self._by_name.values())
        while waiting:
            ready = [p for p in waiting if p.parent is None or p.parent in placed]
            if not ready:
                raise ValueError(
                    "conditional parameters depend on each other in a circle: "
                    + ", ".join(p.name for p in waiting)
                )
            placed.update(p.name for p in ready)
            waiting = [p for p in waiting if p.name not in placed]
            yield from ready

    # -- rules ---------------------------------------------------------------------------------------------------

    def applies(self, name: str, recipes: pd.DataFrame) -> Array:
        """Return for which recipes a parameter applies (its parent's choice says so)."""
        p = self._by_name[name]
        if p.parent is None:
            return np.ones(len(recipes), dtype=bool)
        if p.parent in self.fixed:
            return np.full(len(recipes), self.fixed[p.parent] in p.parent_choices)
        return np.asarray(recipes[p.parent].isin(list(p.parent_choices))) & self.applies(p.parent, recipes)

    def _make_rules(self) -> Iterator[_Rule]:
        for p in self.parameters:
            yield from self._parameter_rules(p)
        for c in self.constraints:
            yield _Rule(
                lambda r, c=c: c.broken(self.with_fixed(r)),  # type: ignore[misc]
                lambda v, c=c: c.sentence({**self.fixed, **v}),
            )  # type: ignore[misc]

    def _parameter_rules(self, p: Parameter) -> Iterator[_Rule]:
        name = p.name
        yield _Rule(
            lambda r: is_missing(r[name]) & self.applies(name, r),
            lambda v: f"{name} is missing; must be {p.range_text()}",
        )
        yield _Rule(
            lambda r: ~is_missing(r[name]) & ~self.applies(name, r),
            lambda v: (
                f"{name} does not apply with {p.parent} {v.get(p.parent or '', self.fixed.get(p.parent or ''))}"
            ),
        )
        if isinstance(p, Categorical):
            choices = list(p.choices)
            yield _Rule(
                lambda r: ~is_missing(r[name]) & ~np.asarray(r[name].isin(choices)),
                lambda v: f"{name} must be {p.range_text()}, got {v.get(name)}",
            )
            return
        number = p

        def outside(r: pd.DataFrame) -> Array:
            values = r[name].to_numpy(dtype=float, na_value=np.nan)
            slack = TOLERANCE * (number.high - number.low)
            with np.errstate(invalid="ignore"):
                return np.isinf(values) | (values < number.low - slack) | (values > number.high + slack)

        yield _Rule(
            outside, lambda v: f"{name} must lie {number.range_text()}, got {_show(v.get(name), number.unit)}"
        )
        if isinstance(p, Stepped):
            stepped = p
            yield _Rule(
                lambda r: stepped.off_grid(r[name].to_numpy(dtype=float, na_value=np.nan)) & ~outside(r),
                lambda v: (
                    f"{name} must stand on a step of {stepped.step:g} from {stepped.low:g}, "
                    f"got {_show(v.get(name), stepped.unit)}"
                ),
            )

    def is_allowed(self, recipes: pd.DataFrame) -> Array:
        """Return which recipes may be made.

        Parameters
        ----------
        recipes : DataFrame of shape (n, n_parameters or more)

        Returns
        -------
        ndarray of bool, shape (n,)

        Raises
        ------
        ValueError
            If a parameter has no column.
        """
        lacking = [n for n in self.names if n not in recipes.columns]
        if lacking:
            raise ValueError(f"recipes lack the columns {', '.join(lacking)}")
        allowed = np.ones(len(recipes), dtype=bool)
        for rule in self._rules:
            allowed &= ~rule.broken(recipes)
        return allowed

    def explain(self, recipe: Mapping[str, Any]) -> list[str]:
        """Return one sentence for each rule a recipe breaks; empty when it may be made."""
        frame = self.frame([recipe])
        values = {n: recipe.get(n) for n in self.names}
        return [rule.sentence(values) for rule in self._rules if bool(rule.broken(frame)[0])]

    # -- recipes -------------------------------------------------------------------------------------------------

    def frame(self, recipes: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Return recipes as a data frame with the space's columns and column types."""
        columns: dict[str, Any] = {}
        for p in self.parameters:
            values = [recipe.get(p.name) for recipe in recipes]
            if isinstance(p, Categorical):
                clean = [None if v is None or v != v else v for v in values]
                columns[p.name] = np.array([*clean, None], dtype=object)[:-1]
            else:
                columns[p.name] = np.array([np.nan if v is None else v for v in values], dtype=float)
        return pd.DataFrame({n: pd.Series(v, dtype=v.dtype) for n, v in columns.items()})

    def with_fixed(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return recipes with the fixed settings as further columns."""
        if not self.fixed:
            return recipes
        extra = {
            n: pd.Series(
                [v] * len(recipes),
                index=recipes.index,
                dtype=object if isinstance(v, str) or v is None else float,
            )
            for n, v in self.fixed.items()
            if n not in recipes.columns
        }
        return recipes.assign(**extra)

    def from_unit(self, cube: Array) -> pd.DataFrame:
        """Map points of the unit cube, shape (n, n_parameters), to recipes on the machine's grid.

        What does not apply is cleared; constraints are not looked at.
        """
        columns = {p.name: p.from_unit(cube[:, j]) for j, p in enumerate(self.parameters)}
        frame = pd.DataFrame(
            {n: pd.Series(v, dtype=object if v.dtype == object else float) for n, v in columns.items()}
        )
        return self.clear(frame)

    def clear(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return recipes with everything emptied that does not apply."""
        recipes = recipes.copy()
        for p in self.parameters:
            if p.parent is not None:
                idle = ~self.applies(p.name, recipes)
                if idle.any():
                    recipes.loc[idle, p.name] = None if isinstance(p, Categorical) else np.nan
        return recipes

    def snap(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return the nearest settable recipes: clipped, on their steps, cleared of what does not apply."""
        recipes = recipes.copy()
        for p in self.parameters:
            if not isinstance(p, Categorical):
                recipes[p.name] = p.snap(recipes[p.name].to_numpy(dtype=float, na_value=np.nan))
        return self.clear(recipes)

    def keys(self, recipes: pd.DataFrame) -> list[Hashable]:
        """Return for each recipe a key that is equal for recipes that count as the same setting."""
        columns = []
        for p in self.parameters:
            if isinstance(p, Categorical):
                columns.append([None if v is None or v != v else v for v in recipes[p.name]])
            else:
                values = p.key(recipes[p.name].to_numpy(dtype=float, na_value=np.nan))
                columns.append([None if v != v else int(v) for v in values])
        return list(zip(*columns, strict=True)) if columns else []

    def n_settings(self, at_most: int = 1_000_000) -> int | None:
        """Return the number of recipes of a finite space (constraints aside), None if larger or infinite."""
        count = 1
        for p in self.parameters:
            if isinstance(p, Categorical):
                count *= len(p.choices)
            elif isinstance(p, Stepped):
                count *= p.n_levels
            else:
                return None
            if count > at_most:
                return None
        return count
