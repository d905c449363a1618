"""Gain: the quick score, the joint score, and what a chosen recipe takes away from the others."""

import numpy as np
import pandas as pd
import pytest

from pvdopt.choice.acquisition import expected_improvement, hypervolume
from pvdopt.choice.gain import Front, Gain, draw_scalarisations, log_chance_to_meet, signed_medians
from pvdopt.objectives import Objective
from pvdopt.space import Continuous, SearchSpace
from pvdopt.surrogates.base import Prediction
from simple_models import FADE, IDENTITY, LOG, FixedModels, SimpleModels

SPACE = SearchSpace([Continuous("a", 0.0, 1.0)])
NONE = SPACE.frame([])


def line(n=21):
    return pd.DataFrame({"a": np.linspace(0.0, 1.0, n)})


def flat(value):
    return lambda recipes: np.full(len(recipes), value)


def gain(objectives, models, measured=NONE, expected=NONE, reference=None):
    m = len([o for o in objectives if not o.is_constraint])
    point = np.zeros(m) if reference is None else np.array(reference)
    return Gain(models, objectives, point, measured, expected, np.random.default_rng(0))


@pytest.mark.parametrize("maximize", [True, False])
def test_one_objective_is_scored_by_improvement_on_the_best_median(maximize):
    sign = 1.0 if maximize else -1.0
    models = FixedModels(y=(lambda r: sign * r["a"], flat(0.2), IDENTITY))
    found = gain([Objective("y", maximize=maximize)], models, measured=pd.DataFrame({"a": [0.2, 0.6]}))
    wanted = expected_improvement(line()["a"].to_numpy(), np.full(21, 0.2), 0.6)
    np.testing.assert_allclose(np.exp(found.log_marginal(line())), wanted, rtol=1e-9)
    assert found.achieved.max() == pytest.approx(0.6 if maximize else 0.6 * sign * sign)


def test_a_falling_link_is_turned():
    # On the fade scale less is better retention.
    models = FixedModels(retention=(lambda r: -r["a"] * 4, flat(0.1), FADE))
    scores = gain([Objective("retention")], models).log_marginal(line())
    assert (np.diff(scores) > 0).all()


def test_joint_and_quick_scores_agree_without_correlation():
    models = FixedModels(y=(lambda r: r["a"], flat(0.3), IDENTITY))
    found = gain([Objective("y")], models, measured=pd.DataFrame({"a": [0.9]}))
    joint = found.joint(line(), np.zeros(21))
    # The joint score knows that the best so far is uncertain itself; the order is the same.
    assert np.corrcoef(joint.log_scores(), found.log_marginal(line()))[0, 1] > 0.97


@pytest.mark.parametrize("m", [1, 2, 3])
def test_what_is_taken_takes_gain_from_its_neighbours(m):
    objectives = [Objective(n) for n in "xyz"[:m]]
    models = SimpleModels(SPACE, objectives, length=0.1)
    seen = pd.DataFrame({"a": [0.0, 1.0]}).assign(**{n: [0.0, 0.1] for n in "xyz"[:m]})
    found = gain(objectives, models.fit(seen), seen[["a"]], reference=np.full(m, -1.0))
    joint = found.joint(line(), np.zeros(21))
    before = joint.log_scores()
    joint.take(10)
    after = joint.log_scores()
    assert after[10] == -np.inf
    loss = np.exp(before) - np.exp(np.where(np.isfinite(after), after, -700))
    assert loss[9] > 3 * loss[3]
    assert (after <= before + 1e-9).all()


def test_over_several_best_the_gain_is_over_the_least_of_them():
    models = FixedModels(y=(lambda r: r["a"], flat(0.1), IDENTITY))
    seen = pd.DataFrame({"a": [0.9, 0.1, 0.5, 0.3]})
    rng = np.random.default_rng(0)
    for n_best, least in ((1, 0.9), (3, 0.3), (9, 0.1)):
        found = Gain(models, [Objective("y")], np.zeros(1), seen, NONE, rng, n_best)
        wanted = expected_improvement(line()["a"].to_numpy(), np.full(21, 0.1), least)
        np.testing.assert_allclose(np.exp(found.log_marginal(line())), wanted, rtol=1e-9)


