"""One training table from reported and own cells, on the model's scale. Knows no database and no surrogate.

Only rows that say something about the outcome enter; what a row does not say stays missing. A bound ("92 % or more",
"no fading") enters as a censored row, never as a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pvdopt.features import CategoryInput, Input, encode, inputs_of_space
from pvdopt.physics import fade_noise_variance

if TYPE_CHECKING:
    from pvdopt.space import SearchSpace
    from pvdopt.surrogates.base import FadeLink, Link

Array = NDArray[np.float64]

#: What "kept" or "no fading" is read as when no figure is printed: at least this share (domain notes, unverified).
MAINTAINED = 0.97
#: Reading precision of a printed figure as relative standard deviation: exact, "about" (domain notes, unverified).
READING_SD = {"=": 0.02, "~": 0.07, ">=": 0.02, "<=": 0.02, "maintained": 0.02}
#: Further relative deviation where the value was computed or converted (density of a film; domain notes, unverified).
CONVERTED_SD = 0.05
#: Further relative deviation where the reading of the text is disputable (judgement, unverified).
DOUBTFUL_SD = 0.15
#: Reading precision of a retention: 1 and 2 points (judgement, unverified).
RETENTION_SD = {"=": 0.01, "~": 0.02, ">=": 0.01, "<=": 0.01, "maintained": 0.01}

#: The laboratory that asks: the source name of every own cell without another one.
OWN_SOURCE = "own"


@dataclass(frozen=True)
class PriorMean:
    """What is believed before any cell: a mean, the variance of what the row leaves open, and weighted beliefs.

    Attributes
    ----------
    mean : callable
        Frame of n rows -> (mean, extra variance), each of shape (n,), model scale.
    beliefs : callable
        Frame -> ndarray (n, k): features whose weights have a normal prior (``weight_sd``); their prior weight is
        part of the mean already.
    weight_sd : ndarray of shape (k,)
    level_sd : float
        Prior deviation of the overall level on the model scale.
    unit : float
        How wide effects on this scale are, the logarithm of a capacity being 1.
    doubtful : ndarray of shape (k,)
        Weights in ``mean`` of the beliefs that need not hold in every laboratory, 0 for the others; empty: all hold.
    widening : callable or None
        Beliefs (n, k) -> what the deviation of process effects is multiplied by, shape (n,); None: 1 everywhere.
    """

    mean: Callable[[pd.DataFrame], tuple[Array, Array]]
    beliefs: Callable[[pd.DataFrame], Array]
    weight_sd: Array
    level_sd: float
    unit: float = 1.0
    widening: Callable[[Array], Array] | None = None
    doubtful: Array = field(default_factory=lambda: np.zeros(0))


def no_prior() -> PriorMean:
    """Return the prior of a plain optimiser: zero mean, no beliefs, unit level (the outcome is standardised)."""
    return PriorMean(
        mean=lambda frame: (np.zeros(len(frame)), np.zeros(len(frame))),
        beliefs=lambda frame: np.zeros((len(frame), 0)),
        weight_sd=np.zeros(0),
        level_sd=0.5,
    )


@dataclass(frozen=True)
class TrainingTable:
    """Rows for one outcome.

    Attributes
    ----------
    frame : DataFrame of shape (n, ...)
        Input and effect columns; index 0..n-1.
    y : ndarray of shape (n,)
        Model scale; the bound where ``censor`` is not 0.
    noise_var : ndarray of shape (n,)
        Known variance of the row beyond the noise that is learned.
    censor : ndarray of int, shape (n,)
        -1: the true y lies at or below ``y``; +1: at or above; 0: it is ``y``.
    source, team, run : ndarray of object, shape (n,)
        ``run`` is empty where not stated.
    own : ndarray of bool, shape (n,)
        Rows of the laboratory that asks.
    inputs, effects : tuple
        Declared inputs; columns whose levels act as random effects.
    """

    outcome: str
    frame: pd.DataFrame
    y: Array
    noise_var: Array
    censor: NDArray[np.int_]
    source: NDArray[np.object_]
    team: NDArray[np.object_]
    run: NDArray[np.object_]
    own: NDArray[np.bool_]
    link: Link
    inputs: tuple[Input, ...]
    effects: tuple[str, ...]
    prior: PriorMean

    def __len__(self) -> int:
        return len(self.y)

    def all_inputs(self) -> tuple[Input, ...]:
        """Return the inputs and, for models without random effects, the effects as categories of their levels."""
        levels = {
            effect: tuple(sorted({v for v in self.frame[effect] if isinstance(v, str)}))
            for effect in self.effects
            if effect in self.frame.columns
        }
        return self.inputs + tuple(CategoryInput(effect, known) for effect, known in levels.items() if known)

    def subset(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Return the table with these rows only."""
        picked = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows, dtype=np.intp)
        return replace(
            self,
            frame=self.frame.iloc[picked].reset_index(drop=True),
            **{
                name: getattr(self, name)[picked]
                for name in ("y", "noise_var", "censor", "source", "team", "run", "own")
            },
        )

    def in_fixed_order(self) -> Self:
        """Return the rows in an order that depends on them alone, for models that draw rows by their number."""
        texts = (self.source, self.run, *(self.frame[e] for e in self.effects if e in self.frame.columns))
        codes = [np.unique(np.asarray(t).astype(str), return_inverse=True)[1] for t in texts]
        matrix = np.nan_to_num(encode(self.inputs, self.frame).matrix(), nan=-9.0)
        own = (self.prior.mean(self.frame)[0], self.y, self.noise_var, self.censor, self.own)
        return self.subset(np.lexsort((*own, *codes, *matrix.T)))


