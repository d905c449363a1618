"""What a strategy is tried on: a pool of measured recipes, or a virtual laboratory whose truth is known.

An arena says what may be chosen, answers for what was chosen, and knows what could be reached. Which truth stands
behind it is for the report alone; a strategy is given the space, the objectives and the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from pvdopt.backtest.pools import Pool, signed_goals
from pvdopt.choice.acquisition import hypervolume, is_non_dominated
from pvdopt.choice.candidates import draw_recipes
from pvdopt.evidence import Evidence
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, SearchSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pvdopt.config import CampaignConfig
    from pvdopt.virtual_lab import VirtualLab

Array = np.ndarray[Any, Any]

#: Recipes drawn to find out what a laboratory could reach at best, rounds of search around the best of them, and
#: variations of each in a round.
N_DENSE, N_ROUNDS, N_VARIATIONS = 4000, 5, 12
#: Best recipes that the search goes on from.
N_KEPT = 50
#: Where hypervolume starts from: what this share of the drawn recipes that count stays below.
REFERENCE_SHARE = 0.1


class Arena(Protocol):
    """What a run needs to know."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    @property
    def space(self) -> SearchSpace:
        """What may be varied."""

    @property
    def objectives(self) -> Sequence[Objective]:
        """What is wanted."""

    @property
    def evidence(self) -> Evidence | None:
        """What is known beforehand."""

    @property
    def specification(self) -> str:
        """Name of the surrogate that pvdopt's own proposer learns with."""

    @property
    def reference(self) -> Array:
        """Where progress starts from: signed goals, shape (m,)."""

    @property
    def best(self) -> float:
        """The most that progress can reach."""

    @property
    def recipes(self) -> pd.DataFrame | None:
        """The recipes to choose among; None: all that the space allows."""

    def measure(self, chosen: pd.DataFrame, first: int) -> pd.DataFrame:
        """Return what is observed of recipes, the first of which is the run's first-th experiment."""

    def plain(self, observed: pd.DataFrame) -> pd.DataFrame:
        """Return what was observed as it is told to a strategy that knows no vocabulary."""

    def score(self, chosen: pd.DataFrame) -> Array:
        """Return what recipes are worth without noise: signed goals, shape (n, m); NaN for nothing."""


@dataclass(frozen=True)
class PoolArena:
    """A pool as an arena: a value is measured once and is its own truth."""

    pool: Pool
    evidence: Evidence | None = None
    specification: str = "gaussian_process"

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.pool.name

    @property
    def space(self) -> SearchSpace:
        """The pool's space."""
        return self.pool.space

    @property
    def objectives(self) -> Sequence[Objective]:
        """The pool's objectives."""
        return self.pool.objectives

    @property
    def reference(self) -> Array:
        """The worst of each goal in the pool."""
        return self.pool.worst

    @property
    def best(self) -> float:
        """The best value, or the whole pool's hypervolume."""
        return self.pool.best

    @property
    def recipes(self) -> pd.DataFrame:
        """The pool's rows."""
        return self.pool.recipes

    def measure(self, chosen: pd.DataFrame, first: int) -> pd.DataFrame:
        """Return the rows' values."""
        return self.pool.observed(list(chosen.index))

    def plain(self, observed: pd.DataFrame) -> pd.DataFrame:
        """Return all of it."""
        return observed

    def score(self, chosen: pd.DataFrame) -> Array:
        """Return the rows' values as goals."""
        return np.asarray(self.pool.signed[list(chosen.index)])


