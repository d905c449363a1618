"""The campaign's own cells as tables: what a proposer reads, what is still open, how past predictions fared.

Reads the ledger's state; knows no model and writes nothing. Light enough for ``status``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist, median
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.campaign.reports import PredictionScore, TrackRecord
from pvdopt.campaign.standing_reports import LabLevel
from pvdopt.choice.runs import OpenRun, Run
from pvdopt.conversions import READING_REL_SD
from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.fields import ERRORS
from pvdopt.ledger.state import CellState, LedgerState
from pvdopt.ledger.values import Outcome, Scalar, is_same
from pvdopt.objectives import OUTCOME_UNITS, Objective, Protocol
from pvdopt.space import SearchSpace

#: A retention at or above this counts as "no fading seen", as on the models' scale.
RETENTION_CEILING = 0.995


class OwnCells:
    """Own cells of a campaign as recorded so far.

    Parameters
    ----------
    state : LedgerState
    space, objectives, protocol
        As of the campaign.
    has_evidence : bool
        Whether outcomes of the vocabulary have their meaning: then areal capacity is capacity times thickness.
    """

    def __init__(
        self,
        state: LedgerState,
        space: SearchSpace,
        objectives: Sequence[Objective],
        protocol: Protocol,
        has_evidence: bool,
    ) -> None:
        self.state = state
        self.space = space
        self.objectives = tuple(objectives)
        self.protocol = protocol
        self.has_evidence = has_evidence

    def settings(self, cell: CellState) -> dict[str, Scalar]:
        """Return a cell's settings as made, else as planned, else as fixed."""
        return {**self.space.fixed, **cell.settings}

    def outcomes(self, cell: CellState) -> dict[str, Outcome]:
        """Return a cell's outcomes, and the capacity per area or per thickness that follows from the other."""
        found = dict(cell.outcomes)
        if not self.has_evidence:
            return found
        thickness = self.settings(cell).get("thickness_um")
        if not isinstance(thickness, (int, float)) or not thickness > 0:
            return found
        for name, other, factor in (
            ("areal_capacity", "capacity", float(thickness)),
            ("capacity", "areal_capacity", 1.0 / float(thickness)),
        ):
            if name not in found and other in cell.outcomes:
                stated = cell.outcomes[other]
                sd = None if stated.sd is None else stated.sd * factor
                if name == "capacity":
                    sd = self._with_thickness_error(cell, stated, sd, factor)
                found[name] = Outcome(stated.value * factor, stated.qualifier, sd)
        return found

    def derived(self, cell: CellState) -> dict[str, Outcome]:
        """Return what models read of a cell that was not measured itself, since it follows from another outcome."""
        return {name: o for name, o in self.outcomes(cell).items() if name not in cell.outcomes}

    def _with_thickness_error(self, cell: CellState, stated: Outcome, sd: float | None, factor: float) -> float | None:
        """Return the deviation of a capacity per thickness, where it was said how well the thickness is known."""
        error = cell.settings.get(ERRORS["thickness_um"])
        if not isinstance(error, (int, float)) or not stated.value > 0:
            return sd
        own = READING_REL_SD if stated.sd is None else stated.sd / stated.value
        return stated.value * factor * math.hypot(own, float(error) * factor)

    def waits_for(self, cell: CellState) -> list[str]:
        """Return the objectives a cell still has no outcome for; none where it gives no usable figures."""
        if cell.status in ("failed", "vetoed", "discarded"):
            return []
        known = self.outcomes(cell)
        wanted = [
            o.name for o in self.objectives if o.name not in known or (o.name == "retention" and self.is_early(cell))
        ]
        # The one follows from the other and the thickness: only the first is to be measured.
        follows = {"capacity", "areal_capacity"} <= set(wanted)
        return [name for name in wanted if not (follows and name == "areal_capacity")]

    def is_early(self, cell: CellState) -> bool:
        """Return whether a cell's retention was read after fewer cycles than the protocol asks for: it goes on."""
        cycles, asked = cell.outcomes.get("cycles"), self.protocol.cycles
        return "retention" in cell.outcomes and cycles is not None and asked is not None and cycles.value < asked

    def early_retention(self, cell: CellState) -> tuple[float, float, float] | None:
        """Return what an early retention comes to at the protocol's cycles: median, low and high (80 %); else None.

        From the cell's series where it has one, else from its one reading and the usual shape of fades.
        """
        from pvdopt.lab_tables.fade import Fade, fit_fade

        if not self.is_early(cell) or self.protocol.cycles is None:
            return None
        stored = (cell.series or {}).get("fade")
        if stored:
            fade = Fade.from_json(stored)
        else:
            fade = fit_fade([cell.outcomes["cycles"].value], [cell.outcomes["retention"].value])
        return fade.at(self.protocol.cycles)

    def _learned(self, cell: CellState) -> dict[str, Outcome]:
        """Return a cell's outcomes as models take them: of a running cell with a series, what its own fade comes to."""
        found = self.outcomes(cell)
        if not self.has_evidence or not self.is_early(cell) or not (cell.series or {}).get("fade"):
            return found
        early = self.early_retention(cell)
        if early is None or self.protocol.cycles is None:
            return found
        mid, low, high = early
        sd = max((high - low) / (2.0 * NormalDist().inv_cdf(0.9)), 1e-3)
        return {**found, "retention": Outcome(mid, "=", sd), "cycles": Outcome(self.protocol.cycles)}

    def status(self, cell: CellState) -> str:
        """Return a cell's status.

        Complete also where the missing outcome follows from another; partial while a retention was read early.
        """
        if cell.status not in ("partial", "complete"):
            return cell.status
        return "partial" if self.waits_for(cell) else "complete"

    @property
    def simulated_by(self) -> str | None:
        """The evaluator whose results are no measurements, if this campaign is a simulation."""
        for fact in reversed(self.state.notes):
            if fact.payload.get("event") == "study":
                return str(fact.payload["evaluator"]) if fact.payload["is_simulated"] else None
        return None

    def require_evaluator(self, name: str | None) -> None:
        """Raise if results of an evaluator, None for people, must not be mixed with those that are there.

        Raises
        ------
        DataInvalid
            If measured and simulated cells, or those of two simulations, would stand in one ledger.
        """
        if self.simulated_by not in (None, name):
            must = f"the campaign's results come from the evaluator {self.simulated_by} and must not be mixed"
            raise DataInvalid(Problem(must, name, "Use a campaign of its own"))

    # -- tables --------------------------------------------------------------------------------------------------

    def counting(self) -> list[CellState]:
        """Return the cells that teach something: measured or failed, in a run that counts."""
        return [c for c in self.state.cells.values() if c.status in ("partial", "complete", "failed")]

    def observed(self) -> pd.DataFrame:
        """Return the cells that teach something, one row each, indexed by id: what a proposer takes as observed.

        Settings stand as they were made. A setting nobody declared for this campaign stays in the ledger.
        """
        return self._frame(self.counting())

    def pending(self) -> pd.DataFrame:
        """Return the recipes of cells whose outcomes are still to come altogether, indexed by id."""
        cells = [self.state.cells[name] for name in self.state.pending()]
        frame = self.space.frame([self.settings(cell) for cell in cells])
        return frame.set_axis(pd.Index([c.id for c in cells], dtype=object, name="id"))

    def hours_used(self) -> float | None:
        """Return the hours that evaluated proposals took, None where nothing says how long things take.

        A run's hours are counted with the cell that was planned to open it, a mishap's too.
        """
        done = [c for c in self.state.cells.values() if c.status not in ("proposed", "made", "vetoed")]
        told = [float(c.proposal["hours"]) for c in done if c.proposal.get("hours") is not None]
        return sum(told) if told else None

    def planned_runs(self, runs: Sequence[Run]) -> list[OpenRun]:
        """Return the runs that proposals were put into so far; open are those of which no cell was made yet.

        A set-up, a kind of run without a limit of places, stays open until the next one is begun.
        """
        found: dict[str, OpenRun] = {}
        for cell in self.state.cells.values():
            labels = cell.proposal.get("runs") or {}
            for run in runs:
                label = labels.get(run.name)
                if label is None:
                    continue
                planned, now = cell.proposal["recipe"], self.settings(cell)
                recipe = {n: planned.get(n) for n in self.space.names}
                one = found.setdefault(label, OpenRun(run.name, label, recipe, used=0))
                # Dropped, or edited so that it no longer shares what the run's cells share.
                if cell.status == "vetoed" or any(not is_same(planned.get(n), now.get(n)) for n in run.shares):
                    continue
                one.used += 1
                one.hours = max(one.hours, float(run.hours_of(self.space.with_fixed(self.space.frame([recipe])))[0]))
                one.is_open = one.is_open and (cell.status == "proposed" or run.places is None)
        for run in runs:
            if run.places is None:
                for one in [o for o in found.values() if o.kind == run.name][:-1]:
                    one.is_open = False
        return [replace(one, is_open=one.is_open and one.used > 0) for one in found.values()]

    def _frame(self, cells: Sequence[CellState]) -> pd.DataFrame:
        settings = [self.settings(cell) for cell in cells]
        columns: dict[str, Any] = dict(self.space.frame(settings))
        for name, value in {**self.space.fixed, **self.protocol.columns()}.items():
            stated = [s.get(name, value) for s in settings]
            if name not in columns and any(v != value for v in stated):
                columns[name] = _column(stated)
        measured = [self._learned(cell) for cell in cells]
        wanted = [o.name for o in self.objectives]
        wanted += [n for n in (*OUTCOME_UNITS, "cycles") if n not in wanted and self.has_evidence]
        for name in wanted:
            found = [m.get(name) for m in measured]
            if name not in [o.name for o in self.objectives] and not any(found):
                continue
            columns[name] = np.array([np.nan if o is None else o.value for o in found], dtype=float)
            if name != "cycles":
                columns[f"{name}_sd"] = np.array(
                    [np.nan if o is None or o.sd is None else o.sd for o in found], dtype=float
                )
                columns[f"{name}_qualifier"] = _column([None if o is None else o.qualifier for o in found])
        for name in ("outcome_class", "run", "sample"):
            columns[name] = _column([getattr(cell, name) for cell in cells])
        index = pd.Index([c.id for c in cells], dtype=object, name="id")
        return pd.DataFrame({n: np.asarray(v) for n, v in columns.items()}, index=index)

    # -- past predictions ----------------------------------------------------------------------------------------

    def scores(
        self, cells: Iterable[str] | None = None, outcomes: Iterable[str] | None = None
    ) -> list[PredictionScore]:
        """Return how stored predictions compare with results, for these cells and outcomes or for all.

        A retention read after another number of cycles than the protocol's was not what was predicted, and is left
        out.
        """
        chosen = list(self.state.cells) if cells is None else list(cells)
        names = None if outcomes is None else set(outcomes)
        found = []
        for name in chosen:
            cell = self.state.cells[name]
            if cell.status not in ("partial", "complete"):
                continue
            # What follows from another outcome and the thickness as made is no second test of the prediction.
            measured = cell.outcomes
            for outcome, predicted in cell.predicted.items():
                if outcome not in measured or (names is not None and outcome not in names):
                    continue
                if outcome == "retention" and self._has_other_cycles(cell):
                    continue
                found.append(score_prediction(cell.id, outcome, measured[outcome], predicted, self.has_evidence))
        return found

    def _has_other_cycles(self, cell: CellState) -> bool:
        cycles = cell.outcomes.get("cycles")
        return cycles is not None and self.protocol.cycles is not None and cycles.value != self.protocol.cycles


