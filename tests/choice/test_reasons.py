"""Reasons: the word for a purpose and one plain sentence."""

from dataclasses import replace

import pytest

from pvdopt.choice.hopes import Hope
from pvdopt.choice.reasons import Grounds, choose_purpose, write_reason
from pvdopt.objectives import Objective

CAPACITY = Objective("capacity")
RETENTION = Objective("retention")
FADE = Objective("fade", maximize=False, unit="%")


SURE = Hope(gain=1.5, better=0.85, high={"capacity": 58.2, "retention": 0.97}, in_medians=0.9)
UNSURE = Hope(gain=0.3, better=0.12, high={"capacity": 43.0, "retention": 0.93}, in_medians=0.01)


def grounds(medians, best=None, **more):
    given = {"gain": 1.5, "chance": 0.9, "meets": None, **more}
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
        ({"capacity": 50.0}, [CAPACITY], [[40.0]], {"hope": SURE}, "exploit"),
        # Better by a hair, and worth a run for its spread: no exploit.
        ({"capacity": 40.1}, [CAPACITY], [[40.0]], {"hope": UNSURE}, "explore"),
        ({"capacity": 40.1, "retention": 0.9}, [CAPACITY, RETENTION], [[40.0, 0.9]], {"hope": UNSURE}, "explore"),
        ({"capacity": 50.0, "retention": 0.8}, [CAPACITY, RETENTION], [[40.0, 0.9]], {"hope": SURE}, "trade-off"),
        ({"capacity": 40.1, "retention": 0.899}, [CAPACITY, RETENTION], [[40.0, 0.9]], {"hope": UNSURE}, "explore"),
    ],
)
def test_purposes(medians, goals, front, more, purpose):
    assert choose_purpose(grounds(medians, **more), goals, front, is_repeat=False) == purpose
    assert choose_purpose(grounds(medians, **more), goals, front, is_repeat=True) == "replicate"


BOTH = [CAPACITY, RETENTION]


