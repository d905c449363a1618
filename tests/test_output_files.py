"""Files are written whole or not at all, whatever happens in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pvdopt.output_files import write_text, written_aside


def test_what_was_written_takes_the_place(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    for text in ("former\r\n", "new\n"):
        write_text(path, text)
        assert path.read_bytes() == text.encode(), "line ends stay"
    assert list(tmp_path.iterdir()) == [path]


def test_the_place_to_write_to_lies_beside_and_has_the_same_ending(tmp_path: Path) -> None:
    with written_aside(tmp_path / "curves.svg") as aside:
        assert (aside.parent, aside.suffix) == (tmp_path, ".svg")
        aside.write_text("<svg/>")


def test_an_error_in_the_middle_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("former")

    def write_half() -> None:
        with written_aside(path) as aside:
            aside.write_text("ha")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_half()
    assert [(p, p.read_text()) for p in tmp_path.iterdir()] == [(path, "former")]


def test_a_folder_that_is_not_there_is_told_by_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "nowhere" / "page.html", "new")


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_kill_in_the_middle_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("former")
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom pvdopt.output_files import written_aside\n"
        "with written_aside(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('ha')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == -9
    assert path.read_text() == "former"
    write_text(path, "new")
    assert path.read_text() == "new"