def test_jointly_too_and_what_is_taken_moves_up_the_least():
    sure = FixedModels(y=(lambda r: r["a"], flat(1e-9), IDENTITY))
    seen = pd.DataFrame({"a": [0.9, 0.1, 0.5, 0.3]})
    found = Gain(sure, [Objective("y")], np.zeros(1), seen, NONE, np.random.default_rng(0), 2)
    joint = found.joint(line(), np.zeros(21))
    # 1.0 is taken, then 0.95: the least of the two best goes from 0.5 to 0.9 to 0.95.
    for at, gain_there in ((20, 0.5), (19, 0.05), (18, 0.0)):
        assert np.exp(joint.log_scores())[at] == pytest.approx(gain_there, abs=0.01)
        joint.take(at)


def test_what_is_expected_counts_as_achieved():
    objectives = [Objective("y")]
    models = SimpleModels(SPACE, objectives, length=0.1).fit(pd.DataFrame({"a": [0.0, 1.0], "y": [0.0, 0.1]}))
    free = gain(objectives, models).joint(line(), np.zeros(21)).log_scores()
    held = gain(objectives, models, expected=pd.DataFrame({"a": [0.5]})).joint(line(), np.zeros(21)).log_scores()
    assert free[10] - held[10] > free[3] - held[3] + 0.5


def test_recipes_that_break_a_constraint_are_not_achieved():
    objectives = [Objective("y"), Objective("w", maximize=None, threshold=0.5)]
    models = FixedModels(y=(lambda r: r["a"], flat(0.01), IDENTITY), w=(lambda r: 1 - r["a"], flat(0.01), IDENTITY))
    found = gain(objectives, models, measured=pd.DataFrame({"a": [0.2, 0.9]}))
    assert found.achieved.ravel().tolist() == [0.2]
    assert line().iloc[int(np.argmax(found.log_marginal(line())))]["a"] == pytest.approx(0.5, abs=0.051)
    joint = found.joint(line(), np.zeros(21))
    assert line().iloc[int(np.argmax(joint.log_scores()))]["a"] == pytest.approx(0.5, abs=0.051)


@pytest.mark.parametrize(
    ("link", "mean", "threshold", "chance"),
    [
        (IDENTITY, 1.0, 1.0, 0.5),
        (LOG, np.log(30.0), 30.0, 0.5),
        (LOG, 0.0, -5.0, 1.0),
        (FADE, FADE.forward(np.array([0.8]))[0], 0.8, 0.5),
        (FADE, FADE.forward(np.array([0.95]))[0], 0.8, 0.9),
    ],
    ids=["plain", "log", "log-of-nothing", "fade", "better-than-asked"],
)
def test_chances_to_meet_a_threshold(link, mean, threshold, chance):
    models = FixedModels(w=(flat(mean), flat(0.5), link))
    limits = [Objective("w", maximize=None, threshold=threshold)]
    found = float(np.exp(log_chance_to_meet(models.predict(line(1)), limits)[0]))
    assert found == pytest.approx(chance, abs=0.1)


def test_the_chance_of_a_cell_agrees_with_its_interval():
    values = {name: np.array([number]) for name, number in {"mean": 1.0, "std": 0.2}.items()}
    belief = Prediction(**values, offset_std=np.array([1.0]), noise_std=np.array([0.5]), link=IDENTITY, factor=1.3)
    low = float(belief.interval(0.8)[0][0])
    limits = [Objective("w", maximize=None, threshold=low)]
    assert np.exp(log_chance_to_meet({"w": belief}, limits, as_cell=True))[0] == pytest.approx(0.9)
    assert np.exp(log_chance_to_meet({"w": belief}, limits))[0] > 0.99


