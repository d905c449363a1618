"""``kill -9`` at any instant of a study: what was evaluated stays, nothing is half there, the same command goes on."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from zygote import Zygote

from pvdopt.campaign.folder import find_ledger
from pvdopt.ledger import Fact, Ledger

FOLDER = Path("studies") / "plain"
#: A rig that measures at once, and tells that it made something other than what was asked.
RIG = """cat > /dev/null
echo '{"gloss": 42.5, "speed": 3.25}'
"""
BATCH = 2


def read_facts(home: Path) -> list[Fact]:
    with Ledger.open(find_ledger(home / FOLDER)) as ledger:
        assert ledger.check() == []
        return ledger.facts()


def check_whole(facts: Sequence[Fact]) -> None:
    """Check that what belongs together is there together, and nothing twice."""
    kinds = Counter((f.kind, f.cell) for f in facts if f.cell is not None)
    assert set(kinds.values()) <= {1}, "something is there twice"
    made, measured = ({cell for kind, cell in kinds if kind == wanted} for wanted in ("executed", "measured"))
    assert made == measured, "half of an evaluation is there"
    batches = Counter(f.payload["batch"] for f in facts if f.kind == "proposed")
    assert set(batches.values()) <= {BATCH}, "half of a batch is there"


@pytest.mark.parametrize("how", [(), ("--share", "--lease", 0.3)], ids=["alone", "shared"])
@pytest.mark.parametrize("n_kills", [5, pytest.param(125, marks=pytest.mark.slow)])
def test_a_study_is_killed(
    tmp_path: Path, campaign_text: str, how: tuple[object, ...], n_kills: int, tell: Callable[[str], None]
) -> None:
    (tmp_path / "rig.sh").write_text(RIG)
    rng = random.Random(n_kills)
    kills, budget, seconds = 0, 4, 1.0
    facts: list[Fact] = []
    with Zygote(tmp_path) as zygote:
        assert zygote.run("init", "plain", "--from", "plain.toml").code == 0

        def study(**aim: float) -> int | None:
            words = ("study", "run", FOLDER, "--budget", budget, "-n", BATCH, "--command", "/bin/sh rig.sh", *how)
            ended = zygote.run(*words, "--json", **aim)
            assert ended.code in (0, None), ended.err
            if ended.code == 0:
                assert json.loads(ended.out)["evaluations"] == budget
            nonlocal facts
            now = read_facts(tmp_path)
            assert now[: len(facts)] == facts, "a fact is missing or was changed"
            facts = now
            check_whole(facts)
            return ended.code

        while kills < n_kills:
            if study(kill_after=rng.uniform(0, seconds)) is None:
                kills += 1
            else:
                # All is done: there has to be more to do, and less time for it.
                budget, seconds = budget + 2 * BATCH, max(0.2, 0.9 * seconds)
        assert study() == 0
    cells = Counter(f.kind for f in facts if f.cell is not None)
    assert cells["proposed"] == cells["measured"] == budget
    tell(f"{kills} kills of a study survived; {len(facts)} facts, none lost, none half; {budget} evaluations")
