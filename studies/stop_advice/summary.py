"""Say when each campaign of results.csv would have stopped for a share of the noise, and how far it had come."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

SHARES = (1.0, 0.5, 0.25, 0.1)
#: Two for each of the six settings.
N_TO_JUDGE = 12


def stops(rows: pd.DataFrame, share: float) -> pd.Series:
    """Return the row at which a campaign stops, the last one where it does not."""
    judged = rows[(rows["n_made"] >= N_TO_JUDGE) & (rows["gain"] < share * rows["noise"])]
    return (judged if len(judged) else rows).iloc[0 if len(judged) else -1]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results.csv")
    table = pd.read_csv(parser.parse_args().results)
    found = []
    for (goal, seed), rows in table.groupby(["goal", "seed"]):
        rows = rows.sort_values("n_made")
        for share in SHARES:
            row = stops(rows, share)
            has_stopped = row["n_made"] < rows["n_made"].max() or row["gain"] < share * row["noise"]
            found.append(
                {
                    "goal": goal,
                    "seed": seed,
                    "share of noise": share,
                    "cells": int(row["n_made"]) if has_stopped else f"> {int(row['n_made'])}",
                    "reached": round(row["reached"], 3),
                    "reached at the end": round(rows["reached"].iloc[-1], 3),
                }
            )
    print(pd.DataFrame(found).sort_values(["share of noise", "goal", "seed"], ascending=False).to_string(index=False))


if __name__ == "__main__":
    main()
