import dataclasses
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt.columns import vocabulary
from pvdopt.errors import ConfigInvalid, DataInvalid
from pvdopt.materials import (
    DEFAULT_EXPONENT,
    DEFAULT_LOG10_DIFFUSIVITY,
    anodes,
    cathodes,
    electrolytes,
    methods,
    substrates,
    with_overrides,
)
from pvdopt.theory import (
    areal_from_volumetric,
    c_rate_from_current,
    current_from_c_rate,
    formula_mass,
    gravimetric_from_volumetric,
    theoretical_capacity,
    volumetric_from_areal,
    volumetric_from_gravimetric,
)

TABLES = {f.__name__: f for f in (cathodes, electrolytes, substrates, anodes, methods)}

# formula, lithium per formula, density (g/cm3), mAh/g, uAh/cm2/um: computed apart from this code, rounded to 0.1
THEORY = [
    ("LiCoO2", 0.5, 5.053, 136.9, 69.2),
    ("LiCoO2", 0.62, 5.053, 169.8, 85.8),
    ("LiCoO2", 1, 5.053, 273.8, 138.4),
    ("LiMn2O4", 0.6, 4.281, 88.9, 38.1),
    ("LiMn2O4", 0.8, 4.281, 118.6, 50.8),
    ("LiMn2O4", 1, 4.281, 148.2, 63.5),
    ("LiMn2O4", 2, 4.281, 296.5, 126.9),
    ("Li2Mn2O4", 1, 4.222, 142.7, 60.3),
    ("Li2Mn2O4", 2, 4.222, 285.5, 120.5),
    ("LiNiO2", 0.5, 4.778, 137.3, 65.6),
    ("LiNiO2", 0.7, 4.778, 192.2, 91.8),
    ("LiNiO2", 1, 4.778, 274.5, 131.2),
    ("LiNi0.8Co0.2O2", 0.5, 4.831, 137.2, 66.3),
    ("LiNi0.8Co0.2O2", 0.7, 4.831, 192.1, 92.8),
    ("LiNi0.8Co0.2O2", 1, 4.831, 274.4, 132.5),
    ("LiNi0.3333Mn0.3333Co0.3334O2", 0.5, 4.761, 138.9, 66.1),
    ("LiNi0.3333Mn0.3333Co0.3334O2", 0.57, 4.761, 158.4, 75.4),
    ("LiNi0.3333Mn0.3333Co0.3334O2", 0.72, 4.761, 200.1, 95.3),
    ("LiNi0.3333Mn0.3333Co0.3334O2", 1, 4.761, 277.9, 132.3),
    ("LiNi0.5Mn1.5O4", 1, 4.447, 146.7, 65.2),
    ("LiMn1.35Ni0.65O4", 1, 4.464, 146.3, 65.3),
    ("Li2CoMn3O8", 2, 4.503, 146.6, 66.0),
    ("Li2FeMn3O8", 2, 4.288, 147.9, 63.4),
    ("V2O5", 1, 3.37, 147.4, 49.7),
    ("V2O5", 2, 3.37, 294.7, 99.3),
    ("V2O5", 3, 3.37, 442.1, 149.0),
    ("Ag0.5V2O5", 1, 3.989, 113.7, 45.3),
    ("Ag0.5V2O5", 2, 3.989, 227.3, 90.7),
    ("Ag0.8V2O5", 1, 4.312, 99.9, 43.1),
    ("Ag0.8V2O5", 2, 4.312, 199.9, 86.2),
    ("MoO3", 1, 4.711, 186.2, 87.7),
    ("MoO3", 1.5, 4.711, 279.3, 131.6),
    ("MoO3", 2, 4.711, 372.4, 175.4),
    ("TiO2", 0.5, 3.892, 167.8, 65.3),
    ("TiO2", 1, 3.892, 335.6, 130.6),
    ("TiS2", 1, 3.248, 239.3, 77.7),
    ("TiO0.6S1.6", 1.2, 2.9, 295.7, 85.8),
    ("Li1.2TiO0.5S2.1", 1.2, 2.9, 244.5, 70.9),
    ("FeS2", 2, 5.014, 446.8, 224.0),
    ("FeS2", 4, 5.014, 893.6, 448.1),
    ("LiCoPO4", 1, 3.761, 166.6, 62.7),
    ("FePO4", 1, 3.043, 177.7, 54.1),
    ("FePO4", 1, 3.687, 177.7, 65.5),
    ("FePO3.5N0.33", 1.1, 2.9, 200.0, 58.0),
    ("CuWO4", 2, 7.791, 172.1, 134.1),
    ("CuWO4", 4, 7.791, 344.3, 268.2),
    ("LiFe(WO4)2", 1, 7.136, 48.0, 34.2),
    ("LiFe(WO4)2", 3, 7.136, 144.0, 102.7),
    ("LiFe(WO4)2", 4, 7.136, 192.0, 137.0),
    ("Bi2WO6", 3, 9.506, 115.2, 109.5),
    ("Bi2WO6", 6, 9.506, 230.5, 219.1),
    ("MnO2", 0.8, 4.2, 246.6, 103.6),
]

