"""Several workers on one ledger: what one makes no other takes, unless it died."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_recipes import proposal

from postgres_server import Server
from pvdopt.errors import LedgerBusy, PvdoptError
from pvdopt.ledger import Ledger, leases, tables
from pvdopt.ledger.leases import claim, kept_renewed, read_held, release, renew

LONG = 3600.0


@pytest.fixture(params=["file", pytest.param("database", marks=pytest.mark.system("postgres"))])
def place(request: pytest.FixtureRequest, path: Path) -> str | Path:
    if request.param == "file":
        return path
    server: Server = request.getfixturevalue("postgres")
    return server.new_place()


def test_no_cell_is_held_twice_and_none_that_is_made_or_dropped(place: str | Path) -> None:
    with Ledger.create(place, "lco") as one, Ledger.open(place) as other:
        one.add_proposals([proposal(bias_v=-10.0 * n) for n in range(6)])
        one.veto("P002")
        one.record([{"id": "P003", "outcomes": {"capacity": 50}}])
        assert claim(one, "a", 2, LONG) == ["P001", "P004"]
        assert claim(other, "b", 9, LONG) == ["P005", "P006"]
        assert claim(other, "b", 9, LONG, among=["P006", "P001"]) == ["P006"]
        assert claim(one, "a", 9, LONG) == ["P001", "P004"], "what one holds is taken again"
        assert read_held(one) == {"P001": "a", "P004": "a", "P005": "b", "P006": "b"}
        release(other, "b", ["P001", "P005"])
        assert read_held(one) == {"P001": "a", "P004": "a", "P006": "b"}, "nobody lets go what another one holds"
        assert claim(one, "a", 9, LONG) == ["P001", "P004", "P005"]


def test_a_dead_workers_cells_are_taken_up_once_its_lease_ran_out(
    place: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.create(place, "lco") as one:
        one.add_proposals([proposal()])
        claim(one, "dead", 1, 60)
        with one.reading() as connection:
            now = tables.read_clock(connection)
        monkeypatch.setattr(tables, "read_clock", lambda connection: now + 59)
        assert claim(one, "b", 1, LONG) == []
        monkeypatch.setattr(tables, "read_clock", lambda connection: now + 61)
        assert read_held(one) == {}
        assert claim(one, "b", 1, LONG) == ["P001"]
        assert claim(one, "dead", 1, LONG) == [], "should it live after all, it finds its cell gone"


class Clock:
    """The time by which leases run out, in seconds; it stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(tables, "read_clock", lambda connection: self.now)


def test_who_holds_a_cell_may_hold_it_on(place: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with Ledger.create(place, "lco") as one:
        one.add_proposals([proposal(), proposal(bias_v=0.0)])
        assert claim(one, "a", 2, 60) == ["P001", "P002"]
        clock.now = 50
        assert renew(one, "a", ["P001"], 60) == ["P001"]
        clock.now = 100
        assert claim(one, "b", 2, 60) == ["P002"]
        assert renew(one, "a", ["P001", "P002"], 60) == ["P001"], "what another has taken is left to it"
        assert read_held(one) == {"P001": "a", "P002": "b"}


def test_a_lease_is_kept_renewed_as_long_as_its_holder_is_at_work(
    place: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    with Ledger.create(place, "lco") as one, Ledger.open(place) as other:
        one.add_proposals([proposal()])
        claim(one, "a", 1, 0.5)
        with kept_renewed(one, "a", "P001", 0.5):
            for _ in range(3):
                clock.now += 0.4
                end = time.monotonic() + 60
                while _until(other) < clock.now + 0.5:
                    assert time.monotonic() < end, "the lease was not renewed"
                    # The holder's own thread is free to write meanwhile.
                    one.add_note({"event": "at work"})
                    time.sleep(0.01)
            assert claim(other, "b", 1, 60) == []
        clock.now += 0.6
        assert claim(other, "b", 1, 60) == ["P001"]
        assert renew(one, "a", ["P001"], 60) == []


def _until(ledger: Ledger) -> float:
    with ledger.reading() as connection:
        return float(connection.execute(sa.select(tables.leases.c.until)).scalar_one())


def test_a_proposal_may_follow_results_it_did_not_know_but_no_recipes(place: str | Path) -> None:
    from pvdopt.errors import LedgerChanged

    with Ledger.create(place, "lco") as one, Ledger.open(place) as other:
        one.add_proposals([proposal(), proposal(bias_v=0.0)])
        seen = one.state().n_facts
        other.record([{"id": "P001", "outcomes": {"capacity": 50}}])
        other.fail("P002", "cracked")
        assert one.add_proposals([proposal(bias_v=-10.0)], expected=seen) == ["P003"]
        with pytest.raises(LedgerChanged):
            one.add_proposals([proposal(bias_v=-10.0)], expected=seen)
        seen = one.state().n_facts
        other.record([{"id": "P003", "executed": {"bias_v": -11}}])
        with pytest.raises(LedgerChanged):
            one.add_proposals([proposal(bias_v=-11.0)], expected=seen)
        with pytest.raises(LedgerChanged):
            one.add_proposals([proposal(bias_v=-12.0)], expected=99)


def test_a_lease_that_cannot_be_renewed_is_tried_again_and_a_lost_one_left(
    planned: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[PvdoptError | list[str]] = [LedgerBusy("somebody else is writing"), ["P001"], []]
    is_lost = threading.Event()

    def renewed(*_: object) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, PvdoptError):
            raise answer
        if not answer:
            is_lost.set()
        return answer

    monkeypatch.setattr(leases, "renew", renewed)
    caplog.set_level("INFO", leases.__name__)
    with kept_renewed(planned, "a", "P001", 0.03):
        assert is_lost.wait(30)
    said = [(r.levelname, r.getMessage(), r.cell, getattr(r, "why", None)) for r in caplog.records]  # type: ignore[attr-defined]
    assert said == [
        ("INFO", "lease not renewed", "P001", "somebody else is writing"),
        ("WARNING", "lease lost", "P001", None),
    ]
    assert answers == [], "nothing is renewed once it is lost"


def test_nothing_is_renewed_once_the_work_is_done(planned: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    is_renewing = threading.Event()

    def renewed(*_: object) -> list[str]:
        is_renewing.set()
        time.sleep(0.2)
        return ["P001"]

    monkeypatch.setattr(leases, "renew", renewed)
    with kept_renewed(planned, "a", "P001", 0.03):
        assert is_renewing.wait(30)
    assert "pvdopt-lease" not in [thread.name for thread in threading.enumerate()]


def test_a_lease_lasts_until_its_moment_and_not_through_it(planned: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert claim(planned, "a", 1, 10.0) == ["P001"]
    clock.now = 9.9
    assert read_held(planned) == {"P001": "a"}
    clock.now = 10.0
    assert read_held(planned) == {}


@pytest.mark.system("postgres")
def test_those_who_share_a_server_go_by_its_clock(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    here = time.time()
    with Ledger.create(postgres.new_place(), "lco") as shared, shared.reading() as connection:
        monkeypatch.setattr(tables.time, "time", lambda: 0.0)
        assert abs(tables.read_clock(connection) - here) < 3600
