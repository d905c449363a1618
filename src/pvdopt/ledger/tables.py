"""The tables of a ledger: what is written to them, read from them, and how one knows them.

``facts`` only grows; ``meta`` names the campaign and the schema, and keeps what shows that a fact was altered;
``leases`` says who is at work on which cell, for a while and without a history. Knows no meaning of facts.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection

from pvdopt.errors import DataInvalid, LedgerTooNew, Problem
from pvdopt.ledger.engine import not_a_ledger
from pvdopt.ledger.facts import Draft, Fact, package_version

#: Raised whenever an older version could no longer work with what is written; each step up has its migration in
#: :mod:`pvdopt.ledger.migrations`. 1: facts. 2: leases, which a version that knows none would not respect.
#: 3: the head of the chain of facts, which a version that knows none would not lead on.
SCHEMA_VERSION = 3
#: Key under which ``meta`` keeps the head of the chain of all facts, see :func:`chain`.
HEAD = "head"

metadata = sa.MetaData()
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
facts = sa.Table(
    "facts",
    metadata,
    # Counted by the writer under its lock: a database's own counter leaves gaps after a rollback (PostgreSQL),
    # and then a gap would no longer mean that a fact was taken out.
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("cell", sa.Text),
    sa.Column("time", sa.String(32), nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    # Text, not a JSON type: every database must give back the very same numbers, and the settings in their order.
    sa.Column("payload", sa.Text, nullable=False),
)
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("cell", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    # Seconds since 1970 by the database's clock, which all workers share; their own may differ.
    sa.Column("until", sa.Double, nullable=False),
)


def _ddl(dialect: str, statement: str) -> sa.ExecutableDDLElement:
    return sa.DDL(statement).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]


# The database itself refuses to change or drop a fact, also for a hand with a database browser.
_SQLITE_TRIGGERS = {
    f"facts_refuse_{verb.lower()}": f"CREATE TRIGGER facts_refuse_{verb.lower()} BEFORE {verb} ON facts "
    "BEGIN SELECT RAISE(ABORT, 'facts are only ever added'); END"
    for verb in ("UPDATE", "DELETE")
}
for _statement in _SQLITE_TRIGGERS.values():
    event.listen(facts, "after_create", _ddl("sqlite", _statement))
for _statement in (
    "CREATE FUNCTION facts_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'facts are only ever added'; END $$",
    "CREATE TRIGGER facts_refuse BEFORE UPDATE OR DELETE ON facts FOR EACH ROW EXECUTE FUNCTION facts_refuse()",
):
    event.listen(facts, "after_create", _ddl("postgresql", _statement))


def create_tables(connection: Connection, name: str, campaign: str, created: str, schema: str | None = None) -> None:
    """Create the tables of a new ledger, with what keeps facts from being changed.

    Parameters
    ----------
    schema : str, optional
        Of a PostgreSQL database, made where it is missing.

    Raises
    ------
    DataInvalid
        If the place is taken, by a ledger or by anything else in an SQLite file.
    """
    if schema is not None:
        connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    found = set(sa.inspect(connection).get_table_names())
    # A shared PostgreSQL database may hold other people's tables; a file is one ledger's alone.
    if found if connection.dialect.name == "sqlite" else found & set(metadata.tables):
        todo = "Open it as it is, or name another place"
        raise DataInvalid(Problem("must be empty to begin a ledger", todo=todo, file=name))
    metadata.create_all(connection, checkfirst=False)
    entries = {
        "campaign": campaign,
        "schema_version": str(SCHEMA_VERSION),
        "needs_version": package_version(),
        "created": created,
        HEAD: "",
    }
    connection.execute(sa.insert(meta), [{"key": key, "value": value} for key, value in entries.items()])


def recognise(connection: Connection, name: str) -> tuple[str, int]:
    """Return campaign and schema version, after making sure that this is a ledger this version can read.

    Raises
    ------
    DataInvalid
        If the database holds something else.
    LedgerTooNew
        If a newer version of pvdopt wrote it.
    """
    inspector = sa.inspect(connection)
    found = set(inspector.get_table_names())
    if "meta" not in found or not {c["name"] for c in inspector.get_columns("meta")} >= set(meta.c.keys()):
        raise not_a_ledger(name)
    entries = _read_meta(connection, sa.select(meta))
    # First the version: a newer ledger may look different in all else.
    version = check_schema(entries, name)
    if "facts" not in found or "campaign" not in entries:
        raise not_a_ledger(name)
    return entries["campaign"], version


def lock(connection: Connection, name: str) -> int:
    """Let no other writer in until this transaction ends, and return the schema version it stands at.

    SQLite let this writer in alone when the transaction began, and knows no lock on a row. Another process may have
    migrated the ledger since it was opened.

    Raises
    ------
    LedgerTooNew
        If it did, beyond what this version can read.
    """
    return check_schema(_read_meta(connection, sa.select(meta).with_for_update()), name)


def set_schema(connection: Connection, version: int) -> None:
    """State the schema version that a migration came to, and which version of pvdopt it takes."""
    for key, value in (("schema_version", str(version)), ("needs_version", package_version())):
        connection.execute(sa.update(meta).where(meta.c.key == key).values(value=value))


def _read_meta(connection: Connection, query: sa.Select[Any]) -> dict[str, str]:
    return {row.key: row.value for row in connection.execute(query)}


def check_schema(entries: Mapping[str, str], name: str) -> int:
    """Return the schema version that the entries of ``meta`` state.

    Raises
    ------
    DataInvalid
        If they state none.
    LedgerTooNew
        If it is beyond what this version can read.
    """
    stated = entries.get("schema_version", "")
    if not stated.isdigit() or int(stated) < 1:
        raise not_a_ledger(name)
    if int(stated) > SCHEMA_VERSION:
        needed = entries.get("needs_version")
        must = f"has schema {stated}, and pvdopt {package_version()} reads schemas up to {SCHEMA_VERSION}"
        todo = f"Install pvdopt {needed} or newer" if needed else "Install a newer pvdopt"
        raise LedgerTooNew(Problem(must, todo=todo, file=name))
    return int(stated)


def append(connection: Connection, after: int, drafts: Sequence[Draft], time: str, author: str) -> None:
    """Write drafts as the facts that follow fact ``after``."""
    version = package_version()
    found = [
        Fact(seq, draft.kind, draft.cell, time, author, version, draft.payload)
        for seq, draft in enumerate(drafts, start=after + 1)
    ]
    insert_facts(connection, found)


def insert_facts(connection: Connection, found: Sequence[Fact]) -> None:
    """Write facts as they are, after those that are there."""
    rows = [{**vars(fact), "payload": json.dumps(fact.payload, allow_nan=False)} for fact in found]
    if rows:
        connection.execute(sa.insert(facts), rows)
        set_head(connection, chain(found, read_head(connection) or ""))


# -- what shows that facts were altered ----------------------------------------------------------------------------


def chain(found: Iterable[Fact], head: str = "") -> str:
    """Return the head of the chain after more facts: each link is the SHA-256 of the head before it and the fact.

    It changes with any fact that is changed, added or taken away, the last one too.
    """
    for fact in found:
        head = hashlib.sha256(f"{head}\n{fact.canonical()}".encode()).hexdigest()
    return head


def read_head(connection: Connection) -> str | None:
    """Return the head of the chain as it was kept with the newest fact; None in a ledger of before there was one."""
    return connection.execute(sa.select(meta.c.value).where(meta.c.key == HEAD)).scalar_one_or_none()


def set_head(connection: Connection, head: str) -> None:
    """Keep the head of the chain."""
    connection.execute(sa.update(meta).where(meta.c.key == HEAD).values(value=head))


def select(connection: Connection, after: int = 0) -> Sequence[sa.Row[Any]]:
    """Return the facts that follow fact ``after`` as they are stored, oldest first."""
    return connection.execute(sa.select(facts).where(facts.c.seq > after).order_by(facts.c.seq)).all()


def read_fact(row: sa.Row[Any]) -> Fact:
    """Return a stored row as a fact.

    Raises
    ------
    DataInvalid
        If its payload is no JSON object; only an altered ledger has such.
    """
    # Taken apart at once: each name asked of a row is looked up anew.
    seq, kind, cell, time_, author, version, text = tuple(row)
    try:
        payload = _decode(text)
    except ValueError as error:
        raise DataInvalid(Problem("payload must be JSON", text, row=f"fact {seq}")) from error
    if not isinstance(payload, dict):
        raise DataInvalid(Problem("payload must be a JSON object", text, row=f"fact {seq}"))
    return Fact(seq, kind, cell, time_, author, version, payload)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON, though Python's reader takes it for a number")


#: One for all facts: making a decoder takes as long as reading a fact.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _decode(text: str) -> object:
    """Return what a payload says; one that the program wrote has no blanks around it to be looked for."""
    payload, end = _DECODER.raw_decode(text) if text[:1] == "{" else (None, -1)
    return payload if end == len(text) else _DECODER.decode(text)


def count(connection: Connection) -> int:
    """Return how many facts there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(facts)).scalar_one())


