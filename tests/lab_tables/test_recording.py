"""Results as laboratories write them: what is read how, and what the door refuses in which words."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns import RECIPE, digest, make_lco, propose
from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid
from pvdopt.lab_tables.fields import known_fields
from pvdopt.lab_tables.recording import read_table
from pvdopt.ledger.values import Outcome
from pvdopt.objectives import Objective
from pvdopt.space import Continuous, SearchSpace, Stepped

SPACE = SearchSpace([Stepped("bias_v", -100, 0, step=5, unit="V"), Continuous("spin", 0, 10, unit="rpm")])
FIELDS = known_fields(SPACE, [Objective("capacity"), Objective("adhesion", unit="N")])


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Return the LiCoO2 campaign with proposals P001 to P003."""
    with make_lco(tmp_path / "lco") as found:
        for thickness in (1.0, 2.0, 3.0):
            propose(found, thickness_um=thickness)
        yield found


def write(folder: Path, text: str) -> Path:
    path = folder / "results.csv"
    path.write_text(text, encoding="utf-8")
    return path


# -- what is read how ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("capacity", "58.2", Outcome(58.2)),
        ("capacity", "~ 50", Outcome(50.0, "~")),
        ("capacity", "58.2 ± 1.5", Outcome(58.2, "=", 1.5)),
        ("capacity [mAh/cm3]", "570", Outcome(57.0)),
        ("capacity", "570 mAh/cm3", Outcome(57.0)),
        ("areal_capacity", "0.31 mAh/cm2", Outcome(310.0)),
        ("retention", ">= 92 %", Outcome(0.92, ">=")),
        ("retention (%)", "92", Outcome(0.92)),
        ("retention / %", "<= 92", Outcome(0.92, "<=")),
        ("adhesion", "3.5", Outcome(3.5)),
    ],
)
def test_outcomes_are_read_with_signs_units_and_deviations(
    tmp_path: Path, header: str, text: str, expected: Outcome
) -> None:
    table = read_table(write(tmp_path, f"id,{header}\nP001,{text}\n"), FIELDS)
    assert table.problems == ()
    (row,) = table.rows
    assert row.problems == ()
    (found,) = row.outcomes.values()
    assert found.value == pytest.approx(expected.value)
    assert (found.qualifier, found.sd) == (expected.qualifier, expected.sd)


def test_a_deviation_in_a_column_of_its_own_has_the_unit_of_its_value(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "id,capacity [mAh/cm3],capacity_sd\nP001,570,15\n"), FIELDS)
    assert table.rows[0].outcomes["capacity"] == Outcome(57.0, "=", 1.5)


@pytest.mark.parametrize("missing", ["", " ", "n/a", "-", "?"])
def test_what_is_not_known_is_left_out(tmp_path: Path, missing: str) -> None:
    table = read_table(write(tmp_path, f"id,capacity,bias_v,remark\nP001,{missing},{missing},\n"), FIELDS)
    (row,) = table.rows
    assert (dict(row.outcomes), dict(row.settings), dict(row.labels), row.problems) == ({}, {}, {}, ())


def test_rows_of_a_program_are_read_like_those_of_a_file() -> None:
    table = read_table({"id": "P001", "capacity": 58.2, "retention": "93 %", "bias_v": None, "spin": 3}, FIELDS)
    (row,) = table.rows
    assert (row.id, row.problems) == ("P001", ())
    assert row.outcomes == {"capacity": Outcome(58.2), "retention": Outcome(0.93)}
    assert row.settings == {"spin": 3.0}


