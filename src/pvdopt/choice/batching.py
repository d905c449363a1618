"""Choose a batch whose cells share runs, by what it gains per hour; or the one that gains most within a budget.

Whoever opens a deposition run may fill it at little cost, so that the value of a cell depends on what else is made.
Several batches are grown, each from another first run, cell by cell; the best as a whole is taken.

Notation: G, H gain and hours of the batch so far; g, h what one further cell adds to them. Without a budget the next
cell is the one with the greatest (G + g) / (H + h), the rate at which the batch as a whole gains. Within a budget it
is the one with the greatest g / h or, in a batch of its own, the greatest g: the better of the two comes within
(1 - 1/e) / 2 of the best batch of all (Leskovec et al., Cost-effective Outbreak Detection in Networks, KDD 2007,
theorem 3, for gains that diminish).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.gain import Gain, JointGain
from pvdopt.choice.runs import HourBudget, Key, Run, RunPlan
from pvdopt.choice.search import Search
from pvdopt.space import is_missing

Array = np.ndarray[Any, Any]

#: Batches grown, each from another first cell.
N_STARTS = 4
#: Settings of each kind of run that are tried to be shared, beside those of open runs.
N_SETTINGS = 6
#: Good recipes, and others all over, put into each other's runs; and how often each.
N_BEST, N_OTHERS, N_TIMES = 40, 40, 10
#: Recipes scored jointly: the best by gain, the best by gain per hour, and the best of each pair of runs.
N_BY_GAIN, N_BY_RATE, N_PER_RUN = 160, 80, 10
N_JOINT = 500
#: Cells of a batch where only a budget says how many.
N_MOST = 24
#: Hours below this count as this, so that what is free does not count for infinitely much.
LEAST_H = 1e-3


@dataclass
class _Grown:
    """A batch in the making."""

    plan: RunPlan
    joint: JointGain
    rows: list[int] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)

    @property
    def gain(self) -> float:
        return float(sum(self.gains))

    @property
    def added_hours(self) -> float:
        return self.plan.hours


def choose_batch(search: Search, gain: Gain, plan: RunPlan, n: int, budget: HourBudget | None = None) -> None:
    """Choose up to n cells together; what is chosen goes into the search and into the plan.

    Parameters
    ----------
    search : Search
        Without a cost of its own: hours are the plan's.
    gain : Gain
        Of what is achieved and expected so far.
    """
    shortlist = _shortlist(search, gain, plan, budget)
    if len(shortlist) == 0:
        return
    preference = search.log_preference(shortlist)
    joint = gain.joint(shortlist, search.log_chance(shortlist) + preference)
    grown = _grow_all(shortlist, joint, preference, plan, n, budget)
    if not grown:
        return
    best = _best_of(grown, budget)
    for row, value in zip(best.rows, best.gains, strict=True):
        recipe = shortlist.iloc[[row]]
        search.take(recipe, gain=value)
        plan.take(recipe)
    search.considered = (shortlist, best.joint.log_scores(), preference)


# -- growing ---------------------------------------------------------------------------------------------------------


def _grow_all(
    shortlist: pd.DataFrame, joint: JointGain, preference: Array, plan: RunPlan, n: int, budget: HourBudget | None
) -> list[_Grown]:
    """Return batches grown from several first cells, and within a budget also by gain alone."""
    scores = joint.log_scores()
    extra, by_kind = plan.extra_hours(shortlist)
    rate = scores - np.log(np.maximum(plan.hours + extra, LEAST_H))
    if budget is not None:
        rate = np.where(budget.fits(plan, extra, by_kind), rate, -np.inf)
    starts = _different_starts(shortlist, rate, plan)
    rules = (True, False) if budget is not None else (True,)
    return [
        _grow(_Grown(plan.copy(), copy.deepcopy(joint)), shortlist, preference, n, budget, start, per_hour)
        for start in starts
        for per_hour in rules
    ]


def _different_starts(shortlist: pd.DataFrame, rate: Array, plan: RunPlan) -> list[int]:
    """Return the best rows no two of which would open the same run of the first kind."""
    found: dict[Key, int] = {}
    keys = plan.space.keys(shortlist)
    for row in np.argsort(-rate, kind="stable"):
        if not np.isfinite(rate[row]) or len(found) == N_STARTS:
            break
        key = plan.key(plan.runs[0], keys[row]) if plan.runs else (int(row),)
        found.setdefault(key, int(row))
    return list(found.values())


def _grow(
    batch: _Grown,
    shortlist: pd.DataFrame,
    preference: Array,
    n: int,
    budget: HourBudget | None,
    start: int,
    per_hour: bool,
) -> _Grown:
    row = start
    while True:
        # The preference decides which cell is next and is no gain.
        value = math.exp(batch.joint.log_scores()[row] - preference[row])
        batch.joint.take(row)
        batch.plan.take(shortlist.iloc[[row]])
        batch.rows.append(row)
        batch.gains.append(value)
        if len(batch.rows) == n:
            return batch
        scores = batch.joint.log_scores()
        extra, by_kind = batch.plan.extra_hours(shortlist)
        if budget is None:
            rank = _log_rate(batch, scores, preference, extra)
        else:
            rank = scores - np.log(np.maximum(extra, LEAST_H)) if per_hour else scores
            rank = np.where(budget.fits(batch.plan, extra, by_kind), rank, -np.inf)
        row = int(np.argmax(rank))
        if not np.isfinite(rank[row]):
            return batch


def _log_rate(batch: _Grown, scores: Array, preference: Array, extra: Array) -> Array:
    """Return the log of (G + g) / (H + h), with the preference of each cell on top; -inf for what is taken."""
    gains = np.exp(np.minimum(scores - np.where(np.isfinite(scores), preference, 0.0), 700.0))
    total = np.maximum(batch.gain + gains, 1e-300)
    rate = np.log(total) - np.log(np.maximum(batch.added_hours + extra, LEAST_H))
    return np.where(np.isfinite(scores), rate + preference, -np.inf)


def _best_of(batches: list[_Grown], budget: HourBudget | None) -> _Grown:
    def worth(batch: _Grown) -> float:
        return batch.gain if budget is not None else batch.gain / max(batch.added_hours, LEAST_H)

    return max(batches, key=worth)


# -- what to choose from ---------------------------------------------------------------------------------------------


def _shortlist(search: Search, gain: Gain, plan: RunPlan, budget: HourBudget | None) -> pd.DataFrame:
    """Return good recipes, and good ones that could ride along in each other's runs or in open ones."""

    def score(recipes: pd.DataFrame) -> Array:
        return gain.log_marginal(recipes) + search.log_chance(recipes) + search.log_preference(recipes)

    pool, scores, _ = search.score_pool(gain)
    if len(pool) == 0:
        return pool
    scores = np.asarray(scores, dtype=float)
    first = np.argsort(-scores, kind="stable")
    if search.may_vary:
        settings = [_settings_to_share(run, pool.iloc[first[:200]], plan) for run in plan.runs]
        riding = _put_into_runs(search, plan, pool, first, settings)
        if len(riding):
            pool = pd.concat([pool, riding], ignore_index=True)
            scores = np.concatenate([scores, score(riding)])
    extra, by_kind = plan.extra_hours(pool)
    rate = scores - np.log(np.maximum(plan.hours + extra, LEAST_H))
    if budget is not None:
        fits = budget.fits(plan, extra, by_kind)
        pool, scores, rate = pool[fits], scores[fits], rate[fits]
    picked = [*np.argsort(-scores, kind="stable")[:N_BY_GAIN], *np.argsort(-rate, kind="stable")[:N_BY_RATE]]
    picked += _best_of_each_run(pool, scores, plan)
    return pool.iloc[list(dict.fromkeys(int(k) for k in picked))[:N_JOINT]]


