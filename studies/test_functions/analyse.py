"""Say how the samplers compare: rank, regret at the end, and the difference between ours and each peer.

The figure of a run is log10 of what is missing at its end: the true value of the trial that was observed best, less
the optimum, as a share of the function's spread; with two objectives, the share of the greatest hypervolume that the
true values do not reach. Below a ten-thousandth of the spread all count as there. Less is better. A run without any
feasible trial misses ten spreads.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from functions import Problem, problems

from pvdopt.choice.acquisition import hypervolume

HERE = Path(__file__).parent
FLOOR, NOTHING = 1e-4, 10.0
N_RESAMPLES = 2000


def missing(problem: Problem, words: str) -> float:
    """Return the figure of one run."""
    rows = np.array([[float(v) for v in word.split("/")] for word in words.split()])
    true, seen, feasible = rows[:, :-2], rows[:, -2], rows[:, -1] > 0
    if problem.reference:
        reached = hypervolume(-true[feasible], -np.array(problem.reference))
        share = 1.0 - reached / problem.best
    elif feasible.any():
        share = (true[feasible][np.argmin(seen[feasible]), 0] - problem.best) / problem.spread
    else:
        share = NOTHING
    return math.log10(min(max(share, FLOOR), NOTHING))


def read(folder: Path) -> dict[str, dict[tuple[str, int], tuple[float, float]]]:
    """Return for each sampler {(function, seed): (figure, seconds)}."""
    known = problems()
    found: dict[str, dict[tuple[str, int], tuple[float, float]]] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            found[path.stem] = {
                (line["function"], int(line["seed"])): (
                    missing(known[line["function"]], line["values"]),
                    float(line["seconds_per_ask"]),
                )
                for line in csv.DictReader(file)
            }
    return found


def difference(ours: dict, peer: dict, rng: np.random.Generator) -> tuple[float, float, float, int]:
    """Return ours minus the peer's figure, averaged over functions, with its 90 % interval over seeds."""
    by_function = defaultdict(list)
    for key in ours.keys() & peer.keys():
        by_function[key[0]].append(ours[key][0] - peer[key][0])
    gaps = [np.array(v) for _, v in sorted(by_function.items())]
    drawn = np.mean([g[rng.integers(len(g), size=(N_RESAMPLES, len(g)))].mean(axis=1) for g in gaps], axis=0)
    low, high = np.quantile(drawn, [0.05, 0.95])
    return float(np.mean([g.mean() for g in gaps])), float(low), float(high), sum(map(len, gaps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    results = read(parser.parse_args().results)
    samplers = sorted(results)
    functions = [f for f in problems() if all(any(k[0] == f for k in results[s]) for s in samplers)]
    means = {
        s: [float(np.mean([v[0] for k, v in results[s].items() if k[0] == f])) for f in functions] for s in samplers
    }
    print("log10 of what is missing at the end (less is better)\n")
    print(f"{'':24}" + "".join(f"{s:>10}" for s in samplers))
    for k, f in enumerate(functions):
        print(f"{f:24}" + "".join(f"{means[s][k]:>10.2f}" for s in samplers))
    table = np.array([means[s] for s in samplers])
    ranks = (table[:, None, :] > table[None, :, :]).sum(axis=1) + 1
    seconds = [np.median([v[1] for v in results[s].values()]) for s in samplers]
    print(f"{'mean rank':24}" + "".join(f"{r:>10.2f}" for r in ranks.mean(axis=1)))
    print(f"{'seconds per ask':24}" + "".join(f"{s:>10.3f}" for s in seconds))
    rng = np.random.default_rng(0)
    print("\npvdopt less a peer, mean over functions [90 % interval over seeds]; below 0 is better")
    for s in samplers:
        if s != "pvdopt":
            mean, low, high, n = difference(results["pvdopt"], results[s], rng)
            print(f"{s:24}{mean:+.2f} [{low:+.2f}, {high:+.2f}]  {n} pairs of runs")


if __name__ == "__main__":
    main()
