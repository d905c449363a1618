"""``pvdopt report``: a campaign as one page that opens anywhere, and its figures for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pvdopt.campaign.folder import REPORT_FILE
from pvdopt.cli import output
from pvdopt.cli.arguments import AsJson, DryRun, Folder, open_campaign


def report(
    folder: Folder = None,
    into: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="The page to write; report.html in the folder by default."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="FOLDER", help="Write the figures there too, as PNG and SVG for a paper."),
    ] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Write where the campaign stands as one HTML page.

    It opens without a network, prints, and holds all figures with their numbers.
    """
    from pvdopt.report import build_report, render_report, write_figures
    from pvdopt.report.render import write_page

    with open_campaign(folder) as campaign:
        found = build_report(campaign)
        path = into or (campaign.folder or Path()) / REPORT_FILE
    if as_json:
        output.print_json(found)
        return
    page = render_report(found)
    if dry_run:
        output.say(f"{path.as_posix()} would be written, {len(page.encode()) / 1000:.0f} kB")
        return
    write_page(page, path)
    print(path.as_posix())
    if figures is not None:
        with output.progress_bar() as progress:
            written = write_figures(found, figures, progress=progress)
        for figure in written:
            print(figure.as_posix())
    output.say(f"Open {path.as_posix()} in a browser; it needs no network.")
