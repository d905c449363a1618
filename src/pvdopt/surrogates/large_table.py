"""Boosted trees for large tables, such as the thousands of cells of combinatorial wafers, on the physics prior mean.

An ensemble: each member learns from a random half of the runs (wafers), so that every row is predicted by members that
never saw its run. From those predictions follow the spread of the recipe effect, the noise, and how wide both have to
be. Time grows with the number of rows, memory too; the exact Gaussian process needs their third and second power.

Notation: e out-of-bag error of a row, d spread of the members that did not see its run, b what d^2 has to be
multiplied by: E[e^2] = b d^2 + noise^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtri

from pvdopt.features import CategoryInput, Input, encode
from pvdopt.surrogates.base import Prediction
from pvdopt.surrogates.baseline import FALLBACK_SD
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: Members of the ensemble. A row is left out by half of them.
N_MEMBERS = 10
#: Trees of a member, leaves of a tree, and the step of each tree.
N_TREES, N_LEAVES, RATE = 150, 31, 0.1
#: Bins of the members' spread in which squared errors are averaged before b and the noise are fitted to them.
N_BINS = 20
#: Limits of b. Members share half of their rows, so that they agree more than they should.
SPREAD_LIMITS = (1.0, 25.0)
#: Runs under which nothing is said about how wide intervals have to be, and what the factor may do at most.
N_GROUPS_TO_CALIBRATE, FACTOR_LIMITS = 9, (0.5, 3.0)
#: Share of the recipe effect's variance that recipes do not share in joint draws: members are few.
OWN_SHARE = 0.1
#: Least variance of a recipe's effect as a share of the noise: keeps joint draws possible where all members agree.
LEAST_SHARE = 1e-6


@dataclass
class LargeTable:
    """The surrogate described above; bounds are taken at their value.

    Rows without a run are halved one by one; where several laboratories exist and few runs, nothing is different.
    """

    n_members: int = N_MEMBERS
    n_trees: int = N_TREES
    seed: int = 0
    name: str = "large_table"

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table of at least two rows."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        table = table.in_fixed_order()
        self._prior, self._link = table.prior, table.link
        self._inputs = _with_effects(table)
        matrix = encode(self._inputs, table.frame).matrix()
        residual = table.y - table.prior.mean(table.frame)[0]
        groups = _group_codes(table)
        rng = np.random.default_rng(self.seed)
        n_groups = int(groups.max()) + 1
        total, squares, n_out = (np.zeros(len(table)) for _ in range(3))
        self._members: list[Any] = []
        picked = np.zeros(n_groups, dtype=bool)
        for k in range(self.n_members):
            # Every second member takes the half that the one before it left, so that each row is left out equally.
            picked = ~picked if k % 2 else rng.permutation(n_groups) < n_groups // 2
            seen = picked[groups]
            member = HistGradientBoostingRegressor(
                max_iter=self.n_trees,
                max_leaf_nodes=N_LEAVES,
                learning_rate=RATE,
                min_samples_leaf=max(2, min(20, len(table) // 50)),
                early_stopping=False,
                random_state=self.seed + k,
            ).fit(_without_empty(matrix[seen]), residual[seen])
            self._members.append(member)
            guess = member.predict(matrix[~seen])
            total[~seen] += guess
            squares[~seen] += guess**2
            n_out[~seen] += 1
        self._calibrate(residual, total / n_out, squares / n_out, n_out, groups, table.prior.unit)
        return self

    def _calibrate(
        self, y: Array, mean: Array, square: Array, n_out: Array, groups: NDArray[np.intp], unit: float
    ) -> None:
        """Find b, the noise, and the factor under which 80 % of the runs' cells lie within their 80 % interval."""
        spread = np.maximum(square - mean**2, 0.0) * n_out / np.maximum(n_out - 1.0, 1.0)
        error = (y - mean) ** 2
        bins = np.array_split(np.argsort(spread, kind="stable"), min(N_BINS, max(len(y) // 20, 1)))
        design = np.array([[spread[b].mean(), 1.0] for b in bins])
        (slope, noise), _ = nnls(design, np.array([error[b].mean() for b in bins]))
        self._slope = float(np.clip(slope, *SPREAD_LIMITS))
        # What the spread explains is not noise; a tenth of the error is left to it at least.
        left = max(float(error.mean() - self._slope * spread.mean()), 0.1 * float(error.mean()))
        self._noise_var = float(max(min(noise, error.mean()), left)) if slope > 0 else float(error.mean())
        self._noise_var = max(self._noise_var, (1e-4 * FALLBACK_SD * unit) ** 2)
        sd = np.sqrt(self._slope * spread + self._noise_var)
        # The factor is part of both deviations: a large table needs none that was found elsewhere.
        factor = _conformal_factor(np.abs(y - mean) / sd, groups)
        self._slope *= factor**2
        self._noise_var *= factor**2

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict recipes from the mean and spread of the members."""
        prior_mean, prior_var = self._prior.mean(recipes)
        matrix = encode(self._inputs, recipes).matrix()
        n = len(recipes)
        members = np.stack([m.predict(matrix) for m in self._members]) if n else np.zeros((len(self._members), 0))
        mean = members.mean(axis=0)
        centred = np.sqrt(self._slope / (len(members) - 1)) * (members - mean)
        own = np.einsum("ij,ij->j", centred, centred) + LEAST_SHARE * self._noise_var

        def covariance() -> Array:
            joint = (1.0 - OWN_SHARE) * centred.T @ centred
            joint[np.diag_indices(n)] = own
            return np.asarray(joint)

        noise = np.sqrt(self._noise_var + prior_var)
        # With this many cells the laboratory's level is part of what the trees have learned.
        return Prediction(prior_mean + mean, np.sqrt(own), np.zeros(n), noise, self._link, covariance)


def _without_empty(matrix: Array) -> Array:
    """Return a design in which what no row states is constant, since bins cannot be found for nothing."""
    return np.where(np.isfinite(matrix).any(axis=0), matrix, 0.0)


def _conformal_factor(z: Array, groups: NDArray[np.intp]) -> float:
    """Return what deviations are multiplied by so that 80 % of cells lie in their interval, each run weighing 1.

    With the finite-sample correction of conformal prediction, (G + 1)/G for G runs; 1 under nine runs.
    """
    n_groups = int(groups.max()) + 1
    if n_groups < N_GROUPS_TO_CALIBRATE:
        return 1.0
    order = np.argsort(z, kind="stable")
    reached = np.cumsum(1.0 / np.bincount(groups)[groups][order]) / n_groups
    share = min(0.8 * (n_groups + 1) / n_groups, 1.0)
    quantile = z[order][min(int(np.searchsorted(reached, share - 1e-12)), len(z) - 1)]
    return float(np.clip(quantile / ndtri(0.9), *FACTOR_LIMITS))


def _with_effects(table: TrainingTable) -> tuple[Input, ...]:
    """Return the inputs, and each effect as a category by its levels."""
    effects = (
        CategoryInput(e, tuple(sorted({v for v in table.frame[e] if isinstance(v, str)})))
        for e in table.effects
        if e in table.frame.columns
    )
    return table.inputs + tuple(e for e in effects if e.levels)


def _group_codes(table: TrainingTable) -> NDArray[np.intp]:
    """Return a number for each row: that of its run, else of its publication, else its own."""
    names = np.where(table.own, table.run.astype(str), table.source.astype(str))
    codes = np.unique(names, return_inverse=True)[1]
    alone = names == ""
    codes[alone] = codes.max() + 1 + np.arange(int(alone.sum()))
    return np.asarray(np.unique(codes, return_inverse=True)[1], dtype=np.intp)
