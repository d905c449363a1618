"""Draw recipes that may be made, and vary good ones. Knows no data and no model.

Everything is seeded by the generator handed in, and every effort is bounded: a space too tight to be hit by drawing,
repairing and drawing again gives few recipes or none, never an endless search.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Set
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.errors import NothingToPropose
from pvdopt.parameters import Categorical, Continuous, Parameter, Stepped
from pvdopt.space import Limit, LinearSum, SearchSpace, is_missing

Array = np.ndarray[Any, Any]

#: A space with at most this many settings is listed completely instead of being sampled.
N_LISTED = 5000
#: Blocks of draws before giving up on filling a request.
N_BLOCKS = 24
#: Rounds of repair; sums that share a parameter can undo each other.
N_REPAIRS = 3


def latin_hypercube(n: int, n_dimensions: int, rng: np.random.Generator) -> Array:
    """Return points of the unit cube, one in each of n slices of every axis; shape (n, n_dimensions).

    McKay, Beckman, Conover, Technometrics 21, 239 (1979).
    """
    slices = rng.permuted(np.tile(np.arange(n)[:, None], (1, n_dimensions)), axis=0)
    return np.asarray((slices + rng.random((n, n_dimensions))) / n)


def draw_recipes(
    space: SearchSpace, n: int, rng: np.random.Generator, without: Set[Hashable] = frozenset()
) -> pd.DataFrame:
    """Return up to n different allowed recipes, spread over the space.

    Parameters
    ----------
    without : set
        Keys (``space.keys``) of recipes that are not wanted.

    Returns
    -------
    DataFrame of shape (at most n, n_parameters)
        All allowed recipes in random order where there are fewer than n; empty where none was found.
    """
    if space.n_settings(N_LISTED) is not None:
        listed = _keep_new(space, list_recipes(space), set(without))
        return listed.iloc[rng.permutation(len(listed))[:n]].reset_index(drop=True)
    seen: set[Hashable] = set(without)
    found: list[pd.DataFrame] = []
    n_found = 0
    block = int(np.clip(n, 256, 4096))
    for _ in range(N_BLOCKS):
        raw = space.from_unit(latin_hypercube(block, len(space.parameters), rng))
        kept = _keep_new(space, repair(space, raw, rng), seen)
        seen.update(space.keys(kept))
        found.append(kept)
        n_found += len(kept)
        if n_found >= n:
            break
    return pd.concat(found, ignore_index=True).iloc[:n]


def list_recipes(space: SearchSpace) -> pd.DataFrame:
    """Return every allowed recipe of a space with at most ``N_LISTED`` settings.

    Raises
    ------
    ValueError
        If the space has more settings, or infinitely many.
    """
    if space.n_settings(N_LISTED) is None:
        raise ValueError(f"only spaces with at most {N_LISTED} settings are listed")
    levels = [_levels(p) for p in space.parameters]
    rows = [dict(zip(space.names, values, strict=True)) for values in itertools.product(*levels)]
    return _keep_new(space, space.clear(space.frame(rows)), set())


def _levels(p: Parameter) -> list[Any]:
    if isinstance(p, Categorical):
        return list(p.choices)
    if isinstance(p, Stepped):
        return [float(v) for v in p.levels()]
    raise ValueError(f"{p.name}: a continuous parameter has no levels")


def _keep_new(space: SearchSpace, recipes: pd.DataFrame, seen: Set[Hashable]) -> pd.DataFrame:
    """Return the allowed recipes whose keys are neither in ``seen`` nor repeated."""
    recipes = recipes[space.is_allowed(recipes)]
    taken = set(seen)
    kept = []
    for key in space.keys(recipes):
        kept.append(key not in taken)
        taken.add(key)
    return recipes[np.array(kept, dtype=bool)].reset_index(drop=True)


# -- constraints -----------------------------------------------------------------------------------------------------


def repair(space: SearchSpace, recipes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return recipes moved, where they break a sum or a limit, to a nearby place that keeps it.

    What cannot be repaired (an excluded combination, a sum out of reach) comes back as it is.
    """
    movable = [c for c in space.constraints if isinstance(c, LinearSum | Limit)]
    for _ in range(N_REPAIRS):
        broken = [(c, c.broken(space.with_fixed(recipes))) for c in movable]
        if not any(rows.any() for _, rows in broken):
            break
        recipes = recipes.reset_index(drop=True)
        for constraint, rows in broken:
            if rows.any():
                part = recipes[rows]
                moved = (
                    _repair_sum(space, constraint, part, rng)
                    if isinstance(constraint, LinearSum)
                    else _repair_limit(space, constraint, part, rng)
                )
                recipes = pd.concat([recipes[~rows], moved]).sort_index()
    return recipes