@pytest.mark.parametrize("m", [2, 3])
def test_growth_is_the_growth_of_the_hypervolume(m):
    rng = np.random.default_rng(m)
    achieved, new = rng.random((5, m)), rng.random((4, m)) * 1.3
    reference = np.full(m, 0.1)
    n = 2 if m == 2 else 4000
    directions = draw_scalarisations(n * 8, m, rng).reshape(n, 8, m)
    front = Front(np.broadcast_to(achieved, (n, 5, m)), reference, directions)
    found = np.exp(front.log_growth(np.broadcast_to(new, (n, 4, m))))
    old = hypervolume(achieved, reference)
    wanted = [hypervolume(np.vstack([achieved, p]), reference) - old for p in new]
    np.testing.assert_allclose(found, wanted, rtol=0.05, atol=2e-3)
    front.add(np.broadcast_to(new[0], (n, m)))
    assert np.exp(front.log_growth(np.broadcast_to(new[:1], (n, 1, m))))[0] < 1e-3


def test_nearness_leads_where_nothing_grows():
    models = FixedModels(
        y=(lambda r: r["a"] - 50.0, flat(0.01), IDENTITY), z=(lambda r: r["a"] - 50.0, flat(0.01), IDENTITY)
    )
    scores = gain([Objective("y"), Objective("z")], models).log_marginal(line())
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()


def test_medians_are_signed():
    models = FixedModels(y=(flat(2.0), flat(0.1), IDENTITY), z=(flat(3.0), flat(0.1), IDENTITY))
    goals = [Objective("y"), Objective("z", maximize=False)]
    assert signed_medians(models.predict(line(2)), goals).tolist() == [[2.0, -3.0], [2.0, -3.0]]


# Along one setting x falls and z rises, as on a front between two objectives.
FRONT = {"x": (lambda r: 1 - r["a"], flat(0.02), IDENTITY), "z": (lambda r: r["a"], flat(0.02), IDENTITY)}


def test_growth_counts_near_the_leading_recipes_and_not_from_afar():
    objectives = [Objective("x"), Objective("z")]
    measured = pd.DataFrame({"a": [0.2, 0.5, 0.8]})
    found = gain(objectives, FixedModels(**FRONT), measured, reference=[-50.0, -50.0])
    # The front spans 0.2 to 0.8 in both, known within 0.02, and as much below its worst still counts.
    np.testing.assert_allclose(found.reference, [0.2 - 0.62, 0.2 - 0.62])
    near = gain(objectives, FixedModels(**FRONT), measured, reference=[0.1, -50.0])
    np.testing.assert_allclose(near.reference, [0.1, 0.2 - 0.62], err_msg="a nearer threshold stays")


def test_what_only_noise_puts_in_front_does_not_move_the_reference():
    # The last recipe is as good in x as the first, within what is known of it, and far worse in z.
    models = FixedModels(
        x=(lambda r: np.where(r["a"] > 0.9, 1.001, 1 - r["a"]), flat(0.02), IDENTITY),
        z=(lambda r: np.where(r["a"] > 0.9, -3.0, r["a"]), flat(0.02), IDENTITY),
    )
    measured = pd.DataFrame({"a": [*np.linspace(0.0, 0.8, 18), 0.99]})
    found = gain([Objective("x"), Objective("z")], models, measured, reference=[-50.0, -50.0])
    assert found.reference[1] > -1.0


@pytest.mark.parametrize(("others", "below"), [([], 0.02), ([0.1], 0.2)])
def test_one_leading_recipe_has_an_extent_too(others, below):
    # Both objectives rise together: the last recipe alone leads.
    models = FixedModels(**{n: (lambda r: r["a"], flat(0.02), IDENTITY) for n in "xz"})
    measured = pd.DataFrame({"a": [*others, 0.5]})
    found = gain([Objective("x"), Objective("z")], models, measured, reference=[-9.0, -9.0])
    np.testing.assert_allclose(found.reference, 0.5 - below)


def test_a_recipe_that_leads_exactly_leaves_room_to_extend_the_front():
    # Most recipes share the best x, so that the middle of them has no spread, and the last one is best in z too.
    models = FixedModels(
        x=(lambda r: np.where(r["a"] < 0.2, -0.6, 0.0), flat(1e-6), IDENTITY),
        z=(lambda r: r["a"], flat(1e-6), IDENTITY),
    )
    measured = pd.DataFrame({"a": [0.05, 0.1, 0.3, 0.35, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5]})
    found = gain([Objective("x"), Objective("z")], models, measured, reference=[-50.0, -50.0])
    assert found.reference[0] < -0.2
