"""The contract every surrogate keeps: ``fit(table)``, ``predict(recipes) -> Prediction``, and the links.

A prediction lives on the model's scale (log capacity, the fade scale, or the outcome itself). It keeps three
deviations apart: what the recipe does in this laboratory (``std``), the laboratory's level (``offset_std``) and the
noise of a new cell (``noise_std``). People read all three together; the acquisition reads the first alone.

Notation: y model scale, v outcome in its unit, R retention after N cycles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.training import TrainingTable

Array = np.ndarray[Any, Any]


class Link(Protocol):
    """Turn an outcome into the model's scale and back; monotone."""

    @property
    def increasing(self) -> bool:
        """Whether a larger outcome is a larger model value."""

    def forward(self, values: Array) -> Array:
        """Return model values of outcomes."""

    def inverse(self, values: Array) -> Array:
        """Return outcomes of model values."""


@dataclass(frozen=True)
class IdentityLink:
    """The outcome as it is, shifted and scaled: y = (v - center) / scale."""

    center: float = 0.0
    scale: float = 1.0
    increasing: bool = True

    def forward(self, values: Array) -> Array:
        """Return model values of outcomes."""
        return np.asarray((np.asarray(values, dtype=float) - self.center) / self.scale)

    def inverse(self, values: Array) -> Array:
        """Return outcomes of model values."""
        return np.asarray(np.asarray(values, dtype=float) * self.scale + self.center)


@dataclass(frozen=True)
class LogLink:
    """The natural logarithm of a positive outcome."""

    increasing: bool = True

    def forward(self, values: Array) -> Array:
        """Return model values of outcomes; an outcome that is not positive gives NaN."""
        values = np.asarray(values, dtype=float)
        return np.asarray(np.log(np.where(values > 0, values, np.nan)))

    def inverse(self, values: Array) -> Array:
        """Return outcomes of model values."""
        return np.asarray(np.exp(np.minimum(np.asarray(values, dtype=float), 700.0)))


@dataclass(frozen=True)
class FadeLink:
    """The fade scale that makes retentions after different cycle numbers comparable.

    R(N) = exp(-K100 (N/100)^beta) and y = ln K100 = ln(-ln R) - beta ln(N/100): a stretched-exponential fade law.
    beta 0.5 +- 0.2 is a judgement from two-point series in the reported cells (CuWO4, Tintignac, Park); unverified.

    Attributes
    ----------
    cycles : float
        N at which ``inverse`` gives the retention.
    """

    cycles: float = 100.0
    beta: float = 0.5
    increasing: bool = False

    #: Retention at or above this is "no fading seen": the fade scale is capped here.
    ceiling = 0.995
    floor = 1e-6

    def forward(self, values: Array, cycles: Array | float | None = None) -> Array:
        """Return model values of retentions (fractions), read after ``cycles`` (default: the link's own)."""
        n = self.cycles if cycles is None else np.asarray(cycles, dtype=float)
        r = np.clip(np.asarray(values, dtype=float), self.floor, self.ceiling)
        return np.asarray(np.log(-np.log(r)) - self.beta * np.log(n / 100.0))

    def inverse(self, values: Array) -> Array:
        """Return retentions after ``cycles`` of model values."""
        exponent = np.asarray(values, dtype=float) + self.beta * math.log(self.cycles / 100.0)
        return np.asarray(np.exp(-np.exp(np.minimum(exponent, 50.0))))


@dataclass(frozen=True)
class Prediction:
    """What a surrogate believes of n recipes.

    Attributes
    ----------
    mean : ndarray of shape (n,)
        Model scale, at this laboratory's level.
    std, offset_std, noise_std : ndarray of shape (n,)
        Standard deviations on the model scale of the recipe effect, the laboratory's level, and a new cell's noise.
    link : Link
    covariance : callable or None
        Returns the joint covariance of the recipe effect, shape (n, n); None draws independently.
    factor : float
        What calibration found the deviations of a new cell have to be multiplied by.
    """

    mean: Array
    std: Array
    offset_std: Array
    noise_std: Array
    link: Link
    covariance: Callable[[], Array] | None = None
    factor: float = 1.0

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def total_std(self) -> Array:
        """Deviation of a new cell in this laboratory, model scale, calibrated; shape (n,)."""
        return np.asarray(self.factor * np.sqrt(self.std**2 + self.offset_std**2 + self.noise_std**2))

    def parts(self) -> Sequence[tuple[float, Prediction]]:
        """Return the normal beliefs this one is made of, with their weights: only itself, if it is not mixed."""
        return [(1.0, self)]

    def shifted(self, by: Array) -> Self:
        """Return the same belief about what lies so much higher on the model scale; shape (n,)."""
        return replace(self, mean=self.mean + by)

    def median(self) -> Array:
        """Return the median of each recipe in the outcome's unit, shape (n,)."""
        return self.link.inverse(self.mean)

    def interval(self, probability: float = 0.8) -> tuple[Array, Array]:
        """Return low and high ends, in the outcome's unit, of the central interval for a new cell."""
        half = float(ndtri(0.5 + probability / 2.0)) * self.total_std
        ends = self.link.inverse(self.mean - half), self.link.inverse(self.mean + half)
        return ends if self.link.increasing else (ends[1], ends[0])

    def std_after(self, n_cells: int) -> Array:
        """Return each recipe's deviation for a new cell once cells of the first recipe were measured, shape (n,).

        Model scale, calibrated like :attr:`total_std`. The cells stand in runs of their own; conditioning of a normal
        distribution on their mean: Var[e_i] - Cov[e_i, e_0]^2 / (Var[e_0] + noise_0^2 / n_cells) with e the effect and
        the level together. The level counts with the same sign in all recipes, as it all but always does.
        """
        effect = np.diag(self.std**2) if self.covariance is None else self.covariance()
        effect = effect + np.outer(self.offset_std, self.offset_std)
        known = effect[:, 0] ** 2 / (effect[0, 0] + self.noise_std[0] ** 2 / n_cells)
        left = np.maximum(np.diag(effect) - known, 0.0)
        return np.asarray(self.factor * np.sqrt(left + self.noise_std**2))

    def draw_model_scale(self, normals: Array) -> Array:
        """Return joint draws of the recipe effect on the model scale.

        Parameters
        ----------
        normals : ndarray of shape (n_draws, n)
            Independent standard normal numbers; the same numbers give the same draws.
        """
        if self.covariance is None:
            return np.asarray(self.mean + normals * self.std)
        return np.asarray(self.mean + normals @ safe_cholesky(self.covariance()).T)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return n joint draws of the recipe effect in the outcome's unit, shape (n, n_recipes)."""
        return self.link.inverse(self.draw_model_scale(rng.standard_normal((n, len(self)))))


