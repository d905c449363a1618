"""Directions, thresholds and test conditions."""

import math
from typing import Any

import pytest

from pvdopt.columns import vocabulary
from pvdopt.objectives import OUTCOME_UNITS, Objective, Protocol


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"maximize": None}, "capacity: a direction or a threshold is needed"),
        ({"threshold": math.nan}, "capacity: threshold must be finite, got nan"),
        ({"threshold": -math.inf}, "capacity: threshold must be finite, got -inf"),
    ],
)
def test_bad_objectives(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Objective("capacity", **arguments)


def test_the_sign_turns_what_is_minimised_only() -> None:
    assert Objective("capacity").sign == 1
    assert Objective("cost", maximize=False).sign == -1
    constraint = Objective("areal_capacity", maximize=None, threshold=30)
    assert constraint.sign == 1
    assert constraint.is_constraint
    assert not Objective("capacity", threshold=30).is_constraint
    assert not Objective("cost", maximize=False).is_constraint


def test_units_are_the_vocabularys() -> None:
    assert {name: vocabulary()[name].unit for name in OUTCOME_UNITS} == OUTCOME_UNITS
    assert Objective("capacity").unit == "uAh/cm2/um"
    assert Objective("cost").unit == ""
    assert Objective("capacity", unit="mAh/g").unit == "mAh/g"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"v_min": 4.2, "v_max": 3.0}, "v_min 4.2 V must lie below v_max 3.0 V"),
        ({"v_min": 3.0, "v_max": 3.0}, "v_min 3.0 V must lie below v_max 3.0 V"),
        ({"cycles": 0}, "cycles must be positive, got 0"),
        ({"cycles": -5}, "cycles must be positive, got -5"),
        ({"cycles": math.nan}, "cycles must be positive, got nan"),
    ],
)
def test_bad_protocols(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Protocol(**arguments)


def test_a_protocol_gives_what_it_states_as_columns() -> None:
    assert Protocol().columns() == {}
    stated = Protocol(current_ua_cm2=10, v_max=4.2, cycles=100).columns()
    assert stated == {"current_ua_cm2": 10, "v_max": 4.2, "cycles": 100}
    every = Protocol(1, 2, 3, 4, 5, 6).columns()
    assert set(every) <= set(vocabulary())
    assert len(every) == 6
