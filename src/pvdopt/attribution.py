"""Why a prediction is what it is: what each setting adds against a baseline recipe, and slices through a recipe.

Pure functions of a space and of a callable that predicts; knows no data and no model.

Notation: v(S) prediction of the recipe that takes the settings in S from the recipe explained and all others from the
baseline; phi_j what setting j adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.errors import UsageError
from pvdopt.parameters import Categorical, Parameter, Stepped
from pvdopt.space import SearchSpace, is_missing

Array = np.ndarray[Any, Any]
#: Recipes -> predicted value of each outcome, every array of shape (n,).
Predict = Callable[[pd.DataFrame], Mapping[str, Array]]

#: Settings that may differ from the baseline: their mixtures, two to this power, are all predicted.
MOST_GROUPS = 14
#: Places at which a number is looked at.
N_PLACES = 7


@dataclass(frozen=True)
class Contribution:
    """What one setting, or one with those that depend on it, adds to a prediction.

    Attributes
    ----------
    names : tuple of str
        A parameter, and after it those that apply only under some of its choices.
    value, baseline : mapping
        Their values in the recipe and in the baseline.
    adds : mapping of str to float
        Per outcome, in its unit.
    """

    names: tuple[str, ...]
    value: Mapping[str, Any]
    baseline: Mapping[str, Any]
    adds: Mapping[str, float]


@dataclass(frozen=True)
class SlicePlace:
    """One place of a slice: a setting's value and the complete recipe that has it."""

    value: Any
    recipe: Mapping[str, Any]
    is_allowed: bool
    is_here: bool


# -- Shapley values ----------------------------------------------------------------------------------------------


def setting_groups(space: SearchSpace) -> list[tuple[str, ...]]:
    """Return the parameters in groups that move together: each with all that depend on its choice."""
    groups: dict[str, list[str]] = {}
    root: dict[str, str] = {}
    # Parents come before their children.
    for p in space.parameters:
        root[p.name] = root.get(p.parent, p.name) if p.parent is not None else p.name
        groups.setdefault(root[p.name], []).append(p.name)
    return [tuple(names) for names in groups.values()]


def shapley_values(values: Array) -> Array:
    """Return the Shapley values of a game from the worth of every coalition.

    phi_j = sum over S without j of |S|! (d - |S| - 1)! / d! [v(S + j) - v(S)] (Shapley, Contributions to the Theory of
    Games II, 1953, equation 13).

    Parameters
    ----------
    values : ndarray of shape (2**d, ...)
        Worth of the coalition whose members are the bits of the row number.

    Returns
    -------
    ndarray of shape (d, ...)

    Examples
    --------
    >>> shapley_values(np.array([0.0, 1.0, 2.0, 6.0])).tolist()
    [2.5, 3.5]
    """
    d = len(values).bit_length() - 1
    members = np.arange(len(values))
    size = np.array([int(m).bit_count() for m in members])
    weight = np.array([math.factorial(s) * math.factorial(d - s - 1) / math.factorial(d) for s in range(d)])
    found = []
    for j in range(d):
        without = members[members >> j & 1 == 0]
        gain = values[without | 1 << j] - values[without]
        found.append(np.tensordot(weight[size[without]], gain, axes=1))
    return np.array(found).reshape(d, *values.shape[1:])


def contributions(
    space: SearchSpace, recipe: Mapping[str, Any], baseline: Mapping[str, Any], predict: Predict
) -> list[Contribution]:
    """Return what each setting that differs from the baseline adds; together the difference of the predictions.

    All mixtures of the two recipes are predicted, whether they may be made or not. Parameters that depend on
    another's choice go with it.

    Raises
    ------
    UsageError
        If more settings differ than can be told apart by trying all mixtures.
    """
    both = space.frame([baseline, recipe])
    differs = {n: not _is_same(both[n].iloc[0], both[n].iloc[1]) for n in space.names}
    groups = [g for g in setting_groups(space) if any(differs[n] for n in g)]
    if len(groups) > MOST_GROUPS:
        raise UsageError(
            f"the recipe differs from the baseline in {len(groups)} settings; at most {MOST_GROUPS} can be told apart. "
            "Name a nearer baseline."
        )
    if not groups:
        return []
    coalitions = np.arange(2 ** len(groups))
    mixed = both.iloc[np.zeros(len(coalitions), dtype=int)].reset_index(drop=True)
    for j, group in enumerate(groups):
        # Row 1 of the two is the recipe.
        mixed[list(group)] = both[list(group)].iloc[coalitions >> j & 1].reset_index(drop=True)
    outcomes = predict(mixed)
    adds = {name: shapley_values(np.asarray(v, dtype=float)) for name, v in outcomes.items()}
    return [
        Contribution(
            names=group,
            value={n: recipe.get(n) for n in group},
            baseline={n: baseline.get(n) for n in group},
            adds={name: float(values[j]) for name, values in adds.items()},
        )
        for j, group in enumerate(groups)
    ]


