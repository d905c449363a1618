"""What a campaign's methods return: plain values for whoever prints, draws or tests them. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdopt.errors import Problem
from pvdopt.ledger.values import Outcome, Scalar

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.campaign.drivers import Driven
    from pvdopt.choice.advice import Advice
    from pvdopt.explain import NearCell
    from pvdopt.skill.direction import DirectionSummary, PairCheck
    from pvdopt.skill.report import FamilySkill, PermutedControl
    from pvdopt.skill.validation import Skill


@dataclass(frozen=True)
class PlannedRun:
    """A run that proposals are put into.

    Attributes
    ----------
    kind, label : str
        Such as ``deposition`` and ``deposition-3``.
    cells : list of str
        Those of this batch; by their place, counted from 1, where they have no id.
    shares : mapping
        What its cells have in common.
    hours : float
        How long it lasts.
    places, free : int or None
        How many cells it takes, and how many more it could; None without a limit.
    is_new : bool
        Whether this batch opens it.
    """

    kind: str
    label: str
    cells: list[str]
    shares: Mapping[str, Scalar]
    hours: float
    places: int | None
    free: int | None
    is_new: bool


@dataclass(frozen=True)
class Suggestion:
    """Recipes to make next.

    Attributes
    ----------
    frame : DataFrame
        One row a proposal: ``id`` (None where nothing was recorded), the parameters, for every objective
        ``<outcome>`` (median), ``<outcome>_low`` and ``<outcome>_high`` (80 %), ``usable_chance``, ``acquisition``,
        ``purpose``, ``reason``.
    parameters : tuple of str
    fixed : mapping
        Settings that are the same in every recipe, those set by hand included.
    leans_on : list of list of NearCell
        For each proposal the nearest reported cells.
    warnings : list of list of str
        For each proposal where it leaves the evidence.
    notes : list of str
        What holds for all of them.
    seed : int
        What was drawn with; the same ledger, version and seed give the same proposals.
    n_own, n_reported : int
        Own and reported cells behind the predictions.
    runs : list of PlannedRun
        In the order in which they are begun; the frame then has a column ``<name>_run`` for each kind of run, and
        ``hours``, what each cell adds.
    hours : mapping or None
        Hours of the batch: ``total``, and those of each kind of run.
    advice : Advice or None
        Whether to go on, with its figures; and the same in a sentence.
    drivers : list of Driven or None
        For each proposal which settings make it differ from the best so far.
    alternatives : list of mapping
        What was considered and came next, see :func:`pvdopt.choice.alternatives.find_alternatives`.
    """

    frame: pd.DataFrame
    parameters: tuple[str, ...]
    fixed: Mapping[str, Scalar]
    leans_on: list[list[NearCell]]
    warnings: list[list[str]]
    notes: list[str]
    is_recorded: bool
    fingerprint: str
    seed: int
    sampler: str
    n_own: int
    n_reported: int
    runs: list[PlannedRun] = field(default_factory=list)
    hours: Mapping[str, float] | None = None
    advice: Advice | None = None
    advice_sentence: str = ""
    drivers: list[Driven | None] = field(default_factory=list)
    alternatives: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Shares:
    """What is known of a recipe by where it comes from, as shares of the variance that its effect has before any cell.

    Attributes
    ----------
    physics : float
        The part that is left: there physics alone speaks.
    reported, own : float
        The parts that reported cells took away, and own cells on top of them. The three add to 1.
    """

    physics: float
    reported: float
    own: float


@dataclass(frozen=True)
class Forecast:
    """What is believed of given recipes; columns and lists as in :class:`Suggestion`.

    Attributes
    ----------
    shares : list of mapping of str to Shares
        For each recipe, by outcome; empty where the models cannot tell.
    """

    frame: pd.DataFrame
    leans_on: list[list[NearCell]]
    warnings: list[list[str]]
    notes: list[str]
    fingerprint: str
    shares: list[dict[str, Shares]] = field(default_factory=list)


@dataclass(frozen=True)
class PredictionScore:
    """How a prediction stored with a proposal compares with what was measured.

    Attributes
    ----------
    p : float
        Probability of the interval from ``low`` to ``high``.
    is_inside : bool or None
        None where a bound leaves it open.
    log_ratio : float or None
        ln(measured / median).
    crps : float or None
        Continuous ranked probability score on the model's scale, lower is better; None for a bound.
    log_score : float or None
        Minus the log density on the model's scale, of a bound minus the log of its tail; lower is better.
    """

    id: str
    outcome: str
    measured: float
    qualifier: str
    median: float
    low: float
    high: float
    p: float
    is_inside: bool | None
    log_ratio: float | None
    crps: float | None
    log_score: float | None


@dataclass(frozen=True)
class TrackRecord:
    """How well the predictions of one outcome, stored with the proposals, have done so far.

    Attributes
    ----------
    n, inside, n_known : int
        Predictions with a result; how many lay inside their interval, and of how many that is known.
    crps, log_score : float or None
        Means over them; lower is better.
    """

    outcome: str
    n: int
    inside: int
    n_known: int
    crps: float | None
    log_score: float | None


@dataclass(frozen=True)
class RecordReport:
    """What became of results.

    Attributes
    ----------
    new, unchanged, n_facts : int
        Rows that told something new, rows that did not, facts written.
    cells, added : list of str
        Ids in the order of the rows; those of the lab's own cells that are new.
    refused : list of Problem
        Rows left out because only the good ones were asked for.
    doubts : list of Problem
        What was confirmed.
    scores : list of PredictionScore
        Of the outcomes that are new.
    """

    new: int
    unchanged: int
    n_facts: int
    cells: list[str]
    added: list[str]
    refused: list[Problem]
    doubts: list[Problem]
    scores: list[PredictionScore]
    is_recorded: bool
    notes: list[str] = field(default_factory=list)


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


@dataclass(frozen=True)
class PendingCell:
    """A cell that waits for something.

    Attributes
    ----------
    since : str
        When the ledger last heard of it.
    cycles : float or None
        After how many cycles its retention was read so far, where that is fewer than the protocol's.
    """

    id: str
    kind: str
    status: str
    since: str
    waits_for: list[str]
    settings: Mapping[str, Scalar]
    run: str | None
    sample: str | None
    purpose: str | None
    cycles: float | None = None


@dataclass(frozen=True)
class ResultCell:
    """A cell with results."""

    id: str
    time: str
    status: str
    outcome_class: str | None
    outcomes: Mapping[str, Outcome]


@dataclass(frozen=True)
class Budget:
    """Evaluations that were planned and done; what a mishap spoilt is none.

    Attributes
    ----------
    cells, used, left : int or None
        None where only hours are planned.
    hours, hours_used : float or None
        Likewise of runs and cells.
    """

    cells: int | None
    used: int
    left: int | None
    hours: float | None = None
    hours_used: float | None = None


@dataclass(frozen=True)
class LabLevel:
    """How this laboratory's cells compare with what was predicted when they were proposed.

    Attributes
    ----------
    median_ratio : float
        Measured over predicted.
    inside : int
        How many of the ``n`` lay inside their interval.
    """

    outcome: str
    n: int
    median_ratio: float
    inside: int


@dataclass(frozen=True)
class LabStanding:
    """Where this laboratory's level stands against the reported cells after matching their settings.

    Attributes
    ----------
    ratio, low, high : float
        Of the capacity, or of the rate of fading, to what reported cells alike would show; the interval holds 80 %.
    n : int
        Own values behind it when it was computed.
    time : str
        When that was: with the last proposals or the last retraining.
    """

    outcome: str
    ratio: float
    low: float
    high: float
    n: int
    time: str


@dataclass(frozen=True)
class Status:
    """Where a campaign stands.

    Attributes
    ----------
    counts : mapping of str to int
        Cells by status.
    results : list of ResultCell
        The latest, newest first.
    standing : list of LabStanding
        Empty until own cells were measured and proposals made or models retrained after that.
    specification : str
        The surrogate in use.
    retrained : str or None
        When it was last chosen anew.
    evaluator : str or None
        What measures in place of a laboratory, if anything does.
    advice : str or None
        Whether to go on, as of the last proposals.
    advice_lag : int
        Cells with an outcome that came since.
    hours_used : float or None
        Of the runs and cells evaluated so far, where the campaign file says how long things take.
    """

    name: str
    folder: Path | None
    created: str | None
    n_facts: int
    counts: Mapping[str, int]
    pending: list[PendingCell]
    results: list[ResultCell]
    budget: Budget | None
    lab: list[LabLevel]
    standing: list[LabStanding]
    specification: str
    retrained: str | None
    evaluator: str | None
    notes: list[str]
    advice: str | None = None
    advice_lag: int = 0
    hours_used: float | None = None


@dataclass(frozen=True)
class BestCell:
    """The best recipe in one respect; ``low`` and ``high`` are None for a measured value."""

    id: str
    outcome: str
    value: float
    low: float | None
    high: float | None
    unit: str
    recipe: Mapping[str, Any]
    outcomes: Mapping[str, float]


@dataclass(frozen=True)
class Best:
    """The best so far per objective: by measured value, and by what is believed of measured recipes.

    Attributes
    ----------
    why : list of str
        For each objective why the two differ, or that they agree.
    reachable : list of BestCell
        The recipe believed best of all that may be made, whether it was made or not; without an id.
    """

    measured: list[BestCell]
    believed: list[BestCell]
    notes: list[str]
    why: list[str] = field(default_factory=list)
    reachable: list[BestCell] = field(default_factory=list)
