"""Where the laboratory stands against the reported cells, and what a baseline buys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import make_lco, make_plain, propose
from pvdopt.campaign import Campaign


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def lco(tmp_path: Path) -> Iterator[Campaign]:
    with make_lco(tmp_path / "lco") as campaign:
        yield campaign


def fill(campaign: Campaign, level: float) -> None:
    for thickness in (0.5, 1.0, 2.0):
        propose(campaign, thickness_um=thickness)
    for k, capacity in enumerate((56.0, 54.0, 50.0), start=1):
        campaign.record({"id": f"P00{k}", "capacity": level * capacity})


def test_a_poor_laboratory_stands_below_a_good_one(tmp_path: Path) -> None:
    ratios = []
    for name, level in (("poor", 0.6), ("good", 1.1)):
        with make_lco(tmp_path / name) as campaign:
            fill(campaign, level)
            campaign.retrain()
            (standing,) = campaign.status().standing
            assert standing.outcome == "capacity"
            assert standing.n == 3
            assert standing.low < standing.ratio < standing.high
            ratios.append(standing.ratio)
    assert ratios[0] < 0.9 < ratios[1]


def test_proposals_tell_it_as_well_and_the_newest_counts(lco: Campaign) -> None:
    assert lco.status().standing == []
    fill(lco, 0.7)
    assert lco.status().standing == []
    lco.suggest(1)
    first = lco.status().standing
    lco.record({"id": "P004", "capacity": 30.0})
    lco.retrain()
    second = lco.status().standing
    assert [s.n for s in (*first, *second)] == [3, 4]
    assert second[0].time > first[0].time


def test_before_the_first_cell_a_baselines_worth_is_told(lco: Campaign) -> None:
    first = lco.suggest(3)
    assert first.frame["purpose"].iloc[0] == "baseline"
    (note,) = (n for n in first.notes if n.startswith("What a baseline buys: 3 cells of P001"))
    assert "of capacity from" in note
    assert "retention from" in note
    lco.record({"id": "P001", "capacity": 50.0})
    assert not any("baseline buys" in n for n in lco.suggest(1).notes)


def test_a_plain_campaign_has_nothing_to_stand_against(tmp_path: Path) -> None:
    with make_plain(tmp_path / "plain") as campaign:
        assert not any("baseline buys" in n for n in campaign.suggest(2).notes)
        campaign.record({"id": "P001", "gloss": 3.0})
        campaign.retrain()
        assert campaign.status().standing == []
