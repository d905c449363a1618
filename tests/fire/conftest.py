"""What the tests under fire share: figures that are told at the end, and places for a campaign's ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns import PLAIN

Tell = Callable[[str], None]

if sys.platform == "win32":
    collect_ignore_glob = ["test_*"]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Keep a sentence with figures for the last lines of the run."""
    return lambda sentence: record_property("figures", sentence)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system("postgres"))])
def campaign_text(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The plain campaign with many recipes, its ledger in a file or in a database."""
    # What is cheap to compute leaves more kills for the writing.
    cheap = 'surrogate = "climatology"\nsampler = "random"\n'
    text = PLAIN.replace("step = 1", "step = 0.01").replace('name = "plain"\n', f'name = "plain"\n{cheap}')
    if request.param == "postgresql":
        storage = request.getfixturevalue("postgres").new_place()
        text = text.replace('name = "plain"', f'name = "plain"\nstorage = "{storage}"')
    (tmp_path / "plain.toml").write_text(text)
    return text
