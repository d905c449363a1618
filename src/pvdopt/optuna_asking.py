"""Ask one of Optuna's own samplers for recipes, on a study rebuilt in memory from the campaign's own cells.

What these samplers cannot take is left out here and said by the campaign: partial results teach nothing, literature
and lists of candidates do not exist. A recipe that may not be made is told infeasible and asked for again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from pvdopt.errors import NothingToPropose
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, Parameter, SearchSpace, Stepped

Array = np.ndarray[Any, Any]

#: Samplers that learn from neither failed cells nor thresholds, and take one objective.
WITHOUT_CONSTRAINTS = ("cmaes",)
#: Refused recipes after which a sampler is not asked any more.
N_REFUSALS = 200


def make_sampler(name: str, seed: int) -> BaseSampler:
    """Return one of Optuna's samplers by the name a campaign file gives it."""
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed)
    if name == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if name == "qmc":
        return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    raise ValueError(f"no sampler named {name!r}")


class Asked:
    """A study rebuilt from a campaign's cells, that gives allowed recipes nobody has tried.

    Parameters
    ----------
    space, objectives
        As of the campaign; at least one objective has a direction.
    observed, pending : DataFrame
        Cells with results, and recipes whose results are to come; see :class:`pvdopt.campaign.own_cells.OwnCells`.
    fixed : mapping
        Parameters that are set by hand.
    """

    def __init__(
        self,
        sampler: str,
        seed: int,
        space: SearchSpace,
        objectives: Sequence[Objective],
        observed: pd.DataFrame,
        pending: pd.DataFrame,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.goals = [o for o in objectives if not o.is_constraint]
        self.fixed = dict(fixed or {})
        self.sampler = sampler
        self._seed = seed
        recipes = space.snap(pd.concat([observed[list(space.names)], pending[list(space.names)]]))
        self._taken: set[Hashable] = set(space.keys(recipes))
        self._worst = self._find_worst(observed)
        self._trials = [
            *self._finished(observed, recipes.iloc[: len(observed)]),
            *(self._trial(recipe, TrialState.RUNNING) for recipe in _records(recipes.iloc[len(observed) :])),
        ]

    def ask(self, n: int) -> pd.DataFrame:
        """Return up to n recipes.

        Raises
        ------
        NothingToPropose
            If the sampler gives none that may be made and is new.
        """
        with _quietly():
            study = optuna.create_study(
                directions=["maximize" if o.sign > 0 else "minimize" for o in self.goals],
                sampler=make_sampler(self.sampler, self._seed),
            )
            study.add_trials(self._trials)
            found: list[pd.DataFrame] = []
            refused = 0
            while len(found) < n and refused < N_REFUSALS:
                trial = study.ask()
                frame = self.space.snap(self.space.frame([self._suggest(trial)]))
                key = self.space.keys(frame)[0]
                if bool(self.space.is_allowed(frame)[0]) and key not in self._taken:
                    # The trial stays running, so that the next one counts with it.
                    found.append(frame)
                    self._taken.add(key)
                    continue
                refused += 1
                trial.set_constraint("allowed", 1.0)
                study.tell(trial, self._worst)
        if not found:
            raise NothingToPropose(
                f"Nothing can be proposed: {N_REFUSALS} recipes of the sampler {self.sampler} in a row may not be made "
                'or were tried before. Relax a constraint, or choose sampler = "surrogate", which knows them.'
            )
        return pd.concat(found, ignore_index=True)

    def _suggest(self, trial: Trial) -> dict[str, Any]:
        """Return what the sampler wants; parents come first, so that each knows whether it applies."""
        recipe: dict[str, Any] = {}
        for p in self.space.parameters:
            if not self._applies(p, recipe):
                continue
            if p.name in self.fixed:
                recipe[p.name] = self.fixed[p.name]
            elif isinstance(p, Categorical):
                recipe[p.name] = trial.suggest_categorical(p.name, p.choices)
            else:
                scale = _distribution(p)
                recipe[p.name] = trial.suggest_float(p.name, scale.low, scale.high, step=scale.step, log=scale.log)
        return recipe

    def _applies(self, p: Parameter, recipe: Mapping[str, Any]) -> bool:
        if p.parent is None:
            return True
        return {**self.space.fixed, **recipe}.get(p.parent) in p.parent_choices

    # -- the past ------------------------------------------------------------------------------------------------

    def _find_worst(self, observed: pd.DataFrame) -> list[float]:
        """Return for each goal the worst value seen: what an infeasible recipe is told with, since it has none."""
        worst = []
        for goal in self.goals:
            seen = observed[goal.name].dropna().to_numpy(dtype=float)
            worst.append(float(goal.sign * np.min(goal.sign * seen)) if len(seen) else 0.0)
        return worst

    def _finished(self, observed: pd.DataFrame, recipes: pd.DataFrame) -> Iterator[FrozenTrial]:
        for recipe, cell in zip(_records(recipes), _records(observed), strict=True):
            if not self._is_inside(recipe):
                continue
            if cell["outcome_class"] not in (None, "ok"):
                if cell["outcome_class"] != "lab_error":
                    yield self._trial(recipe, TrialState.COMPLETE, self._worst, {"usable": 1.0})
                continue
            values = [cell[o.name] for o in self.goals]
            if any(v is None for v in values):
                yield self._trial(recipe, TrialState.RUNNING)
                continue
            met = {
                o.name: float(o.threshold or 0.0) - cell[o.name]
                for o in self.objectives
                if o.is_constraint and cell[o.name] is not None
            }
            executed = {n: cell[n] for n in self.space.names}
            yield self._trial(recipe, TrialState.COMPLETE, values, {"usable": 0.0, **met}, executed)

    def _is_inside(self, recipe: Mapping[str, Any]) -> bool:
        """Return whether a recipe has a value for all that applies; a choice the space lacks is no trial of it."""
        for p in self.space.parameters:
            value = recipe[p.name]
            if (value is None) == self._applies(p, recipe):
                return False
            if isinstance(p, Categorical) and value is not None and value not in p.choices:
                return False
        return True

    def _trial(
        self,
        recipe: Mapping[str, Any],
        state: TrialState,
        values: Sequence[float] | None = None,
        constraints: dict[str, float] | None = None,
        executed: dict[str, Any] | None = None,
    ) -> FrozenTrial:
        set_ = {n: v for n, v in recipe.items() if v is not None}
        return create_trial(
            state=state,
            values=values,
            params=set_,
            distributions={n: _distribution(self.space[n]) for n in set_},
            constraints=constraints,
            user_attrs={"executed": executed} if executed else None,
        )


def _distribution(p: Parameter) -> Any:
    if isinstance(p, Categorical):
        return CategoricalDistribution(tuple(p.choices))
    if isinstance(p, Stepped):
        levels = p.levels()
        # Optuna knows no steps on a logarithmic scale: the value is put on its step afterwards.
        step = None if p.log else p.step
        return FloatDistribution(float(levels[0]), float(levels[-1]), log=p.log, step=step)
    return FloatDistribution(p.low, p.high, log=p.log)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as mappings with None for what is missing."""
    rows = frame.to_dict("records")
    return [{str(n): None if v is None or v != v else v for n, v in row.items()} for row in rows]


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Optuna's remarks about studies in memory, and about its experimental parts, from the user."""
    import warnings

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            # A sampler that cannot use constraints says so at every tell; the campaign says it once.
            for kind in (optuna.exceptions.ExperimentalWarning, UserWarning):
                warnings.simplefilter("ignore", kind)
            yield
    finally:
        optuna.logging.set_verbosity(level)
