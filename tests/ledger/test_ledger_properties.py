"""However a lab splits and orders what it reports, the ledger comes to the same state."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_recipes import proposal

from pvdopt.ledger import FAILURE_CLASSES, QUALIFIERS, CellRecord, Ledger, LedgerState, Outcome
from pvdopt.ledger.facts import Fact
from pvdopt.ledger.fold import Fold
from pvdopt.ledger.intake import plan_record

IDS = ("P001", "P002", "P003")
finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda text: text == text.strip()
)
outcomes = st.builds(Outcome, finite, st.sampled_from(QUALIFIERS), st.none() | st.floats(1e-6, 1e6))


@st.composite
def pieces(draw: st.DrawFn) -> list[CellRecord]:
    """Everything a lab may come to say about three cells, in as many pieces as possible, without contradiction."""
    said: list[CellRecord] = []
    for name in IDS:
        executed = draw(st.dictionaries(st.sampled_from(["bias_v", "gas", "thickness_um"]), st.none() | finite | texts))
        measured = draw(st.dictionaries(st.sampled_from(["capacity", "retention", "cycles"]), outcomes))
        said += [CellRecord(name, executed={key: value}) for key, value in executed.items()]
        said += [CellRecord(name, outcomes={key: value}) for key, value in measured.items()]
        said += [CellRecord(name, remark=remark) for remark in draw(st.lists(texts, max_size=2, unique=True))]
        for label in ("run", "sample"):
            if draw(st.booleans()):
                said.append(CellRecord(name, **{label: draw(texts)}))
        failure = draw(st.none() | st.sampled_from([c for c in FAILURE_CLASSES if c != "not_made"]))
        if failure:
            said.append(CellRecord(name, outcome_class=failure, stage=draw(st.none() | texts)))
    return said


def merge(said: Sequence[CellRecord]) -> list[CellRecord]:
    """Say it all in one row a cell (remarks apart, since a row has but one)."""
    rows: dict[str, dict[str, Any]] = {}
    remarks = []
    for piece in said:
        row = rows.setdefault(piece.id, {"id": piece.id, "executed": {}, "outcomes": {}})
        row["executed"].update(piece.executed)
        row["outcomes"].update(piece.outcomes)
        row.update({k: v for k in ("run", "sample", "outcome_class", "stage") if (v := getattr(piece, k))})
        if piece.remark:
            remarks.append(CellRecord(piece.id, remark=piece.remark))
    return [CellRecord(**row) for row in rows.values()] + remarks


def content(state: LedgerState) -> dict[str, Any]:
    """Return what is known, without when it was said and in which order remarks came."""
    cells = {name: asdict(cell) for name, cell in state.cells.items()}
    for cell in cells.values():
        del cell["times"]
        cell["remarks"] = sorted(cell["remarks"])
    return cells


def new_fold() -> Fold:
    return Fold(Fact(i, "proposed", name, "2025-03-01T00:00Z", "a", "1", proposal()) for i, name in enumerate(IDS, 1))


def record(fold: Fold, rows: Sequence[CellRecord]) -> int:
    drafts, _ = plan_record(fold, rows)
    for draft in drafts:
        seq = fold.last_seq + 1
        fold.add(Fact(seq, draft.kind, draft.cell, f"2025-03-01T00:00:{seq:02d}Z", "a", "1", draft.payload))
    return len(drafts)


def split(said: Sequence[CellRecord], cuts: Sequence[int]) -> list[Sequence[CellRecord]]:
    edges = [0, *sorted(cut % (len(said) + 1) for cut in cuts), len(said)]
    return [said[start:stop] for start, stop in pairwise(edges)]


def fold_in_calls(said: Sequence[CellRecord], cuts: Sequence[int]) -> Fold:
    fold = new_fold()
    for part in split(said, cuts):
        record(fold, part)
    return fold


@settings(max_examples=60, deadline=None)
@given(st.data(), pieces(), st.lists(st.integers(0, 100), max_size=4))
def test_state_depends_neither_on_the_calls_nor_on_their_order(
    data: st.DataObject, said: list[CellRecord], cuts: list[int]
) -> None:
    asked = ("capacity", "retention")
    at_once = content(fold_in_calls(merge(said), []).state(asked))
    assert content(fold_in_calls(said, cuts).state(asked)) == at_once
    shuffled = data.draw(st.permutations(said))
    assert content(fold_in_calls(shuffled, cuts).state(asked)) == at_once


@settings(max_examples=60, deadline=None)
@given(pieces())
def test_recording_again_adds_no_fact(said: list[CellRecord]) -> None:
    fold = new_fold()
    record(fold, said)
    assert record(fold, said) == 0
    assert record(fold, merge(said)) == 0


@settings(max_examples=15, deadline=None)
@given(pieces(), st.lists(st.integers(0, 100), max_size=3))
def test_a_file_gives_back_what_was_folded(said: list[CellRecord], cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger.create(Path(folder) / "l.db", "lco", "anna") as ledger:
        ledger.add_proposals([proposal()] * 3)
        for part in split(said, cuts):
            ledger.record(part)
        assert content(ledger.state()) == content(fold_in_calls(said, cuts).state(("capacity", "retention")))
        with Ledger.open(Path(folder) / "l.db") as other:
            assert other.digest() == ledger.digest()
            assert other.state() == ledger.state()
            assert other.check() == []
