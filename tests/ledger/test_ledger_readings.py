"""Readings that go on: a cell cycled further, a series that grows, cells of the lab's own, and what is logged."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from ledger_recipes import proposal

from pvdopt.errors import DataInvalid
from pvdopt.ledger import CellRecord, Ledger, Outcome
from pvdopt.ledger.fold import Fold


def read(ledger: Ledger, **outcomes: float) -> None:
    ledger.record([{"id": "P001", "outcomes": outcomes}])


def test_a_cell_that_cycled_further_is_read_again_and_the_first_reading_kept(planned: Ledger) -> None:
    read(planned, capacity=60, retention=0.95, cycles=100)
    read(planned, capacity=60, retention=0.91, cycles=250)
    cell = planned.state().cells["P001"]
    assert {n: o.value for n, o in cell.outcomes.items()} == {"capacity": 60, "retention": 0.91, "cycles": 250}
    kept = [(h["part"], h["name"], h["old"]["value"], h["new"]["value"], h["author"], h["why"]) for h in cell.history]
    why = "read again after more cycles"
    assert kept == [("outcome", "retention", 0.95, 0.91, "anna", why), ("outcome", "cycles", 100, 250, "anna", why)]
    read(planned, retention=0.91, cycles=300)
    assert [h["name"] for h in planned.state().cells["P001"].history] == ["retention", "cycles", "cycles"]
    assert planned.check() == []


@pytest.mark.parametrize(
    "later",
    [
        {"retention": 0.91, "cycles": 100},
        {"retention": 0.91, "cycles": 50},
        {"retention": 0.91},
        {"cycles": 250},
        {"capacity": 55, "retention": 0.91, "cycles": 250},
    ],
    ids=["same cycles", "fewer", "no cycles", "cycles alone", "and another capacity"],
)
def test_anything_else_than_a_later_reading_is_a_contradiction(planned: Ledger, later: dict[str, float]) -> None:
    read(planned, capacity=60, retention=0.95, cycles=100)
    before = planned.digest()
    with pytest.raises(DataInvalid, match="is recorded as"):
        read(planned, **later)
    assert planned.digest() == before


def test_a_retention_without_its_cycles_is_not_read_again(planned: Ledger) -> None:
    read(planned, retention=0.95)
    with pytest.raises(DataInvalid, match=r"retention: is recorded as 0\.95"):
        read(planned, retention=0.91, cycles=250)


def series(cycle: list[int], capacity: list[float]) -> list[dict[str, Any]]:
    return [{"id": "P001", "series": {"cycle": cycle, "capacity": capacity, "unit": "uAh"}}]


def test_a_series_is_news_only_where_it_goes_on_or_differs(planned: Ledger) -> None:
    assert planned.record(series([1, 2, 3], [50.0, 49.0, 48.0])).new == 1
    assert planned.record(series([1, 2, 3], [50.0, 49.0, 48.0])).unchanged == 1
    assert planned.record(series([2, 3], [49.0, 48.0])).unchanged == 1
    assert planned.record(series([1, 2, 3, 4], [50.0, 49.0, 48.0, 47.0])).new == 1
    assert planned.record(series([1], [50.5])).new == 1
    assert planned.state().cells["P001"].series == {"cycle": [1], "capacity": [50.5], "unit": "uAh"}
    assert planned.state().cells["P001"].status == "proposed", "a series alone measures nothing"


def test_a_remark_is_kept_once(planned: Ledger) -> None:
    assert planned.record([{"id": "P001", "remark": "edge cloudy"}]).n_facts == 1
    assert planned.record([{"id": "P001", "remark": "edge cloudy"}]).n_facts == 0
    assert planned.record([{"id": "P001", "remark": "edge clear"}]).n_facts == 1
    assert planned.state().cells["P001"].remarks == ("edge cloudy", "edge clear")


# -- cells of the lab's own --------------------------------------------------------------------------------------


def test_new_cells_of_one_call_are_numbered_on(planned: Ledger) -> None:
    rows = [{"recipe": {"bias_v": -10.0 * k, "thickness_um": 1.0}, "outcomes": {"capacity": 50 + k}} for k in range(3)]
    recorded = planned.record([*rows, {"id": "P001", "outcomes": {"capacity": 60}}])
    assert recorded.ids == ("C002", "C003", "C004", "P001")
    assert (recorded.new, recorded.unchanged, recorded.n_facts) == (4, 0, 7)
    cells = planned.state().cells
    assert [cells[i].recipe["bias_v"] for i in ("C002", "C003", "C004")] == [0, -10, -20]
    assert [cells[i].kind for i in ("C001", "C004", "P001")] == ["added", "added", "proposed"]


@pytest.mark.parametrize(
    ("row", "place", "words"),
    [
        ({"recipe": {"bias_v": float("nan")}}, "bias_v", "finite"),
        ({"recipe": {}}, "recipe", "must hold settings by name"),
        ({"recipe": {"capacity": 1}}, "capacity", "is an outcome of this campaign"),
        ({"id": None, "outcomes": {}}, "id", "must name a cell"),
        ({"id": ["P001"]}, "id", "must name a cell"),
    ],
)
def test_a_row_without_a_sound_recipe_or_cell_is_refused_at_its_place(
    planned: Ledger, row: dict[str, Any], place: str, words: str
) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    before = planned.digest()
    with pytest.raises(DataInvalid, match=words) as caught:
        planned.record([CellRecord(**{"id": None, "file": "own.csv", "row": 4, **row})])
    assert [(p.file, p.row, p.column) for p in caught.value.problems] == [("own.csv", 4, place)]
    assert planned.digest() == before


def test_a_record_names_its_cell_or_its_recipe() -> None:
    assert CellRecord.parse({"recipe": {"bias_v": 0}}).id is None
    assert CellRecord.parse({"id": "P001", "executed": None, "outcomes": None}) == CellRecord("P001")
    with pytest.raises(DataInvalid, match=r"(?s)'remarks'.*a record must name its cell as id") as caught:
        CellRecord.parse({"remarks": "x"})
    assert len(caught.value.problems) == 2
    assert "Close to it: remark" in str(caught.value)


def test_a_cell_may_be_added_with_what_is_predicted_for_it(planned: Ledger) -> None:
    name = planned.add_cell({"bias_v": -5}, " why not ", {"capacity": {"median": 50.0}})
    cell = planned.state().cells[name]
    assert (cell.predicted, cell.remarks) == ({"capacity": {"median": 50.0}}, ("why not",))
    with pytest.raises(DataInvalid, match="C003, predicted capacity"):
        planned.add_cell({"bias_v": -5}, predicted={"capacity": 5})
    with pytest.raises(DataInvalid, match="remark: must be a text"):
        planned.add_cell({"bias_v": -5}, 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("predicted", [5, [], {"capacity": {"median": float("inf")}}])
def test_a_prediction_must_be_numbers_by_name(planned: Ledger, predicted: Any) -> None:
    row = {**proposal(), "predicted": predicted}
    if not predicted:
        assert planned.add_proposals([row]) == ["P005"]
        return
    with pytest.raises(DataInvalid, match="proposal 1, predicted"):
        planned.add_proposals([row])


@pytest.mark.parametrize("chance", [0, 1, 0.5, None])
def test_a_chance_may_be_anything_from_nought_to_one(planned: Ledger, chance: float | None) -> None:
    planned.add_proposals([{**proposal(), "usable_chance": chance}])
    assert planned.state().cells["P005"].proposal["usable_chance"] == chance


@pytest.mark.parametrize("chance", [-0.01, 1.01, "likely"])
def test_and_nothing_else(planned: Ledger, chance: Any) -> None:
    with pytest.raises(DataInvalid, match=r"usable_chance: must lie in \[0, 1\]"):
        planned.add_proposals([{**proposal(), "usable_chance": chance}])


# -- corrections, edits and runs ---------------------------------------------------------------------------------


def test_what_is_not_measured_yet_is_recorded_and_not_corrected(planned: Ledger) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}, {"id": "P002", "outcomes": {"retention": 0.9}}])
    with pytest.raises(DataInvalid, match=r"P001, retention: is not measured for this cell yet\. Use `pvdopt record`"):
        planned.correct("P001", {"retention": 0.8})


def test_what_was_withdrawn_can_still_be_corrected(planned: Ledger) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    planned.correct("P001", {"capacity": None})
    assert not planned.state().cells["P001"].outcomes
    # Nothing stands of it any more, and its history allows a correction all the same.
    assert planned.correct("P001", {"capacity": 61}) == 1
    assert planned.state().cells["P001"].outcomes == {"capacity": Outcome(61)}


def test_a_correction_to_what_stands_is_no_news(planned: Ledger) -> None:
    planned.record([{"id": "P001", "executed": {"bias_v": -48}, "outcomes": {"capacity": 60}, "run": "R1"}])
    before = planned.digest()
    assert planned.correct("P001", {"bias_v": -48, "capacity": 60, "run": "R1", "thickness_um": 1.0}) == 0
    assert planned.digest() == before


def test_a_failure_corrected_to_nothing_has_no_stage_and_cause_either(planned: Ledger) -> None:
    planned.fail("P001", "shorted", "test", "probe")
    assert planned.correct("P001", {"outcome_class": None}, "was not looked at") == 3
    cell = planned.state().cells["P001"]
    assert (cell.outcome_class, cell.stage, cell.cause, cell.status) == (None, None, None, "proposed")


def test_every_fault_of_a_correction_comes_at_once(planned: Ledger) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    with pytest.raises(DataInvalid) as caught:
        planned.correct("P001", {"capacity": "x", "bias": 1, "outcome_class": "odd", "stage": 3})
    assert [p.column for p in caught.value.problems] == ["capacity", "bias", "outcome_class", "stage"]
    assert {p.row for p in caught.value.problems} == {"P001"}
    with pytest.raises(DataInvalid, match="why: must be a text"):
        planned.correct("P001", {"capacity": 61}, 5)  # type: ignore[arg-type]


def test_an_edit_changes_only_what_differs(planned: Ledger) -> None:
    before = planned.digest()
    assert not planned.edit("P001", {"bias_v": -50, "anneal_kind": "furnace"})
    assert planned.digest() == before
    assert planned.edit("P001", {"bias_v": -50, "anneal_kind": "rta"})
    assert planned.facts()[-1].payload["recipe"] == {"anneal_kind": "rta"}


def test_a_vetoed_cell_may_be_vetoed_again_but_not_edited(planned: Ledger) -> None:
    assert planned.veto("P001", "no")
    assert not planned.veto("P001", "still no")
    assert planned.state().cells["P001"].vetoed == "no"
    with pytest.raises(DataInvalid, match="P001: is vetoed and cannot be edited"):
        planned.edit("P001", {"bias_v": -10})


def test_a_cell_in_several_runs_goes_with_any_of_them(ledger: Ledger) -> None:
    ledger.add_proposals([{**proposal(), "run": "R1", "runs": {"deposition": "R1", "furnace": "F1"}}, proposal()])
    assert ledger.discard_run("F1", "overshot")
    assert not ledger.discard_run("F1", "again")
    assert ledger.state().discarded_runs == {"F1": "overshot"}
    assert [c.status for c in ledger.state().cells.values()] == ["discarded", "proposed"]
    with pytest.raises(DataInvalid, match=r"discarded run \(overshot\)"):
        ledger.record([{"id": "P001", "outcomes": {"capacity": 50}}])
    with pytest.raises(DataInvalid) as caught:
        ledger.discard_run("F2", " ")
    assert [p.column for p in caught.value.problems] == ["run", "why"]


def test_the_run_a_cell_was_made_in_counts_and_not_the_planned_one(ledger: Ledger) -> None:
    ledger.add_proposals([{**proposal(), "run": "R1", "sample": "S1"}])
    ledger.record([{"id": "P001", "run": "R2"}])
    ledger.discard_run("R2", "leak")
    cell = ledger.state().cells["P001"]
    assert (cell.run, cell.sample, cell.status) == ("R2", "S1", "discarded")
    with pytest.raises(DataInvalid, match="must name a run"):
        ledger.discard_run("R1", "nothing was made in it")


def test_a_rehearsal_checks_everything_and_keeps_nothing(planned: Ledger) -> None:
    before = planned.digest()
    planned.is_rehearsal = True
    assert planned.add_proposals([proposal()]) == ["P005"]
    assert planned.record([{"id": "P001", "outcomes": {"capacity": 60}}]).new == 1
    with pytest.raises(DataInvalid):
        planned.record([{"id": "P009"}])
    planned.is_rehearsal = False
    assert planned.digest() == before


# -- what is logged ----------------------------------------------------------------------------------------------


def test_each_fact_is_logged_with_its_reason(planned: Ledger, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="pvdopt.ledger.store"):
        planned.veto("P001", "supply in repair")
        planned.record([{"id": "P002", "outcomes": {"capacity": 60}}])
    said = [(r.kind, r.cell, getattr(r, "why", None), r.ledger) for r in caplog.records]  # type: ignore[attr-defined]
    assert said == [("vetoed", "P001", "supply in repair", str(path)), ("measured", "P002", None, str(path))]
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="pvdopt.ledger.store"):
        planned.veto("P003")
    assert not caplog.records


def test_names_of_all_cells_are_found_once_each(planned: Ledger) -> None:
    planned.record([{"id": "P001", "executed": {"base_pressure_pa": 1}, "outcomes": {"cycles": 5}}])
    fold = Fold(planned.facts())
    settings = ["bias_v", "anneal_kind", "anneal_temperature_c", "thickness_um", "base_pressure_pa"]
    assert list(fold.setting_names) == settings
    assert list(fold.outcome_names) == ["cycles"]
    assert (fold.highest_number("proposed"), fold.highest_number("added")) == (4, 1)
    assert Fold().highest_number("added") == 0
