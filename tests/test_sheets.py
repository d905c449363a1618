"""Run sheets: out to a file and back without loss, in every form, by hand and through a spreadsheet program."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from campaigns import RECIPE, digest, make_lco, make_plain, propose
from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid, UsageError
from pvdopt.ledger.values import Outcome
from pvdopt.sheets import FORMS, lay_out, write_sheet
from pvdopt.sheets.workbooks import HEADER_ROW
from pvdopt.space import Categorical

MACHINE = "steps = { bias_v = 5, anneal_temperature_c = 10 }"
UNITS = MACHINE + '\nunits = { thickness_um = "nm", anneal_temperature_c = "K" }'


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Return the LiCoO2 campaign, whose machine shows nm and K, with proposals P001 to P003."""
    with make_lco(tmp_path / "lco", **{MACHINE: UNITS}) as found:
        propose(found, thickness_um=0.48)
        propose(found, thickness_um=2.0, anneal_kind="none", anneal_temperature_c=None)
        propose(found, bias_kind="none", bias_v=None)
        yield found


def fill(path: Path, *rows: dict[str, Any]) -> None:
    """Write values into the lines of a sheet by the names of their columns, as a person does."""
    book = load_workbook(path)
    cells = book["cells"]
    places = {str(cell.value).split(" [")[0]: cell.column for cell in cells[HEADER_ROW]}
    for number, row in enumerate(rows, start=HEADER_ROW + 1):
        for name, value in row.items():
            cells.cell(number, places[name]).value = value
    book.save(path)


def test_a_sheet_shows_the_plan_in_the_machines_units_and_leaves_room_for_what_was_made(campaign: Campaign) -> None:
    sheet = lay_out(campaign)
    heads = [column.head for column in sheet.columns]
    assert heads[:7] == [
        "id", "planned bias_kind", "planned anneal_kind", "planned thickness_um [nm]", "planned electrolyte",
        "planned bias_v [V]", "planned anneal_temperature_c [K]",
    ]  # fmt: skip
    assert sheet.rows[0][:7] == ("P001", "rf", "furnace", 480.0, "Lipon", -50.0, 973.15)
    assert sheet.rows[1][2] == "none"
    assert sheet.rows[1][6] is None
    inputs = {column.head.split(" [")[0] for column in sheet.columns if column.is_input}
    assert {"thickness_um", "sample", "cell", "run", "area_cm2", "capacity", "retention", "cycles"} <= inputs
    assert {"outcome_class", "stage", "cause", "remark", "replicate_of"} <= inputs
    assert not any(value for row in sheet.rows for value in row[7:])
    assert ("cathode", "LiCoO2") in sheet.fixed


@pytest.mark.parametrize("form", FORMS)
def test_a_sheet_that_nobody_filled_in_says_nothing(campaign: Campaign, tmp_path: Path, form: str) -> None:
    path = write_sheet(lay_out(campaign), tmp_path / f"run{form}")
    before = digest(campaign)
    report = campaign.record(path)
    assert (report.new, report.unchanged, report.cells) == (0, 3, ["P001", "P002", "P003"])
    assert digest(campaign) == before


