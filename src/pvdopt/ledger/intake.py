"""What may be said next: turns a request into facts, or refuses it with all its problems.

Pure: reads the fold of the facts so far and returns drafts. Saying again what is recorded already adds nothing;
saying something else needs a correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger.changes import foresee, plan_added
from pvdopt.ledger.facts import FAILURE_CLASSES, OUTCOME_CLASSES, Draft, Fact
from pvdopt.ledger.fold import LABELS, Cell, Fold, Part
from pvdopt.ledger.values import (
    Outcome,
    Payload,
    close_names,
    find_name_fault,
    is_same,
    read_text,
    show,
    to_plain,
    to_scalar,
    unknown_cell,
)

#: The number of cycles after which a fading cell was read, and what is read again as it goes on. More cycles are news,
#: not a contradiction; the earlier reading stays in the history.
CYCLES = "cycles"
READ_AGAIN = ("retention", CYCLES)


@dataclass(frozen=True)
class CellRecord:
    """What the lab reports about one cell; everything but ``id`` may be missing and come later.

    Attributes
    ----------
    id : str or None
        None for a cell of the lab's own that the ledger does not know yet; it then needs a recipe.
    recipe : mapping, optional
        Of such a cell: all its settings, None where one does not apply.
    executed : mapping
        Settings as made, by name; None where a setting did not apply.
    outcomes : mapping
        By name an :class:`~pvdopt.ledger.facts.Outcome`, a number, or ``{value, qualifier, sd}``.
    outcome_class : str, optional
        One of ``OUTCOME_CLASSES``.
    stage, cause : str, optional
        Where and why it failed.
    series : mapping, optional
        ``cycle`` and ``capacity``, lists of one length, and whatever else is worth keeping of it.
    file, row : str, int, optional
        Where the record comes from, for messages.
    """

    id: str | None
    executed: Mapping[str, object] = field(default_factory=dict)
    outcomes: Mapping[str, object] = field(default_factory=dict)
    outcome_class: str | None = None
    stage: str | None = None
    cause: str | None = None
    remark: str | None = None
    sample: str | None = None
    run: str | None = None
    file: str | None = None
    row: int | None = None
    recipe: Mapping[str, object] | None = None
    series: Mapping[str, Any] | None = None

    @classmethod
    def parse(cls, raw: CellRecord | Mapping[str, Any]) -> CellRecord:
        """Read a record given as a mapping.

        Raises
        ------
        DataInvalid
            If it has no id or a field that no record has.
        """
        if isinstance(raw, CellRecord):
            return raw
        known = [f.name for f in fields(cls)]
        problems = [
            Problem("must be a field of a record", key, close_names(key, known)) for key in raw if key not in known
        ]
        if "id" not in raw and "recipe" not in raw:
            problems.append(Problem("a record must name its cell as id"))
        if problems:
            raise DataInvalid(problems)
        return cls(**{"id": None, **raw, "executed": raw.get("executed") or {}, "outcomes": raw.get("outcomes") or {}})


@dataclass(frozen=True)
class Recorded:
    """What became of the rows of one call.

    Attributes
    ----------
    new, unchanged : int
        Rows that told something new, and rows that told nothing new.
    n_facts : int
        Facts written.
    replaced : tuple of str
        A sentence for every value that was said again although a correction has replaced it; the correction stands.
    ids : tuple of str
        The cell of each row; new cells get theirs with the writing.
    """

    new: int
    unchanged: int
    n_facts: int
    replaced: tuple[str, ...] = ()
    ids: tuple[str, ...] = field(default=(), compare=False)


def plan_record(fold: Fold, rows: Iterable[CellRecord | Mapping[str, Any]]) -> tuple[list[Draft], Recorded]:
    """Return the facts that the rows add.

    Raises
    ------
    DataInvalid
        With every problem of every row; then no row counts.
    """
    reader = _Reader(fold)
    counts = [reader.read(row) for row in rows]
    if reader.problems:
        raise DataInvalid(reader.problems)
    new = sum(count > 0 for count in counts)
    recorded = Recorded(new, len(counts) - new, len(reader.drafts), tuple(reader.replaced), tuple(reader.ids))
    return reader.drafts, recorded


class _Reader:
    """Reads row after row; a later row sees what an earlier one of the same call said."""

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.cells: dict[str, Cell] = {}
        self.n_added = 0
        self.drafts: list[Draft] = []
        self.problems: list[Problem] = []
        self.replaced: list[str] = []
        self.ids: list[str] = []
        self.told: dict[tuple[str, str], str] = {}
        self.settings = fold.setting_names
        self.outcomes = fold.outcome_names

    def read(self, raw: CellRecord | Mapping[str, Any]) -> int:
        """Read one row and return how many facts it adds."""
        try:
            record = CellRecord.parse(raw)
        except DataInvalid as error:
            self.problems.extend(error.problems)
            return 0
        place: dict[str, Any] = {"file": record.file, "row": record.id if record.row is None else record.row}
        added: list[Draft] = []
        if record.id is None and record.recipe is not None:
            try:
                cell, added = self._add_cell(record.recipe)
            except DataInvalid as error:
                self.problems.extend(replace(problem, **place) for problem in error.problems)
                return 0
        elif isinstance(record.id, str) and record.id in self.fold.cells:
            cell = self.cells.get(record.id, self.fold.cells[record.id])
        else:
            place["row"] = record.row
            self.problems.append(unknown_cell(record.id, self.fold.cells, column="id", **place))
            return 0
        row = _Row(self, cell, record, place)
        drafts = row.drafts()
        after = foresee(cell, drafts)
        problems = row.problems
        if drafts or problems:
            problems = [*problems, *row.find_bars(after)]
        if not problems:
            problems = [replace(problem, **place) for problem in after.find_contradictions()]
        if problems:
            self.problems.extend(problems)
            return 0
        self.cells[cell.id] = after
        self.n_added += len(added)
        self.ids.append(cell.id)
        for name in row.new:
            self.told[cell.id, name] = f"row {record.row}" if record.row is not None else "an earlier row"
        self.settings.update(dict.fromkeys(after.executed))
        self.outcomes.update(dict.fromkeys(after.outcomes))
        self.drafts.extend([*added, *drafts])
        return len(added) + len(drafts)

    def _add_cell(self, recipe: Mapping[str, object]) -> tuple[Cell, list[Draft]]:
        """Return a new cell of the lab's own and the fact that adds it, numbered after those of the same call."""
        (draft,) = plan_added(self.fold, recipe, None, self.n_added)
        fold = Fold([Fact(0, draft.kind, draft.cell, "2000-01-01T00:00Z", "", "", draft.payload)])
        return fold.cells[draft.cell or ""], [draft]


