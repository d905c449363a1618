"""Copies of a ledger's file: make one while others write, and go back to one without losing what is there.

Knows SQLite files; a PostgreSQL database is kept safe by its own tools.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pvdopt.errors import DataInvalid, LedgerBusy, Problem, PvdoptError
from pvdopt.ledger.ledger import WAIT_S, Ledger

#: SQLite keeps the newest facts beside the file until they are worked in; both belong to it.
_COMPANIONS = ("-wal", "-shm", "-journal")


def back_up(ledger: str | Path, copy: str | Path) -> int:
    """Copy a ledger into a new file, which holds one state of it even if others are writing.

    Parameters
    ----------
    ledger, copy : path
        An SQLite file, and a file that does not exist yet.

    Returns
    -------
    int
        How many facts the copy holds.

    Raises
    ------
    DataInvalid
        If the ledger is none or damaged, or the copy's name is taken.
    LedgerBusy
        If a writer keeps readers out for too long.
    PvdoptError
        If the system refuses to write the copy.
    """
    source, target = Path(ledger), Path(copy)
    if target.exists():
        raise DataInvalid(Problem("is there already", todo="Name a new file for the copy", file=str(target)))
    _refuse_if_faulty(source)
    return _copy(source, target)


def restore(copy: str | Path, ledger: str | Path) -> Path | None:
    """Put a copy in a ledger's place; what was there is renamed and kept.

    Returns
    -------
    Path or None
        What the former ledger is called now; None if there was none.

    Raises
    ------
    DataInvalid
        If the copy is no ledger or damaged; the ledger in place is then left alone.
    PvdoptError
        If the system refuses, as Windows does while somebody has the ledger open.
    """
    source, target = Path(copy), Path(ledger)
    if source.resolve() == target.resolve():
        raise DataInvalid(Problem("cannot be restored from itself", todo="Name a copy", file=str(source)))
    _refuse_if_faulty(source)
    aside = target.with_name(f"{target.name}.restoring")
    _copy(source, aside)
    former = _free_name(target) if target.exists() else None
    try:
        if former is not None:
            _rename(target, former)
        aside.replace(target)
    except OSError as error:
        aside.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        todo = "Close it wherever it is open, and try again"
        raise PvdoptError(f"{target}: cannot be replaced ({reason}). {todo}.") from error
    return former


def _refuse_if_faulty(path: Path) -> None:
    with Ledger.open(path) as ledger:
        problems = ledger.check()
    if problems:
        raise DataInvalid(problems)


def _copy(source: Path, target: Path) -> int:
    """Copy a database file by SQLite's own means, whole or not at all."""
    aside = target.with_name(f"{target.name}.{os.getpid()}.aside")
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as original,
            closing(sqlite3.connect(aside)) as made,
        ):
            original.backup(made)
        with Ledger.open(aside) as opened:
            n_facts = opened.n_facts()
        aside.replace(target)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise LedgerBusy(f"{source}: somebody else is writing to it. Nothing was copied; try again.") from error
        raise PvdoptError(f"{target}: the copy cannot be written ({error}).") from error
    except OSError as error:
        raise PvdoptError(f"{target}: the copy cannot be written ({error.strerror or error}).") from error
    finally:
        for end in ("", *_COMPANIONS):
            aside.with_name(aside.name + end).unlink(missing_ok=True)
    return n_facts


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.stem}.former-{number}{path.suffix}")).exists():
        number += 1
    return free


def _rename(path: Path, to: Path) -> None:
    path.replace(to)
    for end in _COMPANIONS:
        companion = path.with_name(path.name + end)
        if companion.exists():
            companion.replace(to.with_name(to.name + end))
