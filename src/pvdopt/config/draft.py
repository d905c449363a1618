"""A campaign file from a few answers: what a laboratory has and what it wants, with comments to change it by.

Limits follow from the materials tables and the reported cells; each says where it comes from. Knows no terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pvdopt.cells.table import reported_cells
from pvdopt.errors import Problem, UsageError
from pvdopt.materials import anodes, cathodes, electrolytes, methods, substrates
from pvdopt.wording import closest

#: Objectives offered, with what each means.
GOALS: Mapping[str, str] = {
    "capacity": "capacity per volume, uAh/cm2/um",
    "areal_capacity": "capacity per area, uAh/cm2",
    "retention": "share of the capacity left after the test's cycles",
}
ANNEALS = ("furnace", "rta")
SUPPLIES = ("rf", "dc")
#: The campaign file's schema beside it, which editors read by the first line.
SCHEMA_FILE = "campaign.schema.json"
#: Anneal temperatures of all cathodes as they are usual, in C (domain notes, unverified).
ANNEAL_LOW_C, ANNEAL_HIGH_C = 200, 850


@dataclass(frozen=True)
class Answers:
    """What a new campaign is told.

    Attributes
    ----------
    substrates, goals, electrolytes : tuple of str
    bias : tuple of str
        Supplies there are; empty for none.
    anneals : tuple of str
        Ways to anneal there are; empty for none.
    hottest_c : float
        Hottest of them, C.
    """

    cathode: str
    method: str
    substrates: tuple[str, ...]
    goals: tuple[str, ...] = ("capacity", "retention")
    electrolytes: tuple[str, ...] = ("Lipon",)
    anode: str = "Li"
    bias: tuple[str, ...] = ()
    anneals: tuple[str, ...] = ANNEALS
    hottest_c: float = 1000.0

    def find_problems(self) -> list[Problem]:
        """Return every answer that cannot be, with what it may be."""
        found = []
        for name, values in (
            ("cathode", (self.cathode,)),
            ("method", (self.method,)),
            ("substrate", self.substrates),
            ("objective", self.goals),
            ("electrolyte", self.electrolytes),
            ("anode", (self.anode,)),
            ("bias", self.bias),
            ("anneal", self.anneals),
        ):
            known = choices_of(name)
            for value in values:
                if value not in known:
                    todo = closest(value, known)
                    if name == "cathode" and not todo:
                        todo = "Another one: begin with --from own_cathode.toml instead, and describe it there"
                    found.append(Problem(f"must be one of {', '.join(known)}", value, todo, column=name))
        if not self.substrates:
            found.append(Problem("must name at least one substrate", column="substrate"))
        if not self.goals:
            found.append(Problem(f"must name at least one of {', '.join(GOALS)}", column="objective"))
        if not found and self.bias and not methods()[self.method].bias_possible:
            found.append(Problem(f"must be none with {self.method}, which takes no bias", self.bias[0], column="bias"))
        return found


def choices_of(name: str) -> tuple[str, ...]:
    """Return what an answer may be."""
    tables: Mapping[str, Iterable[str]] = {
        "cathode": cathodes(),
        "method": methods(),
        "substrate": (s.name for s in substrates().values() if not s.transfer_only),
        "electrolyte": (e.name for e in electrolytes().values() if e.solid),
        "anode": anodes(),
        "objective": GOALS,
        "bias": SUPPLIES,
        "anneal": ANNEALS,
    }
    return tuple(tables[name])


def write_draft(name: str, answers: Answers) -> str:
    """Return a campaign file for these answers.

    Raises
    ------
    UsageError
        With every answer that cannot be.
    """
    problems = answers.find_problems()
    if problems:
        raise UsageError("\n".join(problem.sentence() for problem in problems))
    parts = [
        _head(name, answers),
        _fixed(answers),
        *_parameters(answers),
        _protocol(answers),
        *_objectives(answers),
        _machine(answers),
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


# -- its tables ------------------------------------------------------------------------------------------------------


def _head(name: str, answers: Answers) -> str:
    what = " and ".join(goal.replace("_", " ") for goal in answers.goals)
    return f"""
#:schema ./{SCHEMA_FILE}
# {answers.cathode} by {answers.method.replace("_", " ")}. Change what differs in your laboratory; then
#     pvdopt config check studies/{name}      every fault at once
#     pvdopt suggest studies/{name}           the next recipes
# "review" is Uzakbaiuly et al. 2021 (doi 10.3389/fenrg.2021.625123); "notes" are common knowledge or judgement, not
# verified in a text. A number stands in the unit its name ends with, or is a text with its unit, such as "923 K".

[campaign]
name = {_text(name)}
description = {_text(f"{answers.cathode} thin-film cells: {what}")}
seed = 0
evidence = "reported"               # the cells of the review; "none" starts from your own cells alone
"""


def _fixed(answers: Answers) -> str:
    lines = [
        "# The same in every recipe. The more is stated here, the better the literature can be read for your cells.",
        "[fixed]",
        f"cathode = {_text(answers.cathode)}",
        f"method = {_text(answers.method)}",
    ]
    if len(answers.substrates) == 1:
        lines.append(_line("substrate", _text(answers.substrates[0]), _limit_words(answers.substrates)))
    lines += [
        _line("substrate_temperature_c", "25", "not heated; give it a [parameters.substrate_temperature_c] to vary it"),
        'architecture = "planar"',
        _line("electrolyte_thickness_um", "1.0", "shorts below about 0.5 um; 0.5 to 3 um is usual (notes)"),
    ]
    if len(answers.electrolytes) == 1:
        lines.append(f"electrolyte = {_text(answers.electrolytes[0])}")
    if not answers.anneals:
        lines.append('anneal_kind = "none"')
    if not answers.bias and methods()[answers.method].bias_possible:
        lines.append('bias_kind = "none"')
    stacking = "ex_situ" if answers.anneals else "in_situ"
    lines += [
        _line("stacking", _text(stacking), "ex_situ: the film sees air between the layers, as on its way to a furnace"),
        f"anode = {_text(answers.anode)}",
        'cell_kind = "solid"',
        _line("encapsulation", '"none"', "cells stay in the glove box"),
    ]
    return "\n".join(lines)


def _parameters(answers: Answers) -> list[str]:
    found = [
        "# What is varied. Narrow or widen a range, take a table out, or add one: pvdopt config check says if it fits."
    ]
    if len(answers.substrates) > 1:
        limits = _limit_words(answers.substrates)
        found.append(f"# An anneal stays below the limit of the substrate chosen: {limits}.\n[parameters.substrate]\n"
                     f"choices = {_list(answers.substrates)}")  # fmt: skip
    if answers.bias:
        found.append(
            f"""[parameters.bias_kind]
