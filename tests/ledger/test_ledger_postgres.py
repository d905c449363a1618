"""The ledger in PostgreSQL: the same facts and answers as in a file, by a server several machines reach."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from ledger_recipes import proposal

from postgres_server import Server
from pvdopt.errors import DataInvalid, LedgerBusy, LedgerChanged, LedgerTooNew, PvdoptError
from pvdopt.ledger import Ledger, copies, engine, migrations
from pvdopt.ledger.copies import back_up, restore
from pvdopt.ledger.facts import format_time

pytestmark = pytest.mark.system("postgres")


@pytest.fixture
def place(postgres: Server) -> str:
    return postgres.new_place()


@pytest.fixture
def shared(place: str) -> Iterator[Ledger]:
    with Ledger.create(place, "lco", "anna", wait_s=0.3) as made:
        made.add_proposals([proposal(), proposal(bias_v=0.0)])
        yield made


def run_sql(postgres: Server, statement: str, schema: str) -> None:
    address = f"host=127.0.0.1 port={postgres.port} dbname=postgres"
    with psycopg.connect(address, options=f'-c search_path="{schema}"') as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def schema_of(place: str) -> str:
    return place.rpartition("=")[2]


def test_it_says_what_a_file_says(shared: Ledger, place: str, path: Path) -> None:
    rows = [
        {"id": "P001", "executed": {"thickness_um": 0.1 + 0.2, "note": "5 µm, ½ x"}, "outcomes": {"capacity": 1e-300}},
        {"recipe": {"bias_v": -10, "thickness_um": 1}, "outcomes": {"capacity": 52.5}},
    ]
    recorded = shared.record(rows)
    assert recorded.ids == ("P001", "C001")
    shared.correct("P001", {"capacity": 51.0}, "scale")
    assert shared.check() == []
    with Ledger.open(place) as other:
        assert other.campaign == "lco"
        assert other.state() == shared.state()
    assert back_up(place, path) == shared.n_facts()
    with Ledger.open(path) as copy:
        assert copy.digest() == shared.digest()
        assert copy.state() == shared.state()
        assert copy.check() == []


def test_a_copy_goes_back_into_the_database_and_what_was_there_is_kept(shared: Ledger, place: str, path: Path) -> None:
    back_up(place, path)
    then = shared.digest()
    shared.add_proposals([proposal(bias_v=-70.0)])
    now = shared.digest()
    shared.close()
    assert restore(path, place) == f"schema {schema_of(place)}_former_1"
    with Ledger.open(place) as ledger, Ledger.open(f"{place}_former_1") as kept:
        assert (ledger.digest(), kept.digest()) == (then, now)
        ledger.add_proposals([proposal(bias_v=-80.0)])
    with pytest.raises(DataInvalid, match="schema of its own"):
        restore(path, place.partition("?")[0])


def test_who_has_it_open_notices_that_a_copy_was_put_back(shared: Ledger, place: str, path: Path) -> None:
    back_up(place, path)
    shared.add_proposals([proposal(bias_v=-70.0)])
    n_cells = len(shared.state().cells)
    restore(path, place)
    with pytest.raises(LedgerChanged, match="was replaced by another ledger"):
        shared.add_proposals([proposal(bias_v=-80.0)])
    assert len(shared.state().cells) == n_cells - 1
    shared.add_proposals([proposal(bias_v=-80.0)])
    assert shared.check() == []


def test_nothing_is_put_back_while_somebody_writes(
    shared: Ledger, place: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(place, path)
    monkeypatch.setattr(copies, "WAIT_S", 0.2)
    before = shared.digest()
    with shared.writing(), pytest.raises(LedgerBusy):
        restore(path, place)
    assert shared.digest() == before


def test_a_ledger_that_states_no_version_makes_room(shared: Ledger, place: str, path: Path) -> None:
    back_up(place, path)
    digest = shared.digest()
    with shared.locking() as connection:
        connection.exec_driver_sql("DELETE FROM meta WHERE key = 'schema_version'")
    shared.close()
    assert restore(path, place) == f"schema {schema_of(place)}_former_1"
    with Ledger.open(place) as ledger:
        assert ledger.digest() == digest


def test_a_schema_without_a_ledger_takes_a_copy(shared: Ledger, place: str, path: Path, postgres: Server) -> None:
    back_up(place, path)
    elsewhere = postgres.new_place()
    with shared.locking() as connection:
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema_of(elsewhere)}"')
    assert restore(path, elsewhere) == f"schema {schema_of(elsewhere)}_former_1"
    with Ledger.open(elsewhere) as ledger:
        assert ledger.digest() == shared.digest()


def test_what_is_altered_by_other_means_shows(shared: Ledger) -> None:
    assert shared.check() == []
    with shared.locking() as connection:
        connection.exec_driver_sql("ALTER TABLE facts DISABLE TRIGGER facts_refuse")
        connection.exec_driver_sql("UPDATE facts SET author = 'eve' WHERE seq = 1")
    assert ["by other means" in problem.sentence() for problem in shared.check()] == [True]


def test_a_copy_tells_when_its_ledger_was_begun_and_may_hold_no_fact_yet(
    postgres: Server, path: Path, tmp_path: Path
) -> None:
    begun = sa.text("SELECT value FROM meta WHERE key = 'created'")
    place = postgres.new_place()
    long_ago = datetime(2024, 1, 1, tzinfo=UTC)
    with Ledger.create(place, "lco", clock=lambda: long_ago) as ledger, ledger.reading() as reading:
        assert reading.scalar(begun) == format_time(long_ago)
    assert back_up(place, path) == 0
    with Ledger.open(path) as copy, copy.reading() as reading:
        assert reading.scalar(begun) == format_time(long_ago)
        assert copy.facts() == []


def test_a_copy_goes_into_a_schema_that_is_not_there(shared: Ledger, place: str, path: Path, postgres: Server) -> None:
    back_up(place, path)
    elsewhere = postgres.new_place()
    assert restore(path, elsewhere) is None
    with Ledger.open(elsewhere) as ledger:
        assert ledger.digest() == shared.digest()


def test_a_faulty_copy_leaves_the_database_alone(shared: Ledger, place: str, path: Path) -> None:
    back_up(place, path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER facts_refuse_delete")
        database.execute("DELETE FROM facts WHERE seq = 1")
    before = shared.digest()
    with pytest.raises(DataInvalid, match="without a gap"):
        restore(path, place)
    assert shared.digest() == before


def test_a_copy_that_cannot_be_put_in_place_leaves_nothing(
    shared: Ledger, place: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PvdoptError, match=r"ledger\.db: the copy cannot be written \(No space left on device\)"):
        back_up(place, path)
    assert list(path.parent.iterdir()) == []


def test_a_campaign_is_not_begun_twice_nor_found_where_none_is(shared: Ledger, place: str, postgres: Server) -> None:
    with pytest.raises(DataInvalid, match="must be empty"):
        Ledger.create(place, "lco")
    with pytest.raises(DataInvalid, match="must be a ledger"):
        Ledger.open(postgres.new_place())


def test_a_ledger_may_stand_beside_other_peoples_tables(postgres: Server) -> None:
    place = postgres.new_place()
    run_sql(
        postgres, f'CREATE SCHEMA "{schema_of(place)}"; CREATE TABLE "{schema_of(place)}".targets (name text)', "public"
    )
    with Ledger.create(place, "lco") as made:
        assert made.add_proposals([proposal()]) == ["P001"]


def test_of_two_who_begin_a_campaign_at_once_one_does(postgres: Server) -> None:
    place = postgres.new_place()
    made: list[Ledger | PvdoptError] = []

    def create() -> None:
        try:
            made.append(Ledger.create(place, "lco", note={"event": "created"}))
        except PvdoptError as error:
            made.append(error)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ledgers = [m for m in made if isinstance(m, Ledger)]
    assert len(made) == 4
    assert len(ledgers) == 1
    assert all(isinstance(m, (Ledger, DataInvalid, LedgerBusy)) for m in made), made
    assert ledgers[0].n_facts() == 1
    ledgers[0].close()


def test_a_busy_ledger_says_so_within_the_wait(shared: Ledger, place: str) -> None:
    with Ledger.open(place, "ben") as other, other.writing():
        start = time.monotonic()
        with pytest.raises(LedgerBusy, match="somebody else is writing") as caught:
            shared.add_proposals([proposal()])
        assert time.monotonic() - start < 10
        assert caught.value.exit_code == 5
        assert shared.n_facts() == 2, "reading goes on meanwhile"
    assert shared.add_proposals([proposal()]) == ["P003"]


def test_a_reading_sees_one_state_throughout(shared: Ledger, place: str) -> None:
    count = sa.text("SELECT count(*) FROM facts")
    with shared.reading() as reading, Ledger.open(place, "ben") as other:
        before = reading.scalar(count)
        other.add_proposals([proposal()])
        assert reading.scalar(count) == before == 2
    assert shared.n_facts() == 3


def test_without_a_schema_the_databases_own_path_holds(place: str) -> None:
    database = engine.build_engine(engine.Location.parse(place.partition("?")[0]), 1.0)
    with database.connect() as connection:
        assert "public" in str(connection.scalar(sa.text("SHOW search_path")))
    database.dispose()


def test_the_copy_before_a_migration_is_named_after_where_the_ledger_stands(shared: Ledger, place: str) -> None:
    location = engine.Location.parse(place)
    for schema, kept in ((location.schema, f"{schema_of(place)}_schema_1_1"), (None, "public_schema_1_1")):
        with shared.reading() as connection:
            assert migrations._keep_copy(connection, replace(location, schema=schema), 1) == f"schema {kept}"
            assert connection.scalar(sa.text(f"SELECT count(*) FROM {kept}.facts")) == 2
            connection.execute(sa.text(f"DROP SCHEMA {kept} CASCADE"))


def test_writing_on_old_knowledge_is_refused(shared: Ledger, place: str) -> None:
    seen = shared.state().n_facts
    with Ledger.open(place, "ben") as other:
        other.add_proposals([proposal()])
    with pytest.raises(LedgerChanged, match=r"holds 3 facts where 2 were read.*ben"):
        shared.veto("P001", expected=seen)


def test_the_database_itself_keeps_facts(shared: Ledger, place: str, postgres: Server) -> None:
    for statement in ("UPDATE facts SET payload = '{}'", "DELETE FROM facts WHERE seq = 1"):
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added"):
            run_sql(postgres, statement, schema_of(place))
    assert shared.check() == []


def test_a_newer_ledger_is_refused(shared: Ledger, place: str, postgres: Server) -> None:
    run_sql(postgres, "UPDATE meta SET value = '7' WHERE key = 'schema_version'", schema_of(place))
    with pytest.raises(LedgerTooNew, match="has schema 7"):
        Ledger.open(place)
    with pytest.raises(LedgerTooNew):
        shared.add_proposals([proposal()])


def test_a_server_that_cannot_be_reached_is_named_without_the_password(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = postgres.new_place()
    monkeypatch.setenv("PGPASSWORD", "wrong-secret")
    with pytest.raises(PvdoptError, match=r"127\.0\.0\.1.*Set PGPASSWORD") as caught:
        Ledger.open(place)
    assert "secret" not in str(caught.value)
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(PvdoptError, match="password"):
        Ledger.open(place)
    with pytest.raises(PvdoptError, match=r"cannot be used.*Nothing was recorded; start the server"):
        Ledger.open("postgresql+psycopg://127.0.0.1:9/postgres?schema=lco")
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    with pytest.raises(PvdoptError, match=r"Nothing was recorded; make the database \(createdb\)"):
        Ledger.open(f"postgresql+psycopg://127.0.0.1:{postgres.port}/nodb?schema=lco")
    with pytest.raises(PvdoptError, match="see how the URL spells the host"):
        Ledger.open("postgresql+psycopg://no-such-host.invalid/postgres?schema=lco")


@pytest.mark.parametrize("name", ["a b", 'x"; DROP SCHEMA public; --', "a" * 64])
def test_a_schema_is_a_plain_name(name: str) -> None:
    with pytest.raises(DataInvalid, match="must name one schema at most, by letters"):
        Ledger.open(f"postgresql://h/d?schema={name}")
