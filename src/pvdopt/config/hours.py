"""What a campaign file says of runs and hours: which settings cells share, how long a run lasts, what a cell takes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvdopt.choice.runs import Hours, Run
from pvdopt.config.limits import Declared, check_choices, is_declared
from pvdopt.config.reading import Findings, Key
from pvdopt.config.schema import ConfigFile, RunTable
from pvdopt.config.settings import read_number
from pvdopt.wording import closest


def read_runs(content: ConfigFile, declared: Declared, findings: Findings) -> list[Run]:
    """Return the kinds of run that the file declares, in its order; faults go to the findings."""
    found = []
    for name, table in content.runs.items():
        run = _read_run(name, table, content, declared, findings)
        if run is not None:
            found.append(run)
    return found


def read_cost(content: ConfigFile, declared: Declared, findings: Findings) -> Hours | None:
    """Return what each cell takes by itself, None where neither that nor any run is declared."""
    if content.cost is None:
        return None
    hours = _read_hours(content.cost.hours, ("cost", "hours"), findings)
    per = _read_per(content.cost.hours_per, ("cost", "hours_per"), declared, findings)
    return None if hours is None or findings.is_faulty("cost") else Hours(hours, per)


def _read_run(name: str, table: RunTable, content: ConfigFile, declared: Declared, findings: Findings) -> Run | None:
    key: Key = ("runs", name)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        findings.add(key, "must be named by letters, digits and _, since it names a column")
    for setting in table.shares:
        _require_setting(setting, (*key, "shares"), declared, findings)
    is_told = findings.is_faulty(*key, "shares") or any(findings.is_unsure(setting) for setting in table.shares)
    if not is_told and not any(setting in content.parameters for setting in table.shares):
        findings.add((*key, "shares"), "must list at least one setting of [parameters]", ", ".join(table.shares))
    for setting, choices in table.when.items():
        if is_declared(setting, (*key, "when"), declared, findings, as_number=False):
            check_choices(setting, choices, (*key, "when"), declared, findings)
    hours = _read_hours(table.hours, (*key, "hours"), findings)
    per = _read_per(table.hours_per, (*key, "hours_per"), declared, findings)
    if hours is not None and hours <= 0 and not per:
        findings.add((*key, "hours"), "must be above 0", table.hours)
    if hours is None or findings.is_faulty(*key):
        return None
    return Run(name, table.shares, table.places, hours=hours, hours_per=per, when=dict(table.when) or None)


def _read_hours(value: float | str, key: Key, findings: Findings) -> float | None:
    return read_number(value, "h", key, findings)


def _read_per(given: Mapping[str, float], key: Key, declared: Declared, findings: Findings) -> dict[str, float]:
    for name in given:
        is_declared(name, key, declared, findings, as_number=True)
    return dict(given)


def _require_setting(name: str, key: Key, declared: Declared, findings: Findings) -> None:
    if name not in declared and not findings.is_unsure(name):
        must = f"names {name}, which is declared neither in [parameters] nor in [fixed]"
        findings.add(key, must, todo=closest(name, declared))
