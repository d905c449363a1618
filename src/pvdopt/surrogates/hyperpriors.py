"""Priors of a Gaussian process's hyperparameters: how far settings reach, how wide effects and noise are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pvdopt.features import NumberInput
from pvdopt.training import TrainingTable


@dataclass(frozen=True)
class Hyperprior:
    """A log-normal prior: median and relative width of a positive hyperparameter."""

    name: str
    median: float
    log_sd: float

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the log bounds, three widths either side."""
        centre = float(np.log(self.median))
        return centre - 3.0 * self.log_sd, centre + 3.0 * self.log_sd


def hyperpriors(table: TrainingTable) -> list[Hyperprior]:
    """Return the priors of a table's hyperparameters, in the order of theta.

    Deviations with evidence follow the domain notes (section 5.2, judgements, unverified); a plain optimiser works
    on a standardised outcome and inputs on [0, 1].
    """
    plain = not table.effects
    unit = table.prior.unit
    lengths = [
        Hyperprior(f"length {i.name}", 0.5 if plain else i.reach, 0.6 if plain else 0.5)
        if isinstance(i, NumberInput)
        else Hyperprior(f"length {i.name}", 1.0 if plain else i.reach, 0.6)
        for i in table.inputs
    ]
    found = [
        *lengths,
        Hyperprior("additive", *((0.5, 0.7) if plain else (0.45 * unit, 0.5))),
        Hyperprior("interaction", *((1.0, 0.5) if plain else (0.30 * unit, 0.5))),
    ]
    widths = {"cathode_class": 0.15, "cathode_family": 0.20, "electrolyte": 0.20, "anode": 0.20}
    found += [Hyperprior(f"effect {e}", widths.get(e, 0.20) * unit, 0.5) for e in table.effects]
    if not plain:
        found.append(Hyperprior("source", 0.35 * unit, 0.4))
    found.append(Hyperprior("run", 0.10 if plain else 0.08 * unit, 0.5))
    found.append(Hyperprior("noise", 0.15 if plain else 0.12 * unit, 1.0 if plain else 0.5))
    return found
