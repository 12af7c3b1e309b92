"""`reportgen summary`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from reportgen.utils.terminal_text import printable


class Form(str, Enum):
    """How a report is summed up."""

    text = "text"
    markdown = "markdown"
    pairs = "pairs"


def summary(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, report.json, PDF or bundle.", show_default=False)
    ],
    form: Annotated[
        Form, typer.Option("--format", help="Lines, a page of Markdown, or name=value for programs.")
    ] = Form.text,
) -> None:
    """Sum a report up: images, claims by verdict, what stands first, gates."""
    from reportgen.report import digest
    from reportgen.report.open import read_report

    report = read_report(source)
    if form is Form.markdown:
        typer.echo(digest.markdown(report), nl=False)
    elif form is Form.pairs:
        for name, value in digest.pairs(report).items():
            typer.echo(f"{name}={value}")
    else:
        for line in digest.lines(report):
            typer.echo(printable(line))
