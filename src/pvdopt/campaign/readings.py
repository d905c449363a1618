"""What can be read from a campaign: where it stands, what is believed, how good that is. Nothing here writes facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pvdopt.campaign.basis import CampaignBasis
from pvdopt.campaign.learning_reports import Choice, Evaluation
from pvdopt.campaign.reports import Forecast
from pvdopt.campaign.standing_reports import Best, Status

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.campaign.explaining import Explanation
    from pvdopt.campaign.history import HistoryLine
    from pvdopt.lab_tables.recording import Source
    from pvdopt.skill.report import Progress

__all__ = ["CampaignReadings"]


class CampaignReadings(CampaignBasis):
    """The part of a campaign that answers questions."""

    def status(self) -> Status:
        """Return where the campaign stands."""
        from pvdopt.campaign.standing import status

        own = self.own_cells()
        return status(own, self.name, self.folder, self.specification(own.state))

    def history(self, cell: str | None = None) -> list[HistoryLine]:
        """Return what was said of a cell, or of all, oldest first and in plain words.

        Raises
        ------
        DataInvalid
            If there is no such cell.
        """
        from pvdopt.campaign.history import tell_history

        return tell_history([] if self.ledger is None else self.ledger.facts(), cell)

    def best(self) -> Best:
        """Return the best so far per objective, measured and believed."""
        from pvdopt.campaign.standing import best

        own = self.own_cells()
        return best(own, self.beliefs(own))

    def pareto(self, believed: bool = True) -> pd.DataFrame:
        """Return the measured recipes that no other beats in all objectives.

        Parameters
        ----------
        believed : bool
            Compare posterior medians, not measured values.
        """
        from pvdopt.campaign.standing import pareto

        own = self.own_cells()
        return pareto(own, self.beliefs(own) if believed else None)

    def predict(self, recipes: Source | pd.DataFrame) -> Forecast:
        """Return what is believed of recipes given as a frame, a file or mappings.

        Raises
        ------
        DataInvalid
            If they are no complete recipes.
        """
        from pvdopt.campaign.forecasting import forecast

        return forecast(self.beliefs(self.own_cells()), self.read_recipes(recipes))

    def explain(self, asked: str | Mapping[str, object], against: str | None = None) -> Explanation:
        """Return everything behind the prediction of a cell, given by id, or of a recipe.

        Parameters
        ----------
        against : str, optional
            Cell whose recipe is the baseline; by default the best measured one, else the best reported one.

        Raises
        ------
        DataInvalid
            If a cell is unknown or the recipe is not complete.
        UsageError
            If recipe and baseline differ in too many settings.
        """
        from pvdopt.campaign.explaining import explain

        own = self.own_cells()
        recipe = asked if isinstance(asked, str) else self.read_recipes(asked)
        return explain(self.beliefs(own), own, recipe, against)

    def evaluate(
        self,
        *,
        specifications: Sequence[str] | None = None,
        by: str = "source",
        outcome: str | None = None,
        n_permutations: int = 0,
        progress: Progress | None = None,
        n_jobs: int = 1,
    ) -> Evaluation:
        """Return the skill of specifications on reported cells, with whole sources or teams held out.

        Parameters
        ----------
        outcome : str, optional
            Look at this outcome only.
        n_permutations : int
            How often outcomes are exchanged among the rows at random for the control; 0 leaves it out.

        Raises
        ------
        UsageError
            If a specification is unknown.
        """
        from pvdopt.campaign.evaluating import evaluate

        own = self.own_cells()
        return evaluate(self.beliefs(own), own, specifications, by, outcome, n_permutations, progress, n_jobs)

    def in_use(self) -> list[str]:
        """Return the surrogate in use, alone in a list, as :meth:`evaluate` takes specifications."""
        return [self.specification(self.own_cells().state)]

    def choices(self) -> list[Choice]:
        """Return the specifications chosen so far, oldest first."""
        from pvdopt.campaign.model_cards import choices

        return choices(self.own_cells().state.retrained)

    def export(self, folder: str | Path) -> list[Path]:
        """Write cells and facts as CSV and JSON with a data dictionary; return the files' paths.

        Raises
        ------
        DataInvalid
            If the folder holds anything but an earlier export.
        """
        from pvdopt.campaign.exchange import write_export
        from pvdopt.campaign.standing import export_frame

        ledger = self._writer("export")
        own = self.own_cells()
        home = self.folder or Path()
        derived = {cell.id: own.derived(cell) for cell in own.state.cells.values()}
        return write_export(Path(folder), export_frame(own), own.state, derived, ledger.facts(), self.config, home)
