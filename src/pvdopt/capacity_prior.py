"""What physics expects of a capacity before any cell is seen, free of constants fitted on sources left out.

ln(capacity) = ln(theory within the window) + ln(utilisation by diffusion) + ln(ohmic factor) + crystallinity belief.
What a row leaves open widens it; what is believed with a weight of its own is a belief that cells can move or cancel.
Knows the materials and no reported cell.

Notation: D diffusivity (cm2/s), u utilisation, q theoretical capacity (uAh/cm2/um).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt import materials, physics

Array = NDArray[np.float64]

#: Geometry at which the level of utilisation is learned: what reported cells use most (judgement, unverified).
USUAL_THICKNESS_UM, USUAL_CURRENT_UA_CM2 = 0.5, 10.0
#: Variance of ln(theory) of a cathode that no table knows (judgement, unverified).
UNKNOWN_CATHODE_VAR = 0.5**2
#: Chance that a voltage window that is not stated was not the usual one (judgement, unverified).
OTHER_WINDOW = 0.2
#: The most that thickness and current may take by diffusion, ln(capacity) (judgement, unverified).
MOST_LOG_LOSS = -3.0
#: Further variance where no thickness is stated (domain notes, unverified).
OPEN_GEOMETRY_VAR = 0.15**2
#: Electrolyte thickness where none is stated, um (usual; domain notes, unverified).
ELECTROLYTE_UM = 1.0
#: Weight of the crystallinity belief: prior mean and deviation; it can vanish (judgement, unverified).
BELIEF_WEIGHT, BELIEF_WEIGHT_SD = 0.7, 0.4
#: How much wider process effects are for each unit of ln(capacity) that a film is believed to lose to disorder, and the
#: loss at which they are as wide as stated. A crystalline film leaves little to the process, a poor one much; 1 was the
#: best of 0, 1, 2, 3 and 8 on simulated laboratories (studies/lab_transfer).
DISORDER_WIDENING, USUAL_DISORDER = 1.0, 0.5
#: Deviations of the effects (ln capacity) of an anode that brings no lithium and of a host that hardly conducts
#: electrons; both have no prior sign and are learned (judgement, unverified).
ANODE_WEIGHT_SD, INSULATOR_WEIGHT_SD = 0.4, 0.5
#: Chance that the anode of a cell whose anode is not stated brings no lithium (judgement, unverified).
SILENT_ANODE = 0.1
#: Phosphates without nitrogen conduct electrons below 1e-8 S/cm (common knowledge, unverified); with it they conduct
#: better (review).
INSULATORS = ("LiCoPO4", "FePO4")
#: log10 D (mean, deviation) of a class whose own figure is left out with its source: what is usually measured in such
#: films (common knowledge, unverified); the other classes have that of the materials table.
CLASS_LOG10_DIFFUSIVITY = {"layered": (-11.0, 1.0), "spinel": (-10.5, 1.0)}
#: Deviation of log10 D where only some of a cathode's measurements are left (judgement, unverified).
PARTIAL_LOG10_SD = 0.7
#: Gauss-Hermite nodes and weights for the average over something uncertain (Abramowitz and Stegun, table 25.10).
NODES, NODE_WEIGHTS = (-(3.0**0.5), 0.0, 3.0**0.5), (1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0)


@dataclass(frozen=True)
class CapacityPrior:
    """The prior mean of ln(capacity in uAh/cm2/um).

    Parameters
    ----------
    cathodes : mapping
        Cathodes by name.
    excluded : frozenset of str
        Sources whose constants are not used.
    """

    cathodes: Mapping[str, materials.Cathode]
    excluded: frozenset[str] = frozenset()

    def mean(self, frame: pd.DataFrame) -> tuple[Array, Array]:
        """Return the expected ln(capacity) and the variance of what a row leaves open, each of shape (n,)."""
        q_ref, theory_var = self.reference_capacity(frame)
        shift, window_var = self._open_window(frame)
        log_u, _ = self._geometry(frame, q_ref)
        belief, belief_var, _ = self._crystallinity(frame)
        mean = np.log(q_ref * physics.FULL_UTILISATION) + shift + log_u + BELIEF_WEIGHT * belief
        open_geometry = np.where(np.isnan(column_values(frame, "thickness_um")), OPEN_GEOMETRY_VAR, 0.0)
        return mean, theory_var + window_var + open_geometry + BELIEF_WEIGHT**2 * belief_var

    def beliefs(self, frame: pd.DataFrame) -> Array:
        """Return the features with a weight of their own, shape (n, k).

        Crystallinity, anode without lithium, insulating host, what the capacity gains if the best bias lies otherwise
        (two features), and for each cathode what it gains if log10 D is one deviation above its mean: all films of
        one cathode are off by the same D.
        """
        q_ref, _ = self.reference_capacity(frame)
        _, slope = self._geometry(frame, q_ref)
        names = _texts(frame, "cathode")
        by_cathode = np.where(names[:, None] == np.array(list(self.cathodes), dtype=object), slope[:, None], 0.0)
        insulating = np.isin(names.astype(str), INSULATORS).astype(float)
        crystallinity, _, by_optimum = self._crystallinity(frame)
        shared = (crystallinity, without_lithium(frame), insulating)
        return np.column_stack([*shared, *(BELIEF_WEIGHT * by_optimum), by_cathode])

    @property
    def weight_sd(self) -> Array:
        """Prior deviations of the beliefs' weights, shape (k,)."""
        return np.array([BELIEF_WEIGHT_SD, ANODE_WEIGHT_SD, INSULATOR_WEIGHT_SD, *np.ones(2 + len(self.cathodes))])

    @property
    def doubtful(self) -> Array:
        """Mean weights of the beliefs that need not hold in every laboratory, shape (k,): that about heat and bias."""
        return np.array([BELIEF_WEIGHT, *np.zeros(4 + len(self.cathodes))])

    @staticmethod
    def widening(beliefs: Array) -> Array:
        """Return how much wider than usual the process effects of each row are, from its beliefs; shape (n,)."""
        disorder = np.abs(beliefs[:, 0])
        return np.asarray((1.0 + DISORDER_WIDENING * disorder) / (1.0 + DISORDER_WIDENING * USUAL_DISORDER))

    # -- theory ----------------------------------------------------------------------------------------------------

    def reference_capacity(self, frame: pd.DataFrame) -> tuple[Array, Array]:
        """Return the theoretical capacity within each row's window (uAh/cm2/um) and the variance of its logarithm.

        Voltages of a cell count against its anode; without one, against lithium. A cathode that no table knows gets
        the median of those known, with a wide error.
        """
        typical = float(np.median([c.reference_capacity() for c in self.cathodes.values()])), UNKNOWN_CATHODE_VAR

        def find(cathode: materials.Cathode | None, low: float | None, high: float | None) -> tuple[float, float]:
            if cathode is None:
                return typical
            return cathode.reference_capacity(low, high), cathode.reference_rel_sd**2

        return self._by_window(frame, find)

    def _open_window(self, frame: pd.DataFrame) -> tuple[Array, Array]:
        """Return mean and variance of what ln(theory) may be off by where a limit of the window is not stated."""

        def find(cathode: materials.Cathode | None, low: float | None, high: float | None) -> tuple[float, float]:
            others = [] if cathode is None else cathode.open_windows(low, high)
            if cathode is None or not others:
                return 0.0, 0.0
            usual = cathode.reference_capacity(low, high)
            gaps = np.log([w.capacity_uah_cm2_um / usual for w in others])
            mean = OTHER_WINDOW * float(gaps.mean())
            return mean, OTHER_WINDOW * float((gaps**2).mean()) - mean**2

        return self._by_window(frame, find)

    def _by_window(self, frame: pd.DataFrame, find: Any) -> tuple[Array, Array]:
        """Return two figures a row that follow from its cathode and its limits against lithium (V)."""
        anodes = materials.anodes()
        found: dict[tuple[Any, ...], tuple[float, float]] = {}
        rows = []
        limits = (column_values(frame, "v_min"), column_values(frame, "v_max"))
        for name, partner, *volts in zip(_texts(frame, "cathode"), _texts(frame, "anode"), *limits, strict=True):
            potential = anodes[partner].potential_v if partner in anodes else 0.0
            key = (name, *(None if np.isnan(v) else float(v) + potential for v in volts))
            if key not in found:
                cathode = self.cathodes.get(name)
                found[key] = find(None if cathode is None else cathode.without_sources(self.excluded), *key[1:])
            rows.append(found[key])
        first, second = np.array(rows, dtype=float).reshape(len(frame), 2).T
        return first, second

    # -- geometry --------------------------------------------------------------------------------------------------

    def _geometry(self, frame: pd.DataFrame, q_ref: Array) -> tuple[Array, Array]:
        """Return how thickness and current move ln(capacity) from the usual geometry, and its slope by D.

        Averaged over an uncertain D; the slope is per deviation of log10 D. The level at the usual geometry is
        learned, since reported diffusivities span decades for one chemistry. A row without a thickness stays at the
        usual geometry.
        """
        log_u, slope = np.zeros(len(frame)), np.zeros(len(frame))
        thickness, current = column_values(frame, "thickness_um"), column_values(frame, "current_ua_cm2")
        rows = np.flatnonzero(np.isfinite(thickness))
        part, length, q = frame.iloc[rows], thickness[rows], q_ref[rows]
        i = np.where(np.isnan(current[rows]), USUAL_CURRENT_UA_CM2, current[rows])
        log_d, log_d_sd, exponent = self._transport(part)
        nodes, weights = (np.array(a)[:, None] for a in (NODES, NODE_WEIGHTS))
        diffusivity = 10.0 ** (log_d + nodes * log_d_sd)
        usual = physics.diffusion_parameter(diffusivity, q, USUAL_CURRENT_UA_CM2, USUAL_THICKNESS_UM)
        here = physics.diffusion_parameter(diffusivity, q, i, length)
        change = np.log(physics.utilisation(here**exponent)) - np.log(physics.utilisation(usual**exponent))
        change = np.maximum(change, MOST_LOG_LOSS)
        mean = (weights * change).sum(axis=0)
        # The slope carries the whole variance over D, so that nothing of it is lost to curvature.
        spread = np.sqrt((weights * (change - mean) ** 2).sum(axis=0))
        log_u[rows] = mean + np.log(self._ohmic(part, i))
        slope[rows] = np.where(change[-1] >= change[0], spread, -spread)
        return log_u, slope

    def _transport(self, frame: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return mean and deviation of log10 D (cm2/s), and the exponent m, of each row's cathode."""
        names, inverse = np.unique(_texts(frame, "cathode").astype(str), return_inverse=True)
        found = np.array([self._cathode_transport(n) for n in names]).reshape(-1, 3)
        log_d, log_d_sd, exponent = found[inverse].T
        return log_d, log_d_sd, exponent

    def _cathode_transport(self, name: str) -> tuple[float, float, float]:
        cathode = self.cathodes.get(name)
        if cathode is None:
            return (*materials.DEFAULT_LOG10_DIFFUSIVITY, materials.DEFAULT_EXPONENT)
        exponent = cathode.without_sources(self.excluded).exponent
        is_default = cathode.diffusivity_basis.startswith("default")
        if not is_default and self.excluded.isdisjoint(cathode.diffusivity_fitted_on):
            return cathode.log10_diffusivity, cathode.log10_diffusivity_sd, exponent
        left = [m.log10_diffusivity for m in materials.diffusivities(name) if m.source not in self.excluded]
        if left and not is_default:
            return float(np.mean(left)), PARTIAL_LOG10_SD, exponent
        default = CLASS_LOG10_DIFFUSIVITY.get(cathode.cathode_class, materials.DEFAULT_LOG10_DIFFUSIVITY)
        return (*default, exponent)

    def _ohmic(self, frame: pd.DataFrame, current: Array) -> Array:
        sigma = 10.0 ** np.nan_to_num(column_values(frame, "electrolyte_log10_conductivity"), nan=-6.0)
        length = np.nan_to_num(column_values(frame, "electrolyte_thickness_um"), nan=ELECTROLYTE_UM)
        times = [t for source, t in physics.EX_SITU_TIMES.items() if source not in self.excluded]
        broken = _texts(frame, "stacking") == "ex_situ"
        r = physics.IN_SITU_OHM_CM2 * np.where(broken, times[0] if times else 1.0, 1.0)
        return physics.ohmic_factor(current, length, sigma, r)

    # -- crystallinity ---------------------------------------------------------------------------------------------

    def _crystallinity(self, frame: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Return the belief about heat and bias where it applies (layered oxides), 0 elsewhere, and what is open in it.

        Returns
        -------
        belief, variance : ndarray of shape (n,)
            Averaged over where the best bias may lie; the variance is of what left-out sources would tell.
        by_optimum : ndarray of shape (2, n)
            The belief's first two Hermite components in the best bias, per standard deviation of it.
        """
        with_cold = self.excluded.isdisjoint(physics.HEAT_FITTED_ON)
        layered = np.array([c == "layered" for c in frame.get("cathode_class", [None] * len(frame))], dtype=bool)
        anneal, substrate = (column_values(frame, f"{n}_temperature_c") for n in ("anneal", "substrate"))
        anneal = np.where(_texts(frame, "anneal_kind") == "none", 25.0, anneal)
        substrate = np.where(np.isnan(substrate), 25.0, substrate)
        bias = np.nan_to_num(column_values(frame, "bias_v"), nan=0.0)
        # Not known whether or how hot: most reported layered films were annealed near 700 C (judgement, unverified).
        guesses = ((700.0, 0.9), (500.0, 0.1))

        def belief(strength: float, optimum_v: float) -> Array:
            heats = [(np.where(np.isnan(anneal), t, anneal), w) for t, w in guesses]
            parts = [
                w * physics.crystallinity_belief(h, substrate, bias, strength, with_cold, optimum_v) for h, w in heats
            ]
            return np.where(layered, sum(parts), 0.0)

        optima = physics.BIAS_OPTIMUM_V + np.array(NODES) * physics.BIAS_OPTIMUM_SD_V
        full = np.stack([belief(1.0, float(optimum_v)) for optimum_v in optima])
        weights, z = np.array(NODE_WEIGHTS), np.array(NODES)
        by_optimum = np.stack([(weights * z) @ full, (weights * (z**2 - 1.0) / np.sqrt(2.0)) @ full])
        mean = weights @ full
        if not self.excluded & set(physics.BIAS_FITTED_ON):
            return mean, np.zeros(len(frame)), by_optimum
        # Without Park et al. a publication outside the review still says that bias helps, after an anneal; how far it
        # stands in for one is open: anything from not at all to fully.
        none = belief(0.0, physics.BIAS_OPTIMUM_V)
        return 0.5 * (none + mean), (0.5 * (mean - none)) ** 2, 0.5 * by_optimum


def without_lithium(frame: pd.DataFrame) -> Array:
    """Return 1 where the anode brings no lithium, so that the first charge's losses are the cathode's; shape (n,).

    0 with lithium or an alloy of it; where the anode is not stated, the chance that it brings none.
    """
    anodes = materials.anodes()
    brings = {n: 0.0 if a.contains_lithium and a.kind != "oxide" else 1.0 for n, a in anodes.items()}
    return np.array([brings.get(a, SILENT_ANODE) for a in _texts(frame, "anode")], dtype=float)


def column_values(frame: pd.DataFrame, name: str) -> Array:
    """Return a column as numbers, NaN where it is missing or no number; shape (n,)."""
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _texts(frame: pd.DataFrame, name: str) -> NDArray[np.object_]:
    values = frame[name] if name in frame.columns else [""] * len(frame)
    return np.array([v if isinstance(v, str) else "" for v in values], dtype=object)
