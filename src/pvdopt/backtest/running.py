"""Runs of strategies over seeds: each an answer to "how far after so many experiments?", kept so that none is redone.

Seeds for reporting count from 0, those for tuning from :data:`FIRST_TUNING_SEED`: a figure that a choice was made on
is none to report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.backtest.arenas import Arena, LabArena
from pvdopt.backtest.measures import progress_of
from pvdopt.backtest.strategies import choose
from pvdopt.choice.candidates import draw_recipes
from pvdopt.errors import DataInvalid, NothingToPropose, Problem
from pvdopt.output_files import write_text, written_aside
from pvdopt.parallel import compute, is_here, run_task

if TYPE_CHECKING:
    from pvdopt.closed_loop import Progress

Array = np.ndarray[Any, Any]
MakeArena = Callable[[int], Arena]

FIRST_TUNING_SEED = 1_000_000
#: File that says what a folder's runs are runs of.
SETTINGS_FILE, RUNS_FOLDER = "settings.json", "runs"


@dataclass(frozen=True)
class Plan:
    """What every run has in common.

    Attributes
    ----------
    budget : int
        Experiments in all, the starts included.
    batch : int
        Experiments chosen at a time.
    starts : int
        Experiments at random to begin with, at a seed the same for all strategies.
    """

    budget: int
    batch: int = 1
    starts: int = 0


@dataclass(frozen=True)
class Run:
    """One strategy at one seed.

    Attributes
    ----------
    progress : tuple of float
        After each experiment: the share reached of what there was to gain; 1 is all of it.
    n_made : int
        Experiments made; fewer than the budget where nothing was left to propose.
    n_refused : int
        Proposals that the space does not allow.
    seconds : float
        Processor time of an ask, median.
    """

    strategy: str
    seed: int
    progress: tuple[float, ...]
    n_made: int
    n_refused: int
    seconds: float


def run_once(arena: Arena, strategy: str, seed: int, plan: Plan) -> Run:
    """Let one strategy make an arena's experiments."""
    done = _starts(arena, seed, plan.starts)
    observed = arena.measure(done, 0) if len(done) else done
    seconds = []
    refused = 0
    while len(done) < plan.budget:
        begun = time.process_time()
        try:
            found = choose(strategy, arena, observed, done, min(plan.batch, plan.budget - len(done)), seed)
        except NothingToPropose:
            break
        if not len(found):
            break
        seconds.append(time.process_time() - begun)
        refused += int((~arena.space.is_allowed(found)).sum())
        measured = arena.measure(found, len(done))
        observed = pd.concat([observed, measured], ignore_index=True) if len(done) else measured
        # Rows of a pool keep their index; recipes of a space are numbered on.
        done = pd.concat([done, found], ignore_index=arena.recipes is None) if len(done) else found
    reached = _share_reached(arena, done, plan.budget)
    per_ask = round(float(np.median(seconds)), 4) if seconds else 0.0
    return Run(strategy, seed, reached, len(done), refused, per_ask)


def _starts(arena: Arena, seed: int, n: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 23])
    if arena.recipes is None:
        return draw_recipes(arena.space, n, rng) if n else arena.space.frame([])
    return arena.recipes.loc[rng.choice(arena.recipes.index, size=min(n, len(arena.recipes)), replace=False)]


def _share_reached(arena: Arena, done: pd.DataFrame, budget: int) -> tuple[float, ...]:
    """Return progress as a share of what there is to gain; after the last experiment it stays where it is."""
    if not len(done):
        return (0.0,) * budget
    low = float(arena.reference[0]) if len(arena.reference) == 1 else 0.0
    progress = (progress_of(arena.score(done), arena.reference) - low) / (arena.best - low)
    padded = np.concatenate([progress, np.full(budget - len(progress), progress[-1])])
    return tuple(float(round(value, 6)) for value in padded)


# -- many --------------------------------------------------------------------------------------------------------


def seed_numbers(n: int, is_tuning: bool = False) -> range:
    """Return the seeds of a report, or those on which choices may be made.

    >>> set(seed_numbers(1000)) & set(seed_numbers(1000, is_tuning=True))
    set()
    """
    first = FIRST_TUNING_SEED if is_tuning else 0
    return range(first, first + n)


