"""What a campaign believes: its own cells, the evidence and a specification, fitted when something is asked.

Knows no ledger; the files it writes are a cache. Imported only when something is to be predicted, since it loads
scipy and scikit-learn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from pvdopt.campaign.reports import Shares
from pvdopt.capacity_prior import column_values
from pvdopt.choice.candidates import draw_recipes
from pvdopt.choice.observed import check_observed
from pvdopt.choice.proposer import Proposer
from pvdopt.choice.runs import Hours, Run
from pvdopt.columns import column
from pvdopt.evidence import Evidence
from pvdopt.explain import NearCell, evidence_gaps, nearest_cells
from pvdopt.materials import find_cautions
from pvdopt.model_store import ModelStore
from pvdopt.objectives import Objective
from pvdopt.space import SearchSpace
from pvdopt.surrogates import is_large
from pvdopt.surrogates.calibration import fingerprint as fingerprint_evidence
from pvdopt.surrogates.calibration import literature_factor
from pvdopt.surrogates.outcomes import OutcomeModels
from pvdopt.usability import Usability
from pvdopt.wording import count, show_interval

if TYPE_CHECKING:
    from pvdopt.config import CampaignConfig
    from pvdopt.surrogates.base import Prediction

#: Probability of the intervals shown and stored.
INTERVAL = 0.8
#: Own cells under which nothing is said about how wide intervals have to be in this laboratory.
N_FOR_CALIBRATION = 8
#: Chance that the literature holds here under which people are told.
DOUBT_TOLD = 0.5
#: Cells shown with a prediction.
N_NEAR = 3
#: Cells of a baseline whose worth is told, and other recipes that it is told of.
N_REPLICATES, N_OTHERS = 3, 64
#: Packages whose version bears on a prediction.
PACKAGES = ("pvdopt", "numpy", "scipy", "pandas", "scikit-learn")


@dataclass(frozen=True)
class Beliefs:
    """Everything a prediction rests on.

    Attributes
    ----------
    observed : DataFrame
        Own cells, see :meth:`pvdopt.campaign.own_cells.OwnCells.observed`.
    specification : str
        Name of the surrogate.
    config_fingerprint : str
        Of all that the campaign file says and bears on a proposal.
    store : ModelStore or None
        Where fitted models are kept.
    reference : mapping or None
        Reference point of the hypervolume, if the campaign has fixed one.
    runs, cost
        Kinds of run that cells share, and what a cell takes beside them.
    least_gain_per_hour : float or None
        What a batch has to gain in an hour to be worth it.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    evidence: Evidence | None
    observed: pd.DataFrame
    specification: str
    seed: int
    config_fingerprint: str
    store: ModelStore | None = None
    reference: Mapping[str, float] | None = None
    fit_seed: int | None = None
    runs: tuple[Run, ...] = ()
    cost: Hours | None = None
    least_gain_per_hour: float | None = None

    def make(self) -> OutcomeModels:
        """Return models of all objectives, not fitted yet."""
        factors = {
            name: literature_factor(self.specification, name, self.evidence) for name in ("capacity", "retention")
        }
        return OutcomeModels(
            self.space, self.objectives, self.evidence, self.specification, seed=self._fit_seed, calibration=factors
        )

    @property
    def _fit_seed(self) -> int:
        """The seed of the models: proposals draw anew after each fact, models of a large table need not."""
        return self.seed if self.fit_seed is None or not self.is_large else self.fit_seed

    def fingerprint(self) -> str:
        """Return a hash over data, campaign file, specification, seed and versions: what makes a model the same."""
        digest = hashlib.sha256(self.data_fingerprint().encode())
        for part in (
            self.config_fingerprint,
            self.specification,
            str(self._fit_seed),
            repr(versions()),
            _source_digest(),
        ):
            digest.update(b"\0" + part.encode())
        return digest.hexdigest()[:16]

    def data_fingerprint(self) -> str:
        """Return a hash over own and reported cells: the same data, the same fingerprint."""
        return self._data_fingerprint

    @cached_property
    def _data_fingerprint(self) -> str:
        told = self.observed.sort_index()
        names = sorted(told.columns)
        digest = hashlib.sha256("\0".join(names).encode())
        digest.update(pd.util.hash_pandas_object(told[names]).to_numpy().tobytes())
        digest.update(b"\0" + ("" if self.evidence is None else fingerprint_evidence(self.evidence)).encode())
        return digest.hexdigest()[:16]

    def fitted(self) -> OutcomeModels:
        """Return the fitted models, from the store where it holds those of the same fingerprint."""
        return self._models

    @cached_property
    def _models(self) -> OutcomeModels:
        if self.store is None:
            return self.make().fit(self.observed)
        found = self.store.load(self.fingerprint())
        if isinstance(found, OutcomeModels):
            return found
        models = self.make().fit(self.observed)
        self.store.save(self.fingerprint(), models)
        return models

    def proposer(self) -> Proposer:
        """Return the proposer that chooses with these models."""
        return Proposer(
            self.space,
            self.objectives,
            self.evidence,
            self.runs,
            self.cost,
            self.seed,
            models=self._make_and_keep,
            reference=self.reference,
        )

    def _make_and_keep(self) -> OutcomeModels:
        """Return fresh models; the first, which the proposer fits to all cells, serve :meth:`fitted` as well."""
        if self.is_large:
            return _StoredModels(self)
        models = self.make()
        self.__dict__.setdefault("_models", models)
        return models

    @property
    def is_large(self) -> bool:
        """Whether there are so many own cells that fitting takes minutes: then models are fitted once and kept."""
        return is_large(len(self.observed))

    def lab_standing(self) -> dict[str, dict[str, float]]:
        """Return how this laboratory's level compares with the reported cells', as the ledger keeps it.

        Per outcome ``ratio``, ``low`` and ``high`` (80 %): of a capacity to what reported cells alike would have, of a
        rate of fading likewise; and ``n``, the own values behind it. Empty where the models do not tell.
        """
        models = self.fitted()
        reach = NormalDist().inv_cdf(0.5 + INTERVAL / 2.0)
        found = {}
        for name, (mean, sd) in models.levels().items():
            table = models.tables[name]
            if table.own.any() and not table.own.all():
                ends = (mean, mean - reach * sd, mean + reach * sd)
                ratio, low, high = (float(np.exp(end)) for end in ends)
                found[name] = {"ratio": ratio, "low": low, "high": high, "n": int(table.own.sum())}
        return found


