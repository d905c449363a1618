"""From checked results to facts: what is refused, what is confirmed, what is written. All of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pvdopt.campaign.own_cells import OwnCells
from pvdopt.campaign.reports import PredictionScore, RecordReport
from pvdopt.campaign.series_intake import say_early
from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.cell_basis import find_basis
from pvdopt.lab_tables.fields import LABELS, Field, Manner, read_outcome, read_value
from pvdopt.lab_tables.figure_checks import Door, check_made, check_result
from pvdopt.lab_tables.recording import Table
from pvdopt.lab_tables.result_checks import CheckedRow
from pvdopt.ledger.changes import rehearse
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.intake import plan_record
from pvdopt.ledger.state import LedgerState
from pvdopt.ledger.values import unknown_cell
from pvdopt.wording import as_word, closest

if TYPE_CHECKING:
    from pvdopt.ledger.ledger import Ledger


def record_rows(
    ledger: Ledger,
    own: OwnCells,
    as_own: Callable[[LedgerState], OwnCells],
    table: Table,
    rows: Sequence[CheckedRow],
    *,
    confirm: bool,
    accept_good_rows: bool,
    dry_run: bool,
) -> RecordReport:
    """Record checked rows; see :meth:`pvdopt.campaign.Campaign.record`.

    Parameters
    ----------
    own : OwnCells
        As the rows were checked against.
    as_own : callable
        Turns the state after the writing into the campaign's cells.
    table : Table
        As read. What is wrong with it as a whole, such as a column nobody knows, refuses all rows.

    Raises
    ------
    DataInvalid
        With every problem of every row.
    """
    fold = Fold(ledger.facts())
    rows = [_foresee(fold, row) for row in rows]
    stands = [not row.errors and (confirm or not row.doubts) for row in rows]
    good = [row for row, is_good in zip(rows, stands, strict=True) if is_good]
    bad = [row for row, is_good in zip(rows, stands, strict=True) if not is_good]
    of_rows = [*(p for r in bad for p in r.errors), *(p for r in bad for p in r.doubts)]
    problems = [table.locate(p) for p in (*table.problems, *of_rows)]
    if table.problems or (bad and not (accept_good_rows and good)):
        raise DataInvalid(problems)
    doubts = [table.locate(p) for row in good for p in row.doubts]
    notes = [note for row in good for note in row.said]
    before = {(s.id, s.outcome) for s in own.scores()}
    # New cells go in with what is said of them: a table is one transaction, whatever is in it.
    records = [replace(row.record, id=row.record.id or None, recipe=row.recipe) for row in good]
    is_alone = any(row.recipe is not None for row in good)
    # Whether a recipe is a new cell was judged on the cells there were: with others meanwhile it might be there twice.
    if dry_run:
        drafts, counts = plan_record(fold, records)
        rehearse(fold, drafts)
        state = fold.state(own.state.asked)
    else:
        counts = ledger.record(records, expected=fold.n_facts if is_alone else None)
        state = ledger.state(own.state.asked)
    ids = list(counts.ids)
    now = as_own(state)
    early = [say_early(now, state.cells[id_]) for id_ in dict.fromkeys(ids)]
    scores: list[PredictionScore] = [s for s in now.scores(dict.fromkeys(ids)) if (s.id, s.outcome) not in before]
    return RecordReport(
        new=counts.new,
        unchanged=counts.unchanged,
        n_facts=0 if dry_run else counts.n_facts,
        cells=ids,
        added=[id_ for id_, row in zip(ids, good, strict=True) if row.recipe is not None],
        refused=problems,
        doubts=doubts,
        scores=scores,
        is_recorded=not dry_run,
        notes=[*notes, *counts.replaced, *filter(None, early)],
    )


def _foresee(fold: Fold, row: CheckedRow) -> CheckedRow:
    """Return the row with what the ledger itself would say against it."""
    if row.errors or not row.record.id:
        return row
    try:
        plan_record(fold, [row.record])
    except DataInvalid as error:
        return replace(row, problems=(*row.problems, *error.problems))
    return row


def read_correction(
    cell_id: str, changes: Mapping[str, object], fields: Mapping[str, Field], door: Door, confirm: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return corrections as values of the ledger, and how values were converted.

    Raises
    ------
    DataInvalid
        With every name that there is not, and every value that cannot be or, unless confirmed, is unlikely.
    """
    values: dict[str, Any] = {}
    cell = door.state.cells.get(cell_id)
    problems = _find_stray(cell_id, changes, fields, door.state)
    manner = Manner()
    # Settings first: an outcome may be written in terms of them.
    for name, raw in sorted(changes.items(), key=lambda item: name_role(fields, item[0]) == "outcome"):
        found = fields.get(name)
        if found is None or name in LABELS:
            values[name] = raw or None
            continue
        try:
            if found.role == "outcome":
                settings = {n: v for n, v in values.items() if v is not None}
                manner.basis = find_basis(door, cell_id, settings)
                values[name] = read_outcome(found, raw, manner)
            else:
                values[name] = read_value(found, raw)
        except DataInvalid as error:
            problems += [replace(p, row=cell_id, column=name) for p in error.problems]
    if cell is not None and not problems:
        before = {**door.protocol.columns(), **door.space.fixed, **cell.settings}
        settings = before | {n: v for n, v in values.items() if n in fields and fields[n].role == "setting"}
        outcomes = {n: v for n, v in values.items() if n in fields and fields[n].role == "outcome" and v is not None}
        kept = {n: o for n, o in cell.outcomes.items() if n not in values}
        found_now = check_result(settings, {**kept, **outcomes}, {}, door)
        found_now += check_made(settings, before, cell, door)
        found_before = check_result({**settings, **cell.settings}, cell.outcomes, {}, door)
        # What was confirmed when it was recorded need not be confirmed again.
        news = [p for p in found_now if p not in found_before and (p.grade == "error" or not confirm)]
        problems = [replace(p, row=cell_id) for p in news]
    if problems:
        raise DataInvalid(problems)
    return values, manner.said


def _find_stray(
    cell_id: str, changes: Mapping[str, object], fields: Mapping[str, Field], state: LedgerState
) -> list[Problem]:
    """Return what is to be corrected and is not there: the cell, a name that nobody knows, an outcome not measured."""
    cell = state.cells.get(cell_id)
    found = [] if cell is not None else [unknown_cell(cell_id, state.cells)]
    past = () if cell is None else (change["name"] for change in cell.history if change["part"] == "outcome")
    measured = set(changes) if cell is None else {*cell.outcomes, *past}
    for name in changes:
        if name not in fields and (cell is None or name not in cell.settings):
            must, todo = "is neither an outcome nor a setting nor a label", closest(name, fields)
            todo = todo or "`pvdopt config names` lists what there is"
            found.append(Problem(must, None, todo, row=cell_id, column=name))
        elif name_role(fields, name) == "outcome" and name not in measured:
            todo = f"Record it: `pvdopt record {cell_id} {as_word(name, changes[name])}`"
            found.append(Problem("is not measured for this cell yet", None, todo, row=cell_id, column=name))
    return found


def name_role(fields: Mapping[str, Field], name: str) -> str:
    """Return what a name stands for; nothing where nobody knows it."""
    return fields[name].role if name in fields else ""
