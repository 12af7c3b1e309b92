"""`reportgen templates`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed
from reportgen.utils.terminal_text import counted

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
    terminal: Terminal,
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
    found = {str(folder): [str(mistake) for mistake in check_template(folder)] for folder in folders}
    wrong = sum(map(len, found.values()))
    terminal.found(mistakes=[mistake for mistakes in found.values() for mistake in mistakes], templates=list(found))
    for folder, mistakes in found.items():
        for mistake in mistakes:
            terminal.result(mistake if len(found) == 1 else f"{folder}: {mistake}")
        if not mistakes:
            terminal.result(f"{folder}: no mistake found; HTML and PDF were made")
    if wrong:
        where = str(folders[0]) if len(folders) == 1 else f"{len(folders)} templates"
        raise CheckFailed(f"{where}: {counted(wrong, 'mistake')} found")
    if not folders:
        terminal.result("none of these files is of a template")
