"""What may not be made: the file's own constraints, and those that follow from machine, substrate and electrolyte.

Each automatic constraint carries its reason, which is what a user reads who asks why a recipe is refused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pvdopt import materials
from pvdopt.columns import column
from pvdopt.config.goals import Figures
from pvdopt.config.reading import Findings, Key
from pvdopt.config.schema import ConfigFile, ExcludeConstraint, LimitConstraint, RangeTable, SumConstraint
from pvdopt.config.settings import check_level, read_number
from pvdopt.constraints import Between, Constraint, Exclude, Limit, LinearSum
from pvdopt.wording import closest

#: Real biases; beside them stands "none".
_BIAS_KINDS = ("rf", "dc")
#: The anneals a lab sets, and the temperature and kind of each.
_ANNEALS = (("anneal_kind", "anneal_temperature_c"), ("post_anneal_kind", "post_anneal_temperature_c"))
#: Flexible insulators that stand no more than this are polymers (C).
_POLYMER_LIMIT_C = 400.0


@dataclass(frozen=True)
class OpenRange(Between):
    """A range whose ends are spoken of as excluded; ``low`` and ``high`` are the next numbers inside."""

    text: str = ""

    def __str__(self) -> str:
        return self.text


class Declared:
    """The names a recipe has, and what each may be."""

    def __init__(self, content: ConfigFile, fixed: Mapping[str, float | str]) -> None:
        self._parameters = content.parameters
        self._fixed = fixed

    def __contains__(self, name: object) -> bool:
        return name in self._parameters or name in self._fixed

    def __iter__(self) -> Iterator[str]:
        yield from (*self._parameters, *self._fixed)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return what a category may be; empty for a number and for what is not declared."""
        if name in self._parameters:
            return self._parameters[name].choices or ()
        value = self._fixed.get(name)
        return (value,) if isinstance(value, str) else ()

    def unit(self, name: str) -> str:
        """Return the canonical unit of a number."""
        known = column(name)
        if known is not None:
            return known.unit
        return (self._parameters[name].unit or "") if name in self._parameters else ""


# -- automatic constraints ---------------------------------------------------------------------------------------


def machine_constraints(
    content: ConfigFile, declared: Declared, figures: Figures, findings: Findings
) -> list[Constraint]:
    """Return the constraints that follow from what the lab has and from what the materials stand."""
    for name, kinds in (("methods", materials.methods()), ("substrates", materials.substrates())):
        for word in getattr(content.machine, name) or ():
            if word not in kinds:
                findings.add(("machine", name), f"must be among {', '.join(kinds)}", word, closest(word, kinds))
    for word in content.machine.bias_supplies or ():
        if word not in _BIAS_KINDS:
            findings.add(("machine", "bias_supplies"), f"must be among {', '.join(_BIAS_KINDS)}", word)
    found: list[Constraint] = []
    found += _equipment(content, declared, findings)
    found += _anneals(content, declared, findings)
    found += _temperatures(declared, figures)
    found += _biases(content, declared)
    found += _substrates(declared)
    return found


def _without(name: str, declared: Declared, kept: Collection[str], why: str) -> Iterator[Exclude]:
    lacking = [choice for choice in declared.choices(name) if choice not in kept]
    if lacking:
        yield Exclude({name: lacking}, why)


def _equipment(content: ConfigFile, declared: Declared, findings: Findings) -> Iterator[Constraint]:
    machine = content.machine
    for name, setting, kept, why in (
        ("methods", "method", machine.methods, "the lab does not have this method"),
        ("substrates", "substrate", machine.substrates, "the substrate is not in stock, see [machine]"),
        ("bias_supplies", "bias_kind", machine.bias_supplies, "the lab has no such bias supply"),
    ):
        # A list with a slip in it does not tell what the lab lacks.
        if kept is not None and not findings.is_faulty("machine", name):
            yield from _without(setting, declared, ("none", *kept) if setting == "bias_kind" else kept, why)


