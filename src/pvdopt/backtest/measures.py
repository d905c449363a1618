"""How well a sequence of experiments did: figures of one run, and how runs are compared. Knows no strategy.

Values are signed (more is better) and of shape (n, m): n experiments in the order they were made, m objectives; NaN
where an experiment gave nothing. Progress is what the experiments so far have reached, of shape (n,): the best value
of one objective, the hypervolume of several.

Factors against random search follow Liang, Gongora, Ren et al., Benchmarking the performance of Bayesian optimization
across multiple experimental materials science domains, npj Comput. Mater. 7, 188 (2021): the acceleration factor is
the ratio of experiments needed to reach a target, the enhancement factor the ratio of what is reached after the same
number of experiments. They take both from the share of top candidates found; here what is reached is progress.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pvdopt.choice.acquisition import hypervolume

Array = np.ndarray[Any, Any]

#: Bootstrap samples behind an interval, and its central mass.
N_BOOTSTRAP = 2000
MASS = 0.9


def progress_of(values: Array, reference: Array) -> Array:
    """Return what the experiments so far have reached, shape (n,): best value or hypervolume.

    One objective: the running best, ``reference`` before the first value. Several: the hypervolume above the reference
    point; an experiment that lacks an objective adds nothing.

    Parameters
    ----------
    values : ndarray of shape (n, m)
    reference : ndarray of shape (m,)

    >>> progress_of(np.array([[1.0], [np.nan], [3.0], [2.0]]), np.zeros(1))
    array([1., 1., 3., 3.])
    >>> progress_of(np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros(2))
    array([2., 3.])
    """
    values = np.asarray(values, dtype=float)
    reference = np.asarray(reference, dtype=float)
    known = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, reference)
    if values.shape[1] == 1:
        return np.maximum.accumulate(np.maximum(known[:, 0], reference[0]))
    reached = np.zeros(len(values))
    for k in range(len(values)):
        # A point that the earlier ones dominate changes nothing, which spares most volumes.
        beaten = k > 0 and bool((known[:k] >= known[k]).all(axis=1).any())
        reached[k] = reached[k - 1] if beaten else hypervolume(known[: k + 1], reference)
    return reached


def experiments_to(progress: Array, target: float) -> float:
    """Return how many experiments it took to reach a target; NaN if it was not reached (censored).

    >>> experiments_to(np.array([1.0, 2.0, 5.0]), 2.0)
    2.0
    """
    reached = np.asarray(progress) >= target
    return float(np.argmax(reached) + 1) if reached.any() else math.nan


def area(progress: Array, worst: float, best: float) -> float:
    """Return the mean share of what there was to gain that was reached, over all experiments; 1 is best.

    One minus the normalised regret area.

    >>> area(np.array([0.0, 5.0, 10.0]), 0.0, 10.0)
    0.5
    """
    return float(np.mean((np.asarray(progress) - worst) / (best - worst)))


def acceleration_factor(progress: Array, random: Array, target: float) -> float:
    """Return how many times as many experiments random search needs to reach a target; NaN if neither reaches it.

    Where only one of them does, the other counts as reaching it with the experiment after the last: the factor is
    then a bound, lower where it is random search that did not.

    Parameters
    ----------
    progress, random : ndarray of shape (n_seeds, n_experiments)
        The median over seeds is what has to reach the target.
    """
    mine, chance = (experiments_to(np.median(p, axis=0), target) for p in (progress, random))
    if math.isnan(mine) and math.isnan(chance):
        return math.nan
    after = float(progress.shape[1] + 1)
    return (after if math.isnan(chance) else chance) / (after if math.isnan(mine) else mine)


def enhancement_factor(progress: Array, random: Array, worst: float) -> Array:
    """Return the ratio of what is reached above ``worst`` to what random search reaches, by experiments made.

    Parameters
    ----------
    progress, random : ndarray of shape (n_seeds, n_experiments)
        Medians over seeds are compared.

    Returns
    -------
    ndarray of shape (n_experiments,)
        NaN where random search has reached nothing.
    """
    gained = np.median(random, axis=0) - worst
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(gained > 0, (np.median(progress, axis=0) - worst) / gained, np.nan))


def bootstrap(
    statistic: Callable[[Array], float], n_seeds: int, rng: np.random.Generator, mass: float = MASS
) -> tuple[float, float]:
    """Return the central interval of a statistic over seeds drawn with replacement.

    Parameters
    ----------
    statistic : callable
        Takes the numbers of the seeds drawn, shape (n_seeds,); a sample for which it is NaN is left out.

    Returns
    -------
    tuple of float
        NaN twice where the statistic is NaN for every second sample or more.
    """
    samples = np.array([statistic(rng.integers(n_seeds, size=n_seeds)) for _ in range(N_BOOTSTRAP)])
    samples = samples[~np.isnan(samples)]
    if len(samples) <= N_BOOTSTRAP / 2:
        return math.nan, math.nan
    # Nearest, since a censored sample is infinite and nothing can be read between it and a number.
    low, high = np.quantile(samples, [(1 - mass) / 2, (1 + mass) / 2], method="nearest")
    return float(low), float(high)


def bootstrap_mean(
    groups: Sequence[Array], rng: np.random.Generator, mass: float = MASS
) -> tuple[float, tuple[float, float]]:
    """Return the mean of the groups' means, and its interval with values drawn with replacement within groups.

    Every group weighs the same, however many values it has.

    >>> bootstrap_mean([np.ones(3), 3 * np.ones(9)], np.random.default_rng(0))
    (2.0, (2.0, 2.0))
    """
    samples = [values[rng.integers(len(values), size=(N_BOOTSTRAP, len(values)))].mean(axis=1) for values in groups]
    low, high = np.quantile(np.mean(samples, axis=0), [(1 - mass) / 2, (1 + mass) / 2])
    return float(np.mean([values.mean() for values in groups])), (float(low), float(high))
