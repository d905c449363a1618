"""The sampler in anybody's study and over a declared space: Optuna's suites, and that the proposer gives the values."""

import copy
import math
import pickle

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.trial import TrialState, create_trial

from pvdopt.choice.proposer import Proposer
from pvdopt.errors import NothingToPropose
from pvdopt.evidence import Evidence
from pvdopt.objectives import Objective, Protocol
from pvdopt.optuna_coding import FineContinuous, LearnedCoding
from pvdopt.sampler import SurrogateSampler
from pvdopt.space import Between, Categorical, Continuous, Exclude, SearchSpace, Stepped

optuna.logging.set_verbosity(optuna.logging.ERROR)


class TestConformance(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return SurrogateSampler


class NoFallback(SurrogateSampler):
    """Refuses to draw at random once the study has a space in common."""

    def sample_independent(self, study, trial, param_name, param_distribution):
        if trial.number > 0:
            raise AssertionError(f"{param_name} of trial {trial.number} came from the fallback")
        return super().sample_independent(study, trial, param_name, param_distribution)


@pytest.fixture
def asked(monkeypatch):
    """What the proposer was asked: arguments and answer, call by call."""
    calls = []
    propose = Proposer.propose

    def noted(self, observed, n=1, pending=None, candidates=None):
        batch = propose(self, observed, n, pending, candidates)
        calls.append((self, observed, pending, batch))
        return batch

    monkeypatch.setattr(Proposer, "propose", noted)
    return calls


def quadratic(trial):
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
    return (x - 1.3) ** 2 + (y + 2.1) ** 2


def bowl(trial):
    x = trial.suggest_float("x", -3, 3)
    y = trial.suggest_int("y", -5, 5)
    kind = trial.suggest_categorical("kind", [None, 1, "b", 1.5])
    return (x - 1) ** 2 + (y - 2) ** 2 + (0 if kind == 1 else 2)


def run(objective, n, sampler, **study):
    found = optuna.create_study(sampler=sampler, **study)
    found.optimize(objective, n_trials=n)
    return found


# -- anybody's study -------------------------------------------------------------------------------------------------


def test_every_trial_but_the_first_is_the_proposers(asked):
    study = run(quadratic, 8, NoFallback(seed=0))
    assert len(asked) == 7
    for trial, (_, _, _, batch) in zip(study.trials[1:], asked, strict=True):
        assert trial.params == {"x": batch["p0"][0], "y": batch["p1"][0]}


def test_a_trial_is_what_the_proposer_says_of_the_trials_before():
    study = run(quadratic, 6, SurrogateSampler(seed=5))
    space = SearchSpace([FineContinuous("p0", -5, 5), FineContinuous("p1", -5, 5)])
    before = study.trials[:5]
    cells = space.frame([{"p0": t.params["x"], "p1": t.params["y"]} for t in before])
    cells = cells.assign(v0=[t.value for t in before], outcome_class="ok")
    batch = Proposer(space, [Objective("v0", maximize=False)], seed=5).propose(cells)
    assert study.trials[5].params == {"x": batch["p0"][0], "y": batch["p1"][0]}


def test_the_models_are_asked_from_the_fifth_trial_on(asked):
    run(quadratic, 6, SurrogateSampler(seed=0))
    n_cells = [len(observed) for _, observed, _, _ in asked]
    assert n_cells == [0, 0, 0, 4, 5]
    assert [len(pending) for _, _, pending, _ in asked] == [1, 2, 3, 0, 0]
    assert asked[-1][3]["acquisition"].notna().all()


def test_twenty_trials_end_better_than_random_ones():
    def best(make):
        return np.median([run(quadratic, 20, make(seed)).best_value for seed in range(3)])

    chance = best(lambda seed: optuna.samplers.RandomSampler(seed=seed))
    assert best(lambda seed: NoFallback(seed=seed)) < chance / 10


def test_a_category_of_mixed_types_beside_whole_numbers():
    study = run(bowl, 22, NoFallback(seed=0))
    assert study.best_value < 0.5
    assert study.best_params["kind"] == 1
    assert all(type(t.params["y"]) is int for t in study.trials)


def test_the_same_seed_gives_the_same_trials_and_another_others():
    def params(seed):
        return [t.params for t in run(bowl, 6, SurrogateSampler(seed=seed)).trials]

    assert params(1) == params(1)
    assert params(1)[3:] != params(2)[3:]
    assert params(None) != params(None)


def test_reseeding_changes_what_comes_next():
    def after(reseed):
        study = run(quadratic, 5, SurrogateSampler(seed=0))
        if reseed:
            study.sampler.reseed_rng()
        return study.ask({n: FloatDistribution(-5, 5) for n in "xy"}).params

    assert after(False) == after(False)
    assert after(True) != after(False)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["copy", "pickle"])
