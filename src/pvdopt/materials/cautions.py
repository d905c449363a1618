"""What is known to happen to materials at settings that they stand all the same; forbids nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pvdopt.materials.tables import substrates

_TEMPERATURES = ("substrate_temperature_c", "anneal_temperature_c", "post_anneal_temperature_c")


def find_cautions(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each temperature of a recipe that its substrate stands with a caution, and the caution with its source.

    Examples
    --------
    >>> [text for _, text in find_cautions({"substrate": "Pt/Ti/Si", "anneal_temperature_c": 770.0})]
    ['anneal_temperature_c 770 C: above 750 C hillocks grow in the Pt of Pt/Ti/Si (domain notes, unverified)']
    >>> list(find_cautions({"substrate": "Pt/Ti/Si", "anneal_temperature_c": 750.0}))
    []
    """
    substrate = substrates().get(str(settings.get("substrate")))
    if substrate is None or substrate.caution_temperature_c is None:
        return
    limit = substrate.caution_temperature_c
    for name in _TEMPERATURES:
        value = settings.get(name)
        if isinstance(value, (int, float)) and value > limit:
            what = f"above {limit:g} C {substrate.caution} of {substrate.name} ({substrate.caution_source})"
            yield name, f"{name} {value:g} C: {what}"
