"""Studies that run by themselves, and what is printed of skill."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from campaigns import make_plain
from pvdopt import closed_loop
from pvdopt.campaign import Campaign
from pvdopt.campaign.learning_reports import CurvePoint, Evaluation
from pvdopt.cli import study
from pvdopt.errors import LedgerBusy
from pvdopt.skill.direction import PairCheck, stated_pairs, summarise
from pvdopt.skill.report import FamilySkill, PermutedControl
from pvdopt.skill.validation import Coverage, Interval, Skill

RIG = """
import json, sys
asked = json.load(sys.stdin)
thickness = asked["recipe"]["thickness_um"]
print(json.dumps({"capacity": 60 / (1 + 0.3 * thickness), "retention": 0.95 - 0.02 * thickness}))
"""


@pytest.fixture
def rig(run: Any, tmp_path: Path) -> str:
    (tmp_path / "rig.py").write_text(RIG)
    assert run("init", "rig", "--from", "lco_lipon.toml").code == 0
    return f'"{Path(sys.executable).as_posix()}" rig.py'


def test_a_program_is_driven_as_a_rig_and_a_study_goes_on_where_it_stopped(run: Any, rig: str) -> None:
    rehearsed = run("study", "run", "rig", "--budget", 2, "--command", rig, "--dry-run")
    assert (rehearsed.code, rehearsed.out) == (0, "")
    assert "would be evaluated by command, 1 at a time, up to 2 evaluations; 0 cells wait already" in rehearsed.err
    assert run("study", "run", "rig", "--command", rig, "--fix", "thickness_um=100", "--dry-run").code == 3
    assert json.loads(run("status", "rig", "--json").out)["counts"].get("complete", 0) == 0
    first = run("study", "run", "rig", "--budget", 2, "--command", rig, "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["evaluations"] == 2
    again = run("study", "run", "rig", "--budget", 3, "--command", rig)
    assert again.code == 0
    assert "thickness_um" in again.out
    assert "3 evaluations in all, 1 of them now" in again.err
    assert json.loads(run("status", "rig", "--json").out)["counts"]["complete"] == 3


def test_what_held_settings_put_out_of_reach_is_told_once_in_a_study(run: Any, rig: str) -> None:
    done = run("study", "run", "rig", "--budget", 2, "--command", rig, "--fix", "thickness_um=0.1")
    assert done.code == 0, done.err
    assert done.err.count("no cell of this batch is likely") == 1


def test_a_broken_rig_is_a_failure_of_the_command(run: Any, rig: str, tmp_path: Path) -> None:
    (tmp_path / "rig.py").write_text("raise SystemExit('no vacuum')")
    done = run("study", "run", "rig", "--budget", 8, "--command", rig)
    assert done.code == 1
    assert "no vacuum" in done.err
    stands = run("status", "rig").out
    # Spoilt cells are no failed ones: the study counts them so too.
    assert re.search(r"^cells +5 failed \(5 lab errors\)$", stands, re.M)
    assert re.search(r"^P005 +lab_error +[0-9-]+ +none: exit code 1: no vacuum$", stands, re.M)
    # Nothing was measured: a simulation mixes with nothing.
    assert run("study", "run", "rig", "--budget", 1, "--surrogate").code == 0


def test_a_mishap_is_counted_beside_the_evaluations(run: Any, rig: str, tmp_path: Path) -> None:
    (tmp_path / "rig.py").write_text(
        "import os, sys\nif not os.path.exists('seen'):\n    open('seen', 'w')\n    sys.exit(3)" + RIG
    )
    done = run("study", "run", "rig", "--budget", 2, "--command", rig)
    assert done.code == 0, done.err
    assert "2 evaluations in all, 2 of them now; 1 lab error beside them; 0 failed cells" in done.err


def test_a_study_taken_up_again_counts_failed_cells_as_status_does(run: Any, tmp_path: Path) -> None:
    (tmp_path / "rig.py").write_text("""print('{"outcome_class": "cracked"}')""")
    with make_plain(tmp_path / "plain") as campaign:
        campaign.add({"speed": 5, "moisture": "dry"})
    words = ("study", "run", "plain", "--budget", 1, "--command", f'"{Path(sys.executable).as_posix()}" rig.py')
    for now in (1, 0):
        told = run(*words).err
        assert f"1 evaluation in all, {now} of them now" in told
        assert "; 1 failed cell in all (C001); 0 recipes on the front" in told
        assert "Stopped: the budget of 1 evaluation is spent." in told
    assert "1 failed" in run("status", "plain").out


def test_a_reply_that_cannot_stand_ends_with_what_the_hours_were_good_for(run: Any, rig: str, tmp_path: Path) -> None:
    assert run("study", "run", "rig", "--budget", 1, "--command", rig).code == 0
    (tmp_path / "rig.py").write_text("print('ready.')")
    done = run("study", "run", "rig", "--budget", 3, "--command", rig)
    assert done.code == 3
    assert "Stopped over the reply about P002. 1 evaluation in all so far, all recorded" in done.err
    assert "must be one JSON object" in done.err
    # The words to type are the real ones.
    aside = re.search(r"set P002 aside:  pvdopt (fail studies/rig P002 --class lab_error)$", done.err, re.M)
    assert aside
    assert run(*aside[1].split()).out == "P002 is lab_error\n"


def test_a_study_broken_off_says_what_stands(run: Any, rig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pvdopt.evaluators.CommandEvaluator.evaluate", interrupt)
    done = run("study", "run", "rig", "--budget", 2, "--command", rig)
    assert done.code == 130
    assert "the same command goes on from there" in done.err


#: What a rig does, and how its cell stands once the command that was shown has been typed.
UNKEPT = {
    "figures": (
        """print('{"gloss": 41.25, "speed": 5.5, "remark": "a $HOME \\\\"quoted\\\\" remark", "cause": null}')""",
        [{"value": 41.25}, {"speed": 5.5}, {"remark": 'a $HOME "quoted" remark'}],
    ),
    "failure": (
        """raise SystemExit("no 'vacuum' `at` all!")""",
        [{"outcome_class": "lab_error", "cause": "exit code 1: no 'vacuum' `at` all!", "stage": "evaluation"}],
    ),
}


@pytest.mark.skipif(os.name == "nt", reason="words are split as a POSIX shell does")
@pytest.mark.parametrize("name", UNKEPT)
def test_what_could_not_be_recorded_is_shown_as_the_command_that_records_it(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    program, expected = UNKEPT[name]
    with make_plain(tmp_path / "my lab") as campaign:
        campaign.add({"speed": 5, "moisture": "dry"})
    (tmp_path / "rig.py").write_text(program)
    words = ("study", "run", "my lab", "--budget", 1, "--command", f"'{sys.executable}' rig.py", "--patience", 0)

    def refuse(*_: object, **__: object) -> None:
        raise LedgerBusy("somebody else is writing to the ledger")

    with monkeypatch.context() as patched:
        patched.setattr("pvdopt.campaign.Campaign.record", refuse)
        ended = run(*words)
    assert ended.code == LedgerBusy.exit_code
    assert "C001 is evaluated and not recorded." in ended.err
    assert ended.err.rstrip().endswith("somebody else is writing to the ledger")
    shown = next(line for line in ended.err.splitlines() if line.startswith("  pvdopt record "))
    done = run(*shlex.split(shown)[1:])
    assert done.code == 0, done.err
    with Campaign.open(tmp_path / "my lab") as campaign:
        told = [fact.payload for fact in campaign.ledger.facts()] if campaign.ledger else []
    assert all(any(part.items() <= flatten(payload).items() for payload in told) for part in expected)


def flatten(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a fact says, without the parts it says it in."""
    found: dict[str, Any] = {}
    for name, value in payload.items():
        found |= flatten(value) if isinstance(value, Mapping) else {name: value}
    return found