def test_a_copy_goes_on_alike(duplicate):
    first = run(quadratic, 5, SurrogateSampler(seed=3))
    second = optuna.create_study(sampler=duplicate(first.sampler))
    second.add_trials(first.trials)
    space = {n: FloatDistribution(-5, 5) for n in "xy"}
    assert first.ask(space).params == second.ask(space).params


def test_names_with_a_meaning_elsewhere_mean_nothing():
    names = ("run", "source", "outcome_class", "v0", "p1", "cycles", "capacity")
    study = run(lambda t: sum(t.suggest_float(n, 0, 1) for n in names), 7, NoFallback(seed=0))
    assert len({tuple(t.params.values()) for t in study.trials}) == 7


def test_two_objectives_cover_the_front(asked):
    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x - y, x**2 + y

    study = run(objective, 20, NoFallback(seed=0), directions=["maximize", "minimize"])
    assert [(o.name, o.maximize) for o in asked[0][0].objectives] == [("v0", True), ("v1", False)]
    # The front lies at y = 0: from nothing at no cost to everything at full cost.
    front = sorted(t.values[0] for t in study.best_trials)
    assert len(front) >= 6
    assert front[0] < 0.3
    assert front[-1] > 0.7


def test_running_trials_are_pending():
    scale = {"x": IntDistribution(0, 30)}
    study = optuna.create_study(sampler=SurrogateSampler(seed=0))
    for x in (0, 10, 20, 30):
        study.add_trial(create_trial(params={"x": x}, distributions=scale, value=(x - 12) ** 2))
    given = [study.ask(scale).params["x"] for _ in range(8)]
    assert len(set(given)) == 8
    assert not {0, 10, 20, 30} & set(given)


def test_a_running_trial_is_pending_before_it_shows_its_parameters(asked):
    study = run(quadratic, 5, SurrogateSampler(seed=0))
    study.ask().suggest_float("x", -5, 5)
    given = asked[-1][3]
    study.ask().suggest_float("x", -5, 5)
    assert asked[-1][2][["p0", "p1"]].equals(given[["p0", "p1"]])


