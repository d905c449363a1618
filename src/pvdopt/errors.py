"""What can go wrong for a user, in sentences; knows nothing of tables, models or the shell.

One base class; each child carries the exit code of the command line. A mistake in the user's input raises one of
these with *all* its problems at once; a mistake of the programmer raises ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Grade = Literal["error", "doubt"]
#: Problems that an error shows; a file of thousands of faults has one cause, not thousands.
N_SHOWN = 200


@dataclass(frozen=True)
class Problem:
    """State one fault of an input: where it is, what must hold, what came, what to do.

    Parameters
    ----------
    must : str
        What is required, e.g. ``"must lie in [0.005, 50] um"``.
    value : object
        What came instead; ``None`` leaves it out of the sentence.
    todo : str
        What the user can do about it.
    file, row, column : str or int, optional
        The place; a row counts as a spreadsheet does, the header being row 1.
    grade : {"error", "doubt"}
        An error refuses the input; a doubt asks the reader to look again.
    """

    must: str
    value: object = None
    todo: str = ""
    file: str | None = None
    row: int | str | None = None
    column: str | None = None
    grade: Grade = "error"

    def sentence(self) -> str:
        """Return the problem as one line, such as ``cells.csv, row 17, thickness_um: must lie in ...``."""
        row = f"row {self.row}" if isinstance(self.row, int) else self.row
        place = ", ".join(part for part in (self.file, row, self.column) if part)
        text = f"{place}: {self.must}" if place else self.must
        if self.value is not None:
            text += f", got {self.value!r}" if isinstance(self.value, str) else f", got {self.value}"
        text = text.rstrip(".") + "."
        if self.todo:
            text += f" {self.todo}" if self.todo.endswith("?") else f" {self.todo.rstrip('.')}."
        return f"doubt: {text}" if self.grade == "doubt" else text


def what_the_system_says(error: OSError) -> str:
    """Return why the system refused, in its own words, without the file's name where it has words of its own."""
    return error.strerror or str(error)


class PvdoptError(Exception):
    """Base of every error a user can cause or meet."""

    exit_code = 1


class UsageError(PvdoptError):
    """The words of a command do not fit together."""

    exit_code = 2


class InvalidInput(PvdoptError):
    """A file or value cannot be accepted; lists every problem found."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = [Problem(problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        shown = [problem.sentence() for problem in self.problems[:N_SHOWN]]
        if len(self.problems) > N_SHOWN:
            shown.append(f"... and {len(self.problems) - N_SHOWN} more like these.")
        super().__init__("\n".join(shown))


class ConfigInvalid(InvalidInput):
    """A campaign file has wrong, missing or contradictory entries."""


class DataInvalid(InvalidInput):
    """A table, a measurement or a ledger holds what cannot be true."""


class LedgerTooNew(InvalidInput):
    """The ledger was written by a newer version of pvdopt."""


class NothingToPropose(PvdoptError):
    """No recipe is left that the constraints allow and that is not measured or pending already."""

    exit_code = 4


class BudgetSpent(NothingToPropose):
    """No recipe fits into the hours that are left."""


class LedgerBusy(PvdoptError):
    """Somebody else holds the ledger longer than we are willing to wait."""

    exit_code = 5


class LedgerChanged(PvdoptError):
    """The ledger moved on between reading and writing."""

    exit_code = 5


class WorkersLost(PvdoptError):
    """Those who were to compute cannot be reached, are gone, or would not give the same results."""
