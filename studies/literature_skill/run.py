"""Measure what the reported cells can predict of publications not seen, and what each ingredient brings.

    python studies/literature_skill/run.py [--jobs 2] [--permutations 20]

writes ``results/`` beside this file: ``skill.csv`` (every model, by publication and by team, with and without the FeS2
row), ``ingredients.csv`` (the process with one ingredient taken out), ``pairs.csv``, ``families.csv``,
``control.csv``, ``held_out.csv`` (every row with its prediction) and figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pvdopt import capacity_prior, physics
from pvdopt.capacity_prior import CapacityPrior
from pvdopt.evidence import Evidence
from pvdopt.skill.figures import draw_skill
from pvdopt.skill.report import BASELINES, report_skill
from pvdopt.skill.validation import Skill, held_out, measure_skill

HERE = Path(__file__).parent
#: Measured in full, and measured once.
MODELS, FURTHER = ("gaussian_process", "ridge"), ("boosting", "forest", "mixture")
OUTCOMES = ("capacity", "retention")


def skill_row(skill: Skill, without: str = "") -> dict[str, Any]:
    """Return a skill as one line of a table."""
    row: dict[str, Any] = {
        "outcome": skill.outcome,
        "model": skill.specification,
        "held_out": "publication" if skill.by == "source" else skill.by,
        "without": without,
        "n_rows": skill.n_rows,
        "n_publications": skill.n_sources,
    }
    figures = {
        "typical_factor": skill.typical_factor,
        "mae": skill.mae,
        "crps": skill.crps,
        "log_score": skill.log_score,
        **{f"inside_{100 * c.probability:.0f}": c.share for c in skill.levels},
        **{f"crps_less_{name}": skill.against.get(name) for name in BASELINES},
    }
    for name, figure in figures.items():
        for part in ("value", "low", "high"):
            key = name if part == "value" else f"{name}_{part}"
            row[key] = None if figure is None else round(getattr(figure, part), 4)
    row["median_ae"] = round(skill.median_ae, 3)
    row["width_80"] = round(skill.width, 3)
    row["concordance"] = round(skill.concordance, 3)
    return row


@contextmanager
def replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute for a while."""
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def no_geometry(self: CapacityPrior, frame: pd.DataFrame, q_ref: Any) -> tuple[Any, Any]:
    """Leave thickness and current to what cells tell."""
    return np.zeros(len(frame)), np.zeros(len(frame))


def no_crystallinity(self: CapacityPrior, frame: pd.DataFrame) -> tuple[Any, Any, Any]:
    """Leave heat and bias to what cells tell."""
    return np.zeros(len(frame)), np.zeros(len(frame)), np.zeros((2, len(frame)))


def no_theory(self: CapacityPrior, frame: pd.DataFrame) -> tuple[Any, Any]:
    """Expect the same capacity of every cathode."""
    return np.full(len(frame), 60.0), np.zeros(len(frame))


#: What is taken out of the process, one at a time.
INGREDIENTS: dict[str, tuple[Any, str, Any]] = {
    "theory of the cathode": (CapacityPrior, "reference_capacity", no_theory),
    "thickness and current": (CapacityPrior, "_geometry", no_geometry),
    "heat and bias": (CapacityPrior, "_crystallinity", no_crystallinity),
    "windows left open": (capacity_prior, "OTHER_WINDOW", 0.0),
    "anode without lithium": (capacity_prior, "ANODE_WEIGHT_SD", 1e-6),
    "hosts that hardly conduct": (capacity_prior, "INSULATOR_WEIGHT_SD", 1e-6),
    "measurements of D that are left": (capacity_prior.materials, "diffusivities", lambda cathode: []),
    "the cold end without its figure": (physics, "_warm_line", lambda: 0.0 * physics.HEAT_LOG_FACTOR),
}


def ingredients(evidence: Evidence, n_jobs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the skill of the process on capacities with one ingredient taken out at a time."""
    references = {s: held_out(evidence, "capacity", s) for s in BASELINES}
    whole = held_out(evidence, "capacity", "gaussian_process", n_jobs=n_jobs)
    against = {**references, "gaussian_process": whole}
    rows = []
    for name, (place, attribute, value) in {"nothing": (capacity_prior, "OTHER_WINDOW", 0.2), **INGREDIENTS}.items():
        say(f"without {name}")
        # One process: the others would not see what is replaced here.
        with replaced(place, attribute, value):
            held = held_out(evidence, "capacity", "gaussian_process")
        skill = measure_skill("gaussian_process", "capacity", "source", held, against)
        gap = skill.against["gaussian_process"]
        row = {**skill_row(skill, name), "crps_less_whole": round(gap.value, 4)}
        rows.append({**row, "crps_less_whole_low": round(gap.low, 4), "crps_less_whole_high": round(gap.high, 4)})
    return rows


def _rows(frame: pd.DataFrame, outcome: str, specification: str) -> pd.DataFrame:
    picked = (frame["outcome"] == outcome) & (frame["specification"] == specification)
    return frame[picked].reset_index(drop=True)


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--permutations", type=int, default=20)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    given = parser.parse_args()
    given.results.mkdir(exist_ok=True)
    evidence = Evidence.reported()

    def say(what: str) -> None:
        print(what, flush=True)

    def write(name: str, rows: list[dict[str, Any]]) -> None:
        pd.DataFrame(rows).to_csv(given.results / f"{name}.csv", index=False, lineterminator="\n")

    last = ""

    def progress(done: int, total: int, what: str) -> None:
        nonlocal last
        if what != last:
            say(f"{done} of {total}: {what}")
            last = what

    found = report_skill(evidence, OUTCOMES, MODELS, n_jobs=given.jobs, progress=progress)
    rows = [skill_row(s) for s in found.skills] + [skill_row(s, "FeS2") for s in found.without_odd]
    for outcome in OUTCOMES:
        references = {s: _rows(found.frame, outcome, s) for s in BASELINES}
        for s in FURTHER:
            say(f"{outcome}: {s}")
            h = held_out(evidence, outcome, s, n_jobs=given.jobs)
            rows.append(skill_row(measure_skill(s, outcome, "source", h, references)))
        say(f"{outcome}, whole teams held out")
        held = {s: held_out(evidence, outcome, s, "team", n_jobs=given.jobs) for s in ("gaussian_process", *BASELINES)}
        for s, h in held.items():
            others = {r: held[r] for r in BASELINES if r != s}
            rows.append(skill_row(measure_skill(s, outcome, "team", h, others)))
    write("skill", rows)
    write("families", [asdict(f) for f in found.families])
    pairs = [
        {"model": s, **asdict(c.pair), **{k: v for k, v in asdict(c).items() if k != "pair"}}
        for s, checks in found.pairs.items()
        for c in checks
    ]
    write("pairs", pairs)
    write("direction", [{"model": s, **asdict(d)} for s, total in found.direction.items() for d in total])
    found.frame.round(4).to_csv(given.results / "held_out.csv", index=False, lineterminator="\n")
    write("ingredients", ingredients(evidence, given.jobs, say))
    say("control: outcomes exchanged at random")
    control = report_skill(
        evidence, OUTCOMES, ["gaussian_process"], n_jobs=given.jobs, n_permutations=given.permutations
    ).control
    write("control", [{**asdict(c), "gaps": " ".join(f"{g:+.4f}" for g in c.gaps), "mean": c.mean} for c in control])
    shown = ("gaussian_process", *BASELINES)
    draw_skill(found.frame, [s for s in found.skills if s.specification in shown], given.results)
    say(f"wrote {given.results}")


if __name__ == "__main__":
    main()
