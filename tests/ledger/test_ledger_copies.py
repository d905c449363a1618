"""A copy holds what the ledger held, and going back to one loses nothing."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledger_recipes import kept_to_oneself, proposal

from pvdopt.errors import DataInvalid, LedgerBusy, LedgerChanged, LedgerTooNew, PvdoptError
from pvdopt.ledger import Ledger, copies, engine, tables
from pvdopt.ledger.copies import back_up, campaign_of, check_copy, check_restore, require_copy, restore

RELEASED = Path(__file__).with_name("released")


def lose_a_fact(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER facts_refuse_delete")
        database.execute("DELETE FROM facts WHERE seq = 2")


def meta_of(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT key, value FROM meta ORDER BY key").fetchall()


def test_a_copy_made_while_the_ledger_is_open_holds_all_of_it(planned: Ledger, path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert back_up(path, copy) == planned.n_facts()
    with Ledger.open(copy) as opened:
        assert opened.digest() == planned.digest()
        assert opened.campaign == "lco"
        assert opened.check() == []
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("copy")) == ["copy.db"]
    # All that the file tells, when it was created too.
    assert meta_of(copy) == meta_of(path)


def test_restoring_goes_back_and_keeps_the_former_ledger(planned: Ledger, path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(path, copy)
    then = planned.digest()
    planned.add_proposals([proposal(bias_v=-70.0)])
    now = planned.digest()
    planned.close()
    former = restore(copy, path)
    assert former == str(tmp_path / "ledger.former-1.db")
    with Ledger.open(path) as ledger, Ledger.open(former) as kept:
        assert ledger.digest() == then
        assert kept.digest() == now
        ledger.add_proposals([proposal(bias_v=-80.0)])
    assert restore(copy, path) == str(tmp_path / "ledger.former-2.db")


def test_who_has_a_ledger_open_notices_that_another_one_lies_there(planned: Ledger, path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(path, copy)
    planned.add_proposals([proposal(bias_v=-70.0)])
    with Ledger.open(path, "ben") as other:
        assert len(other.state().cells) == len(planned.state().cells) == 6
        now = other.digest()
        former = restore(copy, path)
        assert former == str(tmp_path / "ledger.former-1.db")
        with pytest.raises(LedgerChanged, match=r"ledger\.db: was replaced by another ledger .* Nothing was written"):
            planned.add_proposals([proposal(bias_v=-80.0)])
        # A reader sees what is there now, and so does whoever was told.
        assert len(other.state().cells) == 5
        assert planned.add_proposals([proposal(bias_v=-80.0)]) == ["P005"]
        assert other.check() == []
    with closing(sqlite3.connect(path)) as database:
        for words in ("UPDATE facts SET author = 'eve'", "DELETE FROM facts"):
            with pytest.raises(sqlite3.IntegrityError, match="facts are only ever added"):
                database.execute(words)
    with Ledger.open(former) as kept:
        assert kept.digest() == now
        assert kept.check() == []
    assert {p.name for p in tmp_path.iterdir()} >= {"copy.db", "ledger.db", "ledger.former-1.db"}


def test_a_ledger_as_long_that_says_something_else_is_another_one(planned: Ledger, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    planned.add_note({"text": "one"})
    n_facts = planned.state().n_facts
    restore(tmp_path / "copy.db", path)
    with Ledger.open(path, "ben") as other:
        other.add_note({"text": "another"})
        assert other.n_facts() == n_facts
    with pytest.raises(LedgerChanged, match="was replaced by another ledger"):
        planned.add_note({"text": "two"})


def test_nothing_is_restored_while_somebody_writes(planned: Ledger, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    before = planned.digest()
    with planned.writing(), pytest.raises(LedgerBusy):
        restore(tmp_path / "copy.db", path)
    assert planned.digest() == before
    assert not list(tmp_path.glob("*former*"))


def _state_version_zero(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = '0' WHERE key = 'schema_version'")


def _zero_an_index(path: Path) -> None:
    """Damage what no look at the facts would notice."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE '%autoindex_leases%'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(100))


def _drop(table: str) -> Callable[[Path], None]:
    def drop(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"DROP TABLE {table}")

    return drop


def _take_out(key: str) -> Callable[[Path], None]:
    def take_out(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("DELETE FROM meta WHERE key = ?", [key])

    return take_out


def _spoil_its_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE facts", b"CREATE TABL\x80 facts"))


NO_LEDGER_ANY_MORE: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("the former"),
    "a damaged page": _zero_an_index,
    "no facts": _drop("facts"),
    "no name": _take_out("campaign"),
    "no version": _take_out("schema_version"),
    "version 0": _state_version_zero,
    "a schema that is no text": _spoil_its_schema,
}


