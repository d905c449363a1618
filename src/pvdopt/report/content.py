"""What a report holds: plain values, computed once, drawn and set by others. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pvdopt.campaign.reports import PredictionScore, Shares
from pvdopt.campaign.standing_reports import Best, Status
from pvdopt.explain import NearCell
from pvdopt.ledger.values import Outcome, Scalar

#: Median and the ends of the 80 % interval.
Span = tuple[float, float, float]


@dataclass(frozen=True)
class Quantity:
    """A setting or an outcome: its name in the ledger, in words, and its unit as written in the ledger."""

    name: str
    words: str
    unit: str


@dataclass(frozen=True)
class Goal:
    """An objective.

    Attributes
    ----------
    sign : float
        +1 where more is better, -1 where less is.
    is_constraint : bool
        Whether it only has to reach its threshold.
    """

    quantity: Quantity
    sign: float
    threshold: float | None
    is_constraint: bool


@dataclass(frozen=True)
class CellView:
    """A cell of the campaign as the report shows it.

    Attributes
    ----------
    day : str
        When the ledger last heard of it, ISO 8601.
    predicted : mapping of str to Span
        As stored before it was made.
    is_early : bool
        Whether its retention was read after fewer cycles than asked, and will be read again.
    """

    id: str
    status: str
    outcome_class: str | None
    day: str
    settings: Mapping[str, Scalar]
    outcomes: Mapping[str, Outcome]
    predicted: Mapping[str, Span]
    remark: str
    is_early: bool = False


@dataclass(frozen=True)
class ProposalView:
    """A proposal that waits to be made, as predicted now.

    Attributes
    ----------
    warnings : list of str
        Where it leaves the evidence.
    theory : mapping of str to float
        What it can hold in theory, by outcome.
    runs : list of str
        The runs it is planned for.
    """

    id: str
    settings: Mapping[str, Scalar]
    predicted: Mapping[str, Span]
    usable_chance: float | None
    purpose: str
    reason: str
    leans_on: list[NearCell]
    warnings: list[str]
    theory: Mapping[str, float]
    runs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Believed:
    """What is believed of one recipe; ``id`` is None where it was not made."""

    id: str | None
    settings: Mapping[str, Scalar]
    spans: Mapping[str, Span]


@dataclass(frozen=True)
class Front:
    """Recipes that none beats in all goals.

    Attributes
    ----------
    measured : list of str
        Ids of cells by measured values.
    made : list of Believed
        Every measured recipe as the model sees it.
    predicted : list of Believed
        The front the model expects among all allowed recipes.
    """

    measured: list[str]
    made: list[Believed]
    predicted: list[Believed]


@dataclass(frozen=True)
class Progress:
    """The best so far by experiment, and what random recipes would have reached.

    Attributes
    ----------
    what : str
        What is counted: a goal, or the share of today's hypervolume.
    unit : str
    cells : list of str
        In the order in which their results came.
    values : list of float or None
        Best after each; None until something counts.
    random : list of Span
        The model's estimate for as many random allowed recipes; not finite where too few of them have anything.
    above : mapping of str to float
        Of a hypervolume the reference point, above which it counts: by goal.
    """

    what: str
    unit: str
    cells: list[str]
    values: list[float | None]
    random: list[Span]
    above: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Calibration:
    """How often past results lay inside intervals of each width, all predictions made before the result.

    Attributes
    ----------
    levels, shares : list of float
        Probability of the interval, and the share of results inside.
    n : int
        Results with a prediction.
    """

    outcome: str
    levels: list[float]
    shares: list[float]
    n: int


@dataclass(frozen=True)
class Slice:
    """What one setting does, everything else as in one recipe.

    Attributes
    ----------
    xs : list of float, or of str for a choice
    spans : list of Span
        For a new cell in this laboratory.
    own : list of (setting, outcome, id)
        Measured cells: their other settings differ.
    reported : list of float or str
        What reported cells of the same cathode state.
    """

    parameter: Quantity
    outcome: Quantity
    is_log: bool
    xs: list[float] | list[str]
    spans: list[Span]
    own: list[tuple[float | str, float, str]]
    reported: list[float] | list[str]


@dataclass(frozen=True)
class Fade:
    """Capacity against cycle of one cell, in the unit it was measured in."""

    id: str
    unit: str
    cycles: list[float]
    capacities: list[float]


@dataclass(frozen=True)
class ReportedCell:
    """A reported cell for the overview of the literature; capacities in uAh/cm2/um."""

    id: str
    reference: str
    doi: str
    cathode: str
    chemistry: str
    capacity: float
    voltage_v: float | None
    cycles: float | None
    details: str


@dataclass(frozen=True)
class Leaning:
    """What the prediction of one recipe leans on.

    Attributes
    ----------
    recipe, against : str
        Which recipe, and which it is compared with.
    shares : mapping of str to Shares
        By outcome where what is known comes from; empty where the model cannot tell.
    effects : list of (str, mapping of str to float)
        What each setting that differs adds to each outcome against the other recipe.
    nearest, nearest_own : list of NearCell
    """

    recipe: str
    against: str
    shares: Mapping[str, Shares]
    effects: list[tuple[str, Mapping[str, float]]]
    nearest: list[NearCell]
    nearest_own: list[NearCell]


@dataclass(frozen=True)
class Report:
    """Everything a report says of a campaign.

    Attributes
    ----------
    headline : str
        Where it stands, in a sentence or two.
    fixed : mapping
        Settings that are the same in every recipe.
    base : str
        The recipe whose other settings the slices hold, in words.
    advice : list of str
        Whether to go on.
    provenance : mapping
        What makes the report the same: versions, seeds, digests.
    """

    name: str
    description: str
    headline: str
    is_simulated: bool
    goals: list[Goal]
    parameters: list[Quantity]
    fixed: Mapping[str, Scalar]
    status: Status
    best: Best
    cells: list[CellView]
    proposals: list[ProposalView]
    front: Front
    progress: list[Progress]
    scores: list[PredictionScore]
    calibration: list[Calibration]
    slices: list[Slice]
    base: str
    fades: list[Fade]
    reported: list[ReportedCell]
    leaning: Leaning | None
    advice: list[str]
    notes: list[str]
    provenance: Mapping[str, str]
    protocol: Mapping[str, float] = field(default_factory=dict)

    def cell(self, id_: str) -> CellView:
        """Return a cell by its id."""
        return next(c for c in self.cells if c.id == id_)