class _StoredModels(OutcomeModels):
    """Models for a proposer that takes those that are kept instead of fitting all cells anew."""

    def __init__(self, beliefs: Beliefs) -> None:
        self.__dict__.update(beliefs.make().__dict__)
        self._beliefs = beliefs

    def fit(self, observed: pd.DataFrame | None = None) -> Self:
        """Take the models of the beliefs, which rest on the same cells; without any cell learn from evidence alone."""
        if observed is None or not len(observed):
            return super().fit(observed)
        self.__dict__.update(self._beliefs.fitted().__dict__)
        return self


def versions() -> dict[str, str]:
    """Return the versions of the packages that bear on a prediction."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


@cache
def _source_digest() -> str:
    """Return a hash of this package's own source, so that a model of older code is never taken for one of newer."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def derive_seed(seed: int, n_facts: int) -> int:
    """Return the seed of the next proposals: another one after every fact, the same one for the same ledger."""
    return int(np.random.SeedSequence([seed, n_facts]).generate_state(1)[0])


def gather_evidence(config: CampaignConfig) -> Evidence:
    """Return the evidence a campaign file asks for: the reported cells, the lab's own tables, or physics alone."""
    from pvdopt.cells import read_cells

    make = Evidence.reported if config.uses_reported else Evidence.physics_only
    evidence = replace(make(config.evidence_fixed(), config.protocol()), cathodes=config.cathodes)
    tables = [read_cells(path).accepted().reset_index(names="id") for path in config.evidence_files]
    if not tables:
        return evidence
    parts = [part for part in (evidence.cells, *tables) if len(part)]
    return replace(evidence, cells=pd.concat(parts, ignore_index=True))


def describe(beliefs: Beliefs, recipes: pd.DataFrame) -> pd.DataFrame:
    """Return recipes with median and interval of every objective and the chance of a usable cell."""
    frame = recipes[list(beliefs.space.names)].copy()
    predictions = beliefs.fitted().predict(frame)
    for o in beliefs.objectives:
        low, high = predictions[o.name].interval(INTERVAL)
        frame[o.name], frame[f"{o.name}_low"], frame[f"{o.name}_high"] = predictions[o.name].median(), low, high
    table = check_observed(beliefs.observed, beliefs.space, beliefs.objectives, beliefs.evidence)
    frame["usable_chance"] = Usability(beliefs.space).fit(table).chance(recipes[list(beliefs.space.names)])
    return frame


def tell_shares(beliefs: Beliefs, recipes: pd.DataFrame) -> list[dict[str, Shares]]:
    """Return for each recipe where what is known of it comes from, by outcome; empty where the models cannot tell."""
    shares = beliefs.fitted().shares(recipes[list(beliefs.space.names)])
    return [
        {name: Shares(*(float(v) for v in parts[row])) for name, parts in shares.items()} for row in range(len(recipes))
    ]


# -- what it leans on --------------------------------------------------------------------------------------------


def lean_on(beliefs: Beliefs, recipes: pd.DataFrame) -> tuple[list[list[NearCell]], list[list[str]]]:
    """Return for each recipe the nearest reported cells, and where it leaves what they state or needs caution."""
    if beliefs.evidence is None:
        return [[] for _ in range(len(recipes))], [[] for _ in range(len(recipes))]
    full = beliefs.space.with_fixed(recipes[list(beliefs.space.names)])
    rows = ({str(n): v for n, v in row.items()} for row in full.to_dict("records"))
    cautions = [[text for _, text in find_cautions(row)] for row in rows]
    gaps = [[*found, *texts] for found, texts in zip(evidence_gaps(beliefs.evidence, full), cautions, strict=True)]
    return nearest_cells(beliefs.evidence, full, N_NEAR), gaps


