"""The proposer: which recipes to make next, given what was made. A pure function of its arguments; knows no Optuna.

The first cells of a plain campaign spread over the space; with evidence, and from then on, recipes are chosen by
their expected gain (:mod:`pvdopt.choice.gain`) times the chance of a usable cell (:mod:`pvdopt.usability`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.choice.acquisition import is_non_dominated
from pvdopt.choice.alternatives import find_alternatives
from pvdopt.choice.batching import N_MOST, choose_batch, spread_in_runs
from pvdopt.choice.candidates import draw_recipes, require_some
from pvdopt.choice.describing import Story, describe_batch
from pvdopt.choice.gain import Gain, Models, log_chance_to_meet, signed_medians, split_objectives
from pvdopt.choice.holding import Held
from pvdopt.choice.observed import check_observed, known_recipes, read_recipes, row_digests, sort_out
from pvdopt.choice.replicates import N_MEASURED, swap_in_replicates
from pvdopt.choice.runs import HourBudget, Hours, OpenRun, Run, RunPlan, group_by_runs, number_runs
from pvdopt.choice.search import Search
from pvdopt.errors import BudgetSpent
from pvdopt.objectives import OUTCOME_UNITS, Objective
from pvdopt.space import SearchSpace
from pvdopt.usability import Usability

if TYPE_CHECKING:
    from pvdopt.evidence import Evidence

Array = np.ndarray[Any, Any]

#: Cells of the first design of a plain campaign: this many, or half the number of parameters if that is more.
N_FIRST = 3
#: The least first batch of an informed campaign that starts with a baseline, and that makes it three times and not
#: twice: two or three cells of a known recipe tell the level of a laboratory from its noise (domain notes 5.4).
N_BASELINE, N_THREE_TIMES = 3, 8
#: Joint draws behind the reference point of the hypervolume.
N_DRAWS_REFERENCE = 32
#: Reported recipes that proposals are measured against before a campaign's first cell.
N_REPORTED = 12
#: Share of the cells measured that counts as the best ones, among which a candidate of a list earns its gain: a stock
#: of samples is to give several good ones, and each can be chosen once. In an open space the best has neighbours as
#: good as itself, so there one recipe counts.
BEST_SHARE, MOST_BEST = 0.2, 20


class Proposer:
    """Propose the next recipes of a campaign.

    Parameters
    ----------
    space : SearchSpace
    objectives : sequence of Objective
    evidence : Evidence, optional
        All domain knowledge; without it names mean nothing and the first cells spread over the space.
    runs : sequence of Run, optional
        Deposition and furnace runs, which cells share: the gain per hour of the batch as a whole is then what counts.
    cost : Hours or callable, optional
        What each cell takes by itself: :class:`pvdopt.choice.runs.Hours`, or, without runs, recipes -> hours of each,
        shape (n,), positive; the gain per hour is then what counts.
    seed : int
    models : callable, optional
        Makes the models that predict outcomes; by default :class:`pvdopt.surrogates.outcomes.OutcomeModels`.
    reference : mapping, optional
        Reference point of the hypervolume, fixed when a campaign began; by default :meth:`reference` finds it.
    replicates : bool
        Whether a recipe may be proposed once more where noise holds the ranking back.

    Raises
    ------
    ValueError
        If there is no objective, two share a name, one is named like a parameter, or a run names what is no setting.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        evidence: Evidence | None = None,
        runs: Sequence[Run] = (),
        cost: Hours | Callable[[pd.DataFrame], Array] | None = None,
        seed: int = 0,
        *,
        models: Callable[[], Models] | None = None,
        reference: Mapping[str, float] | None = None,
        replicates: bool = True,
    ) -> None:
        names = [o.name for o in objectives]
        if not names or len(set(names)) < len(names) or any(n in space for n in names):
            raise ValueError(f"objectives must be named, each once and unlike any parameter, got {names}")
        _check_runs(runs, space)
        if runs and cost is not None and not isinstance(cost, Hours):
            raise ValueError("with runs, cost must be Hours: what a cell takes beside the runs it is in")
        self.space, self.objectives, self.evidence = space, tuple(objectives), evidence
        self.runs, self.cost, self.seed = tuple(runs), cost, seed
        self.goals, self.limits = split_objectives(self.objectives)
        self._make_models = models or self._default_models
        self._fixed_reference = dict(reference or {})
        self.replicates = replicates

    def _default_models(self) -> Models:
        # Imported here, so that importing the proposer does not load the surrogates.
        from pvdopt.surrogates.outcomes import OutcomeModels

        return OutcomeModels(self.space, self.objectives, self.evidence, seed=self.seed)

    @property
    def is_informed(self) -> bool:
        """Whether the evidence says something about an objective."""
        return self.evidence is not None and any(o.name in OUTCOME_UNITS for o in self.objectives)

    # -- the one question ----------------------------------------------------------------------------------------

    def propose(
        self,
        observed: pd.DataFrame | None,
        n: int = 1,
        pending: pd.DataFrame | None = None,
        candidates: pd.DataFrame | None = None,
        *,
        fix: Mapping[str, Any] | None = None,
        budget: HourBudget | None = None,
        opened: Sequence[OpenRun] = (),
    ) -> pd.DataFrame:
        """Return the next recipes; the same arguments give the same batch.

        Without evidence the first ``max(3, d / 2)`` cells spread over the space. With evidence the first batch of
        three or more starts with the best known recipe, as a baseline, and a replicate of it (two from eight cells on;
        none from a list of candidates or beyond the budget). All others are chosen one after the other by
        their gain on joint draws, in which pending and chosen recipes count as achieved.

        Parameters
        ----------
        observed : DataFrame or None
            Cells made: parameters as executed, objectives (NaN: not measured yet), optionally ``outcome_class``,
            ``source``, ``run``, ``sample``, ``<outcome>_sd``, ``<outcome>_qualifier``, ``cycles`` and columns of
            the protocol. The order of rows does not matter.
        n : int
            Number of cells; with a budget the most there may be, where 0 leaves it to the budget.
        pending : DataFrame, optional
            Recipes proposed or being made, with a column for each parameter.
        candidates : DataFrame, optional
            Choose among these rows; they keep index and values, each is chosen once at most.
        fix : mapping, optional
            Settings that every recipe must have; without candidates.
        budget : HourBudget, optional
            Hours that the batch may take; needs runs or Hours as cost.
        opened : sequence of OpenRun
            Runs that pending recipes opened and that take more cells.

        Returns
        -------
        DataFrame of shape (at most n, n_parameters + ...)
            Parameters, ``<outcome>``, ``<outcome>_low``, ``<outcome>_high`` (80 % interval for a new cell; NaN
            where nothing is known yet), ``usable_chance``, ``acquisition`` (expected gain times the chances; NaN
            where it was not what chose), ``purpose``, ``reason``. Fewer than n rows where no more are left.

        Raises
        ------
        ValueError
            If the tables do not hold what they should.
        NothingToPropose
            If no recipe is left that may be made.
        """
        plan = self._plan(opened)
        if budget is not None:
            self._check_budget(budget, plan)
            n = n or N_MOST
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        table = check_observed(observed, self.space, self.objectives, self.evidence)
        waiting = self.space.frame([]) if pending is None else read_recipes(pending, self.space, "pending")
        rng = self._generator(table, waiting)
        known = sort_out(table, waiting, self.space, self.objectives)
        listed = None if candidates is None else read_recipes(candidates, self.space, "candidates")
        usability = Usability(self.space).fit(table)
        cost = None if isinstance(self.cost, Hours) else self.cost
        search = Search(self.space, known, usability, cost, listed, rng, Held(self.space, fix) if fix else None)
        n_seen = int(np.isfinite(table[[o.name for o in self.objectives]]).any(axis=1).sum())
        if not self.is_informed:
            n_first = min(n, self._n_first(n_seen, len(waiting), n))
            if plan is None:
                search.spread(n_first)
            else:
                spread_in_runs(search, plan, n_first, budget)
        models = self._make_models().fit(table) if self.is_informed or n_seen else None
        reference = self._reference(table, models)
        gain = None
        if models is not None:
            if self.is_informed and n >= N_BASELINE and len(known.tried) == 0:
                times = 1 if listed is not None else 2 if n < N_THREE_TIMES else 3
                self._choose_baseline(search, self._gain(search, models, reference, rng), plan, budget, times)
            gain = self._gain(search, models, reference, rng)
            n_left = n - len(search.choices)
            if plan is None:
                search.by_gain(gain, n_left)
            elif n_left:
                choose_batch(search, gain, plan, n_left, budget)
            if self.replicates and listed is None and n_seen >= N_MEASURED:
                before = self._plan(opened)
                swap_in_replicates(search, gain, models, self.objectives, reference, rng, before, budget)
        if not search.choices:
            self._explain_nothing(search, budget, self._plan(opened), rng)
        batch = describe_batch(search, models, self.objectives)
        batch.attrs["reference"] = self._in_units(reference)
        batch.attrs["alternatives"] = [] if gain is None else find_alternatives(search, gain, plan)
        self._put_into_runs(batch, search, opened)
        # Run by run, in order of first appearance; what each gains is told in the order in which they stand.
        order = group_by_runs(batch, self.runs) if self.runs else np.arange(len(batch))
        batch = batch.iloc[order].reset_index(drop=True)
        choices = [search.choices[k] for k in order]
        story = Story(search, self.objectives, models, gain, reference, is_informed=self.is_informed, seed=self.seed)
        batch["purpose"], batch["reason"] = story.tell(choices, batch)
        if candidates is not None:
            original = candidates[list(self.space.names)].iloc[[c.place for c in choices]]
            batch.index = original.index
            batch[list(self.space.names)] = original
        return number_runs(batch, self.runs, {one.label for one in opened})

    # -- runs and hours ------------------------------------------------------------------------------------------

    def _plan(self, opened: Sequence[OpenRun]) -> RunPlan | None:
        hours = self.cost if isinstance(self.cost, Hours) else None
        return RunPlan(self.space, self.runs, hours, opened) if self.runs or hours is not None else None

    def _check_budget(self, budget: HourBudget, plan: RunPlan | None) -> None:
        if plan is None:
            raise ValueError("a budget needs runs, or Hours as cost: nothing says how long a cell takes")
        unknown = [name for name in budget.by_kind if name not in plan.hours_by_kind]
        if unknown:
            raise ValueError(f"a budget names the runs {', '.join(unknown)}, which there are not")

    def _choose_baseline(
        self, search: Search, gain: Gain, plan: RunPlan | None, budget: HourBudget | None, times: int
    ) -> None:
        """Choose the best reported recipe, once and again, as far as the budget has room for it."""
        reported = search.hold(known_recipes(self.space, self.evidence))
        for _ in range(times):
            if budget is not None and plan is not None and len(reported):
                reported = reported[budget.fits(plan, *plan.extra_hours(reported))]
                if not len(reported):
                    return
            if not search.choices:
                search.baseline(gain, reported)
                if not search.choices:
                    return
                reported = search.choices[0].recipe
            else:
                search.take(reported, is_baseline=True)
            if plan is not None:
                plan.take(search.choices[-1].recipe)

    def _explain_nothing(
        self, search: Search, budget: HourBudget | None, plan: RunPlan | None, rng: np.random.Generator
    ) -> None:
        """Raise why nothing could be chosen."""
        if budget is not None and plan is not None and len(drawn := search.draw_some()):
            raise BudgetSpent(
                "Nothing can be proposed: no recipe fits into the budget. The cheapest of those tried would add "
                f"{plan.say_cheapest(drawn)}. Give it more hours, or fix what is open."
            )
        require_some(self.space, self.space.frame([]), rng)

    def _put_into_runs(self, batch: pd.DataFrame, search: Search, opened: Sequence[OpenRun]) -> None:
        """Add each cell's runs and what hours it added, in the order in which the cells were chosen."""
        plan = self._plan(opened)
        if plan is None:
            return
        labels, hours = [], []
        for choice in search.choices:
            before = plan.hours
            labels.append(plan.take(choice.recipe))
            hours.append(plan.hours - before)
        for run in self.runs:
            batch[run.column] = pd.Series([found[run.name] for found in labels], index=batch.index, dtype=object)
        batch["hours"] = hours
        batch.attrs["hours"] = {"total": plan.hours, **plan.hours_by_kind}

    def _gain(self, search: Search, models: Models, reference: Array, rng: np.random.Generator) -> Gain:
        expected = pd.concat([search.known.expected, *(c.recipe for c in search.choices)], ignore_index=True)
        achieved = self._achieved(search, models)
        n_best = int(np.clip(BEST_SHARE * len(search.known.measured), 1, MOST_BEST)) if search.is_listed else 1
        return Gain(models, self.objectives, reference, achieved, expected, rng, n_best)

    def _achieved(self, search: Search, models: Models) -> pd.DataFrame:
        """Return the recipes to improve on: those measured, or before any the best reported ones as predicted here."""
        if len(search.known.measured) or not self.is_informed or not self.goals:
            return search.known.promising
        reported = known_recipes(self.space, self.evidence)
        if not len(reported):
            return reported
        predictions = models.predict(reported)
        meets = log_chance_to_meet(predictions, self.limits) >= math.log(0.5)
        kept = meets if meets.any() else np.ones(len(reported), dtype=bool)
        kept[kept] = is_non_dominated(signed_medians(predictions, self.goals)[kept])
        return reported[kept].iloc[:N_REPORTED].reset_index(drop=True)

    def _n_first(self, n_seen: int, n_waiting: int, n: int) -> int:
        """Return how many cells of the first design are still to come; all, while nothing was measured."""
        if n_seen == 0:
            return n
        return max(0, max(N_FIRST, math.ceil(len(self.space.parameters) / 2)) - n_seen - n_waiting)

    def best(self, observed: pd.DataFrame | None) -> pd.DataFrame:
        """Return the best recipes so far by posterior median: one, or with several objectives the Pareto set.

        They are allowed recipes with an outcome, or, before the first cell, reported ones as predicted for this
        laboratory. Recipes whose medians break a constraint come only if all do.

        Returns
        -------
        DataFrame of shape (k, n_parameters + n_objectives)
            Parameters and predicted medians.
        """
        table = check_observed(observed, self.space, self.objectives, self.evidence)
        known = sort_out(table, self.space.frame([]), self.space, self.objectives)
        recipes = known.promising if len(known.promising) else known_recipes(self.space, self.evidence)
        if len(recipes) == 0:
            return recipes.assign(**{o.name: np.zeros(0) for o in self.objectives})
        predictions = self._make_models().fit(table).predict(recipes)
        meets = log_chance_to_meet(predictions, self.limits) >= math.log(0.5)
        kept = meets if meets.any() else np.ones(len(recipes), dtype=bool)
        medians = recipes.assign(**{o.name: predictions[o.name].median() for o in self.objectives})
        if self.goals:
            kept[kept] = is_non_dominated(signed_medians(predictions, self.goals)[kept])
        return medians[kept].reset_index(drop=True)

    def reference(self, observed: pd.DataFrame | None = None) -> dict[str, float]:
        """Return the reference point of the hypervolume, each objective in its unit.

        The objective's threshold; where there is none, with evidence what recipes are believed to exceed nine
        times of ten before any own cell, else a little below the worst cell observed that is not an outlier.
        """
        table = check_observed(observed, self.space, self.objectives, self.evidence)
        return self._in_units(self._reference(table))

    def _in_units(self, reference: Array) -> dict[str, float]:
        return {o.name: float(o.sign * r) for o, r in zip(self.goals, reference, strict=True)}

    # -- parts of it ---------------------------------------------------------------------------------------------

    def _generator(self, table: pd.DataFrame, waiting: pd.DataFrame) -> np.random.Generator:
        told = sorted(row_digests(table)), sorted(row_digests(waiting))
        digest = hashlib.sha256(repr(told).encode()).digest()
        return np.random.default_rng([abs(self.seed), *np.frombuffer(digest, dtype=np.uint32).tolist()])

    def _reference(self, table: pd.DataFrame, models: Models | None = None) -> Array:
        """Return the signed reference point, shape (m,); models fitted to a table without cells spare a fit."""
        open_goals = [o for o in self.goals if o.threshold is None and o.name not in self._fixed_reference]
        believed: dict[str, Array] = {}
        if open_goals and self.is_informed and len(self.goals) > 1:
            # The prior alone, so that the point stays where it was when the campaign began.
            prior = models if models is not None and not len(table) else self._make_models().fit(table.iloc[:0])
            some = draw_recipes(self.space, 256, np.random.default_rng(abs(self.seed)))
            if len(some):
                drawn = prior.draw(some, N_DRAWS_REFERENCE, np.random.default_rng(abs(self.seed)))
                believed = {name: values.ravel() for name, values in drawn.items()}
        point = []
        for goal in self.goals:
            seen = goal.sign * table[goal.name].dropna().to_numpy(dtype=float)
            if goal.threshold is not None:
                point.append(goal.sign * goal.threshold)
            elif goal.name in self._fixed_reference:
                point.append(goal.sign * self._fixed_reference[goal.name])
            elif goal.name in believed:
                point.append(float(np.quantile(goal.sign * believed[goal.name], 0.1)))
            elif len(seen):
                low, middle, high = np.quantile(seen, [0.25, 0.5, 1.0])
                # Tukey's fence: one cell gone wrong should not stretch the scale of all others.
                worst = max(float(seen.min()), float(low - 3.0 * (middle - low)))
                point.append(worst - 0.1 * float(high - worst))
            else:
                point.append(0.0)
        return np.array(point)


def _check_runs(runs: Sequence[Run], space: SearchSpace) -> None:
    """Raise if runs name settings or each other wrongly."""
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ValueError(f"runs must differ in their names, got {', '.join(names)}")
    for run in runs:
        unknown = [n for n in run.settings if n not in space and n not in space.fixed]
        if unknown:
            raise ValueError(f"the run {run.name} names {', '.join(unknown)}, which the space does not vary")
