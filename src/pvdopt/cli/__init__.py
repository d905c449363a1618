"""The command line: parses arguments, calls one function of the library, prints what comes back.

Knows no mathematics and no files of its own. Everything is imported when a command runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from types import TracebackType

from pvdopt.cli.streams import messages_redacted, output_looked_after, prefer_utf8


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code.

    Exit codes: 0 done, 1 failed, 2 usage, 3 config or data invalid, 4 nothing can be proposed, 5 ledger busy or
    changed, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``pvdopt``; those of the process by default.
    """
    sys.excepthook = _report_unexpected
    prefer_utf8()
    # A large ledger is millions of small objects without cycles, and looking through them at every 700th more takes a
    # good part of a proposal's time (studies/scale). A command ends soon, and its memory is what it was.
    gc.set_threshold(100_000, 50, 100)
    try:
        from typer.main import get_command

        from pvdopt.cli.app import app
        from pvdopt.cli.log import logged
        from pvdopt.errors import PvdoptError, what_the_system_says

        with logged(sys.argv[1:] if arguments is None else arguments), messages_redacted(), output_looked_after():
            try:
                get_command(app).main(args=arguments, prog_name="pvdopt")
            except PvdoptError as error:
                print(error, file=sys.stderr)
                if any(problem.grade == "doubt" for problem in getattr(error, "problems", ())):
                    print("What is doubted and right all the same is kept with --confirm.", file=sys.stderr)
                sys.exit(error.exit_code)
            except OSError as error:
                if error.filename is None:
                    raise
                # A name too long, a drive that is gone, a folder that may not be looked into: no fault of the program.
                print(f"{error.filename}: the system refuses it ({what_the_system_says(error)}).", file=sys.stderr)
                sys.exit(PvdoptError.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _versions() -> str:
    """Return what has to be known of the machine to see the same fault again."""
    import platform
    from importlib import metadata

    try:
        version = metadata.version("pvdopt")
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    return f"pvdopt {version}, Python {platform.python_version()}, {platform.platform()}"


def _report_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in two lines that the program itself failed, and keep the whole story in a file."""
    import tempfile
    import traceback

    from pvdopt.redaction import redact

    # The report is there to be sent: no password may be in it, wherever it came from.
    story = redact("".join(traceback.format_exception(kind, error, trace)))
    words, last = redact(" ".join(sys.argv[1:])), redact(str(error))
    if "--verbose" in sys.argv:
        print(story, file=sys.stderr, end="")
    print(f"pvdopt failed over something it did not expect: {kind.__name__}: {last}", file=sys.stderr)
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="pvdopt-", suffix=".txt", delete=False
        ) as report:
            report.write(f"pvdopt {words}\n{_versions()}\n{story}")
    except OSError:
        # Without a place for the report the terminal has to do.
        print(story, file=sys.stderr, end="")
        return
    print(f"That is a fault of the program. Please report it with the file {report.name}", file=sys.stderr)
