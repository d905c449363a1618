"""Cells as a proposer reads them: in one order, and sorted by what they say."""

import numpy as np
import pandas as pd

from pvdopt.choice.observed import check_observed, known_columns, known_recipes, row_digests, sort_out
from pvdopt.evidence import Evidence
from pvdopt.objectives import Objective
from pvdopt.space import Between, Categorical, Continuous, Exclude, SearchSpace, Stepped

SPACE = SearchSpace(
    [Stepped("bias_v", -100.0, 0.0, step=10.0), Categorical("anneal_kind", choices=["none", "furnace"])],
    [Exclude({"anneal_kind": ["furnace"], "bias_v": Between(low=-5.0)})],
    fixed={"cathode": "LiCoO2"},
)
GOALS = [Objective("capacity"), Objective("retention")]


def cell(bias, kind="none", capacity=np.nan, retention=np.nan, outcome_class=None):
    return {
        "bias_v": bias,
        "anneal_kind": kind,
        "capacity": capacity,
        "retention": retention,
        "outcome_class": outcome_class,
    }


TOLD = pd.DataFrame(
    [
        cell(-50.0, capacity=40.0, retention=0.9),
        cell(-22.0, capacity=30.0),
        cell(-80.0),
        cell(-90.0, outcome_class="cracked"),
        cell(-70.0, outcome_class="lab_error"),
        cell(0.0, "furnace", capacity=50.0, retention=0.8),
    ]
)


def sorted_out(told=TOLD, pending=None):
    table = check_observed(told, SPACE, GOALS, None)
    return sort_out(table, SPACE.frame(pending or []), SPACE, GOALS)


def test_cells_are_sorted_by_what_they_say():
    known = sorted_out(pending=[{"bias_v": -10.0, "anneal_kind": "none"}])
    # The furnace at 0 V may not be made; it teaches the models and is no recipe to improve on.
    assert sorted(known.measured["bias_v"]) == [-50.0, -20.0]
    assert sorted(known.expected["bias_v"]) == [-80.0, -20.0, -10.0]
    assert sorted(known.tried["bias_v"]) == [-90.0, -80.0, -50.0, -20.0, -10.0, 0.0]
    assert len(known.keys) == 6


def many(n=2500):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(n).round(4), "b": rng.random(n).round(4)})
    return frame.assign(gloss=4.0 * frame["a"] + 0.1 * rng.standard_normal(n), haze=4.0 * (1.0 - frame["a"]) ** 2)


PLANE = SearchSpace([Continuous("a", low=0.0, high=1.0), Continuous("b", low=0.0, high=1.0)])


def test_many_cells_stand_in_one_order_whatever_order_they_came_in():
    told, goals = many(), [Objective("gloss"), Objective("haze")]
    first = check_observed(told, PLANE, goals, None)
    shuffled = told.sample(frac=1.0, random_state=1)[["haze", "b", "gloss", "a"]].assign(outcome_class=None)
    second = check_observed(shuffled, PLANE, goals, None)
    pd.testing.assert_frame_equal(first, second[first.columns])
    assert row_digests(first) == row_digests(second)
    exchanged = told.rename(columns={"gloss": "haze", "haze": "gloss"})
    assert not set(row_digests(told)) & set(row_digests(exchanged))


def keys_of(recipes):
    return set(PLANE.keys(recipes))


def test_of_many_cells_the_best_measured_are_promising():
    told = many()
    one = [Objective("gloss")]
    known = sort_out(check_observed(told.drop(columns="haze"), PLANE, one, None), PLANE.frame([]), PLANE, one)
    assert len(known.measured) > 2400
    assert 1000 <= len(known.promising) <= 1500
    assert keys_of(told.nlargest(900, "gloss")) <= keys_of(known.promising)
    two = [Objective("gloss"), Objective("haze", maximize=False)]
    known = sort_out(check_observed(told, PLANE, two, None), PLANE.frame([]), PLANE, two)
    assert keys_of(told.nlargest(50, "gloss")) | keys_of(told.nsmallest(50, "haze")) <= keys_of(known.promising)


