"""``pvdopt backtest`` as a person meets it: on a table, in simulated laboratories, on the campaign's past."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pvdopt.backtest import running

QUICK = ("-s", "tpe", "-s", "random", "--seeds", 2)


@pytest.fixture
def films(tmp_path: Path) -> str:
    lines = ["watt,gas,gain"]
    lines += [f"{w},{g},{-((w - 150) ** 2) / 1000 + (g == 'Ar')}" for w in range(100, 240, 10) for g in ("Ar", "O2")]
    (tmp_path / "films.csv").write_text("\n".join(lines) + "\n")
    return "films.csv"


def test_a_table_of_recipes_is_compared_on_and_kept(run: Any, films: str, tmp_path: Path) -> None:
    words = ("backtest", "--pool", films, "--objective", "gain:max", *QUICK, "--budget", 9, "-n", 2)
    done = run(*words, "--out", "kept", "--figure", "kept/curves.svg")
    assert done.code == 0, done.err
    assert "pool films: 9 experiments, 2 at a time, the first 4 at random" in done.out
    assert re.search(r"strategy +reached +to 95% +times sooner +times as far", done.out)
    assert "random search needs (acceleration factor)" in " ".join(done.out.split())
    assert "2 seeds are few" in done.err
    assert "Settings are taken to be " in done.err
    assert "; judged by gain.\n" in done.err
    kept = tmp_path / "kept"
    assert {p.name for p in kept.iterdir()} == {
        "runs",
        "settings.json",
        "summary.csv",
        "curves.csv",
        "backtest.json",
        "curves.svg",
    }
    first = (kept / "curves.csv").read_text()
    figure = (kept / "curves.svg").read_bytes()
    again = run(*words, "--out", "kept", "--figure", "kept/curves.svg", "--json")
    told = json.loads(again.out)
    assert [s["strategy"] for s in told["strategies"]] == ["tpe", "random"]
    assert told["strategies"][1]["acceleration"] is None, "random is not compared with itself"
    assert (kept / "curves.csv").read_text() == first
    assert (kept / "curves.svg").read_bytes() == figure
    rows = list(csv.DictReader(io.StringIO(run(*words, "--csv").out)))
    assert [row["seeds"] for row in rows] == ["2", "2"]
    other = run(*words, "--starts", 1, "--out", "kept")
    assert other.code == 3
    assert "holds a backtest with other starts" in other.err
    table = tmp_path / "films.csv"
    table.write_text(table.read_text().replace("110,Ar,-0.6000000000000001", "110,Ar,-0.7"))
    changed = run(*words, "--out", "kept")
    assert changed.code == 3
    assert "holds a backtest with other contents" in changed.err


def test_names_in_a_table_are_left_out_and_told_with_the_settings(run: Any, films: str, tmp_path: Path) -> None:
    header, *rows = (tmp_path / films).read_text().splitlines()
    (tmp_path / films).write_text("\n".join([f"film,{header}", *(f"F{k:03},{row}" for k, row in enumerate(rows))]))
    done = run("backtest", "--pool", films, "--objective", "gain:max", *QUICK, "--budget", 6)
    assert done.code == 0, done.err
    assert "Settings are taken to be watt, gas; judged by gain.\nnote: film is left out: " in done.err


def test_simulated_laboratories_stand_in_for_a_campaign_file(run: Any) -> None:
    done = run("backtest", "areal_capacity.toml", "-s", "random", "--seeds", 1, "--budget", 4, "--tuning")
    assert done.code == 0, done.err
    assert "virtual lab, areal_capacity: 4 experiments" in done.out
    assert "Tuning seeds" in done.err


def test_the_past_of_a_campaign_is_replayed(run: Any) -> None:
    assert run("init", "lco", "--from", "lco_lipon.toml").code == 0
    short = run("backtest", "lco", "--past", *QUICK)
    assert short.code == 3
    assert "lco: must have at least 10 finished cells, some of them usable, to replay, got 0." in short.err
    for k in range(11):
        settings = (
            "bias_kind=none",
            "anneal_kind=furnace",
            f"anneal_temperature_c={300 + 40 * k}",
            "electrolyte=Lipon",
        )
        assert run("add", "lco", *settings, "thickness_um=1").code == 0
        name = f"C{k + 1:03d}"
        assert run("record", "lco", name, f"capacity={30 + k}", f"retention={0.95 - 0.01 * k}", "cycles=100").code == 0
    done = run("backtest", "lco", "--past", *QUICK)
    assert done.code == 0, done.err
    assert "past of lco: 4 experiments, one at a time, the first 2 at random" in done.out


def test_a_table_under_a_campaign_file_has_its_space_and_objectives(run: Any, tmp_path: Path) -> None:
    lines = [
        "bias_kind,bias_v,anneal_kind,anneal_temperature_c,thickness_um,electrolyte,capacity,retention,areal_capacity"
    ]
    lines += [f"none,,furnace,{300 + 40 * k},1,Lipon,{40 + k},{0.95 - 0.01 * k},{40 + k}" for k in range(12)]
    (tmp_path / "films.csv").write_text("\n".join(lines) + "\n")
    done = run(
        "backtest", "lco_lipon.toml", "--pool", "films.csv", "-s", "surrogate", "--seeds", 1, "--budget", 4, "--csv"
    )
    assert done.code == 0, done.err
    assert done.out.splitlines()[1].startswith("surrogate,1,")


BAD = {
    "two problems": (("--past", "--virtual-lab"), 2, "Choose one of --virtual-lab, --pool FILE and --past."),
    "no objective": (("--pool", "films.csv"), 2, "--objective conductivity:max"),
    "objective without direction": (("--pool", "films.csv", "--objective", "gain"), 2, "must read COLUMN:max"),
    "objective twice": (
        ("--pool", "films.csv", "--objective", "a:max", "--objective", "a:min"),
        2,
        "a was given twice",
    ),
    "objective that is no column": (("--pool", "films.csv", "--objective", "gian:max"), 3, "Did you mean gain?"),
    "no such file": (("--pool", "film.csv", "--objective", "gain:max"), 3, "film.csv: cannot be read"),
    "objective of a campaign": (("lco_lipon.toml", "--objective", "x:max"), 2, "--objective goes with --pool"),
    "no such strategy": (("--pool", "films.csv", "--objective", "gain:max", "-s", "tep"), 2, "Did you mean tpe?"),
    "past of a file": (("lco_lipon.toml", "--past"), 2, "needs a campaign's folder"),
    "target": (("lco_lipon.toml", "--reach", "1.2"), 2, "--reach: must lie above 0 and not above 1, got 1.2"),
    "figure": (("lco_lipon.toml", "--figure", "curves.txt"), 2, "a figure ends in .html, .svg, .png or .pdf"),
    "starts": (("lco_lipon.toml", "--starts", "9", "--budget", "9"), 2, "9 leave nothing of a budget of 9"),
    "all at once": (
        ("--pool", "film.csv", "--objective", "gain:mx", "-s", "tep", "--reach", "2", "--figure", "curves.txt"),
        2,
        "--objective gain:mx: must read COLUMN:max or COLUMN:min.\n--reach: must lie above 0 and not above 1, got 2.\n"
        "curves.txt: a figure ends in .html, .svg, .png or .pdf\n'tep' is no strategy; there are surrogate, "
        "surrogate_alone, tpe, nsga2, cmaes, qmc, random. Did you mean tpe?\nfilm.csv: cannot be read",
    ),
    "a column and a strategy": (
        ("--pool", "films.csv", "--objective", "gian:max", "-s", "tep"),
        2,
        "Did you mean tpe?\nfilms.csv, gian: is no column of the table",
    ),
    "words and a strategy": (("--past", "--virtual-lab", "-s", "tep"), 2, "and --past.\n'tep' is no strategy"),
    "nothing named": ((), 2, "There is no campaign here"),
}


def test_a_picture_that_cannot_be_drawn_is_told_before_anything_is_computed(
    run: Any, films: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(running, "run_all", None)
    done = run("backtest", "--pool", films, "--objective", "gain:max", "--figure", "curves.svg")
    assert (done.code, done.out) == (2, "")
    assert "a picture file needs matplotlib. Install it with: pip install 'pvdopt[figures]'" in done.err


@pytest.mark.parametrize(("words", "code", "message"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_compared_is_refused_in_words(
    run: Any, films: str, words: tuple[str, ...], code: int, message: str
) -> None:
    done = run("backtest", *words)
    assert done.code == code
    assert message in done.err
    assert done.out == ""
