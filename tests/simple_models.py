"""Exact, quick stand-ins for the outcome models: the choice is tested apart from what it chooses on."""

import numpy as np
import pandas as pd

from pvdopt.surrogates.base import FadeLink, IdentityLink, LogLink, Prediction, safe_cholesky
from pvdopt.usability import outcome_classes, squared_differences


class SimpleModels:
    """A Gaussian process with fixed scales for each outcome: closeness exp(-d^2 / 2 l^2), noise-free by default."""

    def __init__(self, space, objectives, length=0.3, noise=1e-3, links=None):
        self.space, self.objectives, self.length, self.noise = space, objectives, length, noise
        self.links = links or {}
        self.n_fits = 0

    def fit(self, observed):
        self.n_fits += 1
        self.data = {}
        usable = outcome_classes(observed) == "ok"
        for o in self.objectives:
            y = observed[o.name].to_numpy(dtype=float)
            kept = usable & np.isfinite(y)
            link = self.links.get(o.name)
            if link is None:
                spread = np.std(y[kept]) if kept.any() else 0.0
                link = IdentityLink(float(np.mean(y[kept])) if kept.any() else 0.0, float(spread) or 1.0)
            recipes = observed.loc[kept, list(self.space.names)].reset_index(drop=True)
            gram = self._close(recipes, recipes) + self.noise * np.eye(len(recipes))
            target = link.forward(y[kept])
            self.data[o.name] = (recipes, np.linalg.inv(gram) if len(recipes) else gram, target, link)
        return self

    def _close(self, a, b):
        return np.exp(-0.5 * squared_differences(self.space, a, b).sum(axis=0) / self.length**2)

    def predict(self, recipes):
        return {o.name: self._predict(o.name, recipes) for o in self.objectives}

    def _predict(self, name, recipes):
        known, inverse, target, link = self.data[name]
        cross = self._close(recipes, known)
        mean = cross @ inverse @ target
        variance = np.maximum(1.0 - np.einsum("ij,jk,ik->i", cross, inverse, cross), 1e-10)
        nothing = np.zeros(len(recipes))
        return Prediction(
            mean,
            np.sqrt(variance),
            nothing,
            np.full(len(recipes), 0.05),
            link,
            covariance=lambda: self._joint(name, recipes),
        )

    def _joint(self, name, recipes):
        known, inverse, _, _ = self.data[name]
        cross = self._close(recipes, known)
        return self._close(recipes, recipes) - cross @ inverse @ cross.T

    def draw(self, recipes, n_draws, rng):
        found = {}
        for o in self.objectives:
            p = self._predict(o.name, recipes)
            normals = rng.standard_normal((n_draws, len(recipes)))
            found[o.name] = p.link.inverse(p.mean + normals @ safe_cholesky(p.covariance()).T)
        return found


class FixedModels:
    """Means and deviations given as functions of the recipes; draws are independent."""

    def __init__(self, **outcomes):
        self.outcomes = outcomes

    def fit(self, observed):
        return self

    def predict(self, recipes):
        n = len(recipes)
        nothing = np.zeros(n)
        found = {}
        for name, (mean, std, link) in self.outcomes.items():
            m = np.broadcast_to(np.asarray(mean(recipes), dtype=float), n)
            s = np.broadcast_to(np.asarray(std(recipes), dtype=float), n)
            found[name] = Prediction(m, s, nothing, nothing, link)
        return found

    def draw(self, recipes, n_draws, rng):
        return {name: p.draw(n_draws, rng) for name, p in self.predict(recipes).items()}


IDENTITY, LOG, FADE = IdentityLink(), LogLink(), FadeLink()


def told(space, recipes, **outcomes):
    """Return recipes with outcomes as a table of cells."""
    return space.frame(recipes).assign(**{n: np.asarray(v, dtype=float) for n, v in outcomes.items()})


def join(*frames):
    return pd.concat(frames, ignore_index=True)
