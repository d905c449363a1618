"""What a prediction leans on: the nearest reported cells, and where the evidence ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdopt.columns import column
from pvdopt.evidence import Evidence, derive_columns
from pvdopt.features import CategoryInput, Input, encode
from pvdopt.surrogates.kernel import ProcessKernel, equal_levels

#: Length scale on scaled inputs for "near" (judgement, unverified).
NEAR_LOG_LENGTH = float(np.log(0.5))
#: What sharing a level adds to nearness, beside the settings' own mean correlation (judgement, unverified).
LEVEL_WEIGHTS = {"cathode": 0.6, "cathode_family": 0.4, "electrolyte": 0.3, "method_family": 0.1}
#: A substrate up to here was not heated: that is what silence about it is taken for.
NOT_HEATED_C = 30.0
#: Settings shown with a near cell, in this order.
SHOWN = ("bias_v", "anneal_kind", "anneal_temperature_c", "thickness_um", "electrolyte", "method")


@dataclass(frozen=True)
class NearCell:
    """A reported cell near a recipe.

    Attributes
    ----------
    nearness : float
        0 (nothing in common that is known) to 1.
    summary : str
        Its settings and outcomes in a few words.
    """

    id: str
    reference: str
    nearness: float
    summary: str


def nearest_cells(evidence: Evidence, recipes: pd.DataFrame, k: int = 3) -> list[list[NearCell]]:
    """Return, for each recipe, the k most alike reported cells with an outcome, at most one a publication."""
    cells = evidence.cells
    if not len(cells):
        return [[] for _ in range(len(recipes))]
    telling = cells["capacity"].notna() | cells["retention"].notna() | cells["areal_capacity"].notna()
    known = derive_columns(cells[telling].reset_index(drop=True))
    asked = evidence.complete(recipes)
    inputs: tuple[Input, ...] = evidence.inputs("retention")
    reported, wanted = encode(inputs, known), encode(inputs, asked)
    kernel = ProcessKernel.learn(reported)
    nearness, _ = kernel.parts(wanted, reported, np.full(len(inputs), NEAR_LOG_LENGTH))
    for name, weight in LEVEL_WEIGHTS.items():
        if name in asked.columns and name in known.columns:
            a, b = (np.array(list(f[name]), dtype=object) for f in (asked, known))
            nearness = nearness + weight * equal_levels(a, b)
    nearness = nearness / (1.0 + sum(LEVEL_WEIGHTS.values()))
    return [_pick(known, row, k) for row in nearness]


def _pick(known: pd.DataFrame, nearness: Any, k: int) -> list[NearCell]:
    found: list[NearCell] = []
    seen: set[str] = set()
    for position in np.argsort(-nearness, kind="stable"):
        row = known.iloc[int(position)]
        if row["source"] in seen:
            continue
        seen.add(row["source"])
        found.append(NearCell(str(row["id"]), str(row["reference"]), float(nearness[position]), summarize(row)))
        if len(found) == k:
            break
    return found


def summarize(cell: pd.Series) -> str:
    """Return a reported cell's cathode, settings and outcomes in a few words."""
    parts = [str(cell["cathode"])]
    for name in SHOWN:
        value = cell.get(name)
        if pd.isna(value) or value == "none":
            continue
        declared = column(name)
        unit = "" if declared is None or declared.unit in ("", "1") else f" {declared.unit}"
        parts.append(f"{value:g}{unit}" if isinstance(value, float) else str(value))
    outcomes = []
    if pd.notna(cell.get("capacity")):
        outcomes.append(f"{cell['capacity']:g} uAh/cm2/um")
    elif pd.notna(cell.get("areal_capacity")):
        outcomes.append(f"{cell['areal_capacity']:g} uAh/cm2")
    if pd.notna(cell.get("retention")):
        cycles = f" at {cell['cycles']:g} cycles" if cell["cycles"] == cell["cycles"] else ""
        outcomes.append(f"{100 * cell['retention']:.3g} % kept{cycles}")
    return ", ".join(parts) + (": " + ", ".join(outcomes) if outcomes else "")


def evidence_gaps(evidence: Evidence, recipes: pd.DataFrame) -> list[list[str]]:
    """Return, for each recipe, where it leaves what reported cells of its cathode state; empty where it doesn't."""
    asked = evidence.complete(recipes)
    return [list(_gaps(evidence, asked.iloc[k])) for k in range(len(asked))]


def _gaps(evidence: Evidence, recipe: pd.Series) -> Iterator[str]:
    cathode = recipe.get("cathode")
    cells = evidence.cells
    if not len(cells):
        yield "no reported cells are used"
        return
    family = cells[cells["cathode"] == cathode]
    if not len(family):
        yield f"no reported cell has the cathode {cathode}"
        return
    for declared in evidence.inputs("capacity"):
        name = declared.name
        if name not in cells.columns or name in evidence.protocol.columns():
            continue
        value = recipe.get(name)
        if value is None or value != value:
            continue
        stated = family[name].dropna()
        if isinstance(declared, CategoryInput):
            if not (stated == value).any():
                # A kind that was not said may be this one or another: it counts for none.
                unsaid = " (some had one and do not say of what kind)" if (stated == "unspecified").any() else ""
                yield f"{name} {value}: not stated for any {cathode} cell{unsaid}"
        elif not (name == "bias_v" and value == 0) and not (
            name == "substrate_temperature_c" and value <= NOT_HEATED_C
        ):
            yield from _number_gap(name, float(value), family, str(cathode))


def _number_gap(name: str, value: float, family: pd.DataFrame, cathode: str) -> Iterator[str]:
    declared = column(name)
    unit = "" if declared is None or declared.unit in ("", "1") else f" {declared.unit}"
    stated = family[name].dropna().astype(float)
    if name == "bias_v":
        stated = stated[stated != 0]
    levels = sorted(set(stated))
    if not levels:
        yield f"{name} {value:g}{unit}: no {cathode} cell states one"
    elif len(levels) == 1 and abs(value - levels[0]) > 1e-9:
        yield f"{name} {value:g}{unit}: the only stated one is {levels[0]:g}{unit}"
    elif not levels[0] <= value <= levels[-1]:
        kinds = _by_kind(stated, family, "" if declared is None else declared.parent, unit)
        yield f"{name} {value:g}{unit}: stated ones run from {levels[0]:g} to {levels[-1]:g}{unit}{kinds}"


def _by_kind(stated: pd.Series, family: pd.DataFrame, parent: str, unit: str) -> str:
    """Return in brackets what is stated under each choice of a number's parent, such as each kind of anneal."""
    if not parent or parent not in family.columns:
        return ""
    kinds = family.loc[stated.index, parent].fillna("unspecified")
    told = []
    for kind in sorted(kinds.unique(), key=lambda kind: (kind == "unspecified", kind)):
        low, high = stated[kinds == kind].min(), stated[kinds == kind].max()
        span = f"{low:g}{unit}" if low == high else f"{low:g} to {high:g}{unit}"
        told.append(f"{'of a kind not said' if kind == 'unspecified' else kind} {span}")
    return f" ({', '.join(told)})" if len(told) > 1 else ""
