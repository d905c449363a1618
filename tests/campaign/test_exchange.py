"""A campaign goes out as files for others, and comes back with the same facts."""

from __future__ import annotations

import csv
import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import PLAIN, RECIPE, digest, make_lco, make_plain, propose
from pvdopt.campaign import Campaign
from pvdopt.campaign.data_dictionary import terms
from pvdopt.campaign.exchange import read_export
from pvdopt.errors import ConfigInvalid, DataInvalid, PvdoptError

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@pytest.fixture
def lco(tmp_path: Path) -> Iterator[Campaign]:
    with make_lco(tmp_path / "lco") as campaign:
        propose(campaign)
        propose(campaign, thickness_um=2.0)
        series = tmp_path / "series.csv"
        series.write_text("cycle,capacity (uAh/cm2/um)\n1,61\n2,60.5\n100,51\n")
        campaign.record({"id": "P001", "capacity": "~ 52", "remark": 'said "µm, 5"\nand more', "run": "R1"})
        campaign.record_series("P002", series)
        campaign.record({"id": "P002", "areal_capacity": 122})
        campaign.correct("P001", {"capacity": ">= 53"}, "weighed again")
        yield campaign


def test_everything_comes_back_to_the_letter(lco: Campaign, tmp_path: Path) -> None:
    lco.export(tmp_path / "out")
    with Campaign.from_export(tmp_path / "out", tmp_path / "again") as again:
        assert digest(again) == digest(lco)
        assert again.own_cells().state == lco.own_cells().state
        assert again.name == "again"
        assert again.config.fingerprint() == lco.config.fingerprint()
        again.export(tmp_path / "out2")
    for name in ("cells.csv", "cells.json", "series.csv", "facts.json", "data_dictionary.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


@st.composite
def events(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """What a lab may do to a plain campaign, in any order; what cannot be done is refused and leaves nothing."""
    number = st.floats(1, 9, allow_nan=False)
    cell = st.integers(1, 3).map(lambda n: f"C{n:03d}")
    made = st.fixed_dictionaries(
        {"id": cell, "gloss": number}, optional={"speed": number, "remark": PRINTABLE, "run": PRINTABLE}
    )
    failed = st.fixed_dictionaries({"cell_id": cell, "outcome_class": st.sampled_from(["cracked", "shorted"])})
    changed = st.fixed_dictionaries({"cell_id": cell, "changes": st.fixed_dictionaries({"gloss": number})})
    kinds = {"record": made, "fail": failed, "correct": changed, "veto": st.fixed_dictionaries({"cell_id": cell})}
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), max_size=8))
    return [(kind, draw(kinds[kind])) for kind in chosen]


@settings(max_examples=12, deadline=None)
@given(events(), PRINTABLE)
def test_any_campaign_comes_back_with_the_same_facts(said: list[tuple[str, dict[str, Any]]], remark: str) -> None:
    with tempfile.TemporaryDirectory() as home, make_plain(Path(home) / "one") as one:
        for speed in (1, 5, 9):
            one.add({"speed": speed, "moisture": "dry"}, remark)
        for what, given_ in said:
            try:
                if what == "record":
                    one.record(given_, confirm=True)
                else:
                    getattr(one, what)(**given_)
            except DataInvalid:
                continue
        one.export(Path(home) / "out")
        with Campaign.from_export(Path(home) / "out", Path(home) / "two") as two:
            assert one.ledger is not None
            assert two.ledger is not None
            assert two.ledger.facts() == one.ledger.facts()
            assert digest(two) == digest(one)
            assert two.ledger.check() == []


def test_the_package_describes_every_column_of_every_table(lco: Campaign, tmp_path: Path) -> None:
    lco.export(tmp_path / "out")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    assert {r["path"] for r in package["resources"]} | {"datapackage.json"} == {
        p.name for p in (tmp_path / "out").iterdir()
    }
    for resource in package["resources"]:
        if resource.get("format") != "csv":
            continue
        fields = {f["name"]: f for f in resource["schema"]["fields"]}
        with (tmp_path / "out" / resource["path"]).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert list(rows[0]) == list(fields)
        for row in rows:
            for name, value in row.items():
                if value and fields[name]["type"] == "number":
                    float(value)
    cells = next(r for r in package["resources"] if r["name"] == "cells")
    capacity = next(f for f in cells["schema"]["fields"] if f["name"] == "areal_capacity")
    assert capacity["unit"] == "uAh/cm2"
    assert capacity["rdfType"].startswith("https://w3id.org/emmo/domain/electrochemistry#")


