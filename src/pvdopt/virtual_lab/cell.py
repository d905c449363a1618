"""What becomes of a recipe: order of the film, strain, discharge, fade, chance of a usable cell. Noise-free.

Shares no equation with the models that are judged on it: it solves the diffusion numerically
(:mod:`pvdopt.virtual_lab.diffusion`), orders the film by the barriers time and temperature pass, and ages it by
two mechanisms, a layer that grows at the electrolyte with the square root of the cycles and a loss of active material
in proportion to them. Notation: E barrier (eV), X share of order, c share of cracked places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pvdopt.materials import anodes, electrolytes, methods, substrates
from pvdopt.virtual_lab.diffusion import solve_utilisation
from pvdopt.virtual_lab.recipes import Recipes
from pvdopt.virtual_lab.truths import Chemistry, LabTraits

Array = np.ndarray[Any, Any]

BOLTZMANN_EV_K = 8.617e-5
#: Attempts per second at passing a barrier: a lattice vibration (unverified).
ATTEMPTS_S = 1e13
#: How long an atom stays mobile on the growing surface (s), unverified.
SURFACE_S = 1.0
#: Width of the loss of lithium or oxide over its barrier (eV), and the most that is lost; unverified.
LOSS_WIDTH_EV, LOSS_SHARE = 0.10, 0.7
#: Barriers (eV) of diffusion in the cathode, of the resistances, and of the fade; unverified, near 0.77/1.27 of the
#: capacity at -10/60 C (Song 2016, review).
DIFFUSION_EV, RESISTANCE_EV, FADE_EV = 0.40, 0.45, 0.20
#: Area of a structured cathode over that of its cell: flakes of 50 nm (Sun 2019, review), factor unverified.
AREA_FACTOR_3D = 5.0
#: Strain a structured film is left with: fade 0.28 of the planar one (domain notes 1.3).
STRAIN_FACTOR_3D = 0.15
#: Voltage left at the end of discharge before the limit is met (V), domain notes 1.2 (unverified).
VOLTAGE_MARGIN = 0.9
#: Growth of the interface's resistance in the first 100 cycles, unverified.
RESISTANCE_GROWTH = 0.4
#: Capacity lost behind cracks: 59 against 61.2 (Park 2005, review, and domain notes 2).
CRACK_CAPACITY = 0.08
#: Compressive strain per volt of bias, and strain of growth (unverified); shares of films that peel fitted to yields of
#: 90 % at 1 um and 55 % at 5 um (domain notes 6).
BIAS_STRAIN_V, GROWTH_STRAIN = 3e-5, 0.0025
PEEL_RATIO, PEEL_POWER = 8.0, 1.5
#: Thickness (um) at which a film's roughness doubles the shorts, and electrolyte thickness (um) over which they fall
#: by a factor e: shorts below about 0.5 um (domain notes 2), fitted to the same yields.
ROUGH_UM, SHORT_DECAY_UM = 1.8, 0.35
#: Share of cells lost to handling and contacts (unverified).
HANDLING_LOSS = 0.03
#: Most of the film that can be lost by disconnection.
MOST_LOST = 0.95
#: Loss of active lithium in 100 cycles, and in the first charge, by kind of anode. Aluminium: 48.0 to 41.5 in two
#: cycles; silicon: at least .92 after 100 (Gong 2015, its abstract). The others as the domain notes rank them,
#: unverified.
ANODE_LOSS: Mapping[str, tuple[float, float]] = {
    "lithium": (0.0, 0.0),
    "lithium_free": (0.20, 0.02),
    "aluminium": (7.0, 0.05),
    "silicon": (0.02, 0.08),
    "tin": (0.08, 0.10),
    "carbon": (0.04, 0.08),
    "oxide": (0.02, 0.05),
}


@dataclass(frozen=True)
class Outcome:
    """What the cells do, each of shape (n,): capacity (uAh/cm2/um), retention (1), and the chances of each end.

    Attributes
    ----------
    is_makeable : ndarray of bool
        False where no cell can come of the recipe; its capacity and retention are NaN.
    delaminated, cracked, shorted, lab_error : ndarray
        Chances in that order of precedence, each among the films that came so far.
    """

    capacity: Array
    retention: Array
    is_makeable: Array
    delaminated: Array
    cracked: Array
    shorted: Array
    lab_error: Array

    def usable_chance(self) -> Array:
        """Return the chance that a cell gives figures, shape (n,)."""
        kept = (1 - self.delaminated) * (1 - self.cracked) * (1 - self.shorted) * (1 - self.lab_error)
        return np.where(self.is_makeable, kept, 0.0)


def make_cells(
    recipes: Recipes, chemistries: Mapping[str, Chemistry], lab: LabTraits, fade_factor: Array | float = 1.0
) -> Outcome:
    """Return what comes of the recipes in one laboratory.

    Parameters
    ----------
    recipes : Recipes
        n complete recipes.
    chemistries : mapping of str to Chemistry
        By cathode.
    lab : LabTraits
        Levels and habits of the laboratory.
    fade_factor : ndarray of shape (n,) or float
        Multiplies the rates of fade: the cell's own share of the noise.
    """
    own = {
        name: np.array([getattr(chemistries[c], name) for c in recipes.cathode], dtype=float)
        for name in Chemistry.__dataclass_fields__
        if name not in ("upper", "lower")
    }
    ordered, grown = _order(recipes, own, lab)
    strain = _strain(recipes, own, ordered - grown)
    relief = np.where(recipes.is_3d, STRAIN_FACTOR_3D, 1.0)
    release = (strain / lab.critical_strain) ** 2 * recipes.thickness_um * relief
    # Only tension opens cracks; compression makes films buckle and peel.
    cracks = np.where(strain > 0, release**2 / (1 + release**2), 0.0)
    window = _window_capacity(recipes, chemistries)
    sites = window * _active_share(recipes, own, lab, ordered) * (1 - CRACK_CAPACITY * cracks)
    sites *= lab.level * (1 - np.array([ANODE_LOSS[anodes()[a].kind][1] for a in recipes.anode]))
    current = np.where(
        np.isnan(recipes.current_ua_cm2), recipes.c_rate * window * recipes.thickness_um, recipes.current_ua_cm2
    )
    layer, lost = _fade(recipes, own, lab, ordered, cracks, fade_factor)
    new = np.zeros(len(recipes))
    fresh = _discharge(recipes, own, lab, ordered, sites, current, new, new, grown_in=new)
    aged = _discharge(recipes, own, lab, ordered, sites, current, layer, lost, grown_in=np.sqrt(recipes.cycles / 100))
    makeable = _is_makeable(recipes, own)
    return Outcome(
        capacity=np.where(makeable, fresh, np.nan),
        retention=np.where(makeable, aged / fresh, np.nan),
        is_makeable=makeable,
        **_failures(recipes, lab, strain, release, cracks),
    )


def _passed(temperature_c: Array, seconds: Array) -> Array:
    """Return the barrier (eV) passed within a time at a temperature: k T ln(attempts x time)."""
    attempts = np.maximum(ATTEMPTS_S * seconds, 1.0)
    return np.asarray(BOLTZMANN_EV_K * (temperature_c + 273.15) * np.log(attempts))


def _share_below(barrier: Array, mean: Array, width: Array | float) -> Array:
    """Return the share of a logistic distribution of barriers that lies below one."""
    return np.asarray(1 / (1 + np.exp(-np.clip((barrier - mean) / width, -40, 40))))


def _order(recipes: Recipes, own: dict[str, Array], lab: LabTraits) -> tuple[Array, Array]:
    """Return the share of order of the finished film, and what growth alone gave it."""
    distance = (recipes.bias_v - lab.bias_optimum_v) / lab.bias_width_v
    unbiased = lab.bias_optimum_v / lab.bias_width_v
    # The ions of the bias move adatoms, too many of them knock atoms out; bias_ev is the central laboratory's gain.
    central = 1 - 1 / (1 + (LabTraits.bias_optimum_v / LabTraits.bias_width_v) ** 2)
    from_bias = lab.bias_ev * (1 / (1 + distance**2) - 1 / (1 + unbiased**2)) / central
    is_pld = np.array([methods()[m].family == "pld" for m in recipes.method], dtype=bool)
    is_sputter = np.array([methods()[m].family == "sputter" for m in recipes.method], dtype=bool)
    # Evaporated atoms arrive with next to no energy.
    arrival = np.where(is_pld, lab.pld_growth_ev, np.where(is_sputter, lab.growth_ev, 0.5 * LabTraits.growth_ev))
    in_growth = _passed(recipes.substrate_temperature_c, np.full(len(recipes), SURFACE_S)) + arrival
    in_growth = in_growth + np.where(recipes.bias_v < 0, from_bias, 0.0)
    grown = _share_below(in_growth, own["ordering_ev"], own["ordering_width_ev"])
    in_anneal = _passed(recipes.anneal_temperature_c, recipes.anneal_time_min * 60)
    annealed = _share_below(in_anneal, own["ordering_ev"], own["ordering_width_ev"])
    return 1 - (1 - grown) * (1 - annealed), grown


def _active_share(recipes: Recipes, own: dict[str, Array], lab: LabTraits, ordered: Array) -> Array:
    """Return the share of the sites that takes part, after what an anneal drove out."""
    heated = _passed(recipes.anneal_temperature_c, recipes.anneal_time_min * 60)
    gone = LOSS_SHARE * _share_below(heated, own["loss_ev"] + lab.loss_shift_ev, LOSS_WIDTH_EV)
    taking_part = own["disordered_share"] + (1 - own["disordered_share"]) * ordered
    return np.asarray(own["reachable_share"] * taking_part * (1 - gone))


def _window_capacity(recipes: Recipes, chemistries: Mapping[str, Chemistry]) -> Array:
    """Return what the cathode holds within the voltage window (uAh/cm2/um)."""
    found = np.zeros(len(recipes))
    for name, chemistry in chemistries.items():
        mine = recipes.cathode == name
        upper, lower = np.array(chemistry.upper).T, np.array(chemistry.lower).T
        found[mine] = np.interp(recipes.v_max[mine], *upper) * np.interp(recipes.v_min[mine], *lower)
    return found


def _strain(recipes: Recipes, own: dict[str, Array], ordered_by_anneal: Array) -> Array:
    """Return the strain of the finished film, positive in tension."""
    hottest = np.maximum(recipes.substrate_temperature_c, recipes.anneal_temperature_c)
    base = np.array([substrates()[s].expansion_1e6_k for s in recipes.substrate])
    thermal = (own["expansion_1e6_k"] - base) * 1e-6 * (hottest - 25.0)
    return np.asarray(thermal + own["shrinkage"] * ordered_by_anneal + BIAS_STRAIN_V * recipes.bias_v)


def _fade(
    recipes: Recipes, own: dict[str, Array], lab: LabTraits, ordered: Array, cracks: Array, factor: Array | float
) -> tuple[Array, Array]:
    """Return the layer grown at the electrolyte (um) and the share of active material lost, after all cycles."""
    stability = np.array([_stability(e) for e in recipes.electrolyte])
    excess = np.maximum(recipes.v_max - own["stable_limit_v"], 0) + np.maximum(recipes.v_max - stability, 0)
    speed = lab.fade_level * factor * (1 + (excess / 0.15) ** 2) * _heated(FADE_EV, recipes)
    broken = np.where(recipes.is_ex_situ, 1.5, 1.0)
    layer = own["interface_um"] * speed * broken * np.sqrt(recipes.cycles / 100)
    relief = np.where(recipes.is_3d, STRAIN_FACTOR_3D, 1.0)
    loss = own["material_loss"] + own["disorder_loss"] * (1 - ordered) + own["crack_loss"] * cracks
    anode = np.array([ANODE_LOSS[anodes()[a].kind][0] for a in recipes.anode])
    rate = (np.maximum(loss, 0.002) * relief + anode) * speed
    return layer, MOST_LOST * np.tanh(rate * recipes.cycles / 100 / MOST_LOST)


def _stability(electrolyte: str) -> float:
    limit = electrolytes()[electrolyte].stability_limit_v
    return 5.0 if limit is None else limit


def _heated(barrier_ev: float, recipes: Recipes) -> Array:
    """Return how much faster a process with this barrier runs at the test temperature than at 25 C."""
    kelvin = recipes.test_temperature_c + 273.15
    return np.asarray(np.exp(barrier_ev / BOLTZMANN_EV_K * (1 / 298.15 - 1 / kelvin)))


def _discharge(
    recipes: Recipes,
    own: dict[str, Array],
    lab: LabTraits,
    ordered: Array,
    sites: Array,
    current: Array,
    layer: Array,
    lost: Array,
    grown_in: Array,
) -> Array:
    """Return the capacity (uAh/cm2/um) with a layer consumed and material lost.

    What is left of the film carries all the current; ``grown_in`` is the square root of hundreds of cycles passed.
    """
    area = np.where(recipes.is_3d, AREA_FACTOR_3D, 1.0)
    depth = recipes.thickness_um / area
    sound = depth / (depth + layer)
    density = current / area / (1 - lost)
    sigma = 10.0 ** np.array([electrolytes()[e].log10_conductivity for e in recipes.electrolyte])
    interface = lab.interface_ohm_cm2 * np.where(recipes.is_ex_situ, lab.ex_situ_factor, 1.0)
    resistance = recipes.electrolyte_thickness_um * 1e-4 / sigma + interface * (1 + RESISTANCE_GROWTH * grown_in)
    drop = density * 1e-6 * resistance / _heated(RESISTANCE_EV, recipes)
    cutoff = np.maximum(1 - (drop / VOLTAGE_MARGIN) ** own["end_steepness"], 0.0)
    is_pld = np.array([methods()[m].family == "pld" for m in recipes.method], dtype=bool)
    decades = own["log10_diffusivity"] + own["pld_decades"] * is_pld - own["disorder_decades"] * (1 - ordered)
    # uAh/cm2/um to C/cm3 is 36; uA to A is 1e-6; um to cm is 1e-4.
    delta = 10.0**decades * _heated(DIFFUSION_EV, recipes) * sites * 36.0 / (density * 1e-6 * depth * sound * 1e-4)
    used = solve_utilisation(delta, own["diffusivity_slope"], np.maximum(cutoff, 1e-3))
    return np.asarray(sites * sound * (1 - lost) * used)


def _is_makeable(recipes: Recipes, own: dict[str, Array]) -> Array:
    """Tell where the substrate bears the heat, takes a film at all, and the cell holds lithium."""
    limit = np.array([substrates()[s].max_temperature_c for s in recipes.substrate])
    hottest = np.maximum(recipes.substrate_temperature_c, recipes.anneal_temperature_c)
    takes_film = np.array([not substrates()[s].transfer_only for s in recipes.substrate], dtype=bool)
    lithium = np.array([anodes()[a].contains_lithium for a in recipes.anode], dtype=bool)
    return np.asarray((hottest <= limit) & takes_film & (lithium | (own["holds_lithium"] > 0)))


def _failures(recipes: Recipes, lab: LabTraits, strain: Array, release: Array, cracks: Array) -> dict[str, Array]:
    """Return the chances of each failure."""
    stored = release + (GROWTH_STRAIN / lab.critical_strain) ** 2 * recipes.thickness_um
    peel = (stored / PEEL_RATIO) ** PEEL_POWER
    peel = peel / (1 + peel)
    shorts = lab.pinholes_cm2 * recipes.area_cm2 * (1 + (recipes.thickness_um / ROUGH_UM) ** 2) * (1 + 2 * cracks)
    shorts = shorts * np.exp(-(recipes.electrolyte_thickness_um - 1) / SHORT_DECAY_UM)
    shorts = shorts * np.where(recipes.is_3d, 2.0, 1.0)
    return {
        "delaminated": np.where(strain > 0, peel / 2, peel),
        "cracked": np.where(strain > 0, peel / 2, 0.0),
        "shorted": -np.expm1(-shorts),
        "lab_error": np.full(len(recipes), HANDLING_LOSS),
    }
