"""Capacity against cycle: what is read from which file, what follows, and whether early estimates hold."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from campaigns import digest, make_lco, propose
from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid
from pvdopt.lab_tables.fade import DRIFT_SD, Fade, fit_fade
from pvdopt.lab_tables.series import read_series


def write_cycles(path: Path, head: str, values: list[float], first: int = 1) -> Path:
    lines = [f"{n},{value!r}" for n, value in enumerate(values, start=first)]
    path.write_text("\n".join([f"cycle,{head}", *lines]) + "\n", encoding="utf-8")
    return path


def write_bdf(path: Path, n_cycles: int, *, is_cut: bool = False, heads: tuple[str, ...] = ()) -> Path:
    """Write a tester's record: each cycle charges and discharges at 1 mA; cycle n discharges (3600 - 36 n) s."""
    heads = heads or ("Test Time / s", "Current / A", "Voltage / V", "Cycle Count / 1")
    time, rows = 0.0, []
    for cycle in range(1, n_cycles + 1):
        for current, seconds, volts in ((0.001, 3600, (3.0, 4.2)), (-0.001, 3600 - 36 * cycle, (4.2, 3.0))):
            is_last = is_cut and cycle == n_cycles and current < 0
            share = 0.5 if is_last else 1.0
            for step in range(11):
                part = share * step / 10
                rows.append([time + part * seconds, current, volts[0] + part * (volts[1] - volts[0]), cycle])
            time += share * seconds
            if not is_last:
                rows.append([time, 0.0, volts[1], cycle])
                time += 60.0
                rows.append([time, 0.0, volts[1], cycle])
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heads, *rows])
    return path


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    """Return the LiCoO2 campaign, which asks for 100 cycles, with one proposal."""
    with make_lco(tmp_path / "lco") as found:
        propose(found)
        yield found


# -- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "values", "unit", "first"),
    [
        ("capacity", [52.0, 51.0], "uAh/cm2/um", 52.0),
        ("areal_capacity [mAh/cm2]", [0.052, 0.051], "uAh/cm2", 52.0),
        ("Discharge Capacity / mAh", [0.026, 0.025], "uAh", 26.0),
        ("discharge capacity (mAh/g)", [120.0, 118.0], "mAh/g", 120.0),
        ("retention [%]", [100.0, 98.0], "1", 1.0),
    ],
)
def test_a_row_a_cycle_is_read_in_its_unit(
    tmp_path: Path, head: str, values: list[float], unit: str, first: float
) -> None:
    series = read_series(write_cycles(tmp_path / "s.csv", head, values))
    assert (series.cycle, series.unit) == ((1.0, 2.0), unit)
    assert series.capacity[0] == pytest.approx(first)
    assert series.shares[1] == pytest.approx(values[1] / values[0])


@pytest.mark.parametrize(
    "heads",
    [
        (),
        ("test_time_second", "current_ampere", "voltage_volt", "cycle_count"),
        ("test_time_second", "current_ampere", "voltage_volt", "cycle_dimensionless"),
        ("test_time_second", "current_ampere", "voltage_volt", "step"),
    ],
    ids=["labels", "notations", "old-notation", "no-cycles"],
)
def test_a_testers_record_is_integrated_cycle_by_cycle(tmp_path: Path, heads: tuple[str, ...]) -> None:
    series = read_series(write_bdf(tmp_path / "cell.bdf.csv", 5, heads=heads))
    assert series.unit == "uAh"
    assert series.cycle == (1.0, 2.0, 3.0, 4.0, 5.0)
    expected = [1000.0 * (3600 - 36 * n) / 3600 for n in range(1, 6)]
    # The trapezoid of the step from discharge to rest adds nothing: both ends are written.
    assert series.capacity == pytest.approx(expected, rel=1e-3)


def test_a_discharge_that_has_not_ended_is_left_out(tmp_path: Path) -> None:
    series = read_series(write_bdf(tmp_path / "cell.bdf.csv", 4, is_cut=True))
    assert series.cycle == (1.0, 2.0, 3.0)
    assert series.notes == ("cycle 4 is left out: its discharge had not ended",)


