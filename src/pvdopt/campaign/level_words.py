"""Where a laboratory's level stands against the literature's, in a sentence with its interval. Fits nothing."""

from __future__ import annotations

from collections.abc import Mapping

from pvdopt.wording import count, show, spell

#: Shares that people have words for.
_SHARES = {0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 1 / 3: "a third", 0.5: "half", 2 / 3: "two thirds"}
_SHARES |= {0.75: "three quarters"}
#: How far from such a share, as a part of it, a ratio still goes by its name.
_NEAR = 0.08
_UNSHOWN = "no difference in {} between your cells and the literature's, made alike, is shown yet"


def is_shown(level: Mapping[str, float]) -> bool:
    """Return whether the 80 % interval of a level, to the digits it is told with, leaves "as the literature" out."""
    return not round(level["low"], 2) <= 1.0 <= round(level["high"], 2)


def say_level(outcome: str, level: Mapping[str, float]) -> str:
    """Return how this laboratory's cells stand against reported cells made alike.

    Parameters
    ----------
    outcome : str
        ``retention`` stands for the rate of fading.
    level : mapping
        ``ratio``, ``low`` and ``high`` (80 %) of the laboratory's level to the reported cells', and ``n``, the own
        values behind it, as :meth:`pvdopt.campaign.beliefs.Beliefs.lab_standing` returns them.

    Examples
    --------
    >>> say_level("capacity", {"ratio": 0.52, "low": 0.43, "high": 0.61, "n": 9})
    "your cells give about half of the capacity that the literature's would, made alike (80 % within 0.43 to 0.61 of \
it; from 9 own values)"
    >>> say_level("retention", {"ratio": 1.31, "low": 0.47, "high": 3.66, "n": 9})
    "no difference in fading between your cells and the literature's, made alike, is shown yet (1.31 times as fast, \
80 % within 0.47 to 3.66; from 9 own values)"
    """
    ratio = level["ratio"]
    within = f"80 % within {level['low']:.2f} to {level['high']:.2f}"
    behind = f"from {count(int(level['n']), 'own value')}"
    word = next((word for share, word in _SHARES.items() if abs(ratio / share - 1.0) <= _NEAR), None)
    if outcome == "retention":
        fast = f"{word or show(ratio, digits=2) + ' times'} as fast"
        if is_shown(level):
            return f"your cells fade about {fast} as the literature's would, made alike ({within}; {behind})"
        return f"{_UNSHOWN.format('fading')} ({ratio:.2f} times as fast, {within}; {behind})"
    what = spell(outcome)
    if is_shown(level):
        much = f"{word} of" if word else f"{show(ratio, digits=2)} {'times' if ratio > 1.0 else 'of'}"
        within += " of it" if ratio <= 1.0 else " times"
        return f"your cells give about {much} the {what} that the literature's would, made alike ({within}; {behind})"
    return f"{_UNSHOWN.format(what)} ({ratio:.2f} of it, {within}; {behind})"