def find_theory(beliefs: Beliefs, recipes: pd.DataFrame) -> list[dict[str, float]]:
    """Return for each recipe what its cathode can hold within the protocol's window in theory, by outcome.

    An interval is that of a factor and knows no bound: what is shown of it says where theory ends.
    """
    if beliefs.evidence is None:
        return [{} for _ in range(len(recipes))]
    full = beliefs.space.with_fixed(recipes[list(beliefs.space.names)])
    volumetric = beliefs.evidence.theoretical_capacity(full)
    of_outcome = {"capacity": volumetric, "areal_capacity": volumetric * column_values(full, "thickness_um")}
    asked = [o.name for o in beliefs.objectives if o.name in of_outcome]
    return [{n: float(of_outcome[n][k]) for n in asked if np.isfinite(of_outcome[n][k])} for k in range(len(full))]


def n_reported(beliefs: Beliefs) -> int:
    """Return how many reported cells say something about an objective."""
    if beliefs.evidence is None or not len(beliefs.evidence.cells):
        return 0
    telling = [o.name for o in beliefs.objectives if o.name in beliefs.evidence.cells.columns]
    return int(beliefs.evidence.cells[telling].notna().any(axis=1).sum()) if telling else 0


def general_notes(beliefs: Beliefs) -> list[str]:
    """Return what holds for every prediction of the campaign."""
    notes = []
    measured = beliefs.observed[[o.name for o in beliefs.objectives]].notna().any(axis=1)
    n_own = int(measured.sum())
    if beliefs.evidence is not None and n_own == 0:
        notes.append("No own cell yet: the level of this laboratory is not known, and intervals are wide.")
    elif n_own < N_FOR_CALIBRATION:
        notes.append(
            f"{count(n_own, 'own cell')} measured, fewer than {N_FOR_CALIBRATION}: "
            "whether intervals are wide enough here is not tested yet."
        )
    notes += [
        f"Your cells speak against what the literature says of heat and bias: that it holds here for {name} is "
        f"{max(round(100 * faith), 1)} % likely, and predictions lean on it no more than that."
        for name, faith in beliefs.fitted().faiths().items()
        if faith < DOUBT_TOLD
    ]
    strange = [n for n in beliefs.space.names if column(n) is None]
    if strange and beliefs.evidence is not None:
        notes.append(f"Only own cells teach {', '.join(strange)}: the vocabulary does not know it.")
    return notes


def worth_of_baseline(beliefs: Beliefs, batch: pd.DataFrame) -> list[str]:
    """Return, as a note, what cells of a baseline would buy before any own cell was measured; none without evidence.

    Parameters
    ----------
    batch : DataFrame
        Proposals; the baseline is the one that is meant so, else the first.
    """
    if beliefs.evidence is None or not len(batch):
        return []
    place = next((k for k, purpose in enumerate(batch["purpose"]) if purpose == "baseline"), 0)
    names = list(beliefs.space.names)
    others = draw_recipes(beliefs.space, N_OTHERS, np.random.default_rng(abs(beliefs.seed)))
    recipes = pd.concat([batch[names].iloc[[place]], others[names]], ignore_index=True)
    predictions = beliefs.fitted().predict(recipes)
    goals = [o for o in beliefs.objectives if not o.is_constraint and beliefs.evidence.knows(o.name)]
    if not goals:
        return []
    label = batch["id"].iloc[place] or "the first recipe"
    told = "; ".join(_narrowing(o, predictions[o.name]) for o in goals)
    return [f"What a baseline buys: {N_REPLICATES} cells of {label} would narrow the 80 % interval of {told}."]


def _narrowing(objective: Objective, prediction: Prediction) -> str:
    """Say how cells of the first recipe narrow the interval of its next cell, and those of the other recipes."""
    reach = NormalDist().inv_cdf(0.5 + INTERVAL / 2.0)
    after = prediction.std_after(N_REPLICATES)
    before = [float(ends[0]) for ends in prediction.interval(INTERVAL)]
    ends = sorted(float(prediction.link.inverse(prediction.mean[0] + s * reach * after[0])) for s in (-1.0, 1.0))
    unit = "" if objective.unit in (None, "", "1") else f" {objective.unit}"
    narrower = 1.0 - float(np.median(after[1:] / prediction.total_std[1:]))
    return (
        f"{objective.name} from {show_interval(*before)}{unit} to about {show_interval(*ends)}, "
        f"and those of other recipes by {round(100 * narrower)} %"
    )


def known_outcomes(objectives: Sequence[Objective], evidence: Evidence | None) -> list[str]:
    """Return the outcomes behind the objectives that reported cells tell of."""
    if evidence is None:
        return []
    names = ["capacity" if o.name == "areal_capacity" else o.name for o in objectives]
    return [n for n in dict.fromkeys(names) if evidence.knows(n)]
