"""Choose recipes one after the other: spread over the space, as a baseline, or by their expected gain.

Without a list of candidates recipes are drawn over the space, varied around the best, and none is proposed that was
tried before; with one, each of its rows can be chosen once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.choice.candidates import N_LISTED, draw_recipes, vary_recipes
from pvdopt.choice.gain import N_ROWS, Gain
from pvdopt.choice.holding import Held
from pvdopt.choice.observed import Known
from pvdopt.errors import NothingToPropose
from pvdopt.features import Design
from pvdopt.space import SearchSpace
from pvdopt.usability import Usability, design_differences, design_of, squared_differences

Array = np.ndarray[Any, Any]

#: Recipes drawn to choose one cell of the first design from: the farthest of few, so that corners do not always win.
N_RIVALS_FIRST = 64
#: Recipes drawn over the space, varied around the best known ones, and varied in each round of refinement.
N_DRAWN, N_NEAR, N_REFINED = 2000, 400, 200
#: Width of the variation around known recipes, then of each round around the best candidates.
WIDTHS = (0.15, 0.1, 0.06, 0.03, 0.015, 0.007, 0.003, 0.001)
#: Rounds on a long list of candidates, which has an end to its fineness.
N_ROUNDS_LISTED = 6
#: Candidates that each round varies.
N_PARENTS = 8
#: A recipe whose chance lies below a gate is chosen only where nothing else is left. An expected gain can grow without
#: bound towards a region nobody could measure, while the chance falls only as one over the failures: their product
#: alone goes back there time and again. The gate, as a share of the prior chance, rises from the first to the second
#: value with the evidence (log likelihood beyond 1) that failures follow the recipe: a yield that is merely poor
#: somewhere does not close it.
GATE, STEEPNESS = (0.4, 0.98), 300.0
#: The shortlist scored jointly: the best of all and the best of those drawn over the whole space, for the batch and
#: more for each of its recipes.
N_BEST, N_SPREAD = (48, 16), (16, 6)


@dataclass(frozen=True)
class Choice:
    """One recipe chosen.

    Attributes
    ----------
    recipe : DataFrame of one row
    place : int
        Its position among the candidates, -1 without a list of them.
    gain : float or None
        Expected gain times the chances, where that is what chose it.
    is_reported : bool
        Of a baseline: whether it is a reported recipe, but for the settings held; else it is the one predicted best.
    rival : float or None
        Of a replicate: what the new recipe in whose place it stands was expected to teach, in the unit of ``gain``.
    """

    recipe: pd.DataFrame
    place: int = -1
    gain: float | None = None
    is_first: bool = False
    is_baseline: bool = False
    is_reported: bool = False
    rival: float | None = None


class Search:
    """The recipes one batch is chosen from, and what is chosen so far.

    Parameters
    ----------
    cost : callable or None
        Recipes -> hours of each, positive.
    candidates : DataFrame or None
        Recipes to choose among; those that may not be made are left out.
    held : Held, optional
        Settings that stay as they are; without a list of candidates.

    Raises
    ------
    NothingToPropose
        If none of the candidates may be made.
    """

    def __init__(
        self,
        space: SearchSpace,
        known: Known,
        usability: Usability,
        cost: Callable[[pd.DataFrame], Array] | None,
        candidates: pd.DataFrame | None,
        rng: np.random.Generator,
        held: Held | None = None,
    ) -> None:
        self.space, self.known, self.usability = space, known, usability
        self._cost, self.rng, self._held = cost, rng, held
        self._taken = set(known.keys)
        self.choices: list[Choice] = []
        #: The shortlist that was chosen from by gain, and its log scores and preferences once the batch is made.
        self.considered: tuple[pd.DataFrame, Array, Array] | None = None
        self._listed: pd.DataFrame | None = None
        if candidates is not None:
            # The index becomes the place among the candidates, whatever rows are dropped later.
            listed = candidates.reset_index(drop=True)
            self._listed = listed[space.is_allowed(listed)]
            if len(listed) and not len(self._listed):
                why = "; ".join(space.explain(dict(listed.iloc[0])))
                raise NothingToPropose(
                    f"Nothing can be proposed: no candidate may be made (the first one: {why}). "
                    "Correct the candidates or widen the space."
                )

    @property
    def is_listed(self) -> bool:
        """Whether recipes are chosen from a list of candidates."""
        return self._listed is not None

    def log_chance(self, recipes: pd.DataFrame) -> Array:
        """Return the log chance of a usable cell, which multiplies the gain; shape (n,)."""
        return np.asarray(np.log(self.usability.chance(recipes)))

    def log_preference(self, recipes: pd.DataFrame) -> Array:
        """Return what further decides between gains: the gate on the chance, and the hours; log, shape (n,)."""
        follows = 1.0 - np.exp(-max(self.usability.pattern - 1.0, 0.0) / 1.5)
        gate = self.usability.prior_chance * (GATE[0] + (GATE[1] - GATE[0]) * follows)
        weight = STEEPNESS * np.minimum(self.log_chance(recipes) - np.log(gate), 0.0)
        if self._cost is None:
            return np.asarray(weight)
        hours = np.asarray(self._cost(recipes), dtype=float)
        if not (np.isfinite(hours) & (hours > 0)).all():
            raise ValueError("cost must return positive hours for every recipe")
        return np.asarray(weight - np.log(hours))

    def _log_weight(self, recipes: pd.DataFrame) -> Array:
        return np.asarray(self.log_chance(recipes) + self.log_preference(recipes))

    def _draw(self, n: int) -> pd.DataFrame:
        """Return recipes not taken yet: up to n drawn ones, or what is left of the candidates."""
        if self._listed is not None:
            return self._listed
        taken = frozenset(self._taken)
        return (
            draw_recipes(self.space, n, self.rng, taken) if self._held is None else self._held.draw(n, self.rng, taken)
        )

    @property
    def may_vary(self) -> bool:
        """Whether recipes may be made up, and are not those of a list."""
        return self._listed is None

    def keep_held(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return those recipes that have the settings held."""
        if self._held is None:
            return recipes
        alike = np.ones(len(recipes), dtype=bool)
        for name, value in self._held.fix.items():
            alike &= (recipes[name] == value).to_numpy()
        return recipes[alike]

    @property
    def held_names(self) -> tuple[str, ...]:
        """The settings held by hand."""
        return () if self._held is None else tuple(self._held.fix)

    def hold(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return recipes with the settings held put in place, those that may be made so."""
        return recipes if self._held is None else self._held.keep(recipes)

    def keep_new(self, recipes: pd.DataFrame, pool: pd.DataFrame) -> pd.DataFrame:
        """Return those recipes that may be made, differ from each other, and are neither taken nor in a pool."""
        kept = recipes[self.space.is_allowed(recipes)] if self._held is None else self._held.keep(recipes)
        seen = self._taken | set(self.space.keys(pool))
        new = []
        for key in self.space.keys(kept):
            new.append(key not in seen)
            seen.add(key)
        return kept[np.array(new, dtype=bool)].reset_index(drop=True)

    def take(self, recipe: pd.DataFrame, **what: Any) -> None:
        """Count a recipe, a frame of one row, as chosen."""
        self._taken.update(self.space.keys(recipe))
        place = -1
        if self._listed is not None:
            place = int(recipe.index[0])
            self._listed = self._listed.drop(index=place)
        self.choices.append(Choice(recipe.reset_index(drop=True), place, **what))

    def _chosen(self) -> list[pd.DataFrame]:
        return [c.recipe for c in self.choices]

    # -- ways to choose ------------------------------------------------------------------------------------------

    def spread(self, n: int) -> None:
        """Choose up to n recipes far from everything tried: each the farthest of a few, weighted by its chance.

        Mitchell's best candidate; the distance is the mean over parameters of squared differences.
        """
        for _ in range(n):
            pool = self.draw_some()
            if len(pool) == 0:
                break
            self.take_farthest(pool)

    def draw_some(self) -> pd.DataFrame:
        """Return a few recipes to choose one of the first design from."""
        pool = self._draw(N_RIVALS_FIRST)
        if len(pool) > N_RIVALS_FIRST:
            pool = pool.iloc[np.sort(self.rng.choice(len(pool), N_RIVALS_FIRST, replace=False))]
        return pool

    def take_farthest(self, pool: pd.DataFrame) -> pd.DataFrame:
        """Choose the recipe farthest from everything tried, weighted by its chance; return it, a frame of one row."""
        tried = pd.concat([self.known.tried, *self._chosen()], ignore_index=True)
        distance = np.ones(len(pool))
        if len(tried):
            distance = squared_differences(self.space, pool, tried).mean(axis=0).min(axis=1)
        score = np.sqrt(distance) * self.usability.chance(pool)
        best = pool.iloc[[int(np.argmax(score))]]
        self.take(best, is_first=True)
        return best

    def baseline(self, gain: Gain, reported: pd.DataFrame) -> None:
        """Choose the recipe with the best predicted medians: among the reported ones, else among all."""
        is_reported = len(reported) > 0 and self._listed is None
        pool = reported if is_reported else self._draw(N_DRAWN)
        if len(pool):
            worth = gain.log_worth(pool) + self._log_weight(pool)
            self.take(pool.iloc[[int(np.argmax(worth))]], is_baseline=True, is_reported=is_reported)

    def by_gain(self, gain: Gain, n: int) -> None:
        """Choose up to n recipes greedily by their gain on joint draws."""
        pool, score, n_spread = self.score_pool(gain)
        if len(pool) == 0:
            return
        order = np.argsort(-score, kind="stable")
        wide = order[order < n_spread][: N_SPREAD[0] + N_SPREAD[1] * n]
        picked = np.array(list(dict.fromkeys([*order[: N_BEST[0] + N_BEST[1] * n], *wide])), dtype=int)
        shortlist = pool.iloc[picked]
        preference = self.log_preference(shortlist)
        joint = gain.joint(shortlist, self.log_chance(shortlist) + preference)
        for k in range(min(n, len(shortlist))):
            scores = joint.log_scores()
            if k == 0 and gain.is_exact:
                # Draws do not see an improvement that one in a thousand would show; without it a search stays at an
                # optimum that it knows all about.
                scores = np.maximum(scores, score[picked])
            best = int(np.argmax(scores))
            joint.take(best)
            self.take(shortlist.iloc[[best]], gain=float(np.exp(scores[best] - preference[best])))
        self.considered = (shortlist, joint.log_scores(), preference)

    def score_pool(self, gain: Gain) -> tuple[pd.DataFrame, Array, int]:
        """Return recipes, their log scores one by one, and how many of them (the first) lie all over the space."""

        def score(recipes: pd.DataFrame) -> Array:
            return gain.log_marginal(recipes) + self._log_weight(recipes)

        if self._listed is not None:
            return self._score_listed(self._listed, score)
        is_small = self.space.n_settings(N_LISTED) is not None
        pool = self._draw(N_LISTED if is_small else N_DRAWN)
        scores = score(pool)
        n_spread = len(pool)
        if is_small or n_spread == 0:
            return pool, scores, n_spread
        seen = self._taken | set(self.space.keys(pool))
        parents, count = gain.leaders(N_PARENTS), N_NEAR
        for width in WIDTHS:
            children = vary_recipes(self.space, parents, count, width, self.rng)
            children = self.hold(children)
            keys = self.space.keys(children)
            children = children[np.array([k not in seen for k in keys], dtype=bool)]
            if len(children):
                seen.update(keys)
                pool = pd.concat([pool, children], ignore_index=True)
                scores = np.concatenate([scores, score(children)])
            parents, count = pool.iloc[np.argsort(-scores, kind="stable")[:N_PARENTS]], N_REFINED
        return pool, scores, n_spread

    def _score_listed(
        self, listed: pd.DataFrame, score: Callable[[pd.DataFrame], Array]
    ) -> tuple[pd.DataFrame, Array, int]:
        """Return what :meth:`score_pool` does, of a list: all of it, or of a long one some and those near the best."""
        if len(listed) <= N_LISTED:
            return listed, score(listed), len(listed)
        rows = np.sort(self.rng.choice(len(listed), N_DRAWN, replace=False))
        scores = score(listed.iloc[rows])
        design = design_of(self.space, listed)
        for _ in WIDTHS[:N_ROUNDS_LISTED]:
            distance = _distance_to(design, rows[np.argsort(-scores, kind="stable")[:N_PARENTS]])
            distance[rows] = np.inf
            near = np.argpartition(distance, N_NEAR)[:N_NEAR]
            rows = np.concatenate([rows, near])
            scores = np.concatenate([scores, score(listed.iloc[near])])
        return listed.iloc[rows], scores, N_DRAWN


def _distance_to(design: Design, rows: Array) -> Array:
    """Return each recipe's squared distance to the nearest of some of them, shape (n,)."""
    few = design.take(rows)
    blocks = [design.take(np.arange(k, min(k + N_ROWS, design.n))) for k in range(0, design.n, N_ROWS)]
    return np.concatenate([design_differences(b, few).sum(axis=0).min(axis=1) for b in blocks])
