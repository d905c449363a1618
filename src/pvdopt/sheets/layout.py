"""What a run sheet holds: which cells in which order, what is planned, and which places are to be filled in.

A place that stays empty says nothing: the setting was made as planned, the outcome is still to come. What is recorded
already stands in its place, so that a sheet can be written again for the retentions that come weeks later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pvdopt.campaign import Campaign
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.columns import vocabulary
from pvdopt.errors import DataInvalid
from pvdopt.lab_tables.fields import CELL, MADE_ON, REPLICATE_OF, Field, read_outcome, read_value
from pvdopt.lab_tables.recording import PLANNED
from pvdopt.ledger.facts import OUTCOME_CLASSES
from pvdopt.ledger.state import CellState
from pvdopt.ledger.values import Outcome, unknown_cell
from pvdopt.units import shown_in

Kind = Literal["id", "planned", "text", "number", "choice", "date"]
Value = float | str | None

#: Settings that no recipe holds and that turn what a tester shows into what is asked for.
_TEST_SETTINGS = ("area_cm2",)
#: Significant digits of a planned number without a step of its own.
_DIGITS = 6


@dataclass(frozen=True)
class SheetColumn:
    """A column of a run sheet.

    Attributes
    ----------
    head : str
        As it is written, with the unit; :func:`pvdopt.lab_tables.recording.read_table` reads it.
    kind : str
        ``planned`` and ``id`` are not to be filled in.
    choices : tuple of str
        The words allowed.
    hint : str
        What to write here.
    decimals : int or None
        Decimals that the machine can set.
    """

    head: str
    kind: Kind
    choices: tuple[str, ...] = ()
    hint: str = ""
    decimals: int | None = None

    @property
    def is_input(self) -> bool:
        """Whether the column is to be filled in."""
        return self.kind not in ("id", "planned")


@dataclass(frozen=True)
class RunGroup:
    """Cells that are made together in a run, and what it is set to; without a label, all cells."""

    label: str
    cells: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sheet:
    """A run sheet before it is a file.

    Attributes
    ----------
    columns : tuple of SheetColumn
    rows : tuple of tuple
        One a cell, in the order of making.
    groups : tuple of RunGroup
        Every run there is, cells in the order of the rows.
    fixed : tuple of (str, str)
        What is the same in all, as texts with units.
    """

    title: str
    columns: tuple[SheetColumn, ...]
    rows: tuple[tuple[Value, ...], ...]
    groups: tuple[RunGroup, ...]
    fixed: tuple[tuple[str, str], ...]
    instructions: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The cells."""
        return tuple(str(row[0]) for row in self.rows)


def lay_out(campaign: Campaign, cells: Sequence[str] | None = None) -> Sheet:
    """Return the run sheet of cells.

    Parameters
    ----------
    cells : sequence of str, optional
        Ids; by default every cell that waits for something.

    Raises
    ------
    DataInvalid
        If a cell is unknown.
    """
    own = campaign.own_cells()
    known = own.state.cells
    unknown = [unknown_cell(name, known) for name in cells or () if name not in known]
    if unknown:
        raise DataInvalid(unknown)
    chosen = [known[name] for name in dict.fromkeys(cells)] if cells is not None else _open_cells(own)
    kinds = list(dict.fromkeys(kind for cell in chosen for kind in _runs(cell)))
    chosen.sort(key=lambda cell: ([_runs(cell).get(kind, "~") for kind in kinds], cell.id))
    maker = _Maker(campaign, own, kinds)
    columns = tuple(column for column, _ in maker.parts)
    rows = tuple(tuple(value(cell) for _, value in maker.parts) for cell in chosen)
    return Sheet(
        title=f"Run sheet of {campaign.name}",
        columns=columns,
        rows=rows,
        groups=tuple(maker.groups(chosen)),
        fixed=tuple((name, maker.text(name, value)) for name, value in campaign.space.fixed.items()),
        instructions=tuple(_instructions(campaign)),
    )


def _open_cells(own: OwnCells) -> list[CellState]:
    return [c for c in own.state.cells.values() if c.status in ("proposed", "made") or own.waits_for(c)]


def _runs(cell: CellState) -> dict[str, str]:
    """Return by kind the runs a cell was planned into."""
    planned = cell.proposal.get("runs") or {}
    return {str(kind): str(label) for kind, label in planned.items() if label}


