"""Ask whether a table of cells can be true: units, theory, arithmetic, provenance, and nothing said twice differently.

Two grades. An *error* has a wrong dimension, a wrong sign or a contradiction, and the row must be corrected. A *doubt*
is unlikely and may yet be so: for a reported cell its note has to say why (:func:`unexplained`). Knows the vocabulary
and the materials; knows no model.

Notation: i current density (uA/cm2), C rate (1/h), q_v capacity (uAh/cm2/um), q_g capacity (mAh/g), L thickness (um),
rho density (g/cm3); i = C q_v L, q_v = q_g rho / 10. Plain arithmetic on purpose: an impossible figure is named by its
own check and must not stop the others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from pvdopt.cells.table import fault_of, is_empty, misplaced
from pvdopt.columns import names, vocabulary
from pvdopt.errors import Grade, Problem
from pvdopt.materials import Cathode, anodes, cathodes, electrolytes, substrates

Row = Mapping[str, Any]

#: Factor by which figures may exceed theory, and a rate its current, before it is a doubt or an error (design).
CAPACITY_DOUBT, CAPACITY_ERROR = 1.05, 1.3
RATE_DOUBT, RATE_ERROR = 1.5, 3.0
#: Factor by which two figures for one thing may differ: rounding to two digits, and a slip of the decimal point.
ROUNDING, SLIP = 1.05, 3.0
#: The same where the density is the crystal's and not the film's (films are 80 to 98 % dense, domain notes).
DENSITY_ROUNDING = 1.3
#: Absolute difference that rounding leaves between two retentions.
RETENTION_ROUNDING = 0.02

_DOI = re.compile(r"10\.[0-9]{4,9}/[^\s\"<>]+")
_PRINTED = {"uAh cm-2 um-1": "capacity", "uAh cm-2": "areal_capacity", "mAh g-1": "gravimetric_capacity"}
_CAPACITIES = ("capacity", "areal_capacity", "gravimetric_capacity")
#: What tells two measurements apart: everything that was set, and the cycle and kind of what was read.
_CONDITIONS = (
    *names("materials", "deposition", "stack", "anneal", "protocol"),
    "capacity_cycle",
    "ratio_kind",
    "printed_capacity_unit",
    "run",
    "sample",
)
_RESULTS = (*_CAPACITIES, "final_capacity", "retention", "ratio", "printed_capacity", "outcome_class")


def check_cells(frame: pd.DataFrame, file: str | None = None) -> list[Problem]:
    """Return everything that cannot be true of these cells, or is unlikely.

    Parameters
    ----------
    frame : DataFrame
        As :attr:`pvdopt.cells.CellTable.frame`: ``id`` as index, any of the vocabulary's columns.
    file : str, optional
        Name of the file, for the messages.

    Returns
    -------
    list of Problem
        In the order of the rows; ``row`` is the cell's id.
    """
    rows = [_as_row(str(id_), values) for id_, values in zip(frame.index, frame.to_dict("records"), strict=True)]
    found = [replace(p, row=row["id"]) for row in rows for check in _ROW_CHECKS for p in check(row)]
    for compare in (_repeated_ids, _sources_at_odds, _said_twice):
        found += compare(rows)
    place = {row["id"]: n for n, row in enumerate(rows)}
    return [replace(p, file=file) for p in sorted(found, key=lambda p: place[str(p.row)])]


def unexplained(problems: Sequence[Problem], frame: pd.DataFrame) -> list[Problem]:
    """Return the problems that stand: all errors, and the doubts about rows without a note."""
    noted: set[str] = set()
    if "note" in frame:
        noted = {str(id_) for id_, note in frame["note"].items() if not is_empty(note)}
    return [p for p in problems if p.grade == "error" or str(p.row) not in noted]


def _as_row(id_: str, values: Mapping[Any, Any]) -> Row:
    """Return the values a row has; what is missing has no key."""
    return {"id": id_, **{str(n): v for n, v in values.items() if not is_empty(v)}}


def _off(a: float, b: float) -> float:
    """Return the factor, at least 1, between two figures; infinite where one is not positive."""
    return max(a / b, b / a) if min(a, b) > 0 else float("inf")


def _grade(off: float, doubt: float, error: float) -> Grade | None:
    return "error" if off > error else "doubt" if off > doubt else None


# -- one row -----------------------------------------------------------------------------------------------------


def _possible(row: Row) -> Iterator[Problem]:
    for name, value in row.items():
        must = fault_of(vocabulary()[name], value) if name in vocabulary() else "is not a column of the vocabulary"
        if must is not None:
            yield Problem(must, value, column=name)
    yield from misplaced(row)


def _materials_agree(row: Row) -> Iterator[Problem]:
    cathode, family = cathodes().get(row.get("cathode", "")), row.get("cathode_family")
    if cathode is not None and family is not None and family != cathode.family:
        yield Problem(f"must be {cathode.family} for {cathode.name}", family, column="cathode_family")
    electrolyte, kind = row.get("electrolyte"), row.get("cell_kind")
    if electrolyte is not None and kind is not None and (electrolyte == "liquid") != (kind == "liquid"):
        yield Problem(f"does not suit cell_kind {kind}", electrolyte, column="electrolyte", grade="doubt")


def _below_theory(row: Row) -> Iterator[Problem]:
    cathode = cathodes().get(row.get("cathode", ""))
    if cathode is None:
        return
    anode = anodes().get(row.get("anode", ""))
    window = cathode.reference_window(
        row.get("v_min"), row.get("v_max"), anode_potential_v=anode.potential_v if anode else 0.0
    )
    largest = cathode.largest_capacity()
    limits = [("capacity", "uAh/cm2/um", 1.0), ("gravimetric_capacity", "mAh/g", 10 / cathode.density_g_cm3)]
    if "thickness_um" in row:
        limits.append(("areal_capacity", "uAh/cm2", row["thickness_um"]))
    for name, unit, scale in limits:
        value = row.get(name)
        if value is None:
            continue
        if value > CAPACITY_ERROR * largest * scale:
            must = f"must not exceed {CAPACITY_ERROR:g} x theory ({largest * scale:.4g} {unit} for {cathode.name})"
            yield Problem(must, value, "Check unit, thickness and cathode", column=name)
        elif value > CAPACITY_DOUBT * window.capacity_uah_cm2_um * scale:
            reference = f"{window.capacity_uah_cm2_um * scale:.4g} {unit}"
            must = f"should not exceed {CAPACITY_DOUBT:g} x theory for its voltage window ({reference})"
            yield Problem(must, value, "Say in the note how it can be", column=name, grade="doubt")


def _rate_fits_current(row: Row) -> Iterator[Problem]:
    yield from check_rate(row, cathodes().get(row.get("cathode", "")))


def check_rate(row: Row, cathode: Cathode | None) -> Iterator[Problem]:
    """Yield the problem of a rate that its current contradicts.

    i = C q_v L, with whichever of the stated and the reference capacity fits best: papers use either.
    """
    current, rate = row.get("current_ua_cm2"), row.get("c_rate")
    if current is None or rate is None:
        return
    volumetric = [row["capacity"]] if "capacity" in row else []
    if cathode is not None:
        volumetric.append(cathode.reference_capacity(row.get("v_min"), row.get("v_max")))
    expected = [rate * row["areal_capacity"]] if "areal_capacity" in row else []
    if "thickness_um" in row:
        expected += [rate * q * row["thickness_um"] for q in volumetric]
    if not expected:
        return
    best = min(expected, key=lambda i: _off(current, i))
    grade = _grade(_off(current, best), RATE_DOUBT, RATE_ERROR)
    if grade is not None:
        must = f"must agree with current and thickness: {rate:g} C would be {best:.3g} uA/cm2"
        todo = "Check that a current is no charge and a rate no temperature"
        yield Problem(must, f"{current:g} uA/cm2", todo, column="c_rate", grade=grade)


def _capacities_agree(row: Row) -> Iterator[Problem]:
    """One capacity in three units: areal = volumetric x thickness, volumetric = gravimetric x density / 10."""
    capacity = row.get("capacity")
    if capacity is None or capacity <= 0:
        return
    if "areal_capacity" in row and "thickness_um" in row:
        yield from _compare("areal_capacity", row["areal_capacity"], capacity * row["thickness_um"], ROUNDING)
    gravimetric = row.get("gravimetric_capacity")
    density, tolerance = row.get("density_used_g_cm3"), ROUNDING
    if density is None and row.get("cathode") in cathodes():
        density, tolerance = cathodes()[row["cathode"]].density_g_cm3, DENSITY_ROUNDING
    if gravimetric is not None and density is not None:
        yield from _compare("capacity", capacity, gravimetric * density / 10, tolerance)


def _compare(name: str, value: float, expected: float, doubt: float) -> Iterator[Problem]:
    grade = _grade(_off(value, expected), doubt, SLIP)
    if grade is not None:
        unit = vocabulary()[name].unit
        must = f"must agree with the row's other figures, which give {expected:.4g} {unit}"
        yield Problem(must, value, "Check units, thickness and density", column=name, grade=grade)


def _printed_agrees(row: Row) -> Iterator[Problem]:
    """What was printed and what it was read as are one figure."""
    printed, unit = row.get("printed_capacity"), row.get("printed_capacity_unit")
    if unit is None and (printed is not None or "final_capacity" in row):
        must = "is empty beside a printed or final capacity"
        yield Problem(must, None, "Say in which unit it was printed", column="printed_capacity_unit")
    if printed is None and unit is not None and "final_capacity" not in row:
        yield Problem("is empty beside its unit", column="printed_capacity")
    name = _PRINTED.get(unit or "")
    if name is not None and printed is not None:
        if name not in row:
            yield Problem(f"is empty, printed_capacity has it in {unit}", column=name)
        elif abs(row[name] - printed) > 1e-6 * abs(printed):
            yield Problem(f"must equal printed_capacity ({printed:g} {unit})", row[name], column=name)


def _retention_agrees(row: Row) -> Iterator[Problem]:
    retention, ratio, kind = row.get("retention"), row.get("ratio"), row.get("ratio_kind")
    if retention is None:
        if ratio is not None and kind is None:
            yield Problem("is empty beside a ratio", None, "Say what the ratio compares", column="ratio_kind")
        return
    if kind != "cycling":
        must = "must be cycling beside a retention"
        todo = "A ratio of rates, bending or temperature goes to ratio alone"
        yield Problem(must, kind, todo, column="ratio_kind")
    elif ratio is not None and abs(ratio - retention) > RETENTION_ROUNDING:
        yield Problem(f"must equal the retention ({retention:g})", ratio, column="ratio")
    if "cycles" not in row:
        must = "is empty beside a retention"
        yield Problem(must, None, "Say after how many cycles, or in the note why not", column="cycles", grade="doubt")
    elif row["cycles"] <= 0:
        yield Problem("must be positive beside a retention", row["cycles"], column="cycles")
    first, last = row.get("printed_capacity"), row.get("final_capacity")
    if first is None or last is None or first <= 0:
        return
    if abs(last / first - retention) > RETENTION_ROUNDING:
        must = f"must agree with final over first capacity ({last:g}/{first:g} = {last / first:.3f})"
        grade = _grade(_off(retention, last / first), 1.0, SLIP)
        yield Problem(must, retention, "Check the series", column="retention", grade=grade or "doubt")


def _qualifiers_belong(row: Row) -> Iterator[Problem]:
    if "capacity_qualifier" in row and not any(n in row for n in (*_CAPACITIES, "printed_capacity")):
        yield Problem("qualifies a capacity that is missing", row["capacity_qualifier"], column="capacity_qualifier")
    qualifier = row.get("retention_qualifier")
    if qualifier == "maintained" and "retention" in row:
        yield Problem("must be empty where it was said to be maintained", row["retention"], column="retention")
    if qualifier == "maintained" and "cycles" not in row:
        must = "is empty where a capacity was maintained"
        yield Problem(must, None, "Say for how many, or in the note why not", column="cycles", grade="doubt")
    if qualifier not in (None, "maintained") and "retention" not in row and "ratio" not in row:
        yield Problem("qualifies a retention that is missing", qualifier, column="retention_qualifier")


def check_window(row: Row) -> Iterator[Problem]:
    """Yield the problem of a voltage window that is none, or that the plateau lies outside of."""
    low, high = row.get("v_min", -float("inf")), row.get("v_max", float("inf"))
    if not low < high:
        yield Problem(f"must lie below v_max ({high:g} V)", low, column="v_min")
    elif not low <= row.get("nominal_voltage_v", low) <= high:
        must = f"should lie in the voltage window [{low:g}, {high:g}] V"
        yield Problem(must, row["nominal_voltage_v"], column="nominal_voltage_v", grade="doubt")


def _heat_is_borne(row: Row) -> Iterator[Problem]:
    """A transferred stack was heated on another substrate than the one it ended on."""
    substrate = substrates().get(row.get("substrate", ""))
    limits: list[tuple[str, str, float]] = []
    if substrate is not None and row.get("transferred") != "yes":
        for name in ("anneal_temperature_c", "substrate_temperature_c", "post_anneal_temperature_c"):
            limits.append((name, substrate.name, substrate.max_temperature_c))
    electrolyte = electrolytes().get(row.get("electrolyte", ""))
    if electrolyte is not None and electrolyte.max_temperature_c is not None:
        limits.append(("post_anneal_temperature_c", electrolyte.name, electrolyte.max_temperature_c))
    for name, material, limit in limits:
        if row.get(name, limit) > limit:
            must = f"should not exceed the limit of {material} ({limit:g} C)"
            yield Problem(must, row[name], "Check substrate and temperature", column=name, grade="doubt")


def _provenance_complete(row: Row) -> Iterator[Problem]:
    for name in ("source", "reference", "place"):
        if name not in row:
            yield Problem("is empty", None, "Say where the row comes from", column=name)
    doi = row.get("doi")
    if doi is not None and not _DOI.fullmatch(doi):
        yield Problem("must be a DOI such as 10.1149/1.1393157, without address", doi, column="doi")
    origin = row.get("capacity_origin")
    for value, basis in (("capacity", "capacity_origin"), ("retention", "retention_origin")):
        if value in row and basis not in row:
            yield Problem(f"is empty beside a {value}", None, "Say how it was obtained", column=basis)
        elif basis in row and value not in row:
            yield Problem(f"explains a {value} that is missing", row[basis], column=basis)
    if origin == "converted" and "gravimetric_capacity" not in row:
        yield Problem("is empty beside a converted capacity", column="gravimetric_capacity")
    if origin == "computed" and "thickness_um" not in row and row.get("printed_capacity_unit") != "x LiCoO2":
        yield Problem("is empty beside a capacity computed from it", column="thickness_um")
    if row.get("certainty") == "doubtful" and "note" not in row:
        yield Problem("is empty for a doubtful row", None, "Say what is doubtful", column="note")
    for entry in filter(None, row.get("fact_sources", "").split("; ")):
        field, _, source = entry.partition(": ")
        if field not in row or not source.strip():
            must = "must read 'field: source; ...' with fields that have a value"
            yield Problem(must, entry, column="fact_sources")


_ROW_CHECKS: tuple[Callable[[Row], Iterator[Problem]], ...] = (
    _possible,
    _materials_agree,
    _below_theory,
    _rate_fits_current,
    _capacities_agree,
    _printed_agrees,
    _retention_agrees,
    _qualifiers_belong,
    check_window,
    _heat_is_borne,
    _provenance_complete,
)

# -- rows against each other -------------------------------------------------------------------------------------


def _repeated_ids(rows: Sequence[Row]) -> Iterator[Problem]:
    seen: set[str] = set()
    for row in rows:
        if row["id"] in seen:
            yield Problem("must be unique", row["id"], column="id", row=row["id"])
        seen.add(row["id"])


def _sources_at_odds(rows: Sequence[Row]) -> Iterator[Problem]:
    """One publication has one key, one DOI, one reference and one team."""
    for key, name in (("source", "doi"), ("source", "reference"), ("source", "team"), ("doi", "source")):
        first: dict[str, Row] = {}
        for row in rows:
            if key not in row or name not in row:
                continue
            before = first.setdefault(row[key], row)
            if before[name] != row[name]:
                must = f"must be {before[name]} as in {before['id']} of the same {key}"
                yield Problem(must, row[name], column=name, row=row["id"])


def _said_twice(rows: Sequence[Row]) -> Iterator[Problem]:
    """Rows of one source whose conditions are all equal are one measurement: it has one result and one row."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if "source" in row:
            groups[(row["source"], *(row.get(n) for n in _CONDITIONS))].append(row)
    for first, *others in groups.values():
        for row in others:
            differ = [n for n in _RESULTS if n in first and n in row and first[n] != row[n]]
            for name in differ:
                must = f"must be {first[name]} as in {first['id']}, whose conditions are the same"
                todo = "Correct it, or state what tells the two apart, if only their samples"
                yield Problem(must, row[name], todo, column=name, row=row["id"])
            if not differ:
                # a note of its own may name a difference that no column can hold
                grade: Grade = "error" if row.get("note") == first.get("note") else "doubt"
                must = f"must not repeat {first['id']}, whose conditions are the same"
                todo = "Merge the two, or state what tells them apart"
                yield Problem(must, None, todo, row=row["id"], grade=grade)
