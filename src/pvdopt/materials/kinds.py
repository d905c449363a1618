"""What one electrolyte, substrate, anode or deposition method is. Reads no table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Electrolyte:
    """One electrolyte; conductivity as log10 of S/cm, stability limit against lithium (V), None where unknown."""

    name: str
    family: str
    composition: str
    solid: bool
    log10_conductivity: float
    log10_conductivity_sd: float
    conductivity_source: str
    conductivity_verified: bool
    stability_limit_v: float | None
    stability_source: str
    stability_verified: bool
    max_temperature_c: float | None
    max_temperature_source: str
    max_temperature_verified: bool


@dataclass(frozen=True)
class Substrate:
    """One substrate; ``transfer_only`` ones take a finished stack and never see the deposition.

    ``caution`` is what happens above ``caution_temperature_c``, which it stands all the same; None and empty where
    nothing is known.
    """

    name: str
    max_temperature_c: float
    max_temperature_source: str
    max_temperature_verified: bool
    caution_temperature_c: float | None
    caution: str
    caution_source: str
    caution_verified: bool
    expansion_1e6_k: float
    expansion_source: str
    expansion_verified: bool
    conductive: bool
    flexible: bool
    transfer_only: bool
    note: str


@dataclass(frozen=True)
class Anode:
    """One negative electrode; ``risk`` ranks its fade from 0 (lithium) to 3 (aluminium)."""

    name: str
    kind: str
    composition: str
    contains_lithium: bool
    potential_v: float
    potential_source: str
    potential_verified: bool
    risk: float
    risk_source: str
    max_temperature_c: float
    max_temperature_source: str
    max_temperature_verified: bool
    note: str


@dataclass(frozen=True)
class Method:
    """One deposition method; rates in um/h for the films it usually makes, ``family`` sputter, pld or evaporation."""

    name: str
    family: str
    bias_possible: bool
    radiant_load: str
    sources: str
    strengths: str
    limits: str
    strengths_source: str
    rate_low_um_h: float
    rate_um_h: float
    rate_high_um_h: float
    rate_source: str
    rate_verified: bool
    note: str
