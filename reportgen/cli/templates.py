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
def check_folder(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR|FILE...", help="Templates' folders, or files in them; a file of no template is passed over."
        ),
    ],
) -> None:
    """Render templates on a made-up report, and say what is wrong with them, with file and line."""
    from reportgen.rendering.checking import check_template
    from reportgen.rendering.templates import templates_among

    folders = templates_among(paths)
    found = 0
    for folder in folders:
        mistakes = check_template(folder)
        found += len(mistakes)
        for mistake in mistakes:
            typer.echo(mistake if len(folders) == 1 else f"{folder}: {mistake}")
        if not mistakes:
            typer.echo(f"{folder}: no mistake found; HTML and PDF were made")
    if found:
        where = folders[0] if len(folders) == 1 else f"{len(folders)} templates"
        raise CheckFailed(f"{where}: {found} {'mistake' if found == 1 else 'mistakes'} found")
    if not folders:
        typer.echo("none of these files is of a template")
