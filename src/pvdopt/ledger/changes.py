"""What may be planned, dropped or put right: turns a proposal, veto, edit, correction or discarded run into facts.

Pure: reads the fold of the facts so far and returns drafts; none where everything stands that way already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pvdopt.errors import DataInvalid, Problem
from pvdopt.ledger.facts import OUTCOME_CLASSES, Draft, Fact, format_time, package_version, utc_now
from pvdopt.ledger.fold import LABELS, Cell, Fold, Part
from pvdopt.ledger.values import (
    Outcome,
    Payload,
    close_names,
    find_name_fault,
    is_same,
    read_text,
    to_plain,
    to_scalar,
    unknown_cell,
)

#: The program's proposals and the lab's own cells are told apart at a glance.
PREFIXES: Mapping[str, str] = {"proposed": "P", "added": "C"}
TEXTS = ("purpose", "reason", "fingerprint", "run", "sample")


def next_ids(fold: Fold, kind: Literal["proposed", "added"], n: int) -> list[str]:
    """Return the next ``n`` ids of a kind, ``P001`` onwards or ``C001`` onwards."""
    return [next_id(fold, kind, k) for k in range(n)]


def next_id(fold: Fold, kind: Literal["proposed", "added"], n_before: int) -> str:
    """Return the id that follows the next ``n_before`` ids of a kind."""
    return f"{PREFIXES[kind]}{fold.highest_number(kind) + n_before + 1:03d}"


def plan_proposals(fold: Fold, rows: Sequence[Mapping[str, Any]]) -> list[Draft]:
    """Return one proposal a row, with new ids.

    Raises
    ------
    DataInvalid
        If a recipe or a prediction holds what cannot be stored.
    """
    drafts: list[Draft] = []
    problems: list[Problem] = []
    for number, (name, row) in enumerate(zip(next_ids(fold, "proposed", len(rows)), rows, strict=True), start=1):
        place = f"proposal {number}"
        try:
            drafts.append(Draft("proposed", name, _read_proposal(fold, row, place)))
        except DataInvalid as error:
            problems.extend(error.problems)
    if problems:
        raise DataInvalid(problems)
    return drafts


def _read_proposal(fold: Fold, row: Mapping[str, Any], place: str) -> Payload:
    predicted = read_predicted(row.get("predicted") or {}, place)
    recipe = read_recipe(row.get("recipe"), taken={*fold.outcome_names, *predicted}, row=place)
    problems: list[Problem] = []
    payload: Payload = {}
    for name, raw in row.items():
        try:
            payload[name] = read_text(raw) if name in TEXTS else to_plain(raw)
        except ValueError as error:
            problems.append(Problem(str(error), row=place, column=name))
    chance = payload.get("usable_chance")
    if chance is not None and (not isinstance(chance, (int, float)) or not 0 <= chance <= 1):
        problems.append(Problem("must lie in [0, 1]", chance, row=place, column="usable_chance"))
    if problems:
        raise DataInvalid(problems)
    return {**payload, "recipe": recipe, "predicted": predicted}


def plan_added(
    fold: Fold,
    recipe: Mapping[str, Any],
    remark: str | None,
    n_before: int = 0,
    predicted: Mapping[str, Any] | None = None,
) -> list[Draft]:
    """Return the lab's own cell, with a new id that leaves out ``n_before`` others, and with what is predicted for it.

    Raises
    ------
    DataInvalid
        If the recipe, the remark or the prediction cannot be stored.
    """
    name = next_id(fold, "added", n_before)
    plain = read_recipe(recipe, taken=fold.outcome_names)
    payload = {"recipe": plain, "remark": _read_why(remark, "remark") or None}
    if predicted:
        payload["predicted"] = read_predicted(predicted, name)
    return [Draft("added", name, payload)]


def plan_veto(fold: Fold, cell_id: str, why: str) -> list[Draft]:
    """Return the veto of a cell that was not made yet.

    Raises
    ------
    DataInvalid
        If the cell is unknown or was made.
    """
    cell = known_cell(fold, cell_id)
    if cell.vetoed is not None:
        return []
    if cell.is_recorded:
        todo = "Results that should not count are withdrawn with `pvdopt correct` or `pvdopt discard-run`"
        raise DataInvalid(Problem("is made already and cannot be vetoed", todo=todo, row=cell_id))
    return [Draft("vetoed", cell_id, {"why": _read_why(why)})]


def not_editable(cell_id: str, *, is_vetoed: bool) -> Problem:
    """Return the problem of a cell whose recipe is no plan any more."""
    what = "is vetoed" if is_vetoed else "is made already"
    todo = "What was made instead is recorded with `pvdopt record` or `pvdopt correct`"
    return Problem(f"{what} and cannot be edited", todo=todo, row=cell_id)


def plan_edit(
    fold: Fold, cell_id: str, changes: Mapping[str, object], predicted: Mapping[str, Any] | None
) -> list[Draft]:
    """Return the changes to a recipe that was not made yet.

    Raises
    ------
    DataInvalid
        If the cell is unknown, was made or was vetoed, or a name or value cannot be.
    """
    cell = known_cell(fold, cell_id)
    if cell.is_recorded or cell.vetoed is not None:
        raise DataInvalid(not_editable(cell_id, is_vetoed=cell.vetoed is not None))
    wanted = read_recipe(changes, known=fold.setting_names, row=cell_id)
    new = {
        name: value
        for name, value in wanted.items()
        if name not in cell.recipe or not is_same(cell.recipe[name], value)
    }
    if not new:
        return []
    return [Draft("edited", cell_id, {"recipe": new, "predicted": read_predicted(predicted or {}, cell_id)})]


def plan_discard(fold: Fold, run: str, why: str) -> list[Draft]:
    """Return the discarding of a run, with all its cells.

    Raises
    ------
    DataInvalid
        If no cell is of this run, or no reason is given.
    """
    if run in fold.discarded_runs:
        return []
    runs = dict.fromkeys(run for cell in fold.cells.values() for run in sorted(cell.runs))
    problems = []
    if run not in runs:
        problems.append(Problem("must name a run of this campaign", run, close_names(run, runs), column="run"))
    reason = _read_why(why)
    if not reason:
        problems.append(Problem("must say why a whole run does not count", column="why"))
    if problems:
        raise DataInvalid(problems)
    return [Draft("run_discarded", None, {"run": run, "why": reason})]


def plan_remark(kind: Literal["retrained", "note"], payload: Mapping[str, Any]) -> list[Draft]:
    """Return a fact about the campaign.

    Raises
    ------
    DataInvalid
        If the payload is not plain JSON.
    """
    try:
        return [Draft(kind, None, {str(name): to_plain(value) for name, value in payload.items()})]
    except ValueError as error:
        raise DataInvalid(Problem(str(error), row=kind)) from error


def plan_correct(fold: Fold, cell_id: str, changes: Mapping[str, object], why: str) -> list[Draft]:
    """Return the correction of what is recorded.

    Parameters
    ----------
    changes : mapping
        By name of an outcome, a setting or one of ``LABELS`` the value that holds; None withdraws an outcome or a
        label, and says of a setting that it did not apply.

    Raises
    ------
    DataInvalid
        With every problem: unknown cell or name, nothing recorded yet, values that cannot be.
    """
    cell = known_cell(fold, cell_id)
    if not cell.is_recorded and not cell.history:
        todo = "Change the plan with `pvdopt edit`, or record what was made with `pvdopt record`"
        raise DataInvalid(Problem("nothing is recorded yet that could be corrected", todo=todo, row=cell_id))
    was_measured = {*cell.outcomes, *(h["name"] for h in cell.history if h["part"] == "outcome")}
    problems: list[Problem] = []
    found: list[Payload] = []
    wanted = dict(changes)
    if "outcome_class" in wanted and wanted["outcome_class"] in (None, "ok"):
        # Where and why it failed no longer holds once it did not fail.
        wanted = {"stage": None, "cause": None, **wanted}
    for name, raw in wanted.items():
        try:
            part, new = _read_change(fold, was_measured, name, raw)
        except ValueError as error:
            problems.append(Problem(str(error), column=str(name), row=cell_id))
            continue
        old = cell.current(part, name)
        if part == "setting" and name not in cell.executed:
            # Made without a word on this setting: it was taken as planned.
            old = cell.recipe.get(name)
        if not is_same(old, new):
            found.append({"part": part, "name": name, "old": old, "new": new})
    drafts = [Draft("corrected", cell_id, {"changes": found, "why": _read_why(why)})] if found else []
    if not problems:
        problems = [replace(p, row=cell_id) for p in foresee(cell, drafts).find_contradictions()]
    if problems:
        raise DataInvalid(problems)
    return drafts


def _read_change(fold: Fold, was_measured: Collection[str], name: str, raw: object) -> tuple[Part, object]:
    if name in LABELS:
        text = read_text(raw)
        if name == "outcome_class" and text not in (None, *OUTCOME_CLASSES):
            raise ValueError(f"must be one of {', '.join(OUTCOME_CLASSES)}, got {text!r}")
        return "label", text
    if name in was_measured:
        return "outcome", None if raw is None else Outcome.parse(raw).to_json()
    if name in fold.setting_names:
        return "setting", to_scalar(raw)
    if name in fold.outcome_names:
        raise ValueError("is not measured for this cell yet. Use `pvdopt record`")
    known = [*sorted(was_measured), *fold.setting_names, *LABELS]
    raise ValueError(f"is neither an outcome nor a setting of this cell. {close_names(name, known)}")


def foresee(cell: Cell, drafts: Sequence[Draft]) -> Cell:
    """Return the cell as it would stand after the drafts."""
    after = cell.copy()
    for draft in drafts:
        after.add(Fact(0, draft.kind, draft.cell, "", "", "", draft.payload))
    return after


def rehearse(fold: Fold, drafts: Iterable[Draft]) -> None:
    """Add drafts to a fold as if they had been written now, to see what would be; for a fold of one's own."""
    now, version = format_time(utc_now()), package_version()
    for draft in drafts:
        fold.add(Fact(fold.last_seq + 1, draft.kind, draft.cell, now, "", version, draft.payload))