@pytest.mark.parametrize("what", NO_LEDGER_ANY_MORE)
def test_what_is_no_ledger_any_more_is_renamed_as_it_is(planned: Ledger, path: Path, tmp_path: Path, what: str) -> None:
    back_up(path, tmp_path / "copy.db")
    digest = planned.digest()
    planned.close()
    NO_LEDGER_ANY_MORE[what](path)
    before = path.read_bytes()
    former = restore(tmp_path / "copy.db", path)
    assert former is not None
    assert Path(former).read_bytes() == before
    with Ledger.open(path) as ledger:
        assert ledger.digest() == digest
        assert ledger.check() == []
    assert not list(tmp_path.glob("*.restoring"))


def test_a_ledger_of_an_older_schema_takes_a_copy(planned: Ledger, path: Path, tmp_path: Path) -> None:
    shutil.copyfile(RELEASED / "schema_1.sqlite", tmp_path / "old.db")
    back_up(path, tmp_path / "copy.db")
    former = restore(tmp_path / "copy.db", tmp_path / "old.db")
    assert former is not None
    with Ledger.open(tmp_path / "old.db") as ledger, Ledger.open(former) as kept:
        assert ledger.digest() == planned.digest()
        assert ledger.check() == kept.check() == []
        assert kept.n_facts() == 18


