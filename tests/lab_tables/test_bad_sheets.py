"""Bad sheets, files and values: each has its own clear error, all of a file at once, and the facts stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from campaigns import digest, make_lco, propose
from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid, UsageError
from pvdopt.lab_tables.column_mapping import make_mapping, read_mappings
from pvdopt.sheets import lay_out, write_sheet
from pvdopt.sheets.workbooks import HEADER_ROW


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Return the LiCoO2 campaign with proposals P001 to P003."""
    with make_lco(tmp_path / "lco") as found:
        for thickness in (1.0, 2.0, 3.0):
            propose(found, thickness_um=thickness)
        yield found


def refused(campaign: Campaign, path: Path) -> list[str]:
    """Return the lines with which a file is refused, after making sure that nothing was recorded."""
    before = digest(campaign)
    with pytest.raises(DataInvalid) as caught:
        campaign.record(path)
    assert digest(campaign) == before
    return str(caught.value).splitlines()


# -- values in the places of a run sheet -----------------------------------------------------------------------------

#: Name of the column, what is written, and how the sentence about it goes on after its place.
VALUES: dict[str, tuple[str, Any, str]] = {
    "word": ("capacity", "good", "must be a finite number in uAh/cm2/um, got 'good'. Leave it empty where"),
    "range": ("capacity", "50-60", "must be one number, got '50-60'. Write a range as its middle ± half its width."),
    "decimal-comma": ("capacity", "58,2", "must be written with a decimal point, got '58,2'. Write 58.2."),
    "date": ("capacity", datetime(2025, 1, 2), "must be a number, got a date, got '2025-01-02'. The spreadsheet took"),
    "formula": ("capacity", "=50+6", "holds a formula whose value is not stored, got '=50+6'. Open and save it"),
    "other-kind": ("capacity", "3.9 V", "must be a finite number in uAh/cm2/um, got '3.9 V'. 'V' does not convert"),
    "unknown-unit": ("capacity", "5 blub", "must be a finite number in uAh/cm2/um, got '5 blub'. The unit 'blub' is"),
    "no-area": ("capacity", "26 uAh", "cannot be turned into uAh/cm2/um without the cell's area, got '26 uAh'."),
    "no-thickness": ("capacity", "0.31 mAh/cm2", "cannot be turned into uAh/cm2/um without the thickness as made,"),
    "beyond-theory": ("capacity", 300, "must not exceed 1.3 x theory (138.4 uAh/cm2/um for LiCoO2), got 300.0."),
    "negative": ("capacity", -5, "must lie in [0.1, 1000] uAh/cm2/um, got -5. Correct or remove it."),
    "percent": ("retention", 9300, "must lie in [0, 1.5], got 93. Write 0.93 or 93 %."),
    "thin": ("thickness_um", "2 mm", "must lie in [0.005, 50] um, got 2000. Correct or remove it."),
    "sd-of-setting": ("bias_v", "-50 +- 5", "a setting must be one number, got '-50 +- 5'. Write the nearest value."),
    "category": (
        "electrolyte",
        "LIPON",
        "must be one of the 14 known, got 'LIPON'. Did you mean Lipon? All of them: `pvdopt config names electrolyte`",
    ),
    "class": ("outcome_class", "broken", "must be one of ok, shorted, delaminated, cracked, not_made, lab_error, got"),
    "day": ("made_on", "03/04/2025", "must be a day that leaves no doubt, got '03/04/2025'. Write year-month-day"),
    "no-day": ("made_on", "2025-02-30", "must be a day that leaves no doubt, got '2025-02-30'."),
    "future": ("made_on", datetime(2999, 1, 1), "must not lie in the future, got '2999-01-01'. Check the year."),
    "cycles-alone": ("cycles", 40, "must stand beside a retention, got 40.0."),
    "stage-alone": ("stage", "anneal", "must be one of shorted, delaminated, cracked, not_made, lab_error where stage"),
    "id": ("id", "P017", "must name a cell of this campaign, got 'P017'. Close to it: P001"),
    "plan": ("planned electrolyte", "LiBON", "is planned as Lipon, which a sheet does not change, got 'LiBON'."),
}
#: Where the problem is about a cell as a whole, the column it names instead.
ELSEWHERE = {"stage-alone": "outcome_class"}


