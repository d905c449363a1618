"""Compute a campaign's report from its ledger. The same ledger, version and seed give the same report.

Reads only; nothing depends on the time at which it is made.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pvdopt.campaign.beliefs import describe, find_theory, general_notes, lean_on, versions
from pvdopt.campaign.explaining import explain
from pvdopt.campaign.level_words import say_level
from pvdopt.campaign.own_cells import OwnCells, to_model_scale
from pvdopt.campaign.progress import kept_reference
from pvdopt.campaign.standing import best, status
from pvdopt.columns import column
from pvdopt.errors import UsageError
from pvdopt.ledger.facts import package_version
from pvdopt.ledger.state import CellState
from pvdopt.objectives import OUTCOME_UNITS
from pvdopt.report.content import CellView, Fade, Front, Goal, Leaning, ProposalView, Quantity, Report, Span
from pvdopt.report.learned import calibrate, cut_slices, find_fronts, follow_progress, spans_of, to_plain
from pvdopt.report.literature import list_reported
from pvdopt.wording import count, print_unit, show, spell

if TYPE_CHECKING:
    from pvdopt.attribution import Contribution
    from pvdopt.campaign import Campaign
    from pvdopt.campaign.beliefs import Beliefs
    from pvdopt.campaign.standing_reports import Best, Status


def build_report(campaign: Campaign) -> Report:
    """Return everything a report says of a campaign.

    Raises
    ------
    UsageError
        If the campaign is a preview, of which nothing is kept that could be reported.
    """
    if campaign.ledger is None:
        raise UsageError("report needs a campaign: a campaign file alone is a preview. Run `pvdopt init` first.")
    own = campaign.own_cells()
    beliefs = campaign.beliefs(own)
    words = _quantities(campaign)
    standing = status(own, campaign.name, None, beliefs.specification)
    can_predict = beliefs.evidence is not None or len(own.observed()) > 0
    found_best = best(own, beliefs)
    front = find_fronts(own, beliefs) if can_predict else Front([], [], [])
    base, base_words = _choose_base(found_best, front)
    scores = own.scores()
    return Report(
        name=campaign.name,
        description=campaign.config.content.campaign.description,
        headline=_headline(standing, found_best, front, own),
        is_simulated=own.simulated_by is not None,
        goals=[Goal(words[o.name], o.sign, o.threshold, o.is_constraint) for o in own.objectives],
        parameters=[words[n] for n in own.space.names],
        fixed={n: v for n, v in own.space.fixed.items() if v is not None},
        status=standing,
        best=found_best,
        cells=[_view(own, c) for c in own.state.cells.values()],
        proposals=_proposals(own, beliefs) if can_predict else [],
        front=front,
        progress=follow_progress(own, beliefs, _reference(own, beliefs)) if can_predict else [],
        scores=scores,
        calibration=calibrate(scores, lambda name, v: to_model_scale(name, v, own.has_evidence)),
        slices=cut_slices(own, beliefs, base, words) if base else [],
        base=base_words,
        fades=_fades(own),
        reported=list_reported(beliefs.evidence.cells.set_index("id")) if beliefs.evidence is not None else [],
        leaning=_lean(own, beliefs, base, base_words),
        advice=_advice(standing),
        notes=general_notes(beliefs),
        provenance=_provenance(campaign, beliefs, campaign.ledger.digest(), own),
        protocol=campaign.protocol.columns(),
    )


# -- words and names -------------------------------------------------------------------------------------------------


def _quantities(campaign: Campaign) -> dict[str, Quantity]:
    """Return settings and outcomes with their words and units."""
    names = [*campaign.space.names, *campaign.space.fixed, *(o.name for o in campaign.objectives)]
    names += [n for n in (*OUTCOME_UNITS, "cycles") if n not in names]
    found = {}
    for name in names:
        declared = column(name)
        parameter = campaign.space.get(name)
        unit = declared.unit if declared is not None else getattr(parameter, "unit", None)
        found[name] = Quantity(name, spell(name), unit or "")
    for o in campaign.objectives:
        found[o.name] = Quantity(o.name, spell(o.name), o.unit or "")
    return found


def _headline(standing: Status, found: Best, front: Front, own: OwnCells) -> str:
    """Return in plain words where the campaign stands: the best, then what was made and what waits."""
    counts = standing.counts
    made = sum(counts.get(word, 0) for word in ("partial", "complete", "failed"))
    waiting = counts.get("proposed", 0)
    waits = f"{count(waiting, 'proposal')} wait{'s' if waiting == 1 else ''} to be made" if waiting else ""
    if not made:
        return f"No cell has results yet{f'; {waits}' if waits else ''}."
    parts = []
    bests = []
    for cell in found.measured:
        end = "highest" if own_sign(own, cell.outcome) > 0 else "lowest"
        bound = {">=": "at least ", "<=": "at most "}.get(cell.qualifier, "")
        value = f"{bound}{show(cell.value, print_unit(cell.unit), digits=3)}"
        bests.append(f"{value} is the {end} {spell(cell.outcome)} ({cell.id})")
    if bests:
        parts.append(f"Measured so far: {', '.join(bests)}.")
    if len(found.measured) > 1 and front.measured:
        n = len(front.measured)
        whom = "it" if n == 1 else "either of them" if n == 2 else "any of them"
        best = f"{_name_cells(front.measured)} balance{'s' if n == 1 else ''} the goals best"
        parts.append(f"{best}: no cell beats {whom} in every goal.")
    failed = counts.get("failed", 0)
    unusable = f", {failed} of them without usable figures" if failed else ""
    parts.append(f"{count(made, 'cell')} made{unusable}{f'; {waits}' if waits else ''}.")
    return " ".join(parts)


#: Cells of a front that a headline names; of more it gives the number.
MOST_NAMED = 4


def _name_cells(cells: Sequence[str]) -> str:
    """Return a few cells by their ids, more by their number."""
    if len(cells) > MOST_NAMED:
        return f"{len(cells)} cells"
    return cells[0] if len(cells) == 1 else f"{', '.join(cells[:-1])} and {cells[-1]}"


def _advice(standing: Status) -> list[str]:
    """Return whether to go on, and how the laboratory stands against the literature."""
    found = []
    if standing.advice is not None:
        late = standing.advice_lag
        lag = f" ({count(late, 'result')} came since; ask again with pvdopt suggest.)" if late else ""
        found.append(standing.advice + lag)
    for level in standing.standing:
        sentence = say_level(level.outcome, vars(level))
        found.append(f"{sentence[:1].upper()}{sentence[1:]}.")
    return found


def own_sign(own: OwnCells, outcome: str) -> float:
    """Return +1 where more of an outcome is better, -1 where less is."""
    return next(o.sign for o in own.objectives if o.name == outcome)


# -- parts ---------------------------------------------------------------------------------------------------------


def _view(own: OwnCells, cell: CellState) -> CellView:
    settings = own.settings(cell)
    is_early, cycles = own.is_early(cell), cell.outcomes.get("cycles")
    early = f"retention after {cycles.value:g} cycles so far" if is_early and cycles is not None else None
    return CellView(
        id=cell.id,
        status=own.status(cell),
        outcome_class=cell.outcome_class,
        day=max(cell.times.values())[:10],
        settings={n: to_plain(settings.get(n)) for n in own.space.names},
        outcomes=own.outcomes(cell),
        predicted={n: _span(p) for n, p in cell.predicted.items()},
        remark="; ".join(t for t in (early, cell.stage, cell.cause, cell.vetoed, *cell.remarks) if t),
        is_early=is_early,
    )


def _span(predicted: Mapping[str, Any]) -> Span:
    return float(predicted["median"]), float(predicted["low"]), float(predicted["high"])


def _fades(own: OwnCells) -> list[Fade]:
    """Return the series that were recorded, whole."""
    found = []
    for cell in own.state.cells.values():
        if cell.series is not None and cell.series["cycle"]:
            cycles, capacities = ([float(v) for v in cell.series[name]] for name in ("cycle", "capacity"))
            found.append(Fade(cell.id, str(cell.series.get("unit") or ""), cycles, capacities))
    return found


def _proposals(own: OwnCells, beliefs: Beliefs) -> list[ProposalView]:
    """Return what waits to be made, as predicted from all that is known now."""
    cells = [c for c in own.state.cells.values() if c.status == "proposed"]
    if not cells:
        return []
    recipes = own.space.frame([own.settings(c) for c in cells])
    frame = describe(beliefs, recipes)
    near, warnings = lean_on(beliefs, recipes)
    theory = find_theory(beliefs, recipes)
    return [
        ProposalView(
            id=cell.id,
            settings={n: to_plain(row[n]) for n in own.space.names},
            predicted=spans_of(row, own.objectives),
            usable_chance=to_plain(row["usable_chance"]),
            purpose=cell.purpose or ("own idea" if cell.kind == "added" else ""),
            reason=cell.reason or "",
            leans_on=near[k],
            warnings=warnings[k],
            theory=theory[k],
            runs=[str(label) for label in (cell.proposal.get("runs") or {}).values() if label],
        )
        for k, (cell, row) in enumerate(zip(cells, frame.to_dict("records"), strict=True))
    ]


def _choose_base(found: Best, front: Front) -> tuple[dict[str, Any], str]:
    """Return the recipe that slices are cut through: the one believed best in the first goal."""
    if found.believed:
        chosen = found.believed[0]
        whose = f"cell {chosen.id}" if chosen.id else "the best reported recipe"
        return dict(chosen.recipe), f"{whose}, believed best in {spell(chosen.outcome)}"
    if front.predicted:
        return dict(front.predicted[-1].settings), "a recipe on the predicted front"
    return {}, ""


def _reference(own: OwnCells, beliefs: Beliefs) -> Mapping[str, float]:
    """Return the reference point of the hypervolume: the one kept with the first proposals, else as it is now."""
    found = kept_reference(own)
    return found if found is not None else beliefs.proposer().reference(beliefs.observed)


def _lean(own: OwnCells, beliefs: Beliefs, base: Mapping[str, Any], words: str) -> Leaning | None:
    """Return what the prediction of the base recipe leans on."""
    if not base:
        return None
    found = explain(beliefs, own, beliefs.space.frame([base]), None)
    effects = [(_say_change(c), c.adds) for c in found.contributions]
    first = own.objectives[0].name
    effects.sort(key=lambda effect: -abs(effect[1][first]))
    return Leaning(words, found.against, found.shares, effects, found.near, found.near_own)


def _say_change(contribution: Contribution) -> str:
    """Return how settings differ from the baseline's, such as ``anneal kind none → rta``."""
    parts = []
    for name, value in contribution.value.items():
        declared = column(name)
        unit = print_unit(declared.unit if declared is not None else "")
        before, after = (show(to_plain(v), unit) for v in (contribution.baseline[name], value))
        if before != after:
            parts.append(f"{spell(name)} {before} → {after}")
    return ", ".join(parts)


def _provenance(campaign: Campaign, beliefs: Beliefs, digest: str, own: OwnCells) -> dict[str, str]:
    """Return what makes the report the same."""
    return {
        "pvdopt": package_version(),
        "Python": platform.python_version(),
        **{name: version for name, version in versions().items() if name != "pvdopt"},
        "surrogate": beliefs.specification,
        "sampler": campaign.config.sampler,
        "seed": str(campaign.seed),
        "facts in the ledger": str(own.state.n_facts),
        "ledger (SHA-256)": digest,
        "campaign file (SHA-256)": campaign.config.fingerprint(),
        "model": beliefs.fingerprint(),
    }
