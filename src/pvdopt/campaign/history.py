"""What was said of a campaign's cells, in order and in plain words: who said what when, and what it replaced.

Reads facts; knows no model and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pvdopt.errors import DataInvalid
from pvdopt.ledger.facts import Fact
from pvdopt.ledger.values import Outcome, show, unknown_cell

Says = Mapping[str, Any]


@dataclass(frozen=True)
class HistoryLine:
    """One fact in words; ``cell`` is empty for one about the campaign."""

    time: str
    author: str
    cell: str
    what: str
    why: str = ""


def tell_history(facts: Iterable[Fact], cell: str | None = None) -> list[HistoryLine]:
    """Return what was said, oldest first.

    Parameters
    ----------
    cell : str, optional
        Only of this cell, with what was said of a run it belongs to.

    Raises
    ------
    DataInvalid
        If there is no such cell.
    """
    listed = list(facts)
    cells = dict.fromkeys(fact.cell for fact in listed if fact.cell is not None)
    if cell is not None and cell not in cells:
        raise DataInvalid(unknown_cell(cell, cells))
    runs = _runs_of(listed, cell)
    readings: dict[tuple[str, str], Any] = {}
    lines = []
    for fact in listed:
        is_about = cell is None or fact.cell == cell or (fact.kind == "run_discarded" and fact.payload["run"] in runs)
        what = _WORDS[fact.kind](fact.payload)
        if fact.kind == "measured":
            what = _measured(fact, readings)
        if is_about and what:
            lines.append(HistoryLine(fact.time, fact.author, fact.cell or "", what, fact.payload.get("why") or ""))
    return lines


def _runs_of(facts: Iterable[Fact], cell: str | None) -> set[str]:
    """Return every run that a cell was planned into or made in."""
    found = set()
    for fact in facts:
        if fact.cell == cell:
            planned = fact.payload.get("runs")
            found |= {str(label) for label in planned.values()} if isinstance(planned, dict) else set()
            found |= {str(fact.payload["run"])} if fact.payload.get("run") else set()
    return found


def _measured(fact: Fact, readings: dict[tuple[str, str], Any]) -> str:
    """Say what was measured, and of what was read again what it was before."""
    parts = []
    for name, raw in fact.payload["outcomes"].items():
        earlier = readings.get((fact.cell or "", name))
        readings[fact.cell or "", name] = raw
        before = (
            "" if earlier is None or earlier == raw else f" (read as {show(Outcome.parse(earlier).to_json())} before)"
        )
        parts.append(f"{name} {show(Outcome.parse(raw).to_json())}{before}")
    word = fact.payload.get("outcome_class")
    return "measured " + ", ".join([*parts, *([f"outcome_class {word}"] if word else [])])


def _outcome(raw: object) -> str:
    return show(Outcome.parse(raw).to_json())


def _values(values: Says) -> str:
    return ", ".join(f"{name} {show(value)}" for name, value in values.items() if value is not None)


def _executed(says: Says) -> str:
    labels = {name: says[name] for name in ("run", "sample") if says.get(name)}
    idle = [f"{name} did not apply" for name, value in says["settings"].items() if value is None]
    return "made with " + ", ".join(filter(None, [_values({**says["settings"], **labels}), *idle]))


def _corrected(says: Says) -> str:
    changes = (f"{c['name']} {_old(c['old'])} is {_new(c['new'])}" for c in says["changes"])
    return "corrected: " + ", ".join(changes)


def _old(value: object) -> str:
    return "(nothing)" if value is None else show(value)


def _new(value: object) -> str:
    return "withdrawn" if value is None else show(value)


def _note(says: Says) -> str:
    if says.get("remark"):
        return f"remark: {says['remark']}"
    if says.get("series"):
        series = says["series"]
        return f"capacity of {len(series['cycle'])} cycles from {series.get('file') or 'a file'}"
    return f"the campaign began ({says['event']})" if says.get("event") == "created" else _event(says)


def _event(says: Says) -> str:
    return ", ".join(_plain(says)) if says.get("event") else ""


def _plain(says: Says) -> Iterator[str]:
    for name, value in says.items():
        if isinstance(value, (str, int, float)) and len(str(value)) < 60:
            yield f"{name} {value}"


def _failed(says: Says) -> str:
    where = f" at {says['stage']}" if says.get("stage") else ""
    return f"failed: {says['outcome_class']}{where}" + (f", {says['cause']}" if says.get("cause") else "")


#: What each kind of fact says.
_WORDS: Mapping[str, Callable[[Says], str]] = {
    "proposed": lambda says: f"proposed ({says.get('purpose') or 'no purpose'}): {_values(says['recipe'])}",
    "added": lambda says: f"added by the laboratory: {_values(says['recipe'])}",
    "edited": lambda says: f"changed: {_values(says['recipe'])}",
    "vetoed": lambda says: "vetoed",
    "executed": _executed,
    "measured": lambda says: "measured",
    "failed": _failed,
    "corrected": _corrected,
    "run_discarded": lambda says: f"run {says['run']} counts no more",
    "retrained": lambda says: f"retrained: {says.get('chosen', '')}",
    "note": _note,
}
