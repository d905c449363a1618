"""Whether to go on: what the next batch is expected to gain, against what cells of one recipe differ by and its cost.

Knows models and recipes; knows no ledger. The words come with the figures they rest on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pvdopt.choice.acquisition import hypervolume, is_non_dominated
from pvdopt.choice.gain import Models, log_chance_to_meet, signed_medians, split_objectives
from pvdopt.choice.hopes import draw_together
from pvdopt.choice.knowledge import noise_of_best
from pvdopt.objectives import Objective

Array = np.ndarray[Any, Any]
Word = Literal["go on", "replicate", "stop"]

#: Own cells under which nothing is said but "go on": as many as calibration asks for, and so many a setting varied.
#: With fewer a model may be sure of what it has not seen (judgement; studies/stop_advice has a case).
N_TO_JUDGE, N_PER_SETTING = 8, 2
#: A batch that is expected to gain less than this share of what cells of one recipe differ by is not worth it
#: (judgement; studies/stop_advice measures what it costs).
SHARE_OF_NOISE = 0.25
#: A replicate that is expected to better the choice of the best by less than this share of it does not matter either.
SHARE_TO_LEARN = 0.1


@dataclass(frozen=True)
class Advice:
    """What to do next, and why.

    Attributes
    ----------
    word : str
    replicate : list of int or str
        Which recipes to make once more: rows of the batch, or the ids of cells that were made by them.
    gain, noise : float or None
        What the batch is expected to gain over the best so far, and the standard deviation of a cell of the best
        recipe: in ``unit``. None before anything is achieved.
    unit : str
        The objective's with one objective; percent of the hypervolume achieved with several.
    chance : float or None
        Chance that the batch betters the best by more than ``noise``.
    hours : float or None
        Of the batch, where hours are known.
    least_per_hour : float or None
        What the campaign file says an hour has to gain.
    n_own, n_needed : int
        Own cells behind it, and how many it takes to judge.
    """

    word: Word
    replicate: list[Any]
    gain: float | None
    noise: float | None
    unit: str
    chance: float | None
    hours: float | None
    least_per_hour: float | None
    n_own: int
    n_needed: int = N_TO_JUDGE

    def to_json(self) -> dict[str, Any]:
        """Return it as a ledger keeps it."""
        return asdict(self)

    @classmethod
    def parse(cls, kept: Mapping[str, Any]) -> Advice:
        """Return what a ledger keeps."""
        return cls(**{name: kept.get(name) for name in cls.__dataclass_fields__})  # type: ignore[arg-type]


def advise(
    models: Models,
    objectives: Sequence[Objective],
    reference: Array,
    made: pd.DataFrame,
    batch: pd.DataFrame,
    *,
    n_own: int,
    hours: float | None = None,
    least_per_hour: float | None = None,
    seed: int = 0,
) -> Advice:
    """Return what to do next.

    Parameters
    ----------
    models : Models
        Fitted.
    reference : ndarray of shape (m,)
        Of the hypervolume, signed.
    made : DataFrame
        Allowed recipes with an outcome.
    batch : DataFrame
        What would be made next: the space's columns, ``usable_chance``, ``purpose`` and ``acquisition``.
    n_own : int
        Cells with an outcome.
    hours : float, optional
        What the batch takes.
    least_per_hour : float, optional
        In the objective's unit, or in percent of the hypervolume achieved.
    """
    goals, _ = split_objectives(objectives)
    unit = (goals[0].unit or "") if len(goals) == 1 else "% of the hypervolume"
    unit = "" if unit == "1" else unit
    names = [c for c in made.columns if c in batch.columns]
    needed = max(N_TO_JUDGE, N_PER_SETTING * len(names))
    nothing = Advice("go on", [], None, None, unit, None, hours, least_per_hour, n_own, needed)
    if not goals or not len(made):
        return nothing
    found = _expect(models, objectives, reference, made, batch, names, seed)
    if found is None:
        return nothing
    gain, noise, chance, unit_size = found
    again = [int(k) for k in np.flatnonzero((batch["purpose"] == "replicate").to_numpy())]
    taught = unit_size * float(batch["acquisition"].iloc[again].max()) if again else 0.0
    word: Word = "go on"
    if n_own >= needed:
        is_cheap = least_per_hour is None or not hours or gain / hours >= least_per_hour
        if taught >= SHARE_TO_LEARN * noise:
            word = "replicate"
        elif gain < SHARE_OF_NOISE * noise or not is_cheap:
            word = "stop"
    return Advice(
        word, again if word == "replicate" else [], gain, noise, unit, chance, hours, least_per_hour, n_own, needed
    )


def _expect(
    models: Models,
    objectives: Sequence[Objective],
    reference: Array,
    made: pd.DataFrame,
    batch: pd.DataFrame,
    names: list[str],
    seed: int,
) -> tuple[float, float, float, float] | None:
    """Return gain, noise, the chance that the gain is beyond the noise, and what a unit of gain stands for.

    None where nothing is achieved.
    """
    goals, limits = split_objectives(objectives)
    predictions = models.predict(made)
    meets = log_chance_to_meet(predictions, limits) >= np.log(0.5)
    if not meets.any():
        return None
    if not meets.all():
        made = made[meets].reset_index(drop=True)
        predictions = models.predict(made)
    best = np.flatnonzero(is_non_dominated(signed_medians(predictions, goals)))[:40]
    noise = noise_of_best(models.predict(made.iloc[best]), goals, reference)
    usable = batch["usable_chance"].to_numpy(dtype=float)
    # A cell that is not usable, or breaks a constraint, gains nothing.
    points, counts = draw_together(models, objectives, made.iloc[best], batch[names], usable, seed)
    if len(goals) == 1:
        values = np.where(counts, points[:, :, 0], -np.inf)
        gains = values.max(axis=1) - values[:, : len(best)].max(axis=1)
        return float(gains.mean()), noise, float((gains > noise).mean()), 1.0
    now = hypervolume(signed_medians(models.predict(made.iloc[best]), goals), reference)
    if not now > 0:
        return None
    gains = np.array(
        [
            hypervolume(p[c], reference) - hypervolume(p[: len(best)], reference)
            for p, c in zip(points, counts, strict=True)
        ]
    )
    size = 100.0 / now
    return float(size * gains.mean()), size * noise, float((gains > noise).mean()), size


def say_advice(advice: Advice) -> str:
    """Return the advice as a sentence with its figures."""
    if advice.gain is None or advice.noise is None:
        if not advice.n_own:
            return "Go on: no own cell is measured yet."
        own = f"the {advice.n_own} measured cells" if advice.n_own > 1 else "the measured cell"
        return f"Go on: none of {own} is believed to meet the thresholds and to exceed the reference point yet."
    figures = f"the next batch as a whole is expected to gain {_quantity(advice.gain, advice.unit)}"
    if advice.hours:
        figures += f" in {advice.hours:.3g} h ({_quantity(advice.gain / advice.hours, advice.unit)} an hour)"
    spread = f"cells of one recipe differ by {_quantity(advice.noise, advice.unit)} (1 sd)"
    chance = f"the chance to better the best by more than that is {advice.chance or 0.0:.0%}"
    if advice.word == "replicate":
        which = ", ".join(str(k) for k in advice.replicate)
        return f"Replicate {which} first: {spread}, which leaves open which recipe is the best; {figures}."
    if advice.word == "stop":
        if advice.least_per_hour is not None and advice.gain >= SHARE_OF_NOISE * advice.noise:
            least = _quantity(advice.least_per_hour, advice.unit)
            return f"Stop: {figures}, less than the {least} an hour that the campaign file asks for; {spread}."
        return f"Stop: {figures}, while {spread}; {chance}."
    if advice.n_own < advice.n_needed:
        own = f"{advice.n_own} measured cell{' is' if advice.n_own == 1 else 's are'}"
        return f"Go on: {own} too few to advise a stop ({advice.n_needed} are needed); {figures}; {spread}."
    return f"Go on: {figures}; {spread}; {chance}."


def _quantity(value: float, unit: str) -> str:
    if unit.startswith("%"):
        return f"{value:.3g} {unit}"
    return f"{value:.3g} {unit}".strip()
