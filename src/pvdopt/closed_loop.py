"""Suggest, evaluate and record, over and over: a campaign without a hand on the keyboard.

Each result is recorded as soon as it is there, so a loop that was broken off, even by a kill at any moment, goes on
where it stopped: the ledger knows what is evaluated, and proposals that still wait are evaluated first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from pvdopt.campaign import Campaign
from pvdopt.campaign.progress import Progressed, progress_curve
from pvdopt.campaign.standing import best_measured
from pvdopt.choice.runs import HourBudget
from pvdopt.errors import (
    BudgetSpent,
    DataInvalid,
    InvalidInput,
    LedgerChanged,
    NothingToPropose,
    PvdoptError,
    UsageError,
)
from pvdopt.evaluators import Evaluator, ReplyInvalid, Request
from pvdopt.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.campaign.own_cells import OwnCells
    from pvdopt.campaign.standing_reports import BestCell
    from pvdopt.ledger.state import CellState

T = TypeVar("T")
Progress = Callable[[int, int, str], None]
Stopped = Literal["budget", "advice", "nothing_to_propose", "evaluator_fails"]

#: Evaluations that end as a lab error one after the other before the loop takes the evaluator itself to be broken.
N_FAILURES = 5
#: Evaluated, whatever came out.
DONE = ("partial", "complete", "failed", "discarded")
#: How long a result is tried to be recorded where the ledger cannot take it: a server starts anew within that, and
#: somebody may make room on a disk.
PATIENCE_S = 600.0
#: The first pause between two tries, and the longest, in seconds.
PAUSES_S = (0.3, 5.0)


@dataclass(frozen=True)
class LoopReport:
    """How a loop ended.

    Attributes
    ----------
    evaluations, done_now, failed : int
        Cells with results in all, those of this call, and those of all without usable figures. What a mishap spoilt is
        none of these.
    failed_cells : list of str
        Which those without usable figures are.
    lab_errors : int
        Cells in all that a mishap spoilt.
    resumed : int
        How many of this call's had been proposed before.
    hours : float or None
        Of all evaluated cells and their runs, where hours are known.
    stopped : str
    why : str
        The same in a sentence.
    best : list of BestCell
        The best measured cell in each respect.
    curve : list of Progressed
        How the best, or the hypervolume, grew with the evaluations.
    front : DataFrame
        The recipes no other beats, by their results; see :meth:`pvdopt.campaign.Campaign.pareto`.
    """

    evaluations: int
    done_now: int
    failed: int
    resumed: int
    stopped: Stopped
    front: pd.DataFrame
    notes: list[str]
    lab_errors: int = 0
    hours: float | None = None
    why: str = ""
    best: list[BestCell] = field(default_factory=list)
    curve: list[Progressed] = field(default_factory=list)
    failed_cells: list[str] = field(default_factory=list)


class ClosedLoop:
    """Runs a campaign on an evaluator up to a budget, or until going on is not worth it.

    Parameters
    ----------
    budget : int or None
        Cells with results in all, those of earlier calls included; what a mishap spoilt does not count.
    batch : int
        Cells proposed at a time.
    fix : mapping, optional
        Settings to hold fixed, see :meth:`pvdopt.campaign.Campaign.suggest`.
    progress : callable, optional
        Called with (done, budget, what) after each evaluation.
    hours : float, optional
        Hours that all cells and their runs may take together; needs a campaign file that says how long things take.
    sampler : str, optional
        Who proposes, in place of the campaign file's.
    until_advice : bool
        Stop where the advice that comes with the proposals is to stop.
    patience_s : float
        For how long a result is tried to be recorded while the ledger cannot take it, in seconds.
    say : callable, optional
        Told in a sentence what the loop waits for.

    Attributes
    ----------
    unkept : tuple of str and mapping, or None
        The cell that is evaluated and not recorded, and its results: what is lost if the loop ends so.

    Raises
    ------
    UsageError
        If a budget or the batch is below 1, there is no end in sight, there is no such sampler, or the campaign is a
        preview.
    DataInvalid
        If the settings to hold fixed are none of this campaign.
    """

    def __init__(
        self,
        campaign: Campaign,
        evaluator: Evaluator,
        budget: int | None,
        batch: int = 1,
        fix: Mapping[str, object] | None = None,
        progress: Progress | None = None,
        *,
        hours: float | None = None,
        sampler: str | None = None,
        until_advice: bool = False,
        patience_s: float = PATIENCE_S,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if (budget is not None and budget < 1) or batch < 1:
            raise UsageError(f"budget and batch must be at least 1, got {budget} and {batch}.")
        if budget is None and hours is None and not until_advice:
            raise UsageError("a study needs an end: a budget of cells or hours, or the advice to stop.")
        if hours is not None and not campaign.config.runs() and campaign.config.cost() is None:
            raise UsageError(
                "a budget of hours needs a campaign file with [runs.NAME] or [cost]: how long things take."
            )
        # Not only with the first proposals: hours of evaluations may come before them.
        campaign.read_asked(fix or {}, sampler)
        self.campaign = campaign
        self.evaluator = evaluator
        self.budget = budget
        self.batch = batch
        self.fix = fix
        self.hours = hours
        self.sampler = sampler
        self.until_advice = until_advice
        self.patience_s = patience_s
        self.unkept: tuple[str, Mapping[str, object]] | None = None
        self._progress = progress
        self._say = say
        self._is_held_told = False

    def run(self) -> LoopReport:
        """Evaluate until the budget is spent, the advice is to stop, or nothing is left to propose.

        Raises
        ------
        DataInvalid
            If the campaign's results come from elsewhere.
        ReplyInvalid
            If a reply cannot stand; what was recorded stays.
        UsageError
            If the evaluator cannot be started.
        PvdoptError
            If a result cannot be recorded for all patience; :attr:`unkept` holds it.
        """
        own = self.campaign.begin_study(self.evaluator.name, self.evaluator.is_simulated, self.budget, self.hours)
        left_over = set(own.state.pending())
        queue = list(own.state.pending())
        done_now, resumed, in_a_row = 0, 0, 0
        stopped: Stopped | None = None
        notes: list[str] = []
        while stopped is None:
            n_done = self.count_done(own)
            if (self.budget is not None and n_done >= self.budget) or not self._has_hours(own, queue):
                stopped = "budget"
                break
            if not queue:
                stopped = self._propose(own, n_done, queue, notes)
                continue
            cell = self._evaluate(queue.pop(0))
            own = self.campaign.own_cells()
            done_now += cell.outcome_class != "lab_error"
            resumed += cell.id in left_over and cell.outcome_class != "lab_error"
            in_a_row = in_a_row + 1 if cell.outcome_class == "lab_error" else 0
            if self._progress is not None:
                self._progress(self.count_done(own), self.budget or 0, cell.id)
            if in_a_row == N_FAILURES:
                stopped = "evaluator_fails"
                notes.append(say_failures(cell))
        return self._report(own, stopped, done_now, resumed, notes)

    def _propose(self, own: OwnCells, n_done: int, queue: list[str], notes: list[str]) -> Stopped | None:
        """Put the next proposals into the queue; return why there are none."""
        n = self.batch if self.budget is None else min(self.batch, self.budget - n_done)
        budget = None if self.hours is None else HourBudget(self.hours - (own.hours_used() or 0.0))
        try:
            found = self.campaign.suggest(
                n, fix=self.fix, budget=budget, sampler=self.sampler, until_advice=self.until_advice
            )
        except BudgetSpent:
            return "budget"
        except NothingToPropose:
            return "nothing_to_propose"
        if not self._is_held_told:
            notes += found.held
            self._is_held_told = bool(found.held)
        if not found.is_recorded:
            notes.append(found.advice_sentence)
            return "advice"
        queue += list(found.frame["id"])
        return None

    def _has_hours(self, own: OwnCells, queue: list[str]) -> bool:
        """Return whether there are hours left; cells that were proposed within the budget are still made."""
        return self.hours is None or bool(queue) or (own.hours_used() or 0.0) < self.hours

    @staticmethod
    def count_done(own: OwnCells) -> int:
        """Return how many cells are evaluated; one that a mishap spoilt says nothing and does not count."""
        return sum(c.status in DONE and c.outcome_class != "lab_error" for c in own.state.cells.values())

    def _report(self, own: OwnCells, stopped: Stopped, done_now: int, resumed: int, notes: list[str]) -> LoopReport:
        cells = own.state.cells.values()
        errors = sum(c.outcome_class == "lab_error" for c in cells)
        failed = [c.id for c in cells if c.status == "failed" and c.outcome_class != "lab_error"]
        return LoopReport(
            evaluations=self.count_done(own),
            done_now=done_now,
            failed=len(failed),
            failed_cells=failed,
            resumed=resumed,
            stopped=stopped,
            front=self.campaign.pareto(believed=False),
            notes=notes,
            lab_errors=errors,
            hours=own.hours_used(),
            why=self._say_why(stopped),
            best=best_measured(own),
            curve=progress_curve(own),
        )

    def _say_why(self, stopped: Stopped) -> str:
        amount = count(self.budget, "evaluation") if self.budget is not None else f"{self.hours or 0.0:g} h"
        if self.budget is not None and self.hours is not None:
            amount += f" or {self.hours:g} h"
        return {
            "budget": f"the budget of {amount} is spent",
            "advice": "the advice is to stop",
            "nothing_to_propose": "there is nothing left to propose",
            "evaluator_fails": "the evaluator fails",
        }[stopped]

    def _evaluate(self, cell_id: str) -> CellState:
        """Evaluate and record one cell; return it as it stands then."""
        found = self._ask(cell_id)
        return self._patiently(cell_id, found, lambda: self._keep(cell_id, found))

    def _ask(self, cell_id: str) -> Mapping[str, object]:
        """Return what the evaluator says of a cell."""
        own = self.campaign.own_cells()
        cell = own.state.cells[cell_id]
        try:
            return self.evaluator.evaluate(Request(cell_id, own.settings(cell), own.protocol.columns(), cell.run))
        except DataInvalid as error:
            raise ReplyInvalid(error.problems, cell_id) from error

    def _patiently(self, cell_id: str, found: Mapping[str, object], keep: Callable[[], T]) -> T:
        """Return what keeps a result returns, tried again while the ledger is out of reach: a result costs days.

        Raises
        ------
        PvdoptError
            As the last try did. Until a result is kept, whatever ends the loop, :attr:`unkept` holds it.
        """
        self.unkept = (cell_id, found)
        end, (pause, longest), is_told = time.monotonic() + self.patience_s, PAUSES_S, False
        while True:
            try:
                kept = keep()
                break
            except ReplyInvalid:
                # Nothing that would be taken another time.
                self.unkept = None
                raise
            except (InvalidInput, UsageError):
                raise
            except PvdoptError as error:
                left = end - time.monotonic()
                if left <= 0:
                    raise
                # That others write is the daily round of several workers.
                if self._say is not None and not is_told and not isinstance(error, LedgerChanged):
                    self._say(f"{cell_id} is evaluated and not recorded yet. {error}")
                    self._say(
                        f"It is tried again for {show_wait(self.patience_s)}; Ctrl-C ends that and shows the reply."
                    )
                    is_told = True
            # Drawn anew each time, so that workers that met once do not meet again; it has no part in any result.
            time.sleep(min(left, random.uniform(pause / 6, pause)))
            pause = min(2 * pause, longest)
        self.unkept = None
        if is_told and self._say is not None:
            self._say(f"{cell_id} is recorded now.")
        return kept

    def _keep(self, cell_id: str, found: Mapping[str, object]) -> CellState:
        """Record what the evaluator said; return the cell as it stands then."""
        # A ledger that is damaged or gone says so itself, and is not taken for a fault of the reply.
        self.campaign.own_cells()
        try:
            # Nobody is there to look twice; what is impossible is refused all the same.
            self.campaign.record({"id": cell_id, **found}, confirm=True, evaluator=self.evaluator.name)
        except DataInvalid as error:
            told = [replace(p, file=f"reply of the {self.evaluator.name}", row=cell_id) for p in error.problems]
            raise ReplyInvalid(told, cell_id) from error
        return self.campaign.own_cells().state.cells[cell_id]


def show_wait(seconds: float) -> str:
    """Return how long something is waited for.

    Examples
    --------
    >>> show_wait(600), show_wait(2.5)
    ('10 min', '2.5 s')
    """
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def say_failures(last: CellState) -> str:
    """Return what is said where one evaluation after the other fails, with the cause of the last."""
    told = f"{N_FAILURES} evaluations failed one after the other; look at the command, then run it again."
    return f"{told} The last one, {last.id}: {last.cause}" if last.cause else told