def test_rows_come_from_standard_input_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "﻿id,capacity\r\nP001,58.2\r\n\r\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    (row,) = read_table("-", FIELDS).rows
    assert row.outcomes["capacity"].value == 58.2
    assert row.place == {"file": "standard input", "row": 2}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04xx", "results.csv: must be an .xlsx workbook; it is damaged or another kind of file. Open it"),
        (b"\xd0\xcf\x11\xe0xx", "results.csv: must be an .xlsx or .csv file, got an old or a protected spreadsheet."),
        (b"id,capacity\nP001,\xff\n", "results.csv, row 2: must be UTF-8 text. Save the file as"),
        (b"id,capacity\nP0\x0001,3\n", "results.csv, row 2: must be text, got a NUL byte. Save the file as"),
        (b"", "results.csv: is empty. Write a header and one row a cell."),
        (b"\n\n", "results.csv: is empty. Write a header and one row a cell."),
        (b'id,capacity\n"P001,3\n', "results.csv, row 2: must be comma-separated with paired quotation marks"),
        (
            b"id,remark\nP001,short\nP002," + b"x" * 200_000 + b"\n",
            "results.csv, row 3: a cell must hold at most 131072 characters. Shorten its text, or look for",
        ),
    ],
    ids=["archive", "old-spreadsheet", "latin-1", "nul", "nothing", "blank", "quotes", "long"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(DataInvalid) as caught:
        read_table(path, FIELDS)
    assert str(caught.value).startswith(sentence)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"nowhere\.csv: cannot be read \(No such file"):
        read_table(tmp_path / "nowhere.csv", FIELDS)


# -- what the door refuses -------------------------------------------------------------------------------------------