def test_a_filled_sheet_is_recorded_once_however_often_it_is_read(campaign: Campaign, tmp_path: Path) -> None:
    path = write_sheet(lay_out(campaign), tmp_path / "run.xlsx")
    fill(
        path,
        {"thickness_um": 495, "area_cm2": 0.25, "capacity": "6 uAh", "run": "R1", "sample": 12},
        {"outcome_class": "cracked", "stage": "anneal", "cause": "cooled too fast"},
        {"made_on": datetime(2025, 3, 31), "capacity": "58.2 ± 1.5", "retention": ">= 92", "cycles": 40},
        {"replicate_of": "P001", "cell": 2, "capacity": 51},
    )
    report = campaign.record(path, confirm=True)
    assert (report.new, report.added) == (4, ["C001"])
    cells = campaign.own_cells().state.cells
    assert cells["P001"].executed == {"thickness_um": 0.495, "area_cm2": 0.25}
    assert (cells["P001"].run, cells["P001"].sample) == ("R1", "12")
    # 6 uAh on 0.25 cm2 and 0.495 um; 2 % reading, 4 % thickness and 2 % area are 4.9 %.
    assert cells["P001"].outcomes["capacity"].value == pytest.approx(48.4848, rel=1e-4)
    assert cells["P001"].outcomes["capacity"].sd == pytest.approx(0.049 * 48.48, rel=1e-2)
    assert (cells["P002"].outcome_class, cells["P002"].stage, cells["P002"].cause) == (
        "cracked",
        "anneal",
        "cooled too fast",
    )
    assert cells["P003"].executed["made_on"] == "2025-03-31"
    assert cells["P003"].outcomes["retention"] == Outcome(0.92, ">=")
    assert cells["C001"].recipe["thickness_um"] == 0.495
    assert cells["C001"].recipe["replicate_of"] == "P001"
    assert (cells["C001"].run, cells["C001"].sample) == ("R1", "12")
    before = digest(campaign)
    assert campaign.record(path, confirm=True).new == 0
    assert digest(campaign) == before


def test_a_sheet_of_cells_that_go_on_holds_what_is_recorded(campaign: Campaign, tmp_path: Path) -> None:
    campaign.record({"id": "P001", "capacity": "52.3 +- 1.1", "retention": 0.97, "cycles": 20, "thickness_um": 0.5})
    campaign.fail("P002", "shorted")
    sheet = lay_out(campaign)
    assert sheet.ids == ("P001", "P003")
    row = dict(zip((c.head.split(" [")[0] for c in sheet.columns), sheet.rows[0], strict=True))
    assert (row["thickness_um"], row["retention"], row["cycles"]) == (500.0, 97.0, 20.0)
    assert row["capacity"] == "52.3 +- 1.1 uAh/cm2/um"
    path = write_sheet(sheet, tmp_path / "later.xlsx")
    assert campaign.record(path).new == 0
    fill(path, {"retention": 94, "cycles": 100})
    assert campaign.record(path).new == 1
    assert campaign.own_cells().state.cells["P001"].outcomes["retention"] == Outcome(0.94)


def test_only_places_to_fill_in_are_open_and_words_are_chosen_from_lists(campaign: Campaign, tmp_path: Path) -> None:
    book = load_workbook(write_sheet(lay_out(campaign), tmp_path / "run.xlsx"))
    cells = book["cells"]
    assert cells.protection.sheet
    first = {str(cell.value).split(" [")[0]: cells.cell(HEADER_ROW + 1, cell.column) for cell in cells[HEADER_ROW]}
    locked = {name for name, cell in first.items() if cell.protection.locked}
    assert locked == {name for name in first if name == "id" or name.startswith("planned ")}
    lists = [rule for rule in cells.data_validations.dataValidation if rule.type == "list"]
    words = {}
    for rule in lists:
        letter, last = re.fullmatch(r"lists!\$([A-Z]+)\$1:\$[A-Z]+\$(\d+)", rule.formula1).groups()  # type: ignore[union-attr]
        place = str(rule.sqref).split(":", maxsplit=1)[0].rstrip("0123456789")
        words[cells[f"{place}{HEADER_ROW}"].value] = [
            book["lists"][f"{letter}{n}"].value for n in range(1, int(last) + 1)
        ]
    assert words["outcome_class"] == ["ok", "shorted", "delaminated", "cracked", "not_made", "lab_error"]
    assert "Lipon" in words["electrolyte"]
    assert {"bias_kind", "anneal_kind"} <= set(words)


