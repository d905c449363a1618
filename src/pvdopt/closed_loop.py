"""Suggest, evaluate and record, over and over: a campaign without a hand on the keyboard.

Each result is recorded as soon as it is there, so a loop that was broken off goes on where it stopped: proposals that
still wait are evaluated first.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid, NothingToPropose, Problem, UsageError

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int, str], None]
Stopped = Literal["budget", "nothing_to_propose", "evaluator_fails"]

#: Characters of a command's last words that are kept as the cause of its failure.
N_LAST_WORDS = 500
#: Evaluations that fail one after the other before the loop takes the command itself to be broken.
N_FAILURES = 5


@dataclass(frozen=True)
class Request:
    """A cell to be evaluated.

    Attributes
    ----------
    recipe : mapping
        All settings, the fixed ones too; None where one does not apply.
    protocol : mapping
        Test conditions at which outcomes are asked.
    """

    id: str
    recipe: Mapping[str, Any]
    protocol: Mapping[str, float]


class Evaluator(Protocol):
    """Whoever makes and measures a cell in place of a person.

    Attributes
    ----------
    name : str
        Tells evaluators apart whose results must not be mixed.
    is_simulated : bool
        Whether the results are no measurements.
    """

    name: str
    is_simulated: bool

    def evaluate(self, request: Request) -> Mapping[str, object]:
        """Return the cell's results by the names of a results table: outcomes, settings as made, outcome class."""


