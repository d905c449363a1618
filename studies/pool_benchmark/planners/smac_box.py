"""SMAC's forest (HyperparameterOptimizationFacade), refitted at every ask; proposes in the box, put on the nearest row.

Told of the row and not of what it asked for. Two objectives by its ParEGO.
"""

import logging
import tempfile
import warnings

from ConfigSpace import CategoricalHyperparameter, Configuration, ConfigurationSpace, UniformFloatHyperparameter
from smac import HyperparameterOptimizationFacade as Facade
from smac import Scenario
from smac.multi_objective.parego import ParEGO
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from planners.coding import Snapper
from pvdopt.space import Categorical

#: Random recipes that its search scores at an ask; its own 10 000 would take hours here and pools are smaller.
N_CHALLENGERS = 1000


class Planner:
    def __init__(self, pool, seed):
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        self.pool, self.seed, self.snapper, self.taken = pool, seed, Snapper(pool), set()
        self.space = ConfigurationSpace(seed=seed)
        for p in pool.space.parameters:
            self.space.add(
                CategoricalHyperparameter(p.name, list(p.choices))
                if isinstance(p, Categorical)
                else UniformFloatHyperparameter(p.name, p.low, p.high)
            )
        names = [o.name for o in pool.objectives]
        self.folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            self.space,
            objectives=names if len(names) > 1 else names[0],
            deterministic=True,
            n_trials=10_000,
            seed=seed,
            output_directory=self.folder.name,
        )
        self.smac = Facade(
            scenario,
            lambda config, seed=0: 0.0,
            # The starts are told; no design of SMAC's own.
            initial_design=Facade.get_initial_design(scenario, n_configs=0, additional_configs=[]),
            config_selector=Facade.get_config_selector(scenario, retrain_after=1),
            acquisition_maximizer=Facade.get_acquisition_maximizer(scenario, challengers=N_CHALLENGERS),
            intensifier=Facade.get_intensifier(scenario, max_config_calls=1),
            multi_objective_algorithm=ParEGO(scenario) if len(names) > 1 else None,
            overwrite=True,
            logging_level=False,
        )

    def tell(self, rows):
        for row in rows:
            self.taken.add(row)
            recipe = self.pool.recipes.iloc[row]
            config = Configuration(self.space, {n: _plain(recipe[n]) for n in self.pool.space.names})
            cost = [-float(v) for v in self.pool.signed[row]]
            self.smac.tell(
                TrialInfo(config, seed=0), TrialValue(cost=cost if len(cost) > 1 else cost[0], time=0.0), save=False
            )

    def ask(self, n):
        rows = []
        for _ in range(n):
            config = self.smac.ask().config
            rows.append(self.snapper.nearest(dict(config), self.taken | set(rows)))
        return rows


def _plain(value):
    return value if isinstance(value, str) else float(value)
