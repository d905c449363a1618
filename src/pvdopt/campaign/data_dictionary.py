"""What the columns of an export mean: unit, type, meaning, and what other vocabularies call them.

Terms of BattINFO and the Battery Data Format stand in ``data/terms.csv``; the whole becomes the descriptor of a
Frictionless data package. Knows no file of a campaign.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from pvdopt.columns import column, vocabulary
from pvdopt.lab_tables.fields import ERRORS, MADE_ON
from pvdopt.objectives import OUTCOME_UNITS

if TYPE_CHECKING:
    from pvdopt.config import CampaignConfig
    from pvdopt.ledger.facts import Fact

#: How the column of an outcome ends that was not measured, since it follows from another one and the thickness.
DERIVED = "_derived"
#: What is done to texts in tables, so that a table can be opened without harm.
_GUARDED = (
    "A text that begins with = + - @ or a tab has a ' before it, so that no spreadsheet computes it; "
    "facts.json has it as it was recorded."
)
_PREDICTED_ENDS = ("_predicted_low", "_predicted_high", "_predicted")


@dataclass(frozen=True)
class Term:
    """How a name of ours is called elsewhere.

    Attributes
    ----------
    iri : str
        Empty where no term was found.
    relation : {"exact", "close", "broad", "own"}
        How near the term comes: the same quantity, nearly, a wider one, or a definition of our own.
    """

    iri: str
    relation: str
    term: str
    source: str


@cache
def terms() -> Mapping[str, Term]:
    """Return the terms of ontologies for names of the vocabulary."""
    text = (resources.files("pvdopt") / "data" / "terms.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["name"]: Term(row["iri"], row["relation"], row["term"], row["source"]) for row in rows}


def describe_columns(names: Iterable[str], config: CampaignConfig) -> dict[str, dict[str, str]]:
    """Return for each column of an export its unit, type, meaning and what it is called elsewhere."""
    found = {}
    for name in names:
        base = _base(name)
        term = terms().get(base) if not name.endswith(("_qualifier", "_sd")) else None
        found[name] = {
            "name": name,
            "unit": _unit(name, base, config),
            "type": _type(name, base, config),
            "meaning": _meaning(name),
            "iri": "" if term is None else term.iri,
            "relation": "" if term is None else term.relation,
            "term": "" if term is None else term.term,
            "term_source": "" if term is None else term.source,
        }
    return found


def _base(name: str) -> str:
    """Return the quantity that a column is about, such as capacity of ``capacity_predicted_low``."""
    for end in ("_qualifier", "_sd", *_PREDICTED_ENDS):
        if name.endswith(end) and name not in vocabulary():
            return name.removesuffix(end).removesuffix(DERIVED)
    return name.removesuffix(DERIVED)


def _unit(name: str, base: str, config: CampaignConfig) -> str:
    if name.endswith("_qualifier"):
        return ""
    declared = column(_ERROR_OF.get(base, base))
    if declared is not None:
        return declared.unit
    units: Mapping[str, str | None] = {**OUTCOME_UNITS, **{o.name: o.unit for o in config.objectives()}}
    return units.get(base) or getattr(config.space().get(base), "unit", "") or ""


def _type(name: str, base: str, config: CampaignConfig) -> str:
    """Return a column's type as a Frictionless table schema names it."""
    if name.endswith("_qualifier"):
        return "string"
    if name in ("proposed", MADE_ON):
        return "datetime" if name == "proposed" else "date"
    if name in _ERROR_OF:
        return "number"
    numbers = {"usable_chance", *OUTCOME_UNITS, *(o.name for o in config.objectives())}
    declared, parameter = column(base), config.space().get(base)
    is_number = base in numbers or (declared is not None and declared.kind == "number")
    return "number" if is_number or (declared is None and hasattr(parameter, "low")) else "string"


