"""The shipped calibration belongs to the shipped cells and can be remade from them."""

import json
from dataclasses import replace

import pytest

from pvdopt.evidence import KNOWN_OUTCOMES, Evidence
from pvdopt.objectives import Protocol
from pvdopt.skill.validation import FACTOR_LIMITS
from pvdopt.surrogates import SPECIFICATIONS
from pvdopt.surrogates.calibration import (
    PROBABILITY,
    SHIPPED_SPECIFICATIONS,
    fingerprint,
    literature_factor,
    literature_skill,
    make_literature_prior,
    shipped,
    write_literature_prior,
)


@pytest.fixture(scope="module")
def reported():
    return Evidence.reported()


def entries(specifications):
    return [e for e in shipped()["skill"] if e["specification"] in specifications]


def test_it_was_found_on_the_shipped_cells(reported):
    assert shipped()["fingerprint"] == fingerprint(reported)
    assert shipped()["probability"] == PROBABILITY


def test_every_specification_and_outcome_has_its_factor(reported):
    assert set(SHIPPED_SPECIFICATIONS) == set(SPECIFICATIONS)
    found = {(e["specification"], e["outcome"]) for e in shipped()["skill"]}
    assert found == {(s, o) for s in SPECIFICATIONS for o in KNOWN_OUTCOMES}
    for entry in shipped()["skill"]:
        assert FACTOR_LIMITS[0] <= entry["factor"] <= FACTOR_LIMITS[1]
        assert entry["typical_factor"] > 1
        assert 0 < entry["coverage"] <= 1
        assert entry["n_sources"] <= entry["n_rows"]
        skill = literature_skill(entry["specification"], entry["outcome"], reported)
        assert skill is not None
        assert skill.factor == literature_factor(entry["specification"], entry["outcome"], reported) == entry["factor"]


def test_it_holds_for_any_campaign_on_the_same_cells_and_no_others(reported):
    campaign = Evidence.reported({"cathode": "LiCoO2"}, Protocol(current_ua_cm2=10, cycles=500))
    assert fingerprint(campaign) == fingerprint(reported)
    changed = reported.cells.copy()
    changed.loc[changed["capacity"].first_valid_index(), "capacity"] += 1
    for other in (reported.excluding(["park2005"]), replace(reported, cells=changed), Evidence.physics_only(), None):
        assert literature_skill("theory", "capacity", other) is None
        assert literature_factor("theory", "capacity", other) == 1.0
    assert literature_factor("oracle", "capacity", reported) == 1.0


def test_the_baselines_are_remade_from_the_data(reported):
    cheap = ("theory", "climatology")
    made = make_literature_prior(reported, cheap)
    assert made["fingerprint"] == shipped()["fingerprint"]
    for new, old in zip(made["skill"], entries(cheap), strict=True):
        # The file holds three decimals; the last may round the other way elsewhere.
        assert new == pytest.approx(old, abs=0.0011)


@pytest.mark.slow
def test_all_of_it_is_remade_from_the_data(tmp_path):
    path = tmp_path / "literature_prior.json"
    write_literature_prior(path, n_jobs=-1)
    made = json.loads(path.read_text(encoding="utf-8"))
    assert made["fingerprint"] == shipped()["fingerprint"]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    for new, old in zip(made["skill"], shipped()["skill"], strict=True):
        for name in ("specification", "outcome", "n_rows", "n_sources"):
            assert new[name] == old[name]
        # Optimisers and threads differ between machines in the last digits.
        for name in ("factor", "typical_factor", "crps", "coverage"):
            assert new[name] == pytest.approx(old[name], rel=0.03), (new["specification"], new["outcome"], name)
