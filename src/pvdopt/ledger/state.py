"""What the facts add up to: one state per cell, and the table a model is trained on.

Values only; how they come about is in :mod:`pvdopt.ledger.fold`. Knows no database; pandas is imported only to build
the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pvdopt.ledger.facts import Fact
from pvdopt.ledger.values import Outcome, Payload, Scalar

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["proposed", "made", "partial", "complete", "failed", "vetoed", "discarded"]


@dataclass(frozen=True)
class CellState:
    """What is known of one cell.

    Attributes
    ----------
    kind : {"proposed", "added"}
        Whether the program proposed it or the lab added it.
    recipe : mapping
        As planned, edits included; None where a setting does not apply.
    executed : mapping
        Settings that were reported as made; those not named here are taken as planned.
    outcomes : mapping of str to Outcome
    outcome_class : str or None
        None until something is known; measured figures without a word say ``ok``.
    status : str
        "proposed": nothing known; "made": made and not measured; "partial" and "complete": some or all of the
        outcomes asked for; "failed": any outcome class but ``ok``; "vetoed"; "discarded": its run was.
    predicted : mapping
        Per outcome ``median``, ``low``, ``high``, ``p``, as stored with the proposal; empty once the recipe was
        edited without a new prediction.
    proposal : mapping
        The whole payload of the proposal (fingerprint, batch, usable chance, ...); empty for an added cell.
    vetoed : str or None
        The reason of a veto, which may be empty; None without one.
    times : mapping
        Per kind of fact the time of the last one.
    history : tuple of dict
        Corrections, and readings replaced by later ones, in order: ``time``, ``author``, ``part``, ``name``, ``old``,
        ``new``, ``why``.
    series : mapping or None
        Capacity against cycle as last recorded: ``cycle``, ``capacity`` and what was said with them.
    """

    id: str
    kind: Literal["proposed", "added"]
    recipe: Mapping[str, Scalar]
    executed: Mapping[str, Scalar]
    outcomes: Mapping[str, Outcome]
    outcome_class: str | None
    status: Status
    predicted: Mapping[str, Payload]
    purpose: str | None
    reason: str | None
    proposal: Mapping[str, Any]
    run: str | None
    sample: str | None
    stage: str | None
    cause: str | None
    vetoed: str | None
    remarks: tuple[str, ...]
    times: Mapping[str, str]
    history: tuple[Payload, ...]
    series: Payload | None = None

    @property
    def settings(self) -> dict[str, Scalar]:
        """The recipe as executed, and as planned where nothing else was reported."""
        return {**self.recipe, **self.executed}


@dataclass(frozen=True)
class LedgerState:
    """What the facts of a ledger add up to.

    Attributes
    ----------
    cells : mapping of str to CellState
        In the order in which they entered the ledger.
    n_facts : int
        How many facts were folded; hand it back as ``expected`` to write only if nobody else has since.
    asked : tuple of str
        The outcomes that make a cell complete.
    discarded_runs : mapping of str to str
        Each with the reason.
    retrained, notes : tuple of Fact
        Facts about the campaign, oldest first.
    """

    cells: Mapping[str, CellState]
    n_facts: int
    asked: tuple[str, ...]
    discarded_runs: Mapping[str, str]
    retrained: tuple[Fact, ...]
    notes: tuple[Fact, ...]

    def pending(self) -> list[str]:
        """Return the cells whose outcomes are still open altogether; a partial cell already teaches something."""
        return [name for name, cell in self.cells.items() if cell.status in ("proposed", "made")]

    def frame(self) -> pd.DataFrame:
        """Return one row a cell, indexed by ``id``.

        Returns
        -------
        DataFrame
            Settings as executed, else as planned (a column that holds only numbers is float); each outcome with
            ``<outcome>_sd`` and ``<outcome>_qualifier``; ``outcome_class``, ``status``, ``run``, ``sample``. What
            is not known or does not apply is NaN in a column of numbers and missing in any other.
        """
        import pandas as pd

        cells = list(self.cells.values())
        table: dict[str, list[Any]] = {}
        numbers: list[str] = []
        for name in dict.fromkeys(name for cell in cells for name in cell.settings):
            table[name] = [cell.settings.get(name) for cell in cells]
            # Types follow what is stated, never whether some of it happens to be missing or whole.
            stated = [value for value in table[name] if value is not None]
            if stated and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in stated):
                numbers.append(name)
        for name in dict.fromkeys([*self.asked, *(name for cell in cells for name in cell.outcomes)]):
            outcomes = [cell.outcomes.get(name) for cell in cells]
            table[name] = [outcome and outcome.value for outcome in outcomes]
            table[f"{name}_sd"] = [outcome and outcome.sd for outcome in outcomes]
            table[f"{name}_qualifier"] = [outcome and outcome.qualifier for outcome in outcomes]
            numbers += [name, f"{name}_sd"]
        for name in ("outcome_class", "status", "run", "sample"):
            table[name] = [getattr(cell, name) for cell in cells]
        index = pd.Index(list(self.cells), name="id", dtype="object")
        return pd.DataFrame(table, index=index, dtype="object").astype(dict.fromkeys(numbers, "float64"))
