"""Why the best measured and the best believed differ: what is said follows the figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pvdopt.campaign.best_words import cell_scatter, say_differences
from pvdopt.campaign.standing_reports import BestCell
from pvdopt.objectives import Objective
from pvdopt.surrogates.base import LogLink, Prediction

CAPACITY = Objective("capacity")


def prediction(medians: list[float], noise: float = 0.1) -> Prediction:
    n = len(medians)
    return Prediction(np.log(medians), np.full(n, 0.05), np.zeros(n), np.full(n, noise), LogLink())


def say(measured: tuple[str, float], believed: tuple[str, float], medians: dict[str, float], width: float) -> str:
    p = prediction(list(medians.values()))
    frame = pd.DataFrame({"capacity": list(medians.values())}, index=list(medians))
    frame["capacity_low"], frame["capacity_high"] = frame["capacity"] - width, frame["capacity"] + width
    cells = [
        BestCell(id_, "capacity", value, None, None, "uAh/cm2/um", {}, {"capacity": value})
        for id_, value in (measured, believed)
    ]
    (sentence,) = say_differences([CAPACITY], cells[:1], cells[1:], frame, {"capacity": p})
    return sentence


def test_scatter_is_in_the_unit_of_the_outcome() -> None:
    assert cell_scatter(prediction([50.0]), 0) == pytest.approx(50 * np.sinh(0.1))


def test_within_a_cells_scatter_they_agree() -> None:
    said = say(("P001", 52.0), ("P001", 50.0), {"P001": 50.0, "P002": 40.0}, 8)
    assert said == (
        "capacity: P001 measured 52, and its recipe is believed to give 50 uAh/cm2/um (80 % of further cells within "
        "42.0 to 58.0): they agree, single cells scatter by about 5 uAh/cm2/um."
    )


@pytest.mark.parametrize(("value", "way"), [(57.0, "lower"), (43.0, "higher")])
def test_what_is_not_believed_is_held_against_cells_alike(value: float, way: str) -> None:
    said = say(("P001", value), ("P001", 50.0), {"P001": 50.0}, 8)
    assert said.endswith(f"and cells alike came out {way}.")


def test_a_result_outside_its_interval_asks_for_a_second_cell() -> None:
    said = say(("P001", 70.0), ("P002", 55.0), {"P001": 50.0, "P002": 55.0}, 8)
    assert "P002's recipe is believed to be better, 55 uAh/cm2/um" in said
    assert said.endswith("P001 lies outside: a second cell of its recipe would tell.")
    assert "as good, 50.5" in say(("P001", 57.0), ("P002", 50.5), {"P001": 50.0, "P002": 50.5}, 8)
