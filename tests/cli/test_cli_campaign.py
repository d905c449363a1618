"""A campaign from the shell: three rounds against numbers typed by hand, and what bad input gets."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from campaigns import make_plain
from cli.test_cli_help import HEAVY, loaded_by
from pvdopt import errors
from pvdopt.campaign import Campaign
from pvdopt.campaign.folder import rename_config
from pvdopt.config import shipped_config
from pvdopt.ledger import Ledger

FOLDER = "studies/lco"


def digest() -> str:
    with Ledger.open(Path(FOLDER) / "ledger.sqlite") as ledger:
        return ledger.digest()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign with two cells of the lab's own, made without asking a model."""
    folder = tmp_path_factory.mktemp("template") / FOLDER
    text = rename_config(shipped_config("lco_lipon.toml").read_text(encoding="utf-8"), "lco")
    settings = {"bias_kind": "rf", "bias_v": -50, "anneal_kind": "furnace", "electrolyte": "Lipon"}
    with Campaign.create(folder, text, "anna") as campaign:
        campaign.add({**settings, "anneal_temperature_c": "600 C", "thickness_um": "500 nm"})
        campaign.add({**settings, "anneal_temperature_c": "700 C", "thickness_um": "1 um"})
    return folder


@pytest.fixture
def begun(run: Any, template: Path, tmp_path: Path) -> Any:
    shutil.copytree(template, tmp_path / FOLDER)
    return run


def test_a_campaign_begins_with_a_copy_of_its_file(run: Any) -> None:
    done = run("init", "lco", "--from", "lco_lipon.toml")
    assert done.code == 0
    assert f"pvdopt suggest {FOLDER}" in done.err
    shipped = shipped_config("lco_lipon.toml").read_text(encoding="utf-8")
    copied = Path(FOLDER, "campaign.toml").read_text(encoding="utf-8")
    assert copied == shipped.replace('name = "lco_lipon"', 'name = "lco"')
    before = digest()
    again = run("init", "lco", "--from", "lco_lipon.toml")
    assert again.code == 3
    assert "holds a campaign already" in again.err
    assert digest() == before


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ('[campaign]\nname = "a" # c\n', '[campaign]\nname = "b" # c\n'),
        ("[campaign]\nseed = 1\nname='a'\n", '[campaign]\nseed = 1\nname="b"\n'),
        ('[other]\nname = "a"\n[campaign]\nname = "x"\n', '[other]\nname = "a"\n[campaign]\nname = "b"\n'),
        ("[campaign]\nseed = 1\n", "[campaign]\nseed = 1\n"),
    ],
)
def test_only_the_name_of_the_campaign_changes(text: str, renamed: str) -> None:
    assert rename_config(text, "b") == renamed