BAD = {
    "no-cycles": ("n°,capacity\n1,50\n", "s.csv, row 1: must have a column of cycle numbers. Name it cycle"),
    "no-capacity": ("cycle,charge\n1,50\n", "s.csv, row 1: must have a column of capacities. Name it capacity"),
    "no-unit": ("cycle,discharge capacity\n1,50\n", "s.csv, row 1, discharge capacity: must state its unit, one of a"),
    "wrong-unit": ("cycle,capacity [kg]\n1,50\n", "s.csv, row 1, capacity: must state its unit, one of a capacity"),
    "word": ("cycle,capacity\n1,50\n2,bad\n", "s.csv, row 3, capacity: must be a number, got 'bad'."),
    "gap": ("cycle,capacity\n1,50\n2,\n", "s.csv, row 3, capacity: must be a number, got ''."),
    "twice": ("cycle,capacity\n1,50\n1,49\n", "s.csv, row 3, cycle: must be above that of the row before (1), got 1"),
    "half": ("cycle,capacity\n1,50\n1.5,49\n", "s.csv, row 3, cycle: must be a whole number, 0 or more, got 1.5."),
    "negative": ("cycle,capacity\n1,-50\n", "s.csv, row 2, capacity: must be positive, got -50.0. Check sign and unit"),
    "back-in-time": (
        "Test Time / s,Current / A\n0,-1\n5,-1\n3,-1\n",
        "s.csv, row 4, Test Time / s: must not fall: it is counted from the start of the test, got 3.0.",
    ),
    "never-discharged": (
        "Test Time / s,Current / A\n0,1\n5,1\n",
        "s.csv: must hold at least one whole discharge, in which the current is negative. Check the sign",
    ),
    "nothing": ("cycle,capacity\n", "s.csv: must hold at least one row below its header."),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_series_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    text, sentence = BAD[name]
    path = tmp_path / "s.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataInvalid) as caught:
        read_series(path)
    assert str(caught.value).startswith(sentence)


# -- what follows --------------------------------------------------------------------------------------------------


def test_capacity_retention_and_fade_are_kept_with_the_series(campaign: Campaign, tmp_path: Path) -> None:
    values = [52.0 * math.exp(-0.1 * (n / 100) ** 0.6) for n in range(120)]
    path = write_cycles(tmp_path / "s.csv", "capacity", values)
    report = campaign.record_series("P001", path)
    assert (report.new, report.n_facts) == (1, 2)
    cell = campaign.own_cells().state.cells["P001"]
    assert cell.outcomes["capacity"].value == 52.0
    # After 100 cycles, counted from the first: what is asked for, though the series goes on.
    assert cell.outcomes["retention"].value == pytest.approx(values[99] / 52.0, rel=1e-5)
    assert cell.outcomes["cycles"].value == 100
    assert campaign.own_cells().status(cell) == "complete"
    assert cell.series is not None
    assert cell.series["capacity"] == values
    fade = Fade.from_json(cell.series["fade"])
    assert (fade.k100, fade.beta) == (pytest.approx(0.1, rel=0.05), pytest.approx(0.6, abs=0.05))
    before = digest(campaign)
    assert campaign.record_series("P001", path).new == 0
    assert digest(campaign) == before


def test_a_running_cell_stays_open_and_is_read_again(campaign: Campaign, tmp_path: Path) -> None:
    values = [26.0 * math.exp(-0.1 * (n / 100) ** 0.6) for n in range(120)]
    early = write_cycles(tmp_path / "early.csv", "discharge capacity [uAh]", values[:37])
    report = campaign.record_series("P001", early, {"area_cm2": "0.5", "thickness_um": "1.02 +- 0.03"})
    own = campaign.own_cells()
    cell = own.state.cells["P001"]
    assert own.status(cell) == "partial"
    assert own.waits_for(cell) == ["retention"]
    # 26 uAh on 0.5 cm2 and 1.02 um; 2 % reading, 2 % area and 0.03/1.02 thickness.
    assert cell.outcomes["capacity"].value == pytest.approx(50.98, rel=1e-3)
    assert cell.outcomes["capacity"].sd == pytest.approx(50.98 * math.hypot(0.02, 0.02, 0.03 / 1.02), rel=1e-3)
    found = own.early_retention(cell)
    assert found is not None
    mid, low, high = found
    assert low < values[99] / 26.0 < high
    assert any("37 of 100 cycles so far" in note for note in report.notes)
    # Models take what the cell's own fade comes to, not what the usual one would.
    observed = own.observed().loc["P001"]
    assert (observed["retention"], observed["cycles"]) == (pytest.approx(mid), 100.0)
    assert observed["retention_sd"] == pytest.approx((high - low) / 2.563, rel=1e-2)
    late = write_cycles(tmp_path / "late.csv", "discharge capacity [uAh]", values)
    assert campaign.record_series("P001", late).new == 1
    own = campaign.own_cells()
    assert own.status(own.state.cells["P001"]) == "complete"
    # An earlier file again: it is old news, and the later reading stands.
    before = digest(campaign)
    assert campaign.record_series("P001", early).new == 0
    assert digest(campaign) == before


def test_one_early_reading_is_carried_on_by_the_usual_fade() -> None:
    # ln(-ln R) grows by beta ln(100/37): 0.95 becomes exp(-0.0513 * 2.70 ** 0.5) = 0.919.
    fade = fit_fade([37], [0.95])
    mid, low, high = fade.at(100)
    assert mid == pytest.approx(0.919, abs=0.005)
    # The exponent may be 0.3 or 0.7: 1.28 times 0.2 ln 2.7 on the fade's scale, and 1 % of reading.
    assert (low, high) == (pytest.approx(0.88, abs=0.01), pytest.approx(0.945, abs=0.01))
    assert fade.beta == pytest.approx(0.5, abs=0.02)
    # At the reading itself only the reading's error is left.
    _, low, high = fade.at(37)
    assert high - low < 0.03


def test_a_retention_can_be_read_again_without_a_correction(campaign: Campaign) -> None:
    campaign.record({"id": "P001", "capacity": 50, "retention": "97 %", "cycles": 20})
    own = campaign.own_cells()
    assert own.status(own.state.cells["P001"]) == "partial"
    with pytest.raises(DataInvalid, match=r"is recorded as 0\.97 and cannot also be 0\.96"):
        campaign.record({"id": "P001", "retention": "96 %", "cycles": 20})
    # Without a word on the cycles it is the protocol's reading.
    assert campaign.record({"id": "P001", "retention": "94 %"}).new == 1
    cell = campaign.own_cells().state.cells["P001"]
    assert (cell.outcomes["retention"].value, cell.outcomes["cycles"].value) == (0.94, 100)
    assert [(h["name"], h["old"]["value"]) for h in cell.history] == [("retention", 0.97), ("cycles", 20)]
    assert campaign.record({"id": "P001", "retention": "97 %", "cycles": 20}).new == 0


# -- whether early estimates hold ----------------------------------------------------------------------------------


def draw_fades(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield retentions of cycles 1 to 100 as cells show them: stretched, linear, and fast at first."""
    n = np.arange(1, 101)
    for shape in ("stretched", "linear", "fast-then-slow"):
        k = math.exp(rng.normal(-2.1, 1.2))
        if shape == "stretched":
            r = np.exp(-k * (n / 100) ** np.clip(rng.normal(0.5, 0.2), 0.1, 1.5))
        elif shape == "linear":
            r = 1 - min(k, 0.9) * n / 100
        else:
            share, pace, loss = rng.uniform(0.3, 0.8), rng.uniform(3, 20), min(k, 0.8)
            r = 1 - loss * (share * (1 - np.exp(-n / pace)) + (1 - share) * n / 100)
        read = r / r[0] * (1 + rng.normal(0, 0.003, 100))
        yield read / read[0]


@pytest.mark.parametrize("repeats", [25, pytest.param(150, marks=pytest.mark.slow)])
def test_early_estimates_hold_about_what_they_promise(repeats: int) -> None:
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(repeats):
        for shares in draw_fades(rng):
            n_read = int(rng.integers(20, 61))
            _, low, high = fit_fade(np.arange(2, n_read + 1), shares[1:n_read]).at(100)
            hits.append(low - 0.003 <= shares[-1] <= high + 0.003)
    assert DRIFT_SD > 0
    assert 0.7 < np.mean(hits) < 0.95
