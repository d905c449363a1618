"""One of several people at one campaign: suggests, records and corrects by the command line, again and again.

What a command said it did is noted, to be looked for in the ledger afterwards.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import time
from dataclasses import asdict, dataclass, field

from pvdopt.campaign import Campaign
from pvdopt.cli import main
from pvdopt.errors import LedgerBusy, LedgerChanged

#: How often a command that found the ledger busy or changed is given again.
N_TRIES = 60


@dataclass
class Story:
    """What one worker did: proposals and results that were acknowledged, and what stood in its way."""

    author: str
    proposed: list[str] = field(default_factory=list)
    recorded: dict[str, float] = field(default_factory=dict)
    corrected: dict[str, float] = field(default_factory=dict)
    overtaken: int = 0
    busy: int = 0
    longest_s: float = 0.0
    faults: list[str] = field(default_factory=list)


def work(folder: str, author: str, n_operations: int) -> None:
    """Do so many operations and print the story as JSON."""
    os.environ["PVDOPT_AUTHOR"] = author
    rng = random.Random(author)
    story = Story(author)
    for number in range(n_operations):
        value = round(rng.uniform(0, 100), 6)
        waiting = _waiting(folder)
        dice = rng.random()
        if dice < 0.2 or not waiting:
            code, out, err = _run(story, "suggest", folder, "-n", "3", "--json")
            if code == 0:
                story.proposed += [str(p["id"]) for p in json.loads(out)["proposals"]]
            else:
                story.faults.append(f"suggest {code}: {err}")
        elif dice < 0.9 or not story.recorded:
            cell = rng.choice(waiting)
            code, out, err = _run(story, "record", folder, cell, f"gloss={value}")
            if code == 0:
                story.recorded[cell] = value
            elif code == 3 and "is recorded as" in err:
                story.overtaken += 1
            else:
                story.faults.append(f"record {code}: {err}")
        else:
            cell = rng.choice(sorted(story.recorded))
            code, out, err = _run(story, "correct", folder, cell, f"gloss={value}", "--why", f"no {number}")
            if code == 0:
                story.corrected[cell] = value
            else:
                story.faults.append(f"correct {code}: {err}")
    print(json.dumps(asdict(story)))


def _waiting(folder: str) -> list[str]:
    for _ in range(N_TRIES):
        with contextlib.suppress(LedgerBusy, LedgerChanged), Campaign.open(folder) as campaign:
            return list(campaign.own_cells().state.pending())
    return []


def _run(story: Story, *words: str) -> tuple[int, str, str]:
    """Run a command as a person does who is told "busy": try again after a moment."""
    for _ in range(N_TRIES):
        out, err, code = io.StringIO(), io.StringIO(), 0
        start = time.monotonic()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(words)
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else int(left.code is not None)
        story.longest_s = max(story.longest_s, time.monotonic() - start)
        if code != LedgerBusy.exit_code:
            break
        story.busy += 1
        time.sleep(random.uniform(0, 0.05))
    return code, out.getvalue(), err.getvalue()
