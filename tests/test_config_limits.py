"""What a campaign file forbids: by its machine and materials, each with its reason, and by constraints of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pvdopt.choice.candidates import draw_recipes
from pvdopt.config import CampaignConfig


def make(**changes: Any) -> dict[str, Any]:
    """Return the content of a small campaign file, with tables replaced."""
    raw: dict[str, Any] = {
        "campaign": {"name": "small"},
        "parameters": {"thickness_um": {"low": 0.1, "high": 5}},
        "objectives": {"capacity": {"maximize": True}},
    }
    return raw | changes


def allowed(config: CampaignConfig, **recipe: Any) -> bool:
    space = config.space()
    return bool(space.is_allowed(space.frame([recipe]))[0])


# -- machine and materials ---------------------------------------------------------------------------------------

ANNEAL = {
    "anneal_kind": {"choices": ["none", "furnace", "rta"]},
    "anneal_temperature_c": {"low": 200, "high": 900, "when": {"anneal_kind": ["furnace", "rta"]}},
}
BIAS = {
    "bias_kind": {"choices": ["none", "rf", "dc"]},
    "bias_v": {"low": -100, "high": -10, "when": {"bias_kind": ["rf", "dc"]}},
}
HOT = {"anneal_kind": "furnace", "anneal_temperature_c": 600.0}
RTA = {"anneal_kind": "rta", "anneal_temperature_c": 600.0}
COLD = {"anneal_kind": "none"}
RF = {"bias_kind": "rf", "bias_v": -50.0}
DC = {"bias_kind": "dc", "bias_v": -50.0}
POST = {"post_anneal_temperature_c": {"low": 100, "high": 400}}
SUBSTRATE = {"substrate": {"choices": ["polyimide", "mica", "PDMS", "Si"]}}


@pytest.mark.parametrize(
    ("changes", "good", "bad", "reason"),
    [
        ({"parameters": ANNEAL, "fixed": {"substrate": "polyimide"}}, COLD, HOT, "hottest the substrate stands"),
        (
            {"parameters": ANNEAL | SUBSTRATE},
            HOT | {"substrate": "mica"},
            HOT | {"substrate": "polyimide"},
            "at most 350 with substrate polyimide",
        ),
        (
            {"parameters": SUBSTRATE | {"substrate_temperature_c": {"low": 25, "high": 600}}},
            {"substrate": "mica", "substrate_temperature_c": 400.0},
            {"substrate": "polyimide", "substrate_temperature_c": 400.0},
            "hottest the substrate stands",
        ),
        (
            {"parameters": POST, "fixed": {"post_anneal_kind": "furnace", "electrolyte": "Lipon"}},
            {"post_anneal_temperature_c": 300.0},
            {"post_anneal_temperature_c": 310.0},
            "electrolyte stands once it is deposited",
        ),
        ({"parameters": ANNEAL, "machine": {"furnace_max_c": 550}}, COLD, HOT, "hottest the lab's equipment goes"),
        ({"parameters": ANNEAL, "machine": {"furnace_max_c": "1173 K"}}, HOT, RTA, "no furnace or annealer of that"),
        (
            {"parameters": BIAS, "fixed": {"method": "rf_sputtering"}, "machine": {"bias_supplies": ["rf"]}},
            RF,
            DC,
            "no such bias supply",
        ),
        (
            {"parameters": BIAS, "fixed": {"method": "rf_sputtering", "substrate": "mica"}},
            RF,
            DC,
            "on an insulator a bias needs rf, or a contacted film",
        ),
        (
            {"parameters": SUBSTRATE},
            {"substrate": "mica"},
            {"substrate": "PDMS"},
            "never sees the deposition",
        ),
        (
            {"parameters": {"substrate": {"choices": ["polyimide", "Si"]}}, "fixed": {"method": "ebeam"}},
            {"substrate": "Si"},
            {"substrate": "polyimide"},
            "radiant heat",
        ),
        (
            {"parameters": {"method": {"choices": ["pld", "hipims"]}}, "machine": {"methods": ["pld"]}},
            {"method": "pld"},
            {"method": "hipims"},
            "does not have this method",
        ),
        (
            {"parameters": SUBSTRATE, "machine": {"substrates": ["Si"]}},
            {"substrate": "Si"},
            {"substrate": "mica"},
            "not in stock",
        ),
    ],
    ids=[
        "anneal-fixed-substrate", "anneal-by-substrate", "heated-deposition", "after-electrolyte", "furnace-limit",
        "no-annealer", "no-supply", "dc-on-insulator", "transfer-only", "radiant-heat", "method", "stock",
    ],
)  # fmt: skip
def test_machine_and_materials_forbid_with_a_reason(
    changes: dict[str, Any], good: dict[str, Any], bad: dict[str, Any], reason: str
) -> None:
    config = CampaignConfig.from_dict(make(**changes))
    assert allowed(config, **good)
    assert not allowed(config, **bad)
    assert reason in " ".join(config.space().explain(bad))


def test_a_bias_goes_with_sputtering_only() -> None:
    parameters = {
        "method": {"choices": ["rf_sputtering", "ion_beam_assisted"]},
        "bias_kind": {"choices": ["none", "rf"]},
        "bias_v": {"low": -100, "high": -10, "when": {"bias_kind": "rf"}},
    }
    # The vocabulary says that there is no bias setting at all with the other method.
    assert CampaignConfig.from_dict(make(parameters=parameters)).space()["bias_kind"].when == {
        "method": ("rf_sputtering",)
    }


@pytest.mark.parametrize(
    ("changes", "recipe"),
    [
        (
            {
                "parameters": BIAS,
                "fixed": {"method": "rf_sputtering", "substrate": "mica"},
                "machine": {"contacts_film": True},
            },
            DC,
        ),
        (
            {
                "parameters": ANNEAL,
                "fixed": {"substrate": "polyimide"},
                "materials": {"substrates": {"polyimide": {"max_temperature_c": 600}}},
            },
            HOT,
        ),
        (
            {
                "parameters": POST,
                "fixed": {"post_anneal_kind": "rta", "electrolyte": "Lipon"},
                "materials": {"electrolytes": {"Lipon": {"max_temperature_c": "400 C"}}},
            },
            {"post_anneal_temperature_c": 390.0},
        ),
    ],
    ids=["contacted-film", "better-polyimide", "hardier-electrolyte"],
)  # fmt: skip
def test_the_lab_knows_better(changes: dict[str, Any], recipe: dict[str, Any]) -> None:
    assert allowed(CampaignConfig.from_dict(make(**changes)), **recipe)


def test_the_machines_step_puts_recipes_on_its_grid() -> None:
    raw = make(parameters=dict(ANNEAL), machine={"steps": {"anneal_temperature_c": 25}})
    recipes = draw_recipes(CampaignConfig.from_dict(raw).space(), 200, np.random.default_rng(0))
    hot = recipes["anneal_temperature_c"].dropna().to_numpy()
    assert len(hot)
    assert np.allclose(hot % 25, 0)


def test_choices_that_cannot_be_made_are_pointed_out() -> None:
    config = CampaignConfig.from_dict(make(parameters=ANNEAL, machine={"furnace_max_c": 900}))
    (doubt,) = config.doubts
    assert "lists what cannot be made" in doubt.sentence()
    assert "'rta'" in doubt.sentence()


def test_the_machine_may_be_a_file_that_campaigns_share(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "machine.toml").write_text('methods = ["pld"]\nfurnace_max_c = 800\n', encoding="utf-8")
    raw = make(parameters=ANNEAL, fixed={"method": "pld"})
    shared = CampaignConfig.from_dict(raw | {"machine": "lab/machine.toml"}, folder=tmp_path)
    written_out = CampaignConfig.from_dict(raw | {"machine": {"methods": ["pld"], "furnace_max_c": 800}})
    assert shared.fingerprint() == written_out.fingerprint()


# -- the file's own constraints ----------------------------------------------------------------------------------


def test_own_constraints_hold_at_their_ends() -> None:
    raw = make(
        parameters={
            "cathode": {"choices": ["LiCoO2", "V2O5"]},
            "thickness_um": {"low": 0.1, "high": 5},
            "electrolyte_thickness_um": {"low": 0.5, "high": 5},
        },
        constraints=[
            {"type": "exclude", "when": {"cathode": "V2O5", "thickness_um": {"above": "2 um"}}, "why": "cracks"},
            {"type": "limit", "parameter": "thickness_um", "by": "cathode", "at_most": {"LiCoO2": 4}},
            {"type": "sum", "weights": {"thickness_um": 1, "electrolyte_thickness_um": 1}, "high": 6},
        ],
    )
    config = CampaignConfig.from_dict(raw)
    base = {"electrolyte_thickness_um": 1.0}
    assert allowed(config, cathode="V2O5", thickness_um=2.0, **base)
    assert not allowed(config, cathode="V2O5", thickness_um=2.001, **base)
    assert allowed(config, cathode="LiCoO2", thickness_um=4.0, **base)
    assert not allowed(config, cathode="LiCoO2", thickness_um=4.1, **base)
    assert not allowed(config, cathode="LiCoO2", thickness_um=3.0, electrolyte_thickness_um=3.5)
    told = config.space().explain({"cathode": "V2O5", "thickness_um": 3.0, **base})
    assert told == ["not together: cathode V2O5, thickness_um above 2 (cracks)"]