#: How a cell that was not proposed comes in.
ENTER = (
    "`pvdopt add`, or a table with `pvdopt cells import`, takes a cell that was not proposed, by its recipe; "
    "a name of your own goes into sample."
)
BAD = {
    "missing column": ("capacity\n57\n", ["row 1, id: is missing. Add a column id with the names that suggest gave."]),
    "unknown column": (
        "id,capacty\nP001,57\n",
        ["row 1, capacty: is not a column of this campaign. Did you mean capacity?"],
    ),
    "stray column": (
        "id,capacity,zzz\nP001,57,1\n",
        [
            "row 1, zzz: is not a column of this campaign. Rename it, or put it into remark (outcomes are capacity in "
            "uAh/cm2/um, areal_capacity in uAh/cm2, retention)."
        ],
    ),
    "nameless column": ("id,capacity,\nP001,57,\n", ["row 1: a column must have a name. Name or delete it."]),
    "repeated column": (
        "id,capacity,capacity\nP001,57,57\n",
        ["row 1, capacity: must appear once, got it repeated. Delete one."],
    ),
    "predictions": (
        "id,capacity,capacity_low\nP001,57,30\n",
        [
            "row 1, capacity_low: is a column of predictions, so that the outcomes beside it may be predicted ones. "
            "Delete the predicted columns and write what was measured."
        ],
    ),
    "unit of another kind": (
        "id,capacity [mAh/cm2]\nP001,57\n",
        [
            "row 2, capacity: cannot be turned into uAh/cm2/um without the thickness as made, got '57 mAh/cm2'. "
            "State thickness_um with it."
        ],
    ),
    "unit of nothing known": (
        "id,capacity [mAh/s]\nP001,57\n",
        [
            "row 1, capacity: 'mAh/s' does not convert to 'uAh/cm2/um'. A capacity per area goes into "
            "areal_capacity; one per mass needs a density, got 'mAh/s'."
        ],
    ),
    "no row": ("id,capacity\n", ["must hold at least one row below its header."]),
    "short row": (
        "id,capacity\nP001\n",
        ["row 2: must have 2 fields as the header has, got 1. Look for a missing or stray comma."],
    ),
    "negative capacity": (
        "id,capacity\nP001,-57\n",
        ["row 2, capacity: must lie in [0.1, 1000] uAh/cm2/um, got -57. Correct or remove it."],
    ),
    "no capacity": (
        "id,capacity\nP001,0\n",
        [
            "row 2, capacity: must lie in [0.1, 1000] uAh/cm2/um, got 0. A cell without capacity is recorded by its "
            "outcome_class, such as shorted."
        ],
    ),
    "retention in percent": (
        "id,retention\nP001,93\n",
        ["row 2, retention: must lie in [0, 1.5], got 93. Write 0.93 or 93 %."],
    ),
    "word for a number": (
        "id,capacity\nP001,good\n",
        [
            "row 2, capacity: must be a finite number in uAh/cm2/um, got 'good'. Leave it empty where the value is not "
            "known."
        ],
    ),
    "deviation without its unit": (
        "id,retention,retention_sd\nP001,93 %,2\n",
        ["row 2, retention_sd: must state its unit, as its value does, got '2'."],
    ),
    "deviation alone": ("id,capacity_sd\nP001,2\n", ["row 2, capacity_sd: must stand beside a capacity, got '2'."]),
    "two qualifiers": (
        "id,retention,retention_qualifier\nP001,>= 0.9,<=\n",
        ["row 2, retention_qualifier: must be >= as in the value itself, or empty, got '<='."],
    ),
    "unknown qualifier": (
        "id,retention,retention_qualifier\nP001,0.9,good\n",
        ["row 2, retention: must have a qualifier among = ~ >= <=, got 'good'."],
    ),
    "unknown proposal": (
        "id,capacity\nP01,57\n",
        [f"row 2, id: must name a cell of this campaign, got 'P01'. Close to it: P001, P003, P002. {ENTER}"],
    ),
    "duplicate": (
        "id,capacity\nP001,57\nP001,58\n",
        ["row 3, id: must appear once, row 2 has it too, got 'P001'. Merge the two rows."],
    ),
    "above theory": (
        "id,capacity\nP001,210\n",
        [
            "row 2, capacity: must not exceed 1.3 x theory (138.4 uAh/cm2/um for LiCoO2), got 210.0. "
            "Check unit, thickness and area."
        ],
    ),
    "areal above theory": (
        "id,areal_capacity\nP002,400\n",
        [
            "row 2, areal_capacity: must not exceed 1.3 x theory (276.7 uAh/cm2 for LiCoO2), got 400.0. "
            "Check unit, thickness and area."
        ],
    ),
    "capacities at odds": (
        "id,capacity,areal_capacity\nP002,50,10\n",
        [
            "row 2, areal_capacity: must be capacity x thickness (50 x 2 = 100 uAh/cm2), got 10.0. "
            "Check units and thickness."
        ],
    ),
    "a deviation beyond all measure": (
        "id,capacity\nP001,57 +- 1e200\n",
        ["row 2, capacity_sd: must lie in [0, 500] uAh/cm2/um, got 1e+200. Correct or remove it."],
    ),
    "cycles beside a retention that cannot be read": (
        "id,retention,cycles\nP001,much,50\n",
        [
            "row 2, retention: must be a finite number, plain or in %, got 'much'. "
            "Leave it empty where the value is not known."
        ],
    ),
    "cycles beside a retention in volts": (
        "id,retention [V],cycles\nP001,0.9,50\n",
        ["row 1, retention: 'V' does not convert to '1'. Write the number alone if it is in this unit, got 'V'."],
    ),
    "cycles alone": ("id,cycles\nP001,50\n", ["row 2, cycles: must stand beside a retention, got 50.0."]),
    "unknown class": (
        "id,outcome_class\nP001,shortd\n",
        [
            "row 2, outcome_class: must be one of ok, shorted, delaminated, cracked, not_made, lab_error, "
            "got 'shortd'. Did you mean shorted?"
        ],
    ),
    "figures of a cell not made": (
        "id,outcome_class,capacity\nP001,not_made,57\n",
        ["row 2, capacity: must be empty for a cell that was not made, got 57.0. Name another outcome class."],
    ),
    "setting outside the vocabulary": (
        "id,thickness_um\nP001,80\n",
        ["row 2, thickness_um: must lie in [0.005, 50] um, got 80. Correct or remove it."],
    ),
    "level outside the vocabulary": (
        "id,electrolyte\nP001,Lippon\n",
        [
            "row 2, electrolyte: must be one of the 14 known, got 'Lippon'. Did you mean Lipon? "
            "All of them: `pvdopt config names electrolyte`."
        ],
    ),
    "setting of another choice": (
        "id,anneal_kind,anneal_temperature_c\nP001,none,600\n",
        [
            "row 2, anneal_temperature_c: does not apply with anneal_kind none, got 600.0. "
            "Leave anneal_temperature_c empty or correct anneal_kind."
        ],
    ),
    "a cell of one's own with gaps": (
        "id,capacity,bias_kind,thickness_um\n,57,rf,1\n",
        [
            "row 2, id: must name a proposal, or the row must hold a complete recipe: anneal_kind, electrolyte, bias_v "
            "is missing."
        ],
    ),
    "everything at once": (
        "id,capacity,retention\nP001,-57,93\nP009,57,\nP003,57,0.9\n",
        [
            "row 2, capacity: must lie in [0.1, 1000] uAh/cm2/um, got -57. Correct or remove it.",
            "row 2, retention: must lie in [0, 1.5], got 93. Write 0.93 or 93 %.",
            f"row 3, id: must name a cell of this campaign, got 'P009'. Close to it: P003, P002, P001. {ENTER}",
        ],
    ),
    "a cell of one's own, unreadable, contradictory and with gaps": (
        "id,capacity,bias_kind,bias_v,anneal_kind,anneal_temperature_c,electrolyte\n,-57,none,-50,oven,600,Lipon\n",
        [
            "row 2, anneal_kind: must be one of none, furnace, rta, unspecified, got 'oven'. Correct or remove it.",
            "row 2, capacity: must lie in [0.1, 1000] uAh/cm2/um, got -57. Correct or remove it.",
            "row 2, id: must name a proposal, or the row must hold a complete recipe: thickness_um is missing.",
            "row 2, bias_v: does not apply with bias_kind none, got -50.0. Leave bias_v empty or correct bias_kind.",
        ],
    ),
    "a number beside a choice that cannot be read": (
        "id,anneal_kind,anneal_temperature_c\nP001,oven,600\n",
        ["row 2, anneal_kind: must be one of none, furnace, rta, unspecified, got 'oven'. Correct or remove it."],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_message_and_changes_nothing(campaign: Campaign, tmp_path: Path, name: str) -> None:
    text, sentences = BAD[name]
    before = digest(campaign)
    with pytest.raises(DataInvalid) as caught:
        campaign.record(write(tmp_path, text))
    assert digest(campaign) == before
    assert caught.value.exit_code == 3
    found = str(caught.value).splitlines()
    place = "results.csv: " if name == "no row" else "results.csv, "
    assert found == [place + sentence for sentence in sentences]


FAR = "Look at its unit and its power of ten; confirm it if it is so."
DOUBTS = {
    "a thickness of another power of ten": (
        {"thickness_um": "150 nm"},
        "doubt: P001, thickness_um: should lie near its plan of 1 um, not a factor of 6.7 off, got 0.15. " + FAR,
    ),
    "a bias far along its range": (
        {"bias_v": -90},
        "doubt: P001, bias_v: should lie near its plan of -50 V, not 44% of its range off, got -90.0. " + FAR,
    ),
    "a fixed setting of another power of ten": (
        {"electrolyte_thickness_um": "100 nm"},
        "doubt: P001, electrolyte_thickness_um: should lie near its plan of 1 um, not a factor of 10 off, got 0.1. "
        + FAR,
    ),
    "above theory of its window": (
        {"capacity": 80},
        "doubt: P001, capacity: should not exceed 1.05 x theory in its voltage window (69.19 uAh/cm2/um), got 80.0. "
        "Confirm it if it is so.",
    ),
    "capacities a little at odds": (
        {"capacity": 50, "areal_capacity": 60},
        "doubt: P001, areal_capacity: must be capacity x thickness (50 x 1 = 50 uAh/cm2), got 60.0. "
        "Confirm it if it is so.",
    ),
    "figures of a failed cell": (
        {"capacity": 50, "outcome_class": "delaminated"},
        "doubt: P001, capacity: stands beside outcome_class delaminated: no model will learn from it, got 50.0. "
        "Confirm it if it is so.",
    ),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_unlikely_has_to_be_confirmed(campaign: Campaign, name: str) -> None:
    row, sentence = DOUBTS[name]
    before = digest(campaign)
    with pytest.raises(DataInvalid) as caught:
        campaign.record({"id": "P001", **row})
    assert str(caught.value) == sentence
    assert digest(campaign) == before
    report = campaign.record({"id": "P001", **row}, confirm=True)
    assert [p.sentence() for p in report.doubts] == [sentence]
    # What is recorded was confirmed: the next copy of the sheet need not be.
    assert campaign.record({"id": "P001", **row}).unchanged == 1


@pytest.mark.parametrize("row", [{"thickness_um": 2.5}, {"bias_v": -70}, {"electrolyte_thickness_um": 2}])
def test_what_was_made_otherwise_within_reason_is_not_doubted(campaign: Campaign, row: dict[str, Any]) -> None:
    assert campaign.record({"id": "P001", **row}).doubts == []


def test_a_retention_needs_a_number_of_cycles_where_the_protocol_has_none(tmp_path: Path) -> None:
    from pvdopt.lab_tables.result_checks import Door, check_result

    with make_lco(tmp_path / "lco") as campaign:
        from pvdopt.objectives import Protocol

        door = Door(campaign.space, Protocol(), campaign.own_cells().state, {})
        (problem,) = check_result({}, {"retention": Outcome(0.9)}, {}, door)
        assert problem.sentence() == (
            "cycles: must stand beside a retention, since the campaign's protocol states no number of cycles. "
            "Add a column cycles."
        )
        assert check_result({}, {"retention": Outcome(0.9), "cycles": Outcome(50)}, {}, door) == []


# -- what is recorded ------------------------------------------------------------------------------------------------


def test_good_rows_are_recorded_alone_only_when_asked(campaign: Campaign, tmp_path: Path) -> None:
    path = write(tmp_path, "id,capacity\nP001,57\nP002,-3\nP003,80\n")
    before = digest(campaign)
    with pytest.raises(DataInvalid):
        campaign.record(path)
    assert digest(campaign) == before
    report = campaign.record(path, accept_good_rows=True)
    assert (report.cells, report.new) == (["P001"], 1)
    assert [p.row for p in report.refused] == [3, 4]


def test_recording_twice_changes_nothing_whatever_the_order(campaign: Campaign, tmp_path: Path) -> None:
    rows = ["P001,57 ± 2,93 %,0.95", "P002,,,", "P003,n/a,,2.9"]
    campaign.record(write(tmp_path, "id,capacity,retention,thickness_um\n" + "\n".join(rows)))
    before = digest(campaign)
    report = campaign.record(write(tmp_path, "id,capacity,retention,thickness_um\n" + "\n".join(rows[::-1])))
    assert (report.new, report.unchanged, report.n_facts) == (0, 3, 0)
    assert digest(campaign) == before


def test_a_dry_run_says_what_would_happen_and_writes_nothing(campaign: Campaign) -> None:
    before = digest(campaign)
    report = campaign.record([{"id": "P001", "capacity": 57}, {"id": "P002"}], dry_run=True)
    assert (report.new, report.unchanged, report.is_recorded) == (1, 1, False)
    assert digest(campaign) == before


def test_another_value_for_what_is_recorded_needs_a_correction(campaign: Campaign) -> None:
    campaign.record({"id": "P001", "capacity": 57})
    with pytest.raises(DataInvalid, match="is recorded as 57 and cannot also be 59"):
        campaign.record([{"id": "P001", "capacity": 59}, {"id": "P002", "capacity": 50}])
    assert campaign.own_cells().state.cells["P002"].status == "proposed"
    assert campaign.correct("P001", {"capacity": "590 mAh/cm3"}, "read from the wrong cycle") == 1
    assert campaign.own_cells().state.cells["P001"].outcomes["capacity"].value == pytest.approx(59.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"retention": 93}, "P001, retention: must lie in [0, 1.5], got 93. Write 0.93 or 93 %."),
        ({"capacity": "80"}, "doubt: P001, capacity: should not exceed 1.05 x theory"),
        ({"capacity": 300}, "P001, capacity: must not exceed 1.3 x theory"),
        ({"thickness_um": "100 nm"}, "doubt: P001, thickness_um: should lie near its plan of 1 um, not a factor of 10"),
        ({"thickness_um": "80 um"}, "P001, thickness_um: must lie in [0.005, 50] um, got 80."),
    ],
)
def test_a_correction_passes_the_same_door(campaign: Campaign, changes: dict[str, Any], sentence: str) -> None:
    campaign.record({"id": "P001", "capacity": 57, "retention": 0.9})
    before = digest(campaign)
    with pytest.raises(DataInvalid) as caught:
        campaign.correct("P001", changes)
    assert str(caught.value).startswith(sentence)
    assert digest(campaign) == before