# mAh/g and uAh/cm2/um as printed side by side in the review, and the density that links them
PRINTED_PAIRS = [
    ("jang2003", 170, 85.6, 5.035),
    ("whitacre2003", 115, 50.4, 4.38),
    ("li2015", 122, 53.4, 4.377),
    ("tan2014 first", 154.2, 69.4, 4.50),
    ("tan2014 last", 127.2, 57.2, 4.497),
    ("sun2019", 145, 64.5, 4.448),
]


@pytest.mark.parametrize(("formula", "lithium", "density", "gravimetric", "volumetric"), THEORY)
def test_theoretical_capacity(formula, lithium, density, gravimetric, volumetric):
    # half a unit of the last digit, or 0.1 % for molar masses from other tables
    got = theoretical_capacity(formula, lithium, density)
    assert got[0] == pytest.approx(gravimetric, rel=1e-3, abs=0.05)
    assert got[1] == pytest.approx(volumetric, rel=1e-3, abs=0.05)


@pytest.mark.parametrize(("name", "gravimetric", "volumetric", "density"), PRINTED_PAIRS)
def test_printed_conversions_of_the_review(name, gravimetric, volumetric, density):
    assert volumetric_from_gravimetric(gravimetric, density) == pytest.approx(volumetric, rel=0.01)
    assert gravimetric_from_volumetric(volumetric, density) == pytest.approx(gravimetric, rel=0.01)


@pytest.mark.parametrize(("c_rate", "current"), [(30, 750), (0.4, 10)])
def test_rate_identity_on_a_printed_pair(c_rate, current):
    # Navone 2011: 0.45 um, 55 uAh/cm2/um; both printed pairs imply 55.6
    assert current_from_c_rate(c_rate, 55.6, 0.45) == pytest.approx(current, rel=0.01)
    assert c_rate_from_current(current, 55.6, 0.45) == pytest.approx(c_rate, rel=0.01)


def test_review_theory_of_lithium_cobalt_oxide():
    window = cathodes()["LiCoO2"].reference_window()
    assert window.capacity_mah_g == pytest.approx(137, rel=0.005)
    assert window.capacity_uah_cm2_um == pytest.approx(69, rel=0.005)


@pytest.mark.parametrize("name", cathodes())
def test_shipped_capacities_follow_from_formula_density_and_lithium(name):
    cathode = cathodes()[name]
    for window in cathode.windows:
        gravimetric, volumetric = theoretical_capacity(cathode.formula, window.li_per_formula, cathode.density_g_cm3)
        assert window.capacity_mah_g == pytest.approx(gravimetric, rel=0.005)
        assert window.capacity_uah_cm2_um == pytest.approx(volumetric, rel=0.005)