def _repair_sum(
    space: SearchSpace, constraint: LinearSum, recipes: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Return recipes whose sum was moved to a place drawn between its bounds, each term by its share of the room."""
    recipes = recipes.copy()
    varied = ((space.get(name), weight) for name, weight in constraint.weights.items())
    terms = [(p, w) for p, w in varied if isinstance(p, Continuous | Stepped) and w != 0]
    if not terms:
        return recipes
    # What each term can add to the sum and take away from it; a number that does not apply can do neither.
    values = [recipes[p.name].to_numpy(dtype=float, na_value=np.nan) for p, _ in terms]
    to_low = [np.nan_to_num(w * (p.low - v)) for (p, w), v in zip(terms, values, strict=True)]
    to_high = [np.nan_to_num(w * (p.high - v)) for (p, w), v in zip(terms, values, strict=True)]
    up, down = np.maximum(to_low, to_high), -np.minimum(to_low, to_high)
    total = constraint.total(space.with_fixed(recipes))
    low = np.maximum(constraint.low, total - down.sum(axis=0))
    high = np.maximum(np.minimum(constraint.high, total + up.sum(axis=0)), low)
    gap = low + rng.random(len(recipes)) * (high - low) - total
    room = np.where(gap > 0, up, down)
    share = room / np.maximum(room.sum(axis=0), 1e-300)
    for k, (p, w) in enumerate(terms):
        recipes[p.name] = p.snap(values[k] + gap * share[k] / w)
    # Steps leave a remainder: the coarse ones take what they can of it, the fine ones what is left.
    for p, w in sorted(terms, key=lambda term: -_step(term[0]) * abs(term[1])):
        total = constraint.total(space.with_fixed(recipes))
        gap = np.clip(total, constraint.low, constraint.high) - total
        step = _step(p)
        move = gap / w if step == 0 else np.round(gap / w / step) * step
        recipes[p.name] = p.snap(recipes[p.name].to_numpy(dtype=float) + move)
    return recipes


def _step(p: Continuous | Stepped) -> float:
    return p.step if isinstance(p, Stepped) else (p.resolution or 0.0)


def _repair_limit(
    space: SearchSpace, constraint: Limit, recipes: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Return recipes whose limited number was drawn anew between the limits of their choice."""
    p = space.get(constraint.parameter)
    if p is None or isinstance(p, Categorical):
        return recipes
    by = space.with_fixed(recipes)[constraint.by]
    high = np.minimum(by.map(lambda c: constraint.at_most.get(c, math.inf)).to_numpy(dtype=float), p.high)
    low = np.maximum(by.map(lambda c: constraint.at_least.get(c, -math.inf)).to_numpy(dtype=float), p.low)
    step = _step(p)
    if step:
        # The outermost levels inside the limits, so that snapping does not step over them again.
        origin = p.low if isinstance(p, Stepped) else 0.0
        high = origin + np.floor((high - origin) / step + 1e-9) * step
        low = origin + np.ceil((low - origin) / step - 1e-9) * step
    with np.errstate(invalid="ignore", divide="ignore"):
        ends = p.to_unit(np.stack([low, high]))
    drawn = _from_place(p, ends[0] + rng.random(len(recipes)) * (ends[1] - ends[0]))
    return recipes.assign(**{p.name: np.where(high >= low, drawn, recipes[p.name].to_numpy(dtype=float))})


def _from_place(p: Continuous | Stepped, place: Array) -> Array:
    """Return the settable values nearest to places between the bounds (0 to 1), the inverse of ``to_unit``."""
    if p.log:
        return p.snap(p.low * np.exp(place * math.log(p.high / p.low)))
    return p.snap(p.low + place * (p.high - p.low))


# -- variation -------------------------------------------------------------------------------------------------------


def vary_recipes(
    space: SearchSpace, recipes: pd.DataFrame, n: int, width: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return up to n different allowed recipes near given ones: one or a few settings changed in each.

    Parameters
    ----------
    width : float
        Standard deviation of a number's change as a share of its range; a stepped one moves by a step at least.

    Returns
    -------
    DataFrame of shape (at most n, n_parameters)
    """
    if len(recipes) == 0 or n == 0:
        return recipes.iloc[:0]
    children = recipes[list(space.names)].iloc[rng.integers(len(recipes), size=n)].reset_index(drop=True)
    d = len(space.parameters)
    # Half of the children change one setting, the others each setting with a chance of one half.
    changed = np.zeros((n, d), dtype=bool)
    changed[np.arange(n), rng.integers(d, size=n)] = True
    changed |= (rng.random((n, d)) < 0.5) & (rng.random(n) < 0.5)[:, None]
    for j, p in enumerate(space.parameters):
        # A parent may have changed: what applies now and holds nothing is drawn anew.
        applies = space.applies(p.name, children)
        empty = is_missing(children[p.name])
        drawn = p.from_unit(rng.random(n))
        old = children[p.name].to_numpy()
        if isinstance(p, Categorical):
            new, nothing = _other_choices(p, old, rng), np.full(n, None, dtype=object)
        else:
            new, nothing = _move(p, old, width, rng), np.full(n, np.nan)
        values = np.where(empty, drawn, np.where(changed[:, j], new, old))
        children[p.name] = np.where(applies, values, nothing)
    return _keep_new(space, repair(space, children, rng), set(space.keys(recipes)))


def _other_choices(p: Categorical, current: Array, rng: np.random.Generator) -> Array:
    """Return for each row a choice that differs from its present one."""
    place = {choice: k for k, choice in enumerate(p.choices)}
    index = np.array([place.get(c, 0) for c in current], dtype=int)
    shift = rng.integers(1, len(p.choices), size=len(index))
    return np.array(p.choices, dtype=object)[(index + shift) % len(p.choices)]


def _move(p: Continuous | Stepped, values: Array, width: float, rng: np.random.Generator) -> Array:
    """Return numbers moved by a normal step, reflected at the bounds; NaN stays."""
    place = p.to_unit(values) + width * rng.standard_normal(len(values))
    place = np.abs(place)
    moved = _from_place(p, np.clip(np.where(place > 1.0, 2.0 - place, place), 0.0, 1.0))
    if isinstance(p, Stepped):
        up = rng.random(len(values)) < 0.5
        stuck = moved == values
        moved = np.where(stuck, p.snap(values + np.where(up, p.step, -p.step)), moved)
    return moved


# -- how much there is -----------------------------------------------------------------------------------------------


def count_allowed(space: SearchSpace, at_most: int = N_LISTED, seed: int = 0) -> int:
    """Return how many different allowed recipes are found, counting no further than ``at_most``."""
    return len(draw_recipes(space, at_most, np.random.default_rng(seed)))


def explain_emptiness(space: SearchSpace, rng: np.random.Generator) -> str:
    """Return a sentence saying which constraints keep every recipe out, for a space where none was found."""
    blocking = []
    for constraint in space.constraints:
        others = [c for c in space.constraints if c is not constraint]
        found = draw_recipes(SearchSpace(space.parameters, others, space.fixed), 1, rng)
        if len(found):
            values = {str(name): value for name, value in found.iloc[0].items()}
            blocking.append(constraint.sentence({**space.fixed, **values}))
    if blocking:
        return "no recipe fulfils all constraints; relax one of these: " + "; ".join(blocking)
    every = "; ".join(dict.fromkeys(c.sentence(space.fixed) for c in space.constraints))
    return f"no recipe fulfils all constraints, and relaxing one does not suffice: {every}"


def require_some(space: SearchSpace, found: pd.DataFrame, rng: np.random.Generator) -> None:
    """Raise if no recipe is left.

    Raises
    ------
    NothingToPropose
        With a sentence that says what to relax.
    """
    if len(found):
        return
    if count_allowed(space, at_most=1) == 0:
        raise NothingToPropose(f"Nothing can be proposed: {explain_emptiness(space, rng)}.")
    raise NothingToPropose(
        "Nothing can be proposed: every allowed recipe that was found is measured, pending or in the batch already. "
        "Widen a range, refine a step or relax a constraint."
    )
