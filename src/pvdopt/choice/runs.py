"""Deposition and furnace runs: which cells share one, what a further cell costs, and in which order they are made.

A run is opened once and takes cells until its places are full; its cells have some settings in common, so that these
are the ones that are hard to change. Runs of different kinds cross: cells deposited together may be annealed apart
(a split-plot or strip-plot design: Goos and Jones, Optimal Design of Experiments, 2011, chapters 10 and 11).
Knows the space and hours; knows no model and no objective.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.space import SearchSpace, Value

Array = np.ndarray[Any, Any]
Key = tuple[Hashable, ...]

#: What a cell takes beside its runs, where nothing else is said: to wire and to seal it (domain notes, unverified).
CELL_H = 0.5
#: Hours within which two sums of hours are the same.
SLACK_H = 1e-9


@dataclass(frozen=True)
class Hours:
    """Hours that follow from a recipe: a constant, and so many for each unit of a setting.

    Attributes
    ----------
    constant : float
        Hours whatever the recipe; may be negative where ``per`` makes up for it.
    per : mapping
        ``{setting: hours per unit}``; a setting that does not apply adds nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> Hours(3.5, {"thickness_um": 4.0}).of(pd.DataFrame({"thickness_um": [0.5, 2.0]})).tolist()
    [5.5, 11.5]
    """

    constant: float = 0.0
    per: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(math.isfinite(h) for h in (self.constant, *self.per.values())):
            raise ValueError("hours must be finite numbers")

    def of(self, recipes: pd.DataFrame) -> Array:
        """Return the hours of each recipe, never below 0; shape (n,)."""
        hours = np.full(len(recipes), float(self.constant))
        for name, rate in self.per.items():
            hours += rate * np.nan_to_num(recipes[name].to_numpy(dtype=float, na_value=np.nan))
        return np.asarray(np.maximum(hours, 0.0))


@dataclass(frozen=True)
class Run:
    """A kind of run: what its cells share, how many it takes, how long it lasts.

    Parameters
    ----------
    name : str
        Such as ``deposition`` or ``furnace``; a proposal's column is ``<name>_run``.
    shares : sequence of str
        Settings that all cells of a run have in common: numbers, categories, also ones that apply only under some
        choices.
    places : int, optional
        Cells a run takes. Without a limit it is a set-up (a target, say) that stays until another one is wanted.
    hours : float
        To open a run, whatever its cells.
    hours_per : mapping, optional
        Further hours for each unit of a setting, such as ``{"thickness_um": 4}``. A run lasts as long as the cell
        that needs it longest: thinner films are taken out, or covered by a shutter, before.
    when : mapping, optional
        ``{setting: [choices]}``: only these cells go through such a run.

    Raises
    ------
    ValueError
        If there is no name, nothing is shared, or places or hours are not positive.
    """

    name: str
    shares: Sequence[str]
    places: int | None = None
    hours: float = field(kw_only=True)
    hours_per: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    when: Mapping[str, Sequence[str]] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"a run needs a name of letters, digits, _ and -, got {self.name!r}")
        if isinstance(self.shares, str) or not self.shares:
            raise ValueError(f"{self.name}: shares must list at least one setting, got {self.shares!r}")
        if self.places is not None and self.places < 1:
            raise ValueError(f"{self.name}: places must be at least 1, got {self.places}")
        if isinstance(self.when, Mapping) and any(isinstance(choices, str) for choices in self.when.values()):
            raise ValueError(f"{self.name}: when must list choices, got a single word")
        if not self.hours > 0 and not self.hours_per:
            raise ValueError(f"{self.name}: hours must be above 0, got {self.hours:g}")
        # Checks that they are finite.
        Hours(self.hours, self.hours_per)

    @property
    def column(self) -> str:
        """The column of a batch that says in which run of this kind a cell is."""
        return f"{self.name}_run"

    @property
    def settings(self) -> tuple[str, ...]:
        """Every setting the run names."""
        return tuple(dict.fromkeys((*self.shares, *self.hours_per, *(self.when or {}))))

    def takes(self, recipes: pd.DataFrame) -> Array:
        """Return which recipes go through such a run; columns of fixed settings included."""
        goes = np.ones(len(recipes), dtype=bool)
        for name, choices in (self.when or {}).items():
            goes &= recipes[name].isin(list(choices)).to_numpy()
        return goes

    def hours_of(self, recipes: pd.DataFrame) -> Array:
        """Return how long a run of one such cell alone lasts, shape (n,); 0 for cells that do not go through it."""
        return np.where(self.takes(recipes), Hours(self.hours, self.hours_per).of(recipes), 0.0)


@dataclass
class OpenRun:
    """A run that earlier cells are in.

    Attributes
    ----------
    kind, label : str
        Name of its :class:`Run`, and its own.
    recipe : mapping
        A recipe of it: what the next cells have to share.
    used : int
        Places taken.
    hours : float
        How long it lasts with the cells it has.
    is_open : bool
        Whether it may still take cells; a run that was made does not, and only its label is taken.
    """

    kind: str
    label: str
    recipe: Mapping[str, Value]
    used: int = 1
    hours: float = 0.0
    is_open: bool = True


class RunPlan:
    """The runs that are open, and the hours that cells have taken so far.

    Parameters
    ----------
    runs : sequence of Run
        At least one, or cells that cost hours; a setting may be one of the space or fixed.
    cell_hours : Hours, optional
        What each cell takes by itself; by default half an hour.
    opened : sequence of OpenRun
        Runs of earlier proposals; riding along in one that is open costs no more hours than the cell's own.
    """

    def __init__(
        self,
        space: SearchSpace,
        runs: Sequence[Run],
        cell_hours: Hours | None = None,
        opened: Sequence[OpenRun] = (),
    ) -> None:
        self.space, self.runs = space, tuple(runs)
        self.cell_hours = cell_hours or Hours(CELL_H)
        #: Hours so far in all, by kind of run.
        self.hours_by_kind: dict[str, float] = {run.name: 0.0 for run in self.runs}
        self.hours = 0.0
        self._places = {n: j for j, n in enumerate(space.names)}
        self._shared = {r.name: [self._places[n] for n in r.shares if n in self._places] for r in self.runs}
        self._open: dict[str, dict[Key, OpenRun]] = {run.name: {} for run in self.runs}
        self._numbers = {run.name: 0 for run in self.runs}
        self.n_opened = {run.name: 0 for run in self.runs}
        by_name = {run.name: run for run in self.runs}
        for one in opened:
            run = by_name.get(one.kind)
            if run is not None:
                self._count(one.label, one.kind)
                if one.is_open and (run.places is None or one.used < run.places):
                    frame = space.frame([one.recipe])
                    self._open[one.kind][self.key(run, space.keys(frame)[0])] = copy(one)

    def _count(self, label: str, kind: str) -> None:
        number = label.removeprefix(f"{kind}-")
        if number.isdigit():
            self._numbers[kind] = max(self._numbers[kind], int(number))

    def copy(self) -> RunPlan:
        """Return a plan that can be carried on without touching this one."""
        new = copy(self)
        new.hours_by_kind = dict(self.hours_by_kind)
        new._open = {kind: {key: copy(one) for key, one in runs.items()} for kind, runs in self._open.items()}
        new._numbers, new.n_opened = dict(self._numbers), dict(self.n_opened)
        return new

    def key(self, run: Run, recipe_key: Hashable) -> Key:
        """Return what tells runs of a kind apart, from a recipe's key (``space.keys``)."""
        values: Any = recipe_key
        return tuple(values[j] for j in self._shared[run.name])

    def open_runs(self, run: Run) -> list[OpenRun]:
        """Return the runs of a kind that still take cells."""
        return list(self._open[run.name].values())

    def extra_hours(self, recipes: pd.DataFrame) -> tuple[Array, dict[str, Array]]:
        """Return the hours that one further cell adds, in all and by kind of run; shape (n,) each.

        A cell that rides along in an open run adds only what it needs longer than the others.
        """
        full = self.space.with_fixed(recipes)
        keys = self.space.keys(recipes)
        total = self.cell_hours.of(full)
        by_kind = {}
        for run in self.runs:
            needed = run.hours_of(full)
            already = np.zeros(len(recipes))
            if self._open[run.name]:
                found = (self._open[run.name].get(self.key(run, key)) for key in keys)
                already = np.array([0.0 if one is None else one.hours for one in found])
            by_kind[run.name] = np.maximum(needed - already, 0.0)
            total = total + by_kind[run.name]
        return total, by_kind

    def say_cheapest(self, recipes: pd.DataFrame) -> str:
        """Return what the cheapest of some recipes would add, such as ``8.5 h (deposition 8 h, cell 0.5 h)``."""
        total, by_kind = self.extra_hours(recipes)
        k = int(np.argmin(total))
        parts = {kind: float(hours[k]) for kind, hours in by_kind.items() if hours[k] > 0}
        parts["cell"] = float(total[k]) - sum(parts.values())
        return f"{total[k]:.3g} h ({', '.join(f'{name} {hours:.3g} h' for name, hours in parts.items())})"

    def take(self, recipe: pd.DataFrame) -> dict[str, str | None]:
        """Put a cell, a frame of one row, into runs; return the label of its run of each kind, None without one."""
        extra, by_kind = self.extra_hours(recipe)
        full = self.space.with_fixed(recipe)
        self.hours += float(extra[0])
        labels: dict[str, str | None] = {}
        recipe_key = self.space.keys(recipe)[0]
        for run in self.runs:
            labels[run.name] = None
            if not run.takes(full)[0]:
                continue
            self.hours_by_kind[run.name] += float(by_kind[run.name][0])
            key = self.key(run, recipe_key)
            one = self._open[run.name].get(key)
            if one is None:
                self._numbers[run.name] += 1
                self.n_opened[run.name] += 1
                settings = {str(n): v for n, v in recipe.iloc[0].items()}
                one = OpenRun(run.name, f"{run.name}-{self._numbers[run.name]}", settings, used=0)
                self._open[run.name][key] = one
            one.used += 1
            one.hours = max(one.hours, float(run.hours_of(full)[0]))
            labels[run.name] = one.label
            if run.places is not None and one.used >= run.places:
                del self._open[run.name][key]
        return labels


