"""Work on a Dask cluster: results are those of one machine to the digit, and workers may be lost on the way."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaigns import make_plain
from dask_processes import OTHER_NUMPY, WITHOUT_PVDOPT, Cluster, end, running
from pvdopt import Continuous, Evidence, Objective, Protocol, SearchSpace, dask_cluster, parallel
from pvdopt.backtest.arenas import PoolArena
from pvdopt.backtest.pools import Pool
from pvdopt.backtest.running import Plan, Run, run_all
from pvdopt.campaign.learning import compare_on_own
from pvdopt.cli import main
from pvdopt.dask_cluster import on_dask
from pvdopt.errors import WorkersLost
from pvdopt.skill.validation import held_out

PLAN = Plan(budget=8, batch=2, starts=3)
SEEDS, STRATEGIES = range(4), ("tpe", "random")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Cluster]:
    with running() as found:
        yield found


@pytest.fixture
def cluster(scheduler: Cluster) -> Cluster:
    """A cluster with two workers."""
    scheduler.want(2)
    return scheduler


@pytest.fixture
def pool() -> PoolArena:
    x = np.linspace(0, 1, 40)
    space = SearchSpace([Continuous("x", low=0, high=1)])
    values = pd.DataFrame({"gain": -((x - 0.7) ** 2)})
    return PoolArena(Pool("toy", space, [Objective("gain")], pd.DataFrame({"x": x}), values))


def run_pool(pool: PoolArena, progress: Callable[[int, int, str], None] | None = None) -> list[Run]:
    """Return runs on the pool, but for the time they took."""
    # Made here, and so known to no worker but by what travels with the task.
    runs = run_all(lambda seed: pool, STRATEGIES, SEEDS, PLAN, progress=progress)
    return [replace(run, seconds=0.0) for run in runs]


def evidence() -> Evidence:
    protocol = Protocol(current_ua_cm2=10, v_max=4.2, cycles=100)
    return Evidence.reported(fixed={"cathode": "LiCoO2", "method": "rf_sputtering"}, protocol=protocol)


# -- the same results ------------------------------------------------------------------------------------------------


def test_a_backtest_gives_the_same_runs(cluster: Cluster, pool: PoolArena) -> None:
    told: list[tuple[int, int]] = []
    with on_dask(cluster.address) as found:
        assert (found.n_workers, found.n_threads) == (2, 2)
        runs = run_pool(pool, lambda done, of, what: told.append((done, of)))
    assert runs == run_pool(pool)
    n = len(SEEDS) * len(STRATEGIES)
    assert told == [(k, n) for k in range(n + 1)]


def test_held_out_publications_are_predicted_the_same(cluster: Cluster) -> None:
    with on_dask(cluster.address):
        there = held_out(evidence(), "capacity", "theory")
    pd.testing.assert_frame_equal(there, held_out(evidence(), "capacity", "theory"), check_exact=True)


def test_specifications_compete_the_same(cluster: Cluster, tmp_path: Path) -> None:
    with make_plain(tmp_path / "plain", surrogate="ridge") as campaign:
        for speed in range(1, 9):
            campaign.record({"id": campaign.add({"speed": speed, "moisture": "dry"}), "gloss": 50.0 - (speed - 6) ** 2})
        beliefs = campaign.beliefs(campaign.own_cells())
    with on_dask(cluster.address):
        there, held_there, _ = compare_on_own(beliefs, ["ridge", "theory"], None, 1)
    here, held, _ = compare_on_own(beliefs, ["ridge", "theory"], None, 1)
    assert there == here
    pd.testing.assert_frame_equal(held_there, held, check_exact=True)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Return a command's exit code, and what it wrote to stdout and stderr."""
    with pytest.raises(SystemExit) as left:
        main(words)
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


QUICK = ("evaluate", "lco_lipon.toml", "--outcome", "capacity", "--model", "theory", "--csv")


