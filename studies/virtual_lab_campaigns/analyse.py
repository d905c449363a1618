"""Read the runs, tell apart the truths in which the literature misleads, and write the tables into README.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pvdopt.backtest.measures import bootstrap, experiments_to
from pvdopt.backtest.running import Run, Store
from pvdopt.virtual_lab import VirtualLab

HERE = Path(__file__).parent
OURS, NAMES = "surrogate", ("surrogate", "surrogate_alone", "tpe", "random")
TARGETS = (0.8, 0.9, 0.95)
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def needed(runs: list[Run], target: float) -> np.ndarray:
    """Return experiments to the target; one more than were made where it was not reached."""
    counts = np.array([experiments_to(np.array(run.progress), target) for run in runs])
    return np.where(np.isnan(counts), len(runs[0].progress) + 1, counts)


def ratio(mine: np.ndarray, other: np.ndarray) -> str:
    """Return the ratio of mean experiments, each at most budget + 1, with its interval over truths."""
    low, high = bootstrap(lambda k: float(mine[k].mean() / other[k].mean()), len(mine), np.random.default_rng(0))
    return f"{mine.mean() / other.mean():.2f} [{low:.2f}, {high:.2f}]"


def table(runs: dict[tuple[str, int], Run], seeds: list[int], title: str) -> str:
    budget = len(runs[OURS, seeds[0]].progress)
    lines = [f"### {title} ({len(seeds)})\n"]
    header = ["strategy", *(f"to {t:.0%} (reached)" for t in TARGETS), "share at the end", "refused", "CPU s per ask"]
    lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for name in NAMES:
        mine = [runs[name, seed] for seed in seeds]
        cells = []
        for target in TARGETS:
            counts = needed(mine, target)
            median = np.median(counts)
            text = f"> {budget}" if median > budget else f"{median:g}"
            cells.append(f"{text} ({(counts <= budget).sum()})")
        end = np.median([run.progress[-1] for run in mine])
        seconds = np.median([run.seconds for run in mine])
        refused = sum(run.n_refused for run in mine)
        lines.append("| " + " | ".join([name, *cells, f"{end:.3f}", str(refused), f"{seconds:.2f}"]) + " |")
    lines += ["", "Mean experiments, surrogate over the other (below 1: fewer), 90 % interval over truths:", ""]
    header = ["against", *(f"to {t:.0%}" for t in TARGETS)]
    lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for name in NAMES[1:]:
        pairs = [[needed([runs[n, s] for s in seeds], t) for n in (OURS, name)] for t in TARGETS]
        lines.append("| " + " | ".join([name, *(ratio(*pair) for pair in pairs)]) + " |")
    return "\n".join(lines) + "\n"


def report(folder: Path) -> str:
    """Return the tables of one campaign file."""
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    runs = Store(folder, settings).read()
    seeds = sorted(seed for name, seed in runs if name == OURS and all((n, seed) in runs for n in NAMES))
    misled = [seed for seed in seeds if VirtualLab(seed).misleading is not None]
    parts = [f"## {folder.name}\n", table(runs, seeds, "All truths")]
    if misled:
        parts.append(table(runs, misled, "Truths in which the literature misleads"))
        parts.append(table(runs, [s for s in seeds if s not in misled], "Truths in which it does not"))
    return "\n".join([*parts, f"![curves](results/{folder.name}/curves.svg)\n"])


def main() -> None:
    folders = sorted((HERE / "results").iterdir(), key=lambda path: path.name != "lco_lipon")
    text = "\n".join(report(folder) for folder in folders if (folder / "runs" / f"{OURS}.csv").is_file())
    print(text)
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    head, rest = readme.split(BEGIN)
    (HERE / "README.md").write_text(head + BEGIN + text + END + rest.split(END)[1], encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
