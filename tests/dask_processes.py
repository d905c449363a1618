"""A real Dask scheduler and its workers, each a process of its own on the loopback, for as long as tests need them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

#: Longest that the processes may take to start, however much else the machine has to do.
_START_S = 240
#: A worker that finds no pvdopt, and one whose numpy says it is another.
WITHOUT_PVDOPT = "sys.modules['pvdopt'] = None"
OTHER_NUMPY = (
    "import importlib.metadata as m; real = m.version; m.version = lambda n: '0.1' if n == 'numpy' else real(n)"
)


@dataclass
class Cluster:
    """A scheduler and its workers, which know nothing of the folder that the tests run in."""

    address: str
    folder: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _odd: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def want(self, n_workers: int, *oddities: str) -> None:
        """Have so many ordinary workers, and one for each statement that is run in it beforehand; end all others."""
        ordinary = [w for w in self.workers if w.poll() is None and w not in self._odd]
        for worker in [*ordinary[n_workers:], *self._odd]:
            end(worker)
        self._odd.clear()
        self.workers = ordinary[:n_workers]
        self._start(["pass"] * (n_workers - len(self.workers)))
        self._odd += self._start(oddities)

    def _start(self, statements: Sequence[str]) -> list[subprocess.Popen[bytes]]:
        log = self.folder / "scheduler.log"
        before = log.read_bytes().count(b"Starting worker compute stream")
        for statement in statements:
            words = [self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", str(_START_S)]
            program = f"import sys; {statement}; from distributed.cli.dask_worker import main; main({words!r})"
            name = f"worker-{next(self._numbers)}.log"
            self.workers.append(_start(self.folder, name, sys.executable, "-c", program))
        wanted = before + len(statements)
        _wait(lambda: log.read_bytes().count(b"Starting worker compute stream") >= wanted, self.folder)
        return self.workers[len(self.workers) - len(statements) :]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process as a power cut does."""
    process.kill()
    process.wait()


@contextmanager
def running() -> Iterator[Cluster]:
    """Start a scheduler on a free port of the loopback, and end it and its workers afterwards."""
    with tempfile.TemporaryDirectory(prefix="pvdopt-dask-") as name:
        folder = Path(name)
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        # A task that was lost with two workers is given up; by default it takes four.
        settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        scheduler = _start(folder, "scheduler.log", sys.executable, "-m", "dask", *words, **settings)
        cluster = Cluster("", folder, scheduler)
        try:
            _wait(lambda: b"Scheduler at:" in (folder / "scheduler.log").read_bytes(), folder)
            (line,) = [s for s in (folder / "scheduler.log").read_text().splitlines() if "Scheduler at:" in s]
            cluster.address = line.split()[-1]
            yield cluster
        finally:
            for process in [*cluster.workers, scheduler]:
                end(process)


def _start(folder: Path, log: str, *words: str, **settings: str) -> subprocess.Popen[bytes]:
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "DASK_TEMPORARY_DIRECTORY": str(folder)}
    with (folder / log).open("wb") as out:
        return subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **alone, **settings}
        )


def _wait(is_so: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + _START_S
    while not is_so():
        logs = "\n".join(path.read_text() for path in folder.glob("*.log"))
        assert time.monotonic() < end, f"no cluster within {_START_S} s: {logs}"
        time.sleep(0.02)
