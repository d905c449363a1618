"""A ledger as a file: made, opened, refused, kept from changing, and checked."""

from __future__ import annotations

import getpass
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from ledger_recipes import proposal

from pvdopt.errors import DataInvalid, LedgerBusy, LedgerChanged, LedgerTooNew, PvdoptError
from pvdopt.ledger import Ledger
from pvdopt.ledger.engine import choose_journal


def alter(path: Path, *statements: str) -> None:
    """Change a ledger from outside, past the triggers that refuse it."""
    with sqlite3.connect(path) as connection:
        for name in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS facts_refuse_{name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_newer_ledger_is_refused_with_the_version_it_needs(planned: Ledger, path: Path) -> None:
    before = planned.digest()
    alter(
        path,
        "UPDATE meta SET value = '7' WHERE key = 'schema_version'",
        "UPDATE meta SET value = '3.1' WHERE key = 'needs_version'",
        "ALTER TABLE meta ADD COLUMN since TEXT",
    )
    with pytest.raises(LedgerTooNew, match=r"has schema 7.*Install pvdopt 3\.1 or newer") as caught:
        Ledger.open(path)
    assert caught.value.exit_code == 3
    with pytest.raises(LedgerTooNew):
        planned.add_proposals([proposal()])
    assert planned.digest() == before


@pytest.mark.parametrize("content", [b"id,capacity\nP001,60\n" * 100, b"", "tables", "meta", "schema"])
def test_something_else_is_no_ledger(path: Path, content: bytes | str) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE trials (id)" if content == "tables" else "CREATE TABLE meta (key, value)")
            if content == "schema":
                connection.execute("CREATE TABLE facts (seq)")
                connection.execute("INSERT INTO meta VALUES ('schema_version', 'one')")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(DataInvalid, match=r"must be a ledger of pvdopt.*pvdopt init") as caught:
        Ledger.open(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_missing_file_is_not_made_by_opening_it(path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"there is no ledger.*pvdopt init"):
        Ledger.open(path)
    assert not path.exists()
    with pytest.raises(DataInvalid, match="must be a ledger"):
        Ledger.open(path.parent)


def test_what_is_there_is_not_overwritten(planned: Ledger, path: Path, tmp_path: Path) -> None:
    before = planned.digest()
    with pytest.raises(DataInvalid, match="must be empty"):
        Ledger.create(path, "other")
    assert planned.digest() == before
    with sqlite3.connect(tmp_path / "optuna.db") as connection:
        connection.execute("CREATE TABLE trials (id)")
    connection.close()
    with pytest.raises(DataInvalid, match="must be empty"):
        Ledger.create(tmp_path / "optuna.db", "other")
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough to be seen as none " * 20)
    with pytest.raises(DataInvalid, match="must be a ledger"):
        Ledger.create(text, "other")
    assert text.read_text().startswith("not a database")
    with pytest.raises(DataInvalid, match="must be a file"):
        Ledger.create(tmp_path, "other")
    with pytest.raises(DataInvalid, match="folder must exist"):
        Ledger.create(tmp_path / "missing" / "ledger.db", "other")


def test_an_interrupted_creation_can_be_repeated(path: Path) -> None:
    path.touch()
    with Ledger.create(path, "lco") as ledger:
        assert ledger.n_facts() == 0


@pytest.mark.parametrize("form", ["sqlite:///{}", "{}"])
def test_a_file_is_named_by_path_or_url_even_with_odd_characters(tmp_path: Path, form: str) -> None:
    path = tmp_path / "Müller's 100% lab #2?"
    path.mkdir()
    if form != "{}":
        path = tmp_path
    where = form.format(path / "ledger.db")
    with Ledger.create(where, "lco") as ledger:
        ledger.add_note({"text": "µ"})
    with Ledger.open(where) as ledger:
        assert ledger.facts()[0].payload == {"text": "µ"}
    left = [(p.name, p.stat().st_size > 0) for p in path.iterdir() if p.is_file()]
    assert left == [("ledger.db", True)], "all is in the one file that was named"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://anna:secret@host/db", "must lie in an SQLite file or in PostgreSQL"),
        ("sqlite://", "must lie in an SQLite file"),
        ("sqlite:///:memory:", "must lie in an SQLite file"),
        ("postgresql://anna:secret@host:port/db", "cannot be read"),
        ("a secret://host", "cannot be read"),
        ("postgresql://anna:secret@host/db", "must hold no password.*PGPASSWORD"),
        ("postgresql://host/db?user=anna&password=secret", "must hold no password"),
    ],
)
def test_other_urls_are_refused_without_showing_a_password(url: str, words: str) -> None:
    with pytest.raises(DataInvalid, match=words) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def test_a_busy_ledger_says_so_within_the_wait(planned: Ledger, path: Path) -> None:
    before = planned.digest()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(LedgerBusy, match="try again") as caught:
        planned.add_proposals([proposal()])
    assert 0.15 < time.monotonic() - start < 5, "neither at once nor for ever"
    assert caught.value.exit_code == 5
    assert planned.digest() == before, "reading goes on meanwhile"
    other.execute("ROLLBACK")
    other.close()
    assert planned.add_proposals([proposal()]) == ["P005"]