def test_terms_name_columns_that_there_are() -> None:
    from pvdopt.columns import vocabulary

    for name, term in terms().items():
        assert name in {*vocabulary(), "cycle"}
        assert term.relation in ("exact", "close", "broad", "own")
        assert bool(term.iri) == (term.relation != "own")


def test_a_bound_is_a_bound_in_json_too(lco: Campaign, tmp_path: Path) -> None:
    lco.export(tmp_path / "out")
    first, second = json.loads((tmp_path / "out" / "cells.json").read_text(encoding="utf-8"))
    assert first["outcomes"]["capacity"] == {"min_value": 53.0, "unit_text": "uAh/cm2/um", "co_type": "Measured"}
    assert second["outcomes"]["retention"]["value"] == pytest.approx(51 / 61, abs=1e-6)
    assert first["settings"]["bias_v"] == {"value": RECIPE["bias_v"], "unit_text": "V"}


def test_files_that_the_campaign_names_go_along(tmp_path: Path) -> None:
    make_lco(tmp_path / "first").close()
    config = (tmp_path / "first" / "campaign.toml").read_text(encoding="utf-8")
    head, _, machine = config.partition("[machine]")
    (tmp_path / "machine.toml").write_text(machine.partition("# Your own figures")[0], encoding="utf-8")
    with Campaign.create(tmp_path / "lab", 'machine = "machine.toml"\n' + head, source=tmp_path) as campaign:
        campaign.export(tmp_path / "out")
    with Campaign.from_export(tmp_path / "out", tmp_path / "again") as again:
        assert (tmp_path / "again" / "machine.toml").read_bytes() == (tmp_path / "lab" / "machine.toml").read_bytes()
        assert again.name == "again"


def test_tables_in_another_encoding_go_along_to_the_byte(tmp_path: Path) -> None:
    table = "id,thickness_um,capacity,remark\nC1,1.2,55,3 µm nicht getempert (20 °C)\n".encode("cp1252")
    (tmp_path / "ours.csv").write_bytes(table)
    config = PLAIN.replace('evidence = "none"', 'evidence = ["ours.csv"]')
    with Campaign.create(tmp_path / "lab", config, source=tmp_path) as campaign:
        campaign.export(tmp_path / "out")
    Campaign.from_export(tmp_path / "out", tmp_path / "again").close()
    assert (tmp_path / "again" / "ours.csv").read_bytes() == table


def of_kind(facts: list[Any], kind: str, cell: str = "P001") -> dict[str, Any]:
    """Return what the first fact of a kind says of a cell."""
    return next(fact["payload"] for fact in facts if (fact["kind"], fact["cell"]) == (kind, cell))


def measure(facts: list[Any], name: str, value: float, cell: str = "P002") -> None:
    of_kind(facts, "measured", cell)["outcomes"][name]["value"] = value


def plan(facts: list[Any], name: str, value: Any) -> None:
    of_kind(facts, "proposed")["recipe"][name] = value


