"""The reported cells for the report's overview: capacity, voltage and cycles, each with its publication."""

from __future__ import annotations

from typing import Any

from pvdopt.cells.figure import describe_cell, nominal_voltage
from pvdopt.cells.table import is_empty
from pvdopt.materials import cathodes
from pvdopt.report.content import ReportedCell


def list_reported(frame: Any) -> list[ReportedCell]:
    """Return the solid cells with a capacity per volume, by chemistry, then by voltage.

    Parameters
    ----------
    frame : DataFrame
        As :attr:`pvdopt.cells.CellTable.frame`, indexed by id.
    """
    found = []
    for id_, values in zip(frame.index, frame.to_dict("records"), strict=True):
        row = {str(n): v for n, v in values.items() if not is_empty(v)}
        if "capacity" not in row or "liquid" in (row.get("cell_kind"), row.get("electrolyte")):
            continue
        cathode = cathodes().get(row.get("cathode", ""))
        voltage = nominal_voltage(row)[0]
        found.append(
            ReportedCell(
                id=str(id_),
                reference=str(row.get("reference", row.get("source", ""))),
                doi=str(row.get("doi", "")),
                cathode=str(row.get("cathode", row.get("cathode_formula", ""))),
                chemistry=str(row.get("cathode_family", cathode.family if cathode else "other")),
                capacity=float(row["capacity"]),
                voltage_v=voltage,
                cycles=float(row["cycles"]) if "cycles" in row else None,
                details=describe_cell(row),
            )
        )
    return sorted(found, key=lambda c: (c.chemistry, c.voltage_v or 0.0, c.id))
