"""Compare what results/*.csv hold: tables into README.md, a figure into results/.

python studies/pool_benchmark/analyse.py            # prints and writes
python studies/pool_benchmark/analyse.py --print    # prints only
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from figures_of_merit import FIGURES, merits
from planners import PLANNERS
from pools import SETS, kind, load_pool, n_budget

from pvdopt.backtest.measures import bootstrap_mean, progress_of

HERE = Path(__file__).parent
OURS = "pvdopt"
KINDS = {"scattered": "scattered in the box", "grid": "full grid", "mixture": "mixture (a slice of the box)"}
#: The least that the figure shows as left to gain.
LEAST_LEFT = 2e-3
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def read_runs(folder: Path) -> pd.DataFrame:
    """Return one line a run: planner, pool, batch, seed, seconds, needed, end, speed, area, rows."""
    lines = []
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in PLANNERS:
            continue
        for line in pd.read_csv(path).to_dict("records"):
            rows = [int(row) for row in str(line["rows"]).split()]
            figures, needed = merits(line["pool"], rows)
            lines.append(
                {"planner": path.stem, "rows": rows, "needed": needed, "seconds": line["seconds_per_ask"]}
                | {k: line[k] for k in ("pool", "batch", "seed")}
                | dict(zip(FIGURES, figures, strict=True))
            )
    return pd.DataFrame(lines)


def mean_ranks(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rank of each planner by figure, averaged over pools: seeds are averaged first, 1 is best."""
    means = runs.groupby(["pool", "planner"])[list(FIGURES)].mean()
    ranks = means.groupby("pool").rank(ascending=False, method="average").groupby("planner").mean()
    return ranks.assign(mean=ranks.mean(axis=1)).sort_values("mean")


def difference(runs: pd.DataFrame, peer: str, figure: str) -> tuple[float, float, float, int]:
    """Return ours minus the peer's, paired by pool and seed: mean over pools, 90 % interval, least seeds of a pool.

    Seeds are drawn within pools; every pool weighs the same.
    """
    table = runs[runs["planner"].isin([OURS, peer])].pivot_table(
        index=["pool", "seed"], columns="planner", values=figure
    )
    paired = (table[OURS] - table[peer]).dropna()
    by_pool = [values.to_numpy() for _, values in paired.groupby("pool")]
    mean, (low, high) = bootstrap_mean(by_pool, np.random.default_rng(0))
    return mean, low, high, min(len(values) for values in by_pool)


def comparable(runs: pd.DataFrame, least_seeds: int) -> pd.DataFrame:
    """Return the runs that ranks are made of: planners with enough seeds on every pool, at the seeds they share.

    A mean over other starts would be no comparison, and one over a pool less none at all.
    """
    seeds = runs.groupby(["planner", "pool"])["seed"].nunique().unstack().reindex(columns=list(SETS)).fillna(0)
    kept = runs[runs["planner"].isin(seeds.index[seeds.min(axis=1) >= least_seeds])]
    n_planners = kept["planner"].nunique()
    shared = kept.groupby(["pool", "seed"])["planner"].transform("nunique") == n_planners
    return kept[shared]


def table(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(header)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines]) + "\n"


def report_batch(runs: pd.DataFrame, batch: int, least_seeds: int) -> str:
    """Return the tables of one batch size."""
    everything = runs[runs["batch"] == batch]
    mine = comparable(everything, least_seeds)
    title = "One at a time" if batch == 1 else f"In batches of {batch}"
    ranks = mean_ranks(mine)
    n_shared = mine.groupby("pool")["seed"].nunique().min()
    seeds = everything.groupby(["planner", "pool"])["seed"].nunique().groupby("planner").min()
    seconds = mine.groupby("planner")["seconds"].median()
    by_kind = {k: mean_ranks(mine[mine["pool"].map(kind) == k])["mean"] for k in KINDS}
    lines = [
        [f"**{p}**" if p == OURS else p, *(f"{ranks.loc[p, f]:.2f}" for f in [*FIGURES, "mean"])]
        + [f"{by_kind[k][p]:.2f}" for k in KINDS]
        + [str(seeds[p]), f"{seconds[p]:.3f}"]
        for p in ranks.index
    ]
    header = ["planner", *FIGURES, "**mean rank**", *KINDS.values(), "seeds run", "CPU s per ask"]
    said = f"Mean rank over pools at the {n_shared} seeds that all in the table share, 1 is best:"
    parts = [f"### {title}\n\n{said}\n", table(header, lines)]
    whole = everything.groupby("planner")["pool"].nunique() == len(SETS)
    rest = [p for p in PLANNERS if p != OURS and whole.get(p, False)]
    if OURS in ranks.index:
        lines = []
        for peer in [*ranks.index.drop(OURS), *(p for p in rest if p not in ranks.index)]:
            found = {f: difference(everything, peer, f) for f in FIGURES}
            cells = [f"{m:+.3f} [{low:+.3f}, {high:+.3f}]" for m, low, high, _ in found.values()]
            verdict = ", ".join(f for f, (_, _, high, _) in found.items() if high < 0) or "-"
            lines.append([peer, *cells, verdict, str(found["end"][3])])
        parts += [
            f"\n{OURS} minus the peer, paired by pool and seed (all that both have run), mean over pools with the 90 % "
            "interval (seeds drawn within pools):\n",
            table(["peer", *FIGURES, "wholly below zero", "seeds"], lines),
        ]
    return "\n".join(parts)