def test_a_writer_waits_for_another_to_finish(planned: Ledger, path: Path) -> None:
    script = (
        "import sqlite3, sys, time\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); time.sleep(0.3); c.execute('ROLLBACK')\n"
    )
    with (
        Ledger.open(path, wait_s=30) as patient,
        subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as other,
    ):
        assert other.stdout is not None
        other.stdout.readline()
        assert patient.add_proposals([proposal()]) == ["P005"]


def test_writing_on_old_knowledge_is_refused(planned: Ledger, path: Path) -> None:
    with Ledger.open(path, "ben") as other:
        seen = planned.state().n_facts
        assert other.state().n_facts == seen == planned.n_facts()
        assert other.add_proposals([proposal()], expected=seen) == ["P005"]
        before = other.digest()
        attempts = [
            lambda: planned.add_proposals([proposal()], expected=seen),
            lambda: planned.add_cell({"bias_v": 0}, expected=seen),
            lambda: planned.veto("P001", expected=seen),
            lambda: planned.edit("P001", {"bias_v": 0}, expected=seen),
            lambda: planned.record([{"id": "P001", "run": "R1"}], expected=seen),
            lambda: planned.fail("P001", "shorted", expected=seen),
            lambda: planned.correct("P001", {"bias_v": 0}, expected=seen),
            lambda: planned.discard_run("R4", "leak", expected=seen),
            lambda: planned.add_retrained({}, expected=seen),
            lambda: planned.add_note({}, expected=seen),
        ]
        for attempt in attempts:
            with pytest.raises(LedgerChanged, match=r"holds 6 facts where 5 were read.*proposed P005, ben") as caught:
                attempt()
            assert caught.value.exit_code == 5
        assert planned.digest() == before
        assert planned.add_proposals([proposal()], expected=seen + 1) == ["P006"]


@pytest.mark.parametrize("statement", ["UPDATE facts SET payload = '{}'", "DELETE FROM facts WHERE seq = 5"])
def test_the_database_itself_keeps_facts(planned: Ledger, path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM facts WHERE seq = 3", "fact 4: must follow fact 2 without a gap"),
        ("UPDATE facts SET kind = 'guessed' WHERE seq = 2", "fact 2: kind must be one of"),
        ("UPDATE facts SET payload = '{\"recipe\"' WHERE seq = 2", "fact 2: payload must be JSON"),
        ('UPDATE facts SET payload = \'{"recipe": {"x": NaN}}\' WHERE seq = 2', "fact 2: payload must be JSON"),
        ("UPDATE facts SET payload = '[]' WHERE seq = 2", "fact 2: payload must be a JSON object"),
        (
            "UPDATE facts SET payload = '{}' WHERE seq = 2",
            "fact 2: payload of a fact of kind proposed must hold recipe",
        ),
        ("UPDATE facts SET cell = 'P001' WHERE seq = 2", "fact 2: must name a new cell, got 'P001'"),
        ("UPDATE facts SET cell = NULL WHERE seq = 2", "fact 2: a fact of kind proposed must name its cell"),
        ("UPDATE facts SET kind = 'retrained' WHERE seq = 2", "fact 2: a fact of kind retrained must name no cell"),
        ("UPDATE facts SET time = 'yesterday' WHERE seq = 2", "fact 2: time must be ISO 8601"),
        ("UPDATE facts SET time = '2025-03-01T08:30' WHERE seq = 2", "fact 2: time must be ISO 8601 with its zone"),
        ("UPDATE facts SET cell = 'P099' WHERE seq = 6", "fact 6: must name a cell of this campaign, got 'P099'"),
        ('UPDATE facts SET payload = \'{"outcomes": {"capacity": {}}}\' WHERE seq = 6', "fact 6: payload cannot be"),
    ],
)
def test_check_finds_what_was_altered(planned: Ledger, path: Path, statement: str, words: str) -> None:
    planned.record([{"id": "P001", "outcomes": {"capacity": 60}}])
    assert planned.check() == []
    alter(path, statement)
    problems = [problem.sentence() for problem in planned.check()]
    assert any(words in problem for problem in problems), problems
    assert str(path) in problems[0]
    if "gap" not in words:
        with Ledger.open(path) as other, pytest.raises(DataInvalid, match=r"fact \d"):
            other.state()