def test_failed_trials_drive_the_search_away():
    study = optuna.create_study(direction="maximize", sampler=SurrogateSampler(seed=1))
    for _ in range(25):
        trial = study.ask({"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)})
        x, y = trial.params["x"], trial.params["y"]
        if x > 0.7:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, x - (y - 0.5) ** 2)
    assert sum(t.state == TrialState.FAIL for t in study.trials[12:]) <= 5
    assert study.best_value > 0.5


def test_what_a_trial_tells_the_proposer(asked):
    scale = {"x": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=SurrogateSampler(seed=0), direction="maximize")
    for k in range(4):
        study.add_trial(create_trial(params={"x": k / 10}, distributions=scale, value=float(k)))
    for k, (state, value, constraints) in enumerate(
        [
            (TrialState.FAIL, None, None),
            (TrialState.PRUNED, None, None),
            (TrialState.COMPLETE, 7.0, {"c": 0.1, "d": -1.0}),
            (TrialState.COMPLETE, 8.0, {"c": 0.0}),
            (TrialState.COMPLETE, math.inf, None),
        ]
    ):
        x = {"x": 0.5 + k / 10}
        study.add_trial(create_trial(state=state, params=x, distributions=scale, value=value, constraints=constraints))
    other = {"x": FloatDistribution(0, 2)}
    study.add_trial(create_trial(state=TrialState.FAIL, params={"x": 0.1}, distributions=other))
    study.ask(scale)
    _, observed, _, _ = asked[-1]
    assert observed["p0"].tolist() == [0.0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert observed["outcome_class"].tolist() == ["ok"] * 4 + ["not_made"] * 3 + ["ok"] * 2
    assert observed["v0"].tolist()[:4] == [0.0, 1.0, 2.0, 3.0]
    assert observed["v0"].isna().tolist()[4:] == [True, True, False, False, True]


def test_a_constraint_that_all_trials_state_is_learned_as_a_figure(asked):
    scale = {"x": FloatDistribution(0, 1)}
    study = optuna.create_study(sampler=SurrogateSampler(seed=0), direction="maximize")
    for k in range(6):
        stated = {"heat": k / 10 - 0.3, "size": -1.0, **({"odd": 1.0} if k == 2 else {})}
        study.add_trial(create_trial(params={"x": k / 10}, distributions=scale, value=float(k), constraints=stated))
    study.add_trial(create_trial(state=TrialState.FAIL, params={"x": 0.9}, distributions=scale))
    study.ask(scale)
    proposer, observed, _, _ = asked[-1]
    assert [(o.name, o.threshold) for o in proposer.objectives if o.is_constraint] == [("c0", 0.0), ("c1", 0.0)]
    assert observed["c0"].tolist()[:6] == pytest.approx([0.3, 0.2, 0.1, 0.0, -0.1, -0.2])
    assert np.isnan(observed["c0"].iloc[6])
    # What only one trial states cannot be modelled: broken, it makes that trial a failed cell.
    assert observed["outcome_class"].tolist() == ["ok", "ok", "not_made", "ok", "ok", "ok", "not_made"]


def test_a_constrained_study_ends_on_the_edge_of_what_is_feasible():
    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("sum", x + y - 1.0)
        return x + 2 * y

    study = run(objective, 22, NoFallback(seed=1), direction="maximize")
    feasible = [t.value for t in study.trials if t.constraints["sum"] <= 0]
    assert max(feasible) > 1.9


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e300, -1e300, 1e99])
def test_values_out_of_all_range_do_not_stop_the_search(bad):
    study = run(lambda t: bad if t.suggest_float("x", 0, 1) and t.number == 3 else t.params["x"], 8, NoFallback(seed=0))
    assert all(t.state == TrialState.COMPLETE for t in study.trials)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_small_space_that_is_used_up_is_drawn_from_at_random(n_jobs):
    study = optuna.create_study(sampler=SurrogateSampler(seed=0))
    study.optimize(
        lambda t: t.suggest_int("x", 0, 2) + 3 * t.suggest_categorical("y", [0, 1]), n_trials=10, n_jobs=n_jobs
    )
    assert len(study.trials) == 10
    if n_jobs == 1:
        assert len({tuple(t.params.values()) for t in study.trials[:6]}) == 6


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(-2.5, 4.0),
        FloatDistribution(1e-9, 1e3, log=True),
        FloatDistribution(-10.2, 10.2, step=0.1),
        FloatDistribution(0, 1, step=1e-5),
        FloatDistribution(0, 1e-13, step=1e-14),
        IntDistribution(-3, 8),
        IntDistribution(3, 9, step=2),
        IntDistribution(3, 2_000_003, step=5),
        IntDistribution(1, 100, log=True),
        IntDistribution(1, 10**9, log=True),
        CategoricalDistribution([None, 1, "b", 2.5]),
    ],
    ids=repr,
)
def test_values_go_there_and_back_and_are_never_replaced(distribution):
    coding = LearnedCoding({"x": distribution})
    parameter = coding.space["p0"]
    random, study = optuna.samplers.RandomSampler(seed=0), optuna.create_study()
    for _ in range(50):
        value = random.sample_independent(study, None, "x", distribution)
        back = coding.params(coding.recipe({"x": value}, {"x": distribution}))["x"]
        assert type(back) is type(value)
        assert back == value or back == pytest.approx(value, rel=1e-9)
    for u in np.linspace(0, 1, 37):
        value = coding.params({"p0": parameter.from_unit(np.array([u]))[0]})["x"]
        assert distribution._contains(distribution.to_internal_repr(value))


# -- a declared space ------------------------------------------------------------------------------------------------

CONDITIONAL = SearchSpace(
    [
        Stepped("t", low=100, high=830, step=50, when={"kind": ["furnace"]}),
        Categorical("kind", choices=["none", "furnace"]),
        Continuous("l", low=0.1, high=5, log=True, resolution=0.01),
        Stepped("n", low=1, high=64, step=1, log=True),
        Stepped("s", low=-0.3, high=0.3, step=0.1),
    ],
    [Exclude({"kind": ["none"], "l": Between(low=1.0)})],
)
PLAIN = SearchSpace([Continuous("a", low=0, high=1), Stepped("b", low=0, high=10, step=2)])


