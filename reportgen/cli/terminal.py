"""Lines on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from reportgen.utils.terminal_text import printable

MOST_CHARACTERS = 2000  # of one message: a name in an untrusted table may be as long as the table


def say(message: str) -> None:
    """One line to stderr; what would move the cursor or hide text, in an untrusted file name, is escaped."""
    typer.echo(printable(" ".join(str(message).split("\n")), MOST_CHARACTERS), err=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns under each other, to stdout."""
    widths = [max(len(row[at]) for row in (columns, *rows)) for at in range(len(columns))]
    for row in (columns, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