def known_cell(fold: Fold, cell_id: object) -> Cell:
    """Return a cell by its id.

    Raises
    ------
    DataInvalid
        With the ids close to it, if there is no such cell.
    """
    if not isinstance(cell_id, str) or cell_id not in fold.cells:
        raise DataInvalid(unknown_cell(cell_id, fold.cells))
    return fold.cells[cell_id]


def read_recipe(
    recipe: object, *, known: Collection[str] = (), taken: Collection[str] = (), row: str | None = None
) -> dict[str, Any]:
    """Return a recipe, or changes to one, as plain values.

    Parameters
    ----------
    known : collection of str
        The only names allowed; none means any.
    taken : collection of str
        Names of outcomes, which no setting can have.

    Raises
    ------
    DataInvalid
        With every name and value that cannot be, or if there is none.
    """
    if not isinstance(recipe, Mapping) or not recipe:
        raise DataInvalid(Problem("must hold settings by name", repr(recipe), row=row, column="recipe"))
    plain: dict[str, Any] = {}
    problems = []
    for name, raw in recipe.items():
        fault = find_name_fault(name)
        if name in taken:
            fault = "is an outcome of this campaign and cannot be a setting"
        if not fault and known and name not in known:
            fault = f"is no setting of this campaign. {close_names(name, known)}"
        try:
            plain[str(name)] = to_scalar(raw)
        except ValueError as error:
            fault = fault or str(error)
        if fault:
            problems.append(Problem(fault, column=str(name), row=row))
    if problems:
        raise DataInvalid(problems)
    return plain


def read_predicted(predicted: object, row: str) -> dict[str, Payload]:
    """Return predictions per outcome as plain numbers.

    Raises
    ------
    DataInvalid
        If they are no finite numbers by name under each outcome.
    """
    problems = []
    plain: dict[str, Payload] = {}
    given = predicted if isinstance(predicted, Mapping) else {"": predicted}
    for name, numbers in given.items():
        try:
            if not isinstance(numbers, Mapping):
                raise ValueError(f"must hold numbers by name, got {numbers!r}")
            plain[name] = {str(key): to_scalar(number) for key, number in numbers.items()}
        except ValueError as error:
            problems.append(Problem(str(error), row=row, column=f"predicted {name}".rstrip()))
    if problems:
        raise DataInvalid(problems)
    return plain


def _read_why(why: object, column: str = "why") -> str:
    try:
        return read_text(why) or ""
    except ValueError as error:
        raise DataInvalid(Problem(str(error), column=column)) from error
