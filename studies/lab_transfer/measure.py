"""How quickly do a laboratory's own cells make the predictions good, with the literature and without?

Each truth is a draw of the virtual laboratory: its world has a literature of its own, and a laboratory makes recipes
drawn at random from the space of ``lco_lipon.toml``. After each number of own cells the truth of other recipes is
predicted in several ways; the error is that of ln(capacity), noise-free.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pvdopt import physics
from pvdopt.choice.candidates import draw_recipes
from pvdopt.config import load_config, shipped_config
from pvdopt.evidence import Evidence
from pvdopt.surrogates import fit_surrogate
from pvdopt.surrogates.base import Surrogate
from pvdopt.surrogates.gaussian_process import GaussianProcess
from pvdopt.training import OWN_SOURCE, TrainingTable
from pvdopt.virtual_lab import VirtualLab, simulated_literature

HERE = Path(__file__).parent
#: Publications that constants of the prior mean were fitted on: without the literature these are not known either.
FITTED_ON = (*physics.HEAT_FITTED_ON, *physics.BIAS_FITTED_ON)
#: Own cells with a capacity after which predictions are compared.
N_OWN = (0, 3, 8, 16, 32)
#: Recipes whose truth is predicted; recipes drawn to get the own cells, some of which fail.
N_ASKED, N_DRAWN = 300, 60
#: The truths reported on, and those that settings were tried on; both hold one misled laboratory of four.
REPORTED, TRIED = range(40), range(400, 480)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tried", action="store_true", help="use the truths that settings were tried on")
    arguments.add_argument("-n", type=int, default=40, help="how many truths")
    arguments.add_argument("-j", "--jobs", type=int, default=1)
    arguments.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    arguments.add_argument("--sizes", nargs="*", type=int, default=list(N_OWN))
    arguments.add_argument("--into", type=Path, default=HERE)
    arguments.add_argument("--again", action="store_true", help="sum up and draw what was measured before")
    chosen = arguments.parse_args()
    chosen.into.mkdir(parents=True, exist_ok=True)
    table = chosen.into / "errors.csv"
    if chosen.again:
        found = pd.read_csv(table, keep_default_na=False)
    else:
        seeds = list(TRIED if chosen.tried else REPORTED)[: chosen.n]
        found = measure(seeds, chosen.ways, chosen.sizes, chosen.jobs)
        found.to_csv(table, index=False, float_format="%.4f")
    text = "\n\n".join([mean_errors(found).to_string(float_format="%.3f"), comparisons(found).to_string(index=False)])
    (chosen.into / "results.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    draw(found, chosen.into / "errors.png")


def measure(seeds: list[int], ways: list[str], sizes: list[int], n_jobs: int) -> pd.DataFrame:
    from joblib import Parallel, delayed

    parts = []
    tasks = (delayed(one_truth)(seed, ways, sizes) for seed in seeds)
    for part in Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
        parts.append(part)
        print(f"{len(parts)} of {len(seeds)} truths", file=sys.stderr)
    return pd.concat(parts, ignore_index=True)


# -- one truth -------------------------------------------------------------------------------------------------------


def one_truth(seed: int, ways: list[str], sizes: list[int]) -> pd.DataFrame:
    """Return the errors of one truth: a row for each way and number of own cells."""
    config = load_config(shipped_config("lco_lipon"))
    space, fixed, protocol = config.space(), config.evidence_fixed(), config.protocol()
    lab = VirtualLab(seed)
    literature = simulated_literature(seed).assign(ratio_kind=None, reference="", areal_capacity=np.nan)
    asked = draw_recipes(space, N_ASKED, np.random.default_rng([seed, 11]))
    conditions = {**fixed, **protocol.columns()}
    truth = np.log(lab.truth(space.with_fixed(asked).assign(**conditions))["capacity"].to_numpy())
    made = space.with_fixed(draw_recipes(space, N_DRAWN, np.random.default_rng([seed, 12]))).assign(**conditions)
    cells = lab.measure(made, np.random.default_rng([seed, 13]))
    cells = cells[cells["outcome_class"] == "ok"].reset_index(drop=True)
    own = cells[[*space.names, "capacity"]]
    known = Evidence(literature, fixed, protocol)
    alone = Evidence.physics_only(fixed, protocol)
    evidences = {"own alone": alone.excluding(FITTED_ON), "own, with beliefs": alone}
    full = known.complete(space.with_fixed(asked))
    rows = []
    for n in sizes:
        for way in ways:
            evidence = evidences.get(way, known)
            prediction = WAYS[way](evidence.table("capacity", own.iloc[:n], space)).predict(full)
            error = prediction.mean - truth
            z = error / np.hypot(prediction.std, prediction.offset_std)
            rows.append(
                {
                    "seed": seed,
                    "misleading": lab.misleading or "",
                    "n_own": n,
                    "way": way,
                    "rmse": float(np.sqrt(np.mean(error**2))),
                    "bias": float(error.mean()),
                    "within_80": float(np.mean(np.abs(z) <= 1.2816)),
                    "sd": float(np.sqrt(np.mean(prediction.std**2 + prediction.offset_std**2))),
                }
            )
    return pd.DataFrame(rows)


def fit_ours(table: TrainingTable) -> Surrogate:
    """Fit what a campaign is given under the name of the Gaussian process."""
    return fit_surrogate("gaussian_process", table)


def fit_believing(table: TrainingTable) -> Surrogate:
    """Fit the process that takes the literature at its word."""
    return GaussianProcess(n_restarts=0).fit(table)


def fit_pooled(table: TrainingTable) -> Surrogate:
    """Fit all rows as if one laboratory had made them: no level of its own, one response."""
    n = len(table)
    return fit_believing(replace(table, source=np.full(n, OWN_SOURCE), own=np.ones(n, dtype=bool)))


#: The ways compared, by name. "own alone" knows theory and diffusion, and nothing that was fitted on a publication;
#: "own, with beliefs" also what publications have taught the prior mean about heat and bias.
WAYS: dict[str, Callable[[TrainingTable], Surrogate]] = {
    "own alone": fit_ours,
    "own, with beliefs": fit_ours,
    "pooled": fit_pooled,
    "ours": fit_ours,
    "ours, believing": fit_believing,
}
REFERENCES = ("own alone", "own, with beliefs", "pooled")


# -- what it says ----------------------------------------------------------------------------------------------------


def mean_errors(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the mean RMSE of each way by number of own cells: over all truths, the misled and the others."""
    is_misled = errors["misleading"] != ""
    parts = {"all": errors, "misled": errors[is_misled], "others": errors[~is_misled]}
    tables = {
        name: part.pivot_table(index="way", columns="n_own", values="rmse", sort=False) for name, part in parts.items()
    }
    return pd.concat(tables, names=["truths", "way"])


