"""The direction test: of two cells of one publication that differ in one lever, which is said to be better?

What an optimiser needs of a model is not the level of a publication but the sign of a change within it. The pairs
that the review states stand in ``data/stated_pairs.csv``, with figures or with words only. Each is predicted by a
model that has not seen its publication.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from pvdopt.capacity_prior import USUAL_THICKNESS_UM
from pvdopt.evidence import Evidence
from pvdopt.parallel import compute
from pvdopt.surrogates import make_surrogate

Progress = Callable[[int, int], None]

#: Columns that a lever moves together; in all others the two cells are predicted as the better one is.
LEVERS: dict[str, tuple[str, ...]] = {
    "thickness_um": ("thickness_um",),
    "current_ua_cm2": ("current_ua_cm2", "c_rate"),
    "c_rate": ("current_ua_cm2", "c_rate"),
    "bias_v": ("bias_kind", "bias_v", "anneal_kind", "anneal_temperature_c"),
    "anneal_kind": ("anneal_kind", "anneal_temperature_c", "anneal_time_min", "anneal_atmosphere"),
    "architecture": ("architecture",),
    "substrate": ("substrate", "transferred"),
    "stacking": ("stacking",),
    "cathode": ("cathode", "cathode_formula", "cathode_family", "gas", "anneal_kind", "anneal_temperature_c"),
    "dopant": ("dopant", "cathode_formula"),
    "anode": ("anode", "anode_thickness_um"),
    "v_min": ("v_min",),
    "v_max": ("v_max",),
    "encapsulation": ("encapsulation", "treatment"),
}
#: What a model may read of a lever, where that is not the lever's own column.
READ_AS = {"substrate": "is_flexible", "c_rate": "current_ua_cm2", "anode": "anode_risk"}
#: Model-scale difference under which a model says nothing.
NO_OPINION = 1e-6


@dataclass(frozen=True)
class StatedPair:
    """Two reported cells of one publication, the better first.

    Attributes
    ----------
    better, worse : str
        Their ids.
    basis : {"figures", "ratio", "words"}
        What the statement rests on; words have no figures.
    """

    better: str
    worse: str
    outcome: str
    lever: str
    basis: str
    figure_better: float | None
    figure_worse: float | None
    unit: str
    note: str


@dataclass(frozen=True)
class PairCheck:
    """A stated pair and what was predicted of it without its publication.

    Attributes
    ----------
    predicted_better, predicted_worse : float
        Medians in the outcome's unit (a retention at 100 cycles).
    is_right : bool or None
        None where the model sees no difference; that counts as not right.
    occurs_elsewhere : bool
        Whether another publication with the outcome states the lever.
    """

    pair: StatedPair
    source: str
    predicted_better: float
    predicted_worse: float
    is_right: bool | None
    occurs_elsewhere: bool


@dataclass(frozen=True)
class DirectionSummary:
    """How many pairs were right, and the chance that a coin does as well."""

    what: str
    n_pairs: int
    n_right: int
    n_no_opinion: int
    coin_chance: float

    @property
    def share(self) -> float:
        """Share of the pairs that are right; NaN without pairs."""
        return self.n_right / self.n_pairs if self.n_pairs else float("nan")


@cache
def stated_pairs() -> tuple[StatedPair, ...]:
    """Return the pairs that ship with the reported cells."""
    text = (resources.files("pvdopt") / "data" / "stated_pairs.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        figures = {k: float(row[k]) if row[k] else None for k in ("figure_better", "figure_worse")}
        found.append(StatedPair(**{**row, **figures}))  # type: ignore[arg-type]
    return tuple(found)


def check_pairs(
    evidence: Evidence,
    specification: str,
    outcomes: Iterable[str] = ("capacity", "retention"),
    seed: int = 0,
    progress: Progress | None = None,
    n_jobs: int = 1,
) -> list[PairCheck]:
    """Predict every stated pair from a model that has not seen its publication; constants go with it."""
    cells = evidence.cells.set_index("id", drop=False) if "id" in evidence.cells else pd.DataFrame()
    known = [p for p in stated_pairs() if p.outcome in set(outcomes) and {p.better, p.worse} <= set(cells.index)]
    groups = dict.fromkeys((str(cells.loc[p.better, "source"]), p.outcome) for p in known)

    def check(source: str, outcome: str) -> list[PairCheck]:
        pairs = [p for p in known if (cells.loc[p.better, "source"], p.outcome) == (source, outcome)]
        left = evidence.excluding({source})
        table = left.table(outcome)
        model = make_surrogate(specification, seed=seed).fit(table)
        recipes = left.derive(pd.concat([_recipes(cells, p) for p in pairs], ignore_index=True))
        prediction = model.predict(recipes)
        median = prediction.median()
        gain = np.diff(prediction.mean)[::2] * (-1.0 if prediction.link.increasing else 1.0)
        checks = []
        for n, pair in enumerate(pairs):
            is_right = None if abs(gain[n]) < NO_OPINION else bool(gain[n] > 0)
            elsewhere = _occurs(table.frame, recipes.iloc[2 * n : 2 * n + 2], pair.lever)
            checks.append(PairCheck(pair, source, float(median[2 * n]), float(median[2 * n + 1]), is_right, elsewhere))
        return checks

    found: dict[StatedPair, PairCheck] = {}
    for k, checks in enumerate(compute(check, groups, n_jobs)):
        found |= {c.pair: c for c in checks}
        if progress is not None:
            progress(k + 1, len(groups))
    return [found[p] for p in known]


def _recipes(cells: pd.DataFrame, pair: StatedPair) -> pd.DataFrame:
    """Return the better cell, and the same with the worse one's lever; shape (2, ...)."""
    frame = cells.loc[[pair.better, pair.better]].reset_index(drop=True)
    for name in LEVERS[pair.lever]:
        if name in cells.columns:
            frame[name] = cells.loc[[pair.better, pair.worse], name].to_numpy()
    if pair.lever in ("c_rate", "current_ua_cm2") and frame["thickness_um"].isna().all():
        # A rate says how much current only with a thickness: both are asked for at the usual one.
        frame["thickness_um"] = USUAL_THICKNESS_UM
    return frame


def _occurs(train: pd.DataFrame, pair: pd.DataFrame, lever: str) -> bool:
    """Return whether other publications state the lever: a number at all, of a category each of the two levels."""
    name = READ_AS.get(lever, lever)
    if name not in train.columns or name not in pair.columns:
        return False
    stated = train[name].dropna()
    if pd.api.types.is_numeric_dtype(stated):
        return bool(len(stated))
    levels = [v for v in pair[name] if isinstance(v, str)]
    return bool(levels) and all(bool((stated == v).any()) for v in levels)


def summarise(checks: Sequence[PairCheck]) -> list[DirectionSummary]:
    """Return the tally over all pairs, over those with figures, and over those whose lever occurs elsewhere."""
    with_figures = [c for c in checks if c.pair.basis != "words"]
    return [
        _count("all pairs", checks),
        _count("with figures", with_figures),
        _count("lever occurs elsewhere", [c for c in checks if c.occurs_elsewhere]),
        _count("with figures, lever occurs elsewhere", [c for c in with_figures if c.occurs_elsewhere]),
    ]


def _count(what: str, checks: Sequence[PairCheck]) -> DirectionSummary:
    from scipy.stats import binom

    n, right = len(checks), sum(c.is_right is True for c in checks)
    chance = float(binom.sf(right - 1, n, 0.5)) if n else 1.0
    return DirectionSummary(what, n, right, sum(c.is_right is None for c in checks), chance)
