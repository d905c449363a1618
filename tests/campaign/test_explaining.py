"""One recipe explained: shares that add to 1, contributions that sum, slices with the cells behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from campaigns import RECIPE, make_lco, make_plain, propose
from pvdopt.campaign import Campaign
from pvdopt.campaign.explain_figure import draw_explanation
from pvdopt.campaign.explaining import Explanation, slice_rows
from pvdopt.cells import reported_cells
from pvdopt.errors import DataInvalid, PvdoptError, UsageError


@pytest.fixture(scope="module")
def lco(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("explain")
        patch.setenv("PVDOPT_HOME", str(folder / "home"))
        with make_lco(folder / "lco") as campaign:
            for thickness in (1.0, 2.0, 0.5):
                propose(campaign, thickness_um=thickness)
            propose(campaign, anneal_kind="none", anneal_temperature_c=None)
            campaign.record([{"id": "P001", "capacity": 57, "retention": 0.93}, {"id": "P002", "capacity": 50}])
            yield campaign


@pytest.fixture(scope="module")
def found(lco: Campaign) -> Explanation:
    return lco.explain("P004")


def test_shares_add_to_one_and_own_cells_have_theirs(found: Explanation) -> None:
    assert set(found.shares) == {"capacity", "retention"}
    for shares in found.shares.values():
        parts = (shares.physics, shares.reported, shares.own)
        assert sum(parts) == pytest.approx(1.0)
        assert all(part > 0 for part in parts)


def test_without_own_cells_they_have_no_share(tmp_path: Path) -> None:
    with make_lco(tmp_path / "new") as campaign:
        shares = campaign.predict(RECIPE).shares[0]["capacity"]
    assert shares.own == pytest.approx(0.0, abs=1e-9)
    assert shares.reported > 0.2


def test_contributions_lead_from_the_baseline_to_the_recipe(found: Explanation) -> None:
    assert found.against == "P001, the measured cell believed best in capacity"
    for outcome, expected in found.expected.items():
        total = sum(c.adds[outcome] for c in found.contributions)
        assert total == pytest.approx(expected.median - found.expected_of_baseline[outcome].median, rel=1e-9, abs=1e-9)
    assert [c.names for c in found.contributions] == [("anneal_kind", "anneal_temperature_c")]


def test_slices_hold_the_recipe_itself_and_count_cells(found: Explanation) -> None:
    assert "anneal_temperature_c" not in found.slices
    for rows in found.slices.values():
        (here,) = (row for row in rows if row.is_here)
        for outcome, expected in found.expected.items():
            assert here.expected[outcome].median == pytest.approx(expected.median)
            assert here.expected[outcome].low < here.expected[outcome].median < here.expected[outcome].high
    kinds = {row.value: row for row in found.slices["anneal_kind"]}
    assert (kinds["furnace"].n_own, kinds["none"].n_own) == (2, 0)
    # Kinds that were not said stand apart: of the reported LiCoO2 anneals most are such.
    anneals = reported_cells().frame.query("cathode == 'LiCoO2' and (capacity.notna() or retention.notna())")
    counted = anneals["anneal_kind"].value_counts()
    assert {kind: row.n_reported for kind, row in kinds.items()} == {k: counted.get(k, 0) for k in kinds}
    assert f"anneal_kind: {counted['unspecified']} reported cells have one of a kind not said" in " ".join(found.notes)
    assert len(slice_rows(found)) == sum(len(rows) * 3 for rows in found.slices.values())


def test_near_cells_are_own_and_reported_ones(found: Explanation) -> None:
    assert [cell.id for cell in found.near_own] == ["P001", "P002"]
    assert "capacity 57 uAh/cm2/um" in found.near_own[0].summary
    assert len(found.near) == 3


def test_a_recipe_and_a_baseline_of_ones_own(lco: Campaign) -> None:
    found = lco.explain({**RECIPE, "thickness_um": "500 nm", "electrolyte": "LiBON"}, against="P002")
    assert (found.id, found.against) == (None, "P002")
    assert {c.names for c in found.contributions} == {("thickness_um",), ("electrolyte",)}
    assert found.baseline["thickness_um"] == 2.0


def test_an_unknown_cell_is_named(lco: Campaign) -> None:
    for words in ("P009", "P001"):
        with pytest.raises(DataInvalid, match="P009"):
            lco.explain(words, against="P009")


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_plain_campaign_is_explained_by_its_own_cells(tmp_path: Path, evaluated: bool) -> None:
    with make_plain(tmp_path / "plain") as campaign:
        ids = [campaign.add({"speed": speed, "moisture": "dry"}) for speed in (2, 5, 8)]
        if evaluated:
            campaign.record([{"id": i, "gloss": g} for i, g in zip(ids, (1.0, 3.0, 2.0), strict=True)])
        found = campaign.explain({"speed": 4, "moisture": "wet"})
    assert found.near == []
    assert found.shares["gloss"].reported == pytest.approx(0.0, abs=1e-9)
    assert (found.shares["gloss"].own > 0.05) == evaluated
    assert np.isfinite([c.adds["gloss"] for c in found.contributions]).all()


@pytest.mark.parametrize("ending", ["html", "png"])
def test_it_can_be_drawn(found: Explanation, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    draw_explanation(found, path)
    assert path.stat().st_size > 10_000


def test_a_picture_that_cannot_be_is_refused(found: Explanation, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ends in"):
        draw_explanation(found, tmp_path / "picture.doc")
    with pytest.raises(PvdoptError, match="cannot be written"):
        draw_explanation(found, tmp_path / "nowhere" / "picture.html")


def test_cells_that_speak_against_the_literature_are_told_of(tmp_path: Path) -> None:
    bare = {"bias_kind": "none", "bias_v": None, "anneal_kind": "none", "anneal_temperature_c": None}
    recipes = [{**RECIPE, **bare}, {**RECIPE, **bare, "anneal_kind": "furnace", "anneal_temperature_c": 700.0}]
    for capacities, is_told in (((50, 12), True), ((8, 50), False)):
        with make_lco(tmp_path / f"lco{is_told}") as campaign:
            for recipe, capacity in zip(recipes * 2, capacities * 2, strict=True):
                campaign.record([{**recipe, "capacity": capacity}])
            told = "speak against what the literature says" in " ".join(campaign.predict(RECIPE).notes)
        assert told == is_told


def test_how_a_cell_was_made_is_outside_only_beyond_the_bounds(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lco") as campaign:
        for _ in range(2):
            propose(campaign)
        campaign.record({"id": "P001", "bias_v": -49.6, "capacity": 50})
        campaign.record({"id": "P002", "bias_v": -49.6, "thickness_um": 7.5, "capacity": 40}, confirm=True)
        on_grid, thick = (campaign.explain(name).warnings for name in ("P001", "P002"))
        # What is thought of has to be settable.
        asked = campaign.explain({**RECIPE, "bias_v": -49.6}).warnings
    assert not any("outside" in text for text in on_grid)
    assert [t for t in thick if "outside" in t] == [
        "outside the campaign's space: thickness_um must lie in [0.1, 5] um, got 7.5 um"
    ]
    assert "outside the campaign's space: bias_v must stand on a step of 5 from -100, got -49.6 V" in asked
