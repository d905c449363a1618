"""Seconds per ask of pvdopt, BayBE and BoTorch in one run, interleaved, so that whatever slows one slows all.

studies/pool_benchmark/.peers/bin/python studies/pool_benchmark/timing.py            # 50 observations, pool of 2000
.venv/bin/python studies/pool_benchmark/timing.py --large                            # ours: 1000, pool of 100 000
"""

from __future__ import annotations

import argparse
import os
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
    os.environ[_name] = "1"

import numpy as np
import pandas as pd
from planners import make_planner

from pvdopt.backtest.pools import Pool
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, Continuous, SearchSpace


def made_pool(n: int, n_goals: int, seed: int) -> Pool:
    """Return a pool of five numbers and a choice, with smooth values and noise."""
    rng = np.random.default_rng(seed)
    numbers = [Continuous(f"x{k}", low=0.0, high=1.0) for k in range(5)]
    space = SearchSpace([*numbers, Categorical("kind", choices=["a", "b", "c"])])
    recipes = pd.DataFrame({p.name: rng.random(n).round(2) for p in numbers})
    recipes["kind"] = pd.Series(rng.choice(["a", "b", "c"], size=n), dtype=object)
    x = recipes[[p.name for p in numbers]].to_numpy()
    level = recipes["kind"].map({"a": 0.0, "b": 0.2, "c": -0.1}).to_numpy(dtype=float)
    values = {}
    for goal in range(n_goals):
        centre = rng.random(5)
        values[f"y{goal}"] = -((x - centre) ** 2).sum(axis=1) + level + 0.05 * rng.standard_normal(n)
    return Pool(f"made{n}", space, [Objective(name) for name in values], recipes, pd.DataFrame(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="ours alone on 1000 observations and 100 000 candidates")
    parser.add_argument("--rounds", type=int, default=5, help="asks of each; the median counts")
    args = parser.parse_args()
    n_rows, n_told, planners = (101_000, 1000, ["pvdopt"]) if args.large else (2050, 50, ["pvdopt", "baybe", "botorch"])
    print(
        "| objectives | planner | seconds an ask (wall) | CPU seconds | over pvdopt |\n| --- | --- | --- | --- | --- |"
    )
    for n_goals in (1, 2):
        wall: dict[str, list[float]] = {p: [] for p in planners}
        cpu: dict[str, list[float]] = {p: [] for p in planners}
        for round_ in range(args.rounds + 1):
            pool = made_pool(n_rows, n_goals, round_)
            told = [int(row) for row in np.random.default_rng(round_).choice(n_rows, n_told, replace=False)]
            for planner in planners:
                plan = make_planner(planner, pool, round_)
                plan.tell(told)
                begun = time.perf_counter(), time.process_time()
                plan.ask(1)
                if round_:  # the first round loads what is loaded late
                    wall[planner].append(time.perf_counter() - begun[0])
                    cpu[planner].append(time.process_time() - begun[1])
        for planner in planners:
            w, c = np.median(wall[planner]), np.median(cpu[planner])
            ratio = c / np.median(cpu["pvdopt"])
            print(f"| {n_goals} | {planner} | {w:.3f} | {c:.3f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