def report_pools(runs: pd.DataFrame, least_seeds: int) -> str:
    """Return what each planner reached on each pool, averaged over the shared seeds."""
    lines = []
    for batch in (1, 5):
        mine = comparable(runs[runs["batch"] == batch], least_seeds)
        for planner in mean_ranks(mine).index:
            means = mine[mine["planner"] == planner].groupby("pool")[list(FIGURES)].mean()
            cells = [" ".join(f"{means.loc[name, f]:.2f}" for f in FIGURES) for name in SETS]
            lines.append([planner, str(batch), *cells])
    return "\n### By pool\n\nEnd, speed, area; 1 is perfect:\n\n" + table(["planner", "batch", *SETS], lines)


def draw(runs: pd.DataFrame, path: Path, least_seeds: int) -> None:
    """Draw progress against experiments, a panel a pool, one at a time."""
    import matplotlib as mpl

    mpl.use("svg")
    # Fixed, or the file changes with every run.
    mpl.rcParams["svg.hashsalt"] = "pool_benchmark"
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 3, figsize=(12, 6.6), layout="constrained")
    mine = comparable(runs[runs["batch"] == 1], least_seeds)
    order = list(mean_ranks(mine).index)
    colours = dict(zip([p for p in order if p != OURS], plt.get_cmap("tab10").colors, strict=False))
    for name, panel in zip(SETS, panels.flat, strict=True):
        pool = load_pool(name)
        low = float(pool.worst[0]) if len(pool.objectives) == 1 else 0.0
        for planner in order:
            some = mine[(mine["planner"] == planner) & (mine["pool"] == name)]["rows"]
            progress = np.mean([progress_of(pool.signed[rows], pool.worst) for rows in some], axis=0)
            style = {"color": "black", "lw": 2.2, "zorder": 3} if planner == OURS else {"color": colours[planner]}
            style |= {"ls": ":"} if planner == "random" else {}
            # A logarithmic scale has no room for nothing left.
            left = np.maximum(1 - (progress - low) / (pool.best - low), LEAST_LEFT)
            panel.plot(range(1, n_budget(pool) + 1), left, label=planner, **style)
        panel.set(title=f"{name} ({kind(name)})", yscale="log", xlim=(5, None), ylim=(LEAST_LEFT, 1))
    for panel in panels[-1]:
        panel.set_xlabel("experiments")
    for panel in panels[:, 0]:
        panel.set_ylabel("left to gain (share), mean of seeds")
    panels[0, 0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="write nothing")
    parser.add_argument("--least-seeds", type=int, default=5, help="planners with fewer are in no rank (default: 5)")
    args = parser.parse_args()
    runs = read_runs(HERE / "results")
    text = "\n".join(
        [
            report_batch(runs, 1, args.least_seeds),
            report_batch(runs, 5, args.least_seeds),
            report_pools(runs, args.least_seeds),
        ]
    )
    print(text)
    if args.print:
        return
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    head, rest = readme.split(BEGIN)
    (HERE / "README.md").write_text(head + BEGIN + text + END + rest.split(END)[1], encoding="utf-8", newline="\n")
    draw(runs, HERE / "results" / "progress.svg", args.least_seeds)


if __name__ == "__main__":
    main()
