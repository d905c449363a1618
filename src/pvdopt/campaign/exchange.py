"""A campaign for others and back: CSV and JSON with a data dictionary, as a data package.

An export holds every fact, so that the campaign can be begun again from it with the same ledger. Names and units map to
terms of BattINFO and the Battery Data Format where there are such (``data/terms.csv``). Knows files, no model.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdopt.campaign.data_dictionary import DERIVED, describe_columns, describe_package
from pvdopt.campaign.fact_checks import find_false_facts
from pvdopt.campaign.folder import CONFIG_FILE, named_files
from pvdopt.config import load_config
from pvdopt.config.reading import read_config_text
from pvdopt.errors import DataInvalid, Problem, PvdoptError, what_the_system_says
from pvdopt.input_files import MAX_FACTS, read_file
from pvdopt.lab_tables.text_table import guard
from pvdopt.ledger.facts import Fact, find_faults
from pvdopt.ledger.payloads import find_deep_faults
from pvdopt.output_files import settle

if TYPE_CHECKING:
    import pandas as pd

    from pvdopt.config import CampaignConfig
    from pvdopt.ledger.state import LedgerState
    from pvdopt.ledger.values import Outcome

FACTS_FILE = "facts.json"
#: What an export writes; a folder that holds nothing else may be written again.
EXPORTED = (
    "cells.csv",
    "cells.json",
    "series.csv",
    FACTS_FILE,
    "data_dictionary.csv",
    "datapackage.json",
    CONFIG_FILE,
)
#: What is written before it takes its place; see :func:`write_export`.
_ASIDE = re.compile(r"\..+\.\d+\.aside")
_FACT_KEYS = ("seq", "kind", "cell", "time", "author", "version", "payload")


# -- out ---------------------------------------------------------------------------------------------------------


def write_export(
    target: Path,
    cells: pd.DataFrame,
    state: LedgerState,
    derived: Mapping[str, Mapping[str, Outcome]],
    facts: Sequence[Fact],
    config: CampaignConfig,
    folder: Path,
) -> list[Path]:
    """Write a campaign for others, each file whole or not at all; return the files' paths.

    Parameters
    ----------
    cells : DataFrame
        As :func:`pvdopt.campaign.standing.export_frame` returns it.
    derived : mapping of str to mapping of str to Outcome
        By cell and outcome, what models read that was not measured itself.
    folder : Path
        The campaign's folder, whose campaign file and those it names go along.

    Raises
    ------
    DataInvalid
        If the target holds anything but an earlier export.
    ConfigInvalid
        If the campaign file cannot be read.
    PvdoptError
        If the system refuses.
    """
    config_text = read_config_text(folder / CONFIG_FILE)
    try:
        # To the byte: tables come in more than one encoding.
        named = {name: (folder / name).read_bytes() for name in named_files(config_text)}
    except OSError as error:
        raise PvdoptError(f"{error.filename}: cannot be read ({what_the_system_says(error)}).") from error
    _require_free(target, (*EXPORTED, *named))
    described = describe_columns(["id", *cells.columns], config)
    series = _series_rows(state)
    contents: dict[str, str | bytes] = {
        "cells.csv": _to_csv(
            ["id", *cells.columns], ([i, *row] for i, row in zip(cells.index, cells.to_numpy(), strict=True))
        ),
        "cells.json": _to_json(_describe_cells(state, derived, described)),
        "series.csv": _to_csv(_SERIES, series),
        FACTS_FILE: _to_json([{key: getattr(fact, key) for key in _FACT_KEYS} for fact in facts]),
        "data_dictionary.csv": _to_csv(list(described["id"]), (d.values() for d in described.values())),
        "datapackage.json": _to_json(
            describe_package(config, described, facts, ["cells.json", FACTS_FILE, *named, CONFIG_FILE])
        ),
        **named,
        CONFIG_FILE: config_text,
    }
    try:
        _write_all(target, contents)
    except OSError as error:
        raise PvdoptError(f"{target}: cannot be written ({what_the_system_says(error)}).") from error
    return [target / name for name in contents]


def _require_free(target: Path, own: Iterable[str]) -> None:
    if target.exists() and not target.is_dir():
        raise DataInvalid(Problem("must be a folder, and is a file", file=str(target)))
    known = {Path(name).parts[0] for name in own}
    found = [] if not target.exists() else [p.name for p in target.iterdir()]
    strangers = sorted(n for n in found if n not in known and not _ASIDE.fullmatch(n))
    if strangers:
        must = f"must be empty or hold an earlier export, and holds {', '.join(strangers[:3])}"
        raise DataInvalid(Problem(must, todo="Name another folder", file=str(target)))


def _write_all(target: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write all files aside before the first takes its place; folders that were made for nothing go again."""
    folders = sorted({(target / name).parent for name in contents} | {target, *target.parents})
    made = [folder for folder in folders if not folder.exists()]
    target.mkdir(parents=True, exist_ok=True)
    # What an export that was killed left behind is in nobody's way.
    for path in target.rglob(".*.aside"):
        path.unlink(missing_ok=True)
    asides: dict[str, Path] = {}
    try:
        for name, content in contents.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            asides[name] = path.with_name(f".{path.name}.{os.getpid()}.aside")
            asides[name].write_bytes(content.encode() if isinstance(content, str) else content)
            settle(asides[name])
        for name, path in asides.items():
            path.replace(target / name)
    finally:
        for path in asides.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)
        for folder in reversed(made):
            # One that holds something stays.
            with suppress(OSError):
                folder.rmdir()


