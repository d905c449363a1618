"""A chosen batch as a person reads it: what is predicted of each recipe, what it is for, and why. Chooses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.acquisition import hypervolume, is_non_dominated
from pvdopt.choice.gain import Gain, Models, log_chance_to_meet, split_objectives
from pvdopt.choice.hopes import Hope, find_hopes
from pvdopt.choice.reasons import Grounds, Purpose, choose_purpose, write_reason
from pvdopt.choice.search import Choice, Search
from pvdopt.objectives import Objective

Array = np.ndarray[Any, Any]

#: Central interval shown with a proposal.
INTERVAL = 0.8


def describe_batch(search: Search, models: Models | None, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Return the chosen recipes with predictions and chances; purpose and reason are still empty.

    Returns
    -------
    DataFrame of shape (n, n_parameters + ...)
        See :meth:`pvdopt.choice.proposer.Proposer.propose`.
    """
    batch = pd.concat([c.recipe for c in search.choices], ignore_index=True)
    chance = search.usability.chance(batch)
    predictions = models.predict(batch) if models is not None else {}
    for o in objectives:
        p = predictions.get(o.name)
        nothing = np.full(len(batch), np.nan)
        ends = (nothing, nothing) if p is None else p.interval(INTERVAL)
        batch[o.name] = nothing if p is None else p.median()
        batch[f"{o.name}_low"], batch[f"{o.name}_high"] = ends
    batch["usable_chance"] = chance
    batch["acquisition"] = [np.nan if c.gain is None else c.gain for c in search.choices]
    return batch.assign(purpose="", reason="")


class Story:
    """Why the recipes of a batch were chosen.

    Parameters
    ----------
    models : Models or None
        Fitted; None where nothing is known yet.
    gain : Gain or None
        What chose them, if anything was predicted.
    reference : ndarray of shape (m,)
        Of the hypervolume, signed: the campaign's, above which gains are told.
    is_informed : bool
        Whether there is evidence, whose recipes stand in for own ones before the first cell.
    seed : int
        Of the draws behind it, the same as the advice's.
    """

    def __init__(
        self,
        search: Search,
        objectives: Sequence[Objective],
        models: Models | None,
        gain: Gain | None,
        reference: Array,
        *,
        is_informed: bool,
        seed: int,
    ) -> None:
        self._search, self._objectives, self._models = search, objectives, models
        self._goals, self._limits = split_objectives(objectives)
        self._gain, self._reference, self._seed = gain, reference, seed
        self._is_reported = is_informed and len(search.known.measured) == 0
        self._achieved = np.zeros((0, len(self._goals))) if gain is None else gain.achieved
        # To better a recipe that others beat is no achievement: what counts is the front.
        self._front = self._achieved[is_non_dominated(self._achieved)]

    def tell(self, choices: Sequence[Choice], batch: pd.DataFrame) -> tuple[list[Purpose], list[str]]:
        """Return purpose and reason of each recipe.

        Parameters
        ----------
        choices : sequence of Choice
            In the order of the batch.
        batch : DataFrame
            As :func:`describe_batch` returns it, its rows in the order in which they are shown.
        """
        space, front = self._search.space, self._front.tolist()
        grounds = self._grounds(choices, batch)
        repeats = [key in self._search.known.keys for key in space.keys(batch)]
        # Of the baseline and its replicates the one that was chosen first has the name.
        first = next((id(c) for c in self._search.choices if c.is_baseline), None)
        purposes: list[Purpose] = []
        for choice, ground, is_repeat in zip(choices, grounds, repeats, strict=True):
            if choice.is_baseline:
                purposes.append("baseline" if id(choice) == first else "replicate")
            else:
                purposes.append(choose_purpose(ground, self._goals, front, is_repeat))
        told = zip(purposes, grounds, strict=True)
        return purposes, [write_reason(purpose, ground, self._goals, front) for purpose, ground in told]

    def _grounds(self, choices: Sequence[Choice], batch: pd.DataFrame) -> list[Grounds]:
        """Return the figures behind each choice."""
        best, volume = {}, 0.0
        if len(self._achieved) and self._goals:
            best = {o.name: float(o.sign * self._achieved[:, j].max()) for j, o in enumerate(self._goals)}
            volume = hypervolume(self._achieved, self._reference) if len(self._goals) > 1 else 0.0
        meets: Sequence[float | None] = [None] * len(batch)
        if self._models is not None and self._limits:
            predictions = self._models.predict(batch[list(self._search.space.names)])
            meets = np.exp(log_chance_to_meet(predictions, self._limits, as_cell=True)).tolist()
        hopes = self._hopes(batch)
        return [
            Grounds(
                medians={o.name: float(batch[o.name].iloc[k]) for o in self._goals if self._models is not None},
                best=best,
                gain=c.gain,
                volume=volume,
                chance=float(batch["usable_chance"].iloc[k]),
                meets=meets[k],
                hope=hopes[k],
                is_first=c.is_first,
                rival=c.rival,
                is_baseline=c.is_baseline,
                begins_with="reported" if c.is_reported else "listed" if self._search.is_listed else "drawn",
                held=self._search.held_names,
                is_reported=self._is_reported,
                is_later=k > 0,
                n_best=1 if self._gain is None else self._gain.n_best,
            )
            for k, c in enumerate(choices)
        ]

    def _hopes(self, batch: pd.DataFrame) -> list[Hope] | list[None]:
        """Return what each recipe is hoped to bring against the best so far; None where nothing is achieved."""
        if self._models is None or self._gain is None or not len(self._achieved) or not self._goals:
            return [None] * len(batch)
        best = self._gain.leaders(len(self._front))
        medians = np.stack([o.sign * batch[o.name].to_numpy(dtype=float) for o in self._goals], axis=1)
        recipes = batch[list(self._search.space.names)]
        usable = batch["usable_chance"].to_numpy(dtype=float)
        return find_hopes(
            self._models,
            self._objectives,
            self._reference,
            best,
            self._front[: len(best)],
            recipes,
            medians,
            usable,
            self._seed,
        )
