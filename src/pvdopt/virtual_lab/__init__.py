"""A simulator with known truth: practice campaigns, backtests and end-to-end tests are draws of it.

``VirtualLab(seed)`` is a laboratory one can ask for cells; ``simulated_literature(seed)`` is what other laboratories
of the same world have published. Independent of :mod:`pvdopt.physics` and :mod:`pvdopt.surrogates`, whose models are
judged on it.
"""

from pvdopt.virtual_lab.lab import VirtualLab
from pvdopt.virtual_lab.literature import simulated_literature
from pvdopt.virtual_lab.recipes import DEFAULTS, SETTINGS

__all__ = ["DEFAULTS", "SETTINGS", "VirtualLab", "simulated_literature"]
