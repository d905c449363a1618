"""What the reported cells can and cannot predict: skill with and without the odd family, families, pairs, control.

All of it with whole publications or teams held out and everything refitted. Knows no campaign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pvdopt.evidence import Evidence
from pvdopt.skill.direction import DirectionSummary, PairCheck, check_pairs, summarise
from pvdopt.skill.validation import Interval, Skill, cross_calibrated, crps_normal, held_out, measure_skill

Progress = Callable[[int, int, str], None]

#: What every model has to beat.
BASELINES = ("climatology", "theory")
#: Family whose one row decides figures such as R2: everything is also reported without it.
ODD_FAMILY = "FeS2"
#: Folds of the permuted control; whole publications are dealt out into them.
CONTROL_FOLDS = 10


@dataclass(frozen=True)
class FamilySkill:
    """How well one family is predicted; ``bias`` is the mean of ln(reported) less ln(predicted), model scale."""

    specification: str
    outcome: str
    family: str
    n_rows: int
    n_sources: int
    typical_factor: float
    bias: float


@dataclass(frozen=True)
class PermutedControl:
    """Skill where there is nothing to learn: outcomes exchanged at random among all rows, everything refitted.

    Attributes
    ----------
    gaps : tuple of float
        CRPS less climatology's on each permutation, in the same folds.
    gap : float
        The same without permuting.
    """

    specification: str
    outcome: str
    gaps: tuple[float, ...]
    gap: float

    @property
    def share_as_good(self) -> float:
        """Share of the permutations that look as good as the truth, the truth counted among them."""
        return (1 + sum(g <= self.gap for g in self.gaps)) / (1 + len(self.gaps))

    @property
    def mean(self) -> float:
        """Mean CRPS less climatology's over the permutations; below 0 would be skill out of nothing."""
        return float(np.mean(self.gaps))


@dataclass(frozen=True)
class SkillReport:
    """All that :func:`report_skill` finds.

    Attributes
    ----------
    skills, without_odd : list of Skill
        On all rows, and with the odd family's rows taken out before anything is fitted.
    frame : DataFrame
        The held-out rows behind ``skills``, with ``specification`` and ``outcome``.
    pairs : mapping of str to list of PairCheck
        By specification.
    """

    skills: list[Skill]
    without_odd: list[Skill]
    families: list[FamilySkill]
    pairs: Mapping[str, list[PairCheck]]
    direction: Mapping[str, list[DirectionSummary]]
    control: list[PermutedControl]
    frame: pd.DataFrame
    notes: list[str]


def report_skill(
    evidence: Evidence,
    outcomes: Sequence[str],
    specifications: Sequence[str],
    *,
    by: str = "source",
    seed: int = 0,
    n_jobs: int = 1,
    n_permutations: int = 0,
    progress: Progress | None = None,
) -> SkillReport:
    """Measure specifications and the baselines on reported cells.

    Parameters
    ----------
    by : {"source", "team"}
        What is held out together. Stated pairs are always predicted without their publication.
    n_permutations : int
        How often the control deals outcomes out anew; 0 leaves it out.
    """
    steps = _Steps(progress, outcomes, specifications, n_permutations)
    skills: list[Skill] = []
    without: list[Skill] = []
    families: list[FamilySkill] = []
    frames: list[pd.DataFrame] = []
    control: list[PermutedControl] = []
    notes: list[str] = []
    told = []
    wanted = list(dict.fromkeys([*specifications, *BASELINES]))
    for outcome in outcomes:
        if len(set(evidence.table(outcome).source)) < 2:
            notes.append(f"{outcome}: fewer than two sources, so none can be held out.")
            continue
        told.append(outcome)
        held = {s: held_out(evidence, outcome, s, by, seed, n_jobs, steps.next(f"{outcome}: {s}")) for s in wanted}
        skills += _measure(held, outcome, by)
        frames += [h.assign(specification=s, outcome=outcome) for s, h in held.items()]
        families += [f for s in wanted for f in family_skill(held[s], s, outcome)]
        rest = without_family(evidence, ODD_FAMILY)
        if len(rest.table(outcome)) < len(evidence.table(outcome)):
            again = {s: held_out(rest, outcome, s, by, seed, n_jobs, steps.next(f"{outcome}: {s}")) for s in wanted}
            without += _measure(again, outcome, by)
        for s in specifications if n_permutations else ():
            found = permuted_control(
                evidence, outcome, s, n_permutations, by, seed, n_jobs, steps.next(f"{outcome}: {s}, control")
            )
            control.append(found)
    pairs = {s: check_pairs(evidence, s, told, seed, steps.next(f"{s}: stated pairs"), n_jobs) for s in specifications}
    return SkillReport(
        skills=skills,
        without_odd=without,
        families=families,
        pairs=pairs,
        direction={s: summarise(found) for s, found in pairs.items() if found},
        control=control,
        frame=pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(),
        notes=notes,
    )


