"""The proposer: pure, never refused by the space, never a repeat; and better than chance."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
from pvdopt.choice.candidates import count_allowed, draw_recipes
from pvdopt.choice.proposer import Proposer
from pvdopt.choice.runs import Run
from pvdopt.errors import NothingToPropose
from pvdopt.evidence import Evidence
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, Continuous, Exclude, LinearSum, SearchSpace, Stepped
from pvdopt.surrogates.base import IdentityLink
from simple_models import FixedModels, SimpleModels, told

Y = Objective("y", unit="V")
TWO = [Objective("y", unit="V"), Objective("z", maximize=False, unit="s")]


def square():
    return SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)])


def mixed():
    return SearchSpace(
        [
            Stepped("t", 0.0, 100.0, step=10.0),
            Categorical("k", choices=["x", "y", "z"]),
            Continuous("h", 0.1, 5.0, log=True, when={"k": ["x", "y"]}),
        ],
        [Exclude({"k": ["z"], "t": _from(90.0)})],
    )


def _from(low):
    from pvdopt.space import Between

    return Between(low=low)


def simple(space, objectives, seed=0, **more):
    # The functions here have no noise: nothing is learnt by making a recipe once more.
    more.setdefault("replicates", False)
    return Proposer(space, objectives, seed=seed, models=lambda: SimpleModels(space, objectives), **more)


def cells(space, n, seed=0, **functions):
    found = draw_recipes(space, n, np.random.default_rng(seed))
    return found.assign(**{name: f(found) for name, f in functions.items()})


def peak(recipes):
    return -((recipes["a"] - 0.3) ** 2) - (recipes["b"] - 0.7) ** 2


# -- a pure function -------------------------------------------------------------------------------------------------


def test_the_same_question_has_the_same_answer():
    space = mixed()
    seen = cells(space, 8, y=lambda r: r["t"] / 100)
    batch = simple(space, [Y]).propose(seen, 3)
    pd.testing.assert_frame_equal(batch, simple(space, [Y]).propose(seen.copy(), 3))
    # Neither the order of cells nor their labels or the order of columns matter.
    shuffled = seen.iloc[::-1].rename(index=lambda k: f"P{k}")[list(seen.columns)[::-1]]
    pd.testing.assert_frame_equal(batch, simple(space, [Y]).propose(shuffled, 3))
    assert not batch.equals(simple(space, [Y], seed=1).propose(seen, 3))


def test_arguments_are_left_as_they_are():
    space = mixed()
    seen, waiting = cells(space, 6, y=lambda r: r["t"]), cells(space, 2, seed=9)
    copies = seen.copy(), waiting.copy()
    simple(space, [Y]).propose(seen, 2, waiting)
    pd.testing.assert_frame_equal(seen, copies[0])
    pd.testing.assert_frame_equal(waiting, copies[1])


def test_what_is_returned():
    space = mixed()
    batch = simple(space, TWO).propose(cells(space, 8, y=lambda r: r["t"], z=lambda r: -r["t"]), 2)
    outcomes = [f"{o}{end}" for o in "yz" for end in ("", "_low", "_high")]
    assert list(batch.columns) == [
        *space.names,
        *outcomes,
        "usable_chance",
        "acquisition",
        "purpose",
        "reason",
    ]
    assert list(batch.index) == [0, 1]
    assert (batch["y_low"] < batch["y"]).all()
    assert (batch["y"] < batch["y_high"]).all()
    assert (batch["usable_chance"] == 0.9).all()
    assert (batch["acquisition"] > 0).all()
    assert batch["reason"].str.endswith("90% that a cell is usable.").all()


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (
            {"t": [1.0], "k": ["x"], "h": [1.0], "y": [1.0], "colour": ["red"], "mood": ["bad"]},
            "colour, mood",
        ),
        ({"t": [1.0], "y": [1.0]}, "lacks the parameters k, h"),
        ({"t": ["hot"], "k": ["x"], "h": [1.0], "y": [1.0]}, "t: must hold numbers"),
        ({"t": [1.0], "k": ["x"], "h": [1.0], "y": [np.inf]}, "y: must hold finite numbers"),
        ({"t": [-np.inf], "k": ["x"], "h": [1.0], "y": [1.0]}, "t: must hold finite numbers"),
        ({"t": [1.0], "k": ["x"], "h": [1.0], "y": [1.0], "outcome_class": ["melted"]}, "melted"),
    ],
    ids=["unknown", "lacking", "text", "infinite", "infinite-setting", "class"],
)
def test_tables_that_cannot_be_told(table, word):
    with pytest.raises(ValueError, match=word):
        simple(mixed(), [Y]).propose(pd.DataFrame(table))


def test_labels_and_the_protocol_may_stand_beside():
    space = mixed()
    seen = cells(space, 6, y=lambda r: r["t"]).assign(
        outcome_class="ok",
        source="own",
        run="R1",
        sample="S1",
        y_sd=0.1,
        y_qualifier="=",
        cycles=100.0,
        v_max=4.2,
    )
    assert len(simple(space, [Y]).propose(seen)) == 1


@pytest.mark.parametrize(
    ("objectives", "runs", "word"),
    [
        ([], (), "objectives"),
        ([Y, Y], (), "objectives"),
        ([Objective("t")], (), "objectives"),
        ([Y], ("speed",), "speed"),
    ],
    ids=["none", "twice", "parameter", "run"],
)
def test_proposers_that_cannot_be(objectives, runs, word):
    with pytest.raises(ValueError, match=word):
        Proposer(mixed(), objectives, runs=[Run("deposition", ["t", *runs], hours=8)])


def test_at_least_one_cell_is_asked_for():
    with pytest.raises(ValueError, match="at least 1"):
        simple(mixed(), [Y]).propose(None, 0)


# -- what may be proposed --------------------------------------------------------------------------------------------


@given(strategies.spaces(), st.integers(0, 12), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_proposals_are_allowed_and_repeat_nothing(space, n_seen, n, seed):
    rng = np.random.default_rng(seed)
    made = draw_recipes(space, n_seen + 2, rng)
    seen, waiting = made.iloc[:n_seen].assign(y=rng.random(min(n_seen, len(made)))), made.iloc[n_seen:]
    try:
        batch = simple(space, [Y]).propose(seen, n, waiting)
    except NothingToPropose:
        assert count_allowed(space, at_most=50) <= len(made)
        return
    assert space.is_allowed(batch).all()
    keys = space.keys(batch)
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(space.keys(made))


def test_a_small_space_is_used_up_and_then_said_to_be():
    space = SearchSpace([Categorical("k", choices=["x", "y"]), Stepped("t", 0.0, 20.0, step=10.0)])
    proposer = simple(space, [Y])
    seen = cells(space, 4, y=lambda r: r["t"])
    batch = proposer.propose(seen, 5)
    assert len(batch) == 2
    done = pd.concat([seen, batch[[*space.names]].assign(y=0.0)], ignore_index=True)
    with pytest.raises(NothingToPropose, match="measured, pending"):
        proposer.propose(done)


def test_an_impossible_space_says_what_to_relax():
    space = SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)], [LinearSum({"a": 1, "b": 1}, low=5)])
    with pytest.raises(NothingToPropose, match=r"relax one of these: a \+ b"):
        simple(space, [Y]).propose(None)


def test_a_mishap_of_the_laboratory_may_be_made_again():
    space = SearchSpace([Categorical("k", choices=["x", "y"])])
    seen = told(space, [{"k": "x"}, {"k": "y"}], y=[1.0, np.nan]).assign(outcome_class=["ok", "lab_error"])
    batch = simple(space, [Y]).propose(seen, 2)
    assert batch["k"].tolist() == ["y"]
    assert batch["purpose"].tolist() == ["explore"]


def test_executed_settings_off_the_grid_count_as_the_nearest_recipe():
    space = SearchSpace([Stepped("t", 0.0, 20.0, step=10.0)])
    seen = pd.DataFrame({"t": [1.0, 12.0], "y": [1.0, 2.0]})
    assert simple(space, [Y]).propose(seen, 3)["t"].tolist() == [20.0]


# -- candidates ------------------------------------------------------------------------------------------------------


def test_candidates_keep_index_and_values():
    space = square()
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.random((40, 2)), columns=["a", "b"], index=[f"spot {k}" for k in range(40)])
    rows["note"] = "kept out"
    batch = simple(space, [Y]).propose(cells(space, 6, y=peak), 5, candidates=rows)
    assert len(set(batch.index)) == 5
    pd.testing.assert_frame_equal(batch[["a", "b"]], rows.loc[batch.index, ["a", "b"]])


@pytest.mark.parametrize("n_seen", [0, 2, 8])
def test_every_candidate_is_chosen_once_at_most(n_seen):
    space = square()
    rows = pd.DataFrame({"a": [0.2, 0.2, 0.8], "b": [0.5, 0.5, 0.1]}, index=[7, 7, 3])
    batch = simple(space, [Y]).propose(cells(space, n_seen, y=peak), 9, candidates=rows)
    assert sorted(batch.index) == [3, 7, 7]


def test_a_measured_candidate_is_a_replicate():
    space = square()
    seen = cells(space, 5, y=peak)
    batch = simple(space, [Y]).propose(seen, 5, candidates=seen[["a", "b"]])
    assert sorted(batch.index) == [0, 1, 2, 3, 4]
    assert set(batch["purpose"]) == {"replicate"}


def test_candidates_that_may_not_be_made_are_left_out():
    rows = pd.DataFrame({"a": [0.5, 3.0], "b": [0.5, 0.5]})
    assert simple(square(), [Y]).propose(None, 2, candidates=rows).index.tolist() == [0]
    with pytest.raises(NothingToPropose, match="a must lie in"):
        simple(square(), [Y]).propose(None, 2, candidates=rows.iloc[1:])


# -- the first cells -------------------------------------------------------------------------------------------------


def test_the_first_cells_spread_out():
    space = square()
    batch = simple(space, [Y]).propose(None, 8)
    points = batch[["a", "b"]].to_numpy()
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[~np.eye(8, dtype=bool)]
    assert gaps.min() > 0.2
    assert set(batch["purpose"]) == {"explore"}
    assert batch[["y", "y_low", "y_high", "acquisition"]].isna().all(axis=None)


def test_first_cells_keep_away_from_what_is_pending():
    space = square()
    waiting = space.frame([{"a": 0.5, "b": 0.5}, {"a": 0.1, "b": 0.1}])
    batch = simple(space, [Y]).propose(None, 1, waiting)
    away = np.linalg.norm(batch[["a", "b"]].to_numpy() - waiting.to_numpy(), axis=1)
    assert away.min() > 0.4


def test_the_first_design_ends_when_enough_is_seen():
    space = square()
    few, enough = cells(space, 2, y=peak), cells(space, 3, y=peak)
    assert simple(space, [Y]).propose(few, 2)["acquisition"].isna().tolist() == [True, False]
    assert simple(space, [Y]).propose(enough)["acquisition"].notna().all()


@pytest.mark.parametrize(("n", "times"), [(1, 0), (2, 0), (4, 2), (8, 3)])
def test_an_informed_campaign_starts_with_a_baseline_if_the_batch_has_room(n, times):
    space = SearchSpace([Continuous("thickness_um", 0.1, 5.0, log=True)])
    objectives = [Objective("capacity")]
    best = FixedModels(
        capacity=(
            lambda r: -np.abs(np.log(r["thickness_um"])),
            lambda r: np.full(len(r), 0.1),
            IdentityLink(),
        )
    )
    evidence = Evidence.physics_only({"cathode": "LiCoO2"})
    proposer = Proposer(space, objectives, evidence, models=lambda: best)
    batch = proposer.propose(None, n)
    assert batch["purpose"].tolist().count("baseline") == (1 if n >= 3 else 0)
    assert batch["capacity"].notna().all()
    if n >= 3:
        alike = batch["thickness_um"] == batch["thickness_um"].iloc[0]
        assert batch["purpose"][alike].tolist() == ["baseline"] + ["replicate"] * (times - 1)
        assert batch["thickness_um"].iloc[0] == pytest.approx(1.0, rel=0.01)
        from_stock = proposer.propose(None, n, candidates=space.frame([{"thickness_um": k / 10} for k in range(1, 30)]))
        assert from_stock.index.is_unique
        again = proposer.propose(None, n, space.frame([{"thickness_um": 2.0}]))
        assert "baseline" not in set(again["purpose"])


# -- what is chosen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_search_finds_a_peak_or_a_trough(sign):
    space = square()
    objective = Objective("y", maximize=sign > 0)
    seen = cells(space, 4, y=lambda r: sign * peak(r))
    for _ in range(8):
        new = simple(space, [objective]).propose(seen)[["a", "b"]]
        seen = pd.concat([seen, new.assign(y=sign * peak(new))], ignore_index=True)
    assert (sign * seen["y"]).max() > -0.004
    found = simple(space, [objective]).best(seen)
    assert found["a"].iloc[0] == pytest.approx(0.3, abs=0.06)
    assert found["b"].iloc[0] == pytest.approx(0.7, abs=0.06)


def test_a_batch_does_not_crowd():
    space = square()
    batch = simple(space, [Y]).propose(cells(space, 8, y=peak), 4)[["a", "b"]].to_numpy()
    gaps = np.linalg.norm(batch[:, None] - batch[None], axis=2)[~np.eye(4, dtype=bool)]
    assert gaps.min() > 0.03
    assert np.median(gaps) > 0.1


def test_pending_recipes_count_as_achieved():
    space = square()
    seen = cells(space, 8, y=peak)
    first = simple(space, [Y]).propose(seen)[["a", "b"]]
    second = simple(space, [Y]).propose(seen, 1, first)
    assert np.linalg.norm(second[["a", "b"]].to_numpy() - first.to_numpy()) > 0.03
    assert second["acquisition"].iloc[0] < simple(space, [Y]).propose(seen)["acquisition"].iloc[0]


def test_a_constraint_on_an_outcome_is_heeded():
    space = square()
    objectives = [Y, Objective("w", maximize=None, threshold=0.5)]
    functions = {"y": lambda r: r["a"], "w": lambda r: 1.0 - r["a"]}
    seen = cells(space, 8, **functions)
    for _ in range(8):
        batch = simple(space, objectives).propose(seen)
        assert "that a cell meets the thresholds" in batch["reason"].iloc[0]
        new = batch[["a", "b"]]
        seen = pd.concat([seen, new.assign(**{n: f(new) for n, f in functions.items()})], ignore_index=True)
    late = seen.iloc[-8:]
    assert (late["w"] > 0.4).mean() > 0.6
    assert seen.loc[seen["w"] >= 0.5, "y"].max() > 0.45
    # More is had beyond the threshold, and does not count.
    assert seen["y"].max() > 0.7
    assert simple(space, objectives).best(seen)["a"].iloc[0] == pytest.approx(0.5, abs=0.06)


def test_only_constraints_are_a_goal_too():
    space = square()
    objectives = [Objective("w", maximize=None, threshold=0.9)]
    batch = simple(space, objectives).propose(cells(space, 10, w=lambda r: r["a"]), 2)
    assert (batch["a"] > 0.6).all()


def test_hours_are_weighed_against_the_gain():
    space = square()
    seen = cells(space, 10, y=lambda r: -((r["a"] - 0.5) ** 2))
    dear = simple(space, [Y], cost=lambda r: np.exp(20.0 * r["b"].to_numpy())).propose(seen, 3)
    assert dear["b"].max() < 0.3
    with pytest.raises(ValueError, match="positive hours"):
        simple(space, [Y], cost=lambda r: np.zeros(len(r))).propose(seen)


def test_proposals_of_one_run_stand_together():
    space = SearchSpace([Stepped("t", 0.0, 1.0, step=1.0), Continuous("a", 0.0, 1.0)])
    seen = cells(space, 6, y=lambda r: r["a"])
    batch = simple(space, [Y], runs=[Run("deposition", ["t"], places=6, hours=8)]).propose(seen, 6)
    assert (np.diff(batch["t"]) != 0).sum() <= 1
    assert batch.index.tolist() == list(range(6))


def test_two_objectives_fill_the_front():
    space = square()
    # The front is b = 0: more of y costs more of z.
    functions = {"y": lambda r: r["a"] - r["b"], "z": lambda r: r["a"] ** 2 + r["b"]}
    seen = cells(space, 6, **functions)
    for _ in range(12):
        new = simple(space, TWO).propose(seen)[["a", "b"]]
        seen = pd.concat([seen, new.assign(**{n: f(new) for n, f in functions.items()})], ignore_index=True)
    front = simple(space, TWO).best(seen)
    assert len(front) >= 6
    assert front["b"].mean() < 0.1
    assert front["a"].min() < 0.25
    assert front["a"].max() > 0.75
    purposes = set(simple(space, TWO).propose(seen, 4)["purpose"])
    assert purposes <= {"explore", "exploit", "trade-off"}


def test_three_objectives():
    space = square()
    objectives = [Objective(n) for n in "pqr"]
    seen = cells(space, 8, p=lambda r: r["a"], q=lambda r: r["b"], r=lambda r: -r["a"] - r["b"])
    batch = simple(space, objectives).propose(seen, 3)
    assert len(batch) == 3
    assert (batch["acquisition"] > 0).all()


# -- whatever comes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        [3.0],
        [3.0, 3.0, 3.0, 3.0],
        [np.nan],
        [np.nan, 1.0, np.nan, 2.0],
        [1e9, -1e9, 0.0, 1e-9],
        [0.0, 0.0, 0.0, 1e6],
    ],
    ids=["one", "constant", "none-yet", "partial", "wide", "outlier"],
)
@pytest.mark.parametrize("objectives", [[Y], TWO], ids=["one", "two"])
@pytest.mark.parametrize("real", [False, True], ids=["simple", "real"])
def test_odd_outcomes_still_give_proposals(values, objectives, real):
    space = mixed()
    seen = draw_recipes(space, len(values), np.random.default_rng(1)).assign(y=values)
    if len(objectives) > 1:
        seen["z"] = values[::-1]
    proposer = Proposer(space, objectives) if real else simple(space, objectives)
    batch = proposer.propose(seen, 2)
    assert len(batch) == 2
    assert space.is_allowed(batch).all()
    assert np.isfinite(batch["acquisition"].dropna()).all()


def test_only_failures_so_far():
    space = square()
    seen = cells(space, 5).assign(y=np.nan, outcome_class="shorted")
    batch = simple(space, [Y]).propose(seen, 2)
    assert (batch["usable_chance"] < 0.9).all()
    assert set(batch["purpose"]) == {"explore"}


@pytest.mark.parametrize("best", [0.3, 0.8], ids=["elsewhere", "inside"])
def test_a_failing_corner_is_left_alone(best):
    """Even where the best outcome is believed to lie in it."""
    space = square()
    back = []
    for seed in range(5):
        points = np.random.default_rng(seed).random((200, 2))
        corner = (points > 0.5).all(axis=1)
        seen = pd.DataFrame(np.vstack([points[corner][:5], points[~corner][:10]]), columns=["a", "b"])
        seen["outcome_class"] = ["cracked"] * 5 + ["ok"] * 10
        seen["y"] = np.where(
            seen["outcome_class"] == "ok", -((seen["a"] - best) ** 2) - (seen["b"] - best) ** 2, np.nan
        )
        returned = 0
        for _ in range(12):
            new = simple(space, [Y], seed).propose(seen)[["a", "b"]]
            failed = bool((new > 0.5).all(axis=None))
            value = np.nan if failed else -float(((new - best) ** 2).to_numpy().sum())
            row = new.assign(outcome_class="cracked" if failed else "ok", y=value)
            seen = pd.concat([seen, row], ignore_index=True)
            returned += failed
        back.append(returned)
    assert np.median(back) <= 2


# -- figures ---------------------------------------------------------------------------------------------------------


def test_the_reference_point():
    space = square()
    objectives = [Objective("y", threshold=0.2), Objective("z", maximize=False), Objective("w")]
    table = cells(space, 9, y=lambda r: r["a"], z=lambda r: r["b"] * 0 + np.arange(9.0), w=lambda r: r["b"] * 0 + 1.0)
    table.loc[0, "z"] = 1e6
    found = simple(space, objectives).reference(table)
    assert found["y"] == 0.2
    # Beyond the worst that is not an outlier: less is better here.
    assert 8.0 < found["z"] < 40.0
    assert found["w"] == 1.0
    assert simple(space, objectives).reference(None) == {"y": 0.2, "z": 0.0, "w": 0.0}


def test_nothing_is_best_before_the_first_cell():
    found = simple(square(), [Y]).best(None)
    assert len(found) == 0
    assert list(found.columns) == ["a", "b", "y"]


def test_a_search_beats_chance():
    space = SearchSpace([Continuous("a", -5.0, 10.0), Continuous("b", 0.0, 15.0)])

    def branin(r):
        return -(
            (r["b"] - 5.1 / (4 * np.pi**2) * r["a"] ** 2 + 5 / np.pi * r["a"] - 6) ** 2
            + 10 * (1 - 1 / (8 * np.pi)) * np.cos(r["a"])
            + 10
        )

    ours, random = [], []
    for seed in range(3):
        seen = None
        for _ in range(25):
            new = Proposer(space, [Y], seed=seed).propose(seen)[["a", "b"]]
            new = new.assign(y=branin(new))
            seen = new if seen is None else pd.concat([seen, new], ignore_index=True)
        ours.append(seen["y"].max())
        random.append(branin(space.from_unit(np.random.default_rng(seed).random((25, 2)))).max())
    # The optimum is -0.398; what 25 random recipes reach is near -3.
    assert np.median(ours) > -0.7
    assert np.median(ours) > np.median(random)


def test_an_answer_comes_quickly():
    space = SearchSpace(
        [
            Continuous("a", 0.0, 1.0),
            Continuous("b", 0.0, 1.0),
            Stepped("t", 0.0, 9.0, step=1.0),
            Categorical("k", choices=["x", "y", "z"]),
        ]
    )
    seen = cells(space, 50, y=lambda r: r["a"] * r["b"] + 0.1 * r["t"])
    Proposer(space, [Y]).propose(seen)
    taken = []
    for seed in range(3):
        started = time.process_time()
        Proposer(space, [Y], seed=seed).propose(seen)
        taken.append(time.process_time() - started)
    # 0.15 s on an idle machine of 2023; twice the 0.3 s aimed at, for a busy one.
    assert min(taken) < 0.6


def test_a_list_is_to_give_several_good_ones_and_an_open_space_one():
    space = square()
    seen = cells(space, 15, y=peak)
    rows = draw_recipes(space, 30, np.random.default_rng(3))
    listed = simple(space, [Y]).propose(seen, candidates=rows)
    assert "expected gain" in listed["reason"].iloc[0]
    assert "over the least of the 3 best measured" in listed["reason"].iloc[0]
    assert "best measured" not in simple(space, [Y]).propose(seen)["reason"].iloc[0]
