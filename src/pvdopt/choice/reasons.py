"""Why a recipe is proposed, in two plain sentences. Pure words and figures; knows no model and no space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pvdopt.choice.hopes import ONE_IN, Hope
from pvdopt.objectives import Objective

Purpose = Literal["baseline", "explore", "exploit", "trade-off", "replicate"]

#: Share of the expected gain that has to lie in the predicted medians before a cell is called an exploit: with less
#: it is its spread that makes it worth a run, however the medians stand; and before it is called a trade-off, whose
#: balance may differ from all others by a hair. Judgements: of real trade-offs the share is 0.4 and more.
MOSTLY, SOME = 0.5, 0.05
#: Percent of the hypervolume under which a gain is only called less than this: joint draws show no finer.
LEAST_PERCENT = 0.01


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
    volume : float
        With several objectives the hypervolume achieved, of which gains are told as shares; else 0.
    chance : float
        Chance of a usable cell.
    meets : float or None
        Chance that the constraints on outcomes hold for a single cell; None without any.
    hope : Hope or None
        What it may bring against the best so far; None where nothing is achieved or predicted.
    rival : float or None
        Of a replicate: what the new recipe in whose place it stands was expected to teach; ``gain`` then is what the
        replicate is expected to.
    is_baseline : bool
        Whether it is the known recipe that a campaign begins with, or a replicate of that.
    begins_with : {"reported", "listed", "drawn"}
        Of a baseline: whether it is the best of the reported recipes, of the candidates, or of all.
    held : sequence of str
        The settings held by hand.
    is_first : bool
        Whether it belongs to the first design, chosen for its distance to what is known.
    is_reported : bool
        Whether "the best so far" are reported recipes as predicted for this laboratory, for want of own cells.
    is_later : bool
        Whether other proposals stand before it, on top of which its gain is told.
    n_best : int
        With one objective: how many best recipes the gain is over, see :class:`pvdopt.choice.gain.Gain`.
    """

    medians: Mapping[str, float]
    best: Mapping[str, float]
    gain: float | None
    chance: float
    meets: float | None
    volume: float = 0.0
    hope: Hope | None = None
    is_baseline: bool = False
    begins_with: Literal["reported", "listed", "drawn"] = "reported"
    held: Sequence[str] = ()
    is_first: bool = False
    rival: float | None = None
    is_reported: bool = False
    is_later: bool = False
    n_best: int = 1


def choose_purpose(
    grounds: Grounds, goals: Sequence[Objective], front: Sequence[Sequence[float]], is_repeat: bool
) -> Purpose:
    """Return what a proposal is for.

    Exploit: its predicted medians better what is achieved, and most of the gain lies in them. Trade-off: nothing
    achieved beats its medians, they beat nothing, and some of the gain lies in them. Explore: it lies in the spread.

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
    point = _point(grounds, goals)
    if any(_matches(row, point) for row in front):
        return "explore"
    in_medians = 1.0 if grounds.hope is None else grounds.hope.in_medians
    if len(goals) > 1 and not any(_matches(point, row) for row in front):
        return "trade-off" if in_medians >= SOME else "explore"
    return "exploit" if in_medians >= MOSTLY else "explore"


def _point(grounds: Grounds, goals: Sequence[Objective]) -> list[float]:
    return [o.sign * grounds.medians[o.name] for o in goals]


def _matches(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether one is at least as good as another in all objectives."""
    return all(a >= b for a, b in zip(one, other, strict=True))


def write_reason(
    purpose: Purpose, grounds: Grounds, goals: Sequence[Objective], front: Sequence[Sequence[float]] = ()
) -> str:
    """Return what is shown with a proposal, why it stands there and its chances; ``front`` as in choose_purpose.

    Figures of several goals come in the goals' order; names and units stand with the first of each.
    """
    parts = [_for_what(purpose, grounds, goals, front)]
    chances = []
    if grounds.hope is not None and grounds.gain is not None and grounds.rival is None and purpose != "replicate":
        parts.append(_say_hope(grounds.hope, goals))
        best, any_one = ("reported", "reported recipe") if grounds.is_reported else ("made", "recipe made")
        whom = f"to better the best {best}" if len(goals) == 1 else f"that no {any_one} matches it"
        chances.append(f"{grounds.hope.better:.0%} {whom}")
    # With several objectives a gain is told by comparison, and what it cannot be compared with was just said.
    if grounds.gain is not None and (len(goals) == 1 or (goals and grounds.best)):
        parts.append(_gain(grounds, goals))
    if grounds.meets is not None:
        chances.append(f"{grounds.meets:.0%} that a cell meets the thresholds")
    chances.append(f"{grounds.chance:.0%} that {'a cell' if grounds.meets is None else 'it'} is usable")
    return f"{'; '.join(parts)}. Chance{'s' if len(chances) > 1 else ''}: {', '.join(chances)}."


