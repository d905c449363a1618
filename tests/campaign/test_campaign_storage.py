"""A campaign whose ledger lies in PostgreSQL: every machine has the campaign file, and all see the same cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import PLAIN
from postgres_server import Server
from pvdopt.campaign import Campaign
from pvdopt.config import load_config
from pvdopt.errors import ConfigInvalid, DataInvalid


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


def test_where_the_ledger_lies_has_no_part_in_proposals(tmp_path: Path) -> None:
    prints = set()
    for text in (PLAIN, write("other", "postgresql://labdb/pvd")):
        (tmp_path / "plain.toml").write_text(text)
        prints.add(load_config(tmp_path / "plain.toml").fingerprint())
    assert len(prints) == 1
