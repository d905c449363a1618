"""From checked results to facts: what is refused, what is confirmed, what is written. All of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pvdopt.campaign_reports import PredictionScore, RecordReport
from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.intake import plan_record
from pvdopt.ledger.state import LedgerState
from pvdopt.own_cells import OwnCells
from pvdopt.recording import LABELS, Field, read_outcome, read_value
from pvdopt.result_checks import CheckedRow, Door, check_result

if TYPE_CHECKING:
    from pvdopt.ledger.ledger import Ledger


def record_rows(
    ledger: Ledger,
    own: OwnCells,
    as_own: Callable[[LedgerState], OwnCells],
    of_table: Sequence[Problem],
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
    of_table : sequence of Problem
        What is wrong with the table as a whole, such as a column nobody knows; never left out.

    Raises
    ------
    DataInvalid
        With every problem of every row.
    """
    fold = Fold(ledger.facts())
    rows = [_foresee(fold, row) for row in rows]
    good = [row for row in rows if not row.errors and (confirm or not row.doubts)]
    bad = [row for row in rows if row not in good]
    problems = [*of_table, *(p for r in bad for p in r.errors), *(p for r in bad for p in r.doubts)]
    if of_table or (bad and not (accept_good_rows and good)):
        raise DataInvalid(problems)
    doubts = [p for row in good for p in row.doubts]
    if dry_run:
        new = [row for row in good if _is_new(fold, row)]
        ids = [row.record.id for row in good if row.record.id]
        return RecordReport(len(new), len(good) - len(new), 0, ids, [], problems, doubts, [], False)
    before = {(s.id, s.outcome) for s in own.scores()}
    written = fold.n_facts
    # New cells go in with what is said of them: a table is one transaction, whatever is in it.
    counts = ledger.record([replace(r.record, id=r.record.id or None, recipe=r.recipe) for r in good])
    state = ledger.state(own.state.asked)
    ids = list(counts.ids)
    added = [id_ for id_, row in zip(ids, good, strict=True) if row.recipe is not None]
    scores: list[PredictionScore] = [
        s for s in as_own(state).scores(dict.fromkeys(ids)) if (s.id, s.outcome) not in before
    ]
    return RecordReport(
        new=counts.new,
        unchanged=counts.unchanged,
        n_facts=state.n_facts - written,
        cells=ids,
        added=added,
        refused=problems,
        doubts=doubts,
        scores=scores,
        is_recorded=True,
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


def _is_new(fold: Fold, row: CheckedRow) -> bool:
    return row.recipe is not None or plan_record(fold, [row.record])[1].new > 0


def read_correction(
    cell_id: str, changes: Mapping[str, object], fields: Mapping[str, Field], door: Door, confirm: bool
) -> dict[str, Any]:
    """Return corrections as values of the ledger.

    Raises
    ------
    DataInvalid
        With every value that cannot be or, unless confirmed, is unlikely. Unknown names are left to the ledger.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, raw in changes.items():
        found = fields.get(name)
        if found is None or name in LABELS:
            values[name] = raw or None
            continue
        try:
            values[name] = (read_outcome if found.role == "outcome" else read_value)(found, raw)
        except DataInvalid as error:
            problems += [replace(p, row=cell_id, column=name) for p in error.problems]
    cell = door.state.cells.get(cell_id)
    if cell is not None and not problems:
        settings = {**door.protocol.columns(), **door.space.fixed, **cell.settings}
        settings |= {n: v for n, v in values.items() if n in fields and fields[n].role == "setting"}
        outcomes = {n: v for n, v in values.items() if n in fields and fields[n].role == "outcome" and v is not None}
        kept = {n: o for n, o in cell.outcomes.items() if n not in values}
        found_now = check_result(settings, {**kept, **outcomes}, {}, door)
        found_before = check_result({**settings, **cell.settings}, cell.outcomes, {}, door)
        # What was confirmed when it was recorded need not be confirmed again.
        news = [p for p in found_now if p not in found_before and (p.grade == "error" or not confirm)]
        problems = [replace(p, row=cell_id) for p in news]
    if problems:
        raise DataInvalid(problems)
    return values
