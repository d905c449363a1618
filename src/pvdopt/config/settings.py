"""What the settings of a campaign file mean: quantities in canonical units, fixed settings, parameters.

Judges against the vocabulary: names, units, limits, levels, and which number applies under which category.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields

from pvdopt.columns import Column, column, names
from pvdopt.config.reading import Findings, Key
from pvdopt.config.schema import ConfigFile, ParameterTable
from pvdopt.errors import DataInvalid
from pvdopt.objectives import Protocol
from pvdopt.parameters import TOLERANCE, Categorical, Continuous, Parameter, Stepped
from pvdopt.unit_symbols import UnknownUnitError, normalise
from pvdopt.units import convert, parse_quantity, shown_in
from pvdopt.wording import closest, find_closest, miss_choice

#: Groups of the vocabulary that a recipe is made of.
_GROUPS = ("materials", "deposition", "stack", "anneal", "protocol")
#: Columns of those groups that are seen or that follow from others, and cannot be set.
_NOT_SETTINGS = frozenset({"cathode_structure", "cathode_family", "nominal_voltage_v"})
_PROTOCOL = frozenset(f.name for f in fields(Protocol))
#: Levels for what a publication leaves open; nobody can be asked to make them.
_OPEN_LEVELS = frozenset({"unspecified", "unknown"})
#: How much an unknown name may resemble one of the vocabulary before it counts as misspelt (0 to 1).
_RESEMBLES = 0.82


def in_unit(value: float, unit: str) -> str:
    """Return a value with its unit, for messages."""
    return f"{value:g}" if unit in ("", "1") else f"{value:g} {unit}"


def _definite(levels: Iterable[str]) -> list[str]:
    return [level for level in levels if level not in _OPEN_LEVELS]


# -- numbers -----------------------------------------------------------------------------------------------------


def read_number(value: float | str, unit: str, key: Key, findings: Findings, given: str | None = None) -> float | None:
    """Return a quantity in its canonical unit; None if it cannot be read, which goes to the findings.

    Parameters
    ----------
    unit : str
        Canonical unit; for a name the vocabulary does not know, the label its numbers carry.
    given : str, optional
        Unit of a number that stands alone.
    """
    if given is not None and normalise(given) == unit:
        given = None
    if isinstance(value, float):
        if given is None:
            return value
        try:
            return convert(value, given, unit)
        except UnknownUnitError as error:
            findings.add((*key[:-1], "unit"), f"must be a unit of {unit or 'a plain number'}", given, str(error))
            return None
    try:
        found = parse_quantity(value, unit, bare_unit=given)
    except DataInvalid as error:
        for problem in error.problems:
            findings.add(key, problem.must, value, problem.todo)
        return None
    if found is None or found.qualifier != "=" or found.sd is not None:
        findings.add(key, f"must be one exact number{' in ' + unit if unit else ''}", value)
        return None
    return found.value


def read_difference(
    value: float | str, unit: str, key: Key, findings: Findings, given: str | None = None
) -> float | None:
    """Return a difference, such as a step, in the canonical unit: 10 K are 10 C here."""
    end = read_number(value, unit, key, findings, given)
    if end is None:
        return None
    # Units of temperature have offsets, which cancel between the value and a zero in the same unit.
    zero = "0" + re.sub(r"^\s*[+-]?[\d.]+(?:[eE][+-]?\d+)?", "", value) if isinstance(value, str) else 0.0
    start = read_number(zero, unit, key, findings, given)
    if start is None or not end - start > 0:
        findings.add(key, "must be above 0", value)
        return None
    return round(end - start, 12)


def check_limits(value: float, declared: Column, key: Key, findings: Findings) -> None:
    """Refuse a number the vocabulary calls impossible."""
    if declared.low is not None and declared.high is not None and not declared.low <= value <= declared.high:
        findings.add(key, f"must lie {declared.range_text()}", value)


# -- names and levels --------------------------------------------------------------------------------------------


def setting_column(name: str, key: Key, findings: Findings, *, is_own: bool = False) -> Column | None:
    """Return the vocabulary's column of a setting, None for a name of the lab's own; faults go to the findings."""
    declared = column(name)
    if declared is None:
        close = closest(name, names(*_GROUPS), alike=_RESEMBLES)
        if close and not is_own:
            own = ", or say own = true if it is a setting of your own" if key[0] == "parameters" else ""
            findings.add(key, "is not in the vocabulary", todo=close.removesuffix("?") + f"{own}?")
        elif key[0] == "parameters":
            findings.add(key, "is not in the vocabulary: only your own cells can teach it", is_doubt=True)
        return None
    if name in _PROTOCOL:
        findings.add(key, "is a test condition, not a setting", todo="Move it to [protocol]")
    elif declared.group not in _GROUPS or name in _NOT_SETTINGS:
        findings.add(key, "is something observed or derived, not a setting", todo="Leave it out")
    return declared


def check_level(value: str, declared: Column, key: Key, findings: Findings, described: Collection[str] = ()) -> None:
    """Refuse a level the vocabulary does not have, or one that leaves open what to make.

    ``described`` are cathodes that the campaign file itself describes.
    """
    if value in _OPEN_LEVELS:
        findings.add(key, "must say which one; this stands for what a publication leaves open", value)
    elif value not in declared.levels and not (declared.name == "cathode" and value in described):
        known = _definite(declared.levels)
        must, todo = miss_choice(value, known, declared.listing)
        if declared.name == "cathode" and not todo:
            todo = f"Another cathode is described in [materials.cathodes.{quoted(value)}], as own_cathode.toml shows"
        findings.add(key, must, value, todo)


def quoted(name: str) -> str:
    """Return a name as TOML takes it for a key."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _choices(content: ConfigFile, name: str) -> tuple[str, ...] | None:
    """Return what a category may be: its choices, or the one it is fixed at; None if it is not declared as one."""
    if name in content.parameters:
        return content.parameters[name].choices
    value = content.fixed.get(name)
    return (value,) if isinstance(value, str) else None


