"""How the best of a campaign grew with its cells, by what was measured. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pvdopt.campaign.own_cells import OwnCells
from pvdopt.ledger.values import Outcome


@dataclass(frozen=True)
class Progressed:
    """Where a campaign stood after so many cells.

    Attributes
    ----------
    n : int
        Cells with results, in the order in which these came; what a mishap spoilt does not count.
    id : str
        The last of them.
    best : float or None
        The best outcome measured, of cells that keep the thresholds; with several objectives their hypervolume above
        the reference point that the campaign's first proposals fixed. None where there is nothing yet.
    """

    n: int
    id: str
    best: float | None


def kept_reference(own: OwnCells) -> dict[str, float] | None:
    """Return the reference point that the campaign's first proposals fixed, by goal; None before them."""
    told = (c.proposal.get("reference") for c in own.state.cells.values())
    return next((r for r in told if isinstance(r, dict)), None)


def progress_curve(own: OwnCells) -> list[Progressed]:
    """Return where the campaign stood after each cell with results."""
    # Loads scipy, which nobody waits for at the prompt.
    from pvdopt.choice.acquisition import hypervolume

    goals = [o for o in own.objectives if not o.is_constraint]
    reference = kept_reference(own)
    done = [c for c in own.counting() if c.outcome_class != "lab_error"]
    done.sort(key=lambda c: max(c.times.get(kind, "") for kind in ("executed", "measured", "failed", "corrected")))
    points: list[list[float]] = []
    curve = []
    for n, cell in enumerate(done, start=1):
        outcomes = own.outcomes(cell)
        if cell.outcome_class == "ok" and all(o.name in outcomes for o in goals) and _keeps_thresholds(own, outcomes):
            points.append([o.sign * outcomes[o.name].value for o in goals])
        best = None
        if points and len(goals) == 1:
            best = goals[0].sign * max(p[0] for p in points)
        elif points and reference is not None and all(o.name in reference for o in goals):
            corner = np.array([o.sign * float(reference[o.name]) for o in goals])
            best = hypervolume(np.array(points), corner)
        curve.append(Progressed(n, cell.id, None if best is None else float(best)))
    return curve


def _keeps_thresholds(own: OwnCells, outcomes: Mapping[str, Outcome]) -> bool:
    """Return whether outcomes without a direction keep their thresholds, as far as they are known."""
    return all(
        o.name not in outcomes or outcomes[o.name].value >= float(o.threshold or 0.0)
        for o in own.objectives
        if o.is_constraint
    )
