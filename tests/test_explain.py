"""What a prediction leans on, and where the evidence ends."""

import pandas as pd
import pytest

from pvdopt.evidence import Evidence
from pvdopt.explain import evidence_gaps, nearest_cells, summarize
from pvdopt.objectives import Protocol

FIXED = {"cathode": "LiCoO2", "method": "rf_sputtering", "anode": "Li", "electrolyte": "Lipon"}
PROTOCOL = Protocol(current_ua_cm2=10, v_min=3.0, v_max=4.2, cycles=100)
PARK = {"bias_kind": "rf", "bias_v": -50.0, "anneal_kind": "none"}
NAVONE = {
    "bias_kind": "rf",
    "bias_v": -50.0,
    "anneal_kind": "furnace",
    "anneal_temperature_c": 500.0,
    "thickness_um": 0.45,
}


@pytest.fixture(scope="module")
def reported():
    return Evidence.reported(FIXED, PROTOCOL)


def recipes(*found):
    return pd.DataFrame(list(found))


class TestNearestCells:
    def test_the_publication_that_made_the_recipe_comes_first(self, reported):
        park, navone = nearest_cells(reported, recipes(PARK, NAVONE))
        assert park[0].id == "park2005-bias-50v"
        assert navone[0].id.startswith("navone2011")
        assert park[0].reference.startswith("Park")

    @pytest.mark.parametrize("k", [1, 3, 8])
    def test_they_come_from_different_publications_the_nearest_first(self, reported, k):
        (found,) = nearest_cells(reported, recipes(NAVONE), k=k)
        sources = reported.cells.set_index("id").loc[[c.id for c in found], "source"]
        assert len(found) == len(set(sources)) == k
        nearness = [c.nearness for c in found]
        assert nearness == sorted(nearness, reverse=True)
        assert 0 <= nearness[-1] <= nearness[0] <= 1

    def test_another_cathode_is_farther_off_whatever_its_settings(self, reported):
        (found,) = nearest_cells(reported, recipes({**PARK, "cathode": "V2O5"}), k=1)
        assert reported.cells.set_index("id").loc[found[0].id, "cathode"] == "V2O5"

    def test_every_near_cell_has_an_outcome_in_its_summary(self, reported):
        for near in nearest_cells(reported, recipes(PARK, NAVONE), k=8):
            for cell in near:
                row = reported.cells.set_index("id").loc[cell.id]
                assert cell.summary.startswith(row["cathode"])
                assert row[["capacity", "retention", "areal_capacity"]].notna().any()

    def test_without_cells_nothing_is_near(self):
        assert nearest_cells(Evidence.physics_only(FIXED), recipes(PARK, NAVONE)) == [[], []]
        assert nearest_cells(Evidence.reported(FIXED), recipes(PARK).iloc[:0]) == []

    def test_what_is_left_out_is_not_leant_on(self, reported):
        (found,) = nearest_cells(reported.excluding(["park2005"]), recipes(PARK), k=8)
        assert not any(c.id.startswith("park2005") for c in found)


def test_a_cell_is_summed_up_in_its_settings_and_outcomes(reported):
    cells = reported.cells.set_index("id")
    biased = summarize(cells.loc["park2005-bias-50v"])
    assert biased == "LiCoO2, -50 V, Lipon, rf_sputtering: 63 uAh/cm2/um, 82.5 % kept at 100 cycles"
    areal = cells[cells["areal_capacity"].notna() & cells["capacity"].isna()].iloc[0]
    assert f": {areal['areal_capacity']:g} uAh/cm2" in summarize(areal)
    assert "nan" not in " ".join(summarize(row) for _, row in cells.iterrows())


class TestEvidenceGaps:
    @pytest.mark.parametrize(
        ("recipe", "expected"),
        [
            ({"bias_v": -30.0}, "bias_v -30 V: the only stated one is -50 V"),
            ({"bias_v": -50.0}, None),
            ({"bias_v": 0.0}, None),
            ({"thickness_um": 40.0}, "thickness_um 40 um: stated ones run from 0.32 to 30 um"),
            ({"thickness_um": 2.0}, None),
            (
                {"anneal_temperature_c": 300.0},
                "anneal_temperature_c 300 C: stated ones run from 500 to 800 C (rta 520 C, of a kind not said 500 to",
            ),
            ({"anneal_temperature_c": 550.0}, None),
            ({"substrate_temperature_c": 200.0}, "substrate_temperature_c 200 C: no LiCoO2 cell states one"),
            ({"cathode": "FeS2", "architecture": "3d"}, "architecture 3d: not stated for any FeS2 cell"),
            ({"anneal_kind": "rta"}, None),
            # A kind that was not said counts for no kind, a furnace as little as another.
            ({"anneal_kind": "furnace"}, "anneal_kind furnace: not stated for any LiCoO2 cell (some had one and do"),
            ({"cathode": "my oxide"}, "no reported cell has the cathode my oxide"),
            ({}, None),
        ],
        ids=str,
    )
    def test_where_the_evidence_ends_is_said(self, reported, recipe, expected):
        (found,) = evidence_gaps(reported, recipes({"run": "r1", **recipe}))
        if expected is None:
            assert found == []
        else:
            assert len(found) == 1
            assert found[0].startswith(expected)

    def test_each_recipe_has_its_own_gaps(self, reported):
        found = evidence_gaps(reported, recipes(PARK, {**PARK, "bias_v": -20.0, "thickness_um": 40.0}))
        assert [len(f) for f in found] == [0, 2]

    def test_without_cells_that_is_the_gap(self):
        assert evidence_gaps(Evidence.physics_only(FIXED), recipes(PARK)) == [["no reported cells are used"]]

    def test_the_protocol_is_no_gap(self, reported):
        fast = Evidence(reported.cells, FIXED, Protocol(current_ua_cm2=50_000))
        assert evidence_gaps(fast, recipes(PARK)) == [[]]