def note_slips(content: ConfigFile, findings: Findings) -> None:
    """Note which settings have a wrong name or a wrong level before anything that rests on them is looked at."""
    for table in ("parameters", "fixed"):
        for name in getattr(content, table):
            own = table == "parameters" and content.parameters[name].own
            meant = "" if own or column(name) else find_closest(name, names(*_GROUPS), alike=_RESEMBLES)
            if meant and meant not in content.parameters and meant not in content.fixed:
                findings.faulty.add((table, meant))
    for name, parameter in content.parameters.items():
        _check_levels(parameter.choices or (), name, ("parameters", name, "choices"), content, findings)
    for name, value in content.fixed.items():
        _check_levels([value] if isinstance(value, str) else [], name, ("fixed", name), content, findings)


def _check_levels(values: Iterable[str], name: str, key: Key, content: ConfigFile, findings: Findings) -> None:
    declared = column(name)
    if declared is not None and declared.kind == "category":
        for value in values:
            check_level(value, declared, key, findings, content.materials.cathodes)


def _check_parent(declared: Column, key: Key, content: ConfigFile, findings: Findings) -> tuple[str, ...] | None:
    """Return the parent's choices under which a column of the vocabulary applies, None if under all of them."""
    if not declared.parent or findings.is_unsure(declared.parent):
        return None
    rule = f"applies only where {declared.parent} is {' or '.join(_definite(declared.parent_levels))}"
    choices = _choices(content, declared.parent)
    if choices is None:
        where = "is not declared"
        findings.add(key, f"{rule}, which {where}", todo=f"Declare {declared.parent} in [parameters] or [fixed]")
        return None
    usable = tuple(choice for choice in choices if choice in declared.parent_levels)
    if not usable:
        findings.add(key, f"{rule}; here it is {' or '.join(choices)}", todo="Leave it out")
        return None
    return usable if len(usable) < len(choices) else None


# -- fixed settings ----------------------------------------------------------------------------------------------


def read_fixed(content: ConfigFile, findings: Findings) -> dict[str, float | str]:
    """Return the fixed settings in canonical units."""
    found: dict[str, float | str] = {}
    for name, value in content.fixed.items():
        key = ("fixed", name)
        declared = setting_column(name, key, findings)
        if findings.is_faulty(*key):
            continue
        if declared is None:
            found[name] = value
        elif declared.kind == "number":
            number = read_number(value, declared.unit, key, findings)
            if number is not None:
                check_limits(number, declared, key, findings)
                found[name] = number
        elif isinstance(value, float):
            findings.add(key, "must be a text", value)
        else:
            found[name] = value
        if declared is not None and not findings.is_faulty(*key):
            _check_parent(declared, key, content, findings)
    return found


