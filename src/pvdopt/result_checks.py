"""Check results at the door: whether what a row says of a cell can be true, given the cell and the campaign.

An *error* refuses the row. A *doubt* is unlikely and may yet be so: it refuses the row until somebody confirms it.
Knows the vocabulary, the materials and the ledger's state; writes nothing and knows no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pvdopt.cell_checks import CAPACITY_DOUBT, CAPACITY_ERROR, ROUNDING, SLIP
from pvdopt.cells import is_empty, misplaced
from pvdopt.errors import Problem
from pvdopt.ledger.facts import FAILURE_CLASSES
from pvdopt.ledger.intake import CellRecord
from pvdopt.ledger.state import CellState, LedgerState
from pvdopt.ledger.values import Outcome, Scalar, is_same, unknown_cell
from pvdopt.materials import Cathode, anodes
from pvdopt.objectives import Protocol
from pvdopt.recording import ReadRow
from pvdopt.space import SearchSpace

_CONFIRM = "Confirm it if it is so"


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


@dataclass(frozen=True)
class CheckedRow:
    """A row about one cell, and what stands against it.

    Attributes
    ----------
    record : CellRecord
        Ready for the ledger; its ``id`` is empty for a cell that is new.
    recipe : dict or None
        Of a cell that is new: the lab's own, complete.
    """

    record: CellRecord
    recipe: dict[str, Scalar] | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> list[Problem]:
        """What refuses the row."""
        return [p for p in self.problems if p.grade == "error"]

    @property
    def doubts(self) -> list[Problem]:
        """What somebody has to confirm."""
        return [p for p in self.problems if p.grade == "doubt"]


def check_rows(rows: Sequence[ReadRow], door: Door) -> list[CheckedRow]:
    """Return each row as a record with everything that stands against it, in the order given."""
    checked = []
    first: dict[object, Any] = {}
    for row in rows:
        found = check_row(row, door)
        name: object = found.record.id or _identity(found.recipe or {}, found.record)
        if row.id is None and found.recipe is None and not found.record.id:
            name = None
        if name in first:
            found = replace(found, problems=(*found.problems, _repeated(row, found, first[name])))
        elif name is not None:
            first[name] = row.place["row"]
        checked.append(found)
    return checked


def _repeated(row: ReadRow, found: CheckedRow, earlier: object) -> Problem:
    where = f"row {earlier}" if isinstance(earlier, int) else str(earlier)
    if found.record.id and row.id is not None:
        return Problem(f"must appear once, {where} has it too", row.id, "Merge the two rows", column="id", **row.place)
    must = f"must differ from the recipe of {where}, or name another sample"
    return Problem(must, todo="Give each cell its sample", column="sample", **row.place)


def check_row(row: ReadRow, door: Door) -> CheckedRow:
    """Return one row as a record with everything that stands against it."""
    cells = door.state.cells
    if row.id is not None and row.id not in cells:
        problem = unknown_cell(row.id, cells, column="id", **row.place)
        return CheckedRow(_record(row, row.id, row.settings), problems=(*row.problems, problem))
    if row.id is None and row.problems:
        # What could not be read would be missed a second time as a gap of the recipe.
        return CheckedRow(_record(row, "", row.settings), problems=row.problems)
    problems = list(row.problems)
    cell: CellState | None
    recipe: dict[str, Scalar] | None = None
    executed: dict[str, Scalar] = dict(row.settings)
    if row.id is not None:
        cell = cells[row.id]
        settings = {**door.space.fixed, **cell.settings, **executed}
        idle = _no_longer_apply(door.space, settings, executed)
        executed |= dict.fromkeys(idle)
        problems += [replace(p, **row.place) for p in find_recipe_gaps({**settings, **executed}, door.space)]
    else:
        full = {**door.space.fixed, **executed}
        gaps = find_recipe_gaps(full, door.space)
        if gaps:
            names = ", ".join(str(p.column) for p in gaps)
            must = f"must name a proposal, or the row must hold a complete recipe: {names} is missing"
            problem = Problem(must, column="id", **row.place)
            return CheckedRow(_record(row, "", executed), problems=(*problems, problem))
        recipe = {**dict.fromkeys(door.space.names), **door.space.fixed, **executed}
        cell = _find_added(recipe, row, door.state)
        if cell is not None:
            recipe = None
        executed = {}
    record = _record(row, "" if cell is None else cell.id, executed)
    settings = {**door.protocol.columns(), **door.space.fixed, **row.settings}
    if cell is not None:
        settings = {
            **door.protocol.columns(),
            **door.space.fixed,
            **cell.settings,
            **executed,
            **row.settings,
        }
    known = {} if cell is None else dict(cell.outcomes)
    problems += [replace(p, **row.place) for p in check_result(settings, row.outcomes, known, door)]
    stated = row.labels.get("outcome_class") or (None if cell is None else cell.outcome_class)
    problems += [replace(p, **row.place) for p in _check_class(stated, row.outcomes, known)]
    return CheckedRow(record, recipe, tuple(problems))


def _record(row: ReadRow, id_: str, executed: Mapping[str, Scalar]) -> CellRecord:
    labels: dict[str, Any] = dict(row.labels)
    return CellRecord(
        id_,
        executed=executed,
        outcomes=dict(row.outcomes),
        file=row.place.get("file"),
        row=row.place["row"] if isinstance(row.place.get("row"), int) else None,
        **labels,
    )


def _identity(recipe: Mapping[str, Scalar], record: CellRecord) -> tuple[object, ...]:
    return (tuple(sorted(recipe.items(), key=lambda item: item[0])), record.run, record.sample)


def _find_added(recipe: Mapping[str, Scalar], row: ReadRow, state: LedgerState) -> CellState | None:
    """Return the lab's own cell that the row is about: of the same recipe, run and sample."""
    run, sample = row.labels.get("run"), row.labels.get("sample")
    for cell in state.cells.values():
        if cell.kind != "added" or (cell.run, cell.sample) != (run, sample):
            continue
        names = {**recipe, **cell.recipe}
        if all(is_same(recipe.get(n), cell.recipe.get(n)) for n in names):
            return cell
    return None


