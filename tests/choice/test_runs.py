"""Runs: who shares one, what a further cell costs, and in which order they stand."""

import numpy as np
import pandas as pd
import pytest

from pvdopt.choice.runs import HourBudget, Hours, OpenRun, Run, RunPlan, group_by_runs, number_runs
from pvdopt.space import Categorical, Continuous, SearchSpace, Stepped

SPACE = SearchSpace(
    [
        Categorical("bias_kind", ["none", "rf"]),
        Stepped("bias_v", -100, 0, step=10, when={"bias_kind": ["rf"]}),
        Continuous("thickness_um", 0.1, 5, resolution=0.1),
        Categorical("anneal", ["none", "furnace"]),
        Stepped("anneal_c", 200, 800, step=50, when={"anneal": ["furnace"]}),
    ],
    fixed={"target_um": 3.0},
)
DEPOSITION = Run("deposition", ["bias_kind", "bias_v"], places=3, hours=3.5, hours_per={"thickness_um": 4})
FURNACE = Run("furnace", ["anneal_c"], places=9, hours=6, when={"anneal": ["furnace"]})


def recipe(thickness=1.0, bias=-50.0, anneal=None):
    row = {"bias_kind": "none" if bias is None else "rf", "bias_v": bias, "thickness_um": thickness}
    return SPACE.frame([{**row, "anneal": "none" if anneal is None else "furnace", "anneal_c": anneal}])


def test_a_cell_that_rides_along_adds_only_what_it_needs_longer():
    plan = RunPlan(SPACE, [DEPOSITION, FURNACE], Hours(0.5))
    assert plan.take(recipe(1.0)) == {"deposition": "deposition-1", "furnace": None}
    assert plan.hours == pytest.approx(0.5 + 7.5)
    thin, thick, other = (plan.extra_hours(recipe(*at))[0][0] for at in [(0.5, -50.0), (2.0, -50.0), (0.5, -60.0)])
    assert thin == pytest.approx(0.5)
    assert thick == pytest.approx(0.5 + 4.0)
    assert other == pytest.approx(0.5 + 5.5)
    plan.take(recipe(2.0))
    assert plan.hours == pytest.approx(0.5 + 7.5 + 0.5 + 4.0)
    assert plan.hours_by_kind == {"deposition": pytest.approx(11.5), "furnace": 0.0}


def test_runs_cross_and_a_full_one_is_followed_by_another():
    plan = RunPlan(SPACE, [DEPOSITION, FURNACE])
    labels = [plan.take(recipe(bias=b, anneal=a)) for b, a in [(-50, 700), (-60, 700), (-50, 650), (-50, None)]]
    assert [found["deposition"] for found in labels] == [
        "deposition-1", "deposition-2", "deposition-1", "deposition-1",
    ]  # fmt: skip
    assert [found["furnace"] for found in labels] == ["furnace-1", "furnace-1", "furnace-2", None]
    # The first deposition has its three cells now.
    assert plan.take(recipe())["deposition"] == "deposition-3"


def test_what_does_not_apply_is_shared_too():
    plan = RunPlan(SPACE, [Run("deposition", ["bias_v"], hours=8)])
    assert plan.take(recipe(bias=None)) == plan.take(recipe(2.0, bias=None))


def test_runs_of_earlier_proposals_are_free_while_open_and_their_labels_are_never_used_again():
    row = dict(recipe().iloc[0])
    opened = [
        OpenRun("deposition", "deposition-4", row, used=1, hours=7.5),
        OpenRun("deposition", "deposition-6", dict(recipe(bias=-60.0).iloc[0]), used=3, hours=7.5),
        OpenRun("deposition", "deposition-7", dict(recipe(bias=-70.0).iloc[0]), used=1, hours=7.5, is_open=False),
    ]
    plan = RunPlan(SPACE, [DEPOSITION], Hours(0.5), opened)
    assert plan.extra_hours(recipe())[0] == pytest.approx([0.5])
    assert plan.take(recipe())["deposition"] == "deposition-4"
    assert plan.take(recipe(bias=-60.0))["deposition"] == "deposition-8"
    assert plan.take(recipe(bias=-70.0))["deposition"] == "deposition-9"
    # What was handed in is left as it was.
    assert opened[0].used == 1


