from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ledger_recipes import proposal

from pvdopt.errors import DataInvalid, LedgerChanged
from pvdopt.ledger import CellRecord, Fact, Ledger, Outcome, Recorded
from pvdopt.ledger.changes import rehearse
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.intake import plan_record


def status(ledger: Ledger) -> dict[str, str]:
    return {name: cell.status for name, cell in ledger.state().cells.items()}


def test_capacity_now_retention_later_then_a_correction(planned: Ledger) -> None:
    assert planned.state().pending() == ["P001", "P002", "P003", "P004", "C001"]

    first = CellRecord(
        "P001",
        executed={"thickness_um": 1.1, "anneal_temperature_c": 590},
        outcomes={"capacity": {"value": 60, "qualifier": "~", "sd": 2}},
        run="R1",
        sample="S1",
        remark="edge looked cloudy",
    )
    assert planned.record([first]) == Recorded(new=1, unchanged=0, n_facts=3)
    cell = planned.state().cells["P001"]
    assert cell.status == "partial"
    assert cell.outcome_class == "ok"
    assert cell.outcomes == {"capacity": Outcome(60.0, "~", 2.0)}
    assert cell.recipe["thickness_um"] == 1.0
    assert cell.settings["thickness_um"] == 1.1
    assert (cell.run, cell.sample, cell.remarks) == ("R1", "S1", ("edge looked cloudy",))
    assert planned.state().pending() == ["P002", "P003", "P004", "C001"], "a partial cell is not pending"
    assert planned.state(outcomes=["capacity"]).cells["P001"].status == "complete"

    planned.record([{"id": "P001", "outcomes": {"retention": 0.91}}])
    assert planned.state().cells["P001"].status == "complete"

    assert planned.correct("P001", {"capacity": {"value": 58.5}, "thickness_um": 1.05}, "thickness from SEM") == 2
    cell = planned.state().cells["P001"]
    assert cell.outcomes["capacity"] == Outcome(58.5)
    assert cell.settings["thickness_um"] == 1.05
    changes = [(h["name"], h["old"], h["new"], h["why"], h["author"]) for h in cell.history]
    assert changes == [
        (
            "capacity",
            {"value": 60.0, "qualifier": "~", "sd": 2.0},
            Outcome(58.5).to_json(),
            "thickness from SEM",
            "anna",
        ),
        ("thickness_um", 1.1, 1.05, "thickness from SEM", "anna"),
    ]
    assert cell.history[0]["time"] == cell.times["corrected"] > cell.times["measured"] > cell.times["proposed"]
    assert cell.predicted["capacity"]["median"] == 55.0, "the prediction stays to be scored"
    assert planned.check() == []


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, "proposed"),
        ({"executed": {"bias_v": -48}}, "made"),
        ({"run": "R9"}, "made"),
        ({"sample": "S9"}, "made"),
        ({"outcome_class": "ok"}, "made"),
        ({"remark": "target was changed"}, "proposed"),
        ({"outcomes": {"capacity": 60}}, "partial"),
        ({"outcomes": {"cycles": 20}}, "partial"),
        ({"outcomes": {"capacity": 60, "retention": 0.9}}, "complete"),
        ({"outcome_class": "shorted"}, "failed"),
        ({"outcome_class": "lab_error", "stage": "transfer", "cause": "dropped"}, "failed"),
        ({"outcomes": {"capacity": 60, "retention": 0.9}, "outcome_class": "cracked"}, "failed"),
    ],
)
def test_status_follows_what_is_recorded(planned: Ledger, record: dict[str, Any], expected: str) -> None:
    planned.record([{"id": "P002", **record}])
    state = planned.state()
    assert state.cells["P002"].status == expected
    assert ("P002" in state.pending()) == (expected in ("proposed", "made"))
    assert planned.state().cells["P001"].status == "proposed"


def test_veto_edit_fail_and_discard(planned: Ledger) -> None:
    assert planned.veto("P001", "bias supply is in repair")
    assert planned.edit("P002", {"bias_v": -10})
    assert planned.fail("P003", "delaminated", stage="anneal", cause="too fast a ramp")
    planned.record([{"id": "P004", "outcomes": {"capacity": 40, "retention": 0.5}}])
    assert planned.discard_run("R4", "furnace overshot by 80 C")
    assert status(planned) == {
        "P001": "vetoed",
        "P002": "proposed",
        "P003": "failed",
        "P004": "discarded",
        "C001": "proposed",
    }
    state = planned.state()
    assert state.cells["P001"].vetoed == "bias supply is in repair"
    assert state.cells["P002"].recipe["bias_v"] == -10
    assert state.cells["P002"].predicted == {}, "it was predicted for another recipe"
    assert (state.cells["P003"].outcome_class, state.cells["P003"].stage) == ("delaminated", "anneal")
    assert state.cells["P003"].cause == "too fast a ramp"
    assert state.discarded_runs == {"R4": "furnace overshot by 80 C"}
    assert state.pending() == ["P002", "C001"]