def test_a_planned_number_that_does_not_apply_to_what_was_made_is_dropped(campaign: Campaign) -> None:
    campaign.record({"id": "P001", "anneal_kind": "none", "capacity": 30})
    assert campaign.own_cells().observed().loc["P001", "anneal_kind"] == "none"
    assert campaign.own_cells().observed()["anneal_temperature_c"].isna().all()


def test_a_choice_that_needs_a_number_asks_for_it(campaign: Campaign) -> None:
    bare = propose(campaign, anneal_kind="none", anneal_temperature_c=None)
    with pytest.raises(DataInvalid) as caught:
        campaign.record({"id": bare, "anneal_kind": "rta"})
    assert str(caught.value) == (
        "P004, anneal_temperature_c: must be stated (in [200, 800] C). It applies with anneal_kind rta."
    )


def test_a_row_without_id_is_a_cell_of_the_labs_own(campaign: Campaign, tmp_path: Path) -> None:
    names = list(RECIPE)
    recipe = ",".join(str(RECIPE[n]) for n in names)
    text = f"id,capacity,sample,{','.join(names)}\n,57,s1,{recipe}\n,58,s2,{recipe}\nP001,50,,{',' * 5}\n"
    report = campaign.record(write(tmp_path, text))
    assert (report.added, report.cells) == (["C001", "C002"], ["C001", "C002", "P001"])
    before = digest(campaign)
    assert campaign.record(write(tmp_path, text)).n_facts == 0
    assert digest(campaign) == before
    # The retention of the same cell comes later.
    campaign.record({**RECIPE, "sample": "s2", "retention": "91 %"})
    cell = campaign.own_cells().state.cells["C002"]
    assert (cell.status, cell.outcomes["capacity"].value) == ("complete", 58.0)