@pytest.mark.parametrize(
    ("purpose", "given", "goals", "front", "sentence"),
    [
        (
            "exploit",
            grounds({"capacity": 50.04}, {"capacity": 40.0}, hope=SURE),
            [CAPACITY],
            [[30.0], [40.0]],
            "Exploit: capacity 50 uAh/cm2/um predicted, better than the best recipe made (believed: 40); 1 chance in "
            "10 of 58.2 or more; expected gain 1.5 uAh/cm2/um. Chances: 85% to better the best made, 90% that a cell "
            "is usable.",
        ),
        (
            "explore",
            grounds({"capacity": 38.0}, {"capacity": 40.0}, hope=UNSURE, is_later=True),
            [CAPACITY],
            [[30.0], [40.0]],
            "Explore: capacity 38 uAh/cm2/um predicted, no better than the best recipe made (believed: 40), but not "
            "known well; 1 chance in 10 of 43 or more; expected gain 0.3 uAh/cm2/um on top of the proposals before it. "
            "Chances: 12% to better the best made, 90% that a cell is usable.",
        ),
        (
            "explore",
            grounds({"fade": 4.9}, {"fade": 5.0}, hope=replace(UNSURE, high={"fade": 3.5})),
            [FADE],
            [[-5.0]],
            "Explore: fade 4.9 % predicted, hardly better than the best recipe made (believed: 5), but not known "
            "well; 1 chance in 10 of 3.5 or less; expected gain 0.3 %. Chances: 12% to better the best made, 90% that "
            "a cell is usable.",
        ),
        (
            "explore",
            grounds({}, gain=None, is_first=True, chance=0.42),
            [CAPACITY],
            [],
            "Explore: far from every recipe tried so far, to cover the space. Chance: 42% that a cell is usable.",
        ),
        (
            "explore",
            grounds({"capacity": 30.0}),
            [CAPACITY],
            [],
            "Explore: capacity 30 uAh/cm2/um predicted, nothing achieved here yet; expected gain 1.5 uAh/cm2/um. "
            "Chance: 90% that a cell is usable.",
        ),
        (
            "exploit",
            grounds({"capacity": 50.0, "retention": 0.95}, {"capacity": 60.0, "retention": 0.9}, hope=SURE, volume=50),
            BOTH,
            [[60.0, 0.5], [40.0, 0.9]],
            "Exploit: capacity 50 uAh/cm2/um and retention 0.95 predicted, better in both than a recipe made "
            "(believed: 40 and 0.9); 1 chance in 10 each of 58.2 and 0.97 or more; expected gain 3 % of the "
            "hypervolume achieved. Chances: 85% that no recipe made matches it, 90% that a cell is usable.",
        ),
        (
            "trade-off",
            grounds(
                {"capacity": 50.0, "retention": 0.8},
                {"capacity": 40.0, "retention": 0.9},
                volume=50.0,
                meets=0.7,
                hope=SURE,
            ),
            BOTH,
            [[40.0, 0.9]],
            "Trade-off: capacity 50 uAh/cm2/um and retention 0.8 predicted, a balance that no recipe made so far "
            "beats; 1 chance in 10 each of 58.2 and 0.97 or more; expected gain 3 % of the hypervolume achieved. "
            "Chances: 85% that no recipe made matches it, 70% that a cell meets the thresholds, 90% that it is usable.",
        ),
        (
            "explore",
            grounds({"capacity": 40.1, "retention": 0.899}, {"capacity": 40.0}, hope=UNSURE, volume=30.0),
            BOTH,
            [[60.0, 0.5], [40.0, 0.9]],
            "Explore: capacity 40.1 uAh/cm2/um and retention 0.899 predicted, hardly another balance than a recipe "
            "made (believed: 40 and 0.9), but not known well; 1 chance in 10 each of 43 and 0.93 or more; expected "
            "gain 1 % of the hypervolume achieved. Chances: 12% that no recipe made matches it, 90% that a cell is "
            "usable.",
        ),
        (
            "baseline",
            grounds({"capacity": 50.0}, gain=None, begins_with="drawn"),
            [CAPACITY],
            [],
            "Baseline: the recipe predicted best, none being reported, made here to learn the level of this "
            "laboratory. Chance: 90% that a cell is usable.",
        ),
        (
            "baseline",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=None),
            [CAPACITY],
            [[50.0]],
            "Baseline: the best reported recipe, as far as it is told (what it leaves open is filled in), made here to "
            "learn the level of this laboratory. Chance: 90% that a cell is usable.",
        ),
        (
            "baseline",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=None, held=["bias_v", "electrolyte", "thickness_um"]),
            [CAPACITY],
            [[50.0]],
            "Baseline: the best reported recipe with bias_v, electrolyte and thickness_um as held (what it leaves open "
            "is filled in), made here to learn the level of this laboratory. Chance: 90% that a cell is usable.",
        ),
        (
            "baseline",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=None, begins_with="listed"),
            [CAPACITY],
            [[50.0]],
            "Baseline: the candidate predicted best, made here to learn the level of this laboratory. Chance: 90% "
            "that a cell is usable.",
        ),
        (
            "replicate",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=0.2),
            [CAPACITY],
            [[50.0]],
            "Replicate: made before and still the most useful cell to make, to tell its effect from noise; "
            "expected gain 0.2 uAh/cm2/um. Chance: 90% that a cell is usable.",
        ),
        (
            "replicate",
            grounds({"capacity": 50.0}, {"capacity": 50.0}, gain=None, is_baseline=True),
            [CAPACITY],
            [[50.0]],
            "Replicate: the baseline once more, alike on purpose, to tell the level of this laboratory from the noise "
            "of a cell. Chance: 90% that a cell is usable.",
        ),
    ],
    ids=[
        *("exploit", "explore", "hardly-better", "first", "nothing-yet", "exploit-of-two", "trade-off", "by-a-hair"),
        *("baseline-of-none", "baseline", "baseline-held", "baseline-listed", "replicate", "baseline-again"),
    ],
)
def test_sentences(purpose, given, goals, front, sentence):
    assert write_reason(purpose, given, goals, front) == sentence


def test_before_the_first_own_cell_nothing_is_called_achieved():
    told = grounds(
        {"capacity": 50.0, "retention": 0.9},
        {"capacity": 55.0, "retention": 0.95},
        volume=10.0,
        hope=SURE,
        is_reported=True,
    )
    for purpose, front in (("trade-off", [[55.0, 0.8]]), ("explore", [[55.0, 0.95]]), ("exploit", [[45.0, 0.8]])):
        sentence = write_reason(purpose, told, BOTH, front)
        assert "achieved" not in sentence
        assert "made" not in sentence
        assert "reported recipe" in sentence
        assert "achieved" in write_reason(purpose, replace(told, is_reported=False), BOTH, front)


def test_a_gain_that_no_draw_shows_is_called_small_and_not_none():
    told = grounds({"capacity": 50.0, "retention": 0.9}, {"capacity": 1.0}, volume=10.0, hope=replace(SURE, gain=0.0))
    assert "expected gain less than 0.01 % of the hypervolume" in write_reason("explore", told, BOTH, [[55.0, 0.95]])


def test_goals_in_different_directions_say_which_way_each_figure_goes():
    hope = Hope(gain=0.3, better=0.12, high={"capacity": 60.0, "fade": 3.5}, in_medians=0.1)
    told = grounds({"capacity": 50.0, "fade": 5.0}, {"capacity": 55.0}, volume=10.0, hope=hope)
    sentence = write_reason("trade-off", told, [CAPACITY, FADE], [[55.0, -6.0]])
    assert "; 1 chance in 10 each of 60 or more and 3.5 or less; " in sentence
