"""Whoever makes and measures a cell in place of a person: a program, what the models believe, a virtual lab."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal, NoReturn, Protocol

from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid, Problem, UsageError, what_the_system_says
from pvdopt.input_files import MAX_REPLY, MB

#: Characters of a command's last words that are kept as the cause of its failure.
N_LAST_WORDS = 500
#: What a program may have written to stderr before what came first is forgotten, in bytes.
MAX_WORDS = 10 * MB
#: How often a running program is looked at, and how long one that is to end may take to leave its machine in order,
#: in seconds.
LOOK_S, GRACE_S = 0.2, 3.0


#: How a program's run came to its end.
Ended = Literal["itself", "time", "flood"]
#: What lets a program on Windows, and what it starts, be asked to end apart from this process; nothing elsewhere.
_GROUP_FLAG: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


@dataclass(frozen=True)
class Request:
    """A cell to be evaluated.

    Attributes
    ----------
    recipe : mapping
        All settings, the fixed ones too; None where one does not apply.
    protocol : mapping
        Test conditions at which outcomes are asked.
    run : str or None
        The run it was planned for.
    """

    id: str
    recipe: Mapping[str, Any]
    protocol: Mapping[str, float]
    run: str | None = None


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


class ReplyInvalid(DataInvalid):
    """What an evaluator says of a cell cannot stand.

    Attributes
    ----------
    cell_id : str
    """

    def __init__(self, problems: Sequence[Problem], cell_id: str) -> None:
        super().__init__(problems)
        self.cell_id = cell_id


class CommandEvaluator:
    """The user's own program: reads a request as JSON, writes results as JSON. It is run without a shell.

    A program that ends with an error or takes too long is run again if need be, and makes a ``lab_error`` of the cell
    in the end, with its last words as the cause; a reply that cannot be read stops the loop.

    Unless it ends well, whatever it started ends with it, so that no two hands are on one machine: on POSIX all that is
    left in its session, which is asked (SIGTERM), and after three seconds killed. Windows knows no such thing in
    Python's standard library: those that share the program's console are asked (CTRL_BREAK), and the program itself is
    killed; what it started without a console may go on there. What has left the session by itself goes on anywhere, and
    so does everything where this process is killed outright.

    Parameters
    ----------
    command : str or sequence of str
        A text is split at blanks, with quotes as in a shell.
    timeout_s : float
        How long one cell may take, in seconds.
    retries : int
        How often a program that failed or took too long is run again for the same cell.

    Raises
    ------
    UsageError
        If there is no program in it, a quote is not closed, the time is not positive, or the retries are negative.
    """

    name = "command"
    is_simulated = False

    def __init__(self, command: str | Sequence[str], timeout_s: float = 3600.0, retries: int = 0) -> None:
        self.words = _split(command) if isinstance(command, str) else list(command)
        self.timeout_s = timeout_s
        self.retries = retries
        if not self.words:
            raise UsageError("the command to evaluate with is empty.")
        if not timeout_s > 0:
            raise UsageError(f"the time a command may take must be above 0 s, got {timeout_s:g}.")
        if retries < 0:
            raise UsageError(f"the retries of a command must be 0 or more, got {retries}.")

    def evaluate(self, request: Request) -> Mapping[str, object]:
        """Return what the program replies.

        Raises
        ------
        UsageError
            If it cannot be started.
        DataInvalid
            If its reply is no JSON object with results.
        """
        asked = json.dumps(vars(request), default=dict, allow_nan=False).encode()
        cause = ""
        for attempt in range(self.retries + 1):
            reply, cause = self._ask(asked)
            if reply is not None:
                return self._read(reply, request.id)
            if attempt:
                cause = f"{cause} (attempt {attempt + 1})"
        return _lab_error(cause)

    def _ask(self, asked: bytes) -> tuple[bytes | None, str]:
        """Run the program once; return what it prints, or None and why it failed."""
        # Into files, not into memory; and a child that it leaves behind keeps nobody waiting.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    self.words,
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    creationflags=_GROUP_FLAG,
                )
            except OSError as error:
                must = f"the command {self.words[0]!r} cannot be started ({what_the_system_says(error)})."
                raise UsageError(f"{must} {_how_to_start(self.words[0])}") from error
            is_well = False
            try:
                ended = self._wait(process, asked, out, err)
                is_well = ended == "itself" and process.returncode == 0
            finally:
                if not is_well:
                    _end(process)
            if ended == "time":
                return None, f"no reply within {self.timeout_s:g} s"
            if ended == "itself" and process.returncode != 0:
                err.seek(max(0, err.seek(0, os.SEEK_END) - 4 * N_LAST_WORDS))
                words = err.read().decode(errors="replace").strip()[-N_LAST_WORDS:]
                code = process.returncode
                return None, f"exit code {code}: {words}" if words else f"exit code {code}"
            out.seek(0)
            return out.read(MAX_REPLY + 1), ""

    def _wait(self, process: subprocess.Popen[bytes], asked: bytes, out: IO[bytes], err: IO[bytes]) -> Ended:
        """Hand the request to a program and wait until it ends, its time is over, or it has said too much."""
        end, unsaid = time.monotonic() + self.timeout_s, asked
        while True:
            try:
                process.communicate(unsaid or None, timeout=min(LOOK_S, max(0.0, end - time.monotonic())))
            except subprocess.TimeoutExpired:
                unsaid = b""
            else:
                return "itself"
            if os.fstat(out.fileno()).st_size > MAX_REPLY:
                return "flood"
            if os.fstat(err.fileno()).st_size > MAX_WORDS:
                # The program writes on where this leaves the file, which is one for both.
                os.ftruncate(err.fileno(), 0)
                os.lseek(err.fileno(), 0, os.SEEK_SET)
            if time.monotonic() >= end:
                return "time"

    def _read(self, reply: bytes, cell_id: str) -> Mapping[str, object]:
        # The program's own name may be an interpreter's, and its last word an option: neither tells which it is.
        place: dict[str, Any] = {"file": "reply of the command", "row": cell_id}
        shown = reply.decode(errors="replace").strip()[:80]
        if len(reply) > MAX_REPLY:
            raise DataInvalid(Problem(f"must have at most {MAX_REPLY / MB:g} MB", shown, **place))
        try:
            found = json.loads(reply.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
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


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started, see :class:`CommandEvaluator`."""
    if sys.platform == "win32":
        with suppress(OSError):
            process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        _signal_session(process, signal.SIGTERM)
    try:
        end = time.monotonic() + GRACE_S
        while time.monotonic() < end and (process.poll() is None or _signal_session(process, 0)):
            time.sleep(0.02)
    finally:
        # Whatever happens meanwhile, a second Ctrl-C included.
        if sys.platform != "win32":
            _signal_session(process, signal.SIGKILL)
        process.kill()
        process.wait()


