"""A campaign on run sheets from the shell: from the first proposals to the last result, each step naming the next."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from campaigns import PLAIN
from pvdopt.campaign import Campaign
from pvdopt.ledger import Ledger

FOLDER = "studies/lab"


def digest() -> str:
    with Ledger.open(Path(FOLDER) / "ledger.sqlite") as ledger:
        return ledger.digest()


def next_command(text: str) -> list[str]:
    """Return the command that a step names as the next, without the program's name."""
    found = re.search(r"Next:.*?  pvdopt (.*)$", text, re.MULTILINE) or re.search(r"  pvdopt (.*)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1].split()


def fill(path: str, **values: list[Any]) -> None:
    book = load_workbook(path)
    cells = book["cells"]
    header = next(row for row in cells.iter_rows() if row[0].value == "id")
    places = {str(cell.value).split(" [")[0]: cell.column for cell in header}
    for name, found in values.items():
        for number, value in enumerate(found, start=header[0].row + 1):
            cells.cell(number, places[name]).value = value
    book.save(path)


def test_a_campaign_runs_on_sheets_alone(run: Any, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(PLAIN, encoding="utf-8")
    done = run("init", "lab", "--from", "lab.toml")
    assert done.code == 0
    words = next_command(done.err)
    assert words == ["suggest", FOLDER]
    done = run(*words, "-n", "3", "--sheet", "first.xlsx")
    assert done.code == 0, done.err
    fill("first.xlsx", gloss=[3.1, "2.9 +- 0.2", None], outcome_class=[None, None, "not_made"], sample=["A", "B", None])
    words = next_command(done.err)
    assert words == ["record", FOLDER, "first.xlsx"]
    done = run(*words)
    assert (done.code, done.out.splitlines()[0]) == (0, "P001, P002, P003: 3 new rows")
    before = digest()
    assert run(*words).code == 0
    assert digest() == before
    assert next_command(done.err) == ["suggest", FOLDER]
    status = run("status")
    assert "2 complete, 1 failed" in status.out
    done = run("history", "P002")
    assert done.code == 0
    assert re.search(r"anna +P002 +measured gloss 2\.9 \+- 0\.2", done.out)


def test_sheets_of_all_forms_are_written_for_what_is_open(run: Any) -> None:
    with Campaign.create(FOLDER, PLAIN, "anna") as campaign:
        campaign.add({"speed": 3, "moisture": "dry"})
        campaign.add({"speed": 4, "moisture": "wet"})
    for form in ("xlsx", "csv", "md"):
        done = run("sheet", f"run.{form}", "--dry-run")
        assert (done.code, Path(f"run.{form}").exists()) == (0, False)
        assert "C001, C002" in done.err
        done = run("sheet", f"run.{form}")
        assert (done.code, done.out) == (0, "")
        assert next_command(done.err) == ["record", FOLDER, f"run.{form}"]
    assert run("sheet", "run.xlsx").code == 3
    done = run("sheet", "one.csv", "--cell", "C002")
    assert "the run sheet of C002" in done.err
    assert run("sheet", "two.csv", "--cell", "C009").code == 3
    assert run("sheet", "run.pdf").code == 2
    before = digest()
    done = run("suggest", "--sheet", "run.xlsx")
    assert (done.code, digest()) == (3, before)
    assert "is there already" in done.err
    assert run("suggest", "--sheet", "new.xlsx", "--dry-run").code == 2
    Path("lab.toml").write_text(PLAIN, encoding="utf-8")
    assert run("suggest", "lab.toml", "--sheet", "new.xlsx").code == 2


@pytest.fixture
def lco(run: Any) -> Any:
    """Begin the LiCoO2 campaign with one cell of the lab's own."""
    from campaigns import RECIPE, make_lco

    with make_lco(Path(FOLDER)) as campaign:
        campaign.add(RECIPE)
    return run


def test_a_series_is_recorded_with_an_early_estimate(lco: Any) -> None:
    rows = [f"{n},{26 * math.exp(-0.1 * ((n - 1) / 100) ** 0.6):.4f}" for n in range(1, 38)]
    Path("s.csv").write_text("\n".join(["cycle,discharge capacity [uAh]", *rows]), encoding="utf-8")
    before = digest()
    done = lco("record", "C001", "--series", "s.csv")
    assert (done.code, digest()) == (3, before)
    assert "cannot be turned into uAh/cm2 without the cell's area" in done.err
    done = lco("record", "C001", "--series", "s.csv", "area_cm2=0.5", "thickness_um=1.02 +- 0.03")
    assert done.code == 0, done.err
    assert "26 uAh is 50.98 uAh/cm2/um with area 0.5 cm2 and thickness 1.02 um" in done.err
    assert re.search(r"37 of 100 cycles so far\. At 100 its retention is estimated to be 0\.9\d \(80 %: 0\.", done.err)
    status = lco("status")
    assert re.search(r"C001 +partial +\S+ +retention ", status.out)
    history = json.loads(lco("history", "C001", "--json").out)
    assert [line["what"].split(" ")[0] for line in history] == ["added", "made", "measured", "capacity"]
    assert lco("history", "C009").code == 3


def test_a_foreign_sheet_is_imported_and_then_recorded(lco: Any) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (["Film", "Kap", "Wer"], [480, 120, "MM"]):
        book.active.append(row)
    book.save("lab.xlsx")
    constants = [
        f"--set={n}={v}" for n, v in {"bias_kind": "none", "anneal_kind": "none", "electrolyte": "Lipon"}.items()
    ]
    maps = ["--map", "thickness_um=Film:nm", "--map", "capacity=Kap:mAh/g"]
    done = lco("cells", "import", "lab.xlsx", *maps, *constants)
    assert done.code == 3
    assert "C1: is none of our columns and is not mapped, got 'Wer'" in done.err
    done = lco("cells", "import", "lab.xlsx", *maps, *constants, "--ignore", "Wer", "--dry-run")
    assert (done.code, Path(FOLDER, "column_maps.json").exists()) == (0, False)
    done = lco("cells", "import", "lab.xlsx", *maps, *constants, "--ignore", "Wer")
    assert (done.code, done.out.splitlines()[0]) == (0, "C002: 1 new row")
    assert "thickness_um from 'Film' in nm" in done.err
    assert "5.053 g/cm3" in done.err
    before = digest()
    assert lco("record", "lab.xlsx").code == 0
    assert lco("cells", "import", "lab.xlsx").code == 0
    assert digest() == before
    assert lco("cells", "import", "lab.xlsx", "--map", "thickness_um").code == 2


def test_an_own_cell_is_predicted_before_it_is_made(lco: Any) -> None:
    recipe = ["bias_kind=none", "anneal_kind=none", "thickness_um=0.5", "electrolyte=Lipon"]
    before = digest()
    done = lco("add", *recipe, "--dry-run")
    assert (done.code, digest()) == (0, before)
    added = json.loads(lco("add", *recipe, "--json").out)["recipes"][0]
    assert added["id"] == "C002"
    done = lco("record", "C002", "capacity=45")
    # What was predicted stands beside what came out.
    assert re.search(rf"C002 +capacity +45 +{added['predicted']['capacity']['median']:.3g} ", done.out)
