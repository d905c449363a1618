"""How much wider a new cell's interval has to be than the model says, found on sources held out.

With the shipped reported cells alone the factors are data (``literature_prior.json``, with the fingerprint of the table
they were found on), so that a first proposal need not wait for a cross-validation. A test remakes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvdopt.evidence import Evidence
    from pvdopt.skill.validation import Progress

#: Settings of the shipped calibration.
PROBABILITY = 0.8


@dataclass(frozen=True)
class LiteratureSkill:
    """What whole-publication hold-out found for one specification and outcome.

    Attributes
    ----------
    factor : float
        What deviations of a new cell are multiplied by so that the 80 % interval holds 80 % of publications.
    typical_factor : float
        exp(RMSE) on the model scale.
    """

    specification: str
    outcome: str
    factor: float
    typical_factor: float
    crps: float
    coverage: float
    n_rows: int
    n_sources: int


def fingerprint(evidence: Evidence) -> str:
    """Return a hash of the reported rows and everything excluded: the same data, the same fingerprint."""
    columns = sorted(evidence.cells.columns)
    text = evidence.cells[columns].sort_values("source", kind="stable").to_csv(index=False)
    return hashlib.sha256((text + "|".join(sorted(evidence.excluded))).encode()).hexdigest()[:16]


@cache
def shipped() -> dict[str, Any]:
    """Return the shipped calibration: ``{"fingerprint": ..., "skill": [...]}``."""
    text = (resources.files("pvdopt") / "data" / "literature_prior.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def literature_skill(specification: str, outcome: str, evidence: Evidence | None) -> LiteratureSkill | None:
    """Return the shipped skill if it was found on this very evidence, else None."""
    if evidence is None or shipped()["fingerprint"] != fingerprint(evidence):
        return None
    for entry in shipped()["skill"]:
        if entry["specification"] == specification and entry["outcome"] == outcome:
            return LiteratureSkill(**entry)
    return None


def literature_factor(specification: str, outcome: str, evidence: Evidence | None) -> float:
    """Return the shipped calibration factor, 1 where none was found on this evidence."""
    found = literature_skill(specification, outcome, evidence)
    return 1.0 if found is None else found.factor


def make_literature_prior(
    evidence: Evidence, specifications: Sequence[str], n_jobs: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Compute what ``literature_prior.json`` holds."""
    from pvdopt.evidence import KNOWN_OUTCOMES
    from pvdopt.skill.validation import held_out, measure_skill

    skill = []
    for outcome in KNOWN_OUTCOMES:
        for specification in specifications:
            held = held_out(evidence, outcome, specification, n_jobs=n_jobs, progress=progress)
            s = measure_skill(specification, outcome, "source", held, {})
            entry = LiteratureSkill(
                specification,
                outcome,
                round(s.factor, 3),
                round(s.typical_factor.value, 3),
                round(s.crps.value, 3),
                round(s.coverage.value, 3),
                s.n_rows,
                s.n_sources,
            )
            skill.append(asdict(entry))
    return {"fingerprint": fingerprint(evidence), "probability": PROBABILITY, "skill": skill}


def write_literature_prior(path: Path, n_jobs: int = 1, progress: Progress | None = None) -> None:
    """Remake the shipped file from the shipped reported cells."""
    from pvdopt.evidence import Evidence

    prior = make_literature_prior(Evidence.reported(), SHIPPED_SPECIFICATIONS, n_jobs, progress)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(prior, indent=1) + "\n", encoding="utf-8")
    aside.replace(path)


#: Specifications whose calibration is shipped.
SHIPPED_SPECIFICATIONS = ("gaussian_process", "forest", "boosting", "ridge", "mixture", "theory", "climatology")
