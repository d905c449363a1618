"""From one schema of a ledger to the next: steps that lead an older ledger up to what this version writes.

A step is a function from alembic's operations, which speak SQLite and PostgreSQL alike; it runs in one transaction with
the note of the new version, so that a ledger stands at one schema or at the next. Facts are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from pvdopt.ledger import engine, tables

if TYPE_CHECKING:
    from alembic.operations import Operations


def _add_leases(op: Operations) -> None:
    op.create_table(
        "leases",
        sa.Column("cell", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )


def _chain_facts(op: Operations) -> None:
    # What the ledger holds now is taken as true; whatever is altered from now on will show.
    connection = op.get_bind()
    head = tables.chain(tables.read_fact(row) for row in tables.select(connection))
    op.bulk_insert(tables.meta, [{"key": tables.HEAD, "value": head}])


#: By the schema a step starts from. A step says what it does in full, since tables may change again after it.
STEPS: Mapping[int, Callable[[Operations], None]] = {1: _add_leases, 2: _chain_facts}


def migrate(database: Engine, location: engine.Location) -> str:
    """Lead a ledger up to this version's schema, after keeping a copy; return where the copy is.

    Of several processes that open an old ledger at once, one migrates and the others find it done.

    Raises
    ------
    LedgerBusy, PvdoptError
        Where the copy or the steps fail; the ledger is then as it was.
    """
    with engine.writing(database, location.name) as connection:
        version = tables.lock(connection, location.name)
        if version >= tables.SCHEMA_VERSION:
            return ""
        # Under the lock, so that the copy holds every fact.
        kept = _keep_copy(connection, location, version)
        _run(connection, version)
        tables.set_schema(connection, tables.SCHEMA_VERSION)
    return kept


def _run(connection: Connection, version: int) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    op = Operations(MigrationContext.configure(connection))
    for step in range(version, tables.SCHEMA_VERSION):
        STEPS[step](op)


def _keep_copy(connection: Connection, location: engine.Location, version: int) -> str:
    """Copy the ledger as it is: a file beside the file, a schema beside the schema."""
    if location.path is not None:
        from pvdopt.ledger.copies import copy_file, free_name

        path = free_name(location.path, f"schema-{version}")
        copy_file(location.path, path)
        return str(path)
    inspector = sa.inspect(connection)
    here = location.schema or "public"
    kept = engine.free_schema(inspector.get_schema_names(), here, f"schema_{version}")
    connection.execute(sa.schema.CreateSchema(kept))
    quote = connection.dialect.identifier_preparer.quote
    for table in (tables.meta, tables.facts):
        name = quote(table.name)
        connection.execute(sa.text(f"CREATE TABLE {quote(kept)}.{name} AS TABLE {name}"))
    return f"schema {kept}"
