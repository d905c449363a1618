"""Learn anew: let specifications compete in the same folds, say how good they are, keep the choice in the ledger.

Only whole specifications compete; their inner settings are learned in each fold. With too few own cells nothing is
chosen on them, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pvdopt.campaign.beliefs import Beliefs, known_outcomes, versions
from pvdopt.campaign.learning_reports import RetrainReport
from pvdopt.campaign.model_cards import ROLLBACK, earlier_specification, write_card
from pvdopt.campaign.own_cells import OwnCells, count_coverage, track_record
from pvdopt.parallel import compute
from pvdopt.skill.report import BASELINES
from pvdopt.skill.validation import Interval, Skill, measure_skill
from pvdopt.surrogates import N_EXACT, is_large
from pvdopt.surrogates.base import FadeLink
from pvdopt.surrogates.calibration import literature_skill
from pvdopt.wording import count

if TYPE_CHECKING:
    from pvdopt.ledger.ledger import Ledger

Progress = Callable[[int, int, str], None]

#: Specifications that compete; the baselines are what they must beat.
COMPETING = ("gaussian_process", "forest", "mixture")
#: Own rows of an outcome under which specifications are not compared on them.
N_TO_COMPARE = 8
#: Folds of rows where fewer runs than this are named, and runs up to which each is held out alone.
N_FOLDS, N_RUNS_ALONE = 5, 12
#: Own cells that specifications are compared on at most.
N_COMPARED = 300
#: Why nothing is compared on a large table.
LARGE = f"Beyond {N_EXACT} own cells one model stands for all: boosted trees, calibrated on runs held out."


def retrain(
    beliefs: Beliefs,
    own: OwnCells,
    configured: str,
    ledger: Ledger | None,
    folder: Path | None,
    progress: Progress | None,
    n_jobs: int,
) -> RetrainReport:
    """Choose a specification on own cells, refit on all data, keep the choice; see :meth:`Campaign.retrain`."""
    state = own.state
    competing = tuple(dict.fromkeys([beliefs.specification, *COMPETING]))
    skills, _, notes = compare_on_own(beliefs, competing, progress, n_jobs)
    chosen, why = choose_specification(beliefs.specification, skills)
    if LARGE in notes:
        why = notes.pop(notes.index(LARGE))
    chosen_beliefs = replace(beliefs, specification=chosen)
    report = _report(chosen_beliefs, own, beliefs.specification, why, skills, notes, is_recorded=ledger is not None)
    if ledger is None:
        return report
    ledger.add_retrained(_card(report, configured, chosen_beliefs), expected=state.n_facts)
    return replace(report, card=_write_newest_card(ledger, folder))


def roll_back(
    beliefs: Beliefs, own: OwnCells, configured: str, ledger: Ledger | None, folder: Path | None
) -> RetrainReport:
    """Go back to the specification before the one in use; see :meth:`Campaign.roll_back`."""
    previous = beliefs.specification
    chosen = earlier_specification(own.state.retrained, configured)
    chosen_beliefs = replace(beliefs, specification=chosen)
    why = f"Gone back from {previous} by hand; the next retrain compares anew."
    report = _report(chosen_beliefs, own, previous, why, [], [], is_recorded=ledger is not None)
    if ledger is None:
        return report
    card = {"event": ROLLBACK, **_card(report, configured, chosen_beliefs)}
    ledger.add_retrained(card, expected=own.state.n_facts)
    return replace(report, card=_write_newest_card(ledger, folder))


def _report(
    chosen: Beliefs,
    own: OwnCells,
    previous: str,
    why: str,
    skills: list[Skill],
    notes: list[str],
    *,
    is_recorded: bool,
) -> RetrainReport:
    """Return what a choice comes to, refitted on all data; ``previous`` is the specification before it."""
    tables = chosen.fitted().tables
    scores = own.scores()
    return RetrainReport(
        chosen=chosen.specification,
        previous=previous,
        is_changed=chosen.specification != previous,
        why=why,
        skills=skills,
        scores=scores,
        record=track_record(scores),
        coverage=count_coverage(scores),
        n_own={name: int(table.own.sum()) for name, table in tables.items()},
        n_reported={name: int((~table.own).sum()) for name, table in tables.items()},
        fingerprint=chosen.fingerprint(),
        seed=chosen.seed,
        versions=versions(),
        is_recorded=is_recorded,
        notes=notes,
    )


def _write_newest_card(ledger: Ledger, folder: Path | None) -> Path | None:
    """Write the files of the last choice; return the one for people."""
    if folder is None:
        return None
    facts = ledger.state().retrained
    return write_card(folder, len(facts), facts[-1])


def _card(report: RetrainReport, configured: str, beliefs: Beliefs) -> dict[str, Any]:
    """Return what the ledger keeps of a choice: enough to see later what was chosen, on what and why."""
    literature = {
        name: found
        for name in known_outcomes(beliefs.objectives, beliefs.evidence)
        if (found := literature_skill(report.chosen, name, beliefs.evidence)) is not None
    }
    return {
        "chosen": report.chosen,
        "previous": report.previous,
        "configured": configured,
        "why": report.why,
        "fingerprint": report.fingerprint,
        "data": beliefs.data_fingerprint(),
        "seed": report.seed,
        "n_own": dict(report.n_own),
        "n_reported": dict(report.n_reported),
        "skill": [_skill_entry(s, report.previous) for s in report.skills],
        "record": [asdict(r) for r in report.record],
        "lab": beliefs.lab_standing() if beliefs.evidence is not None else {},
        "literature_factor": {name: found.factor for name, found in literature.items()},
        "coverage": {name: list(counts) for name, counts in report.coverage.items()},
        "versions": dict(report.versions),
        "notes": list(report.notes),
    }


def _skill_entry(skill: Skill, current: str) -> dict[str, Any]:
    gap = skill.against.get(current)
    return {
        "specification": skill.specification,
        "outcome": skill.outcome,
        "crps": skill.crps.value,
        "log_score": skill.log_score.value,
        "coverage": skill.coverage.value,
        "n_rows": skill.n_rows,
        "difference": None if gap is None else gap.value,
        "interval": None if gap is None else [gap.low, gap.high],
        "standard_error": None if gap is None else standard_error(gap),
    }


def standard_error(difference: Interval) -> float:
    """Return the standard error of a figure from its 90 % interval."""
    return (difference.high - difference.low) / (2.0 * NormalDist().inv_cdf(0.95))


def choose_specification(current: str, skills: Sequence[Skill]) -> tuple[str, str]:
    """Return the specification to use, and why: another one only if it is better by more than its standard error.

    The error is that of its difference in CRPS to the one in use, in the same folds; it has to be better so for some
    outcome, and worse so for none.
    """
    if not skills:
        return current, "There are too few own cells to compare specifications on."
    rivals: dict[str, tuple[float, str]] = {}
    for name in dict.fromkeys(s.specification for s in skills if s.specification in COMPETING):
        gaps = {s.outcome: s.against[current] for s in skills if s.specification == name and current in s.against}
        better = [o for o, g in gaps.items() if g.value < -standard_error(g)]
        if better and not any(g.value > standard_error(g) for g in gaps.values()):
            told = ", ".join(f"{o} {gaps[o].value:+.3f} (standard error {standard_error(gaps[o]):.3f})" for o in better)
            rivals[name] = (sum(g.value for g in gaps.values()) / len(gaps), told)
    if not rivals:
        return current, "No other specification predicts the own cells better by more than its standard error."
    chosen = min(rivals, key=lambda name: rivals[name][0])
    return chosen, f"Better than {current} on own cells by CRPS: {rivals[chosen][1]}."


# -- own cells ---------------------------------------------------------------------------------------------------


def make_folds(observed: pd.DataFrame, seed: int) -> list[str]:
    """Return for each row the group it is held out with: its run where runs are told apart, else one of five folds.

    Of many runs several are held out together.
    """
    runs = [r if isinstance(r, str) and r else None for r in observed["run"]]
    names = list(dict.fromkeys(runs))
    rng = np.random.default_rng(seed)
    if all(runs) and len(names) >= N_FOLDS:
        if len(names) <= N_RUNS_ALONE:
            return [str(r) for r in runs]
        fold_of = dict(zip(names, rng.permutation(len(names)) % N_FOLDS, strict=True))
        return [f"fold {fold_of[r] + 1}" for r in runs]
    order = rng.permutation(len(observed))
    folds = np.empty(len(observed), dtype=int)
    folds[order] = np.arange(len(observed)) % N_FOLDS
    return [f"fold {k + 1}" for k in folds]


def draw_runs(observed: pd.DataFrame, at_most: int, seed: int) -> pd.DataFrame:
    """Return rows of whole runs drawn at random, as many as stay within a number of rows; a lone row is a run."""
    labels = [r if isinstance(r, str) and r else f"row {i}" for i, r in observed["run"].items()]
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    kept = order[: max(int(np.searchsorted(np.cumsum(counts[order]), at_most, side="right")), 1)]
    found = observed[np.isin(codes, kept)]
    # One run alone may be larger than all that is wanted.
    return found if len(found) <= at_most else found.iloc[:at_most]


def compare_on_own(
    beliefs: Beliefs, specifications: Sequence[str], progress: Progress | None, n_jobs: int
) -> tuple[list[Skill], pd.DataFrame, list[str]]:
    """Return the skill of specifications on own cells held out in the same folds, the rows behind it, and notes.

    Everything else that is known, reported cells included, is learned from in each fold.
    """
    observed = beliefs.observed
    usable = observed[observed["outcome_class"].isin(["ok"])]
    if is_large(len(usable)):
        return [], pd.DataFrame(), [LARGE]
    names = [o.name for o in beliefs.objectives]
    bases = [n for n in names if not (n == "areal_capacity" and "capacity" in names and beliefs.evidence is not None)]
    enough = [n for n in bases if int(usable[n].notna().sum()) >= N_TO_COMPARE]
    notes = [
        f"{n}: {count(int(usable[n].notna().sum()), 'own value')}, too few to compare specifications on "
        f"({N_TO_COMPARE} are needed)."
        for n in bases
        if n not in enough
    ]
    if not enough:
        return [], pd.DataFrame(), notes
    if len(usable) > N_COMPARED:
        usable = draw_runs(usable, N_COMPARED, beliefs.seed)
        beliefs = replace(beliefs, observed=usable)
        notes.append(f"Specifications are compared on {len(usable)} of the own cells, in whole runs.")
    groups = make_folds(usable, beliefs.seed)
    # Cells of a run are alike; without runs each cell is one of its own.
    alike = [r if isinstance(r, str) and r else str(i) for i, r in usable["run"].items()]
    wanted = list(dict.fromkeys([*specifications, *(b for b in BASELINES if beliefs.evidence is not None)]))
    tasks = [(s, g) for s in wanted for g in dict.fromkeys(groups)]
    parts: list[pd.DataFrame] = []
    given = ((beliefs, s, usable, groups, g, alike, enough) for s, g in tasks)
    for part in compute(_held_out_own, given, n_jobs):
        parts.append(part)
        if progress is not None:
            progress(len(parts), len(tasks), "own cells held out")
    held = pd.concat(parts, ignore_index=True)
    skills = []
    for outcome in enough:
        tables = {
            s: held[(held["specification"] == s) & (held["outcome"] == outcome)].reset_index(drop=True) for s in wanted
        }
        tables = {s: t.sort_values("id", ignore_index=True) for s, t in tables.items()}
        references = {r: tables[r] for r in dict.fromkeys([beliefs.specification, *BASELINES]) if r in tables}
        for s in wanted:
            others = {r: t for r, t in references.items() if r != s}
            skills.append(measure_skill(s, outcome, "own cells", tables[s], others))
    return skills, held, notes


def _held_out_own(
    beliefs: Beliefs,
    specification: str,
    usable: pd.DataFrame,
    groups: Sequence[str],
    group: str,
    alike: Sequence[str],
    outcomes: Sequence[str],
) -> pd.DataFrame:
    """Return what a specification says of the cells of one group, after learning from all others.

    ``alike`` names for each row what it is resampled with.
    """
    out = np.array([g == group for g in groups])
    test = usable[out]
    rest = beliefs.observed.drop(index=test.index)
    models = replace(beliefs, specification=specification).make().fit(rest)
    predictions = models.predict(test[list(beliefs.space.names)])
    parts = []
    for outcome in outcomes:
        prediction = predictions[outcome]
        values = test[outcome].to_numpy(dtype=float)
        link = prediction.link
        if isinstance(link, FadeLink) and "cycles" in test.columns:
            y = link.forward(values, np.where(test["cycles"].notna(), test["cycles"], link.cycles).astype(float))
        else:
            y = link.forward(values)
        qualifier = np.array(test[f"{outcome}_qualifier"], dtype=object)
        bound = np.select([qualifier == ">=", qualifier == "<="], [1, -1], default=0)
        parts.append(
            pd.DataFrame(
                {
                    "specification": specification,
                    "outcome": outcome,
                    "id": list(test.index),
                    "source": [a for a, is_out in zip(alike, out, strict=True) if is_out],
                    "y": y,
                    "censor": bound if link.increasing else -bound,
                    "mean": prediction.mean,
                    "sd": prediction.total_std,
                    "value": values,
                    "predicted": prediction.median(),
                }
            )[np.isfinite(y)]
        )
    return pd.concat(parts, ignore_index=True)