def test_an_edit_may_give_a_setting_that_was_left_open(planned: Ledger) -> None:
    assert planned.edit("C001", {"anneal_kind": "rta", "bias_v": -20})
    assert planned.state().cells["C001"].recipe == {"bias_v": -20, "thickness_um": 0.5, "anneal_kind": "rta"}
    assert planned.facts()[-1].payload["recipe"] == {"anneal_kind": "rta"}, "what stays is not said again"


def test_without_a_word_on_why_there_is_none(planned: Ledger) -> None:
    planned.veto("P001", " ")
    planned.add_cell({"bias_v": -30.0}, remark=" ")
    vetoed, added = planned.facts()[-2:]
    assert (vetoed.payload["why"], added.payload["remark"]) == ("", None)
    assert planned.state().cells["C002"].proposal == {}, "nobody proposed it"
    assert planned.state().cells["P001"].status == "vetoed"


def test_an_edit_may_bring_its_own_prediction(planned: Ledger) -> None:
    planned.edit("P001", {"bias_v": -10}, {"capacity": {"median": 50.0}})
    assert planned.state().cells["P001"].predicted == {"capacity": {"median": 50.0}}


def test_a_cell_can_fail_after_it_gave_figures(planned: Ledger) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    assert planned.fail("P001", "shorted", stage="cycling")
    cell = planned.state().cells["P001"]
    assert (cell.status, cell.outcome_class, cell.outcomes["capacity"].value) == ("failed", "shorted", 60.0)


def test_who_wrote_meanwhile_is_told_also_of_a_note_and_of_nothing(ledger: Ledger) -> None:
    with pytest.raises(LedgerChanged, match=r"holds 0 facts where 3 were read\. Nothing was written"):
        ledger.add_note({}, expected=3)
    ledger.add_note({"event": "target changed"})
    with pytest.raises(LedgerChanged, match=r"holds 1 facts where 0 were read \(the last: note, anna, 2025-03-01T"):
        ledger.add_note({}, expected=0)


def test_a_stale_sheet_is_told_what_holds(planned: Ledger) -> None:
    sheet = [{"id": "P001", "outcomes": {"capacity": 60}}]
    planned.record(sheet)
    planned.correct("P001", {"capacity": 58})
    assert planned.record(sheet).replaced == ("P001, capacity: 60 was corrected to 58, which stands.",)


def test_a_discarded_run_bars_its_own_cells_alone(planned: Ledger) -> None:
    planned.record([{"id": "P001", "run": "R1"}])
    planned.discard_run("R1", "leak")
    assert planned.record([{"id": "P002", "run": "R2", "outcomes": {"capacity": 60}}]).new == 1


def test_where_a_cell_failed_can_be_told_later(planned: Ledger) -> None:
    planned.fail("P001", "shorted")
    planned.record([{"id": "P001", "stage": "test", "cause": "pinhole"}])
    assert planned.facts()[-1].payload == {"outcome_class": "shorted", "stage": "test", "cause": "pinhole"}
    cell = planned.state().cells["P001"]
    assert (cell.outcome_class, cell.stage, cell.cause) == ("shorted", "test", "pinhole")


def test_the_outcome_class_can_be_corrected_both_ways(planned: Ledger) -> None:
    sheet = [{"id": "P001", "outcome_class": "shorted", "stage": "test", "cause": "probe"}]
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    planned.record(sheet)
    planned.correct("P001", {"outcome_class": "ok"}, "the probe was at fault")
    cell = planned.state().cells["P001"]
    assert (cell.status, cell.outcome_class, cell.stage, cell.cause) == ("partial", "ok", None, None)

    before = planned.digest()
    assert planned.record(sheet).replaced, "the stale sheet neither undoes the correction nor stops at it"
    assert planned.digest() == before
    with pytest.raises(DataInvalid, match="pvdopt correct P001 outcome_class=shorted"):
        planned.fail("P001", "shorted")

    planned.correct("P001", {"outcome_class": "shorted"})
    assert planned.state().cells["P001"].status == "failed"