def _anneals(content: ConfigFile, declared: Declared, findings: Findings) -> Iterator[Constraint]:
    hottest = {}
    unsure = []
    for kind, name in (("furnace", "furnace_max_c"), ("rta", "rta_max_c")):
        value = getattr(content.machine, name)
        number = None if value is None else read_number(value, "C", ("machine", name), findings)
        if number is not None:
            hottest[kind] = number
        elif findings.is_faulty("machine", name):
            unsure.append(kind)
    if not hottest:
        return
    for kind, temperature in _ANNEALS:
        yield from _without(
            kind, declared, ("none", *hottest, *unsure), "the lab has no furnace or annealer of that kind"
        )
        if kind in declared and temperature in declared:
            yield Limit(temperature, kind, at_most=hottest, why="the hottest the lab's equipment goes")


def _temperatures(declared: Declared, figures: Figures) -> Iterator[Constraint]:
    for temperature in ("anneal_temperature_c", "substrate_temperature_c", "post_anneal_temperature_c"):
        limits = {s: figures.substrate_limits_c[s] for s in declared.choices("substrate")
                  if s in figures.substrate_limits_c}  # fmt: skip
        if temperature in declared and limits:
            yield Limit(temperature, "substrate", at_most=limits, why="the hottest the substrate stands")
    after = {e: figures.electrolyte_limits_c[e] for e in declared.choices("electrolyte")
             if e in figures.electrolyte_limits_c}  # fmt: skip
    if "post_anneal_temperature_c" in declared and after:
        why = "the hottest the electrolyte stands once it is deposited"
        yield Limit("post_anneal_temperature_c", "electrolyte", at_most=after, why=why)


def _biases(content: ConfigFile, declared: Declared) -> Iterator[Constraint]:
    biased = [kind for kind in declared.choices("bias_kind") if kind != "none"]
    methods = materials.methods()
    unbiased = [m for m in declared.choices("method") if m in methods and not methods[m].bias_possible]
    if biased and unbiased:
        yield Exclude({"bias_kind": biased, "method": unbiased}, "only sputtering takes a substrate bias")
    substrates = materials.substrates()
    insulators = [s for s in declared.choices("substrate") if s in substrates and not substrates[s].conductive]
    if "dc" in biased and insulators and not content.machine.contacts_film:
        why = "on an insulator a bias needs rf, or a contacted film (contacts_film in [machine])"
        yield Exclude({"bias_kind": ["dc"], "substrate": insulators}, why)


def _substrates(declared: Declared) -> Iterator[Constraint]:
    rows = [materials.substrates()[s] for s in declared.choices("substrate") if s in materials.substrates()]
    transfers = [row.name for row in rows if row.transfer_only]
    if transfers:
        yield Exclude({"substrate": transfers}, "it only takes a finished stack and never sees the deposition")
    polymers = [r.name for r in rows if r.flexible and not r.conductive and r.max_temperature_c <= _POLYMER_LIMIT_C]
    methods = materials.methods()
    hot = [m for m in declared.choices("method") if m in methods and methods[m].radiant_load == "high"]
    if polymers and hot:
        yield Exclude({"substrate": polymers, "method": hot}, "a polymer does not stand the source's radiant heat")


# -- the file's own constraints ----------------------------------------------------------------------------------


def own_constraints(content: ConfigFile, declared: Declared, findings: Findings) -> list[Constraint]:
    """Return the constraints the file states; faults go to the findings."""
    found: list[Constraint] = []
    for index, table in enumerate(content.constraints):
        key = ("constraints", index)
        if findings.is_faulty(*key):
            continue
        try:
            if isinstance(table, SumConstraint):
                constraint: Constraint | None = _read_sum(table, key, declared, findings)
            elif isinstance(table, ExcludeConstraint):
                constraint = _read_exclude(table, key, declared, findings)
            else:
                constraint = _read_limit(table, key, declared, findings)
        except ValueError as error:
            findings.add(key, str(error))
            continue
        if constraint is not None and not findings.is_faulty(*key):
            found.append(constraint)
    return found


