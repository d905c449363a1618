"""Check results at the door: whether a cell's figures and the recipe it was made by can be true.

An *error* cannot be. A *doubt* is unlikely and may yet be so: it stands until somebody confirms it. Knows the
vocabulary, the materials and the campaign's space; knows no table and no model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pvdopt.cells.checks import CAPACITY_DOUBT, CAPACITY_ERROR, ROUNDING, SLIP, check_rate, check_window
from pvdopt.cells.table import is_empty, misplaced
from pvdopt.columns import column, vocabulary
from pvdopt.constraints import Limit
from pvdopt.errors import Problem
from pvdopt.lab_tables.fields import MADE_ON
from pvdopt.ledger.facts import FAILURE_CLASSES
from pvdopt.ledger.state import CellState, LedgerState
from pvdopt.ledger.values import Outcome
from pvdopt.materials import Cathode, anodes, electrolytes, substrates
from pvdopt.objectives import Protocol
from pvdopt.parameters import Categorical, Parameter
from pvdopt.space import SearchSpace
from pvdopt.wording import show

_CONFIRM = "Confirm it if it is so"
#: How far beyond the ends of its range, as a share of it, a setting as made may lie without a word (judgement).
BEYOND = 0.05
#: A setting as made may differ from its plan by this factor on a logarithmic scale, by this share of its range on a
#: linear one, without a word; and on neither by nearly a power of ten (judgements, unverified).
FAR_FACTOR, FAR_SHARE, FAR_TENFOLD = 3.0, 1 / 3, 8.0
#: A retention above 1 by more than reading it can explain: some cells do grow at first.
GROWN = 1.02
#: A retention up to this is rather a share, up to 1.5, that was written where % are asked for.
SHARE_OF_PERCENT = 0.015
_TEMPERATURES = ("anneal_temperature_c", "substrate_temperature_c", "post_anneal_temperature_c")


@dataclass(frozen=True)
class Door:
    """What a row is checked against.

    Attributes
    ----------
    state : LedgerState
        The campaign's cells as recorded so far.
    cathodes : mapping of str to Cathode
        With the campaign's own figures.
    """

    space: SearchSpace
    protocol: Protocol
    state: LedgerState
    cathodes: Mapping[str, Cathode]


# -- recipes -----------------------------------------------------------------------------------------------------


def applies(space: SearchSpace, name: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a setting applies under the choices of a recipe."""
    p = space[name]
    if p.parent is None:
        return True
    if settings.get(p.parent) not in p.parent_choices:
        return False
    return p.parent not in space or applies(space, p.parent, settings)


def find_recipe_gaps(settings: Mapping[str, Any], space: SearchSpace, unread: Collection[str] = ()) -> list[Problem]:
    """Return what is missing from a recipe, or stated although it does not apply.

    Parameters
    ----------
    unread : collection of str
        Names that were stated and could not be read: they are not missing, and what hangs on them is not judged.
    """
    problems = []
    # Nobody knows yet whether what hangs on these applies.
    open_ = {p.name for p in space.parameters if settings.get(p.name) is None and applies(space, p.name, settings)}
    open_ |= set(unread)
    for p in space.parameters:
        value = settings.get(p.name)
        if p.name in unread or p.parent in open_:
            continue
        if applies(space, p.name, settings):
            if value is None:
                must = f"must be stated ({p.range_text()})"
                todo = f"It applies with {p.parent} {settings.get(p.parent)}" if p.parent else ""
                problems.append(Problem(must, todo=todo, column=p.name))
        elif value is not None:
            must = f"does not apply with {p.parent} {settings.get(p.parent or '')}"
            todo = f"Leave {p.name} empty or correct {p.parent}"
            problems.append(Problem(must, value, todo, column=p.name))
    stated = {n: v for n, v in settings.items() if not is_empty(v) and n not in space}
    beside = [p for p in misplaced({**settings, **stated}) if p.column not in space]
    return problems + [p for p in beside if vocabulary()[p.column or ""].parent not in open_]


# -- figures -----------------------------------------------------------------------------------------------------


def check_result(
    settings: Mapping[str, Any],
    outcomes: Mapping[str, Outcome],
    known: Mapping[str, Outcome],
    door: Door,
    unread: Collection[str] = (),
) -> list[Problem]:
    """Return what cannot be true of a cell's figures, or is unlikely.

    Parameters
    ----------
    settings : mapping
        Fixed, planned and executed settings and the protocol; None where one does not apply.
    outcomes, known : mapping of str to Outcome
        What is new, and what is recorded already: that was checked when it came.
    unread : collection of str
        Outcomes that are stated and could not be read: they are not missing.
    """
    new = {n: o for n, o in outcomes.items() if known.get(n) != o}
    every = {**known, **outcomes}
    return [
        *_check_theory(settings, new, door.cathodes.get(str(settings.get("cathode")))),
        *_check_areal(settings, new, every),
        *([] if "retention" in unread else _check_cycles(new, every, door.protocol)),
        *_check_growth(new),
    ]


