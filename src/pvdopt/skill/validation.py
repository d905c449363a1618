"""Skill and calibration with whole sources held out and everything refitted: no random split anywhere.

Notation: y model scale (ln capacity, the fade scale), mean and sd the prediction for a new cell, z = (y - mean) / sd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from pvdopt.evidence import Evidence
from pvdopt.parallel import compute
from pvdopt.surrogates import fit_surrogate
from pvdopt.surrogates.baseline import source_weights

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

#: Least number of sources for a calibration by whole sources.
N_SOURCES_FOR_CALIBRATION = 9
#: Probabilities of the central intervals that are reported.
LEVELS = (0.5, 0.8, 0.9)
#: What a calibration factor may do at most: a guard against a handful of odd sources.
FACTOR_LIMITS = (0.5, 3.0)


def held_out(
    evidence: Evidence,
    outcome: str,
    specification: str,
    by: str = "source",
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress | None = None,
    *,
    n_folds: int | None = None,
    shuffle: int | None = None,
) -> pd.DataFrame:
    """Predict every reported row from a model that never saw its group, refitted for each group.

    Constants of the prior mean that were fitted on a held-out source are left out with it.

    Parameters
    ----------
    by : {"source", "team"}
        What is held out together.
    progress : callable, optional
        Called with (done, total) folds.
    n_folds : int, optional
        Deal the groups out into so many folds; by default each group is a fold.
    shuffle : int, optional
        Seed with which outcomes are exchanged at random among all rows: nothing is left to learn.

    Returns
    -------
    DataFrame of n rows
        ``id, cathode, cathode_family, source, team, y, censor, mean, sd, value, predicted``: prediction for a new cell
        of a laboratory not seen; the last two in the outcome's unit.
    """
    full = evidence.table(outcome)
    names, of_row = np.unique((full.source if by == "source" else full.team).astype(str), return_inverse=True)
    fold_of = np.arange(len(names))
    if n_folds is not None and n_folds < len(names):
        fold_of = np.random.default_rng(seed).permutation(len(names)) % n_folds
    folds = fold_of[of_row]
    order = np.arange(len(full)) if shuffle is None else np.random.default_rng(shuffle).permutation(len(full))
    full = replace(full, y=full.y[order], noise_var=full.noise_var[order], censor=full.censor[order])

    def one(fold: int) -> pd.DataFrame:
        out = folds == fold
        test = full.subset(out)
        train = evidence.excluding(set(test.source)).table(outcome)
        if shuffle is not None:
            kept = full.subset(~out)
            train = replace(train, y=kept.y, noise_var=kept.noise_var, censor=kept.censor)
        prediction = fit_surrogate(specification, train, seed).predict(test.frame)
        columns = {c: list(test.frame[c]) for c in ("id", "cathode", "cathode_family") if c in test.frame}
        return pd.DataFrame(
            {
                **columns,
                "source": test.source,
                "team": test.team,
                "y": test.y,
                "censor": test.censor,
                "mean": prediction.mean,
                "sd": prediction.total_std,
                "value": full.link.inverse(test.y),
                "predicted": prediction.median(),
            },
            index=np.flatnonzero(out),
        )

    wanted = np.unique(folds)
    found: list[pd.DataFrame] = []
    for part in compute(one, ((int(fold),) for fold in wanted), n_jobs):
        found.append(part)
        if progress is not None:
            progress(len(found), len(wanted))
    return pd.concat(found).sort_index()


def crps_normal(y: Array, mean: Array, sd: Array) -> Array:
    """Return the continuous ranked probability score of normal predictions; lower is better.

    Gneiting and Raftery, J. Am. Stat. Assoc. 102, 359 (2007), equation 21.

    Examples
    --------
    >>> crps_normal(np.array([0.0]), np.array([0.0]), np.array([1.0])).round(4)
    array([0.2337])
    """
    z = (y - mean) / sd
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return np.asarray(sd * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / np.sqrt(np.pi)))


def log_score(y: Array, mean: Array, sd: Array, censor: NDArray[np.int_]) -> Array:
    """Return minus the log likelihood; a bound scores the probability of its tail. Lower is better."""
    z = (y - mean) / sd
    exact = 0.5 * z**2 + np.log(sd) + 0.5 * np.log(2.0 * np.pi)
    return np.asarray(np.select([censor < 0, censor > 0], [-log_ndtr(z), -log_ndtr(-z)], default=exact))


def weighted_quantile(values: Array, weights: Array, share: float) -> float:
    """Return the smallest value at which the weight below or at it reaches a share of the total."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    # Shares such as 8/9 are met exactly by sums of ninths; rounding must not decide.
    return float(values[order][min(int(np.searchsorted(cumulative, share - 1e-9)), len(values) - 1)])


