"""What settings held by hand mean for a campaign's thresholds, in a sentence. Chooses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.campaign.beliefs import Beliefs
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.gain import log_chance_to_meet
from pvdopt.objectives import Objective
from pvdopt.wording import show

#: Chance that a cell meets a threshold below which it is unlikely to.
UNLIKELY = 0.5
#: Other recipes that are asked whether it lies at the settings held.
N_OTHERS = 256


def say_held(beliefs: Beliefs, batch: pd.DataFrame, fix: Mapping[str, Any]) -> list[str]:
    """Return a note for each threshold that no cell of a batch is likely to meet, where others would.

    A cell that misses one counts for nothing achieved, whether or not the outcome has a direction too.

    Parameters
    ----------
    batch : DataFrame
        Proposals with their predictions, see :meth:`pvdopt.choice.proposer.Proposer.propose`.
    fix : mapping
        The settings held.
    """
    limits = [o for o in beliefs.objectives if o.threshold is not None and batch[o.name].notna().all()]
    if not fix or not limits:
        return []
    names = list(beliefs.space.names)
    others = draw_recipes(beliefs.space, N_OTHERS, np.random.default_rng(abs(beliefs.seed)))
    predictions = beliefs.fitted().predict(pd.concat([batch[names], others[names]], ignore_index=True))
    found = []
    for limit in limits:
        chances = np.exp(log_chance_to_meet({limit.name: predictions[limit.name]}, [limit], as_cell=True))
        chances = chances if limit.sign > 0 else 1.0 - chances
        here, elsewhere = float(chances[: len(batch)].max()), float(chances[len(batch) :].max(initial=0.0))
        if here < UNLIKELY <= elsewhere:
            found.append(_say(beliefs, limit, float((limit.sign * batch[limit.name]).max()), here, elsewhere, fix))
    return found


def _say(beliefs: Beliefs, limit: Objective, best: float, here: float, elsewhere: float, fix: Mapping[str, Any]) -> str:
    unit = limit.unit or ""
    units = {name: getattr(beliefs.space[name], "unit", "") for name in fix}
    held = ", ".join(f"{name} {show(value, units[name])}" for name, value in fix.items())
    bound = f"at {'least' if limit.sign > 0 else 'most'} {show(limit.threshold, unit)}"
    return (
        f"With {held} held no cell of this batch is likely to have {limit.name} of {bound}: "
        f"{show(limit.sign * best, unit, digits=3)} is the best that is predicted, and the chance {here:.0%} at best; "
        f"without, up to {elsewhere:.0%}. Such cells teach, but count for nothing achieved."
    )
