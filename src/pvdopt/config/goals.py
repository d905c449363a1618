"""What a campaign file wants and takes as known: objectives, protocol, evidence, figures of materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvdopt import materials
from pvdopt.columns import column, names
from pvdopt.config.reading import Findings
from pvdopt.config.schema import ConfigFile, ObjectiveTable
from pvdopt.config.settings import check_limits, read_number
from pvdopt.errors import DataInvalid
from pvdopt.objectives import OUTCOME_UNITS, Objective, Protocol
from pvdopt.wording import closest

#: Outcomes of the vocabulary that may be an objective; any other name of the vocabulary is something else.
_OUTCOMES = (*OUTCOME_UNITS, "gravimetric_capacity")
_RESEMBLES = 0.8


def read_protocol(content: ConfigFile, findings: Findings) -> Protocol:
    """Return the test conditions in canonical units; None where they are not stated or not readable."""
    values: dict[str, float | None] = {}
    for name in type(content.protocol).model_fields:
        value, declared, key = getattr(content.protocol, name), column(name), ("protocol", name)
        if value is None or declared is None:
            continue
        values[name] = read_number(value, declared.unit, key, findings)
        if values[name] is not None:
            check_limits(values[name] or 0.0, declared, key, findings)
    if content.protocol.current_ua_cm2 is not None and content.protocol.c_rate is not None:
        findings.add(("protocol", "c_rate"), "does not go with current_ua_cm2", todo="Take one of them out")
    # What contradicts itself is told beside what is wrong with another entry.
    for together in (("v_min", "v_max"), ("cycles",)):
        if any(findings.is_faulty("protocol", name) for name in together):
            continue
        try:
            Protocol(**{name: values.get(name) for name in together})
        except ValueError as error:
            findings.add(("protocol",), str(error).removeprefix("protocol: "))
    return Protocol() if findings.is_faulty("protocol") else Protocol(**values)


def read_objectives(content: ConfigFile, findings: Findings) -> list[Objective]:
    """Return the objectives that could be read, thresholds in canonical units."""
    found = []
    for name, table in content.objectives.items():
        if findings.is_faulty("objectives", name):
            continue
        _check_outcome(name, content, findings)
        objective = _read_objective(name, table, findings)
        if objective is not None:
            found.append(objective)
    if "retention" in content.objectives and content.protocol.cycles is None and not findings.is_faulty("protocol"):
        findings.add(("objectives", "retention"), "needs cycles in [protocol]: the number after which it is read")
    no_direction = all(not (o.maximize or o.minimize) for o in content.objectives.values())
    if no_direction and not findings.is_faulty("objectives"):
        findings.add(("objectives",), "must hold at least one outcome with maximize = true or minimize = true")
    return found


def _check_outcome(name: str, content: ConfigFile, findings: Findings) -> None:
    key = ("objectives", name)
    thickness = "thickness_um"
    if name in content.parameters or name in content.fixed:
        findings.add(key, "is a setting of this file, not an outcome")
    elif column(name) is not None and name not in _OUTCOMES:
        findings.add(key, f"is not an outcome; outcomes are {', '.join(_OUTCOMES)}, or a name of your own")
    elif column(name) is None and (close := closest(name, names("outcome"), alike=_RESEMBLES)):
        findings.add(key, "is not in the vocabulary", todo=close)
    elif column(name) is None:
        findings.add(key, "is not in the vocabulary: only your own cells can teach it", is_doubt=True)
    elif name == "areal_capacity" and thickness not in content.parameters and thickness not in content.fixed:
        findings.add(
            key,
            f"is capacity times {thickness}, which is not declared: only your own cells can teach it",
            is_doubt=True,
        )


def _read_objective(name: str, table: ObjectiveTable, findings: Findings) -> Objective | None:
    key = ("objectives", name)
    if table.maximize and table.minimize:
        findings.add(key, "cannot both maximize and minimize", todo="Take one of them out")
        return None
    if not table.maximize and not table.minimize and table.threshold is None:
        findings.add(key, "must have maximize = true, minimize = true or a threshold")
        return None
    declared = column(name)
    unit = declared.unit if declared else table.unit or ""
    threshold = None
    if table.threshold is not None:
        threshold = read_number(table.threshold, unit, (*key, "threshold"), findings, table.unit)
        if threshold is None:
            return None
        if declared is not None:
            _check_threshold(threshold, name, findings)
    direction = True if table.maximize else False if table.minimize else None
    return Objective(name, maximize=direction, unit=unit, threshold=threshold)


def _check_threshold(threshold: float, name: str, findings: Findings) -> None:
    declared, key = column(name), ("objectives", name, "threshold")
    if declared is None:
        return
    if name == "retention" and 1.5 < threshold <= 100:
        findings.add(key, "must be a share, not percent", threshold, f"Write {threshold / 100:g}")
    else:
        check_limits(threshold, declared, key, findings)


# -- evidence ----------------------------------------------------------------------------------------------------


def read_evidence(content: ConfigFile, folder: Path, findings: Findings) -> tuple[bool, tuple[Path, ...]]:
    """Return whether the reported cells count, and the paths of the lab's own tables of cells."""
    key = ("campaign", "evidence")
    words = content.campaign.evidence
    if "none" in words and len(words) > 1:
        findings.add(key, 'must be "none" alone, or without it', ", ".join(words))
    files = []
    for word in words:
        if word in ("reported", "none"):
            continue
        path = folder / word
        if not word.lower().endswith(".csv"):
            todo = closest(word, ("reported", "none"))
            findings.add(key, 'must be "reported", "none" or the names of CSV files', word, todo)
        elif not path.is_file():
            findings.add(key, "there is no such file beside the campaign file", word)
        else:
            files.append(path)
    return "reported" in words, tuple(files)