# -- parameters --------------------------------------------------------------------------------------------------


def read_steps(content: ConfigFile, findings: Findings) -> dict[str, float]:
    """Return the finest differences the machine can set, in canonical units."""
    found: dict[str, float] = {}
    for name, value in content.machine.steps.items():
        key = ("machine", "steps", name)
        declared = column(name)
        if declared is None and name not in content.parameters:
            known = (*names(*_GROUPS, kind="number"), *content.parameters)
            findings.add(key, "is no setting of the vocabulary or of this file", todo=closest(name, known))
        elif declared is not None and declared.kind != "number":
            findings.add(key, "is not a number and has no step")
        else:
            step = read_difference(value, declared.unit if declared else "", key, findings)
            found |= {name: step} if step is not None else {}
    return found


def read_units(content: ConfigFile, findings: Findings) -> dict[str, str]:
    """Return the units in which the machine shows settings."""
    found: dict[str, str] = {}
    for name, unit in content.machine.units.items():
        key = ("machine", "units", name)
        declared = column(name)
        if declared is None or declared.kind != "number":
            findings.add(key, "is no number of the vocabulary", todo=closest(name, names(*_GROUPS, kind="number")))
            continue
        try:
            shown_in(1.0, declared.unit, unit)
        except UnknownUnitError as error:
            findings.add(key, f"must be a unit of {declared.unit}", unit, str(error))
            continue
        found[name] = unit
    return found


def read_parameters(content: ConfigFile, findings: Findings) -> list[Parameter]:
    """Return the parameters that could be read; faults go to the findings."""
    steps = read_steps(content, findings)
    found: list[Parameter] = []
    if not content.parameters and not findings.is_faulty("parameters"):
        findings.add(("parameters",), "must declare at least one setting to vary")
    for name, table in content.parameters.items():
        key = ("parameters", name)
        if any(found[:2] == key for found in findings.misshapen):
            continue
        declared = setting_column(name, key, findings, is_own=table.own)
        if name in content.fixed:
            findings.add(key, "is declared twice: in [parameters] and in [fixed]", todo="Take one of them out")
        if key in findings.faulty:
            continue
        when = _read_when(name, table, declared, content, findings)
        parameter: Parameter | None
        if table.choices is not None:
            parameter = _read_choice(name, table, declared, when, content, findings)
        else:
            parameter = _read_numeric(name, table, declared, when, steps.get(name), findings)
        if parameter is not None:
            found.append(parameter)
    return found


def _read_when(
    name: str, table: ParameterTable, declared: Column | None, content: ConfigFile, findings: Findings
) -> Mapping[str, Sequence[str]] | None:
    """Return the condition under which a parameter exists; the vocabulary's own where the file states none."""
    key: Key = ("parameters", name)
    if table.when is None:
        usable = _check_parent(declared, key, content, findings) if declared else None
        return {declared.parent: usable} if declared and usable else None
    key = (*key, "when")
    if len(table.when) != 1:
        findings.add(key, 'must name one parent, such as { anneal_kind = ["furnace", "rta"] }')
        return None
    ((parent, wanted),) = table.when.items()
    choices = _choices(content, parent)
    if findings.is_unsure(parent) and choices is None:
        return None
    if parent not in content.parameters and parent not in content.fixed:
        known = [other for other in (*content.parameters, *content.fixed) if other != name]
        findings.add(key, f"names {parent}, which is declared neither in [parameters] nor in [fixed]",
                     todo=closest(parent, known))  # fmt: skip
    elif choices is None:
        findings.add(key, f"must name a choice; {parent} is a number")
    else:
        _check_wanted(parent, wanted, choices, key, findings)
        if declared is not None and declared.parent:
            _check_against_vocabulary(declared, parent, wanted, key, content, findings)
    return None if findings.is_faulty(*key) else table.when


def _check_wanted(parent: str, wanted: Collection[str], choices: Sequence[str], key: Key, findings: Findings) -> None:
    if not wanted:
        findings.add(key, f"must name at least one choice of {parent}")
    known = column(parent)
    if findings.is_unsure(parent):
        # One of them is not what it was to be: what the vocabulary knows may be it.
        choices = _definite(known.levels) if known is not None and known.levels else tuple(wanted)
    for choice in wanted:
        if choice not in choices:
            findings.add(key, f"must name choices of {parent}: {', '.join(choices)}", choice, closest(choice, choices))


