"""Standard input, output and error as a command may find them: closed from the start, or left by who was reading."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from reportgen.utils.errors import ReportgenError

# The reader of a pipe has gone.
_READER_GONE = frozenset({errno.EPIPE})


def open_standard_streams() -> None:
    """Let what a service or a shell (`>&-`) has closed lead nowhere.

    Else the next file that is opened gets its number, and a library that writes to standard error writes into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (as long as the process)


@contextmanager
def written_to_stdout() -> Iterator[None]:
    """Write results: a reader that has gone stops nothing, for what is under way is of use without it.

    Raises:
        ReportgenError: the file that they go to cannot be written.
    """
    try:
        yield
    except OSError as error:
        _lead_nowhere(sys.stdout)
        if error.errno not in _READER_GONE:
            raise ReportgenError(f"standard output: cannot be written ({error.strerror or error})") from None


@contextmanager
def written_to_stderr() -> Iterator[None]:
    """Write messages: where they cannot go nobody can be told, and nothing is stopped by that."""
    try:
        yield
    except OSError:
        _lead_nowhere(sys.stderr)


def _lead_nowhere(stream: TextIO) -> None:
    """What is written to a stream from now on, and what it has not passed on yet, is gone."""
    with suppress(OSError, ValueError):  # no file stands behind it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
