"""A laboratory one can ask: the truth behind a recipe, and cells measured with all that goes wrong.

The truth is what :func:`pvdopt.virtual_lab.cell.make_cells` says for the constants of this seed. A measured cell is
made a little differently from what was asked, shares the noise of its run, may fail, and may be tested short.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pvdopt.materials import substrates
from pvdopt.virtual_lab.cell import Outcome, make_cells
from pvdopt.virtual_lab.recipes import Recipes, read_recipes
from pvdopt.virtual_lab.truths import (
    CHEMISTRIES,
    Chemistry,
    LabTraits,
    draw_chemistries,
    misleading_lever,
)

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

#: Relative sd of run, cell, thickness and area, and sd of ln(fade) of run and cell (domain notes 6).
RUN_SD, CELL_SD, THICKNESS_SD, AREA_SD = 0.06, 0.05, 0.04, 0.02
RUN_FADE_SD, CELL_FADE_SD = 0.30, 0.30
#: How far what is made lies from what was asked: relative sd of thickness; sd of temperature (C) and bias (V).
#: Unverified.
MADE_THICKNESS_SD, MADE_TEMPERATURE_SD, MADE_BIAS_SD = 0.03, 3.0, 1.0
#: Shares of tests that end without a retention, and at an earlier cycle than planned (unverified).
NO_RETENTION, EARLY_END = 0.05, 0.08


@dataclass(frozen=True)
class VirtualLab:
    """A laboratory whose recipes have known answers.

    Parameters
    ----------
    seed : int
        Not negative. Draws the world's constants (+-20 %, +-0.3 decades for diffusivities) and this laboratory's
        level, optimum of the bias and habits; see :mod:`pvdopt.virtual_lab.truths`.
    central : bool
        Keep every constant at its central value, which reproduces the anchors of the literature.

    Examples
    --------
    >>> import pandas as pd
    >>> recipe = pd.DataFrame({"bias_kind": ["rf"], "bias_v": [-50.0]})
    >>> VirtualLab(0, central=True).truth(recipe)["capacity"].round(-1).tolist()
    [50.0]
    """

    seed: int
    central: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")

    @property
    def misleading(self) -> str | None:
        """Lever whose effect in the literature has the wrong sign for this laboratory: bias, anneal or None.

        For tests and backtests; no strategy may read it.
        """
        return None if self.central else misleading_lever(self.seed)

    @cached_property
    def chemistries(self) -> Mapping[str, Chemistry]:
        """Constants of the cathodes, shared by all laboratories of this seed's world."""
        return CHEMISTRIES if self.central else draw_chemistries(np.random.default_rng([self.seed, 0]))

    @cached_property
    def traits(self) -> LabTraits:
        """What belongs to this laboratory."""
        return LabTraits() if self.central else LabTraits.drawn(np.random.default_rng([self.seed, 1]), self.misleading)

    def truth(self, recipes: pd.DataFrame) -> pd.DataFrame:
        """Return what the recipes would give without noise.

        Parameters
        ----------
        recipes : DataFrame
            n rows with any of :data:`~pvdopt.virtual_lab.SETTINGS`; what is not stated takes
            :data:`~pvdopt.virtual_lab.DEFAULTS`, and other columns make no difference.

        Returns
        -------
        DataFrame
            The index of ``recipes``; ``capacity`` (uAh/cm2/um), ``areal_capacity`` (uAh/cm2), ``retention`` at the
            row's ``cycles`` (1), ``usable_chance`` (1). Where nothing can be made the chance is 0 and the others NaN.

        Raises
        ------
        DataInvalid
            If a setting is not one the laboratory knows or lies outside the vocabulary's limits.
        """
        import pandas as pd

        settings = read_recipes(recipes)
        outcome = make_cells(settings, self.chemistries, self.traits)
        columns = {
            "capacity": outcome.capacity,
            "areal_capacity": outcome.capacity * settings.thickness_um,
            "retention": outcome.retention,
            "usable_chance": outcome.usable_chance(),
        }
        return pd.DataFrame(columns, index=recipes.index)

    def measure(self, recipes: pd.DataFrame, rng: np.random.Generator | int = 0) -> pd.DataFrame:
        """Make and test one cell of each recipe.

        Parameters
        ----------
        recipes : DataFrame
            n rows as in :meth:`truth`. Rows with the same value of ``run`` share its noise; without one, each row is
            a run of its own.
        rng : Generator or int
            Source of the noise. A number counts the measurements: the same number gives the same cells, and a run
            keeps its noise from one number to the next.

        Returns
        -------
        DataFrame
            The index and columns of ``recipes``, the settings among them as executed (thickness as measured), and
            ``cycles`` (fewer where the test ended early), ``capacity``, ``areal_capacity``, ``retention`` (NaN where
            not measured or the cell failed) and ``outcome_class``.

        Raises
        ------
        DataInvalid
            As :meth:`truth`.
        """
        return measure_cells(self.chemistries, self.traits, recipes, self.seed, rng)


