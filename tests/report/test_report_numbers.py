"""What a report says, before anything is drawn."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from campaigns import make_lco, propose
from pvdopt.campaign import Campaign
from pvdopt.report import Report, build_report
from pvdopt.report.content import Quantity
from pvdopt.report.figures import draw_charts
from pvdopt.report.front_chart import _staircase
from pvdopt.report.learned import _hypervolumes, calibrate
from pvdopt.report.track_charts import NOT_TOLD, _progress_chart, say_uncalibrated


@pytest.fixture(scope="module")
def report(lco: Campaign) -> Report:
    return build_report(lco)


def test_headline_and_counts_follow_the_ledger(report: Report) -> None:
    assert report.headline == (
        "Measured so far: 95 µAh cm⁻² µm⁻¹ is the highest capacity (P004), 0.91 is the highest retention (P001). P001 "
        "and P002 balance the goals best: no cell beats either of them in every goal. 4 cells made, 1 of them without "
        "usable figures; 1 proposal waits to be made."
    )
    assert [p.id for p in report.proposals] == ["P005"]
    assert report.cell("P003").outcome_class == "cracked"


def test_the_front_is_of_cells_with_all_goals(report: Report) -> None:
    # P004 has the most capacity and no retention yet.
    assert sorted(report.front.measured) == ["P001", "P002"]
    predicted = [(b.spans["capacity"][0], b.spans["retention"][0]) for b in report.front.predicted]
    assert len(predicted) > 1
    assert all(not (a > c and b > d) for c, d in predicted for a, b in predicted)
    assert all(b.spans["areal_capacity"][0] >= 30.0 for b in report.front.predicted)


def test_progress_counts_every_experiment_and_never_falls(report: Report) -> None:
    by_goal = {p.what: p for p in report.progress}
    assert by_goal["capacity"].values == [52.0, 61.0, 61.0, 95.0]
    assert by_goal["hypervolume"].values[-1] == 100.0
    for progress in report.progress:
        assert len(progress.cells) == len(progress.random) == 4
        mids = np.array([mid for mid, _, _ in progress.random])
        assert np.all(np.diff(mids[np.isfinite(mids)]) >= 0)
        assert all(low <= mid <= high for mid, low, high in progress.random)


def test_random_recipes_stay_below_what_was_measured_above_theory(report: Report) -> None:
    """P004 lies beyond what the model believes of any recipe, and so beyond what random ones are said to reach."""
    capacity = next(p for p in report.progress if p.what == "capacity")
    assert capacity.random[-1][0] < 95.0


def test_a_slice_holds_evidence_and_prediction_apart(report: Report) -> None:
    thickness = next(s for s in report.slices if (s.parameter.name, s.outcome.name) == ("thickness_um", "capacity"))
    assert thickness.is_log
    assert sorted(v for _, v, _ in thickness.own) == [52.0, 61.0, 95.0]
    assert all(low < mid < high for mid, low, high in thickness.spans)
    assert 0.45 in thickness.reported


def test_a_series_is_drawn_whole(report: Report) -> None:
    (fade,) = report.fades
    assert (fade.id, fade.unit, fade.cycles) == ("P002", "uAh/cm2/um", [1.0, 2.0, 50.0, 100.0])
    assert draw_charts(report)["cycling"].rows == (("P002", "100", "61 µAh cm⁻² µm⁻¹", "51.2 µAh cm⁻² µm⁻¹"),)


def test_calibration_counts_results_inside_intervals_of_each_width(report: Report) -> None:
    score = next(s for s in report.scores if s.id == "P001" and s.outcome == "capacity")
    exact = replace(score, measured=score.median)
    far = replace(score, measured=1000.0)
    bound = replace(score, qualifier=">=")
    (found,) = calibrate([exact, exact, far, bound], lambda _, v: v)
    assert found.n == 3
    assert found.shares == pytest.approx([2 / 3] * 9)


def test_of_few_results_no_calibration_is_drawn_but_told(report: Report) -> None:
    assert "calibration" not in draw_charts(report)
    assert say_uncalibrated(report) == (
        "Whether intervals are as wide as they have to be cannot be told yet of capacity (3 results) and retention (2 "
        "results): it is drawn from 5 results on."
    )
    enough = replace(report, calibration=[replace(c, n=5) for c in report.calibration])
    assert "calibration" in draw_charts(enough)
    assert say_uncalibrated(enough) == ""


def test_the_same_ledger_gives_the_same_report(lco: Campaign, report: Report) -> None:
    assert lco.folder is not None
    with Campaign.open(lco.folder, "somebody else") as again:
        assert build_report(again) == report


def test_every_chart_has_its_numbers_as_a_table(report: Report) -> None:
    charts = draw_charts(replace(report, calibration=[replace(c, n=5) for c in report.calibration]))
    assert "calibration" in charts
    assert {"front", "progress-capacity", "predicted-capacity", "reported-voltage"} <= set(charts)
    for chart in charts.values():
        assert chart.rows
        assert all(len(row) == len(chart.headings) for row in chart.rows)
        assert chart.x.low < chart.x.high
        assert len(chart.y.ticks) > 1


def test_a_campaign_whose_first_capacity_has_come_is_reported_too(tmp_path: Path) -> None:
    # The usual state of the first weeks: capacities, and no retention yet.
    with make_lco(tmp_path / "lco") as campaign:
        propose(campaign)
        campaign.record({"id": "P001", "capacity": 52.0})
        charts = draw_charts(build_report(campaign))
    assert "measured cells" not in [layer.name for layer in charts["front"].layers]


@pytest.mark.parametrize(
    ("sign", "edge"), [(1.0, ((1.0, 1.0, 2.0), (5.0, 4.0, 4.0))), (-1.0, ((1.0, 2.0, 2.0), (5.0, 5.0, 4.0)))]
)
def test_between_two_cells_of_the_front_only_the_worse_of_both_is_achieved(sign: float, edge: object) -> None:
    assert _staircase([(1.0, 5.0), (2.0, 4.0)], sign) == edge
    assert _staircase([], sign) == ((), ())


def test_a_campaign_without_cells_is_reported_too(tmp_path: object) -> None:
    from pathlib import Path

    from campaigns import make_plain

    with make_plain(Path(str(tmp_path)) / "plain") as campaign:
        report = build_report(campaign)
    assert report.headline == "No cell has results yet."
    assert draw_charts(report) == {}


def test_a_hypervolume_of_nothing_says_why() -> None:
    words = {n: Quantity(n, n, u) for n, u in (("capacity", "uAh/cm2/um"), ("retention", "1"))}
    random = np.full((10, 2, 2), 2.0)
    above = {"capacity": 6.15, "retention": 0.751}
    found = _hypervolumes(["P001", "P002"], np.array([[0.5, 0.5], [2.0, 0.1]]), random, np.ones(2), above)
    assert found.values == [0.0, 0.0]
    chart = _progress_chart(found, Quantity("hypervolume", "balance", found.unit), words, is_all=True)
    assert "above the campaign's reference point (capacity 6.15 µAh cm⁻² µm⁻¹, retention 0.751)" in chart.note
    assert "0 until a cell exceeds that point in every goal" in chart.note
    # A share of nothing is no measure of random recipes.
    assert [row[2:] for row in chart.rows] == [("0 % of today's", NOT_TOLD)] * 2
    assert "random" not in chart.note
    some = _hypervolumes(["P001"], np.array([[2.0, 3.0]]), random[:, :1], np.ones(2), above)
    assert (some.values, some.random[0][0]) == ([100.0], 50.0)


def test_a_kind_that_was_not_said_is_counted_apart(report: Report) -> None:
    note = draw_charts(report)["setting-anneal-kind-capacity"].note
    assert "furnace 0" in note
    assert re.search(r"of a kind not said [1-9]", note)
