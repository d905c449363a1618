"""The reported cells on two pairs of axes, by chemistry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pvdopt.report.charts import CLASSES, MARKERS, Chart, Point, Points, linear_axis, log_axis
from pvdopt.report.content import Quantity, Report, ReportedCell
from pvdopt.report.words import title_of
from pvdopt.wording import show

#: A reported cell counts as one that lasts from here, as in the review's closing figure.
LASTING_CYCLES = 1000


def draw_reported(report: Report) -> Iterator[Chart]:
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