def test_check_finds_a_damaged_file(planned: Ledger, path: Path) -> None:
    planned.add_proposals([proposal()] * 200)
    planned.close()
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 4096)
    with Ledger.open(path) as ledger:
        try:
            found = [problem.sentence() for problem in ledger.check()]
        except DataInvalid as error:
            found = [str(error)]
    assert any("damaged" in sentence for sentence in found)


def test_writes_are_synced_and_logged_ahead_where_possible(planned: Ledger, path: Path, tmp_path: Path) -> None:
    with planned._engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]
    # A locking scheme without shared memory refuses a write-ahead log, as network folders do.
    address = f"{(tmp_path / 'share.db').as_uri()}?vfs=unix-dotfile"
    connection = sqlite3.connect(address if sys.platform != "win32" else ":memory:", uri=True)
    assert choose_journal(connection) in ("delete", "memory")
    connection.close()


def test_a_read_only_ledger_can_be_read(planned: Ledger, path: Path) -> None:
    digest = planned.digest()
    planned.close()
    alter(path, "PRAGMA journal_mode=DELETE")
    with Ledger.open(path) as ledger:
        with ledger._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
        assert ledger.digest() == digest
        with pytest.raises(PvdoptError, match="cannot be used: attempt to write a readonly database"):
            ledger.add_note({})


def test_the_author_is_named_by_the_environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_AUTHOR", "Doro Ünal")
    with Ledger.create(path, "lco") as ledger:
        ledger.add_note({})
    monkeypatch.delenv("PVDOPT_AUTHOR")
    monkeypatch.setattr(getpass, "getuser", lambda: "erik")
    with Ledger.open(path) as ledger:
        ledger.add_note({})

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with Ledger.open(path) as ledger:
        ledger.add_note({})
        assert [fact.author for fact in ledger.facts()] == ["Doro Ünal", "erik", "unknown"]
    for bad in (" ", "a\x07b"):
        with pytest.raises(DataInvalid, match="printable name"):
            Ledger.open(path, bad)


def test_a_clock_in_any_zone_is_kept_in_utc(path: Path) -> None:
    noon = datetime(2025, 3, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    with Ledger.create(path, "lco", clock=lambda: noon) as ledger:
        ledger.add_note({})
        assert ledger.facts()[0].time == "2025-03-01T03:00:00.000Z"
    with (
        Ledger.open(path, clock=lambda: datetime(2025, 3, 1, 12)) as ledger,
        pytest.raises(ValueError, match="time zone"),
    ):
        ledger.add_note({})
    with Ledger.open(path) as ledger:
        assert ledger.n_facts() == 1
        ledger.add_note({})
        age = datetime.now(UTC) - datetime.fromisoformat(ledger.facts()[1].time)
        assert abs(age) < timedelta(minutes=1)


def test_state_needs_neither_database_nor_tables() -> None:
    script = (
        "import sys, pvdopt.ledger.state, pvdopt.ledger.fold, pvdopt.ledger.intake\n"
        "print(sorted({'sqlalchemy', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_public_names_are_found() -> None:
    import pvdopt.ledger

    for name in pvdopt.ledger.__all__:
        assert getattr(pvdopt.ledger, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Lodger'"):
        _ = pvdopt.ledger.Lodger


def test_a_table_that_happens_to_be_called_meta_makes_no_ledger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE meta (author TEXT)")
        database.execute("CREATE TABLE facts (seq INTEGER)")
    with pytest.raises(DataInvalid, match="must be a ledger of pvdopt"):
        Ledger.open(path)
