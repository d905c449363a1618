"""A campaign as a study of Optuna's, for optuna-dashboard and ``optuna.visualization``; and the dashboard on it.

The study is a copy to look at: the ledger stays the truth, and nothing that is changed there comes back.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from pvdopt.campaign.own_cells import OwnCells
from pvdopt.errors import DataInvalid, Problem, PvdoptError, UsageError, what_the_system_says
from pvdopt.ledger.engine import DATABASE_ERRORS
from pvdopt.ledger.state import CellState
from pvdopt.optuna_coding import DeclaredCoding, distribution_of
from pvdopt.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdopt.campaign import Campaign

#: Marks a study as ours: one of the same name that is not is left alone.
_MARK = "pvdopt"
_STATES = {
    "proposed": TrialState.WAITING,
    "made": TrialState.RUNNING,
    "partial": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
}


@dataclass(frozen=True)
class StudyWritten:
    """Where a study was written, and how many trials of each state it holds."""

    url: str
    name: str
    counts: Mapping[str, int]


def write_study(campaign: Campaign, target: str | Path) -> StudyWritten:
    """Write a campaign as a study into a file or a database; an earlier export of the same campaign is replaced.

    Parameters
    ----------
    target : path or str
        An SQLite file, or a URL as Optuna takes it.

    Raises
    ------
    DataInvalid
        If a study of that name is there that is no export.
    PvdoptError
        If the database cannot be written.
    """
    text = str(target)
    is_url = "://" in text
    with _quietly(), _says_why(text):
        counts = _write_database(campaign, text) if is_url else _write_file(campaign, Path(text))
    url = text if is_url else f"sqlite:///{Path(text).resolve().as_posix()}"
    return StudyWritten(redact(url), campaign.name, counts)


def _write_database(campaign: Campaign, url: str) -> dict[str, int]:
    try:
        storage = RDBStorage(url)
    except ValueError as error:
        # A port that is no number; the URL is not repeated, it may hold a password.
        raise UsageError(
            "--optuna: the URL cannot be read. Give USER@HOST:PORT/DATABASE, the port a number."
        ) from error
    try:
        return _count_states(fill_study(campaign, storage))
    finally:
        storage.engine.dispose()


def _count_states(study: optuna.Study) -> dict[str, int]:
    return dict(Counter(trial.state.name for trial in study.get_trials(deepcopy=False)))


def _write_file(campaign: Campaign, path: Path) -> dict[str, int]:
    """Write a study into an SQLite file, whole or not at all; other studies in it stay.

    It is filled in memory: Optuna waits for the disk at every attribute, which takes seconds a cell.
    """
    if path.exists() and not _holds_studies(path):
        raise DataInvalid(Problem("must be a new file, or one that holds studies of Optuna", file=str(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
    storage = RDBStorage("sqlite://", engine_kwargs={"connect_args": {"check_same_thread": False}})
    memory: Any = storage.engine.raw_connection().driver_connection
    try:
        if path.exists():
            with closing(sqlite3.connect(path)) as earlier:
                earlier.backup(memory)
        counts = _count_states(fill_study(campaign, storage))
        with closing(sqlite3.connect(aside)) as made:
            memory.backup(made)
        aside.replace(path)
    finally:
        storage.engine.dispose()
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return counts


def _holds_studies(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as found:
            names = found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return "studies" in {name for (name,) in names}
    except sqlite3.Error:
        return False


def fill_study(campaign: Campaign, storage: BaseStorage) -> optuna.Study:
    """Return the campaign's study, made anew in a storage; see :func:`write_study`."""
    own = campaign.own_cells()
    goals = [o for o in campaign.objectives if not o.is_constraint]
    _make_room(campaign.name, storage)
    study = optuna.create_study(
        study_name=campaign.name,
        storage=storage,
        directions=["maximize" if o.sign > 0 else "minimize" for o in goals],
    )
    study.set_metric_names([o.name for o in goals])
    study.set_user_attr(_MARK, True)
    for name, value in {**own.space.fixed, **campaign.protocol.columns()}.items():
        study.set_user_attr(name, value)
    cells = list(own.state.cells.values())
    study.add_trials([_trial(own, cell) for cell in cells])
    _add_notes(study, campaign, cells)
    return study


def _make_room(name: str, storage: BaseStorage) -> None:
    found = {s.study_name: s for s in optuna.get_all_study_summaries(storage)}.get(name)
    if found is None:
        return
    if _MARK not in found.user_attrs:
        must = "is the name of a study that is no export of this campaign"
        raise DataInvalid(Problem(must, name, "Name another file or database"))
    optuna.delete_study(study_name=name, storage=storage)