# -- materials ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """Figures of materials as this campaign has them: the tables', with the lab's own in their place.

    Attributes
    ----------
    cathodes : mapping
        The cathodes whose figures the campaign sets, and no others.
    substrate_limits_c, electrolyte_limits_c : mapping
        Highest temperature of each substrate and electrolyte (C); without a limit it is not there.
    """

    cathodes: Mapping[str, materials.Cathode]
    substrate_limits_c: Mapping[str, float]
    electrolyte_limits_c: Mapping[str, float]


def read_materials(content: ConfigFile, findings: Findings) -> Figures:
    """Return the figures of materials; names that are in no table go to the findings."""
    limits: dict[str, dict[str, float]] = {}
    tables: dict[str, Mapping[str, Any]] = {
        "cathodes": materials.cathodes(),
        "substrates": materials.substrates(),
        "electrolytes": materials.electrolytes(),
    }
    for kind in ("substrates", "electrolytes"):
        limits[kind] = {
            n: row.max_temperature_c for n, row in tables[kind].items() if row.max_temperature_c is not None
        }
        for name, override in getattr(content.materials, kind).items():
            key = ("materials", kind, name)
            value = read_number(override.max_temperature_c, "C", (*key, "max_temperature_c"), findings)
            if _is_known(name, kind, tables[kind], findings) and value is not None:
                limits[kind][name] = value
    cathodes = {}
    for name, figures in content.materials.cathodes.items():
        changes = {field: value for field, value in figures if value is not None}
        known = tables["cathodes"].get(name)
        cathode = _new_cathode(name, changes, findings) if known is None else _changed(known, changes, findings)
        if cathode is not None:
            cathodes[name] = cathode
    return Figures(cathodes, limits["substrates"], limits["electrolytes"])


def _changed(known: materials.Cathode, changes: dict[str, Any], findings: Findings) -> materials.Cathode | None:
    """Return a cathode of the table with the campaign's figures; None where the campaign sets none."""
    source = changes.pop("source", "")
    for field in [f for f in changes if f not in materials.OVERRIDABLE]:
        key = ("materials", "cathodes", known.name, field)
        findings.add(key, "is told only of a cathode that the table lacks", todo=f"Leave it out: {known.name} is known")
        del changes[field]
    return materials.with_overrides(known, *([source] if source else []), **changes) if changes else None


def _new_cathode(name: str, told: Mapping[str, Any], findings: Findings) -> materials.Cathode | None:
    """Return a cathode that the table lacks; what is missing or cannot be goes to the findings."""
    key = ("materials", "cathodes", name)
    missing = [field for field in materials.NEEDED if field not in told]
    if findings.is_faulty(*key):
        return None
    if missing:
        # Where it was a slip of the pen, the cathode that was meant is named.
        todo = closest(name, materials.cathodes()) or "The comments of own_cathode.toml tell what each is"
        findings.add(key, f"is not in the table of cathodes, so it needs {', '.join(missing)} too", todo=todo)
        return None
    try:
        return materials.new_cathode(name, **told)
    except DataInvalid as error:
        findings.add((*key, "formula"), error.problems[0].must, told["formula"], error.problems[0].todo)
        return None


def _is_known(name: str, kind: str, table: Mapping[str, Any], findings: Findings) -> bool:
    if name not in table:
        findings.add(("materials", kind, name), f"is not in the table of {kind}", todo=closest(name, table))
    return name in table