def test_an_outcome_can_be_withdrawn_and_restored(planned: Ledger) -> None:
    sheet = [{"id": "P001", "executed": {"bias_v": -50}, "outcomes": {"capacity": 60}}]
    planned.record(sheet)
    planned.correct("P001", {"capacity": None}, "was another cell's")
    assert planned.state().cells["P001"].status == "made"
    assert planned.record(sheet).replaced == ("P001, capacity: 60 was withdrawn, which stands.",)
    assert planned.state().cells["P001"].outcomes == {}
    planned.correct("P001", {"capacity": 60}, "it was this cell's")
    assert planned.state().cells["P001"].outcomes == {"capacity": Outcome(60)}


def test_correcting_the_run_takes_a_cell_out_of_a_discarded_one(planned: Ledger) -> None:
    planned.record([{"id": "P001", "run": "R7"}, {"id": "P002", "run": "R7"}])
    planned.discard_run("R7", "leak")
    planned.correct("P001", {"run": "R8"}, "mistyped")
    assert (status(planned)["P001"], status(planned)["P002"]) == ("made", "discarded")


def test_a_corrected_run_takes_the_place_of_the_planned_one_and_no_others(ledger: Ledger) -> None:
    runs = {"deposition": "deposition-1", "anneal": "anneal-1"}
    ledger.add_proposals([{**proposal(), "run": "deposition-1", "runs": runs}] * 2)
    ledger.record([{"id": "P001", "run": "deposition-1"}, {"id": "P002", "run": "deposition-1"}])
    ledger.correct("P001", {"run": "deposition-2"}, "mistyped")
    assert Fold(ledger.facts()).cells["P001"].runs == {"deposition-2", "anneal-1"}
    ledger.discard_run("deposition-1", "leak")
    assert status(ledger) == {"P001": "made", "P002": "discarded"}
    ledger.discard_run("anneal-1", "overshot")
    assert status(ledger) == {"P001": "discarded", "P002": "discarded"}


@pytest.mark.parametrize(
    ("kind", "says", "words"),
    [
        ("corrected", {"changes": [{}]}, "KeyError"),
        ("corrected", {"changes": [1]}, "TypeError"),
        ("measured", {"outcomes": {"capacity": "60"}}, "must be a number"),
    ],
)
def test_an_altered_fact_is_named(planned: Ledger, kind: str, says: dict[str, Any], words: str) -> None:
    fold = Fold(planned.facts())
    with pytest.raises(DataInvalid, match=rf"fact 6: payload cannot be read \(.*{words}"):
        fold.add(Fact(6, kind, "P001", "2025-03-01T08:30Z", "", "", says))


def test_a_row_that_names_a_cell_makes_none(planned: Ledger) -> None:
    row = {"id": "P001", "recipe": {"bias_v": -50.0}, "outcomes": {"capacity": 60}}
    assert planned.record([row]).ids == ("P001",)
    assert list(planned.state().cells) == ["P001", "P002", "P003", "P004", "C001"]


def test_what_a_correction_replaced_is_told_by_part_name_and_value(planned: Ledger) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    planned.correct("P001", {"capacity": 58})
    cell, old = Fold(planned.facts()).cells["P001"], Outcome(60).to_json()
    assert cell.was_replaced("outcome", "capacity", old)
    assert not cell.was_replaced("outcome", "retention", old)
    assert not cell.was_replaced("setting", "capacity", old)
    assert not cell.was_replaced("outcome", "capacity", Outcome(58).to_json())


def test_facts_need_not_say_why() -> None:
    change = {"part": "outcome", "name": "capacity", "old": None, "new": Outcome(60).to_json()}
    told = [
        ("proposed", "P001", {"recipe": {"bias_v": -50}, "predicted": {}}),
        ("corrected", "P001", {"changes": [change]}),
        ("vetoed", "P001", {}),
        ("run_discarded", None, {"run": "R1"}),
    ]
    facts = [Fact(i, kind, cell, "2025-03-01T08:30Z", "", "", says) for i, (kind, cell, says) in enumerate(told, 1)]
    state = Fold(facts).state(["capacity"])
    assert (state.cells["P001"].vetoed, state.cells["P001"].status) == ("", "vetoed")
    assert state.cells["P001"].history[0]["why"] == ""
    assert state.discarded_runs == {"R1": ""}


def test_a_setting_nobody_reported_can_be_corrected_against_the_plan(planned: Ledger) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    planned.correct("P001", {"thickness_um": 1.2}, "profilometer")
    cell = planned.state().cells["P001"]
    assert (cell.recipe["thickness_um"], cell.settings["thickness_um"], cell.history[0]["old"]) == (1.0, 1.2, 1.0)


