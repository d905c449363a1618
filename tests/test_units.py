import math
import string
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdopt.columns import vocabulary
from pvdopt.errors import DataInvalid
from pvdopt.unit_symbols import UnknownUnitError, normalise
from pvdopt.units import CANONICAL_UNITS, Measured, convert, parse_quantity

# canonical unit -> {spelling: how many canonical units it is}
SPELLINGS = {
    "um": {"um": 1, "µm": 1, "μm": 1, "micron": 1, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "Å": 1e-4, "inch": 25400},
    "nm": {"nm": 1, "µm": 1e3, "angstrom": 0.1},
    "mm": {"mm": 1, "cm": 10, "inch": 25.4},
    "cm2": {"cm2": 1, "cm^2": 1, "cm²": 1, "cm**2": 1, "mm2": 0.01, "mm²": 0.01, "m2": 1e4},
    "V": {"V": 1, "mV": 1e-3, "kV": 1e3, "volts": 1},
    "min": {"min": 1, "minutes": 1, "h": 60, "hr": 60, "s": 1 / 60, "sec": 1 / 60, "d": 1440},
    "h": {"h": 1, "hours": 1, "min": 1 / 60, "d": 24},
    "1/h": {"1/h": 1, "h-1": 1, "/h": 1, "h⁻¹": 1, "C": 1},
    "W": {"W": 1, "kW": 1e3, "mW": 1e-3},
    "W/cm2": {"W/cm2": 1, "W cm-2": 1, "W·cm⁻²": 1, "mW/cm²": 1e-3, "W/in^2": 1 / 6.4516},
    "Hz": {"Hz": 1, "kHz": 1e3, "1/s": 1, "s^-1": 1},
    "Pa": {"Pa": 1, "mTorr": 101.325 / 760, "Torr": 101325 / 760, "mbar": 100, "hPa": 100, "ubar": 0.1, "atm": 101325},
    "sccm": {"sccm": 1, "SCCM": 1, "slm": 1000},
    "um/h": {"um/h": 1, "µm h⁻¹": 1, "nm/min": 0.06, "nm/s": 3.6, "Å/s": 0.36, "um/min": 60},
    "J/cm2": {"J/cm2": 1, "J cm^-2": 1, "mJ/cm²": 1e-3},
    "uA/cm2": {"uA/cm2": 1, "µA cm⁻²": 1, "mA/cm2": 1e3, "mA cm-2": 1e3, "A/m2": 100},
    "uAh/cm2": {"uAh/cm2": 1, "µAh·cm⁻²": 1, "mAh/cm²": 1e3, "mC/cm2": 1 / 3.6, "uA h/cm2": 1},
    "uAh/cm2/um": {
        "uAh/cm2/um": 1,
        "uAh cm-2 um-1": 1,
        "µAh cm⁻² µm⁻¹": 1,
        "μAh·cm−2·μm−1": 1,
        "uAh/(cm2 um)": 1,
        "µAh/(cm²·µm)": 1,
        "uAh/cm^2/um": 1,
        "mAh/cm3": 0.1,
        "mAh cm-3": 0.1,
        "Ah/L": 0.1,
        "C/cm3": 1 / 36,
    },
    "mAh/g": {"mAh/g": 1, "mAh g-1": 1, "mAh g⁻¹": 1, "Ah/kg": 1, "uAh/mg": 1},
    "g/cm3": {"g/cm3": 1, "g cm^-3": 1, "kg/m3": 1e-3, "mg/mm3": 1},
    "%": {"%": 1, "percent": 1},
    "1": {"%": 0.01, "1": 1},
}
PAIRS = [(unit, spelling, factor) for unit, found in SPELLINGS.items() for spelling, factor in found.items()]
TEMPERATURES = {"C": (1, 0), "°C": (1, 0), "degC": (1, 0), "℃": (1, 0), "K": (1, -273.15), "degF": (5 / 9, -160 / 9)}
NUMBERS = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-9)


def test_vocabulary_uses_canonical_units_only():
    used = {column.unit for column in vocabulary().values()} - {""}
    assert used <= set(CANONICAL_UNITS)
    assert set(SPELLINGS) | {"C"} == set(CANONICAL_UNITS)


@pytest.mark.parametrize(("unit", "spelling", "factor"), PAIRS, ids=[f"{s}->{u}" for u, s, _ in PAIRS])
@settings(deadline=None, max_examples=25)  # the first unit that is left to pint waits for its registry
@given(value=NUMBERS)
def test_every_spelling_gives_the_value_back(unit, spelling, factor, value):
    if unit == "1/h" and spelling == "C":
        value = abs(value)
    texts = [f"{value / factor!r} {spelling}"]
    if not spelling.startswith("1"):
        texts.append(f"{value / factor!r}{spelling}")
    for text in texts:
        got = parse_quantity(text, unit)
        assert got.value == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert (got.qualifier, got.sd) == ("=", None)


