"""The loop without a hand on the keyboard: a script as a rig, replies that make no sense, going on after a break."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from campaigns import PLAIN, digest, make_lco, make_plain, propose
from pvdopt.campaign import Campaign
from pvdopt.closed_loop import ClosedLoop
from pvdopt.errors import DataInvalid, UsageError
from pvdopt.evaluators import CommandEvaluator, Request, SurrogateEvaluator, VirtualLabEvaluator

#: A rig: gloss peaks at speed 6, wet; the highest speed breaks the film.
RIG = """
import json, sys
asked = json.load(sys.stdin)
recipe = asked["recipe"]
print("making", asked["id"], file=sys.stderr)
if recipe["speed"] == 9:
    print(json.dumps({"outcome_class": "cracked"}))
else:
    print(json.dumps({"gloss": 50 - (recipe["speed"] - 6) ** 2 + 5 * (recipe["moisture"] == "wet")}))
"""
#: What a rig prints, and what is said about it.
REPLIES = {
    "nothing": (
        "",
        "reply of the command, P001: must be one JSON object (Expecting value: line 1 column 1 (char 0)), got ''.",
    ),
    "words": (
        "57.2 uAh",
        "reply of the command, P001: must be one JSON object (Extra data: line 1 column 6 (char 5)), got '57.2 uAh'.",
    ),
    "two objects": (
        "{}\n{}",
        "reply of the command, P001: must be one JSON object (Extra data: line 2 column 1 (char 3))",
    ),
    "a list": ("[57.2]", "reply of the command, P001: must be a JSON object with results by name, got '[57.2]'."),
    "NaN": ('{"gloss": NaN}', "reply of the command, P001: must be one JSON object (NaN is no number)"),
    "no result": ("{}", "reply of the command, P001: must hold an outcome or an outcome_class, got '{}'."),
    "only null": ('{"gloss": null}', "reply of the command, P001: must hold an outcome or an outcome_class"),
    "another cell": ('{"id": "P007", "gloss": 3}', "reply of the command, P001, id: must be about P001, got 'P007'."),
    "unknown name": (
        '{"glos": 3}',
        "reply of the command, P001, glos: is not a column of this campaign. Did you mean gloss?",
    ),
    "a text": ('{"gloss": "shiny"}', "reply of the command, P001, gloss: must be a finite number"),
    "a list of values": ('{"gloss": [3]}', "reply of the command, P001, gloss: must be a number or a text"),
    "unknown class": (
        '{"outcome_class": "broken"}',
        "reply of the command, P001, outcome_class: must be one of",
    ),
}


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Campaign]:
    with make_plain(tmp_path / "plain") as found:
        yield found


def make_rig(folder: Path, text: str = RIG, timeout_s: float = 60.0) -> CommandEvaluator:
    path = folder / "rig.py"
    path.write_text(text, encoding="utf-8")
    return CommandEvaluator([sys.executable, str(path)], timeout_s)


class Breaking:
    """A rig that is broken off after some cells, as by Ctrl-C."""

    name = "command"
    is_simulated = False

    def __init__(self, rig: CommandEvaluator, n: int) -> None:
        self.rig, self.left = rig, n

    def evaluate(self, request: Request) -> Mapping[str, object]:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return self.rig.evaluate(request)


def test_a_script_drives_twenty_evaluations(tmp_path: Path) -> None:
    text = PLAIN.replace("step = 1\n", "step = 0.25\n")
    told: list[tuple[int, int, str]] = []
    with make_plain(tmp_path / "plain", text) as campaign:
        loop = ClosedLoop(campaign, make_rig(tmp_path), 20, 5, progress=lambda *step: told.append(step))
        report = loop.run()
        assert (report.evaluations, report.done_now, report.stopped) == (20, 20, "budget")
        assert [done for done, _, _ in told] == list(range(1, 21))
        status = campaign.status()
        assert sum(status.counts.values()) == 20
        assert status.budget is not None
        assert (status.budget.used, status.budget.left) == (20, 0)
        assert not status.pending
        best = report.front.iloc[0]
        # The best of 66 recipes gives 55; the rig is understood well before twenty.
        assert best["gloss"] > 54
        assert best["moisture"] == "wet"


def test_a_loop_that_was_broken_off_goes_on_where_it_stopped(plain: Campaign, tmp_path: Path) -> None:
    rig = make_rig(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        ClosedLoop(plain, Breaking(rig, 2), 6, 4).run()
    assert len(plain.own_cells().counting()) == 2
    assert plain.status().counts["proposed"] == 2
    with Campaign.open(tmp_path / "plain") as again:
        report = ClosedLoop(again, rig, 6, 4).run()
        assert (report.evaluations, report.done_now, report.resumed) == (6, 4, 2)
        assert [c.id for c in again.own_cells().counting()] == [f"P{k:03d}" for k in range(1, 7)]
        before = digest(again)
        assert ClosedLoop(again, rig, 6, 4).run().done_now == 0
        assert digest(again) == before


def test_the_rig_is_asked_with_the_whole_recipe_and_the_protocol(tmp_path: Path) -> None:
    text = 'import json, sys\nasked = json.load(sys.stdin)\nprint(json.dumps({"remark": json.dumps(asked)}))\n'
    with make_lco(tmp_path / "lco") as campaign:
        propose(campaign, bias_kind="none", bias_v=None)
        own = campaign.own_cells()
        request = Request("P001", own.settings(own.state.cells["P001"]), own.protocol.columns())
        asked = json.loads(str(make_rig(tmp_path, text).evaluate(request)["remark"]))
    assert asked["id"] == "P001"
    assert asked["recipe"]["cathode"] == "LiCoO2"
    assert asked["recipe"]["thickness_um"] == 1.0
    assert asked["recipe"]["bias_v"] is None
    assert asked["protocol"]["cycles"] == 100


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_makes_no_sense_is_named_and_not_recorded(plain: Campaign, tmp_path: Path, name: str) -> None:
    reply, sentence = REPLIES[name]
    plain.suggest(1)
    rig = make_rig(tmp_path, f"print({reply!r})\n" if reply else "")
    with pytest.raises(DataInvalid) as caught:
        ClosedLoop(plain, rig, 3).run()
    assert str(caught.value).startswith(sentence)
    assert plain.status().counts == {"proposed": 1}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("import sys\nsys.exit('no vacuum:\\n gauge off')\n", "exit code 1: no vacuum: gauge off"),
        ("raise SystemExit(3)\n", "exit code 3"),
        ("import time\ntime.sleep(30)\n", "no reply within 0.5 s"),
    ],
    ids=["last words", "silent", "hangs"],
)
def test_a_rig_that_fails_makes_a_lab_error_with_its_last_words(
    plain: Campaign, tmp_path: Path, text: str, cause: str
) -> None:
    report = ClosedLoop(plain, make_rig(tmp_path, text, timeout_s=0.5), 1).run()
    # A mishap says nothing of the recipe: it is no evaluation.
    assert (report.evaluations, report.failed, report.lab_errors) == (0, 0, 5)
    cell = plain.own_cells().state.cells["P001"]
    assert (cell.outcome_class, cell.stage, cell.cause) == ("lab_error", "evaluation", cause)


#: A rig whose own program starts another, which goes on writing for as long as it lives.
HANGING = """
beat() { while true; do echo >> beats; sleep 0.05; done; }
beat &
"""


def wait_for_silence(path: Path) -> bool:
    """Return whether nothing is written to a file any more."""
    sizes = []
    for _ in range(2):
        # On a busy machine it may have been stopped before it began.
        sizes.append(path.stat().st_size if path.exists() else 0)
        time.sleep(0.4)
    return sizes[0] == sizes[1]


@pytest.mark.skipif(os.name == "nt", reason="sessions are POSIX's")
@pytest.mark.parametrize(
    ("last", "timeout_s", "cause"),
    [
        ("sleep 60", 0.6, "no reply within 0.6 s"),
        ("trap '' TERM; wait", 0.6, "no reply within 0.6 s"),
        ("exit 3", 60.0, "exit code 3"),
    ],
    ids=["hangs", "deaf", "fails"],
)
def test_what_a_program_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, timeout_s: float, cause: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pvdopt.evaluators.GRACE_S", 0.3)
    script = "trap '' TERM" + HANGING + "while [ ! -s beats ]; do sleep 0.01; done\n" + last
    found = CommandEvaluator(["bash", "-c", script], timeout_s).evaluate(Request("P001", {}, {}))
    assert found["cause"] == cause
    assert wait_for_silence(tmp_path / "beats")


@pytest.mark.skipif(os.name == "nt", reason="sessions are POSIX's")
def test_what_a_program_started_ends_with_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = HANGING + "while [ ! -s beats ]; do sleep 0.01; done; kill -INT $PPID; sleep 60"
    # A shell makes what it starts in the background deaf to it.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            CommandEvaluator(["bash", "-c", script]).evaluate(Request("P001", {}, {}))
    finally:
        signal.signal(signal.SIGINT, former)
    assert wait_for_silence(tmp_path / "beats")


def test_a_program_that_floods_its_output_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(tmp_path, "while True:\n    print('x' * 10_000, flush=True)\n", timeout_s=60.0)
    begun = time.monotonic()
    with pytest.raises(DataInvalid, match="must have at most 1 MB"):
        rig.evaluate(Request("P001", {}, {}))
    assert time.monotonic() - begun < 30, "it waited for the timeout"
    # What it says beside its reply may be much, and is forgotten but for the end.
    monkeypatch.setattr("pvdopt.evaluators.MAX_WORDS", 100_000)
    talk = "import sys, time\nfor _ in range(8):\n    sys.stderr.write('x' * 50_000)\n    time.sleep(0.1)\n"
    found = make_rig(tmp_path, talk + "sys.exit('no vacuum')\n").evaluate(Request("P001", {}, {}))
    assert str(found["cause"]).endswith("no vacuum")
    assert make_rig(tmp_path, talk + "print('{\"gloss\": 1}')\n").evaluate(Request("P001", {}, {})) == {"gloss": 1}


def test_a_rig_that_always_fails_is_taken_to_be_broken(plain: Campaign, tmp_path: Path) -> None:
    report = ClosedLoop(plain, make_rig(tmp_path, "raise SystemExit('no vacuum')\n"), 20, 4).run()
    assert (report.stopped, report.done_now) == ("evaluator_fails", 0)
    assert "look at the command" in report.notes[0]
    assert report.notes[0].endswith("The last one, P005: exit code 1: no vacuum")


FLAKY = """
import json, pathlib, sys
asked = json.load(sys.stdin)
tries = pathlib.Path(__file__).with_name(asked["id"] + ".tries")
n = len(tries.read_text()) if tries.exists() else 0
tries.write_text("x" * (n + 1))
if n < 2:
    sys.exit("no vacuum")