def _instructions(campaign: Campaign) -> Iterator[str]:
    cycles = campaign.protocol.cycles
    yield "What stays empty was made as planned, or is not known yet and comes later."
    yield (
        "Outcomes may carry a sign, an uncertainty or a unit: >= 92 %, ~50, 58.2 +- 1.5, 26 uAh (with area and "
        "thickness as made)."
    )
    yield "A cell without usable figures gets its outcome_class, with stage and cause if known."
    if cycles is not None:
        yield f"Retention is asked for after {cycles:g} cycles. Read earlier, state the cycles; it can be read again."
    yield "A further cell of a film gets a line of its own: no id, replicate_of the film's first cell, cell 2, 3, ..."
    yield "Save the file as it is, and record it as often as something is added: nothing is recorded twice."


class _Maker:
    """Makes the columns of a campaign's sheets: how each is headed, and what a cell has there."""

    def __init__(self, campaign: Campaign, own: OwnCells, kinds: Sequence[str]) -> None:
        self.campaign = campaign
        self.own = own
        self.fields = campaign.fields
        self.units = campaign.config.machine_units()
        self.parts: list[tuple[SheetColumn, Any]] = [(SheetColumn("id", "id"), lambda cell: cell.id)]
        for kind in kinds:
            head = SheetColumn(f"{PLANNED}{kind}_run", "planned")
            self.parts.append((head, lambda cell, kind=kind: _runs(cell).get(kind)))
        for name in campaign.space.names:
            self._add_planned(name)
        for name in campaign.space.names:
            self._add_made(name, "leave empty where it was made as planned")
        self._add_text("sample", "the film on its piece of substrate")
        self._add_text(CELL, "which of the film's cells; the first may stay empty")
        self._add_text("run", "the deposition run as your log book calls it")
        self.parts.append((SheetColumn(MADE_ON, "date", hint="day, such as 2025-03-31"), self._setting(MADE_ON)))
        for name in _TEST_SETTINGS:
            if name not in campaign.space:
                self._add_made(name, "active area; needed where a charge is not per area")
        for name in self._outcomes():
            self._add_outcome(name)
        hint = "whether the cell gave usable figures"
        self.parts.append(
            (
                SheetColumn("outcome_class", "choice", OUTCOME_CLASSES, hint),
                lambda cell: self._label(cell, "outcome_class"),
            )
        )
        self._add_text("stage", "where it failed, such as anneal")
        self._add_text("cause", "why it failed, if known")
        self._add_text("remark", "anything else", lambda cell: None)
        self._add_text(REPLICATE_OF, "id of the film's first cell, in a line without id", lambda cell: None)

    def _outcomes(self) -> list[str]:
        names = [o.name for o in self.campaign.objectives]
        if {"capacity", "areal_capacity"} <= set(names):
            # Of two that follow from each other the first is enough.
            names.remove("areal_capacity")
        return [*names, "cycles"] if "retention" in names else names

    # -- heads -----------------------------------------------------------------------------------------------------

    def shown_unit(self, name: str) -> str:
        """Return the unit in which a setting stands in the sheet."""
        return self.units.get(name) or self.fields[name].unit or ""

    def _head(self, name: str) -> str:
        unit = self.shown_unit(name)
        return f"{name} [{unit}]" if unit and unit != "1" else name

    def _add_planned(self, name: str) -> None:
        column = SheetColumn(f"{PLANNED}{self._head(name)}", "planned", decimals=self._decimals(name))
        self.parts.append((column, lambda cell: self.shown(name, cell.recipe.get(name))))

    def _add_made(self, name: str, hint: str) -> None:
        field = self.fields[name]
        kind: Kind = "choice" if field.levels else "text" if field.unit is None else "number"
        choices = tuple(field.levels)
        self.parts.append((SheetColumn(self._head(name), kind, choices, hint), self._setting(name)))

    def _add_text(self, name: str, hint: str, value: Any = None) -> None:
        read = value or (self._setting(name) if name == CELL else lambda cell: self._label(cell, name))
        self.parts.append((SheetColumn(name, "text", hint=hint), read))

    def _add_outcome(self, name: str) -> None:
        field = self.fields[name]
        unit = "%" if name == "retention" else field.unit or ""
        head = f"{name} [{unit}]" if unit and unit != "1" else name
        hint = vocabulary()[name].meaning if name in vocabulary() else ""
        if name == "retention":
            hint = "capacity after the cycles over the first, in %: 91 means that 91 % is left"
        self.parts.append(
            (SheetColumn(head, "number", hint=hint), lambda cell: _outcome(field, cell.outcomes.get(name)))
        )

    def _decimals(self, name: str) -> int | None:
        """Return the decimals of a setting's finest difference in the unit it is shown in."""
        p = self.campaign.space[name]
        step = getattr(p, "step", None) or getattr(p, "resolution", None)
        if step is None:
            return None
        unit = self.fields[name].unit or "1"
        shown = abs(shown_in(step, unit, self.shown_unit(name)) - shown_in(0.0, unit, self.shown_unit(name)))
        return next((d for d in range(7) if math.isclose(shown * 10**d, round(shown * 10**d), abs_tol=1e-9)), 6)

    # -- values ----------------------------------------------------------------------------------------------------

    def shown(self, name: str, value: Any) -> Value:
        """Return a setting in the sheet's unit."""
        if value is None or not isinstance(value, (int, float)) or isinstance(value, bool):
            return None if value is None else str(value)
        number = shown_in(float(value), self.fields[name].unit or "1", self.shown_unit(name) or "1")
        return float(f"{number:.12g}")

    def text(self, name: str, value: Any) -> str:
        """Return a setting as a text with its unit."""
        if name not in self.fields or not isinstance(value, (int, float)):
            return str(value)
        unit = self.shown_unit(name)
        return f"{self.shown(name, value):.{_DIGITS}g} {'' if unit == '1' else unit}".strip()

    def _setting(self, name: str) -> Any:
        def read(cell: CellState) -> Value:
            value = cell.executed.get(name)
            shown = self.shown(name, value)
            field = replace(self.fields[name], column=None)
            # A value that would not come back as it is stays out: it is recorded, and nobody has to write it again.
            return shown if value is None or read_value(field, shown, self.shown_unit(name) or None) == value else None

        return read

    def _label(self, cell: CellState, name: str) -> Value:
        value: Value = getattr(cell, name)
        # Nobody wrote these: without a word figures say ok, and run and sample are as planned.
        is_implied = (name == "outcome_class" and value == "ok") or value == cell.proposal.get(name)
        return None if is_implied else value

    def groups(self, cells: Sequence[CellState]) -> Iterator[RunGroup]:
        """Yield every run of the cells with what it is set to; all cells as one group where there are no runs."""
        shares = {run.name: run.shares for run in self.campaign.config.runs()}
        labels = dict.fromkeys((kind, label) for cell in cells for kind, label in _runs(cell).items())
        for kind, label in sorted(labels, key=lambda found: [*shares, found[0]].index(found[0])):
            inside = [cell for cell in cells if _runs(cell).get(kind) == label]
            yield self._group(label, inside, [n for n in shares.get(kind, ()) if n in self.fields])
        if not labels:
            names = self.campaign.space.names
            common = [n for n in names if cells and len({repr(c.recipe.get(n)) for c in cells}) == 1]
            yield self._group("", cells, common)

    def _group(self, label: str, cells: Sequence[CellState], names: Sequence[str]) -> RunGroup:
        first = cells[0].recipe if cells else {}
        settings = ((n, self.text(n, first[n])) for n in names if first.get(n) is not None)
        return RunGroup(label, tuple(cell.id for cell in cells), tuple(settings))


def _outcome(field: Field, outcome: Outcome | None) -> Value:
    """Return a recorded outcome as it is written; nothing where it would not come back as it is."""
    if outcome is None:
        return None
    scale, unit = (100.0, "%") if field.name == "retention" else (1.0, field.unit or "1")
    number = f"{outcome.value * scale:.12g}"
    shown: Value = float(number)
    if outcome.qualifier != "=" or outcome.sd is not None:
        sd = "" if outcome.sd is None else f" +- {outcome.sd * scale:.12g}"
        sign = "" if outcome.qualifier == "=" else f"{outcome.qualifier} "
        shown = f"{sign}{number}{sd} {'' if unit == '1' else unit}".strip()
    text = shown if isinstance(shown, str) else f"{shown!r} {unit}"
    return shown if read_outcome(field, text) == outcome else None
