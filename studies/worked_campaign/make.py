"""Run a whole campaign on the virtual laboratory as a user would type it, and keep what the commands print.

    .venv/bin/python studies/worked_campaign/make.py

writes ``transcript.txt`` and ``front.png`` beside this file; with ``--page`` also ``report.png``, the top of the report
as a browser shows it (needs chromium and the dev extra). The laboratory is simulated: no cell was measured.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
#: What is typed, in this order; {n} cells are made in rounds of {batch}.
COMMANDS = (
    "pvdopt init demo --cathode LiCoO2 --method rf_sputtering --substrates Pt/Ti/Si --bias rf",
    "pvdopt study run studies/demo --virtual-lab --seed 3 --budget {n} -n {batch}",
    "pvdopt retrain studies/demo",
    "pvdopt suggest studies/demo -n 3",
    "pvdopt best studies/demo",
    "pvdopt report studies/demo --figures figures",
    "pvdopt export studies/demo export",
    "pvdopt init again --from-export export",
    "pvdopt ledger check studies/demo --digest",
    "pvdopt ledger check studies/again --digest",
)
#: Pixels of the picture of the page.
WIDTH, HEIGHT = 1100, 1020


def run(folder: Path, n: int, batch: int) -> str:
    """Run all commands in a folder and return what was typed and printed."""
    told = {**os.environ, "COLUMNS": "100", "PVDOPT_AUTHOR": "demo"}
    parts = []
    for template in COMMANDS:
        line = template.format(n=n, batch=batch)
        words = [sys.executable, "-m", "pvdopt", *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=folder, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        parts.append(f"$ {line}\n{done.stdout.decode()}")
    return "\n".join(parts)


def shrink(path: Path, into: Path, width: int) -> None:
    """Write a picture with fewer pixels and colours, for a page that many will load."""
    from PIL import Image

    with Image.open(path) as picture:
        height = round(picture.height * width / picture.width)
        picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS).quantize(160).save(into, optimize=True)


def photograph(page: Path, into: Path) -> None:
    """Write the top of a page as a browser shows it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        opened = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        opened.goto(page.resolve().as_uri())
        opened.screenshot(path=f"{folder}/page.png")
        browser.close()
        shrink(Path(folder) / "page.png", into, WIDTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="also write report.png")
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument("--into", type=Path, default=HERE)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        transcript = run(folder, given.cells, min(4, given.cells))
        given.into.mkdir(parents=True, exist_ok=True)
        (given.into / "transcript.txt").write_text(
            re.sub(r"[ \t]+$", "", transcript, flags=re.MULTILINE), encoding="utf-8"
        )
        shrink(folder / "figures" / "front.png", given.into / "front.png", 720)
        if given.page:
            photograph(folder / "studies" / "demo" / "report.html", given.into / "report.png")


if __name__ == "__main__":
    main()
