"""BoTorch over the pool: a Gaussian process with its own priors, log expected improvement of each row left.

One objective by qLogExpectedImprovement, two by qLogNoisyExpectedHypervolumeImprovement above the worst values
measured; a batch row by row, those chosen pending, as optimize_acqf_discrete does it.
"""

import warnings

import torch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.exceptions.warnings import BotorchWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.optim import optimize_acqf_discrete
from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood

from planners.coding import encode

torch.set_num_threads(1)


class Planner:
    def __init__(self, pool, seed):
        self.pool, self.measured = pool, []
        self.points = torch.tensor(encode(pool), dtype=torch.double)
        torch.manual_seed(seed)

    def tell(self, rows):
        self.measured += list(rows)

    def ask(self, n):
        points = self.points[self.measured]
        values = torch.tensor(self.pool.signed[self.measured], dtype=torch.double)
        models = [SingleTaskGP(points, values[:, [j]]) for j in range(values.shape[1])]
        left = sorted(set(range(len(self.pool))) - set(self.measured))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BotorchWarning)
            if len(models) == 1:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(models[0].likelihood, models[0]))
                acquisition = qLogExpectedImprovement(models[0], best_f=values.max())
            else:
                model = ModelListGP(*models)
                fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
                reference = (
                    values.min(dim=0).values - 0.1 * (values.max(dim=0).values - values.min(dim=0).values)
                ).tolist()
                acquisition = qLogNoisyExpectedHypervolumeImprovement(model, reference, points, prune_baseline=True)
            chosen, _ = optimize_acqf_discrete(acquisition, q=n, choices=self.points[left], unique=True)
        rows = []
        for point in chosen:
            same = (self.points == point).all(dim=1).nonzero().flatten().tolist()
            rows.append(next(row for row in same if row in left and row not in rows))
        return rows
