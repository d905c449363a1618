"""What a campaign's methods return: plain values for whoever prints, draws or tests them. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pvdopt.errors import Problem
from pvdopt.ledger.values import Scalar

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.campaign.drivers import Driven
    from pvdopt.choice.advice import Advice
    from pvdopt.explain import NearCell


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
    held : list of str
        Those of the notes that tell which thresholds settings held by hand put out of reach.
    seed : int
        What was drawn with; the same ledger, version and seed give the same proposals.
    n_own, n_reported : int
        Own and reported cells behind the predictions.
    n_measured : int
        Own cells with an outcome among them; the others failed, and teach where cells fail.
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
    theory : list of mapping of str to float
        For each proposal what it can hold in theory, by outcome.
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
    n_measured: int
    n_reported: int
    runs: list[PlannedRun] = field(default_factory=list)
    hours: Mapping[str, float] | None = None
    advice: Advice | None = None
    advice_sentence: str = ""
    drivers: list[Driven | None] = field(default_factory=list)
    alternatives: list[Mapping[str, Any]] = field(default_factory=list)
    theory: list[dict[str, float]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


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
    theory: list[dict[str, float]] = field(default_factory=list)


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
