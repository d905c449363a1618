from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
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


@contextmanager
def kept_to_oneself(path: Path) -> Iterator[None]:
    """Hold an SQLite file so that nobody else can read it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
