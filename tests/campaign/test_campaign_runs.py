"""Runs in a campaign: from the campaign file into proposals and the ledger, and a discarded one out again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import PLAIN, digest, make_plain
from pvdopt.campaign import Campaign
from pvdopt.choice.runs import Hours, Run
from pvdopt.config import CampaignConfig
from pvdopt.errors import ConfigInvalid, DataInvalid, UsageError

#: A laboratory that coats several plates at one speed and dries several at one moisture.
TEXT = (
    PLAIN.replace("[objectives.gloss]", "[parameters.load]\nlow = 0\nhigh = 1\n\n[objectives.gloss]")
    + """
[runs.coating]
shares = ["speed"]
places = 3
hours = "8 h"

[runs.drying]
shares = ["moisture"]
when = { moisture = ["wet"] }
hours = 2
hours_per = { load = 4 }

[cost]
hours = 0.25
"""
)


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    with make_plain(tmp_path / "plain", TEXT) as found:
        yield found


def test_a_campaign_file_says_how_the_laboratory_works(campaign: Campaign) -> None:
    assert campaign.config.runs() == [
        Run("coating", ("speed",), 3, hours=8.0),
        Run("drying", ("moisture",), hours=2.0, hours_per={"load": 4.0}, when={"moisture": ("wet",)}),
    ]
    assert campaign.config.cost() == Hours(0.25)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('shares = ["speed"]', 'shares = ["sped"]', "Did you mean speed?"),
        ('shares = ["speed"]', "shares = []", "at least one setting of [parameters]"),
        ("places = 3", "places = 0", "runs.coating.places"),
        ('hours = "8 h"', 'hours = "480 V"', "runs.coating.hours"),
        ('hours = "8 h"', "hours = 0", "must be above 0"),
        ("{ load = 4 }", "{ moisture = 4 }", "needs a number, which moisture is not"),
        ('{ moisture = ["wet"] }', '{ moisture = ["soaked"] }', "must be one of dry, wet"),
        ('{ moisture = ["wet"] }', '{ speed = ["wet"] }', "needs a choice, which speed is not"),
        ("[runs.coating]", '[runs."coating 1"]', "must be named by letters"),
        ("[cost]\nhours = 0.25", '[cost]\nhours = "much"', "cost.hours"),
    ],
)
def test_what_a_campaign_file_cannot_say(old: str, new: str, said: str) -> None:
    import tomllib

    assert old in TEXT
    with pytest.raises(ConfigInvalid) as caught:
        CampaignConfig.from_dict(tomllib.loads(TEXT.replace(old, new)))
    assert said in str(caught.value)


def test_proposals_stand_in_runs_and_later_ones_fill_them(campaign: Campaign) -> None:
    first = campaign.suggest(2)
    assert [run.label for run in first.runs if run.kind == "coating"] == ["coating-1", "coating-2"]
    cells = campaign.own_cells().state.cells
    assert cells["P001"].run == "coating-1"
    assert cells["P001"].proposal["runs"]["coating"] == "coating-1"
    assert first.hours is not None
    assert first.hours["total"] == pytest.approx(sum(first.frame["hours"]))
    # Nothing was made yet: the runs are open.
    state = {one.label: one for one in campaign.own_cells().planned_runs(campaign.config.runs())}
    assert state["coating-1"].is_open
    assert state["coating-1"].hours == 8
    campaign.record({"id": "P001", "gloss": 10})
    state = {one.label: one for one in campaign.own_cells().planned_runs(campaign.config.runs())}
    assert not state["coating-1"].is_open
    assert state["coating-2"].is_open
    later = campaign.suggest(3)
    labels = {run.label for run in later.runs if run.kind == "coating"}
    assert "coating-1" not in labels
    assert labels - {"coating-2"} <= {"coating-3", "coating-4", "coating-5"}


def test_a_cell_dropped_or_edited_leaves_its_place(campaign: Campaign) -> None:
    campaign.suggest(1)
    cell = campaign.own_cells().state.cells["P001"]
    other = 9.0 if cell.recipe["speed"] != 9.0 else 8.0

    def coating() -> tuple[int, bool]:
        (one,) = (o for o in campaign.own_cells().planned_runs(campaign.config.runs()) if o.kind == "coating")
        return one.used, one.is_open

    assert coating() == (1, True)
    assert campaign.ledger is not None
    campaign.ledger.edit("P001", {"speed": other}, {})
    assert coating() == (0, False)
    campaign.ledger.edit("P001", {"speed": cell.recipe["speed"]}, {})
    assert coating() == (1, True)
    campaign.veto("P001")
    assert coating() == (0, False)


def test_a_discarded_run_of_any_kind_takes_its_cells_along(campaign: Campaign) -> None:
    campaign.suggest(4)
    cells = campaign.own_cells().state.cells
    drying = next(c.proposal["runs"]["drying"] for c in cells.values() if "drying" in c.proposal["runs"])
    inside = {c.id for c in cells.values() if c.proposal["runs"].get("drying") == drying}
    assert inside
    assert campaign.discard_run(drying, "the heater drifted")
    after = campaign.own_cells().state.cells
    assert {c.id for c in after.values() if c.status == "discarded"} == inside
    with pytest.raises(DataInvalid, match="must not be a discarded run"):
        campaign.record({"id": min(inside), "gloss": 3})
    # A run that the laboratory names itself takes the place of the planned one.
    other = next(c.id for c in after.values() if c.status == "proposed")
    campaign.record({"id": other, "gloss": 3, "run": "R17"})
    assert campaign.own_cells().state.cells[other].run == "R17"


def test_a_budget_of_hours_decides_how_many(campaign: Campaign) -> None:
    before = digest(campaign)
    found = campaign.suggest(budget="9 h", dry_run=True)
    assert found.hours is not None
    assert found.hours["total"] <= 9
    found = campaign.suggest(budget=["20 h", "coating=8 h"], dry_run=True)
    assert found.hours is not None
    assert found.hours["coating"] == 8
    assert digest(campaign) == before
    for text, said in [("ten", "write hours"), ("-3 h", "above 0"), ("oven=3 h", "no kind of run 'oven'")]:
        with pytest.raises(UsageError, match=said):
            campaign.suggest(budget=text)
    with pytest.raises(UsageError, match="takes no budget"):
        campaign.suggest(budget="9 h", sampler="random")
    with pytest.raises(UsageError, match="must be one of surrogate, tpe"):
        campaign.suggest(sampler="gp")


def test_a_budget_needs_hours(tmp_path: Path) -> None:
    with (
        make_plain(tmp_path / "bare") as campaign,
        pytest.raises(UsageError, match=r"give the campaign file \[runs.NAME\]"),
    ):
        campaign.suggest(budget="9 h")


def test_another_sampler_may_choose_and_says_that_it_knows_no_runs(campaign: Campaign) -> None:
    found = campaign.suggest(2, sampler="random", dry_run=True)
    assert found.sampler == "random"
    assert any("knows no runs" in note for note in found.notes)


def test_a_setting_made_far_outside_its_range_is_asked_about(campaign: Campaign) -> None:
    campaign.suggest(1, fix={"speed": 9})
    with pytest.raises(DataInvalid, match=r"speed: should lie in \[1, 9\], as the campaign file has it, got 12"):
        campaign.record({"id": "P001", "speed": 12, "gloss": 3})
    # A machine does not meet its set-point exactly.
    campaign.record({"id": "P001", "speed": 9.2, "gloss": 3})