def _trial(own: OwnCells, cell: CellState) -> FrozenTrial:
    """Return a cell as a trial: at the nearest recipe that can be set, as made in its attributes."""
    space = own.space
    status = own.status(cell)
    outcomes = own.outcomes(cell)
    goals = [o for o in own.objectives if not o.is_constraint]
    snapped = space.clear(space.snap(space.frame([own.settings(cell)]))).iloc[0]
    row = {str(n): v for n, v in snapped.items() if v is not None and v == v}
    params = _settable(own, row)
    limits = {
        f"{o.name} at least {o.threshold:g}": o.threshold - outcomes[o.name].value
        for o in own.objectives
        if o.is_constraint and o.threshold is not None and o.name in outcomes
    }
    state = _STATES.get(status, TrialState.FAIL)
    has_all = all(o.name in outcomes for o in goals)
    if state is TrialState.COMPLETE and not has_all:
        state = TrialState.RUNNING
    return create_trial(
        state=state,
        values=[outcomes[o.name].value for o in goals] if state is TrialState.COMPLETE else None,
        params=params,
        distributions={name: distribution_of(space[name]) for name in params},
        constraints=limits or None,
        user_attrs=_attributes(own, cell, status),
    )


def _settable(own: OwnCells, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that apply; one that is no choice any more, or was not told, is left out."""
    coding = DeclaredCoding(own.space)
    full = {p.name: row.get(p.name) for p in own.space.parameters}
    known = {n: v for n, v in full.items() if v is not None}
    try:
        found = coding.params(full)
    except (KeyError, TypeError, ValueError):
        found = known
    scales = {n: distribution_of(own.space[n]) for n in found}
    return {n: v for n, v in found.items() if v is not None and scales[n]._contains(scales[n].to_internal_repr(v))}


def _attributes(own: OwnCells, cell: CellState, status: str) -> dict[str, Any]:
    found: dict[str, Any] = {"cell": cell.id, "status": status}
    plain = {
        "purpose": cell.purpose,
        "reason": cell.reason,
        "outcome_class": cell.outcome_class,
        "run": cell.run,
        "sample": cell.sample,
        "vetoed": cell.vetoed,
        "usable_chance": cell.proposal.get("usable_chance"),
    }
    found |= {name: value for name, value in plain.items() if value is not None}
    found |= {f"measured {name}": f"{_sign(o.qualifier)}{o.value:g}" for name, o in own.outcomes(cell).items()}
    found |= {
        f"predicted {name}": f"{p['median']:.4g} ({p['low']:.4g} to {p['high']:.4g})"
        for name, p in cell.predicted.items()
    }
    found |= {f"made {name}": value for name, value in cell.executed.items() if value is not None}
    return found


def _sign(qualifier: str) -> str:
    return "" if qualifier == "=" else f"{qualifier} "


# -- notes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TrialOfNote:
    """What optuna-dashboard reads of a trial to keep its note; a trial that is over cannot be had as one."""

    storage: BaseStorage
    study: optuna.Study
    _trial_id: int


def _add_notes(study: optuna.Study, campaign: Campaign, cells: Sequence[CellState]) -> None:
    """Write reasons where optuna-dashboard shows notes, if it is installed."""
    try:
        from optuna_dashboard import save_note
    except ImportError:
        return
    about = campaign.config.content.campaign.description
    save_note(study, f"{about}\n\nWritten by `pvdopt export --optuna`; the campaign's ledger is the truth.")
    for trial, cell in zip(study.get_trials(deepcopy=False), cells, strict=True):
        texts = [cell.reason, cell.vetoed and f"Vetoed: {cell.vetoed}", cell.cause and f"Cause: {cell.cause}"]
        body = "\n\n".join(text for text in (*texts, *cell.remarks) if text)
        if body:
            save_note(_TrialOfNote(study._storage, study, trial._trial_id), f"**{cell.id}**\n\n{body}")


# -- the dashboard -----------------------------------------------------------------------------------------------


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def make_dashboard(campaign: Campaign, host: str = "127.0.0.1", port: int = 8080) -> WSGIServer:
    """Return a server of optuna-dashboard on a copy of the campaign in memory; port 0 takes any that is free.

    Raises
    ------
    UsageError
        If optuna-dashboard is not installed.
    PvdoptError
        If the port is taken.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        todo = "Install it with: pip install 'pvdopt[dashboard]'"
        raise UsageError(f"the dashboard needs optuna-dashboard. {todo}") from error
    storage = InMemoryStorage()
    with _quietly():
        fill_study(campaign, storage)
    try:
        return make_server(host, port, wsgi(storage), server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        reason = what_the_system_says(error)
        raise PvdoptError(f"port {port} of {host} cannot be had ({reason}). Name another with --port.") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Optuna from telling every step, and that names of objectives are an experiment of its own."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _says_why(target: str) -> Iterator[None]:
    """Turn what a system or a database says into one of our errors."""
    faults: tuple[type[Exception], ...] = (OSError, ImportError, sqlite3.Error, *DATABASE_ERRORS)
    faults += (optuna.exceptions.StorageInternalError,)
    try:
        yield
    except faults as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise PvdoptError(redact(f"{target}: the study cannot be written ({reason}).")) from error
