"""What a wrong campaign file gets: one clear sentence a fault, with file, line and key, all at once, exit code 3."""

from __future__ import annotations

import contextlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvdopt.config import CampaignConfig, load_config, shipped_config, shipped_names
from pvdopt.errors import ConfigInvalid

GOOD = """\
[campaign]
name = "lab"
[fixed]
cathode = "LiCoO2"
method = "rf_sputtering"
substrate = "mica"
[parameters.anneal_kind]
choices = ["none", "furnace"]
[parameters.anneal_temperature_c]
low = 200
high = 500
step = 10
when = { anneal_kind = ["furnace"] }
[parameters.thickness_um]
low = 0.1
high = 3
[protocol]
cycles = 100
[objectives.capacity]
maximize = true
[objectives.retention]
maximize = true
[machine.steps]
anneal_temperature_c = 10
"""
WITHOUT_MACHINE = GOOD.split("[machine", maxsplit=1)[0]


def faults(tmp_path: Path, text: str) -> list[str]:
    """Return the sentences a file's faults get."""
    file = tmp_path / "lab.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        load_config(file)
    assert caught.value.exit_code == 3
    return str(caught.value).splitlines()


def test_the_good_file_is_good(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(GOOD, encoding="utf-8")
    assert load_config(tmp_path / "lab.toml").doubts == ()


#: id -> (line of the good file, what stands there instead, the sentence it gets)
CHANGED = {
    "wrong-key": (
        "low = 0.1",
        "lo = 0.1\nlow = 0.1",
        "lab.toml, line 15, parameters.thickness_um.lo: is not a known key. Did you mean low?",
    ),
    "wrong-table": (
        "[protocol]",
        "[protocols]",
        "lab.toml, line 17, protocols: is not a known key. Did you mean protocol?",
    ),
    "no-name": ('name = "lab"', "seed = 1", "lab.toml, line 1, campaign.name: is missing."),
    "name-of-a-path": (
        'name = "lab"',
        'name = "../lab"',
        "lab.toml, line 2, campaign.name: must be letters, digits, _ and - only, since it names a "
        "folder, got '../lab'.",
    ),
    "unknown-sampler": (
        'name = "lab"',
        'name = "lab"\nsampler = "tpee"',
        "lab.toml, line 3, campaign.sampler: must be one of surrogate, tpe, nsga2, cmaes, qmc, random, got 'tpee'. "
        "Did you mean tpe?",
    ),
    "unknown-surrogate": (
        'name = "lab"',
        'name = "lab"\nsurrogate = "forrest"',
        "lab.toml, line 3, campaign.surrogate: must be one of gaussian_process, forest, boosting, ridge, mixture, "
        "theory, climatology, got 'forrest'. Did you mean forest?",
    ),
    "negative-seed": (
        'name = "lab"',
        'name = "lab"\nseed = -1',
        "lab.toml, line 3, campaign.seed: must be at least 0, got -1.",
    ),
    "seed-not-whole": (
        'name = "lab"',
        'name = "lab"\nseed = 1.5',
        "lab.toml, line 3, campaign.seed: must be a whole number, got 1.5.",
    ),
    "unknown-evidence": (
        'name = "lab"',
        'name = "lab"\nevidence = "reportd"',
        'lab.toml, line 3, campaign.evidence: must be "reported", "none" or the names of CSV files, got \'reportd\'. '
        "Did you mean reported?",
    ),
    "missing-evidence": (
        'name = "lab"',
        'name = "lab"\nevidence = ["reported", "own.csv"]',
        "lab.toml, line 3, campaign.evidence: there is no such file beside the campaign file, got 'own.csv'.",
    ),
    "reversed-bound": (
        "high = 3",
        "high = 0.05",
        "lab.toml, line 15, parameters.thickness_um.low: must lie below high, which is 0.05 um, got 0.1.",
    ),
    "unknown-unit": (
        "high = 3",
        'high = "5 umm"',
        "lab.toml, line 16, parameters.thickness_um.high: must be a finite number in um, got '5 umm'. "
        "The unit 'umm' is not known. Write the number alone if it is in this unit.",
    ),
    "unit-of-another-kind": (
        "high = 3",
        "high = 5\nunit = 'V'",
        "lab.toml, line 17, parameters.thickness_um.unit: must be a unit of um, got 'V'. 'V' does not convert to 'um'.",
    ),
    "not-a-number": (
        "high = 3",
        "high = true",
        "lab.toml, line 16, parameters.thickness_um.high: must be a finite number, or a text with its unit such as "
        '"650 C", got True.',
    ),
    "not-finite": (
        "high = 3",
        "high = inf",
        "lab.toml, line 16, parameters.thickness_um.high: must be a finite number, or a text with its unit such as "
        '"650 C", got inf.',
    ),
    "outside-the-limits": (
        "high = 500",
        "high = 5000",
        "lab.toml, line 11, parameters.anneal_temperature_c.high: must lie in [50, 1000] C, got 5000.",
    ),
    "no-bound": ("high = 3", "", "lab.toml, line 14, parameters.thickness_um: must have low and high, or choices."),
    "step-too-wide": (
        "step = 10",
        "step = 400",
        "lab.toml, line 9, parameters.anneal_temperature_c: step must lie in (0, high - low], got 400.",
    ),
    "negative-step": (
        "step = 10",
        "step = -10",
        "lab.toml, line 12, parameters.anneal_temperature_c.step: must be above 0, got -10.",
    ),
    "log-from-zero": (
        "low = 0.1",
        "low = 0\nlog = true",
        "lab.toml, line 15, parameters.thickness_um.low: must lie in [0.005, 50] um, got 0.",
    ),
    "step-and-resolution": (
        "step = 10",
        "step = 10\nresolution = 20",
        "lab.toml, line 13, parameters.anneal_temperature_c.resolution: does not go with step. Take one of them out.",
    ),
    "misspelt-parameter": (
        "[parameters.thickness_um]",
        "[parameters.thicknes_um]",
        "lab.toml, line 14, parameters.thicknes_um: is not in the vocabulary. "
        "Did you mean thickness_um, or say own = true if it is a setting of your own?",
    ),
    "outcome-as-parameter": (
        "[parameters.thickness_um]",
        "[parameters.areal_capacity]",
        "lab.toml, line 14, parameters.areal_capacity: is something observed or derived, not a setting. Leave it out.",
    ),
    "test-condition-as-parameter": (
        "[parameters.thickness_um]",
        "[parameters.c_rate]",
        "lab.toml, line 14, parameters.c_rate: is a test condition, not a setting. Move it to [protocol].",
    ),
    "twice": (
        'substrate = "mica"',
        'substrate = "mica"\nthickness_um = 1',
        "lab.toml, line 15, parameters.thickness_um: is declared twice: in [parameters] and in [fixed]. "
        "Take one of them out.",
    ),
    "choices-for-a-number": (
        "low = 0.1\nhigh = 3",
        'choices = ["thin", "thick"]',
        "lab.toml, line 15, parameters.thickness_um.choices: must not be given for a number. "
        "Give low and high, and step if need be.",
    ),
    "bounds-for-a-choice": (
        'choices = ["none", "furnace"]',
        "low = 1\nhigh = 2",
        "lab.toml, line 7, parameters.anneal_kind: must have choices among none, furnace, rta.",
    ),
    "unknown-level": (
        'choices = ["none", "furnace"]',
        'choices = ["none", "furnace", "oven"]',
        "lab.toml, line 8, parameters.anneal_kind.choices: must be one of none, furnace, rta, got 'oven'.",
    ),
    "level-that-says-nothing": (
        'choices = ["none", "furnace"]',
        'choices = ["furnace", "unspecified"]',
        "lab.toml, line 8, parameters.anneal_kind.choices: must say which one; this stands for what a publication "
        "leaves open, got 'unspecified'.",
    ),
    "one-choice": (
        'choices = ["none", "furnace"]',
        'choices = ["furnace"]',
        "lab.toml, line 8, parameters.anneal_kind.choices: at least two choices are needed; a "
        "single one belongs to fixed.",
    ),
    "unknown-substrate": (
        'substrate = "mica"',
        'substrate = "mikca"',
        "lab.toml, line 6, fixed.substrate: must be one of the 15 known, got 'mikca'. Did you mean mica? "
        "All of them: `pvdopt config names substrate`.",
    ),
    "parent-not-declared": (
        "when = { anneal_kind",
        "when = { anneal_kinds",
        "lab.toml, line 13, parameters.anneal_temperature_c.when: names anneal_kinds, which is declared neither in "
        "[parameters] nor in [fixed]. Did you mean anneal_kind?",
    ),
    "parent-never-so": (
        'when = { anneal_kind = ["furnace"] }',
        'when = { anneal_kind = ["rta"] }',
        "lab.toml, line 13, parameters.anneal_temperature_c.when: must name choices of anneal_kind: none, furnace, "
        "got 'rta'.",
    ),
    "applies-never": (
        'when = { anneal_kind = ["furnace"] }',
        'when = { anneal_kind = ["none"] }',
        "lab.toml, line 13, parameters.anneal_temperature_c.when: must leave out none: anneal_temperature_c does not "
        "apply with anneal_kind none.",
    ),
    "parent-of-the-vocabulary-missing": (
        "[parameters.thickness_um]",
        "[parameters.bias_v]\nlow = -100\nhigh = -10\n[parameters.thickness_um]",
        "lab.toml, line 14, parameters.bias_v: applies only where bias_kind is rf or dc, which is not "
        "declared. Declare bias_kind in [parameters] or [fixed].",
    ),
    "fixed-at-what-rules-it-out": (
        'substrate = "mica"',
        'substrate = "mica"\nlaser_fluence_j_cm2 = 2',
        "lab.toml, line 7, fixed.laser_fluence_j_cm2: applies only where method is pld; here it is rf_sputtering. "
        "Leave it out.",
    ),
    "no-direction": (
        "maximize = true\n[objectives.retention]\nmaximize = true",
        "threshold = 50\n[objectives.retention]\nthreshold = 0.8",
        "lab.toml, objectives: must hold at least one outcome with maximize = true or minimize = true.",
    ),
    "both-directions": (
        "maximize = true\n[objectives.retention]",
        "maximize = true\nminimize = true\n[objectives.retention]",
        "lab.toml, line 19, objectives.capacity: cannot both maximize and minimize. Take one of them out.",
    ),
    "neither-direction-nor-threshold": (
        "maximize = true\n[objectives.retention]",
        "[objectives.retention]",
        "lab.toml, line 19, objectives.capacity: must have maximize = true, minimize = true or a threshold.",
    ),
    "misspelt-outcome": (
        "[objectives.capacity]",
        "[objectives.capcity]",
        "lab.toml, line 19, objectives.capcity: is not in the vocabulary. Did you mean capacity?",
    ),
    "percent-for-a-share": (
        "[objectives.retention]",
        "[objectives.retention]\nthreshold = 93",
        "lab.toml, line 22, objectives.retention.threshold: must be a share, not percent, got 93. Write 0.93.",
    ),
    "retention-without-cycles": (
        "cycles = 100",
        "",
        "lab.toml, line 21, objectives.retention: needs cycles in [protocol]: the number after which it is read.",
    ),
    "current-and-rate": (
        "cycles = 100",
        "cycles = 100\ncurrent_ua_cm2 = 10\nc_rate = 1",
        "lab.toml, line 20, protocol.c_rate: does not go with current_ua_cm2. Take one of them out.",
    ),
    "reversed-window": (
        "cycles = 100",
        "cycles = 100\nv_min = 4.2\nv_max = 3",
        "lab.toml, line 17, protocol: v_min 4.2 V must lie below v_max 3.0 V.",
    ),
    "unknown-equipment": (
        "[protocol]",
        '[machine]\nbias_supplies = ["ac"]\n[protocol]',
        "lab.toml, line 18, machine.bias_supplies: must be among rf, dc, got 'ac'.",
    ),
    "finer-than-the-machine": (
        "anneal_temperature_c = 10",
        "anneal_temperature_c = 25",
        "lab.toml, line 12, parameters.anneal_temperature_c.step: must be a multiple of the machine's step of 25 C, "
        "got 10.",
    ),
    "start-off-the-machines-grid": (
        "low = 200",
        "low = 205",
        "lab.toml, line 10, parameters.anneal_temperature_c.low: must be a multiple of the machine's step of 10 C, "
        "got 205.",
    ),
    "unknown-cathode-override": (
        "[protocol]",
        "[materials.cathodes.LiCoO]\ndensity_g_cm3 = 4\n[protocol]",
        "lab.toml, line 17, materials.cathodes.LiCoO: is not in the table of cathodes, so it needs formula, "
        "li_per_formula too. The comments of own_cathode.toml tell what each is.",
    ),
    "own-cathode-of-no-formula": (
        "[protocol]",
        '[materials.cathodes.Magic]\nformula = "Magic9"\nli_per_formula = 1\ndensity_g_cm3 = 4\n[protocol]',
        "lab.toml, line 18, materials.cathodes.Magic.formula: must be a chemical formula, got 'Magic9'. Write it like "
        "LiNi0.5Mn1.5O4.",
    ),
    "own-cathode-of-no-class": (
        "[protocol]",
        '[materials.cathodes.LiFePO4]\nformula = "LiFePO4"\nli_per_formula = 1\ndensity_g_cm3 = 3.6\n'
        'cathode_class = "olivin"\n[protocol]',
        "lab.toml, line 21, materials.cathodes.LiFePO4.cathode_class: must be one of layered, spinel, vanadium_oxide, "
        "molybdenum_oxide, sulfide, phosphate, conversion, other, got 'olivin'.",
    ),
    "known-cathode-told-its-formula": (
        "[protocol]",
        '[materials.cathodes.LiCoO2]\nformula = "LiCoO2"\n[protocol]',
        "lab.toml, line 18, materials.cathodes.LiCoO2.formula: is told only of a cathode that the table lacks. Leave "
        "it out: LiCoO2 is known.",
    ),
    "unlisted-cathode": (
        'cathode = "LiCoO2"',
        'cathode = "LiFe0.5Mn0.5PO4"',
        "lab.toml, line 4, fixed.cathode: must be one of LiCoO2, LiNiO2, LiNi0.8Co0.2O2, NMC111, LiMn2O4, Li2Mn2O4, "
        "LiNi0.5Mn1.5O4, LiMn1.35Ni0.65O4, Li2CoMn3O8, Li2FeMn3O8, V2O5, Ag0.5V2O5, Ag0.8V2O5, MoO3, TiO2, TiS2, TiOS, "
        "LiTiOS, FeS2, LiCoPO4, FePO4, FePON, CuWO4, LiFe(WO4)2, Bi2WO6, LixMnO2, Bi2O3, WO3, got 'LiFe0.5Mn0.5PO4'. "
        'Another cathode is described in [materials.cathodes."LiFe0.5Mn0.5PO4"], as own_cathode.toml shows.',
    ),
    "density-of-nothing": (
        "[protocol]",
        "[materials.cathodes.LiCoO2]\ndensity_g_cm3 = 0\n[protocol]",
        "lab.toml, line 18, materials.cathodes.LiCoO2.density_g_cm3: must be above 0, got 0.",
    ),
    "fixed-settings-that-cannot-be": (
        'substrate = "mica"',
        'substrate = "PDMS"',
        "lab.toml, line 6, fixed.substrate: not together: substrate PDMS (it only takes a finished "
        "stack and never sees "
        "the deposition).",
    ),
    "not-toml": (
        "low = 0.1",
        "low = 0,1",
        "lab.toml: must be TOML; Expected newline or end of document after a statement (at line 15, column 8). "
        "Texts stand in quotes, tables in [brackets], decimals have a point.",
    ),
}


@pytest.mark.parametrize(("there", "instead", "sentence"), CHANGED.values(), ids=CHANGED.keys())
def test_a_wrong_line_gets_one_clear_sentence(tmp_path: Path, there: str, instead: str, sentence: str) -> None:
    assert there in GOOD
    found = faults(tmp_path, GOOD.replace(there, instead, 1))
    # Without its table, what the protocol should have said is missing too.
    assert [line for line in found if "needs cycles" not in line or line == sentence] == [sentence]


#: id -> (a constraint, the sentence it gets)
CONSTRAINTS = {
    "no-type": ('when = { substrate = "mica" }', "type: must be one of sum, exclude, limit"),
    "unknown-type": (
        'type = "excludes"',
        "type: must be one of sum, exclude, limit, got 'excludes'. Did you mean exclude?",
    ),
    "unknown-name": (
        'type = "exclude"\nwhen = { thicknes_um = { above = 1 } }',
        "when.thicknes_um: names thicknes_um, which is declared neither in [parameters] nor in [fixed]. "
        "Did you mean thickness_um?",
    ),
    "number-as-choice": (
        'type = "exclude"\nwhen = { thickness_um = ["thick"] }',
        "when.thickness_um: needs a choice, which thickness_um is not",
    ),
    "range-without-ends": (
        'type = "exclude"\nwhen = { thickness_um = {} }',
        "when.thickness_um: must have above or from, below or to, or one of each pair",
    ),
    "reversed-range": (
        'type = "exclude"\nwhen = { thickness_um = { above = 2, below = 1 } }',
        "when.thickness_um: must have its lower end below its upper one",
    ),
    "unknown-end": (
        'type = "exclude"\nwhen = { thickness_um = { abov = 2 } }',
        "when.thickness_um.abov: is not a known key. Did you mean above?",
    ),
    "no-condition": ('type = "exclude"\nwhen = {}', "an exclusion needs at least one condition"),
    "unknown-choice": (
        'type = "limit"\nparameter = "thickness_um"\nby = "anneal_kind"\nat_most = { oven = 2 }',
        "at_most: must be one of none, furnace, rta, got 'oven'",
    ),
    "limit-without-limits": (
        'type = "limit"\nparameter = "thickness_um"\nby = "anneal_kind"',
        "limit on thickness_um: name at least one choice of anneal_kind",
    ),
    "sum-without-bounds": (
        'type = "sum"\nweights = { thickness_um = 1 }',
        "sum of thickness_um: give low, high or both, low not above high",
    ),
    "sum-of-choices": (
        'type = "sum"\nweights = { anneal_kind = 1 }\nhigh = 1',
        "weights: needs a number, which anneal_kind is not",
    ),
}


@pytest.mark.parametrize(("table", "sentence"), CONSTRAINTS.values(), ids=CONSTRAINTS.keys())
def test_a_wrong_constraint_gets_one_clear_sentence(tmp_path: Path, table: str, sentence: str) -> None:
    (found,) = faults(tmp_path, f"{GOOD}[[constraints]]\n{table}\n")
    assert re.match(r"lab\.toml, line 2[5-9], constraints\[1\]", found)
    assert sentence in found


def test_constraints_are_counted_as_they_stand(tmp_path: Path) -> None:
    found = faults(tmp_path, GOOD + '[[constraints]]\ntype = "exclude"\nwhen = {}\n' * 2)
    assert [sentence.split(":")[0] for sentence in found] == [
        "lab.toml, line 25, constraints[1]",
        "lab.toml, line 28, constraints[2]",
    ]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (
            'type = "exclude"\nwhen = { thickness_um = { from = 0 } }\nwhy = "no film"',
            "thickness_um at least 0 (no film)",
        ),
        ('type = "sum"\nweights = { thickness_um = 1 }\nhigh = 0.05', "thickness_um must lie in [-inf, 0.05]"),
        (
            'type = "limit"\nparameter = "thickness_um"\nby = "substrate"\nat_least = { mica = 6 }',
            "thickness_um must be at least 6 with substrate mica",
        ),
    ],
    ids=["exclude", "sum", "limit"],
)
def test_a_constraint_that_leaves_nothing_is_named(tmp_path: Path, table: str, reason: str) -> None:
    (found,) = faults(tmp_path, f"{GOOD}[[constraints]]\n{table}\n")
    assert found.startswith("lab.toml, ")
    assert "no recipe fulfils all constraints; relax one of these:" in found
    assert reason in found


