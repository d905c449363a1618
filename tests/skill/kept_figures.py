"""Figures of the reported cells' skill with whole publications held out: measured, kept, compared.

``make skill-figures`` measures them anew and writes ``kept_figures.json``: after a change that is meant to move
them, and with a look at what moved.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pvdopt.evidence import Evidence
from pvdopt.skill.validation import held_out, measure_skill
from pvdopt.surrogates import BASELINES

KEPT = Path(__file__).resolve().parent / "kept_figures.json"
OUTCOMES = ("capacity", "retention")
#: What is cheap enough for every run: baselines, each publication held out by itself, and the process that campaigns
#: use, its publications in three folds.
QUICK: Sequence[tuple[str, int | None]] = (("climatology", None), ("theory", None), ("gaussian_process", 3))
#: Each publication held out by itself: the figures people are told. The slower models are measured by
#: ``studies/literature_skill``.
WHOLE: Sequence[tuple[str, int | None]] = (("gaussian_process", None), ("ridge", None))
#: How far a model's figure may lie from what is kept, as a share of it: an optimiser that stops a step earlier, another
#: BLAS or release of scikit-learn moves the third digit, another constant or prior mostly the second.
TOLERANCE = {"typical_factor": 0.01, "crps": 0.01, "log_score": 0.02, "width": 0.02}
#: The same for shares, as they are: they go in steps of a row or a pair.
SHARES = {"inside_80": 0.06, "concordance": 0.03}
#: The baselines' figures come from sums alone, and hardly move at all.
BASELINE_PART = 0.05
COUNTS = ("n_rows", "n_publications")


def measure(outcome: str, model: str, n_folds: int | None, n_jobs: int = 1) -> dict[str, float]:
    """Return the figures of one model: see :class:`pvdopt.skill.validation.Skill`; the number of rows comes first."""
    held = held_out(Evidence.reported(), outcome, model, n_folds=n_folds, n_jobs=n_jobs)
    skill = measure_skill(model, outcome, "source", held, {})
    return {
        "n_rows": skill.n_rows,
        "n_publications": skill.n_sources,
        "typical_factor": round(skill.typical_factor.value, 4),
        "crps": round(skill.crps.value, 4),
        "log_score": round(skill.log_score.value, 4),
        "inside_80": round(skill.coverage.value, 4),
        "width": round(skill.width, 4),
        "concordance": round(skill.concordance, 4),
    }


def name_of(outcome: str, model: str, n_folds: int | None) -> str:
    """Return under which name figures are kept."""
    return f"{outcome} {model}{'' if n_folds is None else f' in {n_folds} folds'}"


def compare(found: dict[str, float], kept: dict[str, float], part: float = 1.0) -> list[str]:
    """Return a sentence for every figure that moved beyond its tolerance, or beyond a part of it."""
    allowed = {
        **dict.fromkeys(COUNTS, 0.0),
        **{name: part * share * abs(kept[name]) for name, share in TOLERANCE.items()},
        **{name: part * step for name, step in SHARES.items()},
    }
    return [
        f"{name}: {found[name]} where {kept[name]} is kept (within {within:.2g})"
        for name, within in allowed.items()
        # A figure that is no number is not within any distance.
        if not abs(found[name] - kept[name]) <= within
    ]


def part_of(model: str) -> float:
    """Return which part of the tolerance a model has."""
    return BASELINE_PART if model in BASELINES else 1.0


def main() -> None:
    """Measure everything and write it down, saying what moved."""
    before = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    after: dict[str, dict[str, float]] = {}
    for model, n_folds in (*QUICK, *WHOLE):
        for outcome in OUTCOMES:
            name = name_of(outcome, model, n_folds)
            after[name] = measure(outcome, model, n_folds)
            moved = compare(after[name], before[name], part_of(model)) if name in before else ["new"]
            print(f"{name}: {'; '.join(moved) or 'as before'}", flush=True)
            # What is measured is kept, should the rest take too long.
            KEPT.write_text(json.dumps({**before, **after}, indent=1) + "\n", encoding="utf-8")
    KEPT.write_text(json.dumps(after, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
