"""`reportgen templates`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.utils.errors import CheckFailed

app = typer.Typer(help="Templates: shipped ones, and your own.", no_args_is_help=True)


@app.command("list")
def list_templates() -> None:
    """List the shipped templates, what each is for, and the languages that it speaks."""
    from reportgen.rendering.templates import find_template, shipped_names
    from reportgen.rendering.words import languages

    for name in shipped_names():
        template = find_template(name)
        typer.echo(f"{name}: {template.file.summary} Languages: {', '.join(languages(template.folders))}.")


@app.command("new")
def new_folder(folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder.")]) -> None:
    """Write a small commented template of your own that extends the base."""
    from reportgen.rendering.templates import new_template

    for file in new_template(folder):
        typer.echo(file)


@app.command("check")
def check_folder(folder: Annotated[str, typer.Argument(metavar="DIR", help="The template's folder.")]) -> None:
    """Render a template on a made-up report, and say what is wrong with it, with file and line."""
    from reportgen.rendering.checking import check_template

    mistakes = check_template(folder)
    for mistake in mistakes:
        typer.echo(mistake)
    if mistakes:
        raise CheckFailed(f"{folder}: {len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'} found")
    typer.echo(f"{folder}: no mistake found; HTML and PDF were made")
