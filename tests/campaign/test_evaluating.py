"""How own cells were predicted from the first of them, and what evaluate is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from campaigns import make_plain
from pvdopt.campaign import Campaign
from pvdopt.campaign.evaluating import CURVE, N_LATER, learning_curve


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Campaign]:
    with make_plain(tmp_path / "plain") as campaign:
        yield campaign


def make(campaign: Campaign, n: int) -> None:
    """Add cells on a line with a little noise."""
    rng = np.random.default_rng(0)
    for k in range(n):
        speed, kind = 1 + k % 9, "wet" if k % 2 else "dry"
        i = campaign.add({"speed": speed, "moisture": kind})
        campaign.record({"id": i, "gloss": 10.0 + speed + 5.0 * (kind == "wet") + 0.1 * rng.standard_normal()})


def test_the_more_cells_are_known_the_better_the_later_ones_are_predicted(plain: Campaign) -> None:
    make(plain, 12)
    found = learning_curve(plain.beliefs(plain.own_cells()))
    assert [(p.outcome, p.n_own, p.n_later) for p in found] == [("gloss", 0, 12), ("gloss", 3, 9), ("gloss", 8, 4)]
    factors = [p.typical_factor for p in found]
    assert factors[2] < factors[0]
    assert all(0 <= p.inside <= p.n_later for p in found)


@pytest.mark.parametrize("n", [0, N_LATER - 1])
def test_too_few_cells_make_no_curve(plain: Campaign, n: int) -> None:
    make(plain, n)
    assert learning_curve(plain.beliefs(plain.own_cells())) == []


def test_a_failed_cell_is_no_later_cell(plain: Campaign) -> None:
    make(plain, 4)
    i = plain.add({"speed": 5, "moisture": "dry"})
    plain.fail(i, outcome_class="cracked")
    assert [(p.n_own, p.n_later) for p in learning_curve(plain.beliefs(plain.own_cells()))] == [(0, 4)]
    assert CURVE[0] == 0


def test_without_evidence_only_own_cells_are_evaluated(plain: Campaign) -> None:
    make(plain, 9)
    found = plain.evaluate(specifications=["gaussian_process"])
    assert {s.by for s in found.skills} == {"own cells"}
    assert (found.pairs, found.families, found.control, found.without_odd) == ({}, [], [], [])
    assert [p.n_own for p in found.curve] == [0, 3]
    assert plain.in_use() == ["gaussian_process"]