def test_a_setting_can_be_corrected_again(planned: Ledger) -> None:
    planned.record([{"id": "P001", "executed": {"thickness_um": 1.1}}])
    for value in (1.2, 1.3):
        planned.correct("P001", {"thickness_um": value}, "profilometer")
    cell = planned.state().cells["P001"]
    assert (cell.settings["thickness_um"], cell.outcomes) == (1.3, {})
    assert [(h["part"], h["old"], h["new"]) for h in cell.history] == [("setting", 1.1, 1.2), ("setting", 1.2, 1.3)]


def test_what_is_rehearsed_is_what_comes(planned: Ledger) -> None:
    rows = [CellRecord("P001", outcomes={"capacity": 60}), CellRecord("P002", run="R2")]
    fold = Fold(planned.facts())
    rehearse(fold, plan_record(fold, rows)[0])
    planned.record(rows)
    then, now = fold.state(["capacity"]), planned.state(["capacity"])
    assert then.n_facts == now.n_facts == 7
    assert {n: (c.status, c.outcomes, c.run) for n, c in then.cells.items()} == {
        n: (c.status, c.outcomes, c.run) for n, c in now.cells.items()
    }


@pytest.mark.parametrize(
    "say",
    [
        lambda ledger: ledger.record([{"id": "P001", "executed": {"bias_v": -48.0}, "run": "R1", "sample": "S1"}]),
        lambda ledger: ledger.record([{"id": "P001", "executed": {"anneal_temperature_c": None}}]),
        lambda ledger: ledger.record([{"id": "P001", "outcomes": {"capacity": {"value": 60, "sd": 1}}}]),
        lambda ledger: ledger.record([{"id": "P001", "outcome_class": "ok"}]),
        lambda ledger: ledger.record([{"id": "P001", "outcome_class": "cracked", "stage": "anneal", "cause": "ramp"}]),
        lambda ledger: ledger.record([{"id": "P001", "remark": "edge cloudy"}]),
        lambda ledger: ledger.fail("P001", "shorted", "test", "pinhole"),
        lambda ledger: ledger.veto("P002", "no"),
        lambda ledger: ledger.edit("P002", {"bias_v": -10}),
        lambda ledger: ledger.discard_run("R4", "leak"),
        lambda ledger: ledger.correct("P003", {"capacity": 61, "run": "R3"}, "typo"),
    ],
)
def test_saying_it_again_changes_nothing(planned: Ledger, say: Any) -> None:
    planned.record([{"id": "P003", "outcomes": {"capacity": 16}}])
    before = planned.digest()
    say(planned)
    after, n = planned.digest(), planned.n_facts()
    assert after != before
    again = say(planned)
    assert (planned.digest(), planned.n_facts()) == (after, n)
    assert again in (False, 0, Recorded(new=0, unchanged=1, n_facts=0))


def test_numbers_count_by_value_not_by_type(planned: Ledger) -> None:
    planned.record([{"id": "P001", "executed": {"bias_v": -48}, "outcomes": {"capacity": 60}}])
    again = {"executed": {"bias_v": np.float64(-48.0)}, "outcomes": {"capacity": {"value": np.int64(60), "sd": None}}}
    assert planned.record([{"id": "P001", **again}]).unchanged == 1
    with pytest.raises(DataInvalid, match="is recorded as -48"):
        planned.record([{"id": "P001", "executed": {"bias_v": "-48"}}])


def test_one_bad_row_keeps_all_rows_out(planned: Ledger) -> None:
    before, n = planned.digest(), planned.n_facts()
    good = [{"id": f"P00{i}", "outcomes": {"capacity": 50 + i}} for i in (1, 2, 3)]
    bad = [{"id": "P004", "outcomes": {"capacity": math.nan}}, {"id": "P404", "outcomes": {"capacity": 1}}]
    with pytest.raises(DataInvalid) as caught:
        planned.record([*good[:2], *bad, good[2]])
    assert len(caught.value.problems) == 2, "all problems at once"
    assert (planned.digest(), planned.n_facts()) == (before, n)
    assert set(status(planned).values()) == {"proposed"}
    assert planned.record(good).new == 3


def test_every_fact_says_who_when_and_with_which_version(planned: Ledger) -> None:
    planned.add_retrained({"specification": "gp", "skill": {"capacity": 0.4}})
    planned.add_note({"text": "reference front fixed"})
    facts = planned.facts()
    assert [fact.seq for fact in facts] == list(range(1, planned.n_facts() + 1))
    assert [fact.kind for fact in facts] == ["proposed"] * 4 + ["added", "retrained", "note"]
    assert {fact.author for fact in facts} == {"anna"}
    assert all(fact.version for fact in facts)
    assert [facts[0].time, facts[4].time] == ["2025-03-01T08:32:00.000Z", "2025-03-01T08:33:00.000Z"]
    assert facts[0].time == facts[3].time, "one transaction, one moment"
    state = planned.state()
    assert state.retrained[0].payload["skill"] == {"capacity": 0.4}
    assert state.notes[0].payload == {"text": "reference front fixed"}
    assert state.cells["C001"].remarks == ("thin for once",)