@pytest.mark.parametrize(("spelling", "scale", "offset"), [(s, *f) for s, f in TEMPERATURES.items()])
@given(value=st.floats(-200, 2000))
def test_temperatures_know_their_zero(spelling, scale, offset, value):
    got = parse_quantity(f"{(value - offset) / scale!r} {spelling}", "C")
    assert got.value == pytest.approx(value, abs=1e-9)


@given(value=NUMBERS, unit=st.sampled_from(CANONICAL_UNITS))
def test_bare_number_is_canonical(value, unit):
    assert parse_quantity(repr(value), unit) == Measured(value)


@given(value=st.floats(0.1, 1000), sd=st.floats(0.01, 10), mark=st.sampled_from(["±", "+-", "+/-", " ± ", " +- "]))
def test_uncertainty_shares_the_unit(value, sd, mark):
    got = parse_quantity(f"{value!r}{mark}{sd!r} mAh/cm3", "uAh/cm2/um")
    assert got.value == pytest.approx(value / 10)
    assert got.sd == pytest.approx(sd / 10)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("58.2 uAh/cm2/um", "uAh/cm2/um", Measured(58.2)),
        ("0.31 mAh/cm2", "uAh/cm2", Measured(310.0)),
        ("93 %", "1", Measured(0.93)),
        ("93%", "1", Measured(0.93)),
        ("93", "1", Measured(93.0)),
        ("93 %", "%", Measured(93.0)),
        (">= 92 %", "1", Measured(0.92, ">=")),
        (">92%", "1", Measured(0.92, ">=")),
        ("≥92 %", "1", Measured(0.92, ">=")),
        ("at least 92 %", "1", Measured(0.92, ">=")),
        ("<=73 %", "1", Measured(0.73, "<=")),
        ("≤ 73 %", "1", Measured(0.73, "<=")),
        ("up to 30", "um", Measured(30.0, "<=")),
        ("~50", "um", Measured(50.0, "~")),
        ("ca. 50 nm", "um", Measured(0.05, "~")),
        ("= 50", "um", Measured(50.0)),
        ("650 C", "C", Measured(650.0)),
        ("923.15 K", "C", Measured(650.0)),
        ("-50 V", "V", Measured(-50.0)),
        ("−50 V", "V", Measured(-50.0)),
        ("+2.5e-3 Torr", "Pa", Measured(0.33330592105263)),
        ("1e-6 mbar", "Pa", Measured(1e-4)),
        ("58.2 +- 1.5", "um", Measured(58.2, "=", 1.5)),
        ("58.2 ± 1.5 uAh/cm2/um", "uAh/cm2/um", Measured(58.2, "=", 1.5)),
        ("58.2 um ± 1.5 um", "um", Measured(58.2, "=", 1.5)),
        ("~600 ± 5 K", "C", Measured(326.85, "~", 5.0)),
        ("93 ± 2 %", "1", Measured(0.93, "=", 0.02)),
        ("0.5C", "1/h", Measured(0.5)),
        ("C/15", "1/h", Measured(1 / 15)),
        ("~10 C", "1/h", Measured(10.0, "~")),
        (".5", "um", Measured(0.5)),
        ("5.", "um", Measured(5.0)),
        ("  5   um ", "um", Measured(5.0)),
    ],
)
def test_reads(text, unit, expected):
    got = parse_quantity(text, unit)
    assert got.qualifier == expected.qualifier
    assert got.value == pytest.approx(expected.value, rel=1e-12)
    assert got.sd == (None if expected.sd is None else pytest.approx(expected.sd))


