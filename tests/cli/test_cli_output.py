"""Data go to stdout in the form asked for, messages to stderr; nothing is wider than a page."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import make_plain
from pvdopt.cli import output
from pvdopt.errors import UsageError


@dataclass(frozen=True)
class Part:
    value: float
    frame: pd.DataFrame


def test_json_knows_no_nan_and_no_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None]})
    output.print_json({"part": Part(math.inf, frame), "n": np.int64(3), "path": Path("x"), "is": np.bool_(True)})
    assert json.loads(capsys.readouterr().out) == {
        "part": {"value": None, "frame": [{"a": 1.5, "b": "x"}, {"a": None, "b": None}]},
        "n": 3,
        "path": "x",
        "is": True,
    }


def test_no_text_in_csv_is_a_formula_and_numbers_stay(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_csv([{"a": '=HYPERLINK("http://x")', "b": -1.5, "c": "=", "d": "-50 V"}], ["a", "b", "c", "d"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert list(row.values()) == ['\'=HYPERLINK("http://x")', "-1.5", "=", "'-50 V"]


def test_csv_leaves_empty_what_is_missing_and_keeps_all_digits(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_csv([{"a": 1 / 3, "b": None, "c": 'say "x", y'}], ["a", "b", "c"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert float(row["a"]) == 1 / 3
    assert (row["b"], row["c"]) == ("", 'say "x", y')


def test_two_forms_at_once_are_refused() -> None:
    with pytest.raises(UsageError):
        output.choose_form(True, True)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (57.123456, "uAh/cm2/um", "57.12 uAh/cm2/um"),
        (-50.0, "V", "-50 V"),
        (0.0, "V", "0 V"),
        (123456.0, "", "123456"),
        (99999.6, "", "100000"),
        (3.2e-9, "S/cm", "3.2e-09 S/cm"),
        (None, "V", "-"),
        (math.nan, "V", "-"),
        ("rf", "", "rf"),
        (True, "", "True"),
    ],
)
def test_values_are_shown_as_people_read_them(value: Any, unit: str, text: str) -> None:
    assert output.show(value, unit) == text


@given(st.floats(min_value=1e-12, max_value=1e12) | st.floats(min_value=-1e12, max_value=-1e-12))
def test_a_shown_number_is_off_by_less_than_its_last_digit(value: float) -> None:
    assert float(output.show(value)) == pytest.approx(value, rel=5.1e-4)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 400])
def test_lines_are_no_wider_than_the_terminal_nor_than_a_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    headings = ["", "", *(f"P{k:03d}" for k in range(12))]
    rows = [[f"parameter_{k}", "uAh/cm2/um", *(["123.4 to 234.5"] * 12)] for k in range(5)]
    output.print_across(headings, rows, n_labels=2)
    output.print_items([("[1]", "a long text with [brackets] and words " * 9), ("[22]", "short")])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= min(width, output.WIDTH)
    assert not [line for line in printed.splitlines() if line != line.rstrip()]
    assert all(f"P{k:03d}" in printed for k in range(12))
    assert printed.count("123.4 to 234.5") == 60
    assert "[brackets]" in printed


def test_a_narrow_table_breaks_only_the_columns_that_may_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = {"id": "a-very-long-name-" * 3, "reading": 12.5, "words": "two words"}
    output.print_rows([row], {"id": "id", "reading": "reading", "words": "words"}, wrap=["id"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert lines[0].split() == ["id", "reading", "words"]
    assert lines[1].split()[1:] == ["12.5", "two", "words"]


@pytest.mark.parametrize("width", [24, 40, 60])
def test_however_narrow_nothing_is_cut_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    texts = ["abcdefghij" * 2, "klmnopqrst" * 2, "uvwxyz0123" * 2]
    output.print_table(["", "", ""], [texts])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert sorted("".join(lines).replace(" ", "")) == sorted("".join(texts))


def test_no_bar_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress_bar() as progress:
        progress(1, 3, "folds")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "words",
    [
        ["backtest", "lco_lipon.toml", "-s", "random", "--seeds", "1", "--budget", "1"],
        ["retrain", "--dry-run"],
        ["evaluate", "plain.toml"],
    ],
    ids=lambda words: words[0],
)
def test_the_bar_is_there_before_anything_heavy_is_loaded(tmp_path: Path, words: list[str]) -> None:
    make_plain(tmp_path / "studies" / "plain").close()
    # The bar ends the command as soon as it appears, and tells what was loaded until then.
    script = (
        "import sys\nfrom contextlib import contextmanager\nfrom pvdopt.cli import main, output\n"
        "@contextmanager\ndef bar():\n    print(*sys.modules)\n    sys.exit(7)\n    yield\n"
        f"output.progress_bar = bar\nmain({words!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert not {"numpy", "pandas", "scipy", "sklearn", "sqlalchemy", "optuna"} & set(done.stdout.split())
