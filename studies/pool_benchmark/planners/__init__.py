"""The planners that are compared. Each is told rows with their values, and asked for rows of the pool not yet made.

A planner is a class with ``__init__(pool, seed)``, ``tell(rows)`` and ``ask(n)``; :data:`PLANNERS` names its module,
class and number of seeds. Modules are imported when a planner is made: the peers' packages live in an environment of
their own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class Entry(NamedTuple):
    module: str
    options: dict[str, Any]
    #: Seeds that are run; half as many for those that need torch.
    n_seeds: int
    #: Packages whose versions are kept with the results.
    packages: tuple[str, ...]


PLANNERS: dict[str, Entry] = {
    "pvdopt": Entry("ours", {}, 20, ("pvdopt",)),
    "random": Entry("at_random", {}, 20, ()),
    "baybe": Entry("baybe_pool", {}, 10, ("baybe", "botorch")),
    "botorch": Entry("botorch_pool", {}, 10, ("botorch",)),
    "optuna_gp": Entry("optuna_box", {"sampler": "gp"}, 10, ("optuna", "torch")),
    "optuna_tpe": Entry("optuna_box", {"sampler": "tpe"}, 20, ("optuna",)),
    "optuna_nsga2": Entry("optuna_box", {"sampler": "nsga2"}, 20, ("optuna",)),
    "smac": Entry("smac_box", {}, 10, ("smac",)),
    "sklearn_gp_ei": Entry("sklearn_pool", {"model": "gp"}, 20, ("scikit-learn",)),
    "sklearn_forest_lcb": Entry("sklearn_pool", {"model": "forest"}, 20, ("scikit-learn",)),
}


def make_planner(name: str, pool: Any, seed: int) -> Any:
    entry = PLANNERS[name]
    return import_module(f"planners.{entry.module}").Planner(pool, seed, **entry.options)
