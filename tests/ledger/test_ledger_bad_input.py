from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from ledger_recipes import proposal

from pvdopt.errors import DataInvalid
from pvdopt.ledger import CellRecord, Ledger, Outcome


def record(**fields: Any) -> Callable[[Ledger], Any]:
    return lambda ledger: ledger.record([{"id": "P001", **fields}])


def twice(one: dict[str, Any], other: dict[str, Any]) -> Callable[[Ledger], Any]:
    rows = [CellRecord("P002", row=3, file="sheet.csv", **one), CellRecord("P002", row=9, file="sheet.csv", **other)]
    return lambda ledger: ledger.record(rows)


#: What is attempted on a ledger where P002 has 60 uAh/cm2/um from run R2 and is ok, P003 is vetoed, P004 not made;
#: and what the message must say.
BAD: list[tuple[str, Callable[[Ledger], Any], list[str]]] = [
    ("unknown id", lambda ledger: ledger.record([{"id": "P01"}]), ["id: must name a cell", "'P01'", "P001"]),
    ("number as id", lambda ledger: ledger.record([{"id": 1}]), ["must name a cell", "got 1"]),
    ("no id", lambda ledger: ledger.record([{"outcomes": {}}]), ["must name its cell"]),
    ("unknown field", record(capacity=60), ["'capacity'", "must be a field of a record"]),
    ("nan", record(outcomes={"capacity": math.nan}), ["P001, capacity", "finite", "nan"]),
    ("inf", record(executed={"bias_v": -math.inf}), ["P001, bias_v", "finite", "-inf"]),
    ("nan as sd", record(outcomes={"capacity": {"value": 6, "sd": math.nan}}), ["capacity", "finite"]),
    ("sd of zero", record(outcomes={"capacity": {"value": 6, "sd": 0}}), ["sd above 0"]),
    ("negative sd", record(outcomes={"capacity": {"value": 6, "sd": -1}}), ["sd above 0", "-1"]),
    ("text as outcome", record(outcomes={"capacity": "60"}), ["must be a number", "'60'"]),
    ("truth as outcome", record(outcomes={"capacity": True}), ["must be a number", "True"]),
    ("nothing as outcome", record(outcomes={"capacity": None}), ["must be a number", "None"]),
    ("outcome without value", record(outcomes={"capacity": {"sd": 1}}), ["value, qualifier and sd"]),
    (
        "outcome with more",
        record(outcomes={"capacity": {"value": 1, "unit": "V"}}),
        ["value, qualifier and sd", "unit"],
    ),
    ("unknown qualifier", record(outcomes={"capacity": {"value": 1, "qualifier": "<<"}}), ["qualifier", "'<<'"]),
    ("list as setting", record(executed={"bias_v": [1, 2]}), ["bias_v", "[1, 2]"]),
    ("control character", record(run="R\x001"), ["P001, run", "printable"]),
    ("lone surrogate", record(remark="\ud800"), ["remark", "printable"]),
    ("number as run", record(run=7), ["P001, run", "must be a text"]),
    ("outcomes no mapping", record(outcomes=[1]), ["outcomes", "by name"]),
    ("text as cycles", record(outcomes={"cycles": "many", "retention": 0.9}), ["cycles: must be a number", "'many'"]),
    ("executed no mapping", record(executed=[1]), ["executed", "by name"]),
    ("blank name", record(executed={" ": 1}), ["plain name"]),
    ("reserved setting", record(executed={"run": "R1"}), ["run", "cannot name a setting"]),
    ("reserved outcome", record(outcomes={"capacity_sd": 1}), ["capacity_sd", "cannot name"]),
    ("setting as outcome", record(outcomes={"bias_v": 1}), ["bias_v", "is a setting"]),
    ("outcome as setting", record(executed={"capacity": 1}), ["capacity", "is an outcome"]),
    ("both at once", record(executed={"x": 1}, outcomes={"x": 1}), ["x: is a setting"]),
    ("unknown class", record(outcome_class="broken"), ["'broken'", "shorted, delaminated, cracked"]),
    ("cause without class", record(cause="pinhole"), ["outcome_class", "stage or cause"]),
    ("cause of an ok cell", record(outcome_class="ok", cause="pinhole"), ["outcome_class", "'ok'"]),
    ("not made but measured", record(outcome_class="not_made", outcomes={"capacity": 1}), ["must have been made"]),
    (
        "measured another value",
        lambda ledger: ledger.record([{"id": "P002", "outcomes": {"capacity": 62}}]),
        ["P002, capacity", "is recorded as 60", "62", "pvdopt correct P002"],
    ),
    (
        "measured with another sd",
        lambda ledger: ledger.record([{"id": "P002", "outcomes": {"capacity": {"value": 60, "sd": 1}}}]),
        ["is recorded as 60", "60 +- 1"],
    ),
    (
        "made in another run",
        lambda ledger: ledger.record([{"id": "P002", "run": "R3"}]),
        ["P002, run", "is recorded as R2"],
    ),
    (
        "failed after ok",
        lambda ledger: ledger.fail("P002", "shorted"),
        ["outcome_class", "is recorded as ok", "pvdopt correct P002"],
    ),
    (
        "ok after failed",
        lambda ledger: ledger.record([{"id": "P004", "outcome_class": "ok"}]),
        ["is recorded as not_made"],
    ),
    ("measured but not made", lambda ledger: ledger.record([{"id": "P004", "outcomes": {"capacity": 1}}]), ["made"]),
    ("recorded on a veto", lambda ledger: ledger.record([{"id": "P003", "run": "R3"}]), ["vetoed", "pvdopt add"]),
    (
        "twice with different values",
        twice({"outcomes": {"retention": 0.9}}, {"outcomes": {"retention": 0.8}}),
        ["sheet.csv, row 9, retention", "0.9 in row 3", "0.8"],
    ),
    (
        "twice with different settings",
        twice({"executed": {"bias_v": 0}}, {"executed": {"bias_v": 1}}),
        ["sheet.csv, row 9, bias_v", "0 in row 3"],
    ),
    (
        "twice in rows without a number",
        lambda ledger: ledger.record([{"id": "P001", "run": "R1"}, {"id": "P001", "run": "R7"}]),
        ["P001, run: is R1 in an earlier row"],
    ),
    (
        "an outcome after a setting of that name",
        lambda ledger: ledger.record(
            [{"id": "P001", "executed": {"gloss": 1}}, {"id": "P002", "outcomes": {"gloss": 2}}]
        ),
        ["P002, gloss: is a setting"],
    ),
    (
        "a setting after an outcome of that name",
        lambda ledger: ledger.record(
            [{"id": "P001", "outcomes": {"gloss": 1}}, {"id": "P002", "executed": {"gloss": 2}}]
        ),
        ["P002, gloss: is an outcome"],
    ),
    (
        "nan on a veto",
        lambda ledger: ledger.record([{"id": "P003", "outcomes": {"capacity": math.nan}}]),
        ["P003, capacity: must be", "P003, id: must not be a vetoed cell"],
    ),
    (
        "unknown fields of two rows",
        lambda ledger: ledger.record([{"id": "P001", "runs": 1}, {"id": "P002", "smple": 2}]),
        ["'runs'", "'smple'"],
    ),
    ("no failure", lambda ledger: ledger.fail("P001", "ok"), ["outcome_class", "shorted", "'ok'"]),
    ("veto unknown", lambda ledger: ledger.veto("P009"), ["'P009'", "P00"]),
    ("veto no text", lambda ledger: ledger.veto([]), ["must name a cell", "[]"]),
    ("veto made", lambda ledger: ledger.veto("P002"), ["P002: is made already"]),
    ("veto without text", lambda ledger: ledger.veto("P001", 3), ["why: must be a text"]),
    ("edit made", lambda ledger: ledger.edit("P002", {"bias_v": 1}), ["P002: is made already"]),
    ("edit vetoed", lambda ledger: ledger.edit("P003", {"bias_v": 1}), ["P003: is vetoed"]),
    ("edit misspelt", lambda ledger: ledger.edit("P001", {"bias": 1}), ["P001, bias", "Close to it: bias_v"]),
    ("edit nothing", lambda ledger: ledger.edit("P001", {}), ["must hold settings"]),
    ("edit with a list", lambda ledger: ledger.edit("P001", [1]), ["P001, recipe", "settings by name", "[1]"]),
    ("edit a number", lambda ledger: ledger.edit("P001", {1: 2}), ["P001, 1", "plain name"]),
    ("edit a blank to nan", lambda ledger: ledger.edit("P001", {" ": math.nan}), ["plain name"]),
    ("edit to nan", lambda ledger: ledger.edit("P001", {"bias_v": math.nan}), ["P001, bias_v", "finite"]),
    ("correct nothing yet", lambda ledger: ledger.correct("P001", {"bias_v": 1}), ["P001: nothing is recorded yet"]),
    ("correct misspelt", lambda ledger: ledger.correct("P002", {"capcity": 1}), ["P002, capcity", "capacity"]),
    ("correct to nan", lambda ledger: ledger.correct("P002", {"capacity": math.inf}), ["P002, capacity", "finite"]),
    ("correct class", lambda ledger: ledger.correct("P002", {"outcome_class": "bad"}), ["must be one of", "'bad'"]),
    ("correct to not made", lambda ledger: ledger.correct("P002", {"outcome_class": "not_made"}), ["been made"]),
    ("correct stage of ok", lambda ledger: ledger.correct("P002", {"stage": "test"}), ["stage or cause"]),
    ("discard unknown run", lambda ledger: ledger.discard_run("R1", "x"), ["run", "'R1'", "R2"]),
    ("discard without a reason", lambda ledger: ledger.discard_run("R2", " "), ["why"]),
    ("proposal without recipe", lambda ledger: ledger.add_proposals([{}]), ["proposal 1, recipe", "settings"]),
    (
        "proposal with nan",
        lambda ledger: ledger.add_proposals([proposal(), proposal(bias_v=math.nan)]),
        ["proposal 2, bias_v", "finite"],
    ),
    (
        "all proposals that cannot be",
        lambda ledger: ledger.add_proposals([proposal(bias_v=math.nan), proposal(), proposal(capacity=1)]),
        ["proposal 1, bias_v", "proposal 3, capacity"],
    ),
    (
        "prediction with nan",
        lambda ledger: ledger.add_proposals([{**proposal(), "predicted": {"capacity": {"median": math.nan}}}]),
        ["proposal 1, predicted capacity", "finite"],
    ),
    (
        "prediction as number",
        lambda ledger: ledger.add_proposals([{**proposal(), "predicted": {"capacity": 5}}]),
        ["predicted capacity", "by name"],
    ),
    ("usable chance", lambda ledger: ledger.add_proposals([{**proposal(), "usable_chance": 1.2}]), ["[0, 1]", "1.2"]),
    ("purpose no text", lambda ledger: ledger.add_proposals([{**proposal(), "purpose": 1}]), ["purpose", "text"]),
    ("outcome in recipe", lambda ledger: ledger.add_proposals([proposal(capacity=1)]), ["capacity: is an outcome"]),
    ("cell without recipe", lambda ledger: ledger.add_cell({}), ["recipe"]),
    ("cell with an object", lambda ledger: ledger.add_cell({"bias_v": object()}), ["bias_v"]),
    ("note with nan", lambda ledger: ledger.add_note({"a": {"b": [math.nan]}}), ["note", "b:", "finite"]),
    ("training with an object", lambda ledger: ledger.add_retrained({"model": object()}), ["retrained"]),
    ("note with numbers as names", lambda ledger: ledger.add_note({"a": {1: 2}}), ["texts as names"]),
]