@pytest.mark.parametrize(
    ("name", "v_min", "v_max", "capacity"),
    [
        ("LiCoO2", None, None, 69.2),
        ("LiCoO2", 3.0, 4.2, 69.2),
        ("LiCoO2", 3.0, 4.39, 69.2),
        ("LiCoO2", 3.0, 4.4, 85.8),
        ("LiCoO2", None, 4.5, 85.8),
        ("LiMn2O4", None, None, 63.5),
        ("LiMn2O4", 3.5, 4.3, 63.5),
        ("LiMn2O4", 2.5, None, 126.9),
        ("LiMn2O4", 2.0, 4.8, 126.9),
        ("Li2Mn2O4", None, None, 120.5),
        ("LiNiO2", None, None, 91.8),
        ("LiNi0.8Co0.2O2", None, None, 92.8),
        ("NMC111", None, None, 75.4),
        ("NMC111", 2.5, 4.6, 95.3),
        ("LiNi0.5Mn1.5O4", None, None, 65.2),
        ("LiMn1.35Ni0.65O4", None, None, 65.3),
        ("Li2CoMn3O8", None, None, 66.0),
        ("Li2FeMn3O8", None, None, 63.4),
        ("V2O5", None, None, 99.3),
        ("V2O5", None, 3.8, 99.3),
        ("V2O5", 2.8, 3.8, 49.7),
        ("V2O5", 2.0, None, 99.3),
        ("V2O5", 1.5, 3.5, 149.0),
        ("Ag0.5V2O5", None, None, 90.7),
        ("Ag0.8V2O5", None, None, 86.2),
        ("MoO3", 1.5, 3.5, 131.6),
        ("TiO2", None, None, 65.3),
        ("TiS2", None, None, 77.7),
        ("TiOS", None, None, 85.8),
        ("LiTiOS", None, None, 70.9),
        ("FeS2", None, None, 448.1),
        ("LiCoPO4", None, None, 62.7),
        ("FePO4", None, None, 54.1),
        ("FePON", None, None, 58.0),
        ("CuWO4", None, None, 134.1),
        ("LiFe(WO4)2", None, None, 137.0),
        ("Bi2WO6", None, None, 219.1),
        ("LixMnO2", None, None, 103.6),
    ],
)
def test_reference_capacity_depends_on_the_window(name, v_min, v_max, capacity):
    assert cathodes()[name].reference_capacity(v_min, v_max) == pytest.approx(capacity, rel=0.001)


def test_the_anode_shifts_the_window():
    # 1.2 V against lithium lies below the spinel's 3 V step, 1.2 V against Li4Ti5O12 (2.75 V) does not
    spinel = cathodes()["LiMn2O4"]
    assert spinel.reference_capacity(v_min=1.2) == pytest.approx(126.9, rel=0.001)
    potential = anodes()["Li4Ti5O12"].potential_v
    assert spinel.reference_capacity(v_min=1.2, anode_potential_v=potential) == pytest.approx(63.5, rel=0.001)


@given(name=st.sampled_from(sorted(cathodes())), v_min=st.floats(0, 5), v_max=st.floats(0, 5), wider=st.floats(0, 2))
def test_a_wider_window_never_holds_less(name, v_min, v_max, wider):
    cathode = cathodes()[name]
    inner = cathode.reference_capacity(v_min, v_max)
    outer = cathode.reference_capacity(v_min - wider, v_max + wider)
    assert 0 < inner <= outer <= cathode.largest_capacity()


@pytest.mark.parametrize(
    ("name", "capacity"), [("LiCoO2", 138.4), ("LiMn2O4", 126.9), ("V2O5", 149.0), ("MoO3", 175.4), ("CuWO4", 268.2)]
)
def test_largest_capacity(name, capacity):
    assert cathodes()[name].largest_capacity() == pytest.approx(capacity, rel=0.001)


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_read_only_and_keyed_by_name(table):
    rows = TABLES[table]()
    assert all(key == row.name for key, row in rows.items())
    assert TABLES[table]() is rows
    with pytest.raises(TypeError):
        rows["new"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        next(iter(rows.values())).name = "other"


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("cathode", cathodes),
        ("electrolyte", electrolytes),
        ("substrate", substrates),
        ("anode", anodes),
        ("method", methods),
    ],
)
def test_vocabulary_takes_its_levels_from_the_tables(column, rows):
    assert vocabulary()[column].levels == tuple(rows())


