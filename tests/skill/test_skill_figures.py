"""Figures of skill are drawn from the rows they are given, and say when they cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvdopt.errors import PvdoptError, UsageError
from pvdopt.skill.figures import draw_skill
from pvdopt.skill.validation import measure_skill


@pytest.fixture(scope="module")
def measured() -> tuple[pd.DataFrame, list]:
    rng = np.random.default_rng(0)
    frames, skills, held = [], [], {}
    for name in ("process", "climatology"):
        y = rng.normal(4, 0.5, 30)
        held[name] = pd.DataFrame(
            {
                "source": [f"s{k // 2}" for k in range(30)],
                "cathode_family": [f"f{k % 9}" for k in range(30)],
                "y": y,
                "censor": [0, 1, *[0] * 28],
                "mean": 4.0,
                "sd": 0.5,
                "value": np.exp(y),
                "predicted": np.exp(4.0),
            }
        )
        others = {n: h for n, h in held.items() if n != name}
        skills.append(measure_skill(name, "capacity", "source", held[name], others))
        frames.append(held[name].assign(specification=name, outcome="capacity"))
    return pd.concat(frames, ignore_index=True), skills


def test_three_pictures_an_outcome_are_written(measured: tuple[pd.DataFrame, list], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    written = draw_skill(*measured, tmp_path / "new" / "folder")
    names = ["capacity_calibration.png", "capacity_predicted.png", "capacity_crps.png"]
    assert [p.name for p in written] == names
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in written)


def test_without_matplotlib_it_says_what_to_install(
    measured: tuple[pd.DataFrame, list], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pvdopt\[figures\]"):
        draw_skill(*measured, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_cannot_be_made_is_an_error(measured: tuple[pd.DataFrame, list], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("")
    with pytest.raises(PvdoptError, match="cannot be written"):
        draw_skill(*measured, tmp_path / "file")
