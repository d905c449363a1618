"""What commands say of a campaign, as a tired reader takes it: counts, bounds, levels and what does not apply."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pvdopt.campaign import Campaign
from pvdopt.campaign.folder import rename_config
from pvdopt.cli.study import _say_reference
from pvdopt.config import shipped_config

FOLDER = "studies/lco"
SETTINGS = {"bias_kind": "rf", "bias_v": -50, "anneal_kind": "furnace", "electrolyte": "Lipon"}
#: Annealed at, thickness, capacity, retention, and what makes that only a bound.
CELLS = [(600, 1.8, 22.0, 0.90, "="), (700, 2.0, 23.0, 0.93, ">="), (650, 1.7, 21.0, 0.92, "=")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of a laboratory at about half of the literature's level: three cells measured and one cracked."""
    folder = tmp_path_factory.mktemp("made") / FOLDER
    text = rename_config(shipped_config("lco_lipon.toml").read_text(encoding="utf-8"), "lco")
    with Campaign.create(folder, text, "anna") as campaign:
        for heat, thickness, capacity, retention, bound in CELLS:
            id_ = campaign.add({**SETTINGS, "anneal_temperature_c": heat, "thickness_um": thickness})
            sign = "" if bound == "=" else bound
            told = {"capacity": capacity, "retention": f"{sign}{retention}", "cycles": 100}
            campaign.record({"id": id_, **told})
        cracked = campaign.add({**SETTINGS, "anneal_temperature_c": 300, "thickness_um": 1.0})
        campaign.fail(cracked, "cracked")
    return folder


@pytest.fixture
def lab(run: Any, made: Path, tmp_path: Path) -> Any:
    shutil.copytree(made, tmp_path / FOLDER)
    return run


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_each_count_of_cells_says_what_it_counts(lab: Any) -> None:
    done = lab("suggest", FOLDER, "-n", 2)
    assert "learned from 4 own (3 measured, 1 failed) and 70 reported cells" in done.out
    said = one_line(done.err)
    assert "3 own cells measured, fewer than 8: whether intervals are wide enough here is not tested yet." in said
    assert "Go on: 3 measured cells are too few to advise a stop (12 are needed)" in said
    assert "the next batch as a whole is expected to gain" in said


def test_a_command_that_tells_more_is_ready_to_be_typed(lab: Any) -> None:
    done = lab("suggest", FOLDER, "-n", 1)
    assert f"(more: pvdopt explain {FOLDER} P001)" in done.out
    shown = re.search(r"more: pvdopt (cells show \S+)\)", done.out)
    assert shown
    assert lab(*shown[1].split()).code == 0
    again = re.search(r"pvdopt (init lco --from-export out)$", lab("export", FOLDER, "out").err, re.M)
    assert again
    shutil.rmtree(FOLDER)
    assert lab(*again[1].split()).out.startswith("lco goes on in studies/lco")


def test_a_folder_with_a_blank_is_typed_in_quotes(run: Any, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "our lab" / "lco")
    done = run("suggest", "our lab/lco", "-n", 1, "--sheet", "run 1.csv")
    assert '(more: pvdopt explain "our lab/lco" P001)' in done.out
    assert done.err.endswith('then  pvdopt record "our lab/lco" "run 1.csv"\n')


def test_a_bound_keeps_its_sign_wherever_it_is_shown(lab: Any) -> None:
    # P002's retention is a bound, and the best; so it is on both fronts.
    measured, believed = lab("pareto", FOLDER, "--measured").out, lab("pareto", FOLDER).out
    assert re.search(r"^retention at 100 cycles +.*>=0\.93", measured, re.M)
    assert re.search(r"^  measured +.*>=0\.93", believed, re.M)
    frame = lab("pareto", FOLDER, "--measured", "--csv").out.splitlines()
    names, rows = frame[0].split(","), [line.split(",") for line in frame[1:]]
    assert {row[0]: row[names.index("retention_qualifier")] for row in rows}["C002"] == ">="
    best = lab("best", FOLDER).out
    assert re.search(r"^retention +>=0\.93 +C002", best, re.M)
    assert "C002 measured >=0.93" in one_line(best)
    assert "retention >=0.93" in one_line(lab("explain", FOLDER, "C001").out)
    assert lab("report", FOLDER).code == 0
    page = Path(FOLDER, "report.html").read_text(encoding="utf-8")
    assert "at least 0.93 is the highest retention (C002)" in page
    assert re.search(r"C002, measured[^<]*</th><td>[^<]*</td><td>≥ 0\.93<", page)
    # The figure on top, and the table of the best.
    assert page.count("<dd>≥ 0.93") == 1
    assert len(re.findall(r'<td class="number">≥ 0\.93 <span class="unit"', page)) == 1


def test_a_dash_and_a_slice_that_is_not_there_are_explained(lab: Any) -> None:
    plain = ["bias_kind=none", "anneal_kind=furnace", "anneal_temperature_c=650", "thickness_um=1", "electrolyte=Lipon"]
    told = "-: does not apply (bias_v only with bias_kind rf)"
    assert told in lab("predict", FOLDER, *plain).out
    assert "does not apply" not in lab("pareto", FOLDER).out, "all settings apply in these cells"
    explained = lab("explain", FOLDER, *plain).out
    assert "Not varied, since it does not apply here: bias_v (only with bias_kind rf)" in explained
    assert "bias_v varied" not in explained


def test_what_was_said_of_a_proposal_is_told_as_of_then(lab: Any) -> None:
    assert lab("suggest", FOLDER, "-n", 1).code == 0
    done = one_line(lab("explain", FOLDER, "P001").out)
    assert "When it was proposed: " in done
    assert "Considered when it was proposed, as predicted then, and why it came second" in done


def test_the_level_against_the_literature_is_told_in_words(lab: Any) -> None:
    suggested = one_line(lab("suggest", FOLDER, "-n", 1).err)
    found = re.search(
        r"your cells give about [a-z ]+ the capacity .*? \(80 % within [0-9.]+ to 0\.[0-9]+ of it", suggested
    )
    assert found, suggested
    status = one_line(lab("status", FOLDER).out)
    assert f"this lab {found[0]}" in status
    assert (
        "this lab no difference in fading between your cells and the literature's, made alike, is shown yet" in status
    )
    assert "forecast retention came out at" not in status, "these cells were not predicted beforehand"
    assert lab("report", FOLDER).code == 0
    assert found[0].removeprefix("y").split(",")[0] in Path(FOLDER, "report.html").read_text(encoding="utf-8").replace(
        "&#39;", "'"
    )


def test_a_bound_inside_its_interval_leaves_open_whether_it_was_right(lab: Any) -> None:
    assert lab("suggest", FOLDER, "-n", 1).code == 0
    done = lab("record", "P001", "capacity=25", "retention=>=0.5", "cycles=100", "--confirm")
    assert done.out.startswith("P001: 1 new row\n")
    assert re.search(r"^P001 +retention +>=0\.5 .* open$", done.out, re.M)
    again = lab("record", "P001", "capacity=25", "retention=>=0.5", "cycles=100", "--confirm").out
    assert again.startswith("P001: 0 new rows, 1 row known already")


def test_a_hypervolume_says_above_which_point_it_counts(lab: Any) -> None:
    assert lab("suggest", FOLDER, "-n", 1).code == 0
    with Campaign.open(FOLDER) as campaign:
        said = _say_reference(campaign)
    assert re.fullmatch(
        r"counted above the reference point capacity [0-9.]+ uAh/cm2/um, retention 0\.[0-9]+: 0 until a cell exceeds "
        "it in every goal and keeps the thresholds",
        said,
    )
