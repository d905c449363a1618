"""A backtest's report as files: tables, JSON and a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pvdopt.backtest.summary import BacktestReport, Figure
from pvdopt.output_files import write_text, written_aside
from pvdopt.pictures import require_drawable

#: Colours that stay apart for colour-blind readers (Okabe and Ito 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_X_TITLE = "Experiments"
_Y_TITLE = "Share reached of what there was to gain"


def summary_rows(report: BacktestReport) -> list[dict[str, Any]]:
    """Return a flat row a strategy; each figure with the ends of its interval."""
    rows = []
    for s in report.strategies:
        row: dict[str, Any] = {"strategy": s.strategy, "seeds": s.n_seeds, "reached": s.n_reached}
        for name in ("needed", "acceleration", "enhancement", "final"):
            figure: Figure = getattr(s, name)
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        rows.append(
            row | {"acceleration_is_bound": s.is_bound, "refused": s.n_refused, "cpu_seconds_per_ask": s.seconds}
        )
    return rows


def write_report(report: BacktestReport, folder: Path) -> list[Path]:
    """Write summary.csv, curves.csv and backtest.json into a folder; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "summary.csv", folder / "curves.csv", folder / "backtest.json"]
    rows = summary_rows(report)
    for path, frame in ((paths[0], pd.DataFrame(rows)), (paths[1], report.curves)):
        write_text(path, frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    told = {
        "subject": report.subject,
        "target": report.target,
        "budget": report.plan.budget,
        "batch": report.plan.batch,
        "starts": report.plan.starts,
        "tuning": report.is_tuning,
        "strategies": rows,
        "notes": report.notes,
    }
    write_text(paths[2], json.dumps(told, indent=2) + "\n")
    return paths


def draw_report(report: BacktestReport, path: Path) -> None:
    """Draw the curves with their intervals: a page (.html), or a picture (.svg, .png, .pdf), which needs matplotlib.

    Raises
    ------
    UsageError
        If the ending is none of these, or matplotlib is not there.
    """
    ending = require_drawable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".html":
        write_text(path, _page(report))
        return
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(8, 5), layout="constrained")
    axes = drawing.add_subplot()
    for colour, (name, curve) in zip(_COLOURS, _by_strategy(report), strict=False):
        axes.fill_between(curve["experiment"], curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)
        axes.plot(curve["experiment"], curve["median"], color=colour, label=name)
    axes.axhline(report.target, color="0.5", lw=0.8, ls=":")
    axes.set(xlabel=_X_TITLE, ylabel=_Y_TITLE, title=_title(report), ylim=(0, 1.03))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    # No date and no random names in it, so that the same figures make the same file.
    with mpl.rc_context({"svg.hashsalt": "pvdopt"}), written_aside(path) as aside:
        drawing.savefig(aside, metadata={"Date": None} if ending == ".svg" else None, dpi=150)


def _by_strategy(report: BacktestReport) -> list[tuple[str, pd.DataFrame]]:
    return [(s.strategy, report.curves[report.curves["strategy"] == s.strategy]) for s in report.strategies]


def _title(report: BacktestReport) -> str:
    n = min(s.n_seeds for s in report.strategies)
    return f"{report.subject}: median of {n} seeds with its 90 % interval"


def _page(report: BacktestReport) -> str:
    import plotly.graph_objects as go

    drawing = go.Figure()
    for colour, (name, curve) in zip(_COLOURS, _by_strategy(report), strict=False):
        around = [*curve["experiment"], *curve["experiment"][::-1]]
        ends = [*curve["high"], *curve["low"][::-1]]
        band = {"fill": "toself", "fillcolor": colour, "opacity": 0.15, "line": {"width": 0}, "hoverinfo": "skip"}
        drawing.add_scatter(x=around, y=ends, mode="lines", showlegend=False, legendgroup=name, **band)
        line = {"color": colour}
        drawing.add_scatter(x=curve["experiment"], y=curve["median"], name=name, legendgroup=name, line=line)
    drawing.add_hline(y=report.target, line={"dash": "dot", "color": "gray"})
    drawing.update_layout(title=_title(report), xaxis_title=_X_TITLE, yaxis_title=_Y_TITLE, template="plotly_white")
    return str(drawing.to_html(include_plotlyjs=True, config={"displaylogo": False}))
