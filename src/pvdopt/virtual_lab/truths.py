"""What differs between materials and between laboratories in the simulated world: constants, their spread, their draws.

Central values reproduce the anchors of the domain notes (section 6); they were fitted to those anchors by hand, and
each names what it was fitted to. "unverified" marks common knowledge or judgement. No figure here is read by a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: What may be wrong in the literature for a laboratory, and how many truths share one such.
MISLEADING_LEVERS = ("bias", "anneal")
TRUTHS_PER_MISLEADING = 4

#: Spread of a drawn constant (domain notes, section 6): factors of 0.8 to 1.2, +-0.3 decades for diffusivities.
SHARE_SPREAD = 0.2
DECADE_SPREAD = 0.3
#: Energies vary less, or the temperature of crystallisation would move by 200 K (judgement, unverified).
ENERGY_SPREAD = 0.06


@dataclass(frozen=True)
class Chemistry:
    """How one cathode responds; every number is a central value with a source in :data:`CHEMISTRIES`.

    Attributes
    ----------
    upper, lower : tuple of (V, value)
        Capacity (uAh/cm2/um) by upper voltage limit against lithium, and the share of it by lower limit; linear
        between the points and constant beyond.
    holds_lithium : bool
        Whether the film brings lithium into the cell.
    log10_diffusivity : float
        Of the empty, ordered, sputtered film (log10 of cm2/s, 25 C).
    pld_decades : float
        Change of it in a textured film by pulsed laser deposition.
    diffusivity_slope : float
        Decades by which it falls from empty to full.
    disorder_decades : float
        Decades by which it is lower in a film without order.
    ordering_ev, ordering_width_ev : float
        Mean and scale (logistic) of the barriers that keep the film from ordering.
    reachable_share : float
        Share of the sites that takes part at all; the rest sits in grain boundaries and foreign phases.
    disordered_share : float
        Share of those that takes part in a film without order.
    loss_ev : float
        Barrier at which lithium or oxide leaves during an anneal.
    expansion_1e6_k : float
        Thermal expansion in 1e-6/K.
    shrinkage : float
        Linear strain by which a disordered film contracts when an anneal orders it.
    interface_um : float
        Film consumed at the electrolyte in the first 100 cycles (um); grows with the square root of cycles.
    material_loss : float
        Share of sound film lost in 100 cycles; grows with cycles.
    disorder_loss, crack_loss : float
        What disorder and cracks add to that share.
    stable_limit_v : float
        Upper limit beyond which both losses speed up.
    end_steepness : float
        How abruptly the voltage falls at the end of discharge: 3 for a plateau, less where it slopes.
    """

    upper: tuple[tuple[float, float], ...]
    lower: tuple[tuple[float, float], ...]
    holds_lithium: bool
    stable_limit_v: float
    end_steepness: float
    expansion_1e6_k: float
    log10_diffusivity: float = field(metadata={"spread": "decade"})
    pld_decades: float
    diffusivity_slope: float = field(metadata={"spread": "share"})
    disorder_decades: float = field(metadata={"spread": "share"})
    ordering_ev: float = field(metadata={"spread": "energy"})
    ordering_width_ev: float = field(metadata={"spread": "share"})
    reachable_share: float = field(metadata={"spread": "share"})
    disordered_share: float = field(metadata={"spread": "share"})
    loss_ev: float = field(metadata={"spread": "energy"})
    shrinkage: float = field(metadata={"spread": "share"})
    interface_um: float = field(metadata={"spread": "share"})
    material_loss: float = field(metadata={"spread": "share"})
    disorder_loss: float = field(metadata={"spread": "share"})
    crack_loss: float = field(metadata={"spread": "share"})


CHEMISTRIES: Mapping[str, Chemistry] = MappingProxyType(
    {
        "LiCoO2": Chemistry(
            # 69.2 at 4.2 V and 85.8 at 4.4 V: x = 0.5 and 0.62 (domain notes 1.1); the rest of the curve unverified.
            upper=((3.7, 3.0), (3.95, 40.0), (4.2, 69.2), (4.4, 85.8), (4.7, 105.0)),
            lower=((3.7, 1.0), (3.95, 0.4), (4.2, 0.05)),
            holds_lithium=True,
            stable_limit_v=4.2,  # worse at 4.5 V (Tintignac 2014, review)
            end_steepness=3.0,
            expansion_1e6_k=13.0,  # unverified
            # With its fall: the three thicknesses of Matsuda 2018 (5.5e-10 and 3.9 decades alone, domain notes 1.2) and
            # the rate capability of Navone 2011 (review) together; sputtered films lie higher by their random texture.
            log10_diffusivity=-7.85,
            pld_decades=-0.75,
            diffusivity_slope=4.4,
            disorder_decades=0.3,  # unverified
            # 41.8/50.6/61.2 after 500/600/700 C and 54.5 at 400 C in growth (domain notes 2).
            ordering_ev=2.39,
            ordering_width_ev=0.26,
            reachable_share=0.955,  # 63 of 69.2 (Park 2005, review) with the share diffusion leaves
            disordered_share=0.0,
            loss_ev=3.75,  # lithium leaves above 800 C, unverified
            shrinkage=0.001,  # unverified
            interface_um=0.012,  # .909 at 140 cycles, 0.45 um (Navone 2011, review)
            material_loss=0.005,
            disorder_loss=1.8,  # .825 at 100 cycles, -50 V without anneal (Park 2005, review)
            crack_loss=0.46,  # .54 at 100 cycles, annealed on Si (Park 2005, review)
        ),
        "LiMn2O4": Chemistry(
            upper=((3.8, 0.3), (4.05, 34.0), (4.2, 63.5)),  # one Li at 4 V (domain notes 1.1); curve unverified
            lower=((2.5, 2.0), (3.1, 1.0), (3.9, 1.0), (4.1, 0.3)),  # second step at 3 V (review)
            holds_lithium=True,
            stable_limit_v=4.3,  # unverified
            end_steepness=3.0,
            expansion_1e6_k=8.0,  # unverified
            log10_diffusivity=-10.1,  # 7.4e-11 from Park 1999 and 8.7e-11 by impedance (domain notes 1.2)
            pld_decades=0.0,
            diffusivity_slope=0.1,  # constant (domain notes 1.2: m = 1 for spinels)
            disorder_decades=0.6,  # unverified
            ordering_ev=2.20,  # crystallises below LiCoO2, unverified
            ordering_width_ev=0.30,
            reachable_share=0.81,  # 48 of 63.5 (Park 1999, review)
            disordered_share=0.25,  # amorphous by X-rays and yet 78 (Li and Fu 2007, review)
            loss_ev=3.70,  # unverified
            shrinkage=0.001,  # unverified
            interface_um=0.006,  # .90 at 500 cycles in 3D, at most .73 in 2D (Xia 2018, review)
            material_loss=0.035,
            disorder_loss=0.15,  # unverified
            crack_loss=0.05,  # unverified
        ),
        "LiNi0.5Mn1.5O4": Chemistry(
            upper=((3.9, 1.0), (4.2, 8.0), (4.6, 15.0), (4.8, 65.2)),  # one Li at 4.7 V (domain notes 1.1)
            lower=((3.9, 1.0), (4.6, 0.85), (4.75, 0.1)),  # a small step at 4 V (review)
            holds_lithium=True,
            stable_limit_v=5.0,  # unverified
            end_steepness=3.0,
            expansion_1e6_k=9.0,  # unverified
            log10_diffusivity=-10.15,  # 4.6e-11 from .74 at 10C in 1.14 um (Li 2015, domain notes 1.2)
            pld_decades=0.0,
            diffusivity_slope=0.1,  # as LiMn2O4
            disorder_decades=0.8,  # unverified
            ordering_ev=2.35,  # needs about 700 C, unverified
            ordering_width_ev=0.26,
            reachable_share=0.88,  # 53.4 of 65.2 (Li 2015, review)
            disordered_share=0.08,  # unverified
            loss_ev=3.60,  # oxygen leaves above 700 C, unverified
            shrinkage=0.001,  # unverified
            interface_um=0.012,  # high voltage against Lipon, unverified
            material_loss=0.03,
            disorder_loss=0.60,  # unverified
            crack_loss=0.15,  # unverified
        ),
        "MoO3": Chemistry(
            upper=((2.0, 30.0), (2.8, 100.0), (3.5, 131.6)),  # 1.5 Li at 1.5-3.5 V (domain notes 1.1)
            lower=((1.5, 1.0), (2.3, 0.667), (3.0, 0.1)),  # one Li above about 2.3 V (domain notes 1.1), unverified
            holds_lithium=False,
            stable_limit_v=3.6,  # unverified
            end_steepness=1.5,
            expansion_1e6_k=9.0,  # unverified
            log10_diffusivity=-9.8,  # 62.2 at 4.66 um against 76.2 thin (Ohtsuka 2001, domain notes 1.4)
            pld_decades=0.0,
            diffusivity_slope=2.6,
            disorder_decades=0.4,  # unverified
            ordering_ev=1.90,  # crystallises at 300 to 400 C, unverified
            ordering_width_ev=0.26,
            reachable_share=0.68,  # 76.2 of 131.6 in a thin film (Ohtsuka 1989, domain notes 1.4)
            disordered_share=0.45,  # amorphous films work, unverified
            loss_ev=3.05,  # sublimes above 600 C, unverified
            shrinkage=0.002,  # unverified
            interface_um=0.002,  # .927 at 1000 cycles in 3D (Sun 2019, review)
            material_loss=0.012,  # .76 at 1000 cycles in 2D (Sun 2019, review)
            disorder_loss=0.03,  # unverified
            crack_loss=0.045,  # unverified
        ),
        "V2O5": Chemistry(
            upper=((2.5, 30.0), (3.0, 75.0), (3.5, 149.0)),  # three Li at 1.5 V (domain notes 1.1); curve unverified
            lower=((1.5, 1.0), (2.0, 0.667), (2.8, 0.333), (3.4, 0.05)),  # two Li to 2 V and one to 2.8 V
            holds_lithium=False,
            stable_limit_v=3.8,  # unverified
            end_steepness=1.5,
            expansion_1e6_k=8.0,  # unverified
            log10_diffusivity=-11.2,  # amorphous 4e-13 to 7e-14 on average over filling (domain notes 1.2)
            pld_decades=0.0,
            diffusivity_slope=2.6,
            disorder_decades=-0.3,  # amorphous films are no slower (domain notes 2: no anneal)
            ordering_ev=1.80,  # crystallises at about 300 C, unverified
            ordering_width_ev=0.24,
            reachable_share=0.85,  # 117.6 of 149 at best (review)
            disordered_share=0.85,  # amorphous films are the usual ones (domain notes 2)
            loss_ev=3.10,  # oxygen leaves above 600 C, unverified
            shrinkage=0.002,  # unverified
            interface_um=0.006,  # unverified
            material_loss=0.03,
            disorder_loss=-0.02,  # deep discharge strains the crystal, unverified
            crack_loss=0.08,  # unverified
        ),
    }
)


@dataclass(frozen=True)
class LabTraits:
    """What belongs to a laboratory and not to the material; arrays of shape (n,) where n cells come from several.

    Attributes
    ----------
    level : float
        Factor on every capacity.
    fade_level : float
        Factor on every rate of fade.
    bias_optimum_v : float
        Substrate bias that orders a growing film best (V).
    bias_width_v : float
        Distance from it at which half of the effect is left.
    bias_ev : float
        Barrier the best bias helps over, in addition to that without bias, where the optimum lies at -50 V.
    growth_ev : float
        Barrier that energy of arrival helps over in sputtering without bias.
    pld_growth_ev : float
        The same in pulsed laser deposition.
    loss_shift_ev : float
        Shift of the barrier at which an anneal loses lithium, such as into the collector.
    critical_strain : float
        Strain at which a film of 1 um cracks through half of its places.
    pinholes_cm2 : float
        Shorts per area of an electrolyte of 1 um over a thin film (1/cm2).
    interface_ohm_cm2 : float
        Resistance of an interface made without breaking vacuum (ohm cm2).
    ex_situ_factor : float
        How much higher it is otherwise.
    """

    level: float | Array = 1.0
    fade_level: float | Array = 1.0
    bias_optimum_v: float | Array = -50.0  # the one bias of the review; 0 to -90 drawn (domain notes 6)
    bias_width_v: float | Array = 45.0  # useful from -30 to -80 (domain notes 2, unverified)
    bias_ev: float | Array = 1.20  # 63 at -50 V without anneal (Park 2005, review)
    growth_ev: float | Array = 1.10  # annealed ten times as-deposited (Kuwata 2006); 54.5 at 400 C (domain notes 2)
    pld_growth_ev: float | Array = 1.30  # crystalline from about 400 C, unverified
    loss_shift_ev: float | Array = 0.0
    critical_strain: float | Array = 0.0051  # cracks after 700 C on Si (Park 2005), few after 500 C (Navone 2011)
    pinholes_cm2: float | Array = 0.05  # yield 90 % at 1 um and 55 % at 5 um (domain notes 6)
    interface_ohm_cm2: float | Array = 60.0  # Jeon (domain notes 1.2)
    ex_situ_factor: float | Array = 15.0  # Jeon; 35 in Liu (domain notes 1.2)

    @classmethod
    def drawn(cls, rng: np.random.Generator, misleading: str | None = None) -> LabTraits:
        """Return a laboratory of its own; with ``misleading``, one where that lever works against the literature.

        Capacity levels spread by 25 % and fade by a factor of exp(0.8) (domain notes 6). A laboratory loses more
        often than it gains, since theory bounds the gain: the logarithm is 0.1 less an exponential variable.
        """
        shaken = {
            name: getattr(cls(), name) * rng.uniform(1 - SHARE_SPREAD, 1 + SHARE_SPREAD)
            for name in ("bias_width_v", "critical_strain", "pinholes_cm2", "interface_ohm_cm2", "ex_situ_factor")
        }
        level = float(np.exp(0.1 - 0.25 * rng.exponential()))
        fade_level = float(np.exp(0.8 * rng.standard_normal()))
        # -50 V must help in every laboratory but the misled: an optimum nearer to 0 V than half of that reverses it.
        optimum = rng.uniform(-20.0, 0.0) if misleading == "bias" else rng.uniform(-90.0, -35.0)
        growth_ev = cls.growth_ev + 0.05 * rng.standard_normal()
        lab = cls(level=level, fade_level=fade_level, bias_optimum_v=optimum, growth_ev=growth_ev, **shaken)
        if misleading is None:
            return lab
        # Where a lever harms, the film must be good without it: a hot plasma or a close target orders it in growth.
        lab = replace(lab, growth_ev=lab.growth_ev + 1.1)
        return replace(lab, loss_shift_ev=-1.2) if misleading == "anneal" else lab


def stack_traits(labs: Sequence[LabTraits]) -> LabTraits:
    """Return the traits of n cells, one laboratory each, as arrays of shape (n,)."""
    return LabTraits(**{each.name: np.array([getattr(lab, each.name) for lab in labs]) for each in fields(LabTraits)})


def draw_chemistries(rng: np.random.Generator) -> dict[str, Chemistry]:
    """Return all chemistries with their constants drawn anew around the central values."""
    return {name: _draw(chemistry, rng) for name, chemistry in CHEMISTRIES.items()}


def _draw(chemistry: Chemistry, rng: np.random.Generator) -> Chemistry:
    changes: dict[str, Any] = {}
    for each in fields(chemistry):
        spread = each.metadata.get("spread")
        value = getattr(chemistry, each.name)
        if spread == "decade":
            changes[each.name] = value + rng.uniform(-DECADE_SPREAD, DECADE_SPREAD)
        elif spread is not None:
            width = SHARE_SPREAD if spread == "share" else ENERGY_SPREAD
            changes[each.name] = value * rng.uniform(1 - width, 1 + width)
    for name in ("reachable_share", "disordered_share"):
        changes[name] = min(changes[name], 1.0)
    return replace(chemistry, **changes)


def misleading_lever(seed: int) -> str | None:
    """Return the lever on which the literature is wrong for this truth, or None.

    Of any four truths with consecutive seeds from a multiple of four on, exactly one is so.
    """
    block, place = divmod(seed, TRUTHS_PER_MISLEADING)
    rng = np.random.default_rng([block, 4])
    if int(rng.integers(TRUTHS_PER_MISLEADING)) != place:
        return None
    return MISLEADING_LEVERS[int(rng.integers(len(MISLEADING_LEVERS)))]
