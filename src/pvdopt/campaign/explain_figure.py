"""An explained recipe as a picture: what each setting adds, and a slice of each outcome through each setting.

Draws what :mod:`pvdopt.campaign.explaining` computed; knows no model.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvdopt.campaign.explaining import Explanation, SliceRow
from pvdopt.columns import column
from pvdopt.pictures import write_picture
from pvdopt.wording import NOTHING, is_nothing

#: Ratio of the ends of a slice from which its axis is logarithmic.
LOG_FROM = 20.0
#: More and less, apart for colour-blind readers (Okabe and Ito 2008); the slice and the recipe on it.
_MORE, _LESS, _LINE, _HERE = "#0072B2", "#D55E00", "#333333", "#009E73"


def draw_explanation(found: Explanation, path: str | Path) -> None:
    """Write the picture: ``.html`` for a self-contained page, ``.svg``, ``.png`` or ``.pdf`` for a paper.

    Raises
    ------
    UsageError
        If the ending is none of these, or a picture needs matplotlib and it is not installed.
    PvdoptError
        If the file cannot be written.
    """
    write_picture(path, lambda: _page(found), lambda: _picture(found), dpi=150)


def title_of(found: Explanation) -> str:
    """Return one line over the picture."""
    return f"{found.id or 'This recipe'} against {found.against}"


def outcome_label(found: Explanation, name: str) -> str:
    """Return an outcome with its unit."""
    unit = found.units.get(name, "")
    return name if unit in ("", "1") else f"{name} ({unit})"


def setting_words(value: object, name: str) -> str:
    """Return a setting's value with its unit."""
    if is_nothing(value):
        return NOTHING
    declared = column(name)
    unit = "" if declared is None or declared.unit in ("", "1") else f" {declared.unit}"
    return f"{value:.4g}{unit}" if isinstance(value, float) else str(value)


def change_words(value: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """Return how a group of settings differs from the baseline.

    Examples
    --------
    >>> change_words({"anneal_kind": "rta", "anneal_temperature_c": 700.0},
    ...              {"anneal_kind": "none", "anneal_temperature_c": None})
    'anneal_kind none -> rta, anneal_temperature_c 700 C'
    >>> change_words({"bias_kind": "none", "bias_v": None}, {"bias_kind": "rf", "bias_v": -50.0})
    'bias_kind rf -> none, no bias_v'
    """
    parts = [n for n in value if setting_words(value[n], n) != setting_words(baseline[n], n)]
    return ", ".join(_one_change(n, value[n], baseline[n]) for n in parts)


def _one_change(name: str, value: Any, baseline: Any) -> str:
    if is_nothing(value):
        return f"no {name}"
    after = setting_words(value, name)
    return f"{name} {after}" if is_nothing(baseline) else f"{name} {setting_words(baseline, name)} -> {after}"


def _bars(found: Explanation, outcome: str) -> tuple[list[str], list[float]]:
    """Return labels and lengths of the bars, the longest first."""
    ordered = sorted(found.contributions, key=lambda c: -abs(c.adds[outcome]))
    return [change_words(c.value, c.baseline) for c in ordered], [c.adds[outcome] for c in ordered]


def _is_number(rows: Sequence[SliceRow]) -> bool:
    return all(isinstance(row.value, float) for row in rows)


# -- a page ----------------------------------------------------------------------------------------------------------


def _page(found: Explanation) -> str:
    from plotly.offline import get_plotlyjs

    parts = [
        f"<h2>{html.escape(outcome_label(found, outcome))}</h2>" + _outcome_html(found, outcome)
        for outcome in found.expected
    ]
    title = html.escape(title_of(found))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font-family:system-ui,sans-serif;max-width:80rem;margin:1rem auto;padding:0 1rem}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>{title}</h1>"
        "<p>Bars: what each setting adds to the predicted median (Shapley values; together the whole difference). "
        "Lines: the median with one setting varied; the band holds 80 % of new cells. Under the pointer: how many own "
        "and reported cells state the value, or a number nearer to it than to the next.</p>"
        f"{''.join(parts)}</body></html>\n"
    )