@pytest.mark.parametrize("text", ["=1+1", "+49 7071", "-x", "@SUM(A1)", "'=2", "plain", "a|b\nc"])
@pytest.mark.parametrize("form", FORMS)
def test_a_text_is_never_a_formula_and_comes_back_as_it_was(tmp_path: Path, form: str, text: str) -> None:
    with make_plain(tmp_path / "plain") as campaign:
        assert campaign.ledger is not None
        campaign.ledger.add_cell({"speed": 3, "moisture": "dry"})
        campaign.record({"id": "C001", "sample": text})
        path = write_sheet(lay_out(campaign), tmp_path / f"run{form}")
        if form == ".xlsx":
            sheet = load_workbook(path)["cells"]
            assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
        elif form == ".csv" and text[0] in "=+-@":
            assert f",'{text}" in path.read_text(encoding="utf-8")
        before = digest(campaign)
        assert campaign.record(path).new == 0
        assert digest(campaign) == before


def test_cells_of_a_run_stand_together_and_are_made_in_it(tmp_path: Path) -> None:
    runs = """
[runs.deposition]
shares = ["bias_kind", "bias_v"]
places = 2
hours = 4

[runs.furnace]
shares = ["anneal_temperature_c"]
when = { anneal_kind = ["furnace"] }
places = 9
hours = 2

[protocol]
"""
    with make_lco(tmp_path / "lco", **{"[protocol]\n": runs}) as campaign:
        assert campaign.ledger is not None
        labels = [("deposition-2", "furnace-1"), ("deposition-1", "furnace-1"), ("deposition-2", None)]
        for bias, (deposition, furnace) in zip((-80.0, -50.0, -80.0), labels, strict=True):
            planned = {"deposition": deposition} | ({"furnace": furnace} if furnace else {})
            kind = "furnace" if furnace else "none"
            recipe = {**campaign.space.fixed, **RECIPE, "bias_v": bias, "anneal_kind": kind}
            recipe["anneal_temperature_c"] = 700.0 if furnace else None
            campaign.ledger.add_proposals([{"recipe": recipe, "predicted": {}, "run": deposition, "runs": planned}])
        sheet = lay_out(campaign)
        assert sheet.ids == ("P002", "P001", "P003")
        assert [row[1:3] for row in sheet.rows] == [
            ("deposition-1", "furnace-1"),
            ("deposition-2", "furnace-1"),
            ("deposition-2", None),
        ]
        assert [(g.label, g.cells, dict(g.settings)) for g in sheet.groups] == [
            ("deposition-1", ("P002",), {"bias_kind": "rf", "bias_v": "-50 V"}),
            ("deposition-2", ("P001", "P003"), {"bias_kind": "rf", "bias_v": "-80 V"}),
            ("furnace-1", ("P002", "P001"), {"anneal_temperature_c": "700 C"}),
        ]
        # The plan alone makes no cell, and a run is as planned unless another is written.
        before = digest(campaign)
        for form in FORMS:
            assert campaign.record(write_sheet(sheet, tmp_path / f"run{form}")).new == 0
        assert digest(campaign) == before
        fill(tmp_path / "run.xlsx", {"capacity": 51}, {"capacity": 52, "run": "R7"})
        campaign.record(tmp_path / "run.xlsx")
        cells = campaign.own_cells().state.cells
        assert (cells["P002"].run, cells["P001"].run) == ("deposition-1", "R7")


def test_a_sheet_is_written_over_no_other_file(campaign: Campaign, tmp_path: Path) -> None:
    path = write_sheet(lay_out(campaign), tmp_path / "run.xlsx")
    with pytest.raises(DataInvalid, match=r"is there already\. Name another file; if this one is filled in, record it"):
        write_sheet(lay_out(campaign), path)
    with pytest.raises(UsageError, match=r"ends with \.xlsx, \.csv, \.md"):
        write_sheet(lay_out(campaign), tmp_path / "run.pdf")
    with pytest.raises(DataInvalid, match="there is no such folder"):
        write_sheet(lay_out(campaign), tmp_path / "none" / "run.csv")


def test_a_written_over_plan_is_no_result(campaign: Campaign, tmp_path: Path) -> None:
    path = write_sheet(lay_out(campaign), tmp_path / "run.xlsx")
    fill(path, {"planned thickness_um": 600, "capacity": 50})
    before = digest(campaign)
    with pytest.raises(DataInvalid) as caught:
        campaign.record(path)
    assert str(caught.value) == (
        "run.xlsx, sheet 'cells', D4, planned thickness_um: is planned as 0.48, which a sheet does not change, got 0.6."
        " Write what was made into thickness_um, or change the plan with `pvdopt edit P001`."
    )
    assert digest(campaign) == before


