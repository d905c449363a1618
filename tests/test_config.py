"""Campaign files: the shipped ones, what follows from machine and materials, round trips, the schema."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvdopt.campaign.beliefs import gather_evidence
from pvdopt.choice.candidates import draw_recipes
from pvdopt.config import CampaignConfig, json_schema, load_config, shipped_config, shipped_names
from pvdopt.config.schema import CathodeOverride, ConfigFile
from pvdopt.errors import ConfigInvalid
from pvdopt.evidence import Evidence
from pvdopt.materials import OVERRIDABLE
from pvdopt.objectives import Protocol
from pvdopt.space import Categorical, Continuous, Stepped

SHIPPED = (
    "any_cathode.toml",
    "areal_capacity.toml",
    "flexible_substrate.toml",
    "lco_lipon.toml",
    "lco_runs.toml",
    "own_cathode.toml",
)


def make(**changes: Any) -> dict[str, Any]:
    """Return the content of a small campaign file, with tables replaced."""
    raw: dict[str, Any] = {
        "campaign": {"name": "small"},
        "parameters": {"thickness_um": {"low": 0.1, "high": 5, "log": True}},
        "objectives": {"capacity": {"maximize": True}},
    }
    return raw | changes


# -- shipped -----------------------------------------------------------------------------------------------------


def test_all_kinds_of_problem_are_shipped() -> None:
    assert tuple(shipped_names()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_loads_and_leaves_recipes(name: str) -> None:
    config = load_config(name)
    assert config.name == name.removesuffix(".toml")
    assert config.doubts == ()
    recipes = draw_recipes(config.space(), 500, np.random.default_rng(0))
    assert len(recipes) == 500
    for parameter in config.space().parameters:
        if isinstance(parameter, Categorical):
            assert set(parameter.choices) <= set(recipes[parameter.name]), f"{parameter.name}: some are never drawn"


def test_the_main_file_asks_for_what_it_says() -> None:
    config = load_config("lco_lipon")
    space = config.space()
    assert set(space.names) == {
        "bias_kind", "bias_v", "anneal_kind", "anneal_temperature_c", "thickness_um", "electrolyte",
    }  # fmt: skip
    electrolyte = space["electrolyte"]
    assert isinstance(electrolyte, Categorical)
    assert electrolyte.choices[0] == "Lipon"
    wanted = {o.name: (o.maximize, o.threshold) for o in config.objectives()}
    assert wanted == {"capacity": (True, None), "retention": (True, None), "areal_capacity": (None, 30.0)}
    assert config.protocol() == Protocol(10.0, None, 3.0, 4.2, 100.0, 25.0)
    assert config.evidence_fixed()["cathode"] == "LiCoO2"
    assert config.uses_reported
    text = shipped_config("lco_lipon").read_text(encoding="utf-8")
    assert "the thinnest film always wins" in text
    assert "(unverified)" in text


def test_a_file_that_is_there_wins_over_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lco_lipon.toml").write_text(
        '[campaign]\nname = "mine"\n[parameters]\nthickness_um = { low = 1, high = 2 }\n'
        "[objectives]\ncapacity = { maximize = true }\n",
        encoding="utf-8",
    )
    assert load_config("lco_lipon.toml").name == "lco_lipon"
    monkeypatch.chdir(tmp_path)
    assert load_config("lco_lipon.toml").name == "mine"


def test_loading_is_light() -> None:
    heavy = "('sklearn', 'scipy', 'pint', 'optuna', 'periodictable', 'sqlalchemy')"
    code = (
        "import sys; from pvdopt.config import load_config; load_config('lco_lipon.toml'); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- what values become ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"low": 0.1, "high": 5}, (0.1, 5.0, None)),
        ({"low": "100 nm", "high": "5 um"}, (0.1, 5.0, None)),
        ({"low": 100, "high": 5000, "unit": "nm"}, (0.1, 5.0, None)),
        ({"low": "0.1", "high": 5, "resolution": "10 nm"}, (0.1, 5.0, 0.01)),
    ],
    ids=["numbers", "texts", "unit", "resolution"],
)
def test_bounds_are_read_in_any_unit_of_length(table: dict[str, Any], expected: tuple[Any, ...]) -> None:
    parameter = CampaignConfig.from_dict(make(parameters={"thickness_um": table})).space()["thickness_um"]
    assert isinstance(parameter, Continuous)
    assert (parameter.low, parameter.high, parameter.resolution) == pytest.approx(expected)
    assert parameter.unit == "um"


def test_a_step_is_a_difference_where_the_unit_has_an_offset() -> None:
    table = {"low": 473.15, "high": 1073.15, "step": 10, "unit": "K"}
    raw = make(parameters={"anneal_temperature_c": table}, fixed={"anneal_kind": "furnace"})
    parameter = CampaignConfig.from_dict(raw).space()["anneal_temperature_c"]
    assert isinstance(parameter, Stepped)
    assert (parameter.low, parameter.high, parameter.step) == pytest.approx((200, 800, 10))
    table = {"low": "200 C", "high": "1073.15 K", "step": "10 K"}
    again = CampaignConfig.from_dict(make(parameters={"anneal_temperature_c": table}, fixed={"anneal_kind": "rta"}))
    assert again.space()["anneal_temperature_c"] == parameter


def test_the_condition_of_the_vocabulary_holds_where_a_file_states_none() -> None:
    raw = make(
        parameters={
            "anneal_kind": {"choices": ["none", "furnace"]},
            "anneal_temperature_c": {"low": 300, "high": 700},
        }
    )
    space = CampaignConfig.from_dict(raw).space()
    assert space["anneal_temperature_c"].when == {"anneal_kind": ("furnace",)}


def test_directions_and_thresholds() -> None:
    raw = make(
        objectives={
            "capacity": {"maximize": True},
            "retention": {"threshold": "80 %"},
            "hours": {"minimize": True, "threshold": 10, "unit": "h"},
        },
        protocol={"cycles": 50, "c_rate": "C/2"},
    )
    config = CampaignConfig.from_dict(raw)
    assert [(o.name, o.maximize, o.threshold) for o in config.objectives()] == [
        ("capacity", True, None),
        ("retention", None, pytest.approx(0.8)),
        ("hours", False, 10.0),
    ]
    assert config.protocol() == Protocol(c_rate=0.5, cycles=50)
    assert ["hours" in doubt.sentence() for doubt in config.doubts] == [True]


def test_a_cathode_takes_the_labs_own_figures() -> None:
    raw = make(materials={"cathodes": {"LiCoO2": {"density_g_cm3": 4.8}}})
    config = CampaignConfig.from_dict(raw)
    assert config.cathodes["LiCoO2"].density_g_cm3 == 4.8
    assert config.fingerprint() != CampaignConfig.from_dict(make()).fingerprint()
    of_new_ones = {"formula", "cathode_class", "lithium_free", "source"}
    assert set(CathodeOverride.model_fields) - of_new_ones == set(OVERRIDABLE)


# -- round trip, fingerprint, schema -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_a_config_survives_being_written_out(name: str) -> None:
    config = load_config(name)
    again = CampaignConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again.fingerprint() == config.fingerprint()
    assert again.content == config.content


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"campaign": {"name": "other", "description": "in other words"}}, True),
        ({"campaign": {"name": "small", "seed": 0, "evidence": ["reported"]}}, True),
        ({"parameters": {"thickness_um": {"low": "100 nm", "high": "5 um", "log": True}}}, True),
        ({"campaign": {"name": "small", "seed": 1}}, False),
        ({"parameters": {"thickness_um": {"low": 0.1, "high": 5}}}, False),
        ({"parameters": {"thickness_um": {"low": 0.1, "high": 6, "log": True}}}, False),
        ({"fixed": {"substrate": "Si"}}, False),
        ({"objectives": {"capacity": {"maximize": True, "threshold": 10}}}, False),
        ({"protocol": {"cycles": 50}}, False),
    ],
)
def test_the_fingerprint_changes_with_the_meaning_only(changes: dict[str, Any], is_same: bool) -> None:
    before = CampaignConfig.from_dict(make()).fingerprint()
    assert (CampaignConfig.from_dict(make(**changes)).fingerprint() == before) is is_same


def tables_in(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from tables_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from tables_in(value)


def test_the_schema_is_json_closed_and_complete() -> None:
    schema = json.loads(json.dumps(json_schema()))
    tables = list(tables_in(schema))
    assert len(tables) > 10
    assert all(table["additionalProperties"] is False for table in tables)
    references = {r for r in json.dumps(schema).split('"') if r.startswith("#/$defs/")}
    assert {r.removeprefix("#/$defs/") for r in references} <= set(schema["$defs"])
    assert set(schema["properties"]) == set(ConfigFile.model_fields)
    assert {"type": "string"} in schema["properties"]["machine"]["anyOf"]
    assert "tpe" in schema["$defs"]["CampaignTable"]["properties"]["sampler"]["enum"]
    assert "from" in schema["$defs"]["RangeTable"]["properties"]


def test_a_missing_file_names_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigInvalid, match=r"lco_lipo: there is no such campaign file\. Did you mean lco_lipon\.toml\?"
    ):
        load_config("lco_lipo")
    # Names that have little but the ending in common are no slips of each other.
    with pytest.raises(ConfigInvalid, match=r"films: there is no such campaign file\. Shipped are any_cathode\.toml, "):
        load_config("films")
    with pytest.raises(ConfigInvalid, match="there is no such campaign file"):
        load_config(tmp_path / "lco_lipon.toml")


# -- a cathode that the table lacks ------------------------------------------------------------------------------


def own_cathode(**figures: Any) -> CampaignConfig:
    told = {"formula": "LiFePO4", "li_per_formula": 1.0, "density_g_cm3": 3.6, "source": "by hand"} | figures
    return CampaignConfig.from_dict(make(fixed={"cathode": "LiFePO4"}, materials={"cathodes": {"LiFePO4": told}}))


def test_a_cathode_that_the_table_lacks_follows_from_its_formula() -> None:
    cathode = own_cathode(cathode_class="phosphate", lithium_free=False, nominal_voltage_v=3.4).cathodes["LiFePO4"]
    # 96485.332 / 3.6 / 157.757 g/mol
    assert cathode.reference_window().capacity_mah_g == pytest.approx(169.9, abs=0.05)
    assert cathode.reference_capacity(2.5, 4.0) == pytest.approx(61.2, abs=0.05)
    assert (cathode.cathode_class, cathode.nominal_voltage_v) == ("phosphate", 3.4)
    assert cathode.density_source == "by hand"


def test_physics_knows_a_cathode_of_the_campaign() -> None:
    config = own_cathode(cathode_class="phosphate")
    evidence = gather_evidence(config)
    asked = evidence.complete(pd.DataFrame({"thickness_um": [0.5]}))
    assert asked["cathode_class"].tolist() == ["phosphate"]
    mean, variance = evidence.prior("capacity").mean(asked)
    lighter, _ = gather_evidence(own_cathode(density_g_cm3=1.8)).prior("capacity").mean(asked)
    assert mean[0] - lighter[0] == pytest.approx(math.log(2), abs=0.15)
    _, wide = Evidence.reported(fixed={"cathode": "nobody knows"}).prior("capacity").mean(asked)
    assert variance[0] < wide[0]


def test_own_figures_of_a_known_cathode_keep_their_source() -> None:
    figures = {"LiCoO2": {"density_g_cm3": 4.8, "source": "weighed"}}
    config = CampaignConfig.from_dict(make(materials={"cathodes": figures}))
    assert config.cathodes["LiCoO2"].density_source == "weighed"
