"""A cathode that the table lacks, described in the campaign file, from the first proposal to results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import propose
from pvdopt.campaign import Campaign
from pvdopt.config import shipped_config
from pvdopt.errors import DataInvalid

RECIPE = {"thickness_um": 0.6, "bias_v": -50.0, "anneal_temperature_c": 500.0}


@pytest.fixture
def lfp(tmp_path: Path) -> Iterator[Campaign]:
    text = shipped_config("own_cathode").read_text(encoding="utf-8")
    with Campaign.create(tmp_path / "lfp", text, author="tester") as campaign:
        propose(campaign, **RECIPE)
        yield campaign


def test_its_density_converts_a_capacity_per_mass(lfp: Campaign) -> None:
    report = lfp.record({"id": "P001", "thickness_um": 0.6, "capacity": "120 mAh/g"})
    assert lfp.own_cells().observed().loc["P001", "capacity"] == pytest.approx(43.2)
    assert any("density of LiFePO4, 3.6 g/cm3" in note for note in report.notes)


def test_its_theory_refuses_what_no_cell_holds(lfp: Campaign) -> None:
    with pytest.raises(DataInvalid, match=r"must not exceed 1\.3 x theory \(61\.16 uAh/cm2/um for LiFePO4\), got 100"):
        lfp.record({"id": "P001", "thickness_um": 0.6, "capacity": 100})


def test_a_prediction_says_that_nobody_reported_it(lfp: Campaign) -> None:
    found = lfp.predict({**RECIPE, "bias_kind": "rf", "anneal_kind": "furnace"})
    assert found.frame["capacity_low"].item() < found.frame["capacity"].item() < 61.2
    assert any("no reported cell has the cathode LiFePO4" in line for line in found.warnings[0])
