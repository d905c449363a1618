"""A full disk, a folder that takes no writing, a network drive: a clear word, and nothing that was there is hurt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from zygote import Zygote

from campaigns import PLAIN, make_plain
from pvdopt.errors import PvdoptError
from pvdopt.ledger import Ledger
from pvdopt.ledger.drives import find_network, read_journal

FOLDER = Path("studies") / "plain"
FILL = """
import resource, signal, sys
from pvdopt.errors import PvdoptError
from pvdopt.ledger import Ledger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said = 0
with Ledger.open(sys.argv[1]) as ledger:
    # No file of this process may grow beyond this: to SQLite it is a disk that takes no more.
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        while True:
            ledger.add_note({"text": "x" * 10_000})
            said += 1
    except PvdoptError as error:
        print(said, type(error).__name__, error)
"""


LOOK = """
import resource, signal, sys
from pvdopt.errors import PvdoptError
from pvdopt.ledger import Ledger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
# Not even what SQLite keeps beside a file that is read has room.
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with Ledger.open(sys.argv[1]) as ledger:
    print(len(ledger.state().notes), ledger.check())
    try:
        ledger.add_note({"text": "x"})
    except PvdoptError as error:
        print(error)
"""


def test_what_is_on_a_full_disk_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger.create(path, "lco", note={"event": "created"}).close()
    words = [sys.executable, "-c", LOOK, str(path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    read, refused = ended.stdout.splitlines()
    assert read == "1 []"
    assert "Nothing was recorded" in refused
    with Ledger.open(path) as ledger:
        ledger.add_note({"text": "there is room again"})
        assert ledger.check() == []


def test_a_full_disk_is_said_and_what_was_kept_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger.create(path, "lco", note={"event": "created"}).close()
    words = [sys.executable, "-c", FILL, str(path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    said, kind, message = ended.stdout.split(maxsplit=2)
    assert kind == "PvdoptError"
    assert "Nothing was recorded" in message
    with Ledger.open(path) as ledger:
        assert ledger.check() == []
        assert ledger.n_facts() == 1 + int(said) > 5
        ledger.add_note({"text": "there is room again"})


def test_a_database_that_is_full_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger.create(path, "lco") as ledger:
        with ledger.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=12")
        ledger.add_note({"text": "x"})
        with pytest.raises(PvdoptError, match=r"the disk is full\. Nothing was recorded; make room"):
            ledger.add_note({"text": "x" * 100_000})
        assert ledger.check() == []
        assert ledger.n_facts() == 1


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that others may look into, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="pvdopt-fire-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_takes_no_writing_can_be_read(elsewhere: Path) -> None:
    with make_plain(elsewhere / "plain") as campaign:
        campaign.add({"speed": 5, "moisture": "dry"})
    for path in [elsewhere / "plain", *(elsewhere / "plain").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = (elsewhere / "plain" / "ledger.sqlite").read_bytes()
    with Zygote(elsewhere) as zygote:
        # Root may write anywhere.
        nobody = ["@nobody"] if os.geteuid() == 0 else []
        seen = zygote.run(*nobody, "status", "plain")
        assert (seen.code, "C001" in seen.out) == (0, True), seen.err
        refused = zygote.run(*nobody, "record", "plain", "C001", "gloss=5")
        assert refused.code == 1
        assert "you may write to the file and its folder" in refused.err
        assert "Traceback" not in refused.err
    assert (elsewhere / "plain" / "ledger.sqlite").read_bytes() == before


def test_drives_of_other_machines_are_told() -> None:
    mounts = "\n".join(
        [
            "/dev/sda1 / ext4 rw 0 0",
            "lab:/export /mnt/lab nfs4 rw 0 0",
            "//pc/share /mnt/lab/pc\\040two cifs rw 0 0",
            "/dev/sdb1 /mnt/lab/local xfs rw 0 0",
            "odd",
        ]
    )
    assert find_network(Path("/home/anna"), mounts) is None
    assert find_network(Path("/mnt/lab/studies"), mounts) == "nfs4"
    assert find_network(Path("/mnt/lab/pc two/studies"), mounts) == "cifs"
    assert find_network(Path("/mnt/lab/local/studies"), mounts) is None
    assert find_network(Path("/mnt/lab")) in (None, "nfs4")


def test_doctor_names_what_a_ledger_here_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pvdopt.cli import doctor
    from pvdopt.ledger import drives

    monkeypatch.chdir(tmp_path)
    (tmp_path / "campaign.toml").write_text(
        PLAIN.replace('name = "plain"', 'name = "plain"\nstorage = "postgresql://127.0.0.1:9/none"')
    )
    local = doctor._folder()
    assert local.is_fine
    assert "PostgreSQL" not in local.seen
    monkeypatch.setattr(drives, "find_network", lambda folder: "nfs4")
    shared = doctor._folder()
    assert shared.is_fine
    assert "several machines write to needs PostgreSQL" in shared.seen
    _, database, _ = doctor._campaign(tmp_path)
    assert not database.is_fine
    assert "127.0.0.1" in database.seen
    with Ledger.create(tmp_path / "l.sqlite", "lco") as ledger:
        assert read_journal(ledger) == "wal"
