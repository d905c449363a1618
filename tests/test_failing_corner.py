"""The long form of how failures are avoided: the proposer as it is used, over twenty seeds."""

import numpy as np
import pandas as pd
import pytest

from pvdopt.choice.proposer import Proposer
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, Continuous, SearchSpace

Y = Objective("y")
SPACES = {
    "numbers": SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)]),
    "mixed": SearchSpace(
        [Continuous("a", 0.0, 1.0), Categorical("gas", ["Ar", "O2"]), Continuous("c", 0.0, 1.0), Continuous("d", 0, 1)]
    ),
}
N_SEEDS, N_FAILED, N_NEXT, MOST = 20, 5, 20, 2


def in_corner(recipes):
    """A quarter of the space."""
    second = recipes["b"] > 0.5 if "b" in recipes else recipes["gas"] == "O2"
    return ((recipes["a"] > 0.5) & second).to_numpy()


def worth(recipes, best):
    second = recipes["b"] if "b" in recipes else 0.25 + 0.5 * (recipes["gas"] == "O2")
    return -((recipes["a"] - best) ** 2) - (second - best) ** 2


def told(recipes, best):
    failed = in_corner(recipes)
    return recipes.assign(
        outcome_class=np.where(failed, "cracked", "ok"), y=np.where(failed, np.nan, worth(recipes, best))
    )


def n_returned(space, best, seed):
    """Return how many of the next proposals lie in the corner, after five failures in it and ten cells elsewhere."""
    drawn = space.from_unit(np.random.default_rng(seed).random((400, len(space.parameters))))
    corner = in_corner(drawn)
    first = pd.concat([drawn[corner].iloc[:N_FAILED], drawn[~corner].iloc[: 2 * N_FAILED]], ignore_index=True)
    seen = told(first, best)
    for _ in range(N_NEXT):
        new = Proposer(space, [Y], seed=seed).propose(seen)[list(space.names)]
        seen = pd.concat([seen, told(new, best)], ignore_index=True)
    return int(in_corner(seen.iloc[len(first) :]).sum())


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("best", [0.3, 0.8], ids=["best-elsewhere", "best-inside"])
def test_a_failing_corner_is_left_alone_over_twenty_seeds(kind, best):
    returned = [n_returned(SPACES[kind], best, seed) for seed in range(N_SEEDS)]
    print(f"{kind}, best at {best}: back in the corner {sorted(returned)} times of {N_NEXT}")
    assert np.median(returned) <= MOST
