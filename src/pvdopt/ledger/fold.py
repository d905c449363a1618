"""Facts added up: they go in one after the other, in their order, and the state of the campaign comes out.

The running sum behind :mod:`pvdopt.ledger.state`. Knows no database and judges no request.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger.facts import FAILURE_CLASSES, Fact, find_faults
from pvdopt.ledger.state import CellState, LedgerState, Status
from pvdopt.ledger.values import Outcome, Payload, Scalar, is_same, unknown_cell

#: What a correction can change.
Part = Literal["outcome", "setting", "label"]
#: Texts of a cell that are said once and changed only by a correction.
LABELS = ("outcome_class", "stage", "cause", "run", "sample")


@dataclass
class Cell:
    """The running sum of the facts about one cell; see :class:`CellState` for the attributes they share."""

    id: str
    kind: Literal["proposed", "added"]
    recipe: dict[str, Scalar]
    proposal: Payload = field(default_factory=dict)
    predicted: dict[str, Payload] = field(default_factory=dict)
    executed: dict[str, Scalar] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    times: dict[str, str] = field(default_factory=dict)
    history: list[Payload] = field(default_factory=list)
    series: Payload | None = None
    vetoed: str | None = None
    is_made: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether anything is known of it beyond the plan."""
        return self.is_made or bool(self.outcomes) or "outcome_class" in self.labels

    @property
    def run(self) -> str | None:
        """The run it was made in, else the one it was planned for."""
        return self.labels.get("run") or self.proposal.get("run")

    @property
    def runs(self) -> set[str]:
        """Every run it was made in or planned for, of each kind: what discarding one of them takes it along with."""
        planned = self.proposal.get("runs") or {}
        first = self.proposal.get("run")
        others = {label for label in planned.values() if label != first}
        return {*others, self.run} if self.run else others

    @property
    def outcome_class(self) -> str | None:
        """As stated; without a word, measured figures say ``ok``."""
        return self.labels.get("outcome_class") or ("ok" if self.outcomes else None)

    def current(self, part: Part, name: str) -> object:
        """Return what is recorded under a name as plain JSON, None if nothing is."""
        if part == "outcome":
            outcome = self.outcomes.get(name)
            return None if outcome is None else outcome.to_json()
        return self.executed.get(name) if part == "setting" else self.labels.get(name)

    def has(self, part: Part, name: str) -> bool:
        """Whether something is recorded under a name; a setting may be recorded as not applying (None)."""
        return name in self.executed if part == "setting" else self.current(part, name) is not None

    def was_replaced(self, part: Part, name: str, value: object) -> bool:
        """Whether a correction has replaced exactly this value."""
        return any(h["part"] == part and h["name"] == name and is_same(h["old"], value) for h in self.history)

    def copy(self) -> Cell:
        """Return a cell to which facts can be added without touching this one."""
        return replace(
            self,
            recipe=dict(self.recipe),
            predicted=dict(self.predicted),
            executed=dict(self.executed),
            outcomes=dict(self.outcomes),
            labels=dict(self.labels),
            remarks=list(self.remarks),
            times=dict(self.times),
            history=list(self.history),
        )

    def add(self, fact: Fact) -> None:
        """Add one fact about this cell; those that create a cell are the fold's business."""
        says = fact.payload
        self.times[fact.kind] = fact.time
        if fact.kind == "edited":
            self.recipe.update(says["recipe"])
            # The stored prediction was for the recipe before the edit.
            self.predicted = dict(says["predicted"])
        elif fact.kind == "vetoed":
            self.vetoed = says.get("why") or ""
        elif fact.kind == "executed":
            self.is_made = True
            self.executed.update(says["settings"])
            self._label(says)
        elif fact.kind == "measured":
            for name, raw in says["outcomes"].items():
                new = Outcome.parse(raw)
                old = self.outcomes.get(name)
                if old is not None and old != new:
                    change = {"part": "outcome", "name": name, "old": old.to_json(), "new": new.to_json()}
                    said = {"time": fact.time, "author": fact.author, "why": "read again after more cycles"}
                    self.history.append({**change, **said})
                self.outcomes[name] = new
            self._label(says)
        elif fact.kind == "failed":
            self._label(says)
        elif fact.kind == "note":
            if says.get("remark"):
                self.remarks.append(says["remark"])
            if says.get("series"):
                self.series = dict(says["series"])
        else:
            # Corrected: the last of the kinds that tell of a cell.
            for change in says["changes"]:
                self._correct(change, fact)

    def _label(self, says: Mapping[str, Any]) -> None:
        for name in LABELS:
            if said := says.get(name):
                self.labels[name] = said

    def _correct(self, change: Mapping[str, Any], fact: Fact) -> None:
        name, new = change["name"], change["new"]
        if change["part"] == "setting":
            self.is_made = True
            self.executed[name] = new
        elif change["part"] == "outcome":
            self.outcomes.pop(name, None)
            if new is not None:
                self.outcomes[name] = Outcome.parse(new)
        else:
            self.labels.pop(name, None)
            if new is not None:
                self.labels[name] = new
        said = {"time": fact.time, "author": fact.author, "why": fact.payload.get("why") or ""}
        self.history.append({**change, **said})

    def find_contradictions(self) -> list[Problem]:
        """Return what cannot be true of one cell at once."""
        word = self.labels.get("outcome_class")
        found = []
        if word == "not_made" and self.outcomes:
            todo = "Name another outcome class, or withdraw the outcomes"
            found.append(Problem("a cell with outcomes must have been made", word, todo, column="outcome_class"))
        if word not in FAILURE_CLASSES and ("stage" in self.labels or "cause" in self.labels):
            must = f"must be one of {', '.join(FAILURE_CLASSES)} where stage or cause of a failure is given"
            found.append(Problem(must, word, "What was merely seen is a remark", column="outcome_class"))
        return found

    def status(self, asked: Collection[str], discarded_runs: Collection[str]) -> Status:
        """Return where the cell stands, given the outcomes that were asked for."""
        if discarded_runs and not self.runs.isdisjoint(discarded_runs):
            return "discarded"
        if self.vetoed is not None:
            return "vetoed"
        if self.outcome_class not in (None, "ok"):
            return "failed"
        if self.outcomes:
            return "complete" if all(name in self.outcomes for name in asked) else "partial"
        return "made" if self.is_recorded else "proposed"

    def freeze(self, asked: Collection[str], discarded_runs: Collection[str]) -> CellState:
        """Return the cell as it stands self."""
        return CellState(
            id=self.id,
            kind=self.kind,
            recipe=dict(self.recipe),
            executed=dict(self.executed),
            outcomes=dict(self.outcomes),
            outcome_class=self.outcome_class,
            status=self.status(asked, discarded_runs),
            predicted=dict(self.predicted),
            purpose=self.proposal.get("purpose"),
            reason=self.proposal.get("reason"),
            proposal=dict(self.proposal),
            run=self.run,
            sample=self.labels.get("sample") or self.proposal.get("sample"),
            stage=self.labels.get("stage"),
            cause=self.labels.get("cause"),
            vetoed=self.vetoed,
            remarks=tuple(self.remarks),
            times=dict(self.times),
            history=tuple(self.history),
            series=self.series,
        )


