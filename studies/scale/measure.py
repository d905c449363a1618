"""How long do `pvdopt retrain` and `pvdopt suggest` take with many cells, and how much memory?

Makes campaigns of simulated wafers with ten parameters, from 100 to 100,000 cells, and runs each command in a process
of its own. Time is that of the processor, so that a busy machine does not matter much; the elapsed time stands beside
it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pvdopt.campaign import Campaign
from pvdopt.ledger.intake import CellRecord
from pvdopt.space import Continuous, SearchSpace
from pvdopt.surrogates import N_EXACT
from pvdopt.surrogates.large_table import LargeTable
from pvdopt.surrogates.plain_process import PlainProcess
from pvdopt.training import plain_table

HERE = Path(__file__).parent
SIZES = (100, 300, 1000, 2000, 3000, 10_000, 30_000, 100_000)
#: Cells of a wafer; six of the settings are the same on all of it, four vary over it.
N_ON_WAFER = 100
SHARED = ("pressure", "power", "heat", "flow", "bias", "distance")
GRADED = ("tilt", "share_a", "share_b", "height")

CONFIG = "\n".join(
    [
        "[campaign]",
        'name = "wafers"',
        'evidence = "none"',
        *(f"[parameters.{name}]\nown = true\nlow = 0\nhigh = 1" for name in (*SHARED, *GRADED)),
        "[objectives.gloss]",
        "maximize = true",
    ]
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sizes", nargs="*", type=int, default=list(SIZES))
    arguments.add_argument("--into", type=Path, default=HERE / "results.csv")
    arguments.add_argument("--accuracy", action="store_true", help="how good are the models instead")
    chosen = arguments.parse_args()
    if chosen.accuracy:
        found = pd.concat([accuracy(n) for n in chosen.sizes], ignore_index=True)
        found.to_csv(HERE / "accuracy.csv", index=False)
        print(found.to_string(index=False))
        return
    # Sizes measured before stay, so that a long curve can be measured piece by piece.
    rows = pd.read_csv(chosen.into).to_dict("records") if chosen.into.exists() else []
    rows = [row for row in rows if row["n_cells"] not in chosen.sizes]
    for n in chosen.sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_campaign(Path(folder) / "wafers", n)
            for command in (("retrain",), ("suggest", "-n", "4")):
                row = {"n_cells": n, "command": command[0], **run(command, Path(folder))}
                rows.append(row)
                print(json.dumps(row), file=sys.stderr)
                found = pd.DataFrame(rows).sort_values(["command", "n_cells"])
                found.to_csv(chosen.into, index=False)
    print(with_growth(found).to_string(index=False))


def with_growth(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the growth of the time to the next smaller size, over that of n log n."""
    before = found.groupby("command")[["n_cells", "cpu_s"]].shift()
    n_log_n = found["n_cells"] * np.log(found["n_cells"]) / (before["n_cells"] * np.log(before["n_cells"]))
    return found.assign(growth_over_n_log_n=(found["cpu_s"] / before["cpu_s"] / n_log_n).round(2))


# -- simulated wafers ------------------------------------------------------------------------------------------------


def draw_wafers(n: int, seed: int = 0) -> pd.DataFrame:
    """Return cells on wafers: settings on [0, 1], ``run`` and the outcome, with noise of wafer and cell."""
    rng = np.random.default_rng(seed)
    n_wafers = -(-n // N_ON_WAFER)
    wafer = np.repeat(np.arange(n_wafers), N_ON_WAFER)[:n]
    settings = {name: rng.random(n_wafers)[wafer] for name in SHARED} | {name: rng.random(n) for name in GRADED}
    frame = pd.DataFrame(settings).round(4)
    noise = 0.15 * rng.standard_normal(n_wafers)[wafer] + 0.10 * rng.standard_normal(n)
    return frame.assign(run=[f"W{k:04d}" for k in wafer], gloss=true_gloss(frame) + noise)


def true_gloss(frame: pd.DataFrame) -> np.ndarray:
    """Return an outcome with a ridge, an interaction and settings that hardly matter."""
    x = {name: frame[name].to_numpy() for name in (*SHARED, *GRADED)}
    ridge = np.exp(-(((x["share_a"] - 0.3 - 0.4 * x["heat"]) / 0.25) ** 2))
    return (
        2.0 * ridge
        - 3.0 * (x["bias"] - 0.55) ** 2
        + np.sin(4.0 * x["share_b"]) * x["power"]
        - 0.8 * np.maximum(x["heat"] - 0.7, 0.0) * x["pressure"] * 4.0
        + 0.3 * x["tilt"]
        + 0.05 * x["flow"]
    )


def make_campaign(folder: Path, n: int) -> None:
    """Begin a campaign and put the cells into its ledger."""
    cells = draw_wafers(n)
    names = [*SHARED, *GRADED]
    with Campaign.create(folder, CONFIG, author="scale") as campaign:
        # Cells of the lab's own, as they come from a table of results.
        campaign.ledger.record(
            CellRecord(None, recipe=dict(zip(names, values, strict=True)), outcomes={"gloss": gloss}, run=run)
            for *values, gloss, run in cells[[*names, "gloss", "run"]].itertuples(index=False)
        )


def accuracy(n: int) -> pd.DataFrame:
    """Return how well the exact model (up to 2,000 rows) and that of large tables predict new wafers."""
    names = [*SHARED, *GRADED]
    space = SearchSpace([Continuous(name, low=0, high=1) for name in names])
    table = plain_table("gloss", space, draw_wafers(n))
    new = draw_wafers(3000, seed=99)
    true, measured = (table.link.forward(v) for v in (true_gloss(new), new["gloss"].to_numpy()))
    models = [LargeTable(), *([PlainProcess()] if n <= N_EXACT else [])]
    rows = []
    for model in models:
        start = time.process_time()
        p = model.fit(table).predict(new)
        low, high = p.interval(0.8)
        value = table.link.inverse(measured)
        rows.append(
            {
                "n_cells": n,
                "model": model.name,
                "rmse": float(np.sqrt(np.mean((p.median() - table.link.inverse(true)) ** 2))),
                "new_cells_in_80": float(np.mean((low <= value) & (value <= high))),
                "cpu_s": time.process_time() - start,
            }
        )
    return pd.DataFrame(rows).round(3)


# -- time and memory ---------------------------------------------------------------------------------------------------


def run(command: tuple[str, ...], folder: Path) -> dict[str, float]:
    """Run a command in a folder; return seconds of the processor, seconds passed, and the most memory in GB."""
    words = [sys.executable, str(Path(__file__)), "--child", *command, "wafers"]
    start = time.perf_counter()
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    elapsed = time.perf_counter() - start
    used = json.loads(done.stdout.splitlines()[-1])
    return {"cpu_s": round(used["cpu_s"], 2), "elapsed_s": round(elapsed, 2), "peak_gb": round(used["peak_gb"], 3)}


def child(words: list[str]) -> None:
    """Run the command line in this process, then say what it used."""
    from pvdopt.cli import main as command_line

    try:
        command_line(words)
    except SystemExit as left:
        if left.code:
            raise
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in used)
    print(json.dumps({"cpu_s": cpu, "peak_gb": used[0].ru_maxrss / 1e6}))


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(sys.argv[sys.argv.index("--child") + 1 :])
    else:
        main()
