"""Where a campaign stands: what waits, what came, what is best. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdopt.ledger.values import Outcome, Scalar

if TYPE_CHECKING:
    pass


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
    """A cell with results; ``cause`` is why it gave none, if that was told."""

    id: str
    time: str
    status: str
    outcome_class: str | None
    outcomes: Mapping[str, Outcome]
    cause: str | None = None


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
    lab_errors : int
        Of the failed ones, those that a mishap spoilt, which teach nothing.
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
    lab_errors: int = 0
    hours_used: float | None = None


@dataclass(frozen=True)
class BestCell:
    """The best recipe in one respect; ``low`` and ``high`` are None for a measured value.

    Attributes
    ----------
    qualifier : str
        ``>=`` or ``<=`` where the measured value is only a bound, ``~`` where it is rough, else ``=``.
    """

    id: str
    outcome: str
    value: float
    low: float | None
    high: float | None
    unit: str
    recipe: Mapping[str, Any]
    outcomes: Mapping[str, float]
    qualifier: str = "="


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