def _column(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return values as numbers where all that is stated are numbers, else as they are."""
    stated = [v for v in values if v is not None]
    if stated and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in stated):
        return np.array([np.nan if v is None else float(v) for v in values], dtype=float)
    return np.array([*values, None], dtype=object)[:-1]


def score_prediction(
    id_: str, outcome: str, measured: Outcome, predicted: Mapping[str, Any], has_evidence: bool
) -> PredictionScore:
    """Return how one stored prediction compares with what was measured.

    Scores are the CRPS of a normal distribution (Gneiting and Raftery, J. Am. Stat. Assoc. 102, 359 (2007), eq. 21)
    and its log score (the same, section 4.1) on the scale on which the outcome is modelled; its deviation follows from
    the stored interval.
    """
    value, qualifier = measured.value, measured.qualifier
    mid, low, high, p = (float(predicted[key]) for key in ("median", "low", "high", "p"))
    is_inside: bool | None = low <= value <= high
    if (qualifier == ">=" and value <= high) or (qualifier == "<=" and value >= low):
        is_inside = None
    is_bound = qualifier in (">=", "<=")
    log_ratio = math.log(value / mid) if value > 0 and mid > 0 else None
    y, mean, one, other = (to_model_scale(outcome, v, has_evidence) for v in (value, mid, low, high))
    sd = abs(other - one) / (2.0 * NormalDist().inv_cdf(0.5 + p / 2.0))
    crps = None if is_bound else _crps(y, mean, sd)
    # A larger retention is a smaller fade: there the bound turns round.
    side = {">=": 1, "<=": -1}.get(qualifier, 0) * (1 if other >= one else -1)
    log_score = _log_score(y, mean, sd, side)
    return PredictionScore(id_, outcome, value, qualifier, mid, low, high, p, is_inside, log_ratio, crps, log_score)


def to_model_scale(outcome: str, value: float, has_evidence: bool) -> float:
    """Return an outcome on the scale on which it is modelled: ln capacity, ln(-ln retention), else itself."""
    if has_evidence and outcome in ("capacity", "areal_capacity"):
        return math.log(max(value, 1e-300))
    if has_evidence and outcome == "retention":
        return math.log(-math.log(min(max(value, 1e-6), RETENTION_CEILING)))
    return value


def _crps(y: float, mean: float, sd: float) -> float:
    if not sd > 0:
        return abs(y - mean)
    z = (y - mean) / sd
    normal = NormalDist()
    return sd * (z * (2.0 * normal.cdf(z) - 1.0) + 2.0 * normal.pdf(z) - 1.0 / math.sqrt(math.pi))


def _log_score(y: float, mean: float, sd: float, side: int) -> float | None:
    """Return minus the log density at y, or of a bound (side +1: at or above y) minus the log of its tail."""
    if not sd > 0:
        return None
    z = (y - mean) / sd
    if side == 0:
        return 0.5 * z * z + math.log(sd) + 0.5 * math.log(2.0 * math.pi)
    # erfc keeps what is left of a far tail, where one minus a distribution function is nothing.
    return -math.log(max(0.5 * math.erfc(side * z / math.sqrt(2.0)), 1e-300))


def track_record(scores: Iterable[PredictionScore]) -> list[TrackRecord]:
    """Return per outcome how well past predictions have done; what is a bound has no CRPS."""
    listed = list(scores)
    found = []
    for outcome in dict.fromkeys(s.outcome for s in listed):
        mine = [s for s in listed if s.outcome == outcome]
        crps = [s.crps for s in mine if s.crps is not None]
        logs = [s.log_score for s in mine if s.log_score is not None]
        inside, n_known = count_coverage(mine).get(outcome, (0, 0))
        found.append(TrackRecord(outcome, len(mine), inside, n_known, _mean(crps), _mean(logs)))
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def count_coverage(scores: Iterable[PredictionScore]) -> dict[str, tuple[int, int]]:
    """Return per outcome how many results lay inside their interval, and of how many that is known."""
    found: dict[str, tuple[int, int]] = {}
    for score in scores:
        if score.is_inside is not None:
            inside, n = found.get(score.outcome, (0, 0))
            found[score.outcome] = (inside + score.is_inside, n + 1)
    return found


def lab_levels(scores: Sequence[PredictionScore]) -> list[LabLevel]:
    """Return per outcome how results compare with what was predicted for them; bounds do not count."""
    found = []
    for outcome in dict.fromkeys(s.outcome for s in scores):
        exact = [s for s in scores if s.outcome == outcome and s.qualifier in ("=", "~") and s.log_ratio is not None]
        if exact:
            ratio = math.exp(median(s.log_ratio for s in exact if s.log_ratio is not None))
            found.append(LabLevel(outcome, len(exact), ratio, sum(bool(s.is_inside) for s in exact)))
    return found