def calibration_factor(z: Array, groups: NDArray[np.object_], probability: float = 0.8) -> float:
    """Return what deviations have to be multiplied by for the central interval to hold its share of new groups.

    Every group weighs 1; the finite-sample correction of conformal prediction, (G + 1)/G, is applied. Under nine
    groups the factor is 1.
    """
    n_groups = len(set(groups))
    if n_groups < N_SOURCES_FOR_CALIBRATION:
        return 1.0
    share = min(probability * (n_groups + 1) / n_groups, 1.0)
    factor = weighted_quantile(np.abs(z), source_weights(groups), share) / float(ndtri(0.5 + probability / 2))
    return float(np.clip(factor, *FACTOR_LIMITS))


def cross_calibrated(held: pd.DataFrame, probability: float = 0.8) -> Array:
    """Return each row's deviation scaled by the factor found on the other sources' held-out rows."""
    exact = held["censor"].to_numpy() == 0
    z = ((held["y"] - held["mean"]) / held["sd"]).to_numpy(dtype=float)
    source = held["source"].to_numpy(dtype=object)
    scaled = held["sd"].to_numpy(dtype=float).copy()
    for name in set(source):
        others = exact & (source != name)
        scaled[source == name] *= calibration_factor(z[others], source[others], probability)
    return scaled


@dataclass(frozen=True)
class Interval:
    """A figure with its 90 % interval from resampling whole publications."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def holds_zero(self) -> bool:
        """Whether 0 lies in the interval: then no difference is shown."""
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Coverage:
    """Share of rows inside the cross-calibrated central interval of a probability, and its mean width (model scale)."""

    probability: float
    share: Interval
    width: float


@dataclass(frozen=True)
class Skill:
    """How well a specification predicts publications it has not seen.

    Attributes
    ----------
    typical_factor : Interval
        exp(RMSE) of ln capacity for the log link (exp of the RMSE of y otherwise).
    crps, log_score : Interval
        Lower is better; the log score counts bounds by the probability of their tail.
    coverage, width : Interval, float
        Share of rows inside the cross-calibrated 80 % interval; mean width on the model scale.
    against : mapping
        Difference in CRPS to each reference, ours minus theirs: below 0 is better.
    mae, median_ae : Interval or None, float
        Absolute error of the median in the outcome's unit; NaN and None where the rows do not tell.
    levels : tuple of Coverage
        Coverage at 50, 80 and 90 %, with the factor found for 80 %.
    concordance : float
        Share of pairs of rows of different sources, of those whose order is known, that are put in order; 0.5 is
        chance. A baseline that predicts nearly the same for all falls below: each source is missing from the mean it
        is predicted with.
    """

    specification: str
    outcome: str
    by: str
    n_rows: int
    n_sources: int
    typical_factor: Interval
    r2: float
    crps: Interval
    log_score: Interval
    coverage: Interval
    width: float
    factor: float
    against: dict[str, Interval]
    mae: Interval | None = None
    median_ae: float = float("nan")
    levels: tuple[Coverage, ...] = ()
    concordance: float = float("nan")


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], groups: NDArray[np.object_], n: int = 1000, seed: int = 0
) -> Interval:
    """Return a statistic of row numbers with the 90 % interval over resampled groups."""
    names, inverse = np.unique(groups.astype(str), return_inverse=True)
    members = [np.flatnonzero(inverse == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])) for _ in range(n)
    ]
    low, high = np.nanquantile(values, [0.05, 0.95])
    return Interval(statistic(np.arange(len(groups))), float(low), float(high))


def measure_skill(
    specification: str, outcome: str, by: str, held: pd.DataFrame, references: dict[str, pd.DataFrame]
) -> Skill:
    """Return the skill of held-out predictions; CRPS and error use the rows that are not bounds."""
    exact = held[held["censor"] == 0]
    calibrated = pd.Series(cross_calibrated(held), index=held.index)
    y, mean = exact["y"].to_numpy(dtype=float), exact["mean"].to_numpy(dtype=float)
    sd, groups = np.asarray(calibrated[exact.index], dtype=float), exact["source"].to_numpy(dtype=object)
    score = crps_normal(y, mean, sd)
    every = log_score(
        held["y"].to_numpy(dtype=float),
        held["mean"].to_numpy(dtype=float),
        np.asarray(calibrated, dtype=float),
        held["censor"].to_numpy(dtype=int),
    )
    levels = []
    for probability in LEVELS:
        half = float(ndtri(0.5 + probability / 2.0)) * sd
        inside = (np.abs(y - mean) <= half).astype(float)
        share = bootstrap(lambda rows, inside=inside: float(inside[rows].mean()), groups)  # type: ignore[misc]
        levels.append(Coverage(probability, share, float(2.0 * half.mean())))
    middle = next(c for c in levels if c.probability == 0.8)
    mae, median_ae = _absolute_error(exact, groups)
    against = {}
    for name, other in references.items():
        theirs = np.asarray(pd.Series(cross_calibrated(other), index=other.index)[exact.index], dtype=float)
        gap = np.asarray(score - crps_normal(y, np.asarray(other.loc[exact.index, "mean"], dtype=float), theirs))
        against[name] = bootstrap(lambda rows, gap=gap: float(gap[rows].mean()), groups)  # type: ignore[misc]
    z = (y - mean) / exact["sd"].to_numpy(dtype=float)
    return Skill(
        specification=specification,
        outcome=outcome,
        by=by,
        n_rows=len(held),
        n_sources=len(set(held["source"])),
        typical_factor=bootstrap(lambda rows: float(np.exp(np.sqrt(np.mean((y - mean)[rows] ** 2)))), groups),
        r2=float(1.0 - np.sum((y - mean) ** 2) / np.sum((y - y.mean()) ** 2)),
        crps=bootstrap(lambda rows: float(score[rows].mean()), groups),
        log_score=bootstrap(lambda rows: float(every[rows].mean()), held["source"].to_numpy(dtype=object)),
        coverage=middle.share,
        width=middle.width,
        factor=calibration_factor(z, groups),
        against=against,
        mae=mae,
        median_ae=median_ae,
        levels=tuple(levels),
        concordance=concordance(held),
    )


def _absolute_error(exact: pd.DataFrame, groups: NDArray[np.object_]) -> tuple[Interval | None, float]:
    """Return mean and median absolute error in the outcome's unit, where the rows carry it."""
    if "value" not in exact.columns or "predicted" not in exact.columns:
        return None, float("nan")
    error = np.abs(np.asarray(exact["value"] - exact["predicted"], dtype=float))
    return bootstrap(lambda rows: float(error[rows].mean()), groups), float(np.median(error))


