"""The six pools, as problems for any planner."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from pvdopt.backtest.pools import Pool
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, Continuous, SearchSpace, Stepped

DATA = Path(__file__).parent / "data"
SETS = ("p3ht", "agnp", "crossed_barrel", "photo_pce10", "suzuki_i", "buchwald_a")


@cache
def metadata() -> dict:
    return json.loads((DATA / "metadata.json").read_text(encoding="utf-8"))


def kind(name: str) -> str:
    """Return what a box planner is up against: a grid, points scattered in the box, or a slice of it (mixture)."""
    told = metadata()[name]
    if told["sums_to_constant"]:
        return "mixture"
    return "scattered" if any(i["type"] == "continuous" for i in told["inputs"]) else "grid"


def parameter(told: dict) -> Categorical | Continuous | Stepped:
    name = told["name"]
    if told["type"] == "categorical":
        return Categorical(name, told["values"])
    steps = np.diff(told["values"]) if told["type"] == "discrete" else np.array([])
    if len(steps) and np.allclose(steps, steps[0]):
        return Stepped(name, told["low"], told["high"], float(steps[0]))
    return Continuous(name, told["low"], told["high"])


@cache
def load_pool(name: str) -> Pool:
    told = metadata()[name]
    frame = pd.read_csv(DATA / f"{name}.csv")
    objectives = [Objective(t["name"], maximize=t["direction"] == "max") for t in told["targets"]]
    space = SearchSpace([parameter(i) for i in told["inputs"]])
    return Pool(name, space, objectives, frame[list(space.names)], frame[[o.name for o in objectives]])


def n_budget(pool: Pool) -> int:
    return min(50, int(0.4 * len(pool)))