#: Settings that hold the deviation of another.
_ERROR_OF = {error: name for name, error in ERRORS.items()}
_MEANINGS = {
    "id": "name of the cell: P proposed by pvdopt, C added by the laboratory",
    "status": "proposed, made, partial, complete, failed, vetoed or discarded",
    "outcome_class": "whether the cell gave usable figures: ok, shorted, delaminated, cracked, not_made, lab_error",
    "purpose": "what the cell was proposed for",
    "reason": "why it was proposed",
    "fingerprint": "hash of the data and the model behind its prediction",
    "usable_chance": "chance of a usable cell, predicted when it was proposed",
    "proposed": "when it entered the ledger",
    "cell": "which of a sample's cells it is",
    "made_on": "day on which it was made, ISO 8601",
    "replicate_of": "first cell of the same film, whose recipe it has",
    **{error: f"standard deviation of {name} as stated" for name, error in ERRORS.items()},
}


def _meaning(name: str) -> str:
    if name in _MEANINGS:
        return _MEANINGS[name]
    if name in vocabulary():
        return vocabulary()[name].meaning
    if name.endswith(DERIVED):
        base = name.removesuffix(DERIVED)
        other, sign = ("areal_capacity", "/") if base == "capacity" else ("capacity", "x")
        return f"{base} that was not measured itself: {other} {sign} thickness_um as made, which the models read"
    for end, words in (
        ("_sd", "standard deviation of {}"),
        ("_qualifier", "how {} was stated: = exactly, ~ about, >= at least, <= at most"),
        ("_predicted_low", "lower end of the 80 % interval predicted for {} with the proposal"),
        ("_predicted_high", "upper end of the 80 % interval predicted for {} with the proposal"),
        ("_predicted", "median predicted for {} with the proposal"),
    ):
        if name.endswith(end):
            return words.format(name.removesuffix(end))
    return "the laboratory's own"


def describe_package(
    config: CampaignConfig, described: Mapping[str, Mapping[str, str]], facts: Sequence[Fact], others: Sequence[str]
) -> dict[str, Any]:
    """Return the descriptor of a Frictionless data package of an export's tables.

    Parameters
    ----------
    others : sequence of str
        Files that are no tables.
    """

    def fields(names: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
        found = []
        for name, d in names.items():
            field = {"name": name, "type": d["type"], "description": d["meaning"]}
            field |= {"unit": d["unit"]} if d["unit"] else {}
            field |= {"rdfType": d["iri"]} if d["iri"] and d["relation"] == "exact" else {}
            found.append(field)
        return found

    def table(path: str, names: Mapping[str, Mapping[str, str]], key: str | list[str]) -> dict[str, Any]:
        return {
            "name": path.removesuffix(".csv"),
            "path": path,
            "description": _GUARDED,
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": {"fields": fields(names), "missingValues": [""], "primaryKey": key},
        }

    words = {"type": "string", "unit": "", "iri": "", "relation": ""}
    series = {
        "id": {**words, "meaning": _MEANINGS["id"]},
        "cycle": {**words, "type": "number", "meaning": "cycle", "iri": terms()["cycle"].iri, "relation": "exact"},
        "capacity": {**words, "type": "number", "meaning": "discharge capacity of the cycle, in the unit beside it"},
        "unit": {**words, "meaning": "unit of the capacity as it was recorded"},
    }
    dictionary = {name: {**words, "meaning": ""} for name in described["id"]}
    return {
        "profile": "data-package",
        "name": config.name.lower(),
        "title": config.name,
        "description": config.content.campaign.description,
        "created": facts[0].time if facts else "",
        "contributors": [{"title": name, "role": "author"} for name in dict.fromkeys(f.author for f in facts)],
        "resources": [
            table("cells.csv", described, "id"),
            table("series.csv", series, ["id", "cycle"]),
            table("data_dictionary.csv", dictionary, "name"),
            *({"name": name.lower().replace(".", "-"), "path": name, "encoding": "utf-8"} for name in others),
        ],
    }
