"""A campaign's report: numbers first, then figures, then one HTML file that works offline.

``content`` says what a report holds, ``build`` and its neighbours compute it, ``figures`` turns numbers into charts,
``svg`` and ``paper`` draw a chart (for the page, for a publication), ``render`` sets the page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvdopt.report.build import build_report
    from pvdopt.report.content import Report
    from pvdopt.report.paper import write_figures
    from pvdopt.report.render import render_report

__all__ = ["Report", "build_report", "render_report", "write_figures"]

_HOMES = {"Report": "content", "build_report": "build", "render_report": "render", "write_figures": "paper"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