def _for_what(purpose: Purpose, grounds: Grounds, goals: Sequence[Objective], front: Sequence[Sequence[float]]) -> str:
    if purpose == "baseline":
        return f"Baseline: {_which_baseline(grounds)}, made here to learn the level of this laboratory"
    if purpose == "replicate" and grounds.is_baseline:
        return (
            "Replicate: the baseline once more, alike on purpose, to tell the level of this laboratory from the noise "
            "of a cell"
        )
    if purpose == "replicate" and grounds.rival is not None:
        return (
            f"Replicate: {_figures(grounds.medians, goals)} predicted, among the best so far, and cells of one recipe "
            "differ too much to say which is the best"
        )
    if purpose == "replicate":
        return "Replicate: made before and still the most useful cell to make, to tell its effect from noise"
    if grounds.is_first:
        return "Explore: far from every recipe tried so far, to cover the space"
    label = {"exploit": "Exploit", "trade-off": "Trade-off"}.get(purpose, "Explore")
    figures = f"{label}: {_figures(grounds.medians, goals)} predicted"
    if not front or not goals:
        missed = "no cell made is believed to meet the thresholds yet"
        return f"{figures}, {'nothing achieved here yet' if grounds.meets is None else missed}"
    return f"{figures}, {_compared(purpose, grounds, goals, front)}"


def _which_baseline(grounds: Grounds) -> str:
    """Return which recipe a campaign begins with, held settings included: they need not be a reported cell's."""
    held = f"{' and '.join(filter(None, [', '.join(grounds.held[:-1]), *grounds.held[-1:]]))} as held"
    if grounds.begins_with == "listed":
        return "the candidate predicted best"
    if grounds.begins_with == "drawn":
        # Of a cathode that nobody reported there is no recipe to begin with.
        return f"the recipe predicted best{f' with {held}' if grounds.held else ''}, none being reported"
    if grounds.held:
        return f"the best reported recipe with {held} (what it leaves open is filled in)"
    return "the best reported recipe, as far as it is told (what it leaves open is filled in)"


def _compared(purpose: Purpose, grounds: Grounds, goals: Sequence[Objective], front: Sequence[Sequence[float]]) -> str:
    """Return how the medians stand against what is achieved, by the one recipe that shows it."""
    if purpose == "trade-off":
        whose = "no reported recipe is predicted to beat here" if grounds.is_reported else "no recipe made so far beats"
        return f"a balance that {whose}"
    point = _point(grounds, goals)
    in_all = {1: "", 2: " in both"}.get(len(goals), " in all")
    beating = [row for row in front if _matches(row, point)]
    beaten = [row for row in front if _matches(point, row)]
    rows = beating or beaten or front
    # The nearest of them: what it falls short of by least, or betters by least.
    near = min(rows, key=lambda row: max(abs(r - p) / max(abs(r), 1e-12) for r, p in zip(row, point, strict=True)))
    values = {o.name: o.sign * v for o, v in zip(goals, near, strict=True)}
    which = "the best" if len(goals) == 1 else "a"
    whose = f"{which} reported recipe (predicted here" if grounds.is_reported else f"{which} recipe made (believed"
    told = f"{whose}: {' and '.join(f'{values[o.name]:.3g}' for o in goals)})"
    if beating:
        in_any = {1: "", 2: " in either"}.get(len(goals), " in any")
        return f"no better{in_any} than {told}, but not known well"
    if not beaten:
        return f"hardly another balance than {told}, but not known well"
    if purpose == "explore":
        return f"hardly better{in_all} than {told}, but not known well"
    return f"better{in_all} than {told}"


def _say_hope(hope: Hope, goals: Sequence[Objective]) -> str:
    """Return what the recipe may reach."""
    ends = [f"{hope.high[o.name]:.3g}" for o in goals]
    ways = ["or more" if o.sign > 0 else "or less" for o in goals]
    if len(set(ways)) == 1:
        told = f"{' and '.join(ends)} {ways[0]}"
    else:
        told = " and ".join(f"{end} {way}" for end, way in zip(ends, ways, strict=True))
    return f"1 chance in {ONE_IN} {'each ' if len(ends) > 1 else ''}of {told}"


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
    # What chose it counts near the best ones alone; told is what the advice tells of the whole batch.
    gain = grounds.gain or 0.0
    if grounds.hope is not None and grounds.n_best == 1 and (grounds.hope.gain > 0 or len(goals) > 1):
        gain = grounds.hope.gain
    top = " on top of the proposals before it" if grounds.is_later else ""
    if len(goals) == 1:
        over = f" over the least of the {grounds.n_best} best measured" if grounds.n_best > 1 else ""
        return f"expected gain {_quantity(gain, goals[0].unit)}{over}{top}"
    if not grounds.volume > 0:
        return "nothing achieved yet to compare the gain with"
    whose = "the reported recipes' hypervolume" if grounds.is_reported else "the hypervolume achieved"
    return f"expected gain {_share(gain, grounds.volume)} of {whose}{top}"


def _share(gain: float, volume: float) -> str:
    percent = 100.0 * gain / volume
    return f"{percent:.3g} %" if percent >= LEAST_PERCENT else f"less than {LEAST_PERCENT} %"


def _worth(value: float, grounds: Grounds, goals: Sequence[Objective]) -> str:
    """Return a gain in the objective's unit, or as a share of the hypervolume achieved."""
    if len(goals) == 1:
        return _quantity(value, goals[0].unit)
    if not grounds.volume > 0 or not grounds.gain:
        return f"{value:.3g}"
    return f"{100.0 * value / grounds.volume:.3g} % of the hypervolume achieved"
