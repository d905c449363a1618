"""A report's figures as files for a paper: the same charts, drawn by matplotlib as PNG or SVG.

Files are the same to the byte for the same report and the same matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pvdopt.errors import PvdoptError, UsageError, what_the_system_says
from pvdopt.output_files import written_aside
from pvdopt.report.charts import Axis, Band, Chart, Line, Marker, Points, Role, Rug, spread_labels
from pvdopt.report.content import Report
from pvdopt.report.figures import draw_charts

Form = Literal["png", "svg"]
FORMS: tuple[Form, ...] = ("png", "svg")

#: The page's light colours; those of classes stay apart for colour-blind readers (Okabe and Ito 2008, darkened).
_COLOURS: dict[Role, str] = {
    "own": "#0a6299", "model": "#64727b", "next": "#b84700", "reported": "#7d878d", "random": "#8c7650",
    "guide": "#56626a", "s0": "#0072b2", "s1": "#c2570a", "s2": "#00795a", "s3": "#a8508a", "s4": "#8a6a00",
    "s5": "#2f86b8", "s6": "#3d474d",
}  # fmt: skip
_MARKERS: dict[Marker, str] = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^"}
#: A column of most journals is about 85 mm wide; the second is for figures with a legend beside them.
WIDTH_IN, HEIGHT_IN = 4.4, 3.3


def write_figures(
    report: Report,
    folder: str | Path,
    forms: Sequence[Form] = FORMS,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Path]:
    """Write every chart of a report into a folder and return the files' paths.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total, what).

    Raises
    ------
    UsageError
        If matplotlib is not installed.
    PvdoptError
        If the system refuses.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError("figures need matplotlib. Install it with: pip install 'pvdopt[figures]'") from error

    folder = Path(folder)
    written = []
    # A fixed salt makes the ids in an SVG the same every time.
    with matplotlib.rc_context({"svg.hashsalt": "pvdopt", "svg.fonttype": "none", "font.size": 8}):
        charts = draw_charts(report)
        for number, chart in enumerate(charts.values()):
            if progress is not None:
                progress(number, len(charts), chart.key)
            picture = _draw(chart)
            for form in forms:
                path = folder / f"{chart.key}.{form}"
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    with written_aside(path) as aside:
                        picture.savefig(
                            aside, dpi=300, metadata={"Date": None} if form == "svg" else {"Software": None}
                        )
                except OSError as error:
                    raise PvdoptError(f"{path} cannot be written ({what_the_system_says(error)}).") from error
                written.append(path)
    return written


def _draw(chart: Chart) -> Any:
    from matplotlib.figure import Figure

    picture = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = picture.add_subplot()
    for layer in chart.layers:
        colour = _COLOURS[layer.role]
        if isinstance(layer, Band):
            look: dict[str, Any] = {"color": colour, "alpha": 0.16, "lw": 0}
            axes.fill_between(layer.xs, layer.lows, layer.highs, step="post" if layer.is_stepped else None, **look)
        elif isinstance(layer, Line):
            style = "steps-post" if layer.is_stepped else "default"
            axes.plot(layer.xs, layer.ys, color=colour, lw=1.1, ls="--" if layer.is_dashed else "-", drawstyle=style)
        elif isinstance(layer, Rug):
            axes.plot(layer.xs, [0.02] * len(layer.xs), "|", color=colour, ms=7, transform=axes.get_xaxis_transform())
        else:
            _draw_points(axes, layer, colour)
    for point, x, y in spread_labels(chart, 0.09, 0.06):
        axes.text(x, y, point.label, transform=axes.transAxes, fontsize=7, va="center", parse_math=False)
    _set_axis(axes.xaxis, axes.set_xlim, chart.x)
    _set_axis(axes.yaxis, axes.set_ylim, chart.y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25, lw=0.6)
    if len(chart.legend) > 1:
        _add_legend(picture, chart)
    return picture


def _draw_points(axes: Any, layer: Points, colour: str) -> None:
    for p in layer.points:
        if p.x_span is not None:
            axes.plot(p.x_span, (p.y, p.y), color=colour, lw=0.8, alpha=0.5)
        if p.y_span is not None:
            axes.plot((p.x, p.x), p.y_span, color=colour, lw=0.8, alpha=0.5)
        if p.bound:
            axes.annotate(
                "",
                (p.x, p.y),
                xytext=(0, 10 if p.bound == ">=" else -10),
                textcoords="offset points",
                arrowprops={"arrowstyle": "<-", "color": colour, "lw": 0.8},
            )
    axes.plot(
        [p.x for p in layer.points],
        [p.y for p in layer.points],
        _MARKERS[layer.marker],
        mfc="white" if layer.is_hollow else colour,
        mec=colour,
        ms=layer.size,
        mew=1.0,
        ls="none",
    )


def _set_axis(axis: Any, set_limits: Callable[..., Any], what: Axis) -> None:
    from matplotlib.ticker import NullLocator

    if what.is_log:
        (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")
    set_limits(what.low, what.high)
    axis.set_ticks([t.at for t in what.ticks], [t.label for t in what.ticks])
    axis.set_minor_locator(NullLocator())
    axis.set_label_text(what.title, parse_math=False)


def _add_legend(picture: Any, chart: Chart) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for layer in chart.legend:
        colour = _COLOURS[layer.role]
        if isinstance(layer, Band):
            handles.append(Patch(color=colour, alpha=0.16, label=layer.name))
            continue
        line = next((o for o in chart.layers if isinstance(o, Line) and o.name == layer.name), None)
        is_hollow = isinstance(layer, Points) and layer.is_hollow
        handles.append(
            Line2D(
                [], [],
                color=colour,
                ls="none" if line is None else "--" if line.is_dashed else "-",
                marker=_MARKERS[layer.marker] if isinstance(layer, Points) else "|" if isinstance(layer, Rug) else "",
                mfc="white" if is_hollow else colour,
                ms=4,
                lw=1.1,
                label=layer.name,
            )
        )  # fmt: skip
    columns = 2 if len(handles) <= 4 else 3
    legend = picture.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)