@pytest.mark.parametrize(("attempt", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_gets_a_sentence_and_leaves_the_facts(
    planned: Ledger, attempt: Callable[[Ledger], Any], words: list[str]
) -> None:
    planned.record([{"id": "P002", "outcomes": {"capacity": 60}, "outcome_class": "ok", "run": "R2"}])
    planned.veto("P003")
    planned.fail("P004", "not_made")
    before = planned.digest()
    with pytest.raises(DataInvalid) as caught:
        attempt(planned)
    message = str(caught.value)
    for word in words:
        assert word in message
    assert caught.value.exit_code == 3
    assert planned.digest() == before


def test_a_discarded_run_takes_no_more_records(planned: Ledger) -> None:
    sheet = [{"id": "P001", "run": "R1", "outcomes": {"capacity": 50}}]
    planned.record(sheet)
    planned.discard_run("R1", "leak")
    before = planned.digest()
    for late in ({"id": "P001", "outcomes": {"retention": 0.9}}, {"id": "P002", "run": "R1"}):
        with pytest.raises(DataInvalid, match=r"discarded run \(leak\)"):
            planned.record([late])
    assert planned.record(sheet).unchanged == 1
    assert planned.digest() == before


def test_all_problems_of_all_rows_come_at_once(planned: Ledger) -> None:
    rows = [
        CellRecord("P9", file="results.csv", row=2),
        CellRecord("P001", {"bias_v": math.nan}, {"capacity": "x"}, "broken", run="\x01", file="results.csv", row=3),
        CellRecord("P002", outcomes={"capacity": 60}, file="results.csv", row=4),
    ]
    with pytest.raises(DataInvalid) as caught:
        planned.record(rows)
    places = [(p.file, p.row, p.column) for p in caught.value.problems]
    assert places == [
        ("results.csv", 2, "id"),
        ("results.csv", 3, "bias_v"),
        ("results.csv", 3, "capacity"),
        ("results.csv", 3, "outcome_class"),
        ("results.csv", 3, "run"),
    ]


@pytest.mark.parametrize(
    "bad", [{"value": math.nan}, {"value": 1, "sd": 0}, {"value": 1, "qualifier": "maybe"}, {"value": "1"}]
)
def test_an_outcome_checks_itself(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Outcome(**bad)