@dataclass(frozen=True)
class _Survey:
    """What the cells of a fold name, in order, and the highest number in the ids of each kind."""

    settings: dict[str, None]
    outcomes: dict[str, None]
    highest: dict[str, int]


class Fold:
    """Facts folded so far. Facts are added in their order; nothing is ever taken out.

    Attributes
    ----------
    cells : dict of str to Cell
    n_facts, last_seq : int
        How many facts were added and the place of the last.
    last : Fact or None
    """

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self.cells: dict[str, Cell] = {}
        self.discarded_runs: dict[str, str] = {}
        self.retrained: list[Fact] = []
        self.notes: list[Fact] = []
        self.n_facts = 0
        self.last_seq = 0
        self.last: Fact | None = None
        self._surveyed: tuple[int, _Survey] | None = None
        for fact in facts:
            self.add(fact)

    @property
    def setting_names(self) -> dict[str, None]:
        """Every setting a recipe or an executed cell has named, in order."""
        return dict(self._survey().settings)

    @property
    def outcome_names(self) -> dict[str, None]:
        """Every outcome that was ever measured, in order."""
        return dict(self._survey().outcomes)

    def highest_number(self, kind: Literal["proposed", "added"]) -> int:
        """Return the highest number in an id of this kind, 0 where there is none."""
        return self._survey().highest.get(kind, 0)

    def _survey(self) -> _Survey:
        """Return what all cells together name; a table of a thousand rows asks for it a thousand times."""
        if self._surveyed is None or self._surveyed[0] != self.n_facts:
            cells = self.cells.values()
            highest: dict[str, int] = {}
            for cell in cells:
                highest[cell.kind] = max(highest.get(cell.kind, 0), int(cell.id[1:]))
            found = _Survey(
                # Most cells name the same ones: look at each list of names once.
                dict.fromkeys(n for names in dict.fromkeys((*c.recipe, *c.executed) for c in cells) for n in names),
                dict.fromkeys(n for names in dict.fromkeys(tuple(c.outcomes) for c in cells) for n in names),
                highest,
            )
            self._surveyed = (self.n_facts, found)
        return self._surveyed[1]

    def add(self, fact: Fact) -> None:
        """Add the next fact.

        Raises
        ------
        DataInvalid
            If the fact is of unknown kind or form, or tells of an unknown cell; only an altered ledger has such.
        """
        faults = [Problem(fault, row=f"fact {fact.seq}") for fault in find_faults(fact)]
        creates = fact.kind in ("proposed", "added")
        if fact.cell is not None and not faults and creates == (fact.cell in self.cells):
            place = f"fact {fact.seq}"
            faults.append(
                Problem("must name a new cell", fact.cell, row=place)
                if creates
                else unknown_cell(fact.cell, self.cells, row=place)
            )
        if faults:
            raise DataInvalid(faults)
        try:
            self._fold(fact)
        except (KeyError, TypeError, ValueError) as error:
            raise DataInvalid(Problem(f"payload cannot be read ({error!r})", row=f"fact {fact.seq}")) from error
        self.n_facts += 1
        self.last_seq = fact.seq
        self.last = fact

    def _fold(self, fact: Fact) -> None:
        says = fact.payload
        if fact.kind == "run_discarded":
            self.discarded_runs.setdefault(says["run"], says.get("why") or "")
        elif fact.kind == "retrained":
            self.retrained.append(fact)
        elif fact.cell is None:
            self.notes.append(fact)
        elif fact.kind in ("proposed", "added"):
            self.cells[fact.cell] = Cell(
                id=fact.cell,
                kind=cast("Literal['proposed', 'added']", fact.kind),
                recipe=dict(says["recipe"]),
                proposal=dict(says) if fact.kind == "proposed" else {},
                predicted=dict(says.get("predicted") or {}),
                remarks=[says["remark"]] if says.get("remark") else [],
                times={fact.kind: fact.time},
            )
        else:
            self.cells[fact.cell].add(fact)

    def state(self, outcomes: Iterable[str]) -> LedgerState:
        """Return the state of all cells, given which outcomes make one complete."""
        asked = tuple(outcomes)
        return LedgerState(
            cells={name: cell.freeze(asked, self.discarded_runs) for name, cell in self.cells.items()},
            n_facts=self.n_facts,
            asked=asked,
            discarded_runs=dict(self.discarded_runs),
            retrained=tuple(self.retrained),
            notes=tuple(self.notes),
        )


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep the collector of cyclic garbage from looking through a hundred thousand new objects time and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