def comparisons(errors: pd.DataFrame) -> pd.DataFrame:
    """Return by how much our mean RMSE lies below each reference's, with 90 % intervals over resampled truths."""
    rows = []
    for which in ("all", "misled"):
        part = errors if which == "all" else errors[errors["misleading"] != ""]
        for n in sorted(set(part["n_own"])):
            wide = part[part["n_own"] == n].pivot_table(index="seed", columns="way", values="rmse")
            for reference in REFERENCES:
                if reference not in wide or "ours" not in wide:
                    continue
                two = wide[["ours", reference]].to_numpy()
                picked = np.random.default_rng(0).integers(len(two), size=(2000, len(two)))
                means = two[picked].mean(axis=1)
                low, high = np.quantile(1.0 - means[:, 0] / means[:, 1], [0.05, 0.95])
                value = 1.0 - two[:, 0].mean() / two[:, 1].mean()
                text = f"{value:+.1%} [{low:+.1%}, {high:+.1%}]"
                rows.append({"truths": which, "n_own": n, "ours below": reference, "by": text})
    return pd.DataFrame(rows)


def draw(errors: pd.DataFrame, path: Path) -> None:
    """Draw the mean RMSE against the number of own cells, for all truths and for the misled."""
    from matplotlib.figure import Figure

    shown = {"own alone": "#999999", "own, with beliefs": "#56B4E9", "pooled": "#D55E00", "ours": "#0072B2"}
    drawing = Figure(figsize=(9, 4), layout="constrained")
    is_misled = errors["misleading"] != ""
    for k, (title, part) in enumerate((("all truths", errors), ("where the literature misleads", errors[is_misled]))):
        axes = drawing.add_subplot(1, 2, k + 1)
        places = {n: j for j, n in enumerate(sorted(set(part["n_own"])))}
        for way, colour in shown.items():
            each = part[part["way"] == way].groupby("n_own")["rmse"]
            mean, error = each.mean(), 1.645 * each.std() / np.sqrt(each.count())
            x = [places[n] for n in mean.index]
            axes.plot(x, mean, "o-", color=colour, label=way)
            axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.15, lw=0)
        axes.set_xticks(list(places.values()), [str(n) for n in places])
        axes.set_xlabel("own cells")
        axes.set_ylabel("RMSE of ln(capacity)")
        axes.set_title(f"{title} ({part['seed'].nunique()})", fontsize=10)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    drawing.axes[0].legend(frameon=False, fontsize=9)
    drawing.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
