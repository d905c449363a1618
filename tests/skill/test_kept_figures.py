"""The skill on reported cells is what it was: a change to data, physics or a model that moves it has to say so."""

import json

import kept_figures
import pytest
from kept_figures import COUNTS, OUTCOMES, QUICK, SHARES, TOLERANCE, WHOLE, compare, measure, name_of, part_of

from pvdopt.surrogates import baseline

TODO = "If that is meant, look at what moved and run: make skill-figures"


@pytest.fixture(scope="module")
def kept() -> dict[str, dict[str, float]]:
    return json.loads(kept_figures.KEPT.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("model", "n_folds"), QUICK)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_skill_is_as_kept(kept: dict[str, dict[str, float]], outcome: str, model: str, n_folds: int | None) -> None:
    moved = compare(measure(outcome, model, n_folds), kept[name_of(outcome, model, n_folds)], part_of(model))
    assert not moved, f"{'; '.join(moved)}. {TODO}"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "n_folds"), WHOLE)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_skill_people_are_told_is_as_kept(
    kept: dict[str, dict[str, float]], outcome: str, model: str, n_folds: int | None
) -> None:
    moved = compare(measure(outcome, model, n_folds), kept[name_of(outcome, model, n_folds)])
    assert not moved, f"{'; '.join(moved)}. {TODO}"


def test_nothing_is_kept_that_is_not_measured(kept: dict[str, dict[str, float]]) -> None:
    assert set(kept) == {name_of(outcome, *each) for outcome in OUTCOMES for each in (*QUICK, *WHOLE)}


@pytest.mark.parametrize("name", [*COUNTS, *TOLERANCE, *SHARES])
def test_a_figure_that_moves_is_named(kept: dict[str, dict[str, float]], name: str) -> None:
    figures = kept["capacity theory"]
    assert compare(figures, figures) == []
    for other in (1.1 * figures[name] + 0.01, 0.89 * figures[name] - 0.01, float("nan")):
        assert [m.split(":")[0] for m in compare({**figures, name: other}, figures)] == [name]


def test_another_constant_is_noticed(kept: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "FAMILY_SHRINKAGE", 1.1 * baseline.FAMILY_SHRINKAGE)
    moved = compare(measure("capacity", "theory", None), kept["capacity theory"], part_of("theory"))
    assert any(m.startswith("crps") for m in moved), moved
