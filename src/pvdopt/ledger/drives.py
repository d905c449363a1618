"""What a folder lies on, as far as it matters to a ledger's file: network drives lock poorly, or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

from pvdopt.ledger.ledger import Ledger

#: File systems that other machines may be writing to as well, by the names Linux gives them; "fuse." names the rest.
NETWORK_TYPES = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs"})
_NETWORK_FUSE = frozenset({"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs", "fuse.davfs"})


def find_network(folder: Path, mounts: str | None = None) -> str | None:
    """Return what kind of network drive a folder lies on; None where it lies on none, or nobody can tell.

    Parameters
    ----------
    mounts : str, optional
        What is mounted where, as Linux lists it; the system's own list by default.
    """
    path = folder.resolve()
    if sys.platform == "win32":
        return "a share" if path.drive.startswith("\\\\") else None
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    found: tuple[int, str] = (0, "")
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        # The list writes a blank as \\040.
        point = Path(words[1].replace("\\040", " "))
        if path.is_relative_to(point):
            found = max(found, (len(point.parts), words[2]), key=lambda pair: pair[0])
    kind = found[1]
    return kind if kind in NETWORK_TYPES | _NETWORK_FUSE else None


def read_journal(ledger: Ledger) -> str:
    """Return which journal a ledger's file keeps: "wal" on a local disk, "delete" where that is refused."""
    with ledger.reading() as connection:
        return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