def test_a_command_prints_the_same(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    _, here, _ = command(capsys, *QUICK)
    code, there, said = command(capsys, *QUICK, "--dask", cluster.address)
    assert (code, there) == (0, here)
    assert f"Computing on 2 workers of {cluster.address}, 2 tasks at a time." in said


@pytest.mark.slow
def test_two_workers_share_the_work(scheduler: Cluster, tell: Callable[[str], None]) -> None:
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for n_workers in (1, 2, 2, 1):
        scheduler.want(n_workers)
        with on_dask(scheduler.address):
            # Their imports are no part of it.
            list(parallel.compute(held_out, [(evidence(), "capacity", "theory")] * 4))
            begun = time.monotonic()
            n_rows = len(held_out(evidence(), "capacity", "gaussian_process"))
            seconds[n_workers].append(time.monotonic() - begun)
    one, two = (sum(seconds[n]) / 2 for n in (1, 2))
    turns = "; ".join(f"{n}: {', '.join(f'{s:.1f}' for s in took)}" for n, took in seconds.items())
    tell(
        f"{n_rows} reported cells predicted without their publications: one worker {one:.1f} s, two {two:.1f} s, "
        f"a share of {two / one:.2f} (each time, by workers: {turns})"
    )


# -- the loss of workers ---------------------------------------------------------------------------------------------


def test_a_backtest_survives_the_loss_of_a_worker(cluster: Cluster, pool: PoolArena) -> None:
    victim, survivor = cluster.workers
    with on_dask(cluster.address):
        # In the middle, while there is more to do than one of them has begun.
        runs = run_pool(pool, lambda done, of, what: end(victim) if done == 2 else None)
        assert (victim.poll(), survivor.poll()) == (-9, None)
    assert runs == run_pool(pool)


def test_an_evaluation_survives_the_loss_of_a_worker(cluster: Cluster) -> None:
    victim = cluster.workers[0]
    with on_dask(cluster.address):
        held = held_out(evidence(), "capacity", "ridge", progress=lambda done, of: end(victim) if done == 9 else None)
    pd.testing.assert_frame_equal(held, held_out(evidence(), "capacity", "ridge"), check_exact=True)


def test_a_task_that_takes_down_its_workers_is_given_up(cluster: Cluster) -> None:
    match = "workers died one after the other of the same task"
    with on_dask(cluster.address), pytest.raises(WorkersLost, match=match):
        # Ends the process that it runs in.
        list(parallel.compute(os._exit, [(1,)]))


def work_and(do: Callable[[], None]) -> None:
    """Do something once the first of several tasks is done; the others take longer than any test."""
    for _ in parallel.compute(time.sleep, [(0.01,), *[(60,)] * 3]):
        do()


def test_a_cluster_whose_workers_are_all_lost_is_given_up(scheduler: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "WITHOUT_WORKERS_S", 0.5)
    monkeypatch.setattr(dask_cluster, "LOOK_S", 0.1)
    scheduler.want(1)
    with on_dask(scheduler.address):
        with pytest.raises(WorkersLost, match=r"no worker was left for 0.5 s"):
            work_and(lambda: scheduler.want(0))
        scheduler.want(1)
        assert list(parallel.compute(divmod, [(7, 2), (9, 4)])) == [(3, 1), (2, 1)], "it may be used again"


def test_a_scheduler_that_is_lost_ends_the_work_with_a_word() -> None:
    match = "the scheduler went away before all was computed"
    with running() as cluster:
        cluster.want(1)
        with on_dask(cluster.address), pytest.raises(WorkersLost, match=match):
            work_and(cluster.scheduler.kill)


@pytest.mark.parametrize("more", [(), pytest.param(("--verbose",), marks=pytest.mark.slow)], ids=["quiet", "verbose"])
def test_a_command_whose_scheduler_is_lost_says_that_alone(more: tuple[str, ...]) -> None:
    with running() as cluster:
        cluster.want(1)
        words = ["evaluate", "lco_lipon.toml", "--outcome", "capacity", "--csv", "--dask", cluster.address, *more]
        whole = [sys.executable, "-m", "pvdopt", *words]
        with subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as started:
            assert started.stderr is not None
            said = [next(line for line in started.stderr if line.startswith("Computing on 1 worker"))]
            end(cluster.scheduler)
            said += started.stderr.readlines()
        assert started.returncode == 1
    last = f"--dask {cluster.address}: the scheduler went away before all was computed.\n"
    assert last in said
    assert (len(said) == 2) == (not more), said


def test_an_error_of_a_task_is_its_own(cluster: Cluster) -> None:
    with on_dask(cluster.address), pytest.raises(ZeroDivisionError):
        list(parallel.compute(divmod, [(1, 0)]))


def test_a_wheel_and_a_checkout_are_the_same(tmp_path: Path) -> None:
    package = Path(dask_cluster.__file__).parent
    copy = tmp_path / "pvdopt"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # As the wheel is built, see pyproject.toml.
    shutil.copytree(Path(__file__).parents[2] / "configs", copy / "configs", dirs_exist_ok=True)
    assert dask_cluster.digest_of_files(copy) == dask_cluster.digest_of_files(package)
    (copy / "data" / "terms.csv").write_text("other terms\n")
    assert dask_cluster.digest_of_files(copy) != dask_cluster.digest_of_files(package)


# -- what cannot be worked with --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["localhost:8786", "tcp://localhost", "http://localhost:8786", "tcp://a b:1", ""])
def test_an_address_that_is_none_is_refused(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = command(capsys, *QUICK, "--dask", address)
    assert code == 2
    assert f"--dask {address}: must be a scheduler's address, such as tcp://192.168.1.10:8786." in said


def test_a_cluster_and_processes_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = command(capsys, *QUICK, "--dask", "tcp://127.0.0.1:1", "--jobs", "2")
    assert (code, "--dask and --jobs exclude each other" in said) == (2, True)


def test_without_the_extra_it_is_said_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, said = command(capsys, *QUICK, "--dask", "tcp://127.0.0.1:1")
    assert (code, "pip install 'pvdopt[dask]'" in said) == (2, True)


@pytest.mark.parametrize("greeting", [None, b"", b"SSH-2.0-OpenSSH_9.2p1\r\n"], ids=["nobody", "silent", "ssh"])
def test_no_scheduler_is_told(
    greeting: bytes | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 0.5)
    is_over = threading.Event()

    def greet() -> None:
        came, _ = other.accept()
        with came:
            came.sendall(greeting or b"")
            is_over.wait(60)

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        if greeting is not None:
            other.listen()
            somebody = threading.Thread(target=greet)
            somebody.start()
        code, _, said = command(capsys, *QUICK, "--dask", address)
        is_over.set()
        if greeting is not None:
            somebody.join()
    assert code == 1
    assert f"--dask {address}: no Dask scheduler answers there within 0.5 s. Start one with `dask scheduler`" in said


def test_a_scheduler_without_workers_and_with_odd_ones_is_told(
    scheduler: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.want(0)
    with monkeypatch.context() as impatient:
        impatient.setattr(dask_cluster, "ANSWER_S", 1.0)
        code, _, said = command(capsys, *QUICK, "--dask", scheduler.address)
    assert code == 1
    assert f"the scheduler has no worker. Start some with `dask worker {scheduler.address}" in said
    scheduler.want(0, WITHOUT_PVDOPT, OTHER_NUMPY)
    code, _, said = command(capsys, *QUICK, "--dask", scheduler.address)
    assert code == 1
    assert "its results would not be those of this machine" in said
    assert "pvdopt cannot be used there (" in said
    assert "No module named 'pvdopt" in said
    assert f"has numpy 0.1 (here {np.__version__})." in said


def test_workers_that_join_later_are_looked_at_too(scheduler: Cluster) -> None:
    scheduler.want(1)
    with on_dask(scheduler.address):
        scheduler.want(0, OTHER_NUMPY)
        with pytest.raises(WorkersLost, match="joined with other versions"):
            list(parallel.compute(divmod, [(7, 2)]))
