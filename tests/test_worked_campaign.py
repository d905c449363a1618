"""The worked campaign of the studies runs as it is written, on fewer cells."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HOME = Path(__file__).parents[1] / "studies" / "worked_campaign"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("worked_campaign", HOME / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_of_the_worked_campaign_runs(
    study: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))
    told = study.run(tmp_path, 3, 3)
    first, second = (part.split("\n")[1] for part in _digests(told))
    assert first == second
    assert len(first) == 64
    assert "3 evaluations in all" in told
    assert (tmp_path / "studies" / "demo" / "report.html").stat().st_size > 100_000
    study.shrink(tmp_path / "figures" / "front.png", tmp_path / "small.png", 360)
    assert (tmp_path / "small.png").stat().st_size < 60_000


def _digests(told: str) -> list[str]:
    return [part for part in told.split("$ ") if part.startswith("pvdopt ledger check")]


def test_the_transcript_that_is_kept_shows_these_commands(study: ModuleType) -> None:
    kept = (HOME / "transcript.txt").read_text(encoding="utf-8")
    typed = [line.removeprefix("$ ") for line in kept.splitlines() if line.startswith("$ ")]
    assert typed == [command.format(n=16, batch=4) for command in study.COMMANDS]
    first, second = (part.split("\n")[1] for part in _digests(kept))
    assert first == second
    assert sum((HOME / name).stat().st_size for name in ("front.png", "report.png")) < 300_000