def _check_against_vocabulary(
    declared: Column, parent: str, wanted: Collection[str], key: Key, content: ConfigFile, findings: Findings
) -> None:
    usable = _check_parent(declared, key, content, findings)
    if parent == declared.parent:
        for choice in wanted:
            # What is no choice at all was told as such.
            if choice in (_choices(content, parent) or ()) and choice not in declared.parent_levels:
                findings.add(key, f"must leave out {choice}: {declared.name} does not apply with {parent} {choice}")
    elif usable:
        line = f"when = {{ {declared.parent} = [{', '.join(repr(c) for c in usable)}] }}".replace("'", '"')
        findings.add(key, f"must name {declared.parent}, which decides whether {declared.name} applies", parent, line)


def _read_choice(
    name: str,
    table: ParameterTable,
    declared: Column | None,
    when: Mapping[str, Sequence[str]] | None,
    content: ConfigFile,
    findings: Findings,
) -> Categorical | None:
    key: Key = ("parameters", name)
    for extra in ("low", "high", "step", "resolution", "unit"):
        if getattr(table, extra) is not None:
            findings.add((*key, extra), "does not go with choices")
    if declared is not None and declared.kind == "number":
        findings.add((*key, "choices"), "must not be given for a number", todo="Give low and high, and step if need be")
    try:
        return Categorical(name, choices=table.choices or (), when=when)
    except ValueError as error:
        findings.add((*key, "choices"), str(error).removeprefix(f"{name}: "))
        return None


def _read_numeric(
    name: str,
    table: ParameterTable,
    declared: Column | None,
    when: Mapping[str, Sequence[str]] | None,
    finest: float | None,
    findings: Findings,
) -> Continuous | Stepped | None:
    key: Key = ("parameters", name)
    if declared is not None and declared.kind != "number":
        levels = f" among {', '.join(_definite(declared.levels))}" if declared.levels else ""
        findings.add(key, f"must have choices{levels}")
        return None
    if table.low is None or table.high is None:
        findings.add(key, "must have low and high, or choices")
        return None
    unit = declared.unit if declared else table.unit or ""
    low = read_number(table.low, unit, (*key, "low"), findings, table.unit)
    high = read_number(table.high, unit, (*key, "high"), findings, table.unit)
    if low is None or high is None:
        return None
    if declared is not None:
        check_limits(low, declared, (*key, "low"), findings)
        check_limits(high, declared, (*key, "high"), findings)
    if findings.is_faulty(*key, "low") or findings.is_faulty(*key, "high"):
        return None
    if not low < high:
        findings.add((*key, "low"), f"must lie below high, which is {in_unit(high, unit)}", low)
        return None
    grid: dict[str, float | None] = {}
    for kind in ("step", "resolution"):
        value = getattr(table, kind)
        grid[kind] = None if value is None else read_difference(value, unit, (*key, kind), findings, table.unit)
        if grid[kind] is not None and finest is not None:
            _check_grid(grid[kind], finest, unit, (*key, kind), findings)
    if table.step is not None and table.resolution is not None:
        findings.add((*key, "resolution"), "does not go with step", todo="Take one of them out")
    if findings.is_faulty(*key):
        return None
    try:
        if grid["step"] is not None:
            if finest is not None:
                _check_grid(low, finest, unit, (*key, "low"), findings)
            return Stepped(name, low, high, step=grid["step"], log=table.log, unit=unit, when=when)
        resolution = grid["resolution"] if grid["resolution"] is not None else finest
        return Continuous(name, low, high, log=table.log, resolution=resolution, unit=unit, when=when)
    except ValueError as error:
        findings.add(key, str(error).removeprefix(f"{name}: "))
        return None


def _check_grid(value: float | None, finest: float, unit: str, key: Key, findings: Findings) -> None:
    """Refuse what the machine cannot set: its settings are multiples of its step."""
    if value is not None and abs(value / finest - round(value / finest)) > TOLERANCE * max(1.0, abs(value / finest)):
        findings.add(key, f"must be a multiple of the machine's step of {in_unit(finest, unit)}", value)
