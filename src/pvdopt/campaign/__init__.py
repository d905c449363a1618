"""A campaign: a laboratory's search for better cells, its file and its ledger; :class:`Campaign` is all of it.

``folder`` knows its files; ``own_cells``, ``beliefs``, ``learning`` and ``evaluating`` what is believed and why;
``suggesting``, ``drivers`` and ``explaining`` what is proposed; ``standing``, ``history`` and ``exchange`` what there
is; ``result_intake`` and ``series_intake`` what comes in. ``basis``, ``results``, ``readings`` and ``campaign`` put
them together, and ``reports`` says what comes back. Names are imported when they are first asked for, so that a
command's help, which reads ``folder``, loads no pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvdopt.campaign.campaign import Campaign
    from pvdopt.campaign.learning_reports import Choice, Evaluation, RetrainReport
    from pvdopt.campaign.reports import Forecast, PredictionScore, RecordReport, Suggestion
    from pvdopt.campaign.standing_reports import Best, BestCell, Budget, LabLevel, PendingCell, ResultCell, Status

__all__ = [
    "Best",
    "BestCell",
    "Budget",
    "Campaign",
    "Choice",
    "Evaluation",
    "Forecast",
    "LabLevel",
    "PendingCell",
    "PredictionScore",
    "RecordReport",
    "ResultCell",
    "RetrainReport",
    "Status",
    "Suggestion",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "campaign" if name == "Campaign" else "reports"
    return getattr(import_module(f"{__name__}.{home}"), name)