def test_a_copy_of_a_plan_goes_its_own_way():
    plan = RunPlan(SPACE, [DEPOSITION])
    plan.take(recipe())
    other = plan.copy()
    other.take(recipe())
    other.take(recipe(bias=-90.0))
    assert (plan.hours, plan.n_opened) == (pytest.approx(8.0), {"deposition": 1})
    assert plan.open_runs(DEPOSITION)[0].used == 1


def test_hours_are_those_of_settings_fixed_too_and_never_negative():
    run = Run("target", ["bias_kind"], hours=-1.0, hours_per={"target_um": 2.0, "anneal_c": 0.01})
    plan = RunPlan(SPACE, [run], Hours(0.0))
    assert plan.extra_hours(recipe(anneal=700))[0] == pytest.approx([-1 + 6 + 7])
    assert Hours(-3, {"thickness_um": 1}).of(recipe(1.0)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"name": "", "shares": ["a"], "hours": 1}, "needs a name"),
        ({"name": "d", "shares": [], "hours": 1}, "at least one setting"),
        ({"name": "d", "shares": "bias_v", "hours": 1}, "at least one setting"),
        ({"name": "d", "shares": ["a"], "hours": 0}, "hours must be above 0"),
        ({"name": "d", "shares": ["a"], "hours": float("nan")}, "hours must"),
        ({"name": "d", "shares": ["a"], "hours": 1, "places": 0}, "places must be at least 1"),
        ({"name": "d", "shares": ["a"], "hours": 1, "when": {"k": "rf"}}, "must list choices"),
    ],
)
def test_runs_that_cannot_be(words, said):
    with pytest.raises(ValueError, match=said):
        Run(**words)


@pytest.mark.parametrize("given", [{}, {"total": 0.0}, {"total": -1.0}, {"by_kind": {"furnace": float("inf")}}])
def test_budgets_that_cannot_be(given):
    with pytest.raises(ValueError, match="positive hours"):
        HourBudget(**given)


def test_a_budget_counts_what_the_plan_has_taken_already():
    plan = RunPlan(SPACE, [DEPOSITION, FURNACE], Hours(0.5))
    plan.take(recipe(anneal=700))
    # 14 h so far: deposition 7.5, furnace 6, cell 0.5.
    both = pd.concat([recipe(anneal=700), recipe(bias=-60.0, anneal=700)], ignore_index=True)
    extra = plan.extra_hours(both)
    assert HourBudget(14.5).fits(plan, *extra).tolist() == [True, False]
    assert HourBudget(22.0).fits(plan, *extra).tolist() == [True, True]
    assert HourBudget(None, {"furnace": 6.0}).fits(plan, *extra).tolist() == [True, True]
    assert HourBudget(22.0, {"deposition": 10.0}).fits(plan, *extra).tolist() == [True, False]


def test_a_batch_stands_run_by_run():
    labels = {"deposition_run": ["d2", "d1", "d2", "d1"], "furnace_run": ["f1", None, "f2", "f1"]}
    order = group_by_runs(pd.DataFrame(labels), [DEPOSITION, FURNACE])
    assert order.tolist() == [0, 2, 3, 1]
    assert group_by_runs(pd.DataFrame(index=range(3)), []).tolist() == [0, 1, 2]
    assert np.issubdtype(order.dtype, np.integer)


def test_new_runs_are_numbered_as_they_stand():
    labels = {
        "deposition_run": ["deposition-4", "deposition-2", "deposition-3"],
        "furnace_run": [None, None, "furnace-1"],
    }
    batch = number_runs(pd.DataFrame(labels), [DEPOSITION, FURNACE], {"deposition-2"})
    assert batch["deposition_run"].tolist() == ["deposition-3", "deposition-2", "deposition-4"]
    assert batch["furnace_run"].tolist() == [None, None, "furnace-1"]