def _settings_to_share(run: Run, good: pd.DataFrame, plan: RunPlan) -> pd.DataFrame:
    """Return recipes with settings that differ in what a kind of run shares: of open runs, then of good recipes."""
    space = plan.space
    opened = space.frame([one.recipe for one in plan.open_runs(run)])
    goes = good[run.takes(space.with_fixed(good))]
    both = pd.concat([opened, goes], ignore_index=True) if len(opened) else goes.reset_index(drop=True)
    keys = pd.Series([plan.key(run, key) for key in space.keys(both)], dtype=object)
    return both[~keys.duplicated().to_numpy()].iloc[: len(opened) + N_SETTINGS]


def _put_into_runs(
    search: Search, plan: RunPlan, pool: pd.DataFrame, order: Array, settings: list[pd.DataFrame]
) -> pd.DataFrame:
    """Return recipes of the pool with what they would share in drawn runs of each kind put in place of their own."""
    space, rng = plan.space, search.rng
    others = order[N_BEST:]
    picked = [*order[:N_BEST], *(rng.choice(others, min(N_OTHERS, len(others)), replace=False) if len(others) else [])]
    children = pool.iloc[np.repeat(np.array(picked, dtype=int), N_TIMES)][list(space.names)].reset_index(drop=True)
    n = len(children)
    for run, known in zip(plan.runs, settings, strict=True):
        if not len(known):
            continue
        # One in four keeps its own: runs cross, and not every cell shares all of them.
        moved = (rng.random(n) < 0.75) & run.takes(space.with_fixed(children))
        drawn = known.iloc[rng.integers(len(known), size=n)].reset_index(drop=True)
        for name in run.shares:
            if name in space:
                children[name] = children[name].where(~moved, drawn[name])
    children = space.clear(children)
    for p in space.parameters:
        # What applies now and holds nothing, its parent having changed, is drawn anew.
        empty = space.applies(p.name, children) & is_missing(children[p.name])
        if empty.any():
            children[p.name] = children[p.name].where(~empty, pd.Series(p.from_unit(rng.random(n))))
    return search.keep_new(children, pool)


