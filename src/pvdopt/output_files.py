"""Write files whole or not at all: beside their place first, then moved there.

Whoever is killed meanwhile leaves the former file, and at worst a hidden one beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a place to write to, which takes a file's place when all went well and is removed if not.

    Raises
    ------
    OSError
        If the system refuses.
    """
    # The ending stays: pictures are drawn in the form that it names.
    aside = path.with_name(f".{path.stem}.{os.getpid()}.aside{path.suffix}")
    try:
        yield aside
        settle(aside)
        aside.replace(path)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def settle(aside: Path) -> None:
    """Put a file on the disk before it gets its name, or a power cut may leave the name with nothing in it.

    Raises
    ------
    OSError
        If the system refuses.
    """
    with aside.open("rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, with its line ends as they are.

    Raises
    ------
    OSError
        If the system refuses.
    """
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")
