"""Print how many branches the tests ran of the parts that must not lose anything, and fail under 90 %.

Run by ``make coverage``, after the tests; commands that ran in processes of their own are counted.
"""

from __future__ import annotations

import fnmatch
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import coverage

LEAST_PERCENT = 90.0
PACKAGE = Path(__file__).resolve().parent.parent / "src" / "pvdopt"

#: By part its files.
GROUPS: Mapping[str, Sequence[str]] = {
    "ledger": ["ledger/*.py"],
    "cells": ["cells/*.py"],
    "config": ["config/*.py"],
    "space": ["space.py", "parameters.py", "constraints.py"],
    "campaign": ["campaign/*.py", "lab_tables/*.py", "choice/observed.py"],
}


def find_group(file: str) -> str | None:
    """Return the part that a file, named from the package on, belongs to."""
    return next((g for g, patterns in GROUPS.items() if any(fnmatch.fnmatch(file, p) for p in patterns)), None)


def read_report() -> dict[str, Any]:
    """Return by file, named from the package on, what coverage measured."""
    measured = coverage.Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        measured.json_report(outfile=str(out))
        files = json.loads(out.read_text(encoding="utf-8"))["files"]
    return {Path(name).resolve().relative_to(PACKAGE).as_posix(): found for name, found in files.items()}


def summarise(report: Mapping[str, Any]) -> dict[str, tuple[int, int, list[str]]]:
    """Return by part the branches run, all branches, and those missing by file and line."""
    found: dict[str, tuple[int, int, list[str]]] = {}
    for group in GROUPS:
        files = {name: part for name, part in report.items() if find_group(name) == group}
        run = sum(part["summary"]["covered_branches"] for part in files.values())
        every = sum(part["summary"]["num_branches"] for part in files.values())
        missing = [
            f"{name}: " + ", ".join(f"{a}->{b if b > 0 else 'exit'}" for a, b in part["missing_branches"])
            for name, part in sorted(files.items())
            if part["missing_branches"]
        ]
        found[group] = (run, every, missing)
    return found


def main() -> int:
    """Print the table and what is missing; return 1 if a part lies under the least share."""
    summary = summarise(read_report())
    for _, _, missing in summary.values():
        for line in missing:
            print(f"not run  {line}")
    print("part      branches  run  %")
    is_low = False
    for group, (run, every, _) in summary.items():
        percent = 100.0 * run / max(every, 1)
        is_low = is_low or percent < LEAST_PERCENT
        print(f"{group:<9} {every:>8} {run:>4}  {percent:.1f}{'' if percent >= LEAST_PERCENT else '  too few'}")
    return int(is_low)


if __name__ == "__main__":
    raise SystemExit(main())
