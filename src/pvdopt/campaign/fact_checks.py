"""Hold facts that somebody may have edited against a campaign file: cells that the door would have refused.

Knows the facts, the campaign file and the door's rules; no model and no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.cell_checks import find_cell_errors
from pvdopt.lab_tables.fields import known_fields
from pvdopt.lab_tables.figure_checks import Door
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.state import LedgerState
from pvdopt.materials import cathodes
from pvdopt.surrogates import SPECIFICATIONS

if TYPE_CHECKING:
    from pvdopt.config import CampaignConfig
    from pvdopt.ledger.facts import Fact


def find_false_facts(facts: Sequence[Fact], config: CampaignConfig, file: str) -> list[Problem]:
    """Return what cannot be true of the cells that facts add up to, in their order.

    Only what `record`, `add` and `correct` refuse outright; what they ask to confirm may have been confirmed.

    Parameters
    ----------
    facts : sequence of Fact
        Of sound form, see :mod:`pvdopt.ledger.payloads`.
    file : str
        Where they stand, for the messages.
    """
    try:
        state = Fold(facts).state(())
    except DataInvalid as error:
        return [replace(p, file=file) for p in error.problems]
    space = config.space()
    door = Door(space, config.protocol(), state, {**cathodes(), **config.cathodes})
    fields = known_fields(space, config.objectives())
    begun = [fact.payload.get("fingerprint") for fact in state.notes if fact.payload.get("event") == "created"]
    is_as_begun = bool(begun) and begun[0] == config.fingerprint()
    found = [p for cell in state.cells.values() for p in find_cell_errors(cell, door, fields, is_as_begun)]
    return [replace(p, file=file) for p in (*found, *_find_unknown_choice(state, config))]


def _find_unknown_choice(state: LedgerState, config: CampaignConfig) -> list[Problem]:
    """Return the problem of a surrogate in use that there is not."""
    last = state.retrained[-1] if state.retrained else None
    chosen = None if last is None else last.payload["chosen"]
    if last is None or last.payload.get("configured") != config.surrogate or chosen in SPECIFICATIONS:
        return []
    return [Problem(f"must be one of {', '.join(SPECIFICATIONS)}", chosen, row=f"fact {last.seq}", column="chosen")]
