"""The main job, end to end: three rounds of suggest and record on the shipped LiCoO2 campaign, typed by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pvdopt.campaign import Campaign
from pvdopt.config import shipped_config


def test_three_rounds_with_a_failed_a_partial_and_a_corrected_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    text = shipped_config("lco_lipon").read_text(encoding="utf-8")
    sheet = tmp_path / "results.csv"
    with Campaign.create(tmp_path / "lco", text, author="Mira") as campaign:
        # Round 1: nothing of this laboratory is known.
        first = campaign.suggest(4)
        assert list(first.frame["id"]) == ["P001", "P002", "P003", "P004"]
        assert campaign.space.is_allowed(first.frame).all()
        wide = first.frame["capacity_high"] / first.frame["capacity_low"]
        sheet.write_text(
            "id,thickness_um,capacity,retention,outcome_class,stage,run,remark\n"
            "P001,,52.1 ± 1.5,91 %,,,R1,\n"
            "P002,,~ 47,,,,R1,still cycling\n"
            "P003,,,,shorted,electrolyte,R2,\n"
            "P004,,55,>= 0.88,,,R2,\n",
            encoding="utf-8",
        )
        report = campaign.record(sheet)
        assert (report.new, report.unchanged) == (4, 0)
        assert {(s.id, s.outcome) for s in report.scores} == {
            ("P001", "capacity"),
            ("P001", "retention"),
            ("P002", "capacity"),
            ("P004", "capacity"),
            ("P004", "retention"),
        }
        assert campaign.status().counts == {"complete": 2, "partial": 1, "failed": 1}
        trained = campaign.retrain()
        assert trained.n_own == {"capacity": 3, "retention": 2}
        assert trained.chosen == "gaussian_process"

        # Round 2: the level of the laboratory is learned, so that what is predicted narrows.
        second = campaign.suggest(4)
        narrow = second.frame["capacity_high"] / second.frame["capacity_low"]
        assert narrow.median() < wide.median()
        ids = list(second.frame["id"])
        assert ids == ["P005", "P006", "P007", "P008"]
        sheet.write_text("id,capacity,retention\nP002,~ 47,0.9\nP005,58,0.9\nP006,50,0.95\nP007,61,\n")
        report = campaign.record(sheet)
        assert report.new == 4
        # A cell may be vetoed, and what was read wrongly put right.
        assert campaign.veto(ids[3], "target is used up")
        assert campaign.correct("P005", {"capacity": 56}, "area measured again") == 1
        campaign.retrain()

        # Round 3: nothing that was made or is to be made comes again, save as a replicate.
        third = campaign.suggest(4)
        known = pd.concat([first.frame, second.frame])
        keys = set(campaign.space.keys(known))
        for _, row in third.frame.iterrows():
            key = campaign.space.keys(third.frame[third.frame["id"] == row["id"]])[0]
            assert key not in keys or row["purpose"] == "replicate"
        assert campaign.status().counts["proposed"] == 4
        assert campaign.best().believed
        assert campaign.ledger is not None
        assert campaign.ledger.check() == []
        assert {fact.author for fact in campaign.ledger.facts()} == {"Mira"}
        digest = campaign.ledger.digest()

    # All of it is in the folder: whoever opens it sees the same and is proposed the same.
    with Campaign.open(tmp_path / "lco", "Jonas") as again:
        assert again.ledger is not None
        assert again.ledger.digest() == digest
        assert again.status().counts == {"complete": 5, "partial": 1, "failed": 1, "vetoed": 1, "proposed": 4}
        assert again.record(sheet).n_facts == 0