choices = {_list(("none", *answers.bias))}

# -50 V is the only bias the review states; -30 to -80 V is called useful, and beyond -100 V the film is sputtered away
# again (notes). Proposals between and beyond are the model's belief, and pvdopt says so.
[parameters.bias_v]
low = -100
high = -10
step = 5
when = {{ bias_kind = {_list(answers.bias)} }}"""
        )
    if answers.anneals:
        low, high, told = _anneal_range(answers)
        found.append(
            f"""# Anneal of the cathode film, before the electrolyte.
[parameters.anneal_kind]
choices = {_list(("none", *answers.anneals))}

# {told}
[parameters.anneal_temperature_c]
low = {low:g}
high = {high:g}
step = 10
when = {{ anneal_kind = {_list(answers.anneals)} }}"""
        )
    found.append(
        f"""# {_stated(answers.cathode, "thickness_um", "um", "thicknesses")}; 0.1 to 5 um is usual (notes).
[parameters.thickness_um]
low = 0.1
high = 5
log = true
resolution = 0.01"""
    )
    if len(answers.electrolytes) > 1:
        found.append(f"[parameters.electrolyte]\nchoices = {_list(answers.electrolytes)}")
    return found


def _anneal_range(answers: Answers) -> tuple[float, float, str]:
    """Return the range of anneal temperatures, in C, and where it comes from."""
    limit = max(substrates()[name].max_temperature_c for name in answers.substrates)
    high = 10 * (min(ANNEAL_HIGH_C, answers.hottest_c, limit) // 10)
    low = min(ANNEAL_LOW_C, high - 10)
    told = _stated(answers.cathode, "anneal_temperature_c", "C", "anneals")
    return low, high, f"{told}; {ANNEAL_LOW_C} to {ANNEAL_HIGH_C} C is the usual range of all cathodes (notes)."


def _stated(cathode: str, name: str, unit: str, what: str) -> str:
    frame = reported_cells().frame
    values = frame.loc[frame["cathode"] == cathode, name].dropna()
    if not len(values):
        return f"The reported {cathode} cells state no {what}"
    low, high = values.min(), values.max()
    span = f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"
    return f"Reported {what} of {cathode}: {span} ({len(values)} cells, review)"


def _protocol(answers: Answers) -> str:
    lines = [
        "# How cells are tested; outcomes are predicted for these conditions.",
        "[protocol]",
        _line("current_ua_cm2", "10", "the rate of the review's thickness series; or give c_rate"),
    ]
    frame = reported_cells().frame
    cells = frame[frame["cathode"] == answers.cathode]
    for name in ("v_min", "v_max"):
        stated = cells[name].dropna()
        if len(stated):
            lines.append(_line(name, f"{stated.median():.2g}", f"middle of {len(stated)} reported (review)"))
        else:
            lines.append(
                f"# {name} = ...                       # V; not stated for any reported {answers.cathode} cell"
            )
    lines += ["cycles = 100", "test_temperature_c = 25"]
    return "\n".join(lines)


#: Stands in a file without a goal per area.
_FLOOR = """
# A cell has to hold something. Without this floor the thinnest film always wins: it uses its lithium best and fades
# least, and stores next to nothing. 30 uAh/cm2 is a judgement (unverified): put in what your device needs.
[objectives.areal_capacity]
threshold = 30                      # uAh/cm2
"""


def _objectives(answers: Answers) -> list[str]:
    found = ["# What counts."]
    found += [f"{f'[objectives.{goal}]':<35} # {GOALS[goal]}\nmaximize = true" for goal in answers.goals]
    return found if "areal_capacity" in answers.goals else [*found, _FLOOR]


def _machine(answers: Answers) -> str:
    lines = [
        '# What the laboratory has. It may be a file of its own that campaigns share: machine = "machine.toml".',
        "[machine]",
        f"methods = {_list((answers.method,))}",
        f"bias_supplies = {_list(answers.bias)}",
    ]
    if "furnace" in answers.anneals:
        lines.append(f"furnace_max_c = {answers.hottest_c:g}")
    if "rta" in answers.anneals:
        lines.append(f"rta_max_c = {answers.hottest_c:g}")
    lines.append(f"substrates = {_list(answers.substrates)}")
    return "\n".join(lines)


def _limit_words(names: Sequence[str]) -> str:
    limits = (f"{name} {substrates()[name].max_temperature_c:g} C" for name in names)
    return f"{', '.join(limits)} (notes)"


def _line(name: str, value: str, comment: str) -> str:
    """Return an entry with its comment where the others have theirs."""
    return f"{f'{name} = {value}':<35} # {comment}"


def _text(value: str) -> str:
    # What JSON puts between quotes, TOML reads as the same text.
    return json.dumps(value, ensure_ascii=False)


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(_text(v) for v in values)}]"
