"""A campaign whose ledger lies in PostgreSQL: every machine has the campaign file, and all see the same cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import PLAIN
from postgres_server import Server
from pvdopt.campaign import Campaign
from pvdopt.config import load_config
from pvdopt.errors import ConfigInvalid, DataInvalid
from pvdopt.ledger.engine import Location


def write(name: str, storage: str, high: int = 9) -> str:
    """Return the plain campaign with another name, a place for its ledger, and another limit."""
    text = PLAIN.replace('name = "plain"', f'name = "{name}"\nstorage = "{storage}"')
    return text.replace("high = 9", f"high = {high}")


@pytest.mark.system("postgres")
def test_two_machines_go_on_with_one_campaign(postgres: Server, tmp_path: Path) -> None:
    text = write("shared-1", postgres.url)
    with Campaign.create(tmp_path / "one", text, "anna") as here:
        assert not (tmp_path / "one" / "ledger.sqlite").exists()
        here.add({"speed": 5, "moisture": "dry"})
        with Campaign.create(tmp_path / "two", text, "ben") as there:
            assert list(there.own_cells().state.cells) == ["C001"]
            there.record({"id": "C001", "gloss": "52"})
        state = here.own_cells().state
        assert state.cells["C001"].outcomes["gloss"].value == 52
        assert here.ledger is not None
        assert [f.author for f in here.ledger.facts()] == ["anna", "anna", "ben"]
    with pytest.raises(DataInvalid, match=r"holds a campaign shared-1 with another campaign file \(begun by anna"):
        Campaign.create(tmp_path / "three", write("shared-1", postgres.url, high=8), "cleo")
    assert not (tmp_path / "three").exists()


@pytest.mark.system("postgres")
def test_campaigns_in_one_database_are_apart(postgres: Server, tmp_path: Path) -> None:
    with (
        Campaign.create(tmp_path / "a", write("apart-A", postgres.url)) as one,
        Campaign.create(tmp_path / "b", write("apart-a", postgres.url)) as other,
    ):
        one.add({"speed": 5, "moisture": "dry"})
        assert not other.own_cells().state.cells


@pytest.mark.parametrize(
    ("storage", "must"),
    [
        ("postgresql+psycopg://anna:hunter2@labdb/pvd", "must hold no password"),
        ("postgresql://labdb/pvd?user=anna&password=hunter2", "must hold no password"),
        ("postgresql://anna:hunter2@labdb", "must hold no password"),
        ("mysql://anna:hunter2@labdb/pvd", "must be the URL of a PostgreSQL database"),
        ("postgresql://anna:hunter2@[labdb/pvd", "must"),
        ("postgresql://labdb", "must name a database"),
        ("ledger.sqlite", "must be the URL"),
        ("postgresql://labdb/pvd?password%20=hunter2", "must hold no password"),
        ("postgresql://labdb/pvd?PASSWORD=hunter2", "must hold no password"),
        ("postgresql://labdb/pvd?p%61ssword=hunter2", "must hold no password"),
        ("postgresql://labdb/pvd?sslpassword=hunter2", "must hold no password"),
        ("postgresql://labdb/pvd?passfile=hunter2", "must hold no password"),
        ("postgresql://labdb/pvd?oauth_client_secret=hunter2", "must hold no password"),
        ("postgresql://labdb/pvd?options=-c%20a=hunter2", "may hold behind its [?] nothing but schema, "),
        ("postgresql://labdb/pvd?SSLMODE=hunter2", "may hold behind its [?] nothing but"),
        ("postgresql://labdb/pvd?hunter2", "may hold behind its [?] nothing but"),
        ("postgresql://anna:odd/hunter2@labdb/pvd", "must hold no password"),
        ("postgresql://anna:odd?hunter2=1@labdb/pvd", "must hold no password"),
        ("postgresql://labdb:hunter2/pvd", "must read postgresql.*the port a number"),
        ("postgresql://labdb:65536/pvd", "must read postgresql.*the port a number"),
        ("postgresql://labdb/pvd?schema=a;hunter2", "must name one schema"),
        ("postgresql://labdb/pvd?schema=a&schema=hunter2", "must name one schema"),
    ],
)
def test_a_password_is_refused_and_shown_nowhere(tmp_path: Path, storage: str, must: str) -> None:
    path = tmp_path / "lco.toml"
    path.write_text(write("lco", storage))
    with pytest.raises(ConfigInvalid, match=must) as caught:
        load_config(path)
    assert "hunter2" not in str(caught.value)
    assert "line 4, campaign.storage" in str(caught.value)
    with pytest.raises(ConfigInvalid) as again:
        Campaign.create(tmp_path / "lco", path.read_text())
    assert "hunter2" not in str(again.value)
    assert not (tmp_path / "lco").exists()


@pytest.mark.parametrize(
    "storage",
    [
        "postgresql+psycopg://lab@labserver/pvdopt",
        "postgresql://lab@[::1]:5432/pvdopt",
        "postgresql:///pvdopt?host=/var/run/postgresql",
        "postgresql:///pvdopt?host=one&host=two&target_session_attrs=primary",
        "postgresql://labdb/pvd?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3&schema=lco-1",
    ],
)
def test_what_a_url_may_hold_is_taken_by_file_and_ledger(tmp_path: Path, storage: str) -> None:
    (tmp_path / "lco.toml").write_text(write("lco", storage))
    assert load_config(tmp_path / "lco.toml").storage == storage
    assert Location.parse(storage).url is not None


def test_where_the_ledger_lies_has_no_part_in_proposals(tmp_path: Path) -> None:
    prints = set()
    for text in (PLAIN, write("other", "postgresql://labdb/pvd")):
        (tmp_path / "plain.toml").write_text(text)
        prints.add(load_config(tmp_path / "plain.toml").fingerprint())
    assert len(prints) == 1
