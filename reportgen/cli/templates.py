"""`reportgen templates`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed

app = typer.Typer(help="Templates: shipped ones, and your own.", no_args_is_help=True)


@app.command("list")
@mannered
def list_templates(terminal: Terminal) -> None:
    """List the shipped templates, what each is for, and the languages that it speaks."""
    from reportgen.rendering.templates import find_template, shipped_names
    from reportgen.rendering.words import languages

    listed = []
    for name in shipped_names():
        template = find_template(name)
        spoken = languages(template.folders)
        listed.append({"name": name, "summary": template.file.summary, "languages": list(spoken)})
        terminal.result(f"{name}: {template.file.summary} Languages: {', '.join(spoken)}.")
    terminal.found(templates=listed)


@app.command("new")
@mannered
def new_folder(
    terminal: Terminal, folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder.")]
) -> None:
    """Write a small commented template of your own that extends the base."""
    from reportgen.rendering.templates import new_template

    files = new_template(folder)
    terminal.found(paths=files)
    for file in files:
        terminal.result(file)


@app.command("check")
@mannered
def check_folder(
    terminal: Terminal, folder: Annotated[str, typer.Argument(metavar="DIR", help="The template's folder.")]
) -> None:
    """Render a template on a made-up report, and say what is wrong with it, with file and line."""
    from reportgen.rendering.checking import check_template

    mistakes = check_template(folder)
    terminal.found(mistakes=[str(mistake) for mistake in mistakes])
    for mistake in mistakes:
        terminal.result(mistake)
    if mistakes:
        raise CheckFailed(f"{folder}: {len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'} found")
    terminal.result(f"{folder}: no mistake found; HTML and PDF were made")
