"""How good the models are: on reported cells with whole publications held out, and on the campaign's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from pvdopt.campaign.beliefs import INTERVAL, Beliefs, known_outcomes
from pvdopt.campaign.learning import COMPETING, compare_on_own
from pvdopt.campaign.learning_reports import CurvePoint, Evaluation
from pvdopt.campaign.own_cells import OwnCells, count_coverage
from pvdopt.errors import UsageError
from pvdopt.skill.report import SkillReport, report_skill
from pvdopt.surrogates import SPECIFICATIONS

Progress = Callable[[int, int, str], None]

#: Numbers of own cells after which the later ones are predicted.
CURVE = (0, 3, 8, 16, 32)
#: Later cells under which a point of the curve says too little.
N_LATER = 3


def evaluate(
    beliefs: Beliefs,
    own: OwnCells,
    specifications: Sequence[str] | None,
    by: str,
    outcome: str | None,
    n_permutations: int,
    progress: Progress | None,
    n_jobs: int,
) -> Evaluation:
    """Return skill on reported cells with whole groups held out, then on own cells; see :meth:`Campaign.evaluate`."""
    chosen = list(specifications or COMPETING)
    unknown = [s for s in chosen if s not in SPECIFICATIONS]
    if unknown:
        raise UsageError(f"unknown specification {', '.join(unknown)}; known are {', '.join(SPECIFICATIONS)}.")
    if by not in ("source", "team"):
        raise UsageError(f"cells are held out by source or by team, not by {by!r}.")
    known = known_outcomes(beliefs.objectives, beliefs.evidence)
    outcomes = [name for name in known if outcome in (None, name)]
    reported = SkillReport([], [], [], {}, {}, [], pd.DataFrame(), [])
    if beliefs.evidence is not None and outcomes:
        reported = report_skill(
            beliefs.evidence,
            outcomes,
            chosen,
            by=by,
            seed=beliefs.seed,
            n_jobs=n_jobs,
            n_permutations=n_permutations,
            progress=progress,
        )
    on_own, own_frame, own_notes = compare_on_own(beliefs, chosen, progress, n_jobs)
    scores = own.scores()
    frames = [f for f in (reported.frame, own_frame) if len(f)]
    return Evaluation(
        skills=[*reported.skills, *on_own],
        frame=pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(),
        scores=scores,
        coverage=count_coverage(scores),
        notes=[*reported.notes, *own_notes],
        without_odd=reported.without_odd,
        families=reported.families,
        pairs=reported.pairs,
        direction=reported.direction,
        control=reported.control,
        curve=learning_curve(beliefs),
    )


def learning_curve(beliefs: Beliefs) -> list[CurvePoint]:
    """Return how the model in use predicts own cells from the first few of them, for each outcome with enough."""
    usable = beliefs.observed[beliefs.observed["outcome_class"].isin(["ok"])]
    names = [o.name for o in beliefs.objectives]
    found = []
    for n_own in CURVE:
        later = {name: usable.index[n_own:][usable[name].iloc[n_own:].notna()] for name in names}
        told = [name for name, ids in later.items() if len(ids) >= N_LATER and len(usable) >= n_own + N_LATER]
        if not told:
            continue
        models = beliefs.make().fit(usable.iloc[:n_own])
        for name in told:
            test = usable.loc[later[name]]
            prediction = models.predict(test[list(beliefs.space.names)])[name]
            error = prediction.link.forward(test[name].to_numpy(dtype=float)) - prediction.mean
            low, high = prediction.interval(INTERVAL)
            inside = ((test[name] >= low) & (test[name] <= high)).sum()
            factor = float(np.exp(np.sqrt(np.mean(error**2))))
            found.append(CurvePoint(name, n_own, len(test), factor, int(inside)))
    return sorted(found, key=lambda p: (names.index(p.outcome), p.n_own))