def test_a_declared_space_is_searched_from_the_first_trial(asked):
    sampler = NoFallback(CONDITIONAL, [Objective("q", maximize=True)], seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    names = list(sampler.infer_relative_search_space(study, None))
    assert names.index("kind") < names.index("t")
    kinds = set()
    for k in range(9):
        trial = study.ask()
        recipe = sampler.suggest(trial)
        assert trial.params == recipe
        assert CONDITIONAL.explain(recipe) == []
        assert ("t" in recipe) == (recipe["kind"] == "furnace")
        kinds.add(recipe["kind"])
        assert len(asked) == k + 1
        assert recipe["l"] == pytest.approx(asked[-1][3]["l"][0], rel=1e-12)
        study.tell(trial, recipe["l"] + recipe.get("t", 0.0) / 1000)
    assert kinds == {"none", "furnace"}
    assert len(CONDITIONAL.keys(asked[-1][1])) == 8
    assert study.best_value > 4.5


def test_a_declared_trial_is_what_the_proposer_says():
    objectives = [Objective("value", maximize=False)]
    sampler = SurrogateSampler(PLAIN, objectives, seed=3)
    study = optuna.create_study(sampler=sampler)
    scales = sampler.infer_relative_search_space(study, None)
    cells = PLAIN.frame([{"a": a, "b": b} for a, b in [(0.1, 0.0), (0.5, 4.0), (0.9, 10.0), (0.3, 8.0)]])
    values = (cells["a"] + 0.1 * cells["b"]).tolist()
    for recipe, value in zip(cells.to_dict("records"), values, strict=True):
        study.add_trial(create_trial(params=recipe, distributions=scales, value=value))
    wanted = Proposer(PLAIN, objectives, seed=3).propose(cells.assign(value=values, outcome_class="ok"))
    assert sampler.suggest(study.ask()) == {name: float(wanted[name][0]) for name in PLAIN.names}


def test_evidence_is_used(asked):
    space = SearchSpace([Continuous("thickness_um", low=0.1, high=5, log=True), Stepped("bias_v", -100, 0, step=5)])
    evidence = Evidence.reported(
        fixed={"cathode": "LiCoO2", "method": "rf_sputtering"}, protocol=Protocol(current_ua_cm2=10, v_max=4.2)
    )
    sampler = SurrogateSampler(space, [Objective("capacity")], evidence, seed=0)
    sampler.suggest(optuna.create_study(direction="maximize", sampler=sampler).ask())
    assert asked[0][0].evidence is evidence
    # Without a single cell of one's own there is a prediction only from the literature.
    assert asked[0][3]["capacity"].notna().all()


def test_an_outcome_that_is_a_constraint_is_told_by_a_constraint(asked):
    objectives = [Objective("q"), Objective("r", maximize=None, threshold=0.8)]
    sampler = SurrogateSampler(PLAIN, objectives, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trial = study.ask()
    sampler.suggest(trial)
    trial.set_constraint("r", 0.8 - 0.6)
    study.tell(trial, 2.0)
    sampler.suggest(study.ask())
    told = asked[-1][1]
    assert told[["q", "r"]].to_numpy() == pytest.approx(np.array([[2.0, 0.6]]))
    assert told["outcome_class"].tolist() == ["ok"]


def test_what_was_made_and_how_it_went_are_read_from_a_trial(asked):
    sampler = SurrogateSampler(PLAIN, seed=0)
    study = optuna.create_study(sampler=sampler)
    for value, attributes in [
        (1.0, {"executed": {"a": 0.123, "b": 4.4}}),
        (None, {"outcome_class": "lab_error"}),
        (None, {}),
    ]:
        trial = study.ask()
        sampler.suggest(trial)
        for name, held in attributes.items():
            trial.set_user_attr(name, held)
        study.tell(trial, value, state=TrialState.FAIL if value is None else None)
    sampler.suggest(study.ask())
    told = asked[-1][1]
    assert told.loc[0, ["a", "b"]].tolist() == [0.123, 4.4]
    assert told["outcome_class"].tolist() == ["ok", "lab_error", "not_made"]


def test_a_queue_is_taken_one_a_trial(asked):
    space = SearchSpace([Continuous("a", low=0, high=1, when={"k": ["x"]}), Categorical("k", choices=["x", "y"])])
    sampler = SurrogateSampler(space, seed=0)
    study = optuna.create_study(sampler=sampler)
    batch = Proposer(space, [Objective("v0", maximize=False)], seed=0).propose(None, n=3)
    asked.clear()
    sampler.enqueue(batch)
    assert sampler.n_queued == 3
    for row in batch.to_dict("records"):
        wanted = {"k": row["k"]} | ({"a": row["a"]} if row["k"] == "x" else {})
        assert sampler.suggest(study.ask()) == wanted
    assert asked == []
    sampler.suggest(study.ask())
    # The batch runs: it is pending for the recipe after it.
    assert space.keys(asked[0][2]) == space.keys(batch)


def test_a_recipe_that_may_not_be_made_is_not_queued():
    sampler = SurrogateSampler(PLAIN, seed=0)
    with pytest.raises(ValueError, match=r"recipe 7 may not be made: a must lie in \[0, 1\]"):
        sampler.enqueue(pd.DataFrame({"a": [0.5, 7.0], "b": [0.0, 2.0]}, index=[3, 7]))
    with pytest.raises(ValueError, match="lacks the parameters b"):
        sampler.enqueue(pd.DataFrame({"a": [0.5]}))
    assert sampler.n_queued == 0


def test_a_used_up_declared_space_says_so():
    space = SearchSpace([Stepped("b", low=0, high=2, step=1)])
    sampler = SurrogateSampler(space, seed=0)
    study = optuna.create_study(sampler=sampler)
    assert {sampler.suggest(study.ask())["b"] for _ in range(3)} == {0.0, 1.0, 2.0}
    with pytest.raises(NothingToPropose):
        sampler.suggest(study.ask())


def test_a_parameter_the_space_does_not_know_is_drawn_at_random():
    study = optuna.create_study(sampler=SurrogateSampler(PLAIN, seed=0))
    trial = study.ask()
    trial.suggest_float("a", 0, 1)
    assert 3 <= trial.suggest_float("other", 3, 4) <= 4


def ask_for_an_idle_parameter(study):
    study.sampler.enqueue(CONDITIONAL.frame([{"kind": "none", "l": 0.5, "n": 2, "s": 0.1}]))
    trial = study.ask()
    trial.suggest_categorical("kind", ["none", "furnace"])
    trial.suggest_float("t", 100, 800, step=50)


def ask_in_another_range(study):
    study.ask().suggest_float("l", 50, 60, log=True)


def fix_a_parameter(study):
    study.sampler = optuna.samplers.PartialFixedSampler({"l": 1.0}, study.sampler)
    study.ask().suggest_float("l", 0.1, 5, log=True)
    study.ask().suggest_categorical("kind", ["none", "furnace"])


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (ask_for_an_idle_parameter, "t: it applies with kind furnace only, and this trial has none"),
        (ask_in_another_range, r"l: its value .* does not fit FloatDistribution.*must be in \[0.1, 5\]"),
        (fix_a_parameter, "l: a declared parameter cannot be fixed from outside"),
    ],
)
def test_a_declared_parameter_asked_for_wrongly_is_refused(ask, words):
    study = optuna.create_study(sampler=SurrogateSampler(CONDITIONAL, seed=0))
    with pytest.raises(ValueError, match=words):
        ask(study)


@pytest.mark.parametrize("space", [None, PLAIN], ids=["learned", "declared"])
@pytest.mark.parametrize("objectives", [[Objective("q")], [Objective("q", maximize=False), Objective("r")]])
def test_objectives_must_fit_the_study(space, objectives):
    study = optuna.create_study(sampler=SurrogateSampler(space, objectives, seed=0))
    scale = {"a": FloatDistribution(0, 1)}
    study.add_trial(create_trial(params={"a": 0.5}, distributions=scale, value=1.0))
    with pytest.raises(ValueError, match="directions must be those of the objectives"):
        study.ask(scale)


def test_what_needs_a_space_says_so():
    with pytest.raises(ValueError, match="evidence needs a declared space"):
        SurrogateSampler(evidence=Evidence.reported())
    with pytest.raises(ValueError, match="declared space"):
        SurrogateSampler().enqueue(PLAIN.frame([]))
    with pytest.raises(ValueError, match="declared space"):
        SurrogateSampler().suggest(optuna.create_study().ask())
