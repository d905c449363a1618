"""Draw a chart as SVG for the page: colours come from the page's style, words from the chart, all of them escaped.

Sizes are in the units of the view box, which the page scales to a column's width. Nothing here depends on a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from markupsafe import Markup

from pvdopt.report.charts import Band, Chart, Line, Marker, Point, Points, Rug, spread_labels

#: The view box, and the plot in it.
WIDTH, HEIGHT = 460, 330
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 30, 44
#: Room for a label such as P001, as shares of the plot.
LABEL_WIDTH, LABEL_HEIGHT = 0.075, 0.05


def draw_svg(chart: Chart) -> Markup:
    """Return a chart as an SVG element."""
    drawing = _Drawing(chart)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" '
        f'aria-label="{escape(f"{chart.title}. {chart.note}")}">',
        *drawing.frame(),
        *drawing.layers(),
        *drawing.labels(),
        "</svg>",
    ]
    return Markup("\n".join(parts))


def draw_key(chart: Chart, name: str) -> Markup:
    """Return the small sign of a layer for the legend."""
    layer = next(layer for layer in chart.legend if layer.name == name)
    inner = ""
    if any(isinstance(other, Band) and other.name == name for other in chart.layers):
        inner += f'<rect class="band {layer.role}" x="1" y="3" width="26" height="10"/>'
    line = next((other for other in chart.layers if isinstance(other, Line) and other.name == name), None)
    if line is not None:
        inner += f'<path class="line {layer.role}{" dashed" if line.is_dashed else ""}" d="M1 8H27"/>'
    if isinstance(layer, Points):
        inner += _mark(
            14, 8, layer.marker, min(layer.size, 5.0), f"mark {layer.role}{' hollow' if layer.is_hollow else ''}"
        )
    if isinstance(layer, Rug):
        inner += f'<path class="rug {layer.role}" d="M8 3V13M14 3V13M20 3V13"/>'
    return Markup(f'<svg class="key" viewBox="0 0 28 16" aria-hidden="true">{inner}</svg>')


class _Drawing:
    """The parts of one chart."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * self.chart.x.place(value)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.chart.y.place(value)

    def frame(self) -> Iterator[str]:
        """Yield grid, ticks and titles; the title of y stands over its axis, where it reads best."""
        foot = HEIGHT - BOTTOM
        yield '<g class="axes" aria-hidden="true">'
        for tick in self.chart.y.ticks:
            y = _n(self.y(tick.at))
            yield f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield f'<text class="tick" x="{LEFT - 6}" y="{y}" dy="0.34em" text-anchor="end">{escape(tick.label)}</text>'
        for tick in self.chart.x.ticks:
            x = _n(self.x(tick.at))
            yield f'<path class="stroke" d="M{x} {foot}v4"/>'
            yield f'<text class="tick" x="{x}" y="{foot + 17}" text-anchor="middle">{escape(tick.label)}</text>'
        yield f'<path class="stroke" d="M{LEFT} {foot}H{WIDTH - RIGHT}"/>'
        yield f'<text class="title" x="0" y="14">{escape(self.chart.y.title)}</text>'
        place = f'x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end"'
        yield f'<text class="title" {place}>{escape(self.chart.x.title)}</text>'
        yield "</g>"

    def layers(self) -> Iterator[str]:
        names = [layer.name for layer in self.chart.legend]
        for layer in self.chart.layers:
            number = names.index(layer.name) if layer.name in names else -1
            yield f'<g class="layer" data-layer="{number}">'
            if isinstance(layer, Points):
                hollow = " hollow" if layer.is_hollow else ""
                for point in layer.points:
                    yield from self.point(point, layer, hollow)
            elif isinstance(layer, Line):
                dashed = " dashed" if layer.is_dashed else ""
                path = self.path(layer.xs, layer.ys, layer.is_stepped)
                yield f'<path class="line {layer.role}{dashed}" d="{path}"/>'
            elif isinstance(layer, Band):
                yield f'<path class="band {layer.role}" d="{self.band(layer)}"/>'
            else:
                foot = HEIGHT - BOTTOM
                strokes = "".join(f"M{_n(self.x(x))} {foot}v-9" for x in layer.xs)
                yield f'<path class="rug {layer.role}" d="{strokes}"/>'
            yield "</g>"

    def point(self, point: Point, layer: Points, hollow: str) -> Iterator[str]:
        x, y = self.x(point.x), self.y(point.y)
        tip = "\n".join(line for line in point.tip if line)
        yield f'<g class="point" data-x="{_n(x)}" data-y="{_n(y)}"><title>{escape(tip)}</title>'
        span = ""
        if point.x_span is not None:
            span += f"M{_n(self.x(point.x_span[0]))} {_n(y)}H{_n(self.x(point.x_span[1]))}"
        if point.y_span is not None:
            span += f"M{_n(x)} {_n(self.y(point.y_span[0]))}V{_n(self.y(point.y_span[1]))}"
        if span:
            yield f'<path class="span {layer.role}" d="{span}"/>'
        if point.bound:
            way = -1 if point.bound == ">=" else 1
            arrow = f"M{_n(x)} {_n(y)}v{14 * way}m-3 {-4 * way}l3 {4 * way}l3 {-4 * way}"
            yield f'<path class="span {layer.role}" d="{arrow}"/>'
        yield _mark(x, y, layer.marker, layer.size, f"mark {layer.role}{hollow}")
        yield "</g>"

    def labels(self) -> Iterator[str]:
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        for point, x, y in spread_labels(self.chart, LABEL_WIDTH, LABEL_HEIGHT):
            at = f'x="{_n(LEFT + x * width)}" y="{_n(HEIGHT - BOTTOM - y * height)}"'
            yield f'<text class="label" {at} dy="0.34em">{escape(point.label)}</text>'

    def path(self, xs: Sequence[float], ys: Sequence[float], is_stepped: bool) -> str:
        places = [(self.x(x), self.y(y)) for x, y in zip(xs, ys, strict=True)]
        if not places:
            return ""
        first = f"M{_n(places[0][0])} {_n(places[0][1])}"
        if is_stepped:
            return first + "".join(f"H{_n(x)}V{_n(y)}" for x, y in places[1:])
        return first + "".join(f"L{_n(x)} {_n(y)}" for x, y in places[1:])

    def band(self, band: Band) -> str:
        if not band.xs:
            return ""
        above = self.path(band.xs, band.highs, band.is_stepped)
        xs, lows = list(band.xs)[::-1], list(band.lows)[::-1]
        back = f"L{_n(self.x(xs[0]))} {_n(self.y(lows[0]))}"
        for x, low in zip(xs[1:], lows[1:], strict=True):
            # Back along a stair each tread is left where it began.
            back += f"V{_n(self.y(low))}H{_n(self.x(x))}" if band.is_stepped else f"L{_n(self.x(x))} {_n(self.y(low))}"
        return f"{above}{back}Z"


def _mark(x: float, y: float, marker: Marker, size: float, classes: str) -> str:
    if marker == "circle":
        return f'<circle class="{classes}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(size)}"/>'
    r = size * 0.9
    if marker == "square":
        return f'<rect class="{classes}" x="{_n(x - r)}" y="{_n(y - r)}" width="{_n(2 * r)}" height="{_n(2 * r)}"/>'
    if marker == "diamond":
        r = size * 1.2
        d = f"M{_n(x)} {_n(y - r)}l{_n(r)} {_n(r)}l{_n(-r)} {_n(r)}l{_n(-r)} {_n(-r)}Z"
    else:
        r = size * 1.15
        d = f"M{_n(x)} {_n(y - r)}l{_n(r)} {_n(1.75 * r)}h{_n(-2 * r)}Z"
    return f'<path class="{classes}" d="{d}"/>'


def _n(value: float) -> str:
    """Return a coordinate to a tenth, as short as it is exact."""
    return f"{value:.1f}".removesuffix(".0")