def is_declared(name: str, key: Key, declared: Declared, findings: Findings, *, as_number: bool) -> bool:
    """Return whether a name is declared and of the kind needed; what is wrong goes to the findings.

    What is wrong because its declaration is goes there once, with that.
    """
    if findings.is_unsure(name) and (name not in declared or bool(declared.choices(name)) == as_number):
        return False
    if name not in declared:
        findings.add(key, f"names {name}, which is declared neither in [parameters] nor in [fixed]",
                     todo=closest(name, declared))  # fmt: skip
        return False
    if bool(declared.choices(name)) == as_number:
        findings.add(key, f"needs {'a number' if as_number else 'a choice'}, which {name} is not")
        return False
    return True


def check_choices(name: str, given: Sequence[str], key: Key, declared: Declared, findings: Findings) -> None:
    """Refuse what a category cannot be; a level the vocabulary knows may stand there although it is not a choice."""
    known = column(name)
    for choice in given:
        if choice in declared.choices(name):
            continue
        if findings.is_unsure(name) and (known is None or not known.levels):
            continue
        if known is not None and known.levels:
            check_level(choice, known, key, findings)
        else:
            levels = declared.choices(name)
            findings.add(key, f"must be one of {', '.join(levels)}", choice, closest(choice, levels))


def _read_sum(table: SumConstraint, key: Key, declared: Declared, findings: Findings) -> LinearSum:
    for name in table.weights:
        is_declared(name, (*key, "weights"), declared, findings, as_number=True)
    low = -math.inf if table.low is None else table.low
    high = math.inf if table.high is None else table.high
    return LinearSum(dict(table.weights), low, high)


def _read_exclude(table: ExcludeConstraint, key: Key, declared: Declared, findings: Findings) -> Exclude | None:
    conditions: dict[str, Sequence[str] | Between] = {}
    is_whole = True
    for name, condition in table.when.items():
        place = (*key, "when", name)
        is_range = isinstance(condition, RangeTable)
        if not is_declared(name, place, declared, findings, as_number=is_range):
            is_whole = False
            continue
        if isinstance(condition, RangeTable):
            between = _read_range(condition, declared.unit(name), place, findings)
            if between is not None:
                conditions[name] = between
        else:
            check_choices(name, condition, place, declared, findings)
            conditions[name] = condition
    return Exclude(conditions, table.why) if is_whole and not findings.is_faulty(*key) else None


def _read_range(table: RangeTable, unit: str, key: Key, findings: Findings) -> Between | None:
    ends = {}
    for name in ("above", "from_", "below", "to"):
        value = getattr(table, name)
        if value is not None:
            ends[name] = read_number(value, unit, (*key, name.rstrip("_")), findings)
    if {"above", "from_"} <= ends.keys() or {"below", "to"} <= ends.keys() or not ends:
        findings.add(key, "must have above or from, below or to, or one of each pair")
        return None
    if None in ends.values():
        return None
    numbers = {name: end for name, end in ends.items() if end is not None}
    low = numbers.get("from_", math.nextafter(numbers["above"], math.inf) if "above" in numbers else -math.inf)
    high = numbers.get("to", math.nextafter(numbers["below"], -math.inf) if "below" in numbers else math.inf)
    if not low <= high:
        findings.add(key, "must have its lower end below its upper one")
        return None
    words = {"above": "above", "from_": "at least", "below": "below", "to": "at most"}
    return OpenRange(low, high, " and ".join(f"{words[name]} {end:g}" for name, end in numbers.items()))


def _read_limit(table: LimitConstraint, key: Key, declared: Declared, findings: Findings) -> Limit | None:
    is_number = is_declared(table.parameter, (*key, "parameter"), declared, findings, as_number=True)
    is_choice = is_declared(table.by, (*key, "by"), declared, findings, as_number=False)
    if not (is_number and is_choice):
        return None
    limits: dict[str, dict[str, float]] = {"at_most": {}, "at_least": {}}
    for name, found in limits.items():
        given = getattr(table, name)
        check_choices(table.by, tuple(given), (*key, name), declared, findings)
        for choice, value in given.items():
            number = read_number(value, declared.unit(table.parameter), (*key, name), findings)
            if number is not None:
                found[choice] = number
    return None if findings.is_faulty(*key) else Limit(table.parameter, table.by, why=table.why, **limits)