@pytest.mark.parametrize("text", ["", " ", "n/a", "N/A", "na", "-", "–", "—", "?"])
@pytest.mark.parametrize("unit", CANONICAL_UNITS)
def test_missing_is_none(text, unit):
    assert parse_quantity(text, unit) is None


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("58,2", "um", "Write 58.2."),
        ("~58,2 um", "um", "Write 58.2 um."),
        ("1,000", "um", "or 1000 if a thousand is meant"),
        ("1,234.5", "um", "no thousands separators"),
        ("58.2 ± 1,5", "um", "Write 58.2 +- 1.5"),
        ("nan", "um", "a finite number in um"),
        ("inf", "um", "a finite number in um"),
        ("-inf", "um", "a finite number in um"),
        ("1e999", "um", "a finite number in um"),
        ("1 ± 1e999", "um", "a finite number in um"),
        ("thick", "um", "a finite number in um"),
        ("um", "um", "a finite number in um"),
        (">=", "um", "a finite number in um"),
        ("± 3", "um", "a finite number in um"),
        ("3-5 um", "um", "middle"),
        ("0.3–0.5", "um", "middle"),
        ("3 to 5", "um", "middle"),
        ("2 V", "um", "'V' does not convert to 'um'"),
        ("2 V", "1", "plain or in %"),
        ("5 xyz", "um", "'xyz' is not known"),
        ("5 um/", "um", "cannot be read"),
        ("5 um)", "um", "cannot be read"),
        ("5 (um", "um", "cannot be read"),
        ("5 () um", "um", "cannot be read"),
        ("5 um^99", "um", "cannot be read"),
        ("1 2", "um", "cannot be read"),
        ("5 um ± 3 %", "um", "one unit"),
        ("5 uAh/cm2 um", "uAh/cm2/um", "does not convert"),
        ("137 mAh/g", "uAh/cm2/um", "needs a density"),
        ("64 uAh/cm2", "uAh/cm2/um", "areal_capacity"),
        ("0.5 C", "uA/cm2", "c_rate"),
        ("30 °C", "1/h", "'degC' is not known"),
        ("10 uA/cm2", "1/h", "current_ua_cm2"),
        ("C/0", "1/h", "a finite number"),
        ("10 V", "C", "not a unit of temperature"),
        ("2 at%", "%", "must be"),
        ("10 mol%", "%", "is not known"),
        ("5 rad", "1", "is not known"),
        ("5 dBm", "W", "is not known"),
        ("20 degC", "V", "is not known"),
        ("5 cm3/min", "sccm", "does not convert"),
    ],
)
def test_refuses(text, unit, said):
    with pytest.raises(DataInvalid) as caught:
        parse_quantity(text, unit, column="thickness_um")
    sentence = str(caught.value)
    assert said in sentence
    assert sentence.startswith("thickness_um: must")
    assert repr(text) in sentence


@settings(deadline=None, max_examples=300)
@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from(string.digits + "±.,/-%µuAhcm²() e^*·C"), max_size=20),
    st.sampled_from(CANONICAL_UNITS),
)
def test_any_text_is_a_number_missing_or_refused(text, unit):
    try:
        got = parse_quantity(text, unit)
    except DataInvalid:
        return
    assert got is None or math.isfinite(got.value)


def test_bare_unit_comes_from_a_header():
    assert parse_quantity("450", "um", bare_unit="nm") == Measured(0.45)
    assert parse_quantity("0.5 um", "um", bare_unit="nm") == Measured(0.5)


def test_density_links_mass_and_volume():
    assert parse_quantity("170 mAh/g", "uAh/cm2/um", density_g_cm3=5.035).value == pytest.approx(85.595)
    assert parse_quantity("85.595", "mAh/g", bare_unit="uAh/cm2/um", density_g_cm3=5.035).value == pytest.approx(170)
    with pytest.raises(DataInvalid):
        parse_quantity("64 uAh/cm2", "uAh/cm2/um", density_g_cm3=5.0)


def test_volumetric_capacity_is_a_tenth_of_mah_per_cm3():
    assert convert(57, "uAh/cm2/um", "mAh/cm3") == 570
    assert convert(1, "mAh/cm3", "C/cm3") == pytest.approx(3.6)


@pytest.mark.parametrize(
    ("unit_from", "unit_to"),
    [("um", "V"), ("furlongs per", "um"), ("um", "blah"), ("", "um"), ("u%", "g"), ("%us", "s")],
)
def test_convert_refuses(unit_from, unit_to):
    with pytest.raises(UnknownUnitError):
        convert(1, unit_from, unit_to)


def test_normalise_is_idempotent():
    once = normalise("58.2 µAh·cm⁻²·µm⁻¹")
    assert normalise(once) == once == "58.2 uAh·cm-2·um-1"


def test_common_units_load_no_pint():
    program = (
        "import sys; from pvdopt.units import parse_quantity\n"
        "for text, unit in [('58.2 uAh cm-2 um-1', 'uAh/cm2/um'), ('3 mTorr', 'Pa'), ('923 K', 'C'), ('1', 'um')]:\n"
        "    parse_quantity(text, unit)\n"
        "sys.exit('pint' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("unit", ["/yu9", "nm9·nm9·nm9·nm9·nm9", "/(nm9·nm9·nm9·nm9·nm9)"])
def test_a_unit_beyond_all_measure_is_none(unit: str) -> None:
    with pytest.raises(UnknownUnitError, match="beyond all measure"):
        convert(1.0, unit, "nm")
