"""`pvdopt cells` and `pvdopt config`: what people ask before they have a campaign."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from pvdopt.cells import reported_cells
from pvdopt.config import shipped_config


def test_the_list_holds_every_reported_cell(run: Any) -> None:
    done = run("cells", "list", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["id"] for row in rows] == list(reported_cells().frame.index)
    assert [row["id"] for row in json.loads(run("cells", "list", "--json").out)] == [row["id"] for row in rows]


def test_a_list_is_narrowed_down_whatever_the_case(run: Any) -> None:
    done = run("cells", "list", "--cathode", "licoo2", "--stating", "retention", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert rows
    assert all(row["cathode"] == "LiCoO2" and row["retention"] for row in rows)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["list", "--cathode", "LiCoO3"], "cathode: no cell has this, got 'LiCoO3'. Stated are Ag0.5V2O5, "),
        (["list", "--stating", "retentoin"], "Did you mean retention?"),
        (["show", "park2005-bias-50"], "Did you mean park2005-bias-50v?"),
        (["list", "--file", "nowhere.csv"], "nowhere.csv: cannot be read"),
    ],
)
def test_what_is_not_there_is_named_with_what_is_close(run: Any, words: list[str], sentence: str) -> None:
    done = run("cells", *words)
    assert (done.code, done.out) == (3, "")
    assert sentence in done.err


def test_a_cell_is_shown_with_its_reference_and_units(run: Any) -> None:
    done = run("cells", "show", "park2005-bias-50v")
    assert "Park et al., 2005" in done.out
    assert "-50 V" in done.out
    assert json.loads(run("cells", "show", "park2005-bias-50v", "--json").out)["bias_v"] == -50


@pytest.mark.parametrize("words", [["show"], ["show", "x", "--figure", "y.html"]])
def test_show_takes_a_cell_or_a_figure(run: Any, words: list[str]) -> None:
    assert run("cells", *words).code == 2


def test_the_closing_figure_is_drawn_into_a_file(run: Any, tmp_path: Any) -> None:
    done = run("cells", "show", "--figure", "figure.html")
    assert (done.code, done.out) == (0, "")
    assert "figure.html: " in done.err
    assert "<html" in (tmp_path / "figure.html").read_text(encoding="utf-8")
    assert run("cells", "show", "--figure", "figure.doc").code == 2


def test_the_doctor_finds_a_machine_that_works_and_leaves_nothing_behind(run: Any, tmp_path: Any) -> None:
    done = run("doctor")
    assert (done.code, done.err) == (0, "")
    assert "FAULT" not in done.out
    assert list(tmp_path.iterdir()) == []
    found = json.loads(run("doctor", "--json").out)
    assert {"packages", "data", "this folder"} <= {finding["what"] for finding in found}


def test_the_doctor_says_what_is_missing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["a-package-nobody-has>=1", "extra-one; extra == 'x'"])
    done = run("doctor")
    assert done.code == 1
    assert "missing: a-package-nobody-has" in done.out


def test_the_shipped_cells_pass_their_check(run: Any) -> None:
    done = run("cells", "check")
    assert (done.code, done.out) == (0, "")
    assert "0 errors, 0 doubts" in done.err


def test_a_table_with_errors_is_refused_with_all_of_them(run: Any, tmp_path: Any) -> None:
    (tmp_path / "own.csv").write_text(
        "id,source,reference,place,cathode,thickness_um,capacity,capacity_origin\n"
        "a,x,X,p,LiCoO2,-3,57,stated\n"
        "b,x,X,p,LiCoO2,1,570,stated\n"
        "c,x,X,p,LiCoO2,1,57,stated\n"
    )
    done = run("cells", "check", "own.csv")
    assert done.code == 3
    assert "own.csv, row 2, thickness_um: must lie in" in done.out
    assert "must not exceed 1.3 x theory" in done.out
    found = json.loads(run("cells", "check", "own.csv", "--json").out)
    assert found["cells"] == 2
    assert {problem["column"] for problem in found["problems"]} == {"thickness_um", "capacity"}


def test_a_shipped_config_passes_and_says_what_it_varies(run: Any) -> None:
    done = run("config", "check", "lco_lipon.toml")
    assert done.code == 0
    assert "thickness_um" in done.out
    assert "can be used" in done.err


def test_a_faulty_config_is_refused_with_all_faults(run: Any, tmp_path: Any) -> None:
    (tmp_path / "bad.toml").write_text(
        '[campaign]\nname = "x"\nsampeler = "tpe"\n'
        "[parameters.thickness_um]\nlow = 5\nhigh = 1\n"
        "[objectives.capacity]\nmaximize = true\n"
    )
    done = run("config", "check", "bad.toml")
    assert done.code == 3
    assert "bad.toml, line 3, campaign.sampeler: is not a known key. Did you mean sampler?" in done.out
    assert "thickness_um" in done.out
    assert len(json.loads(run("config", "check", "bad.toml", "--json").out)["problems"]) == 2


def test_the_schema_is_json(run: Any) -> None:
    assert json.loads(run("config", "schema").out)["$schema"].startswith("https://json-schema.org")


def test_what_a_file_may_name_is_listed(run: Any) -> None:
    rows = json.loads(run("config", "names", "--json").out)
    assert {
        "name": "electrolyte",
        "may be": "one of 14",
        "meaning": "electrolyte as named in the electrolytes table",
    } in rows
    assert run("config", "names", "electrolyte").out.splitlines()[:3] == ["electrolyte", "Lipon", "Li-rich Lipon"]
    assert "in [0.005, 50] um" in run("config", "names", "thickness_um").out
    done = run("config", "names", "thicknes")
    assert done.code == 3
    assert "Did you mean thickness_um?" in done.err


@pytest.mark.parametrize(("written", "meant"), [("LiBORN", "LiBON"), ("Lipno", "Lipon")])
def test_a_misspelt_choice_of_many_is_told_the_near_one_and_where_all_are(
    run: Any, tmp_path: Path, written: str, meant: str
) -> None:
    text = shipped_config("lco_lipon").read_text(encoding="utf-8")
    (tmp_path / "slip.toml").write_text(text.replace('"LiBON"', f'"{written}"'), encoding="utf-8")
    hint = f"Did you mean {meant}? All of them: `pvdopt config names electrolyte`."
    assert f"must be one of the 14 known, got '{written}'. {hint}" in run("config", "check", "slip.toml").out
    assert hint in run("predict", "lco_lipon.toml", f"electrolyte={written}").err
