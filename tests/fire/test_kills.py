"""``kill -9`` at any instant: nothing recorded is missing, nothing is half there, the next command works."""

from __future__ import annotations

import contextlib
import csv
import json
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from zygote import Ended, Zygote

from pvdopt.campaign.exchange import EXPORTED
from pvdopt.campaign.folder import find_ledger
from pvdopt.ledger import Fact, Ledger

FOLDER = Path("studies") / "plain"
#: What a results table says of a cell, and what a foreign one's columns need to have said of them.
COLUMNS, UNITS = ("speed", "moisture", "gloss"), (":1", "", ":1")
#: Rows of a results table: one for a cell that waits, the others for new cells of the lab's own.
N_ROWS = 3


@dataclass
class Fire:
    """A campaign that is shot at: what it has said so far, and what each command may add to that."""

    home: Path
    zygote: Zygote
    rng: random.Random
    facts: list[Fact] = field(default_factory=list)
    typical: dict[str, float] = field(default_factory=dict)
    kills: int = 0
    kept: int = 0
    n_tables: int = 0

    def open(self) -> Ledger:
        return Ledger.open(find_ledger(self.home / FOLDER))

    def look(self) -> list[Fact]:
        """Check the ledger as it stands and return what was added; what had been there must be there."""
        with self.open() as ledger:
            assert ledger.check() == []
            now = ledger.facts()
        assert now[: len(self.facts)] == self.facts, "a fact is missing or was changed"
        added, self.facts = now[len(self.facts) :], now
        return added

    def shoot(self, name: str, words: list[object], whole: Callable[[list[Fact]], bool]) -> None:
        """Kill a command somewhere, see that it did all or nothing, and let it do the same undisturbed."""
        ended = self.zygote.run(*words, **self._aim(name))
        added = self.look()
        assert not added or whole(added), f"{name} is half there: {[f.kind for f in added]}"
        if ended.code is None:
            self.kills += 1
            self.kept += bool(added)
        else:
            self._succeeded(name, ended)
            assert added or name in ("export", "report"), f"{name} said it was done, and nothing is there"
        again = self.zygote.run(*words)
        if (name == "correct" and not added) or name != "correct":
            self._succeeded(name, again)
        self.typical[name] = again.seconds
        added = self.look()
        assert not added or whole(added)

    def _succeeded(self, name: str, ended: Ended) -> None:
        assert ended.code == 0, f"{name}: {ended.out}{ended.err}"

    def _aim(self, name: str) -> dict[str, object]:
        """Return when to kill: anywhere, towards the end where writing is, or right as the file is written to."""
        typical = self.typical.get(name, 0.5)
        how = self.rng.random()
        wal = self.home / FOLDER / "ledger.sqlite-wal"
        if how < 0.4 and (self.home / FOLDER / "ledger.sqlite").exists():
            return {"kill_after": self.rng.uniform(0, 0.004), "watch": wal}
        return {"kill_after": typical * (self.rng.uniform(0, 1) if how < 0.7 else self.rng.uniform(0.7, 1.1))}

    # -- the commands --------------------------------------------------------------------------------------------

    def suggest(self) -> None:
        def whole(added: list[Fact]) -> bool:
            return [f.kind for f in added] == ["proposed"] * 2

        self.shoot("suggest", ["suggest", FOLDER, "-n", 2], whole)

    def record(self) -> None:
        self.n_tables += 1
        table = self.home / f"results-{self.n_tables}.csv"
        # Every other table has headings of the lab's own, which are mapped anew each time.
        is_foreign = self.n_tables % 2 == 0
        headings = ["id", "Speed", "Feuchte", "Glanz", "sample"] if is_foreign else ["id", *COLUMNS, "sample"]
        words = ["record", FOLDER, table]
        if is_foreign:
            maps = [
                f"--map={name}={head}{unit}" for name, head, unit in zip(COLUMNS, headings[1:], UNITS, strict=False)
            ]
            words = ["cells", "import", FOLDER, table, *maps]
        with self.open() as ledger:
            waiting = ledger.state(["gloss"]).pending()
        rows = [[next(iter(waiting), ""), "", "", 50 + self.n_tables, ""]]
        # Values no other table has, so that a repetition would be seen.
        rows += [["", 1 + self.n_tables / 100, "wet", n, f"S{self.n_tables}-{n}"] for n in range(N_ROWS - 1)]
        with table.open("w", newline="") as file:
            csv.writer(file).writerows([headings, *(rows if rows[0][0] else rows[1:])])

        def whole(added: list[Fact]) -> bool:
            n_added = sum(f.kind == "added" for f in added)
            n_measured = sum(f.kind == "measured" for f in added)
            return n_added == N_ROWS - 1 and n_measured == N_ROWS - (not rows[0][0])

        before = len(self.facts)
        ended = self.zygote.run(*words, **self._aim(str(words[0])))
        added = self.look()
        assert not added or whole(added), f"record is half there: {[f.kind for f in added]}"
        self.kills += ended.code is None
        self.kept += ended.code is None and bool(added)
        if not added:
            again = self.zygote.run(*words)
            self._succeeded(str(words[0]), again)
            self.typical[str(words[0])] = again.seconds
            assert whole(self.look())
        assert len(self.facts) > before

    def correct(self) -> None:
        with self.open() as ledger:
            cells = [c.id for c in ledger.state(["gloss"]).cells.values() if c.outcomes]
        if not cells:
            self.record()
            return
        value = f"gloss={60 + len(self.facts) / 1000}"
        self.shoot(
            "correct",
            ["correct", FOLDER, self.rng.choice(cells), value, "--why", "scale"],
            lambda added: [f.kind for f in added] == ["corrected"],
        )

    def retrain(self) -> None:
        if self.n_tables > 2 and self.n_tables % 10:
            # With more own cells all specifications compete, which takes its time.
            self.correct()
            return
        self.shoot("retrain", ["retrain", FOLDER], lambda added: [f.kind for f in added] == ["retrained"])

    def export(self) -> None:
        out = self.home / "out"
        self.shoot("export", ["export", FOLDER, out], lambda added: False)
        assert len(json.loads((out / "facts.json").read_text())) == len(self.facts)
        for name in ("cells.csv", "data_dictionary.csv"):
            with (out / name).open(newline="") as file:
                assert len({len(row) for row in csv.reader(file)}) == 1
        assert {p.name for p in out.iterdir()} == set(EXPORTED), "what a killed export left behind is cleared away"

    def report(self) -> None:
        page = self.home / FOLDER / "report.html"
        self.shoot("report", ["report", FOLDER], lambda added: False)
        assert page.read_text().rstrip().endswith("</html>")
        # As it stands after a kill, with nothing run again.
        self.kills += self.zygote.run("report", FOLDER, **self._aim("report")).code is None
        assert page.read_text().rstrip().endswith("</html>")

    def export_study(self) -> None:
        """Export for optuna-dashboard; a killed export leaves the former study, whole."""
        out = self.home / "study.db"
        words = ("export", FOLDER, "--optuna", out)
        self.kills += self.zygote.run(*words, **self._aim("export_study")).code is None
        assert not out.exists() or count_trials(out) > 0
        again = self.zygote.run(*words)
        self._succeeded("export_study", again)
        self.typical["export_study"] = again.seconds
        assert self.look() == []
        with self.open() as ledger:
            assert count_trials(out) == len(ledger.state(["gloss"]).cells)

    def backup(self) -> None:
        copy = self.home / f"copy-{len(list(self.home.glob('copy-*')))}.sqlite"
        ended = self.zygote.run("ledger", "backup", FOLDER, copy, **self._aim("backup"))
        self.kills += ended.code is None
        if copy.exists():
            with Ledger.open(copy) as ledger:
                assert ledger.facts() == self.facts
            copy.rename(self.home / f"{copy.name}.done")
        self._succeeded("backup", self.zygote.run("ledger", "backup", FOLDER, copy))
        assert self.look() == []


