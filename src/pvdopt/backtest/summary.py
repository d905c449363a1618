"""What many runs say: curves, experiments to the target, factors against random search, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.backtest.measures import MASS, acceleration_factor, bootstrap, enhancement_factor, experiments_to
from pvdopt.backtest.running import Plan, Run
from pvdopt.wording import count

Array = np.ndarray[Any, Any]

#: Fewer seeds than this come with a note.
FEW_SEEDS = 10
#: The strategy that all others are measured by.
BASELINE = "random"


@dataclass(frozen=True)
class Figure:
    """A value with its 90 % interval over seeds; None where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class StrategySummary:
    """How one strategy did.

    Attributes
    ----------
    n_seeds, n_reached : int
        Runs, and those that reached the target within the budget.
    needed : Figure
        Median experiments to the target; None: beyond the budget.
    acceleration : Figure
        How many times as many experiments random search needs to the target.
    is_bound : bool
        Whether random search did not reach it within the budget: the factor is then at least that.
    enhancement : Figure
        How many times as far it is at the end of the budget as random search.
    final : Figure
        Median share reached at the end.
    n_refused : int
        Proposals that the space does not allow, in all runs.
    seconds : float
        Processor time of an ask, median over runs.
    """

    strategy: str
    n_seeds: int
    n_reached: int
    needed: Figure
    acceleration: Figure
    is_bound: bool
    enhancement: Figure
    final: Figure
    n_refused: int
    seconds: float


@dataclass(frozen=True)
class BacktestReport:
    """What a backtest found.

    Attributes
    ----------
    curves : DataFrame
        strategy, experiment, median, low, high, enhancement: the share reached, by experiments made.
    """

    subject: str
    target: float
    plan: Plan
    is_tuning: bool
    strategies: list[StrategySummary]
    curves: pd.DataFrame
    notes: list[str]


def summarise(runs: Sequence[Run], subject: str, target: float, plan: Plan, is_tuning: bool = False) -> BacktestReport:
    """Return what runs say; strategies in the order in which they come.

    Parameters
    ----------
    target : float
        Share of what there is to gain that counts as reached.
    """
    table: dict[str, dict[int, Array]] = {}
    for run in runs:
        table.setdefault(run.strategy, {})[run.seed] = np.array(run.progress)
    told = [_summarise(name, [r for r in runs if r.strategy == name], table, target) for name in table]
    curves = pd.concat([_curve(name, table) for name in table], ignore_index=True)
    notes = []
    n_seeds = min(len(by_seed) for by_seed in table.values())
    if n_seeds < FEW_SEEDS:
        notes.append(
            f"{count(n_seeds, 'seed')} {'is' if n_seeds == 1 else 'are'} few: differences this size may be chance (at "
            f"least {FEW_SEEDS} are better)."
        )
    if BASELINE not in table:
        notes.append(f"Without the strategy {BASELINE} there are no factors against it.")
    short = sorted({r.strategy for r in runs if r.n_made < plan.budget})
    if short:
        notes.append(f"Nothing was left to propose before the budget was spent: {', '.join(short)}.")
    if is_tuning:
        notes.append("Tuning seeds: choose settings by these figures, and report others.")
    return BacktestReport(subject, target, plan, is_tuning, told, curves, notes)


def _summarise(
    name: str, runs: Sequence[Run], table: Mapping[str, Mapping[int, Array]], target: float
) -> StrategySummary:
    progress = np.array([run.progress for run in runs])
    needed = np.array([experiments_to(p, target) for p in progress])
    acceleration = enhancement = Figure(None, None, None)
    is_bound = False
    if BASELINE in table and name != BASELINE:
        seeds = [seed for seed in table[name] if seed in table[BASELINE]]
        mine, chance = (np.array([table[s][seed] for seed in seeds]) for s in (name, BASELINE))
        acceleration = _figure(lambda rows: acceleration_factor(mine[rows], chance[rows], target), len(seeds))
        is_bound = acceleration.value is not None and not (np.median(chance, axis=0) >= target).any()
        enhancement = _figure(lambda rows: float(enhancement_factor(mine[rows], chance[rows], 0.0)[-1]), len(seeds))
    return StrategySummary(
        strategy=name,
        n_seeds=len(runs),
        n_reached=int(np.isfinite(needed).sum()),
        needed=_figure(lambda rows: _censored_median(needed[rows]), len(runs)),
        acceleration=acceleration,
        is_bound=is_bound,
        enhancement=enhancement,
        final=_figure(lambda rows: float(np.median(progress[rows, -1])), len(runs)),
        n_refused=sum(run.n_refused for run in runs),
        seconds=float(np.median([run.seconds for run in runs])),
    )


def _censored_median(needed: Array) -> float:
    """Return the median with what was not reached as beyond everything; infinite if the median itself is."""
    ordered = np.sort(np.where(np.isnan(needed), np.inf, needed))
    middle = ordered[[(len(ordered) - 1) // 2, len(ordered) // 2]]
    return float(middle.mean())


def _figure(statistic: Any, n_seeds: int) -> Figure:
    everything = statistic(np.arange(n_seeds))
    low, high = bootstrap(statistic, n_seeds, np.random.default_rng(0))
    return Figure(*(float(v) if math.isfinite(v) else None for v in (everything, low, high)))


def _curve(name: str, table: Mapping[str, Mapping[int, Array]]) -> pd.DataFrame:
    progress = np.array(list(table[name].values()))
    rng = np.random.default_rng(0)
    drawn = np.array([np.median(progress[rng.integers(len(progress), size=len(progress))], axis=0) for _ in range(500)])
    low, high = np.quantile(drawn, [(1 - MASS) / 2, (1 + MASS) / 2], axis=0)
    factor = np.full(progress.shape[1], np.nan)
    if BASELINE in table and name != BASELINE:
        factor = enhancement_factor(progress, np.array(list(table[BASELINE].values())), 0.0)
    return pd.DataFrame(
        {
            "strategy": name,
            "experiment": np.arange(1, progress.shape[1] + 1),
            "median": np.median(progress, axis=0),
            "low": low,
            "high": high,
            "enhancement": factor,
        }
    )
