"""scikit-learn as many people use it: a Gaussian process with expected improvement, a forest with a confidence bound.

Batches are made one by one, each row counting as measured at its predicted mean. Two objectives are one at a time: a
random augmented Chebyshev sum at each ask (Knowles, ParEGO, IEEE Trans. Evol. Comput. 10, 50 (2006)).
"""

import warnings

import numpy as np
from scipy.stats import norm
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from planners.coding import encode

#: Standard deviations of the confidence bound.
KAPPA = 2.0


class Planner:
    def __init__(self, pool, seed, model):
        self.pool, self.seed, self.model = pool, seed, model
        self.points, self.measured = encode(pool), []
        self.rng = np.random.default_rng([seed, 2])

    def tell(self, rows):
        self.measured += list(rows)

    def ask(self, n):
        rows = list(self.measured)
        values = list(self._single(self.pool.signed[rows]))
        for _ in range(n):
            score, mean = self._score(self.points[rows], np.array(values))
            score[rows] = -np.inf
            row = int(np.argmax(score))
            rows.append(row)
            values.append(mean[row])
        return rows[-n:]

    def _single(self, values):
        if values.shape[1] == 1:
            return values[:, 0]
        span = np.maximum(np.ptp(values, axis=0), 1e-12)
        unit = (values - values.min(axis=0)) / span
        weights = self.rng.dirichlet(np.ones(values.shape[1]))
        return -((weights * (1 - unit)).max(axis=1) + 0.05 * (weights * (1 - unit)).sum(axis=1))

    def _score(self, points, values):
        if self.model == "forest":
            forest = RandomForestRegressor(100, random_state=self.seed, n_jobs=1).fit(points, values)
            trees = np.array([tree.predict(self.points) for tree in forest.estimators_])
            mean = trees.mean(axis=0)
            return mean + KAPPA * trees.std(axis=0), mean
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.full(points.shape[1], 0.5), (5e-2, 1e1), nu=2.5)
        gp = GaussianProcessRegressor(kernel + WhiteKernel(1e-2, (1e-6, 1.0)), normalize_y=True, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            gp.fit(points, values)
        mean, std = gp.predict(self.points, return_std=True)
        z = (mean - values.max()) / np.maximum(std, 1e-12)
        return std * (z * norm.cdf(z) + norm.pdf(z)), mean
