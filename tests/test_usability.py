"""The chance of a usable cell: a prior without failures, low around them, nothing learned from mishaps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdopt.space import Categorical, Continuous, SearchSpace, Stepped
from pvdopt.usability import PROCESS_FAILURES, Usability, squared_differences


def cube(d):
    return SearchSpace([Continuous(f"x{j}", low=0, high=1) for j in range(d)])


def cells(space, points, classes):
    return pd.DataFrame(np.asarray(points, dtype=float), columns=list(space.names)).assign(outcome_class=classes)


@pytest.mark.parametrize(
    "classes",
    [[], ["ok"] * 6, ["lab_error"] * 6, ["ok", None, "", np.nan, "lab_error", "ok"]],
    ids=["none", "ok", "mishaps", "mixed"],
)
def test_without_process_failures_the_prior_holds_everywhere(classes):
    space = cube(2)
    seen = cells(space, np.random.default_rng(0).random((len(classes), 2)), classes)
    chance = Usability(space, 0.8).fit(seen).chance(seen if len(seen) else space.frame([{"x0": 0.1, "x1": 0.2}]))
    assert (chance == 0.8).all()


def test_a_table_without_classes_holds_usable_cells():
    space = cube(1)
    assert Usability(space).fit(pd.DataFrame({"x0": [0.1, 0.9]})).n_failures == 0


@pytest.mark.parametrize("failure", PROCESS_FAILURES)
def test_every_process_failure_lowers_its_neighbourhood(failure):
    space = cube(2)
    found = Usability(space).fit(cells(space, [[0.2, 0.2]], [failure]))
    here, near, far = found.chance(cells(space, [[0.2, 0.2], [0.3, 0.2], [0.95, 0.95]], ["ok"] * 3))
    assert here < near < far
    assert here < 0.6
    assert far > 0.85


def test_repeated_failures_convince_more_than_one():
    space = cube(2)
    spot = cells(space, [[0.5, 0.5]], ["ok"])
    chances = [Usability(space).fit(cells(space, [[0.5, 0.5]] * n, ["shorted"] * n)).chance(spot)[0] for n in (1, 2, 5)]
    assert chances[0] > chances[1] > chances[2]
    assert chances[2] < 0.25


def test_successes_at_the_spot_restore_it():
    space = cube(2)
    points = [[0.5, 0.5]] * 6
    low = Usability(space).fit(cells(space, points[:1], ["shorted"])).chance(cells(space, points[:1], ["ok"]))
    high = Usability(space).fit(cells(space, points, ["shorted", *["ok"] * 5])).chance(cells(space, points[:1], ["ok"]))
    assert high[0] > 0.75 > low[0]


@pytest.mark.parametrize("d", [2, 4, 6])
@pytest.mark.parametrize(("n_ok", "share"), [(0, 0.85), (10, 0.65), (30, 0.65)])
def test_a_failing_corner_is_told_from_the_rest(d, n_ok, share):
    space = cube(d)
    inside, outside = [], []
    for seed in range(10):
        points = np.random.default_rng(seed).random((600, d))
        corner = (points[:, :2] > 0.5).all(axis=1)
        seen = np.vstack([points[corner][:5], points[~corner][:n_ok]])
        found = Usability(space).fit(cells(space, seen, ["shorted"] * 5 + ["ok"] * n_ok))
        chance = found.chance(cells(space, points[300:], ["ok"] * 300))
        inside.append(np.median(chance[corner[300:]]))
        outside.append(np.median(chance[~corner[300:]]))
    assert np.median(inside) < share * np.median(outside)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["ok", "shorted", "lab_error"])),
        max_size=12,
    )
)
@settings(deadline=None, max_examples=50)
def test_chances_stay_chances_and_do_not_depend_on_order(rows):
    space = cube(2)
    grid = cells(space, np.random.default_rng(0).random((30, 2)), ["ok"] * 30)
    seen = cells(space, np.array([r[:2] for r in rows]).reshape(-1, 2), [r[2] for r in rows])
    chance = Usability(space).fit(seen).chance(grid)
    assert ((chance > 0) & (chance < 1)).all()
    np.testing.assert_allclose(Usability(space).fit(seen[::-1]).chance(grid), chance, atol=1e-6)


def test_many_cells_are_learned_from_quickly():
    space = cube(3)
    rng = np.random.default_rng(0)
    points = rng.random((900, 3))
    seen = cells(space, points, np.where(points[:, 0] > 0.8, "cracked", "ok"))
    chance = Usability(space).fit(seen).chance(cells(space, [[0.95, 0.5, 0.5], [0.3, 0.5, 0.5]], ["ok"] * 2))
    assert chance[0] < 0.2
    assert chance[1] > 0.9


@pytest.mark.parametrize("chance", [0.0, 1.0, float("nan")])
def test_a_prior_must_be_a_chance(chance):
    with pytest.raises(ValueError, match="prior_chance"):
        Usability(cube(1), chance)


def test_differences_between_settings():
    space = SearchSpace(
        [
            Categorical("kind", choices=["none", "furnace"]),
            Stepped("t", low=100, high=300, step=50, when={"kind": ["furnace"]}),
            Continuous("l", low=0.1, high=10, log=True),
        ]
    )
    left = space.frame([{"kind": "furnace", "t": 100, "l": 0.1}, {"kind": "none", "l": 1.0}])
    right = space.frame([{"kind": "furnace", "t": 200, "l": 1.0}, {"kind": "furnace", "l": 10.0}])
    found = dict(zip(space.names, squared_differences(space, left, right), strict=True))
    assert found["kind"].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    # Half the range; not reported; and nothing where it does not apply.
    np.testing.assert_allclose(found["t"], [[0.25, 1 / 6], [0.0, 0.0]])
    np.testing.assert_allclose(found["l"], [[0.25, 1.0], [0.0, 0.25]])