def test_two_rows_of_one_recipe_need_their_samples(campaign: Campaign) -> None:
    with pytest.raises(DataInvalid, match=r"row 2, sample: must differ from the recipe of row 1, or name another"):
        campaign.record([{**RECIPE, "capacity": 57}, {**RECIPE, "capacity": 58}])


def test_how_well_a_thickness_is_known_counts_where_a_capacity_follows_from_it(campaign: Campaign) -> None:
    campaign.record([{"id": "P001", "areal_capacity": 50}, {"id": "P002", "areal_capacity": 102}])
    campaign.record({"id": "P002", "thickness_um": "2.04 +- 0.08"})
    own = campaign.own_cells()
    stated, known = (own.outcomes(own.state.cells[name])["capacity"] for name in ("P001", "P002"))
    assert stated.sd is None
    # 2 % of reading and 0.08 / 2.04 of the thickness.
    assert (known.value, known.sd) == (pytest.approx(50.0), pytest.approx(50.0 * math.hypot(0.02, 0.08 / 2.04)))


def test_a_thickness_that_comes_late_does_not_belie_what_is_recorded(campaign: Campaign) -> None:
    """P001 is planned with 1 um: 60 uAh/cm2 can be true of it, and not of a film of 0.1 um."""
    campaign.record({"id": "P001", "areal_capacity": 60})
    before = digest(campaign)
    must = r"P001, areal_capacity: must not exceed 1\.3 x theory \(13\.84 uAh/cm2 for LiCoO2\), got 60\.0"
    with pytest.raises(DataInvalid, match=must):
        campaign.record({"id": "P001", "thickness_um": 0.1}, confirm=True)
    assert digest(campaign) == before
    campaign.record({"id": "P001", "thickness_um": 0.9})


def test_what_happens_at_the_temperature_of_a_film_is_said_once(campaign: Campaign) -> None:
    said = [
        "P001, anneal_temperature_c 780 C: above 750 C hillocks grow in the Pt of Pt/Ti/Si (domain notes, unverified)"
    ]
    assert campaign.record({"id": "P001", "anneal_temperature_c": 780}).notes == said
    assert campaign.record({"id": "P001", "capacity": 50}).notes == []
    assert campaign.record({"id": "P002", "capacity": 50}).notes == [], "it was annealed at 700 C"
    hot = propose(campaign, anneal_temperature_c=780.0)
    assert campaign.record({"id": hot, "capacity": 50}).notes == [said[0].replace("P001", hot)]
