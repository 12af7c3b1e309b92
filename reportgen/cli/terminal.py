"""What a command says, and in which manner: results to stdout, messages to stderr; with `--json` one object on stdout."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, TextIO

import typer

from reportgen.cli.streams import written_to_stderr, written_to_stdout
from reportgen.utils.terminal_text import printable

if TYPE_CHECKING:
    from reportgen.utils.json_types import JSON

MOST_CHARACTERS = 2000  # of one message: a name in an untrusted table may be as long as the table
Colour = Literal["red", "green", "yellow"]


class Terminal:
    """Where a command says what it found.

    Attributes:
        quiet: only errors go to stderr.
        verbose: details go there, too.
        json: results go into one object, which `finish` prints.
        above: writes a line to stderr in another's place, which has a line of its own at the bottom; None: nobody has.
    """

    def __init__(self) -> None:
        self.quiet = self.verbose = self.json = False
        self.above: Callable[[str], None] | None = None
        self._start = time.monotonic()
        self._found: dict[str, object] = {}

    @property
    def seconds(self) -> float:
        """How long the command has been at work."""
        return time.monotonic() - self._start

    def result(self, line: object, colour: Colour | None = None) -> None:
        """A line of the result."""
        if self.json:
            return
        shown = has_colours(sys.stdout)
        text = typer.style(str(line), fg=colour) if colour and shown else str(line)
        with written_to_stdout():
            try:
                text.encode()
            except UnicodeEncodeError:  # a path of bytes that are no text: those bytes, so that a program finds it
                typer.echo(text.encode("utf-8", "surrogateescape"))
            else:
                typer.echo(text, color=shown)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns of the result under each other."""
        widths = [max(len(row[at]) for row in (columns, *rows)) for at in range(len(columns))]
        for row in (columns, *rows):
            self.result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def found(self, **values: object) -> None:
        """The result as data: keys of the object that `--json` prints."""
        self._found.update(values)

    def say(self, message: object, colour: Colour | None = None) -> None:
        """A message for the user."""
        if not self.quiet:
            self._message(message, colour)

    def detail(self, message: object) -> None:
        """A message for a user who wants to know more."""
        if self.verbose:
            self._message(message)

    def fail(self, lines: Sequence[str]) -> None:
        """What was wrong; said in any manner."""
        self.found(error="\n".join(lines))
        for line in lines:
            self._message(line, prefix="reportgen: ")

    def finish(self, exit_code: int) -> None:
        """Print the object of `--json`."""
        if self.json:
            found = {**self._found, "seconds": round(self.seconds, 1), "exit_code": exit_code}
            with written_to_stdout():
                typer.echo(json.dumps(_plain(found)))

    def _message(self, message: object, colour: Colour | None = None, prefix: str = "") -> None:
        """One line; what would move the cursor or hide text, in an untrusted file name, is escaped."""
        line = printable(" ".join(str(message).split("\n")), MOST_CHARACTERS - len(prefix))
        shown = has_colours(sys.stderr)
        if shown:
            line = typer.style(line, fg=colour) if colour else line
            prefix = typer.style(prefix, fg="red", bold=True) if prefix else ""
        if self.above is not None:
            self.above(prefix + line)
        else:
            with written_to_stderr():
                typer.echo(prefix + line, err=True, color=shown)


def has_colours(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Whether text on a stream is coloured: never with NO_COLOR, always with FORCE_COLOR, else on a terminal that can."""
    environ = os.environ if environ is None else environ
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (environ.get("TERM") != "dumb" and stream.isatty())


def duration(seconds: float) -> str:
    """`31 s`, `2 min 31 s`, `1 h 2 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(whole / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def _plain(value: object) -> JSON:
    """As JSON: a path as its text, a number that is none as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    assert value is None or isinstance(value, str | int | float)
    return value
