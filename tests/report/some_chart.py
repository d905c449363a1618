"""A chart with a layer of every kind."""

from __future__ import annotations

from pvdopt.report.charts import Band, Chart, Line, Point, Points, Rug, linear_axis


def make_chart() -> Chart:
    points = (
        Point(1.0, 2.0, ("A <1>", "x & y"), (0.5, 1.5), (1.0, 3.0), label="A"),
        Point(1.0, 2.05, ("B",), bound=">=", label="B"),
    )
    layers = (
        Band("model", "model", (0.5, 1.0, 2.0), (1.0, 1.0, 1.5), (3.0, 2.5, 2.5)),
        Line("model", "model", (0.5, 1.0, 2.0), (2.0, 1.5, 2.0), is_dashed=True),
        Line("steps", "own", (0.5, 1.0, 2.0), (1.0, 2.0, 3.0), is_stepped=True),
        Rug("stated", "reported", (0.7, 1.9)),
        Points("cells", "own", points, "diamond", is_hollow=True),
        Points("others", "s1", (Point(2.0, 1.0, ("C $x$",)),), "triangle"),
    )
    axes = linear_axis("x <um>", [0.5, 2.0]), linear_axis("y", [1.0, 3.0])
    return Chart("try", "Try <it>", "A note.", *axes, layers, ("a",), (("1",),))
