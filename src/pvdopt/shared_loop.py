"""Several workers on one ledger, each in a process of its own: ask, evaluate, record, without a word to each other.

What one worker evaluates it holds by a lease, so that no other does, and renews it meanwhile; for a worker that dies
nobody waits beyond the end of its lease.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pvdopt.closed_loop import DONE, N_FAILURES, ClosedLoop, LoopReport, Stopped, say_failures
from pvdopt.errors import DataInvalid, LedgerBusy, LedgerChanged, UsageError
from pvdopt.ledger.leases import claim, kept_renewed, read_held, release

if TYPE_CHECKING:
    from pvdopt.campaign.own_cells import OwnCells
    from pvdopt.ledger.ledger import Ledger
    from pvdopt.ledger.state import CellState

#: Longest pause before a worker looks again whether there is something to do, in seconds.
PAUSE_S = 0.3


class SharedLoop(ClosedLoop):
    """One of several workers on a campaign; arguments as those of :class:`ClosedLoop`.

    Parameters
    ----------
    lease_s : float
        For how long a cell stays this worker's after the last sign of life, in seconds. It is renewed while the cell
        is evaluated; a cell whose worker died is taken up by another after that.

    Raises
    ------
    UsageError
        If the lease is not positive, or the budget is no number of cells.
    """

    def __init__(self, *arguments: Any, lease_s: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not lease_s > 0:
            raise UsageError(f"a lease must be above 0 s, got {lease_s:g}.")
        if self.budget is None:
            raise UsageError("several workers need a budget of cells: hours of one do not tell those of the others.")
        self.lease_s = lease_s
        self.holder = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"

    def run(self) -> LoopReport:
        """Evaluate what waits and nobody holds, or propose more, until all workers together have spent the budget.

        Raises
        ------
        DataInvalid, UsageError, PvdoptError
            As in :meth:`ClosedLoop.run`.
        """
        ledger, own = self._begin()
        done_now, in_a_row = 0, 0
        notes: list[str] = []
        stopped: Stopped | None = None
        while stopped is None:
            own = self.campaign.own_cells()
            if self.count_done(own) >= (self.budget or 0):
                stopped = "budget"
                break
            mine = self._take(ledger, own)
            if mine is None:
                stopped = self._propose_or_wait(ledger, own, notes)
                continue
            with kept_renewed(ledger, self.holder, mine, self.lease_s):
                cell = self._evaluate_once(mine)
            if cell is None:
                notes.append(
                    f"{mine} was evaluated by another worker too, whose results stand: this one could not renew its "
                    "lease in time."
                )
                continue
            done_now += cell.outcome_class != "lab_error"
            in_a_row = in_a_row + 1 if cell.outcome_class == "lab_error" else 0
            if self._progress is not None:
                self._progress(self.count_done(self.campaign.own_cells()), self.budget or 0, mine)
            if in_a_row == N_FAILURES:
                stopped = "evaluator_fails"
                notes.append(say_failures(cell))
        return self._report(own, stopped, done_now, 0, notes)

    def _begin(self) -> tuple[Ledger, OwnCells]:
        """Note the study, as every worker does; the first to come does it for all."""
        ledger = self.campaign.ledger
        if ledger is None:
            raise UsageError("a study needs a campaign. Run `pvdopt init` first.")
        while True:
            try:
                name, is_simulated = self.evaluator.name, self.evaluator.is_simulated
                return ledger, self.campaign.begin_study(name, is_simulated, self.budget, self.hours)
            except (LedgerChanged, LedgerBusy):
                _pause()

    def _take(self, ledger: Ledger, own: OwnCells) -> str | None:
        """Claim a cell that waits, as long as those that are being made do not spend the budget already."""
        waiting = own.state.pending()
        if not waiting:
            return None
        try:
            taken = claim(ledger, self.holder, 1, self.lease_s)
            # A lease outlives the recording of its cell, which then counts among those that are done.
            n_making = sum(cell in waiting for cell in read_held(ledger))
            if taken and self.count_done(own) + n_making > (self.budget or 0):
                release(ledger, self.holder, taken)
                return None
        except LedgerBusy:
            return None
        return taken[0] if taken else None

    def _propose_or_wait(self, ledger: Ledger, own: OwnCells, notes: list[str]) -> Stopped | None:
        """Propose more, unless what the others are making is enough; return why there is nothing to propose."""
        n_coming = len(own.state.pending())
        if self.count_done(own) + n_coming >= (self.budget or 0):
            _pause()
            return None
        try:
            # One that others overtook proposes anew on what is known then.
            return self._propose(own, self.count_done(own) + n_coming, [], notes)
        except (LedgerChanged, LedgerBusy):
            _pause()
            return None

    def _evaluate_once(self, cell_id: str) -> CellState | None:
        """Evaluate and record; return the cell as it stands then, None if another worker has recorded it meanwhile."""
        found = self._ask(cell_id)
        is_again = False

        def keep() -> CellState | None:
            nonlocal is_again
            is_done = self.campaign.own_cells().state.cells[cell_id].status in DONE
            # A connection that broke off may have done so after the ledger had taken what this worker said.
            if is_done and not (is_again and self._is_kept(cell_id, found)):
                return None
            is_again = True
            return self._keep(cell_id, found)

        return self._patiently(cell_id, found, keep)

    def _is_kept(self, cell_id: str, found: Mapping[str, object]) -> bool:
        """Whether the ledger holds these very results."""
        try:
            told = {"id": cell_id, **found}
            report = self.campaign.record(told, confirm=True, dry_run=True, evaluator=self.evaluator.name)
        except DataInvalid:
            return False
        return report.new == 0


def _pause() -> None:
    # Drawn anew each time, so that workers that met once do not meet again; it has no part in any result.
    time.sleep(random.uniform(PAUSE_S / 6, PAUSE_S))
