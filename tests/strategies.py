"""Hypothesis strategies for the values the tests speak of: parameters, constraints, spaces, recipes, cells."""

import string

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from pvdopt.cells.table import ruled_out_by
from pvdopt.columns import vocabulary
from pvdopt.constraints import Between, Constraint, Exclude, Limit, LinearSum
from pvdopt.materials import cathodes
from pvdopt.parameters import Categorical, Continuous, Parameter, Stepped
from pvdopt.space import SearchSpace

LEVELS = ("red", "green", "blue", "none")


def finite(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False).map(lambda v: round(v, 6))


@st.composite
def continuous(draw: st.DrawFn, name: str = "x", when: dict[str, list[str]] | None = None) -> Continuous:
    """A number on an interval; log, with a resolution, or neither."""
    log = draw(st.booleans())
    low = draw(finite(0.01, 100) if log else finite(-300, 300))
    high = round(low + draw(finite(0.01, 500)), 6)
    resolution = draw(st.none() | finite(0.001, 1).map(lambda share: share * (high - low)))
    return Continuous(name, low, high, log=log, resolution=resolution, when=when)


@st.composite
def stepped(draw: st.DrawFn, name: str = "x", when: dict[str, list[str]] | None = None) -> Stepped:
    """A number on a grid, whose upper bound need not be on it."""
    log = draw(st.booleans())
    low = draw(finite(0.01, 100) if log else finite(-300, 300))
    step = draw(finite(0.01, 50))
    n_steps = draw(st.integers(1, 40))
    rest = draw(st.sampled_from([0.0, 0.3, 0.9]))
    return Stepped(name, low, round(low + step * (n_steps + rest), 9), step=step, log=log, when=when)


@st.composite
def categorical(draw: st.DrawFn, name: str = "x", when: dict[str, list[str]] | None = None) -> Categorical:
    """A choice of two to four levels."""
    choices = draw(st.lists(st.sampled_from(LEVELS), min_size=2, max_size=4, unique=True))
    return Categorical(name, choices, when=when)


def parameters(name: str = "x", when: dict[str, list[str]] | None = None) -> st.SearchStrategy[Parameter]:
    """Any parameter."""
    return st.one_of(continuous(name, when), stepped(name, when), categorical(name, when))


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """A space with conditions two deep, a fixed setting, and any of the constraints."""
    declared: list[Parameter] = [draw(categorical("kind")), draw(st.one_of(continuous("a"), stepped("a")))]
    for name in draw(st.lists(st.sampled_from("bcdef"), max_size=4, unique=True)):
        parents = [p for p in declared if isinstance(p, Categorical)]
        parent = draw(st.none() | st.sampled_from(parents))
        when = None
        if parent is not None:
            when = {parent.name: draw(st.lists(st.sampled_from(parent.choices), min_size=1, unique=True))}
        declared.append(draw(parameters(name, when)))
    fixed = draw(st.sampled_from([{}, {"colour": "red"}, {"colour": "blue", "level": 3.0}]))
    rules = draw(st.lists(constraints(declared), max_size=2))
    return SearchSpace(draw(st.permutations(declared)), rules, fixed)


@st.composite
def constraints(draw: st.DrawFn, declared: list[Parameter]) -> Constraint:
    """A sum, an exclusion or a limit on declared parameters, strict enough to forbid some recipes."""
    numbers = [p for p in declared if not isinstance(p, Categorical)]
    choices = [p for p in declared if isinstance(p, Categorical)]
    number, choice = draw(st.sampled_from(numbers)), draw(st.sampled_from(choices))
    middle = number.low + draw(st.sampled_from([0.3, 0.5, 0.8])) * (number.high - number.low)
    level = draw(st.sampled_from(choice.choices))
    match draw(st.integers(0, 4)):
        case 0:
            return LinearSum(
                {p.name: draw(st.sampled_from([1.0, -2.0])) for p in numbers}, high=draw(finite(-200, 400))
            )
        case 1:
            return Exclude({choice.name: [level], number.name: Between(low=middle)}, why="tested")
        case 2:
            return Exclude({number.name: Between(high=middle)})
        case 3:
            return Limit(number.name, choice.name, at_most={level: middle})
        case _:
            return Limit(number.name, choice.name, at_least={level: middle}, why="tested")


def settings(p: Parameter) -> st.SearchStrategy[float | str | None]:
    """A value for a parameter: settable, off the grid, out of bounds, not in the list, or missing."""
    if isinstance(p, Categorical):
        return st.sampled_from([*p.choices, *p.choices, "unheard of", None])
    span = p.high - p.low
    inside = st.floats(0, 1).map(lambda u: float(p.snap(np.array([p.low + u * span]))[0]))
    near = st.floats(-0.2, 1.2).map(lambda u: p.low + u * span)
    return st.one_of(inside, inside, near, st.sampled_from([p.low, p.high, float("nan"), float("inf"), None]))


def recipes(space: SearchSpace, max_size: int = 8) -> st.SearchStrategy[pd.DataFrame]:
    """Recipes with one column per parameter, allowed or not."""
    one = st.fixed_dictionaries({p.name: settings(p) for p in space.parameters})
    return st.lists(one, min_size=1, max_size=max_size).map(space.frame)


def cubes(space: SearchSpace, max_size: int = 20) -> st.SearchStrategy[np.ndarray]:
    """Points of the unit cube, shape (n, n_parameters)."""
    n = len(space.parameters)
    point = st.lists(st.floats(0, 1), min_size=n, max_size=n)
    return st.lists(point, min_size=1, max_size=max_size).map(lambda rows: np.array(rows, dtype=float))


@st.composite
def cell_frames(draw: st.DrawFn) -> pd.DataFrame:
    """Cells that fulfil the vocabulary, as read from a file: every column, mostly missing."""
    ids = draw(st.lists(st.text(string.ascii_lowercase + "-", min_size=1, max_size=8), max_size=4, unique=True))
    words = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8).map(str.strip)
    rows = []
    for _ in ids:
        chosen = draw(st.sets(st.sampled_from([n for n in vocabulary() if n != "id"]), max_size=6))
        row: dict[str, float | str] = {}
        for column in vocabulary().values():
            if column.name not in chosen or ruled_out_by(column, row) is not None:
                continue
            if column.kind == "category":
                row[column.name] = draw(st.sampled_from(column.levels))
            elif column.kind == "text":
                row[column.name] = draw(words)
            else:
                low, high = column.low, column.high
                row[column.name] = draw(st.floats(-1e12 if low is None else low, 1e12 if high is None else high))
        if "cathode" in row:
            row.setdefault("cathode_family", cathodes()[str(row["cathode"])].family)
        rows.append({name: value for name, value in row.items() if value != ""})
    return pd.DataFrame(
        {
            c.name: pd.Series([r.get(c.name) for r in rows], index=ids, dtype=float if c.kind == "number" else object)
            for c in vocabulary().values()
            if c.name != "id"
        },
        index=pd.Index(ids, dtype=object, name="id"),
    )
