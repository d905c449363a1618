"""Ledgers of earlier schemas: led up to today's after a copy, with every fact as it was.

``released/`` holds a ledger as each schema wrote it, with all kinds of facts in it.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from ledger_recipes import proposal

from postgres_server import Server
from pvdopt.errors import PvdoptError
from pvdopt.ledger import Ledger, engine, leases, migrations, tables
from pvdopt.ledger.copies import restore

RELEASED = Path(__file__).with_name("released")
#: What each said of itself when it was written.
DIGESTS = dict.fromkeys((1, 2), "e6a49b01f910b4dda4cefbb2bf8ee2e05792488657b0290b94ada5a434472982")
STATUS = {"P001": "partial", "P002": "vetoed", "P003": "failed", "P004": "discarded", "P005": "proposed"}


@pytest.fixture(params=sorted(DIGESTS))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path]:
    path = tmp_path / "ledger.sqlite"
    shutil.copyfile(RELEASED / f"schema_{request.param}.sqlite", path)
    return request.param, path


def read_version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()[0])


def test_every_schema_but_todays_has_its_step_and_its_ledger() -> None:
    earlier = list(range(1, tables.SCHEMA_VERSION))
    assert sorted(migrations.STEPS) == earlier
    assert sorted(DIGESTS) == earlier
    assert sorted(p.name for p in RELEASED.iterdir()) == [f"schema_{n}.sqlite" for n in earlier]


def test_an_old_ledger_is_led_up_after_a_copy(old: tuple[int, Path]) -> None:
    version, path = old
    before = path.read_bytes()
    with Ledger.open(path, "cleo") as ledger:
        assert ledger.digest() == DIGESTS[version]
        state = ledger.state()
        assert {name: state.cells[name].status for name in STATUS} == STATUS
        assert state.cells["P001"].outcomes["capacity"].value == 51.8
        assert ledger.check() == []
        assert ledger.add_proposals([proposal(bias_v=-90.0)]) == ["P006"]
        with ledger.reading() as connection:
            assert tables.read_head(connection) == tables.chain(ledger.facts())
        assert leases.claim(ledger, "w1", 1, 60, among=["P006"]) == ["P006"]
        assert leases.read_held(ledger) == {"P006": "w1"}
    assert read_version(path) == tables.SCHEMA_VERSION
    copy = path.with_name(f"ledger.schema-{version}-1.sqlite")
    assert read_version(copy) == version
    with Ledger.open(path):
        pass
    assert sorted(path.parent.glob("*schema*")) == [copy], "once is enough"
    assert before == (RELEASED / f"schema_{version}.sqlite").read_bytes()


def test_tables_come_out_as_new_ones_do(old: tuple[int, Path], tmp_path: Path) -> None:
    _, path = old
    Ledger.open(path).close()
    Ledger.create(tmp_path / "new.sqlite", "lco").close()

    def columns(file: Path) -> dict[str, list[object]]:
        with closing(sqlite3.connect(file)) as connection:
            names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {n: connection.execute(f"PRAGMA table_info({n})").fetchall() for n in sorted(names)}

    assert columns(path) == columns(tmp_path / "new.sqlite")


def test_a_step_that_fails_leaves_the_ledger_as_it_was(old: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    version, path = old

    def break_off(op: object) -> None:
        op.create_table("halfway")  # type: ignore[attr-defined]
        op.execute("SELECT nothing")  # type: ignore[attr-defined]

    monkeypatch.setattr(migrations, "STEPS", {version: break_off})
    with pytest.raises(PvdoptError, match="cannot be used"):
        Ledger.open(path)
    assert read_version(path) == version
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'halfway'").fetchone() == (0,)
    monkeypatch.undo()
    with Ledger.open(path) as ledger:
        assert ledger.digest() == DIGESTS[version]


def test_of_several_who_open_it_at_once_one_migrates(old: tuple[int, Path]) -> None:
    version, path = old
    found: list[object] = []

    def look() -> None:
        try:
            with Ledger.open(path, wait_s=30) as ledger:
                found.append(ledger.digest())
        except PvdoptError as error:
            found.append(error)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [DIGESTS[version]] * 6
    assert len(list(path.parent.glob("*schema*"))) == 1


def test_one_that_cannot_be_written_is_read_as_it_is(old: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    version, path = old
    monkeypatch.setattr(engine, "is_writable", lambda path: False)
    with Ledger.open(path) as ledger:
        assert ledger.digest() == DIGESTS[version]
        with pytest.raises(PvdoptError, match="readonly"):
            ledger.add_note({})
    assert [p.name for p in path.parent.iterdir()] == ["ledger.sqlite"]
    assert read_version(path) == version


@pytest.mark.system("postgres")
def test_an_old_ledger_in_postgresql_is_led_up_after_a_copy(postgres: Server, tmp_path: Path) -> None:
    place = postgres.new_place()
    shutil.copyfile(RELEASED / "schema_1.sqlite", tmp_path / "copy.sqlite")
    restore(tmp_path / "copy.sqlite", place)
    with Ledger.open(place) as ledger, ledger.writing() as (connection, _):
        connection.exec_driver_sql("DROP TABLE leases")
        connection.exec_driver_sql("DELETE FROM meta WHERE key = 'head'")
        tables.set_schema(connection, 1)
    with Ledger.open(place) as ledger:
        assert ledger.digest() == DIGESTS[1]
        assert leases.read_held(ledger) == {}
        assert ledger.check() == []
    with Ledger.open(place) as ledger, ledger.reading() as connection:
        schema = place.rpartition("=")[2]
        kept = connection.exec_driver_sql(f'SELECT count(*) FROM "{schema}_schema_1_1".facts').scalar_one()
        assert kept == 18