def _measure(held: Mapping[str, pd.DataFrame], outcome: str, by: str) -> list[Skill]:
    return [
        measure_skill(s, outcome, by, h, {r: held[r] for r in BASELINES if r != s and r in held})
        for s, h in held.items()
    ]


def without_family(evidence: Evidence, family: str) -> Evidence:
    """Return the evidence without the rows of a family."""
    if "cathode_family" not in evidence.cells.columns:
        return evidence
    return replace(evidence, cells=evidence.cells[evidence.cells["cathode_family"] != family])


def family_skill(held: pd.DataFrame, specification: str, outcome: str) -> list[FamilySkill]:
    """Return how well each family's rows that are no bounds are predicted, the largest family first."""
    exact = held[held["censor"] == 0]
    if "cathode_family" not in exact.columns:
        return []
    found = []
    for family, rows in exact.groupby("cathode_family"):
        error = (rows["y"] - rows["mean"]).to_numpy(dtype=float)
        found.append(
            FamilySkill(
                specification,
                outcome,
                str(family),
                len(rows),
                rows["source"].nunique(),
                float(np.exp(np.sqrt(np.mean(error**2)))),
                float(error.mean()),
            )
        )
    return sorted(found, key=lambda f: (-f.n_rows, f.family))


def permuted_control(
    evidence: Evidence,
    outcome: str,
    specification: str,
    n_permutations: int = 20,
    by: str = "source",
    seed: int = 0,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> PermutedControl:
    """Compare a specification with climatology where outcomes are exchanged at random, and where they are not.

    Whole groups are dealt out into ten folds, so that twenty permutations take no longer than a few evaluations.
    """

    def gap(shuffle: int | None) -> float:
        score = []
        for s in (specification, "climatology"):
            held = held_out(evidence, outcome, s, by, seed, n_jobs, n_folds=CONTROL_FOLDS, shuffle=shuffle)
            exact = (held["censor"] == 0).to_numpy()
            parts = (held["y"].to_numpy(dtype=float), held["mean"].to_numpy(dtype=float), cross_calibrated(held))
            score.append(float(crps_normal(*(p[exact] for p in parts)).mean()))
        return score[0] - score[1]

    gaps = []
    for k in range(n_permutations):
        gaps.append(gap(seed + 1 + k))
        if progress is not None:
            progress(k + 1, n_permutations + 1)
    return PermutedControl(specification, outcome, tuple(gaps), gap(None))


def say_difference(gap: Interval, than: str) -> str:
    """Return a difference in CRPS in words; an interval that holds 0 shows none.

    Examples
    --------
    >>> say_difference(Interval(-0.08, -0.15, -0.02), "climatology")
    'better than climatology'
    >>> say_difference(Interval(-0.01, -0.05, 0.02), "theory")
    'no difference shown to theory'
    """
    if gap.holds_zero:
        return f"no difference shown to {than}"
    return f"{'better' if gap.value < 0 else 'worse'} than {than}"


class _Steps:
    """Turns the folds of each step into one count of all."""

    def __init__(
        self, progress: Progress | None, outcomes: Sequence[str], specifications: Sequence[str], n_permutations: int
    ) -> None:
        n = len(set(specifications) | set(BASELINES))
        self._progress = progress
        self._total = len(outcomes) * (2 * n + bool(n_permutations) * len(specifications)) + len(specifications)
        self._done = -1

    def next(self, what: str) -> Callable[[int, int], None] | None:
        self._done += 1
        if self._progress is None:
            return None
        shown, k, total = self._progress, min(self._done, self._total - 1), self._total
        return lambda done, of: shown(k * of + done, total * of, what)