def test_a_narrow_sum_is_no_fault(tmp_path: Path) -> None:
    text = GOOD.replace("[protocol]", "[parameters.electrolyte_thickness_um]\nlow = 0.5\nhigh = 3\n[protocol]")
    sum_to_four = "weights = { thickness_um = 1, electrolyte_thickness_um = 1 }\nlow = 4\nhigh = 4\n"
    (tmp_path / "lab.toml").write_text(f'{text}[[constraints]]\ntype = "sum"\n{sum_to_four}', encoding="utf-8")
    assert len(load_config(tmp_path / "lab.toml").space().constraints) > 0


def test_a_small_corner_is_no_fault(tmp_path: Path) -> None:
    most = 'type = "exclude"\nwhen = { thickness_um = { above = 0.1002 } }'
    (tmp_path / "lab.toml").write_text(f"{GOOD}[[constraints]]\n{most}\n", encoding="utf-8")
    assert load_config(tmp_path / "lab.toml").doubts == ()


#: What may be misspelt in a campaign file: a key or a table's name, a level, the upper end of a range.
SLIPS = {
    "key": (r"^\s*\[*([A-Za-z_0-9.]+)(?:\]|\s*=)", lambda word: f"{word}zq"),
    "level": (r'"([^"]+)"', lambda word: f"{word[:-1]}zq"),
    "end": (r"^high = (\S+)", lambda _: "-5000"),
}


