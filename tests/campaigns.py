"""Small campaigns for tests: a shipped one with proposals put in by hand, and a plain one that proposes quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pvdopt.campaign import Campaign
from pvdopt.config import shipped_config

#: A plain campaign: two settings and one outcome that no vocabulary knows.
PLAIN = """
[campaign]
name = "plain"
evidence = "none"

[parameters.speed]
low = 1
high = 9
step = 1

[parameters.moisture]
choices = ["dry", "wet"]

[objectives.gloss]
maximize = true
"""


def make_lco(folder: Path, **changes: str) -> Campaign:
    """Return a campaign on the shipped LiCoO2 file, with texts of it replaced."""
    text = shipped_config("lco_lipon").read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    return Campaign.create(folder, text, author="tester")


def make_plain(folder: Path, text: str = PLAIN, **keys: str) -> Campaign:
    """Return the plain campaign, with keys of ``[campaign]`` added."""
    lines = "".join(f'{name} = "{value}"\n' for name, value in keys.items())
    return Campaign.create(folder, text.replace('evidence = "none"\n', f'evidence = "none"\n{lines}'), author="tester")


#: A recipe of the LiCoO2 campaign.
RECIPE: dict[str, Any] = {
    "bias_kind": "rf",
    "bias_v": -50.0,
    "anneal_kind": "furnace",
    "anneal_temperature_c": 700.0,
    "thickness_um": 1.0,
    "electrolyte": "Lipon",
}


def propose(campaign: Campaign, **changes: Any) -> str:
    """Put a proposal into the ledger without asking a model, and return its id."""
    recipe = {**campaign.space.fixed, **dict.fromkeys(campaign.space.names), **RECIPE, **changes}
    predicted = {
        "capacity": {"median": 50.0, "low": 30.0, "high": 80.0, "p": 0.8},
        "retention": {"median": 0.9, "low": 0.6, "high": 0.98, "p": 0.8},
    }
    row = {"recipe": recipe, "predicted": predicted, "usable_chance": 0.9, "purpose": "explore", "reason": "tested"}
    assert campaign.ledger is not None
    return campaign.ledger.add_proposals([row])[0]


def digest(campaign: Campaign) -> str:
    """Return the digest of the campaign's ledger."""
    assert campaign.ledger is not None
    return campaign.ledger.digest()
