"""What comes of learning: a choice of the model, and how good predictions are. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.campaign.reports import PredictionScore, TrackRecord
    from pvdopt.skill.direction import DirectionSummary, PairCheck
    from pvdopt.skill.report import FamilySkill, PermutedControl
    from pvdopt.skill.validation import Skill


@dataclass(frozen=True)
class RetrainReport:
    """Which specification learns from now on, and why.

    Attributes
    ----------
    skills : list of Skill
        Each specification on the campaign's own cells, in the same folds; empty with too few of them.
    scores : list of PredictionScore
        Of all past proposals that have results.
    record : list of TrackRecord
        The same summed up by outcome.
    why : str
        The reason of the choice.
    seed : int
    n_own, n_reported : mapping of str to int
        Rows per outcome.
    versions : mapping of str to str
    card : Path or None
        Model card that was written for people to read.
    """

    chosen: str
    previous: str
    is_changed: bool
    why: str
    skills: list[Skill]
    scores: list[PredictionScore]
    record: list[TrackRecord]
    coverage: Mapping[str, tuple[int, int]]
    n_own: Mapping[str, int]
    n_reported: Mapping[str, int]
    fingerprint: str
    seed: int
    versions: Mapping[str, str]
    is_recorded: bool
    notes: list[str]
    card: Path | None = None


@dataclass(frozen=True)
class Choice:
    """One choice of a specification, as the ledger has it.

    Attributes
    ----------
    number : int
        Choices are counted from 1.
    is_rollback : bool
        Whether it went back to an earlier choice instead of comparing.
    """

    number: int
    time: str
    author: str
    chosen: str
    previous: str
    is_rollback: bool
    why: str
    n_own: Mapping[str, int]


@dataclass(frozen=True)
class Evaluation:
    """Skill on reported cells with whole sources held out, and on the campaign's own.

    Attributes
    ----------
    frame : DataFrame
        The held-out rows behind the figures, on the model's scale: ``specification``, ``outcome``, ``id``,
        ``source``, ``y``, ``censor``, ``mean``, ``sd``.
    without_odd : list of Skill
        The same with the rows of the odd family taken out.
    families, pairs, direction, control
        See :class:`pvdopt.skill.report.SkillReport`.
    curve : list of CurvePoint
        How the model in use predicts own cells after the first few of them.
    """

    skills: list[Skill]
    frame: pd.DataFrame
    scores: list[PredictionScore]
    coverage: Mapping[str, tuple[int, int]]
    notes: list[str]
    without_odd: list[Skill] = field(default_factory=list)
    families: list[FamilySkill] = field(default_factory=list)
    pairs: Mapping[str, list[PairCheck]] = field(default_factory=dict)
    direction: Mapping[str, list[DirectionSummary]] = field(default_factory=dict)
    control: list[PermutedControl] = field(default_factory=list)
    curve: list[CurvePoint] = field(default_factory=list)


@dataclass(frozen=True)
class CurvePoint:
    """How the cells made after the first ``n_own`` were predicted from those and everything reported.

    Attributes
    ----------
    typical_factor : float
        exp(RMSE) on the model scale.
    inside : int
        How many of the ``n_later`` lay in their 80 % interval.
    """

    outcome: str
    n_own: int
    n_later: int
    typical_factor: float
    inside: int
