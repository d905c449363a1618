"""What one more cell teaches, replicates where noise holds the ranking back, and the advice to go on or stop."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pvdopt.choice.advice import N_TO_JUDGE, Advice, advise, say_advice
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.knowledge import knowledge_gain, noise_of_best
from pvdopt.choice.proposer import Proposer
from pvdopt.choice.runs import HourBudget, Run
from pvdopt.objectives import Objective
from pvdopt.space import Continuous, SearchSpace, Stepped
from pvdopt.surrogates.base import IdentityLink, LogLink, Prediction
from simple_models import SimpleModels, told

Y = Objective("y", unit="V")
TWO = [Y, Objective("z", maximize=False, unit="s")]
STEPS = SearchSpace([Stepped("t", 0, 9, step=1)])


class Given:
    """Models that believe given means, deviations and noise at the steps of one parameter, independently."""

    def __init__(self, mean, std, noise, names=("y",), link=None):
        self.mean, self.std, self.noise, self.names = mean, std, noise, names
        self.link = link or IdentityLink()

    def fit(self, observed):
        return self

    def predict(self, recipes):
        at = recipes["t"].to_numpy().astype(int)
        same = at[:, None] == at[None, :]
        found = {}
        for name in self.names:
            turn = -1.0 if name == "z" else 1.0
            mean, std = turn * np.array(self.mean, dtype=float)[at], np.array(self.std, dtype=float)[at]
            noise = np.full(len(at), float(self.noise))
            joint = same * std[:, None] * std[None, :]
            found[name] = Prediction(mean, std, 0.0 * std, noise, self.link, covariance=lambda joint=joint: joint)
        return found

    def draw(self, recipes, n, rng):
        return {name: p.draw(n, rng) for name, p in self.predict(recipes).items()}


def at(*steps):
    return STEPS.frame([{"t": float(k)} for k in steps])


# -- knowledge -------------------------------------------------------------------------------------------------------


def test_one_new_recipe_teaches_its_expected_improvement_less_what_noise_hides():
    models = Given([0.0, -0.5], [1e-6, 1.0], noise=1e-6)
    taught = knowledge_gain(models, [Y], np.zeros(1), at(0), at(1), np.random.default_rng(0))
    # phi(0.5) - 0.5 Phi(-0.5) = 0.1978: Jones, Schonlau, Welch 1998, eq. 15.
    assert taught == pytest.approx([0.1978], abs=2e-3)
    # With noise of its own size the mean moves by 1 / sqrt(2) only: 0.7071 (phi(0.7071) - 0.7071 Phi(-0.7071)).
    noisy = knowledge_gain(
        Given([0.0, -0.5], [1e-6, 1.0], 1.0), [Y], np.zeros(1), at(0), at(1), np.random.default_rng(0)
    )
    assert noisy == pytest.approx([0.0999], abs=2e-3)


def test_a_replicate_teaches_which_of_two_is_better_and_nothing_where_that_is_clear():
    close, apart = Given([1.0, 0.9], [0.3, 0.3], 0.3), Given([1.0, -9.0], [0.3, 0.3], 0.3)
    now = [knowledge_gain(m, [Y], np.zeros(1), at(0, 1), at(0, 1), np.random.default_rng(0)) for m in (close, apart)]
    assert (now[0] > 0.03).all()
    assert now[1] == pytest.approx([0.0, 0.0], abs=1e-9)
    # A logarithmic scale turns no spread into a gain where the choice stays the same.
    log = Given([1.0, -9.0], [0.3, 0.3], 0.3, link=LogLink())
    assert knowledge_gain(log, [Y], np.zeros(1), at(0, 1), at(0), np.random.default_rng(0)) == pytest.approx([0.0])


def test_knowledge_of_two_objectives_is_hypervolume():
    models = Given([1.0, 2.0], [1e-9, 0.5], 0.01, ("y", "z"))
    taught = knowledge_gain(models, TWO, np.zeros(2), at(0), at(0, 1), np.random.default_rng(0))
    assert taught[0] == pytest.approx(0.0, abs=1e-6)
    # From the square of 1 to that of 2, its sides moving independently: about 3.
    assert taught[1] == pytest.approx(3.0, abs=0.15)


def test_the_noise_of_the_best_is_that_of_a_cell():
    p = Given([3.0, 1.0], [1.0, 1.0], 0.2).predict(at(0, 1))
    assert noise_of_best(p, [Y], np.zeros(1)) == pytest.approx(0.2)
    log = Given([np.log(50.0)], [1.0], 0.1, link=LogLink()).predict(at(0))
    assert noise_of_best(log, [Y], np.zeros(1)) == pytest.approx(5.0, rel=0.01)
    both = Given([10.0], [1.0], 0.1, ("y", "z")).predict(at(0))
    # The area of a square of 10 whose sides have a deviation of 0.1 each: sqrt(2).
    assert noise_of_best(both, TWO, np.zeros(2)) == pytest.approx(1.41, abs=0.3)


# -- replicates ------------------------------------------------------------------------------------------------------


def made(steps, values):
    return told(STEPS, [{"t": float(k)} for k in steps], y=values)


def proposer(models, **more):
    return Proposer(STEPS, [Y], models=lambda: models, **more)


SEEN = made(range(8), [1.0, 0.95, 0, 0, 0, 0, 0, 0])


def test_a_leader_is_made_again_where_noise_holds_the_ranking_back():
    # Two leaders that cannot be told apart, and nothing new that could better them.
    models = Given([1.0, 0.95, 0, 0, 0, 0, 0, 0, -1, -1], [0.3] * 8 + [0.1] * 2, noise=0.4)
    batch = proposer(models).propose(SEEN, 1)
    assert batch["purpose"].tolist() == ["replicate"]
    assert batch["t"].iloc[0] in (0.0, 1.0)
    assert "differ too much to say which is the best" in batch["reason"].iloc[0]
    assert "expected to better that choice by" in batch["reason"].iloc[0]
    # Half of a batch at most, and none that is on its way already.
    assert (proposer(models).propose(SEEN, 2)["purpose"] == "replicate").sum() == 1
    waiting = at(0, 1, 2, 3, 4, 5, 6, 7)
    assert "replicate" not in set(proposer(models).propose(SEEN, 1, waiting)["purpose"])


@pytest.mark.parametrize(
    ("models", "seen"),
    [
        (Given([1.0, 0.95] + [0] * 6 + [0.8, 0.5], [0.3] * 8 + [1.0] * 2, noise=0.4), SEEN),
        (Given([1.0, 0.95] + [0] * 6 + [-1, -1], [1e-4] * 8 + [0.5] * 2, noise=1e-3), SEEN),
        (Given([1.0, 0.95] + [0] * 6 + [-1, -1], [0.3] * 8 + [0.1] * 2, noise=0.4), SEEN.iloc[:4]),
    ],
    ids=["something new promises more", "no noise", "too few cells to know the noise"],
)
def test_nothing_is_made_again_without_need(models, seen):
    assert "replicate" not in set(proposer(models).propose(seen, 2)["purpose"])


def test_a_study_without_replicates_has_none():
    models = Given([1.0, 0.95, 0, 0, 0, 0, 0, 0, -1, -1], [0.3] * 8 + [0.1] * 2, noise=0.4)
    assert proposer(models, replicates=False).propose(SEEN, 1)["t"].iloc[0] >= 8


def test_replicates_respect_settings_by_hand_runs_and_budget():
    models = Given([1.0, 0.95, 0, 0, 0, 0, 0, 0, -1, -1], [0.3] * 8 + [0.1] * 2, noise=0.4)
    assert proposer(models).propose(SEEN, 1, fix={"t": 8.0})["t"].tolist() == [8.0]
    # The leaders' run takes far longer than the budget.
    run = Run("deposition", ["t"], hours=90, hours_per={"t": -10})
    batch = proposer(models, runs=[run]).propose(SEEN, 1, budget=HourBudget(15.0))
    assert batch["t"].iloc[0] >= 8
    assert batch["hours"].sum() <= 15


def test_no_noise_no_replicates_on_a_smooth_function():
    space = SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)])
    found = draw_recipes(space, 12, np.random.default_rng(0))
    seen = found.assign(y=-((found["a"] - 0.3) ** 2) - (found["b"] - 0.7) ** 2)
    batch = Proposer(space, [Y], models=lambda: SimpleModels(space, [Y])).propose(seen, 4)
    assert "replicate" not in set(batch["purpose"])


# -- advice ----------------------------------------------------------------------------------------------------------


def advice_on(models, steps, purposes, n_own=N_TO_JUDGE, objectives=(Y,), taught=0.02, **more):
    batch = at(*steps).assign(usable_chance=1.0, purpose=purposes, acquisition=taught)
    reference = np.zeros(len(objectives))
    return advise(models, list(objectives), reference, at(0, 1), batch, n_own=n_own, **more)


MUCH = Given([1.0, 0.5, 1.2, 0.9], [0.01, 0.01, 0.5, 0.5], noise=0.1)
LITTLE = Given([1.0, 0.5, 0.2, 0.1], [0.01, 0.01, 0.1, 0.1], noise=0.1)


@pytest.mark.parametrize("objectives", [(Y,), tuple(TWO)], ids=["one", "two"])
def test_the_advice_that_is_right(objectives):
    names = tuple(o.name for o in objectives)
    much, little = (Given(m.mean, m.std, m.noise, names) for m in (MUCH, LITTLE))
    go = advice_on(much, [2, 3], "exploit", objectives=objectives)
    assert go.word == "go on"
    assert go.gain > go.noise
    assert go.chance > 0.5
    stop = advice_on(little, [2, 3], "explore", objectives=objectives)
    assert stop.word == "stop"
    assert stop.gain < 0.25 * stop.noise
    again = advice_on(little, [0, 2], ["replicate", "explore"], objectives=objectives)
    assert (again.word, again.replicate) == ("replicate", [0])
    # Which of the best it is does not matter if the difference is that small.
    assert advice_on(little, [0, 2], ["replicate", "explore"], objectives=objectives, taught=1e-4).word == "stop"
    few = advice_on(little, [2, 3], "explore", n_own=N_TO_JUDGE - 1, objectives=objectives)
    assert few.word == "go on"


def test_the_more_settings_are_varied_the_more_cells_it_takes_to_judge():
    space = SearchSpace([Stepped("t", 0, 9, step=1), *(Continuous(n, 0.0, 1.0) for n in "abcde")])
    row = {"t": 2.0, **dict.fromkeys("abcde", 0.5)}
    batch = space.frame([row]).assign(usable_chance=1.0, purpose="explore", acquisition=0.0)
    made = space.frame([{**row, "t": 0.0}, {**row, "t": 1.0}])
    found = [advise(LITTLE, [Y], np.zeros(1), made, batch, n_own=n) for n in (11, 12)]
    assert [advice.word for advice in found] == ["go on", "stop"]
    assert "11 measured cells are too few to advise a stop (12 are needed)" in say_advice(found[0])


def test_a_cell_that_is_likely_to_fail_gains_little():
    batch = at(2).assign(usable_chance=0.02, purpose="exploit", acquisition=0.1)
    found = advise(MUCH, [Y], np.zeros(1), at(0, 1), batch, n_own=20)
    assert found.gain < 0.1 * advice_on(MUCH, [2], "exploit").gain


def test_an_hour_has_to_gain_what_the_campaign_file_asks():
    assert advice_on(MUCH, [2], "exploit", hours=10.0, least_per_hour=0.01).word == "go on"
    dear = advice_on(MUCH, [2], "exploit", hours=100.0, least_per_hour=0.01)
    assert dear.word == "stop"
    assert "less than the 0.01 V an hour that the campaign file asks for" in say_advice(dear)


def test_the_advice_in_words_and_back_from_the_ledger():
    go, stop = advice_on(MUCH, [2], "exploit"), advice_on(LITTLE, [2], "explore")
    assert say_advice(go).startswith("Go on: the next batch as a whole is expected to gain 0.3")
    assert "cells of one recipe differ by 0.1 V (1 sd)" in say_advice(go)
    assert say_advice(stop).startswith("Stop: the next batch as a whole is expected to gain")
    assert "7 measured cells are too few to advise a stop" in say_advice(advice_on(LITTLE, [2], "explore", n_own=7))
    assert say_advice(advice_on(LITTLE, [0], ["replicate"])).startswith("Replicate 0 first: cells of one recipe")
    for advice in (go, stop):
        assert Advice.parse(advice.to_json()) == advice
    nothing = advise(
        MUCH, [Y], np.zeros(1), at(), at(2).assign(usable_chance=1.0, purpose="explore", acquisition=0.1), n_own=0
    )
    assert (nothing.word, nothing.gain) == ("go on", None)
    below = replace(nothing, n_own=3)
    assert say_advice(below).startswith("Go on: none of the 3 measured cells is believed to meet the thresholds")
    assert say_advice(nothing) == "Go on: no own cell is measured yet."


def test_the_advice_stops_a_campaign_of_a_known_function_and_not_before_it_is_learnt():
    space = SearchSpace([Continuous("a", 0.0, 1.0)])

    def f(recipes):
        return 1.0 - 4.0 * (recipes["a"] - 0.3) ** 2

    rng = np.random.default_rng(0)
    seen = space.frame([{"a": a} for a in (0.0, 0.8, 1.0)])
    seen = seen.assign(y=f(seen))
    words = []
    for _ in range(14):
        models = SimpleModels(space, [Y], length=0.3, noise=0.02)
        batch = Proposer(space, [Y], models=lambda m=models: m, replicates=False).propose(seen, 1)
        word = advise(models.fit(seen), [Y], np.zeros(1), seen[["a"]], batch, n_own=len(seen)).word
        words.append(word)
        new = batch[["a"]].assign(y=f(batch) + 0.02 * rng.standard_normal(1))
        seen = pd.concat([seen, new], ignore_index=True)
    assert "stop" in words
    before = seen.iloc[: 3 + words.index("stop")]
    assert f(before).max() > 0.95
