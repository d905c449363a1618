"""What a table of cells may look like, and what a reader is told when it does not."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from pvdopt.cells.table import read_cells, reported_cells, ruled_out_by, write_cells
from pvdopt.columns import vocabulary
from pvdopt.errors import DataInvalid, PvdoptError
from pvdopt.materials import cathodes
from pvdopt.wording import closest
from strategies import cell_frames

SMALL = (
    "id,source,cathode,method,bias_kind,bias_v,thickness_um,capacity,note\n"
    "a,park2005,LiCoO2,rf_sputtering,rf,-50,0.3,52,\n"
    'b,park2005,LiCoO2,rf_sputtering,none,,0.3,48.5,"first line\nsecond line"\n'
    "c,xia2018,LiMn2O4,pld,,,,,\n"
)


def refusals(text: str | bytes, tmp_path: Path | None = None) -> list[str]:
    if isinstance(text, bytes):
        assert tmp_path is not None
        path = tmp_path / "cells.csv"
        path.write_bytes(text)
        table = read_cells(path)
    else:
        table = read_cells(text)
    return [p.sentence() for p in table.refused]


def test_reads_values_with_their_types() -> None:
    table = read_cells(SMALL)
    assert table.refused == ()
    frame = table.frame
    assert list(frame.index) == ["a", "b", "c"]
    assert frame.index.name == "id"
    assert frame.loc["a", "bias_v"] == -50
    assert math.isnan(frame.loc["b", "bias_v"])
    assert frame.loc["b", "note"] == "first line\nsecond line"
    assert frame.loc["c", "bias_kind"] is None
    assert list(frame.columns) == [n for n in vocabulary() if n != "id"]
    for name in frame.columns:
        assert frame[name].dtype == (float if vocabulary()[name].kind == "number" else object), name


def test_a_table_without_rows_has_the_same_columns() -> None:
    full, empty = read_cells(SMALL).frame, read_cells("id,capacity\n").frame
    assert empty.shape == (0, full.shape[1])
    assert list(empty.dtypes) == list(full.dtypes)


def test_family_follows_from_the_cathode_unless_stated() -> None:
    text = "id,cathode,cathode_family\na,Li2CoMn3O8,\nb,Li2CoMn3O8,LiCoO2\nc,,\n"
    assert list(read_cells(text).frame["cathode_family"]) == ["Li2MMn3O8", "LiCoO2", None]


@pytest.mark.parametrize(
    "data",
    [
        SMALL.encode(),
        b"\xef\xbb\xbf" + SMALL.encode(),
        SMALL.replace("\n", "\r\n").encode(),
        SMALL.replace(",,,,,\n", ",,,,,").encode(),
        SMALL.replace("\nc,", "\n,,,,,,,,\n\nc,").encode(),
        SMALL.replace("id,source", " id , source ").replace("a,park", " a ,park").encode(),
    ],
    ids=["plain", "byte order mark", "windows lines", "no last line end", "blank rows", "spaces"],
)
def test_the_form_of_the_file_does_not_matter(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_bytes(data)
    table = read_cells(path)
    expected = read_cells(SMALL).frame
    pd.testing.assert_frame_equal(table.frame, expected)
    assert table.refused == ()
    assert table.source == "cells.csv"


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_bytes(b"id\na\n")
    assert read_cells(path).sha256 == "1830fc9c555d1d487575d177ff91a65767af948c8319af93d72ca6cffa43c7f9"
    path.write_bytes(b"\xef\xbb\xbfid\na\n")
    assert read_cells(path).sha256 != read_cells("id\na\n").sha256


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "row 1: the first row must hold the names of the columns"),
        (b"\n\n", "row 1: the first row must hold the names of the columns"),
        (
            b"a,0.3,52\n",
            "row 1: the first row must hold the names of the columns, such as id, cathode, thickness_um, got",
        ),
        (b"id;capacity\na;5\n", "row 1: columns must be separated by commas, got semicolons"),
        (b"id\tcapacity\na\t5\n", "row 1: columns must be separated by commas, got tabs"),
        ("id\na\n".encode("utf-16"), "must be UTF-8 text, got UTF-16"),
        (b"PK\x03\x04rest", "must be a CSV file, got a spreadsheet or archive"),
        (b"id,note\na,\n\xe4,x\n", "row 3: must be UTF-8 text, got the byte 0xE4"),
        (b"id,note\na,\x00\n", "row 2: must be text, got a NUL byte"),
        (b'id,note\na,"open\n', "row 2: must be comma-separated with paired quotation marks"),
        (b'id,note\na,"x"y\n', "row 2: must be comma-separated with paired quotation marks"),
        (b"id,note\na," + b"x" * 200_000, "row 2: a cell must hold at most 131072 characters. Shorten its text"),
    ],
    ids=[
        "empty",
        "blank",
        "headless",
        "semicolons",
        "tabs",
        "utf-16",
        "xlsx",
        "latin-1",
        "nul",
        "open",
        "stray",
        "long",
    ],
)
def test_a_file_that_is_no_table_gets_one_sentence(data: bytes, sentence: str, tmp_path: Path) -> None:
    (got,) = refusals(data, tmp_path)
    assert got.startswith(f"cells.csv, {sentence}") or got.startswith(f"cells.csv: {sentence}")


def test_a_fault_of_the_header_refuses_all_rows_and_still_reads_them() -> None:
    text = "id,thicknes_um,capacity,capacity,\na,1,-5,,\n"
    table = read_cells(text)
    assert table.frame.empty
    assert [p.sentence() for p in table.refused] == [
        "table, row 1, thicknes_um: is not a column of the vocabulary. Did you mean thickness_um?",
        "table, row 1, capacity: must appear once, got it repeated. Delete one of them.",
        "table, row 1: column 5 must have a name. Name or delete it.",
        "table, row 2, capacity: must lie in [0.1, 1000] uAh/cm2/um, got -5.0. Correct or remove the row.",
    ]


def test_an_unlikely_name_suggests_nothing() -> None:
    (got,) = refusals("id,zzzz\na,1\n")
    assert got == "table, row 1, zzzz: is not a column of the vocabulary. Rename or delete it."


def test_the_id_column_is_needed() -> None:
    (got,) = refusals("source,capacity\nx,5\n")
    assert got.startswith("table, row 1, id: is missing")


@pytest.mark.parametrize(
    ("header", "fields", "sentence"),
    [
        ("thickness_um", '"0,5"', "thickness_um: must be written with a decimal point and no thousands separator"),
        ("thickness_um", "nan", "thickness_um: must be a plain number in um or empty, got 'nan'"),
        ("thickness_um", "inf", "thickness_um: must be a plain number in um or empty, got 'inf'"),
        ("thickness_um", "1e999", "thickness_um: must be a finite number, got inf"),
        ("thickness_um", "1_0", "thickness_um: must be a plain number in um or empty, got '1_0'"),
        ("thickness_um", "\u0661", "thickness_um: must be a plain number in um or empty"),
        ("thickness_um", "0.3 um", "thickness_um: must be a plain number in um or empty, got '0.3 um'"),
        ("capacity", "~50", "capacity: must be a plain number in uAh/cm2/um or empty, got '~50'"),
        ("thickness_um", "-3", "thickness_um: must lie in [0.005, 50] um, got -3.0"),
        ("thickness_um", "50.01", "thickness_um: must lie in [0.005, 50] um, got 50.01"),
        ("retention", "93", "retention: must lie in [0, 1.5], got 93.0"),
        ("capacity", "-1", "capacity: must lie in [0.1, 1000] uAh/cm2/um, got -1.0"),
        ("cathode", "LiCoO3", "cathode: must be one of LiCoO2, LiNiO2"),
        ("anneal_kind", "oven", "anneal_kind: must be one of none, furnace, rta, unspecified, got 'oven'"),
        ("capacity_qualifier", ">", "capacity_qualifier: must be one of =, ~, >=, <=, got '>'"),
        ("anneal_kind,anneal_temperature_c", "none,400", "anneal_temperature_c: does not apply with anneal_kind none"),
        ("method,bias_kind", "pld,rf", "bias_kind: does not apply with method pld, got 'rf'"),
        ("method,bias_v", "pld,-50", "bias_v: does not apply with method pld, got -50.0"),
        ("bias_kind,bias_v", "none,-50", "bias_v: does not apply with bias_kind none"),
        ("method,laser_fluence_j_cm2", "ebeam,2", "laser_fluence_j_cm2: does not apply with method ebeam, got 2.0"),
    ],
)
def test_a_bad_value_refuses_its_row_with_place_and_range(header: str, fields: str, sentence: str) -> None:
    table = read_cells(f"id,{header}\ngood{',' * header.count(',')},\nbad,{fields}\n")
    assert [p.sentence().startswith(f"table, row 3, {sentence}") for p in table.refused] == [True], table.refused
    assert list(table.frame.index) == ["good"]


def test_suggestions_are_made_for_categories() -> None:
    (got,) = refusals("id,cathode\na,licoo2\n")
    assert got.endswith("got 'licoo2'. Did you mean LiCoO2? All of them: `pvdopt config names cathode`.")


@pytest.mark.parametrize("fields", ["bad", "bad,5,6", "bad,5,"])
def test_a_ragged_row_is_refused(fields: str) -> None:
    table = read_cells(f"id,capacity\ngood,5\n{fields}\n")
    (got,) = [p.sentence() for p in table.refused]
    assert got.startswith(f"table, row 3: must have 2 fields as the header has, got {fields.count(',') + 1}")
    assert list(table.frame.index) == ["good"]


def test_ids_must_be_given_and_unique() -> None:
    table = read_cells("id,capacity\na,5\n,6\na,7\nb,8\n")
    assert [p.sentence() for p in table.refused] == [
        "table, row 3, id: is empty. Name the cell.",
        "table, row 4, id: must be unique, row 2 has it too, got 'a'. Give each cell an id of its own.",
    ]
    assert dict(table.frame["capacity"]) == {"a": 5, "b": 8}


def test_rows_are_counted_as_a_spreadsheet_counts_them() -> None:
    (got,) = refusals('id,note,capacity\na,"two\nlines",5\n\nb,,-1\n')
    assert got.startswith("table, row 4, capacity")


def test_all_faults_come_at_once() -> None:
    table = read_cells("id,thickness_um,capacity,cathode\na,x,-1,Licoo2\nb,99,5,\nc,1,5,\n")
    assert [(p.row, p.column) for p in table.refused] == [
        (2, "thickness_um"),
        (2, "capacity"),
        (2, "cathode"),
        (3, "thickness_um"),
    ]
    assert list(table.frame.index) == ["c"]
    with pytest.raises(DataInvalid) as raised:
        table.accepted()
    assert len(raised.value.problems) == 4


def test_accepted_returns_a_faultless_frame() -> None:
    table = read_cells(SMALL)
    assert table.accepted() is table.frame


def test_a_file_that_cannot_be_opened_raises(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(DataInvalid, match="cannot be read"):
            read_cells(path)


def test_an_unknown_parent_asks_its_own_parent() -> None:
    bias = vocabulary()["bias_v"]
    assert ruled_out_by(bias, {}) is None
    assert ruled_out_by(bias, {"method": "rf_sputtering"}) is None
    assert ruled_out_by(bias, {"method": "pld"}) == ("method", "pld")
    assert ruled_out_by(bias, {"bias_kind": "rf", "method": "pld"}) is None  # bias_kind itself is the fault there


def test_closest_word() -> None:
    assert closest("THICKNESS", vocabulary()) == "Did you mean thickness_um?"
    assert closest("qq", vocabulary()) == ""
    assert closest("anneal_temp", vocabulary()) == "Did you mean anneal_temperature_c?"
    assert closest("LiBORN", vocabulary()["electrolyte"].levels) == "Did you mean LiBON?"
    assert closest("random_forest", ["gaussian_process", "forest", "boosting"]) == ""


@pytest.mark.parametrize("formula", ["LiFePO4", "LiCoO", "LiNiCoO2", "V2O3"])
def test_a_formula_is_never_taken_for_another(formula: str) -> None:
    assert closest(formula, cathodes()) == ""


@pytest.mark.parametrize(("typed", "meant"), [("licoo2", "LiCoO2"), ("LiCo02", "LiCoO2"), ("V2o5", "V2O5")])
def test_a_formula_in_other_letters_is_known(typed: str, meant: str) -> None:
    assert closest(typed, cathodes()) == f"Did you mean {meant}?"


# -- writing -----------------------------------------------------------------------------------------------------


@given(frame=cell_frames())
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back_the_same(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cells") / "cells.csv"
    write_cells(frame, path)
    table = read_cells(path)
    assert table.refused == ()
    pd.testing.assert_frame_equal(table.frame, frame)


def test_writing_leaves_out_what_is_missing_and_needless_decimals(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"cathode": np.array(["LiCoO2", None], dtype=object), "thickness_um": [2.0, np.nan]},
        index=pd.Index(["a", "b"], name="id"),
    )
    write_cells(frame, tmp_path / "cells.csv")
    assert (tmp_path / "cells.csv").read_bytes() == b"id,cathode,thickness_um\na,LiCoO2,2\nb,,\n"


def test_writing_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pvdopt.cells.table.os.fsync", refuse)
    with pytest.raises(PvdoptError, match=r"cells.csv cannot be written \(No space left"):
        write_cells(read_cells(SMALL).frame, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_refuses_unknown_columns_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not columns of a table of cells: colour"):
        write_cells(pd.DataFrame({"colour": ["red"]}, index=["a"]), tmp_path / "cells.csv")
    with pytest.raises(PvdoptError, match="cannot be written"):
        write_cells(read_cells(SMALL).frame, tmp_path / "no" / "cells.csv")


# -- the shipped table -------------------------------------------------------------------------------------------


def test_the_shipped_table_reads_without_a_fault() -> None:
    table = reported_cells()
    assert [p.sentence() for p in table.refused] == []
    assert table.source == "reported_cells.csv"
    frame = table.frame
    assert 100 <= len(frame) <= 200
    assert 50 <= frame["source"].nunique() <= 90
    assert frame["capacity"].notna().sum() >= 45
    assert frame.loc[frame["cathode"].notna(), "cathode_family"].notna().all()


def test_the_shipped_table_cannot_be_spoilt_by_its_reader() -> None:
    frame = reported_cells().frame
    frame["capacity"] = 0.0
    assert not (reported_cells().frame["capacity"] == 0).any()
