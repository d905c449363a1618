"""The front: measured cells, proposals and what the model expects, two goals against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvdopt.ledger.values import Outcome
from pvdopt.report.charts import Chart, Line, Point, Points, linear_axis
from pvdopt.report.content import Believed, CellView, Goal, Report
from pvdopt.report.words import SIGNS, say_outcome, say_recipe, say_span, title_of
from pvdopt.wording import show


def draw_fronts(report: Report) -> Iterator[Chart]:
    """Yield measured cells, proposals and the front that the model expects, the first two goals against each other."""
    goals = [g for g in report.goals if not g.is_constraint]
    if len(goals) < 2 or not (report.front.predicted or report.front.made):
        return
    gx, gy = goals[:2]
    x, y = gx.quantity, gy.quantity
    measured = [
        c for c in report.cells if c.status in ("complete", "partial") and x.name in c.outcomes and y.name in c.outcomes
    ]
    on_front = set(report.front.measured)
    own = tuple(_measured_point(c, gx, gy, report, c.id in on_front) for c in measured if not c.is_early)
    early = tuple(_measured_point(c, gx, gy, report, False) for c in measured if c.is_early)
    corner = sorted((p.x, p.y) for p in own if p.label)
    predicted = [b for b in report.front.predicted if x.name in b.spans and y.name in b.spans]
    expected = sorted((b.spans[x.name][0], b.spans[y.name][0]) for b in predicted)
    layers: list[Points | Line] = [
        Points("predicted front, 80 % intervals", "model", _believed(predicted, gx, gy, report), "square", True, 3.5),
        Line("predicted front, 80 % intervals", "model", *_staircase(expected, gx.sign), is_dashed=True),
        Points("next proposals", "next", _next_points(report, gx, gy), "diamond", True, 5.5),
        Line("measured cells", "own", *_staircase(corner, gx.sign)),
        Points("retention read early, still falling", "own", early, is_hollow=True),
        Points("measured cells", "own", own),
    ]
    xs = [v for layer in layers if isinstance(layer, Points) for p in layer.points for v in (p.x, *(p.x_span or ()))]
    ys = [v for layer in layers if isinstance(layer, Points) for p in layer.points for v in (p.y, *(p.y_span or ()))]
    rows: list[tuple[str, ...]] = [
        (f"{c.id}, measured{_word(c, c.id in on_front)}", *(_say_measured(c.outcomes[q.name]) for q in (x, y)))
        for c in sorted(measured, key=lambda c: c.is_early)
    ]
    rows += [("predicted front", say_span(b.spans[x.name], x), say_span(b.spans[y.name], y)) for b in predicted]
    yield Chart(
        "front",
        f"{title_of(x).split(' (')[0]} against {y.words}",
        "Solid: cells as measured; those with a name are beaten by no other in both goals. Hollow squares: the best "
        "balance the model expects among all allowed recipes, with the 80 % intervals for a new cell. Diamonds: "
        "proposals that wait.",
        linear_axis(title_of(x), xs),
        linear_axis(title_of(y), ys),
        tuple(layer for layer in layers if (layer.points if isinstance(layer, Points) else layer.xs)),
        ("Cell", title_of(x), title_of(y)),
        tuple(rows),
    )


def _word(cell: CellView, is_on_front: bool) -> str:
    return ", read early" if cell.is_early else ", on the front" if is_on_front else ""


def _say_measured(outcome: Outcome) -> str:
    return SIGNS[outcome.qualifier] + show(outcome.value, digits=3)


def _measured_point(cell: CellView, gx: Goal, gy: Goal, report: Report, is_on_front: bool) -> Point:
    x, y = gx.quantity, gy.quantity
    a, b = cell.outcomes[x.name], cell.outcomes[y.name]
    word = _word(cell, is_on_front)
    return Point(
        a.value,
        b.value,
        (
            f"{cell.id}, measured{word}",
            f"{x.words} {say_outcome(a, x)}",
            f"{y.words} {say_outcome(b, y)}",
            say_recipe(cell.settings, report.parameters),
            cell.remark,
        ),
        bound=b.qualifier if b.qualifier in (">=", "<=") else "",
        label=cell.id if is_on_front else "",
    )


def _believed(found: Sequence[Believed], gx: Goal, gy: Goal, report: Report) -> tuple[Point, ...]:
    x, y = gx.quantity, gy.quantity
    return tuple(
        Point(
            b.spans[x.name][0],
            b.spans[y.name][0],
            (
                "Predicted, not made",
                f"{x.words} {say_span(b.spans[x.name], x)}",
                f"{y.words} {say_span(b.spans[y.name], y)}",
                say_recipe(b.settings, report.parameters),
            ),
            x_span=b.spans[x.name][1:],
            y_span=b.spans[y.name][1:],
        )
        for b in found
    )


def _next_points(report: Report, gx: Goal, gy: Goal) -> tuple[Point, ...]:
    x, y = gx.quantity, gy.quantity
    return tuple(
        Point(
            p.predicted[x.name][0],
            p.predicted[y.name][0],
            (
                f"{p.id}, proposed ({p.purpose})",
                f"{x.words} {say_span(p.predicted[x.name], x)}",
                f"{y.words} {say_span(p.predicted[y.name], y)}",
                say_recipe(p.settings, report.parameters),
            ),
            label=p.id,
        )
        for p in report.proposals
        if x.name in p.predicted and y.name in p.predicted
    )


def _staircase(points: Sequence[tuple[float, float]], x_sign: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the edge of what the points achieve: between two of them only the worse of both is achieved."""
    xs, ys = [], []
    for k, (x, y) in enumerate(points):
        if k:
            before_x, before_y = points[k - 1]
            xs.append(before_x if x_sign > 0 else x)
            ys.append(y if x_sign > 0 else before_y)
        xs.append(x)
        ys.append(y)
    return tuple(xs), tuple(ys)
