"""What everything in a campaign rests on: its file, its ledger, its cells, and what is believed given them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pvdopt.campaign.folder import MODELS_FOLDER
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.config import CampaignConfig
from pvdopt.errors import UsageError
from pvdopt.lab_tables.fields import Field, known_fields
from pvdopt.lab_tables.recipe_reading import read_recipes
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.state import LedgerState

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.campaign.beliefs import Beliefs
    from pvdopt.evidence import Evidence
    from pvdopt.lab_tables.recording import Source
    from pvdopt.ledger.ledger import Ledger

__all__ = ["CampaignBasis"]


class CampaignBasis:
    """A campaign's file and ledger, and what follows from them.

    Attributes
    ----------
    folder : Path or None
        None for a preview.
    config : CampaignConfig
    ledger : Ledger or None
    space, objectives, protocol
        As the campaign file declares them.
    """

    def __init__(self, config: CampaignConfig, folder: Path | None, ledger: Ledger | None, seed: int) -> None:
        self.config = config
        self.folder = folder
        self.ledger = ledger
        self.seed = seed
        self.space = config.space()
        self.objectives = tuple(config.objectives())
        self.protocol = config.protocol()

    def close(self) -> None:
        """Let go of the ledger."""
        if self.ledger is not None:
            self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.config.name

    @property
    def is_preview(self) -> bool:
        """Whether nothing is kept."""
        return self.ledger is None

    @cached_property
    def evidence(self) -> Evidence | None:
        """What is known beside the campaign's own cells; None where the campaign file says ``none``."""
        if not self.config.has_evidence:
            return None
        from pvdopt.campaign.beliefs import gather_evidence

        return gather_evidence(self.config)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Columns that a results table of this campaign may have."""
        return known_fields(self.space, self.objectives)

    def own_cells(self) -> OwnCells:
        """Return the campaign's cells as recorded so far."""
        return self._as_own(Fold().state(self._asked) if self.ledger is None else self.ledger.state(self._asked))

    @property
    def _asked(self) -> tuple[str, ...]:
        """The outcomes that make a cell complete: of two capacities that follow from each other, the first."""
        names = [o.name for o in self.objectives]
        follows = self.config.has_evidence and "capacity" in names
        return tuple(n for n in names if not (n == "areal_capacity" and follows))

    def _as_own(self, state: LedgerState) -> OwnCells:
        return OwnCells(state, self.space, self.objectives, self.protocol, self.config.has_evidence)

    def specification(self, state: LedgerState) -> str:
        """Return the surrogate in use: the one last chosen by ``retrain``, unless the campaign file changed since."""
        for fact in reversed(state.retrained):
            if fact.payload.get("configured") == self.config.surrogate:
                return str(fact.payload["chosen"])
            break
        return self.config.surrogate

    def beliefs(self, own: OwnCells, seed: int | None = None) -> Beliefs:
        """Return what predictions rest on, given the cells so far."""
        from pvdopt.campaign.beliefs import Beliefs
        from pvdopt.model_store import ModelStore

        return Beliefs(
            space=self.space,
            objectives=self.objectives,
            evidence=self.evidence,
            observed=own.observed(),
            specification=self.specification(own.state),
            seed=self.seed if seed is None else seed,
            config_fingerprint=self.config.fingerprint(),
            store=None if self.folder is None else ModelStore(self.folder / MODELS_FOLDER),
            runs=tuple(self.config.runs()),
            cost=self.config.cost(),
            least_gain_per_hour=self.config.least_gain_per_hour,
        )

    def read_recipes(self, recipes: Source | pd.DataFrame) -> pd.DataFrame:
        """Return recipes as a frame with the space's columns, indexed by id where the source gives ids.

        Raises
        ------
        DataInvalid
            With every value that cannot be and every setting that is missing.
        """
        return read_recipes(recipes, self.fields, self.space)

    def _writer(self, what: str) -> Ledger:
        if self.ledger is None:
            raise UsageError(f"{what} needs a campaign: a campaign file alone is a preview. Run `pvdopt init` first.")
        return self.ledger