@pytest.mark.parametrize("name", VALUES)
def test_a_bad_value_is_refused_by_the_name_of_its_cell(campaign: Campaign, tmp_path: Path, name: str) -> None:
    column, value, sentence = VALUES[name]
    path = write_sheet(lay_out(campaign), tmp_path / "run.xlsx")
    book = load_workbook(path)
    sheet = book["cells"]
    places = {str(cell.value).split(" [")[0]: cell.column_letter for cell in sheet[HEADER_ROW]}
    sheet[f"{places[column]}{HEADER_ROW + 2}"].value = value
    book.save(path)
    named = ELSEWHERE.get(name, column)
    (line,) = refused(campaign, path)
    assert line.startswith(f"run.xlsx, sheet 'cells', {places[named]}{HEADER_ROW + 2}, {named}: {sentence}")


def test_all_errors_of_a_sheet_come_at_once(campaign: Campaign, tmp_path: Path) -> None:
    path = write_sheet(lay_out(campaign), tmp_path / "run.xlsx")
    book = load_workbook(path)
    sheet = book["cells"]
    places = {str(cell.value).split(" [")[0]: cell.column_letter for cell in sheet[HEADER_ROW]}
    for column, value in (("capacity", "58,2"), ("made_on", "3.3."), ("outcome_class", "ok?")):
        sheet[f"{places[column]}{HEADER_ROW + 1}"].value = value
    sheet[f"{places['thickness_um']}{HEADER_ROW + 2}"].value = -1
    sheet[f"{places['capacity']}{HEADER_ROW + 3}"].value = 55
    book.save(path)
    lines = refused(campaign, path)
    assert [line.split(", ")[2] for line in lines] == [
        f"{places[column]}{HEADER_ROW + row}"
        for column, row in (("made_on", 1), ("outcome_class", 1), ("capacity", 1), ("thickness_um", 2))
    ]
    # What is right is recorded where that is asked for.
    report = campaign.record(path, accept_good_rows=True)
    assert (report.cells, len(report.refused)) == (["P003"], 4)


# -- sheets and files as a whole -------------------------------------------------------------------------------------


def _of(*rows: list[Any], title: str = "Sheet") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        book = Workbook()
        sheet = book.active
        assert isinstance(sheet, Worksheet)
        sheet.title = title
        for row in rows:
            sheet.append(row)
        book.save(path)

    return make


def _merged(path: Path) -> None:
    _of(["id", "capacity"], ["P001", 50], ["P002", None])(path)
    book = load_workbook(path)
    book["Sheet"].merge_cells("B2:B3")
    book.save(path)


def _two_sheets(path: Path) -> None:
    _of(["id", "capacity"], ["P001", 50])(path)
    book = load_workbook(path)
    book.create_sheet("notes")["A1"] = "by Anna"
    book.save(path)


def _cut(path: Path) -> None:
    _of(["id", "capacity"], ["P001", 50])(path)
    path.write_bytes(path.read_bytes()[:800])


