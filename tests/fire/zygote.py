"""Real processes that run commands of pvdopt and can be killed at any instant, without each paying for its imports.

A parent that has imported everything forks a child for each command; ``kill -9`` hits the child. Run as a program it is
that parent: it reads one request a line and answers with one line.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: Longest a command may take before the test fails: nothing may hang.
LIMIT_S = 240.0


@dataclass(frozen=True)
class Ended:
    """How a command ended: ``code`` is None where it was killed."""

    code: int | None
    seconds: float
    out: str
    err: str


class Zygote:
    """The parent of the processes, seen from the test."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        here = Path(__file__).resolve()
        paths = os.pathsep.join([str(here.parent), os.environ.get("PYTHONPATH", "")])
        self._parent = subprocess.Popen(
            [sys.executable, str(here)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            text=True,
            env={**os.environ, "COLUMNS": "100", "PYTHONPATH": paths, **(environment or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.communicate(timeout=60)

    def run(self, *words: object, kill_after: float | None = None, watch: Path | None = None) -> Ended:
        """Run ``pvdopt WORDS``, or kill it after so many seconds, counted from when a watched file is written to."""
        (ended,) = self._ask([words], kill_after, watch, LIMIT_S)
        return ended

    def run_together(self, commands: list[tuple[object, ...]], limit_s: float = LIMIT_S) -> list[Ended]:
        """Run several commands at once."""
        return self._ask(commands, None, None, limit_s)

    def _ask(
        self, commands: list[tuple[object, ...]], kill_after: float | None, watch: Path | None, limit_s: float
    ) -> list[Ended]:
        asked = {
            "commands": [[str(w) for w in words] for words in commands],
            "kill_after": kill_after,
            "watch": None if watch is None else str(watch),
            "limit_s": limit_s,
        }
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(asked) + "\n")
        self._parent.stdin.flush()
        return [Ended(**found) for found in json.loads(self._parent.stdout.readline())]


def _fork(words: list[str]) -> tuple[int, list[io.FileIO]]:
    """Start a command in a process of its own; its output goes into files that have no name."""
    outputs = [io.FileIO(os.memfd_create("output"), "w+") for _ in range(2)]
    pid = os.fork()
    if pid:
        return pid, outputs
    code = 1
    try:
        os.dup2(outputs[0].fileno(), 1)
        os.dup2(outputs[1].fileno(), 2)
        sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))  # noqa: SIM115
        _dispatch(words)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _dispatch(words: list[str]) -> None:
    if words[0] == "@worker":
        from worker import work

        work(words[1], words[2], int(words[3]))
        return
    from pvdopt.cli import main

    if words[0] == "@nobody":
        words = words[1:]
        # Once with all rights in a copy, so that whatever it imports is there before they are given up.
        here = Path.cwd()
        with tempfile.TemporaryDirectory() as copy, contextlib.redirect_stdout(io.StringIO()):
            shutil.copytree(here, copy, dirs_exist_ok=True)
            os.chdir(copy)
            with contextlib.suppress(SystemExit):
                main(words)
            os.chdir(here)
        os.setgid(65534)
        os.setuid(65534)
    main(words)


def _look(path: str | None) -> int:
    """Return how large a file is; one that was only opened, and so made, has not been written to."""
    try:
        return os.stat(path).st_size if path else 0  # noqa: PTH116
    except OSError:
        return 0


def _wait(pid: int, start: float, kill_after: float | None, watch: str | None, limit_s: float) -> int | None:
    """Return a child's exit code, None where it was killed; one that takes too long is killed as well."""
    seen, end = _look(watch), start + limit_s
    if kill_after is not None and watch is None:
        end = start + kill_after
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
        if watch is not None and kill_after is not None and _look(watch) != seen:
            end, watch = time.monotonic() + kill_after, None
        if time.monotonic() >= end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.0002 if kill_after is not None else 0.005)


def _serve() -> None:

    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        start = time.monotonic()
        children = [_fork(words) for words in asked["commands"]]
        answers = []
        for pid, outputs in children:
            code = _wait(pid, start, asked["kill_after"], asked["watch"], asked["limit_s"])
            texts = []
            for output in outputs:
                output.seek(0)
                texts.append(output.readall().decode(errors="replace"))
                output.close()
            answers.append({"code": code, "seconds": time.monotonic() - start, "out": texts[0], "err": texts[1]})
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    _serve()