@dataclass(frozen=True)
class HourBudget:
    """Hours that a batch may take: of all runs and cells together, or of some kinds of run alone.

    Attributes
    ----------
    total : float or None
    by_kind : mapping
        ``{name of a run: hours}``.
    """

    total: float | None = None
    by_kind: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [*self.by_kind.values(), *([] if self.total is None else [self.total])]
        if not given or not all(math.isfinite(h) and h > 0 for h in given):
            raise ValueError(f"a budget must hold positive hours, got {given}")

    def fits(self, plan: RunPlan, extra: Array, by_kind: Mapping[str, Array]) -> Array:
        """Return which cells, adding these hours to a plan, stay within the budget; shape (n,)."""
        fits = np.ones(len(extra), dtype=bool)
        if self.total is not None:
            fits &= plan.hours + extra <= self.total + SLACK_H
        for kind, hours in self.by_kind.items():
            fits &= plan.hours_by_kind[kind] + by_kind[kind] <= hours + SLACK_H
        return fits


def group_by_runs(batch: pd.DataFrame, runs: Sequence[Run]) -> Array:
    """Return the order in which the rows of a batch stand run by run, as positions.

    Runs of the first kind come in the order in which they first appear; within one, those of the next kind; and so
    on. What goes through no run of a kind comes last.
    """
    columns = []
    for run in runs:
        labels = list(batch[run.column])
        first = {label: k for k, label in reversed(list(enumerate(labels))) if label is not None}
        columns.append([first.get(label, len(labels)) for label in labels])
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(batch)
    return np.array(sorted(range(len(batch)), key=lambda k: (*rows[k], k)), dtype=int)


def number_runs(batch: pd.DataFrame, runs: Sequence[Run], earlier: Set[str]) -> pd.DataFrame:
    """Return a batch whose new runs are numbered in the order in which they stand.

    Parameters
    ----------
    earlier : set of str
        Labels of runs that were there before; they stay.
    """
    changed = {}
    for run in runs:
        labels = [label for label in batch[run.column].dropna().unique() if label not in earlier]
        numbers = sorted(int(label.removeprefix(f"{run.name}-")) for label in labels)
        new = {label: f"{run.name}-{number}" for label, number in zip(labels, numbers, strict=True)}
        values = [new.get(label, label) if isinstance(label, str) else None for label in batch[run.column]]
        changed[run.column] = pd.Series(values, index=batch.index, dtype=object)
    # Attributes of the frame are kept: what the batch takes in hours among them.
    for name, column in changed.items():
        batch[name] = column
    return batch