@dataclass(frozen=True)
class _Noise:
    """What chance adds to n cells, each of shape (n,); standard normal unless said otherwise."""

    run: Array
    run_fade: Array
    cell: Array
    cell_fade: Array
    made: Array
    read: Array
    area: Array
    temperature: Array
    bias: Array
    #: Uniform in (0, 1): one for each way to fail, then the test's end and the share of cycles done.
    chances: Array


def measure_cells(
    chemistries: Mapping[str, Chemistry],
    traits: LabTraits,
    recipes: pd.DataFrame,
    seed: int,
    rng: np.random.Generator | int,
) -> pd.DataFrame:
    """Make and test one cell of each recipe in the laboratory of these traits; see :meth:`VirtualLab.measure`."""
    planned = read_recipes(recipes)
    noise = _draw_noise(recipes, seed, rng)
    made = _executed(planned, noise)
    end = noise.chances[5]
    ended = (end >= NO_RETENTION) & (end < NO_RETENTION + EARLY_END)
    cycles = np.where(ended, np.maximum(np.floor(planned.cycles * (0.1 + 0.8 * noise.chances[6])), 1.0), planned.cycles)
    fade = np.exp(RUN_FADE_SD * noise.run_fade + CELL_FADE_SD * noise.cell_fade)
    outcome = make_cells(made.changed(cycles=cycles), chemistries, traits, fade)
    classes = _classes(outcome, noise.chances)
    usable = classes == "ok"
    areal = outcome.capacity * made.thickness_um
    areal = areal * np.exp(RUN_SD * noise.run + CELL_SD * noise.cell + AREA_SD * noise.area)
    read_um = made.thickness_um * np.exp(THICKNESS_SD * noise.read)
    found = recipes.copy()
    for name, values in _stated(planned, made).items():
        if name in recipes.columns:
            found[name] = np.where(recipes[name].isna().to_numpy(), np.nan, values)
    found["thickness_um"] = read_um.round(4)
    found["cycles"] = cycles
    found["capacity"] = np.where(usable, areal / read_um, np.nan)
    found["areal_capacity"] = np.where(usable, areal, np.nan)
    found["retention"] = np.where(usable & (end >= NO_RETENTION), outcome.retention, np.nan)
    found["outcome_class"] = classes
    return found


def _draw_noise(recipes: pd.DataFrame, seed: int, rng: np.random.Generator | int) -> _Noise:
    n = len(recipes)
    own = rng if isinstance(rng, np.random.Generator) else np.random.default_rng([seed, 2, rng])
    runs = own.standard_normal((2, n))
    if "run" in recipes.columns:
        named = recipes["run"].notna().to_numpy()
        names = recipes["run"].astype(str).to_numpy()
        for name in dict.fromkeys(names[named]):
            # A counted measurement finds a run's noise by its name, so that cells tested later still share it.
            counted = not isinstance(rng, np.random.Generator)
            of_run = np.random.default_rng([seed, 3, zlib.crc32(name.encode())]) if counted else own
            runs[:, named & (names == name)] = of_run.standard_normal(2)[:, None]
    cell, cell_fade, made, read, area, temperature, bias = own.standard_normal((7, n))
    chances = own.random((7, n))
    return _Noise(runs[0], runs[1], cell, cell_fade, made, read, area, temperature, bias, chances)


def _executed(planned: Recipes, noise: _Noise) -> Recipes:
    """Return what was made instead of what was planned; where no bias or anneal was asked, none is made."""
    biased = planned.bias_v < 0
    annealed = planned.anneal_time_min > 0
    anneal = planned.anneal_temperature_c + MADE_TEMPERATURE_SD * noise.temperature
    # A furnace overshoots as often as not, but nobody lets it pass what the substrate bears; who plans that, gets it.
    limit = np.array([substrates()[s].max_temperature_c for s in planned.substrate])
    limit = np.maximum(np.minimum(limit, 1000.0), planned.anneal_temperature_c)
    anneal = np.where(annealed, np.clip(anneal, 50.0, limit), planned.anneal_temperature_c)
    return planned.changed(
        bias_v=np.where(biased, np.clip(planned.bias_v + MADE_BIAS_SD * noise.bias, -300.0, 0.0), planned.bias_v),
        anneal_temperature_c=anneal,
        thickness_um=planned.thickness_um * np.exp(MADE_THICKNESS_SD * noise.made),
    )


def _stated(planned: Recipes, made: Recipes) -> dict[str, Array]:
    """Return the settings whose executed value differs from the plan and is read off an instrument."""
    return {
        "bias_v": made.bias_v.round(1),
        "anneal_temperature_c": np.where(planned.anneal_time_min > 0, made.anneal_temperature_c, np.nan).round(1),
    }


def _classes(outcome: Outcome, chances: Array) -> Array:
    """Return the outcome class of each cell: the first failure that its chances let happen."""
    classes = np.full(len(outcome.capacity), "ok", dtype=object)
    for name, uniform in (("lab_error", 3), ("shorted", 2), ("cracked", 1), ("delaminated", 0)):
        classes[chances[uniform] < getattr(outcome, name)] = name
    classes[~outcome.is_makeable] = "not_made"
    return classes
