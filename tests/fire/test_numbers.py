"""Numbers that break models elsewhere: finite answers or a clear refusal, the same however data are written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from campaigns import RECIPE, make_lco, make_plain, propose
from pvdopt import Continuous, Objective, Proposer, SearchSpace
from pvdopt.campaign import Campaign
from pvdopt.errors import PvdoptError
from pvdopt.surrogates import SPECIFICATIONS

SPEEDS = (1.0, 3.0, 5.0, 7.0, 9.0, 2.0, 4.0, 6.0, 8.0)

#: Results of a plain campaign by name: speed, and what is recorded.
PLAIN_TABLES: dict[str, list[tuple[float, dict[str, Any]]]] = {
    "one row": [(5.0, {"gloss": 3.0})],
    "constant": [(s, {"gloss": 3.0}) for s in SPEEDS],
    "zero": [(s, {"gloss": 0.0}) for s in SPEEDS],
    "duplicated": [(5.0, {"gloss": 3.0 + k % 2, "sample": f"S{k}"}) for k in range(9)],
    "one place": [(5.0, {"gloss": 3.0, "sample": f"S{k}"}) for k in range(9)],
    "on a line": [(s, {"gloss": 2 * s}) for s in SPEEDS],
    "all failed": [(s, {"outcome_class": "cracked"}) for s in SPEEDS],
    "all but one failed": [(s, {"outcome_class": "cracked"}) for s in SPEEDS[1:]] + [(1.0, {"gloss": 2.0})],
    "all censored": [(s, {"gloss": s, "gloss_qualifier": ">="}) for s in SPEEDS],
    "tiny": [(s, {"gloss": s * 1e-30}) for s in SPEEDS],
    "huge": [(s, {"gloss": s * 1e30}) for s in SPEEDS],
    "far apart": [(s, {"gloss": 10.0 ** (3 * s - 15)}) for s in SPEEDS],
    "one far out": [(s, {"gloss": 1e12 if s == 9 else s}) for s in SPEEDS],
    "nearly the same": [(s, {"gloss": 1 + s * 1e-14}) for s in SPEEDS],
    "sure beyond reason": [(s, {"gloss": s, "gloss_sd": 1e-12}) for s in SPEEDS],
    "unsure beyond reason": [(s, {"gloss": s, "gloss_sd": 1e12}) for s in SPEEDS],
}
#: Results of an LiCoO2 campaign: capacity and retention.
LCO_TABLES: dict[str, list[dict[str, Any]]] = {
    "one row": [{"capacity": 50}],
    "constant": [{"capacity": 50, "retention": 0.9, "cycles": 100}] * 9,
    "all failed": [{"outcome_class": "shorted"}] * 9,
    "all censored": [{"capacity": 40, "capacity_qualifier": ">="}] * 9,
    # No less than what a record may hold.
    "next to nothing": [{"capacity": 0.1, "retention": 1e-6, "cycles": 100}] * 9,
    "nothing lost": [{"capacity": 50, "retention": 1.0, "cycles": 100}] * 9,
    "never cycled": [{"retention": 1.0, "cycles": 1}] * 9,
}


def require_sound(campaign: Campaign, names: list[str]) -> None:
    """Suggest and predict: every number finite, every interval the right way round, every recipe allowed."""
    suggestion = campaign.suggest(2)
    frame = suggestion.frame
    assert len(frame) == 2
    assert campaign.space.is_allowed(frame[list(campaign.space.names)]).all()
    forecast = campaign.predict(frame[list(campaign.space.names)])
    for table in (frame, forecast.frame):
        for name in (n for n in names if n in table):
            low, mid, high = (table[name + end].to_numpy(float) for end in ("_low", "", "_high"))
            assert np.isfinite([low, mid, high]).all(), name
            assert (low <= mid).all(), name
            assert (mid <= high).all(), name
    assert frame["usable_chance"].between(0, 1).all()


def record_plain(folder: Path, table: str, **keys: str) -> Campaign:
    campaign = make_plain(folder, **keys)
    rows = [{"speed": s, "moisture": "dry", **results} for s, results in PLAIN_TABLES[table]]
    campaign.record(rows, confirm=True)
    return campaign


@pytest.mark.parametrize("table", sorted(PLAIN_TABLES))
def test_plain_numbers(tmp_path: Path, table: str) -> None:
    with record_plain(tmp_path / "plain", table) as campaign:
        # Of an outcome that was never measured nothing is predicted.
        require_sound(campaign, [] if table == "all failed" else ["gloss"])


@pytest.mark.slow
@pytest.mark.parametrize("specification", sorted(set(SPECIFICATIONS) - {"gaussian_process"}))
@pytest.mark.parametrize("table", sorted(PLAIN_TABLES))
def test_plain_numbers_in_other_models(tmp_path: Path, table: str, specification: str) -> None:
    with record_plain(tmp_path / "plain", table, surrogate=specification) as campaign:
        require_sound(campaign, [] if table == "all failed" else ["gloss"])


def record_lco(folder: Path, table: str, **changes: str) -> Campaign:
    campaign = make_lco(folder, **changes)
    for k, results in enumerate(LCO_TABLES[table]):
        cell = propose(campaign, thickness_um=round(RECIPE["thickness_um"] + 0.1 * k, 2))
        campaign.record({"id": cell, **results}, confirm=True)
    return campaign


@pytest.mark.parametrize(
    "table", [pytest.param(t, marks=() if t in ("constant", "all failed") else pytest.mark.slow) for t in LCO_TABLES]
)
def test_numbers_of_cells(tmp_path: Path, table: str) -> None:
    with record_lco(tmp_path / "lco", table) as campaign:
        require_sound(campaign, ["capacity", "retention"])


@pytest.mark.slow
@pytest.mark.parametrize("specification", sorted(set(SPECIFICATIONS) - {"gaussian_process"}))
@pytest.mark.parametrize("table", ["constant", "all failed", "next to nothing"])
def test_numbers_of_cells_in_other_models(tmp_path: Path, table: str, specification: str) -> None:
    given = {'surrogate = "gaussian_process"': f'surrogate = "{specification}"'}
    with record_lco(tmp_path / "lco", table, **given) as campaign:
        assert campaign.config.surrogate == specification
        require_sound(campaign, ["capacity", "retention"])


@pytest.mark.parametrize("value", [math.inf, -math.inf, "inf", "1e999", 10**400])
def test_what_is_no_number_is_refused(tmp_path: Path, value: object) -> None:
    with make_plain(tmp_path / "plain") as campaign:
        name = campaign.add({"speed": 5, "moisture": "dry"})
        with pytest.raises(PvdoptError, match=r"finite|number"):
            campaign.record({"id": name, "gloss": value})
        assert campaign.own_cells().state.cells[name].status == "proposed"


# -- the same data, written otherwise ----------------------------------------------------------------------------


def space_of(names: tuple[str, str], scale: float = 1.0) -> SearchSpace:
    first, second = names
    return SearchSpace([Continuous(first, low=0.1 * scale, high=5 * scale), Continuous(second, low=-100, high=0)])


def observe(names: tuple[str, str], scale: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    a, b = rng.uniform(0.1, 5, 12), rng.uniform(-100, 0, 12)
    y = np.sin(a) + b / 50 + rng.normal(0, 0.05, 12)
    return pd.DataFrame({names[0]: a * scale, names[1]: b, "y": y})


def choose(names: tuple[str, str], scale: float = 1.0, *, is_shuffled: bool = False) -> pd.DataFrame:
    """Return what is chosen among the same sixty recipes."""
    rng = np.random.default_rng(5)
    candidates = pd.DataFrame({names[0]: rng.uniform(0.1, 5, 60) * scale, names[1]: rng.uniform(-100, 0, 60)})
    observed = observe(names, scale)
    if is_shuffled:
        observed = observed.sample(frac=1, random_state=1, ignore_index=True)
    proposer = Proposer(space_of(names, scale), [Objective("y", maximize=True)], seed=4)
    return proposer.propose(observed, n=3, candidates=candidates)


A = np.linspace(0.1, 5, 12)
WAVE = np.sin(A) + 0.1 * np.arange(12)
#: Twelve cells of two settings, a in [0.1, 5] and b in [-100, 0], and what came out.
SETTINGS_TABLES: dict[str, tuple[Any, Any, Any]] = {
    "collinear": (A, 20 * A - 100, WAVE),
    "one never varied": (A, np.full(12, -50.0), WAVE),
    "none varied": (np.full(12, 1.0), np.full(12, -50.0), WAVE),
    "in pairs": (np.repeat(A[::2], 2), np.repeat(-10.0 * np.arange(6), 2), WAVE),
    "all on two bounds": (np.tile([0.1, 5.0], 6), np.tile([-100.0, 0.0], 6), WAVE),
    "the same outcome": (A, -8.0 * np.arange(12), np.full(12, 2.0)),
    "outcomes and settings collinear": (A, 20 * A - 100, A),
    "one outcome among twelve": (A, -8.0 * np.arange(12), [*[math.nan] * 11, 3.0]),
}


@pytest.mark.parametrize(
    ("table", "scale"),
    [(t, 1.0) for t in SETTINGS_TABLES]
    + [pytest.param(t, s, marks=pytest.mark.slow) for t in SETTINGS_TABLES for s in (1e-9, 1e9)],
)
def test_settings_that_hang_together(table: str, scale: float) -> None:
    a, b, y = SETTINGS_TABLES[table]
    space = space_of(("a", "b"), scale)
    observed = pd.DataFrame({"a": a * scale, "b": b, "y": np.asarray(y) * scale})
    found = Proposer(space, [Objective("y", maximize=True)], seed=4).propose(observed, n=2)
    assert space.is_allowed(found).all()
    low, mid, high = (found[name].to_numpy(float) for name in ("y_low", "y", "y_high"))
    assert np.isfinite([low, mid, high]).all()
    assert (low <= mid).all()
    assert (mid <= high).all()


@pytest.mark.parametrize("value", [math.inf, -math.inf])
@pytest.mark.parametrize("name", ["a", "b", "y", "y_sd"])
def test_the_library_takes_no_infinity(name: str, value: float) -> None:
    observed = observe(("a", "b")).assign(y_sd=0.1)
    observed.loc[3, name] = value
    with pytest.raises(ValueError, match=f"{name}: must hold finite numbers, got {value}"):
        Proposer(space_of(("a", "b")), [Objective("y", maximize=True)]).propose(observed, n=1)


def test_a_standard_deviation_is_not_below_nought() -> None:
    observed = observe(("a", "b")).assign(y_sd=[0.1] * 11 + [-0.1])
    with pytest.raises(ValueError, match="y_sd: a standard deviation is not below 0"):
        Proposer(space_of(("a", "b")), [Objective("y", maximize=True)]).propose(observed, n=1)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_nothing_is_predicted_for_what_cannot_be_made(tmp_path: Path, value: float) -> None:
    with record_plain(tmp_path / "plain", "on a line") as campaign, pytest.raises(PvdoptError, match="speed"):
        campaign.predict(pd.DataFrame({"speed": [value], "moisture": ["dry"]}))


@pytest.mark.parametrize(
    ("names", "scale", "is_shuffled"),
    [(("a", "b"), 1.0, True), (("x", "w"), 1.0, False), (("a", "b"), 1000.0, False)],
    ids=["rows shuffled", "other names", "another unit"],
)
def test_the_same_data_give_the_same_choice(names: tuple[str, str], scale: float, is_shuffled: bool) -> None:
    plain, other = choose(("a", "b")), choose(names, scale, is_shuffled=is_shuffled)
    # Two of nearly the same gain may change places: draws come in another order.
    assert set(other.index) == set(plain.index)
    other = other.loc[plain.index]
    for name in ("y", "y_low", "y_high"):
        np.testing.assert_allclose(other[name].to_numpy(float), plain[name].to_numpy(float), rtol=0.02, atol=0.02)


def test_a_unit_in_the_file_has_no_part_in_proposals(tmp_path: Path) -> None:
    thick = {"[parameters.thickness_um]\nlow = 0.1\n": '[parameters.thickness_um]\nlow = "100 nm"\n'}
    with make_lco(tmp_path / "one") as one, make_lco(tmp_path / "two", **thick) as two:
        assert one.config.fingerprint() == two.config.fingerprint()
        for campaign, value, capacity in ((one, "1.2 um", "50"), (two, "1200 nm", "500 mAh/cm3")):
            cell = propose(campaign)
            campaign.record({"id": cell, "thickness_um": value, "capacity": capacity})
        assert one.own_cells().observed().equals(two.own_cells().observed())