BAD: dict[str, tuple[Callable[[list[Any]], object], str]] = {
    "a fact taken out": (lambda facts: facts.pop(1), "fact 2: seq must be 2, so that no fact is missing, got 3"),
    "no list": (lambda facts: {"facts": facts}, "must be a list of facts"),
    "a key too many": (lambda facts: facts[0].update(more=1), "fact 1: must hold seq, kind, cell, time"),
    "an unknown kind": (lambda facts: facts[1].update(kind="wished"), "fact 2: kind must be one of"),
    "a time of nowhere": (lambda facts: facts[1].update(time="noon"), "fact 2: time must be ISO 8601"),
    "an unknown cell": (lambda facts: facts[-1].update(cell="P999"), "must name a cell of this campaign, got 'P999'"),
    "a prediction without its ends": (
        lambda facts: facts[1]["payload"]["predicted"]["capacity"].pop("low"),
        "fact 2: payload.predicted.capacity.low: must be there",
    ),
    "a capacity below nothing": (
        lambda facts: measure(facts, "capacity", -5.0),
        "facts.json, P002, capacity: must lie in [0.1, 1000] uAh/cm2/um, got -5",
    ),
    "a capacity beyond all measure": (
        lambda facts: measure(facts, "capacity", 1e308),
        "facts.json, P002, capacity: must lie in [0.1, 1000] uAh/cm2/um, got 1",
    ),
    "a capacity beyond theory": (
        lambda facts: measure(facts, "capacity", 300.0),
        "facts.json, P002, capacity: must not exceed 1.3 x theory",
    ),
    "a capacity corrected to what cannot be": (
        lambda facts: of_kind(facts, "corrected")["changes"][0]["new"].update(value=1e6),
        "facts.json, P001, capacity: must lie in [0.1, 1000] uAh/cm2/um, got 1000000",
    ),
    "an error bar beyond all measure": (
        lambda facts: of_kind(facts, "measured", "P002")["outcomes"]["capacity"].update(sd=1e200),
        "facts.json, P002, capacity_sd: must lie in [0, 500] uAh/cm2/um",
    ),
    "a retention of nine": (
        lambda facts: measure(facts, "retention", 9.0),
        "facts.json, P002, retention: must lie in [0, 1.5], got 9",
    ),
    "no cycles": (
        lambda facts: measure(facts, "cycles", 0.0),
        "facts.json, P002, cycles: must be above 0 beside a retention",
    ),
    "no thickness": (
        lambda facts: plan(facts, "thickness_um", 0),
        "facts.json, P001, thickness_um: must lie in [0.005, 50] um, got 0",
    ),
    "a text for a number": (
        lambda facts: plan(facts, "bias_v", "a"),
        "facts.json, P001, bias_v: must be a number in [-300, 0] V, got 'a'",
    ),
    "an unknown level": (
        lambda facts: plan(facts, "electrolyte", "Lipom"),
        "facts.json, P001, electrolyte: must be one of",
    ),
    "a number for a level": (lambda facts: plan(facts, "electrolyte", 3), "P001, electrolyte: must be a text, got 3"),
    "an unknown setting": (
        lambda facts: plan(facts, "moon_phase", 3),
        "facts.json, P001, moon_phase: is no setting of this campaign, got 3",
    ),
    "a setting taken out": (
        lambda facts: of_kind(facts, "proposed")["recipe"].pop("thickness_um"),
        "facts.json, P001, thickness_um: must be stated (in [",
    ),
    "an unknown outcome": (
        lambda facts: of_kind(facts, "measured")["outcomes"].update(taste=3),
        "facts.json, P001, taste: is no outcome of this campaign, got 3",
    ),
    "a column of the ledger's own": (
        lambda facts: plan(facts, "run", "R1"),
        "facts.json, P001, run: is a name the ledger's own table uses",
    ),
    "a class nobody knows": (
        lambda facts: of_kind(facts, "measured").update(outcome_class="exploded"),
        "payload.outcome_class: must be one of ok, shorted, delaminated, cracked, not_made, lab_error, got 'exploded'",
    ),
    "a cell that was not made and measured": (
        lambda facts: of_kind(facts, "measured", "P002").update(outcome_class="not_made"),
        "facts.json, P002, capacity: must be empty for a cell that was not made",
    ),
    "a further cell of no film": (
        lambda facts: plan(facts, "replicate_of", "P009"),
        "facts.json, P001, replicate_of: must name a cell of this campaign, got 'P009'",
    ),
    "a day that is none": (
        lambda facts: plan(facts, "made_on", "31.12."),
        "P001, made_on: must be a day, got '31.12.'",
    ),
    "a model that there is not": (
        lambda facts: facts.append(
            {**facts[0], "seq": len(facts) + 1, "kind": "retrained"}
            | {"payload": {"chosen": "oracle", "configured": "gaussian_process"}}
        ),
        "chosen: must be one of gaussian_process",
    ),
    "no fact at all": (lambda facts: facts.clear(), "must hold at least the fact that the campaign was created"),
    "a number as author": (lambda facts: facts[1].update(author=7), "fact 2: author must be a text, got 7"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_export_that_was_altered_is_refused_and_nothing_is_made(lco: Campaign, tmp_path: Path, name: str) -> None:
    lco.export(tmp_path / "out")
    path = tmp_path / "out" / "facts.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    alter, sentence = BAD[name]
    changed = alter(facts)
    path.write_text(json.dumps(changed if name == "no list" else facts), encoding="utf-8")
    with pytest.raises(DataInvalid, match="fact") as refused:
        Campaign.from_export(tmp_path / "out", tmp_path / "again")
    assert sentence in str(refused.value)
    assert not (tmp_path / "again").exists()


def test_all_that_cannot_be_true_is_told_at_once(lco: Campaign, tmp_path: Path) -> None:
    lco.export(tmp_path / "out")
    path = tmp_path / "out" / "facts.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    for name in ("a retention of nine", "no thickness", "an unknown setting", "a text for a number"):
        BAD[name][0](facts)
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(DataInvalid) as refused:
        read_export(tmp_path / "out")
    told = [(p.row, p.column) for p in refused.value.problems]
    assert sorted(told) == [("P001", "bias_v"), ("P001", "moon_phase"), ("P001", "thickness_um"), ("P002", "retention")]


def test_what_was_confirmed_or_is_only_unlikely_comes_back(lco: Campaign, tmp_path: Path) -> None:
    """Cells off the grid and outside the bounds, doubts that were confirmed, withdrawn and failed ones."""
    doubtful = propose(lco)
    lco.record({"id": doubtful, "capacity": "70 +- 3", "retention": 1.2, "cycles": 7}, confirm=True)
    far = propose(lco)
    made = {"thickness_um": 9.37, "bias_v": -211.5, "anneal_temperature_c": 951, "made_on": "2020-01-31"}
    lco.record({"id": far, **made, "capacity": "<= 3", "retention": ">= 0.9", "cycles": 300}, confirm=True)
    other = propose(lco)
    lco.record({"id": other, "anneal_kind": "none", "electrolyte": "liquid", "outcome_class": "cracked"}, confirm=True)
    lco.correct(far, {"capacity": None, "outcome_class": "shorted"}, "looked at again")
    lco.correct(other, {"bias_kind": "none"}, "was off", confirm=True)
    film = {"replicate_of": doubtful, "cell": "2", "capacity": 61, "run": "R7", "sample": "S1"}
    lco.record(film, confirm=True)
    lco.discard_run("R7", "leak")
    lco.veto(propose(lco), "no target")
    lco.edit(propose(lco), {"thickness_um": 0.5})
    lco.add({**RECIPE, "thickness_um": 30, "bias_v": -250}, "ours")
    lco.export(tmp_path / "out")
    with Campaign.from_export(tmp_path / "out", tmp_path / "again") as again:
        assert digest(again) == digest(lco)


def test_what_no_vocabulary_knows_is_bounded_too(tmp_path: Path) -> None:
    with make_plain(tmp_path / "one") as one:
        one.add({"speed": 5, "moisture": "dry"})
        must = r"C001, gloss: must be a number of at most 1e\+50 either way, got -1e\+60\. Correct or remove it"
        with pytest.raises(DataInvalid, match=must):
            one.record({"id": "C001", "gloss": -1e60})
        one.record({"id": "C001", "gloss": -1e20, "speed": 300}, confirm=True)
        one.export(tmp_path / "out")
    Campaign.from_export(tmp_path / "out", tmp_path / "two").close()
    path = tmp_path / "out" / "facts.json"
    path.write_text(path.read_text(encoding="utf-8").replace("-1e+20", "1e+308"), encoding="utf-8")
    with pytest.raises(DataInvalid, match=r"facts\.json, C001, gloss: must be a number of at most 1e\+50"):
        Campaign.from_export(tmp_path / "out", tmp_path / "three")


def test_cells_of_an_earlier_campaign_file_come_back(tmp_path: Path) -> None:
    """What a parameter, a level or an outcome was that the campaign file no longer has, nobody can tell from it."""
    with make_plain(tmp_path / "one") as one:
        one.add({"speed": 5, "moisture": "dry"})
        one.record({"id": "C001", "gloss": 3})
    path = tmp_path / "one" / "campaign.toml"
    text = (
        path.read_text(encoding="utf-8").replace('"dry"', '"damp"').replace("speed", "pace").replace("gloss", "shine")
    )
    path.write_text(text, encoding="utf-8")
    with Campaign.open(tmp_path / "one") as one:
        one.export(tmp_path / "out")
        with Campaign.from_export(tmp_path / "out", tmp_path / "two") as two:
            assert digest(two) == digest(one)


def test_an_export_whose_campaign_file_is_no_text_is_refused(lco: Campaign, tmp_path: Path) -> None:
    lco.export(tmp_path / "out")
    (tmp_path / "out" / "campaign.toml").write_bytes(b"\x80")
    with pytest.raises(ConfigInvalid, match=r"campaign\.toml: must be text in UTF-8\. Save the file as UTF-8"):
        Campaign.from_export(tmp_path / "out", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataInvalid, match=r"must be an export of a campaign, which holds facts\.json and campaign\.toml"
    ):
        read_export(tmp_path)


def test_what_follows_from_another_outcome_stands_in_a_column_of_its_own(lco: Campaign, tmp_path: Path) -> None:
    lco.record({"id": propose(lco), "thickness_um": 1.6, "areal_capacity": ">= 80 +- 4"})
    lco.record({"id": propose(lco), "capacity": 40})
    lco.export(tmp_path / "out")
    cells = pd.read_csv(tmp_path / "out" / "cells.csv", index_col="id").loc[["P003", "P004"]]
    assert cells["capacity"].tolist() == [pytest.approx(np.nan, nan_ok=True), 40]
    assert cells["capacity_derived"].tolist() == [50, pytest.approx(np.nan, nan_ok=True)]
    assert cells.loc["P003", ["capacity_derived_sd", "capacity_derived_qualifier"]].tolist() == [2.5, ">="]
    assert cells["areal_capacity_derived"].tolist() == [pytest.approx(np.nan, nan_ok=True), 40]
    told = pd.read_csv(tmp_path / "out" / "data_dictionary.csv", index_col="name")
    assert told.loc["capacity_derived", "meaning"] == (
        "capacity that was not measured itself: areal_capacity / thickness_um as made, which the models read"
    )
    assert told.loc["capacity_derived", ["unit", "type"]].tolist() == ["uAh/cm2/um", "number"]
    assert told.loc["capacity_derived_qualifier", "type"] == "string"
    (cell,) = (c for c in json.loads((tmp_path / "out" / "cells.json").read_text()) if c["id"] == "P003")
    assert cell["derived"] == {"capacity": {"min_value": 50, "unit_text": "uAh/cm2/um", "standard_deviation": 2.5}}
    with Campaign.from_export(tmp_path / "out", tmp_path / "again") as again:
        assert digest(again) == digest(lco)


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x")', "+1+1", "-cmd|x", "@SUM(A1)", "\t=1"])
def test_no_text_of_an_export_is_a_formula_and_all_come_back(lco: Campaign, tmp_path: Path, text: str) -> None:
    lco.record({"id": "P001", "sample": text})
    lco.export(tmp_path / "out")
    with (tmp_path / "out" / "cells.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["sample"] == "'" + text.strip()
    assert {row["capacity_qualifier"] for row in rows} <= {"", "=", "~", ">=", "<="}
    assert rows[0]["bias_v"].startswith("-"), "numbers stay numbers"
    with Campaign.from_export(tmp_path / "out", tmp_path / "again") as again:
        assert digest(again) == digest(lco)


def test_an_export_that_fails_leaves_no_folder_and_an_earlier_one_whole(
    lco: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lco.export(tmp_path / "earlier")
    before = {path.name: path.read_bytes() for path in (tmp_path / "earlier").iterdir()}
    lco.record({"id": "P001", "remark": "later"})
    former, settled = os.fsync, []

    def fill_up(place: int) -> None:
        settled.append(place)
        if len(settled) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        former(place)

    for target in (tmp_path / "new" / "out", tmp_path / "earlier"):
        settled.clear()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fill_up)
            with pytest.raises(PvdoptError, match="No space left"):
                lco.export(target)
    assert not (tmp_path / "new").exists()
    assert {path.name: path.read_bytes() for path in (tmp_path / "earlier").iterdir()} == before


def test_cells_csv_is_what_pandas_reads(lco: Campaign, tmp_path: Path) -> None:
    lco.export(tmp_path / "out")
    cells = pd.read_csv(tmp_path / "out" / "cells.csv", index_col="id")
    assert cells.loc["P001", ["capacity", "capacity_qualifier"]].tolist() == [53.0, ">="]
    assert pd.read_csv(tmp_path / "out" / "series.csv")["capacity"].tolist() == [61, 60.5, 51]
