"""What the other laboratories of a simulated world have published: few rows each, with gaps.

They share the world's response and none of them is the misled one; each has its own level, optimum of the bias and
habits. Rows leave out what papers leave out, quote good retentions as bounds, and report only cells that worked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pvdopt.virtual_lab.lab import VirtualLab, measure_cells
from pvdopt.virtual_lab.recipes import DEFAULT_WINDOWS, NUMBERS, SETTINGS
from pvdopt.virtual_lab.truths import Chemistry, LabTraits, stack_traits

if TYPE_CHECKING:
    import pandas as pd

Recipe = dict[str, Any]

#: Chance that a paper states a setting: thickness 12 and current 13 of 52 rows (domain notes 2), the rest unverified.
STATED: Mapping[str, float] = MappingProxyType(
    {
        "thickness_um": 0.23,
        "current_ua_cm2": 0.25,
        "substrate": 0.5,
        "substrate_temperature_c": 0.3,
        "electrolyte": 0.95,
        "electrolyte_thickness_um": 0.25,
        "anode": 0.9,
        "stacking": 0.15,
        "v_min": 0.4,
        "v_max": 0.4,
        "area_cm2": 0.2,
        "test_temperature_c": 0.2,
        "anneal_time_min": 0.4,
        "retention": 0.5,
    }
)
#: Chance that a paper says that it annealed, and that it says that it did not (unverified). No bias is never stated.
ANNEAL_STATED, NO_ANNEAL_STATED = 0.9, 0.3
#: Share of the cathodes among reported rows: mostly LiCoO2 (domain notes 5), others unverified.
CATHODE_SHARES: Mapping[str, float] = MappingProxyType(
    {"LiCoO2": 0.55, "LiMn2O4": 0.15, "LiNi0.5Mn1.5O4": 0.06, "MoO3": 0.10, "V2O5": 0.14}
)
#: Retention from which a paper writes "no fading" and not a figure, and how often (domain notes 1.3, share unverified).
NO_FADE, NO_FADE_SHARE = 0.95, 0.7
#: Cells made of a planned row, of which the first that works is reported.
ATTEMPTS = 3
#: Capacity (uAh/cm2/um) below which a film is seldom worth a row, and how often it is all the same (unverified); leaves
#: a spread of ln(capacity) near the 0.5 to 0.6 of the review (domain notes 4 and 5.1).
DULL_CAPACITY, DULL_SHOWN = 12.0, 0.25
#: Retention below which a paper is silent on it, and how often it is not (unverified).
POOR_RETENTION, POOR_SHOWN = 0.6, 0.3
LEVERS = ("bias", "anneal", "thickness", "current", "architecture")


def simulated_literature(seed: int, n_sources: int = 35, rows_per_source: float = 1.5) -> pd.DataFrame:
    """Return rows that other laboratories of this seed's world have reported.

    Parameters
    ----------
    seed : int
        World of ``VirtualLab(seed)``. Where that laboratory is misled, these are what misleads it.
    n_sources : int
        Laboratories that write a paper each; one whose cells all fail writes none. The defaults resemble the review.
    rows_per_source : float
        Mean number of rows of a publication, at least 1. Further rows of a source change one setting of its first.

    Returns
    -------
    DataFrame
        As reported cells: ``id``, ``source``, ``team``, ``cell_kind``, the settings with gaps (NaN), ``cycles``,
        ``capacity`` (uAh/cm2/um), ``retention`` (1), ``retention_qualifier`` (``=`` or ``>=``), ``outcome_class``.

    Raises
    ------
    ValueError
        If there are no sources or fewer than one row each.
    """
    import pandas as pd

    if n_sources < 1 or rows_per_source < 1:
        raise ValueError(f"at least one source with one row is needed, got {n_sources} with {rows_per_source}")
    recipes: list[Recipe] = []
    labs: list[LabTraits] = []
    for number in range(n_sources):
        rng = np.random.default_rng([seed, 5, number])
        lab = LabTraits.drawn(rng)
        rows = _plan(rng, 1 + int(rng.poisson(rows_per_source - 1)))
        told = tuple(name for row in rows for name in row.pop("told", ()))
        labs += [lab] * len(rows)
        recipes += [row | {"source": f"simulated{number:03d}", "told": told} for row in rows]
    cells = _make(VirtualLab(seed).chemistries, labs, pd.DataFrame(recipes), seed)
    papers = [
        _publish(paper, np.random.default_rng([seed, 6, number]))
        for number, (_, paper) in enumerate(cells.groupby("source", sort=True))
    ]
    found = pd.concat(papers, ignore_index=True)
    for name in NUMBERS:
        found[name] = pd.to_numeric(found[name])
    return found.loc[:, ["id", "source", "team", "cell_kind", *SETTINGS, *_OUTCOMES]]


_OUTCOMES = ("capacity", "retention", "retention_qualifier", "outcome_class")


def _plan(rng: np.random.Generator, n_rows: int) -> list[Recipe]:
    """Return the recipes of one publication: a first one, and others that change one lever of it."""
    cathode = str(rng.choice(list(CATHODE_SHARES), p=list(CATHODE_SHARES.values())))
    is_pld = rng.random() < 0.2
    first: Recipe = {
        "cathode": cathode,
        "method": "pld" if is_pld else "rf_sputtering",
        "bias_kind": "none",
        "bias_v": None,
        "anneal_kind": "none",
        "anneal_temperature_c": None,
        "anneal_time_min": None,
        "substrate": str(rng.choice(["Pt/Ti/Si", "SiO2/Si", "alumina", "stainless_steel"], p=[0.6, 0.15, 0.15, 0.1])),
        "substrate_temperature_c": float(rng.choice([25, 200, 400, 600], p=[0.1, 0.2, 0.4, 0.3]) if is_pld else 25),
        "thickness_um": float(np.exp(rng.normal(np.log(0.6), 0.8))),
        "electrolyte": str(rng.choice(["Lipon", "LiBON", "LVSO"], p=[0.84, 0.08, 0.08])),
        "electrolyte_thickness_um": float(rng.uniform(0.8, 2.0)),
        "anode": str(rng.choice(["Li", "Si", "Cu"], p=[0.9, 0.05, 0.05])) if cathode[0] == "L" else "Li",
        "architecture": "planar",
        "stacking": "in_situ" if rng.random() < 0.8 else "ex_situ",
        "current_ua_cm2": float(np.exp(rng.normal(np.log(15.0), 1.0))),
        "c_rate": None,
        "v_min": DEFAULT_WINDOWS[cathode][0],
        "v_max": DEFAULT_WINDOWS[cathode][1],
        "cycles": 100.0,
        "test_temperature_c": 25.0,
        "area_cm2": float(np.exp(rng.normal(np.log(0.5), 1.0))),
    }
    if rng.random() < 0.65:
        first |= _annealed(cathode, rng)
    if not is_pld and rng.random() < 0.15:
        first |= {"bias_kind": "rf", "bias_v": -50.0}
    recipes = [first]
    for _ in range(n_rows - 1):
        levers = [lever for lever in LEVERS if lever != "bias" or not is_pld]
        recipes.append(first | _changed(first, str(rng.choice(levers)), rng))
    return recipes


def _annealed(cathode: str, rng: np.random.Generator) -> Recipe:
    usual = (500, 600, 700) if cathode[0] == "L" else (200, 300, 400)
    minutes = float(rng.choice([15, 60, 120]))
    return {"anneal_kind": "furnace", "anneal_temperature_c": float(rng.choice(usual)), "anneal_time_min": minutes}


def _changed(first: Recipe, lever: str, rng: np.random.Generator) -> Recipe:
    """Return what another row changes; ``told`` marks what the paper must state for the comparison to make sense."""
    if lever == "bias":
        change: Recipe = {"bias_kind": "rf", "bias_v": -50.0}
        return change if first["bias_kind"] == "none" else {"bias_kind": "none", "bias_v": None}
    if lever == "anneal":
        none = {"anneal_kind": "none", "anneal_temperature_c": None, "anneal_time_min": None}
        return _annealed(first["cathode"], rng) if first["anneal_kind"] == "none" else none
    if lever == "thickness":
        return {"thickness_um": first["thickness_um"] * float(rng.choice([0.3, 3.0])), "told": ("thickness_um",)}
    if lever == "current":
        return {"current_ua_cm2": first["current_ua_cm2"] * float(rng.choice([5.0, 20.0])), "told": ("current_ua_cm2",)}
    return {"architecture": "3d"}


def _make(
    chemistries: Mapping[str, Chemistry], labs: Sequence[LabTraits], planned: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return the cells that worked and were worth a paper, tested for longer the better they hold."""
    tries = planned.loc[planned.index.repeat(ATTEMPTS)].reset_index(names="row")
    traits = stack_traits([labs[row] for row in tries["row"]])
    short = measure_cells(chemistries, traits, tries, seed, np.random.default_rng([seed, 7]))
    # Long tests are made of good cells only: the number of cycles in the literature is no accident. The same noise
    # again makes the test that is published one of the same cell.
    held = short["retention"].fillna(0.9).to_numpy()
    longer = tries.assign(cycles=np.select([held > 0.97, held > 0.93, held > 0.8], [1000.0, 500.0, 200.0], 100.0))
    cells = measure_cells(chemistries, traits, longer, seed, np.random.default_rng([seed, 7]))
    # A paper quotes what was set and not what a thermocouple read.
    cells[["bias_v", "anneal_temperature_c"]] = tries[["bias_v", "anneal_temperature_c"]]
    works = cells[cells["outcome_class"] == "ok"].drop_duplicates("row").drop(columns="row")
    shown = np.random.default_rng([seed, 8]).random(len(works)) < DULL_SHOWN
    return works[shown | (works["capacity"] >= DULL_CAPACITY)]