def _to_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [["" if v is None or v != v else guard(v) if isinstance(v, str) else v for v in row] for row in rows]
    )
    return text.getvalue()


def _to_json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=dict) + "\n"


_SERIES = ("id", "cycle", "capacity", "unit")


def _series_rows(state: LedgerState) -> list[tuple[str, float, float, str]]:
    """Return every recorded capacity against cycle, a row a cycle."""
    return [
        (cell.id, n, q, str(cell.series.get("unit") or ""))
        for cell in state.cells.values()
        if cell.series is not None
        for n, q in zip(cell.series["cycle"], cell.series["capacity"], strict=True)
    ]


def _describe_cells(
    state: LedgerState, derived: Mapping[str, Mapping[str, Outcome]], described: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return cells with every quantity as BattINFO states one: a value or its bound, its unit, how it came about."""

    def unit(name: str) -> dict[str, str]:
        found = described.get(name, described.get(f"{name}{DERIVED}", {})).get("unit", "")
        return {"unit_text": found} if found else {}

    def quantity(name: str, o: Outcome, **more: str) -> dict[str, Any]:
        key = {">=": "min_value", "<=": "max_value"}.get(o.qualifier, "value")
        found = {key: o.value, **unit(name), **more}
        found |= {} if o.sd is None else {"standard_deviation": o.sd}
        return found | ({"is_approximate": True} if o.qualifier == "~" else {})

    cells = []
    for cell in state.cells.values():
        settings = {n: {"value": v, **unit(n)} for n, v in cell.settings.items() if v is not None}
        predicted = {
            name: {"typical_value": p["median"], "min_value": p["low"], "max_value": p["high"], **unit(name)}
            for name, p in cell.predicted.items()
        }
        cells.append(
            {
                "id": cell.id,
                "status": cell.status,
                "outcome_class": cell.outcome_class,
                "run": cell.run,
                "sample": cell.sample,
                "settings": settings,
                "outcomes": {name: quantity(name, o, co_type="Measured") for name, o in cell.outcomes.items()},
                "derived": {name: quantity(name, o) for name, o in derived.get(cell.id, {}).items()},
                "predicted": predicted,
            }
        )
    return cells


# -- and back --------------------------------------------------------------------------------------------------------


def read_export(folder: Path) -> tuple[str, list[Fact]]:
    """Return campaign file and facts of an export.

    Raises
    ------
    DataInvalid
        With everything that is wrong: no export, facts that are none, or cells that cannot be.
    ConfigInvalid
        If its campaign file cannot be read or used.
    PvdoptError
        If the system refuses.
    """
    place = folder / FACTS_FILE
    missing = [name for name in (FACTS_FILE, CONFIG_FILE) if not (folder / name).is_file()]
    if missing:
        must = f"must be an export of a campaign, which holds {' and '.join(missing)}"
        raise DataInvalid(Problem(must, todo="Write one with `pvdopt export`", file=str(folder)))
    facts = _read_facts(place)
    problems = find_false_facts(facts, load_config(folder / CONFIG_FILE), str(place))
    if problems:
        raise DataInvalid(problems)
    return read_config_text(folder / CONFIG_FILE), facts


def _read_facts(place: Path) -> list[Fact]:
    """Return facts, each of which has its form; what they mean is not looked at."""
    try:
        told = json.loads(read_file(place, MAX_FACTS).decode("utf-8-sig"), parse_constant=_refuse_constant)
    except OSError as error:
        raise PvdoptError(f"{place}: cannot be read ({what_the_system_says(error)}).") from error
    except (ValueError, RecursionError) as error:
        raise DataInvalid(Problem(f"must be JSON ({error})", file=str(place))) from error
    if not isinstance(told, list):
        raise DataInvalid(Problem("must be a list of facts", file=str(place)))
    if not told:
        must = "must hold at least the fact that the campaign was created"
        raise DataInvalid(Problem(must, todo="Write it anew with `pvdopt export`", file=str(place)))
    facts, problems = [], []
    for number, raw in enumerate(told, start=1):
        row = f"fact {number}"
        if not isinstance(raw, dict) or sorted(raw) != sorted(_FACT_KEYS):
            problems.append(Problem(f"must hold {', '.join(_FACT_KEYS)} and nothing else", file=str(place), row=row))
            continue
        fact = Fact(**raw)
        faults = _find_faults(fact, number)
        problems += [Problem(fault, file=str(place), row=row) for fault in faults]
        facts.append(fact)
    if problems:
        raise DataInvalid(problems)
    return facts


def _find_faults(fact: Fact, number: int) -> list[str]:
    texts = {key: getattr(fact, key) for key in ("kind", "time", "author", "version")}
    wrong = [f"{key} must be a text, got {value!r}" for key, value in texts.items() if not isinstance(value, str)]
    if not isinstance(fact.payload, dict):
        wrong.append(f"payload must be a JSON object, got {fact.payload!r}")
    if not (fact.cell is None or isinstance(fact.cell, str)):
        wrong.append(f"cell must be a name or null, got {fact.cell!r}")
    if fact.seq != number or isinstance(fact.seq, bool):
        wrong.append(f"seq must be {number}, so that no fact is missing, got {fact.seq!r}")
    return wrong or find_faults(fact) or find_deep_faults(fact)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
