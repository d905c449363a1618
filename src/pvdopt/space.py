"""The search space: which recipes may be made.

One function decides (:meth:`SearchSpace.is_allowed`) and one explains on the same rules
(:meth:`SearchSpace.explain`). A set of recipes is a data frame with one column per parameter; a number that does not
apply is NaN, a category that does not apply is None. Knows no data, no model and no Optuna.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.constraints import Between, Constraint, Exclude, Limit, LinearSum
from pvdopt.parameters import TOLERANCE, Array, Categorical, Continuous, Parameter, Stepped

__all__ = [
    "Between",
    "Categorical",
    "Constraint",
    "Continuous",
    "Exclude",
    "Limit",
    "LinearSum",
    "Parameter",
    "SearchSpace",
    "Stepped",
]

Value = float | str | None


def _show(value: object, unit: str = "") -> str:
    text = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    return f"{text} {unit}" if unit and unit != "1" else text


def is_missing(values: pd.Series) -> Array:
    """Return where a column holds nothing (NaN, None)."""
    return np.asarray(values.isna(), dtype=bool)


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

    def get(self, name: str) -> Parameter | None:
        """Return a parameter, or None for a name that is not varied."""
        return self._by_name.get(name)

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
            for name in c.names:
                if self._holds_numbers(name) not in (name in c.numbers, None):
                    needed = "a number" if name in c.numbers else "a choice"
                    raise ValueError(f"constraint on {', '.join(c.names)}: {name} must be {needed}")

    def _holds_numbers(self, name: str) -> bool | None:
        """Return whether a declared name holds numbers; None where it is fixed to nothing."""
        if name in self._by_name:
            return not isinstance(self._by_name[name], Categorical)
        value = self.fixed[name]
        return None if value is None else not isinstance(value, str)

    def _parents_first(self) -> Iterator[Parameter]:
        placed: set[str] = set(self.fixed)
        waiting = list(self._by_name.values())
        while waiting:
            ready = [p for p in waiting if p.parent is None or p.parent in placed]
            if not ready:
                raise ValueError(
                    "conditional parameters depend on each other in a circle: " + ", ".join(p.name for p in waiting)
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
            yield self._constraint_rule(c)

    def _constraint_rule(self, constraint: Constraint) -> _Rule:
        # a fixed setting holds whatever a further column of the recipes says, as it does for explain
        names = list(self.names)
        return _Rule(
            lambda recipes: constraint.broken(self.with_fixed(recipes[names])),
            lambda values: constraint.sentence({**self.fixed, **values}),
        )

    def _parameter_rules(self, p: Parameter) -> Iterator[_Rule]:
        name = p.name
        yield _Rule(
            lambda r: is_missing(r[name]) & self.applies(name, r),
            lambda v: f"{name} is missing; must be {p.range_text()}",
        )
        yield _Rule(
            lambda r: ~is_missing(r[name]) & ~self.applies(name, r),
            lambda v: f"{name} does not apply with {p.parent} {v.get(p.parent or '', self.fixed.get(p.parent or ''))}",
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
                return np.asarray((values < number.low - slack) | (values > number.high + slack))

        yield _Rule(outside, lambda v: f"{name} must lie {number.range_text()}, got {_show(v.get(name), number.unit)}")
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
                clean = [None if v != v else v for v in values]
                columns[p.name] = np.array([*clean, None], dtype=object)[:-1]
            else:
                columns[p.name] = np.array(values, dtype=float)
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
                stated = recipes[p.name].to_numpy(dtype=object)
                columns.append([None if v is None or v != v else v for v in stated])
            else:
                values = p.key(recipes[p.name].to_numpy(dtype=float, na_value=np.nan))
                if np.isfinite(values).all() and (np.abs(values) < 2.0**62).all():
                    columns.append(values.astype(np.int64).tolist())
                else:
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
