"""From a report's numbers to charts: what stands on which axis, and what is told of each point. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from pvdopt.ledger.values import Outcome, Scalar
from pvdopt.report.charts import (
    CLASSES,
    MARKERS,
    Axis,
    Band,
    Chart,
    Layer,
    Line,
    Point,
    Points,
    Rug,
    category_axis,
    linear_axis,
    log_axis,
)
from pvdopt.report.content import Believed, CellView, Fade, Goal, Progress, Quantity, Report, ReportedCell, Slice, Span
from pvdopt.wording import count, is_nothing, print_unit, show, show_interval

#: A reported cell counts as one that lasts from here, as in the review's closing figure.
LASTING_CYCLES = 1000


def title_of(quantity: Quantity) -> str:
    """Return a quantity as an axis names it."""
    unit = print_unit(quantity.unit)
    words = quantity.words[:1].upper() + quantity.words[1:]
    return f"{words} ({unit})" if unit else words


def say_value(value: object, quantity: Quantity, digits: int = 3) -> str:
    """Return a value with its unit."""
    return show(value, print_unit(quantity.unit), digits)


def say_outcome(outcome: Outcome, quantity: Quantity) -> str:
    """Return a measured value with its qualifier, deviation and unit."""
    sign = {"=": "", "~": "about ", ">=": "at least ", "<=": "at most "}[outcome.qualifier]
    sd = "" if outcome.sd is None else f" ± {show(outcome.sd, digits=2)}"
    unit = print_unit(quantity.unit)
    return f"{sign}{show(outcome.value)}{sd}{f' {unit}' if unit else ''}"


def say_recipe(settings: Mapping[str, Scalar], quantities: Sequence[Quantity]) -> str:
    """Return a recipe in as few words as say it."""
    words = []
    for q in quantities:
        value = settings.get(q.name)
        if is_nothing(value):
            continue
        unit = print_unit(q.unit)
        plain = isinstance(value, str) and value not in ("none", "unknown")
        words.append(str(value) if plain else f"{show(value)} {unit}" if unit else f"{q.words} {show(value)}")
    return ", ".join(words)


def draw_charts(report: Report) -> dict[str, Chart]:
    """Return all charts that the report has numbers for, by key, in the order of the page."""
    found = [
        *_fronts(report),
        *_progress(report),
        *_parity(report),
        *_calibration(report),
        *(_slice(report, s) for s in report.slices),
        *_fades(report.fades),
        *_reported(report),
    ]
    return {chart.key: chart for chart in found}


# -- the front -------------------------------------------------------------------------------------------------------


def _fronts(report: Report) -> Iterator[Chart]:
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
    rows: list[tuple[str, ...]] = [(p.tip[0], show(p.x, digits=3), show(p.y, digits=3)) for p in (*own, *early)]
    rows += [("predicted front", _say_span(b.spans[x.name], x), _say_span(b.spans[y.name], y)) for b in predicted]
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


def _measured_point(cell: CellView, gx: Goal, gy: Goal, report: Report, is_on_front: bool) -> Point:
    x, y = gx.quantity, gy.quantity
    a, b = cell.outcomes[x.name], cell.outcomes[y.name]
    word = ", on the front" if is_on_front else ", read early" if cell.is_early else ""
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
                f"{x.words} {_say_span(b.spans[x.name], x)}",
                f"{y.words} {_say_span(b.spans[y.name], y)}",
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
                f"{x.words} {_say_span(p.predicted[x.name], x)}",
                f"{y.words} {_say_span(p.predicted[y.name], y)}",
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


def _say_span(span: Span, quantity: Quantity) -> str:
    unit = print_unit(quantity.unit)
    return f"{show(span[0], digits=3)} ({show_interval(*span[1:])}){f' {unit}' if unit else ''}"


# -- how it went -----------------------------------------------------------------------------------------------------


def _progress(report: Report) -> Iterator[Chart]:
    """Yield the best so far by experiment, and beside it what random recipes would have reached."""
    words = {g.quantity.name: g.quantity for g in report.goals}
    for progress in report.progress:
        quantity = words.get(progress.what, Quantity(progress.what, "balance of the goals reached", progress.unit))
        yield _progress_chart(progress, quantity, is_all=progress.what == "hypervolume")


def _progress_chart(progress: Progress, quantity: Quantity, is_all: bool) -> Chart:
    ns = list(range(1, len(progress.cells) + 1))
    known = [(n, v, i) for n, v, i in zip(ns, progress.values, progress.cells, strict=True) if v is not None]
    random = [(n, s) for n, s in zip(ns, progress.random, strict=False) if all(math.isfinite(v) for v in s)]
    mine, name = "this campaign, measured", "random recipes: the model's estimate"
    points = tuple(Point(n, v, (f"After {n} ({i})", f"best {say_value(v, quantity)}")) for n, v, i in known)
    at, spans = tuple(float(n) for n, _ in random), [s for _, s in random]
    layers: tuple[Layer, ...] = (
        Band(name, "random", at, tuple(s[1] for s in spans), tuple(s[2] for s in spans), is_stepped=True),
        Line(name, "random", at, tuple(s[0] for s in spans), is_dashed=True, is_stepped=True),
        Line(mine, "own", tuple(p.x for p in points), tuple(p.y for p in points), is_stepped=True),
        Points(mine, "own", points, size=3.5),
    )
    title = "Balance of all goals so far" if is_all else f"Best {quantity.words} so far"
    note = (
        "Area under the measured front above the campaign's reference point, as a share of today's. " if is_all else ""
    ) + (
        "Dashed, with 80 % of the cases: what as many recipes drawn at random would have reached, by the model's own "
        "estimate; no experiment backs it."
    )
    rows = tuple(
        (str(n), i, say_value(v, quantity), _say_span(s, quantity) if all(map(math.isfinite, s)) else "-")
        for n, i, v, s in zip(ns, progress.cells, progress.values, progress.random, strict=True)
    )
    values = [v for _, v, _ in known] + [v for _, s in random for v in s]
    return Chart(
        f"progress-{progress.what.replace('_', '-')}",
        title,
        note,
        _count_axis("Experiments", len(ns)),
        linear_axis(title_of(quantity), values, low=0.0 if is_all else None),
        layers,
        ("Experiments", "Cell", "Best so far", "Random recipes (estimate)"),
        rows,
    )


def _count_axis(title: str, n: int) -> Axis:
    axis = linear_axis(title, [1, n])
    whole = tuple(t for t in axis.ticks if t.at == int(t.at) and t.at >= 1)
    return Axis(title, axis.low, axis.high, whole)


# -- prediction against measurement ----------------------------------------------------------------------------------


def _parity(report: Report) -> Iterator[Chart]:
    """Yield, for each outcome, what was measured against what had been predicted before."""
    words = {g.quantity.name: g.quantity for g in report.goals}
    for outcome in dict.fromkeys(s.outcome for s in report.scores):
        scores = [s for s in report.scores if s.outcome == outcome]
        quantity = words.get(outcome, Quantity(outcome, outcome.replace("_", " "), ""))
        groups = (
            ("inside its interval", "own", "circle"),
            ("outside", "next", "diamond"),
            ("a bound only", "reported", "square"),
        )
        layers: list[Layer] = []
        values = [v for s in scores for v in (s.measured, s.low, s.high)]
        axis = linear_axis(f"Measured {title_of(quantity)[0].lower()}{title_of(quantity)[1:]}", values)
        layers.append(Line("measured as predicted", "guide", (axis.low, axis.high), (axis.low, axis.high), True))
        for inside, (name, role, marker) in zip((True, False, None), groups, strict=True):
            points = tuple(
                Point(
                    s.measured,
                    s.median,
                    (
                        f"{s.id}, {name}",
                        f"measured {'' if s.qualifier == '=' else s.qualifier + ' '}{say_value(s.measured, quantity)}",
                        f"predicted {_say_span((s.median, s.low, s.high), quantity)}",
                    ),
                    y_span=(s.low, s.high),
                )
                for s in scores
                if s.is_inside is inside
            )
            if points:
                layers.append(Points(name, role, points, marker))  # type: ignore[arg-type]
        known = [s for s in scores if s.is_inside is not None]
        n_inside = sum(bool(s.is_inside) for s in known)
        yield Chart(
            f"predicted-{outcome.replace('_', '-')}",
            f"{title_of(quantity).split(' (')[0]}: predicted, then measured",
            f"Each prediction was stored before its cell was made. {n_inside} of {len(known)} results lay inside their "
            f"80 % interval.",
            axis,
            Axis(axis.title.replace("Measured", "Predicted", 1), axis.low, axis.high, axis.ticks),
            tuple(layers),
            ("Cell", "Measured", "Predicted", "80 % within", "Inside"),
            tuple(
                (
                    s.id,
                    f"{'' if s.qualifier == '=' else s.qualifier + ' '}{say_value(s.measured, quantity)}",
                    say_value(s.median, quantity),
                    show_interval(s.low, s.high),
                    {True: "yes", False: "no", None: "open"}[s.is_inside],
                )
                for s in scores
            ),
        )


def _calibration(report: Report) -> Iterator[Chart]:
    """Yield how often results lay inside intervals of each width."""
    if not report.calibration:
        return
    words = {g.quantity.name: g.quantity.words for g in report.goals}
    percent = tuple(range(0, 101, 20))
    layers: list[Layer] = [Line("as it should be", "guide", (0.0, 100.0), (0.0, 100.0), True)]
    rows: list[tuple[str, ...]] = []
    for k, c in enumerate(report.calibration):
        name = f"{words.get(c.outcome, c.outcome)} ({c.n} results)"
        points = tuple(
            Point(100 * level, 100 * share, (name, f"intervals of {level:.0%} held {share:.0%}"))
            for level, share in zip(c.levels, c.shares, strict=True)
        )
        layers.append(Line(name, CLASSES[k % 7], tuple(p.x for p in points), tuple(p.y for p in points)))
        layers.append(Points(name, CLASSES[k % 7], points, MARKERS[k % 4], size=4))
        rows += [
            (words.get(c.outcome, c.outcome), f"{a:.0%}", f"{b:.0%}") for a, b in zip(c.levels, c.shares, strict=True)
        ]
    axis = linear_axis("Width of the interval (%)", percent, low=0, high=100)
    yield Chart(
        "calibration",
        "Are the intervals as wide as they have to be?",
        "On the line they are; below it they were too narrow, above it too wide. Few results leave much to chance.",
        axis,
        Axis("Results inside (%)", 0, 100, axis.ticks),
        tuple(layers),
        ("Outcome", "Interval", "Inside"),
        tuple(rows),
    )


# -- what settings do ------------------------------------------------------------------------------------------------


def _slice(report: Report, cut: Slice) -> Chart:
    """Return what one setting is believed to do to one goal, and where evidence lies."""
    p, o = cut.parameter, cut.outcome
    own_values = [v for _, v, _ in cut.own]
    choices = [x for x in cut.xs if isinstance(x, str)]
    place = {c: float(k) for k, c in enumerate(choices)}
    y = linear_axis(title_of(o), [v for s in cut.spans for v in s] + own_values)
    own = Points(
        "measured cells (other settings differ)",
        "own",
        tuple(
            Point(
                place.get(str(x), 0.0) if choices else float(x),
                v,
                (f"{i}, measured", f"{o.words} {say_value(v, o)}", f"{p.words} {say_value(x, p)}"),
            )
            for x, v, i in cut.own
        ),
        size=3.5,
    )
    model = "the model, 80 % for a new cell"
    layers: tuple[Layer, ...]
    if choices:
        x_axis = category_axis(title_of(p), choices)
        counts = {c: sum(r == c for r in cut.reported) for c in choices}
        spans = tuple(
            Point(
                place[c],
                s[0],
                (c, f"predicted {_say_span(s, o)}", f"{counts[c]} reported cells of this cathode state it"),
                y_span=s[1:],
            )
            for c, s in zip(choices, cut.spans, strict=True)
        )
        layers = (Points(model, "model", spans, "square", True), own)
        n_other = len(cut.reported) - sum(counts.values())
        told = [f"{c} {n}" for c, n in counts.items()] + ([f"anything else {n_other}"] if n_other else [])
        evidence = f"Reported cells of this cathode that state it: {', '.join(told)}"
    else:
        xs = [float(x) for x in cut.xs]
        x_axis = log_axis(title_of(p), xs) if cut.is_log else linear_axis(title_of(p), xs)
        # The axis is the campaign's range; evidence outside it is counted, not drawn.
        stated = [float(v) for v in cut.reported]
        inside = tuple(v for v in stated if x_axis.low <= v <= x_axis.high)
        layers = (
            Band(model, "model", tuple(xs), tuple(s[1] for s in cut.spans), tuple(s[2] for s in cut.spans)),
            Line(model, "model", tuple(xs), tuple(s[0] for s in cut.spans)),
            Rug("stated by reported cells", "reported", inside),
            own,
        )
        evidence = f"Reported cells of this cathode that state it: {len(stated)}, in this range {len(inside)}"
    n_levels = len({x for x, _, _ in cut.own})
    note = f"{evidence}. Own cells: {len(cut.own)} at {count(n_levels, 'setting')}."
    return Chart(
        f"setting-{p.name}-{o.name}".replace("_", "-"),
        f"{o.words[:1].upper() + o.words[1:]} by {p.words}",
        note,
        x_axis,
        y,
        layers,
        (title_of(p), f"{o.words} predicted", "80 % within"),
        tuple((show(x), say_value(s[0], o), show_interval(*s[1:])) for x, s in zip(cut.xs, cut.spans, strict=True)),
    )


def _fades(fades: Sequence[Fade]) -> Iterator[Chart]:
    """Yield capacity against cycle, one chart a unit."""
    for number, unit in enumerate(dict.fromkeys(f.unit for f in fades)):
        chosen = [f for f in fades if f.unit == unit]
        layers: list[Layer] = []
        for k, fade in enumerate(chosen):
            role, marker = CLASSES[k % 7], MARKERS[k // 7 % 4]
            layers.append(Line(fade.id, role, tuple(fade.cycles), tuple(fade.capacities)))
            last = len(fade.cycles) - 1
            shown = sorted({round(j * last / 11) for j in range(12)})
            points = tuple(
                Point(
                    fade.cycles[j],
                    fade.capacities[j],
                    (f"{fade.id}, cycle {fade.cycles[j]:g}", show(fade.capacities[j], print_unit(unit))),
                    label=fade.id if j == last else "",
                )
                for j in shown
            )
            layers.append(Points(fade.id, role, points, marker, size=3))
        quantity = Quantity("capacity", "capacity", unit)
        yield Chart(
            "cycling" if number == 0 else f"cycling-{number + 1}",
            "Capacity against cycle",
            "Every series that was recorded.",
            linear_axis("Cycle", [c for f in chosen for c in f.cycles]),
            linear_axis(title_of(quantity), [0.0, *(c for f in chosen for c in f.capacities)]),
            tuple(layers),
            ("Cell", "Cycles", "First", "Last"),
            tuple(
                (f.id, f"{f.cycles[-1]:g}", say_value(f.capacities[0], quantity), say_value(f.capacities[-1], quantity))
                for f in chosen
            ),
        )


# -- the literature ---------------------------------------------------------------------------------------------------


def _reported(report: Report) -> Iterator[Chart]:
    """Yield volumetric capacity of the reported cells against voltage and against cycles, by chemistry."""
    unit = Quantity("capacity", "volumetric capacity", "uAh/cm2/um")
    families = list(dict.fromkeys(c.chemistry for c in report.reported))
    voltage = [c for c in report.reported if c.voltage_v is not None]
    cycled = [c for c in report.reported if c.cycles is not None and c.cycles > 0]
    if voltage:
        yield Chart(
            "reported-voltage",
            "Reported cells: capacity against voltage",
            f"Solid cells of the literature by chemistry; filled where the cell was cycled {LASTING_CYCLES} times or "
            "more. A voltage is the cathode's against lithium where the cell's own is not printed.",
            linear_axis("Nominal voltage (V)", [c.voltage_v or 0.0 for c in voltage]),
            log_axis(title_of(unit), [c.capacity for c in voltage]),
            tuple(_by_chemistry(voltage, families, lambda c: c.voltage_v or 0.0)),
            ("Cell", "Publication", "Voltage (V)", title_of(unit)),
            tuple((c.cathode, c.reference, show(c.voltage_v), show(c.capacity)) for c in voltage),
        )
    if cycled:
        yield Chart(
            "reported-cycles",
            "Reported cells: capacity against cycles",
            "How often each was cycled; publications report what lasted.",
            log_axis("Cycles", [c.cycles or 1.0 for c in cycled]),
            log_axis(title_of(unit), [c.capacity for c in cycled]),
            tuple(_by_chemistry(cycled, families, lambda c: c.cycles or 1.0)),
            ("Cell", "Publication", "Cycles", title_of(unit)),
            tuple((c.cathode, c.reference, show(c.cycles), show(c.capacity)) for c in cycled),
        )


def _by_chemistry(
    cells: Sequence[ReportedCell], families: Sequence[str], x: Callable[[ReportedCell], float]
) -> Iterator[Points]:
    for k, family in enumerate(families):
        role, marker = CLASSES[k % 7], MARKERS[k // 7 % 4]
        for is_hollow in (True, False):
            chosen = [c for c in cells if c.chemistry == family and ((c.cycles or 0) < LASTING_CYCLES) == is_hollow]
            points = tuple(
                Point(
                    x(c),
                    c.capacity,
                    (
                        f"{c.cathode}, {c.reference}",
                        c.details,
                        f"{c.capacity:g} µAh cm⁻² µm⁻¹" + ("" if c.voltage_v is None else f" at {c.voltage_v:g} V"),
                        c.doi and f"doi {c.doi}",
                    ),
                )
                for c in chosen
            )
            if points:
                yield Points(family, role, points, marker, is_hollow)
