"""Turn rows that were read into records for the ledger, with everything that stands against each.

An *error* refuses the row. A *doubt* refuses it until somebody confirms it. Which cell a row is about is decided here;
whether its figures can be true in :mod:`pvdopt.lab_tables.figure_checks`. Writes nothing and knows no model.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from pvdopt.errors import N_SHOWN, Problem
from pvdopt.lab_tables.fields import CELL, REPLICATE_OF
from pvdopt.lab_tables.figure_checks import Door, applies, check_class, check_made, check_result, find_recipe_gaps
from pvdopt.lab_tables.recording import PLANNED, ReadRow
from pvdopt.ledger.intake import CYCLES, CellRecord
from pvdopt.ledger.state import CellState, LedgerState
from pvdopt.ledger.values import Outcome, Scalar, is_same, show, unknown_cell
from pvdopt.materials import find_cautions
from pvdopt.space import SearchSpace


@dataclass(frozen=True)
class CheckedRow:
    """A row about one cell, and what stands against it.

    Attributes
    ----------
    record : CellRecord
        Ready for the ledger; its ``id`` is empty for a cell that is new.
    recipe : dict or None
        Of a cell that is new: the lab's own, complete.
    said : tuple of str
        Which values were converted, and with what; what is known to happen where it was made so.
    """

    record: CellRecord
    recipe: dict[str, Scalar] | None = None
    problems: tuple[Problem, ...] = ()
    said: tuple[str, ...] = ()

    def with_series(self, series: Mapping[str, Any] | None) -> Self:
        """Return the row with the cell's capacity against cycle."""
        return self if series is None else replace(self, record=replace(self.record, series=series))

    @property
    def errors(self) -> list[Problem]:
        """What refuses the row."""
        return [p for p in self.problems if p.grade == "error"]

    @property
    def doubts(self) -> list[Problem]:
        """What somebody has to confirm."""
        return [p for p in self.problems if p.grade == "doubt"]


@dataclass(frozen=True)
class _Meant:
    """The cell a row is about: one of the campaign's, or a new one by its recipe; and what it says of its making."""

    cell: CellState | None
    executed: dict[str, Scalar]
    recipe: dict[str, Scalar] | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether anything can be checked: the cell is the campaign's, or its recipe is complete."""
        return self.cell is not None or self.recipe is not None


def check_rows(rows: Sequence[ReadRow], door: Door, unread: Collection[str] = ()) -> list[CheckedRow]:
    """Return each row that says something as a record with everything that stands against it, in the order given.

    ``unread`` are columns that no row could be read from; what misses them is not missed a second time.
    """
    checked = []
    first: dict[object, Any] = {}
    values: dict[object, str] = _read_results(door.state)
    told = {row.id: row for row in rows if row.id is not None}
    n_repeated = 0
    for row in rows:
        if row.is_idle:
            continue
        if row.id in first and (n_repeated := n_repeated + 1) > N_SHOWN:
            # Of a table that repeats itself so often nobody is shown what else is wrong.
            record = CellRecord(row.id or "")
            again = _repeated(row, CheckedRow(record), first[row.id])
            checked.append(CheckedRow(record, problems=(*row.problems, again)))
            continue
        found = check_row(row, door, told.get(row.replicate_of or ""), unread)
        name: object = found.record.id or _identity(found.recipe or {}, found.record)
        if row.id is None and found.recipe is None and not found.record.id:
            name = None
        if name in first:
            found = replace(found, problems=(*found.problems, _repeated(row, found, first[name])))
        elif name is not None:
            first[name] = row.place["row"]
        found = replace(found, problems=(*found.problems, *_copied(row, found, values)))
        checked.append(found)
    return checked


def _repeated(row: ReadRow, found: CheckedRow, earlier: object) -> Problem:
    where = f"row {earlier}" if isinstance(earlier, int) else str(earlier)
    if found.record.id and row.id is not None:
        return Problem(f"must appear once, {where} has it too", row.id, "Merge the two rows", column="id", **row.place)
    must = f"must differ from the recipe of {where}, or name another sample"
    return Problem(must, todo="Give each cell its sample", column="sample", **row.place)


def _signature(outcomes: Mapping[str, Any]) -> tuple[object, ...] | None:
    """Return what two cells do not have in common by chance: two results or more, or one with four digits."""
    values = {n: o.value for n, o in outcomes.items() if n != CYCLES and isinstance(o, Outcome)}
    digits = max((len(f"{v:.12g}".replace(".", "").strip("0")) for v in values.values()), default=0)
    return tuple(sorted(values.items())) if len(values) > 1 or digits > 3 else None


def _read_results(state: LedgerState) -> dict[object, str]:
    found = {_signature(cell.outcomes): cell.id for cell in reversed(list(state.cells.values()))}
    return {signature: id_ for signature, id_ in found.items() if signature is not None}


