"""What the words of a command mean: which campaign, which settings; shared options.

Knows names and folders only; what a setting may be is the library's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pvdopt.campaign.folder import CONFIG_FILE
from pvdopt.cli import output
from pvdopt.errors import UsageError

if TYPE_CHECKING:
    from pvdopt.campaign import Campaign

#: Where campaigns live beside each other.
STUDIES = "studies"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything but write.")]
Confirm = Annotated[
    bool, typer.Option("--confirm", help="Keep values that are unlikely but not impossible: they were looked at again.")
]
AcceptGoodRows = Annotated[
    bool, typer.Option("--accept-good-rows", help="Record what is right although other rows are refused.")
]
Why = Annotated[str, typer.Option("--why", help="The reason, for whoever reads the ledger later.")]
Jobs = Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes to compute with.")]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask", metavar="tcp://HOST:PORT", help="Compute on the workers of this Dask scheduler, in place of --jobs."
    ),
]
SamplerName = Annotated[
    str | None,
    typer.Option(
        "--sampler",
        metavar="NAME",
        help="Who chooses, in place of the campaign file's: surrogate, tpe, nsga2, cmaes, qmc, random.",
    ),
]
#: The words of a command that takes a folder first if need be; its usage says what they are.
Words = Annotated[list[str], typer.Argument(hidden=True, show_default=False)]


def complete_folder(incomplete: str) -> list[str]:
    """Return the campaigns in ``studies`` that begin so, for the shell's completion."""
    found = sorted(path.parent.as_posix() for path in Path(STUDIES).glob(f"*/{CONFIG_FILE}"))
    return [name for name in found if name.startswith(incomplete)]


Folder = Annotated[
    str | None,
    typer.Argument(
        metavar="FOLDER",
        autocompletion=complete_folder,
        help="The campaign's folder; may be left out in it, or where studies/ holds only one.",
    ),
]


def split_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the plain words, and the values of those of the form ``name=value``.

    Raises
    ------
    UsageError
        If a name is empty or repeated.

    Examples
    --------
    >>> split_words(["P001", "capacity=57.2", "note=a=b"])
    (['P001'], {'capacity': '57.2', 'note': 'a=b'})
    """
    plain: list[str] = []
    values: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.strip()
        if not sign:
            plain.append(word)
        elif not name:
            raise UsageError(f"{word!r}: a value needs a name before the =, such as capacity=57.2.")
        elif name in values:
            raise UsageError(f"{name}: was given twice, {values[name]!r} and {value.strip()!r}.")
        else:
            values[name] = value.strip()
    return plain, values


def with_usage(words: str) -> type[TyperCommand]:
    """Return a kind of command whose usage names its words, such as ``[FOLDER] ID``."""

    class WordsCommand(TyperCommand):
        """A command that sorts its words by itself."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            for parameter in self.params:
                if parameter.name == "words":
                    # What is missing is told by what it is.
                    parameter.metavar = words

        def collect_usage_pieces(self, ctx: Any) -> list[str]:
            """Return what follows the command's name in its usage."""
            return [words, "[OPTIONS]"]

    return WordsCommand


def take_folder(words: Sequence[str], n_wanted: int, usage: str) -> tuple[Path, list[str]]:
    """Return the campaign's folder, which may stand before the words a command wants, and those words.

    Raises
    ------
    UsageError
        If there are too few or too many words, or no folder is named and none can be told.
    """
    if not n_wanted <= len(words) <= n_wanted + 1:
        raise UsageError(f"Expected here: {usage}")
    first = words[0] if len(words) > n_wanted else None
    return find_folder(first), list(words[len(words) - n_wanted :])


def find_folder(given: str | None) -> Path:
    """Return the campaign's folder.

    Parameters
    ----------
    given : str or None
        A folder, or the name of one in ``studies``. Without one: this folder, or the only campaign in ``studies``.

    Raises
    ------
    UsageError
        If none is given and none can be told.
    """
    if given is not None:
        below = Path(STUDIES) / given
        is_name = Path(given).name == given and not Path(given).is_dir()
        return below if is_name and below.is_dir() else Path(given)
    if Path(CONFIG_FILE).is_file():
        return Path()
    found = sorted(path.parent for path in Path(STUDIES).glob(f"*/{CONFIG_FILE}"))
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"Which campaign? Name one of {', '.join(path.as_posix() for path in found)}.")
    raise UsageError("There is no campaign here. Name its folder, or begin one: pvdopt init NAME --from lco_lipon.toml")


def is_config(word: str) -> bool:
    """Return whether a word names a campaign file and not a campaign's folder."""
    return word.endswith(".toml")


def unit_of(name: str) -> str:
    """Return the unit of a column of the vocabulary, nothing for another name."""
    from pvdopt.columns import column

    declared = column(name)
    return "" if declared is None else declared.unit


def open_campaign(folder: str | Path | None, *, dry_run: bool = False) -> Campaign:
    """Open a campaign's folder, found as :func:`find_folder` does where it is not a path already.

    Parameters
    ----------
    dry_run : bool
        Let nothing be kept that is written to it.
    """
    from pvdopt.campaign import Campaign

    campaign = Campaign.open(folder if isinstance(folder, Path) else find_folder(folder))
    if dry_run and campaign.ledger is not None:
        campaign.ledger.is_rehearsal = True
    return campaign


@contextmanager
def place_of_work(dask: str | None, jobs: int) -> Iterator[None]:
    """Let what is computed meanwhile be computed on a Dask cluster, if one is named, and say so.

    Raises
    ------
    UsageError
        If both a cluster and processes of this machine are asked for.
    """
    if dask is None:
        yield
        return
    if jobs != 1:
        raise UsageError("--dask and --jobs exclude each other: a cluster's workers all take part.")
    from pvdopt.dask_cluster import on_dask, quiet

    with quiet(), on_dask(dask) as cluster:
        output.say(
            f"Computing on {output.count(cluster.n_workers, 'worker')} of {dask}, "
            f"{output.count(cluster.n_threads, 'task')} at a time."
        )
        yield


def open_target(target: str | None, seed: int | None = None) -> Campaign:
    """Open a campaign's folder, or a campaign file as a preview, in which nothing is written."""
    from pvdopt.campaign import Campaign

    if target is not None and is_config(target):
        return Campaign.preview(target, seed=seed)
    return open_campaign(target)
