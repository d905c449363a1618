"""Several workers on one ledger: what one makes no other takes, unless it died."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_recipes import proposal

from postgres_server import Server
from pvdopt.ledger import Ledger, tables
from pvdopt.ledger.leases import claim, read_held, release

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
