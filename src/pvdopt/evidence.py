"""Evidence: all domain knowledge a model may use, in one object that can leave sources out.

Reported cells + the campaign's fixed settings + its protocol + physics. Without evidence names mean nothing and the
engine is a plain optimiser. Assumptions about what a paper did not say are listed here and never written into a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt import materials
from pvdopt.capacity_prior import CapacityPrior, column_values
from pvdopt.features import CategoryInput, Input, NumberInput, input_of_parameter
from pvdopt.objectives import Protocol
from pvdopt.parameters import Categorical, Parameter
from pvdopt.space import SearchSpace
from pvdopt.surrogates.base import FadeLink, LogLink
from pvdopt.training import PriorMean, TrainingTable, fade_rows, log_rows, make_table

Array = NDArray[np.float64]

#: Columns whose levels act as random effects.
EFFECTS: tuple[str, ...] = ("cathode_class", "cathode_family", "electrolyte")
#: Outcomes that physics and reported cells know something about.
KNOWN_OUTCOMES = ("capacity", "retention")

#: Assumptions about silence; all judgements (unverified). The README lists them for the reader.
ASSUMPTIONS = {
    "bias_v": "a sputter paper silent on bias used none (p = 0.9), else -50 V",
    "substrate_temperature_c": "a paper silent on it did not heat the substrate (p = 0.8), else 300 C",
    "anneal_temperature_c": "an anneal without a temperature was one of those reported elsewhere; how well a layered "
    "oxide crystallised is taken as after 700 C (p = 0.9), else 500 C, where neither anneal nor its absence is stated",
    "thickness_um": "without a thickness the capacity is taken at 0.5 um, with a wider error",
    "current_ua_cm2": "a current not stated was 10 uA/cm2",
    "v_min, v_max": "a voltage window not stated was the usual one of the cathode (p = 0.8), else another of its table",
    "anode": "an anode not stated brought lithium (p = 0.9)",
}
#: Effects on the fade scale are about 2.3 times as wide as on ln capacity: 0.8 against 0.35 between publications
#: (domain notes, unverified).
FADE_UNIT = 2.3

_NO_BIAS = {"bias_kind": ("none",), "method": ("pld", "ebeam", "thermal_evaporation")}

#: How far settings reach. Films order, and bias helps, within a fraction of the range (an anneal within 100 to 200 C,
#: -30 to -80 V; domain notes 2): half. What enters by a power law over decades, as thickness, current and a
#: conductivity do, changes little by little. Anneals of different kinds are heat in any case, and how much of it their
#: temperature says. Sizes are judgements (unverified), tried on simulated laboratories (studies/lab_transfer).
_SHARP, _GRADUAL, _ALIKE = 0.5, 1.7, 2.5
_PROCESS: tuple[Input, ...] = (
    NumberInput("thickness_um", 0.05, 10.0, log=True, reach=_GRADUAL),
    NumberInput("current_ua_cm2", 1.0, 1000.0, log=True, reach=_GRADUAL),
    NumberInput(
        "bias_v",
        -100.0,
        0.0,
        absent_when=_NO_BIAS,
        absent_value=0.0,
        guess=((0.0, 0.9), (-50.0, 0.1)),
        reach=_SHARP,
    ),
    NumberInput(
        "anneal_temperature_c",
        25.0,
        850.0,
        absent_when={"anneal_kind": ("none",)},
        absent_value=25.0,
        reach=_SHARP,
    ),
    NumberInput("substrate_temperature_c", 25.0, 600.0, guess=((25.0, 0.8), (300.0, 0.2)), reach=_SHARP),
    NumberInput("electrolyte_log10_conductivity", -7.5, -5.0, reach=_GRADUAL),
    CategoryInput("anneal_kind", ("none", "furnace", "rta", "unspecified"), reach=_ALIKE),
    CategoryInput("method_family", ("sputter", "pld", "evaporation")),
    CategoryInput("architecture", ("planar", "3d")),
    CategoryInput("stacking", ("in_situ", "ex_situ")),
    CategoryInput("is_flexible", ("no", "yes")),
)
_FADE: tuple[Input, ...] = (
    NumberInput("anode_risk", 0.0, 3.0),
    NumberInput("v_max", 3.0, 5.0),
    CategoryInput("encapsulation", ("none", "polymer", "multilayer", "other")),
)
#: Rates: a row that states one of the two is not given the protocol's other.
_RATES = {"current_ua_cm2": "c_rate", "c_rate": "current_ua_cm2"}


@dataclass(frozen=True)
class Evidence:
    """What is known beside a campaign's own cells.

    Parameters
    ----------
    cells : DataFrame
        Reported cells in the vocabulary's columns; may be empty (physics alone).
    fixed : mapping
        Settings the campaign does not vary.
    protocol : Protocol
        Conditions at which outcomes are asked.
    excluded : frozenset of str
        Sources left out: their rows, and every constant fitted on them.
    cathodes : mapping
        Cathodes whose figures a campaign replaces, by name.
    """

    cells: pd.DataFrame
    fixed: Mapping[str, Any] = field(default_factory=dict)
    protocol: Protocol = field(default_factory=Protocol)
    excluded: frozenset[str] = frozenset()
    cathodes: Mapping[str, materials.Cathode] = field(default_factory=dict)

    def _cathodes(self) -> Mapping[str, materials.Cathode]:
        return {**materials.cathodes(), **self.cathodes}

    @classmethod
    def reported(cls, fixed: Mapping[str, Any] | None = None, protocol: Protocol | None = None) -> Self:
        """Return the evidence of the shipped reported cells."""
        from pvdopt.cells import reported_cells

        cells = reported_cells().frame.reset_index(names="id")
        return cls(cells, dict(fixed or {}), protocol or Protocol())

    @classmethod
    def physics_only(cls, fixed: Mapping[str, Any] | None = None, protocol: Protocol | None = None) -> Self:
        """Return evidence without any reported cell."""
        return cls(pd.DataFrame({"source": pd.Series(dtype=object)}), dict(fixed or {}), protocol or Protocol())

    def excluding(self, sources: Iterable[str]) -> Self:
        """Return the evidence without these sources: neither their rows nor constants fitted on them."""
        out = self.excluded | frozenset(sources)
        kept = self.cells[~self.cells["source"].isin(list(out))]
        return replace(self, cells=kept, excluded=out)

    @staticmethod
    def knows(outcome: str) -> bool:
        """Return whether physics and reported cells say anything about an outcome."""
        return outcome in KNOWN_OUTCOMES

    # -- columns -----------------------------------------------------------------------------------------------

    def complete(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return recipes with fixed settings, protocol and derived columns; stated values are never replaced."""
        frame = recipes.copy()
        for name, value in self.fixed.items():
            if name not in frame.columns:
                frame[name] = pd.Series([value] * len(frame), index=frame.index, dtype=_dtype(value))
        for name, value in self.protocol.columns().items():
            told = recipes.columns.intersection([name, _RATES.get(name, name)])
            untold = recipes[told].isna().all(axis=1)
            filled = pd.Series(column_values(frame, name), index=frame.index)
            frame[name] = filled.where(~untold, value)
        return self.derive(frame)

    def theoretical_capacity(self, recipes: pd.DataFrame) -> Array:
        """Return what each recipe can hold in theory within its voltage window (uAh/cm2/um), shape (n,).

        NaN for a cathode that neither a table nor the campaign describes.
        """
        frame = self.complete(recipes)
        found, _ = CapacityPrior(self._cathodes()).reference_capacity(frame)
        return np.where(frame["cathode"].isin(list(self._cathodes())), found, np.nan)

    def derive(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with derived columns; a C-rate stands as the current it amounts to, i = C q_v L."""
        frame = derive_columns(frame, self._cathodes())
        current, rate, thickness = (column_values(frame, n) for n in ("current_ua_cm2", "c_rate", "thickness_um"))
        told = np.flatnonzero(np.isnan(current) & np.isfinite(rate) & np.isfinite(thickness))
        if len(told):
            current = current.copy()
            current[told] = (
                rate[told] * CapacityPrior(self._cathodes()).reference_capacity(frame.iloc[told])[0] * thickness[told]
            )
            frame["current_ua_cm2"] = current
        return frame

    def inputs(self, outcome: str, space: SearchSpace | None = None) -> tuple[Input, ...]:
        """Return the model's inputs: the declared ones, then what the space varies and they do not cover."""
        found = _PROCESS + (_FADE if outcome == "retention" else ())
        if space is None:
            return found
        names = {i.name for i in found}
        further = [p for p in space.parameters if p.name not in names and not _is_covered(p, outcome)]
        return found + tuple(input_of_parameter(space, p) for p in further)

    # -- tables --------------------------------------------------------------------------------------------------

    def table(
        self, outcome: str, observed: pd.DataFrame | None = None, space: SearchSpace | None = None
    ) -> TrainingTable:
        """Return the training table of an outcome from reported cells and, if given, own ones.

        Raises
        ------
        ValueError
            If the outcome is none that evidence knows.
        """
        if not self.knows(outcome):
            raise ValueError(f"no evidence about {outcome}; known are {', '.join(KNOWN_OUTCOMES)}")
        link = self.link(outcome)
        parts = [self.derive(self._solid_cells()).assign(is_own=False)]
        if observed is not None and len(observed):
            own = self.complete(observed if space is None else space.with_fixed(observed))
            if isinstance(link, FadeLink):
                # A lab reads its retention at the cycle number at which it is asked for, unless it says otherwise.
                own["cycles"] = pd.Series(column_values(own, "cycles"), index=own.index).fillna(link.cycles)
            parts.append(own.assign(is_own=True))
        frame = (
            pd.concat([p.dropna(axis=1, how="all") for p in parts if len(p)], ignore_index=True)
            if any(len(p) for p in parts)
            else parts[0]
        )
        rows = fade_rows(frame, link) if isinstance(link, FadeLink) else log_rows(frame, outcome)
        effects = EFFECTS + (("anode",) if outcome == "retention" else ())
        return make_table(
            outcome,
            frame,
            rows,
            link=link,
            inputs=self.inputs(outcome, space),
            effects=effects,
            prior=self.prior(outcome),
        )

    def link(self, outcome: str) -> LogLink | FadeLink:
        """Return the outcome's link; a retention is read at the protocol's cycle number (100 if not stated)."""
        return FadeLink(cycles=self.protocol.cycles or 100.0) if outcome == "retention" else LogLink()

    def _solid_cells(self) -> pd.DataFrame:
        """Return reported rows from solid cells, flat and near room temperature."""
        cells = self.cells
        if not len(cells):
            return cells
        keep = ~cells["cell_kind"].isin(["liquid"])
        keep &= ~cells["ratio_kind"].isin(["bending", "temperature"])
        return cells[keep]

    # -- physics ---------------------------------------------------------------------------------------------------

    def prior(self, outcome: str) -> PriorMean:
        """Return the prior mean of an outcome, free of constants fitted on excluded sources."""
        if outcome == "retention":
            # The level of the fade is learned from the rows of the fold; physics gives only its scale.
            return PriorMean(
                mean=lambda f: (np.full(len(f), -2.0), np.zeros(len(f))),
                beliefs=lambda f: np.zeros((len(f), 0)),
                weight_sd=np.zeros(0),
                level_sd=1.5,
                unit=FADE_UNIT,
            )
        prior = CapacityPrior(self._cathodes(), self.excluded)
        return PriorMean(
            mean=prior.mean,
            beliefs=prior.beliefs,
            weight_sd=prior.weight_sd,
            level_sd=0.3,
            widening=prior.widening,
            doubtful=prior.doubtful,
        )


def derive_columns(frame: pd.DataFrame, cathodes: Mapping[str, materials.Cathode] | None = None) -> pd.DataFrame:
    """Return a frame with the columns that follow from its materials, added where they can be told.

    ``cathodes`` are those that count; by default the table's.
    """
    frame = frame.copy()
    n = len(frame)

    def looked_up(name: str, table: Mapping[str, Any], attribute: str) -> list[Any]:
        values = frame[name] if name in frame.columns else [None] * n
        return [getattr(table[v], attribute) if isinstance(v, str) and v in table else None for v in values]

    cathodes = materials.cathodes() if cathodes is None else cathodes
    frame["cathode_class"] = pd.Series(looked_up("cathode", cathodes, "cathode_class"), index=frame.index, dtype=object)
    families = looked_up("cathode", cathodes, "family")
    stated = frame["cathode_family"] if "cathode_family" in frame.columns else [None] * n
    told = [s if f is None and isinstance(s, str) else f for f, s in zip(families, stated, strict=True)]
    frame["cathode_family"] = pd.Series(told, index=frame.index, dtype=object)
    frame["method_family"] = pd.Series(
        looked_up("method", materials.methods(), "family"), index=frame.index, dtype=object
    )
    sigma = looked_up("electrolyte", materials.electrolytes(), "log10_conductivity")
    frame["electrolyte_log10_conductivity"] = pd.Series(sigma, index=frame.index, dtype=float)
    risk = looked_up("anode", materials.anodes(), "risk")
    frame["anode_risk"] = pd.Series(risk, index=frame.index, dtype=float)
    flexible = looked_up("substrate", materials.substrates(), "flexible")
    frame["is_flexible"] = pd.Series(
        [None if f is None else ("yes" if f else "no") for f in flexible], index=frame.index, dtype=object
    )
    return frame


def _is_covered(p: Parameter, outcome: str) -> bool:
    """Return whether a parameter's choices are told apart by the derived columns and effects of an outcome."""
    if not isinstance(p, Categorical):
        return False
    if p.name in ("electrolyte", "cathode_family") or (p.name == "anode" and outcome == "retention"):
        return True
    if p.name == "bias_kind":
        return sum(choice != "none" for choice in p.choices) < 2
    tables: dict[str, Mapping[str, Any]] = {"cathode": materials.cathodes(), "method": materials.methods()}
    if p.name not in tables:
        return False
    families = [getattr(tables[p.name].get(choice), "family", choice) for choice in p.choices]
    return len(set(families)) == len(families)


def _dtype(value: Any) -> type:
    return object if value is None or isinstance(value, str) else float
