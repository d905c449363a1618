"""Candidates: allowed, different, spread, and never an endless search."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
from pvdopt.choice import candidates
from pvdopt.errors import NothingToPropose
from pvdopt.space import Categorical, Continuous, Exclude, Limit, LinearSum, SearchSpace, Stepped

SLOW_TO_DRAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mixed(*constraints):
    return SearchSpace(
        [
            Stepped("bias_v", low=-100, high=0, step=5),
            Continuous("thickness_um", low=0.1, high=5, log=True),
            Categorical("anneal_kind", choices=["none", "furnace", "rta"]),
            Continuous("anneal_temperature_c", low=100, high=800, when={"anneal_kind": ["furnace", "rta"]}),
            Categorical("substrate", choices=["mica", "polyimide"]),
        ],
        constraints,
    )


def composition(total, kind="continuous"):
    number = {
        "continuous": lambda n: Continuous(n, low=0, high=1),
        "resolved": lambda n: Continuous(n, low=0, high=1, resolution=0.01),
        "stepped": lambda n: Stepped(n, low=0, high=1, step=0.05),
    }[kind]
    return SearchSpace([number(n) for n in "abcd"], [LinearSum(dict.fromkeys("abcd", 1.0), *total)])


@SLOW_TO_DRAW
@given(strategies.spaces(), st.integers(1, 80), st.integers(0, 9))
def test_drawn_recipes_are_allowed_and_differ(space, n, seed):
    found = candidates.draw_recipes(space, n, np.random.default_rng(seed))
    assert len(found) <= n
    assert list(found.columns) == list(space.names)
    assert space.is_allowed(found).all()
    assert len(set(space.keys(found))) == len(found)
    again = candidates.draw_recipes(space, n, np.random.default_rng(seed))
    pd.testing.assert_frame_equal(found, again)


@SLOW_TO_DRAW
@given(strategies.spaces(), st.integers(0, 9))
def test_varied_recipes_are_allowed_and_new(space, seed):
    rng = np.random.default_rng(seed)
    parents = candidates.draw_recipes(space, 3, rng)
    children = candidates.vary_recipes(space, parents, 40, 0.1, rng)
    assert space.is_allowed(children).all()
    assert not set(space.keys(children)) & set(space.keys(parents))
    assert len(set(space.keys(children))) == len(children)


def test_what_is_not_wanted_is_left_out():
    space = SearchSpace([Categorical("a", choices=list("xyz")), Stepped("b", low=0, high=2, step=1)])
    rng = np.random.default_rng(0)
    every = candidates.draw_recipes(space, 100, rng)
    assert len(every) == 9
    rest = candidates.draw_recipes(space, 100, rng, without=set(space.keys(every.iloc[:5])))
    assert sorted(space.keys(rest)) == sorted(space.keys(every.iloc[5:]))


def test_a_conditional_parameter_that_does_not_apply_is_one_setting():
    space = SearchSpace(
        [Categorical("a", choices=["on", "off"]), Stepped("b", low=0, high=2, step=1, when={"a": ["on"]})]
    )
    assert len(candidates.list_recipes(space)) == 4
    with pytest.raises(ValueError, match="at most"):
        candidates.list_recipes(mixed())


def test_draws_cover_every_slice():
    found = candidates.draw_recipes(mixed(), 400, np.random.default_rng(0))
    logs = np.log(found["thickness_um"] / 0.1) / np.log(50)
    assert np.histogram(logs, bins=10, range=(0, 1))[0].min() >= 30
    assert found["bias_v"].nunique() == 21
    assert found["anneal_kind"].value_counts().min() > 120


@pytest.mark.parametrize("kind", ["continuous", "resolved", "stepped"])
@pytest.mark.parametrize("total", [(1.0, 1.0), (-np.inf, 0.2), (3.6, np.inf), (0.95, 1.05)])
def test_sums_are_reached_by_repair(kind, total):
    found = candidates.draw_recipes(composition(total, kind), 300, np.random.default_rng(0))
    assert len(found) == 300 or kind == "stepped"
    assert len(found) > 20
    assert found.std().min() > 0.02


def test_two_sums_that_share_a_parameter():
    space = SearchSpace(
        [Continuous(n, low=0, high=1) for n in "abc"],
        [LinearSum({"a": 1, "b": 1}, low=1, high=1), LinearSum({"b": 1, "c": 2}, high=1.2)],
    )
    assert len(candidates.draw_recipes(space, 200, np.random.default_rng(0))) == 200


def test_limits_are_reached_by_repair():
    space = mixed(Limit("anneal_temperature_c", "substrate", at_most={"polyimide": 110}))
    found = candidates.draw_recipes(space, 600, np.random.default_rng(0))
    hot = found[(found["substrate"] == "polyimide") & found["anneal_temperature_c"].notna()]
    assert len(hot) > 150
    assert hot["anneal_temperature_c"].std() > 2.0


def test_a_limit_between_two_steps():
    space = SearchSpace(
        [Stepped("t", low=0, high=100, step=40), Categorical("s", choices=["x", "y"])],
        [Limit("t", "s", at_most={"x": 50}, at_least={"y": 50})],
    )
    # Listed, not drawn; the repair of a single recipe is what is looked at.
    broken = space.frame([{"t": 80.0, "s": "x"}, {"t": 0.0, "s": "y"}])
    repaired = candidates.repair(space, broken, np.random.default_rng(0))
    assert space.is_allowed(repaired).all()
    assert repaired["t"].tolist()[1] == 80.0


def test_variation_redraws_what_a_flipped_parent_brings():
    rng = np.random.default_rng(0)
    parent = mixed().frame([{"bias_v": -50, "thickness_um": 1.0, "anneal_kind": "none", "substrate": "mica"}])
    children = candidates.vary_recipes(mixed(), parent, 300, 0.05, rng)
    annealed = children[children["anneal_kind"] != "none"]
    assert len(annealed) > 20
    assert annealed["anneal_temperature_c"].nunique() > 20
    # Most children stay close: a small width moves a number little.
    assert (children["thickness_um"].between(0.6, 1.7)).mean() > 0.9


def test_variation_neither_piles_up_at_a_bound_nor_stands_still():
    space = SearchSpace([Continuous("a", 0, 1), Stepped("b", 0, 30, step=10), Continuous("c", 0, 1)])
    parent = space.frame([{"a": 0.0, "b": 10.0, "c": 0.5}])
    children = candidates.vary_recipes(space, parent, 2000, 0.3, np.random.default_rng(0))
    # What would cross a bound is turned back inside, so that a change is one whatever its sign.
    assert (children["a"] == 0.0).mean() < 0.5
    children = candidates.vary_recipes(space, parent, 400, 0.01, np.random.default_rng(0))
    # A step is far wider than the width asked for, and still taken, either way.
    assert {0.0, 20.0} <= set(children["b"])


@pytest.mark.parametrize(
    ("constraints", "names"),
    [
        ([LinearSum({"bias_v": 1}, low=5)], ["bias_v must lie in [5, inf]"]),
        ([Exclude({"substrate": ["mica", "polyimide"]})], ["not together: substrate mica or polyimide"]),
        (
            [Exclude({"substrate": ["mica"]}), Exclude({"substrate": ["polyimide"]}, why="too soft")],
            ["substrate mica", "too soft"],
        ),
        (
            [LinearSum({"bias_v": 1}, low=5), LinearSum({"thickness_um": 1}, low=9)],
            ["relaxing one does not suffice", "bias_v", "thickness_um"],
        ),
    ],
    ids=["sum", "exclusion", "two-together", "two-apart"],
)
def test_an_empty_space_says_what_to_relax(constraints, names):
    space, rng = mixed(*constraints), np.random.default_rng(0)
    started = time.perf_counter()
    found = candidates.draw_recipes(space, 10, rng)
    assert time.perf_counter() - started < 5.0
    assert candidates.count_allowed(space) == 0
    with pytest.raises(NothingToPropose) as error:
        candidates.require_some(space, found, rng)
    assert error.value.exit_code == 4
    for name in names:
        assert name in str(error.value)


def test_an_exhausted_space_says_so():
    space, rng = SearchSpace([Categorical("a", choices=["x", "y"])]), np.random.default_rng(0)
    taken = set(space.keys(candidates.list_recipes(space)))
    with pytest.raises(NothingToPropose, match="measured, pending"):
        candidates.require_some(space, candidates.draw_recipes(space, 1, rng, without=taken), rng)


def test_counting_stops_where_told():
    assert candidates.count_allowed(mixed(), at_most=50) == 50
    assert candidates.count_allowed(SearchSpace([Categorical("a", choices=["x", "y"])])) == 2


def test_a_sum_in_which_nothing_weighs_is_no_obstacle():
    space = SearchSpace([Continuous("x", 0, 1)], [LinearSum({"x": 0.0}, low=1.0)])
    assert len(candidates.draw_recipes(space, 8, np.random.default_rng(0))) == 0
