"""A real PostgreSQL server on the loopback, in a temporary folder, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_START_S = 60


@dataclass
class Server:
    """A running server, whose one user is ``lab``; the password is for the environment alone."""

    port: int
    password: str
    folder: Path
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def environment(self) -> dict[str, str]:
        return {"PGPASSWORD": self.password, "PGUSER": "lab"}

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://127.0.0.1:{self.port}/postgres"

    def new_place(self) -> str:
        """Return the URL of a schema that nothing is in yet."""
        return f"{self.url}?schema=test_{next(self._numbers)}"


def _as_user() -> dict[str, str]:
    """Return how a subprocess gives up root's rights, which PostgreSQL refuses to run with."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody"}


@contextmanager
def running(postgres: str) -> Iterator[Server]:
    """Make a cluster, start its server on a free port of the loopback, and stop and remove all of it at the end.

    ``postgres`` is the server's program; ``initdb`` lies beside it.
    """
    initdb = Path(postgres).resolve().with_name("initdb")
    who = _as_user()
    folder = Path(tempfile.mkdtemp(prefix="pvdopt-postgres-"))
    server = None
    try:
        password = secrets.token_hex(12)
        (folder / "password").write_text(password)
        if who:
            for path in (folder, folder / "password"):
                shutil.chown(path, who["user"])
        made = [
            initdb,
            "-D",
            str(folder / "data"),
            "-U",
            "lab",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run([*made, f"--pwfile={folder / 'password'}"], check=True, capture_output=True, cwd=folder, **who)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [postgres, "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", ""],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, **who,
            )  # fmt: skip
        _wait(server, port, folder / "log")
        yield Server(port, password, folder, server)
    finally:
        if server is not None:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while b"database system is ready to accept connections" not in log.read_bytes():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < end, f"no answer on port {port} within {_START_S} s"
        time.sleep(0.05)
