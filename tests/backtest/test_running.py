"""Runs over seeds: the same whatever the processes, kept, resumed, and fair to every strategy."""

import functools

import numpy as np
import pandas as pd
import pytest

from pvdopt import Categorical, Continuous, Objective, SearchSpace
from pvdopt.backtest.arenas import LabArena, PoolArena, vary
from pvdopt.backtest.pools import Pool
from pvdopt.backtest.running import Plan, Store, run_all, run_once, seed_numbers
from pvdopt.backtest.strategies import STRATEGIES, check_strategies
from pvdopt.backtest.summary import summarise
from pvdopt.choice.candidates import draw_recipes
from pvdopt.config import load_config
from pvdopt.config.reading import shipped_config
from pvdopt.errors import DataInvalid

PLAN = Plan(budget=8, batch=2, starts=3)


def make_pool(n=30, goals=1):
    space = SearchSpace([Continuous("x", low=0, high=1), Categorical("kind", choices=["a", "b"])])
    recipes = draw_recipes(space, n, np.random.default_rng(0))
    x = recipes["x"].to_numpy()
    values = {"gain": -((x - 0.7) ** 2) + 0.1 * (recipes["kind"] == "b"), "cost": x}
    objectives = [Objective("gain"), Objective("cost", maximize=False)][:goals]
    return Pool("toy", space, objectives, recipes, pd.DataFrame(values)[[o.name for o in objectives]])


def toy(seed, goals=1):
    return PoolArena(make_pool(goals=goals))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_makes_new_rows_of_a_pool_after_the_common_starts(strategy):
    chosen = []

    class Watched(PoolArena):
        def measure(self, recipes, first):
            chosen.extend(recipes.index)
            return super().measure(recipes, first)

    run = run_once(Watched(make_pool()), strategy, 5, PLAN)
    assert len(set(chosen)) == len(chosen) == PLAN.budget == run.n_made
    other = run_once(Watched(make_pool()), "random", 5, PLAN)
    assert chosen[: PLAN.starts] == chosen[PLAN.budget : PLAN.budget + PLAN.starts]
    assert other.progress[PLAN.starts - 1] == run.progress[PLAN.starts - 1]
    assert all(0 <= a <= b <= 1 for a, b in zip(run.progress, run.progress[1:], strict=False))


def test_a_pool_that_is_used_up_ends_the_run():
    run = run_once(PoolArena(make_pool(n=6)), "tpe", 0, Plan(budget=9, batch=4))
    assert run.n_made == 6
    assert run.progress[-1] == 1.0
    assert len(run.progress) == 9


def test_results_are_the_same_whatever_the_number_of_processes():
    def told(runs):
        return [(r.strategy, r.seed, r.progress, r.n_made, r.n_refused) for r in runs]

    both = functools.partial(toy, goals=2)
    alone = run_all(both, ["tpe", "random"], range(3), PLAN)
    assert told(run_all(both, ["tpe", "random"], range(3), PLAN, n_jobs=2)) == told(alone)


def test_kept_runs_are_not_run_again(tmp_path):
    calls = []

    def counting(seed):
        calls.append(seed)
        return toy(seed)

    store = Store(tmp_path, {"subject": "toy"})
    first = run_all(counting, ["random"], range(2), PLAN, store=store)
    path = tmp_path / "runs" / "random.csv"
    # As if the power failed while the last run was written.
    path.write_text(path.read_text()[:-9])
    again = run_all(counting, ["random"], range(3), PLAN, store=Store(tmp_path, {"subject": "toy"}))
    assert calls == [0, 1, 1, 2]
    assert again[0].progress == first[0].progress
    assert again[1].progress == first[1].progress
    assert run_all(counting, ["random"], range(3), PLAN, store=Store(tmp_path, {"subject": "toy"})) == again
    assert calls == [0, 1, 1, 2]