def _is_same(a: Any, b: Any) -> bool:
    return bool(a == b) or bool(pd.isna(a) and pd.isna(b))


# -- slices --------------------------------------------------------------------------------------------------------


def slice_through(
    space: SearchSpace, name: str, recipe: Mapping[str, Any], baseline: Mapping[str, Any], n: int = N_PLACES
) -> list[SlicePlace]:
    """Return places of one setting, all others as in a recipe; none where the setting does not apply there.

    Where another choice needs further settings they are those of the baseline, else the middle of their range.

    Parameters
    ----------
    n : int
        Places along a number's range, at most.
    """
    here = space.frame([recipe])
    if not space.applies(name, here)[0]:
        return []
    p = space[name]
    values = _places(p, here[name].iloc[0], n)
    rows = [{**recipe, name: value} for value in values]
    frame = _completed(space, rows, baseline)
    # A cell as it was made need not stand on the machine's grid; that forbids no other value of this setting.
    allowed = space.is_allowed(space.snap(frame))
    found = []
    for k, value in enumerate(values):
        full = {str(n): None if pd.isna(v) else v for n, v in frame.iloc[k].items()}
        found.append(SlicePlace(value, full, bool(allowed[k]), _is_same(value, here[name].iloc[0])))
    return found


def _places(p: Parameter, here: Any, n: int) -> list[Any]:
    """Return all choices, or settable numbers spread over the range with the recipe's own among them."""
    if isinstance(p, Categorical):
        return list(p.choices)
    if isinstance(p, Stepped) and p.n_levels <= n:
        spread = p.levels()
    else:
        place = np.linspace(0.0, 1.0, n)
        spread = p.snap(p.low * (p.high / p.low) ** place if p.log else p.low + place * (p.high - p.low))
    own = [] if pd.isna(here) else [float(here)]
    return sorted({*(float(v) for v in spread), *own})


def _completed(space: SearchSpace, rows: list[dict[str, Any]], baseline: Mapping[str, Any]) -> pd.DataFrame:
    """Return recipes without what does not apply in them, and with what does."""
    frame = space.clear(space.frame(rows))
    for p in space.parameters:
        lacking = space.applies(p.name, frame) & is_missing(frame[p.name])
        if not lacking.any():
            continue
        value = baseline.get(p.name)
        if value is None or value != value:
            value = p.choices[0] if isinstance(p, Categorical) else float(p.from_unit(np.array([0.5]))[0])
        frame.loc[lacking, p.name] = value
    return frame


def count_evidence(values: Array, stated: Array) -> list[int]:
    """Return for each place of a slice how many cells state it, or a number nearer to it than to the next place.

    Parameters
    ----------
    values : ndarray of shape (k,)
        The places: ascending numbers, or levels.
    stated : ndarray of shape (n,)
        What cells state; NaN or None where one is silent.

    Examples
    --------
    >>> count_evidence(np.array([-100.0, -50.0, 0.0]), np.array([-50.0, -48.0, np.nan, -10.0]))
    [0, 2, 1]
    >>> count_evidence(np.array(["none", "rf"], dtype=object), np.array(["rf", None], dtype=object))
    [0, 1]
    """
    if values.dtype == object:
        return [int(sum(s == v for s in stated)) for v in values]
    known = np.asarray(stated, dtype=float)
    known = known[np.isfinite(known)]
    edges = (values[1:] + values[:-1]) / 2.0
    # Beyond the ends of the slice only what lies as near as half a place counts.
    ends = [2 * values[0] - edges[0], 2 * values[-1] - edges[-1]] if len(edges) else [values[0], values[0]]
    known = known[(known >= ends[0]) & (known <= ends[1])]
    return [int(n) for n in np.bincount(np.searchsorted(edges, known), minlength=len(values))]


def iterate_slices(
    space: SearchSpace, recipe: Mapping[str, Any], baseline: Mapping[str, Any]
) -> Iterator[tuple[str, list[SlicePlace]]]:
    """Yield the slice of each setting that applies in a recipe."""
    for name in space.names:
        places = slice_through(space, name, recipe, baseline)
        if places:
            yield name, places
