"""Experiment design for thin-film battery cathodes made by physical vapour deposition.

What a user of the library needs, by floors; the rest of the house is in ``CONTRIBUTING.md``. Names are imported when
they are first asked for, so that ``import pvdopt`` costs nothing.

- What may be made: ``SearchSpace`` of ``Continuous``, ``Stepped`` and ``Categorical`` parameters, with ``LinearSum``,
  ``Exclude`` (of ``Between`` ranges) and ``Limit`` constraints.
- What is wanted: ``Objective``, measured under a ``Protocol``.
- What is known: ``reported_cells``, ``read_cells``, ``check_cells``, and ``Evidence`` made of them.
- What to make next: ``Proposer`` from a table of own cells, or ``SurrogateSampler`` in a study of Optuna's.
- All of it with a record: ``Campaign``, described by a file that ``load_config`` reads, kept in a ``Ledger``, and run
  by itself in a ``ClosedLoop``.
- What can go wrong: ``PvdoptError`` and its children in ``pvdopt.errors``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvdopt.campaign import Campaign
    from pvdopt.cells import CellTable, read_cells, reported_cells
    from pvdopt.cells.checks import check_cells
    from pvdopt.choice.proposer import Proposer
    from pvdopt.choice.runs import HourBudget, Hours, Run
    from pvdopt.closed_loop import ClosedLoop
    from pvdopt.config import CampaignConfig, load_config
    from pvdopt.constraints import Between, Exclude, Limit, LinearSum
    from pvdopt.errors import Problem, PvdoptError
    from pvdopt.evaluators import CommandEvaluator, SurrogateEvaluator, VirtualLabEvaluator
    from pvdopt.evidence import Evidence
    from pvdopt.ledger import Ledger
    from pvdopt.objectives import Objective, Protocol
    from pvdopt.parameters import Categorical, Continuous, Stepped
    from pvdopt.sampler import SurrogateSampler
    from pvdopt.space import SearchSpace

_HOMES = {
    "Between": "constraints",
    "Campaign": "campaign",
    "CampaignConfig": "config",
    "Categorical": "parameters",
    "CellTable": "cells",
    "ClosedLoop": "closed_loop",
    "CommandEvaluator": "evaluators",
    "Continuous": "parameters",
    "Evidence": "evidence",
    "Exclude": "constraints",
    "HourBudget": "choice.runs",
    "Hours": "choice.runs",
    "Ledger": "ledger",
    "Limit": "constraints",
    "LinearSum": "constraints",
    "Objective": "objectives",
    "Problem": "errors",
    "Proposer": "choice.proposer",
    "Protocol": "objectives",
    "PvdoptError": "errors",
    "Run": "choice.runs",
    "SearchSpace": "space",
    "Stepped": "parameters",
    "SurrogateEvaluator": "evaluators",
    "SurrogateSampler": "sampler",
    "VirtualLabEvaluator": "evaluators",
    "check_cells": "cells.checks",
    "load_config": "config",
    "read_cells": "cells",
    "reported_cells": "cells",
}

__all__ = [
    "Between",
    "Campaign",
    "CampaignConfig",
    "Categorical",
    "CellTable",
    "ClosedLoop",
    "CommandEvaluator",
    "Continuous",
    "Evidence",
    "Exclude",
    "HourBudget",
    "Hours",
    "Ledger",
    "Limit",
    "LinearSum",
    "Objective",
    "Problem",
    "Proposer",
    "Protocol",
    "PvdoptError",
    "Run",
    "SearchSpace",
    "Stepped",
    "SurrogateEvaluator",
    "SurrogateSampler",
    "VirtualLabEvaluator",
    "check_cells",
    "load_config",
    "read_cells",
    "reported_cells",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
