"""What cathodes, electrolytes, substrates, anodes and methods are: the tables in ``data/`` and a lab's own figures.

Every figure keeps its source beside it (``<figure>_source`` or ``_basis``) and, where it may be doubted, a flag
``<figure>_verified``; ``no`` marks common knowledge and assumptions that a campaign may override. Knows no cells and
no model.
"""

from pvdopt.materials.cathode import DEFAULT_EXPONENT, DEFAULT_LOG10_DIFFUSIVITY, Cathode, Diffusivity, Window
from pvdopt.materials.cautions import find_cautions
from pvdopt.materials.kinds import Anode, Electrolyte, Method, Substrate
from pvdopt.materials.own_figures import CLASSES, NEEDED, OVERRIDABLE, new_cathode, with_overrides
from pvdopt.materials.tables import anodes, cathodes, diffusivities, electrolytes, methods, substrates

__all__ = [
    "CLASSES", "DEFAULT_EXPONENT", "DEFAULT_LOG10_DIFFUSIVITY", "NEEDED", "OVERRIDABLE", "Anode", "Cathode",
    "Diffusivity", "Electrolyte", "Method", "Substrate", "Window", "anodes", "cathodes", "diffusivities",
    "electrolytes", "find_cautions", "methods", "new_cathode", "substrates", "with_overrides",
]  # fmt: skip