def test_a_ledger_of_a_newer_schema_is_left_alone(planned: Ledger, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    planned.close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    before = path.read_bytes()
    with pytest.raises(LedgerTooNew):
        restore(tmp_path / "copy.db", path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*former*"))


def test_where_the_copy_cannot_be_put_in_nothing_changes(
    planned: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise KeyboardInterrupt

    back_up(path, tmp_path / "copy.db")
    planned.add_note({})
    before = planned.digest()
    monkeypatch.setattr(tables, "copy_rows", refuse)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "copy.db", path)
    assert planned.digest() == before
    assert planned.check() == []
    assert not list(tmp_path.glob("*former*"))


def test_a_file_that_somebody_keeps_to_himself_is_busy(
    planned: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(path, tmp_path / "copy.db")
    planned.close()
    monkeypatch.setattr(copies, "WAIT_S", 0.1)
    with (
        kept_to_oneself(path),
        pytest.raises(LedgerBusy, match=r"ledger\.db: somebody else is writing to it"),
    ):
        restore(tmp_path / "copy.db", path)
    assert not list(tmp_path.glob("*former*"))


def test_a_lock_that_comes_between_looking_and_copying_ends_it(
    planned: Ledger, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned.close()
    really = engine.connect_file
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=DELETE")

        def connect(place: Path, wait_s: float, mode: str) -> sqlite3.Connection:
            made = really(place, 0.1, mode)
            database.execute("BEGIN EXCLUSIVE")
            return made

        monkeypatch.setattr(engine, "connect_file", connect)
        with pytest.raises(LedgerBusy, match="Nothing was copied"):
            copies.copy_file(path, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))


def test_a_copy_of_another_campaign_is_refused(planned: Ledger, path: Path, tmp_path: Path) -> None:
    Ledger.create(tmp_path / "other.db", "other").close()
    before = planned.digest()
    for refused in (restore, check_restore):
        with pytest.raises(DataInvalid, match=r"other\.db: must be a copy of the campaign lco, and is one of other\."):
            refused(tmp_path / "other.db", path)
    assert planned.digest() == before
    back_up(path, tmp_path / "copy.db")
    assert check_restore(tmp_path / "copy.db", path) == planned.n_facts()


ALTERED = {
    "a value": "UPDATE facts SET payload = replace(payload, '-50.0', '-60.0') WHERE seq = 1",
    "an author": "UPDATE facts SET author = 'eve' WHERE seq = 5",
    "the last fact taken away": "DELETE FROM facts WHERE seq = 5",
    "a fact more": "INSERT INTO facts SELECT 6, kind, 'C002', time, author, version, payload FROM facts WHERE seq = 5",
}


@pytest.mark.parametrize("what", ALTERED)
def test_whatever_is_altered_by_other_means_shows(planned: Ledger, path: Path, tmp_path: Path, what: str) -> None:
    assert planned.check() == []
    planned.close()
    with closing(sqlite3.connect(path)) as database, database:
        for verb in ("update", "delete"):
            database.execute(f"DROP TRIGGER facts_refuse_{verb}")
        database.execute(ALTERED[what])
    with Ledger.open(path) as ledger:
        (problem,) = ledger.check()
    assert "one was changed, added or taken away by other means. Go back to a copy" in problem.sentence()
    with pytest.raises(DataInvalid, match="by other means"):
        back_up(path, tmp_path / "copy.db")


def test_restoring_where_there_is_no_ledger(planned: Ledger, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    assert restore(tmp_path / "copy.db", tmp_path / "new.db") is None
    with Ledger.open(tmp_path / "new.db") as ledger:
        assert ledger.digest() == planned.digest()


def test_a_copy_overwrites_nothing(planned: Ledger, path: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.db").write_text("letters")
    with pytest.raises(DataInvalid, match=r"taken\.db: is there already\. Name a new file"):
        back_up(path, tmp_path / "taken.db")
    assert (tmp_path / "taken.db").read_text() == "letters"


def test_a_ledger_tells_whose_it_is_and_what_is_none_tells_nothing(planned: Ledger, path: Path, tmp_path: Path) -> None:
    (tmp_path / "none.db").write_text("letters")
    assert [campaign_of(place) for place in (path, tmp_path / "none.db", tmp_path / "nowhere.db")] == [
        "lco",
        None,
        None,
    ]


def test_only_a_file_is_a_copy_to_go_back_to(planned: Ledger, path: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere.db", tmp_path):
        with pytest.raises(DataInvalid, match=r"there is no such file\. Name a copy that `pvdopt ledger backup` wrote"):
            require_copy(place)
        for refused in (restore, check_restore):
            with pytest.raises(DataInvalid, match=r"there is no such file\. Name a copy that `pvdopt ledger backup`"):
                refused(place, path)
    back_up(path, tmp_path / "copy.db")
    require_copy(tmp_path / "copy.db")


@pytest.mark.parametrize("what", ["missing", "text", "damaged", "altered", "itself"])
def test_what_is_no_sound_copy_is_not_restored(planned: Ledger, path: Path, tmp_path: Path, what: str) -> None:
    copy = path if what == "itself" else tmp_path / "copy.db"
    if what == "text":
        copy.write_text("not a database, and long enough to be looked at as one " * 10)
    if what == "damaged":
        back_up(path, copy)
        data = bytearray(copy.read_bytes())
        data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
        copy.write_bytes(data)
    if what == "altered":
        back_up(path, copy)
        lose_a_fact(copy)
    before = planned.digest()
    with pytest.raises(PvdoptError):
        restore(copy, path)
    assert planned.digest() == before
    assert not list(tmp_path.glob("*former*"))
    assert not list(tmp_path.glob("*.restoring"))


def test_a_folder_that_does_not_exist_takes_no_copy(planned: Ledger, path: Path, tmp_path: Path) -> None:
    with pytest.raises(PvdoptError, match="nowhere: there is no such folder for the copy"):
        back_up(path, tmp_path / "nowhere" / "copy.db")


def test_what_the_system_refuses_is_told(planned: Ledger, path: Path, tmp_path: Path) -> None:
    # Too long for a file system once it is written aside.
    copy = tmp_path / f"{'c' * 248}.db"
    with pytest.raises(PvdoptError, match=r"c\.db: the copy cannot be written \(unable to open database file\)"):
        back_up(path, copy)
    assert not copy.exists()


def test_of_a_damaged_ledger_no_copy_is_made_and_none_is_counted(planned: Ledger, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    assert check_copy(tmp_path / "copy.db") == planned.n_facts()
    lose_a_fact(path)
    with pytest.raises(DataInvalid, match="without a gap"):
        back_up(path, tmp_path / "another.db")
    with pytest.raises(DataInvalid, match="without a gap"):
        check_copy(path)
    assert not (tmp_path / "another.db").exists()


def test_nothing_may_follow_what_a_fact_says(planned: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER facts_refuse_update")
        database.execute("UPDATE facts SET payload = payload || ' {}' WHERE seq = 2")
    with Ledger.open(path) as again, pytest.raises(DataInvalid, match="fact 2: payload must be JSON"):
        again.facts()


def test_an_altered_fact_is_told_with_its_ledger_and_what_to_do(planned: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER facts_refuse_update")
        database.execute("UPDATE facts SET payload = '{}' WHERE seq = 2")
    words = (
        r"ledger\.db, fact 2: payload of a fact of kind proposed must hold recipe as dict\. See `pvdopt ledger check`"
    )
    with Ledger.open(path) as again, pytest.raises(DataInvalid, match=words):
        again.state()


def test_bytes_that_are_no_text_are_damage(planned: Ledger, path: Path) -> None:
    planned.close()
    damaged = r"ledger\.db: the ledger is damaged\. Go back to a copy"
    sound = path.read_bytes()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER facts_refuse_update")
        database.execute("UPDATE facts SET author = CAST(x'80' AS TEXT) WHERE seq = 2")
    with (
        Ledger.open(path) as ledger,
        pytest.raises(DataInvalid, match=damaged),
    ):
        ledger.state()
    # In the schema, of which SQLite's own message speaks.
    path.write_bytes(sound.replace(b"CREATE TABLE facts", b"CREATE TABL\x80 facts"))
    with pytest.raises(DataInvalid, match=damaged):
        Ledger.open(path)