def _signal_session(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to all that a program started and that still runs; return whether there is anything."""
    if sys.platform == "win32":
        return False
    try:
        # Its number stays its session's own for as long as there is anything in it.
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _split(command: str) -> list[str]:
    try:
        if os.name != "nt":
            return shlex.split(command)
        # A backslash is part of a path there, and quotes stay around words.
        return [word.strip('"') for word in shlex.split(command, posix=False)]
    except ValueError as error:
        raise UsageError(f"the command {command!r} cannot be read: a quote in it is not closed.") from error


def _how_to_start(program: str) -> str:
    """Return what to write in place of a program that the system does not start."""
    if Path(program).is_file():
        return f"A script needs its interpreter before it, such as --command 'python {program}'."
    return "Check its name, or give its whole path; a script needs its interpreter before it: 'python rig.py'."


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
        if request.run is not None:
            # Cells of a run share its noise.
            asked["run"] = request.run
        number = int("".join(c for c in request.id if c.isdigit()) or 0)
        # Proposals and the lab's own cells are numbered apart.
        measured = self._lab.measure(pd.DataFrame([asked]), 2 * number + request.id.startswith("C")).iloc[0]
        results = ("cycles", "capacity", "retention", "outcome_class")
        names = [n for n in (*asked, *results) if n != "run"]
        told = {n: measured[n] for n in names if n in results or measured[n] != asked[n]}
        found = {n: v.item() if hasattr(v, "item") else v for n, v in told.items() if v == v and v is not None}
        if "retention" not in found:
            found.pop("cycles", None)
        return found