def test_a_study_that_is_told_to_end_while_it_waits_shows_the_reply(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_plain(tmp_path / "plain") as campaign:
        campaign.add({"speed": 5, "moisture": "dry"})
    (tmp_path / "rig.py").write_text("""print('{"gloss": 41.25}')""")

    def refuse(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("pvdopt.campaign.Campaign.record", refuse)
    ended = run("study", "run", "plain", "--budget", 1, "--command", f'"{Path(sys.executable).as_posix()}" rig.py')
    assert ended.code == 130
    assert "Broken off. 0 evaluations in all so far" in ended.err
    assert "  pvdopt record plain C001 gloss=41.25 --confirm\n" in ended.err
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_simulated_study_says_so_and_takes_no_measured_cells(run: Any, rig: str) -> None:
    done = run("study", "run", "rig", "--budget", 2, "--virtual-lab", "--seed", 3, "--csv")
    assert done.code == 0, done.err
    assert "simulated" in run("status", "rig").out
    refused = run("study", "run", "rig", "--budget", 3, "--command", rig)
    assert refused.code == 3
    # No program was asked yet: there is no reply to mend.
    assert "reply" not in refused.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "Name one evaluator"),
        (["--surrogate", "--virtual-lab"], 2, "Name one evaluator"),
        (["--command", "a-program-nobody-has"], 2, "'a-program-nobody-has' cannot be started ("),
        (["--command", "rig.py"], 2, "A script needs its interpreter before it, such as --command 'python rig.py'."),
        (["--command", "python 'rig.py"], 2, "a quote in it is not closed"),
        (["--surrogate", "--budget", "0"], 2, "--budget"),
        (["--surrogate", "--budget", "x"], 2, "--budget 'x': must be a number of cells from 1, such as 20, or hours"),
        (["--surrogate", "--fix", "thickness_um"], 2, "NAME=VALUE"),
        (["--surrogate", "--fix", "thicknes_um=1"], 3, "Did you mean thickness_um?"),
        (["--surrogate", "--fix", "thickness_um=100"], 3, "thickness_um: must lie in [0.1, 5] um, got 100"),
        (["--surrogate", "--sampler", "tep"], 2, "the sampler must be one of surrogate, tpe"),
    ],
)
def test_a_study_that_cannot_run_says_why(run: Any, rig: str, words: list[str], code: int, said: str) -> None:
    done = run("study", "run", "rig", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    if code == 3 or "--sampler" in words:
        # What is wrong is found before anything is evaluated or noted.
        assert json.loads(run("status", "rig", "--json").out)["n_facts"] == 1


def test_skill_is_printed_as_it_is(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def skill(specification: str, outcome: str) -> Skill:
        span = Interval(0.321, 0.25, 0.4)
        against = {"theory": Interval(0.052, -0.01, 0.1)}
        return Skill(specification, outcome, "source", 54, 40, span, 0.1, span, span, span, 1.2, 1.0, against)

    names = ["gaussian_process", "forest", "mixture", "climatology", "theory"]
    skills = [skill(name, outcome) for outcome in ("capacity", "retention") for name in names]
    frame = pd.DataFrame({"outcome": ["capacity", "retention"], "id": ["a", "b"], "mean": [1.0, 2.0]})
    asked = []

    def evaluate(_: object, **options: Any) -> Evaluation:
        asked.append(options)
        options["progress"](1, 2, "folds")
        return Evaluation(skills, frame, [], {"capacity": (3, 4)}, ["as it is"])

    monkeypatch.setattr("pvdopt.campaign.Campaign.evaluate", evaluate)
    done = run("evaluate", "lco_lipon.toml", "--by", "team", "--model", "forest", "-j", 2)
    assert done.code == 0
    assert "54 cells of 40 publications" in done.out
    assert done.out.count("+0.052 [-0.010, +0.100]") == 10
    assert done.out.count("32%") == 10
    assert "3 of 4 own results" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert done.err == "note: as it is\n"
    assert (asked[0]["by"], asked[0]["specifications"], asked[0]["n_jobs"]) == ("team", ["forest"], 2)
    assert len(json.loads(run("evaluate", "lco_lipon.toml", "--outcome", "retention", "--json").out)["skills"]) == 5
    assert (
        run("evaluate", "lco_lipon.toml", "--outcome", "retention", "--csv").out == "outcome,id,mean\nretention,b,2.0\n"
    )
    assert run("evaluate", "lco_lipon.toml", "--by", "day").code == 2


def test_pairs_families_control_and_curve_are_printed_where_asked(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    span, better = Interval(0.3, 0.2, 0.4), Interval(-0.1, -0.2, -0.05)
    levels = tuple(Coverage(p, Interval(p, 0, 1), 1.0) for p in (0.5, 0.8, 0.9))

    def skill(crps: Interval) -> Skill:
        against = {"climatology": better, "theory": Interval(-0.01, -0.1, 0.1)}
        return Skill("ridge", "capacity", "source", 9, 8, span, 0.1, crps, span, span, 1, 1, against, span, 7.5, levels)

    pairs = stated_pairs()[:2]
    checks = [PairCheck(pairs[0], "s", 50, 40, True, True), PairCheck(pairs[1], "s", 40, 40, None, False)]

    def evaluate(_: object, **options: Any) -> Evaluation:
        asked.append(options)
        families = [FamilySkill("ridge", "capacity", "LiCoO2", 5, 4, 1.5, 0)]
        control, curve = (
            [PermutedControl("ridge", "capacity", (0.1, 0.2), -0.1)],
            [CurvePoint("capacity", 3, 9, 1.4, 8)],
        )
        told = {"ridge": checks}, {"ridge": summarise(checks)}
        return Evaluation([skill(span)], pd.DataFrame(), [], {}, [], [skill(better)], families, *told, control, curve)

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("pvdopt.campaign.Campaign.evaluate", evaluate)
    plain = run("evaluate", "lco_lipon.toml", "--outcome", "capacity").out
    assert asked[0]["specifications"] == ["gaussian_process"]
    assert (asked[0]["outcome"], asked[0]["n_permutations"]) == ("capacity", 0)
    assert "ridge: better than climatology; no difference shown to theory" in plain
    assert "1 of 2" in plain
    assert "8 of 9" in plain
    assert "+0.150 on average and +0.100 at best (2 times)" in " ".join(plain.split())
    assert "matsuda2018" not in plain
    more = run("evaluate", "lco_lipon.toml", "--details", "--control", 2, "--model", "all").out
    assert (asked[1]["specifications"], asked[1]["n_permutations"]) == (None, 2)
    assert "matsuda2018-0.32um" in more
    assert "no difference" in more
    assert "LiCoO2" in more
    assert max(map(len, more.splitlines())) <= 100
    told = json.loads(run("evaluate", "lco_lipon.toml", "--json").out)
    assert told["pairs"]["ridge"][0]["pair"]["lever"] == "thickness_um"
    assert told["without_odd"][0]["crps"]["value"] == -0.1


def test_figures_that_cannot_be_drawn_are_told_before_anything_is_computed(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("pvdopt.Campaign.evaluate", lambda *_, **__: pytest.fail("computed"))
    done = run("evaluate", "lco_lipon.toml", "--figures", "figs")
    assert done.code == 2
    assert "pvdopt[figures]" in done.err


def test_the_help_names_the_patience_of_the_loop() -> None:
    assert closed_loop.PATIENCE_S == study.PATIENCE_S
