"""A campaign: a laboratory's search for better cells, from the first proposal to the last result.

The loop is suggest -> make and measure -> record -> retrain -> suggest. Methods return plain data and print nothing.
The ledger is the truth; everything else is derived from it at each call. Opening a campaign and asking for its status
load neither scikit-learn nor scipy nor pint nor Optuna.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pvdopt.campaign_folder import (
    CONFIG_FILE,
    MODELS_FOLDER,
    ledger_place,
    make_folder,
    rename_config,
    require_campaign,
)
from pvdopt.campaign_reports import (
    Best,
    BestCell,
    Budget,
    Choice,
    Evaluation,
    Forecast,
    LabLevel,
    PendingCell,
    PredictionScore,
    RecordReport,
    ResultCell,
    RetrainReport,
    Status,
    Suggestion,
)
from pvdopt.cell_basis import find_basis
from pvdopt.config import CampaignConfig, load_config
from pvdopt.config.schema import SAMPLERS
from pvdopt.errors import DataInvalid, Problem, UsageError
from pvdopt.fields import Field, known_fields
from pvdopt.figure_checks import Door
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.state import LedgerState
from pvdopt.own_cells import OwnCells
from pvdopt.recipe_reading import read_recipes, read_settings, require_complete
from pvdopt.recording import Source, read_table
from pvdopt.result_checks import check_rows

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.beliefs import Beliefs
    from pvdopt.column_mapping import ColumnMapping
    from pvdopt.evidence import Evidence
    from pvdopt.explaining import Explanation
    from pvdopt.history import HistoryLine
    from pvdopt.ledger.ledger import Ledger
    from pvdopt.runs import HourBudget

__all__ = [
    "Best", "BestCell", "Budget", "Campaign", "Choice", "Evaluation", "Forecast", "LabLevel", "PendingCell",
    "PredictionScore", "RecordReport", "ResultCell", "RetrainReport", "Status", "Suggestion",
]  # fmt: skip

#: Cells proposed where nobody says how many.
N_PROPOSED = 4
#: Called with (done, total, what).
Progress = Callable[[int, int, str], None]


class Campaign:
    """A campaign in its folder. Made by :meth:`create`, :meth:`open` or :meth:`preview`.

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
        from pvdopt.exchange import read_export

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

    # -- what it rests on ----------------------------------------------------------------------------------------

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
        from pvdopt.beliefs import gather_evidence

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
        from pvdopt.beliefs import Beliefs
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

    def _writer(self, what: str) -> Ledger:
        if self.ledger is None:
            raise UsageError(f"{what} needs a campaign: a campaign file alone is a preview. Run `pvdopt init` first.")
        return self.ledger

    # -- proposals -----------------------------------------------------------------------------------------------

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
        from pvdopt.suggesting import Wanted, read_budget, suggest

        if n is not None and n < 1:
            raise UsageError(f"the number of proposals must be at least 1, got {n}.")
        if sampler not in (None, *SAMPLERS):
            raise UsageError(f"the sampler must be one of {', '.join(SAMPLERS)}, got {sampler!r}.")
        own = self.own_cells()
        by_hand = read_settings(fix or {}, self.fields)
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

    def read_recipes(self, recipes: Source | pd.DataFrame) -> pd.DataFrame:
        """Return recipes as a frame with the space's columns, indexed by id where the source gives ids.

        Raises
        ------
        DataInvalid
            With every value that cannot be and every setting that is missing.
        """
        return read_recipes(recipes, self.fields, self.space)

    def predict(self, recipes: Source | pd.DataFrame) -> Forecast:
        """Return what is believed of recipes given as a frame, a file or mappings.

        Raises
        ------
        DataInvalid
            If they are no complete recipes.
        """
        from pvdopt.suggesting import forecast

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
        from pvdopt.explaining import explain

        own = self.own_cells()
        recipe = asked if isinstance(asked, str) else self.read_recipes(asked)
        return explain(self.beliefs(own), own, recipe, against)

    def add(self, recipe: Mapping[str, object], remark: str | None = None) -> str:
        """Add a cell the lab thought of itself, and return its id.

        Raises
        ------
        DataInvalid
            If the recipe is not complete or holds what cannot be.
        """
        return self._writer("add").add_cell(self._own_recipe(recipe), remark)

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
        from pvdopt.suggesting import add

        ledger = self._writer("add")
        own = self.own_cells()
        return add(self.beliefs(own), own, self._own_recipe(recipe), remark, None if dry_run else ledger)

    def _own_recipe(self, recipe: Mapping[str, object]) -> dict[str, Any]:
        """Return a recipe of the lab's own with the fixed settings, complete."""
        settings = {n: v for n, v in read_settings(recipe, self.fields).items() if v is not None}
        full = {**dict.fromkeys(self.space.names), **self.space.fixed, **settings}
        require_complete(full, self.space)
        return full

    def edit(self, cell_id: str, changes: Mapping[str, object], *, dry_run: bool = False) -> Forecast:
        """Change the recipe of a cell that was not made yet, and return what is believed of it now.

        Raises
        ------
        DataInvalid
            If the cell is unknown or made, or the recipe may not be made in this campaign.
        """
        from pvdopt.suggesting import edit

        ledger = self._writer("edit")
        own = self.own_cells()
        changed = read_settings(changes, self.fields, row=cell_id)
        return edit(self.beliefs(own), own, cell_id, changed, None if dry_run else ledger)

    def veto(self, cell_id: str, why: str = "") -> bool:
        """Drop a cell that was not made yet; return whether that was news."""
        return self._writer("veto").veto(cell_id, why)

    # -- results -------------------------------------------------------------------------------------------------

    def record(
        self,
        results: Source,
        *,
        confirm: bool = False,
        accept_good_rows: bool = False,
        dry_run: bool = False,
        evaluator: str | None = None,
    ) -> RecordReport:
        """Record what was made and measured: all rows or, if one cannot stand, none.

        Parameters
        ----------
        results : path, "-", mapping or sequence of mapping
            Rows with ``id`` and settings as executed, outcomes (``<outcome>_sd``, ``<outcome>_qualifier``),
            ``outcome_class``, ``stage``, ``cause``, ``run``, ``sample``, ``remark``. A row without an id that holds a
            complete recipe is a cell of the lab's own.
        confirm : bool
            Take what is unlikely and not impossible.
        accept_good_rows : bool
            Leave out the rows that cannot stand instead of refusing all.
        evaluator : str, optional
            Who measured in place of a person, see :meth:`begin_study`.

        Raises
        ------
        DataInvalid
            With every problem of every row; the ledger is as it was.
        LedgerBusy
        """
        own = self.own_cells()
        own.require_evaluator(evaluator)
        return self._record(own, self._with_our_columns(results), {}, confirm, accept_good_rows, dry_run)

    def import_cells(
        self,
        path: str | Path,
        mapping: ColumnMapping | None = None,
        *,
        confirm: bool = False,
        accept_good_rows: bool = False,
        dry_run: bool = False,
    ) -> RecordReport:
        """Record a foreign sheet: its columns are mapped once, and the mapping is kept in the campaign's folder.

        Parameters
        ----------
        path : path
            A table with headings, units and words of its own.
        mapping : ColumnMapping, optional
            See :func:`pvdopt.column_mapping.make_mapping`; by default the kept one that fits.

        Raises
        ------
        DataInvalid
            As :meth:`record`; and if a column is not mapped, or no mapping fits.
        """
        from pvdopt.column_mapping import find_mapping, keep_mapping
        from pvdopt.table_files import read_raw

        self._writer("cells import")
        folder = self.folder or Path()
        if mapping is not None:
            chosen, raw = mapping, read_raw(path, mapping.heads)
        else:
            found = find_mapping(folder, path)
            if found is None:
                raw = read_raw(path)
                must = f"has no column mapping yet; its columns are {', '.join(filter(None, raw.header))}"
                todo = 'Map each: --map "thickness_um=THEIRS:nm", or --ignore it'
                raise DataInvalid(Problem(must, todo=todo, file=raw.file))
            chosen, raw = found
        table = chosen.apply(raw, self.fields)
        own = self.own_cells()
        own.require_evaluator(None)
        report = self._record(own, table, {}, confirm, accept_good_rows, dry_run)
        if mapping is not None and not dry_run:
            keep_mapping(folder, mapping)
        report.notes[:0] = [f"read {sentence}" for sentence in chosen.sentences()]
        return report

    def _with_our_columns(self, results: Source) -> Source:
        """Return a file's table, a foreign one as its kept mapping reads it; anything else as it is."""
        from pvdopt.column_mapping import find_mapping
        from pvdopt.table_files import STANDARD_INPUT

        if self.folder is None or not isinstance(results, (str, Path)) or results == STANDARD_INPUT:
            return results
        found = find_mapping(self.folder, results)
        return results if found is None else found[0].apply(found[1], self.fields)

    def record_series(
        self,
        cell_id: str,
        path: str | Path,
        values: Mapping[str, object] | None = None,
        *,
        confirm: bool = False,
        dry_run: bool = False,
    ) -> RecordReport:
        """Record a cell's capacity against cycle, with the capacity and the retention that follow from it.

        Parameters
        ----------
        path : path
            A table with a row a cycle, or a record in the Battery Data Format; see :func:`pvdopt.series.read_series`.
        values : mapping, optional
            What belongs to the same cell, such as ``area_cm2`` and ``thickness_um``, by name.

        Raises
        ------
        DataInvalid
            With every fault of the file, or if what it says cannot be; the ledger is as it was.
        LedgerBusy
        """
        from pvdopt.ledger.values import unknown_cell
        from pvdopt.series import read_series
        from pvdopt.series_intake import read_results

        own = self.own_cells()
        own.require_evaluator(None)
        if cell_id not in own.state.cells:
            raise DataInvalid(unknown_cell(cell_id, own.state.cells, column="id"))
        series = read_series(path)
        row, notes = read_results(own.state.cells[cell_id], series, own, values or {})
        report = self._record(own, row, {cell_id: series.to_json()}, confirm, False, dry_run)
        report.notes[:0] = notes
        return report

    def _record(
        self,
        own: OwnCells,
        results: Source,
        series: Mapping[str, Mapping[str, object]],
        confirm: bool,
        accept_good_rows: bool,
        dry_run: bool,
    ) -> RecordReport:
        from pvdopt.result_intake import record_rows

        ledger = self._writer("record")
        door = self._door(own.state)
        table = read_table(results, self.fields, needs_id=True, context=partial(find_basis, door))
        checked = [row.with_series(series.get(row.record.id or "")) for row in check_rows(table.rows, door)]
        return record_rows(
            ledger,
            own,
            self._as_own,
            table,
            checked,
            confirm=confirm,
            accept_good_rows=accept_good_rows,
            dry_run=dry_run,
        )

    def _door(self, state: LedgerState) -> Door:
        from pvdopt.materials import cathodes

        return Door(self.space, self.protocol, state, {**cathodes(), **self.config.cathodes})

    def fail(self, cell_id: str, outcome_class: str, stage: str | None = None, cause: str | None = None) -> bool:
        """Record that a cell gave no usable figures; return whether that was news."""
        return self._writer("fail").fail(cell_id, outcome_class, stage, cause)

    def correct(
        self,
        cell_id: str,
        changes: Mapping[str, object],
        why: str = "",
        *,
        confirm: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> int:
        """Replace recorded values, given as numbers or texts with units; return how many changed.

        Parameters
        ----------
        changes : mapping
            By name of an outcome, a setting or a label; None or an empty text withdraws an outcome or a label.
        confirm : bool
            Take what is unlikely and not impossible.
        say : callable, optional
            Told how values were converted.

        Raises
        ------
        DataInvalid
            With every name and value that cannot be.
        """
        from pvdopt.result_intake import read_correction

        ledger = self._writer("correct")
        door = self._door(self.own_cells().state)
        values, said = read_correction(cell_id, changes, self.fields, door, confirm)
        n_changed = ledger.correct(cell_id, values, why)
        for sentence in said:
            if say is not None:
                say(sentence)
        return n_changed

    def discard_run(self, run: str, why: str) -> bool:
        """Let none of a run's cells count; return whether that was news."""
        return self._writer("discard-run").discard_run(run, why)

    def begin_study(
        self, evaluator: str, is_simulated: bool, budget: int | None, hours: float | None = None
    ) -> OwnCells:
        """Note that an evaluator measures from now on, up to a budget of cells or hours; return the cells so far.

        Raises
        ------
        DataInvalid
            If measured cells and those of a simulation, or of two, would stand in one ledger.
        """
        ledger = self._writer("study run")
        own = self.own_cells()
        own.require_evaluator(evaluator)
        if is_simulated and own.simulated_by is None and own.counting():
            must = "holds measured cells, with which simulated ones must not be mixed"
            raise DataInvalid(Problem(must, todo="Begin a campaign of its own", file=str(self.folder)))
        payload: dict[str, object] = {
            "event": "study",
            "evaluator": evaluator,
            "is_simulated": is_simulated,
            "budget": budget,
        }
        if hours is not None:
            payload["hours"] = hours
        if not any(dict(fact.payload) == payload for fact in own.state.notes):
            ledger.add_note(payload, expected=own.state.n_facts)
        return self.own_cells()

    # -- learning ------------------------------------------------------------------------------------------------

    def retrain(self, *, progress: Progress | None = None, dry_run: bool = False, n_jobs: int = 1) -> RetrainReport:
        """Let the specifications compete on the campaign's own cells, in the same folds, and refit on all data.

        Raises
        ------
        LedgerChanged
            If somebody else wrote meanwhile.
        """
        from pvdopt.learning import retrain

        ledger = None if dry_run else self._writer("retrain")
        own = self.own_cells()
        return retrain(self.beliefs(own), own, self.config.surrogate, ledger, self._cards, progress, n_jobs)

    def roll_back(self, *, dry_run: bool = False) -> RetrainReport:
        """Go back to the specification that was in use before the last change, and refit it on all data.

        Raises
        ------
        UsageError
            If there is none.
        LedgerChanged
            If somebody else wrote meanwhile.
        """
        from pvdopt.learning import roll_back

        ledger = None if dry_run else self._writer("retrain --rollback")
        own = self.own_cells()
        return roll_back(self.beliefs(own), own, self.config.surrogate, ledger, self._cards)

    def choices(self) -> list[Choice]:
        """Return the specifications chosen so far, oldest first."""
        from pvdopt.model_cards import choices

        return choices(self.own_cells().state.retrained)

    @property
    def _cards(self) -> Path | None:
        """Where model cards are written."""
        from pvdopt.model_cards import CARDS_FOLDER

        return None if self.folder is None else self.folder / CARDS_FOLDER

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
            How often outcomes are dealt out anew for the control; 0 leaves it out.

        Raises
        ------
        UsageError
            If a specification is unknown.
        """
        from pvdopt.evaluating import evaluate

        own = self.own_cells()
        return evaluate(self.beliefs(own), own, specifications, by, outcome, n_permutations, progress, n_jobs)

    def in_use(self) -> list[str]:
        """Return the surrogate in use, alone in a list, as :meth:`evaluate` takes specifications."""
        return [self.specification(self.own_cells().state)]

    # -- where it stands -----------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return where the campaign stands."""
        from pvdopt.standing import status

        own = self.own_cells()
        return status(own, self.name, self.folder, self.specification(own.state))

    def history(self, cell: str | None = None) -> list[HistoryLine]:
        """Return what was said of a cell, or of all, oldest first and in plain words.

        Raises
        ------
        DataInvalid
            If there is no such cell.
        """
        from pvdopt.history import tell_history

        return tell_history([] if self.ledger is None else self.ledger.facts(), cell)

    def best(self) -> Best:
        """Return the best so far per objective, measured and believed."""
        from pvdopt.standing import best

        own = self.own_cells()
        return best(own, self.beliefs(own))

    def pareto(self, believed: bool = True) -> pd.DataFrame:
        """Return the measured recipes that no other beats in all objectives.

        Parameters
        ----------
        believed : bool
            Compare posterior medians, not measured values.
        """
        from pvdopt.standing import pareto

        own = self.own_cells()
        return pareto(own, self.beliefs(own) if believed else None)

    def export(self, folder: str | Path) -> list[Path]:
        """Write cells and facts as CSV and JSON with a data dictionary; return the files' paths.

        Raises
        ------
        DataInvalid
            If the folder holds anything but an earlier export.
        """
        from pvdopt.exchange import write_export
        from pvdopt.standing import export_frame

        ledger = self._writer("export")
        own = self.own_cells()
        home = self.folder or Path()
        return write_export(Path(folder), export_frame(own), own.state, ledger.facts(), self.config, home)
