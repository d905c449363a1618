"""Batches that share runs: never refused by the space, within places and budget, and better per hour."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import strategies
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.proposer import Proposer
from pvdopt.choice.runs import HourBudget, Hours, OpenRun, Run
from pvdopt.errors import NothingToPropose
from pvdopt.objectives import Objective
from pvdopt.space import Categorical, Continuous, SearchSpace, Stepped
from simple_models import SimpleModels

Y = Objective("y", unit="V")
TWO = [Y, Objective("z", maximize=False, unit="s")]
SPACE = SearchSpace([Stepped("bias", 0, 10, step=1), Continuous("um", 0.0, 1.0), Stepped("heat", 0, 10, step=1)])
DEPOSITION = Run("deposition", ["bias"], places=3, hours=8)
FURNACE = Run("furnace", ["heat"], places=4, hours=6)


def proposer(runs, objectives=(Y,), space=SPACE, **more):
    objectives = list(objectives)
    return Proposer(space, objectives, runs=runs, models=lambda: SimpleModels(space, objectives), **more)


def cells(space=SPACE, n=8, seed=0, **more):
    found = draw_recipes(space, n, np.random.default_rng(seed))
    first = space.parameters[0]
    height = np.zeros(len(found)) if isinstance(first, Categorical) else first.to_unit(found[first.name].to_numpy())
    rng = np.random.default_rng(seed)
    y = -((np.nan_to_num(height) - 0.6) ** 2) + 0.01 * rng.standard_normal(len(found))
    return found.assign(y=y, **{name: rng.random(len(found)) for name in more.get("also", ())})


def check_runs(batch, runs, space, opened=()):
    """Assert what must hold of every batch with runs."""
    keys = space.keys(batch)
    before = {one.label: one.used for one in opened}
    for run in runs:
        goes = run.takes(space.with_fixed(batch[list(space.names)]))
        labels = np.array([label is not None for label in batch[run.column]])
        assert (labels == goes).all()
        places = [space.names.index(n) for n in run.shares if n in space]
        for label in batch[run.column].dropna().unique():
            rows = np.flatnonzero((batch[run.column] == label).to_numpy())
            assert len({tuple(keys[k][j] for j in places) for k in rows}) == 1
            assert run.places is None or len(rows) + before.get(label, 0) <= run.places
            # Cells of a run of the first kind stand together.
            assert run is not runs[0] or rows.max() - rows.min() == len(rows) - 1


# -- always ----------------------------------------------------------------------------------------------------------


def check_any_batch(data):
    """Propose in any space with any runs, and assert what must hold."""
    space = data.draw(strategies.spaces())
    some = st.lists(st.sampled_from(space.names), min_size=1, max_size=3, unique=True)
    kinds = [p for p in space.parameters if isinstance(p, Categorical)]
    runs = [
        Run(
            name,
            data.draw(some),
            places=data.draw(st.sampled_from([None, 1, 2, 5])),
            hours=data.draw(st.sampled_from([0.5, 8.0])),
            when=data.draw(st.none() | st.sampled_from(kinds).map(lambda p: {p.name: [p.choices[0]]})),
        )
        for name in ("deposition", "furnace")[: data.draw(st.integers(1, 2))]
    ]
    budget = data.draw(st.none() | st.sampled_from([9.0, 20.0]).map(HourBudget))
    n_seen, n = data.draw(st.sampled_from([0, 2, 8])), data.draw(st.integers(1, 6))
    seen = cells(space, n_seen, also=["z"]) if n_seen else None
    if seen is not None and not len(seen):
        return
    try:
        batch = proposer(runs, TWO, space).propose(seen, n, budget=budget)
    except NothingToPropose:
        return
    assert 1 <= len(batch) <= n
    assert space.is_allowed(batch).all()
    assert len(set(space.keys(batch))) == len(batch)
    check_runs(batch, runs, space)
    assert batch["hours"].sum() == pytest.approx(batch.attrs["hours"]["total"])
    if budget is not None:
        assert batch["hours"].sum() <= budget.total + 1e-6


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_is_proposed_may_be_made_shares_its_runs_and_stays_within_the_budget(data):
    check_any_batch(data)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_is_proposed_may_be_made_in_any_space_with_any_runs(data):
    check_any_batch(data)


def test_the_same_question_has_the_same_answer():
    seen = cells()
    pd.testing.assert_frame_equal(
        proposer([DEPOSITION, FURNACE]).propose(seen, 6), proposer([DEPOSITION, FURNACE]).propose(seen.iloc[::-1], 6)
    )


# -- what is chosen --------------------------------------------------------------------------------------------------


def test_a_batch_shares_runs_and_gains_more_in_an_hour_than_one_that_does_not():
    seen = cells(n=6)
    runs = [DEPOSITION, FURNACE]
    shared = proposer(runs).propose(seen, 6)
    alone = proposer([]).propose(seen, 6)
    check_runs(shared, runs, SPACE)
    assert shared["deposition_run"].nunique() <= 2
    assert shared["furnace_run"].nunique() <= 3
    hours_alone = 8 * alone["bias"].nunique() + 6 * alone["heat"].nunique() + 0.5 * 6
    assert shared["hours"].sum() < hours_alone
    rate = shared["acquisition"].sum() / shared["hours"].sum()
    assert rate > alone["acquisition"].sum() / hours_alone


def test_a_dear_run_is_opened_where_its_gain_is_worth_it():
    space = SearchSpace([Stepped("bias", 0, 1, step=1), Continuous("um", 0.0, 1.0)])
    # At bias 0 all is known; at bias 1 nothing is.
    known = space.frame([{"bias": 0.0, "um": u} for u in np.linspace(0, 1, 12)]).assign(y=0.0)
    known.loc[3, "y"] = 0.01
    opened = [OpenRun("deposition", "deposition-1", {"bias": 0.0, "um": 0.5}, used=1, hours=8)]
    run = Run("deposition", ["bias"], places=6, hours=8)
    batch = proposer([run], space=space).propose(known, 2, opened=opened)
    assert batch["bias"].tolist() == [1.0, 1.0]


def test_a_cell_rides_along_in_an_open_run_where_gains_are_alike():
    space = SearchSpace([Stepped("bias", 0, 10, step=1), Continuous("um", 0.0, 1.0)])
    seen = space.frame([{"bias": b, "um": 0.5} for b in (0.0, 5.0, 10.0)]).assign(y=[0.0, 0.1, 0.0])
    opened = [OpenRun("deposition", "deposition-3", {"bias": 4.0, "um": 0.2}, used=1, hours=8)]
    batch = proposer([DEPOSITION], space=space).propose(seen, 2, opened=opened)
    assert batch["bias"].tolist() == [4.0, 4.0]
    assert batch["deposition_run"].tolist() == ["deposition-3"] * 2
    assert batch["hours"].tolist() == [0.5, 0.5]
    check_runs(batch, [DEPOSITION], space, opened)


def test_a_budget_is_used_and_kept():
    seen = cells()
    batch = proposer([DEPOSITION, FURNACE]).propose(seen, 0, budget=HourBudget(32.0))
    assert 16 < batch["hours"].sum() <= 32
    assert len(batch) >= 3
    check_runs(batch, [DEPOSITION, FURNACE], SPACE)
    tight = proposer([DEPOSITION, FURNACE]).propose(
        seen, 0, budget=HourBudget(None, {"furnace": 6.0, "deposition": 16})
    )
    assert tight["furnace_run"].nunique() == 1
    assert tight["deposition_run"].nunique() == 2
    with pytest.raises(NothingToPropose, match="fits into the budget"):
        proposer([DEPOSITION, FURNACE]).propose(seen, 2, budget=HourBudget(14.0))


def test_the_first_cells_spread_over_few_runs():
    batch = proposer([DEPOSITION, FURNACE]).propose(None, 9)
    check_runs(batch, [DEPOSITION, FURNACE], SPACE)
    assert batch["deposition_run"].nunique() == 3
    assert batch["furnace_run"].nunique() == 3
    assert batch["bias"].max() - batch["bias"].min() >= 5
    assert len(proposer([DEPOSITION]).propose(None, 5, budget=HourBudget(9.0))) == 2


def test_candidates_that_share_runs_are_chosen_together():
    rng = np.random.default_rng(0)
    rows = SPACE.frame([{"bias": float(b), "um": u, "heat": 3.0} for b in range(4) for u in rng.random(10)])
    batch = proposer([DEPOSITION]).propose(cells(n=5), 3, candidates=rows)
    assert batch["deposition_run"].nunique() == 1
    pd.testing.assert_frame_equal(batch[list(SPACE.names)], rows.loc[batch.index])


def test_settings_fixed_by_hand_stay_and_runs_are_shared_all_the_same():
    batch = proposer([DEPOSITION, FURNACE]).propose(cells(), 4, fix={"heat": 7.0})
    assert set(batch["heat"]) == {7.0}
    assert batch["furnace_run"].nunique() == 1
    check_runs(batch, [DEPOSITION, FURNACE], SPACE)
    with pytest.raises(NothingToPropose):
        proposer([]).propose(cells(), 1, fix={"heat": 7.5})


def test_cells_cost_hours_without_any_run():
    batch = proposer([], cost=Hours(1.0, {"um": 10.0})).propose(cells(), 0, budget=HourBudget(12.0))
    assert batch["hours"].sum() <= 12
    assert batch["hours"].to_numpy() == pytest.approx(1 + 10 * batch["um"].to_numpy())
    with pytest.raises(ValueError, match="needs runs, or Hours"):
        proposer([]).propose(cells(), 1, budget=HourBudget(12.0))
    with pytest.raises(ValueError, match="ovens, which there are not"):
        proposer([FURNACE]).propose(cells(), 1, budget=HourBudget(None, {"ovens": 12.0}))
