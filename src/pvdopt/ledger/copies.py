"""Copies of a ledger: make one while others write, and go back to one without losing what is there.

A copy is an SQLite file, whatever the ledger lies in; so a copy also carries a campaign from a file into PostgreSQL and
back.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa

from pvdopt.errors import DataInvalid, LedgerBusy, Problem, PvdoptError, what_the_system_says
from pvdopt.ledger import engine, tables
from pvdopt.ledger.ledger import Ledger
from pvdopt.ledger.store import WAIT_S

#: SQLite keeps the newest facts beside the file until they are worked in; both belong to it.
_COMPANIONS = ("-wal", "-shm", "-journal")


def back_up(ledger: str | Path, copy: str | Path) -> int:
    """Copy a ledger into a new file, which holds one state of it even if others are writing.

    Parameters
    ----------
    ledger : str or path
        An SQLite file, or the URL of a PostgreSQL database.
    copy : path
        A file that does not exist yet.

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
    location, target = engine.Location.parse(ledger), Path(copy)
    require_new(target)
    _refuse_if_faulty(ledger)
    if location.path is not None:
        return copy_file(location.path, target)
    aside = _aside(target)
    try:
        n_facts = _copy_rows(ledger, aside)
        aside.replace(target)
    except OSError as error:
        raise PvdoptError(f"{target}: the copy cannot be written ({what_the_system_says(error)}).") from error
    finally:
        _remove(aside)
    return n_facts


def require_new(target: Path) -> None:
    """Raise if a copy cannot be written under a name, since it is taken or its folder is not there.

    Raises
    ------
    DataInvalid
    """
    if target.exists():
        raise DataInvalid(Problem("is there already", todo="Name a new file for the copy", file=str(target)))
    if not target.parent.is_dir():
        raise DataInvalid(
            Problem("there is no such folder for the copy", todo="Make it first", file=str(target.parent))
        )


def campaign_of(place: str | Path) -> str | None:
    """Return the name of the campaign whose ledger or copy this is; None where it cannot be read."""
    try:
        with Ledger.open(place) as ledger:
            return ledger.campaign
    except PvdoptError:
        return None


def require_copy(source: Path) -> None:
    """Raise if there is no copy to go back to.

    Raises
    ------
    DataInvalid
    """
    if not source.is_file():
        todo = "Name a copy that `pvdopt ledger backup` wrote"
        raise DataInvalid(Problem("there is no such file", todo=todo, file=str(source)))


def _refuse_another_campaign(copy: Path, ledger: str | Path) -> None:
    place = engine.Location.parse(ledger).path
    here = campaign_of(ledger) if place is None else _read_file(place)
    there = campaign_of(copy)
    if None not in (here, there) and here != there:
        must = f"must be a copy of the campaign {here}, and is one of {there}"
        todo = "Name a copy of this campaign; another one begins in a folder of its own"
        raise DataInvalid(Problem(must, todo=todo, file=str(copy)))


def restore(copy: str | Path, ledger: str | Path) -> str | None:
    """Put a copy in a ledger's place; what was there is kept under another name.

    Parameters
    ----------
    copy : path
        An SQLite file.
    ledger : str or path
        An SQLite file, or the URL of a PostgreSQL database that names its schema.

    Returns
    -------
    str or None
        What the former ledger is called now; None if there was none.

    Raises
    ------
    DataInvalid
        If the copy is no ledger, damaged, or of another campaign; the ledger in place is then left alone.
    LedgerTooNew
        If a newer version of pvdopt wrote the ledger in place.
    LedgerBusy
        If a writer does not finish in time.
    PvdoptError
        If the system refuses.
    """
    source, location = Path(copy), engine.Location.parse(ledger)
    require_copy(source)
    _refuse_another_campaign(source, ledger)
    if location.path is None:
        _refuse_if_faulty(source)
        return _restore_schema(source, location, ledger)
    target = location.path
    if source.resolve() == target.resolve():
        raise DataInvalid(Problem("cannot be restored from itself", todo="Name a copy", file=str(source)))
    _refuse_if_faulty(source)
    if not target.exists():
        copy_file(source, target)
        return None
    former = free_name(target, "former")
    if _read_file(target) is not None:
        _replace_rows(source, target, former)
    else:
        _replace_file(source, target, former)
    return str(former)


def _read_file(ledger: Path) -> str | None:
    """Return the campaign of a file that is a ledger with sound pages, whatever its facts say; None of any other.

    It is only looked at, for what lies beside a damaged file may hold the newest facts, and SQLite would tidy it away.

    Raises
    ------
    LedgerBusy, LedgerTooNew
    """
    try:
        with closing(engine.connect_file(ledger, WAIT_S, "mode=ro")) as file:
            if file.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return None
            file.execute("SELECT count(*) FROM facts")
            entries = dict(file.execute("SELECT key, value FROM meta"))
            tables.check_schema(entries, str(ledger))
            return str(entries["campaign"])
    except sqlite3.Error as error:
        if engine.is_busy(error):
            raise _busy(ledger) from error
        return None
    except (DataInvalid, KeyError, UnicodeDecodeError):
        return None