@pytest.mark.parametrize("kind", SLIPS)
@pytest.mark.parametrize("name", shipped_names())
def test_a_slip_is_told_once_and_nothing_that_follows_from_it(name: str, kind: str) -> None:
    pattern, misspell = SLIPS[kind]
    path = shipped_config(name)
    lines = path.read_text(encoding="utf-8").split("\n")
    told = []
    for number, line in enumerate(lines):
        code = line.split("#")[0]
        if re.match(r"(name|why|description|source|formula)\b", code) and kind == "level":
            continue
        for found in re.finditer(pattern, code):
            wrong = line[: found.start(1)] + misspell(found[1]) + line[found.end(1) :]
            raw = tomllib.loads("\n".join([*lines[:number], wrong, *lines[number + 1 :]]))
            # What is no fault is a name that is like no other: it counts as one of the lab's own.
            try:
                CampaignConfig.from_dict(raw, path.parent)
            except ConfigInvalid as error:
                told.append((wrong, [problem.sentence() for problem in error.problems]))
    assert [(wrong, said) for wrong, said in told if len(said) > 1] == []
    assert len(told) >= (3 if kind == "end" else 15)


def test_what_follows_from_a_slip_hides_no_other_slip(tmp_path: Path) -> None:
    text = GOOD.replace('"furnace"]\n', '"furnase"]\n', 1).replace('when = { anneal_kind = ["furnace"] }', "")
    # The child stands before its parent, and a level is wrong whatever the parent's is.
    child = "[parameters.anneal_temperature_c]\nlow = 200\nhigh = 500\nstep = 10\n"
    assert child in text
    text = text.replace(child, "").replace(
        "[parameters.anneal_kind]", child + 'when = { anneal_kind = ["furnace", "rtb"] }\n[parameters.anneal_kind]'
    )
    said = faults(tmp_path, text)
    assert len(said) == 2, said
    assert "anneal_temperature_c.when: must name choices of anneal_kind: none, furnace, rta" in said[0]
    assert said[0].endswith("furnace, rta, got 'rtb'.")
    assert "anneal_kind.choices: must be one of none, furnace, rta, got 'furnase'. Did you mean furnace?" in said[1]


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD
    for there, instead in (
        ('name = "lab"', 'name = "lab"\nsed = 1'),
        ("high = 500", 'high = "5 V"'),
        ("high = 3\n", "high = 0.05\n"),
        ("cycles = 100", "cycles = -1"),
        ("[objectives.capacity]", "[objectives.capcity]"),
    ):
        text = text.replace(there, instead, 1)
    found = faults(tmp_path, f'{text}[[constraints]]\ntype = "limit"\n')
    keys = [re.search(r"line (\d+), (\S+):", sentence) for sentence in found]
    places = [(int(key[1]), key[2]) for key in keys if key]
    assert [key for _, key in places] == [
        "campaign.sed", "parameters.anneal_temperature_c.high", "parameters.thickness_um.low", "protocol.cycles",
        "objectives.capcity", "constraints[1].parameter", "constraints[1].by",
    ]  # fmt: skip
    assert [line for line, _ in places] == sorted(line for line, _ in places)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("machine.toml", "there is no such file beside the campaign file, got 'machine.toml'."),
        ("../m.toml", "must name a file in the campaign file's folder or below it, got '../m.toml'."),
        ("/etc/m.toml", "must name a file in the campaign file's folder or below it, got '/etc/m.toml'."),
        ("C:/m.toml", "must name a file in the campaign file's folder or below it, got 'C:/m.toml'."),
    ],
)
def test_the_machines_file_lies_beside_the_campaign_file(tmp_path: Path, name: str, sentence: str) -> None:
    assert faults(tmp_path, f'machine = "{name}"\n{WITHOUT_MACHINE}') == [f"lab.toml, line 1, machine: {sentence}"]