class _Row:
    """One row about a known cell: what of it is new, and what cannot stand."""

    def __init__(self, reader: _Reader, cell: Cell, record: CellRecord, place: dict[str, Any]) -> None:
        self.reader = reader
        self.cell = cell
        self.record = record
        self.place = place
        self.problems: list[Problem] = []
        self.new: list[str] = []

    def drafts(self) -> list[Draft]:
        """Return the facts this row adds; problems met on the way are kept."""
        settings: Payload = {}
        for name, value in self._named(self.record.executed, "executed", self.reader.outcomes, "an outcome"):
            try:
                plain = to_scalar(value)
            except ValueError as error:
                self._refuse(name, str(error))
                continue
            if self._is_new("setting", name, plain):
                settings[name] = plain
        outcomes: Payload = {}
        is_later = self._is_read_later()
        taken = {**self.reader.settings, **settings}
        for name, value in self._named(self.record.outcomes, "outcomes", taken, "a setting"):
            try:
                outcome = Outcome.parse(value).to_json()
            except ValueError as error:
                self._refuse(name, str(error))
                continue
            if (is_later and name in READ_AGAIN) or self._is_new("outcome", name, outcome):
                outcomes[name] = outcome
        labels = self._labels()
        made: Payload = {name: labels[name] for name in ("run", "sample") if name in labels}
        failure: Payload = {name: labels[name] for name in ("stage", "cause") if name in labels}
        stated = labels.get("outcome_class")
        drafts = []
        if settings or made:
            drafts.append(Draft("executed", self.cell.id, {"settings": settings, **made}))
        if outcomes or stated == "ok":
            word = {"outcome_class": "ok"} if stated == "ok" else {}
            drafts.append(Draft("measured", self.cell.id, {"outcomes": outcomes, **word}))
        if failure or stated in FAILURE_CLASSES:
            failed_as = stated or self.cell.labels.get("outcome_class")
            drafts.append(Draft("failed", self.cell.id, {"outcome_class": failed_as, **failure}))
        series = self._new_series()
        if series is not None:
            drafts.append(Draft("note", self.cell.id, {"series": series}))
        remark = self._text("remark", self.record.remark)
        if remark and remark not in self.cell.remarks:
            drafts.append(Draft("note", self.cell.id, {"remark": remark}))
        return drafts

    def _is_read_later(self) -> bool:
        """Whether the row reads a fading cell after more cycles than the reading that is recorded."""
        known = self.cell.outcomes.get(CYCLES)
        try:
            read = {name: Outcome.parse(self.record.outcomes[name]) for name in READ_AGAIN}
        except (KeyError, TypeError, ValueError):
            return False
        return known is not None and read[CYCLES].value > known.value

    def _new_series(self) -> Payload | None:
        """Return the row's capacity against cycle unless all of it is kept already."""
        if self.record.series is None:
            return None
        series: Payload = to_plain(self.record.series)
        known = self.cell.series or {"cycle": [], "capacity": []}
        pairs = dict(zip(known["cycle"], known["capacity"], strict=True))
        if all(pairs.get(n) == q for n, q in zip(series["cycle"], series["capacity"], strict=True)):
            return None
        return series

    def find_bars(self, after: Cell) -> list[Problem]:
        """Return why this cell takes no more records, given how it would stand."""
        found = []
        if self.cell.vetoed is not None:
            todo = "If it was made all the same, add it as the lab's own cell with `pvdopt add`"
            found.append(Problem("must not be a vetoed cell", self.cell.id, todo, column="id", **self.place))
        for run in sorted(after.runs & self.reader.fold.discarded_runs.keys()):
            must = f"must not be a discarded run ({self.reader.fold.discarded_runs[run]})"
            todo = "A cell made anew in another run is a new cell: `pvdopt add`"
            found.append(Problem(must, run, todo, column="run", **self.place))
        return found

    def _labels(self) -> dict[str, str]:
        labels = {}
        for name in LABELS:
            text = self._text(name, getattr(self.record, name))
            if text is None:
                continue
            if name == "outcome_class" and text not in OUTCOME_CLASSES:
                self._refuse(name, f"must be one of {', '.join(OUTCOME_CLASSES)}", text)
            elif self._is_new("label", name, text):
                labels[name] = text
        return labels

    def _is_new(self, part: Part, name: str, value: object) -> bool:
        """Whether a value is new; another value than the recorded one is a problem."""
        current = self.cell.current(part, name)
        if self.cell.has(part, name) and is_same(current, value):
            return False
        if self.cell.was_replaced(part, name, value):
            # The next copy of a sheet must not undo a correction, nor stop at it.
            now = f"corrected to {show(current)}" if self.cell.has(part, name) else "withdrawn"
            self.reader.replaced.append(f"{self.cell.id}, {name}: {show(value)} was {now}, which stands.")
            return False
        if not self.cell.has(part, name):
            self.new.append(name)
            return True
        earlier = self.reader.told.get((self.cell.id, name))
        if earlier:
            must, todo = f"is {show(current)} in {earlier} for the same cell", "Keep the one that is right"
        else:
            must = f"is recorded as {show(current)}"
            todo = f"If that is wrong: `pvdopt correct {self.cell.id} {name}=...`"
        self.problems.append(Problem(f"{must} and cannot also be {show(value)}", todo=todo, column=name, **self.place))
        return False

    def _named(
        self, given: Mapping[str, object], what: str, others: Mapping[str, None], kind: str
    ) -> Iterable[tuple[str, object]]:
        if not isinstance(given, Mapping):
            self._refuse(what, "must hold values by name", repr(given))
            return
        for name, value in given.items():
            fault = find_name_fault(name)
            if name in others:
                fault = f"is {kind} of this campaign's cells and cannot stand among {what}"
            if fault:
                self._refuse(str(name), fault)
            else:
                yield name, value

    def _text(self, name: str, raw: object) -> str | None:
        try:
            return read_text(raw)
        except ValueError as error:
            self._refuse(name, str(error))
            return None

    def _refuse(self, column: str, must: str, value: object = None) -> None:
        self.problems.append(Problem(must, value, column=column, **self.place))