print(json.dumps({"gloss": asked["recipe"]["speed"]}))
"""


def test_a_program_that_failed_is_run_again_as_often_as_asked(plain: Campaign, tmp_path: Path) -> None:
    make_rig(tmp_path, FLAKY)
    rig = CommandEvaluator([sys.executable, str(tmp_path / "rig.py")], 60.0, retries=2)
    report = ClosedLoop(plain, rig, 2, sampler="random").run()
    assert (report.evaluations, report.lab_errors, report.failed) == (2, 0, 0)
    assert (tmp_path / "P001.tries").read_text() == "xxx"
    # Two tries do not do.
    for path in tmp_path.glob("*.tries"):
        path.unlink()
    rig = CommandEvaluator([sys.executable, str(tmp_path / "rig.py")], 60.0, retries=1)
    found = rig.evaluate(Request("P009", {"speed": 3}, {}))
    assert found == {"outcome_class": "lab_error", "stage": "evaluation", "cause": "exit code 1: no vacuum (attempt 2)"}
    with pytest.raises(UsageError, match="retries of a command must be 0 or more"):
        CommandEvaluator("rig", retries=-1)


def test_a_mishap_counts_for_no_evaluation_and_may_be_made_again(plain: Campaign) -> None:
    class Clumsy:
        name = "command"
        is_simulated = False
        asked = 0

        def evaluate(self, request: Request) -> Mapping[str, object]:
            self.asked += 1
            return {"outcome_class": "lab_error"} if self.asked % 2 else {"gloss": 1.0 * self.asked}

    report = ClosedLoop(plain, Clumsy(), 3, sampler="random").run()
    assert (report.evaluations, report.lab_errors, report.done_now, report.stopped) == (3, 3, 3, "budget")
    status = plain.status()
    assert status.budget is not None
    assert (status.budget.used, status.budget.left) == (3, 0)
    assert [step.n for step in report.curve] == [1, 2, 3]
    assert [step.best for step in report.curve] == [2.0, 4.0, 6.0]
    assert report.best[0].value == 6.0
    assert report.why == "the budget of 3 evaluations is spent"


def test_a_command_that_cannot_be_started_is_the_callers_mistake(plain: Campaign) -> None:
    with pytest.raises(UsageError, match="'no-such-program' cannot be started"):
        ClosedLoop(plain, CommandEvaluator("no-such-program --fast"), 3).run()
    with pytest.raises(UsageError, match="is empty"):
        CommandEvaluator("  ")
    with pytest.raises(UsageError, match="must be above 0 s"):
        CommandEvaluator("rig", 0)
    with pytest.raises(UsageError, match="budget and batch must be at least 1, got 0 and 1"):
        ClosedLoop(plain, CommandEvaluator("rig"), 0)


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    path = tmp_path / "echo.py"
    path.write_text('import json, sys\nprint(json.dumps({"remark": sys.argv[1]}))\n')
    evaluator = CommandEvaluator(f'"{sys.executable}" "{path}" "$HOME; exit 1"')
    assert evaluator.evaluate(Request("P001", {}, {}))["remark"] == "$HOME; exit 1"


def test_a_space_that_is_used_up_ends_the_loop(plain: Campaign, tmp_path: Path) -> None:
    class Instant:
        name = "command"
        is_simulated = False

        def evaluate(self, request: Request) -> Mapping[str, object]:
            return {"gloss": 1.0}

    report = ClosedLoop(plain, Instant(), 30, 18).run()
    assert (report.stopped, report.evaluations) == ("nothing_to_propose", 18)


class Counting:
    """Gives what a function of the recipe says."""

    name = "command"
    is_simulated = False

    def __init__(self, function: Any) -> None:
        self.function = function

    def evaluate(self, request: Request) -> Mapping[str, object]:
        return {"gloss": self.function(request.recipe)}


HOURLY = PLAIN + '[runs.coating]\nshares = ["speed"]\nplaces = 2\nhours = 4\n'


def test_a_budget_of_hours_ends_a_study_and_is_kept_over_breaks(tmp_path: Path) -> None:
    with make_plain(tmp_path / "plain", HOURLY) as campaign:
        rig = Counting(lambda recipe: 50 - (recipe["speed"] - 6) ** 2)
        first = ClosedLoop(campaign, rig, None, 2, hours=9.5).run()
        # Two coatings of 4 h and two cells of half an hour; the rest is too little for another coating.
        assert (first.stopped, first.evaluations, first.hours) == ("budget", 2, pytest.approx(9.0))
        assert ClosedLoop(campaign, rig, None, 2, hours=9.5).run().done_now == 0
        budget = campaign.status().budget
        assert budget is not None
        assert (budget.cells, budget.hours, budget.hours_used) == (None, 9.5, pytest.approx(9.0))
        assert ClosedLoop(campaign, rig, 4, 2, hours=30).run().evaluations == 4
    with make_plain(tmp_path / "other") as bare, pytest.raises(UsageError, match="how long things take"):
        ClosedLoop(bare, rig, None, hours=9.5)


def test_a_study_ends_where_the_advice_is_to_stop(tmp_path: Path) -> None:
    text = PLAIN.replace("step = 1\n", "step = 0.1\n")
    with make_plain(tmp_path / "plain", text) as campaign:
        rig = Counting(lambda recipe: 50 - (recipe["speed"] - 6) ** 2)
        report = ClosedLoop(campaign, rig, 40, 2, until_advice=True).run()
        assert report.stopped == "advice"
        assert 8 <= report.evaluations < 40
        assert report.best[0].value > 49.5
        assert report.notes[-1].startswith("Stop: the next batch as a whole is expected to gain")
        # Nothing is left waiting, and asking again gives the same answer.
        assert not campaign.status().pending
        before = digest(campaign)
        assert ClosedLoop(campaign, rig, 40, 2, until_advice=True).run().stopped == "advice"
        assert digest(campaign) == before
    with make_plain(tmp_path / "other") as bare, pytest.raises(UsageError, match="needs an end"):
        ClosedLoop(bare, rig, None)


def test_five_cracked_cells_are_no_broken_rig(plain: Campaign, tmp_path: Path) -> None:
    rig = make_rig(tmp_path, 'print(\'{"outcome_class": "cracked"}\')\n')
    report = ClosedLoop(plain, rig, 7, sampler="random").run()
    assert (report.stopped, report.evaluations, report.failed) == ("budget", 7, 7)
    assert report.curve[-1].best is None


def test_cells_are_shown_as_they_were_made(plain: Campaign) -> None:
    plain.suggest(1, fix={"speed": 9})
    plain.record({"id": "P001", "speed": 9.4, "gloss": 10}, confirm=True)
    assert plain.pareto(believed=False)["speed"].tolist() == [9.4]
    found = plain.best()
    assert found.measured[0].recipe["speed"] == 9.4
    # What can be set again is what is believed of.
    assert found.believed[0].recipe["speed"] == 9
    assert any("nearest recipe that can be set" in note for note in found.notes)


# -- simulations -----------------------------------------------------------------------------------------------------


def run_simulation(campaign: Campaign, evaluator: Any, budget: int) -> None:
    """Evaluate proposals put in by hand, which is quicker than asking for them."""
    for k in range(budget):
        propose(campaign, thickness_um=1.0 + 0.1 * k)
    ClosedLoop(campaign, evaluator, budget).run()


def test_the_surrogates_belief_is_its_median_and_does_not_feed_on_itself(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lco") as campaign:
        first = SurrogateEvaluator(campaign)
        run_simulation(campaign, first, 3)
        cells = campaign.own_cells().state.cells
        assert all(c.status == "complete" for c in cells.values())
        assert campaign.status().evaluator == "surrogate"
        request = Request("P009", cells["P001"].settings, {})
        assert SurrogateEvaluator(campaign).evaluate(request) == first.evaluate(request)
        found = first.evaluate(request)
        assert cells["P001"].outcomes["capacity"].value == pytest.approx(found["capacity"])


def test_the_virtual_lab_makes_the_same_cell_again_and_another_lab_another(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lco") as campaign:
        run_simulation(campaign, VirtualLabEvaluator(1), 3)
        own = campaign.own_cells()
        assert len(own.counting()) == 3
        cell = own.state.cells["P001"]
        request = Request("P001", {**own.settings(cell), **cell.recipe}, own.protocol.columns())
    assert VirtualLabEvaluator(1).evaluate(request) == VirtualLabEvaluator(1).evaluate(request)
    assert VirtualLabEvaluator(1).evaluate(request) != VirtualLabEvaluator(2).evaluate(request)


def test_measured_and_simulated_cells_never_mix(tmp_path: Path) -> None:
    with make_lco(tmp_path / "lab") as campaign:
        propose(campaign)
        campaign.record({"id": "P001", "capacity": 57})
        before = digest(campaign)
        with pytest.raises(DataInvalid, match="holds measured cells, with which simulated ones must not be mixed"):
            ClosedLoop(campaign, VirtualLabEvaluator(1), 3).run()
        assert digest(campaign) == before
    with make_lco(tmp_path / "simulated") as campaign:
        run_simulation(campaign, VirtualLabEvaluator(1), 1)
        propose(campaign)
        before = digest(campaign)
        with pytest.raises(DataInvalid, match="come from the evaluator virtual_lab seed 1 and must not be mixed"):
            campaign.record({"id": "P002", "capacity": 57})
        with pytest.raises(DataInvalid, match="must not be mixed, got 'virtual_lab seed 2'"):
            ClosedLoop(campaign, VirtualLabEvaluator(2), 3).run()
        assert digest(campaign) == before
