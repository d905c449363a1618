"""One cathode material: what it holds within a voltage window, and what its figures rest on. Reads no table."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from pvdopt.theory import require_positive

#: Mean and sd of log10 of the diffusivity (cm2/s) of a cathode without a figure of its own (domain notes, unverified).
DEFAULT_LOG10_DIFFUSIVITY = (-12.0, 1.0)
#: Exponent of the utilisation curve where nothing was fitted: constant diffusivity.
DEFAULT_EXPONENT = 1.0
#: A cell voltage plus an anode's potential may miss a window's edge by rounding only (V).
VOLT_SLACK = 1e-6


@dataclass(frozen=True)
class Window:
    """How much lithium a cathode exchanges within a voltage window.

    Attributes
    ----------
    v_min_at_most, v_max_at_least : float or None
        Limits against lithium (V) the window must reach for this row to hold; None asks nothing.
    role : str
        ``default`` holds also where the window is not stated; ``window`` only where its limit is reached; ``cap``
        is the most the formula can hold and serves checks only.
    capacity_mah_g, capacity_uah_cm2_um : float
        Computed from the cathode's formula and density.
    fitted_on : tuple of str
        Publications whose own cells told how much lithium that is; empty where it follows from the formula.
    """

    cathode: str
    li_per_formula: float
    v_min_at_most: float | None
    v_max_at_least: float | None
    role: str
    capacity_mah_g: float
    capacity_uah_cm2_um: float
    source: str
    verified: bool
    note: str
    fitted_on: tuple[str, ...] = ()

    def is_met(self, v_min: float | None, v_max: float | None) -> bool:
        """Tell whether this row holds for a window whose limits (V against lithium) may be unknown."""
        unknown = self.role == "default"
        low = self.v_min_at_most is None or (unknown if v_min is None else v_min <= self.v_min_at_most + VOLT_SLACK)
        high = self.v_max_at_least is None or (unknown if v_max is None else v_max >= self.v_max_at_least - VOLT_SLACK)
        return self.role != "cap" and low and high


@dataclass(frozen=True)
class Cathode:
    """One cathode material.

    Attributes
    ----------
    family : str
        Chemistry that shares its behaviour, such as all ``Li2MMn3O8``.
    cathode_class : str
        ``layered``, ``spinel``, ``vanadium_oxide``, ``molybdenum_oxide``, ``sulfide``, ``phosphate``,
        ``conversion`` or ``other``.
    lithium_free : bool
        The film is made without lithium, so that the anode must bring it.
    density_basis : str
        ``lattice`` (computed from the crystal's cell), ``tabulated``, ``estimated``, ``mixture`` or ``assumed``; only
        the first two count as verified. A film is often 80 to 98 % dense, so all are upper values.
    reference_rel_sd : float
        Relative sd of the reference capacity for want of a known density or composition.
    log10_diffusivity, log10_diffusivity_sd : float
        Prior of log10 of the effective diffusivity in cm2/s.
    diffusivity_fitted_on, exponent_fitted_on : tuple of str
        Publications behind the prior; empty for a default. See :meth:`without_sources`.
    exponent : float
        Exponent m of the utilisation curve u(delta**m).
    windows : tuple of Window
        Lithium exchanged by voltage window.
    """

    name: str
    family: str
    cathode_class: str
    formula: str
    formula_note: str
    lithium_free: bool
    density_g_cm3: float
    density_source: str
    density_basis: str
    density_verified: bool
    reference_rel_sd: float
    log10_diffusivity: float
    log10_diffusivity_sd: float
    diffusivity_basis: str
    diffusivity_fitted_on: tuple[str, ...]
    exponent: float
    exponent_basis: str
    exponent_fitted_on: tuple[str, ...]
    nominal_voltage_v: float | None
    voltage_source: str
    voltage_verified: bool
    windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        require_positive(
            density_g_cm3=self.density_g_cm3,
            log10_diffusivity_sd=self.log10_diffusivity_sd,
            exponent=self.exponent,
            **({} if self.nominal_voltage_v is None else {"nominal_voltage_v": self.nominal_voltage_v}),
        )
        if sum(window.role == "default" for window in self.windows) != 1:
            raise ValueError(f"{self.name}: exactly one window must be the default")

    def reference_window(
        self, v_min: float | None = None, v_max: float | None = None, *, anode_potential_v: float = 0.0
    ) -> Window:
        """Return the row of the table that holds for a voltage window.

        Parameters
        ----------
        v_min, v_max : float, optional
            Limits of the cell's voltage (V). Where one is not stated, rows that ask for it do not hold, save the
            default. Among the rows that hold, the one with the most lithium counts.
        anode_potential_v : float
            Potential of the anode against lithium (V), which a cell's voltage hides.
        """
        low = None if v_min is None else v_min + anode_potential_v
        high = None if v_max is None else v_max + anode_potential_v
        return max((w for w in self.windows if w.is_met(low, high)), key=lambda w: w.li_per_formula)

    def reference_capacity(
        self, v_min: float | None = None, v_max: float | None = None, *, anode_potential_v: float = 0.0
    ) -> float:
        """Return the theoretical capacity within a voltage window (uAh/cm2/um); see :meth:`reference_window`.

        Examples
        --------
        >>> from pvdopt.materials import cathodes
        >>> cathodes()["LiCoO2"].reference_capacity()
        69.19
        >>> cathodes()["LiCoO2"].reference_capacity(v_min=3.0, v_max=4.4)
        85.79
        """
        return self.reference_window(v_min, v_max, anode_potential_v=anode_potential_v).capacity_uah_cm2_um

    def open_windows(self, v_min: float | None = None, v_max: float | None = None) -> list[Window]:
        """Return the other rows of the table that hold if a limit that is not stated (against lithium, V) is met."""
        used = self.reference_window(v_min, v_max)
        is_sure = not (used.v_min_at_most is not None and v_min is None) and not (
            used.v_max_at_least is not None and v_max is None
        )
        low, high = -math.inf if v_min is None else v_min, math.inf if v_max is None else v_max
        found = [w for w in self.windows if w is not used and w.role == "window" and w.is_met(low, high)]
        return [w for w in found if w.li_per_formula > used.li_per_formula or not is_sure]

    def largest_capacity(self) -> float:
        """Return the capacity with all the lithium the formula can exchange (uAh/cm2/um), for checks only."""
        return max(window.capacity_uah_cm2_um for window in self.windows)

    def without_sources(self, held_out: Collection[str]) -> Cathode:
        """Return this cathode with every constant fitted on a held-out publication put back to its default.

        Lithium that only its own cells told is taken as one for the one metal of the formula. A prior may not know
        what it is tested on; publications that were never used change nothing.
        """
        changed = self
        told = [w for w in self.windows if not set(w.fitted_on).isdisjoint(held_out)]
        if told:
            one = tuple(scale_window(w, 1.0 / w.li_per_formula) if w in told else w for w in self.windows)
            changed = replace(changed, windows=one)
        if not set(self.diffusivity_fitted_on).isdisjoint(held_out):
            mean, sd = DEFAULT_LOG10_DIFFUSIVITY
            changed = replace(
                changed,
                log10_diffusivity=mean,
                log10_diffusivity_sd=sd,
                diffusivity_basis="default of all cathodes",
                diffusivity_fitted_on=(),
            )
        if not set(self.exponent_fitted_on).isdisjoint(held_out):
            changed = replace(
                changed,
                exponent=DEFAULT_EXPONENT,
                exponent_basis="theory of constant diffusivity",
                exponent_fitted_on=(),
            )
        return changed


def scale_window(window: Window, ratio: float) -> Window:
    """Return the window with ``ratio`` times its lithium, which then rests on no publication."""
    return replace(
        window,
        li_per_formula=window.li_per_formula * ratio,
        capacity_mah_g=window.capacity_mah_g * ratio,
        capacity_uah_cm2_um=window.capacity_uah_cm2_um * ratio,
        fitted_on=(),
    )


@dataclass(frozen=True)
class Diffusivity:
    """One measurement of a cathode's diffusivity (log10 of cm2/s), by the publication it rests on."""

    cathode: str
    log10_diffusivity: float
    source: str
    basis: str