@dataclass(frozen=True)
class MixedPrediction(Prediction):
    """Several beliefs at once, such as those of one model under several settings.

    Mean and deviations are those of the mixture; draws come from the beliefs themselves, each its share.

    Attributes
    ----------
    members : sequence of Prediction
        On one scale.
    weights : ndarray of shape (k,)
        Positive, summing to 1.
    """

    members: Sequence[Prediction] = ()
    weights: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, members: Sequence[Prediction], weights: Array) -> Prediction:
        """Return the mixture of predictions of the same recipes."""
        if len(members) == 1:
            return members[0]
        means = np.stack([p.mean for p in members])
        mean = weights @ means
        spread = weights @ (means - mean) ** 2

        def mixed(deviations: Sequence[Array], extra: Array | float = 0.0) -> Array:
            return np.asarray(np.sqrt(weights @ np.square(np.stack(deviations)) + extra))

        def covariance() -> Array:
            own = (np.diag(p.std**2) if p.covariance is None else p.covariance() for p in members)
            between = (weights[:, None] * (means - mean)).T @ (means - mean)
            return np.asarray(between + sum(w * c for w, c in zip(weights, own, strict=True)))

        return cls(
            mean,
            mixed([p.std for p in members], spread),
            mixed([p.offset_std for p in members]),
            mixed([p.noise_std for p in members]),
            members[0].link,
            covariance,
            members=tuple(members),
            weights=np.asarray(weights),
        )

    def shifted(self, by: Array) -> Self:
        """Return the same beliefs about what lies so much higher on the model scale; shape (n,)."""
        return replace(self, mean=self.mean + by, members=[member.shifted(by) for member in self.members])

    def parts(self) -> Sequence[tuple[float, Prediction]]:
        """Return the beliefs it is made of, with their weights."""
        return list(zip(map(float, self.weights), self.members, strict=True))

    def draw_model_scale(self, normals: Array) -> Array:
        """Return joint draws of the recipe effect on the model scale; each belief makes its share of the rows."""
        ends = np.round(np.cumsum(self.weights) * len(normals)).astype(int)
        blocks = np.split(normals, ends[:-1])
        return np.vstack([p.draw_model_scale(b) for p, b in zip(self.members, blocks, strict=True) if len(b)])


def safe_cholesky(matrix: Array) -> Array:
    """Return the lower Cholesky factor, with the least jitter that makes a covariance positive definite."""
    scale = float(np.mean(np.diag(matrix))) if len(matrix) else 0.0
    scale = scale or 1.0
    jitter = 1e-10
    while True:
        try:
            return np.asarray(np.linalg.cholesky(matrix + jitter * scale * np.eye(len(matrix))))
        except np.linalg.LinAlgError:
            jitter *= 10.0
            if jitter > 1e-2:
                raise


class Surrogate(Protocol):
    """A model of one outcome: two verbs."""

    name: str

    def fit(self, table: TrainingTable) -> Self:
        """Learn from a training table."""

    def predict(self, recipes: pd.DataFrame) -> Prediction:
        """Predict complete recipes: every input column the table declared is present (NaN = not known)."""


@runtime_checkable
class TellsVariances(Protocol):
    """A surrogate that knows its prior variance, and so what rows have taken from it."""

    def variances(self, recipes: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return variances before any cell, after the reported and after all cells, each of shape (n,)."""

    def level(self) -> tuple[float, float] | None:
        """Return mean and deviation of this laboratory's level, model scale; None where it is not known."""


@runtime_checkable
class Doubts(Protocol):
    """A surrogate that weighs whether what the literature says of the process holds in this laboratory."""

    @property
    def faith(self) -> float:
        """Return how probable own cells make it; 1 before any, and where nothing is doubtful."""
