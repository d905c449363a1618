"""``pvdopt explain``: by id or by settings, as a table, JSON, CSV and picture."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from campaigns import make_lco, propose

SETTINGS = (
    "bias_kind=none",
    "anneal_kind=furnace",
    "anneal_temperature_c=650 C",
    "thickness_um=0.5",
    "electrolyte=Lipon",
)


@pytest.fixture
def begun(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    with make_lco(tmp_path / "studies" / "lco") as campaign:
        propose(campaign)
        propose(campaign, thickness_um=0.4, bias_kind="none", bias_v=None)
        campaign.record({"id": "P001", "capacity": 57.2})
    return run


def test_a_cell_is_explained_in_words_and_numbers(begun: Any, tmp_path: Path) -> None:
    done = begun("explain", "P002", "--figure", "why.html")
    assert done.code == 0
    assert "known, by physics/reported/own cells" in done.out
    assert "What each setting adds to the median, against P001, the measured cell believed best in capacity" in done.out
    assert "bias_kind rf -> none, no bias_v" in done.out
    assert "Nearest own cells" in done.out
    # P001 is 1 um thick, which is no value shown.
    assert "\nWith one setting varied; cells are counted at the value shown that is nearest to theirs\n" in done.out
    assert re.search(r"^  0\.71 um .* 1 +0$", done.out, re.M)
    assert (tmp_path / "why.html").exists()
    assert begun("explain", "studies/lco", "P002").out == done.out


def test_its_numbers_are_data(begun: Any) -> None:
    found = json.loads(begun("explain", "P002", "--json").out)
    total = sum(c["adds"]["capacity"] for c in found["contributions"])
    ends = found["expected"]["capacity"]["median"] - found["expected_of_baseline"]["capacity"]["median"]
    assert total == pytest.approx(ends)
    rows = list(csv.DictReader(io.StringIO(begun("explain", "P002", "--csv").out)))
    assert {row["setting"] for row in rows} == set(found["slices"])


def test_a_recipe_of_a_file_is_explained(run: Any) -> None:
    done = run("explain", "lco_lipon.toml", *SETTINGS)
    assert done.code == 0
    assert "the reported recipe predicted best here" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    (heads,) = (line for line in lines if line[:2] == ["predicted", "80"])
    (capacity,) = (line for line in lines if line[:2] == ["capacity", "(uAh/cm2/um)"])
    assert heads[-4:] == ["in", "theory", "up", "to"]
    assert float(capacity[-2]) > float(capacity[-1]) == 69.2


@pytest.mark.parametrize("words", [("lco_lipon.toml",), ("a", "b", "c"), ("a", "b", "thickness_um=1")])
def test_words_that_make_no_sense_get_the_usage(begun: Any, words: tuple[str, ...]) -> None:
    done = begun("explain", *words)
    assert done.code == 2
    assert "Expected here" in done.err
