"""Options and arguments of more than one command."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer


def starting_with(incomplete: str, known: Iterable[str]) -> list[str]:
    """What a shell offers where `incomplete` is typed."""
    return [name for name in known if name.startswith(incomplete)]


def known_templates(incomplete: str) -> list[str]:
    from reportgen.rendering.templates import shipped_names

    return starting_with(incomplete, shipped_names())


def known_tasks(incomplete: str) -> list[str]:
    from reportgen.utils.entry_points import ANALYSES, declared

    return starting_with(incomplete, declared(ANALYSES))


def known_models(incomplete: str) -> list[str]:
    """Those of the presets, and the kinds of all others."""
    from reportgen.settings.model import OF_A_FILE, PRESETS

    named = dict.fromkeys(name for values in PRESETS.values() for name in values["models"])
    return starting_with(incomplete, [*named, "torchvision:", "timm:", "hf:", *OF_A_FILE])


def known_formats(incomplete: str) -> list[str]:
    return starting_with(incomplete, ("pdf", "html", "pdf,html"))


Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.")]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format", help="One or more of pdf, html, docx, md, tex, with commas.", autocompletion=known_formats
    ),
]
Archive = Annotated[bool, typer.Option("--archive", help="Make the PDF for archives: PDF/A-3a, not PDF/UA-1.")]
Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        "-t",
        help="A shipped template's name, or a folder that extends one.",
        autocompletion=known_templates,
    ),
]
FinishedRun = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.", show_default=False)]


def split_formats(text: str | None) -> tuple[str, ...] | None:
    """`pdf, html` as its parts; None where nothing is said."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else None