def concordance(held: pd.DataFrame) -> float:
    """Return the share of pairs of rows of different sources that are put in their order, ties counting half.

    A bound is ordered against what lies on its far side only (Harrell et al., J. Am. Med. Assoc. 247, 2543 (1982)).
    """
    y, mean = held["y"].to_numpy(dtype=float), held["mean"].to_numpy(dtype=float)
    censor, source = held["censor"].to_numpy(dtype=int), held["source"].to_numpy(dtype=object)
    # Row i is known to lie below row j: i at most its value, j at least its own.
    below = (y[:, None] < y[None, :]) & (censor[:, None] <= 0) & (censor[None, :] >= 0)
    below &= source[:, None] != source[None, :]
    gap = mean[None, :] - mean[:, None]
    put = np.where(np.abs(gap) < 1e-9, 0.5, (gap > 0).astype(float))
    return float(put[below].mean()) if below.any() else float("nan")


def skill_table(
    evidence: Evidence,
    outcome: str,
    specifications: Sequence[str],
    by: str = "source",
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> list[Skill]:
    """Return the skill of specifications in the same folds, each against the two baselines."""
    wanted = list(dict.fromkeys([*specifications, "climatology", "theory"]))

    def report(position: int) -> Progress | None:
        if progress is None:
            return None
        shown = progress
        return lambda done, total: shown(position * total + done, len(wanted) * total)

    held = {s: held_out(evidence, outcome, s, by, seed, n_jobs, report(k)) for k, s in enumerate(wanted)}
    references = {s: held[s] for s in ("climatology", "theory")}
    return [measure_skill(s, outcome, by, held[s], {r: h for r, h in references.items() if r != s}) for s in wanted]
