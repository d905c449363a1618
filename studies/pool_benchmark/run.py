"""Run planners on the pools; every finished run is a line of results/PLANNER.csv, and what is there is not run again.

python studies/pool_benchmark/run.py --planner pvdopt --seeds 20
python studies/pool_benchmark/run.py --planner baybe --planner botorch --minutes 30
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

# One thread each, before anything loads a linear algebra library: the peers are compared at the same cost.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
    os.environ[_name] = "1"

import numpy as np
from planners import PLANNERS, make_planner
from pools import SETS, load_pool, n_budget

HERE = Path(__file__).parent
N_STARTS = 5
BATCHES = (1, 5)
FIELDS = ("pool", "batch", "seed", "versions", "seconds_per_ask", "rows")


def starts(name: str, n: int, seed: int) -> list[int]:
    """Return the first rows, the same for every planner."""
    rng = np.random.default_rng([seed, SETS.index(name)])
    return [int(row) for row in rng.choice(n, size=N_STARTS, replace=False)]


def run_once(planner: str, name: str, batch: int, seed: int) -> tuple[list[int], float]:
    """Return the rows made, in order, and the median processor seconds of an ask."""
    pool = load_pool(name)
    rows = starts(name, len(pool), seed)
    plan = make_planner(planner, pool, seed)
    plan.tell(rows)
    seconds = []
    while len(rows) < n_budget(pool):
        n = min(batch, n_budget(pool) - len(rows))
        begun = time.process_time()
        chosen = [int(row) for row in plan.ask(n)]
        seconds.append(time.process_time() - begun)
        if len(set(chosen) - set(rows)) != n:
            raise RuntimeError(f"{planner} on {name}: asked for {n} new rows, got {chosen} after {rows}")
        plan.tell(chosen)
        rows += chosen
    return rows, float(np.median(seconds))


def done(path: Path) -> set[tuple[str, int, int]]:
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {(line["pool"], int(line["batch"]), int(line["seed"])) for line in csv.DictReader(file)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planner", action="append", choices=PLANNERS, help="may be repeated; default: all")
    parser.add_argument("--seeds", type=int, help="seeds of each; default: 20, or 10 of those that need torch and SMAC")
    parser.add_argument("--pool", action="append", choices=SETS, help="may be repeated; default: all six")
    parser.add_argument("--batch", action="append", type=int, choices=BATCHES, help="may be repeated; default: both")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further run after this long")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the results")
    args = parser.parse_args()
    planners = args.planner or list(PLANNERS)
    args.results.mkdir(exist_ok=True, parents=True)
    jobs = [
        # Seeds go round before anything else, so that what is there after any time compares all planners.
        (planner, name, batch, seed)
        for seed in range(max(args.seeds or PLANNERS[p].n_seeds for p in planners))
        for planner in planners
        for name in args.pool or SETS
        for batch in args.batch or BATCHES
        if seed < (args.seeds or PLANNERS[planner].n_seeds)
    ]
    finished = {planner: done(args.results / f"{planner}.csv") for planner in planners}
    begun = time.monotonic()
    for planner, name, batch, seed in jobs:
        if (name, batch, seed) in finished[planner]:
            continue
        if time.monotonic() - begun > 60 * args.minutes:
            print("time is up; the same command goes on", file=sys.stderr)
            return
        rows, seconds = run_once(planner, name, batch, seed)
        versions = " ".join(f"{package} {version(package)}" for package in PLANNERS[planner].packages)
        path = args.results / f"{planner}.csv"
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(FIELDS)
            writer.writerow([name, batch, seed, versions, f"{seconds:.4f}", " ".join(map(str, rows))])
        print(f"{planner:20} {name:15} batch {batch} seed {seed:2} {seconds:.3f} s an ask", file=sys.stderr)


if __name__ == "__main__":
    main()
