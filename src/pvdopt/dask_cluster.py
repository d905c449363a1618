"""Tasks on the workers of a Dask cluster, by joblib's Dask backend.

Everything a task needs travels with it, so that a worker needs pvdopt and nothing of the client's files, and a task
whose worker is lost runs again on another. Needs the extra ``dask``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import pickle
import platform
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config

# joblib has no public name for its backend's class; what is changed of it below is public.
from joblib._dask import DaskDistributedBackend

from pvdopt.errors import UsageError, WorkersLost
from pvdopt.parallel import limit_threads, run_task, using

T = TypeVar("T")

#: How long to wait for the scheduler's answer and for the first worker, in seconds.
ANSWER_S = 10.0
#: How long a cluster may be without any worker before work on it is given up, and how often that is looked at.
WITHOUT_WORKERS_S, LOOK_S = 120.0, 1.0
#: How long to wait for the scheduler's farewell, in seconds.
CLOSE_S = 5.0
#: Who logs what becomes of a connection; the last are those whose callbacks fail once it is gone.
_LOGGERS = ("distributed", "tornado", "asyncio", "concurrent.futures")
#: What results may depend on, beside pvdopt itself.
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "optuna", "cmaes", "joblib", "distributed")


@contextmanager
def on_dask(address: str) -> Iterator[DaskCluster]:
    """Compute on the workers of a Dask scheduler while this lasts.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``, or ``tls://`` where Dask's own configuration names certificates.

    Raises
    ------
    UsageError
        If the address is none, or the extra is not installed.
    WorkersLost
        If no scheduler answers, it has no worker, or a worker's versions differ from those here.
    """
    if not re.fullmatch(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d{1,5}", address):
        raise UsageError(f"--dask {address}: must be a scheduler's address, such as tcp://192.168.1.10:8786.")
    client = _connect(address)
    try:
        cluster = DaskCluster(client, address)
        with using(cluster):
            yield cluster
    finally:
        # What is still being computed is cancelled by that; a scheduler that is gone is not waited for.
        with suppress(TimeoutError, OSError):
            client.close(timeout=CLOSE_S)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the terminal what Dask logs, while pvdopt logs nothing either.

    Where a scheduler goes away that is a page of tracebacks before the one sentence that tells it.
    """
    if logging.getLogger("pvdopt").isEnabledFor(logging.INFO):
        yield
        return
    # Dask gives its loggers levels and handlers as it is imported.
    with suppress(ModuleNotFoundError):
        import distributed  # noqa: F401
    names = [n for n in logging.root.manager.loggerDict if n.startswith(_LOGGERS)]
    loud = [logger for logger in map(logging.getLogger, {*names, *_LOGGERS}) if not logger.disabled]
    try:
        for logger in loud:
            logger.disabled = True
        yield
    finally:
        for logger in loud:
            logger.disabled = False


def _connect(address: str) -> Any:
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ModuleNotFoundError as error:
        raise UsageError("--dask needs Dask. Install it with: pip install 'pvdopt[dask]'") from error
    connect: Any = Client
    try:
        # A client would wait for ever for somebody who listens and is no scheduler.
        asyncio.run(asyncio.wait_for(_greet(address), ANSWER_S))
        with warnings.catch_warnings():
            # What differs is looked at below, and more of it.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            return connect(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError, MemoryError) as error:
        raise WorkersLost(
            f"--dask {address}: no Dask scheduler answers there within {ANSWER_S:g} s. Start one with "
            "`dask scheduler`, and name the address that it prints."
        ) from error


async def _greet(address: str) -> None:
    from distributed import Security, comm

    # Dask's own functions are untyped.
    reach: Any = comm.connect  # type: ignore[attr-defined]
    security: Any = Security
    reached = await reach(address, timeout=ANSWER_S, **security().get_connection_args("client"))
    await reached.close()


