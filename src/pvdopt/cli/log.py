"""The log of what was decided and why, for whoever has to find out later: one JSON object a line.

Off by default. ``PVDOPT_LOG=FILE`` appends to a file, ``--verbose`` writes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from pvdopt.errors import what_the_system_says
from pvdopt.redaction import redact

LOG = "PVDOPT_LOG"
#: What every record carries of its own; all else was said by whoever wrote it.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _JsonLines(logging.Formatter):
    """A record as one line of JSON, without credentials."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = {name: value for name, value in vars(record).items() if name not in _OWN}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z"
        line = {"time": stamp, "from": record.name, "event": record.getMessage(), **said}
        return redact(json.dumps(line, default=str))


class _File(logging.FileHandler):
    """A file that is appended to; once it takes no more, that is said and the command goes on without it."""

    def __init__(self, place: str) -> None:
        self._place, self._is_lost = place, False
        super().__init__(place, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        # It holds the words of commands, so it is its owner's alone; one that is there keeps who may read it.
        place = os.open(self._place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(place, "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless one before it could not be written."""
        if not self._is_lost:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say once that the file cannot be written; a fault of our own is told as ever."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._is_lost = True
        _say_lost(self._place, error)

    def close(self) -> None:
        """Let the file go; what did not get into it was told."""
        with suppress(OSError):
            super().close()


def _say_lost(place: str, error: OSError) -> None:
    reason = what_the_system_says(error)
    print(f"note: {LOG}: {place} cannot be written ({reason}); nothing more is logged.", file=sys.stderr)


@contextmanager
def logged(words: Sequence[str]) -> Iterator[None]:
    """Log a command from its beginning to its end, if the environment or the command asks for it."""
    place, is_verbose = os.environ.get(LOG), "--verbose" in words
    if not place and not is_verbose:
        yield
        return
    logger = logging.getLogger("pvdopt")
    try:
        handler = _File(place) if place else logging.StreamHandler(sys.stderr)
    except OSError as error:
        _say_lost(place or "", error)
        yield
        return
    handler.setFormatter(_JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    start, code = time.monotonic(), "0"
    logger.info("command begins", extra={"words": list(words)})
    try:
        yield
    except SystemExit as left:
        code = str(0 if left.code is None else left.code)
        raise
    except BaseException as error:
        code = type(error).__name__
        raise
    finally:
        seconds = round(time.monotonic() - start, 3)
        logger.info("command ends", extra={"exit_code": code, "seconds": seconds})
        logger.removeHandler(handler)
        handler.close()