class CommandEvaluator:
    """The user's own program: reads a request as JSON, writes results as JSON. It is run without a shell.

    A program that ends with an error or takes too long makes a ``lab_error`` of the cell, with its last words as the
    cause; a reply that cannot be read stops the loop.

    Parameters
    ----------
    command : str or sequence of str
        A text is split at blanks, with quotes as in a shell.
    timeout_s : float
        How long one cell may take, in seconds.

    Raises
    ------
    UsageError
        If there is no program in it, or the time is not positive.
    """

    name = "command"
    is_simulated = False

    def __init__(self, command: str | Sequence[str], timeout_s: float = 3600.0) -> None:
        self.words = _split(command) if isinstance(command, str) else list(command)
        self.timeout_s = timeout_s
        if not self.words:
            raise UsageError("the command to evaluate with is empty.")
        if not timeout_s > 0:
            raise UsageError(f"the time a command may take must be above 0 s, got {timeout_s:g}.")

    def evaluate(self, request: Request) -> Mapping[str, object]:
        """Return what the program replies.

        Raises
        ------
        UsageError
            If it cannot be started.
        DataInvalid
            If its reply is no JSON object with results.
        """
        asked = json.dumps(vars(request), default=dict, allow_nan=False)
        try:
            done = subprocess.run(
                self.words, input=asked.encode(), capture_output=True, timeout=self.timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return _lab_error(f"no reply within {self.timeout_s:g} s")
        except OSError as error:
            raise UsageError(f"the command {self.words[0]!r} cannot be started ({error.strerror or error}).") from error
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip()[-N_LAST_WORDS:]
            return _lab_error(f"exit code {done.returncode}: {words}" if words else f"exit code {done.returncode}")
        return self._read(done.stdout, request.id)

    def _read(self, reply: bytes, cell_id: str) -> Mapping[str, object]:
        place: dict[str, Any] = {"file": f"reply of {Path(self.words[-1]).name}", "row": cell_id}
        shown = reply.decode(errors="replace").strip()[:80]
        try:
            found = json.loads(reply.decode(), parse_constant=_refuse_constant)
        except ValueError as error:
            must = f"must be one JSON object ({error})"
            todo = 'Write results only, such as {"capacity": 57.2}, and everything else to stderr'
            raise DataInvalid(Problem(must, shown, todo, **place)) from error
        if not isinstance(found, dict):
            raise DataInvalid(Problem("must be a JSON object with results by name", shown, **place))
        if not any(value is not None for value in found.values()):
            must = "must hold an outcome or an outcome_class"
            todo = 'A cell that gave nothing is {"outcome_class": "lab_error"}'
            raise DataInvalid(Problem(must, shown, todo, **place))
        if found.get("id") not in (None, cell_id):
            raise DataInvalid(Problem(f"must be about {cell_id}", str(found["id"]), column="id", **place))
        return {name: value for name, value in found.items() if name != "id"}


def _split(command: str) -> list[str]:
    if os.name != "nt":
        return shlex.split(command)
    # A backslash is part of a path there, and quotes stay around words.
    return [word.strip('"') for word in shlex.split(command, posix=False)]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _lab_error(cause: str) -> dict[str, object]:
    printable = "".join(c if c.isprintable() else " " for c in cause)
    return {"outcome_class": "lab_error", "stage": "evaluation", "cause": " ".join(printable.split())}


class SurrogateEvaluator:
    """What a campaign's models believe, without noise: the medians. Gives a predicted Pareto front.

    Parameters
    ----------
    campaign : Campaign
        Whose models are asked: as they are now, and as they stay. Cells that a simulation evaluated teach them
        nothing.
    """

    name = "surrogate"
    is_simulated = True

    def __init__(self, campaign: Campaign) -> None:
        own = campaign.own_cells()
        beliefs = campaign.beliefs(own)
        if own.simulated_by is not None:
            beliefs = replace(beliefs, observed=beliefs.observed.iloc[:0])
        self._space = campaign.space
        self._models = beliefs.fitted()

    def evaluate(self, request: Request) -> Mapping[str, object]:
        """Return the median of every outcome."""
        recipe = self._space.frame([request.recipe])
        return {name: float(p.median()[0]) for name, p in self._models.predict(recipe).items()}


class VirtualLabEvaluator:
    """The virtual laboratory of a seed: a simulator with known truth, with noise, failures and lost tests.

    Parameters
    ----------
    seed : int
        Another seed is another laboratory.
    """

    is_simulated = True

    def __init__(self, seed: int = 0) -> None:
        from pvdopt.virtual_lab import VirtualLab

        self.name = f"virtual_lab seed {seed}"
        self._lab = VirtualLab(seed)

    def evaluate(self, request: Request) -> Mapping[str, object]:
        """Return what the laboratory makes and measures; the same cell always gives the same."""
        import pandas as pd

        asked = {**request.protocol, **{n: v for n, v in request.recipe.items() if v is not None}}
        number = int("".join(c for c in request.id if c.isdigit()) or 0)
        # Proposals and the lab's own cells are numbered apart.
        measured = self._lab.measure(pd.DataFrame([asked]), 2 * number + request.id.startswith("C")).iloc[0]
        results = ("cycles", "capacity", "retention", "outcome_class")
        told = {n: measured[n] for n in (*asked, *results) if n in results or measured[n] != asked[n]}
        found = {n: v.item() if hasattr(v, "item") else v for n, v in told.items() if v == v and v is not None}
        if "retention" not in found:
            found.pop("cycles", None)
        return found


@dataclass(frozen=True)
class LoopReport:
    """How a loop ended.

    Attributes
    ----------
    evaluations, done_now, failed : int
        Cells with results in all, those of this call, and those of this call without usable figures.
    resumed : int
        How many of this call's had been proposed before.
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


class ClosedLoop:
    """Runs a campaign on an evaluator up to a budget.

    Parameters
    ----------
    budget : int
        Cells with results in all, those of earlier calls included.
    batch : int
        Cells proposed at a time.
    fix : mapping, optional
        Settings to hold fixed, see :meth:`pvdopt.campaign.Campaign.suggest`.
    progress : callable, optional
        Called with (done, budget, what) after each evaluation.

    Raises
    ------
    UsageError
        If budget or batch are below 1, or the campaign is a preview.
    """

    def __init__(
        self,
        campaign: Campaign,
        evaluator: Evaluator,
        budget: int,
        batch: int = 1,
        fix: Mapping[str, object] | None = None,
        progress: Progress | None = None,
    ) -> None:
        if budget < 1 or batch < 1:
            raise UsageError(f"budget and batch must be at least 1, got {budget} and {batch}.")
        self.campaign = campaign
        self.evaluator = evaluator
        self.budget = budget
        self.batch = batch
        self.fix = fix
        self._progress = progress

    def run(self) -> LoopReport:
        """Evaluate until the budget is spent or nothing is left to propose.

        Raises
        ------
        DataInvalid
            If the campaign's results come from elsewhere, or a reply cannot stand; what was recorded stays.
        UsageError
            If the evaluator cannot be started.
        """
        own = self.campaign.begin_study(self.evaluator.name, self.evaluator.is_simulated, self.budget)
        left_over = set(own.state.pending())
        done = [c for c in own.state.cells.values() if c.status in ("partial", "complete", "failed", "discarded")]
        n_done, done_now, failed, resumed, in_a_row = len(done), 0, 0, 0, 0
        stopped: Stopped = "budget"
        queue: list[str] = list(own.state.pending())
        while n_done < self.budget:
            if not queue:
                try:
                    n = min(self.batch, self.budget - n_done)
                    queue = list(self.campaign.suggest(n, fix=self.fix).frame["id"])
                except NothingToPropose:
                    stopped = "nothing_to_propose"
                    break
            cell_id = queue.pop(0)
            is_usable = self._evaluate(cell_id)
            n_done, done_now = n_done + 1, done_now + 1
            resumed += cell_id in left_over
            failed += not is_usable
            in_a_row = 0 if is_usable else in_a_row + 1
            if self._progress is not None:
                self._progress(n_done, self.budget, cell_id)
            if in_a_row == N_FAILURES and not self.evaluator.is_simulated:
                stopped = "evaluator_fails"
                break
        notes = []
        if stopped == "evaluator_fails":
            cause = self.campaign.own_cells().state.cells[cell_id].cause
            notes.append(
                f"{N_FAILURES} evaluations failed one after the other; look at the command, then run it again."
                + (f" The last one: {cause}" if cause else "")
            )
        return LoopReport(n_done, done_now, failed, resumed, stopped, self.campaign.pareto(believed=False), notes)

    def _evaluate(self, cell_id: str) -> bool:
        """Evaluate and record one cell; return whether it gave usable figures."""
        own = self.campaign.own_cells()
        settings = own.settings(own.state.cells[cell_id])
        found = self.evaluator.evaluate(Request(cell_id, settings, own.protocol.columns()))
        try:
            # Nobody is there to look twice; what is impossible is refused all the same.
            self.campaign.record({"id": cell_id, **found}, confirm=True, evaluator=self.evaluator.name)
        except DataInvalid as error:
            file = f"reply of the evaluator {self.evaluator.name}"
            raise DataInvalid([replace(p, file=file) for p in error.problems]) from error
        return self.campaign.own_cells().state.cells[cell_id].outcome_class == "ok"