def _publish(cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return one paper's rows as printed: settings left out throughout, good retentions as bounds."""
    rows = cells.reset_index(drop=True)
    told = rows["told"].iloc[0]
    for name, chance in STATED.items():
        if rng.random() > chance and name not in told:
            rows[name] = np.nan
    unbiased = rows["bias_kind"] == "none"
    rows["bias_kind"] = rows["bias_kind"].astype(object).mask(unbiased, np.nan)
    rows["architecture"] = rows["architecture"].astype(object).mask(rows["architecture"] == "planar", np.nan)
    without = rows["anneal_kind"] == "none"
    silent = np.where(without, rng.random() > NO_ANNEAL_STATED, rng.random() > ANNEAL_STATED)
    for name in ("anneal_kind", "anneal_temperature_c", "anneal_time_min"):
        rows[name] = rows[name].astype(object).mask(silent, np.nan)
    poor = (rows["retention"] < POOR_RETENTION) & (rng.random(len(rows)) > POOR_SHOWN)
    rows["retention"] = rows["retention"].mask(poor)
    bounded = (rows["retention"] >= NO_FADE) & (rng.random(len(rows)) < NO_FADE_SHARE)
    rows["retention"] = rows["retention"].mask(bounded, NO_FADE)
    rows["retention_qualifier"] = np.where(bounded, ">=", "=")
    rows["cycles"] = rows["cycles"].mask(rows["retention"].isna(), np.nan)
    source = rows["source"].iloc[0]
    return rows.assign(id=[f"{source}_{row}" for row in range(len(rows))], team=source, cell_kind="solid")
