"""Options and arguments of more than one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.")]
Formats = Annotated[str | None, typer.Option("--format", help="One or more of pdf, html, docx, md, tex, with commas.")]
Archive = Annotated[bool, typer.Option("--archive", help="Make the PDF for archives: PDF/A-3a, not PDF/UA-1.")]
Template = Annotated[
    str | None, typer.Option("--template", "-t", help="A shipped template's name, or a folder that extends one.")
]
FinishedRun = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.", show_default=False)]


def split_formats(text: str | None) -> tuple[str, ...] | None:
    """`pdf, html` as its parts; None where nothing is said."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else None
