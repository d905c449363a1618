"""How the database of a ledger is opened, waited for and let go; the only place that tells databases apart.

SQLite in a file by default, PostgreSQL by URL. A writer on SQLite takes its place with ``BEGIN IMMEDIATE``; on
PostgreSQL the tables' own lock does the same. Knows neither tables nor facts.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from pvdopt.database_url import MAX_SCHEMA, find_url_fault
from pvdopt.errors import DataInvalid, LedgerBusy, Problem, PvdoptError, what_the_system_says

#: What a database may raise, for those who write to another one by Optuna's means.
DATABASE_ERRORS: tuple[type[Exception], ...] = (sa.exc.SQLAlchemyError,)

# SQLite's result codes (https://www.sqlite.org/rescode.html); the low byte of an extended code is the primary one.
_BUSY, _LOCKED, _READ_ONLY, _IO, _CORRUPT, _FULL, _CANNOT_OPEN, _NOT_A_DATABASE = 5, 6, 8, 10, 11, 13, 14, 26
# PostgreSQL: lock not available, deadlock, serialisation failure; and schema, table or row made by another in the same
# instant (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_BUSY_STATES = ("55P03", "40P01", "40001", "42P06", "42P07", "23505")
_DISK_FULL = "53100"
#: Settings of every session on PostgreSQL. A commit returns once it is on disk, whatever the server's default; and a
#: machine that fell silent in the middle of writing must not keep the others out for hours.
_SESSION = {
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


@dataclass(frozen=True)
class Location:
    """Where a ledger lies.

    Attributes
    ----------
    name : str
        For messages; holds no password.
    path : Path or None
        Of an SQLite file.
    url : URL or None
        Of a PostgreSQL database.
    schema : str or None
        The schema of that database in which the tables stand, ``?schema=NAME`` in the URL; one a campaign.
    """

    name: str
    path: Path | None = None
    url: URL | None = None
    schema: str | None = None

    @classmethod
    def parse(cls, url_or_path: str | Path) -> Location:
        """Read a file's path, ``sqlite:///PATH`` or ``postgresql://HOST/DATABASE?schema=NAME``.

        What a PostgreSQL URL leaves out, user and password above all, libpq takes from its environment
        (``PGUSER``, ``PGPASSWORD``, ``~/.pgpass``, a service file).

        Raises
        ------
        DataInvalid
            If a URL cannot be read, names another kind of database or holds a password.
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
        fault = find_url_fault(url_or_path)
        if fault is not None:
            # Not repeated either: it would stand in error messages, and in files that are passed on.
            raise DataInvalid(Problem(f"the ledger's URL {fault}"))
        schema: Any = url.query.get("schema")
        url = url.difference_update_query(["schema"]).set(drivername="postgresql+psycopg")
        return cls(name, url=url, schema=schema)


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
        raise PvdoptError(f"{path}: the ledger cannot be created: {what_the_system_says(error)}.") from error


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
        return _build_postgres(location, wait_s)
    path = location.path

    def connect() -> sqlite3.Connection:
        return connect_file(path, wait_s)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=4)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns to writing late fails at once if another wrote meanwhile; taking the
        # writer's place first makes it wait its turn.
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def connect_file(path: Path, wait_s: float, mode: str = "mode=rw") -> sqlite3.Connection:
    """Return a connection to an SQLite file that is there, whose transactions are begun by hand.

    Raises
    ------
    sqlite3.Error
    """
    try:
        return _connect(address_of(path, mode), wait_s)
    except sqlite3.OperationalError as error:
        # On a full disk there is no room for what SQLite keeps beside a file while it is read; what was recorded can be
        # read all the same, and copied to where there is room.
        if _primary_code(error) not in (_IO, _FULL) or any(other.stat().st_size for other in _beside(path)):
            raise
        return _connect(_unchanging(path), wait_s)


