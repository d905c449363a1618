"""Whatever comes in from outside: an answer or one clear refusal; no traceback, no hang, no more memory than allowed.

Each test tries as many inputs as PVDOPT_INPUTS says, a few by default. `make fuzz` lets coverage guide them instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import math
import resource
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import make_lco, propose
from odd_input import contents, guidable, plain_json, refused_at_most, tried, written
from pvdopt import input_files
from pvdopt.campaign import Campaign
from pvdopt.cells import read_cells
from pvdopt.config import load_config, shipped_config
from pvdopt.errors import ConfigInvalid, DataInvalid
from pvdopt.evaluators import CommandEvaluator, Request
from pvdopt.input_files import MAX_CONFIG, MAX_TABLE
from pvdopt.lab_tables.series import read_series
from pvdopt.lab_tables.table_files import read_raw
from pvdopt.unit_symbols import UnknownUnitError
from pvdopt.units import CANONICAL_UNITS, convert, parse_quantity

# -- odd tables --------------------------------------------------------------------------------------------------


@functools.cache
def campaign() -> Campaign:
    """Return the one campaign with proposals that these tests share; no fixture, for want of them in `make fuzz`."""
    until_the_end = contextlib.ExitStack()
    atexit.register(until_the_end.close)
    folder = until_the_end.enter_context(tempfile.TemporaryDirectory())
    made = until_the_end.enter_context(make_lco(Path(folder, "lco")))
    propose(made)
    return made


@tried
@given(contents, st.sampled_from(["x.csv", "x.md", "x.xlsx", "x"]))
def test_results_tables(content: bytes, name: str) -> None:
    with written(name, content) as path, refused_at_most():
        campaign().record(path, dry_run=True)


@tried
@given(contents)
def test_tables_of_cells(content: bytes) -> None:
    with written("cells.csv", content) as path, refused_at_most():
        read_cells(path)


@tried
@given(contents)
def test_cycling_records(content: bytes) -> None:
    with written("series.csv", content) as path, refused_at_most():
        series = read_series(path)
        assert all(map(math.isfinite, series.capacity))


numbers = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1e300, -1e-300])
rows_of_bdf = st.lists(st.tuples(numbers, numbers, numbers, st.integers(0, 4)), max_size=12)


@tried
@given(rows_of_bdf)
def test_records_in_the_battery_data_format(rows: list[tuple[float, float, float, int]]) -> None:
    lines = ["Test Time / s,Current / A,Voltage / V,Cycle Count / 1", *(",".join(map(repr, row)) for row in rows)]
    with written("cell.bdf.csv", "\n".join(lines).encode()) as path, refused_at_most():
        series = read_series(path)
        assert all(map(math.isfinite, series.capacity))


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["id", "capacity", "thickness_um [nm]", "remark"])  # type: ignore[union-attr]
    book.active.append(["P001", 52.5, 1200, "=1+1"])  # type: ignore[union-attr]
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


WORKBOOK = _workbook()


@tried
@given(st.lists(st.tuples(st.integers(0, len(WORKBOOK) - 1), st.binary(max_size=4)), max_size=6), st.integers(0, 40))
def test_damaged_workbooks(hits: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(WORKBOOK)
    for place, new in hits:
        data[place : place + len(new)] = new
    with written("x.xlsx", data[: len(data) - cut]) as path, refused_at_most():
        campaign().record(path, dry_run=True)


SHEET = "xl/worksheets/sheet1.xml"
pieces_of_xml = st.sampled_from(
    ['<c r="A2" t="s"><v>99</v></c>', '<c r="XFD1048576"><v>1</v></c>', '<c r="A1" t="e"><v>#N/A</v></c>', "<row/>",
     '<c r="B2"><f>SUM(A1)</f></c>', '<c r="??"><v>x</v></c>', '<row r="0"><c/></row>', "</sheetData>", "&lol;", "<c>",
     '<mergeCells><mergeCell ref="A1:ZZ99999"/></mergeCells>', '<c r="A2" s="77"><v>1e999</v></c>', "\ufffe"]
)  # fmt: skip


def with_sheet(xml: str) -> bytes:
    """Return the workbook with another sheet in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, xml if entry.filename == SHEET else old.read(entry))
    return made.getvalue()


