"""Model cards: which specification was chosen when, on what data and why; as the ledger keeps them and as people read.

The ledger's facts are the truth; the files of a card are copies for readers. Knows no model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvdopt.campaign.learning_reports import Choice
from pvdopt.errors import PvdoptError
from pvdopt.ledger.facts import Fact
from pvdopt.output_files import write_text

#: Folder of the cards within a campaign's.
CARDS_FOLDER = "model_cards"
#: Event of a choice that goes back to an earlier one.
ROLLBACK = "rollback"


def choices(facts: Sequence[Fact]) -> list[Choice]:
    """Return the choices a ledger holds, oldest first."""
    return [
        Choice(
            number=number,
            time=fact.time,
            author=fact.author,
            chosen=str(fact.payload["chosen"]),
            previous=str(fact.payload.get("previous", "")),
            is_rollback=fact.payload.get("event") == ROLLBACK,
            why=str(fact.payload.get("why", "")),
            n_own=dict(fact.payload.get("n_own", {})),
        )
        for number, fact in enumerate(facts, start=1)
    ]


def earlier_specification(facts: Sequence[Fact], configured: str) -> str:
    """Return the specification that was in use before the one in use now.

    Choices pile up and a rollback takes the last change off again; at the bottom lies what the campaign file names. A
    campaign file that names another specification than it did begins a pile of its own.

    Raises
    ------
    PvdoptError
        If there is none.
    """
    pile = [configured]
    for fact in facts:
        if fact.payload.get("configured") != configured:
            pile = [configured]
        elif fact.payload.get("event") == ROLLBACK:
            pile = pile[:-1] or [configured]
        elif fact.payload["chosen"] != pile[-1]:
            pile.append(str(fact.payload["chosen"]))
    if len(pile) < 2:
        raise PvdoptError(
            f"there is nothing to go back to: {pile[-1]} is what the campaign file names. "
            "To use another one, name it there (campaign.surrogate)."
        )
    return pile[-2]


def write_card(folder: Path, number: int, fact: Fact) -> Path:
    """Write a choice's card as JSON and, for people, as Markdown; return the latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    payload = {"number": number, "time": fact.time, "author": fact.author, **fact.payload}
    path = folder / f"choice-{number:03d}.md"
    for target, text in (
        (path.with_suffix(".json"), json.dumps(payload, indent=1, ensure_ascii=False) + "\n"),
        (path, render_card(payload)),
    ):
        write_text(target, text)
    return path


def render_card(card: Mapping[str, Any]) -> str:
    """Return a card as Markdown."""
    lines = [
        f"# Choice {card['number']}: {card['chosen']}",
        "",
        f"{card['time']}, {card['author']}. Before: {card.get('previous', '-')}; the campaign file names "
        f"{card['configured']}.",
        "",
        f"Why: {card.get('why', '-')}",
        "",
        f"Fingerprint of data, campaign file, specification, seed and versions: `{card.get('fingerprint', '-')}`; "
        f"of the data alone: `{card.get('data', '-')}`. Seed {card.get('seed', '-')}.",
        "",
        *_table(
            ("outcome", "own values", "reported values"),
            [(name, n, card.get("n_reported", {}).get(name, 0)) for name, n in card.get("n_own", {}).items()],
        ),
        *_section(
            "On own cells held out in the same folds",
            ("outcome", "specification", "CRPS", "less the one in use", "standard error", "rows"),
            [
                (
                    s["outcome"],
                    s["specification"],
                    _number(s["crps"]),
                    _number(s.get("difference"), "+.3f"),
                    _number(s.get("standard_error")),
                    s["n_rows"],
                )
                for s in card.get("skill", [])
            ],
        ),
        *_section(
            "Predictions stored with the proposals against what was measured",
            ("outcome", "results", "inside the 80 % interval", "CRPS", "log score"),
            [
                (r["outcome"], r["n"], f"{r['inside']} of {r['n_known']}", _number(r["crps"]), _number(r["log_score"]))
                for r in card.get("record", [])
            ],
        ),
        *_section("Versions", ("package", "version"), list(card.get("versions", {}).items())),
    ]
    notes = card.get("notes", [])
    lines += ["## Notes", "", *(f"- {note}" for note in notes), ""] if notes else []
    return "\n".join(lines)


def _section(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [f"## {title}", "", *_table(headings, rows)] if rows else []


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return [*("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines), ""]


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else f"{value:{form}}"
