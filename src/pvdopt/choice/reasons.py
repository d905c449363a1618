"""Why a recipe is proposed, in one plain sentence. Pure words and figures; knows no model and no space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pvdopt.objectives import Objective

Purpose = Literal["baseline", "explore", "exploit", "trade-off", "replicate"]


@dataclass(frozen=True)
class Grounds:
    """The figures behind one proposal.

    Attributes
    ----------
    medians, best : mapping
        Outcome -> predicted median, and the best achieved so far; empty where nothing is predicted or achieved.
    gain : float or None
        Expected gain, weighted by the chances: in the objective's unit with one objective, in hypervolume with
        several; None where the recipe was not chosen for its gain.
    share : float or None
        With several objectives: the gain as a share of the hypervolume achieved.
    chance : float
        Chance of a usable cell.
    meets : float or None
        Chance that the constraints on outcomes hold for the cell; None without any.
    rival : float or None
        Of a replicate: what the new recipe in whose place it stands was expected to teach; ``gain`` then is what the
        replicate is expected to.
    is_baseline : bool
        Whether it is the known recipe that a campaign begins with, or a replicate of that.
    is_first : bool
        Whether it belongs to the first design, chosen for its distance to what is known.
    is_reported : bool
        Whether "the best so far" are reported recipes as predicted for this laboratory, for want of own cells.
    n_best : int
        With one objective: how many best recipes the gain is over, see :class:`pvdopt.choice.gain.Gain`.
    """

    medians: Mapping[str, float]
    best: Mapping[str, float]
    gain: float | None
    share: float | None
    chance: float
    meets: float | None
    is_baseline: bool = False
    is_first: bool = False
    rival: float | None = None
    is_reported: bool = False
    n_best: int = 1


def choose_purpose(
    grounds: Grounds, goals: Sequence[Objective], front: Sequence[Sequence[float]], is_repeat: bool
) -> Purpose:
    """Return what a proposal is for.

    Parameters
    ----------
    front : sequence of m signed medians each
        What is achieved, more being better.
    is_repeat : bool
        Whether the same recipe was made before.
    """
    if is_repeat:
        return "replicate"
    if grounds.is_first or not front or not goals:
        return "explore"
    point = [o.sign * grounds.medians[o.name] for o in goals]
    beaten = any(all(f >= p for f, p in zip(row, point, strict=True)) for row in front)
    if beaten:
        return "explore"
    beats = any(all(p >= f for f, p in zip(row, point, strict=True)) for row in front)
    return "exploit" if beats or len(goals) == 1 else "trade-off"


def write_reason(purpose: Purpose, grounds: Grounds, goals: Sequence[Objective]) -> str:
    """Return the sentence shown with a proposal."""
    parts = [_for_what(purpose, grounds, goals)]
    # With several objectives a gain is told by comparison, and what it cannot be compared with was just said.
    if grounds.gain is not None and (len(goals) == 1 or (goals and grounds.best)):
        parts.append(_gain(grounds, goals))
    if grounds.meets is not None:
        parts.append(f"chance that the thresholds are met {grounds.meets:.0%}")
    parts.append(f"chance of a usable cell {grounds.chance:.0%}")
    return "; ".join(parts) + "."


def _for_what(purpose: Purpose, grounds: Grounds, goals: Sequence[Objective]) -> str:
    if purpose == "baseline":
        # Of a cathode that nobody reported there is no recipe to begin with.
        reported = "best reported recipe, as far as it is told"
        which = reported if grounds.best else "recipe predicted best, none being reported"
        return f"Baseline: the {which}, made here to learn the level of this laboratory"
    if purpose == "replicate" and grounds.is_baseline:
        return "Replicate: the baseline once more, to tell the level of this laboratory from the noise of a cell"
    if purpose == "replicate" and grounds.rival is not None:
        return (
            f"Replicate: {_figures(grounds.medians, goals)} predicted, among the best so far, and cells of one recipe "
            "differ too much to say which is the best"
        )
    if purpose == "replicate":
        return "Replicate: made before and still the most useful cell to make, to tell its effect from noise"
    if grounds.is_first:
        return "Explore: far from every recipe tried so far, to cover the space"
    figures = f"{_figures(grounds.medians, goals)} predicted"
    if purpose == "trade-off":
        so_far = (
            "no reported recipe is predicted to beat here" if grounds.is_reported else "nothing achieved so far beats"
        )
        return f"Trade-off: {figures}, a balance that {so_far}"
    achieved = "nothing achieved here yet"
    if grounds.best:
        # Medians once the noise of single cells is taken out, each goal's best by itself: no cell need have both.
        apart = ", each by itself" if len(goals) > 1 else ""
        made = f"at best believed of recipes made{apart}"
        whose = "at best predicted here of reported recipes" if grounds.is_reported else made
        achieved = f"{_figures(grounds.best, goals)} {whose}"
    return f"{'Explore, being uncertain' if purpose == 'explore' else 'Exploit'}: {figures}, {achieved}"


def _figures(values: Mapping[str, float], goals: Sequence[Objective]) -> str:
    return " and ".join(f"{o.name} {_quantity(values[o.name], o.unit)}" for o in goals if o.name in values)


def _quantity(value: float, unit: str | None) -> str:
    return f"{value:.3g} {unit}" if unit not in (None, "", "1") else f"{value:.3g}"


def _gain(grounds: Grounds, goals: Sequence[Objective]) -> str:
    if grounds.rival is not None and grounds.gain is not None:
        return (
            f"expected to better that choice by {_worth(grounds.gain, grounds, goals)}, the new recipe in whose "
            f"place it stands by {_worth(grounds.rival, grounds, goals)}"
        )
    if len(goals) == 1 and grounds.gain is not None:
        over = f" over the least of the {grounds.n_best} best measured" if grounds.n_best > 1 else ""
        return f"expected gain {_quantity(grounds.gain, goals[0].unit)}{over}"
    if grounds.share is None:
        return "nothing achieved yet to compare the gain with"
    whose = "of those reported recipes" if grounds.is_reported else "achieved"
    return f"expected gain {100.0 * grounds.share:.3g} % of the hypervolume {whose}"


def _worth(value: float, grounds: Grounds, goals: Sequence[Objective]) -> str:
    """Return a gain in the objective's unit, or as a share of the hypervolume achieved."""
    if len(goals) == 1:
        return _quantity(value, goals[0].unit)
    if grounds.share is None or not grounds.gain:
        return f"{value:.3g}"
    return f"{100.0 * grounds.share * value / grounds.gain:.3g} % of the hypervolume achieved"