def check_made(
    settings: Mapping[str, Any], known: Mapping[str, Any], cell: CellState | None, door: Door
) -> list[Problem]:
    """Return what cannot be true of how a cell was made and tested, or is unlikely.

    Parameters
    ----------
    settings, known : mapping
        As they would stand and as they stood before: what was odd already was confirmed.
    """
    before = set() if cell is None else {(p.must, p.column) for p in _check_settings(known, door)}
    found = [p for p in _check_settings(settings, door) if (p.must, p.column) not in before]
    made, proposed = settings.get(MADE_ON), None if cell is None else cell.times.get("proposed")
    if made is not None and made != known.get(MADE_ON) and proposed is not None and str(made) < proposed[:10]:
        must = f"should not lie before the day it was proposed ({proposed[:10]})"
        found.append(Problem(must, made, _CONFIRM, column=MADE_ON, grade="doubt"))
    if cell is not None:
        news = {n: v for n, v in settings.items() if v != known.get(n)}
        doubted = {p.column for p in found}
        found += [p for p in _check_distance(news, cell, door) if p.column not in doubted]
    return found


def _check_distance(made: Mapping[str, Any], cell: CellState, door: Door) -> Iterator[Problem]:
    """A setting far from its plan, though in its range, is a slip of a power of ten or of the unit, or another cell."""
    plan = {**door.space.fixed, **cell.recipe}
    varied = {p.name: p for p in door.space.parameters}
    for name, value in made.items():
        planned = plan.get(name)
        if not isinstance(value, (int, float)) or not isinstance(planned, (int, float)):
            continue
        p = varied.get(name)
        off = _tell_distance(p, float(planned), float(value))
        if off:
            declared = column(name)
            unit = getattr(p, "unit", "") or (declared.unit if declared else "")
            must = f"should lie near its plan of {show(planned, unit)}, not {off} off"
            todo = "Look at its unit and its power of ten; confirm it if it is so"
            yield Problem(must, value, todo, column=name, grade="doubt")


def _tell_distance(p: Parameter | None, planned: float, made: float) -> str:
    """Return in words how far a setting as made lies from its plan, nothing where it lies near."""
    is_log = not isinstance(p, Categorical | None) and p.log
    ratio = made / planned if planned else 0.0
    factor = max(ratio, 1.0 / ratio) if ratio > 0 else 1.0
    if factor > (FAR_FACTOR if is_log else FAR_TENFOLD):
        return f"a factor of {factor:.2g}"
    if isinstance(p, Categorical | None) or is_log:
        return ""
    share = abs(made - planned) / (p.high - p.low)
    return f"{share:.0%} of its range" if share > FAR_SHARE else ""


def _check_settings(settings: Mapping[str, Any], door: Door) -> list[Problem]:
    stated = {name: value for name, value in settings.items() if not is_empty(value)}
    cathode = door.cathodes.get(str(stated.get("cathode")))
    todo = {"error": "Check units", "doubt": _CONFIRM}
    agree = [replace(p, todo=todo[p.grade]) for p in (*check_rate(stated, cathode), *check_window(stated))]
    return [*agree, *_check_heat(stated, door), *_check_bounds(stated, door)]


def _check_bounds(settings: Mapping[str, Any], door: Door) -> Iterator[Problem]:
    """A setting far outside what the campaign varies is a slip of the pen, or another experiment."""
    for p in door.space.parameters:
        value = settings.get(p.name)
        if isinstance(p, Categorical) or not isinstance(value, (int, float)):
            continue
        place = float(p.to_unit(np.array([value]))[0])
        # No machine meets its set-point exactly, and an end of the range is one.
        if not -BEYOND <= place <= 1.0 + BEYOND:
            must = f"should lie {p.range_text()}, as the campaign file has it"
            yield Problem(must, value, _CONFIRM, column=p.name, grade="doubt")


def _check_heat(settings: Mapping[str, Any], door: Door) -> Iterator[Problem]:
    """A film that was hotter than its substrate stands may be another film, or the thermometer wrong."""
    for name in _TEMPERATURES:
        value = settings.get(name)
        limits = dict(_heat_limits(name, settings, door))
        for material, limit in limits.items():
            if isinstance(value, (int, float)) and value > limit:
                must = f"should not exceed what {material} stands ({limit:g} C)"
                yield Problem(must, value, _CONFIRM, column=name, grade="doubt")


