"""What the columns of a table of measured recipes stand for, where nobody says so: settings, and names of recipes.

Knows texts; knows no values and no strategy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pvdopt.errors import Problem
from pvdopt.space import Categorical, Continuous, Parameter, SearchSpace, Stepped

#: Fewer recipes than this leave nothing to choose.
LEAST_ROWS = 10
#: A text column with more choices than this is taken for a remark, and has to be declared.
MOST_CHOICES = 60
#: A text column with as many choices as this share of the recipes names them, and is no setting.
NAMES_SHARE = 0.9
#: A column with so many numbers among what stands in it is one of numbers, and what is none is a slip.
NUMBERS_SHARE = 0.8
#: How a column is kept that is taken for no setting.
KEPT = "If it is a setting, declare it in a campaign file and name that before --pool"


def find_labels(texts: Mapping[str, list[str]], inputs: Sequence[str]) -> list[str]:
    """Return the text columns that name recipes: with nearly as many choices as there are different recipes.

    From a choice that is made but once nothing is learned about another one.
    """
    least = max(LEAST_ROWS, NAMES_SHARE * len(recipes_of(texts, inputs)))
    found = []
    for name in inputs:
        choices = set(texts[name]) - {""}
        if len(choices) >= least and not _is_of_numbers(choices):
            found.append(name)
    return found


def _is_of_numbers(choices: Collection[str]) -> bool:
    """Return whether a column's different texts are numbers, but for a few slips where there are many."""
    n_numbers = sum(is_number(text) for text in choices)
    return n_numbers >= (NUMBERS_SHARE if len(choices) >= LEAST_ROWS else 1.0) * len(choices)


def recipes_of(texts: Mapping[str, list[str]], inputs: Sequence[str]) -> set[tuple[str, ...]]:
    """Return the different recipes that the rows hold in some columns."""
    return set(zip(*(texts[n] for n in inputs), strict=True))


def say_columns(texts: Mapping[str, list[str]], labels: Sequence[str], inputs: Sequence[str]) -> list[str]:
    """Return what is to be said of columns that name the recipes, and of numbers that merely count the rows."""
    said = [
        f"{name} is left out: with {len(set(texts[name]))} different texts in {len(texts[name])} rows it names the "
        f"recipes. {KEPT}."
        for name in labels
    ]
    for name in inputs:
        first = next((start for start in (0, 1) if _counts_from(start, texts[name])), None)
        if first is not None and len(inputs) > 1:
            said.append(
                f"{name} counts the rows, {first} to {first + len(texts[name]) - 1}, and is taken for a setting all "
                "the same; take the column out if it is none."
            )
    return said


def _counts_from(start: int, texts: Sequence[str]) -> bool:
    return all(is_number(text) and float(text) == start + k for k, text in enumerate(texts))


def infer_space(
    texts: Mapping[str, list[str]], inputs: Sequence[str], file: str, rows: Sequence[int], problems: list[Problem]
) -> SearchSpace:
    """Return what the columns vary: a number, on steps where its values stand on equal ones, or a choice of texts.

    Parameters
    ----------
    texts : mapping
        Column -> its cells, a row each.
    rows : sequence of int
        Their numbers in the file.
    problems : list of Problem
        To which every problem found is added.
    """
    parameters: list[Parameter] = []
    for name in inputs:
        found = _infer_parameter(name, texts[name], file, rows, problems)
        if found is not None:
            parameters.append(found)
    if not parameters and not problems:
        problems.append(Problem("must have a column that varies beside the objectives and names", file=file))
    # Something has to stand in until all problems are told.
    return SearchSpace(parameters or [Continuous("nothing", 0.0, 1.0)])


def _infer_parameter(
    name: str, texts: list[str], file: str, rows: Sequence[int], problems: list[Problem]
) -> Parameter | None:
    """Return what a column varies, None where it is the same in all rows or a problem was found."""
    empty = [rows[k] for k, text in enumerate(texts) if not text]
    if empty:
        more = f" and {len(empty) - 1} more rows" if len(empty) > 1 else ""
        must = f"must be filled{more}; a setting that may not apply needs a campaign file that says so"
        problems.append(Problem(must, file=file, row=empty[0], column=name))
        return None
    distinct = sorted(set(texts))
    if len(distinct) == 1:
        return None
    if not _is_of_numbers(distinct):
        if len(distinct) > MOST_CHOICES:
            must = f"must be numbers, or at most {MOST_CHOICES} different choices"
            todo = f"Take out what is a name or remark. {KEPT}"
            problems.append(Problem(must, len(distinct), todo, file=file, column=name))
            return None
        return Categorical(name, choices=distinct)
    slips = [k for k, text in enumerate(texts) if not is_number(text)]
    if slips:
        todo = "Correct or remove the row"
        problems += [Problem("must be a finite number", texts[k], todo, file, rows[k], name) for k in slips]
        return None
    levels = np.unique([float(text) for text in texts])
    if len(levels) == 1:
        return None
    step = float(np.diff(levels).min())
    counts = (levels - levels[0]) / step
    if np.allclose(counts, np.round(counts), atol=1e-6) and round(counts[-1]) <= 200:
        return Stepped(name, float(levels[0]), float(levels[-1]), step)
    return Continuous(name, float(levels[0]), float(levels[-1]))


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
