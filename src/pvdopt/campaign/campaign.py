"""A campaign: a laboratory's search for better cells, from the first proposal to the last result.

The loop is suggest -> make and measure -> record -> retrain -> suggest. Methods return plain data and print nothing.
The ledger is the truth; everything else is derived from it at each call. Opening a campaign and asking for its status
load neither scikit-learn nor scipy nor pint nor Optuna.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pvdopt.campaign.folder import CONFIG_FILE, ledger_place, make_folder, rename_config, require_campaign
from pvdopt.campaign.learning_reports import RetrainReport
from pvdopt.campaign.readings import CampaignReadings
from pvdopt.campaign.reports import Forecast, Suggestion
from pvdopt.campaign.results import CampaignResults
from pvdopt.config import load_config
from pvdopt.config.schema import SAMPLERS
from pvdopt.errors import UsageError
from pvdopt.lab_tables.recipe_reading import read_held, read_own_recipe

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.choice.runs import HourBudget
    from pvdopt.skill.report import Progress

#: Cells proposed where nobody says how many.
N_PROPOSED = 4


class Campaign(CampaignResults, CampaignReadings):
    """A campaign in its folder. Made by :meth:`create`, :meth:`open` or :meth:`preview`.

    Here it is opened, proposes and learns; what it is told stands in :mod:`pvdopt.campaign.results`, what it answers
    in :mod:`pvdopt.campaign.readings`, and what all of them rest on, with the attributes, in
    :mod:`pvdopt.campaign.basis`.
    """

    @classmethod
    def create(
        cls,
        folder: str | Path,
        config_text: str,
        author: str | None = None,
        *,
        source: str | Path | None = None,
    ) -> Self:
        """Begin a campaign in a folder of its own, and open it.

        Parameters
        ----------
        config_text : str
            The campaign file, kept as ``campaign.toml``.
        source : path, optional
            Folder with the files that the campaign file names (a machine's, tables of cells); they are copied.

        Raises
        ------
        ConfigInvalid
            If the campaign file is not valid; then nothing is written.
        DataInvalid
            If the folder holds a campaign already.
        """
        make_folder(Path(folder), config_text, None if source is None else Path(source), author)
        return cls.open(folder, author)

    @classmethod
    def from_export(cls, export: str | Path, folder: str | Path, author: str | None = None) -> Self:
        """Begin a campaign again from what :meth:`export` wrote, with the same facts, and open it.

        It goes by the name of its new folder.

        Raises
        ------
        DataInvalid
            If the export cannot be read, or the folder holds a campaign already; then nothing is written.
        """
        from pvdopt.campaign.exchange import read_export

        source, target = Path(export), Path(folder)
        config_text, facts = read_export(source)
        make_folder(target, rename_config(config_text, target.name), source, author, facts)
        return cls.open(target, author)

    @classmethod
    def open(cls, folder: str | Path, author: str | None = None) -> Self:
        """Open a campaign.

        Raises
        ------
        DataInvalid
            If the folder holds none.
        ConfigInvalid, LedgerTooNew, LedgerBusy
        """
        from pvdopt.ledger.ledger import Ledger

        folder = Path(folder)
        require_campaign(folder)
        config = load_config(folder / CONFIG_FILE)
        place = ledger_place(folder, config.storage, config.name)
        return cls(config, folder, Ledger.open(place, author), config.seed)

    @classmethod
    def preview(cls, config_path: str | Path, seed: int | None = None) -> Self:
        """Return a campaign without a ledger: it proposes and predicts, and keeps nothing.

        Raises
        ------
        ConfigInvalid
        """
        config = load_config(config_path)
        return cls(config, None, None, config.seed if seed is None else seed)

    # -- proposals ---------------------------------------------------------------------------------------------------

    def suggest(
        self,
        n: int | None = None,
        *,
        fix: Mapping[str, object] | None = None,
        candidates: pd.DataFrame | str | Path | None = None,
        budget: HourBudget | str | Sequence[str] | None = None,
        sampler: str | None = None,
        until_advice: bool = False,
        dry_run: bool = False,
        seed: int | None = None,
    ) -> Suggestion:
        """Propose the next recipes, and record them unless told otherwise.

        Parameters
        ----------
        n : int, optional
            Number of cells, at least 1; by default 4, or what fits into the budget.
        fix : mapping, optional
            Settings to hold fixed by name; texts may carry units.
        candidates : DataFrame or path, optional
            Recipes to choose among.
        budget : HourBudget, str or sequence of str, optional
            Hours that runs and cells may take: ``"20 h"`` in all, ``"deposition=8 h"`` in the runs of one kind.
        sampler : str, optional
            Who chooses, in place of the campaign file's.
        until_advice : bool
            Record nothing where the advice that comes with the proposals is to stop.
        seed : int, optional
            In place of the campaign file's.

        Raises
        ------
        NothingToPropose
            If no recipe is left.
        LedgerChanged
            If somebody else wrote meanwhile.
        DataInvalid
            If settings or candidates are none of this campaign.
        """
        from pvdopt.campaign.suggesting import Wanted, read_budget, suggest

        if n is not None and n < 1:
            raise UsageError(f"the number of proposals must be at least 1, got {n}.")
        by_hand = self.read_asked(fix or {}, sampler)
        own = self.own_cells()
        listed = self.read_recipes(candidates) if isinstance(candidates, (str, Path)) else candidates
        beliefs = self.beliefs(own, seed)
        wanted = Wanted(
            n=n or (0 if budget is not None else N_PROPOSED),
            fix=by_hand,
            candidates=listed,
            budget=read_budget(budget, beliefs) if budget is not None else None,
            sampler=sampler or self.config.sampler,
            until_advice=until_advice,
        )
        return suggest(beliefs, own, wanted, None if dry_run else self.ledger)

    def read_asked(self, fix: Mapping[str, object], sampler: str | None) -> dict[str, Any]:
        """Return the settings to hold fixed, as the space has them; see :meth:`suggest`.

        Raises
        ------
        UsageError
            If there is no such sampler.
        DataInvalid
            If the settings are none of this campaign.
        """
        if sampler not in (None, *SAMPLERS):
            raise UsageError(f"the sampler must be one of {', '.join(SAMPLERS)}, got {sampler!r}.")
        by_hand = read_held(fix, self.fields, self.space)
        if by_hand:
            from pvdopt.campaign.suggesting import check_fix

            check_fix(self.space, by_hand)
        return by_hand

    def add(self, recipe: Mapping[str, object], remark: str | None = None) -> str:
        """Add a cell the lab thought of itself, and return its id.

        Raises
        ------
        DataInvalid
            If the recipe is not complete or holds what cannot be.
        """
        return self._writer("add").add_cell(read_own_recipe(recipe, self.fields, self.space), remark)

    def add_predicted(
        self, recipe: Mapping[str, object], remark: str | None = None, *, dry_run: bool = False
    ) -> Forecast:
        """Add a cell the lab thought of itself with what is believed of it, against which its results will be held.

        Raises
        ------
        DataInvalid
            If the recipe is not complete or holds what cannot be.
        LedgerChanged
            If somebody else wrote meanwhile.
        """
        from pvdopt.campaign.forecasting import add

        ledger = self._writer("add")
        own = self.own_cells()
        whole = read_own_recipe(recipe, self.fields, self.space)
        return add(self.beliefs(own), own, whole, remark, None if dry_run else ledger)

    def edit(self, cell_id: str, changes: Mapping[str, object], *, dry_run: bool = False) -> Forecast:
        """Change the recipe of a cell that was not made yet, and return what is believed of it now.

        Raises
        ------
        DataInvalid
            If the cell is unknown or made, or the recipe may not be made in this campaign.
        """
        from pvdopt.campaign.forecasting import edit

        ledger = self._writer("edit")
        own = self.own_cells()
        return edit(self.beliefs(own), own, cell_id, changes, self.fields, None if dry_run else ledger)

    def veto(self, cell_id: str, why: str = "") -> bool:
        """Drop a cell that was not made yet; return whether that was news."""
        return self._writer("veto").veto(cell_id, why)

    # -- learning ----------------------------------------------------------------------------------------------------

    def retrain(self, *, progress: Progress | None = None, dry_run: bool = False, n_jobs: int = 1) -> RetrainReport:
        """Let the specifications compete on the campaign's own cells, in the same folds, and refit on all data.

        Raises
        ------
        LedgerChanged
            If somebody else wrote meanwhile.
        """
        from pvdopt.campaign.learning import retrain

        ledger = None if dry_run else self._writer("retrain")
        own = self.own_cells()
        return retrain(self.beliefs(own), own, self.config.surrogate, ledger, self._cards, progress, n_jobs)

    def roll_back(self, *, dry_run: bool = False) -> RetrainReport:
        """Go back to the specification that was in use before the last change, and refit it on all data.

        Raises
        ------
        PvdoptError
            If there is none.
        LedgerChanged
            If somebody else wrote meanwhile.
        """
        from pvdopt.campaign.learning import roll_back

        ledger = None if dry_run else self._writer("retrain --rollback")
        own = self.own_cells()
        return roll_back(self.beliefs(own), own, self.config.surrogate, ledger, self._cards)

    @property
    def _cards(self) -> Path | None:
        """Where model cards are written."""
        from pvdopt.campaign.model_cards import CARDS_FOLDER

        return None if self.folder is None else self.folder / CARDS_FOLDER
