"""Each kind of constraint: what it forbids, what it lets pass, what it says, and what it refuses to be."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvdopt.constraints import Between, Constraint, Exclude, Limit, LinearSum

NAN = math.nan


def frame(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {n: pd.Series(v, dtype=object if any(isinstance(x, str) for x in v) else float) for n, v in columns.items()}
    )


def broken(constraint: Constraint, **columns: list[Any]) -> list[bool]:
    return [bool(b) for b in constraint.broken(frame(**columns))]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearSum({}, high=1), "a sum needs at least one parameter"),
        (lambda: LinearSum({"a": NAN}, high=1), "sum of a: weights must be finite"),
        (lambda: LinearSum({"a": 1, "b": NAN}, high=1), "sum of a, b: weights must be finite"),
        (lambda: LinearSum({"a": 1, "b": 1}), "sum of a, b: give low, high or both"),
        (lambda: LinearSum({"a": 1}, low=2, high=1), "low not above high"),
        (lambda: LinearSum({"a": 1}, low=NAN, high=1), "low not above high"),
        (lambda: LinearSum({"a": 1}, low=math.inf, high=math.inf), "give low, high or both"),
        (lambda: Exclude({}), "an exclusion needs at least one condition"),
        (lambda: Exclude({"a": "none"}), "exclusion on a: give a list of choices or a Between, got 'none'"),
        (lambda: Exclude({"a": ["b"], "c": []}), "exclusion on c: give a list"),
        (lambda: Between(2, 1), "a range needs low not above high, got 2 and 1"),
        (lambda: Between(NAN, 1), "a range needs low not above high"),
        (lambda: Limit("a", "b"), "limit on a: name at least one choice of b"),
        (lambda: Limit("a", "b", at_most={"c": NAN}), "limit on a: limits must be finite"),
        (lambda: Limit("a", "b", at_least={"c": math.inf}), "limit on a: limits must be finite"),
        (lambda: Limit("a", "b", at_most={"c": 1}, at_least={"d": NAN}), "limit on a: limits must be finite"),
    ],
)
def test_senseless_constraints(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_sum_may_be_bounded_on_either_side() -> None:
    rows = {"a": [0.0, 1.0, 2.0, NAN], "b": [0.0, 1.0, 0.0, 1.0]}
    weights = {"a": 2.0, "b": -1.0}  # sums: 0, 1, 4, -1; what does not apply counts as 0
    assert LinearSum(weights, low=0).total(frame(**rows)).tolist() == [0, 1, 4, -1]
    assert broken(LinearSum(weights, low=0.5), **rows) == [True, False, False, True]
    assert broken(LinearSum(weights, high=0.5), **rows) == [False, True, True, False]
    assert broken(LinearSum(weights, low=0, high=1), **rows) == [False, False, True, True]


def test_a_sum_bounded_by_nothing_but_zero_forgives_rounding_too() -> None:
    assert broken(LinearSum({"a": 1, "b": -1}, low=0), a=[0.3, 0.3], b=[0.1 + 0.2, 0.31]) == [False, True]


def test_a_range_may_be_a_single_number() -> None:
    assert broken(Exclude({"a": Between(2, 2)}), a=[1.9, 2.0, 2.1]) == [False, True, False]


def test_a_sum_on_its_bound_is_kept_in_spite_of_rounding() -> None:
    total = LinearSum({"a": 1, "b": 1, "c": 1}, low=0.6, high=0.6)
    assert broken(total, a=[0.1, 0.1], b=[0.2, 0.2], c=[0.3, 0.3001]) == [False, True]
    assert broken(LinearSum({"a": 1}, high=0), a=[0.0, 1e-3]) == [False, True]
    assert broken(LinearSum({"a": 1}, high=1e6), a=[1e6 + 0.5, 1e6 + 2]) == [False, True]


def test_a_sum_of_infinite_settings_is_quiet() -> None:
    infinite = {"a": [math.inf, -math.inf, math.inf], "b": [math.inf, -math.inf, -math.inf]}
    assert broken(LinearSum({"a": 1, "b": 1}, high=0), **infinite)[:2] == [True, False]
    assert broken(LinearSum({"a": 1, "b": 1}, low=0), **infinite)[:2] == [False, True]


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (LinearSum({"a": 1, "b": 2.5}, high=3), "a + 2.5 * b must lie in [-inf, 3]"),
        (LinearSum({"a": 1}, low=0, high=3), "a must lie in [0, 3]"),
    ],
)
def test_a_sum_says_what_must_hold(constraint: LinearSum, text: str) -> None:
    assert constraint.sentence({"a": 1, "b": 2}) == text


def test_an_exclusion_needs_all_its_conditions() -> None:
    rule = Exclude({"kind": ["rf", "dc"], "t": Between(300, 400)})
    kinds = ["rf", "dc", "none", "rf", "rf", "rf", "rf"]
    temperatures = [350, 300, 350, 400, 299, 401, NAN]
    assert broken(rule, kind=kinds, t=temperatures) == [True, True, False, True, False, False, False]
    assert broken(Exclude({"kind": ["rf"]}), kind=["rf", None, "dc"]) == [True, False, False]
    assert broken(Exclude({"t": Between(low=1)}), t=[0.0, 1.0, 9.0]) == [False, True, True]
    assert broken(Exclude({"t": Between(high=1)}), t=[0.0, 1.0, 9.0]) == [True, True, False]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Exclude({"kind": ["rf", "dc"]}), "not together: kind rf or dc"),
        (
            Exclude({"kind": ["rf"], "t": Between(300, 400)}, why="it cracks"),
            "not together: kind rf, t 300 to 400 (it cracks)",
        ),
        (Exclude({"t": Between(low=300), "u": Between(high=2)}), "not together: t at least 300, u at most 2"),
    ],
)
def test_an_exclusion_says_what_and_why(rule: Exclude, text: str) -> None:
    assert rule.sentence({}) == text


def test_a_limit_follows_the_choice() -> None:
    rule = Limit("t", "s", at_most={"polyimide": 350, "mica": 600}, at_least={"mica": 200})
    substrates = ["polyimide", "polyimide", "mica", "mica", "mica", "Si", None, "polyimide"]
    temperatures = [350, 351, 600, 601, 199, 900, 900, NAN]
    assert broken(rule, s=substrates, t=temperatures) == [False, True, False, True, True, False, False, False]
    assert broken(rule, s=["mica", "mica"], t=[200, 600 + 1e-9]) == [False, False]


def test_a_limit_says_which_choice_sets_it() -> None:
    rule = Limit("t", "s", at_most={"mica": 600, "Si": 900}, at_least={"mica": 200}, why="it melts")
    assert rule.sentence({"s": "mica", "t": 700}) == "t must be at most 600 and at least 200 with s mica (it melts)"
    assert rule.sentence({"s": "Si"}) == "t must be at most 900 with s Si (it melts)"
    assert Limit("t", "s", at_least={"Si": 100}).sentence({"s": "Si"}) == "t must be at least 100 with s Si"


@pytest.mark.parametrize(
    ("constraint", "names", "numbers"),
    [
        (LinearSum({"a": 1, "b": 1}, high=1), ("a", "b"), ("a", "b")),
        (Exclude({"a": ["x"], "b": Between(0, 1)}), ("a", "b"), ("b",)),
        (Limit("a", "b", at_most={"x": 1}), ("a", "b"), ("a",)),
    ],
)
def test_a_constraint_knows_what_it_reads(constraint: Constraint, names: Any, numbers: Any) -> None:
    assert constraint.names == names
    assert constraint.numbers == numbers


def test_no_recipes_break_nothing() -> None:
    empty = frame(a=[], b=[])
    for rule in (
        LinearSum({"a": 1}, high=1),
        Exclude({"a": Between(0, 1), "b": ["x"]}),
        Limit("a", "b", at_most={"x": 1}),
    ):
        assert rule.broken(empty).shape == (0,)
        assert rule.broken(empty).dtype == np.bool_