def test_a_campaign_cannot_begin_from_a_faulty_file(run: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[campaign]\nname = "x"\n')
    done = run("init", "lco", "--from", "bad.toml")
    assert done.code == 3
    assert "bad.toml" in done.err
    assert not Path("studies").exists()


def test_a_preview_proposes_and_writes_nothing(run: Any, tmp_path: Path) -> None:
    done = run("suggest", "lco_lipon.toml", "-n", 3)
    assert done.code == 0
    for expected in ("thickness_um", "80 % within", "retention at 100 cycles", "Nearest reported cells", "et al., 20"):
        assert expected in done.out
    assert "Nothing was written" in done.err
    assert "pvdopt init lco_lipon --from lco_lipon.toml" in done.err
    assert "(more: pvdopt explain lco_lipon.toml NAME=VALUE ...)" in done.out
    # What all are compared with is said once.
    assert done.out.count("against the reported recipe predicted best here") == 1
    assert max(map(len, done.out.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


def test_three_rounds(run: Any, tmp_path: Path) -> None:
    assert run("init", "lco", "--from", "lco_lipon.toml").code == 0
    first = json.loads(run("suggest", FOLDER, "-n", 4, "--json").out)
    ids = [cell["id"] for cell in first["proposals"]]
    assert ids == ["P001", "P002", "P003", "P004"]
    for cell in first["proposals"]:
        for outcome in ("capacity", "retention"):
            predicted = cell["predicted"][outcome]
            assert predicted["low"] < predicted["median"] < predicted["high"]
    # One cell complete, one with its capacity only, one failed, and the last with another thickness than asked for.
    (tmp_path / "results.csv").write_text(
        "id,capacity,retention,outcome_class,thickness_um\n"
        "P001,44.1,0.88,,\nP002,51.5,,,\nP003,,,shorted,\nP004,39.0,0.91,,0.8\n"
    )
    done = run("record", "results.csv", "--confirm")
    assert done.code == 0, done.err
    assert "P001, P002, P003, P004" in done.out
    assert "80 % within" in done.out
    once = digest()
    assert run("record", "results.csv", "--confirm").code == 0
    assert digest() == once
    assert run("retrain").code == 0
    second = json.loads(run("suggest", "-n", 4, "--json").out)
    assert [cell["id"] for cell in second["proposals"]] == ["P005", "P006", "P007", "P008"]
    both = [*first["proposals"], *second["proposals"]]
    # Nothing is proposed again but what says that it is a replicate, as the second cell of the baseline does.
    new = [tuple(cell["recipe"].items()) for cell in both if cell["purpose"] != "replicate"]
    assert len(set(new)) == len(new) == 7
    assert run("record", "P002", "retention=0.86").code == 0
    assert run("record", "-", stdin="id,capacity [uAh/cm2/um],retention [%]\nP005,47,90\n").code == 0
    assert run("fail", "P006", "--class", "delaminated", "--stage", "anneal").code == 0
    assert run("veto", "P007", "--why", "no target").code == 0
    done = run("correct", "P001", "capacity=45.1", "--why", "area measured again")
    assert (done.code, done.out) == (0, "P001: 1 value changed\n")
    assert run("edit", "P008", "thickness_um=0.6", "--json").code == 0
    third = run("suggest", "-n", 2)
    assert third.code == 0
    assert "P009" in third.out
    status = run("status")
    assert "P008" in status.out
    found = json.loads(run("status", "--json").out)
    assert found["counts"]["failed"] == 2
    best = json.loads(run("best", "--json").out)
    assert {cell["outcome"] for cell in best["measured"]} >= {"capacity", "retention"}
    assert "P00" in run("pareto", "--csv").out
    assert run("export", "out").code == 0
    assert Path("out", "cells.csv").is_file()
    assert run("best").code == run("pareto").code == run("status").code == 0


def test_a_check_tells_of_cells_that_nobody_could_record(begun: Any) -> None:
    """As a program that writes past `record` may leave them; the ledger can be copied all the same."""
    with Ledger.open(Path(FOLDER) / "ledger.sqlite") as ledger:
        ledger.record(
            [{"id": "C001", "outcomes": {"retention": 9, "cycles": 100}}, {"id": "C002", "executed": {"a": 1}}]
        )
    checked = begun("ledger", "check", "--json")
    assert checked.code == 3
    found = json.loads(checked.out)
    assert [(p["row"], p["column"], p["must"]) for p in found["problems"]] == [
        ("C001", "retention", "must lie in [0, 1.5]"),
        ("C002", "a", "is no setting of this campaign"),
    ]
    assert begun("ledger", "check").out.count("ledger.sqlite, C00") == 2
    assert begun("ledger", "backup", "copy.sqlite").code == begun("ledger", "restore", "copy.sqlite").code == 0
    Path(FOLDER, "campaign.toml").write_text("[campaign\n", encoding="utf-8")
    assert begun("ledger", "check").code == 0


def test_a_ledger_is_checked_copied_and_put_back(begun: Any) -> None:
    checked = begun("ledger", "check", "--digest")
    assert (checked.code, checked.out.strip()) == (0, digest())
    kept = begun("ledger", "backup", "copy.sqlite")
    assert (
        kept.err == f"copy.sqlite: a copy with 3 facts\nTo go back to it:  pvdopt ledger restore {FOLDER} copy.sqlite\n"
    )
    assert "is there already" in begun("ledger", "backup", "copy.sqlite", "--dry-run").err
    before = digest()
    assert begun("veto", "C001").code == 0
    assert digest() != before
    done = begun("ledger", "restore", "copy.sqlite")
    assert done.code == 0
    assert "ledger.former-1.sqlite" in done.err
    assert "note" not in done.err
    assert digest() == before
    assert begun("init", "other", "--from", "lco_lipon.toml").code == 0
    for words in (("--dry-run",), ()):
        done = begun("ledger", "restore", "studies/other", "copy.sqlite", *words)
        assert done.code == 3
        assert "copy.sqlite: must be a copy of the campaign other, and is one of lco" in done.err


def test_a_recipe_is_predicted_from_words_or_a_table(begun: Any, tmp_path: Path) -> None:
    recipe = ["bias_kind=none", "anneal_kind=none", "thickness_um=0.5", "electrolyte=Lipon"]
    words = json.loads(begun("predict", *recipe, "--json").out)["recipes"]
    (tmp_path / "recipes.csv").write_text("bias_kind,anneal_kind,thickness_um,electrolyte\nnone,none,0.5,Lipon\n")
    table = json.loads(begun("predict", "recipes.csv", "--json").out)["recipes"]
    preview = json.loads(begun("predict", "lco_lipon.toml", *recipe, "--json").out)["recipes"]
    assert words[0]["predicted"] == table[0]["predicted"] == preview[0]["predicted"]
    assert "80 % within" in begun("predict", *recipe).out


def test_an_interval_that_passes_theory_says_where_theory_ends(begun: Any) -> None:
    anneal = ["anneal_kind=furnace", "anneal_temperature_c=780"]
    recipe = ["bias_kind=none", *anneal, "thickness_um=2", "electrolyte=Lipon"]
    (told,) = json.loads(begun("predict", *recipe, "--json").out)["recipes"]
    assert told["theory"] == pytest.approx({"capacity": 69.19, "areal_capacity": 138.38}, abs=0.01)
    assert told["predicted"]["capacity"]["high"] > told["theory"]["capacity"]
    printed = begun("predict", *recipe).out
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    place = next(k for k, line in enumerate(lines) if line.startswith("capacity (uAh/cm2/um)"))
    assert lines[place + 1].startswith("80 % within")
    assert lines[place + 2] == "in theory up to 69.2"
    assert "above 750 C hillocks grow in the Pt of Pt/Ti/Si (domain notes" in printed


def test_without_evidence_names_mean_nothing_and_no_theory_is_told(run: Any, tmp_path: Path) -> None:
    make_plain(tmp_path / "studies" / "plain").close()
    assert run("add", "speed=5", "moisture=dry").code == 0
    assert run("record", "C001", "gloss=5").code == 0
    done = run("predict", "speed=6", "moisture=dry", "--json")
    assert json.loads(done.out)["recipes"][0]["theory"] == {}


def test_what_is_fixed_by_hand_is_fixed(begun: Any) -> None:
    done = begun(
        "suggest", "-n", 2, "--fix", "electrolyte=LiBON", "--fix", "thickness_um=700 nm", "--dry-run", "--json"
    )
    recipes = [cell["recipe"] for cell in json.loads(done.out)["proposals"]]
    assert [(r["electrolyte"], r["thickness_um"]) for r in recipes] == [("LiBON", pytest.approx(0.7))] * 2
    assert digest() == digest()


def test_what_is_doubted_is_kept_once_it_is_confirmed(begun: Any) -> None:
    before = digest()
    done = begun("record", "C001", "capacity=75")
    assert done.code == 3
    assert "--confirm" in done.err
    assert digest() == before
    done = begun("record", "C001", "capacity=75", "--confirm")
    assert (done.code, done.out) == (0, "C001: 1 new row\n")


def test_a_cell_of_the_lab_is_added_with_units(begun: Any) -> None:
    recipe = ["bias_kind=none", "anneal_kind=rta", "anneal_temperature_c=923.15 K", "thickness_um=500 nm"]
    done = begun("add", *recipe, "electrolyte=Lipon", "--remark", "thin for once")
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["C003"]
    assert "80 % within" in done.out
    assert done.err.endswith(f"Next: make it, then  pvdopt record {FOLDER} C003 capacity=... retention=...\n")
    assert "650 C" in begun("status").out


def test_a_dry_run_writes_nothing(begun: Any, tmp_path: Path) -> None:
    before = digest()
    for words in (
        ["suggest", "-n", 1, "--dry-run"],
        ["record", "C001", "capacity=50", "--dry-run"],
        ["edit", "C001", "thickness_um=0.7", "--dry-run"],
        ["retrain", "--dry-run"],
    ):
        done = begun(*words)
        assert done.code == 0, done.err
        assert "Nothing was written" in done.err
    assert digest() == before


BAD = [
    (["record", "C001", "capacity=-3"], 3, "capacity"),
    (["record", "C001", "capacity=-3", "retention=93"], 3, "retention"),
    (["record", "C001", "capacity=570"], 3, "theory"),
    (["record", "C009", "capacity=50"], 3, "C001. `pvdopt add`, or a table with `pvdopt cells import`"),
    (["record", "C009", "--series", "lacking.csv"], 3, "C001. `pvdopt add`, or a table with"),
    (["predict", "anneal_kind=oven", "bias_kind=none", "bias_v=-50"], 3, "bias_v: does not apply with bias_kind none"),
    (["add", "anneal_kind=oven", "bias_kind=none", "bias_v=-50"], 3, "bias_v: does not apply with bias_kind none"),
    (["record", "C001", "capacitie=50"], 3, "Did you mean capacity?"),
    (["record", "nowhere.csv"], 3, "nowhere.csv"),
    (["record", "lacking.csv"], 3, "lacking.csv"),
    (["record", "twice.csv"], 3, "C001"),
    (["record", "C001", "50"], 3, "C001: there is no such campaign folder"),
    (["record"], 2, "Missing argument '[FOLDER] FILE | - | ID [NAME=VALUE ...]'."),
    (["ledger", "backup"], 2, "Missing argument '[FOLDER] FILE'."),
    (["init", "my lab", "--from", "lco_lipon.toml"], 2, "'my lab': a campaign's name must be letters, digits, _ and"),
    (["status", "lco_lipon.toml"], 3, "Begin a campaign with it: pvdopt init lco_lipon --from lco_lipon.toml."),
    (["fail", "C001"], 2, "--class"),
    (["fail", "C001", "--class", "exploded"], 3, "shorted"),
    (["fail", "C001", "--class", "craked"], 3, "got 'craked'. Did you mean cracked?"),
    (["correct", "C001"], 2, "Expected"),
    (["edit", "C001", "retention=>= 92 %"], 3, 'when the cell is there: pvdopt record C001 "retention=>= 92 %".'),
    (
        ["correct", "C001", "capacity=50"],
        3,
        "is not measured for this cell yet. Record it: `pvdopt record C001 capacity=50`",
    ),
    (
        ["correct", "C001", "thicknes_um=1", "bias_v=x"],
        3,
        "thicknes_um: is neither an outcome nor a setting nor",
    ),
    (["correct", "C001", "thicknes_um=1", "bias_v=x"], 3, "C001, bias_v: must be a finite number"),
    (["correct", "C009", "capacity=50"], 3, "must name a cell of this campaign, got 'C009'"),
    (["edit", "C001", "anneal_kind=oven", "bias_kind=none", "bias_v=-50"], 3, "C001, anneal_kind: must be one of"),
    (["edit", "C001", "anneal_kind=oven", "bias_kind=none", "bias_v=-50"], 3, "C001, bias_v: does not apply with"),
    (["edit", "C009", "anneal_kind=oven"], 3, "must name a cell of this campaign, got 'C009'"),
    (["edit", "C001", "thickness_um=500"], 3, "thickness_um"),
    (["veto", "P001"], 3, "P001"),
    (["add", "thickness_um=0.5"], 3, "anneal_kind"),
    (["add", "capacity=50"], 3, "capacity: is no setting. Results go in when the cell is there"),
    (["add", "remark=thin"], 3, "remark: is no setting. Leave it out"),
    (["history", "P7"], 3, "must name a cell of this campaign, got 'P7'"),
    (
        ["record", "C001", "strength=5"],
        3,
        "put it into remark (outcomes are capacity in uAh/cm2/um, ",
    ),
    (["discard-run", "R9", "--why", "leak"], 3, "R9"),
    (["discard-run", "R9"], 2, "--why"),
    (["suggest", "-n", "0"], 2, "-n"),
    (["suggest", "--fix", "thickness_um"], 2, "NAME=VALUE"),
    (["suggest", "--fix", "thicknes_um=0.5"], 3, "thickness_um"),
    (["suggest", "--json", "--csv"], 2, "exclude each other"),
    (["suggest", "--candidates", "nowhere.csv"], 3, "nowhere.csv"),
    (["suggest", "studies/nmc"], 3, "studies/nmc"),
    (["suggest", "nowhere.toml"], 3, "nowhere.toml"),
    (["predict"], 2, "Usage"),
    (["predict", "lco"], 3, "lco"),
    (["predict", "a", "b", "c.csv"], 2, "Expected"),
    (["predict", "nmc", "thickness_um=0.5"], 3, "nmc"),
    (["predict", "thickness_um=0.5"], 3, "anneal_kind"),
    (["ledger", "backup", "lacking.csv"], 3, "is there already"),
    (["ledger", "restore", "lacking.csv"], 3, "lacking.csv"),
    (["ledger", "restore", "copy.sqlite"], 3, "there is no such file. Name a copy that `pvdopt ledger backup` wrote."),
    (["ledger", "restore", "copy.sqlite", "--dry-run"], 3, "there is no such file. Name a copy"),
    (["ledger", "backup", "nowhere/copy.sqlite"], 3, "nowhere: there is no such folder for the copy. Make it first."),
    (["export", "."], 3, "must be empty"),
    (["export", "-"], 2, "An export is several files"),
]


@pytest.mark.parametrize(("words", "code", "said"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_gets_a_message_and_changes_nothing(
    begun: Any, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "lacking.csv").write_text("capacity\n50\n")
    (tmp_path / "twice.csv").write_text("id,capacity\nC001,50\nC001,51\n")
    before = digest()
    done = begun(*words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert digest() == before


def test_asking_how_things_stand_loads_nothing_heavy(begun: Any, tmp_path: Path) -> None:
    for words in (["status"], ["veto", "C001"]):
        code, modules = loaded_by(*words, cwd=tmp_path)
        assert code == 0
        assert not modules & set(HEAVY)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PvdoptError("it failed."), 1),
        (errors.UsageError("it failed."), 2),
        (errors.DataInvalid("it failed."), 3),
        (errors.LedgerTooNew("it failed."), 3),
        (errors.NothingToPropose("it failed."), 4),
        (errors.LedgerBusy("it failed."), 5),
        (errors.LedgerChanged("it failed."), 5),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_error_has_its_exit_code(
    begun: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fall(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("pvdopt.campaign.Campaign.suggest", fall)
    done = begun("suggest")
    assert (done.code, done.out) == (code, "")
    assert done.err.strip() in ("it failed.", "")


def test_one_command_names_which_campaigns_there_are(begun: Any) -> None:
    assert begun("init", "nmc", "--from", "any_cathode.toml").code == 0
    done = begun("status")
    assert done.code == 2
    assert re.search(r"studies/lco, studies/nmc", done.err)
    assert begun("status", "nmc").out.startswith("nmc (studies/nmc)")
