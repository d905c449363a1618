"""The three figures of a run, each turned so that more is better and 1 is perfect."""

from __future__ import annotations

import numpy as np
from pools import load_pool, n_budget

from pvdopt.backtest.measures import area, experiments_to, progress_of

#: What is read off a run, in the order of :func:`merits`.
FIGURES = ("end", "speed", "area")
TOP_END, TOP_SPEED, VOLUME_SPEED = 0.05, 0.01, 0.9


def merits(name: str, rows: list[int]) -> tuple[tuple[float, float, float], float]:
    """Return (end, speed, area) of a run, and the experiments to its goal (NaN: not within the budget).

    One objective: the share of the best 5 % of rows that was found; how early the first of the best 1 %; one minus the
    normalised regret area. Two: the share of the pool's hypervolume above its worst values at the end; how early
    90 % of it; its mean over the experiments. A speed is 1 - (experiments - 1) / budget, 0 where it was not reached.
    """
    pool = load_pool(name)
    budget = n_budget(pool)
    progress = progress_of(pool.signed[rows], pool.worst)
    if len(pool.objectives) == 1:
        top = pool.top(TOP_END)
        end = float(top[rows].sum() / top.sum())
        needed = experiments_to(pool.top(TOP_SPEED)[rows].astype(float), 1.0)
        reached = area(progress, float(pool.worst[0]), pool.best)
    else:
        end = float(progress[-1] / pool.best)
        needed = experiments_to(progress, VOLUME_SPEED * pool.best)
        reached = area(progress, 0.0, pool.best)
    speed = 0.0 if np.isnan(needed) else 1 - (needed - 1) / budget
    return (end, speed, reached), needed