def _replace_rows(source: Path, target: Path, former: Path) -> None:
    """Put a copy's facts into a ledger that others may have open, in one transaction, after keeping its own.

    Others find other facts than they read, and say so; a file in the file's place they would not notice.
    """
    with (
        Ledger.open(source) as original,
        original.reading() as reading,
        Ledger.open(target, wait_s=WAIT_S) as ledger,
        ledger.locking() as connection,
    ):
        # Under the lock, so that it holds every fact.
        copy_file(target, former)
        try:
            tables.replace_rows(reading, connection)
        except BaseException:
            _remove(former)
            raise


def _replace_file(source: Path, target: Path, former: Path) -> None:
    """Put a copy in the place of a file that is no ledger any more; what is there is renamed."""
    aside = target.with_name(f"{target.name}.restoring")
    copy_file(source, aside)
    try:
        _rename(target, former)
        aside.replace(target)
    except OSError as error:
        aside.unlink(missing_ok=True)
        reason = what_the_system_says(error)
        todo = "Close it wherever it is open, and try again"
        raise PvdoptError(f"{target}: cannot be replaced ({reason}). {todo}.") from error


def _restore_schema(source: Path, location: engine.Location, url: str | Path) -> str | None:
    """Rename the schema in place, if there is one, and put the copy's facts into a new one, in one transaction."""
    if location.schema is None:
        todo = "Name a schema in the URL: ?schema=NAME"
        raise DataInvalid(Problem("a copy is restored into a schema of its own", location.name, todo))
    database = engine.build_engine(location, WAIT_S)
    former = None
    try:
        with Ledger.open(source) as original, engine.writing(database, location.name) as connection:
            found = sa.inspect(connection).get_schema_names()
            if location.schema in found:
                if sa.inspect(connection).has_table(tables.meta.name, schema=location.schema):
                    # Whoever is writing ends first; who waits for it finds other facts than it read. What states no
                    # version is no ledger any more, and makes room like any other.
                    with suppress(DataInvalid):
                        tables.lock(connection, location.name)
                former = engine.free_schema(found, location.schema, "former")
                quote = connection.dialect.identifier_preparer.quote
                connection.execute(sa.text(f"ALTER SCHEMA {quote(location.schema)} RENAME TO {quote(former)}"))
            tables.create_tables(connection, location.name, original.campaign, "", location.schema)
            with original.reading() as reading:
                tables.copy_rows(reading, connection)
    finally:
        database.dispose()
    return None if former is None else f"schema {former}"


def check_copy(place: str | Path) -> int:
    """Return how many facts a ledger or a copy holds.

    Raises
    ------
    DataInvalid
        If it is none or damaged.
    """
    _refuse_if_faulty(place)
    with Ledger.open(place) as ledger:
        return ledger.n_facts()


def check_restore(copy: str | Path, ledger: str | Path) -> int:
    """Return how many facts a copy holds that may take a ledger's place, see :func:`restore`.

    Raises
    ------
    DataInvalid
    """
    require_copy(Path(copy))
    _refuse_another_campaign(Path(copy), ledger)
    return check_copy(copy)


def _refuse_if_faulty(place: str | Path) -> None:
    with Ledger.open(place) as ledger:
        problems = ledger.check()
    if problems:
        raise DataInvalid(problems)


def _copy_rows(source: str | Path, target: Path) -> int:
    """Write another ledger's facts into a new file."""
    with (
        Ledger.open(source) as original,
        Ledger.create(target, original.campaign) as made,
        original.reading() as reading,
        made.writing() as (writing, _),
    ):
        return tables.copy_rows(reading, writing)


def copy_file(source: Path, target: Path) -> int:
    """Copy a database file by SQLite's own means, whole or not at all; return how many facts it holds.

    Raises
    ------
    LedgerBusy, PvdoptError
    """
    aside = _aside(target)

    def give_up(status: int, remaining: int, total: int) -> None:
        # SQLite has waited its time by now, and Python's backup would try a locked file again for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise _busy(source)

    try:
        with (
            closing(engine.connect_file(source, WAIT_S, "mode=ro")) as original,
            closing(sqlite3.connect(aside)) as made,
        ):
            original.backup(made, progress=give_up)
            n_facts = int(made.execute("SELECT count(*) FROM facts").fetchone()[0])
        aside.replace(target)
    except sqlite3.OperationalError as error:
        if engine.is_busy(error):
            raise _busy(source) from error
        raise PvdoptError(f"{target}: the copy cannot be written ({error}).") from error
    except OSError as error:
        raise PvdoptError(f"{target}: the copy cannot be written ({what_the_system_says(error)}).") from error
    finally:
        _remove(aside)
    return n_facts


def _busy(ledger: Path) -> LedgerBusy:
    return LedgerBusy(f"{ledger}: somebody else is writing to it. Nothing was copied; try again.")


def free_name(path: Path, word: str) -> Path:
    """Return a name beside a file that nothing has yet, such as ``ledger.former-1.sqlite``."""
    number = 1
    while (free := path.with_name(f"{path.stem}.{word}-{number}{path.suffix}")).exists():
        number += 1
    return free


def _aside(target: Path) -> Path:
    return target.with_name(f"{target.name}.{os.getpid()}.aside")


def _remove(path: Path) -> None:
    for end in ("", *_COMPANIONS):
        # What cannot be removed, for its long name say, was never made.
        with suppress(OSError):
            path.with_name(path.name + end).unlink(missing_ok=True)


def _rename(path: Path, to: Path) -> None:
    path.replace(to)
    for end in _COMPANIONS:
        companion = path.with_name(path.name + end)
        if companion.exists():
            companion.replace(to.with_name(to.name + end))