def test_ids_go_on_where_they_ended(ledger: Ledger, path: Path) -> None:
    assert ledger.add_proposals([]) == []
    ledger.add_proposals([proposal()] * 998)
    assert ledger.add_proposals([proposal()] * 3) == ["P999", "P1000", "P1001"]
    assert ledger.add_cell({"bias_v": 0}) == "C001"
    with Ledger.open(path, "ben") as other:
        assert other.add_proposals([proposal()]) == ["P1002"]
        assert other.add_cell({"bias_v": 0}) == "C002"
    assert ledger.state().cells["P1002"].id == "P1002", "an open ledger sees what others wrote"


def test_a_reopened_ledger_tells_the_same(planned: Ledger, path: Path) -> None:
    planned.record([{"id": "P001", "executed": {"bias_v": -48.1}, "outcomes": {"capacity": 1 / 3}}])
    with Ledger.open(path, "ben") as other:
        assert other.campaign == "lco"
        assert other.digest() == planned.digest()
        assert other.facts() == planned.facts()
        assert other.state() == planned.state()
        assert list(other.state().cells["P001"].recipe) == list(proposal()["recipe"]), "settings keep their order"


def test_a_state_once_given_does_not_change(planned: Ledger) -> None:
    state = planned.state()
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    assert state.cells["P001"].outcomes == {}
    assert state.n_facts == planned.n_facts() - 1


def test_frame_has_settings_as_made_and_outcomes_with_their_errors(planned: Ledger) -> None:
    planned.record(
        [
            {
                "id": "P001",
                "executed": {"anneal_kind": "none", "anneal_temperature_c": None, "base_pressure_pa": 1},
                "outcomes": {"capacity": {"value": 60, "qualifier": ">=", "sd": 2}, "cycles": 100},
                "run": "R1",
                "sample": "S1",
            },
            {"id": "P003", "outcome_class": "shorted"},
        ]
    )
    frame = planned.state().frame()
    assert list(frame.index) == ["P001", "P002", "P003", "P004", "C001"]
    assert frame.index.name == "id"
    settings = ["bias_v", "anneal_kind", "anneal_temperature_c", "thickness_um", "base_pressure_pa"]
    outcomes = [f"{name}{end}" for name in ("capacity", "retention", "cycles") for end in ("", "_sd", "_qualifier")]
    assert list(frame.columns) == [*settings, *outcomes, "outcome_class", "status", "run", "sample"]
    numbers = [name for name in frame.columns if frame[name].dtype == "float64"]
    assert numbers == ["bias_v", "anneal_temperature_c", "thickness_um", "base_pressure_pa"] + [
        name for name in outcomes if not name.endswith("_qualifier")
    ]
    first = frame.loc["P001"]
    assert (first["anneal_kind"], first["capacity"], first["capacity_sd"], first["capacity_qualifier"]) == (
        "none",
        60.0,
        2.0,
        ">=",
    )
    assert math.isnan(first["anneal_temperature_c"])
    assert math.isnan(first["retention"])
    assert first["retention_qualifier"] is None
    assert (first["status"], first["run"], first["sample"]) == ("partial", "R1", "S1")
    assert list(frame["outcome_class"]) == ["ok", None, "shorted", None, None]
    assert frame.loc["P004", "run"] == "R4"


def test_a_column_of_a_frame_is_numbers_only_where_all_that_is_stated_is_one(planned: Ledger) -> None:
    planned.record(
        [
            {"id": "P001", "executed": {"mask": 1, "is_dry": True, "gas": None, "power_w": 60}},
            {"id": "P002", "executed": {"mask": "large", "is_dry": False, "gas": None}},
        ]
    )
    frame = planned.state().frame()
    assert frame.dtypes[["mask", "is_dry", "gas", "power_w"]].tolist() == [object, object, object, float]
    assert frame["is_dry"].tolist()[:2] == [True, False]


def test_frame_of_an_empty_ledger_has_the_outcomes_asked_for(ledger: Ledger) -> None:
    frame = ledger.state(outcomes=["capacity"]).frame()
    assert len(frame) == 0
    assert frame["capacity"].dtype == "float64"
