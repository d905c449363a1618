"""Eight people at one campaign at once: no lost fact, no recipe proposed twice, nobody waits for ever."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from worker import Story
from zygote import Zygote

from pvdopt.campaign import Campaign

FOLDER = Path("studies") / "plain"
N_WORKERS = 8


@pytest.mark.parametrize("n_operations", [3, pytest.param(125, marks=pytest.mark.slow)])
def test_eight_at_once(tmp_path: Path, campaign_text: str, n_operations: int, tell: Callable[[str], None]) -> None:
    with Zygote(tmp_path) as zygote:
        assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
        ended = zygote.run_together([("@worker", FOLDER, f"worker{n}", n_operations) for n in range(N_WORKERS)])
    assert [e.code for e in ended] == [0] * N_WORKERS, [e.err for e in ended]
    stories = [Story(**json.loads(e.out.splitlines()[-1])) for e in ended]
    assert [fault for story in stories for fault in story.faults] == []
    with Campaign.open(tmp_path / FOLDER) as campaign:
        assert campaign.ledger is not None
        assert campaign.ledger.check() == []
        facts = campaign.ledger.facts()
        state = campaign.own_cells().state
    who = {(f.kind, f.cell): f.author for f in facts if f.kind in ("proposed", "measured")}
    for story in stories:
        assert all(who["proposed", cell] == story.author for cell in story.proposed)
        assert all(who["measured", cell] == story.author for cell in story.recorded)
        last = {**story.recorded, **story.corrected}
        assert {cell: state.cells[cell].outcomes["gloss"].value for cell in last} == last
    assert sum(len(s.proposed) for s in stories) == sum(f.kind == "proposed" for f in facts)
    assert sum(len(s.recorded) for s in stories) == sum(f.kind == "measured" for f in facts)
    recipes = Counter(tuple(c.recipe.items()) for c in state.cells.values())
    assert max(recipes.values()) == 1, "a recipe was proposed twice"
    tell(
        f"{N_WORKERS} processes, {N_WORKERS * n_operations} operations, {len(facts)} facts, none lost, none twice; "
        f"{sum(s.busy for s in stories)} times told busy or changed, {sum(s.overtaken for s in stories)} times "
        f"overtaken; longest command {max(s.longest_s for s in stories):.1f} s"
    )
