"""What settings do to outcomes, and what cycles do to a capacity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvdopt.report.charts import (
    CLASSES,
    MARKERS,
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
from pvdopt.report.content import Fade, Quantity, Slice
from pvdopt.report.words import say_span, say_value, title_of
from pvdopt.wording import count, print_unit, show, show_interval


def draw_slice(cut: Slice) -> Chart:
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
                (c, f"predicted {say_span(s, o)}", f"{counts[c]} reported cells of this cathode state it"),
                y_span=s[1:],
            )
            for c, s in zip(choices, cut.spans, strict=True)
        )
        layers = (Points(model, "model", spans, "square", True), own)
        unsaid = sum(r == "unspecified" for r in cut.reported) if "unspecified" not in choices else 0
        n_other = len(cut.reported) - sum(counts.values()) - unsaid
        more = {"of a kind not said": unsaid, "anything else": n_other}
        told = [f"{c} {n}" for c, n in counts.items()] + [f"{words} {n}" for words, n in more.items() if n]
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


def draw_fades(fades: Sequence[Fade]) -> Iterator[Chart]:
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
