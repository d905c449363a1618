"""A result that cannot be recorded at the moment: tried again, and never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from campaigns import PLAIN, make_plain
from pvdopt.campaign import Campaign
from pvdopt.closed_loop import ClosedLoop
from pvdopt.errors import PvdoptError
from pvdopt.evaluators import Request
from pvdopt.shared_loop import SharedLoop

if TYPE_CHECKING:
    from postgres_server import Server

#: More than fits into the pages that a ledger has.
LONG = "x" * 50_000


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Campaign]:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    with make_plain(tmp_path / "plain") as found:
        found.add({"speed": 5, "moisture": "dry"})
        yield found


def set_room(campaign: Campaign, n_pages: int) -> None:
    """Let the ledger grow up to so many pages: to SQLite a disk that is full beyond."""
    assert campaign.ledger is not None
    with campaign.ledger.reading() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={n_pages}")


class Rig:
    """Calls what is given, counts what is made, and has much to say."""

    name = "command"
    is_simulated = False

    def __init__(self, then: Callable[[], None]) -> None:
        self.then = then
        self.made: list[str] = []

    def evaluate(self, request: Request) -> Mapping[str, object]:
        self.made.append(request.id)
        self.then()
        return {"gloss": 40.0, "remark": LONG}


@pytest.mark.parametrize("make", [ClosedLoop, SharedLoop])
def test_a_full_disk_is_waited_for(plain: Campaign, make: Any) -> None:
    told: list[str] = []

    def say(sentence: str) -> None:
        told.append(sentence)
        set_room(plain, 100_000)

    rig = Rig(lambda: set_room(plain, 1))
    more = {"lease_s": 60.0} if make is SharedLoop else {}
    loop = make(plain, rig, 1, patience_s=60.0, say=say, **more)
    report = loop.run()
    assert (report.evaluations, report.done_now, rig.made, loop.unkept) == (1, 1, ["C001"], None)
    assert told[0].startswith("C001 is evaluated and not recorded yet.")
    assert "the disk is full" in told[0]
    assert told[1:] == ["It is tried again for 1 min; Ctrl-C ends that and shows the reply.", "C001 is recorded now."]
    assert plain.own_cells().state.cells["C001"].outcomes["gloss"].value == 40.0


@pytest.mark.parametrize("make", [ClosedLoop, SharedLoop])
def test_what_stays_unrecorded_is_not_lost(plain: Campaign, make: Any) -> None:
    rig = Rig(lambda: set_room(plain, 1))
    more = {"lease_s": 60.0} if make is SharedLoop else {}
    loop = make(plain, rig, 1, patience_s=0.5, **more)
    with pytest.raises(PvdoptError, match="the disk is full"):
        loop.run()
    assert loop.unkept == ("C001", {"gloss": 40.0, "remark": LONG})
    assert plain.own_cells().state.cells["C001"].status == "proposed"


def test_results_that_were_taken_as_the_line_broke_are_this_workers_own(
    plain: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Campaign.record
    n_calls = 0

    def record(self: Campaign, *words: Any, **options: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        report = kept(self, *words, **options)
        if n_calls == 1:
            raise PvdoptError("the server closed the connection unexpectedly")
        return report

    monkeypatch.setattr(Campaign, "record", record)
    report = SharedLoop(plain, Rig(lambda: None), 1, lease_s=60.0).run()
    assert (report.done_now, report.notes) == (1, [])
    assert n_calls > 1


@pytest.mark.system("postgres")
def test_a_server_that_is_away_is_waited_for(postgres: Server, tmp_path: Path) -> None:
    import psycopg

    url = postgres.new_place()
    text = PLAIN.replace('evidence = "none"\n', f'evidence = "none"\nstorage = "{url}"\n')
    told: list[str] = []
    with (
        psycopg.connect(host="127.0.0.1", port=postgres.port, dbname="postgres", autocommit=True) as keeper,
        make_plain(tmp_path / "plain", text) as campaign,
    ):
        campaign.add({"speed": 5, "moisture": "dry"})

        def shut() -> None:
            keeper.execute("ALTER ROLE lab NOLOGIN")
            keeper.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

        def reopen(sentence: str) -> None:
            told.append(sentence)
            keeper.execute("ALTER ROLE lab LOGIN")

        try:
            rig = Rig(shut)
            report = SharedLoop(campaign, rig, 1, lease_s=60.0, patience_s=60.0, say=reopen).run()
        finally:
            keeper.execute("ALTER ROLE lab LOGIN")
    assert (report.done_now, rig.made) == (1, ["C001"])
    assert "is not permitted to log in" in told[0]
