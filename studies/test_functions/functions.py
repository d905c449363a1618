"""The test functions: what a trial suggests, the true values, constraints and noise. All are to be minimised.

A function's spread is the standard deviation of its true value over random recipes (computed once by ``spread``);
noise, where there is any, is 5 % of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.trial import Trial

Params = Mapping[str, Any]
NOISE_SHARE = 0.05


@dataclass(frozen=True)
class Problem:
    """One function.

    Attributes
    ----------
    suggest : callable
        Trial -> parameters, in the words of Optuna.
    truth : callable
        Parameters -> true values, one for each objective.
    best : float
        The least value that is feasible; with two objectives the greatest hypervolume below ``reference``.
    excess : callable or None
        Parameters -> what has to be <= 0, by name.
    noise : float
        Standard deviation, one for all objectives.
    """

    name: str
    suggest: Callable[[Trial], Params]
    truth: Callable[[Params], tuple[float, ...]]
    best: float
    n_trials: int
    spread: float
    noise: float = 0.0
    excess: Callable[[Params], dict[str, float]] | None = None
    reference: tuple[float, ...] = ()

    @property
    def n_objectives(self) -> int:
        return len(self.reference) or 1


def floats(n: int, low: float, high: float) -> Callable[[Trial], Params]:
    return lambda trial: {f"x{k}": trial.suggest_float(f"x{k}", low, high) for k in range(n)}


def array(p: Params, n: int) -> np.ndarray:
    return np.array([p[f"x{k}"] for k in range(n)], dtype=float)


def branin_space(trial: Trial) -> Params:
    return {"x0": trial.suggest_float("x0", -5.0, 10.0), "x1": trial.suggest_float("x1", 0.0, 15.0)}


def branin(p: Params) -> tuple[float, ...]:
    """Dixon, Szego 1978; three optima of 0.397887."""
    x, y = p["x0"], p["x1"]
    bend = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return (bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10,)


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(p: Params) -> tuple[float, ...]:
    """Hartmann in six dimensions (Dixon, Szego 1978); optimum -3.32237."""
    inner = (HARTMANN_A * (array(p, 6) - HARTMANN_P) ** 2).sum(axis=1)
    return (-float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-inner)),)


#: Where each kind of the mixed Ackley function has its optimum, and how much worse than the best kind it is there.
ACKLEY_KINDS = {"a": (0.0, 0.0), "b": (1.0, 1.0), "c": (-1.5, 2.0), "d": (2.0, 0.5), "e": (-2.0, 3.0), "f": (0.5, 1.5)}


def ackley_space(trial: Trial) -> Params:
    kind = trial.suggest_categorical("kind", list(ACKLEY_KINDS))
    return {"kind": kind, **floats(3, -4.0, 4.0)(trial)}


def ackley(p: Params) -> tuple[float, ...]:
    """Ackley 1987 in three dimensions, moved and raised by a category; optimum 0 with kind a."""
    centre, extra = ACKLEY_KINDS[p["kind"]]
    x = array(p, 3) - centre
    hills = -20 * math.exp(-0.2 * math.sqrt(float((x**2).mean()))) - math.exp(float(np.cos(2 * math.pi * x).mean()))
    return (hills + 20 + math.e + extra,)


def levy_space(trial: Trial) -> Params:
    return {
        "x0": trial.suggest_float("x0", -5.0, 5.0),
        "x1": trial.suggest_float("x1", -5.0, 5.0),
        "x2": trial.suggest_int("x2", -5, 5),
        "x3": trial.suggest_float("x3", -5.0, 5.0, step=0.5),
    }


def levy(p: Params) -> tuple[float, ...]:
    """Levy, Montalvo 1985, with a whole and a stepped number; optimum 0 at (1, 1, 1, 1)."""
    w = 1 + (array(p, 4) - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + 1) ** 2)).sum()
    end = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return (float(math.sin(math.pi * w[0]) ** 2 + middle + end),)


def rosenbrock_space(trial: Trial) -> Params:
    return {
        "x0": trial.suggest_float("x0", -2.0, 2.0),
        "scale": trial.suggest_float("scale", 1e-2, 1e2, log=True),
        "x1": trial.suggest_float("x1", -1.0, 3.0),
        "kind": trial.suggest_categorical("kind", ["plain", "raised", "tilted"]),
    }


def rosenbrock(p: Params) -> tuple[float, ...]:
    """Rosenbrock 1960, with a number on a logarithmic scale (best at 1) and a category; optimum 0."""
    extra = {"plain": 0.0, "raised": 5.0, "tilted": 2.0 + p["x0"]}[p["kind"]]
    return (100 * (p["x1"] - p["x0"] ** 2) ** 2 + (1 - p["x0"]) ** 2 + 20 * math.log10(p["scale"]) ** 2 + extra,)


def gramacy(p: Params) -> tuple[float, ...]:
    return (p["x0"] + p["x1"],)


def gramacy_excess(p: Params) -> dict[str, float]:
    """Gramacy et al., Technometrics 58, 1 (2016), equation 1; optimum 0.599788 at (0.1954, 0.4044)."""
    x, y = p["x0"], p["x1"]
    return {
        "wave": 1.5 - x - 2 * y - 0.5 * math.sin(2 * math.pi * (x**2 - 2 * y)),
        "ring": x**2 + y**2 - 1.5,
    }


def disc(p: Params) -> tuple[float, ...]:
    """The Hartmann function with only some of its recipes feasible."""
    return hartmann(p)


def disc_excess(p: Params) -> dict[str, float]:
    """At most a norm of 1, as Letham et al. 2019 constrain the Hartmann function; the optimum stays."""
    return {"norm": float(np.linalg.norm(array(p, 6)) - 1.0)}


def zdt1(p: Params) -> tuple[float, ...]:
    """Zitzler, Deb, Thiele 2000, in four dimensions; the front is v = 1 - sqrt(u)."""
    x = array(p, 4)
    g = 1 + 9 * x[1:].mean()
    return float(x[0]), float(g * (1 - math.sqrt(x[0] / g)))


def dtlz2(p: Params) -> tuple[float, ...]:
    """Deb et al. 2002, two objectives in five dimensions; the front is a quarter of the unit circle."""
    x = array(p, 5)
    g = 1 + float(((x[1:] - 0.5) ** 2).sum())
    return g * math.cos(x[0] * math.pi / 2), g * math.sin(x[0] * math.pi / 2)


def problems() -> dict[str, Problem]:
    """Return all problems by name; a noisy one is the function with noise added."""
    plain = [
        Problem("branin", branin_space, branin, 0.397887, 40, 51.7),
        Problem("hartmann6", floats(6, 0.0, 1.0), hartmann, -3.322368, 60, 0.33),
        Problem("ackley_category", ackley_space, ackley, 0.0, 60, 2.55),
        Problem("levy_mixed", levy_space, levy, 0.0, 50, 5.0),
        Problem("rosenbrock_mixed", rosenbrock_space, rosenbrock, 0.0, 60, 362.0),
        Problem("gramacy", floats(2, 0.0, 1.0), gramacy, 0.599788, 40, 0.42, excess=gramacy_excess),
        Problem("hartmann6_disc", floats(6, 0.0, 1.0), disc, -3.322368, 60, 0.33, excess=disc_excess),
        # Areas between the front and the reference point: 1.1 x 1.1 less what lies below the front.
        Problem("zdt1", floats(4, 0.0, 1.0), zdt1, 1.21 - 1.0 / 3.0, 50, 1.0, reference=(1.1, 1.1)),
        Problem("dtlz2", floats(5, 0.0, 1.0), dtlz2, 1.21 - math.pi / 4.0, 50, 1.0, reference=(1.1, 1.1)),
    ]
    found = {p.name: p for p in plain}
    for name in ("branin", "hartmann6", "ackley_category", "gramacy", "zdt1"):
        p = found[name]
        noise = NOISE_SHARE * p.spread
        found[f"{name}_noisy"] = Problem(
            f"{name}_noisy", p.suggest, p.truth, p.best, p.n_trials, p.spread, noise, p.excess, p.reference
        )
    return found
