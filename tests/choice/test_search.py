"""The search: what is drawn, refined, gated and taken."""

import numpy as np
import pandas as pd
import pytest

from pvdopt.choice.gain import Gain
from pvdopt.choice.observed import check_observed, sort_out
from pvdopt.choice.search import N_BEST, N_SPREAD, Search
from pvdopt.objectives import Objective
from pvdopt.space import Continuous, LinearSum, SearchSpace, Stepped
from pvdopt.usability import Usability
from simple_models import IDENTITY, FixedModels

Y = [Objective("y")]


def cube(d, *constraints):
    return SearchSpace([Continuous(f"x{j}", 0.0, 1.0) for j in range(d)], constraints)


def open_search(space, table=None, cost=None, candidates=None, seed=0):
    cells = check_observed(table, space, Y, None)
    known = sort_out(cells, space.frame([]), space, Y)
    usability = Usability(space).fit(cells)
    return Search(space, known, usability, cost, candidates, np.random.default_rng(seed))


def certain(function, space):
    models = FixedModels(y=(function, lambda r: np.full(len(r), 0.01), IDENTITY))
    return Gain(models, Y, np.array([-1e3]), space.frame([]), space.frame([]), np.random.default_rng(0))


@pytest.mark.parametrize("d", [2, 5, 8])
def test_refinement_finds_a_narrow_peak(d):
    space = cube(d)
    spot = np.linspace(0.21, 0.77, d)
    search = open_search(space)
    search.by_gain(certain(lambda r: -((r.to_numpy(dtype=float) - spot) ** 2).sum(axis=1), space), 1)
    found = search.choices[0].recipe.to_numpy(dtype=float)[0]
    assert np.linalg.norm(found - spot) < 0.03 * d


def test_refinement_stays_on_a_sum():
    space = cube(3, LinearSum({"x0": 1, "x1": 1, "x2": 1}, low=1.0, high=1.0))
    search = open_search(space)
    search.by_gain(certain(lambda r: r["x0"] - 5 * (r["x1"] - 0.3) ** 2, space), 1)
    found = search.choices[0].recipe
    assert space.is_allowed(found).all()
    assert found["x2"].iloc[0] < 0.08


def test_a_listed_space_is_searched_completely():
    space = SearchSpace([Stepped("a", 0.0, 60.0, step=1.0), Stepped("b", 0.0, 60.0, step=1.0)])
    search = open_search(space)
    search.by_gain(certain(lambda r: -np.hypot(r["a"] - 17, r["b"] - 41), space), 1)
    assert search.choices[0].recipe.iloc[0].to_dict() == {"a": 17.0, "b": 41.0}


def test_the_shortlist_looks_beyond_one_peak():
    assert min(N_SPREAD) > 0
    # A batch of ten is scored on one covariance matrix.
    assert N_BEST[0] + N_SPREAD[0] + 10 * (N_BEST[1] + N_SPREAD[1]) <= 500
    space = cube(2)
    search = open_search(space)
    search.by_gain(certain(lambda r: -np.hypot(r["x0"] - 0.2, r["x1"] - 0.2), space), 6)
    assert len({tuple(c.recipe.iloc[0].round(3)) for c in search.choices}) == 6


def failing(space, n_failed=6):
    rng = np.random.default_rng(0)
    points = rng.random((200, 2))
    right = points[:, 0] > 0.6
    table = pd.DataFrame(np.vstack([points[right][:n_failed], points[~right][:14]]), columns=["x0", "x1"])
    table["outcome_class"] = ["shorted"] * n_failed + ["ok"] * 14
    table["y"] = np.where(table["outcome_class"] == "ok", table["x0"], np.nan)
    return table


def test_the_gate_holds_whatever_the_gain():
    space = cube(2)
    search = open_search(space, failing(space))
    search.by_gain(certain(lambda r: 1e6 * r["x0"], space), 3)
    chances = search.usability.chance(pd.concat([c.recipe for c in search.choices]))
    assert (chances > 0.7).all()


def test_where_nothing_else_is_left_the_gate_opens():
    space = cube(2)
    rows = pd.DataFrame({"x0": [0.8, 0.95], "x1": [0.5, 0.5]})
    search = open_search(space, failing(space), candidates=rows)
    search.by_gain(certain(lambda r: r["x0"], space), 2)
    assert sorted(c.place for c in search.choices) == [0, 1]
    # The gain shown is the gain times the chance, not what the gate made of it.
    assert search.choices[0].gain > 1.0


def test_a_single_failure_is_not_a_pattern():
    space = cube(2)
    table = pd.DataFrame({"x0": [0.5, 0.2, 0.8], "x1": [0.5, 0.8, 0.3], "y": [np.nan, 1.0, 2.0]})
    search = open_search(space, table.assign(outcome_class=["shorted", "ok", "ok"]))
    assert (search.log_preference(pd.DataFrame({"x0": [0.52], "x1": [0.5]})) == 0).all()


def test_hours_decide_between_equal_gains():
    space = cube(2)
    rows = pd.DataFrame({"x0": [0.5, 0.5, 0.5], "x1": [0.3, 0.1, 0.2]})
    search = open_search(space, cost=lambda r: 10.0 * r["x1"].to_numpy(), candidates=rows)
    search.by_gain(certain(lambda r: r["x0"], space), 1)
    assert search.choices[0].place == 1
    assert search.choices[0].gain == pytest.approx(0.9 * 1000.5, rel=0.01)


def test_spreading_covers_the_space():
    space = cube(2)
    search = open_search(space)
    search.spread(12)
    points = np.vstack([c.recipe.to_numpy(dtype=float) for c in search.choices])
    quadrants = {(bool(a > 0.5), bool(b > 0.5)) for a, b in points}
    assert len(quadrants) == 4
    assert all(c.is_first and c.gain is None for c in search.choices)


def test_spreading_keeps_away_from_failures():
    space = cube(2)
    search = open_search(space, failing(space).assign(y=np.nan))
    search.spread(5)
    assert np.mean([c.recipe["x0"].iloc[0] > 0.6 for c in search.choices]) <= 0.4


def test_a_baseline_is_a_reported_recipe_where_there_is_one():
    space = cube(1)
    reported = pd.DataFrame({"x0": [0.2, 0.4]})
    model = certain(lambda r: r["x0"], space)
    search = open_search(space)
    search.baseline(model, reported)
    assert search.choices[0].recipe["x0"].iloc[0] == 0.4
    assert search.choices[0].is_reported
    search = open_search(space)
    search.baseline(model, space.frame([]))
    assert search.choices[0].recipe["x0"].iloc[0] > 0.99
    assert not search.choices[0].is_reported


def test_a_long_list_is_searched_near_its_best_rows():
    space = cube(4)
    spot = np.array([0.3, 0.6, 0.5, 0.8])
    rows = pd.DataFrame(np.random.default_rng(1).random((30_000, 4)), columns=list(space.names))
    worth = -((rows.to_numpy() - spot) ** 2).sum(axis=1)
    search = open_search(space, candidates=rows)
    search.by_gain(certain(lambda r: -((r.to_numpy(dtype=float) - spot) ** 2).sum(axis=1), space), 3)
    places = [c.place for c in search.choices]
    assert len(set(places)) == 3
    # The best of 2,000 drawn rows would be the fifteenth best of all.
    assert (worth > worth[places[0]]).sum() <= 3
    assert (search.choices[0].recipe.to_numpy(dtype=float)[0] == rows.to_numpy()[places[0]]).all()
