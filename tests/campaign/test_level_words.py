"""The laboratory's level against the literature's in words: a direction only where the interval shows one."""

import pytest

from pvdopt.campaign.level_words import is_shown, say_level


def level(ratio, low, high, n=9):
    return {"ratio": ratio, "low": low, "high": high, "n": n}


@pytest.mark.parametrize(
    ("outcome", "found", "start", "figures"),
    [
        ("capacity", level(0.52, 0.43, 0.61), "your cells give about half of the capacity that", "0.43 to 0.61 of it"),
        ("capacity", level(0.58, 0.5, 0.7), "your cells give about 0.58 of the capacity that", "0.50 to 0.70 of it"),
        ("capacity", level(1.3, 1.1, 1.55), "your cells give about 1.3 times the capacity that", "1.10 to 1.55 times"),
        ("areal_capacity", level(0.9, 0.8, 0.997), "no difference in areal capacity between your cells", "0.90 of it"),
        (
            "retention",
            level(0.5, 0.3, 0.9),
            "your cells fade about half as fast as",
            "(80 % within 0.30 to 0.90; from 9",
        ),
        ("retention", level(2.0, 1.4, 3.0, 1), "your cells fade about 2 times as fast as", "from 1 own value)"),
        (
            "retention",
            level(1.1, 0.6, 2.0),
            "no difference in fading between your cells and",
            "(1.10 times as fast, 80 %",
        ),
    ],
)
def test_sentences(outcome, found, start, figures):
    sentence = say_level(outcome, found)
    assert sentence.startswith(start)
    assert figures in sentence
    assert is_shown(found) == sentence.startswith("your cells")
