"""How rows hang together before any of them is known: process, beliefs, material effects, source, run and noise.

The covariance of :mod:`pvdopt.surrogates.gaussian_process`, with its derivatives by the log hyperparameters theta; in
theta stand the length of each input, then the deviation of each part in the order of
:func:`pvdopt.surrogates.hyperpriors.hyperpriors`. Fits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import Design, encode
from pvdopt.surrogates.hyperpriors import hyperpriors
from pvdopt.surrogates.kernel import FactorPair, ProcessKernel, equal_levels
from pvdopt.training import TrainingTable

Array = NDArray[np.float64]

#: In a laboratory where the literature does not hold: deviation of the weights of its beliefs, which may then have
#: either sign, and how much wider process effects are (judgements, unverified; tried on simulated laboratories,
#: studies/lab_transfer).
DOUBTED_WEIGHT_SD, DOUBTED_WIDTH = 0.3, 2.0


@dataclass(frozen=True)
class Rows:
    """What the covariance reads of a set of rows."""

    design: Design
    beliefs: Array
    effects: tuple[NDArray[np.object_], ...]
    source: NDArray[np.object_]
    run: NDArray[np.object_]
    own: NDArray[np.bool_]

    def take(self, picked: NDArray[np.intp]) -> Rows:
        """Return some of them."""
        return Rows(
            self.design.take(picked),
            self.beliefs[picked],
            tuple(e[picked] for e in self.effects),
            self.source[picked],
            self.run[picked],
            self.own[picked],
        )


class RowCovariance:
    """The covariance of a training table's rows, and of recipes with them.

    Parameters
    ----------
    table : TrainingTable
        Says which inputs, material effects and beliefs there are; its rows are read as :attr:`known`.
    shared_response : float
        Correlation of the process response between the laboratory and the literature, in [0, 1].
    believes : bool
        Whether what the literature says of the process holds in this laboratory.

    Attributes
    ----------
    known : Rows
        The table's.
    """

    def __init__(self, table: TrainingTable, shared_response: float, *, believes: bool) -> None:
        self._table, self._shared_response, self._believes = table, shared_response, believes
        self._names = tuple(p.name for p in hyperpriors(table))
        design = encode(table.inputs, table.frame)
        self._kernel = ProcessKernel.learn(design)
        self._unstated = tuple(bool(c.missing[table.own].all()) for c in design.columns)
        self.known = self._read(table.frame, design, table.source, table.run, table.own)

    def read_recipes(self, recipes: pd.DataFrame) -> Rows:
        """Return recipes of the laboratory that asks, of no source and run yet."""
        n = len(recipes)
        nothing = np.full(n, "", dtype=object)
        return self._read(recipes, encode(self._table.inputs, recipes), nothing, nothing, np.ones(n, dtype=bool))

    def _read(
        self,
        frame: pd.DataFrame,
        design: Design,
        source: NDArray[np.object_],
        run: NDArray[np.object_],
        own: NDArray[np.bool_],
    ) -> Rows:
        effects = tuple(
            np.array(list(frame[e]) if e in frame.columns else [None] * len(frame), dtype=object)
            for e in self._table.effects
        )
        # What the laboratory never states is one setting in all its cells, whatever it is.
        columns = tuple(
            replace(c, common=c.missing & own) if unstated else c
            for c, unstated in zip(design.columns, self._unstated, strict=True)
        )
        return Rows(Design(columns, design.n), self._table.prior.beliefs(frame), effects, source, run, own)

    def amplitudes(self, theta: Array) -> dict[str, float]:
        """Return exp(2 theta) by name: of a part that has a deviation its variance."""
        return dict(zip(self._names, map(float, np.exp(2.0 * theta)), strict=True))

    # -- of training rows ----------------------------------------------------------------------------------------

    def pairs(self, rows: Rows) -> list[FactorPair]:
        """Return what the kernel needs of rows with themselves, whatever theta."""
        return self._kernel.pairs(rows.design, rows.design)

    def with_slopes(
        self, theta: Array, rows: Rows, noise_var: Array, pairs: list[FactorPair] | None = None
    ) -> tuple[Array, list[Array]]:
        """Return K of rows and its derivatives by theta."""
        n_inputs = len(self._table.inputs)
        ready = self.pairs(rows) if pairs is None else pairs
        found = [pair.with_slope(float(t)) for pair, t in zip(ready, theta, strict=False)]
        for value, slope in found:
            # A row's unknown value is one value, whatever it is: it correlates fully with itself.
            np.fill_diagonal(value, 1.0)
            np.fill_diagonal(slope, 0.0)
        amplitude = np.exp(2.0 * theta[n_inputs:])
        n = rows.design.n
        shared = self._shared(rows, rows)
        product = np.ones((n, n))
        additive = np.zeros((n, n))
        for value, _ in found:
            product *= value
            additive += value / n_inputs
        additive *= amplitude[0] * shared
        product *= amplitude[1] * shared
        slopes = [
            amplitude[0] * shared * slope / n_inputs + product * slope / np.maximum(value, 1e-12)
            for value, slope in found
        ]
        covariance = additive + product + self._linear(rows, rows)
        slopes += [2.0 * additive, 2.0 * product]
        position = 2
        grouped = [*rows.effects]
        if self._table.effects:
            grouped.append(rows.source)
        grouped.append(rows.run)
        for levels in grouped:
            term = amplitude[position] * _same_level(levels)
            covariance += term
            slopes.append(2.0 * term)
            position += 1
        noise = amplitude[position] * np.eye(n)
        slopes.append(2.0 * noise)
        return covariance + noise + np.diag(noise_var + 1e-8), slopes

    def of_known(self, theta: Array, noise_var: Array) -> Array:
        """Return K of all training rows, without its derivatives (which need as much memory again for each input)."""
        rows, amplitude = self.known, self.amplitudes(theta)
        covariance = self.of_effects(theta, rows)
        if self._table.effects:
            covariance += amplitude["source"] * _same_level(rows.source)
        covariance += amplitude["run"] * _same_level(rows.run)
        return covariance + np.diag(amplitude["noise"] + noise_var + 1e-8)

    # -- of recipes' effects -------------------------------------------------------------------------------------

    def with_known(self, theta: Array, rows: Rows) -> Array:
        """Return the covariance of the recipe effect with the training rows, shape (n, n_train)."""
        amplitude = self.amplitudes(theta)
        additive, product = self._kernel.parts(rows.design, self.known.design, theta[: len(self._table.inputs)])
        shared = self._shared(rows, self.known)
        cross = (amplitude["additive"] * additive + amplitude["interaction"] * product) * shared
        cross += self._linear(rows, self.known)
        for name, a, b in zip(self._table.effects, rows.effects, self.known.effects, strict=True):
            cross += amplitude[f"effect {name}"] * equal_levels(a, b)
        return np.asarray(cross)

    def variance(self, theta: Array, rows: Rows) -> Array:
        """Return the variance of the recipe effect, shape (n,)."""
        prior, amplitude = self._table.prior, self.amplitudes(theta)
        effects = sum(amplitude[f"effect {e}"] for e in self._table.effects)
        linear = prior.level_sd**2 + (self._weighted(rows) ** 2).sum(axis=1)
        process = (amplitude["additive"] + amplitude["interaction"]) * self._width(rows) ** 2
        return np.asarray(linear + process + effects)

    def of_effects(self, theta: Array, rows: Rows) -> Array:
        """Return the covariance of recipe effects with each other, shape (n, n)."""
        amplitude = self.amplitudes(theta)
        lengths = theta[: len(self._table.inputs)]
        additive, product = self._kernel.parts(rows.design, rows.design, lengths, same=True)
        joint = (amplitude["additive"] * additive + amplitude["interaction"] * product) * self._shared(rows, rows)
        joint += self._linear(rows, rows)
        for name, levels in zip(self._table.effects, rows.effects, strict=True):
            joint += amplitude[f"effect {name}"] * _same_level(levels)
        return np.asarray(joint)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _shared(self, a: Rows, b: Rows) -> Array:
        """Return what process effects are multiplied by between rows.

        1 on the same side, the shared share between laboratory and literature; times how wide both rows' effects are.
        """
        across = self._shared_response if self._believes else 0.0
        shared = np.where(a.own[:, None] == b.own[None, :], 1.0, across)
        return np.asarray(shared * self._width(a)[:, None] * self._width(b)[None, :])

    def _width(self, rows: Rows) -> Array:
        """Return what the deviation of each row's process effects is multiplied by, shape (n,)."""
        widening = self._table.prior.widening
        width = np.ones(rows.design.n) if widening is None else widening(rows.beliefs)
        return width if self._believes else np.where(rows.own, DOUBTED_WIDTH, width)

    def _weighted(self, rows: Rows) -> Array:
        """Return the beliefs of rows times the deviations of their weights; a doubted one has a weight of its own."""
        prior = self._table.prior
        weighted = rows.beliefs * prior.weight_sd
        if self._believes:
            return np.asarray(weighted)
        doubted = rows.own[:, None] & (prior.doubtful != 0)[None, :]
        return np.hstack([np.where(doubted, 0.0, weighted), np.where(doubted, DOUBTED_WEIGHT_SD * rows.beliefs, 0.0)])

    def _linear(self, a: Rows, b: Rows) -> Array:
        """Return the covariance of the level and the weighted beliefs."""
        return np.asarray(self._table.prior.level_sd**2 + self._weighted(a) @ self._weighted(b).T)


def _same_level(levels: NDArray[np.object_]) -> Array:
    """Return 1 where rows share a level; one that is not known is a level of its own, shared with no other row."""
    same = equal_levels(levels, levels)
    np.fill_diagonal(same, 1.0)
    return same