@tried
@given(st.lists(pieces_of_xml, max_size=5), st.integers(0, 3))
def test_workbooks_no_program_would_write(parts: list[str], place: int) -> None:
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as book:
        xml = book.read(SHEET).decode()
    marks = ["<sheetData>", "</row>", "</sheetData>", "</worksheet>"]
    workbook = with_sheet(xml.replace(marks[place], "".join(parts) + marks[place], 1))
    with written("x.xlsx", workbook) as path, refused_at_most():
        campaign().record(path, dry_run=True)


# -- odd texts ---------------------------------------------------------------------------------------------------

CONFIG = shipped_config("lco_lipon").read_text(encoding="utf-8")
LINES = CONFIG.splitlines()
odd_toml = st.sampled_from(
    ['low = "one"', "low = nan", "high = -inf", "low = 1" + "0" * 5000, "x = " + "[" * 3000, '"" = 1', "choices = []",
     'choices = ["rf", "rf"]', "step = 0", "step = 1e-300", "[parameters]", "[parameters.bias_v]", "[[constraints]]",
     'name = "../../etc"', 'machine = "/etc/passwd"', 'machine = "../x.toml"', "storage = 3", "seed = -1", "\x00",
     'type = "sum"', "weights = {}", 'evidence = ["/etc/passwd.csv"]', "when = { bias_kind = [] }", "{", "= 3",
     'name = "\\ud800"', "high = 2024-01-01", "log = 1"]
) | st.text(max_size=30)  # fmt: skip


@tried
@given(st.lists(st.tuples(st.integers(0, len(LINES)), odd_toml, st.booleans()), min_size=1, max_size=4))
def test_campaign_files(changes: list[tuple[int, str, bool]]) -> None:
    lines = list(LINES)
    for place, line, is_replaced in changes:
        lines[place : place + is_replaced] = [line]
    with written("x.toml", "\n".join(lines).encode("utf-8", "surrogatepass")) as path, refused_at_most():
        load_config(path)


@tried
@given(st.binary(max_size=200))
def test_campaign_files_that_are_none(content: bytes) -> None:
    with written("x.toml", content) as path, pytest.raises(ConfigInvalid):
        load_config(path)


signs = st.sampled_from([*"0123456789.,+-±~<>=%/*^()[] µuAhcmgkVCKsμ·⁻²\u0660½e\n", "mAh", "cm2", "um", "1e", "**9"])


@tried
@given(st.lists(signs, max_size=14).map("".join) | st.text(max_size=20), st.sampled_from(sorted(CANONICAL_UNITS)))
def test_quantities(text: str, unit: str) -> None:
    with refused_at_most():
        found = parse_quantity(text, unit)
        assert found is None or math.isfinite(found.value)


@tried
@given(st.lists(signs, max_size=10).map("".join) | st.text(max_size=20), st.sampled_from(sorted(CANONICAL_UNITS)))
def test_units(text: str, unit: str) -> None:
    with contextlib.suppress(UnknownUnitError):
        convert(1.0, text, unit)


replies = plain_json.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=100) | st.sampled_from(
    [b"[" * 100_000, b'{"capacity": 1' + b"0" * 5000 + b"}", b'{"capacity": 1e999}', b"\xff\xfe{}", b"{}" * 3, b"null"]
)  # fmt: skip


@tried
@given(replies)
def test_replies_of_an_evaluator(reply: bytes) -> None:
    evaluator = CommandEvaluator(["rig"])
    with refused_at_most():
        found = evaluator._read(reply, "P001")
        campaign().record({"id": "P001", **found}, confirm=True, dry_run=True)


