"""The review's closing picture, from the data: volumetric capacity against nominal voltage of cells that last.

Computes first (:func:`closing_figure`), then draws (:func:`draw_closing_figure`): a self-contained page with the
publication under the pointer, or a picture for a paper. Knows cells and cathodes; knows no model.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdopt.cells.table import is_empty
from pvdopt.materials import cathodes
from pvdopt.pictures import write_picture

if TYPE_CHECKING:
    import pandas as pd

#: Cells cycled at least this often are shown.
LEAST_CYCLES = 1000

#: Colours that stay apart for colour-blind readers (Okabe and Ito 2008), and markers for when they run out.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = (("circle", "o"), ("square", "s"), ("diamond", "D"), ("triangle-up", "^"))
_X_TITLE = "Nominal voltage (V)"
_Y_TITLE = "Volumetric capacity (µAh cm⁻² µm⁻¹)"
_HOLLOW = "hollow: voltage is common knowledge, not read in a text"
#: Labels closer than this share of the width keep this share of the height between them.
_LABEL_WIDTH, _LABEL_HEIGHT = 0.32, 0.055


@dataclass(frozen=True)
class LastingCell:
    """One cell that lasted.

    Attributes
    ----------
    chemistry : str
        Family of the cathode.
    capacity : float or None
        uAh/cm2/um; None puts the cell under the picture.
    voltage_v : float or None
        The cell's own nominal voltage where printed, else its cathode's against lithium.
    voltage_source : str
        Where that voltage comes from.
    is_verified : bool
        Whether the voltage was read in a text.
    details : str
        Stack, cycles, retention and whatever capacity there is, in words.
    """

    id: str
    cathode: str
    chemistry: str
    reference: str
    doi: str
    cycles: float
    capacity: float | None
    voltage_v: float | None
    voltage_source: str
    is_verified: bool
    details: str

    @property
    def label(self) -> str:
        """Cathode and publication in short."""
        return f"{self.cathode}, {self.reference}" if self.reference else self.cathode


@dataclass(frozen=True)
class ClosingFigure:
    """What the picture shows.

    Attributes
    ----------
    placed : tuple of LastingCell
        Cells with a volumetric capacity and a voltage, by chemistry, then by voltage.
    listed : tuple of LastingCell
        Cells without one of them, in the same order.
    least_cycles : float
        Cells cycled less often are left out.
    """

    placed: tuple[LastingCell, ...]
    listed: tuple[LastingCell, ...]
    least_cycles: float

    @property
    def title(self) -> str:
        """One line over the picture."""
        return f"Solid-state thin-film cells cycled {self.least_cycles:g} times or more"

    @property
    def chemistries(self) -> tuple[str, ...]:
        """Families of the placed cells, each once."""
        return tuple(dict.fromkeys(cell.chemistry for cell in self.placed))


def closing_figure(frame: pd.DataFrame, least_cycles: float = LEAST_CYCLES) -> ClosingFigure:
    """Choose the cells of the closing picture and say where each stands.

    Parameters
    ----------
    frame : DataFrame
        As :attr:`pvdopt.cells.CellTable.frame`. Cells with liquid electrolyte are left out.
    """
    cells = sorted(_lasting(frame, least_cycles), key=lambda c: (c.chemistry, c.voltage_v or 0.0, c.id))
    is_placed = [c.capacity is not None and c.voltage_v is not None for c in cells]
    placed = tuple(c for c, ok in zip(cells, is_placed, strict=True) if ok)
    listed = tuple(c for c, ok in zip(cells, is_placed, strict=True) if not ok)
    return ClosingFigure(placed, listed, least_cycles)


def draw_closing_figure(figure: ClosingFigure, path: str | Path) -> None:
    """Write the picture: ``.html`` for a self-contained page, ``.svg``, ``.png`` or ``.pdf`` for a paper.

    Raises
    ------
    UsageError
        If the ending is none of these, or a picture needs matplotlib and it is not installed.
    PvdoptError
        If the file cannot be written.
    """
    write_picture(path, lambda: _page(figure), lambda: _picture(figure), dpi=200)


def label_heights(places: Sequence[tuple[float, float]], gap: float, width: float) -> list[float]:
    """Return heights for labels that start at these (x, y), moved up until they cover neither each other nor a point.

    Parameters
    ----------
    gap, width : float
        Height and width of a label, in the units of y and x.

    Examples
    --------
    >>> label_heights([(1.0, 5.0), (1.1, 5.1), (9.0, 5.0)], gap=1.0, width=2.0)
    [6.1, 5.1, 5.0]
    """
    heights: dict[int, float] = {}
    # from the right, so that a label need only give way to points and labels that already stand
    for k in sorted(range(len(places)), key=lambda i: (-places[i][0], places[i][1])):
        x, y = places[k]
        taken = [heights[j] for j in heights if places[j][0] - x < width]
        taken += [py for px, py in places if 0 < px - x < width]
        blocked = [t for t in sorted(taken) if t > y - gap]
        for t in blocked:
            if abs(t - y) < gap:
                y = t + gap
        heights[k] = y
    return [heights[k] for k in range(len(places))]


# -- compute -----------------------------------------------------------------------------------------------------


def _lasting(frame: pd.DataFrame, least_cycles: float) -> Iterator[LastingCell]:
    for id_, values in zip(frame.index, frame.to_dict("records"), strict=True):
        row = {str(n): v for n, v in values.items() if not is_empty(v)}
        if row.get("cycles", 0) >= least_cycles and "liquid" not in (row.get("cell_kind"), row.get("electrolyte")):
            yield _lasting_cell(str(id_), row)


def nominal_voltage(row: Mapping[str, Any]) -> tuple[float | None, str, bool]:
    """Return a cell's nominal voltage in V, where it comes from, and whether it was read in a text.

    The cell's own where it was printed, else that of its cathode against lithium.

    Parameters
    ----------
    row : mapping
        What is stated of the cell.
    """
    if "nominal_voltage_v" in row:
        return float(row["nominal_voltage_v"]), "printed for this cell", True
    cathode = cathodes().get(row.get("cathode", ""))
    if cathode is None:
        return None, "", False
    source = f"of {cathode.name} against lithium; {cathode.voltage_source}"
    return cathode.nominal_voltage_v, source, cathode.voltage_verified


def _lasting_cell(id_: str, row: Mapping[str, Any]) -> LastingCell:
    cathode = cathodes().get(row.get("cathode", ""))
    voltage, source, is_verified = nominal_voltage(row)
    return LastingCell(
        id=id_,
        cathode=row.get("cathode", row.get("cathode_formula", "cathode not stated")),
        chemistry=row.get("cathode_family", cathode.family if cathode else "other"),
        reference=row.get("reference", row.get("source", "")),
        doi=row.get("doi", ""),
        cycles=row["cycles"],
        capacity=row.get("capacity"),
        voltage_v=voltage,
        voltage_source=source,
        is_verified=is_verified,
        details=describe_cell(row),
    )


def describe_cell(row: Mapping[str, Any]) -> str:
    """Return a cell's stack, cycles, retention and whatever capacity there is, in words."""
    stack = " / ".join(row[n] for n in ("cathode", "electrolyte", "anode") if n in row)
    parts = [stack, "3D" if row.get("architecture") == "3d" else "", row.get("treatment", "")]
    if "cycles" in row:
        parts.append(f"{row['cycles']:,.0f} cycles")
    qualifier = {"~": "about ", ">=": "at least ", "<=": "at most "}
    if "retention" in row:
        parts.append(f"{qualifier.get(row.get('retention_qualifier', ''), '')}{100 * row['retention']:.3g} % kept")
    elif row.get("retention_qualifier") == "maintained":
        parts.append("said to be kept")
    about = qualifier.get(row.get("capacity_qualifier", ""), "")
    for name, unit in (("areal_capacity", "µAh/cm²"), ("gravimetric_capacity", "mAh/g")):
        if name in row:
            parts.append(f"{about}{row[name]:.4g} {unit}")
    return ", ".join(part for part in parts if part)