@dataclass(frozen=True)
class LabArena:
    """A virtual laboratory under a campaign file: another seed is another truth and another literature.

    What counts as reached is the truth of what was proposed, so that neither luck nor a broken cell moves it; what a
    strategy is told is measured, with noise, failures and what was made instead.
    """

    config: CampaignConfig
    seed: int
    #: Reference and best where they were found before; by default a dense search finds them.
    attainable: tuple[tuple[float, ...], float] | None = None
    recipes: None = field(default=None, init=False)

    @cached_property
    def name(self) -> str:
        """Which laboratory."""
        return f"virtual lab {self.seed}"

    @cached_property
    def lab(self) -> VirtualLab:
        """The laboratory."""
        from pvdopt.virtual_lab import VirtualLab

        return VirtualLab(self.seed)

    @cached_property
    def space(self) -> SearchSpace:
        """As the campaign file says."""
        return self.config.space()

    @property
    def specification(self) -> str:
        """As the campaign file says."""
        return self.config.surrogate

    @cached_property
    def objectives(self) -> Sequence[Objective]:
        """As the campaign file says."""
        return tuple(self.config.objectives())

    @cached_property
    def evidence(self) -> Evidence | None:
        """What the other laboratories of this world have published; None where the campaign file wants none."""
        if not self.config.has_evidence:
            return None
        fixed, protocol = self.config.evidence_fixed(), self.config.protocol()
        if not self.config.uses_reported:
            return Evidence.physics_only(fixed, protocol)
        from pvdopt.cells import reported_cells
        from pvdopt.virtual_lab import simulated_literature

        # Columns that a simulated paper does not have are not stated in it.
        columns = reported_cells().frame.reset_index(names="id").iloc[:0]
        cells = pd.concat([columns, simulated_literature(self.seed)], ignore_index=True)
        return Evidence(cells, fixed, protocol)

    @cached_property
    def _attainable(self) -> tuple[Array, float]:
        """Reference and best, from a dense search of the noise-free truth."""
        if self.attainable is not None:
            return np.array(self.attainable[0]), self.attainable[1]
        rng = np.random.default_rng([self.seed, 17])
        recipes = draw_recipes(self.space, N_DENSE, rng)
        values = self.score(recipes)
        counts = np.isfinite(values).all(axis=1)
        reference = self._find_reference(values[counts])
        best, points = self._leading(recipes.iloc[np.flatnonzero(counts)], values[counts], reference)
        for round_ in range(N_ROUNDS):
            # A long front is searched around as many of its points as there is time for.
            some = np.unique(np.linspace(0, len(best) - 1, min(len(best), N_KEPT)).astype(int))
            varied = vary(self.space, best.iloc[some], N_VARIATIONS, 0.3 * 0.5**round_, rng)
            values = self.score(varied)
            new = np.flatnonzero(np.isfinite(values).all(axis=1))
            together: pd.DataFrame = pd.concat([best, varied.iloc[new]], ignore_index=True)
            best, points = self._leading(together, np.vstack([points, values[new]]), reference)
        if points.shape[1] == 1:
            return reference, float(points.max())
        return reference, hypervolume(points, reference)

    def _find_reference(self, values: Array) -> Array:
        """Return where progress starts from: the goals' thresholds, as in a campaign, or what most recipes exceed.

        Where no recipe meets all thresholds they are no help, and none counts.
        """
        most = np.quantile(values, REFERENCE_SHARE, axis=0)
        goals = [o for o in self.objectives if not o.is_constraint]
        told = [m if o.threshold is None else o.sign * o.threshold for o, m in zip(goals, most, strict=True)]
        return np.array(told) if (values > told).all(axis=1).any() else most

    @staticmethod
    def _leading(recipes: pd.DataFrame, values: Array, reference: Array) -> tuple[pd.DataFrame, Array]:
        """Return the recipes that no other beats, or the best few of one goal."""
        if values.shape[1] == 1:
            rows = np.argsort(-values[:, 0], kind="stable")[:N_KEPT]
        else:
            rows = np.flatnonzero(is_non_dominated(values) & (values > reference).all(axis=1))
            rows = rows[np.argsort(values[rows, 0], kind="stable")]
        return recipes.iloc[rows].reset_index(drop=True), values[rows]

    @property
    def reference(self) -> Array:
        """The goals' thresholds; without one, what one in ten of the recipes that count stays below."""
        return self._attainable[0]

    @property
    def best(self) -> float:
        """The noise-free optimum, or the hypervolume of all that the space allows."""
        return self._attainable[1]

    def _full(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return recipes with everything the laboratory has to be told."""
        return self.space.with_fixed(recipes[list(self.space.names)]).assign(**self.config.protocol().columns())

    def measure(self, chosen: pd.DataFrame, first: int) -> pd.DataFrame:
        """Make and test one cell of each recipe; a strategy that makes the same cell next gets the same noise."""
        found = [self.lab.measure(self._full(chosen.iloc[[k]]), first + k) for k in range(len(chosen))]
        cells = pd.concat(found, ignore_index=True)
        return cells[[*self.space.names, *(o.name for o in self.objectives), "outcome_class", "cycles"]]

    def plain(self, observed: pd.DataFrame) -> pd.DataFrame:
        """Return it without cycles: a retention after fewer than the protocol wants is none."""
        told = observed.drop(columns="cycles")
        if "retention" in told.columns:
            told["retention"] = told["retention"].mask(observed["cycles"] < (self.config.protocol().cycles or 0))
        return told

    def score(self, chosen: pd.DataFrame) -> Array:
        """Return the truth of recipes."""
        return signed_goals(self.lab.truth(self._full(chosen)), self.objectives)


def vary(
    space: SearchSpace, recipes: pd.DataFrame, n_each: int, width: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return allowed recipes near given ones: each setting of a copy changes with probability one half or by itself.

    Parameters
    ----------
    width : float
        Standard deviation of a number's change, as a share of its range.
    """
    many = recipes.iloc[np.repeat(np.arange(len(recipes)), n_each)].reset_index(drop=True)
    for p in space.parameters:
        changed = rng.random(len(many)) < 0.5
        if isinstance(p, Categorical):
            changed &= rng.random(len(many)) < 0.3
            drawn = p.from_unit(rng.random(len(many)))
            many[p.name] = many[p.name].where(~changed, pd.Series(drawn, dtype=object))
        else:
            held = p.to_unit(many[p.name].to_numpy(dtype=float))
            # A number that begins to apply starts anywhere.
            held = np.where(np.isnan(held), rng.random(len(many)), held)
            moved = np.clip(held + np.where(changed, width * rng.standard_normal(len(many)), 0.0), 0.0, 1.0)
            many[p.name] = p.from_unit(moved)
    many = space.snap(many)
    return many[space.is_allowed(many)].reset_index(drop=True)
