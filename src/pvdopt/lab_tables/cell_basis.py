"""What converts a cell's figures: its area and thickness as made, its cathode's density and theoretical capacity.

Knows the ledger's state and the materials; converts nothing itself (:mod:`pvdopt.conversions` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pvdopt.conversions import AREA_REL_SD, DENSITY_REL_SD, THICKNESS_REL_SD, Basis, Known
from pvdopt.lab_tables.fields import ERRORS
from pvdopt.lab_tables.figure_checks import Door
from pvdopt.materials import Cathode, anodes


def find_basis(door: Door, cell_id: str | None, settings: Mapping[str, Any]) -> Basis:
    """Return what is known of a cell, given what a row says of it.

    Parameters
    ----------
    cell_id : str or None
        None or unknown for a cell that enters with the row.
    settings : mapping
        As made, as far as the row says. A thickness that was only planned converts nothing; an area that the campaign
        file fixes does.
    """
    cell = door.state.cells.get(cell_id or "")
    executed = dict(settings) if cell is None else {**cell.executed, **settings}
    full = {**door.protocol.columns(), **door.space.fixed, **({} if cell is None else cell.settings), **executed}
    cathode = door.cathodes.get(str(full.get("cathode")))
    return Basis(
        area=_made(full, "area_cm2", AREA_REL_SD, "cm2", "area"),
        thickness=_made(executed, "thickness_um", THICKNESS_REL_SD, "um", "thickness"),
        density=None if cathode is None else _density(cathode),
        reference=None if cathode is None else _reference(cathode, full),
    )


def _made(settings: Mapping[str, Any], name: str, usual_rel_sd: float, unit: str, words: str) -> Known | None:
    value, sd = settings.get(name), settings.get(ERRORS[name])
    if not isinstance(value, (int, float)) or not value > 0:
        return None
    return Known(float(value), sd / value if isinstance(sd, (int, float)) else usual_rel_sd, unit, words)


def _density(cathode: Cathode) -> Known:
    words = f"the {cathode.density_basis} density of {cathode.name},"
    return Known(cathode.density_g_cm3, DENSITY_REL_SD, "g/cm3", words, " (an upper value for a film)")


def _reference(cathode: Cathode, settings: Mapping[str, Any]) -> Known:
    anode = anodes().get(str(settings.get("anode")))
    window = cathode.reference_window(
        settings.get("v_min"), settings.get("v_max"), anode_potential_v=anode.potential_v if anode else 0.0
    )
    return Known(window.capacity_uah_cm2_um, 0.0, "uAh/cm2/um", f"{cathode.name}'s capacity in theory")
