"""The proposer as a sampler of Optuna's: in anybody's study, or over a declared space. Knows no ledger.

Without a space it learns what is varied from the study it is in. There names mean nothing: parameters are coded as
``p0``, ``p1``, ... and values as ``v0``, ``v1``, ..., so that no name can be taken for one of the vocabulary.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from pvdopt.choice.observed import read_recipes
from pvdopt.choice.proposer import Proposer
from pvdopt.errors import NothingToPropose
from pvdopt.objectives import Objective
from pvdopt.optuna_coding import (
    DeclaredCoding,
    Distributions,
    LearnedCoding,
    Recipe,
    applies,
    distribution_of,
    leave_a_choice,
)
from pvdopt.space import SearchSpace

if TYPE_CHECKING:
    from pvdopt.evidence import Evidence

#: Trials with a value before a plain study is modelled; until then each lies far from all others.
N_SPREAD = 4
#: A value beyond this, in anybody's study, stands for none: the models square what they are told.
LARGEST = 1e100


class SurrogateSampler(BaseSampler):
    """Let the proposer choose a study's trials.

    Parameters
    ----------
    space : SearchSpace, optional
        What may be made; then the proposer chooses from the first trial on, and constraints hold. Without it
        the space is what all complete trials of the study have in common; the first trial is random, those up to
        the fourth with a value spread over the space, and a small space that is used up is drawn from at random.
    objectives : sequence of Objective, optional
        Those with a direction are the study's values, in this order. An outcome that is a constraint only is told by
        ``trial.set_constraint(name, threshold - outcome)``. By default the study's values, named v0, v1, ...
    evidence : Evidence, optional
        Needs a space, since only declared names mean something.
    seed : int, optional
        The same seed, asked in the same order, gives the same trials (with ``n_jobs=1``); by default a new one.

    Raises
    ------
    ValueError
        If there is evidence without a space.

    Notes
    -----
    A running trial is pending; one that another process began counts once all its parameters are suggested. A failed
    or pruned trial is a cell that could not be made, unless its user attribute ``outcome_class`` says otherwise; where
    a space is declared, the user attribute ``executed`` holds settings that were made unlike planned. Values that are
    not finite or beyond 1e100 are left out.

    Without a space a constraint (``trial.set_constraint``) that every complete trial states is modelled like an
    objective, and what it leaves feasible is searched. Any other positive constraint makes a failed cell.

    With a space, ``ask`` raises NothingToPropose if no recipe is left, and ValueError if the study's directions are
    not those of the objectives. A trial may only be asked for what applies to it (:meth:`suggest` does so);
    parameters the space does not know are drawn at random.

    Examples
    --------
    >>> import optuna
    >>> from pvdopt import Continuous, SearchSpace, SurrogateSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> sampler = SurrogateSampler(SearchSpace([Continuous("thickness_um", 0.1, 5, resolution=0.1)]), seed=0)
    >>> trial = optuna.create_study(sampler=sampler).ask()
    >>> 0.1 <= sampler.suggest(trial)["thickness_um"] <= 5
    True
    """

    def __init__(
        self,
        space: SearchSpace | None = None,
        objectives: Sequence[Objective] | None = None,
        evidence: Evidence | None = None,
        seed: int | None = None,
    ) -> None:
        if evidence is not None and space is None:
            raise ValueError("evidence needs a declared space: in a plain study names mean nothing")
        self.space = space
        self.objectives = None if objectives is None else tuple(objectives)
        self.evidence = evidence
        self._seed = _fresh_seed() if seed is None else seed
        self._random = RandomSampler(seed=self._seed)
        self._search_space = IntersectionSearchSpace()
        self._queue: deque[Recipe] = deque()
        # What running trials were given: a study shows a parameter only once it was suggested.
        self._given: dict[int, tuple[Recipe, Distributions]] = {}
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Return what can be copied and pickled: everything but the lock."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was copied, with a lock of its own."""
        self.__dict__.update(state)
        self._lock = Lock()

    def reseed_rng(self) -> None:
        """Draw a new seed."""
        self._seed = _fresh_seed()
        self._random.reseed_rng()

    # -- a batch that was computed before ------------------------------------------------------------------------

    def enqueue(self, recipes: pd.DataFrame) -> None:
        """Give these recipes, in this order, to the next trials; then the proposer is asked again.

        Parameters
        ----------
        recipes : DataFrame
            With the space's columns; others are ignored.

        Raises
        ------
        ValueError
            If no space is declared, a parameter has no column, or a recipe may not be made; then none is taken.
        """
        space = self._declared()
        rows = read_recipes(recipes, space, "recipes")
        refused = rows[~space.is_allowed(rows)]
        if len(refused):
            why = "; ".join(space.explain(_rows(refused)[0]))
            raise ValueError(f"recipe {refused.index[0]} may not be made: {why}")
        self._queue.extend(DeclaredCoding(space).params(row) for row in _rows(rows))

    @property
    def n_queued(self) -> int:
        """Number of recipes that wait for a trial."""
        return len(self._queue)

    def suggest(self, trial: Trial) -> Recipe:
        """Suggest a trial's whole recipe, parents first; without what does not apply.

        Raises
        ------
        ValueError
            If no space is declared.
        """
        recipe: Recipe = {}
        space = self._declared()
        for p in space.parameters:
            if not applies(space, p, recipe):
                continue
            scale = distribution_of(p)
            if isinstance(scale, CategoricalDistribution):
                recipe[p.name] = trial.suggest_categorical(p.name, scale.choices)
            else:
                recipe[p.name] = trial.suggest_float(p.name, scale.low, scale.high, step=scale.step, log=scale.log)
        return recipe

    # -- what Optuna calls ---------------------------------------------------------------------------------------

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is chosen jointly: the declared parameters, parents first, or those all trials share."""
        if self.space is not None:
            return {p.name: distribution_of(p) for p in self.space.parameters}
        with self._lock:
            return leave_a_choice(self._search_space.calculate(study))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next recipe; of conditional parameters only those that apply."""
        if not search_space:
            return {}
        # Trials asked for at once must not all get the same recipe: each sees what the one before was given.
        with self._lock:
            if self.space is not None:
                params = self._next_declared(study, trial, search_space)
            else:
                params = self._next_learned(study, trial, search_space)
            self._given[trial.number] = (params, dict(search_space))
        return dict(params)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a random value of a parameter that is not chosen jointly.

        Raises
        ------
        ValueError
            If it is declared: it does not apply to this trial, or is asked for in a range its value lies outside.
        """
        if self.space is not None and param_name in self.space:
            p = self.space[param_name]
            given, _ = self._given.get(trial.number, ({}, {}))
            if param_name in given:
                why = f"its value {given[param_name]} does not fit {param_distribution}; must be {p.range_text()}"
            elif p.parent is not None:
                held = {**self.space.fixed, **given}.get(p.parent)
                why = f"it applies with {p.parent} {', '.join(p.parent_choices)} only, and this trial has {held}"
            else:
                why = "this trial was given no recipe"
            raise ValueError(f"{param_name}: {why}. Ask for a trial's parameters by SurrogateSampler.suggest.")
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Forget what a finished trial was given: the study knows it now."""
        self._given.pop(trial.number, None)

    # -- the next recipe -----------------------------------------------------------------------------------------

    def _declared(self) -> SearchSpace:
        if self.space is None:
            raise ValueError("only a sampler with a declared space gives whole recipes")
        return self.space

    def _next_declared(self, study: Study, trial: FrozenTrial, search_space: Distributions) -> Recipe:
        space = self._declared()
        held = [n for n in space.names if n not in search_space]
        if held:
            raise ValueError(
                f"{', '.join(held)}: a declared parameter cannot be fixed from outside, since constraints would not "
                "know of it; declare the space with it in fixed"
            )
        objectives = self._objectives(study)
        if self._queue:
            return self._queue.popleft()
        declared = DeclaredCoding(space)
        cells, waiting = self._told(study, trial, declared, objectives)
        batch = self._proposer(space, objectives).propose(
            _table(space, cells, objectives), pending=space.frame(waiting)
        )
        return declared.params(_rows(batch)[0])

    def _next_learned(self, study: Study, trial: FrozenTrial, search_space: Distributions) -> Recipe:
        limits = _stated_constraints(study) if self.space is None else {}
        objectives = (*self._objectives(study), *_limits(limits, self.objectives))
        chosen = leave_a_choice(search_space)
        params: Recipe = {}
        if chosen:
            learned = LearnedCoding(chosen)
            cells, waiting = self._told(study, trial, learned, objectives, limits)
            table = _table(learned.space, cells, objectives)
            if _n_seen(table, objectives) < N_SPREAD:
                # Without any cell the proposer spreads over the space, and needs no model for it.
                table, waiting = table.iloc[:0], cells + waiting
            try:
                batch = self._proposer(learned.space, objectives).propose(table, pending=learned.space.frame(waiting))
            except NothingToPropose:
                # Anybody's study goes on when its few settings are used up; Optuna's own samplers repeat some too.
                pass
            else:
                params = learned.params(_rows(batch)[0])
        return {
            name: params[name] if name in params else self._random.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
        }

    def _proposer(self, space: SearchSpace, objectives: Sequence[Objective]) -> Proposer:
        # Most studies are of functions that give the same value again: a trial made twice teaches nothing there.
        return Proposer(space, objectives, self.evidence, seed=self._seed, replicates=False)

    def _objectives(self, study: Study) -> tuple[Objective, ...]:
        """Return the objectives, those with a direction in the order of the study's values."""
        wanted = [d == StudyDirection.MAXIMIZE for d in study.directions]
        if self.objectives is None:
            return tuple(Objective(f"v{k}", maximize=maximize) for k, maximize in enumerate(wanted))
        declared = [bool(o.maximize) for o in self.objectives if not o.is_constraint]
        if declared != wanted:
            words = ["maximize" if maximize else "minimize" for maximize in declared]
            raise ValueError(f"the study's directions must be those of the objectives: {', '.join(words) or 'none'}")
        return self.objectives

    def _told(
        self,
        study: Study,
        trial: FrozenTrial,
        coding: DeclaredCoding | LearnedCoding,
        objectives: Sequence[Objective],
        limits: Mapping[str, str] | None = None,
    ) -> tuple[list[Recipe], list[Recipe]]:
        """Return finished trials as rows of a table, and the recipes of other running ones.

        Parameters
        ----------
        limits : mapping, optional
            Constraint -> the outcome that stands for it, where they differ in name.
        """
        cells, waiting = [], []
        for t in study.get_trials(deepcopy=False):
            if t.number == trial.number or t.state == TrialState.WAITING:
                continue
            params, distributions = t.params, t.distributions
            if t.state == TrialState.RUNNING:
                given, space = self._given.get(t.number, ({}, {}))
                params, distributions = {**given, **params}, {**space, **distributions}
            elif self.space is not None:
                params = {**params, **t.user_attrs.get("executed", {})}
            recipe = coding.recipe(params, distributions)
            if recipe is None:
                continue
            if t.state == TrialState.RUNNING:
                waiting.append(recipe)
                continue
            row = {**recipe, **_outcomes(t, objectives, limits or {})}
            if self.space is not None and "outcome_class" in t.user_attrs:
                row["outcome_class"] = t.user_attrs["outcome_class"]
            cells.append(row)
        return cells, waiting