def _best_of_each_run(pool: pd.DataFrame, scores: Array, plan: RunPlan) -> list[int]:
    """Return the best few rows of each combination of runs, best combinations first."""
    keys = plan.space.keys(pool)
    found: dict[tuple[Key, ...], list[int]] = {}
    for row in np.argsort(-scores, kind="stable"):
        rows = found.setdefault(tuple(plan.key(run, keys[row]) for run in plan.runs), [])
        if len(rows) < N_PER_RUN:
            rows.append(int(row))
    # A combination of one row has nothing to share.
    return [row for rows in found.values() if len(rows) > 1 for row in rows]


# -- before anything is known ----------------------------------------------------------------------------------------


def spread_in_runs(search: Search, plan: RunPlan, n: int, budget: HourBudget | None = None) -> None:
    """Choose up to n recipes far from everything tried, in few runs.

    Of each kind there are about as many runs as cells in one of them, and no fewer than the places ask for: a setting
    that is shared still has to differ for its effect to be seen.
    """
    most = {run.name: max(math.ceil(math.sqrt(n)), math.ceil(n / run.places) if run.places else 1) for run in plan.runs}
    for _ in range(n):
        pool = search.draw_some()
        full = [run for run in plan.runs if plan.n_opened[run.name] >= most[run.name] and plan.open_runs(run)]
        if full and search.may_vary and len(pool):
            settings = [plan.space.frame([one.recipe for one in plan.open_runs(run)]) for run in full]
            pool = _only_in_open_runs(search, plan, pool, full, settings)
        if budget is not None and len(pool):
            pool = pool[budget.fits(plan, *plan.extra_hours(pool))]
        if len(pool) == 0:
            return
        recipe = search.take_farthest(pool)
        plan.take(recipe)


def _only_in_open_runs(
    search: Search, plan: RunPlan, pool: pd.DataFrame, full: list[Run], settings: list[pd.DataFrame]
) -> pd.DataFrame:
    """Return recipes of a pool moved into open runs where no more of a kind are to be opened."""
    space, rng = plan.space, search.rng
    moved = pool[list(space.names)].reset_index(drop=True)
    for run, known in zip(full, settings, strict=True):
        goes = run.takes(space.with_fixed(moved))
        drawn = known.iloc[rng.integers(len(known), size=len(moved))].reset_index(drop=True)
        for name in run.shares:
            if name in space:
                moved[name] = moved[name].where(~goes, drawn[name])
    moved = space.clear(moved)
    kept = search.keep_new(moved, moved.iloc[:0])
    return kept if len(kept) else pool
