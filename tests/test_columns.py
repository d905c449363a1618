"""The vocabulary is sound in itself: limits, levels, conditions and units that fit each other."""

import pytest

from pvdopt.cells.table import fault_of
from pvdopt.columns import Column, column, names, vocabulary
from pvdopt.materials import anodes, cathodes, electrolytes, methods, substrates
from pvdopt.units import CANONICAL_UNITS

ALL = list(vocabulary().values())
NUMBERS = [c for c in ALL if c.kind == "number"]
CONDITIONAL = [c for c in ALL if c.parent]
#: How the end of a name tells the unit.
ENDINGS = {
    "um": "um", "nm": "nm", "mm": "mm", "c": "C", "v": "V", "w": "W", "w_cm2": "W/cm2", "hz": "Hz", "pa": "Pa",
    "sccm": "sccm", "um_h": "um/h", "j_cm2": "J/cm2", "min": "min", "cm2": "cm2", "ua_cm2": "uA/cm2",
    "g_cm3": "g/cm3", "percent": "%",
}  # fmt: skip
#: Names whose unit is told by the design's words for them.
NAMED_OTHERWISE = {
    "v_min", "v_max", "c_rate", "cycles", "capacity_cycle", "printed_capacity", "final_capacity", "ratio", "capacity",
    "areal_capacity", "gravimetric_capacity", "retention", "capacity_sd", "retention_sd", "duty_cycle",
    "oxygen_fraction",
}  # fmt: skip


def ids(columns: list[Column]) -> list[str]:
    return [c.name for c in columns]


@pytest.mark.parametrize("c", ALL, ids=ids(ALL))
def test_every_column_says_what_it_means(c: Column) -> None:
    assert c.kind in ("number", "category", "text")
    assert c.group
    assert c.meaning
    assert (c.kind == "category") == bool(c.levels)
    assert len(set(c.levels)) == len(c.levels)
    assert bool(c.parent) == bool(c.parent_levels)


@pytest.mark.parametrize("c", NUMBERS, ids=ids(NUMBERS))
def test_every_number_has_limits_with_a_basis_and_a_unit_its_name_tells(c: Column) -> None:
    if c.group == "printed" and c.unit == "":
        assert (c.low, c.high) == (None, None)
        return
    assert c.low is not None
    assert c.high is not None
    assert c.low < c.high
    assert c.limits_basis
    assert c.unit in CANONICAL_UNITS
    if c.name not in NAMED_OTHERWISE:
        ending = max((e for e in ENDINGS if c.name.endswith(f"_{e}")), key=len)
        assert ENDINGS[ending] == c.unit


@pytest.mark.parametrize("c", CONDITIONAL, ids=ids(CONDITIONAL))
def test_every_condition_can_be_met_and_broken(c: Column) -> None:
    parent = vocabulary()[c.parent]
    assert parent.kind == "category"
    assert set(c.parent_levels) < set(parent.levels)
    assert list(vocabulary()).index(c.parent) < list(vocabulary()).index(c.name)
    if c.absent_value:
        assert fault_of(c, c.absent_value) is None


def test_the_conditions_of_the_design() -> None:
    assert "none" not in vocabulary()["anneal_temperature_c"].parent_levels
    assert "none" not in vocabulary()["bias_v"].parent_levels
    with_bias = set(vocabulary()["bias_kind"].parent_levels)
    assert with_bias == {name for name, method in methods().items() if method.bias_possible}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("cathode", cathodes),
        ("electrolyte", electrolytes),
        ("anode", anodes),
        ("substrate", substrates),
        ("method", methods),
    ],
)
def test_materials_are_the_tables(name: str, table: object) -> None:
    assert vocabulary()[name].levels == tuple(table())  # type: ignore[operator]


def test_families_are_those_of_the_cathodes() -> None:
    assert set(vocabulary()["cathode_family"].levels) == {c.family for c in cathodes().values()}


def test_column_finds_names_and_nothing_else() -> None:
    bias = column("bias_v")
    assert bias is not None
    assert (bias.unit, bias.low, bias.high, bias.parent, bias.absent_value) == ("V", -300, 0, "bias_kind", "0")
    assert column("bias") is None


def test_names_by_group_and_kind() -> None:
    assert names() == tuple(vocabulary())
    assert names("anneal", kind="category") == ("anneal_kind", "anneal_atmosphere", "post_anneal_kind")
    assert set(names("anneal", "protocol")) == set(names("anneal")) | set(names("protocol"))
    assert names("no such group") == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thickness_um", "in [0.005, 50] um"),
        ("duty_cycle", "in [0, 1]"),
        ("printed_capacity", "a number"),
        ("note", "a text"),
        ("cell_kind", "one of solid, liquid"),
    ],
)
def test_ranges_in_words(name: str, text: str) -> None:
    assert vocabulary()[name].range_text() == text