def test_families_belong_to_one_class():
    pairs = {(row.family, row.cathode_class) for row in cathodes().values()}
    assert len({family for family, _ in pairs}) == len(pairs)
    assert {name for name, row in cathodes().items() if row.cathode_class == "conversion"} == {
        "FeS2",
        "CuWO4",
        "LiFe(WO4)2",
        "Bi2WO6",
        "Bi2O3",
    }


def test_cathodes_made_without_lithium_hold_none():
    for row in cathodes().values():
        assert row.lithium_free == ("Li" not in row.formula), row.name


def test_bias_is_possible_where_the_vocabulary_lets_it_apply():
    allowed = set(vocabulary()["bias_kind"].parent_levels)
    assert {name for name, row in methods().items() if row.bias_possible} == allowed
    assert {row.family for row in methods().values()} == {"sputter", "pld", "evaporation"}


def _figures():
    """Yield (where, figure, source, verified) for everything the tables flag."""
    for rows in (
        *TABLES.values(),
        lambda: {f"{w.cathode} {w.role}": w for c in cathodes().values() for w in c.windows},
    ):
        for name, row in rows().items():
            for flag in (f.name for f in dataclasses.fields(row) if f.name.endswith("verified")):
                stem = flag.removesuffix("verified")
                yield pytest.param(getattr(row, f"{stem}source"), getattr(row, flag), id=f"{name}-{flag}")


@pytest.mark.parametrize(("source", "verified"), list(_figures()))
def test_every_unverified_figure_says_so(source, verified):
    assert source or not verified
    assert verified != ("unverified" in source) or not source


def test_assumed_densities_are_not_verified():
    for row in cathodes().values():
        assert row.density_verified == (row.density_basis in ("lattice", "tabulated")), row.name
    assert {name for name, row in cathodes().items() if row.density_basis == "assumed"} == {
        "TiOS",
        "LiTiOS",
        "FePON",
        "LixMnO2",
    }


def test_every_source_is_stated():
    for rows in TABLES.values():
        for row in rows().values():
            for field in dataclasses.fields(row):
                stem = field.name.removesuffix("_source").removesuffix("_basis")
                if stem != field.name and getattr(row, f"{stem}_verified", True):
                    assert getattr(row, field.name), (row.name, field.name)


def test_fitted_constants_name_publications_and_defaults_do_not():
    for row in cathodes().values():
        prior = (row.log10_diffusivity, row.log10_diffusivity_sd)
        assert (prior == DEFAULT_LOG10_DIFFUSIVITY) == (row.diffusivity_fitted_on == ()), row.name
        assert (row.exponent == DEFAULT_EXPONENT) == (row.exponent_fitted_on == ()), row.name


def test_held_out_publications_are_forgotten():
    cobalt = cathodes()["LiCoO2"]
    assert cobalt.without_sources({"bates2000a"}) == cobalt
    without_navone = cobalt.without_sources({"navone2011"})
    assert (without_navone.log10_diffusivity, without_navone.log10_diffusivity_sd) == DEFAULT_LOG10_DIFFUSIVITY
    assert without_navone.exponent == cobalt.exponent
    without_matsuda = cobalt.without_sources(["matsuda2018"])
    assert without_matsuda.exponent == DEFAULT_EXPONENT
    assert without_matsuda.diffusivity_fitted_on == without_matsuda.exponent_fitted_on == ()
    assert without_matsuda.reference_capacity() == cobalt.reference_capacity()


def test_density_override_rescales_every_capacity():
    before = cathodes()["TiOS"]
    after = with_overrides(before, "weighed film", density_g_cm3=3.2)
    assert after.reference_capacity() == pytest.approx(before.reference_capacity() * 3.2 / 2.9)
    assert after.largest_capacity() == pytest.approx(before.largest_capacity() * 3.2 / 2.9)
    assert (after.density_source, after.density_verified) == ("weighed film", True)
    assert before == cathodes()["TiOS"]