def copy_rows(source: Connection, target: Connection) -> int:
    """Copy meta and facts as they are into the empty tables of another ledger; return how many facts."""
    entries = _read_meta(source, sa.select(meta))
    for key in ("campaign", "created"):
        target.execute(sa.update(meta).where(meta.c.key == key).values(value=entries[key]))
    rows = select(source)
    if rows:
        target.execute(sa.insert(facts), [row._asdict() for row in rows])
    set_head(target, chain(map(read_fact, rows)))
    return len(rows)


def replace_rows(source: Connection, target: Connection) -> int:
    """Put meta and facts of another ledger in the place of those in an SQLite file; return how many facts."""
    for name in _SQLITE_TRIGGERS:
        target.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    for table in (facts, leases):
        target.execute(sa.delete(table))
    n_facts = copy_rows(source, target)
    for create in _SQLITE_TRIGGERS.values():
        target.exec_driver_sql(create)
    return n_facts


# -- leases ------------------------------------------------------------------------------------------------------


def read_clock(connection: Connection) -> float:
    """Return the time in seconds since 1970 that all who hold leases go by."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))).scalar_one())


def read_leases(connection: Connection) -> dict[str, str]:
    """Return by cell who holds it; leases that ran out are left out."""
    query = sa.select(leases.c.cell, leases.c.holder).where(leases.c.until > read_clock(connection))
    return {row.cell: row.holder for row in connection.execute(query)}


def write_leases(connection: Connection, cells: Sequence[str], holder: str, lease_s: float) -> None:
    """Give cells to a holder from now on, whoever held them."""
    drop_leases(connection, cells)
    until = read_clock(connection) + lease_s
    if cells:
        connection.execute(sa.insert(leases), [{"cell": c, "holder": holder, "until": until} for c in cells])


def drop_leases(connection: Connection, cells: Sequence[str]) -> None:
    """Take leases away."""
    connection.execute(sa.delete(leases).where(leases.c.cell.in_(cells)))
