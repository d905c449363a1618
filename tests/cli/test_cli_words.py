"""What commands say of a campaign, as a tired reader takes it: counts, bounds, levels and what does not apply."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pvdopt.campaign import Campaign
from pvdopt.campaign.folder import rename_config
from pvdopt.config import shipped_config

FOLDER = "studies/lco"
SETTINGS = {"bias_kind": "rf", "bias_v": -50, "anneal_kind": "furnace", "electrolyte": "Lipon"}
#: Annealed at, thickness, capacity, retention, and what makes that only a bound.
CELLS = [(600, 1.8, 26.0, 0.90, "="), (700, 2.0, 28.0, 0.93, ">="), (650, 1.7, 25.0, 0.92, "=")]


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
