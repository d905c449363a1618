"""Where work runs: in this process, in several of this machine, or wherever else an engine brings it.

Knows nothing of what is computed. A task is a function and all its data; it computes with one thread for linear algebra
and draws from seeds of its own, so that its result is the same to the digit wherever it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol, TypeVar

from pvdopt.errors import WorkersLost

T = TypeVar("T")


class Engine(Protocol):
    """What brings tasks elsewhere, such as a :class:`pvdopt.dask_cluster.DaskCluster`."""

    def compute(
        self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], *, is_ordered: bool = True
    ) -> Iterator[T]:
        """Yield what the function returns for each task, see :func:`compute`."""


_engine: ContextVar[Engine | None] = ContextVar("engine", default=None)


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Let an engine compute everything while this lasts, whatever number of processes is asked for."""
    token = _engine.set(engine)
    try:
        yield
    finally:
        _engine.reset(token)


def is_here(n_jobs: int) -> bool:
    """Return whether tasks run in this process, one after the other as their results are taken."""
    return n_jobs == 1 and _engine.get() is None


def compute(
    function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], n_jobs: int = 1, *, is_ordered: bool = True
) -> Iterator[T]:
    """Yield what a function returns for the arguments of each task, as soon as it is there.

    Parameters
    ----------
    n_jobs : int
        Processes of this machine; an engine in use takes their place.
    is_ordered : bool
        Whether results come in the order of the tasks, or as they are done.

    Raises
    ------
    WorkersLost
        If those who compute are gone before all is done.
    """
    engine = _engine.get()
    if engine is not None:
        yield from engine.compute(function, tasks, is_ordered=is_ordered)
    elif n_jobs == 1:
        for arguments in tasks:
            yield run_task(function, arguments)
    else:
        yield from _in_processes(function, tasks, n_jobs, is_ordered)


def _in_processes(
    function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], n_jobs: int, is_ordered: bool
) -> Iterator[T]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(n_jobs=n_jobs, return_as="generator" if is_ordered else "generator_unordered")
    try:
        yield from parallel(delayed(run_task)(function, arguments) for arguments in tasks)
    except TerminatedWorkerError as error:
        raise WorkersLost(
            "A process that computed was killed, most likely for want of memory. Run the command again with fewer "
            "--jobs."
        ) from error


def run_task(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Run a task with one thread for linear algebra: how sums are split among threads shows in the last digits."""
    with _linear_algebra().limit(limits=1):
        return function(*arguments)


def limit_threads() -> None:
    """Let linear algebra compute with one thread in this process from now on."""
    _linear_algebra().limit(limits=1)


@cache
def _linear_algebra() -> Any:
    # Finding the libraries takes milliseconds, and finds those that are loaded: both of the BLAS, and OpenMP.
    import scipy.linalg  # noqa: F401
    import sklearn.utils._openmp_helpers  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
