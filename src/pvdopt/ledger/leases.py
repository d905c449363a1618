"""Who is at work on which cell: several workers on one ledger, none of whom makes what another is making.

A lease is no fact: it runs out by itself, so that a worker that died holds a cell up for no longer than that, and
nothing of it is left in the record.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pvdopt.ledger import tables
from pvdopt.ledger.ledger import Ledger


def claim(ledger: Ledger, holder: str, n: int, lease_s: float, among: Collection[str] | None = None) -> list[str]:
    """Take cells that wait to be made, so that no other worker makes them meanwhile; return their ids.

    Taking again what one holds already renews the lease.

    Parameters
    ----------
    holder : str
        Tells this worker from all others.
    n : int
        How many at most, oldest first.
    lease_s : float
        For how long, in seconds.
    among : collection of str, optional
        The only cells to take.

    Raises
    ------
    LedgerBusy
    """
    with ledger.writing() as (connection, fold):
        held = tables.read_leases(connection)
        waiting = [c.id for c in fold.cells.values() if not c.is_recorded and c.vetoed is None]
        taken = [i for i in waiting if held.get(i, holder) == holder and (among is None or i in among)][:n]
        tables.write_leases(connection, taken, holder, lease_s)
    return taken


def release(ledger: Ledger, holder: str, cells: Sequence[str]) -> None:
    """Let cells go, as far as this worker still holds them.

    Raises
    ------
    LedgerBusy
    """
    with ledger.writing() as (connection, _):
        held = tables.read_leases(connection)
        tables.drop_leases(connection, [i for i in cells if held.get(i) == holder])


def read_held(ledger: Ledger) -> dict[str, str]:
    """Return by cell the worker who is at work on it."""
    with ledger.reading() as connection:
        return tables.read_leases(connection)