# -- recipes -----------------------------------------------------------------------------------------------------


def _applies(space: SearchSpace, name: str, settings: Mapping[str, Any]) -> bool:
    p = space[name]
    if p.parent is None:
        return True
    if settings.get(p.parent) not in p.parent_choices:
        return False
    return p.parent not in space or _applies(space, p.parent, settings)


def _no_longer_apply(space: SearchSpace, settings: Mapping[str, Any], executed: Mapping[str, Any]) -> list[str]:
    """Return planned settings that do not apply to what was made, and were not reported all the same."""
    return [
        name
        for name in space.names
        if name not in executed and settings.get(name) is not None and not _applies(space, name, settings)
    ]


def find_recipe_gaps(settings: Mapping[str, Any], space: SearchSpace) -> list[Problem]:
    """Return what is missing from a recipe, or stated although it does not apply."""
    problems = []
    for p in space.parameters:
        value = settings.get(p.name)
        if _applies(space, p.name, settings):
            if value is None:
                must = f"must be stated ({p.range_text()})"
                todo = f"It applies with {p.parent} {settings.get(p.parent)}" if p.parent else ""
                problems.append(Problem(must, todo=todo, column=p.name))
        elif value is not None:
            must = f"does not apply with {p.parent} {settings.get(p.parent or '')}"
            todo = f"Leave {p.name} empty or correct {p.parent}"
            problems.append(Problem(must, value, todo, column=p.name))
    stated = {n: v for n, v in settings.items() if not is_empty(v) and n not in space}
    return problems + [p for p in misplaced({**settings, **stated}) if p.column not in space]


# -- figures -----------------------------------------------------------------------------------------------------


def check_result(
    settings: Mapping[str, Any],
    outcomes: Mapping[str, Outcome],
    known: Mapping[str, Outcome],
    door: Door,
) -> list[Problem]:
    """Return what cannot be true of a cell's figures, or is unlikely.

    Parameters
    ----------
    settings : mapping
        Fixed, planned and executed settings and the protocol; None where one does not apply.
    outcomes, known : mapping of str to Outcome
        What is new, and what is recorded already: that was checked when it came.
    """
    new = {n: o for n, o in outcomes.items() if known.get(n) != o}
    every = {**known, **outcomes}
    return [
        *_check_theory(settings, new, door.cathodes.get(str(settings.get("cathode")))),
        *_check_areal(settings, new, every),
        *_check_cycles(new, every, door.protocol),
    ]


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


def _check_class(word: str | None, outcomes: Mapping[str, Outcome], known: Mapping[str, Outcome]) -> Iterator[Problem]:
    """Figures of a cell that gave no usable ones: kept, and no model learns from them."""
    new = [n for n, o in outcomes.items() if known.get(n) != o]
    if word == "not_made" and new:
        must = "must be empty for a cell that was not made"
        yield Problem(must, outcomes[new[0]].value, "Name another outcome class", column=new[0])
    elif word in FAILURE_CLASSES and new:
        must = f"stands beside outcome_class {word}: no model will learn from it"
        yield Problem(must, outcomes[new[0]].value, _CONFIRM, column=new[0], grade="doubt")


def problems_of(rows: Iterable[CheckedRow]) -> list[Problem]:
    """Return all errors of all rows, then all doubts."""
    listed = list(rows)
    return [p for row in listed for p in row.errors] + [p for row in listed for p in row.doubts]
