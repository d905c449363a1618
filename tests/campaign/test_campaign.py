"""A campaign on its ledger: made whole or not at all, proposals kept with what was believed, nothing twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from campaigns import PLAIN, RECIPE, digest, make_lco, make_plain, propose
from pvdopt.campaign import Campaign
from pvdopt.config import shipped_config
from pvdopt.errors import (
    N_SHOWN,
    ConfigInvalid,
    DataInvalid,
    LedgerChanged,
    LedgerTooNew,
    NothingToPropose,
    PvdoptError,
    UsageError,
)
from pvdopt.lab_tables import result_checks
from pvdopt.lab_tables.recording import ReadRow
from pvdopt.lab_tables.result_checks import CheckedRow


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Campaign]:
    with make_plain(tmp_path / "plain") as found:
        yield found


@pytest.fixture
def lco(tmp_path: Path) -> Iterator[Campaign]:
    """Return the LiCoO2 campaign with three measured cells, a failed and a pending one."""
    with make_lco(tmp_path / "lco") as found:
        for thickness in (1.0, 2.0, 0.5, 1.5, 3.0):
            propose(found, thickness_um=thickness)
        found.record(
            [
                {"id": "P001", "capacity": 57, "retention": 0.93},
                {"id": "P002", "capacity": 50, "retention": 0.95},
                {"id": "P003", "capacity": 61},
                {"id": "P004", "outcome_class": "shorted"},
            ]
        )
        yield found


def folders(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir())


# -- making and opening ----------------------------------------------------------------------------------------------


def test_a_campaign_keeps_its_file_and_says_when_it_began(tmp_path: Path) -> None:
    with make_plain(tmp_path / "deep" / "plain") as campaign:
        assert (tmp_path / "deep" / "plain" / "campaign.toml").read_text(encoding="utf-8") == PLAIN
        status = campaign.status()
        assert (status.name, status.n_facts, status.counts) == ("plain", 1, {})
        assert status.created is not None
    assert folders(tmp_path / "deep") == ["plain"]


def test_a_folder_that_holds_a_campaign_is_refused(plain: Campaign, tmp_path: Path) -> None:
    before = digest(plain)
    with pytest.raises(DataInvalid, match=r"plain: holds a campaign already\. Name another folder"):
        make_plain(tmp_path / "plain")
    assert digest(plain) == before


def test_a_bad_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"campaign\.toml, line \d+, parameters\.speed"):
        make_plain(tmp_path / "plain", PLAIN.replace("high = 9", "high = 0"))
    with pytest.raises(ConfigInvalid, match=r"campaign\.toml: must be TOML"):
        make_plain(tmp_path / "plain", "[campaign")
    assert folders(tmp_path) == []


def test_a_file_in_the_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "notes.txt").write_text("mine")
    make_plain(tmp_path / "plain").close()
    assert (tmp_path / "plain" / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataInvalid, match="file: must be a folder, and is a file"):
        make_plain(tmp_path / "file")


def test_what_the_file_names_comes_along(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "machine.toml").write_text("furnace_max_c = 500\n")
    text = shipped_config("lco_lipon").read_text(encoding="utf-8")
    head, tail = text.split("[machine]")
    text = f'machine = "machine.toml"\n{head}'
    assert "furnace_max_c" in tail
    with Campaign.create(tmp_path / "lco", text, source=tmp_path / "lab") as campaign:
        hot = campaign.space.frame([{**RECIPE, "anneal_temperature_c": 600}])
        assert not campaign.space.is_allowed(hot)[0]
    with pytest.raises(ConfigInvalid, match="machine"):
        Campaign.create(tmp_path / "other", text)
    assert "other" not in folders(tmp_path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "nowhere: there is no such campaign folder. Begin one with `pvdopt init`."),
        ("empty", "empty: is no campaign: campaign.toml and ledger.sqlite missing. Begin one with `pvdopt init`."),
        (
            "lab.toml",
            "lab.toml: is a campaign file, and a campaign's folder is needed. Begin a campaign with it: "
            "pvdopt init lab --from {folder}/lab.toml.",
        ),
        (
            "lost",
            "lost: is no campaign: ledger.sqlite missing. If it was lost, put a copy back: pvdopt ledger restore "
            "{folder}/lost COPY.",
        ),
    ],
)
def test_a_folder_without_a_campaign_is_named(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "campaign.toml").write_text(PLAIN)
    with pytest.raises(DataInvalid) as caught:
        Campaign.open(tmp_path / name)
    assert str(caught.value).endswith(sentence.format(folder=tmp_path.as_posix()))


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    make_plain(tmp_path / "plain").close()
    connection = sqlite3.connect(tmp_path / "plain" / "ledger.sqlite")
    table = connection.execute("SELECT * FROM meta").fetchall()
    connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    connection.commit()
    connection.close()
    assert table
    with pytest.raises(LedgerTooNew, match="999"):
        Campaign.open(tmp_path / "plain")


def test_a_preview_proposes_and_keeps_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.toml"
    path.write_text(PLAIN)
    with Campaign.preview(path, seed=3) as campaign:
        first, again = campaign.suggest(3), campaign.suggest(3)
        assert not first.is_recorded
        assert first.frame["id"].isna().all()
        pd.testing.assert_frame_equal(first.frame, again.frame)
        assert campaign.status().counts == {}
        for write in (
            lambda: campaign.record({"id": "P001"}),
            lambda: campaign.veto("P001"),
            lambda: campaign.add({"speed": 3, "moisture": "dry"}),
            lambda: campaign.retrain(),
        ):
            with pytest.raises(UsageError, match="a campaign file alone is a preview"):
                write()
    with Campaign.preview(path, seed=4) as other:
        assert not other.suggest(3).frame.equals(first.frame)
    assert folders(tmp_path) == ["plain.toml"]


def test_status_and_opening_stay_light(tmp_path: Path) -> None:
    make_lco(tmp_path / "lco").close()
    code = (
        "import sys\nfrom pvdopt.campaign import Campaign\n"
        f"Campaign.open({str(tmp_path / 'lco')!r}).status()\n"
        "print([m for m in ('sklearn', 'scipy', 'pint', 'optuna') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- proposals -------------------------------------------------------------------------------------------------------


def test_proposals_are_kept_with_what_was_believed(lco: Campaign) -> None:
    suggestion = lco.suggest(2)
    assert list(suggestion.frame["id"]) == ["P006", "P007"]
    cells = lco.own_cells().state.cells
    for _, row in suggestion.frame.iterrows():
        cell = cells[row["id"]]
        assert cell.status == "proposed"
        assert {n: cell.recipe[n] for n in lco.space.fixed} == lco.space.fixed
        for name in lco.space.names:
            assert cell.recipe[name] == row[name] or (cell.recipe[name] is None and pd.isna(row[name]))
        for outcome in ("capacity", "retention", "areal_capacity"):
            stored = cell.predicted[outcome]
            assert stored == {
                "median": row[outcome],
                "low": row[f"{outcome}_low"],
                "high": row[f"{outcome}_high"],
                "p": 0.8,
            }
            assert stored["low"] < stored["median"] < stored["high"]
        assert cell.proposal["fingerprint"] == suggestion.fingerprint
        assert cell.proposal["usable_chance"] == row["usable_chance"]
        assert cell.purpose == row["purpose"]
        assert cell.reason
    assert [len(near) for near in suggestion.leans_on] == [3, 3]
    assert suggestion.n_own == 4
    assert suggestion.n_reported > 50


def test_two_suggests_do_not_duplicate(plain: Campaign) -> None:
    first, second = plain.suggest(5), plain.suggest(5)
    both = pd.concat([first.frame, second.frame])
    assert len(both) == 10
    assert both.duplicated(["speed", "moisture"]).sum() == 0
    assert list(both["id"]) == [f"P{k:03d}" for k in range(1, 11)]


def test_a_space_that_is_used_up_says_so(plain: Campaign) -> None:
    assert len(plain.suggest(17).frame) == 17
    last = plain.suggest(4)
    assert len(last.frame) == 1
    assert any("1 of 4 asked for" in note for note in last.notes)
    before = digest(plain)
    with pytest.raises(NothingToPropose):
        plain.suggest(1)
    assert digest(plain) == before


def test_the_same_ledger_gives_the_same_proposals_and_every_fact_others(tmp_path: Path) -> None:
    frames = []
    for name in ("one", "two"):
        with make_plain(tmp_path / name) as campaign:
            dry = campaign.suggest(3, dry_run=True)
            kept = campaign.suggest(3)
            pd.testing.assert_frame_equal(dry.frame.drop(columns="id"), kept.frame.drop(columns="id"))
            frames.append(kept.frame)
            for id_ in kept.frame["id"]:
                campaign.veto(id_)
            assert not campaign.suggest(3, dry_run=True).frame.drop(columns="id").equals(kept.frame.drop(columns="id"))
    pd.testing.assert_frame_equal(*frames)


def test_proposals_are_not_kept_when_somebody_wrote_meanwhile(
    plain: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pvdopt.campaign.suggesting

    lean_on = pvdopt.campaign.suggesting.lean_on

    def write_meanwhile(*arguments: Any) -> Any:
        with Campaign.open(tmp_path / "plain", "another") as other:
            other.add({"speed": 3, "moisture": "dry"})
        return lean_on(*arguments)

    monkeypatch.setattr(pvdopt.campaign.suggesting, "lean_on", write_meanwhile)
    with pytest.raises(LedgerChanged, match="another"):
        plain.suggest(2)
    assert plain.status().counts == {"proposed": 1}


def test_settings_by_hand_are_held_and_the_recipe_stays_complete(lco: Campaign) -> None:
    suggestion = lco.suggest(3, fix={"anneal_temperature_c": "793.15 K", "bias_kind": "none"})
    assert set(suggestion.frame["anneal_temperature_c"]) == {520.0}
    assert set(suggestion.frame["anneal_kind"]) <= {"furnace", "rta"}
    assert suggestion.frame["bias_v"].isna().all()
    assert suggestion.fixed["anneal_temperature_c"] == 520.0
    cell = lco.own_cells().state.cells[suggestion.frame["id"].iloc[0]]
    assert set(cell.recipe) == {*lco.space.names, *lco.space.fixed}
    assert cell.proposal["fixed_by_hand"] == {"anneal_temperature_c": 520.0, "bias_kind": "none"}


def test_a_baseline_has_the_settings_held_too(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lco") as begun:
        frame = begun.suggest(3, fix={"thickness_um": 0.5}, dry_run=True).frame
        listed = begun.suggest(3, candidates=frame[list(begun.space.names)].iloc[[0, 2]], dry_run=True).frame
    assert frame["purpose"].tolist()[:2] == ["baseline", "replicate"]
    assert frame["thickness_um"].tolist() == [0.5] * 3
    # Nobody reported such a recipe; and a candidate need not be a reported one.
    assert frame["reason"][0].startswith("Baseline: the best reported recipe with thickness_um as held (")
    assert listed["reason"].iloc[0].startswith("Baseline: the candidate predicted best, ")


def test_a_threshold_that_held_settings_keep_out_of_reach_is_told_once(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lco") as begun:
        thin, usual = (begun.suggest(2, fix={"thickness_um": t}, dry_run=True).notes for t in (0.1, 1.7))
        free = begun.suggest(2, dry_run=True).notes
    told = re.match(
        r"With thickness_um 0\.1 um held no cell of this batch is likely to have areal_capacity of at least "
        r"30 uAh/cm2: 1\.\d+ uAh/cm2 is the best that is predicted, and the chance [01]% at best; without, "
        r"up to \d\d+%\.",
        thin[0],
    )
    assert told, thin
    assert not any("likely to have" in note for note in [*thin[1:], *usual, *free])


@pytest.mark.parametrize(
    ("fix", "error", "sentence"),
    [
        ({"aneal_kind": "rta"}, DataInvalid, "aneal_kind: is not a column of this campaign. Did you mean anneal_kind?"),
        (
            {"anneal_kind": "oven"},
            DataInvalid,
            "anneal_kind: must be one of none, furnace, rta, got 'oven'",
        ),
        (
            {"anneal_kind": "unspecified"},
            DataInvalid,
            "anneal_kind: must be one of none, furnace, rta, got 'unspecified'",
        ),
        ({"anneal_kind": "RTA"}, DataInvalid, "anneal_kind: must be one of none, furnace, rta, got 'RTA'. Did you"),
        ({"thickness_um": "thin"}, DataInvalid, "thickness_um: must be a finite number in um, got 'thin'."),
        ({"capacity": 50}, DataInvalid, "capacity: is no setting. Results go in when the cell is there: pvdopt record"),
        ({"bias_v": -52}, DataInvalid, "bias_v: must stand on a step of 5 from -100, got -52 V."),
        ({"thickness_um": "9 um"}, DataInvalid, "thickness_um: must lie in [0.1, 5] um, got 9 um."),
        ({"cathode": "LiCoO2"}, DataInvalid, "cathode: is fixed in the campaign file."),
        ({"pressure_pa": 1}, DataInvalid, "pressure_pa: is not a parameter of this campaign. Parameters are"),
        ({"bias_kind": "none", "bias_v": -50}, NothingToPropose, "Nothing can be proposed: with bias_kind none"),
    ],
)
def test_settings_that_cannot_be_held_are_named(
    lco: Campaign, fix: dict[str, object], error: type[PvdoptError], sentence: str
) -> None:
    before = digest(lco)
    with pytest.raises(error) as caught:
        lco.suggest(1, fix=fix)
    assert str(caught.value).startswith(sentence)
    assert digest(lco) == before


def test_candidates_are_chosen_among_and_keep_their_index(plain: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "candidates.csv"
    path.write_text("id,speed,moisture\na,1,dry\nb,5,wet\nc,9,dry\n")
    frame = plain.suggest(2, candidates=path).frame
    assert len(frame) == 2
    assert set(frame.index) <= {"a", "b", "c"}
    path.write_text("speed,moisture\n1,moist\n")
    with pytest.raises(DataInvalid, match=r"candidates\.csv, row 2, moisture: must be one of dry, wet, got 'moist'"):
        plain.suggest(2, candidates=path)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "cmaes", "qmc", "random"])
def test_another_sampler_can_be_named_and_says_what_it_cannot_do(tmp_path: Path, sampler: str) -> None:
    with make_plain(tmp_path / sampler, sampler=sampler) as campaign:
        campaign.suggest(3)
        campaign.record([{"id": "P001", "gloss": 3}, {"id": "P002", "outcome_class": "cracked"}])
        suggestion = campaign.suggest(2)
        assert any(f"sampler {sampler} learns from complete own cells only" in note for note in suggestion.notes)
        assert len(suggestion.frame) == 2
        assert campaign.space.is_allowed(suggestion.frame).all()
        assert campaign.own_cells().pending().duplicated().sum() == 0
        with pytest.raises(UsageError, match="takes no list of candidates"):
            campaign.suggest(1, candidates=campaign.space.frame([{"speed": 1, "moisture": "dry"}]))


def test_a_sampler_for_one_objective_refuses_several(tmp_path: Path) -> None:
    campaign = make_lco(tmp_path / "lco", **{'sampler = "surrogate"': 'sampler = "cmaes"'})
    with campaign, pytest.raises(ConfigInvalid, match=r"campaign\.sampler: must be one that takes several objectives"):
        campaign.suggest(1)


def test_a_sampler_that_finds_nothing_stops(tmp_path: Path) -> None:
    with make_plain(tmp_path / "random", sampler="random") as campaign:

        def use_up() -> None:
            while True:
                campaign.suggest(6)

        with pytest.raises(NothingToPropose, match="200 recipes of the sampler random in a row"):
            use_up()
        assert campaign.own_cells().pending().duplicated().sum() == 0


# -- changes of a plan -----------------------------------------------------------------------------------------------


def test_an_edited_proposal_is_predicted_anew(lco: Campaign) -> None:
    before = digest(lco)
    dry = lco.edit("P005", {"thickness_um": "800 nm"}, dry_run=True)
    assert digest(lco) == before
    forecast = lco.edit("P005", {"thickness_um": "800 nm", "anneal_kind": "none"})
    assert dry.frame["thickness_um"].item() == forecast.frame["thickness_um"].item() == 0.8
    cell = lco.own_cells().state.cells["P005"]
    assert (cell.recipe["thickness_um"], cell.recipe["anneal_temperature_c"]) == (0.8, None)
    assert cell.predicted["capacity"]["median"] == forecast.frame["capacity"].item()


@pytest.mark.parametrize(
    ("cell", "changes", "sentence"),
    [
        ("P009", {"thickness_um": 1}, "must name a cell of this campaign, got 'P009'."),
        ("P001", {"thickness_um": 2}, "P001: is made already and cannot be edited."),
        ("P005", {"thickness_um": 9}, "P005: thickness_um must lie in [0.1, 5] um, got 9 um."),
        ("P005", {"thickness_um": 99}, "P005, thickness_um: must lie in [0.005, 50] um, got 99."),
        ("P005", {"bias_kind": "none", "bias_v": -50}, "P005, bias_v: does not apply with bias_kind none, got -50.0."),
        ("P005", {"substrate": "mica"}, "P005, substrate: is fixed in the campaign file, got 'mica'."),
    ],
)
def test_an_edit_that_cannot_be_is_refused(lco: Campaign, cell: str, changes: dict[str, Any], sentence: str) -> None:
    before = digest(lco)
    with pytest.raises(DataInvalid) as caught:
        lco.edit(cell, changes)
    assert str(caught.value).startswith(sentence)
    assert digest(lco) == before


def test_a_cell_of_the_labs_own_is_complete_or_refused(lco: Campaign) -> None:
    assert lco.add({**RECIPE, "thickness_um": "6 um"}, "thicker than the campaign looks") == "C001"
    assert lco.own_cells().state.cells["C001"].settings["thickness_um"] == 6.0
    with pytest.raises(DataInvalid, match="electrolyte: must be stated"):
        lco.add({n: v for n, v in RECIPE.items() if n != "electrolyte"})


# -- where it stands -------------------------------------------------------------------------------------------------


def test_a_table_that_repeats_one_cell_over_and_over_is_not_checked_to_its_end(
    plain: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[object] = []
    check = result_checks.check_row

    def count(row: ReadRow, *more: Any) -> CheckedRow:
        checked.append(row)
        return check(row, *more)

    monkeypatch.setattr(result_checks, "check_row", count)
    plain.add({"speed": 5, "moisture": "dry"})
    path = tmp_path / "logger.csv"
    path.write_text("id,gloss\nC001,40\n" + "C001,odd\n" * 600)
    with pytest.raises(DataInvalid) as caught:
        plain.record(path)
    assert len(checked) == 1 + N_SHOWN
    # The first ones with all that is wrong with them, the others for their id; what is shown is as ever.
    assert len(caught.value.problems) == 600 + N_SHOWN
    assert (
        caught.value.problems[-1].sentence().startswith("logger.csv, row 602, id: must appear once, row 2 has it too")
    )
    report = plain.record(path, accept_good_rows=True)
    assert (report.new, len({p.row for p in report.refused})) == (1, 600)


def test_status_tells_what_is_open_and_how_the_lab_compares(lco: Campaign) -> None:
    status = lco.status()
    assert status.counts == {"complete": 2, "partial": 1, "failed": 1, "proposed": 1}
    assert [(p.id, p.waits_for) for p in status.pending] == [
        ("P003", ["retention"]),
        ("P005", ["capacity", "retention"]),
    ]
    level = {level.outcome: level for level in status.lab}
    assert (level["capacity"].n, level["capacity"].inside) == (3, 3)
    assert level["capacity"].median_ratio == pytest.approx(57 / 50)
    assert len(status.results) == 4


def test_a_discarded_run_counts_no_more(lco: Campaign) -> None:
    lco.record({"id": "P005", "capacity": 20, "run": "R7"})
    assert "P005" in lco.own_cells().observed().index
    assert lco.discard_run("R7", "thermocouple drifted")
    assert "P005" not in lco.own_cells().observed().index
    assert lco.status().notes == ["run R7 is discarded: thermocouple drifted"]


def test_an_areal_capacity_completes_a_cell_as_well(lco: Campaign) -> None:
    lco.record({"id": "P005", "areal_capacity": "0.15 mAh/cm2", "retention": 0.9})
    own = lco.own_cells()
    assert own.observed().loc["P005", "capacity"] == pytest.approx(50.0)
    assert own.status(own.state.cells["P005"]) == "complete"


def test_the_best_is_among_measured_recipes_that_keep_the_thresholds(lco: Campaign) -> None:
    best = lco.best()
    measured = {cell.outcome: cell for cell in best.measured}
    # P003 has the most capacity per thickness, and 0.5 um of it: 30.5 uAh/cm2 still keeps the floor of 30.
    assert (measured["capacity"].id, measured["capacity"].value) == ("P003", 61.0)
    assert (measured["retention"].id, measured["retention"].value) == ("P002", 0.95)
    lco.correct("P003", {"capacity": 59})
    assert {c.outcome: c.id for c in lco.best().measured}["capacity"] == "P001"
    for cell in best.believed:
        assert cell.low is not None
        assert cell.low < cell.value < (cell.high or 0)
        assert cell.id in ("P001", "P002", "P003")


def test_a_cell_made_outside_the_limits_is_left_out_of_the_best_and_told(lco: Campaign) -> None:
    assert lco.best().notes == []
    lco.record({"id": "P005", "bias_kind": "dc", "capacity": 65})
    best = lco.best()
    assert {c.outcome: c.id for c in best.measured}["capacity"] == "P003"
    assert best.notes == ["Left out, being made outside the limits of the campaign file: P005."]


def test_a_cell_made_off_the_steps_is_refused_an_edit_for_being_made(lco: Campaign) -> None:
    lco.record({"id": "P005", "thickness_um": 1.2004, "anneal_kind": "furnace", "anneal_temperature_c": 585})
    with pytest.raises(DataInvalid, match="P005: is made already and cannot be edited"):
        lco.edit("P005", {"thickness_um": 1})


def test_before_the_first_cell_the_best_is_a_reported_recipe(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lco") as campaign:
        best = campaign.best()
        assert best.measured == []
        assert any("No own cell was measured yet" in note for note in best.notes)


def test_the_measured_front_holds_what_nothing_beats(lco: Campaign) -> None:
    assert list(lco.pareto(believed=False).index) == ["P001", "P002"]
    believed = lco.pareto()
    assert set(believed.index) <= {"P001", "P002", "P003"}
    assert {"capacity", "capacity_low", "capacity_measured"} <= set(believed.columns)


def test_predict_takes_files_mappings_and_frames(lco: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "recipes.csv"
    names = list(RECIPE)
    path.write_text(f"id,{','.join(names)}\nmine,{','.join(str(RECIPE[n]) for n in names)}\n")
    found = lco.predict(path)
    assert list(found.frame.index) == ["mine"]
    for same in (RECIPE, [RECIPE], lco.space.frame([RECIPE])):
        other = lco.predict(same).frame
        assert other["capacity"].item() == pytest.approx(found.frame["capacity"].item())
    assert found.frame["capacity_low"].item() < found.frame["capacity"].item() < found.frame["capacity_high"].item()
    far = lco.predict({**RECIPE, "thickness_um": 9})
    assert far.warnings[0][0] == "outside the campaign's space: thickness_um must lie in [0.1, 5] um, got 9 um"
    with pytest.raises(DataInvalid, match="row 1, cathode: must be as the campaign file fixes it, got 'LiMn2O4'"):
        lco.predict({**RECIPE, "cathode": "LiMn2O4"})


def test_an_export_is_whole_and_can_be_made_again(lco: Campaign, tmp_path: Path) -> None:
    paths = lco.export(tmp_path / "out")
    assert sorted(p.name for p in paths) == folders(tmp_path / "out")
    cells = pd.read_csv(tmp_path / "out" / "cells.csv", index_col="id")
    assert cells.loc["P001", "capacity"] == 57
    assert cells.loc["P001", "capacity_predicted"] == 50
    described = pd.read_csv(tmp_path / "out" / "data_dictionary.csv", index_col="name")
    assert set(described.index) == {"id", *cells.columns}
    assert described["meaning"].notna().all()
    assert described.loc["capacity_predicted_low", "unit"] == "uAh/cm2/um"
    facts = json.loads((tmp_path / "out" / "facts.json").read_text(encoding="utf-8"))
    assert len(facts) == lco.status().n_facts
    lco.export(tmp_path / "out")
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(DataInvalid, match=r"must be empty or hold an earlier export, and holds thesis\.tex"):
        lco.export(tmp_path / "out")


# -- learning --------------------------------------------------------------------------------------------------------


def test_with_too_few_cells_nothing_is_chosen_and_that_is_said(lco: Campaign) -> None:
    report = lco.retrain()
    assert (report.chosen, report.is_changed, report.skills) == ("gaussian_process", False, [])
    assert any("3 own values, too few to compare specifications on" in note for note in report.notes)
    assert report.coverage == {"capacity": (3, 3), "retention": (2, 2)}
    assert report.n_own == {"capacity": 3, "retention": 2}
    fact = lco.own_cells().state.retrained[-1]
    assert fact.payload["fingerprint"] == report.fingerprint
    assert fact.payload["versions"]["scikit-learn"]
    assert lco.status().retrained == fact.time


def test_specifications_compete_in_the_same_folds_once_there_are_enough(
    plain: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mixture takes folds within folds, and nothing here is about it.
    monkeypatch.setattr("pvdopt.campaign.learning.COMPETING", ("gaussian_process", "forest"))
    plain.suggest(12)
    for cell in plain.own_cells().state.cells.values():
        speed, gas = cell.recipe["speed"], cell.recipe["moisture"]
        plain.record({"id": cell.id, "gloss": 10 * float(speed or 0) + (3 if gas == "wet" else 0)})
    told: list[tuple[int, int]] = []
    before = digest(plain)
    report = plain.retrain(dry_run=True, progress=lambda done, total, what: told.append((done, total)))
    assert digest(plain) == before
    assert told[-1][0] == told[-1][1] == len(told)
    skills = {s.specification: s for s in report.skills}
    assert set(skills) == {"gaussian_process", "forest"}
    assert {s.n_rows for s in report.skills} == {12}
    # A plane is what a Gaussian process extrapolates and a forest does not.
    assert skills["gaussian_process"].crps.value < skills["forest"].crps.value
    assert (report.chosen, report.is_recorded) == ("gaussian_process", False)


def test_the_choice_holds_until_the_campaign_file_names_another(tmp_path: Path) -> None:
    with make_plain(tmp_path / "plain") as campaign:
        assert campaign.ledger is not None
        campaign.ledger.add_retrained({"chosen": "forest", "configured": "gaussian_process"})
        assert campaign.status().specification == "forest"
    path = tmp_path / "plain" / "campaign.toml"
    path.write_text(path.read_text().replace("[campaign]\n", '[campaign]\nsurrogate = "mixture"\n'))
    with Campaign.open(tmp_path / "plain") as campaign:
        assert campaign.status().specification == "mixture"


def test_evaluate_refuses_what_it_does_not_know(lco: Campaign) -> None:
    with pytest.raises(UsageError, match="unknown specification oracle; known are"):
        lco.evaluate(specifications=["oracle"])
    with pytest.raises(UsageError, match="held out by source or by team, not by 'row'"):
        lco.evaluate(by="row")


def test_evaluate_holds_out_whole_sources(lco: Campaign) -> None:
    told: list[tuple[int, int]] = []
    found = lco.evaluate(specifications=["theory"], progress=lambda done, total, what: told.append((done, total)))
    assert {(s.outcome, s.specification) for s in found.skills} == {
        (outcome, s) for outcome in ("capacity", "retention") for s in ("theory", "climatology")
    }
    assert told[-1][0] == told[-1][1]
    assert {"specification", "outcome", "source", "y", "mean", "sd"} <= set(found.frame.columns)
    assert found.coverage == {"capacity": (3, 3), "retention": (2, 2)}


def test_a_stored_model_is_used_and_gives_the_same(
    lco: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pvdopt.surrogates.outcomes import OutcomeModels

    first = lco.predict(RECIPE).frame

    def fail(*_: object) -> OutcomeModels:
        raise RuntimeError("fitted again")

    monkeypatch.setattr(OutcomeModels, "fit", fail)
    with Campaign.open(tmp_path / "lco") as again:
        pd.testing.assert_frame_equal(again.predict(RECIPE).frame, first)
        again.record({"id": "P005", "capacity": 48})
        with pytest.raises(RuntimeError, match="fitted again"):
            again.predict(RECIPE)
