"""Run samplers on the test functions; every finished run is a line of results/SAMPLER.csv, and is not run again.

python studies/test_functions/run.py --sampler pvdopt --sampler tpe --seeds 10
studies/test_functions/.peers/bin/python studies/test_functions/run.py --sampler gp     # needs torch: make_peers.sh
"""

from __future__ import annotations

import argparse
import csv
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

# One thread each, before anything loads a linear algebra library: the samplers are compared at the same cost.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import optuna
from functions import Problem, problems
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

HERE = Path(__file__).parent
FIELDS = ("function", "seed", "versions", "seconds_per_ask", "values")


def ours(seed: int) -> BaseSampler:
    from pvdopt import SurrogateSampler

    return SurrogateSampler(seed=seed)


def optuna_gp(seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "pvdopt": ours,
    "gp": optuna_gp,
    "tpe": lambda seed: TPESampler(seed=seed),
    "nsga2": lambda seed: NSGAIISampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}


def run_once(problem: Problem, sampler: BaseSampler, seed: int) -> tuple[list[str], float]:
    """Return a word for each trial (true values, observed value, feasible or not) and the median seconds of an ask."""
    rng = np.random.default_rng([seed, 99])
    study = optuna.create_study(directions=["minimize"] * problem.n_objectives, sampler=sampler)
    words, seconds = [], []
    for _ in range(problem.n_trials):
        begun = time.process_time()
        trial = study.ask()
        params = problem.suggest(trial)
        seconds.append(time.process_time() - begun)
        true = problem.truth(params)
        seen = [v + problem.noise * float(rng.standard_normal()) for v in true]
        excess = problem.excess(params) if problem.excess else {}
        for name, value in excess.items():
            trial.set_constraint(name, value + problem.noise * float(rng.standard_normal()))
        study.tell(trial, seen)
        feasible = all(v <= 0 for v in excess.values())
        words.append("/".join(f"{v:.8g}" for v in (*true, seen[0], float(feasible))))
    return words, float(np.median(seconds))


def done(path: Path) -> set[tuple[str, int]]:
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {(line["function"], int(line["seed"])) for line in csv.DictReader(file)}


def main() -> None:
    known = problems()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampler", action="append", choices=SAMPLERS, help="may be repeated; default: all but gp")
    parser.add_argument("--function", action="append", choices=known, help="may be repeated; default: all")
    parser.add_argument("--seeds", type=int, default=10, help="seeds of each; default: 10")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further run after this long")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the results")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    args.results.mkdir(exist_ok=True, parents=True)
    begun = time.monotonic()
    # Seeds go round before anything else, so that what is there after any time compares all samplers.
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for name in args.function or known:
            for sampler in args.sampler or [s for s in SAMPLERS if s != "gp"]:
                path = args.results / f"{sampler}.csv"
                if (name, seed) in done(path) or time.monotonic() - begun > 60 * args.minutes:
                    continue
                words, seconds = run_once(known[name], SAMPLERS[sampler](seed), seed)
                packages = ["optuna", *(["pvdopt"] if sampler == "pvdopt" else ["torch"] if sampler == "gp" else [])]
                line = {
                    "function": name,
                    "seed": seed,
                    "versions": " ".join(f"{p} {version(p)}" for p in packages),
                    "seconds_per_ask": f"{seconds:.4f}",
                    "values": " ".join(words),
                }
                is_new = not path.exists()
                with path.open("a", newline="") as file:
                    writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
                    if is_new:
                        writer.writeheader()
                    writer.writerow(line)


if __name__ == "__main__":
    main()