def _copied(row: ReadRow, found: CheckedRow, values: dict[object, str]) -> list[Problem]:
    """Return the doubt that a row's results are another cell's, copied by mistake."""
    signature = _signature(found.record.outcomes)
    if signature is None:
        return []
    place = row.place["row"]
    here = found.record.id or (f"row {place}" if isinstance(place, int) else str(place))
    other = values.setdefault(signature, here)
    if other == here:
        return []
    name = next(iter(row.outcomes))
    must = f"has the very results of {other}"
    return [
        Problem(must, row.outcomes[name].value, "Confirm them if that is so", column=name, grade="doubt", **row.place)
    ]


def check_row(row: ReadRow, door: Door, first: ReadRow | None = None, unread: Collection[str] = ()) -> CheckedRow:
    """Return one row as a record with everything that stands against it.

    Parameters
    ----------
    first : ReadRow, optional
        What the same table says of the film's first cell, where the row is about a further one.
    unread : collection of str
        Columns that no row could be read from.
    """
    meant = _find_meant(row, door, first)
    if not meant.is_known:
        problems = (*row.problems, *(replace(p, **row.place) for p in meant.problems))
        return CheckedRow(_record(row, row.id or "", meant.executed, row.outcomes), problems=problems, said=row.said)
    cell = meant.cell
    fixed = {**door.protocol.columns(), **door.space.fixed}
    before = fixed if cell is None else {**fixed, **cell.settings}
    settings = {**before, **(meant.recipe or {}), **meant.executed, **row.settings}
    known = {} if cell is None else dict(cell.outcomes)
    outcomes = _read_at(row.outcomes, known, door)
    stated = row.labels.get("outcome_class") or (None if cell is None else cell.outcome_class)
    found = [
        *meant.problems,
        *_check_plan(row, cell),
        *check_made(settings, before, cell, door),
        *check_result(settings, outcomes, known, door, {*unread, *(p.column for p in row.problems if p.column)}),
        *check_class(stated, outcomes, known),
    ]
    found += [p for p in _find_belied(settings, before, known, door) if p not in found]
    problems = (*row.problems, *(replace(p, **row.place) for p in found))
    record = _record(row, "" if cell is None else cell.id, meant.executed, outcomes, meant.recipe)
    if row.id is None and row.replicate_of is not None:
        record = replace(record, **_film_labels(row, door.state.cells[row.replicate_of], first))
    # Said once: when the cell was made, or is told to have been made otherwise.
    is_new = cell is None or cell.status == "proposed"
    cautions = [text for name, text in find_cautions(settings) if is_new or settings[name] != before.get(name)]
    said = (*row.said, *(f"{record.id}, {text}".removeprefix(", ") for text in cautions))
    return CheckedRow(record, meant.recipe, problems, said)


def _find_belied(
    settings: Mapping[str, Any], before: Mapping[str, Any], known: Mapping[str, Outcome], door: Door
) -> list[Problem]:
    """Return what recorded results cannot be, now that it is told how the cell was made: a thickness that came late."""
    if settings == before or not known:
        return []
    possible = check_result(before, known, {}, door)
    return [p for p in check_result(settings, known, {}, door) if p.grade == "error" and p not in possible]


def _film_labels(row: ReadRow, cell: CellState, first: ReadRow | None) -> dict[str, Any]:
    """Return the run and sample of a film's further cell: those of its first, unless the row says otherwise."""
    told = {} if first is None else first.labels
    return {name: row.labels.get(name) or told.get(name) or getattr(cell, name) for name in ("run", "sample")}


def _read_at(outcomes: Mapping[str, Outcome], known: Mapping[str, Outcome], door: Door) -> dict[str, Outcome]:
    """Return outcomes with the protocol's number of cycles, where it replaces a reading after fewer."""
    asked, earlier = door.protocol.cycles, known.get(CYCLES)
    is_early = asked is not None and earlier is not None and earlier.value < asked
    is_read = "retention" in outcomes and CYCLES not in outcomes and outcomes["retention"] != known.get("retention")
    return {**outcomes, CYCLES: Outcome(asked)} if is_read and is_early and asked is not None else dict(outcomes)


def _record(
    row: ReadRow,
    id_: str,
    executed: Mapping[str, Scalar],
    outcomes: Mapping[str, Outcome],
    recipe: Mapping[str, Scalar] | None = None,
) -> CellRecord:
    record = CellRecord(
        id_,
        executed=executed,
        outcomes=dict(outcomes),
        recipe=recipe,
        file=row.place.get("file"),
        row=row.place["row"] if isinstance(row.place.get("row"), int) else None,
    )
    return replace(record, **row.labels)  # type: ignore[arg-type]


# -- which cell a row is about -------------------------------------------------------------------------------------


