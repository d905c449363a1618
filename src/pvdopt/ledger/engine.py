"""How the database of a ledger is opened, waited for and let go; the only place that tells databases apart.

SQLite in a file by default, PostgreSQL by URL. A writer on SQLite takes its place with ``BEGIN IMMEDIATE``; on
PostgreSQL the tables' own lock does the same. Knows neither tables nor facts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from pvdopt.errors import DataInvalid, LedgerBusy, Problem, PvdoptError

# SQLite's result codes (https://www.sqlite.org/rescode.html); the low byte of an extended code is the primary one.
_BUSY, _LOCKED, _CORRUPT, _NOT_A_DATABASE = 5, 6, 11, 26
# PostgreSQL: lock not available, deadlock, serialisation failure
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_BUSY_STATES = ("55P03", "40P01", "40001")


@dataclass(frozen=True)
class Location:
    """Where a ledger lies.

    Attributes
    ----------
    name : str
        For messages; a password in a URL is starred out.
    path : Path or None
        Of an SQLite file.
    url : URL or None
        Of a PostgreSQL database.
    """

    name: str
    path: Path | None = None
    url: URL | None = None

    @classmethod
    def parse(cls, url_or_path: str | Path) -> Location:
        """Read a file's path, ``sqlite:///PATH`` or ``postgresql://...``.

        Raises
        ------
        DataInvalid
            If a URL cannot be read or names another kind of database.
        """
        if isinstance(url_or_path, Path) or "://" not in url_or_path:
            return cls(str(url_or_path), path=Path(url_or_path))
        todo = "Give a file's path or postgresql://USER@HOST/DATABASE"
        try:
            url = make_url(url_or_path)
        except (ArgumentError, ValueError) as error:
            # The text itself may hold a password, so it is not repeated.
            raise DataInvalid(Problem("the ledger's URL cannot be read", todo=todo)) from error
        name = url.render_as_string(hide_password=True)
        backend = url.get_backend_name()
        if backend == "sqlite" and url.database and url.database != ":memory:":
            return cls(url.database, path=Path(url.database))
        if backend != "postgresql":
            raise DataInvalid(Problem("a ledger must lie in an SQLite file or in PostgreSQL", name, todo))
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        return cls(name, url=url)


def make_file(path: Path) -> None:
    """Make an empty file for a new ledger; an interrupted creation leaves one too, and it may be taken over.

    Raises
    ------
    DataInvalid
        If the folder is missing or a folder has that name already.
    PvdoptError
        If the system refuses.
    """
    if not path.parent.is_dir():
        raise DataInvalid(Problem("the ledger's folder must exist", str(path.parent)))
    if path.is_dir():
        raise DataInvalid(Problem("must be a file, and is a folder", file=str(path)))
    try:
        path.touch()
    except OSError as error:
        raise PvdoptError(f"{path}: the ledger cannot be created: {error.strerror}.") from error


def build_engine(location: Location, wait_s: float) -> Engine:
    """Return an engine whose transactions begin as this module says.

    Parameters
    ----------
    wait_s : float
        How long a transaction waits for another writer, in seconds.

    Raises
    ------
    PvdoptError
        If the driver of PostgreSQL is not installed.
    """
    if location.path is None:
        milliseconds = round(1000 * wait_s)
        try:
            return sa.create_engine(
                location.url or "",
                pool_pre_ping=True,
                connect_args={"options": f"-c lock_timeout={milliseconds}", "connect_timeout": 10},
            )
        except ModuleNotFoundError as error:
            raise PvdoptError(f"{location.name}: needs PostgreSQL's driver: pip install pvdopt[postgres]") from error
    path = location.path

    def connect() -> sqlite3.Connection:
        # mode=rw never makes a file: a mistyped path must not leave an empty ledger behind.
        address = f"{path.resolve().as_uri()}?mode=rw"
        # Without an isolation level the driver leaves BEGIN to us; SQLAlchemy's pool may hand the connection to
        # another thread, but never to two at once.
        connection = sqlite3.connect(address, uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=4)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns to writing late fails at once if another wrote meanwhile; taking the
        # writer's place first makes it wait its turn.
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def set_journal(engine: Engine, name: str) -> str:
    """Choose the journal of a new SQLite file and return which it is; a file with tables keeps its own.

    Raises
    ------
    LedgerBusy, PvdoptError
        In place of the database's errors.
    """
    with _translated(name):
        borrowed = engine.raw_connection()
        try:
            connection = cast(sqlite3.Connection, borrowed.driver_connection)
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
            return choose_journal(connection)
        finally:
            borrowed.close()


def choose_journal(connection: sqlite3.Connection) -> str:
    """Ask for a write-ahead log and fall back to a rollback journal where it is refused; return what holds.

    The choice is kept in the file, so it is made once, when a ledger is created.
    """
    try:
        mode = str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
    except sqlite3.OperationalError as error:
        if _primary_code(error) in (_BUSY, _LOCKED):
            raise
        mode = "refused"
    if mode != "wal":
        mode = str(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0])
    return mode


@contextmanager
def reading(engine: Engine, name: str) -> Iterator[Connection]:
    """Open a transaction that sees one state of the ledger throughout.

    Raises
    ------
    LedgerBusy, DataInvalid, PvdoptError
        In place of the database's errors.
    """
    with _translated(name), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, name: str) -> Iterator[Connection]:
    """Open the transaction of the one writer; all of it is kept, or after any error nothing.

    Raises
    ------
    LedgerBusy
        If another writer does not finish within the engine's wait.
    DataInvalid, PvdoptError
        In place of the database's other errors.
    """
    with (
        _translated(name),
        engine.connect().execution_options(is_writing=True) as connection,
        connection.begin(),
    ):
        yield connection


def find_damage(connection: Connection) -> list[str]:
    """Return what SQLite's own check finds; empty if nothing, or if the database looks after itself."""
    if connection.dialect.name != "sqlite":
        return []
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _translate(error.orig, name) from error
    except sqlite3.Error as error:
        raise _translate(error, name) from error


def _primary_code(error: BaseException | None) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _translate(origin: BaseException | None, name: str) -> PvdoptError:
    code = _primary_code(origin)
    if code in (_BUSY, _LOCKED) or getattr(origin, "sqlstate", None) in _BUSY_STATES:
        return LedgerBusy(f"{name}: somebody else is writing to the ledger. Nothing was changed; try again.")
    if code == _NOT_A_DATABASE:
        return not_a_ledger(name)
    if code == _CORRUPT:
        return DataInvalid(Problem("the ledger is damaged", todo="Restore a backup of it", file=name))
    reason = str(origin).strip().splitlines()
    return PvdoptError(f"{name}: the ledger cannot be used: {reason[0] if reason else type(origin).__name__}.")


def not_a_ledger(name: str) -> DataInvalid:
    """Return the error for a file or database that holds something else."""
    todo = "Name another file, or run `pvdopt init` to begin a campaign"
    return DataInvalid(Problem("must be a ledger of pvdopt", todo=todo, file=name))