def test_lithium_override_holds_in_every_window():
    after = with_overrides(cathodes()["LiCoO2"], li_per_formula=0.55, density_g_cm3=4.8)
    expected = theoretical_capacity("LiCoO2", 0.55, 4.8)[1]
    assert after.reference_capacity() == pytest.approx(expected, rel=1e-3)
    assert after.reference_capacity(v_max=4.6) == pytest.approx(expected, rel=1e-3)
    assert after.largest_capacity() == pytest.approx(theoretical_capacity("LiCoO2", 1, 4.8)[1], rel=1e-3)


def test_prior_overrides_forget_what_they_were_fitted_on():
    after = with_overrides(cathodes()["LiCoO2"], log10_diffusivity=-11, exponent=1.0, reference_rel_sd=0)
    assert after.diffusivity_fitted_on == after.exponent_fitted_on == ()
    assert after.without_sources({"navone2011", "matsuda2018"}) == after


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"density_g_cm3": 0}, "density_g_cm3"),
        ({"density_g_cm3": -5.0}, "density_g_cm3"),
        ({"density_g_cm3": math.nan}, "density_g_cm3"),
        ({"exponent": math.inf}, "exponent"),
        ({"li_per_formula": 0.0}, "li_per_formula"),
        ({"log10_diffusivity": -math.inf}, "log10_diffusivity"),
        ({"capacity": 70.0}, "capacity"),
    ],
)
def test_impossible_overrides_are_refused(changes, said):
    with pytest.raises(ConfigInvalid, match=said):
        with_overrides(cathodes()["LiCoO2"], **changes)


def test_all_bad_overrides_are_told_at_once():
    with pytest.raises(ConfigInvalid) as caught:
        with_overrides(cathodes()["LiCoO2"], density_g_cm3=-1, exponent=0)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(("formula", "mass"), [("LiCoO2", 97.871), ("LiFe(WO4)2", 558.457), ("Ag0.5V2O5", 235.813)])
def test_formula_mass(formula, mass):
    assert formula_mass(formula) == pytest.approx(mass, abs=0.01)


@pytest.mark.parametrize("formula", ["", "Xx2", "licoo2", "LiCo)O2", "LiNi1/3O2", "LiCoO2 film", "12"])
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(DataInvalid, match="chemical formula"):
        formula_mass(formula)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_divisors_must_be_positive(bad):
    for call in (
        lambda: volumetric_from_gravimetric(137, bad),
        lambda: gravimetric_from_volumetric(69, bad),
        lambda: volumetric_from_areal(69, bad),
        lambda: c_rate_from_current(10, bad, 1),
        lambda: current_from_c_rate(1, 69, bad),
        lambda: theoretical_capacity("LiCoO2", bad, 5),
    ):
        with pytest.raises(ValueError, match="must be positive and finite"):
            call()


@given(value=st.floats(0.1, 1e3), other=st.floats(0.01, 50), thickness=st.floats(0.01, 50))
def test_conversions_undo_each_other(value, other, thickness):
    assert gravimetric_from_volumetric(volumetric_from_gravimetric(value, other), other) == pytest.approx(value)
    assert volumetric_from_areal(areal_from_volumetric(value, thickness), thickness) == pytest.approx(value)
    current = current_from_c_rate(other, value, thickness)
    assert c_rate_from_current(current, value, thickness) == pytest.approx(other)


def test_reference_capacities_load_no_heavy_package():
    program = (
        "import sys; from pvdopt.materials import cathodes, with_overrides\n"
        "with_overrides(cathodes()['LiCoO2'], density_g_cm3=4.9).reference_capacity(3.0, 4.4)\n"
        "sys.exit(bool({'periodictable', 'numpy', 'pandas', 'pint'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_caution_names_its_source_and_lies_below_what_the_substrate_stands() -> None:
    careful = [s for s in substrates().values() if s.caution or s.caution_source or s.caution_temperature_c is not None]
    assert [s.name for s in careful] == ["Pt/Ti/Si"]
    for s in careful:
        assert s.caution
        assert s.caution_source
        assert s.caution_temperature_c is not None
        assert s.caution_temperature_c < s.max_temperature_c
