from __future__ import annotations

from typing import Any


def proposal(**recipe: Any) -> dict[str, Any]:
    settings = {"bias_v": -50.0, "anneal_kind": "furnace", "anneal_temperature_c": 600, "thickness_um": 1.0}
    return {
        "recipe": {**settings, **recipe},
        "predicted": {
            "capacity": {"median": 55.0, "low": 40.0, "high": 62.0, "p": 0.8},
            "retention": {"median": 0.93, "low": 0.8, "high": 0.98, "p": 0.8},
        },
        "usable_chance": 0.8,
        "purpose": "improve",
        "reason": "near the best so far",
        "fingerprint": "abc",
        "batch": 1,
    }