@pytest.mark.system("soffice")
def test_a_sheet_goes_through_a_spreadsheet_program_without_harm(campaign: Campaign, tmp_path: Path) -> None:
    path = write_sheet(lay_out(campaign), tmp_path / "run.xlsx")
    fill(
        path,
        {"thickness_um": 495, "capacity": "58.2 +- 1.5", "sample": "1-2", "made_on": datetime(2025, 3, 31)},
        {"outcome_class": "cracked", "remark": "@home"},
        {"capacity": "=100/2", "retention": 93},
    )
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "xlsx"]
    subprocess.run([*command, "--outdir", tmp_path / "saved", path], check=True, capture_output=True, timeout=120)
    saved = tmp_path / "saved" / "run.xlsx"
    report = campaign.record(saved, confirm=True)
    assert (report.new, report.cells) == (3, ["P001", "P002", "P003"])
    cells = campaign.own_cells().state.cells
    assert cells["P001"].executed == {"thickness_um": 0.495, "made_on": "2025-03-31"}
    assert cells["P001"].sample == "1-2"
    assert cells["P001"].outcomes["capacity"] == Outcome(58.2, "=", 1.5)
    assert cells["P002"].remarks == ("@home",)
    # What the spreadsheet program computed is the value; before, nobody had.
    assert cells["P003"].outcomes == {"capacity": Outcome(50.0), "retention": Outcome(0.93)}
    assert campaign.record(saved, confirm=True).new == 0
    sheet = load_workbook(saved)["cells"]
    assert sheet.protection.sheet
    assert sum(rule.type == "list" for rule in sheet.data_validations.dataValidation) == 4


# -- any batch -------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12).map(str.strip)


@st.composite
def recipes(draw: st.DrawFn, campaign: Campaign) -> dict[str, Any]:
    """Draw a recipe of the campaign's space, on its steps."""
    found: dict[str, Any] = {}
    for p in campaign.space.parameters:
        if p.parent is not None and found.get(p.parent) not in p.parent_choices:
            found[p.name] = None
        elif isinstance(p, Categorical):
            found[p.name] = draw(st.sampled_from(list(p.choices)))
        else:
            found[p.name] = float(p.snap([draw(st.floats(p.low, p.high))])[0])
    return found


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(FORMS))
def test_any_batch_comes_back_as_it_went_out(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, form: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with make_lco(folder / "lco", **{MACHINE: UNITS}) as campaign:
        ids = [propose(campaign, **data.draw(recipes(campaign))) for _ in range(data.draw(st.integers(1, 3)))]
        made = {}
        for name in ids:
            row = {"id": name, "sample": data.draw(TEXTS), "capacity": Outcome(data.draw(st.floats(5, 60)))}
            row["thickness_um"] = data.draw(st.floats(0.1, 5))
            made[name] = row
        rows = [{**row, "capacity": row["capacity"].value} for row in made.values()]
        campaign.record(rows, confirm=True)
        state = campaign.own_cells().state
        before = digest(campaign)
        path = write_sheet(lay_out(campaign, ids), folder / f"run{form}")
        # The plan in the sheet is the ledger's, and so is all that it repeats of what was made.
        assert campaign.record(path, confirm=True).new == 0
        assert digest(campaign) == before
        sheet = lay_out(campaign, ids)
        places = {column.head.split(" [")[0]: k for k, column in enumerate(sheet.columns)}
        for row in sheet.rows:
            cell = state.cells[str(row[0])]
            assert row[places["sample"]] == cell.sample
            planned = row[places["planned thickness_um"]]
            assert isinstance(planned, float)
            assert planned / 1000 == pytest.approx(cell.recipe["thickness_um"], rel=1e-9)
