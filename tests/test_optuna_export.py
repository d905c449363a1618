"""A campaign as a study: Optuna reads it, optuna-dashboard shows it, and nobody else's study is touched."""

from __future__ import annotations

import json
import sqlite3
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from campaigns import make_lco, propose
from pvdopt.campaign import Campaign
from pvdopt.errors import DataInvalid, PvdoptError, UsageError
from pvdopt.optuna_export import make_dashboard, write_study


@pytest.fixture(scope="module")
def lco(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with make_lco(tmp_path_factory.mktemp("lco") / "lco") as campaign:
        for thickness in (1.0, 0.5, 2.0, 0.7, 1.3, 0.9):
            propose(campaign, thickness_um=thickness)
        rows = [
            # As made it lies beyond the campaign's range, where no trial can stand.
            {"id": "P001", "capacity": 52.0, "retention": 0.91, "cycles": 100, "thickness_um": 6.2},
            {"id": "P002", "capacity": 20.0, "retention": 0.84, "cycles": 100},
            {"id": "P003", "outcome_class": "cracked", "stage": "anneal", "cause": "too fast"},
            {"id": "P004", "capacity": 55.0},
        ]
        campaign.record(rows, confirm=True)
        campaign.veto("P006", "no target")
        yield campaign


@contextmanager
def stored(url: str) -> Iterator[RDBStorage]:
    """Open Optuna's storage, and let its database go again."""
    storage = RDBStorage(url)
    try:
        yield storage
    finally:
        storage.engine.dispose()


@pytest.fixture(scope="module")
def study(lco: Campaign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[optuna.Study]:
    written = write_study(lco, tmp_path_factory.mktemp("study") / "new" / "lco.db")
    assert written.counts == {"COMPLETE": 2, "FAIL": 2, "RUNNING": 1, "WAITING": 1}
    with stored(written.url) as storage:
        yield optuna.load_study(study_name=written.name, storage=storage)


def test_trials_say_what_the_cells_say(study: optuna.Study) -> None:
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MAXIMIZE"]
    by_cell = {t.user_attrs["cell"]: t for t in study.trials}
    assert by_cell["P001"].values == [52.0, 0.91]
    assert by_cell["P001"].params["thickness_um"] == 5.0
    assert by_cell["P001"].user_attrs["made thickness_um"] == 6.2
    assert by_cell["P001"].user_attrs["reason"] == "tested"
    # P002 holds 20 x 0.5 = 10 uAh/cm2 where 30 are asked for.
    assert by_cell["P002"].constraints == {"areal_capacity at least 30": 20.0}
    assert by_cell["P003"].user_attrs["outcome_class"] == "cracked"
    assert by_cell["P004"].user_attrs["measured capacity"] == "55"
    assert by_cell["P006"].user_attrs["vetoed"] == "no target"
    assert [t.user_attrs["cell"] for t in study.best_trials] == ["P001"]


def test_optuna_draws_it(study: optuna.Study) -> None:
    from optuna import visualization

    assert len(visualization.plot_pareto_front(study).data) > 0
    assert len(visualization.plot_slice(study, target=lambda t: t.values[0], target_name="capacity").data) > 0


def test_writing_again_replaces_it_and_leaves_other_studies(lco: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with stored(f"sqlite:///{path}") as storage:
        other = optuna.create_study(study_name="other", storage=storage)
        other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    write_study(lco, path)
    write_study(lco, path)
    with stored(f"sqlite:///{path}") as storage:
        names = {s.study_name: s.n_trials for s in optuna.get_all_study_summaries(storage)}
    assert names == {"other": 2, "lco_lipon": 6}
    assert [p.name for p in tmp_path.iterdir()] == ["lab.db"]


def test_a_study_or_file_of_somebody_else_is_left_alone(lco: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with stored(f"sqlite:///{path}") as storage:
        optuna.create_study(study_name="lco_lipon", storage=storage)
    before = path.read_bytes()
    with pytest.raises(DataInvalid, match="is the name of a study that is no export of this campaign, got 'lco_lipon'"):
        write_study(lco, path)
    assert path.read_bytes() == before
    assert lco.folder is not None
    with pytest.raises(DataInvalid, match="must be a new file, or one that holds studies"):
        write_study(lco, lco.folder / "ledger.sqlite")


@pytest.mark.parametrize("target", ["foo://x", "sqlite:////nowhere/at/all.db"])
def test_a_database_that_cannot_be_had_is_named(lco: Campaign, target: str) -> None:
    with pytest.raises(PvdoptError, match=f"{target}: the study cannot be written"):
        write_study(lco, target)


@pytest.mark.parametrize(
    "target",
    [
        "postgresql+psycopg://lab:TopSekret42@127.0.0.1:1/nodb",
        "foo://lab:Top/Sekret42@host/nodb",
        "foo://host/nodb?user=lab&password%20=TopSekret42",
        "postgresql+psycopg://lab:TopSekret42@127.0.0.1:port/nodb",
    ],
)
def test_a_database_that_cannot_be_had_is_named_without_its_password(lco: Campaign, target: str) -> None:
    with pytest.raises(PvdoptError, match=r"the study cannot be written|the URL cannot be read") as caught:
        write_study(lco, target)
    assert "Sekret42" not in str(caught.value)


def test_the_dashboard_shows_the_campaign(lco: Campaign) -> None:
    server = make_dashboard(lco, port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        home = f"http://127.0.0.1:{server.server_port}"
        with urllib.request.urlopen(f"{home}/dashboard", timeout=20) as page:
            assert b"Optuna Dashboard" in page.read()
        with urllib.request.urlopen(f"{home}/api/studies", timeout=20) as reply:
            (found,) = json.load(reply)["study_summaries"]
        assert found["study_name"] == "lco_lipon"
        with urllib.request.urlopen(f"{home}/api/studies/{found['study_id']}", timeout=20) as reply:
            told = json.load(reply)
        assert [t["state"] for t in told["trials"]] == ["Complete", "Complete", "Fail", "Running", "Waiting", "Fail"]
        assert told["trials"][2]["note"]["body"] == "**P003**\n\ntested\n\nCause: too fast"
        assert told["note"]["body"].startswith("LiCoO2 thin-film cells")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_port_that_is_taken_is_named(lco: Campaign) -> None:
    with make_dashboard(lco, port=0) as first, pytest.raises(PvdoptError, match="cannot be had"):
        make_dashboard(lco, port=first.server_port)


def test_without_optuna_dashboard_the_way_to_get_it_is_named(lco: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(UsageError, match=r"pip install 'pvdopt\[dashboard\]'"):
        make_dashboard(lco)


def test_without_optuna_dashboard_a_study_is_written_all_the_same(
    lco: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    assert sum(write_study(lco, tmp_path / "lco.db").counts.values()) == 6
    with closing(sqlite3.connect(tmp_path / "lco.db")) as found:
        assert found.execute("SELECT count(*) FROM trials").fetchone() == (6,)
