"""Surrogates of one outcome behind one contract (:mod:`pvdopt.surrogates.base`), made by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvdopt.surrogates.base import Surrogate
    from pvdopt.training import TrainingTable

#: Specifications a campaign may name, and what they are.
SPECIFICATIONS = {
    "gaussian_process": "two-level additive Gaussian process on the physics prior mean",
    "forest": "random forest that takes missing values, on the physics prior mean",
    "boosting": "gradient boosting with monotone hints where physics is sure, on the physics prior mean",
    "ridge": "ridge regression on physics features",
    "mixture": "Gaussian process and forest, weighted by their score with whole sources held out",
    "theory": "baseline: theory times the family's utilisation",
    "climatology": "baseline: the spread of the other publications' values",
}


#: What every other specification has to beat.
BASELINES = ("theory", "climatology")
#: Rows up to which the models of the specifications are exact; their cost grows with the third power of the rows.
N_EXACT = 2000


def is_large(n_rows: int) -> bool:
    """Return whether a table has so many rows that trees on random halves of its runs take every model's place."""
    return n_rows > N_EXACT


def make_surrogate(name: str, seed: int = 0) -> Surrogate:
    """Return a fresh surrogate by the name of its specification.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name == "gaussian_process":
        from pvdopt.surrogates.doubting_process import DoubtingProcess

        return DoubtingProcess(seed=seed)
    if name == "forest":
        from pvdopt.surrogates.forest import Forest

        return Forest(seed=seed)
    if name == "boosting":
        from pvdopt.surrogates.boosting import Boosting

        return Boosting(seed=seed)
    if name == "ridge":
        from pvdopt.surrogates.ridge import Ridge

        return Ridge(seed=seed)
    if name == "mixture":
        from pvdopt.surrogates.mixture import Mixture

        return Mixture(seed=seed)
    if name in ("theory", "climatology"):
        from pvdopt.surrogates.baseline import Climatology, TheoryTimesFamily

        return TheoryTimesFamily() if name == "theory" else Climatology()
    raise ValueError(f"no surrogate named {name!r}; known are {', '.join(SPECIFICATIONS)}")


def fit_surrogate(name: str, table: TrainingTable, seed: int = 0) -> Surrogate:
    """Return a surrogate of this specification that has learned from a table.

    Where no domain knowledge enters, the Gaussian process is the plain optimiser's, which averages over its settings;
    bounds and settings not reported are left to the other one.
    Beyond ``N_EXACT`` rows one model stands for all but the baselines.
    """
    if is_large(len(table)) and name not in BASELINES:
        from pvdopt.surrogates.large_table import LargeTable

        return LargeTable(seed=seed).fit(table)
    if name == "gaussian_process":
        from pvdopt.surrogates.plain_process import PlainProcess, is_plain

        if is_plain(table):
            return PlainProcess(seed=seed).fit(table)
    return make_surrogate(name, seed=seed).fit(table)
