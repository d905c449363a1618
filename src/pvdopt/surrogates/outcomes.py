"""The models of a campaign's outcomes together: fit all, predict all, draw them jointly.

An outcome that evidence knows is modelled on its physical scale from reported and own cells; any other is modelled
plainly from own cells. Areal capacity is not modelled: it is volumetric capacity times thickness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.objectives import Objective
from pvdopt.space import SearchSpace
from pvdopt.surrogates import fit_surrogate, is_large
from pvdopt.surrogates.base import Doubts, Prediction, Surrogate, TellsVariances
from pvdopt.surrogates.calibration import literature_factor
from pvdopt.training import TrainingTable, plain_table

if TYPE_CHECKING:
    from pvdopt.evidence import Evidence

Array = NDArray[np.float64]


class OutcomeModels:
    """Surrogates of all objectives of a campaign.

    Parameters
    ----------
    space, objectives, evidence
        As of the campaign; without evidence names mean nothing.
    surrogate : str
        Name of the specification, see :func:`pvdopt.surrogates.make_surrogate`.
    calibration : mapping, optional
        ``{outcome: factor}`` for the deviations of a new cell; by default what the literature gave.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        evidence: Evidence | None = None,
        surrogate: str = "gaussian_process",
        seed: int = 0,
        calibration: dict[str, float] | None = None,
    ) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.evidence = evidence
        self.surrogate = surrogate
        self.seed = seed
        self.calibration = dict(calibration or {})
        self.models: dict[str, Surrogate] = {}
        self.factors: dict[str, float] = {}
        self.tables: dict[str, TrainingTable] = {}

    def _is_derived(self, outcome: str) -> bool:
        """Return whether an outcome follows from another one: areal capacity from capacity and thickness."""
        thickness = "thickness_um" in self.space or "thickness_um" in self.space.fixed
        return self.evidence is not None and outcome == "areal_capacity" and thickness

    def _base(self, outcome: str) -> str:
        return "capacity" if self._is_derived(outcome) else outcome

    def fit(self, observed: pd.DataFrame | None = None) -> Self:
        """Learn from own cells (columns of the space, outcomes; NaN = not measured yet) and the evidence."""
        seen = pd.DataFrame(columns=list(self.space.names)) if observed is None else observed
        if any(self._is_derived(o.name) for o in self.objectives):
            seen = self._with_volumetric(seen)
        for outcome in dict.fromkeys(self._base(o.name) for o in self.objectives):
            table = self._table(outcome, seen)
            self.tables[outcome] = table
            # Calibrated on the table itself, where that is large.
            self.factors[outcome] = 1.0 if is_large(len(table)) else self._factor(outcome)
            self.models[outcome] = fit_surrogate(self.surrogate, table, self.seed)
        return self

    def _table(self, outcome: str, seen: pd.DataFrame) -> TrainingTable:
        if self.evidence is not None and self.evidence.knows(outcome):
            return self.evidence.table(outcome, seen, self.space)
        return plain_table(outcome, self.space, seen)

    def _with_volumetric(self, seen: pd.DataFrame) -> pd.DataFrame:
        """Return cells in which a capacity given only per area is also given per thickness.

        How sure the figure is, and whether it is only a bound, goes with it.
        """
        if "areal_capacity" not in seen.columns:
            return seen
        thickness = self._thickness(seen)
        stated = np.isfinite(_numbers(seen, "capacity"))
        bounds = seen["areal_capacity_qualifier"] if "areal_capacity_qualifier" in seen.columns else [None] * len(seen)
        own_bounds = seen["capacity_qualifier"] if "capacity_qualifier" in seen.columns else [None] * len(seen)
        turned = {
            name: np.where(stated, _numbers(seen, name), _numbers(seen, f"areal_{name}") / thickness)
            for name in ("capacity", "capacity_sd")
        }
        qualifier = np.where(stated, np.array(own_bounds, dtype=object), np.array(bounds, dtype=object))
        return seen.assign(**turned, capacity_qualifier=qualifier)

    def _thickness(self, recipes: pd.DataFrame) -> Array:
        full = self.space.with_fixed(recipes)
        return _numbers(full, "thickness_um")

    def _factor(self, outcome: str) -> float:
        """Return the calibration factor: the campaign's own if it has one, else what the literature gave."""
        if outcome in self.calibration:
            return self.calibration[outcome]
        return literature_factor(self.surrogate, outcome, self.evidence)

    def complete(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return recipes with every column a model may read."""
        full = self.space.with_fixed(recipes)
        return self.evidence.complete(full) if self.evidence is not None else full

    def predict(self, recipes: pd.DataFrame) -> dict[str, Prediction]:
        """Return what is believed of recipes for each objective."""
        full = self.complete(recipes)
        bases = {name: replace(model.predict(full), factor=self.factors[name]) for name, model in self.models.items()}
        found = {}
        for objective in self.objectives:
            prediction = bases[self._base(objective.name)]
            if self._is_derived(objective.name):
                prediction = prediction.shifted(np.log(self._thickness(recipes)))
            found[objective.name] = prediction
        return found

    def shares(self, recipes: pd.DataFrame) -> dict[str, Array]:
        """Return what is known of recipes by where it comes from, for each modelled outcome that can tell.

        Returns
        -------
        dict of str to ndarray of shape (n, 3)
            Shares of the variance that physics alone leaves to a recipe's effect in this laboratory: still left,
            removed by reported cells, and by own cells on top of them. They add to 1.
        """
        full = self.complete(recipes)
        found = {}
        for name, model in self.models.items():
            if isinstance(model, TellsVariances):
                prior, after_reported, after_all = model.variances(full)
                parts = (after_all, prior - after_reported, after_reported - after_all)
                found[name] = np.stack([part / prior for part in parts], axis=1)
        return found

    def levels(self) -> dict[str, tuple[float, float]]:
        """Return mean and deviation of this laboratory's level for each outcome whose model knows it, model scale."""
        told = {name: model.level() for name, model in self.models.items() if isinstance(model, TellsVariances)}
        return {name: level for name, level in told.items() if level is not None}

    def faiths(self) -> dict[str, float]:
        """Return how probable own cells make it that the literature holds here, for each outcome whose model doubts."""
        return {name: model.faith for name, model in self.models.items() if isinstance(model, Doubts)}

    def draw(self, recipes: pd.DataFrame, n_draws: int, rng: np.random.Generator) -> dict[str, Array]:
        """Return joint draws of the recipe effect in the outcomes' units, each of shape (n_draws, n_recipes).

        Outcomes that rest on the same model share their draws.
        """
        predictions = self.predict(recipes)
        draws: dict[str, Array] = {}
        shared: dict[str, Array] = {}
        for objective in self.objectives:
            base, prediction = self._base(objective.name), predictions[objective.name]
            if base not in shared:
                normals = rng.standard_normal((n_draws, len(recipes)))
                shared[base] = prediction.draw_model_scale(normals) - prediction.mean
            draws[objective.name] = prediction.link.inverse(prediction.mean + shared[base])
        return draws


def _numbers(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return np.asarray(pd.to_numeric(frame[name], errors="coerce"), dtype=float)
