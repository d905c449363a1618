from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_recipes import proposal

from pvdopt.ledger import Ledger


class Clock:
    """A minute passes with every look at it."""

    def __init__(self) -> None:
        self.now = datetime(2025, 3, 1, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.create(path, "lco", "anna", wait_s=0.2, clock=Clock()) as made:
        yield made


@pytest.fixture
def planned(ledger: Ledger) -> Ledger:
    """Four proposals, P001 to P004, and a cell of the lab's own, C001; P004 is planned for run R4."""
    ledger.add_proposals([proposal(), proposal(bias_v=0.0), proposal(thickness_um=2.0), {**proposal(), "run": "R4"}])
    ledger.add_cell({"bias_v": -20, "thickness_um": 0.5}, remark="thin for once")
    return ledger
