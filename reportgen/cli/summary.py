"""`reportgen summary`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.terminal_text import printable


class Form(str, Enum):
    """How a report is summed up."""

    text = "text"
    markdown = "markdown"
    pairs = "pairs"


@mannered
def summary(
    terminal: Terminal,
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
    terminal.found(summary=digest.pairs(report))
    if form is Form.markdown:
        terminal.result(digest.markdown(report).removesuffix("\n"))
    elif form is Form.pairs:
        for name, value in digest.pairs(report).items():
            terminal.result(f"{name}={value}")
    else:
        for line in digest.lines(report):
            terminal.result(printable(line))
