"""`reportgen card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.render import Source
from reportgen.cli.terminal import Terminal


@mannered
def card(
    terminal: Terminal,
    source: Source,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="README.md",
            help="The model card; what is not between the marks stays. Default: print.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy a few pictures there, and show them.", show_default=False)
    ] = None,
) -> None:
    """Write a section for a Hugging Face model card: what was found of the model, and on what."""
    from reportgen.report.open import open_report
    from reportgen.sharing.model_card import write_card

    with open_report(source) as (report, folder):
        written = write_card(report, folder, into, pictures)
    terminal.found(into=into, text=written.text, kept=list(written.kept))
    if into is None:
        terminal.result(written.text.removesuffix("\n"))
    else:
        terminal.result(into)
    for key in written.kept:
        terminal.say(f"note: {key} of the card's metadata is yours and was kept")
