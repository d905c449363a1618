"""Set a report as one HTML page that works offline: words, tables and drawings in one file, nothing fetched.

All text from data is escaped by the template engine; beyond that the page's own policy lets a browser run and apply
nothing but the one script and the one style that stand in it (their hashes are named), and load nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pvdopt.columns import column
from pvdopt.errors import PvdoptError, what_the_system_says
from pvdopt.output_files import write_text
from pvdopt.report.content import CellView, Goal, Quantity, Report, Span
from pvdopt.report.figures import draw_charts
from pvdopt.report.svg import draw_key, draw_svg
from pvdopt.report.track_charts import say_uncalibrated
from pvdopt.report.words import SIGNS, say_outcome, say_recipe, say_value, title_of
from pvdopt.wording import is_nothing, print_unit, print_units, show, show_interval, spell

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = "templates"


def render_report(report: Report) -> str:
    """Return the page."""
    style, script = _read("report.css"), _read("report.js")
    charts = draw_charts(report)
    template = _environment().get_template("report.html.jinja")
    return template.render(
        report=report,
        fixed_words=_say_named(report.fixed),
        protocol_words=_say_named(report.protocol),
        charts=charts,
        uncalibrated=say_uncalibrated(report),
        # Our own files, with nothing from data in them.
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def write_page(page: str, path: Path) -> None:
    """Write a page into a file, whole or not at all.

    Raises
    ------
    PvdoptError
        If the system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page)
    except OSError as error:
        raise PvdoptError(f"{path} cannot be written ({what_the_system_says(error)}).") from error


@cache
def _read(name: str) -> str:
    return (resources.files("pvdopt.report") / _FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy names a script or a style (W3C CSP 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Escaping is on whatever the file's ending; an unknown name in the template is a fault, not an empty text.
    environment = Environment(
        loader=PackageLoader("pvdopt.report", _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"draw": draw_svg, "key": draw_key}
    environment.filters |= {
        "title": title_of,
        "unit": lambda q: print_unit(q.unit),
        "print_unit": print_unit,
        "print_units": print_units,
        "value": say_value,
        "show": show,
        "outcome": say_outcome,
        "recipe": say_recipe,
        "words": spell,
        "added": lambda v: show(v) if is_nothing(v) else f"{v:+.2g}".replace("-", "−"),
        "sign": lambda qualifier: SIGNS[qualifier],
        "span": _say_interval,
        "place": _place_on_scale,
        "sort_key": _sort_key,
        "percent": lambda v: f"{v:.0%}",
        "capital": lambda text: text[:1].upper() + text[1:],
        "stated": _stated,
        "status_word": _status_word,
        "hit": _is_hit,
    }
    return environment


def _say_named(settings: Mapping[str, Any]) -> str:
    """Return settings with their names in words."""
    declared = {name: column(name) for name in settings}
    return ", ".join(
        f"{spell(name)} {show(value, print_unit(found.unit if (found := declared[name]) is not None else ''))}"
        for name, value in settings.items()
    )


def _say_interval(span: Span) -> str:
    return show_interval(span[1], span[2])


def _place_on_scale(span: Span, goal: Goal, report: Report) -> dict[str, float]:
    """Return where an interval lies on a bar that all proposals share, in percent of its width."""
    ends = [v for p in report.proposals for n, s in p.predicted.items() if n == goal.quantity.name for v in s]
    low, high = min(ends), max(ends)
    width = (high - low) or 1.0
    mid, start, end = ((v - low) / width * 100 for v in span)
    return {"start": round(start, 1), "width": round(max(end - start, 1.0), 1), "mid": round(mid, 1)}


def _sort_key(value: Any) -> str:
    """Return what a table is sorted by: numbers as they are, texts as they are, nothing last."""
    return "" if is_nothing(value) else f"{value:.12g}" if isinstance(value, (int, float)) else str(value)


def _stated(settings: Mapping[str, Any], quantities: list[Quantity]) -> list[tuple[Quantity, Any]]:
    return [(q, settings[q.name]) for q in quantities if not is_nothing(settings.get(q.name))]


def _status_word(cell: CellView) -> str:
    return cell.outcome_class if cell.status == "failed" and cell.outcome_class else cell.status


def _is_hit(cell: CellView, name: str) -> str:
    """Return whether a result lies inside the interval predicted for it: yes, no, or nothing where it is open."""
    if name not in cell.outcomes or name not in cell.predicted:
        return ""
    value, (_, low, high) = cell.outcomes[name], cell.predicted[name]
    if value.qualifier in (">=", "<=") and low <= value.value <= high:
        return ""
    return "yes" if low <= value.value <= high else "no"