def count_trials(study: Path) -> int:
    """Return how many trials a file with a study of Optuna's holds, which must be whole."""
    with contextlib.closing(sqlite3.connect(study)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM trials").fetchone()[0])


def test_a_campaign_survives_init_killed(tmp_path: Path, campaign_text: str) -> None:
    rng = random.Random(1)
    with Zygote(tmp_path) as zygote:
        for _ in range(4):
            zygote.run("init", "plain", "--from", "plain.toml", kill_after=rng.uniform(0.02, 0.4))
            if (tmp_path / FOLDER).exists():
                break
        else:
            assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
        assert zygote.run("status", FOLDER).code == 0
    with Ledger.open(find_ledger(tmp_path / FOLDER)) as ledger:
        assert [f.payload["event"] for f in ledger.facts()] == ["created"]


@pytest.mark.parametrize("n_kills", [10, pytest.param(250, marks=pytest.mark.slow)])
def test_kills(tmp_path: Path, campaign_text: str, n_kills: int, tell: Callable[[str], None]) -> None:
    with Zygote(tmp_path) as zygote:
        assert zygote.run("init", "plain", "--from", "plain.toml").code == 0
        fire = Fire(tmp_path, zygote, random.Random(n_kills))
        fire.look()
        every = [fire.suggest, fire.retrain, fire.record, fire.export, fire.correct, fire.suggest, fire.backup]
        every += [fire.record, fire.report, fire.export_study]
        turn = 0
        while fire.kills < n_kills:
            every[turn % len(every)]()
            turn += 1
            assert turn < 5 * n_kills, "too few commands were hit"
        assert zygote.run("status", FOLDER).code == 0
        assert zygote.run("ledger", "check", FOLDER).code == 0
    tell(
        f"{fire.kills} kills survived in {turn} rounds of suggest, record, cells import, correct, retrain, report, "
        f"exports and backup; {len(fire.facts)} facts, none lost, none half; {fire.kept} commands were killed after "
        "they had recorded"
    )
