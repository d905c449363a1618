"""Reasons: the word for a purpose and one plain sentence."""

from dataclasses import replace

import pytest

from pvdopt.choice.reasons import Grounds, choose_purpose, write_reason
from pvdopt.objectives import Objective

CAPACITY = Objective("capacity")
RETENTION = Objective("retention")
FADE = Objective("fade", maximize=False, unit="%")


def grounds(medians, best=None, **more):
    given = {"gain": 1.5, "share": None, "chance": 0.9, "meets": None, **more}
    return Grounds(medians=medians, best=best or {}, **given)


@pytest.mark.parametrize(
    ("medians", "goals", "front", "more", "purpose"),
    [
        ({"capacity": 50.0}, [CAPACITY], [[40.0]], {}, "exploit"),
        ({"capacity": 30.0}, [CAPACITY], [[40.0]], {}, "explore"),
        ({"fade": 3.0}, [FADE], [[-5.0]], {}, "exploit"),
        ({"fade": 7.0}, [FADE], [[-5.0]], {}, "explore"),
        ({"capacity": 50.0, "retention": 0.8}, [CAPACITY, RETENTION], [[40.0, 0.9]], {}, "trade-off"),
        ({"capacity": 50.0, "retention": 0.95}, [CAPACITY, RETENTION], [[40.0, 0.9]], {}, "exploit"),
        ({"capacity": 30.0, "retention": 0.8}, [CAPACITY, RETENTION], [[40.0, 0.9]], {}, "explore"),
        ({"capacity": 50.0}, [CAPACITY], [[40.0]], {"is_first": True}, "explore"),
        ({"capacity": 50.0}, [CAPACITY], [], {}, "explore"),
    ],
)
def test_purposes(medians, goals, front, more, purpose):
    assert choose_purpose(grounds(medians, **more), goals, front, is_repeat=False) == purpose
    assert choose_purpose(grounds(medians, **more), goals, front, is_repeat=True) == "replicate"


@pytest.mark.parametrize(
    ("purpose", "given", "goals", "sentence"),
    [
        (
            "exploit",
            grounds({"capacity": 50.04}, {"capacity": 40.0}),
            [CAPACITY],
            "Exploit: capacity 50 uAh/cm2/um predicted, capacity 40 uAh/cm2/um at best believed of recipes made; "
            "expected gain 1.5 uAh/cm2/um; chance of a usable cell 90%.",
        ),
        (
            "explore",
            grounds({}, gain=None, is_first=True, chance=0.42),
            [CAPACITY],
            "Explore: far from every recipe tried so far, to cover the space; chance of a usable cell 42%.",
        ),
        (
            "explore",
            grounds({"capacity": 30.0}),
            [CAPACITY],
            "Explore, being uncertain: capacity 30 uAh/cm2/um predicted, nothing achieved here yet; "
            "expected gain 1.5 uAh/cm2/um; chance of a usable cell 90%.",
        ),
        (
            "trade-off",
            grounds(
                {"capacity": 50.0, "retention": 0.8},
                {"capacity": 40.0, "retention": 0.9},
                share=0.0312,
                meets=0.7,
            ),
            [CAPACITY, RETENTION],
            "Trade-off: capacity 50 uAh/cm2/um and retention 0.8 predicted, a balance that nothing achieved so far "
            "beats; expected gain 3.12 % of the hypervolume achieved; chance that the thresholds are met 70%; "
            "chance of a usable cell 90%.",
        ),
        (
            "baseline",
            grounds({"capacity": 50.0}, gain=None),
            [CAPACITY],
            "Baseline: the recipe predicted best, none being reported, made here to learn the level of this "
            "laboratory; chance of a usable cell 90%.",
        ),
        (
            "baseline",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=None),
            [CAPACITY],
            "Baseline: the best reported recipe, as far as it is told, made here to learn the level of this "
            "laboratory; chance of a usable cell 90%.",
        ),
        (
            "replicate",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=0.2),
            [CAPACITY],
            "Replicate: made before and still the most useful cell to make, to tell its effect from noise; "
            "expected gain 0.2 uAh/cm2/um; chance of a usable cell 90%.",
        ),
    ],
    ids=["exploit", "first", "nothing-yet", "trade-off", "baseline-of-none", "baseline", "replicate"],
)
def test_sentences(purpose, given, goals, sentence):
    assert write_reason(purpose, given, goals) == sentence


def test_before_the_first_own_cell_nothing_is_called_achieved():
    goals = [Objective("capacity"), Objective("retention")]
    told = Grounds(
        medians={"capacity": 50.0, "retention": 0.9},
        best={"capacity": 55.0, "retention": 0.8},
        gain=1.0,
        share=0.1,
        chance=0.9,
        meets=None,
        is_reported=True,
    )
    for purpose in ("trade-off", "explore", "exploit"):
        sentence = write_reason(purpose, told, goals)
        assert "achieved" not in sentence
        assert "reported recipe" in sentence
        assert "achieved" in write_reason(purpose, replace(told, is_reported=False), goals)
