"""BayBE with its own recommender over the pool; labels are labels (one-hot), as for everybody else."""

import logging
import warnings

import torch
from baybe import Campaign
from baybe.objectives import ParetoObjective, SingleTargetObjective
from baybe.parameters import CategoricalParameter, NumericalDiscreteParameter
from baybe.searchspace import SearchSpace
from baybe.targets import NumericalTarget

from pvdopt.space import Categorical

torch.set_num_threads(1)
logging.getLogger("baybe").setLevel(logging.ERROR)


class Planner:
    def __init__(self, pool, seed):
        self.pool = pool
        torch.manual_seed(seed)
        warnings.simplefilter("ignore")
        parameters = [
            CategoricalParameter(p.name, p.choices)
            if isinstance(p, Categorical)
            else NumericalDiscreteParameter(p.name, sorted(set(pool.recipes[p.name])))
            for p in pool.space.parameters
        ]
        targets = [NumericalTarget(o.name, minimize=o.sign < 0) for o in pool.objectives]
        self.campaign = Campaign(
            SearchSpace.from_dataframe(pool.recipes, parameters),
            SingleTargetObjective(targets[0]) if len(targets) == 1 else ParetoObjective(targets),
            allow_recommending_already_measured=False,
        )
        self.by_recipe = {tuple(recipe): row for row, recipe in enumerate(pool.recipes.itertuples(index=False))}

    def tell(self, rows):
        self.campaign.add_measurements(self.pool.observed(rows))

    def ask(self, n):
        names = list(self.pool.space.names)
        found = self.campaign.recommend(n)[names]
        return [self.by_recipe[tuple(recipe)] for recipe in found.itertuples(index=False)]