def run_all(
    make_arena: MakeArena,
    strategies: Sequence[str],
    seeds: Sequence[int],
    plan: Plan,
    *,
    n_jobs: int = 1,
    store: Store | None = None,
    progress: Progress | None = None,
) -> list[Run]:
    """Return the runs of all strategies at all seeds, ordered by both; the same whatever the number of processes.

    Parameters
    ----------
    make_arena : callable
        Seed -> arena.
    store : Store, optional
        Where finished runs are kept, and looked up.
    """
    found = {} if store is None else store.read()
    wanted = [(s, seed) for seed in seeds for s in strategies]
    open_ = [job for job in wanted if job not in found]
    by_seed = [(seed, [s for s, other in open_ if other == seed]) for seed in dict.fromkeys(s for _, s in open_)]
    if progress is not None:
        # The first run may take minutes: what is to come is said before it.
        progress(len(wanted) - len(open_), len(wanted), "first run")
    for run in _compute(make_arena, by_seed, plan, n_jobs):
        found[run.strategy, run.seed] = run
        if store is not None:
            store.add(run)
        if progress is not None:
            progress(sum(job in found for job in wanted), len(wanted), f"{run.strategy} {run.seed}")
    return [found[s, seed] for s in strategies for seed in seeds]


def _compute(make_arena: MakeArena, by_seed: Sequence[tuple[int, list[str]]], plan: Plan, n_jobs: int) -> Iterator[Run]:
    if is_here(n_jobs):
        for seed, strategies in by_seed:
            arena = make_arena(seed)
            for strategy in strategies:
                yield run_task(run_once, (arena, strategy, seed, plan))
        return
    # What a laboratory can reach takes longest and is the same for all strategies of a seed: it is found first.
    arenas = dict(compute(_prepare, ((make_arena, seed) for seed, _ in by_seed), n_jobs, is_ordered=False))
    tasks = ((arenas[seed], strategy, seed, plan) for seed, strategies in by_seed for strategy in strategies)
    yield from compute(run_once, tasks, n_jobs, is_ordered=False)


def _prepare(make_arena: MakeArena, seed: int) -> tuple[int, Arena]:
    arena = make_arena(seed)
    if isinstance(arena, LabArena):
        known = (tuple(float(r) for r in arena.reference), arena.best)
        return seed, LabArena(arena.config, seed, known)
    return seed, arena


class Store:
    """Finished runs in a folder, a file a strategy: delete one to have that strategy run anew.

    Parameters
    ----------
    folder : Path
        Made if need be.
    settings : mapping
        What the runs are runs of.

    Raises
    ------
    DataInvalid
        If the folder holds runs of something else.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        path = folder / SETTINGS_FILE
        if path.is_file():
            held = _read_settings(path)
            differing = [n for n in {**held, **settings} if held.get(n) != settings.get(n)]
            if differing:
                must = f"holds a backtest with other {', '.join(differing)}"
                raise DataInvalid(Problem(must, todo="Name another folder, or remove this one", file=str(folder)))
        (folder / RUNS_FOLDER).mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(settings, indent=2) + "\n")

    def _path(self, strategy: str) -> Path:
        return self.folder / RUNS_FOLDER / f"{strategy}.csv"

    def read(self) -> dict[tuple[str, int], Run]:
        """Return the runs that are there; a line that was cut off when a run was broken off is none.

        Raises
        ------
        DataInvalid
            Naming every line that holds no run.
        """
        found, problems = {}, []
        for path in sorted((self.folder / RUNS_FOLDER).glob("*.csv")):
            # Bytes that are no text make a line that is no run.
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
            for number, line in enumerate(lines[1:-1], start=2):
                try:
                    run = _read_run(path.stem, line)
                except ValueError:
                    must = "must hold a run: its seed, three numbers, and its progress"
                    todo = "Delete the file to have these runs made anew"
                    problems.append(Problem(must, line, todo, file=str(path), row=number))
                    continue
                found[path.stem, run.seed] = run
        if problems:
            raise DataInvalid(problems)
        return found

    def add(self, run: Run) -> None:
        """Keep a run."""
        path = self._path(run.strategy)
        text = "" if path.is_file() else "seed,made,refused,seconds_per_ask,progress\n"
        held = path.read_bytes() if path.is_file() else b""
        if held and not held.endswith(b"\n"):
            # The line that was being written when the last call was broken off; its run is this one, or comes later.
            with written_aside(path) as aside:
                aside.write_bytes(held[: held.rfind(b"\n") + 1])
        shares = " ".join(f"{value:.6g}" for value in run.progress)
        text += f"{run.seed},{run.n_made},{run.n_refused},{run.seconds:.4f},{shares}\n"
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        todo = "Name another folder, or remove this one"
        raise DataInvalid(Problem("must hold the settings of a backtest, as JSON", todo=todo, file=str(path)))
    return held


def _read_run(strategy: str, line: str) -> Run:
    seed, made, refused, seconds, progress = line.split(",")
    shares = tuple(float(value) for value in progress.split())
    if not np.isfinite([float(seconds), *shares]).all():
        raise ValueError
    return Run(strategy, int(seed), shares, int(made), int(refused), float(seconds))