def test_of_many_cells_those_that_break_a_constraint_come_last():
    told = many().drop(columns="haze")
    told["strength"] = np.where(told["a"] < 0.6, 1.0, 0.0)
    goals = [Objective("gloss"), Objective("strength", maximize=None, threshold=0.5)]
    known = sort_out(check_observed(told, PLANE, goals, None), PLANE.frame([]), PLANE, goals)
    strong = told[told["strength"] == 1.0].nlargest(900, "gloss")
    assert keys_of(strong) <= keys_of(known.promising)


def test_few_cells_are_all_promising():
    known = sorted_out()
    pd.testing.assert_frame_equal(known.promising, known.measured)


def test_replicates_are_one_recipe():
    known = sorted_out(pd.concat([TOLD, TOLD, TOLD], ignore_index=True))
    assert len(known.measured) == 2
    assert len(known.expected) == 2


def test_an_order_of_its_own():
    table = check_observed(TOLD, SPACE, GOALS, None)
    for seed in range(5):
        shuffled = TOLD.sample(frac=1.0, random_state=seed)
        pd.testing.assert_frame_equal(check_observed(shuffled, SPACE, GOALS, None), table)


def test_no_cells_are_a_table_too():
    for nothing in (None, pd.DataFrame(), TOLD.iloc[:0]):
        table = check_observed(nothing, SPACE, GOALS, None)
        assert len(table) == 0
        assert list(table.columns) == ["bias_v", "anneal_kind", "capacity", "retention"]


def test_an_outcome_nobody_measured_yet_needs_no_column():
    table = check_observed(TOLD.drop(columns="retention"), SPACE, GOALS, None)
    assert table["retention"].isna().all()


def test_digests_follow_what_a_row_holds():
    frame = pd.DataFrame({"a": [1, 2, None], "b": ["x", None, None]})
    digests = row_digests(frame)
    assert len(set(digests)) == 3
    assert row_digests(frame[["b", "a"]].assign(c=np.nan)) == digests
    assert row_digests(frame.astype({"a": float})) == digests


def test_columns_that_evidence_adds():
    evidence = Evidence.physics_only({"method": "rf_sputtering"})
    plain, informed = known_columns(SPACE, GOALS, None), known_columns(SPACE, GOALS, evidence)
    assert {"cathode", "capacity_sd", "retention_qualifier", "cycles", "v_max", "run"} <= plain
    assert informed - plain == {"method", "areal_capacity", "areal_capacity_sd", "areal_capacity_qualifier"}


REPORTED = pd.DataFrame(
    {
        "source": list("abcdefg"),
        "cathode": ["LiCoO2", "LiCoO2", "LiCoO2", "V2O5", None, "LiCoO2", "LiCoO2"],
        "bias_v": [-48.0, np.nan, 0.0, -50.0, -60.0, -52.0, np.nan],
        "anneal_kind": ["none", "unspecified", "furnace", "none", "none", "none", None],
        "capacity": [50.0, 50.0, 50.0, 50.0, 50.0, np.nan, 50.0],
        "retention": np.nan,
    }
)


def test_known_recipes_are_reported_ones_that_may_be_made_here():
    found = known_recipes(SPACE, Evidence(REPORTED))
    assert SPACE.is_allowed(found).all()
    assert len(set(SPACE.keys(found))) == len(found)
    # Stated in full; a furnace of unknown kind, whose bias is read in several ways; nothing of other cathodes.
    assert found.loc[found["anneal_kind"] == "none", "bias_v"].tolist() == [-50.0]
    assert found.loc[found["anneal_kind"] == "furnace", "bias_v"].nunique() > 1
    pd.testing.assert_frame_equal(found, known_recipes(SPACE, Evidence(REPORTED)))


def test_no_known_recipes_without_telling_cells():
    assert len(known_recipes(SPACE, None)) == 0
    assert len(known_recipes(SPACE, Evidence.physics_only())) == 0
    assert len(known_recipes(SPACE, Evidence(REPORTED.assign(capacity=np.nan)))) == 0
