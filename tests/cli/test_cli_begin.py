"""The first minutes: a campaign from a few answers, what would be written, completion, and a doctor for it all."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pvdopt.campaign import Campaign
from pvdopt.cli import begin
from pvdopt.config import load_config
from pvdopt.config.draft import Answers, choices_of, write_draft

FOLDER = Path("studies") / "mine"
TOLD = ("--cathode", "LiMn2O4", "--method", "rf_sputtering", "--substrates", "mica,polyimide", "--bias", "rf")


def test_answers_make_a_campaign_with_a_file_to_read_and_change(run: Any) -> None:
    done = run(
        "init", "mine", *TOLD, "--electrolytes", "Lipon,LiBON", "--objectives", "areal_capacity", "--hottest", "450"
    )
    assert done.code == 0, done.err
    assert f"pvdopt suggest {FOLDER.as_posix()}" in done.err
    config = load_config(FOLDER / "campaign.toml")
    assert config.doubts == ()
    assert config.space().fixed["cathode"] == "LiMn2O4"
    assert config.space()["anneal_temperature_c"].high == 450
    assert [o.name for o in config.objectives()] == ["areal_capacity"]
    text = (FOLDER / "campaign.toml").read_text(encoding="utf-8")
    assert text.count("#") > 15
    # Polyimide stands 350 C: the limit holds for each substrate by itself.
    recipe = {"bias_kind": "none", "thickness_um": 1.0, "electrolyte": "Lipon", "anneal_kind": "furnace"}
    hot = {**recipe, "substrate": "polyimide", "anneal_temperature_c": 400.0}
    assert config.space().explain(hot)
    assert not config.space().explain({**hot, "substrate": "mica"})


def test_an_editor_finds_the_schema_that_the_file_names(run: Any) -> None:
    run("init", "mine", *TOLD)
    first = (FOLDER / "campaign.toml").read_text(encoding="utf-8").splitlines()[0]
    named = FOLDER / first.removeprefix("#:schema ")
    assert json.loads(named.read_text(encoding="utf-8")) == json.loads(run("config", "schema").out)


@pytest.mark.parametrize("cathode", choices_of("cathode"))
@pytest.mark.parametrize(
    "rest",
    [
        {"method": "rf_sputtering", "substrates": ("Pt/Ti/Si",), "bias": ("rf",)},
        {"method": "pld", "substrates": ("polyimide", "mica"), "anneals": ("furnace",), "goals": ("areal_capacity",)},
        {"method": "dc_sputtering", "substrates": ("PET",), "anneals": (), "goals": ("retention", "capacity")},
    ],
    ids=["sputtered", "laser", "cold"],
)
def test_whatever_is_answered_the_file_can_be_used(tmp_path: Path, cathode: str, rest: dict[str, Any]) -> None:
    path = tmp_path / "campaign.toml"
    path.write_text(write_draft("mine", Answers(cathode, **rest)), encoding="utf-8")
    assert load_config(path).doubts == ()


BAD = [
    (
        ["--cathode", "LiCoO", *TOLD[2:]],
        "cathode: must be one of LiCoO2, .*, got 'LiCoO'. Another one: .* --from own_cathode",
    ),
    ([*TOLD, "--objectives", "power"], "objective: must be one of capacity, areal_capacity, retention, got 'power'"),
    ([*TOLD[:2], "--method", "pld", *TOLD[4:]], "bias: must be none with pld, which takes no bias, got 'rf'"),
    ([*TOLD, "--from", "lco_lipon.toml"], "name one"),
    (["--from-export", "nowhere"], "must be an export of a campaign"),
    (["--cathode", "LiCoO2"], "to be told --method, --substrates"),
    ([], "--from lco_lipon.toml"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=[sentence[:30] for _, sentence in BAD])
def test_answers_that_cannot_be_make_nothing(run: Any, words: list[str], sentence: str) -> None:
    import re

    done = run("init", "mine", *words)
    assert done.code in (2, 3)
    assert re.search(sentence, done.err), done.err
    assert not Path("studies").exists()


def test_on_a_terminal_it_asks_for_what_is_not_named(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    replies = iter(["LiCoO", "LiCoO2", "rf_sputtering", "Pt/Ti/Si", "Lipon", "none", "furnace", 700.0, "", "capacity"])
    asked: list[str] = []

    def prompt(question: str, **_: Any) -> Any:
        asked.append(question)
        return next(replies)

    monkeypatch.setattr(begin.typer, "prompt", prompt)
    answers = begin._ask({})
    assert asked[:2] == ["Which cathode?", "Which cathode?"]
    assert asked[-2:] == ["What counts?", "What counts?"]
    assert answers == Answers(
        "LiCoO2", "rf_sputtering", ("Pt/Ti/Si",), ("capacity",), bias=(), anneals=("furnace",), hottest_c=700.0
    )


def test_an_export_goes_on_under_another_name(run: Any) -> None:
    run("init", "mine", *TOLD)
    assert run("export", FOLDER, "out").code == 0
    done = run("init", "other", "--from-export", "out")
    assert done.code == 0, done.err
    assert done.out == "other goes on in studies/other, 1 fact\n"
    before, after = (run("ledger", "check", f"studies/{n}", "--digest").out for n in ("mine", "other"))
    assert before == after != ""


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_export_that_somebody_edited_is_refused(run: Any, more: tuple[str, ...]) -> None:
    run("init", "mine", *TOLD)
    with Campaign.open(FOLDER) as campaign:
        campaign.add({"substrate": "mica", "bias_kind": "none", "anneal_kind": "none", "thickness_um": 1.0})
    run("export", FOLDER, "out")
    facts = Path("out", "facts.json")
    text = facts.read_text(encoding="utf-8")
    facts.write_text(text.replace('"thickness_um": 1.0', '"thickness_um": 0'), encoding="utf-8")
    done = run("init", "other", "--from-export", "out", *more)
    assert done.code == 3
    assert "facts.json, C001, thickness_um: must lie in [0.005, 50] um, got 0. Correct or remove it." in done.err
    assert not Path("studies", "other").exists()


def test_nothing_is_written_where_that_is_asked_for(run: Any) -> None:
    """Every command that writes can say what it would do."""
    printed = run("init", "mine", *TOLD, "--dry-run")
    assert not Path("studies").exists()
    run("init", "mine", *TOLD)
    assert printed.out == (FOLDER / "campaign.toml").read_text(encoding="utf-8")
    recipe = {"substrate": "mica", "bias_kind": "none", "anneal_kind": "none", "thickness_um": 1.0}
    with Campaign.open(FOLDER) as campaign:
        planned, made = campaign.add(recipe), campaign.add({**recipe, "thickness_um": 2.0})
        campaign.record({"id": made, "capacity": 30.0, "run": "R1"})
    run("export", FOLDER, "out")
    run("ledger", "backup", FOLDER, "copy.sqlite")
    before = run("ledger", "check", FOLDER, "--digest").out
    there = sorted(path.name for path in Path().rglob("*") if "models" not in path.parts)
    for words in (
        ("veto", FOLDER, planned),
        ("fail", FOLDER, planned, "--class", "cracked"),
        ("correct", FOLDER, made, "capacity=31"),
        ("discard-run", FOLDER, "R1", "--why", "leak"),
        ("record", FOLDER, planned, "capacity=29"),
        ("export", FOLDER, "elsewhere"),
        ("export", FOLDER, "--optuna", "study.db"),
        ("ledger", "backup", FOLDER, "second.sqlite"),
        ("ledger", "restore", FOLDER, "copy.sqlite"),
        ("init", "second", "--from", "lco_lipon.toml"),
        ("init", "third", "--from-export", "out"),
    ):
        done = run(*words, "--dry-run")
        assert done.code == 0, (words, done.err)
        assert "would" in done.err or "Nothing was written" in done.err
    assert run("ledger", "check", FOLDER, "--digest").out == before
    assert sorted(path.name for path in Path().rglob("*") if "models" not in path.parts) == there


def test_what_a_dry_run_refuses_is_what_the_command_refuses(run: Any) -> None:
    run("init", "mine", *TOLD)
    dry, wet = (run("fail", FOLDER, "P009", "--class", "cracked", *more) for more in (("--dry-run",), ()))
    assert dry.code == wet.code == 3
    assert dry.err == wet.err


def test_the_shell_completes_commands_and_campaigns(tmp_path: Path) -> None:
    (tmp_path / "studies" / "mine").mkdir(parents=True)
    (tmp_path / "studies" / "mine" / "campaign.toml").write_text("")

    def complete(words: str, place: int) -> list[str]:
        import os

        told = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(place), "_PVDOPT_COMPLETE": "complete_bash"}
        code = "from pvdopt.cli import main; main([])"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=told, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    assert complete("pvdopt pre", 1) == ["predict"]
    assert complete("pvdopt status ", 2) == ["studies/mine"]


def test_the_doctor_looks_at_campaigns_too(run: Any) -> None:
    run("init", "mine", *TOLD)
    sound = run("doctor", FOLDER)
    assert sound.code == 0
    assert "mine: ledger" in sound.out
    path = FOLDER / "campaign.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('cathode = "LiMn2O4"', 'cathode = "LiMn2O5"'), encoding="utf-8"
    )
    ill = run("doctor", "--json")
    assert ill.code == 1
    found = {f["what"]: f for f in json.loads(ill.out)}
    assert not found["mine: campaign file"]["is_fine"]
    assert "LiMn2O5" in found["mine: campaign file"]["seen"]
    assert found["mine: ledger"]["is_fine"]


def refuse(code: int, what: str) -> Any:
    """Return a method of paths that the system refuses for one of them, as it would refuse it to anybody but root."""
    former = Path.open

    def open_(self: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if self.name == what and mode != "r" and mode != "rb":
            raise OSError(code, os.strerror(code), str(self))
        return former(self, mode, *more, **named)

    return open_


@pytest.mark.parametrize(
    ("code", "todo"),
    [
        (errno.EACCES, "See that you may write there"),
        (errno.EROFS, "The drive takes no writing"),
        (errno.ENOSPC, "Make room on that drive"),
        (errno.EIO, "Choose a local folder"),
    ],
)
def test_the_doctor_sees_a_campaign_that_cannot_be_written(
    run: Any, monkeypatch: pytest.MonkeyPatch, code: int, todo: str
) -> None:
    run("init", "mine", *TOLD)

    def refuse_folder(*_: Any, **named: Any) -> Any:
        assert named["dir"] == FOLDER, "it is the campaign's folder that counts"
        raise OSError(code, os.strerror(code), "x")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse(code, "ledger.sqlite"))
        of_file = run("doctor", FOLDER, "--json")
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryDirectory", refuse_folder)
        of_folder = run("doctor", FOLDER, "--json")
    for ill in (of_file, of_folder):
        assert ill.code == 1
        (fault,) = [f for f in json.loads(ill.out) if not f["is_fine"]]
        assert fault["what"] == "mine: folder"
        assert f"{os.strerror(code)}. {todo}" in fault["seen"]
        assert ("local folder" in fault["seen"]) == (code == errno.EIO)


def test_the_doctor_tells_what_is_not_there_once(run: Any) -> None:
    run("init", "mine", *TOLD)
    (FOLDER / "ledger.sqlite").unlink()
    for folder, what in ((FOLDER, "put a copy back: pvdopt ledger restore"), ("nowhere", "no such campaign folder")):
        ill = run("doctor", folder)
        assert ill.code == 1
        assert ill.out.count("FAULT") == 1
        assert what in " ".join(ill.out.split())


def test_the_doctor_sees_a_record_that_was_tampered_with(run: Any) -> None:
    import sqlite3

    run("init", "mine", *TOLD)
    with Campaign.open(FOLDER) as campaign:
        recipe = {"substrate": "mica", "bias_kind": "none", "anneal_kind": "none", "thickness_um": 1.0}
        campaign.add(recipe)
    database = sqlite3.connect(FOLDER / "ledger.sqlite")
    database.execute("DROP TRIGGER facts_refuse_delete")
    database.execute("DELETE FROM facts WHERE seq = 1")
    database.commit()
    database.close()
    ill = run("doctor", FOLDER)
    assert ill.code == 1
    assert "must follow fact 0 without a gap" in " ".join(ill.out.split())
