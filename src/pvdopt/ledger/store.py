"""Where facts are kept: opened, read, folded, and written in a transaction each.

Knows how facts are kept and who may write when; what may be said is in :mod:`pvdopt.ledger.ledger`, what it adds up to
in :mod:`pvdopt.ledger.state`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import Connection, Engine

from pvdopt.errors import DataInvalid, LedgerChanged, Problem
from pvdopt.ledger import changes, engine, tables
from pvdopt.ledger.facts import Draft, Fact, check_author, format_time, utc_now
from pvdopt.ledger.fold import Fold, without_collection
from pvdopt.ledger.state import LedgerState

Clock = Callable[[], datetime]
WAIT_S = 5.0
_log = logging.getLogger(__name__)


class FactStore:
    """Facts in a file or a database, a transaction each. Opened by :meth:`create` or :meth:`open`.

    An instance is for one thread; any number of processes may hold the same ledger.

    Attributes
    ----------
    name : str
        Path or URL, for messages.
    campaign, author : str
        The campaign's name, and who writes.
    is_rehearsal : bool
        Whether every writing is planned and checked as ever, and then not kept.
    """

    def __init__(self, database: Engine, name: str, campaign: str, author: str, clock: Clock) -> None:
        self.name = name
        self.campaign = campaign
        self.author = author
        self.is_rehearsal = False
        self._engine = database
        self._clock = clock
        self._fold = Fold()

    @classmethod
    def create(
        cls,
        url_or_path: str | Path,
        campaign: str,
        author: str | None = None,
        *,
        wait_s: float = WAIT_S,
        clock: Clock | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> Self:
        """Create an empty ledger and open it.

        Parameters
        ----------
        url_or_path : str or Path
            Of an SQLite file that does not exist yet, or ``postgresql://HOST/DATABASE?schema=NAME`` without a ledger.
        author : str, optional
            The environment's ``PVDOPT_AUTHOR`` by default, else the user's name.
        wait_s : float
            How long to wait for another writer, in seconds.
        clock : callable, optional
            Gives the time of a fact, with its time zone.
        note : mapping, optional
            The first fact, written with the tables: nobody finds a ledger without it.

        Raises
        ------
        DataInvalid
            If something is there already, or the folder is missing.
        LedgerBusy
            If somebody else is creating it.
        """
        location = engine.Location.parse(url_or_path)
        who = check_author(author)
        if location.path is not None:
            engine.make_file(location.path)
        ledger = cls(engine.build_engine(location, wait_s), location.name, campaign, who, clock or utc_now)
        try:
            if location.path is not None:
                engine.set_journal(ledger._engine, location.name)
            with engine.writing(ledger._engine, location.name) as connection:
                created = format_time(ledger._clock())
                tables.create_tables(connection, location.name, campaign, created, location.schema)
                if note is not None:
                    tables.append(connection, 0, changes.plan_remark("note", note), created, who)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def remake(cls, url_or_path: str | Path, campaign: str, facts: Sequence[Fact]) -> Self:
        """Create a ledger that holds the facts of another one, to the letter, and open it.

        Raises
        ------
        DataInvalid
            With every fact that cannot follow those before it, or if something is there already; then nothing is made.
        """
        problems, fold = [], Fold()
        for number, fact in enumerate(facts, start=1):
            if fact.seq != number:
                problems.append(Problem(f"must follow fact {number - 1} without a gap", row=f"fact {fact.seq}"))
            try:
                fold.add(fact)
            except DataInvalid as error:
                problems.extend(error.problems)
        if problems:
            raise DataInvalid(problems)
        ledger = cls.create(url_or_path, campaign)
        try:
            with engine.writing(ledger._engine, ledger.name) as connection:
                tables.insert_facts(connection, facts)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open(
        cls,
        url_or_path: str | Path,
        author: str | None = None,
        *,
        wait_s: float = WAIT_S,
        clock: Clock | None = None,
    ) -> Self:
        """Open a ledger that exists; parameters as in :meth:`create`.

        One of an older schema is led up to this version's, after a copy was put beside it.

        Raises
        ------
        DataInvalid
            If nothing is there, or something other than a ledger.
        LedgerTooNew
            If a newer version of pvdopt wrote it.
        LedgerBusy
            If a writer keeps readers out for longer than ``wait_s``.
        """
        location = engine.Location.parse(url_or_path)
        who = check_author(author)
        if location.path is not None and not location.path.exists():
            todo = "Run `pvdopt init` to begin a campaign"
            raise DataInvalid(Problem("there is no ledger", todo=todo, file=location.name))
        if location.path is not None and not location.path.is_file():
            raise engine.not_a_ledger(location.name)
        ledger = cls(engine.build_engine(location, wait_s), location.name, "", who, clock or utc_now)
        try:
            with engine.reading(ledger._engine, location.name) as connection:
                ledger.campaign, version = tables.recognise(connection, location.name)
            if version < tables.SCHEMA_VERSION:
                ledger._migrate(location)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Let go of the file or database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _migrate(self, location: engine.Location) -> None:
        """Lead the ledger up to this version's schema; one that cannot be written is read as it is."""
        from pvdopt.ledger import migrations

        if location.path is None or engine.is_writable(location.path):
            migrations.migrate(self._engine, location)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the tables; for the rest of this package."""
        with engine.reading(self._engine, self.name) as connection:
            yield connection

    @contextmanager
    def locking(self) -> Iterator[Connection]:
        """Open the one writer's transaction without a look at the facts, from any thread; for this package."""
        with engine.writing(self._engine, self.name) as connection:
            tables.lock(connection, self.name)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, Fold]]:
        """Open the one writer's transaction, with all facts so far; for the rest of this package."""
        with self.locking() as connection:
            self._catch_up(connection, is_writing=True)
            yield connection, self._fold

    def facts(self) -> list[Fact]:
        """Return all facts, oldest first.

        Raises
        ------
        DataInvalid
            If the ledger was altered from outside and a fact cannot be read.
        """
        with self.reading() as connection:
            return [tables.read_fact(row) for row in tables.select(connection)]

    def n_facts(self) -> int:
        """Return how many facts the ledger holds."""
        with self.reading() as connection:
            return tables.count(connection)

    def digest(self) -> str:
        """Return the SHA-256 of all facts in order, in hexadecimal: equal digests, equal ledgers."""
        digest = hashlib.sha256()
        for fact in self.facts():
            digest.update(fact.canonical().encode() + b"\n")
        return digest.hexdigest()

    def state(self, outcomes: Iterable[str] = ("capacity", "retention")) -> LedgerState:
        """Return what the facts add up to.

        Parameters
        ----------
        outcomes : iterable of str
            Those that make a cell complete.
        """
        with self.reading() as connection:
            self._catch_up(connection)
        with without_collection():
            return self._fold.state(outcomes)

    def check(self) -> list[Problem]:
        """Return what is wrong with the ledger, be it that it was altered or that its file is damaged.

        Raises
        ------
        DataInvalid
            If the file is damaged so badly that facts cannot be read.
        """
        # Loads pydantic, which those who only write never need.
        from pvdopt.ledger.payloads import find_deep_faults

        with self.reading() as connection:
            problems = [Problem(f"the file is damaged: {what}") for what in engine.find_damage(connection)]
            rows, stated = tables.select(connection), tables.read_head(connection)
        fold, seq, head = Fold(), 0, ""
        for row in rows:
            if row.seq != seq + 1:
                problems.append(Problem(f"must follow fact {seq} without a gap", row=f"fact {row.seq}"))
            seq = row.seq
            try:
                fact = tables.read_fact(row)
                head = tables.chain([fact], head)
                fold.add(fact)
            except DataInvalid as error:
                problems.extend(error.problems)
                continue
            problems += [Problem(fault, row=f"fact {fact.seq}") for fault in find_deep_faults(fact)]
        if not problems and stated not in (None, head):
            must = "its facts must be those that pvdopt wrote: one was changed, added or taken away by other means"
            problems.append(Problem(must, todo="Go back to a copy of it with `pvdopt ledger restore`"))
        return [Problem(p.must, p.value, p.todo, file=self.name, row=p.row, column=p.column) for p in problems]

    def _write(
        self,
        plan: Callable[[Fold], list[Draft]],
        expected: int | None,
        bearing: Collection[str] | None = None,
    ) -> list[Draft]:
        """Plan on the facts as they are under the writer's lock, and append what comes out.

        ``bearing`` are the kinds of facts that must not have been added since ``expected``; all by default.
        """
        asked = time.monotonic()
        with self.writing() as (connection, fold):
            waited = time.monotonic() - asked
            self._refuse_if_moved_on(connection, expected, bearing)
            drafts = plan(fold)
            if self.is_rehearsal:
                return drafts
            tables.append(connection, fold.last_seq, drafts, format_time(self._clock()), self.author)
        if _log.isEnabledFor(logging.INFO):
            seconds = {"waited_s": round(waited, 3), "seconds": round(time.monotonic() - asked, 3)}
            for draft in drafts:
                why = {n: draft.payload[n] for n in ("purpose", "reason", "why", "chosen") if draft.payload.get(n)}
                said = {"ledger": self.name, "kind": draft.kind, "cell": draft.cell, **why, **seconds}
                _log.info("fact recorded", extra=said)
        return drafts

    def _catch_up(self, connection: Connection, *, is_writing: bool = False) -> None:
        """Fold the facts others have added; since none is ever changed, those folded stay valid.

        Raises
        ------
        LedgerChanged
            If another ledger lies in the place of the one whose facts were read, and a writer planned on these.
        """
        last = self._fold.last
        rows = tables.select(connection, after=self._fold.last_seq - (last is not None))
        if last is not None:
            if not rows or tables.read_fact(rows[0]) != last:
                self._fold = Fold()
                if is_writing:
                    raise LedgerChanged(
                        f"{self.name}: was replaced by another ledger (pvdopt ledger restore) since it was read. "
                        "Nothing was written; run the command again."
                    )
                rows = tables.select(connection)
            else:
                rows = rows[1:]
        with without_collection():
            for row in rows:
                try:
                    self._fold.add(tables.read_fact(row))
                except DataInvalid as error:
                    todo = "See `pvdopt ledger check`"
                    found = [Problem(p.must, p.value, todo, self.name, p.row) for p in error.problems]
                    raise DataInvalid(found) from error

    def _refuse_if_moved_on(
        self, connection: Connection, expected: int | None, bearing: Collection[str] | None
    ) -> None:
        if expected is None or expected == self._fold.n_facts:
            return
        if bearing is not None and expected < self._fold.n_facts:
            news = tables.select(connection, after=expected)
            if not any(row.kind in bearing for row in news):
                return
        last = self._fold.last
        what = [] if last is None else [" ".join(filter(None, (last.kind, last.cell))), last.author, last.time]
        newest = f" (the last: {', '.join(what)})" if what else ""
        raise LedgerChanged(
            f"{self.name}: holds {self._fold.n_facts} facts where {expected} were read{newest}. Nothing was written; "
            "run the command again."
        )
