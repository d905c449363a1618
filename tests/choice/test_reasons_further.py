"""What drives a proposal, and what was considered beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from campaigns import PLAIN, make_plain
from pvdopt.campaign import Campaign
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.proposer import Proposer
from pvdopt.choice.runs import Run
from pvdopt.objectives import Objective
from pvdopt.space import Continuous, SearchSpace
from pvdopt.surrogates.base import IdentityLink
from simple_models import FixedModels, SimpleModels

SPACE = SearchSpace([Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)])
Y = Objective("y", unit="V")
Z = Objective("z", maximize=None, threshold=0.5)


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Campaign]:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    with make_plain(tmp_path / "plain", PLAIN.replace("step = 1\n", "step = 0.25\n")) as found:
        yield found


def test_what_came_next_is_told_with_its_figures() -> None:
    found = draw_recipes(SPACE, 6, np.random.default_rng(0))
    seen = found.assign(y=-((found["a"] - 0.3) ** 2))
    batch = Proposer(SPACE, [Y], models=lambda: SimpleModels(SPACE, [Y])).propose(seen, 2)
    others = batch.attrs["alternatives"]
    assert 1 <= len(others) <= 3
    chosen = {(row.a, row.b) for row in batch.itertuples()}
    for other in others:
        assert set(other) == {"recipe", "predicted", "gain", "usable_chance", "meets", "why"}
        assert (other["recipe"]["a"], other["recipe"]["b"]) not in chosen
        assert other["gain"] > 0
        assert other["why"].startswith("once the batch is made it gains")
    gains = [other["gain"] for other in others]
    assert gains == sorted(gains, reverse=True)


def test_a_threshold_or_a_dear_run_is_named_where_it_decides() -> None:
    found = draw_recipes(SPACE, 6, np.random.default_rng(0))
    flat = (lambda r: 0.0 * r["a"], lambda r: np.full(len(r), 0.3), IdentityLink())
    # What lies to the left gains as much and misses the threshold more often.
    slope = (lambda r: 0.7 * r["a"], lambda r: np.full(len(r), 0.05), IdentityLink())
    models = FixedModels(y=flat, z=slope)
    seen = found.assign(y=0.0, z=0.9)
    batch = Proposer(SPACE, [Y, Z], models=lambda: models).propose(seen, 1)
    rows = SPACE.frame([{"a": 0.9, "b": 0.5}, {"a": 0.65, "b": 0.5}])
    two = Proposer(SPACE, [Y, Z], models=lambda: models).propose(seen, 1, candidates=rows)
    assert batch["a"].iloc[0] > 0.7
    # What decides is the recipe's chance; a cell scatters besides, and its chance is another one.
    why = two.attrs["alternatives"][0]["why"]
    assert why.startswith("its recipe, the scatter of single cells taken out, is less likely to meet the thresholds (")
    assert "of the least gainful one chosen" in why
    assert "that a cell meets the thresholds" in two["reason"].iloc[0]
    run = Run("deposition", ["a"], hours=1.0, hours_per={"a": 40.0})
    dear = Proposer(SPACE, [Y], runs=[run], models=lambda: FixedModels(y=flat))
    rows = SPACE.frame([{"a": 0.0, "b": 0.5}, {"a": 1.0, "b": 0.5}])
    other = dear.propose(found.assign(y=0.0), 1, candidates=rows).attrs["alternatives"][0]
    assert other["why"] == "it would add 41.5 h, with the runs it opens"


def test_drivers_add_up_to_the_difference_to_the_best(campaign: Campaign) -> None:
    for speed, moisture in [(1, "dry"), (3, "wet"), (6, "wet"), (8, "dry"), (9, "wet")]:
        gloss = 50 - (speed - 6) ** 2 + 5 * (moisture == "wet")
        campaign.add({"speed": speed, "moisture": moisture})
        campaign.record({"id": f"C{len(campaign.own_cells().state.cells):03d}", "gloss": gloss})
    found = campaign.suggest(2)
    for driven, row in zip(found.drivers, found.frame.to_dict("records"), strict=True):
        assert driven is not None
        assert driven.against == "C003, the cell believed best so far"
        # The best is predicted at about what it gave.
        assert driven.differs["gloss"] == pytest.approx(row["gloss"] - 55.0, abs=4.0)
        assert sum(part.adds["gloss"] for part in driven.contributions) == pytest.approx(driven.differs["gloss"])
        shares = [driven.share(part, "gloss") for part in driven.contributions]
        assert sum(share for share in shares if share is not None) == pytest.approx(1.0)
    # What came second is kept with the proposal, for whoever asks later.
    assert campaign.explain("P001").alternatives == found.alternatives
