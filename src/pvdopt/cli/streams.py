"""Standard output and error of a command: their encoding, no password in messages, a word where output is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from pvdopt.errors import PvdoptError, what_the_system_says
from pvdopt.redaction import redact


def prefer_utf8() -> None:
    """Write UTF-8 into files and pipes, and never fail over a sign that a terminal lacks."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="replace")
        else:
            reconfigure(encoding="utf-8", errors="replace")


class _Messages(TextIOWrapper):
    """Standard error, through which everything said to people leaves: notes, our errors and those of the arguments."""

    def write(self, text: str) -> int:
        """Write a text without the passwords in it, after what was printed before it: both may go into one file."""
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        super().write(redact(text))
        return len(text)


@contextmanager
def messages_redacted() -> Iterator[None]:
    """Star passwords out of what is written to standard error, whatever URL or words of a database it repeats."""
    former = sys.stderr
    if not isinstance(former, TextIOWrapper):
        yield
        return
    former.flush()
    sys.stderr = messages = _Messages(former.buffer, former.encoding, former.errors, line_buffering=True)
    try:
        yield
    finally:
        sys.stderr = former
        with suppress(OSError):
            messages.detach()


class _Output(TextIOWrapper):
    """Standard output that remembers that it could not be written: an ``OSError`` itself does not say of what it is."""

    fault: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text."""
        with self._remembering():
            return super().write(text)

    def flush(self) -> None:
        """Write what waits."""
        with self._remembering():
            super().flush()

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = error
            raise


@contextmanager
def output_looked_after() -> Iterator[None]:
    """Leave with one sentence where a command's output could not be written.

    A command ends by ``SystemExit``; what it printed is kept back until there is much of it, so that a full disk often
    shows at the very end alone.
    """
    former = sys.stdout
    if not isinstance(former, TextIOWrapper):
        # Somebody reads along who has a place of his own for it, or there is no output at all.
        yield
        return
    former.flush()
    output = _Output(former.buffer, former.encoding, former.errors, line_buffering=former.line_buffering)
    sys.stdout = output
    code: int | str | None = None
    try:
        try:
            yield
        except SystemExit as left:
            code = left.code
            output.flush()
            raise
    except OSError:
        if output.fault is None:
            raise
        _let_go(output)
        _say_lost(output.fault)
        sys.exit(code or PvdoptError.exit_code)
    finally:
        sys.stdout = former
        # The place below belongs to the former one.
        with suppress(OSError):
            output.detach()


def _say_lost(fault: OSError) -> None:
    # Who reads from a pipe may have had enough of it; that is no fault.
    if not isinstance(fault, BrokenPipeError):
        reason = what_the_system_says(fault)
        print(f"The output could not be written ({reason}). What the command did until then stands.", file=sys.stderr)


def _let_go(output: TextIOWrapper) -> None:
    """Send what waits in standard output nowhere, or the interpreter would try, and complain, once more at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output.fileno())
        os.close(nowhere)