def _outcome_html(found: Explanation, outcome: str) -> str:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    names = list(found.slices)
    n_rows = 1 + (len(names) + 2) // 3
    drawing = make_subplots(
        rows=n_rows, cols=3, specs=[[{"colspan": 3}, None, None], *([[{}] * 3] * (n_rows - 1))],
        subplot_titles=["", *names], vertical_spacing=0.35 / n_rows,
    )  # fmt: skip
    labels, lengths = _bars(found, outcome)
    colours = [_MORE if v > 0 else _LESS for v in lengths]
    drawing.add_bar(x=lengths[::-1], y=labels[::-1], orientation="h", marker_color=colours[::-1], row=1, col=1)
    for k, name in enumerate(names):
        rows, place = found.slices[name], {"row": 2 + k // 3, "col": 1 + k % 3}
        x = [row.value for row in rows]
        each = [row.expected[outcome] for row in rows]
        mode = "lines+markers" if _is_number(rows) else "markers"
        above, below = [e.high - e.median for e in each], [e.median - e.low for e in each]
        words = [f"{row.n_own} own, {row.n_reported} reported" for row in rows]
        drawing.add_scatter(
            x=x, y=[e.median for e in each], mode=mode, line_color=_LINE, hovertext=words,
            error_y={"type": "data", "array": above, "arrayminus": below, "color": "#999999", "thickness": 1}, **place,
        )  # fmt: skip
        here = [(row.value, row.expected[outcome].median) for row in rows if row.is_here]
        style = {"size": 11, "color": _HERE}
        drawing.add_scatter(x=[h[0] for h in here], y=[h[1] for h in here], mode="markers", marker=style, **place)
    drawing.update_layout(template="simple_white", height=140 + 40 * len(labels) + 260 * (n_rows - 1), showlegend=False)
    figure: str = go.Figure(drawing).to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    return figure


# -- a picture ---------------------------------------------------------------------------------------------------------


def _picture(found: Explanation) -> Any:
    from matplotlib.figure import Figure

    outcomes, names = list(found.expected), list(found.slices)
    n = len(names)
    height = 1.2 + len(outcomes) * (2.5 + 0.25 * len(found.contributions))
    drawing = Figure(figsize=(2.3 * max(n, 4), height), layout="constrained")
    drawing.suptitle(title_of(found), fontsize=12)
    drawing.supxlabel(
        "n+m: so many own and reported cells state the value, or a number nearer to it than to the next. "
        "Bands and bars hold 80 % of new cells.",
        fontsize=8,
    )
    grid = drawing.add_gridspec(
        2 * len(outcomes), n, height_ratios=[0.3 + 0.25 * len(found.contributions), 2.2] * len(outcomes)
    )
    for k, outcome in enumerate(outcomes):
        axes = drawing.add_subplot(grid[2 * k, :])
        labels, lengths = _bars(found, outcome)
        axes.barh(labels[::-1], lengths[::-1], color=[_MORE if v > 0 else _LESS for v in lengths[::-1]])
        axes.axvline(0, color="0.3", lw=0.8)
        # What changes next to nothing should look it.
        reach = 1.05 * max([0.02 * abs(found.expected[outcome].median), *(abs(v) for v in lengths)])
        axes.set_xlim(-reach, reach)
        axes.set_title(f"{outcome_label(found, outcome)}: what each setting adds", fontsize=10, loc="left")
        axes.tick_params(labelsize=8)
        every = [row.expected[outcome] for rows in found.slices.values() for row in rows]
        low, high = min(e.low for e in every), max(e.high for e in every)
        for j, name in enumerate(names):
            below = drawing.add_subplot(grid[2 * k + 1, j])
            _draw_slice(below, found.slices[name], name, outcome)
            # Room for the counts at the foot.
            below.set_ylim(low - 0.12 * (high - low), high + 0.03 * (high - low))
    return drawing


def _draw_slice(axes: Any, rows: Sequence[SliceRow], name: str, outcome: str) -> None:
    """Draw one slice: median, band, and under each place how many own + reported cells state it."""
    each = [row.expected[outcome] for row in rows]
    is_number = _is_number(rows)
    x = [row.value for row in rows] if is_number else list(range(len(rows)))
    medians = [e.median for e in each]
    if is_number:
        axes.fill_between(x, [e.low for e in each], [e.high for e in each], color="0.88")
        axes.plot(x, medians, "-", color=_LINE)
        first, last = (float(str(x[k])) for k in (0, -1))
        if first > 0 and last / first > LOG_FROM:
            axes.set_xscale("log")
    else:
        errors = [[e.median - e.low for e in each], [e.high - e.median for e in each]]
        axes.errorbar(x, medians, errors, fmt="o", color=_LINE, ecolor="0.7", ms=4)
        axes.set_xticks(x, [str(row.value) for row in rows], fontsize=7)
    for place, row, median in zip(x, rows, medians, strict=True):
        if row.is_here:
            axes.plot(place, median, "o", color=_HERE, ms=7)
        if row.n_own or row.n_reported:
            axes.annotate(
                f"{row.n_own}+{row.n_reported}",
                (place, 0.02),
                xycoords=("data", "axes fraction"),
                fontsize=6,
                ha="center",
            )
    axes.set_title(name, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
