"""What a chart is, apart from how it is drawn: axes with their ticks, and layers of points, lines and bands.

Plain values; one chart is drawn twice, as SVG for the page and by matplotlib for a paper. Knows no campaign.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

#: What a layer shows; decides its colour on the page and on paper.
Role = Literal["own", "model", "next", "reported", "random", "guide", "s0", "s1", "s2", "s3", "s4", "s5", "s6"]
Marker = Literal["circle", "square", "diamond", "triangle"]
MARKERS: tuple[Marker, ...] = ("circle", "square", "diamond", "triangle")
#: Roles of classes that have no meaning of their own, such as chemistries.
CLASSES: tuple[Role, ...] = ("s0", "s1", "s2", "s3", "s4", "s5", "s6")

#: Share of the data's span left free at each end of an axis.
PADDING = 0.05


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """One axis; a category's axis has its choices at 0, 1, 2, ...

    Attributes
    ----------
    title : str
        Quantity and unit.
    """

    title: str
    low: float
    high: float
    ticks: tuple[Tick, ...]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Return where a value stands, 0 at the lower end and 1 at the upper."""
        if self.is_log:
            value = max(value, self.low * 1e-3)
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Point:
    """One thing shown, with what is told of it when it is pointed at.

    Attributes
    ----------
    tip : tuple of str
        Lines; the first is its name.
    x_span, y_span : (float, float) or None
        Ends of an interval.
    bound : {"", ">=", "<="}
        Whether y is only a bound.
    label : str
        Stands beside it at all times.
    """

    x: float
    y: float
    tip: tuple[str, ...]
    x_span: tuple[float, float] | None = None
    y_span: tuple[float, float] | None = None
    bound: str = ""
    label: str = ""


@dataclass(frozen=True)
class Points:
    """Points of one kind."""

    name: str
    role: Role
    points: tuple[Point, ...]
    marker: Marker = "circle"
    is_hollow: bool = False
    size: float = 5.0


@dataclass(frozen=True)
class Line:
    """A line through points; ``is_stepped`` keeps each value until the next."""

    name: str
    role: Role
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    is_dashed: bool = False
    is_stepped: bool = False


@dataclass(frozen=True)
class Band:
    """What lies between two lines."""

    name: str
    role: Role
    xs: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    is_stepped: bool = False


@dataclass(frozen=True)
class Rug:
    """Short strokes at the foot of a chart: where evidence is."""

    name: str
    role: Role
    xs: tuple[float, ...]


Layer = Points | Line | Band | Rug


@dataclass(frozen=True)
class Chart:
    """A chart with its words and, for whoever cannot see it, its numbers.

    Attributes
    ----------
    key : str
        Names the file of a figure and the element of the page.
    note : str
        How to read it.
    headings, rows
        The numbers as a table.
    """

    key: str
    title: str
    note: str
    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def legend(self) -> tuple[Layer, ...]:
        """Layers with a name, each name once."""
        found: dict[str, Layer] = {}
        for layer in self.layers:
            # Points stand for their line or band in the legend, not the other way round.
            if layer.name and (layer.name not in found or isinstance(layer, Points)):
                found[layer.name] = layer
        return tuple(found.values())


# -- axes ----------------------------------------------------------------------------------------------------------


def linear_axis(title: str, values: Iterable[float], *, low: float | None = None, high: float | None = None) -> Axis:
    """Return an axis that holds all values, with room at its ends unless these are given.

    Examples
    --------
    >>> [tick.label for tick in linear_axis("", [3, 97]).ticks]
    ['0', '20', '40', '60', '80', '100']
    >>> [tick.label for tick in linear_axis("", [0.2, 0.95], high=1).ticks]
    ['0.2', '0.4', '0.6', '0.8', '1']
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    first, last = min(finite) if low is None else low, max(finite) if high is None else high
    span = last - first or abs(last) or 1.0
    first = first - PADDING * span if low is None else first
    last = last + PADDING * span if high is None else last
    return Axis(title, first, last, tuple(Tick(v, _label(v)) for v in nice_steps(first, last)))


def log_axis(title: str, values: Iterable[float]) -> Axis:
    """Return a logarithmic axis that holds all positive values.

    Examples
    --------
    >>> [tick.label for tick in log_axis("", [0.2, 4]).ticks]
    ['0.2', '0.5', '1', '2']
    >>> [tick.label for tick in log_axis("", [1, 30000]).ticks]
    ['1', '10', '100', '1000', '10,000']
    """
    finite = [v for v in values if math.isfinite(v) and v > 0] or [1.0, 10.0]
    span = max(finite) / min(finite)
    room = max(span, 1.5) ** PADDING
    low, high = min(finite) / room, max(finite) * room
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps: tuple[float, ...] = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    inside = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
    if len(inside) < 2:
        inside = nice_steps(low, high)
    return Axis(title, low, high, tuple(Tick(v, _label(v)) for v in inside), is_log=True)


def category_axis(title: str, choices: Sequence[str]) -> Axis:
    """Return an axis with the choices at 0, 1, 2, ..."""
    return Axis(title, -0.5, len(choices) - 0.5, tuple(Tick(float(k), c) for k, c in enumerate(choices)))


def nice_steps(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers between two ends, about as many as asked for.

    Examples
    --------
    >>> nice_steps(0, 1), nice_steps(-101, -9)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-100.0, -80.0, -60.0, -40.0, -20.0])
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.9999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _label(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.6g}".replace("-", "−")


#: How far from its point a label is tried, in its own heights and in shares of the plot.
_RINGS, _GAP = (0, 1, 2), 0.02


def spread_labels(chart: Chart, width: float, height: float) -> list[tuple[Point, float, float]]:
    """Return each labelled point with where its label starts, in shares of the plot.

    A label stands right of its point, else left, above, below or a little farther off, wherever it covers the least.
    One that would cover another is left out: what cannot be read names nothing, and the table has them all.

    Parameters
    ----------
    width, height : float
        Of one label, as shares of the plot.
    """
    points = [p for layer in chart.layers if isinstance(layer, Points) for p in layer.points]
    marks = [(chart.x.place(p.x), chart.y.place(p.y)) for p in points]
    placed: list[tuple[Point, float, float]] = []

    def covers_label(x: float, y: float) -> bool:
        return any(abs(a - x) < width and abs(b - y) < height for _, a, b in placed)

    def cost(x: float, y: float, rank: int) -> float:
        over_marks = sum(-_GAP / 2 < mx - x < width + _GAP / 2 and abs(my - y) < 0.75 * height for mx, my in marks)
        outside = x < -0.08 or x + width > 1.02 or not 0 < y < 1.04
        return 10 * outside + 2 * over_marks + 0.1 * rank

    for point, (x, y) in zip(points, marks, strict=True):
        free = [place for place in _places_around(x, y, width, height) if not covers_label(*place)]
        if point.label and free:
            costs = [cost(*place, rank) for rank, place in enumerate(free)]
            placed.append((point, *free[costs.index(min(costs))]))
    return placed


def _places_around(x: float, y: float, width: float, height: float) -> Iterator[tuple[float, float]]:
    """Yield where a point's label may start, the best place first."""
    right, left, middle = x + _GAP, x - width - _GAP, x - width / 2
    for ring in _RINGS:
        above, below = y + ring * height, y - ring * height
        if ring:
            yield from ((middle, above + _GAP), (middle, below - _GAP))
        yield from dict.fromkeys([(right, above), (right, below), (left, above), (left, below)])
