"""Who is at work on which cell: several workers on one ledger, none of whom makes what another is making.

A lease is no fact: it is renewed while its holder is at work and runs out by itself, so that a worker that died holds a
cell up for no longer than that, and nothing of it is left in the record.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from pvdopt.errors import PvdoptError
from pvdopt.ledger import tables
from pvdopt.ledger.ledger import Ledger

#: Share of a lease after which it is renewed: two beats may fail.
RENEWED_AFTER = 0.3
_log = logging.getLogger(__name__)


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


def renew(ledger: Ledger, holder: str, cells: Sequence[str], lease_s: float) -> list[str]:
    """Hold cells for longer, from now on, and return them; one that another worker has taken meanwhile is left to it.

    May be called from any thread, while the ledger is used in another.

    Raises
    ------
    LedgerBusy
    """
    with ledger.locking() as connection:
        held = tables.read_leases(connection)
        kept = [i for i in cells if held.get(i, holder) == holder]
        tables.write_leases(connection, kept, holder, lease_s)
    return kept


@contextmanager
def kept_renewed(ledger: Ledger, holder: str, cell: str, lease_s: float) -> Iterator[None]:
    """Renew a lease while this lasts, however long that is, so that it only runs out where its holder is gone."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(lease_s * RENEWED_AFTER):
            try:
                if not renew(ledger, holder, [cell], lease_s):
                    _log.warning("lease lost", extra={"ledger": ledger.name, "cell": cell})
                    return
            except PvdoptError as error:
                # Busy or out of reach for now; there are more beats in a lease than one.
                _log.info("lease not renewed", extra={"ledger": ledger.name, "cell": cell, "why": str(error)})

    heart = threading.Thread(target=beat, name="pvdopt-lease", daemon=True)
    heart.start()
    try:
        yield
    finally:
        is_over.set()
        heart.join()


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
