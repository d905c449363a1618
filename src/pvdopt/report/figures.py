"""All charts of a report, in the order of the page. Draws nothing: :mod:`svg` and :mod:`paper` do."""

from __future__ import annotations

from pvdopt.report.charts import Chart
from pvdopt.report.content import Report
from pvdopt.report.front_chart import draw_fronts
from pvdopt.report.reported_charts import draw_reported
from pvdopt.report.setting_charts import draw_fades, draw_slice
from pvdopt.report.track_charts import draw_calibration, draw_parity, draw_progress


def draw_charts(report: Report) -> dict[str, Chart]:
    """Return all charts that the report has numbers for, by key."""
    found = [
        *draw_fronts(report),
        *draw_progress(report),
        *draw_parity(report),
        *draw_calibration(report),
        *(draw_slice(cut) for cut in report.slices),
        *draw_fades(report.fades),
        *draw_reported(report),
    ]
    return {chart.key: chart for chart in found}
