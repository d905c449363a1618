"""What a campaign wants (objectives) and under which test conditions an outcome is defined (protocol).

Signs turn here and nowhere else: an objective's ``sign`` makes "more is better" true for everything downstream.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

#: Outcomes with a physical meaning to evidence and ledger, and their units.
OUTCOME_UNITS = {"capacity": "uAh/cm2/um", "areal_capacity": "uAh/cm2", "retention": "1"}


@dataclass(frozen=True)
class Objective:
    """An outcome with a direction and/or a threshold.

    Parameters
    ----------
    name : str
        The outcome's column.
    maximize : bool or None
        Direction; ``None`` makes the outcome a constraint only: at least ``threshold``.
    unit : str, optional
        Unit of the threshold; taken from the vocabulary where the outcome is known.
    threshold : float, optional
        Without a direction: the least value that is acceptable. With one: the reference point of the
        hypervolume, below which an outcome earns nothing.

    Raises
    ------
    ValueError
        If there is neither direction nor threshold, or the threshold is not finite.
    """

    name: str
    maximize: bool | None = True
    unit: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.maximize is None and self.threshold is None:
            raise ValueError(f"objective {self.name}: a direction or a threshold is needed")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"objective {self.name}: threshold must be finite, got {self.threshold}")
        if self.unit is None:
            object.__setattr__(self, "unit", OUTCOME_UNITS.get(self.name, ""))

    @property
    def is_constraint(self) -> bool:
        """Whether the outcome only has to reach its threshold."""
        return self.maximize is None

    @property
    def sign(self) -> float:
        """+1 where more is better, -1 where less is."""
        return -1.0 if self.maximize is False else 1.0


@dataclass(frozen=True)
class Protocol:
    """Test conditions at which outcomes are defined; None is "not stated".

    Attributes
    ----------
    current_ua_cm2 : float
        Discharge current density in uA/cm2.
    c_rate : float
        Discharge rate in 1/h, instead of a current density.
    v_min, v_max : float
        Voltage window in V.
    cycles : float
        Cycle number at which retention is read.
    test_temperature_c : float
        In degrees Celsius.
    """

    current_ua_cm2: float | None = None
    c_rate: float | None = None
    v_min: float | None = None
    v_max: float | None = None
    cycles: float | None = None
    test_temperature_c: float | None = None

    def __post_init__(self) -> None:
        if self.v_min is not None and self.v_max is not None and not self.v_min < self.v_max:
            raise ValueError(f"protocol: v_min {self.v_min} V must lie below v_max {self.v_max} V")
        if self.cycles is not None and not self.cycles > 0:
            raise ValueError(f"protocol: cycles must be positive, got {self.cycles}")

    def columns(self) -> dict[str, float]:
        """Return the stated conditions as columns of a recipe."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
