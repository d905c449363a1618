"""Follow campaigns on the virtual lab past every advice to stop, and note how far each had come.

    python studies/stop_advice/run.py --seeds 0 1 2 3 --goal two --out studies/stop_advice/results.csv

One row a batch: what the advice rested on, and how much of the attainable the recipes made so far reach without
noise. Rows of a seed and goal that are in the file already are not made again.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from pvdopt.campaign import Campaign
from pvdopt.choice.acquisition import hypervolume
from pvdopt.choice.candidates import draw_recipes, vary_recipes
from pvdopt.closed_loop import ClosedLoop
from pvdopt.config import shipped_config
from pvdopt.evaluators import VirtualLabEvaluator
from pvdopt.virtual_lab import VirtualLab

GOALS = {"one": ("capacity",), "two": ("capacity", "retention")}
#: uAh/cm2 that the shipped file asks of a cell.
FLOOR = 30.0
N_DENSE, N_ROUNDS = 3000, 6
FIELDS = ("goal", "seed", "n_made", "gain", "noise", "chance", "reached", "regret", "unit")


def config_text(goal: str) -> str:
    """Return the shipped LiCoO2 file, for one goal without a direction for retention."""
    text = shipped_config("lco_lipon").read_text(encoding="utf-8")
    if goal == "two":
        return text
    return text.replace("after [protocol] cycles\nmaximize = true", "after [protocol] cycles\nthreshold = 0.7")


class Truth:
    """What recipes give without noise, and the best that any could."""

    def __init__(self, campaign: Campaign, seed: int, goal: str, reference: dict[str, float]) -> None:
        self.space, self.lab = campaign.space, VirtualLab(seed)
        self.goal = goal
        self.protocol = campaign.protocol.columns()
        self.reference = np.array([reference.get(n, 0.0) for n in GOALS[goal]])
        rng = np.random.default_rng(0)
        recipes = draw_recipes(self.space, N_DENSE, rng)
        for _ in range(N_ROUNDS):
            points = self.points(recipes)
            score = np.where(np.isfinite(points).all(axis=1), (points - self.reference).clip(0).prod(axis=1), 0.0)
            parents = recipes.iloc[np.argsort(-score)[:40]]
            recipes = pd.concat([recipes, vary_recipes(self.space, parents, 600, 0.05, rng)], ignore_index=True)
        self.best = self.worth(recipes)

    def points(self, recipes: pd.DataFrame) -> np.ndarray:
        """Return the noise-free outcomes of recipes, -inf where a threshold is missed."""
        full = self.space.with_fixed(recipes).assign(**self.protocol)
        truth = self.lab.truth(full)
        points = truth[list(GOALS[self.goal])].to_numpy(dtype=float)
        good = (truth["areal_capacity"] >= FLOOR) & (truth["usable_chance"] > 0.3)
        if self.goal == "one":
            good &= truth["retention"] >= 0.7
        return np.where(good.to_numpy()[:, None] & np.isfinite(points), points, -np.inf)

    def worth(self, recipes: pd.DataFrame) -> float:
        """Return the best value, or the hypervolume, that recipes reach."""
        points = self.points(recipes)
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return 0.0
        return float(points.max()) if points.shape[1] == 1 else hypervolume(points, self.reference)


def follow(goal: str, seed: int, budget: int, batch: int) -> list[dict[str, object]]:
    """Return one row a batch of one campaign."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign.create(Path(folder) / "c", config_text(goal), author="study")
        ClosedLoop(campaign, VirtualLabEvaluator(seed), budget, batch).run()
        cells = list(campaign.own_cells().state.cells.values())
        truth = Truth(campaign, seed, goal, cells[0].proposal.get("reference") or {})
        for n_made in range(batch, len(cells), batch):
            advice = cells[n_made].proposal["advice"]
            reached = truth.worth(campaign.space.frame([c.recipe for c in cells[:n_made]]))
            kept = {name: advice[name] for name in ("gain", "noise", "chance", "unit")}
            share = {"reached": reached / truth.best, "regret": truth.best - reached}
            rows.append({"goal": goal, "seed": seed, "n_made": n_made, **kept, **share})
        campaign.close()
    return rows


def main() -> None:
    """Run what is not in the file yet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--goal", choices=list(GOALS), default="two")
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.csv")
    given = parser.parse_args()
    known = pd.read_csv(given.out) if given.out.exists() else pd.DataFrame(columns=list(FIELDS))
    for seed in given.seeds:
        if ((known["goal"] == given.goal) & (known["seed"] == seed)).any():
            continue
        rows = follow(given.goal, seed, given.budget, given.batch)
        print(pd.DataFrame(rows).to_string(), flush=True)
        is_new = not given.out.exists()
        with given.out.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            if is_new:
                writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