def _find_meant(row: ReadRow, door: Door, first: ReadRow | None) -> _Meant:
    if row.id is not None:
        return _find_named(row, row.id, door)
    if row.replicate_of is not None:
        return _find_replicate(row, row.replicate_of, door, {} if first is None else first.settings)
    full = {**door.space.fixed, **row.settings}
    gaps = [] if row.is_broken else find_recipe_gaps(full, door.space, row.unread)
    missing = [p for p in gaps if p.value is None]
    problems = [p for p in gaps if p.value is not None]
    if missing:
        names = ", ".join(str(p.column) for p in missing)
        must = f"must name a proposal, or the row must hold a complete recipe: {names} is missing"
        problems.insert(0, Problem(must, column="id"))
    if problems or row.is_broken or row.unread & {*door.space.names}:
        return _Meant(None, dict(row.settings), problems=tuple(problems))
    recipe: dict[str, Scalar] = {**dict.fromkeys(door.space.names), **door.space.fixed, **row.settings}
    cell = _find_added(recipe, row, door.state)
    return _Meant(cell, {}, None if cell is not None else recipe)


def _find_named(row: ReadRow, name: str, door: Door) -> _Meant:
    cell = door.state.cells.get(name)
    if cell is None:
        return _Meant(None, dict(row.settings), problems=(unknown_to_record(name, door.state),))
    executed: dict[str, Scalar] = dict(row.settings)
    problems = []
    if row.replicate_of not in (None, cell.settings.get(REPLICATE_OF)):
        must = "must be empty beside an id: a replicate is a cell of its own"
        problems.append(Problem(must, row.replicate_of, "Leave the id empty for the replicate", column=REPLICATE_OF))
    settings = {**door.space.fixed, **cell.settings, **executed}
    executed |= dict.fromkeys(_no_longer_apply(door.space, settings, executed))
    gaps = find_recipe_gaps({**settings, **executed}, door.space, row.unread)
    return _Meant(cell, executed, problems=(*problems, *gaps))


def unknown_to_record(name: str, state: LedgerState) -> Problem:
    """Return the problem of results for a cell that the campaign does not have: a slip, or a cell nobody proposed."""
    found = unknown_cell(name, state.cells, column="id")
    enter = "`pvdopt add`, or a table with `pvdopt cells import`, takes a cell that was not proposed, by its recipe"
    return replace(found, todo=f"{found.todo}. {enter}; a name of your own goes into sample")


def _find_replicate(row: ReadRow, name: str, door: Door, told: Mapping[str, float | str]) -> _Meant:
    """Return the further cell of a film that a row is about: made as the first was, but for what the row states.

    Parameters
    ----------
    told : mapping
        What the same table says of how the first was made.
    """
    first = door.state.cells.get(name)
    if first is None:
        return _Meant(None, dict(row.settings), problems=(unknown_cell(name, door.state.cells, column=REPLICATE_OF),))
    if row.settings.get(CELL) is None:
        must = "must say which of the film's cells it is"
        todo = f"Number them; {name} itself is the first"
        return _Meant(None, dict(row.settings), problems=(Problem(must, todo=todo, column=CELL),))
    executed: dict[str, Scalar] = {n: v for n, v in row.settings.items() if n != CELL}
    for cell in door.state.cells.values():
        if cell.recipe.get(REPLICATE_OF) == name and cell.recipe.get(CELL) == row.settings[CELL]:
            return _Meant(cell, executed)
    made = {n: v for n, v in {**first.settings, **told}.items() if n not in (CELL, REPLICATE_OF)}
    recipe: dict[str, Scalar] = {**dict.fromkeys(door.space.names), **door.space.fixed, **made, **row.settings}
    recipe[REPLICATE_OF] = name
    idle = _no_longer_apply(door.space, recipe, executed)
    recipe |= dict.fromkeys(idle)
    return _Meant(None, {}, recipe, tuple(find_recipe_gaps(recipe, door.space, row.unread)))


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


def _no_longer_apply(space: SearchSpace, settings: Mapping[str, Any], executed: Mapping[str, Any]) -> list[str]:
    """Return planned settings that do not apply to what was made, and were not reported all the same."""
    return [
        name
        for name in space.names
        if name not in executed and settings.get(name) is not None and not applies(space, name, settings)
    ]


def _check_plan(row: ReadRow, cell: CellState | None) -> Iterable[Problem]:
    """Yield where the plan that a sheet repeats is not the campaign's: written over, or another campaign's sheet."""
    if cell is None or cell.kind != "proposed":
        return
    for name, value in row.planned.items():
        plan = cell.recipe.get(name)
        numbers = isinstance(plan, (int, float)) and isinstance(value, (int, float))
        if math.isclose(plan, value, rel_tol=1e-6) if numbers else is_same(plan, value):  # type: ignore[arg-type]
            continue
        must = f"is planned as {show(plan)}, which a sheet does not change"
        todo = f"Write what was made into {name}, or change the plan with `pvdopt edit {cell.id}`"
        yield Problem(must, value, todo, column=f"{PLANNED}{name}")
