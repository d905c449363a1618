"""What facts may say, to the last value: what pvdopt writes passes, and nothing that a reader falls over at does."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ledger_recipes import proposal

from pvdopt.ledger import Fact, Ledger
from pvdopt.ledger.facts import KINDS
from pvdopt.ledger.payloads import find_deep_faults

SERIES = {"cycle": [1.0, 2.0], "capacity": [60.0, 59.0], "unit": "uAh/cm2/um", "fade": None}
FADE = dict.fromkeys(("ln_k", "beta", "amplitude", "var_ln_k", "var_beta", "covariance", "drift_sd", "n_cycles"), 0.5)
ALTERNATIVE = {
    "recipe": {"bias_v": -40.0, "anneal_temperature_c": None},
    "predicted": {"capacity": 50.0},
    "gain": 0.2,
    "usable_chance": 0.9,
    "meets": 1.0,
    "why": "it would add 12 h, with the runs it opens",
}
STUDY = {"event": "study", "evaluator": "virtual_lab", "is_simulated": True, "budget": 40}


def fact(kind: str, cell: str | None = "P001", author: str = "anna", **says: Any) -> Fact:
    return Fact(1, kind, cell, "2025-03-01T08:30:00.000Z", author, "0.1.0", says)


def outcome(**changes: Any) -> dict[str, Any]:
    return {"value": 60.0, "qualifier": "=", "sd": None, **changes}


def change(part: str, old: Any, new: Any) -> dict[str, Any]:
    return {"part": part, "name": "capacity", "old": old, "new": new}


def relabel(old: Any, new: Any, name: str = "outcome_class") -> dict[str, Any]:
    return {"part": "label", "name": name, "old": old, "new": new}


def predicted(**changes: Any) -> dict[str, Any]:
    return {"capacity": {"median": 55.0, "low": 40.0, "high": 62.0, "p": 0.8, **changes}}


SOUND = [
    fact("proposed", **proposal()),
    fact("proposed", **{**proposal(), "runs": {"deposition": "D1"}, "run": "D1", "hours": 3, "batch": 1}),
    fact(
        "proposed", recipe={"anneal_temperature_c": None, "is_masked": True}, predicted={}, advice={"sentence": "go on"}
    ),
    fact("proposed", **{**proposal(), "alternatives": [ALTERNATIVE, {**ALTERNATIVE, "hours": 12.0}]}),
    fact("edited", recipe={"bias_v": -40}, predicted=predicted(low=55.0, high=55.0)),
    fact("measured", outcomes={}, outcome_class="ok"),
    fact("vetoed", why=""),
    fact("edited", recipe={"bias_v": -40}, predicted=predicted()),
    fact("added", "C001", recipe={"bias_v": -40}, remark=None),
    fact("executed", "P1000", settings={}, run="R1"),
    fact("measured", outcomes={"capacity": outcome(sd=1.5, qualifier=">="), "gloss": 3}),
    fact("failed", outcome_class="cracked", stage=None, cause="a lift-off,\nseen twice"),
    fact(
        "corrected",
        changes=[change("outcome", outcome(), None), change("setting", 1, None), relabel(None, "ok")],
    ),
    fact("corrected", changes=[{**change("label", "R1", "R2"), "name": "run"}]),
    fact("note", series={**SERIES, "capacity": [60.0, 0.0]}),
    fact("note", series={**SERIES, "cycle": [], "capacity": []}),
    fact("run_discarded", None, run="R1", why="leak"),
    fact("retrained", None, chosen="forest", previous="gaussian_process", n_own={"capacity": 3}, skill=[{"crps": 0.3}]),
    fact("note", remark="thin"),
    fact("note", series=SERIES),
    fact("note", series={**SERIES, "fade": FADE}),
    fact("note", None, **STUDY),
    fact("note", None, event="created", config="[campaign]\n", fingerprint="abc"),
]


@pytest.mark.parametrize("sound", SOUND, ids=lambda f: f.kind)
def test_what_is_written_is_no_fault(sound: Fact) -> None:
    assert find_deep_faults(sound) == []


def test_every_kind_has_its_form() -> None:
    assert {f.kind for f in SOUND} == set(KINDS)


BAD: list[tuple[Fact, str]] = [
    (fact("vetoed", author="\ud800"), r"author must be printable text, got '\ud800'"),
    (fact("vetoed", "P01"), "cell must be P or C and a number of three digits or more, got 'P01'"),
    (fact("vetoed", "X001"), "cell must be P or C"),
    (fact("vetoed", "P001\n"), "cell must be P or C"),
    (fact("vetoed", why=3), "payload.why: must be a valid string, got 3"),
    (fact("vetoed", why="\x1b[31m"), r"payload.why: must be printable text, got '\x1b[31m'"),
    (fact("vetoed", why="\ud800"), r"payload.why: must be printable text, got '\ud800'"),
    (fact("vetoed", more=[{"x": float("inf")}]), "payload.more: x: must be a finite number, got inf"),
    (fact("proposed", recipe={}, predicted={}), "payload.recipe: "),
    (fact("proposed", recipe={"bias_v": [1]}, predicted={}), "payload.recipe.bias_v"),
    (fact("proposed", recipe={"bias_v": float("nan")}, predicted={}), "payload.recipe.bias_v"),
    (fact("proposed", recipe={"bias_v": 10**400}, predicted={}), "payload.recipe.bias_v"),
    (fact("proposed", recipe={"bias_v": 1}, predicted={"capacity": None}), "payload.predicted.capacity"),
    (
        fact("proposed", recipe={"bias_v": 1}, predicted={"capacity": {"median": 1.0, "low": 1.0, "p": 0.8}}),
        "high: must be there",
    ),
    (fact("proposed", recipe={"bias_v": 1}, predicted=predicted(p=0)), "payload.predicted.capacity.p"),
    (fact("proposed", recipe={"bias_v": 1}, predicted=predicted(p=1.0)), "payload.predicted.capacity.p"),
    (fact("edited", recipe={"bias_v": 1}, predicted=predicted(high="62")), "payload.predicted.capacity.high"),
    (
        fact("proposed", **{**proposal(), "usable_chance": 1.1}),
        "usable_chance: must be less than or equal to 1, got 1.1",
    ),
    (fact("proposed", **{**proposal(), "runs": ["D1"]}), "payload.runs: must be a valid dictionary, got ['D1']"),
    (fact("proposed", **{**proposal(), "hours": "3"}), "payload.hours"),
    (fact("proposed", **{**proposal(), "batch": [1]}), "payload.batch"),
    (fact("proposed", **{**proposal(), "reference": {"capacity": None}}), "payload.reference.capacity"),
    (
        fact("proposed", **{**proposal(), "lab": {"capacity": {"ratio": 1.0, "low": 0.9, "high": 1.1, "n": "3"}}}),
        "payload.lab.capacity",
    ),
    (fact("proposed", **{**proposal(), "advice": {"n_own": 3}}), "payload.advice.sentence: must be there"),
    (fact("executed", settings={"bias_v": {}}), "payload.settings.bias_v"),
    (fact("executed", settings={}, run=4), "payload.run"),
    (fact("measured", outcomes={"capacity": outcome(sd=0.0)}), "payload.outcomes.capacity"),
    (fact("measured", outcomes={"capacity": outcome(qualifier="<<")}), "payload.outcomes.capacity"),
    (fact("measured", outcomes={"capacity": True}), "payload.outcomes.capacity"),
    (fact("failed", outcome_class=None), "payload.outcome_class"),
    (fact("corrected", changes=[change("weather", 1, 2)]), "payload.changes.0"),
    (fact("corrected", changes=[change("outcome", None, "60")]), "payload.changes.0"),
    (fact("corrected", changes=[change("setting", None, outcome())]), "payload.changes.0"),
    (fact("corrected", changes=[relabel(None, 3)]), "payload.changes.0"),
    (fact("corrected", changes=[relabel(None, "ok", "weather")]), "payload.changes.0.label.name"),
    (
        fact("corrected", changes=[relabel(None, "exploded")]),
        "must be one of ok, shorted, delaminated, cracked, not_made, lab_error, got 'exploded'",
    ),
    (fact("corrected", changes=[relabel("exploded", "ok")]), "got 'exploded'"),
    (fact("failed", outcome_class="exploded"), "payload.outcome_class: must be one of ok, shorted"),
    (fact("measured", outcomes={}, outcome_class="Ok"), "payload.outcome_class: must be one of ok, shorted"),
    (fact("proposed", **{**proposal(), "alternatives": [1]}), "payload.alternatives.0"),
    (
        fact("proposed", **{**proposal(), "alternatives": [{**ALTERNATIVE, "predicted": {"capacity": {}}}]}),
        "payload.alternatives.0.predicted.capacity",
    ),
    (
        fact("proposed", **{**proposal(), "alternatives": [{"recipe": {"bias_v": 1}, "predicted": {}}]}),
        "payload.alternatives.0.why: must be there",
    ),
    (
        fact("proposed", recipe={"bias_v": 1}, predicted=predicted(median=70.0)),
        "payload.predicted.capacity: must have its median between low and high, got low 40, median 70, high 62",
    ),
    (fact("note", series={**SERIES, "cycle": [2.0, 2.0]}), "payload.series: must have cycles that rise, each once"),
    (fact("note", series={**SERIES, "capacity": [0.0, 1.0]}), "payload.series: must have capacities of 0 or more"),
    (fact("note", series={**SERIES, "fade": {**FADE, "n_cycles": 0}}), "payload.series.fade.n_cycles"),
    (fact("note", series={**SERIES, "fade": {**FADE, "ln_k": 1e9}}), "payload.series.fade.ln_k"),
    (fact("corrected", changes=[{"part": "label", "name": "run", "old": None}]), "changes.0.label.new: must be there"),
    (fact("run_discarded", None, run=3), "payload.run"),
    (fact("retrained", None), "payload.chosen: must be there"),
    (fact("retrained", None, chosen="forest", n_own={"capacity": "3"}), "payload.n_own.capacity"),
    (
        fact("note", series={**SERIES, "cycle": [1.0]}),
        "payload.series: must have a capacity for each cycle, got {'cycle'",
    ),
    (fact("note", series={**SERIES, "capacity": [1.0, None]}), "payload.series.capacity"),
    (fact("note", series={**SERIES, "capacity": [1.0, -1.0]}), "payload.series"),
    (fact("note", series={**SERIES, "cycle": [1.0, 2.0, 2.0], "capacity": [3.0, 2.0, 1.0]}), "payload.series"),
    (fact("edited", recipe={"bias_v": 1}, predicted=predicted(low=56.0)), "payload.predicted.capacity"),
    (fact("note", series={**SERIES, "fade": {**FADE, "beta": None}}), "payload.series.fade"),
    (fact("note", None, **{**STUDY, "evaluator": None}), "payload: must name the evaluator of a study"),
    (fact("note", None, **{**STUDY, "is_simulated": None}), "payload: must name the evaluator of a study"),
    (fact("note", None, **{**STUDY, "budget": 2.5}), "payload.budget"),
]


@pytest.mark.parametrize(("bad", "said"), BAD, ids=[said[:40] for _, said in BAD])
def test_what_no_reader_expects_is_told(bad: Fact, said: str) -> None:
    faults = find_deep_faults(bad)
    assert len(faults) == 1, faults
    assert said in faults[0]
    assert len(faults[0]) < 200


def test_all_faults_of_a_fact_are_told() -> None:
    found = find_deep_faults(fact("proposed", "no", recipe={"a": [], "b": {}}, predicted={}, purpose=3))
    assert [f.split(":")[0].split(" must")[0] for f in found] == [
        "cell",
        "payload.recipe.a",
        "payload.recipe.b",
        "payload.purpose",
    ]


def test_a_value_is_told_once_and_no_longer_than_a_line() -> None:
    assert find_deep_faults(fact("vetoed", more=[{"x": float("inf")}])) == [
        "payload.more: x: must be a finite number, got inf"
    ]
    whole, cut = int("9" * 79), int("9" * 80)
    said = "payload.why: must be a valid string, got "
    assert find_deep_faults(fact("vetoed", why=whole)) == [f"{said}{whole}"]
    assert find_deep_faults(fact("vetoed", why=cut)) == [said + "9" * 77 + "..."]


def test_nesting_beyond_measure_is_told() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert find_deep_faults(fact("vetoed", more=deep)) == ["payload is nested beyond all measure"]


def test_check_tells_of_what_was_altered_in_the_file(planned: Ledger, path: Path) -> None:
    assert planned.check() == []
    planned.close()
    with sqlite3.connect(path) as file:
        text = json.dumps({**proposal(), "predicted": {"capacity": {"median": 55.0}}})
        file.execute("DROP TRIGGER facts_refuse_update")
        file.execute("UPDATE facts SET payload = ? WHERE seq = 2", [text])
    file.close()
    with Ledger.open(path) as ledger:
        told = [problem.sentence() for problem in ledger.check()]
    assert len(told) == 3
    assert all(str(path) in sentence and "fact 2: payload.predicted.capacity." in sentence for sentence in told)