def _connect(address: str, wait_s: float) -> sqlite3.Connection:
    # Without an isolation level the driver leaves BEGIN to us; SQLAlchemy's pool may hand the connection to another
    # thread, but never to two at once.
    connection = sqlite3.connect(address, uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def address_of(path: Path, mode: str = "mode=rw") -> str:
    """Return the address by which SQLite opens a file.

    Beside a write-ahead log even reading makes files. Where the folder takes none, and no log lies there that
    somebody else may be writing to, the file is read as one that does not change.
    """
    if not _beside(path) and not is_writable(path):
        return _unchanging(path)
    # mode=rw never makes a file: a mistyped path must not leave an empty ledger behind.
    return f"{path.resolve().as_uri()}?{mode}"


def _unchanging(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"


def _beside(path: Path) -> list[Path]:
    """Return the files beside one that belong to it and that somebody may be writing to."""
    others = (path.with_name(path.name + end) for end in ("-wal", "-journal"))
    return [other for other in others if other.exists()]


def is_writable(path: Path) -> bool:
    """Whether a file and the folder in which its journal is made can be written."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _build_postgres(location: Location, wait_s: float) -> Engine:
    settings = {"lock_timeout": f"{max(1, round(1000 * wait_s))}ms", **_SESSION}
    if location.schema is not None:
        # In quotes, since PostgreSQL would fold capitals.
        settings["search_path"] = f'"{location.schema}"'
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    url = location.url or make_url("postgresql+psycopg://")
    # Nobody waits for ever for a server that does not answer, be it on connecting or later.
    waits = {"tcp_user_timeout": 60_000} | ({} if "connect_timeout" in url.query else {"connect_timeout": 10})
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=1,
            connect_args={"options": options, **waits},
        )
    except ModuleNotFoundError as error:
        raise PvdoptError(f"{location.name}: needs PostgreSQL's driver: pip install pvdopt[postgres]") from error


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
    with _translated(name), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # By default each statement would see what was committed up to its own beginning.
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
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


def free_schema(taken: Collection[str], schema: str, word: str) -> str:
    """Return a name for a schema that none has yet, such as ``lco_former_1``."""
    number = 1
    while True:
        end = f"_{word}_{number}"
        free = schema[: MAX_SCHEMA - len(end)] + end
        if free not in taken:
            return free
        number += 1


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
    except UnicodeDecodeError as error:
        # Python's driver stumbles over bytes that are no text, in values and in SQLite's own messages.
        raise _damaged(name) from error


def _damaged(name: str) -> DataInvalid:
    return DataInvalid(
        Problem("the ledger is damaged", todo="Go back to a copy of it with `pvdopt ledger restore`", file=name)
    )


def _primary_code(error: BaseException | None) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else holds a lock on an SQLite file."""
    return _primary_code(error) in (_BUSY, _LOCKED)


#: What to do about what PostgreSQL and libpq say, first match first. On connecting they give no code, so the words have
#: to do; in a server's other language a message goes without advice.
_WAYS_OUT = (
    ("password", "Nothing was recorded. Set PGPASSWORD, or write the password into the file ~/.pgpass"),
    (
        'database ".*" does not exist',
        "Nothing was recorded; make the database (createdb) or ask whoever runs the server, or see how the URL "
        "names it",
    ),
    (
        'role ".*" does not exist|pg_hba|authentication failed',
        "Nothing was recorded; see the user before the @ of the URL (or PGUSER), or ask whoever runs the server to let "
        "you in",
    ),
    (
        "resolve host|translate host name|Name or service not known|nodename nor servname|getaddrinfo",
        "Nothing was recorded; see how the URL spells the host, and whether this machine is on the network",
    ),
    # In the middle of a transaction nobody can tell on which side of its end the line was cut.
    (
        "could not receive|could not send|closed|terminat|lost|shutting down|starting up",
        "See with `pvdopt history` what was recorded, and try again",
    ),
    (
        "refused|timeout expired|timed out|unreachable|No such file|No route",
        "Nothing was recorded; start the server, or look at host and port in the URL (and at the firewall)",
    ),
    ("permission denied", "Nothing was recorded; ask whoever runs the server for rights on the database"),
)


def _translate(origin: BaseException | None, name: str) -> PvdoptError:
    code = _primary_code(origin)
    if code in (_BUSY, _LOCKED) or getattr(origin, "sqlstate", None) in _BUSY_STATES:
        return LedgerBusy(f"{name}: somebody else is writing to the ledger. Nothing was changed; try again.")
    if code == _NOT_A_DATABASE:
        return not_a_ledger(name)
    if code == _CORRUPT or str(origin).startswith("Could not decode"):
        return _damaged(name)
    if code == _FULL or getattr(origin, "sqlstate", None) == _DISK_FULL:
        return PvdoptError(f"{name}: the disk is full. Nothing was recorded; make room and try again.")
    lines = str(origin).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(origin).__name__
    todo = ""
    if code in (_READ_ONLY, _CANNOT_OPEN):
        todo = " Nothing was recorded; see that you may write to the file and its folder."
    elif code == _IO:
        todo = " Nothing was recorded; see whether the disk is full or the drive is gone: pvdopt doctor."
    elif not isinstance(origin, sqlite3.Error):
        todo = next((f" {way}." for words, way in _WAYS_OUT if re.search(words, reason)), "")
    return PvdoptError(f"{name}: the ledger cannot be used: {reason}.{todo}")


def not_a_ledger(name: str) -> DataInvalid:
    """Return the error for a file or database that holds something else."""
    todo = "Name another file, or run `pvdopt init` to begin a campaign"
    return DataInvalid(Problem("must be a ledger of pvdopt", todo=todo, file=name))
