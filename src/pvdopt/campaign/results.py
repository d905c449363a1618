"""What a campaign is told: results, failures, corrections. One row that cannot stand, and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pvdopt.campaign.basis import CampaignBasis
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.campaign.reports import RecordReport
from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.cell_basis import find_basis
from pvdopt.lab_tables.figure_checks import Door
from pvdopt.lab_tables.recording import Source, read_table
from pvdopt.lab_tables.result_checks import check_rows, unknown_to_record
from pvdopt.ledger.state import LedgerState

if TYPE_CHECKING:
    from pvdopt.lab_tables.column_mapping import ColumnMapping

__all__ = ["CampaignResults"]


class CampaignResults(CampaignBasis):
    """The part of a campaign that takes down what was made and measured."""

    def record(
        self,
        results: Source,
        *,
        confirm: bool = False,
        accept_good_rows: bool = False,
        dry_run: bool = False,
        evaluator: str | None = None,
    ) -> RecordReport:
        """Record what was made and measured: all rows or, if one cannot stand, none.

        Parameters
        ----------
        results : path, "-", mapping or sequence of mapping
            Rows with ``id`` and settings as executed, outcomes (``<outcome>_sd``, ``<outcome>_qualifier``),
            ``outcome_class``, ``stage``, ``cause``, ``run``, ``sample``, ``remark``. A row without an id that holds a
            complete recipe is a cell of the lab's own.
        confirm : bool
            Take what is unlikely and not impossible.
        accept_good_rows : bool
            Leave out the rows that cannot stand instead of refusing all.
        evaluator : str, optional
            Who measured in place of a person, see :meth:`begin_study`.

        Raises
        ------
        DataInvalid
            With every problem of every row; the ledger is as it was.
        LedgerBusy
        """
        own = self.own_cells()
        own.require_evaluator(evaluator)
        return self._record(own, self._with_our_columns(results), {}, confirm, accept_good_rows, dry_run)

    def import_cells(
        self,
        path: str | Path,
        mapping: ColumnMapping | None = None,
        *,
        confirm: bool = False,
        accept_good_rows: bool = False,
        dry_run: bool = False,
    ) -> RecordReport:
        """Record a foreign sheet: its columns are mapped once, and the mapping is kept in the campaign's folder.

        Parameters
        ----------
        path : path
            A table with headings, units and words of its own.
        mapping : ColumnMapping, optional
            See :func:`pvdopt.lab_tables.column_mapping.make_mapping`; by default the kept one that fits.

        Raises
        ------
        DataInvalid
            As :meth:`record`; and if a column is not mapped, or no mapping fits.
        """
        from pvdopt.lab_tables.column_mapping import find_mapping, keep_mapping
        from pvdopt.lab_tables.table_files import read_raw

        self._writer("cells import")
        folder = self.folder or Path()
        if mapping is not None:
            chosen, raw = mapping, read_raw(path, mapping.heads)
        else:
            found = find_mapping(folder, path)
            if found is None:
                raw = read_raw(path)
                must = f"has no column mapping yet; its columns are {', '.join(filter(None, raw.header))}"
                todo = 'Map each: --map "thickness_um=THEIRS:nm", or --ignore it'
                raise DataInvalid(Problem(must, todo=todo, file=raw.file))
            chosen, raw = found
        table = chosen.apply(raw, self.fields)
        own = self.own_cells()
        own.require_evaluator(None)
        report = self._record(own, table, {}, confirm, accept_good_rows, dry_run)
        if mapping is not None and not dry_run:
            keep_mapping(folder, mapping)
        report.notes[:0] = [f"read {sentence}" for sentence in chosen.sentences()]
        return report

    def record_series(
        self,
        cell_id: str,
        path: str | Path,
        values: Mapping[str, object] | None = None,
        *,
        confirm: bool = False,
        dry_run: bool = False,
    ) -> RecordReport:
        """Record a cell's capacity against cycle, with the capacity and the retention that follow from it.

        Parameters
        ----------
        path : path
            A table with a row a cycle, or a record in the Battery Data Format; see
            :func:`pvdopt.lab_tables.series.read_series`.
        values : mapping, optional
            What belongs to the same cell, such as ``area_cm2`` and ``thickness_um``, by name.

        Raises
        ------
        DataInvalid
            With every fault of the file, or if what it says cannot be; the ledger is as it was.
        LedgerBusy
        """
        from pvdopt.campaign.series_intake import read_results
        from pvdopt.lab_tables.series import read_series

        own = self.own_cells()
        own.require_evaluator(None)
        if cell_id not in own.state.cells:
            raise DataInvalid(unknown_to_record(cell_id, own.state))
        series = read_series(path)
        row, notes = read_results(own.state.cells[cell_id], series, own, values or {})
        report = self._record(own, row, {cell_id: series.to_json()}, confirm, False, dry_run)
        report.notes[:0] = notes
        return report

    def fail(self, cell_id: str, outcome_class: str, stage: str | None = None, cause: str | None = None) -> bool:
        """Record that a cell gave no usable figures; return whether that was news."""
        return self._writer("fail").fail(cell_id, outcome_class, stage, cause)

    def correct(
        self,
        cell_id: str,
        changes: Mapping[str, object],
        why: str = "",
        *,
        confirm: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> int:
        """Replace recorded values, given as numbers or texts with units; return how many changed.

        Parameters
        ----------
        changes : mapping
            By name of an outcome, a setting or a label; None or an empty text withdraws an outcome or a label.
        confirm : bool
            Take what is unlikely and not impossible.
        say : callable, optional
            Told how values were converted.

        Raises
        ------
        DataInvalid
            With every name and value that cannot be.
        """
        from pvdopt.campaign.result_intake import read_correction

        ledger = self._writer("correct")
        door = self._door(self.own_cells().state)
        values, said = read_correction(cell_id, changes, self.fields, door, confirm)
        n_changed = ledger.correct(cell_id, values, why)
        for sentence in said:
            if say is not None:
                say(sentence)
        return n_changed

    def cells_of_run(self, run: str) -> list[str]:
        """Return the cells that were planned into a run or made in it."""
        from pvdopt.ledger.fold import Fold

        facts = [] if self.ledger is None else self.ledger.facts()
        return [cell.id for cell in Fold(facts).cells.values() if run in cell.runs]

    def discard_run(self, run: str, why: str) -> bool:
        """Let none of a run's cells count; return whether that was news."""
        return self._writer("discard-run").discard_run(run, why)

    def begin_study(
        self, evaluator: str, is_simulated: bool, budget: int | None, hours: float | None = None
    ) -> OwnCells:
        """Note that an evaluator measures from now on, up to a budget of cells or hours; return the cells so far.

        Raises
        ------
        DataInvalid
            If measured cells and those of a simulation, or of two, would stand in one ledger.
        """
        ledger = self._writer("study run")
        own = self.own_cells()
        own.require_evaluator(evaluator)
        # What a mishap spoilt measures nothing: a program that never ran is no reason to begin a campaign anew.
        measured = any(cell.outcome_class != "lab_error" for cell in own.counting())
        if is_simulated and own.simulated_by is None and measured:
            must = "holds measured cells, with which simulated ones must not be mixed"
            raise DataInvalid(Problem(must, todo="Begin a campaign of its own", file=str(self.folder)))
        payload: dict[str, object] = {
            "event": "study",
            "evaluator": evaluator,
            "is_simulated": is_simulated,
            "budget": budget,
        }
        if hours is not None:
            payload["hours"] = hours
        if not any(dict(fact.payload) == payload for fact in own.state.notes):
            ledger.add_note(payload, expected=own.state.n_facts)
        return self.own_cells()

    def _with_our_columns(self, results: Source) -> Source:
        """Return a file's table, a foreign one as its kept mapping reads it; anything else as it is."""
        from pvdopt.lab_tables.column_mapping import find_mapping
        from pvdopt.lab_tables.table_files import STANDARD_INPUT

        if self.folder is None or not isinstance(results, (str, Path)) or results == STANDARD_INPUT:
            return results
        found = find_mapping(self.folder, results)
        return results if found is None else found[0].apply(found[1], self.fields)

    def _record(
        self,
        own: OwnCells,
        results: Source,
        series: Mapping[str, Mapping[str, object]],
        confirm: bool,
        accept_good_rows: bool,
        dry_run: bool,
    ) -> RecordReport:
        from pvdopt.campaign.result_intake import record_rows

        ledger = self._writer("record")
        door = self._door(own.state)
        table = read_table(results, self.fields, needs_id=True, context=partial(find_basis, door))
        unread = {p.column for p in table.problems if p.column}
        checked = [row.with_series(series.get(row.record.id or "")) for row in check_rows(table.rows, door, unread)]
        return record_rows(
            ledger,
            own,
            self._as_own,
            table,
            checked,
            confirm=confirm,
            accept_good_rows=accept_good_rows,
            dry_run=dry_run,
        )

    def _door(self, state: LedgerState) -> Door:
        from pvdopt.materials import cathodes

        return Door(self.space, self.protocol, state, {**cathodes(), **self.config.cathodes})
