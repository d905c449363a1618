from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evil_texts import EVIL, EVIL_IMAGE

from campaigns import PLAIN, make_lco, make_plain, propose
from pvdopt.campaign import Campaign


@pytest.fixture(scope="module")
def lco(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """A LiCoO2 campaign with results of every kind and a proposal that waits, put in by hand."""
    folder = tmp_path_factory.mktemp("lco")
    with make_lco(folder / "lco") as campaign:
        for thickness, bias in ((1.0, -50.0), (0.5, -30.0), (2.0, -80.0), (0.7, -60.0), (1.3, -20.0)):
            propose(campaign, thickness_um=thickness, bias_v=bias)
        rows = [
            {"id": "P001", "capacity": 52.0, "retention": 0.91, "cycles": 100},
            {"id": "P002", "capacity": 61.0, "retention": 0.84, "cycles": 100, "remark": "& then some"},
            {"id": "P003", "outcome_class": "cracked", "stage": "anneal"},
            {"id": "P004", "capacity": 95.0, "outcome_class": "ok"},
        ]
        campaign.record(rows, confirm=True)
        series = folder / "series.csv"
        series.write_text("cycle,capacity (uAh/cm2/um)\n1,61\n2,60.5\n50,55\n100,51.24\n")
        campaign.record_series("P002", series)
        yield campaign


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """A plain campaign whose every text is an attempt to run something in the page."""
    text = PLAIN.replace('"wet"', f"'{EVIL}'").replace('name = "plain"', f"name = \"plain\"\ndescription = '{EVIL}'")
    with make_plain(tmp_path_factory.mktemp("evil") / "plain", text) as campaign:
        for speed, gloss in ((1, 3.0), (4, 7.0), (8, 5.0)):
            cell = campaign.add({"speed": speed, "moisture": EVIL}, EVIL_IMAGE)
            campaign.record({"id": cell, "gloss": gloss, "remark": EVIL, "run": EVIL})
        campaign.suggest(2)
        yield campaign


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[[Campaign], Path]:
    """Return a function that writes a campaign's page and returns its path."""
    from pvdopt.report import build_report, render_report

    def write(campaign: Campaign) -> Path:
        path = tmp_path / "report.html"
        path.write_text(render_report(build_report(campaign)), encoding="utf-8")
        return path

    return write