class DaskCluster:
    """The workers of a scheduler, as an engine of :mod:`pvdopt.parallel`.

    Attributes
    ----------
    address : str
    n_workers, n_threads : int
        Workers when work began, and how many tasks they run at a time.
    """

    def __init__(self, client: Any, address: str) -> None:
        self.address = address
        self._client = client
        self._backend = _Backend(client)
        try:
            client.wait_for_workers(1, timeout=ANSWER_S)
        except TimeoutError as error:
            raise self._lost(
                f"the scheduler has no worker. Start some with `dask worker {address} --nworkers auto --nthreads 1`."
            ) from error
        threads = client.nthreads()
        self.n_workers, self.n_threads = len(threads), sum(threads.values())
        self._refuse_what_differs()

    def _lost(self, why: str) -> WorkersLost:
        return WorkersLost(f"--dask {self.address}: {why}")

    def _refuse_what_differs(self) -> None:
        """Refuse workers that would compute something else, all of them at once."""
        here = describe_installation()
        faults = []
        for worker, there in sorted(self._client.run(describe_installation, on_error="return").items()):
            if isinstance(there, Exception):
                faults.append(f"worker {worker}: pvdopt cannot be used there ({there}).")
                continue
            differing = [
                f"{name} {there.get(name)} (here {what})" for name, what in here.items() if there.get(name) != what
            ]
            if differing:
                faults.append(f"worker {worker}: has {', '.join(differing)}.")
        if faults:
            todo = "Install the same there as here, from the same wheels or checkout, and start the workers again."
            raise self._lost("\n".join(["its results would not be those of this machine.", *faults, todo]))

    def compute(
        self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], *, is_ordered: bool = True
    ) -> Iterator[T]:
        """Yield what the function returns for each task, see :func:`pvdopt.parallel.compute`.

        Raises
        ------
        WorkersLost
            If the scheduler goes away, no worker is left, or a task takes down one worker after the other.
        """
        import cloudpickle
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        how = "generator" if is_ordered else "generator_unordered"
        # Some more under way than there are workers, so that those that join find something to do.
        parallel = Parallel(backend=self._backend, batch_size=1, pre_dispatch="4*n_jobs", return_as=how)
        expected = fingerprint()
        # As bytes, since joblib would leave anything larger with one worker alone, and lose it with that worker.
        packed = (delayed(run_packed)(cloudpickle.dumps((function, arguments)), expected) for arguments in tasks)
        with self._watched():
            try:
                yield from parallel(packed)
            except (CancelledError, CommClosedError) as error:
                raise self._lost("the scheduler went away before all was computed.") from error
            except KilledWorker as error:
                raise self._lost(
                    "workers died one after the other of the same task, most likely for want of memory; their own "
                    "output says more."
                ) from error
            except ModuleNotFoundError as error:
                raise self._lost(f"a worker that joined lacks {error.name}; install the same there as here.") from error

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Give all up where no worker is left for long: Dask would wait for one for ever."""
        is_over = threading.Event()

        def watch() -> None:
            looks_without = 0
            while not is_over.wait(LOOK_S):
                try:
                    looks_without = 0 if self._client.nthreads() else looks_without + 1
                except (OSError, ValueError):
                    # The scheduler is gone, and Dask tells of that by itself.
                    return
                if looks_without * LOOK_S >= WITHOUT_WORKERS_S:
                    why = f"no worker was left for {WITHOUT_WORKERS_S:g} s before all was computed."
                    self._backend.give_up(self._lost(why))
                    return

        watcher = threading.Thread(target=watch, name="pvdopt-dask-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()


class _Backend(DaskDistributedBackend):  # type: ignore[misc]
    """joblib's Dask backend, which waits for ever where it is the cluster that gave a task up, and no task failed."""

    def __init__(self, client: Any) -> None:
        super().__init__(client=client)
        self._open: set[Future[Any]] = set()

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return how many tasks run at a time; never one, of which joblib would make a loop in the client."""
        threads: dict[str, int] = self.client.nthreads()
        return max(2, sum(threads.values()))

    def submit(self, func: Any, callback: Any = None) -> Future[Any]:
        """Submit a batch of tasks; its error, too, comes back by the callback."""
        future: Future[Any] = super().submit(func, callback)
        self._open.add(future)

        def settle(done: Future[Any]) -> None:
            self._open.discard(done)
            error = done.exception()
            if error is not None and callback is not None:
                callback(error)

        future.add_done_callback(settle)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return what a batch returned, or raise what became of it; a task never returns an error."""
        if isinstance(out, BaseException):
            raise out
        return super().retrieve_result_callback(out)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Forget what is under way, and have the workers do so too."""
        under_way = list(self.waiting_futures.futures)
        super().abort_everything(ensure_ready)
        self.client.cancel(under_way)

    def give_up(self, error: Exception) -> None:
        """Let everything fail that is not done."""
        for future in list(self._open):
            future.set_exception(error)


# -- on the workers ------------------------------------------------------------------------------------------------


def run_packed(packed: bytes, expected: str) -> Any:
    """Run a task on a worker.

    Parameters
    ----------
    packed : bytes
        Function and arguments, pickled.
    expected : str
        What the worker's :func:`fingerprint` must be; it may have joined after the others were looked at.

    Raises
    ------
    WorkersLost
        If it is another.
    """
    if fingerprint() != expected:
        raise WorkersLost(
            f"A worker on {platform.node()} joined with other versions than those here. Install the same there as here."
        )
    limit_threads()
    function, arguments = pickle.loads(packed)
    # joblib has the whole cluster in mind for whatever a task itself would do in parallel.
    with parallel_config(backend="sequential"):
        return run_task(function, arguments)


@cache
def fingerprint() -> str:
    """Return a digest of what is installed, the same where results are."""
    return hashlib.sha256(repr(describe_installation()).encode()).hexdigest()


@cache
def describe_installation() -> dict[str, str]:
    """Return by name what results depend on: versions, and a digest of pvdopt's own files."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, "pvdopt": f"{version('pvdopt')} ({digest_of_files(Path(__file__).parent)})"} | {
        n: version(n) for n in PACKAGES
    }


def digest_of_files(package: Path) -> str:
    """Return a digest of the files of a package that results come from, the same in a wheel and in a checkout.

    A wheel holds the shipped campaign files beside them, which compute nothing: a task brings its own settings.
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in package.rglob("*") if p.suffix in (".py", ".csv", ".json")):
        name = path.relative_to(package).as_posix()
        digest.update(name.encode() + b"\n" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]
