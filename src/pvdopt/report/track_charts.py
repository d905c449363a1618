"""How it went: the best by experiment, each prediction against its result, and whether intervals are wide enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pvdopt.report.charts import CLASSES, MARKERS, Axis, Band, Chart, Layer, Line, Point, Points, linear_axis
from pvdopt.report.content import Progress, Quantity, Report
from pvdopt.report.words import SIGNS, say_span, say_value, title_of
from pvdopt.wording import count, show_interval

#: Results of an outcome from which it is drawn how often intervals held them; of fewer, chance alone would show.
LEAST_CALIBRATED = 5
#: Stands where too few random campaigns have anything that counts for a median and an interval of them.
NOT_TOLD = "not told"
#: Stands where nothing counts yet.
NONE_YET = "none yet"


def draw_progress(report: Report) -> Iterator[Chart]:
    """Yield the best so far by experiment, and beside it what random recipes would have reached."""
    words = {g.quantity.name: g.quantity for g in report.goals}
    for progress in report.progress:
        quantity = words.get(progress.what, Quantity(progress.what, "balance of the goals reached", progress.unit))
        yield _progress_chart(progress, quantity, words, is_all=progress.what == "hypervolume")


def _say_point(progress: Progress, words: Mapping[str, Quantity]) -> str:
    return ", ".join(f"{words[name].words} {say_value(value, words[name])}" for name, value in progress.above.items())


def _progress_chart(progress: Progress, quantity: Quantity, words: Mapping[str, Quantity], *, is_all: bool) -> Chart:
    ns = list(range(1, len(progress.cells) + 1))
    known = [(n, v, i) for n, v, i in zip(ns, progress.values, progress.cells, strict=True) if v is not None]
    random = [(n, s) for n, s in zip(ns, progress.random, strict=False) if all(math.isfinite(v) for v in s)]
    mine, name = "this campaign, measured", "random recipes: the model's estimate"
    points = tuple(Point(n, v, (f"After {n} ({i})", f"best {say_value(v, quantity)}")) for n, v, i in known)
    at, spans = tuple(float(n) for n, _ in random), [s for _, s in random]
    by_chance: tuple[Layer, ...] = (
        Band(name, "random", at, tuple(s[1] for s in spans), tuple(s[2] for s in spans), is_stepped=True),
        Line(name, "random", at, tuple(s[0] for s in spans), is_dashed=True, is_stepped=True),
    )
    layers: tuple[Layer, ...] = (
        *(by_chance if random else ()),
        Line(mine, "own", tuple(p.x for p in points), tuple(p.y for p in points), is_stepped=True),
        Points(mine, "own", points, size=3.5),
    )
    title = "Balance of all goals so far" if is_all else f"Best {quantity.words} so far"
    note = ""
    if is_all:
        note = (
            f"Area under the measured front above the campaign's reference point ({_say_point(progress, words)}), as a "
            "share of today's; 0 until a cell exceeds that point in every goal and keeps the thresholds. "
        )
    elif len(known) < len(ns):
        note = f'"{NONE_YET}": no cell keeps the thresholds until then. '
    if random:
        note += (
            "Dashed, with 80 % of the cases: what as many recipes drawn at random would have reached, by the model's "
            "own estimate; no experiment backs it."
        )
        if len(random) < len(ns):
            note += f" It is {NOT_TOLD} while one in ten of them or more has no cell yet that counts."
    rows = tuple(
        (
            str(n),
            i,
            NONE_YET if v is None else say_value(v, quantity),
            say_span(s, quantity) if all(map(math.isfinite, s)) else NOT_TOLD,
        )
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


def draw_parity(report: Report) -> Iterator[Chart]:
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
                        f"measured {SIGNS[s.qualifier]}{say_value(s.measured, quantity)}",
                        f"predicted {say_span((s.median, s.low, s.high), quantity)}",
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
                    f"{SIGNS[s.qualifier]}{say_value(s.measured, quantity)}",
                    say_value(s.median, quantity),
                    show_interval(s.low, s.high),
                    {True: "yes", False: "no", None: "open"}[s.is_inside],
                )
                for s in scores
            ),
        )


def draw_calibration(report: Report) -> Iterator[Chart]:
    """Yield how often results lay inside intervals of each width, of outcomes with results enough to tell."""
    told = [c for c in report.calibration if c.n >= LEAST_CALIBRATED]
    if not told:
        return
    words = {g.quantity.name: g.quantity.words for g in report.goals}
    percent = tuple(range(0, 101, 20))
    layers: list[Layer] = [Line("as it should be", "guide", (0.0, 100.0), (0.0, 100.0), True)]
    rows: list[tuple[str, ...]] = []
    for k, c in enumerate(told):
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


def say_uncalibrated(report: Report) -> str:
    """Return, of outcomes with too few results, that it cannot be told yet whether their intervals are wide enough."""
    words = {g.quantity.name: g.quantity.words for g in report.goals}
    few = [
        f"{words.get(c.outcome, c.outcome)} ({count(c.n, 'result')})"
        for c in report.calibration
        if c.n < LEAST_CALIBRATED
    ]
    if not few:
        return ""
    return (
        f"Whether intervals are as wide as they have to be cannot be told yet of {' and '.join(few)}: "
        f"it is drawn from {LEAST_CALIBRATED} results on."
    )
