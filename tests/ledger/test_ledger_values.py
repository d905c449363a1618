"""The values a fact may hold, and facts by themselves: each thing that is refused, and what is let pass beside it."""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from importlib import metadata
from typing import Any

import numpy as np
import pytest

from pvdopt.errors import DataInvalid
from pvdopt.ledger import facts
from pvdopt.ledger.facts import Fact, check_author, find_faults, package_version
from pvdopt.ledger.values import (
    Outcome,
    close_names,
    find_name_fault,
    is_printable,
    is_same,
    read_text,
    show,
    to_plain,
    to_scalar,
)

MOST = int(sys.float_info.max)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (None, None),
        (True, True),
        ("µ\n\r\t ½", "µ\n\r\t ½"),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (Fraction(1, 4), 0.25),
        (MOST, MOST),
        (-MOST, -MOST),
        (2.5, 2.5),
    ],
)
def test_what_json_can_hold_becomes_pythons_own(raw: object, plain: object) -> None:
    found = to_scalar(raw)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("a\x00b", "printable"),
        ("a\ud800", "printable"),
        (MOST + 1, "308 digits"),
        (-MOST - 1, "308 digits"),
        (float("nan"), "finite number, got nan"),
        (np.float32("inf"), "finite number, got inf"),
        (Decimal("1.5"), "a number, a text"),
        (b"x", "a number, a text"),
        ([1], "a number, a text"),
    ],
)
def test_what_json_cannot_hold_is_refused(raw: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        to_scalar(raw)


def test_nested_values_name_the_place_of_a_fault() -> None:
    assert to_plain({"a": [1, (2.0, None)], "b": {"c": "x"}}) == {"a": [1, [2.0, None]], "b": {"c": "x"}}
    with pytest.raises(ValueError, match=r"^a: b: must be a finite number"):
        to_plain({"a": {"b": [float("inf")]}})
    with pytest.raises(ValueError, match="texts as names, got 2"):
        to_plain({"a": {2: 1}})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(60, 60.0, True), (1, True, False), (True, 1, False), (False, 0, False), (True, True, True), ("a", "b", False)],
)
def test_values_are_the_same_by_value_but_truth_is_no_number(one: Any, other: Any, expected: bool) -> None:
    assert is_same(one, other) is expected
    assert is_same(other, one) is expected


@pytest.mark.parametrize("text", ["plain", "two words", "line\nline", "tab\there", "return\rhere", "µ½ä"])
def test_texts_that_can_be_shown(text: str) -> None:
    assert is_printable(text)


@pytest.mark.parametrize("text", ["bell\x07", "\x7f", "\udc80", "ok \x1b[31m"])
def test_texts_that_cannot(text: str) -> None:
    assert not is_printable(text)


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\tb", "a\x07", 7, None])
def test_names_that_are_none(name: object) -> None:
    assert "must be a plain name" in (find_name_fault(name) or "")


@pytest.mark.parametrize("name", ["run", "id", "status", "capacity_sd", "capacity_qualifier"])
def test_names_of_the_ledgers_own_table(name: str) -> None:
    assert "cannot name a setting or an outcome" in (find_name_fault(name) or "")


def test_other_names_may_be() -> None:
    assert [find_name_fault(n) for n in ("bias_v", "two words", "sd", "µ")] == [None] * 4


def test_texts_lose_blanks_around_them_and_are_none_when_empty() -> None:
    assert [read_text(t) for t in (" a b ", "", "  ", None)] == ["a b", None, None, None]
    with pytest.raises(ValueError, match="must be a text, got 3"):
        read_text(3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not applying"),
        ("rta", "rta"),
        (3, "3"),
        (0.1 + 0.2, "0.3"),
        (Outcome(60.0).to_json(), "60"),
        (Outcome(60.0, "~", 2.5).to_json(), "~ 60 +- 2.5"),
        (Outcome(0.9, ">=").to_json(), ">= 0.9"),
    ],
)
def test_values_are_shown_as_people_write_them(value: object, text: str) -> None:
    assert show(value) == text


def test_names_near_a_mistyped_one() -> None:
    assert close_names("x", []) == "There is none yet"
    assert close_names("bias", ["bias_v", "thickness_um"]) == "Close to it: bias_v"
    eight = [f"cell{k}" for k in range(8)]
    assert close_names("?", eight) == f"Known: {', '.join(eight)}"
    assert close_names("?", [*eight, "cell8"]) == f"Known: {', '.join(eight)}, ..."


@pytest.mark.parametrize("raw", [60, {"value": 60}, {"value": 60, "qualifier": None, "sd": None}, Outcome(60)])
def test_an_outcome_is_exact_and_of_unknown_error_unless_it_says_otherwise(raw: object) -> None:
    assert Outcome.parse(raw) == Outcome(60.0, "=", None)


def test_an_outcome_holds_pythons_own_numbers() -> None:
    outcome = Outcome(np.int64(60), sd=np.float32(2))
    assert [type(x) for x in (outcome.value, outcome.sd)] == [float, float]
    assert outcome.to_json() == {"value": 60.0, "qualifier": "=", "sd": 2.0}


@pytest.mark.parametrize("sd", ["2", True, float("inf"), 0, -1.0])
def test_and_no_error_that_is_none(sd: Any) -> None:
    with pytest.raises(ValueError, match=r"must be a number|finite|sd above 0"):
        Outcome(60, sd=sd)


# -- facts by themselves -----------------------------------------------------------------------------------------

SOUND = Fact(1, "vetoed", "P001", "2025-03-01T08:30:00.000Z", "anna", "0.1", {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "guessed"}, "kind must be one of proposed, vetoed"),
        ({"kind": "executed"}, "must hold settings as dict"),
        ({"kind": "corrected", "payload": {"changes": {}}}, "must hold changes as list"),
        ({"cell": None}, "a fact of kind vetoed must name its cell"),
        ({"kind": "retrained"}, "a fact of kind retrained must name no cell, got 'P001'"),
        ({"time": "2025-03-01T08:30:00"}, "time must be ISO 8601 with its zone"),
        ({"time": 20250301}, "time must be ISO 8601 with its zone"),
    ],
)
def test_each_fault_of_a_fact_is_found(changes: dict[str, Any], words: str) -> None:
    assert find_faults(SOUND) == []
    (fault,) = find_faults(replace(SOUND, **changes))
    assert words in fault


@pytest.mark.parametrize("cell", [None, "P001"])
def test_a_note_may_tell_of_a_cell_or_of_the_campaign(cell: str | None) -> None:
    assert find_faults(replace(SOUND, kind="note", cell=cell)) == []
    assert find_faults(replace(SOUND, kind="retrained", cell=None)) == []


@pytest.mark.parametrize("error", [OSError("no pwd"), KeyError("uid"), ImportError("pwd")])
def test_an_author_the_system_cannot_name_is_unknown(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise error

    monkeypatch.delenv("PVDOPT_AUTHOR", raising=False)
    monkeypatch.setattr(getpass, "getuser", refuse)
    assert check_author(None) == "unknown"
    assert check_author(" anna ") == "anna"
    for name in ("", " ", "a\x07"):
        with pytest.raises(DataInvalid, match="printable name"):
            check_author(name)


def test_a_bare_source_tree_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(facts.metadata, "version", missing)
    package_version.cache_clear()
    assert package_version() == "0+unknown"
    package_version.cache_clear()