def test_a_folder_of_other_runs_is_refused(tmp_path):
    Store(tmp_path, {"subject": "toy", "budget": 8})
    with pytest.raises(DataInvalid, match="holds a backtest with other budget"):
        Store(tmp_path, {"subject": "toy", "budget": 9})


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 5000])
def test_settings_that_are_none_are_told(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(DataInvalid, match=r"settings\.json: must hold the settings of a backtest, as JSON"):
        Store(tmp_path, {"subject": "toy"})


def test_all_runs_that_are_none_are_told(tmp_path):
    store = Store(tmp_path, {"subject": "toy"})
    lines = ["seed,made", "0,8,0,0.1,0.5 1", "1,8,0,0.1,0.5 x", "2,8", "3,8,0,nan,1", ""]
    (tmp_path / "runs" / "random.csv").write_text("\n".join(lines))
    with pytest.raises(DataInvalid, match=r"random\.csv, row 3: must hold a run.* Delete the file") as caught:
        store.read()
    assert [problem.row for problem in caught.value.problems] == [3, 4, 5]


def test_no_seed_is_for_both_tuning_and_reporting():
    assert not set(seed_numbers(500)) & set(seed_numbers(500, is_tuning=True))


@pytest.mark.parametrize(
    ("names", "n_goals", "message"),
    [(["tep"], 1, "Did you mean tpe?"), (["cmaes"], 2, "cmaes takes one objective")],
)
def test_what_is_no_strategy_here_is_told(names, n_goals, message):
    assert message in " ".join(check_strategies(names, n_goals))


@pytest.fixture(scope="module")
def lab():
    return LabArena(load_config(shipped_config("lco_lipon.toml")), 1, ((20.0, 0.2), 30.0))


def test_a_laboratory_tells_measurements_and_counts_truth(lab):
    recipes = draw_recipes(lab.space, 12, np.random.default_rng(1))
    observed = lab.measure(recipes, 0)
    assert (observed["capacity"].dropna() != lab.lab.truth(lab._full(recipes))["capacity"].loc[0]).all()
    truth = lab.lab.truth(lab._full(recipes))
    counts = truth["areal_capacity"] >= 30
    assert np.isnan(lab.score(recipes)[~counts]).all()
    assert np.allclose(lab.score(recipes)[counts, 0], truth["capacity"][counts])
    # The same place in a run has the same luck, whoever made the earlier cells.
    again = lab.measure(recipes.iloc[[7]], 7)
    assert again["capacity"].iloc[0] == pytest.approx(observed["capacity"].iloc[7], nan_ok=True)


def test_a_short_test_is_no_retention_to_who_knows_no_cycles(lab):
    observed = lab.measure(draw_recipes(lab.space, 30, np.random.default_rng(2)), 0)
    short = (observed["cycles"] < 100) & observed["retention"].notna()
    assert short.any()
    plain = lab.plain(observed)
    assert plain["retention"][short].isna().all()
    assert "cycles" not in plain.columns
    assert observed["retention"][short].notna().all()


@pytest.mark.parametrize("strategy", ["tpe", "random"])
def test_a_run_in_a_laboratory_proposes_nothing_forbidden(lab, strategy):
    run = run_once(lab, strategy, 1, Plan(budget=12, batch=4))
    assert run.n_refused == 0
    assert run.n_made == 12


def test_progress_in_a_laboratory_starts_from_the_thresholds_unless_nothing_meets_them():
    arena = LabArena(load_config(shipped_config("areal_capacity.toml")), 0)
    some = np.array([[50.0, 0.4], [150.0, 0.3], [120.0, 0.6]])
    assert arena._find_reference(some).tolist() == [100.0, 0.5]
    assert arena._find_reference(some[:2]).tolist() == [60.0, 0.31]


@pytest.mark.slow
def test_the_dense_search_misses_little_that_a_wider_one_finds(monkeypatch):
    import pvdopt.backtest.arenas as arenas

    config = load_config(shipped_config("areal_capacity.toml"))
    quick = LabArena(config, 0)
    gained = quick.best
    monkeypatch.setattr(arenas, "N_ROUNDS", 8)
    monkeypatch.setattr(arenas, "N_VARIATIONS", 40)
    # The draws are the same, and so is the reference above which both are measured.
    wide = LabArena(config, 0)
    assert wide.reference.tolist() == quick.reference.tolist()
    assert gained > 0.98 * wide.best


def test_variations_are_allowed_and_near(lab):
    recipes = draw_recipes(lab.space, 5, np.random.default_rng(3))
    near = vary(lab.space, recipes, 10, 0.05, np.random.default_rng(4))
    assert len(near) > 25
    assert lab.space.is_allowed(near).all()


def test_a_summary_counts_what_was_not_reached_as_beyond():
    runs = run_all(toy, ["tpe", "random"], range(4), PLAN)
    report = summarise(runs, "toy", 2.0, PLAN)
    assert [s.n_reached for s in report.strategies] == [0, 0]
    assert report.strategies[0].needed.value is None
    assert report.strategies[0].acceleration.value is None
    easy = summarise(runs, "toy", 0.0, PLAN)
    assert easy.strategies[0].needed.value == 1
    assert easy.strategies[0].acceleration.value == 1
    assert any("4 seeds are few" in note for note in easy.notes)
