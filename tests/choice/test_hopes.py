"""What a batch is hoped to bring: exact where it can be computed by hand, and the same figure as the advice's."""

import re

import numpy as np
import pytest
from scipy.stats import norm

from pvdopt.choice.acquisition import hypervolume
from pvdopt.choice.advice import advise
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.hopes import N_DRAWS, draw_together, find_hopes
from pvdopt.choice.proposer import Proposer
from pvdopt.choice.runs import Run
from pvdopt.objectives import Objective
from pvdopt.space import Continuous, SearchSpace
from pvdopt.surrogates.base import IdentityLink
from simple_models import FixedModels, SimpleModels

SPACE = SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)])
Y = Objective("y", unit="V")
TWO = [Y, Objective("z", maximize=False, unit="s")]


def flat(mean, std):
    """Models of which the recipe's first setting is the mean, shifted and scaled, and all deviations are alike."""
    return lambda r: mean(r["a"].to_numpy()), lambda r: np.full(len(r), std), IdentityLink()


def rows(*places):
    return SPACE.frame([{"a": a, "b": 0.5} for a in places])


def test_one_goal_by_hand():
    models = FixedModels(
        y=(lambda r: r["a"].to_numpy(), lambda r: 0.3 * (r["a"] < 0.95).to_numpy() + 1e-9, IdentityLink())
    )
    batch, best, front, usable = rows(0.7, 1.2, 0.8), rows(1.0), np.ones((1, 1)), np.ones(3)
    medians = batch[["a"]].to_numpy()
    first, _, last = find_hopes(models, [Y], np.zeros(1), best, front, batch, medians, usable, 0)
    z = (1.0 - 0.7) / 0.3
    assert first.better == pytest.approx(norm.sf(z), abs=0.05)
    assert first.high["y"] == pytest.approx(0.7 + 0.3 * norm.ppf(0.9), abs=0.06)
    assert first.gain == pytest.approx(0.3 * (norm.pdf(z) - z * norm.sf(z)), rel=0.4)
    assert first.in_medians == 0.0
    # On top of the others it gains less than alone.
    (alone,) = find_hopes(models, [Y], np.zeros(1), best, front, batch.iloc[[2]], medians[[2]], usable[[2]], 0)
    assert last.gain < 0.8 * alone.gain
    # What is never usable gains nothing, however good its recipe.
    (never,) = find_hopes(models, [Y], np.zeros(1), best, front, batch.iloc[[2]], medians[[2]], 0.0 * usable[[2]], 0)
    assert never.gain == 0.0
    assert never.better == alone.better


def test_medians_that_are_better_hold_the_gain():
    models = FixedModels(y=flat(lambda a: a, 0.01))
    args = (models, [Y], np.zeros(1), rows(0.2), np.array([[0.2]]), rows(0.8), np.array([[0.8]]), np.ones(1), 0)
    (found,) = find_hopes(*args)
    assert found.in_medians == pytest.approx(1.0, abs=0.05)
    assert found.better == 1.0


@pytest.mark.parametrize("n_goals", [2, 3])
def test_what_cells_gain_adds_up_to_the_growth_of_the_hypervolume(n_goals):
    goals = [Objective(name, maximize=name != "z", unit="V") for name in "yzx"[:n_goals]]
    models = FixedModels(**{o.name: flat(lambda a, s=o.sign: s * a, 0.2) for o in goals})
    best, batch, usable = rows(0.5, 0.6), rows(0.4, 0.7, 0.9), np.array([0.9, 0.5, 0.8])
    reference, front = np.full(n_goals, -1.0), np.full((2, n_goals), 0.5)
    medians = np.repeat(batch[["a"]].to_numpy(), n_goals, axis=1)
    found = find_hopes(models, goals, reference, best, front, batch, medians, usable, 7)
    points, counts = draw_together(models, goals, best, batch, usable, 7)
    whole = [hypervolume(p[c], reference) - hypervolume(p[:2], reference) for p, c in zip(points, counts, strict=True)]
    # Three goals are scalarised, at random.
    assert sum(h.gain for h in found) == pytest.approx(np.mean(whole), rel=1e-9 if n_goals == 2 else 0.1)
    assert len(points) == N_DRAWS


@pytest.mark.parametrize("runs", [(), (Run("deposition", ["a"], places=2, hours=3.0),)], ids=["plain", "runs"])
def test_the_gains_told_with_proposals_are_those_of_the_advice(runs):
    seen = draw_recipes(SPACE, 9, np.random.default_rng(2))
    seen = seen.assign(y=np.sin(4 * seen["a"]) + seen["b"], z=seen["a"] ** 2)
    models = SimpleModels(SPACE, TWO)
    batch = Proposer(SPACE, TWO, runs=runs, seed=5, models=lambda: models, replicates=False).propose(seen, 4)
    told = [float(re.search(r"expected gain ([0-9.]+) % of the hyper", reason)[1]) for reason in batch["reason"]]
    reference = np.array([o.sign * batch.attrs["reference"][o.name] for o in TWO])
    made = seen[list(SPACE.names)]
    advice = advise(models.fit(seen), TWO, reference, made, batch, n_own=9, seed=5)
    assert sum(told) == pytest.approx(advice.gain, rel=0.01)
    assert ["on top of" in reason for reason in batch["reason"]] == [False, True, True, True]


def test_a_cell_that_only_its_spread_makes_worth_a_run_is_no_exploit():
    # Predicted a hair better than the best, and known as badly as everything else.
    seen = rows(0.5, 0.1, 0.2).assign(y=[0.5, 0.1, 0.2], z=0.0)
    objectives = [Y, Objective("z", maximize=False, unit="s")]
    models = FixedModels(y=flat(lambda a: a, 0.3), z=flat(lambda a: 0.0 * a, 1e-6))
    hair, much = rows(0.53), rows(4.0)
    wide = SearchSpace([Continuous("a", 0.0, 9.0), Continuous("b", 0.0, 1.0)])
    for candidates, purpose in ((hair, "explore"), (much, "exploit")):
        proposer = Proposer(wide, objectives, models=lambda: models, reference={"y": 0.0, "z": 1.0})
        batch = proposer.propose(seen, 1, candidates=candidates)
        assert batch["purpose"].tolist() == [purpose]
        assert batch["reason"].iloc[0].startswith(purpose.capitalize())
        assert "; 1 chance in 10 each of " in batch["reason"].iloc[0]
