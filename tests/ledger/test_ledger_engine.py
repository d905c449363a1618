"""What a database says becomes words a user can act on; where a ledger may lie; and ledgers made anew from facts."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ledger_recipes import kept_to_oneself, proposal

from pvdopt.errors import DataInvalid, LedgerBusy, LedgerTooNew, PvdoptError
from pvdopt.ledger import Ledger, copies, drives, engine, migrations, tables
from pvdopt.ledger.engine import Location, choose_journal, free_schema, set_journal
from pvdopt.ledger.fold import without_collection

MUST = "must be a ledger of pvdopt"


class ServerError(Exception):
    def __init__(self, sqlstate: str, text: str = "the server's words") -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def file_error(code: int, text: str = "the file's words") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


NOTHING = "Nothing was recorded"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (file_error(5), LedgerBusy, "somebody else is writing"),
        (file_error(6), LedgerBusy, "somebody else is writing"),
        (file_error(5 | 2 << 8), LedgerBusy, "somebody else is writing"),
        (file_error(26), DataInvalid, MUST),
        (file_error(11), DataInvalid, r"damaged.*pvdopt ledger restore"),
        (file_error(13), PvdoptError, "disk is full"),
        (file_error(8), PvdoptError, r"the file's words\. Nothing was recorded; see that you may write"),
        (file_error(14), PvdoptError, "see that you may write"),
        (file_error(10), PvdoptError, "pvdopt doctor"),
        (file_error(1), PvdoptError, r"cannot be used: the file's words\.$"),
        (file_error(1, "first line.\nsecond"), PvdoptError, r"cannot be used: first line\.$"),
        (file_error(1, ""), PvdoptError, r"cannot be used: OperationalError\.$"),
        *[(ServerError(state), LedgerBusy, "somebody else") for state in ("55P03", "40P01", "40001", "42P06", "23505")],
        (ServerError("53100"), PvdoptError, "disk is full"),
        (ServerError("28P01", "password authentication failed"), PvdoptError, "Set PGPASSWORD"),
        (
            ServerError("", "port 1 failed: Connection refused\n\tIs it?"),
            PvdoptError,
            NOTHING + "; start the server, or",
        ),
        (ServerError("", "connection timeout expired"), PvdoptError, NOTHING + ".*host and port"),
        (ServerError("", 'FATAL:  database "lab" does not exist'), PvdoptError, NOTHING + ".*createdb"),
        (ServerError("", 'FATAL:  role "lab" does not exist'), PvdoptError, NOTHING + ".*PGUSER"),
        (ServerError("", "failed to resolve host 'labdb'"), PvdoptError, NOTHING + ".*spells the host"),
        (ServerError("42501", "permission denied for schema lco"), PvdoptError, NOTHING + ".*rights"),
        (
            ServerError("", "could not receive data from server: Connection timed out"),
            PvdoptError,
            "See with `pvdopt h",
        ),
        (ServerError("57P01", "terminating connection"), PvdoptError, "See with `pvdopt history` what was recorded"),
        (ServerError("XX000"), PvdoptError, r"cannot be used: the server's words\.$"),
    ],
)
def test_what_a_database_says_in_words(error: Exception, kind: type[Exception], words: str) -> None:
    # A file's errors also come straight from its driver, a server's through SQLAlchemy alone.
    forms = [sa.exc.OperationalError("SELECT", {}, error), *([] if isinstance(error, ServerError) else [error])]
    for form in forms:
        with pytest.raises(kind, match=words) as caught, engine._translated("lab.db"):
            raise form
        assert type(caught.value) is kind
        assert "lab.db" in str(caught.value)


class Refusing:
    """A connection that refuses a write-ahead log."""

    def __init__(self, code: int) -> None:
        self.code = code

    def execute(self, statement: str) -> Refusing:
        if "WAL" in statement:
            raise file_error(self.code)
        return self

    def fetchone(self) -> tuple[str]:
        return ("delete",)


def test_a_journal_is_given_up_where_it_cannot_be_and_not_where_somebody_is_busy() -> None:
    assert choose_journal(Refusing(10)) == "delete"  # type: ignore[arg-type]
    for code in (5, 6):
        with pytest.raises(sqlite3.OperationalError):
            choose_journal(Refusing(code))  # type: ignore[arg-type]


def test_a_file_with_tables_keeps_its_journal(path: Path) -> None:
    with Ledger.create(path, "lco") as ledger:
        assert set_journal(ledger._engine, ledger.name) == "wal"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with Ledger.open(path) as ledger:
        assert set_journal(ledger._engine, ledger.name) == "delete"


# -- where a ledger may lie --------------------------------------------------------------------------------------


def test_places_are_read() -> None:
    assert Location.parse("a/b.db") == Location.parse(Path("a/b.db")) == Location("a/b.db", Path("a/b.db"))
    assert Location.parse("sqlite:///a/b.db").path == Path("a/b.db")
    place = Location.parse("postgresql://anna@host/lab?schema=lco_1-A&sslmode=require")
    assert (place.path, place.schema, place.name) == (
        None,
        "lco_1-A",
        "postgresql://anna@host/lab?schema=lco_1-A&sslmode=require",
    )
    assert place.url is not None
    assert place.url.drivername == "postgresql+psycopg"
    assert dict(place.url.query) == {"sslmode": "require"}
    assert Location.parse(f"postgresql://host/lab?schema={'x' * 63}").schema == "x" * 63


@pytest.mark.parametrize("schema", ["a;b", "x" * 64, "a&schema=b"])
def test_schemas_that_cannot_be(schema: str) -> None:
    with pytest.raises(DataInvalid, match="letters, digits"):
        Location.parse(f"postgresql://host/lab?schema={schema}")


def test_a_free_schema_is_numbered_on_and_fits() -> None:
    assert free_schema([], "lco", "former") == "lco_former_1"
    assert free_schema(["lco_former_1", "lco_former_2"], "lco", "former") == "lco_former_3"
    long = free_schema([], "x" * 63, "former")
    assert (len(long), long[-9:]) == (63, "_former_1")


def test_a_file_that_cannot_be_made_says_why(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(PvdoptError, match="cannot be created: Permission denied"):
        Ledger.create(path, "lco")


def test_a_quiet_file_that_cannot_be_written_is_read_as_it_is(
    planned: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = planned.digest()
    planned.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    assert engine.address_of(path).endswith("ledger.db?mode=rw")
    monkeypatch.setattr(engine, "is_writable", lambda path: False)
    assert engine.address_of(path).endswith("ledger.db?mode=ro&immutable=1")
    copies.copy_file(path, path.with_name("copy.db"))
    with Ledger.open(path) as ledger:
        assert ledger.digest() == digest
        with pytest.raises(PvdoptError, match="see that you may write"):
            ledger.add_note({})
    for end in ("-wal", "-journal"):
        beside = path.with_name(path.name + end)
        beside.touch()
        assert engine.address_of(path).endswith("ledger.db?mode=rw"), "somebody may be writing"
        beside.unlink()


def test_advice_for_a_server_is_none_for_a_file() -> None:
    said = sqlite3.OperationalError('near "password": syntax error')
    assert str(engine._translate(said, "x.db")) == f"x.db: the ledger cannot be used: {said}."


def _refused(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "beside", "is_read"),
    [
        (10, {}, True),
        (13, {"-wal": b"", "-journal": b""}, True),
        (14, {}, False),
        (10, {"-wal": b"the newest facts"}, False),
        (10, {"-wal": b"", "-journal": b"the newest facts"}, False),
    ],
)
def test_what_has_no_room_beside_it_is_read_as_it_is(
    planned: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch, code: int, beside: dict[str, bytes], is_read: bool
) -> None:
    digest, really = planned.digest(), engine._connect
    planned.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    for end, content in beside.items():
        path.with_name(path.name + end).write_bytes(content)

    def connect(address: str, wait_s: float) -> sqlite3.Connection:
        if "mode=rw" in address:
            raise _refused(code)
        return really(address, wait_s)

    monkeypatch.setattr(engine, "_connect", connect)
    if is_read:
        with Ledger.open(path) as ledger:
            assert ledger.digest() == digest
    else:
        with pytest.raises(PvdoptError, match="disk I/O error"):
            Ledger.open(path)


@pytest.mark.parametrize(("query", "waits"), [("", {"connect_timeout": 10}), ("?connect_timeout=3", {})])
def test_nobody_waits_for_ever_for_a_server(query: str, waits: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(sa, "create_engine", lambda url, **options: asked.update(options))
    engine.build_engine(engine.Location.parse(f"postgresql://127.0.0.1/lab{query}"), 1.0)
    told = {name: value for name, value in asked["connect_args"].items() if name != "options"}
    assert told == {"tcp_user_timeout": 60_000, **waits}


def test_without_its_driver_postgresql_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(sa, "create_engine", refuse)
    with pytest.raises(PvdoptError, match=r"pip install pvdopt\[postgres\]"):
        Ledger.open("postgresql://host/lab?schema=lco")


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("DELETE FROM meta WHERE key = 'campaign'", DataInvalid, MUST),
        ("DROP TABLE facts", DataInvalid, MUST),
        ("DELETE FROM meta WHERE key = 'schema_version'", DataInvalid, MUST),
        ("UPDATE meta SET value = '-1' WHERE key = 'schema_version'", DataInvalid, MUST),
        ("UPDATE meta SET value = '99' WHERE key = 'schema_version'", LedgerTooNew, r"Install pvdopt \S+ or newer"),
    ],
)
def test_what_a_ledger_must_have(planned: Ledger, path: Path, statement: str, kind: Any, words: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    with pytest.raises(kind, match=words):
        Ledger.open(path)


def test_a_newer_ledger_that_names_no_version_asks_for_a_newer_one(planned: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        connection.execute("DELETE FROM meta WHERE key = 'needs_version'")
    with pytest.raises(LedgerTooNew, match="Install a newer pvdopt"):
        Ledger.open(path)


# -- made anew ---------------------------------------------------------------------------------------------------


def test_a_ledger_made_anew_from_facts_is_the_same_to_the_letter(planned: Ledger, tmp_path: Path) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 1 / 3}}])
    with Ledger.remake(tmp_path / "other.db", "lco", planned.facts()) as other:
        assert other.digest() == planned.digest()
        assert other.state() == planned.state()
        assert other.add_proposals([proposal()]) == ["P005"]
    with Ledger.remake(tmp_path / "empty.db", "lco", []) as empty:
        assert empty.n_facts() == 0


def test_facts_that_cannot_follow_each_other_make_nothing(planned: Ledger, tmp_path: Path) -> None:
    facts = planned.facts()
    odd = [
        facts[0],
        replace(facts[2], seq=3),
        replace(facts[1], seq=4, cell="P001"),
        replace(facts[3], seq=4, kind="x"),
    ]
    with pytest.raises(DataInvalid) as caught:
        Ledger.remake(tmp_path / "other.db", "lco", odd)
    places = [(p.row, p.must.split(" but")[0][:28]) for p in caught.value.problems]
    assert places == [
        ("fact 3", "must follow fact 1 without a"),
        ("fact 4", "must follow fact 2 without a"),
        ("fact 4", "must name a new cell"),
        ("fact 4", "kind must be one of proposed"),
    ]
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize("where", ["create_tables", "insert_facts", "recognise"])
def test_a_ledger_that_cannot_be_made_or_opened_is_let_go(
    planned: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    facts, other = planned.facts(), path.with_name("other.db")
    attempt = partial(Ledger.open, path) if where == "recognise" else partial(Ledger.remake, other, "lco", facts)
    closed = []
    really = Ledger.close
    monkeypatch.setattr(tables, where, refuse)
    monkeypatch.setattr(Ledger, "close", lambda self: closed.append(Path(self.name).name) or really(self))
    with pytest.raises(OSError, match="No space left"):
        attempt()
    assert closed == ["ledger.db" if where == "recognise" else "other.db"]


def test_a_ledger_of_today_is_not_led_anywhere(planned: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("nothing is to be migrated")

    monkeypatch.setattr(migrations, "migrate", refuse)
    with Ledger.open(path) as again:
        assert again.digest() == planned.digest()


# -- copies ------------------------------------------------------------------------------------------------------


def test_a_locked_file_is_not_copied(
    planned: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned.close()
    monkeypatch.setattr(copies, "WAIT_S", 0.05)
    with (
        kept_to_oneself(path),
        pytest.raises(LedgerBusy, match=r"somebody else is writing to it\. Nothing was copied"),
    ):
        copies.copy_file(path, tmp_path / "copy.db")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ledger.db"]
    assert copies.copy_file(path, tmp_path / "copy.db") == copies.check_copy(path) == 5


def test_a_file_that_is_locked_for_a_moment_is_copied(planned: Ledger, path: Path, tmp_path: Path) -> None:
    planned.close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        soon = threading.Timer(0.2, other.rollback)
        soon.start()
        assert copies.copy_file(path, tmp_path / "copy.db") == 5
        soon.join()


def test_a_copy_that_cannot_be_put_in_place_leaves_nothing(
    planned: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PvdoptError, match=r"copy\.db: the copy cannot be written \(No space left on device\)"):
        copies.copy_file(path, tmp_path / "copy.db")
    assert sorted(tmp_path.iterdir()) == before


def test_what_belongs_to_the_former_ledger_goes_with_it(planned: Ledger, path: Path, tmp_path: Path) -> None:
    copies.back_up(path, tmp_path / "copy.db")
    (tmp_path / "old.db").write_text("the former")
    (tmp_path / "old.db-wal").write_text("its newest facts")
    former = copies.restore(tmp_path / "copy.db", tmp_path / "old.db")
    assert former is not None
    assert Path(former).read_text() == "the former"
    assert Path(f"{former}-wal").read_text() == "its newest facts"
    assert not (tmp_path / "old.db-wal").exists()


def test_a_file_that_cannot_be_moved_stays(
    planned: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies.back_up(path, tmp_path / "copy.db")
    (tmp_path / "old.db").write_text("the former")
    really = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "old.db":
            raise PermissionError(13, "The file is in use")
        return really(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PvdoptError, match=r"cannot be replaced \(The file is in use\)\. Close it wherever it is open"):
        copies.restore(tmp_path / "copy.db", tmp_path / "old.db")
    assert (tmp_path / "old.db").read_text() == "the former"
    assert not list(tmp_path.glob("*.restoring"))


# -- further -----------------------------------------------------------------------------------------------------


@contextmanager
def collecting(is_on: bool) -> Iterator[None]:
    was_on = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_left_as_it_was(is_on: bool) -> None:
    with collecting(is_on):
        with without_collection():
            assert not gc.isenabled()
        assert gc.isenabled() is is_on


MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/lab /mnt/lab nfs4 rw 0 0
//pc/share /mnt/lab/pc\\040two cifs rw 0 0
tmpfs /mnt/lab/local tmpfs rw 0 0
me@host: /home/me/far fuse.sshfs rw 0 0
pc:/bare /mnt/bare nfs
short line

"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/anna", None),
        ("/mnt/lab/studies", "nfs4"),
        ("/mnt/lab/pc two/studies", "cifs"),
        ("/mnt/lab/local/studies", None),
        ("/mnt/laboratory", None),
        ("/home/me/far/studies", "fuse.sshfs"),
        ("/mnt/bare", "nfs"),
    ],
)
def test_what_a_folder_lies_on(folder: str, kind: str | None) -> None:
    assert drives.find_network(Path(folder), MOUNTS) == kind


def test_where_nobody_can_tell_it_lies_on_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drives.find_network(Path("/home"), "") is None

    def refuse(self: Path, **kwargs: Any) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert drives.find_network(Path("/home")) is None


class WindowsFolder:
    def __init__(self, drive: str) -> None:
        self.drive = drive

    def resolve(self) -> WindowsFolder:
        return self


def test_on_windows_a_share_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drives.sys, "platform", "win32")
    assert drives.find_network(WindowsFolder("\\\\server\\lab")) == "a share"  # type: ignore[arg-type]
    assert drives.find_network(WindowsFolder("C:")) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("refused", ["ledger.db", ""])
def test_a_ledger_is_written_to_where_its_file_and_its_folder_are(
    path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    path.touch()
    # The administrator may write anywhere, and tests may be run by one.
    monkeypatch.setattr(os, "access", lambda place, mode: True)
    assert engine.is_writable(path)
    monkeypatch.setattr(os, "access", lambda place, mode: place != (path if refused else path.parent))
    assert not engine.is_writable(path)


def test_what_sqlites_own_check_finds_is_passed_on() -> None:
    made = sa.create_engine("sqlite://")
    with made.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE films (thickness_um REAL CHECK (thickness_um > 0))")
        assert engine.find_damage(connection) == []
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        connection.exec_driver_sql("INSERT INTO films VALUES (-1)")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")
        assert engine.find_damage(connection) == ["CHECK constraint failed in films"]
    made.dispose()
