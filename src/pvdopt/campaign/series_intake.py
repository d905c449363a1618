"""What a cell's capacity against cycle says as results: the row to record, and the retention it may come to."""

from __future__ import annotations

from collections.abc import Mapping

from pvdopt.campaign.own_cells import OwnCells
from pvdopt.lab_tables.series import Series
from pvdopt.ledger.state import CellState

#: Which outcome a first capacity is, by the unit the series came in.
_OUTCOMES = {"uAh/cm2/um": "capacity", "uAh/cm2": "areal_capacity", "mAh/g": "capacity", "uAh": "capacity"}


def read_results(
    cell: CellState, series: Series, own: OwnCells, values: Mapping[str, object]
) -> tuple[dict[str, object], list[str]]:
    """Return a series' results as a row that can be recorded, and what else there is to say.

    What is recorded already stays, but for a retention that now is read after more cycles.

    Parameters
    ----------
    values : mapping
        What else was said with the series, such as area and thickness, by name.
    """
    row: dict[str, object] = {**values, "id": cell.id}
    notes = [f"{cell.id}: {len(series.cycle)} cycles of {series.file}; {note}" for note in series.notes]
    name = _OUTCOMES.get(series.unit)
    has_thickness = "thickness_um" in values or cell.executed.get("thickness_um") is not None
    if series.unit == "uAh" and not has_thickness:
        name = "areal_capacity"
    if name is not None and name not in values and name not in cell.outcomes:
        row[name] = f"{series.capacity[0]:.6g} {series.unit}"
    share, at = series.retention(own.protocol.cycles)
    known, cycles = cell.outcomes.get("retention"), cell.outcomes.get("cycles")
    read_at = own.protocol.cycles if cycles is None else cycles.value
    is_later = known is None or (read_at is not None and at > read_at)
    if at > 1 and is_later and "retention" not in values:
        row |= {"retention": float(f"{share:.6g}"), "cycles": at}
    elif known is not None and at == read_at and abs(share - known.value) > 0.02:
        notes.append(
            f"{cell.id}: a retention of {known.value:.4g} is recorded and stays; the series gives {share:.4g}. "
            f"If the recorded one is wrong:  pvdopt correct {cell.id} retention={share:.4g}"
        )
    return row, notes


def say_early(own: OwnCells, cell: CellState) -> str | None:
    """Return what a retention that was read early comes to, as a sentence; None for any other."""
    found = own.early_retention(cell)
    cycles, asked = cell.outcomes.get("cycles"), own.protocol.cycles
    if found is None or cycles is None or asked is None:
        return None
    mid, low, high = found
    return (
        f"{cell.id}: {cycles.value:g} of {asked:g} cycles so far. At {asked:g} its retention is estimated to be "
        f"{mid:.2f} (80 %: {low:.2f} to {high:.2f}); the cell stays open until that is read."
    )
