"""The record of a campaign: facts that are only ever added, and the state derived from them.

The only part of the package that knows a database. Public names are imported lazily, so that reading a state
(:mod:`pvdopt.ledger.state`) costs neither SQLAlchemy nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvdopt.ledger.facts import FAILURE_CLASSES, OUTCOME_CLASSES, Fact
    from pvdopt.ledger.intake import CellRecord, Recorded
    from pvdopt.ledger.ledger import Ledger
    from pvdopt.ledger.state import CellState, LedgerState
    from pvdopt.ledger.values import QUALIFIERS, Outcome

__all__ = [
    "FAILURE_CLASSES",
    "OUTCOME_CLASSES",
    "QUALIFIERS",
    "CellRecord",
    "CellState",
    "Fact",
    "Ledger",
    "LedgerState",
    "Outcome",
    "Recorded",
]

_HOMES = {
    "FAILURE_CLASSES": "facts",
    "OUTCOME_CLASSES": "facts",
    "QUALIFIERS": "values",
    "Fact": "facts",
    "Outcome": "values",
    "CellState": "state",
    "LedgerState": "state",
    "CellRecord": "intake",
    "Recorded": "intake",
    "Ledger": "ledger",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
