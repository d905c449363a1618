"""Write a picture where it is asked for: a page that stands alone, or a file for a paper. Knows no data."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pvdopt.errors import PvdoptError, UsageError, what_the_system_says
from pvdopt.output_files import write_text, written_aside

ENDINGS = (".html", ".svg", ".png", ".pdf")


def require_drawable(path: Path) -> str:
    """Return a picture file's ending; asked before a long computation, so that it is not lost over the picture.

    Raises
    ------
    UsageError
        If the ending is none of ``ENDINGS``, or it needs matplotlib and that is not installed.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{path.name}: a figure ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    if ending != ".html" and find_spec("matplotlib") is None:
        todo = "Install it with: pip install 'pvdopt[figures]', or write .html"
        raise UsageError(f"a picture file needs matplotlib. {todo}")
    return ending


def write_picture(path: str | Path, page: Callable[[], str], drawing: Callable[[], Any], dpi: int) -> None:
    """Write ``.html`` as a self-contained page, ``.svg``, ``.png`` or ``.pdf`` as matplotlib saves a figure.

    Parameters
    ----------
    page, drawing : callable
        Give the text of the page, or the figure of matplotlib; only the one that is asked for is called.
    dpi : int
        Dots per inch of a ``.png``.

    Raises
    ------
    UsageError
        If the ending is none of these, or a picture needs matplotlib and it is not installed.
    PvdoptError
        If the file cannot be written.
    """
    path = Path(path)
    ending = require_drawable(path)
    try:
        if ending == ".html":
            write_text(path, page())
        else:
            figure = drawing()
            with written_aside(path) as aside:
                figure.savefig(aside, dpi=dpi)
    except OSError as error:
        raise PvdoptError(f"{path} cannot be written ({what_the_system_says(error)})") from error
