"""Measure how long `pvdopt --help` and a cold `pvdopt suggest` take against the bare import of the libraries.

Each is a process of its own, run in turn, several rounds; the medians and their ratio are printed as JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time

#: The libraries of pyproject.toml that a proposal can need: data, models, sampling, configuration, ledger, output.
LIBRARIES = (
    "numpy, scipy.linalg, scipy.optimize, scipy.special, scipy.stats, pandas, sklearn.ensemble, optuna, pydantic,"
    " sqlalchemy, typer, rich.table"
)
ROUNDS = 5


def seconds(command: list[str], folder: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    return time.perf_counter() - start


def main() -> None:
    python = sys.executable
    commands = {
        "import": [python, "-c", f"import {LIBRARIES}"],
        "help": [python, "-m", "pvdopt", "--help"],
        "suggest": [python, "-m", "pvdopt", "suggest", "lco_lipon.toml"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS + 1):
            for name, command in commands.items():
                taken[name].append(seconds(command, folder))
    # The first round fills the disk's cache and counts for none.
    medians = {name: round(statistics.median(values[1:]), 2) for name, values in taken.items()}
    ratio = round(medians["suggest"] / medians["import"], 2)
    print(json.dumps({"seconds": medians, "suggest_over_import": ratio, "rounds": ROUNDS}))


if __name__ == "__main__":
    main()