# -- trials as cells -------------------------------------------------------------------------------------------------


def _stated_constraints(study: Study) -> dict[str, str]:
    """Return the constraints that all complete trials state in figures, and a name for the outcome of each."""
    stated = [t.constraints for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    if not stated:
        return {}
    names = [n for n in sorted(stated[0]) if all(n in c and abs(c[n]) <= LARGEST for c in stated)]
    return {name: f"c{k}" for k, name in enumerate(names)}


def _limits(names: Mapping[str, str], declared: Sequence[Objective] | None) -> list[Objective]:
    """Return constraints of a study as objectives, but those that are declared ones already."""
    known = {o.name for o in declared or ()}
    return [Objective(code, maximize=None, threshold=0.0) for name, code in names.items() if name not in known]


def _outcomes(t: FrozenTrial, objectives: Sequence[Objective], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a finished trial's outcomes (NaN: none) and whether it was usable."""
    found: dict[str, Any] = {o.name: math.nan for o in objectives}
    limits = {o.name: o.threshold for o in objectives if o.is_constraint}
    goals = [o.name for o in objectives if not o.is_constraint]
    if t.state == TrialState.COMPLETE:
        found |= {name: v if abs(v) <= LARGEST else math.nan for name, v in zip(goals, t.values, strict=True)}
    broken = t.state != TrialState.COMPLETE
    for constraint, excess in t.constraints.items():
        name = constraint if constraint in limits else names.get(constraint, constraint)
        threshold = limits.get(name)
        if threshold is None:
            broken |= not excess <= 0
        elif math.isfinite(excess):
            found[name] = threshold - excess
    return {**found, "outcome_class": "not_made" if broken else "ok"}


def _table(space: SearchSpace, cells: Sequence[Mapping[str, Any]], objectives: Sequence[Objective]) -> pd.DataFrame:
    outcomes = {o.name: np.array([c[o.name] for c in cells], dtype=float) for o in objectives}
    classes = pd.Series([c["outcome_class"] for c in cells], dtype=object)
    return space.frame(cells).assign(**outcomes, outcome_class=classes)


def _n_seen(table: pd.DataFrame, objectives: Sequence[Objective]) -> int:
    known = table[[o.name for o in objectives]].notna().any(axis=1)
    return int((known & (table["outcome_class"] == "ok")).sum())


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _fresh_seed() -> int:
    return int(np.random.default_rng().integers(2**31))
