"""Sentences of problems, and the exit codes a script can rely on."""

import pytest

from pvdopt.errors import (
    ConfigInvalid,
    DataInvalid,
    InvalidInput,
    LedgerBusy,
    LedgerChanged,
    LedgerTooNew,
    NothingToPropose,
    Problem,
    PvdoptError,
    UsageError,
    what_the_system_says,
)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem("must not be empty"), "must not be empty."),
        (Problem("must not be empty."), "must not be empty."),
        (
            Problem("must lie in [0.005, 50] um", -3, "Correct or remove the row", "cells.csv", 17, "thickness_um"),
            "cells.csv, row 17, thickness_um: must lie in [0.005, 50] um, got -3. Correct or remove the row.",
        ),
        (Problem("must be one of a, b", "c", row="P001"), "P001: must be one of a, b, got 'c'."),
        (Problem("must be positive", 0), "must be positive, got 0."),
        (Problem("is unknown", todo="Did you mean bias_v?", column="bias"), "bias: is unknown. Did you mean bias_v?"),
        (Problem("is unknown", todo="Remove it.", file="a.toml"), "a.toml: is unknown. Remove it."),
        (Problem("looks odd", grade="doubt", column="capacity"), "doubt: capacity: looks odd."),
    ],
)
def test_a_problem_is_one_sentence(problem: Problem, sentence: str) -> None:
    assert problem.sentence() == sentence


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PvdoptError, 1),
        (UsageError, 2),
        (InvalidInput, 3),
        (ConfigInvalid, 3),
        (DataInvalid, 3),
        (LedgerTooNew, 3),
        (NothingToPropose, 4),
        (LedgerBusy, 5),
        (LedgerChanged, 5),
    ],
)
def test_exit_codes(error: type[PvdoptError], code: int) -> None:
    assert error("what").exit_code == code
    assert issubclass(error, PvdoptError)


def test_invalid_input_tells_every_problem_on_its_own_line() -> None:
    problems = [Problem("must be positive", -1), Problem("must be known", "x")]
    assert str(DataInvalid(problems)) == "must be positive, got -1.\nmust be known, got 'x'."
    assert DataInvalid(problems).problems == tuple(problems)
    assert DataInvalid(problems[0]).problems == (problems[0],)
    assert str(ConfigInvalid("the file is empty")) == "the file is empty."


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(28, "No space left on device", "ledger.db"), "No space left on device"), (OSError("torn"), "torn")],
)
def test_the_system_is_quoted_without_the_files_name(error, words):
    assert what_the_system_says(error) == words