def test_a_fault_in_the_machines_file_is_placed_there(tmp_path: Path) -> None:
    (tmp_path / "machine.toml").write_text('methods = ["pld"]\nfurnace_max = 800\n', encoding="utf-8")
    found = faults(tmp_path, f'machine = "machine.toml"\n{WITHOUT_MACHINE}')
    assert found[0] == "machine.toml, line 2, machine.furnace_max: is not a known key. Did you mean furnace_max_c?"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.floats(),
    st.sampled_from(["", "none", "reported", "650 C", "5 nm", "~3", "LiCoO2", "rta", "machine.toml", "cycles"]),
    st.text(max_size=5),
    st.just([]),
    st.lists(st.sampled_from(["none", "rf", "furnace", "Lipon"]), max_size=3),
    st.just({}),
    st.dictionaries(
        st.sampled_from(["low", "high", "choices", "above", "anneal_kind", "type"]), st.integers(), max_size=2
    ),
)


def places_in(table: Any, key: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys of everything in a tree of tables."""
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    return [place for k, v in items for place in ((*key, k), *places_in(v, (*key, k)))]


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_there_is_read_or_refused_in_sentences(data: st.DataObject) -> None:
    raw = tomllib.loads(
        GOOD
        + '[[constraints]]\ntype = "exclude"\nwhen = { anneal_kind = ["none"], thickness_um = { above = 2 } }\n'
        + '[[constraints]]\ntype = "sum"\nweights = { thickness_um = 1 }\nlow = 0.2\n'
        + '[[constraints]]\ntype = "limit"\nparameter = "thickness_um"\nby = "substrate"\nat_most = { mica = 2 }\n'
        + '[machine]\nmethods = ["rf_sputtering"]\nfurnace_max_c = 900\n'
        + "[materials]\nsubstrates = { mica = { max_temperature_c = 550 } }\n"
    )
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(places_in(raw)))
        table: Any = raw
        for part in path:
            table = table[part]
        if isinstance(table, dict) and data.draw(st.booleans()):
            last = data.draw(st.sampled_from(["low", "unit", "when", "extra", "log", "own", "threshold", last]))
        table[last] = data.draw(VALUES)
    # Any other exception would be a crash.
    with contextlib.suppress(ConfigInvalid):
        CampaignConfig.from_dict(raw)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe", "must be text in UTF-8"),
        (b"\xef\xbb\xbf[campaign]\nname = 1\n", "campaign.name: must be letters"),
        (b"", "campaign: is missing"),
    ],
    ids=["not-text", "byte-order-mark", "empty"],
)
def test_a_file_in_a_bad_state(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "lab.toml").write_bytes(content)
    with pytest.raises(ConfigInvalid, match=re.escape(sentence)):
        load_config(tmp_path / "lab.toml")


def test_a_folder_is_no_campaign_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="is a folder, not a campaign file"):
        load_config(tmp_path)


def test_a_window_upside_down_is_told_beside_another_fault_of_the_protocol(tmp_path: Path) -> None:
    text = GOOD.replace("cycles = 100", "cycles = -5\nv_min = 4.2\nv_max = 3.0")
    found = faults(tmp_path, text)
    assert "lab.toml, line 17, protocol: v_min 4.2 V must lie below v_max 3.0 V." in found
    assert any("protocol.cycles" in line for line in found)
