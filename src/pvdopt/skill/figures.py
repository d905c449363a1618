"""Skill as pictures: calibration, predicted against reported, and differences in CRPS, drawn from held-out rows.

Draws what :mod:`pvdopt.skill.validation` measured; knows no model. Needs matplotlib, the extra ``figures``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from pvdopt.errors import PvdoptError, UsageError, what_the_system_says
from pvdopt.output_files import written_aside
from pvdopt.skill.validation import Skill, cross_calibrated

#: Colours that colour-blind readers tell apart (Okabe and Ito 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
_AXIS = {"capacity": "capacity (uAh/cm2/um)", "retention": "retention at 100 cycles"}


def draw_skill(frame: pd.DataFrame, skills: Sequence[Skill], folder: Path) -> list[Path]:
    """Draw the figures of each outcome into a folder, which is made if need be; return the files.

    Parameters
    ----------
    frame : DataFrame
        Held-out rows with ``specification`` and ``outcome``, see :func:`pvdopt.skill.validation.held_out`.

    Raises
    ------
    UsageError
        If matplotlib is not installed.
    PvdoptError
        If the folder cannot be written.
    """
    plt = load_pyplot()
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for outcome in dict.fromkeys(s.outcome for s in skills):
            rows = frame[frame["outcome"] == outcome]
            some = [s for s in skills if s.outcome == outcome]
            by_name = {s.specification: rows[rows["specification"] == s.specification] for s in some}
            for name, draw in (("calibration", _calibration), ("predicted", _predicted)):
                written.append(_save(plt, draw(plt, by_name, outcome), folder / f"{outcome}_{name}.png"))
            written.append(_save(plt, _differences(plt, some), folder / f"{outcome}_crps.png"))
    except OSError as error:
        raise PvdoptError(f"{folder} cannot be written ({what_the_system_says(error)})") from error
    return written


def load_pyplot() -> Any:
    """Return matplotlib's pyplot, drawing into files.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError('figures need matplotlib: pip install "pvdopt[figures]"') from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(plt: Any, figure: Any, path: Path) -> Path:
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=150, bbox_inches="tight")
    plt.close(figure)
    return path


def _calibration(plt: Any, by_name: dict[str, pd.DataFrame], outcome: str) -> Any:
    """Draw the share of rows inside the central interval of each probability."""
    figure, axes = plt.subplots(figsize=(4.6, 4.4))
    wanted = np.linspace(0.02, 0.98, 49)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="honest")
    for colour, (name, rows) in zip(_COLOURS, by_name.items(), strict=False):
        exact = (rows["censor"] == 0).to_numpy()
        z = np.abs(((rows["y"] - rows["mean"]) / cross_calibrated(rows)).to_numpy(dtype=float))[exact]
        inside = [(z <= float(ndtri(0.5 + p / 2))).mean() for p in wanted]
        axes.plot(wanted, inside, color=colour, linewidth=1.6, label=name)
    axes.set(xlabel="probability of the interval", ylabel="share of cells inside", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"{outcome}: calibration on unseen publications", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    return figure


def _predicted(plt: Any, by_name: dict[str, pd.DataFrame], outcome: str) -> Any:
    """Draw reported against predicted values of the first specification, with 80 % intervals and bounds apart."""
    name, rows = next(iter(by_name.items()))
    figure, axes = plt.subplots(figsize=(5.2, 4.8))
    rows = rows.reset_index(drop=True)
    sd = cross_calibrated(rows)
    is_log = outcome == "capacity"
    families = rows["cathode_family"] if "cathode_family" in rows.columns else pd.Series(["cells"] * len(rows))
    common = list(families.value_counts().index[:6])
    for colour, family in zip(_COLOURS, [*common, "others"], strict=False):
        picked = families.eq(family) if family != "others" else ~families.isin(common)
        some = rows[picked & (rows["censor"] == 0)]
        if len(some):
            axes.scatter(some["predicted"], some["value"], s=22, color=colour, label=family, zorder=3)
        bounds = rows[picked & (rows["censor"] != 0)]
        axes.scatter(bounds["predicted"], bounds["value"], s=22, facecolors="none", edgecolors=colour, zorder=3)
    ends = np.array([rows[["predicted", "value"]].min().min(), rows[["predicted", "value"]].max().max()], dtype=float)
    ends = ends * np.array([0.85, 1.18]) if is_log else ends + np.array([-0.03, 0.03])
    axes.plot(ends, ends, color="#999999", linewidth=1)
    if is_log:
        band = np.exp(float(ndtri(0.9)) * float(np.mean(sd)))
        axes.fill_between(ends, ends / band, ends * band, color="#DDDDDD", zorder=0, label="80 % (mean width)")
        axes.set(xscale="log", yscale="log")
    axes.set(xlabel=f"predicted {_AXIS.get(outcome, outcome)}", ylabel=f"reported {_AXIS.get(outcome, outcome)}")
    axes.set_title(f"{outcome}: {name}, each publication unseen; open: bounds", fontsize=10)
    axes.legend(fontsize=7, frameon=False, loc="best")
    return figure


def _differences(plt: Any, skills: Sequence[Skill]) -> Any:
    """Draw the difference in CRPS to each baseline with its interval; left of 0 is better."""
    rows = [(s.specification, r, gap) for s in skills for r, gap in s.against.items()]
    figure, axes = plt.subplots(figsize=(5.6, 0.6 + 0.34 * max(len(rows), 1)))
    for k, (_, reference, gap) in enumerate(rows):
        colour = _COLOURS[0] if reference == "climatology" else _COLOURS[1]
        axes.plot([gap.low, gap.high], [k, k], color=colour, linewidth=2)
        axes.plot([gap.value], [k], "o", color=colour, markersize=5)
    axes.axvline(0, color="#999999", linewidth=1)
    axes.set_yticks(range(len(rows)), [f"{name} less {reference}" for name, reference, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("difference in CRPS, 90 % interval over publications (left: better)")
    return figure
