"""Figures for a paper, and the drawing of single charts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from some_chart import make_chart

from pvdopt.report.charts import Point, Points, category_axis, linear_axis, log_axis, spread_labels
from pvdopt.report.paper import _draw
from pvdopt.report.svg import draw_key, draw_svg


def test_svg_escapes_what_it_is_given_and_holds_every_point() -> None:
    drawn = draw_svg(make_chart())
    assert "<1>" not in drawn
    assert "A &lt;1&gt;\nx &amp; y" in drawn
    assert drawn.count('class="point"') == 3
    assert not re.search(r"nan|inf", drawn)
    for layer in make_chart().legend:
        assert draw_key(make_chart(), layer.name).count("<svg") == 1


def test_a_stepped_line_keeps_each_value_until_the_next() -> None:
    path = re.search(r'class="line own" d="([^"]+)"', draw_svg(make_chart()))
    assert path is not None
    assert re.sub(r"[\d. ]+", "", path[1]) == "MHVHV"


@pytest.mark.parametrize("axis", [linear_axis("x", [3.0]), log_axis("x", [3.0]), category_axis("x", ["a"])], ids=str)
def test_an_axis_of_one_value_has_room_around_it(axis: object) -> None:
    place = getattr(axis, "place")(3.0 if "low=-" not in str(axis) else 0.0)  # noqa: B009
    assert 0.0 < place < 1.0


def test_labels_of_close_points_do_not_overlap() -> None:
    (_, x1, y1), (_, x2, y2) = spread_labels(make_chart(), 0.1, 0.05)
    assert abs(x1 - x2) >= 0.1 or abs(y1 - y2) >= 0.05


def test_of_many_labels_on_one_spot_those_that_are_shown_can_be_read() -> None:
    crowd = Points("cells", "own", tuple(Point(1.0, 2.0, (f"P{k}",), label=f"P{k:03d}") for k in range(30)))
    placed = spread_labels(replace(make_chart(), layers=(crowd,)), 0.1, 0.05)
    assert 4 <= len(placed) < 30
    for k, (_, x, y) in enumerate(placed):
        assert not any(abs(x - a) < 0.1 and abs(y - b) < 0.05 for _, a, b in placed[:k])


@pytest.mark.parametrize("form", ["png", "svg"])
def test_figures_for_a_paper_are_the_same_every_time(tmp_path: Path, form: str) -> None:
    import matplotlib

    pages = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.{form}"
        with matplotlib.rc_context({"svg.hashsalt": "pvdopt", "svg.fonttype": "none"}):
            _draw(make_chart()).savefig(path, metadata={"Date": None} if form == "svg" else {"Software": None})
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]
    assert len(pages[0]) > 5000