def _heat_limits(name: str, settings: Mapping[str, Any], door: Door) -> Iterator[tuple[str, float]]:
    """Yield the material and its limit for a temperature: the campaign's own figure where it has one."""
    for by, usual in (("substrate", substrates()), ("electrolyte", electrolytes())):
        if by == "electrolyte" and name != "post_anneal_temperature_c":
            continue
        material = str(settings.get(by))
        own = [c.at_most for c in door.space.constraints if isinstance(c, Limit) and c.names == (name, by)]
        limit = own[0].get(material) if own else getattr(usual.get(material), "max_temperature_c", None)
        if limit is not None:
            yield material, limit


def _check_theory(
    settings: Mapping[str, Any], new: Mapping[str, Outcome], cathode: Cathode | None
) -> Iterator[Problem]:
    if cathode is None:
        return
    anode = anodes().get(str(settings.get("anode")))
    window = cathode.reference_window(
        settings.get("v_min"), settings.get("v_max"), anode_potential_v=anode.potential_v if anode else 0.0
    )
    scales = {"capacity": (1.0, "uAh/cm2/um")}
    if settings.get("thickness_um") is not None:
        scales["areal_capacity"] = (float(settings["thickness_um"]), "uAh/cm2")
    for name, (scale, unit) in scales.items():
        if name not in new:
            continue
        value = new[name].value
        largest, reference = scale * cathode.largest_capacity(), scale * window.capacity_uah_cm2_um
        if value > CAPACITY_ERROR * largest:
            must = f"must not exceed {CAPACITY_ERROR:g} x theory ({largest:.4g} {unit} for {cathode.name})"
            yield Problem(must, value, "Check unit, thickness and area", column=name)
        elif value > CAPACITY_DOUBT * reference:
            must = f"should not exceed {CAPACITY_DOUBT:g} x theory in its voltage window ({reference:.4g} {unit})"
            yield Problem(must, value, _CONFIRM, column=name, grade="doubt")


def _check_areal(
    settings: Mapping[str, Any], new: Mapping[str, Outcome], every: Mapping[str, Outcome]
) -> Iterator[Problem]:
    """Capacity per area is capacity per area and thickness times the thickness."""
    thickness = settings.get("thickness_um")
    if thickness is None or not {"capacity", "areal_capacity"} <= set(every):
        return
    if not {"capacity", "areal_capacity"} & set(new):
        return
    areal, expected = every["areal_capacity"].value, every["capacity"].value * float(thickness)
    off = max(areal / expected, expected / areal)
    if off > ROUNDING:
        must = f"must be capacity x thickness ({every['capacity'].value:g} x {thickness:g} = {expected:.4g} uAh/cm2)"
        if off > SLIP:
            yield Problem(must, areal, "Check units and thickness", column="areal_capacity")
        else:
            yield Problem(must, areal, _CONFIRM, column="areal_capacity", grade="doubt")


def _check_cycles(new: Mapping[str, Outcome], every: Mapping[str, Outcome], protocol: Protocol) -> Iterator[Problem]:
    if "retention" in new and "cycles" not in every and protocol.cycles is None:
        must = "must stand beside a retention, since the campaign's protocol states no number of cycles"
        yield Problem(must, todo="Add a column cycles", column="cycles")
    if "cycles" in new and "retention" not in every:
        yield Problem("must stand beside a retention", new["cycles"].value, column="cycles")
    if "cycles" in new and not new["cycles"].value > 0:
        yield Problem("must be above 0 beside a retention", new["cycles"].value, column="cycles")


def _check_growth(new: Mapping[str, Outcome]) -> Iterator[Problem]:
    """A retention that grew, or that is so small that it may be a share read as a percentage."""
    if "retention" in new and new["retention"].value > GROWN:
        must = "should not exceed 1: it is the capacity after the cycles over the first"
        yield Problem(must, new["retention"].value, _CONFIRM, column="retention", grade="doubt")
    if "retention" in new and 0 < new["retention"].value <= SHARE_OF_PERCENT:
        must = "should exceed 1.5 %: was a share such as 0.91 written where % are asked for?"
        todo = "Write 91 for 91 % in a column of %, or confirm"
        yield Problem(must, new["retention"].value, todo, column="retention", grade="doubt")


def check_class(word: str | None, outcomes: Mapping[str, Outcome], known: Mapping[str, Outcome]) -> Iterator[Problem]:
    """Figures of a cell that gave no usable ones: kept, and no model learns from them."""
    new = [n for n, o in outcomes.items() if known.get(n) != o]
    if word == "not_made" and new:
        must = "must be empty for a cell that was not made"
        yield Problem(must, outcomes[new[0]].value, "Name another outcome class", column=new[0])
    elif word in FAILURE_CLASSES and new:
        must = f"stands beside outcome_class {word}: no model will learn from it"
        yield Problem(must, outcomes[new[0]].value, _CONFIRM, column=new[0], grade="doubt")
