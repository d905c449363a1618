"""Tables for the tests of surrogates: a plain one of a known function, and one with evidence behind it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from pvdopt.evidence import Evidence
from pvdopt.objectives import Protocol
from pvdopt.space import Categorical, Continuous, SearchSpace
from pvdopt.training import TrainingTable, plain_table

PLAIN = SearchSpace(
    [
        Continuous("a", -1, 1),
        Continuous("b", 0.1, 10, log=True),
        Categorical("kind", ["none", "rta"]),
        Continuous("heat", 300, 800, when={"kind": ["rta"]}),
    ]
)
#: Publications of the small evidence: LiCoO2 with and without bias, two other families, bounds, missing inputs.
SOURCES = (
    "park2005",
    "navone2011",
    "matsuda2018",
    "jang2003",
    "song2010",
    "park1999",
    "xia2018",
    "sun2019",
    "gong2015",
)
FIXED = {"cathode": "LiCoO2", "method": "rf_sputtering", "anode": "Li", "electrolyte": "Lipon"}
CAMPAIGN = SearchSpace(
    [
        Continuous("bias_v", -100, 0),
        Continuous("thickness_um", 0.1, 6, log=True),
        Categorical("anneal_kind", ["none", "furnace"]),
        Continuous("anneal_temperature_c", 300, 800, when={"anneal_kind": ["furnace"]}),
    ],
    fixed=FIXED,
)


def recipes(space: SearchSpace, n: int, seed: int = 0) -> pd.DataFrame:
    """Random recipes of a space."""
    return space.from_unit(np.random.default_rng(seed).random((n, len(space.parameters))))


def truth(found: pd.DataFrame) -> np.ndarray:
    """A smooth function of the plain space's recipes, between about -1 and 3."""
    heat = np.nan_to_num((found["heat"] - 300) / 500)
    return np.asarray(np.sin(2 * found["a"]) + np.log10(found["b"]) + (found["kind"] == "rta") * (0.5 + heat))


def observed(n: int, seed: int = 0, noise: float = 0.02) -> pd.DataFrame:
    """Cells of the plain space with a little noise."""
    found = recipes(PLAIN, n, seed)
    return found.assign(outcome=truth(found) + noise * np.random.default_rng(seed + 1).standard_normal(n))


def plain(n: int, seed: int = 0) -> TrainingTable:
    return plain_table("outcome", PLAIN, observed(n, seed))


@cache
def small_evidence() -> Evidence:
    """Evidence of a few publications, quick to fit."""
    whole = Evidence.reported(FIXED, Protocol(current_ua_cm2=10, v_min=3.0, v_max=4.2, cycles=100))
    return replace(whole, cells=whole.cells[whole.cells["source"].isin(SOURCES)].reset_index(drop=True))


def with_evidence(n_own: int, outcome: str = "capacity", seed: int = 0) -> TrainingTable:
    """The small evidence and own cells."""
    own = recipes(CAMPAIGN, n_own, seed)
    value = 40.0 + 0.2 * own["bias_v"] if outcome == "capacity" else 0.9 + 0.0005 * own["bias_v"]
    return small_evidence().table(outcome, own.assign(**{outcome: value}), CAMPAIGN)


def asked(kind: str, n: int = 7, seed: int = 9) -> pd.DataFrame:
    """Complete recipes to predict, for a table of this kind."""
    if kind == "plain":
        return recipes(PLAIN, n, seed)
    return small_evidence().complete(CAMPAIGN.with_fixed(recipes(CAMPAIGN, n, seed)))