# -- draw --------------------------------------------------------------------------------------------------------


def _style(figure: ClosingFigure, chemistry: str) -> tuple[str, str, str]:
    """Return colour, plotly marker and matplotlib marker of a chemistry."""
    place = figure.chemistries.index(chemistry)
    return (_COLOURS[place % len(_COLOURS)], *_MARKERS[place // len(_COLOURS) % len(_MARKERS)])


def _ranges(figure: ClosingFigure) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return axes that hold all points, with room for the labels to their right and above."""
    voltages = [c.voltage_v for c in figure.placed if c.voltage_v is not None] or [0.0, 5.0]
    capacities = [c.capacity for c in figure.placed if c.capacity is not None] or [100.0]
    return (min(voltages) - 0.3, max(voltages) + 1.5), (0.0, 1.2 * max(capacities))


def _labelled(figure: ClosingFigure) -> Iterator[tuple[LastingCell, float, float, float]]:
    """Yield each placed cell with its voltage, capacity and the height of its label."""
    (left, right), (low, high) = _ranges(figure)
    places = [(c.voltage_v or 0.0, c.capacity or 0.0) for c in figure.placed]
    heights = label_heights(places, _LABEL_HEIGHT * (high - low), _LABEL_WIDTH * (right - left))
    for cell, (x, y), height in zip(figure.placed, places, heights, strict=True):
        yield cell, x, y, height


def _listed_words(cell: LastingCell) -> str:
    reason = "no volumetric capacity" if cell.capacity is None else "no nominal voltage"
    return f"{cell.label}: {cell.details} ({reason})"


def _page(figure: ClosingFigure) -> str:
    import plotly.graph_objects as go

    drawing = go.Figure()
    for chemistry in figure.chemistries:
        colour, marker, _ = _style(figure, chemistry)
        cells = [c for c in figure.placed if c.chemistry == chemistry]
        hover = [
            "<br>".join(
                (
                    f"<b>{html.escape(c.label)}</b>",
                    html.escape(c.details),
                    f"{c.capacity:g} µAh cm⁻² µm⁻¹ at {c.voltage_v:g} V",
                    *textwrap.wrap(html.escape(f"voltage {c.voltage_source}"), 70),
                    html.escape(c.doi and f"doi {c.doi}"),
                )
            )
            for c in cells
        ]
        drawing.add_scatter(
            x=[c.voltage_v for c in cells],
            y=[c.capacity for c in cells],
            name=chemistry,
            mode="markers",
            marker={
                "symbol": [marker if c.is_verified else f"{marker}-open" for c in cells],
                "size": 13,
                "color": colour,
                "line": {"width": 2.5, "color": colour},
            },
            hovertext=hover,
            hoverinfo="text",
        )
    for cell, x, y, height in _labelled(figure):
        drawing.add_annotation(
            x=x, y=y, ax=16, ay=height, ayref="y", text=html.escape(cell.label), showarrow=True, arrowhead=0,
            arrowwidth=0.7, arrowcolor="#999999", standoff=8, xanchor="left", font={"size": 12},
        )  # fmt: skip
    x_range, y_range = _ranges(figure)
    drawing.update_layout(
        template="simple_white",
        title=figure.title,
        height=620,
        xaxis={"title": _X_TITLE, "range": x_range, "showgrid": True},
        yaxis={"title": _Y_TITLE, "range": y_range, "showgrid": True},
        legend={"title": f"Chemistry<br><sup>{_HOLLOW}</sup>"},
        font={"family": "system-ui, sans-serif", "size": 14},
    )
    body = drawing.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    items = "".join(f"<li>{_linked(cell)}</li>" for cell in figure.listed)
    below = f"<h2>Not in the picture</h2><ul>{items}</ul>" if items else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(figure.title)}</title>'
        "<style>body{font-family:system-ui,sans-serif;max-width:75rem;margin:1rem auto;padding:0 1rem}"
        "h2{font-size:1.1rem}li{margin:.3rem 0}</style></head>"
        f"<body>{body}{below}</body></html>\n"
    )


def _linked(cell: LastingCell) -> str:
    words = html.escape(_listed_words(cell))
    return f'<a href="https://doi.org/{html.escape(cell.doi)}">{words}</a>' if cell.doi else words


def _picture(figure: ClosingFigure) -> Any:
    from matplotlib.figure import Figure

    lines = [
        line
        for cell in figure.listed
        for line in textwrap.wrap("• " + _listed_words(cell), 150, subsequent_indent="   ")
    ]
    below = 0.17 * (len(lines) + 2) if lines else 0.0
    height = 5.6 + below
    drawing = Figure(figsize=(10.5, height))
    axes = drawing.add_axes((0.08, (below + 0.75) / height, 0.74, 4.35 / height))
    for cell, x, y, label_height in _labelled(figure):
        colour, _, marker = _style(figure, cell.chemistry)
        fill = colour if cell.is_verified else "white"
        axes.annotate(
            cell.label,
            xy=(x, y),
            xytext=(x + 0.09, label_height),
            fontsize=9,
            va="center",
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": "0.6", "lw": 0.7, "shrinkB": 5, "relpos": (0, 0.5)},
        )
        axes.plot(x, y, marker, markersize=9, mfc=fill, mec=colour, mew=2)
    for chemistry in figure.chemistries:
        colour, _, marker = _style(figure, chemistry)
        axes.plot([], [], marker, markersize=8, mfc=colour, mec=colour, label=chemistry)
    x_range, y_range = _ranges(figure)
    axes.set(xlabel=_X_TITLE, ylabel=_Y_TITLE, xlim=x_range, ylim=y_range)
    axes.set_title(f"{figure.title}\n", fontsize=12)
    axes.text(0.5, 1.02, _HOLLOW, transform=axes.transAxes, ha="center", fontsize=8, color="0.35")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if figure.chemistries:
        axes.legend(title="Chemistry", fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    if lines:
        text = "Not in the picture:\n" + "\n".join(lines)
        drawing.text(0.04, (below + 0.05) / height, text, fontsize=8, va="top", linespacing=1.35, parse_math=False)
    return drawing