def test_a_program_that_never_stops_printing_fills_no_memory() -> None:
    endless = CommandEvaluator([sys.executable, "-c", "print('x' * 3_000_000)"])
    with pytest.raises(DataInvalid, match=r"must have at most 1 MB"):
        endless.evaluate(Request("P001", {}, {}))


# -- beyond all measure ------------------------------------------------------------------------------------------


def sparse(path: Path, head: bytes, size: int) -> Path:
    """Make a file that is large and takes no room."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def test_a_table_of_two_gigabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    path = sparse(tmp_path / "huge.csv", b"id,capacity\nP001,52\n", 2_000_000_000)
    with pytest.raises(DataInvalid, match=r"huge\.csv: must have at most 100 MB"):
        read_raw(path)
    with pytest.raises(DataInvalid, match="must have at most 100 MB"):
        read_cells(path)
    with pytest.raises(ConfigInvalid, match="must have at most 1 MB"):
        load_config(sparse(tmp_path / "huge.toml", b"", MAX_CONFIG + 1))


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(DataInvalid, match="must have at most"):
        read_raw("/dev/zero")


def test_ten_million_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_bytes(b"id" + b"," * 10_000_000 + b"\nP001\n")
    with pytest.raises(DataInvalid, match=r"wide\.csv, row 1: must have at most 2000 columns, got 10000001"):
        read_raw(path)
    path.write_bytes(b"|" + b" a |" * 1_000_000)
    with pytest.raises(DataInvalid, match="columns"):
        read_raw(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    row = '<row><c r="A1" t="inlineStr"><is><t>' + "x" * 1000
    path.write_bytes(with_sheet("<worksheet><sheetData>" + row * 60_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataInvalid, match=r"bomb\.xlsx: must have at most 40 MB once it is unpacked, got 6\d MB"):
        read_raw(path)
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    path.write_bytes(with_sheet(f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><worksheet>&l9;</worksheet>'))
    with pytest.raises(DataInvalid, match="damaged or another kind"):
        read_raw(path)


@pytest.mark.parametrize("place", ["XFD2", "A1048576", "BZZ1000"])
def test_a_cell_far_out_does_not_make_a_sheet_endless(tmp_path: Path, place: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(WORKBOOK))
    book.active[place] = 1  # type: ignore[index]
    book.save(tmp_path / "far.xlsx")
    with refused_at_most():
        read_raw(tmp_path / "far.xlsx")


def test_a_file_of_faults_shows_the_first_and_counts_the_rest(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,capacity\n" + "P999,-1\n" * 5000)
    with pytest.raises(DataInvalid, match=r"and \d+ more like these") as caught:
        campaign().record(tmp_path / "x.csv")
    assert len(str(caught.value)) < 100_000
    assert len(caught.value.problems) >= 5000


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MAX_ROWS", 1000)
    (tmp_path / "long.csv").write_bytes(b"id\n" + b"P001\n" * 1000)
    with pytest.raises(DataInvalid, match=r"long\.csv: must have at most 1000 rows"):
        read_raw(tmp_path / "long.csv")


@pytest.mark.slow
def test_the_largest_table_allowed_stays_within_memory(tmp_path: Path) -> None:
    """In a process that may hold two gigabytes, code and all: read, or refuse, and don't fall over."""
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,capacity\n" + b"P001,52\n" * 1_400_000)
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2_500_000_000, 2_500_000_000))\n"
        "from pvdopt.lab_tables.table_files import read_raw\n"
        "from pvdopt.errors import DataInvalid\n"
        "try: print(len(read_raw(sys.argv[1]).rows))\n"
        "except DataInvalid as error: print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
    assert path.stat().st_size < MAX_TABLE
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 2_500_000_000


def test_what_the_tests_of_campaign_files_start_from_is_whole() -> None:
    assert tomllib.loads(CONFIG)["campaign"]["name"]


def test_coverage_can_guide_each_of_these_tests() -> None:
    assert len(guidable(globals())) == 11
