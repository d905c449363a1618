"""The ledger of a campaign: what may be said goes in, a transaction each; state comes out.

The one object with state. What may be said next is decided in :mod:`pvdopt.ledger.changes` and
:mod:`pvdopt.ledger.intake`; how it is kept in :mod:`pvdopt.ledger.store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger import changes
from pvdopt.ledger.facts import FAILURE_CLASSES, Draft
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.intake import CellRecord, Recorded, plan_record
from pvdopt.ledger.store import FactStore
from pvdopt.wording import miss_choice

#: Facts that may hold a recipe, which a proposal made without knowing of them could repeat.
RECIPE_KINDS = frozenset({"proposed", "added", "edited", "executed", "corrected"})


class Ledger(FactStore):
    """The facts of one campaign, and every way to add to them. Opened by :meth:`create` or :meth:`open`.

    Every method that writes is one transaction: all of it is kept, or nothing. Each takes ``expected``, the number
    of facts the caller has seen (``state().n_facts``): if others have written since, it raises ``LedgerChanged``
    instead of acting on old knowledge. Saying again what is recorded writes nothing.
    """

    def add_proposals(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        expected: int | None = None,
    ) -> list[str]:
        """Add proposals and return their ids, in the order given.

        What others have recorded since is no obstacle, unless a recipe is among it: two of the same must not be made.

        Parameters
        ----------
        rows : sequence of mapping
            Each with ``recipe`` (None where a setting does not apply), ``predicted`` (per outcome ``median``,
            ``low``, ``high``, ``p``), ``usable_chance``, ``purpose``, ``reason``, ``fingerprint``, ``batch``; more
            is kept as it is. ``run`` and ``sample`` name what the cell is planned for.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        drafts = self._write(lambda fold: changes.plan_proposals(fold, rows), expected, RECIPE_KINDS)
        return [draft.cell or "" for draft in drafts]

    def add_cell(
        self,
        recipe: Mapping[str, Any],
        remark: str | None = None,
        predicted: Mapping[str, Any] | None = None,
        *,
        expected: int | None = None,
    ) -> str:
        """Add a cell the lab thought of itself and return its id; ``predicted`` as in :meth:`add_proposals`.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        (draft,) = self._write(lambda fold: changes.plan_added(fold, recipe, remark, predicted=predicted), expected)
        return draft.cell or ""

    def veto(self, cell_id: str, why: str = "", *, expected: int | None = None) -> bool:
        """Drop a cell that was not made yet; return whether that was news.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        return bool(self._write(lambda fold: changes.plan_veto(fold, cell_id, why), expected))

    def edit(
        self,
        cell_id: str,
        recipe: Mapping[str, object],
        predicted: Mapping[str, Any] | None = None,
        *,
        expected: int | None = None,
    ) -> bool:
        """Change settings of a cell that was not made yet; return whether that was news.

        Parameters
        ----------
        recipe : mapping
            The settings that change.
        predicted : mapping, optional
            What is predicted for the changed recipe; without it the cell has no prediction any more.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        return bool(self._write(lambda fold: changes.plan_edit(fold, cell_id, recipe, predicted), expected))

    def record(self, rows: Iterable[CellRecord | Mapping[str, Any]], *, expected: int | None = None) -> Recorded:
        """Record what was made and measured; all rows or, if one cannot stand, none.

        A row with a ``recipe`` enters as a cell of the lab's own, in the same transaction.

        Raises
        ------
        DataInvalid
            With every problem of every row; a value other than the recorded one needs :meth:`correct`.
        LedgerBusy, LedgerChanged
        """
        listed = list(rows)
        counts: list[Recorded] = []

        def plan(fold: Fold) -> list[Draft]:
            drafts, count = plan_record(fold, listed)
            counts.append(count)
            return drafts

        self._write(plan, expected)
        return counts[-1]

    def fail(
        self,
        cell_id: str,
        outcome_class: str,
        stage: str | None = None,
        cause: str | None = None,
        *,
        expected: int | None = None,
    ) -> bool:
        """Record that a cell gave no usable figures; return whether that was news.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        if outcome_class not in FAILURE_CLASSES:
            must, todo = miss_choice(outcome_class, FAILURE_CLASSES)
            raise DataInvalid(Problem(must, outcome_class, todo, row=cell_id, column="outcome_class"))
        failed = CellRecord(cell_id, outcome_class=outcome_class, stage=stage, cause=cause)
        recorded = self.record([failed], expected=expected)
        if recorded.replaced:
            todo = f"If it failed after all: `pvdopt correct {cell_id} outcome_class={outcome_class}`"
            raise DataInvalid([Problem(sentence, todo=todo) for sentence in recorded.replaced])
        return recorded.n_facts > 0

    def correct(self, cell_id: str, values: Mapping[str, object], why: str = "", *, expected: int | None = None) -> int:
        """Replace recorded values; what they were stays in the history.

        Parameters
        ----------
        values : mapping
            By name of an outcome, a setting, ``outcome_class``, ``stage``, ``cause``, ``run`` or ``sample``. An
            outcome is replaced as a whole, with its qualifier and sd; None withdraws it.

        Returns
        -------
        int
            How many values changed.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        drafts = self._write(lambda fold: changes.plan_correct(fold, cell_id, values, why), expected)
        return sum(len(draft.payload["changes"]) for draft in drafts)

    def discard_run(self, run: str, why: str, *, expected: int | None = None) -> bool:
        """Let none of a run's cells count; return whether that was news.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        return bool(self._write(lambda fold: changes.plan_discard(fold, run, why), expected))

    def add_retrained(self, payload: Mapping[str, Any], *, expected: int | None = None) -> None:
        """Add that models were fitted anew, and which specification was chosen.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        self._write(lambda fold: changes.plan_remark("retrained", payload), expected)

    def add_note(self, payload: Mapping[str, Any], *, expected: int | None = None) -> None:
        """Add anything else worth keeping about the campaign.

        Raises
        ------
        DataInvalid, LedgerBusy, LedgerChanged
        """
        self._write(lambda fold: changes.plan_remark("note", payload), expected)
