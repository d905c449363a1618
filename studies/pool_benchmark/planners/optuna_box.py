"""Optuna's samplers. They propose in the box; the nearest row not yet made is what the trial then holds.

The row takes the proposal's place before the trial begins, so that a sampler learns from what was measured and not
from what it asked for. All settings are Optuna's own, but that NSGA-II has a population of 10, since with 50 (its
own) it would do nothing but draw at random within these budgets.
"""

import warnings

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler

from planners.coding import Snapper
from pvdopt.space import Categorical

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


class OnRows(BaseSampler):
    """Another sampler, whose proposals are put on rows."""

    def __init__(self, base, pool):
        self.base, self.snapper, self.taken = base, Snapper(pool), set()
        self.distributions = {p.name: _distribution(p) for p in pool.space.parameters}
        self.next_row = None
        self.rows = {}

    def infer_relative_search_space(self, study, trial):
        return self.distributions

    def sample_relative(self, study, trial, search_space):
        inner = self.base.infer_relative_search_space(study, trial)
        recipe = self.base.sample_relative(study, trial, inner)
        for name, distribution in search_space.items():
            if name not in recipe:
                recipe[name] = self.base.sample_independent(study, trial, name, distribution)
        row = self.snapper.nearest(recipe, self.taken) if self.next_row is None else self.next_row
        self.taken.add(row)
        self.rows[trial.number] = row
        values = self.snapper.pool.recipes.iloc[row]
        return {name: values[name] for name in search_space}

    def sample_independent(self, study, trial, name, distribution):
        raise AssertionError(f"{name} was not sampled with the others")

    def before_trial(self, study, trial):
        self.base.before_trial(study, trial)

    def after_trial(self, study, trial, state, values):
        self.base.after_trial(study, trial, state, values)


class Planner:
    def __init__(self, pool, seed, sampler):
        base = {
            "gp": lambda: optuna.samplers.GPSampler(seed=seed),
            "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
            "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed, population_size=10),
        }[sampler]()
        self.pool, self.sampler, self.trials = pool, OnRows(base, pool), {}
        directions = ["maximize" if o.sign > 0 else "minimize" for o in pool.objectives]
        self.study = optuna.create_study(directions=directions, sampler=self.sampler)

    def _begin(self, row=None):
        self.sampler.next_row = row
        trial = self.study.ask(self.sampler.distributions)
        self.trials[self.sampler.rows[trial.number]] = trial
        return self.sampler.rows[trial.number]

    def tell(self, rows):
        for row in rows:
            if row not in self.trials:
                self._begin(row)
            self.study.tell(self.trials[row], list(self.pool.values.iloc[row]))

    def ask(self, n):
        return [self._begin() for _ in range(n)]


def _distribution(p):
    return CategoricalDistribution(p.choices) if isinstance(p, Categorical) else FloatDistribution(p.low, p.high)
