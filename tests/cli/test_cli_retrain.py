"""``pvdopt retrain``: the choice with its reason, the card, going back, and the list of choices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from campaigns import make_plain


@pytest.fixture
def begun(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    with make_plain(tmp_path / "studies" / "plain") as campaign:
        for speed in (1, 4, 8):
            campaign.record({"id": campaign.add({"speed": speed, "moisture": "dry"}), "gloss": float(speed)})
        assert campaign.ledger is not None
        campaign.ledger.add_retrained({"chosen": "forest", "configured": "gaussian_process", "why": "tested"})
    return run


def test_a_choice_comes_with_its_reason_and_a_card(begun: Any, tmp_path: Path) -> None:
    done = begun("retrain", "studies/plain")
    assert done.code == 0
    assert "forest, as before" in done.out
    assert "too few own cells" in done.out
    assert (tmp_path / "studies" / "plain" / "model_cards" / "choice-002.md").exists()
    assert "Card:  studies/plain/model_cards/choice-002.md" in done.err


def test_one_can_go_back_and_see_what_was_chosen(begun: Any) -> None:
    assert "gaussian_process instead of forest" in begun("retrain", "--rollback").out
    assert "gaussian_process" in begun("status").out
    done = begun("retrain", "--rollback")
    # The words are right, and it cannot be done.
    assert done.code == 1
    assert "nothing to go back to" in done.err
    listed = begun("retrain", "--history")
    assert "forest -> gaussian_process" in listed.out
    assert "tested" in listed.out
    assert [c["is_rollback"] for c in json.loads(begun("retrain", "--history", "--json").out)] == [False, True]


def test_history_and_rollback_exclude_each_other(begun: Any) -> None:
    assert begun("retrain", "--history", "--rollback").code == 2
