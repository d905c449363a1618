"""The strategies that can be compared: who chooses the next recipes, told the same as everybody else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pvdopt.backtest.arenas import Arena, PoolArena
from pvdopt.backtest.pools import Pool
from pvdopt.campaign.beliefs import Beliefs
from pvdopt.choice.candidates import draw_recipes

#: What each strategy is, for help and reports.
STRATEGIES: dict[str, str] = {
    "surrogate": "pvdopt's own proposer, with what is known beforehand",
    "surrogate_alone": "pvdopt's own proposer without literature and physics",
    "tpe": "Optuna's tree-structured Parzen estimator",
    "nsga2": "Optuna's genetic algorithm",
    "cmaes": "Optuna's CMA-ES (one objective)",
    "qmc": "Optuna's quasi-random sequence",
    "random": "allowed recipes at random; the measure of all others",
}


def choose(strategy: str, arena: Arena, observed: pd.DataFrame, done: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """Return the next recipes of a strategy, at most n.

    Parameters
    ----------
    observed : DataFrame
        What was measured so far, as executed.
    done : DataFrame
        The recipes as they were chosen, in order; for a pool their index are its rows.
    seed : int
        Of the run; what is drawn also depends on how many experiments were made.

    Returns
    -------
    DataFrame
        Recipes; those of a pool keep their index.

    Raises
    ------
    NothingToPropose
        If no recipe is left.
    """
    drawn = _derive(seed, len(done))
    left = None if arena.recipes is None else arena.recipes.drop(index=done.index)
    if strategy == "random":
        rng = np.random.default_rng(drawn)
        if left is not None:
            return left.loc[rng.choice(left.index, size=min(n, len(left)), replace=False)]
        taken = frozenset(arena.space.keys(done)) if len(done) else frozenset()
        return draw_recipes(arena.space, n, rng, without=taken)
    if strategy in ("surrogate", "surrogate_alone"):
        evidence = arena.evidence if strategy == "surrogate" else None
        table = observed if evidence is not None or not len(observed) else arena.plain(observed)
        beliefs = Beliefs(arena.space, tuple(arena.objectives), evidence, table, arena.specification, drawn, "")
        found = beliefs.proposer().propose(table if len(table) else None, n, candidates=left)
        return found[list(arena.space.names)]
    return _ask_optuna(strategy, arena, observed, done, n, drawn)


def _derive(seed: int, n_done: int) -> int:
    return int(np.random.SeedSequence([seed, n_done]).generate_state(1)[0])


def _ask_optuna(
    sampler: str, arena: Arena, observed: pd.DataFrame, done: pd.DataFrame, n: int, seed: int
) -> pd.DataFrame:
    """Ask a sampler of Optuna's; on a pool the nearest rows not yet made take its proposals' places."""
    from pvdopt.optuna_asking import Asked

    names = list(arena.space.names)
    nothing = arena.space.frame([]).assign(**{o.name: [] for o in arena.objectives})
    table = arena.plain(observed) if len(observed) else nothing
    if "outcome_class" not in table.columns:
        table = table.assign(outcome_class="ok")
    if not isinstance(arena, PoolArena):
        pending = arena.space.frame([])
        return Asked(sampler, seed, arena.space, arena.objectives, table, pending).ask(n)[names]
    rows: list[int] = []
    for place in range(n):
        if len(done) + place >= len(arena.pool):
            break
        pending = arena.pool.recipes.iloc[rows]
        asked = Asked(sampler, seed + place, arena.space, arena.objectives, table, pending).ask(1)
        rows.append(_snap(arena.pool, asked, [*done.index, *rows]))
    return arena.pool.recipes.iloc[rows]


def _snap(pool: Pool, asked: pd.DataFrame, taken: Sequence[int]) -> int:
    recipe = {name: None if v is None or v != v else v for name, v in asked.iloc[0].items()}
    return pool.nearest({str(name): value for name, value in recipe.items()}, taken)


def check_strategies(names: Sequence[str], n_goals: int) -> list[str]:
    """Return sentences about names that are no strategies, or cannot take so many goals."""
    from pvdopt.wording import closest

    told = [
        f"{name!r} is no strategy; there are {', '.join(STRATEGIES)}. {closest(name, list(STRATEGIES))}".strip()
        for name in names
        if name not in STRATEGIES
    ]
    if "cmaes" in names and n_goals > 1:
        told.append("cmaes takes one objective with a direction; leave it out here.")
    return told
