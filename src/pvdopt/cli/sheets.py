"""``pvdopt sheet``: the run sheet of cells that wait for something, to take along, fill in and record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvdopt.cli import output
from pvdopt.cli.arguments import DryRun, Words, open_campaign, take_folder
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.campaign import Campaign

#: What the words of the command are.
SHEET = "[FOLDER] FILE"

SheetFile = Annotated[
    Path | None,
    typer.Option(
        "--sheet",
        metavar="FILE",
        help="Write a run sheet of the proposals too, to fill in and record: .xlsx, .csv or .md.",
    ),
]


def sheet(
    words: Words,
    cells: Annotated[
        list[str] | None,
        typer.Option("--cell", metavar="ID", help="Only this cell; repeatable. All that wait for something, else."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a run sheet of cells that wait for something.

    FILE ends with .xlsx (locked where nothing is to be written, with lists to choose from), .csv or .md. Cells of one
    deposition or furnace run stand together; what is recorded already is in its place. Fill in the rest and record
    the file, as often as something is added.
    """
    from pvdopt.sheets import lay_out

    folder, (file,) = take_folder(words, 1, SHEET)
    with open_campaign(folder) as campaign:
        check_sheet(campaign, Path(file))
        laid_out = lay_out(campaign, cells)
        if not laid_out.rows:
            more = f"pvdopt suggest {output.as_typed(folder)} --sheet {output.as_typed(file)}"
            raise UsageError(f"No cell waits for anything. Propose some:  {more}")
        if dry_run:
            output.say(f"{file} would be the run sheet of {', '.join(laid_out.ids)}; nothing was written.")
        else:
            write(campaign, Path(file), laid_out.ids)


def check_sheet(campaign: Campaign, file: Path) -> None:
    """Raise if no sheet can be written there: before anything is proposed for it."""
    from pvdopt.sheets.files import require_free

    if campaign.is_preview:
        raise UsageError("--sheet needs a campaign: a preview's cells have no ids. Run `pvdopt init` first.")
    require_free(file)


def write(campaign: Campaign, file: Path, cells: list[str] | tuple[str, ...]) -> None:
    """Write the sheet of cells and say what to do with it."""
    from pvdopt.sheets import lay_out, write_sheet

    write_sheet(lay_out(campaign, list(cells)), file)
    folder = "" if campaign.folder is None else f"{output.as_typed(campaign.folder)} "
    output.say(f"{file.as_posix()}: the run sheet of {', '.join(cells)}")
    output.say(f"Next: make the cells, fill in the sheet, then  pvdopt record {folder}{output.as_typed(file)}")