@dataclass(frozen=True)
class OutcomeRows:
    """An outcome's rows on the model scale; ``kept`` says which rows of the frame they are."""

    kept: NDArray[np.intp]
    y: Array
    noise_var: Array
    censor: NDArray[np.int_]


def _numbers(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _texts(frame: pd.DataFrame, name: str, default: str = "") -> NDArray[np.object_]:
    if name not in frame.columns:
        return np.full(len(frame), default, dtype=object)
    stated = frame[name].to_numpy(dtype=object)
    return np.array([v if isinstance(v, str) and v else default for v in stated], dtype=object)


def usable(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which cells gave usable figures (an outcome class other than ok says not)."""
    return np.asarray([v in ("", "ok") for v in _texts(frame, "outcome_class")], dtype=bool)


def log_rows(frame: pd.DataFrame, outcome: str) -> OutcomeRows:
    """Return the rows of a positive outcome such as the capacity as logarithms, with reading noise and bounds."""
    values = _numbers(frame, outcome)
    kept = np.flatnonzero(np.isfinite(values) & (values > 0) & usable(frame))
    qualifier = _texts(frame, f"{outcome}_qualifier", "=")[kept]
    relative = np.array([READING_SD.get(q, 0.02) for q in qualifier])
    origin = _texts(frame, f"{outcome}_origin", "stated")[kept]
    doubtful = _texts(frame, "certainty", "clear")[kept] == "doubtful"
    variance = (
        relative**2 + np.where(origin != "stated", CONVERTED_SD**2, 0.0) + np.where(doubtful, DOUBTFUL_SD**2, 0.0)
    )
    stated_sd = _numbers(frame, f"{outcome}_sd")[kept]
    with np.errstate(invalid="ignore"):
        variance = np.where(stated_sd > 0, (stated_sd / values[kept]) ** 2, variance)
    return OutcomeRows(kept, np.log(values[kept]), variance, _bounds(qualifier))


def _bounds(qualifier: NDArray[np.object_]) -> NDArray[np.int_]:
    """Return the censoring of an outcome that grows with its model value."""
    return np.select([qualifier == ">=", qualifier == "<="], [1, -1], default=0)


def fade_rows(frame: pd.DataFrame, link: FadeLink) -> OutcomeRows:
    """Return the rows of a retention on the fade scale.

    A larger retention is a smaller fade: "at least" bounds the fade from above. "Maintained" and a capacity that
    grew are bounds as well. Without a cycle number a retention says nothing; own rows get the protocol's before.
    """
    values, cycles = _numbers(frame, "retention"), _numbers(frame, "cycles")
    qualifier = _texts(frame, "retention_qualifier", "=")
    values = np.where(np.isnan(values) & (qualifier == "maintained"), MAINTAINED, values)
    kept = np.flatnonzero(np.isfinite(values) & (cycles > 0) & usable(frame))
    values, cycles, qualifier = values[kept], cycles[kept], qualifier[kept]
    y = link.forward(values, cycles)
    grown = values > link.ceiling
    censor = np.select([qualifier == "<=", grown, np.isin(qualifier, [">=", "maintained"])], [1, -1, -1], default=0)
    reading = np.array([RETENTION_SD.get(q, 0.01) for q in qualifier])
    stated_sd = _numbers(frame, "retention_sd")[kept]
    reading = np.where(stated_sd > 0, stated_sd, reading)
    clipped = np.clip(values, 0.01, link.ceiling)
    slope = np.abs(1.0 / (clipped * np.log(clipped)))
    variance = np.minimum((reading * slope) ** 2, 1.0) + fade_noise_variance(cycles)
    return OutcomeRows(kept, y, variance, censor)


def make_table(
    outcome: str,
    frame: pd.DataFrame,
    rows: OutcomeRows,
    *,
    link: Link,
    inputs: tuple[Input, ...],
    effects: tuple[str, ...],
    prior: PriorMean,
) -> TrainingTable:
    """Return the training table of an outcome's rows; ``frame`` has a boolean column ``is_own``."""
    picked = frame.iloc[rows.kept].reset_index(drop=True)
    own = picked["is_own"].to_numpy(dtype=bool) if "is_own" in picked else np.ones(len(picked), dtype=bool)
    source = np.where(own, _texts(picked, "source", OWN_SOURCE), _texts(picked, "source", "unknown"))
    team = _texts(picked, "team")
    return TrainingTable(
        outcome=outcome,
        frame=picked,
        y=rows.y,
        noise_var=rows.noise_var,
        censor=rows.censor.astype(int),
        source=source.astype(object),
        team=np.where(team == "", source, team).astype(object),
        run=_texts(picked, "run"),
        own=own,
        link=link,
        inputs=inputs,
        effects=effects,
        prior=prior,
    )


def robust_spread(values: Array) -> float:
    """Return the standard deviation of values, or what it would be if their tails were those of their middle.

    Under eight values, and where hardly any of the spread lies between the first and the last decile, as with ties,
    it is the standard deviation itself; 0 for fewer than two.
    """
    if len(values) < 2:
        return 0.0
    plain = float(np.std(values))
    if len(values) < 8:
        return plain
    low, high = np.quantile(values, [0.1, 0.9])
    # The deciles of a normal distribution lie 2.563 deviations apart.
    middle = float(high - low) / 2.563
    return middle if middle > 0.1 * plain else plain


def plain_table(outcome: str, space: SearchSpace, observed: pd.DataFrame) -> TrainingTable:
    """Return the table of a plain optimiser: the outcome standardised, the space's parameters as inputs.

    Bounds are censored rows here as well; the outcome may have any unit and size.
    """
    from pvdopt.surrogates.base import IdentityLink

    values = _numbers(observed, outcome)
    kept = np.flatnonzero(np.isfinite(values) & usable(observed))
    seen = values[kept]
    center = float(np.median(seen)) if len(seen) else 0.0
    spread = robust_spread(seen)
    # A constant outcome has no spread of its own; its size is the only scale there is.
    scale = spread if spread > 1e-12 * abs(center) else abs(center) or 1.0
    link = IdentityLink(center, scale)
    stated_sd = _numbers(observed, f"{outcome}_sd")[kept]
    noise = np.where(stated_sd > 0, (stated_sd / scale) ** 2, 0.0)
    rows = OutcomeRows(kept, link.forward(seen), noise, _bounds(_texts(observed, f"{outcome}_qualifier", "=")[kept]))
    return make_table(
        outcome,
        space.with_fixed(observed),
        rows,
        link=link,
        inputs=inputs_of_space(space),
        effects=(),
        prior=no_prior(),
    )