FILES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "merged": (_merged, ["run.xlsx, sheet 'Sheet', B2:B3: must not be merged. Unmerge them and write each value into"]),
    "two-sheets": (_two_sheets, ["run.xlsx: must hold one sheet, or one named cells; it holds Sheet, notes. Name the"]),
    "empty": (_of(), ["run.xlsx: is empty. Write a header and one row a cell."]),
    "header-only": (_of(["id", "capacity"]), ["run.xlsx, sheet 'Sheet': must hold at least one row below its header."]),
    "cut": (_cut, ["run.xlsx: must be an .xlsx workbook; it is damaged or another kind of file."]),
    "no-id": (_of(["capacity", "sample"], [50, "A"]), ["run.xlsx, sheet 'Sheet', row 1, id: is missing. Add a column"]),
    "strangers": (
        _of(["id", "capacity", "Dicke", "capacty"], ["P001", 50, 1, 2]),
        [
            "run.xlsx, sheet 'Sheet', C1, Dicke: is not a column of this campaign. Rename it, or put it into remark",
            "run.xlsx, sheet 'Sheet', D1, capacty: is not a column of this campaign. Did you mean capacity?",
        ],
    ),
    "predictions": (
        _of(["id", "capacity", "capacity_low"], ["P001", 50, 40]),
        ["run.xlsx, sheet 'Sheet', C1, capacity_low: is a column of predictions, so that the outcomes"],
    ),
    "head-unit": (
        _of(["id", "capacity [kg]"], ["P001", 50]),
        ["run.xlsx, sheet 'Sheet', B1, capacity: 'kg' does not convert to 'uAh/cm2/um'"],
    ),
    "twice": (
        _of(["id", "capacity"], ["P001", 50], ["P001", 51]),
        [
            "run.xlsx, sheet 'Sheet', A3, id: must appear once, row 2 has it too, got 'P001'. Merge the two rows.",
        ],
    ),
    "no-column": (
        _of(["id", "capacity"], ["P001", 50, "stray"]),
        ["run.xlsx, sheet 'Sheet', C2: stands in no column of the table, got 'stray'. Give its column a heading"],
    ),
    "no-recipe": (
        _of(["id", "capacity"], [None, 50]),
        ["run.xlsx, sheet 'Sheet', A2, id: must name a proposal, or the row must hold a complete recipe: bias_kind,"],
    ),
    "replicate": (
        _of(["id", "capacity", "replicate_of", "cell"], [None, 50, "P001", None], [None, 51, "P009", 2]),
        [
            "run.xlsx, sheet 'Sheet', D2, cell: must say which of the film's cells it is. Number them; P001 itself is",
            "run.xlsx, sheet 'Sheet', C3, replicate_of: must name a cell of this campaign, got 'P009'. Close to it:",
        ],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_workbook_is_refused(campaign: Campaign, tmp_path: Path, name: str) -> None:
    make, sentences = FILES[name]
    path = tmp_path / "run.xlsx"
    make(path)
    lines = refused(campaign, path)
    assert len(lines) >= len(sentences)
    for line, sentence in zip(lines, sentences, strict=False):
        assert line.startswith(sentence)


def test_what_a_spreadsheet_shows_is_what_is_meant(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "run.xlsx"
    _of(["Results", None], [None], ["id", "retention [%]", "sample", "capacity"], ["P001", 0.93, 7.0, "58,2"])(path)
    book = load_workbook(path)
    book["Sheet"]["B4"].number_format = "0.0%"
    book["Sheet"]["D4"].value = 58.2
    book.save(path)
    campaign.record(path)
    cell = campaign.own_cells().state.cells["P001"]
    assert (cell.outcomes["retention"].value, cell.sample) == (0.93, "7")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id;capacity;remark\r\nP001;58,2;1,5 h\r\n", "utf-8-sig"),
        ("sep=;\nid;capacity;remark\nP001;58,2;1,5 h\n", "utf-8"),
        ("id\tcapacity\tremark\r\nP001\t58,2\t1,5 h\r\n", "utf-16"),
        ('id,capacity,remark\nP001,58.2,"1,5 h"\n', "utf-8"),
    ],
    ids=["semicolons", "told", "unicode-text", "commas"],
)
def test_tables_are_read_as_spreadsheet_programs_of_any_country_save_them(
    campaign: Campaign, tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(text.encode(encoding))
    campaign.record(path)
    cell = campaign.own_cells().state.cells["P001"]
    assert (cell.outcomes["capacity"].value, cell.remarks) == (58.2, ("1,5 h",))


def test_a_comma_that_may_be_either_is_refused_everywhere(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("id;capacity\nP001;1,234\n", encoding="utf-8")
    (line,) = refused(campaign, path)
    assert line == (
        "run.csv, row 2, capacity: must be written with a decimal point, got '1,234'. "
        "Write 1.234, or 1234 if a thousand is meant."
    )


# -- what is odd -----------------------------------------------------------------------------------------------------

DOUBTS = {
    "grown": (
        {"retention": 1.2, "capacity": 50},
        "retention: should not exceed 1: it is the capacity after the cycles",
    ),
    "share-of-percent": (
        {"retention": 0.0091, "capacity": 50},
        "retention: should exceed 1.5 %: was a share such as 0.91 written where % are asked for?",
    ),
    "hot": (
        {"anneal_temperature_c": 950, "capacity": 50},
        "anneal_temperature_c: should not exceed what Pt/Ti/Si stands",
    ),
    "rate": (
        {"c_rate": 1.0, "current_ua_cm2": 30.0, "capacity": 50},
        "c_rate: must agree with current and thickness: 1 C would be 69.2 uA/cm2, got '30 uA/cm2'.",
    ),
    "early": ({"made_on": "2001-01-01"}, "made_on: should not lie before the day it was proposed ("),
    "window": (
        {"nominal_voltage_v": 5.0, "capacity": 50},
        "nominal_voltage_v: should lie in the voltage window [3, 4.2] V",
    ),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_odd_is_doubted_once(campaign: Campaign, name: str) -> None:
    row, sentence = DOUBTS[name]
    before = digest(campaign)
    with pytest.raises(DataInvalid) as caught:
        campaign.record({"id": "P001", **row})
    assert str(caught.value).startswith(f"doubt: P001, {sentence}")
    assert digest(campaign) == before
    campaign.record({"id": "P001", **row}, confirm=True)
    # What was confirmed is not asked for again, beside something new either.
    assert campaign.record({"id": "P001", "sample": "A"}).new == 1


def test_a_rate_that_its_current_excludes_is_an_error(campaign: Campaign) -> None:
    with pytest.raises(DataInvalid, match=r"^P001, c_rate: must agree .* 1 C would be 69.2 uA/cm2, got '5 uA/cm2'"):
        campaign.record({"id": "P001", "c_rate": 1.0, "current_ua_cm2": 5.0, "capacity": 50}, confirm=True)


def test_copied_results_are_doubted(campaign: Campaign) -> None:
    campaign.record({"id": "P001", "capacity": 50, "retention": 0.9})
    with pytest.raises(DataInvalid, match=r"doubt: P002, capacity: has the very results of P001, got 50"):
        campaign.record({"id": "P002", "capacity": 50, "retention": 0.9})
    # One rounded number may well be another cell's.
    assert campaign.record({"id": "P002", "capacity": 50}).new == 1


# -- foreign sheets --------------------------------------------------------------------------------------------------

MAPS = ("sample=Probe", "thickness_um=Film:nm", "capacity=Q:mAh/g", "bias_v=U:V", "anneal_temperature_c=T:K")


def _foreign(path: Path) -> Path:
    heads = ["Probe", "Film", "Q", "U", "T", "E", "Person"]
    _of(["Sputterlabor", "November"], [], heads, ["S1", 480, 120, -50, 973.15, "LPO", "MM"])(path)
    return path


def test_a_foreign_sheet_is_mapped_once_and_remembered(campaign: Campaign, tmp_path: Path) -> None:
    path = _foreign(tmp_path / "lab.xlsx")
    constants = {"bias_kind": "rf", "anneal_kind": "furnace"}
    mapping = make_mapping((*MAPS, "electrolyte=E"), ["electrolyte:LPO=Lipon"], constants, ["Person"], campaign.fields)
    report = campaign.import_cells(path, mapping)
    (name,) = report.added
    cell = campaign.own_cells().state.cells[name]
    assert (cell.settings["thickness_um"], cell.settings["anneal_temperature_c"], cell.sample) == (0.48, 700.0, "S1")
    assert cell.settings["electrolyte"] == "Lipon"
    # 120 mAh/g at 5.053 g/cm3 are 60.6 uAh/cm2/um, with 2 % reading and 5 % density.
    assert cell.outcomes["capacity"].value == pytest.approx(120 * 5.053 / 10)
    assert cell.outcomes["capacity"].sd == pytest.approx(0.05385 * 60.636, rel=1e-3)
    assert any("5.053 g/cm3" in note for note in report.notes)
    before = digest(campaign)
    assert campaign.import_cells(path).new == 0
    assert campaign.record(path).new == 0
    assert digest(campaign) == before
    assert [set(m.heads) for m in read_mappings(tmp_path / "lco")] == [{"Probe", "Film", "Q", "U", "T", "E"}]


def test_nothing_of_a_foreign_sheet_is_guessed(campaign: Campaign, tmp_path: Path) -> None:
    path = _foreign(tmp_path / "lab.xlsx")
    before = digest(campaign)
    with pytest.raises(
        DataInvalid, match=r"has no column mapping yet; its columns are Probe, Film, Q, U, T, E, Person"
    ):
        campaign.import_cells(path)
    with pytest.raises(DataInvalid) as caught:
        campaign.import_cells(path, make_mapping(MAPS, [], {}, [], campaign.fields))
    assert str(caught.value).splitlines() == [
        "lab.xlsx, sheet 'Sheet', F3: is none of our columns and is not mapped, got 'E'. "
        'Say what it is (--map "NAME=E:UNIT"), or that it is not read (--ignore "E").',
        "lab.xlsx, sheet 'Sheet', G3: is none of our columns and is not mapped, got 'Person'. "
        'Say what it is (--map "NAME=Person:UNIT"), or that it is not read (--ignore "Person").',
    ]
    with pytest.raises(DataInvalid, match=r"F4, electrolyte: must be one of Lipon.*, got 'LPO'") as caught:
        campaign.import_cells(path, make_mapping((*MAPS, "electrolyte=E"), [], {}, ["Person"], campaign.fields))
    # Whether a bias applies is not known as long as its kind is missing.
    assert "id: must name a proposal, or the row must hold a complete recipe: bias_kind, anneal_kind is missing" in str(
        caught.value
    )
    assert "does not apply" not in str(caught.value)
    with pytest.raises(DataInvalid, match=r"must have the column that is mapped, got 'Filmdicke'. Did you mean Film"):
        campaign.import_cells(path, make_mapping(["thickness_um=Filmdicke:nm"], [], {}, [], campaign.fields))
    assert digest(campaign) == before
    assert read_mappings(tmp_path / "lco") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "thickness_um=Film",
            "must say the unit their numbers are in, got 'Film'. Write --map \"thickness_um=Film:um\"",
        ),
        ("thickness_um=Film:kg", "must be a unit of um, got 'kg'. It stands after the last colon."),
        ("retention=R", "must say the unit their numbers are in, got 'R'. Write --map \"retention=R:%\""),
        ("thicknes=Film:nm", "is not a column of this campaign, got 'thicknes'. Did you mean thickness_um?"),
    ],
)
def test_a_mapping_states_what_nobody_can_see(campaign: Campaign, text: str, sentence: str) -> None:
    with pytest.raises(DataInvalid) as caught:
        make_mapping([text], [], {}, [], campaign.fields)
    assert sentence in str(caught.value)


def test_a_mapping_of_another_form_is_a_usage_error(campaign: Campaign) -> None:
    with pytest.raises(UsageError, match="must read OWN=THEIRS:UNIT"):
        make_mapping(["thickness_um"], [], {}, [], campaign.fields)
    with pytest.raises(UsageError, match="must read COLUMN:THEIRS=OURS"):
        make_mapping(["sample=Probe"], ["LPO=Lipon"], {}, [], campaign.fields)


def test_a_spoilt_file_of_mappings_is_named(campaign: Campaign, tmp_path: Path) -> None:
    (tmp_path / "lco" / "column_maps.json").write_text(json.dumps([{"columns": 3}]), encoding="utf-8")
    with pytest.raises(DataInvalid, match=r"column_maps\.json: must hold column mappings .*Delete it, and map the"):
        campaign.record(_foreign(tmp_path / "lab.xlsx"))
