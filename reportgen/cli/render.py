"""`reportgen render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import Archive, Formats, Template, split_formats
from reportgen.cli.terminal import Terminal, duration
from reportgen.utils.terminal_text import counted

Source = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|report.json|report.pdf|FILE.zip",
        help="A run folder, its report.json, a PDF that reportgen made, or a bundle.",
        show_default=False,
    ),
]


@mannered
def render(
    terminal: Terminal,
    source: Source,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: beside the report.")] = None,
    template: Template = None,
    formats: Formats = None,
    archive: Archive = False,
    notes: Annotated[
        Path | None,
        typer.Option(help="A folder of your own words, as Markdown, to put into the report (docs/own-words.md)."),
    ] = None,
) -> None:
    """Make HTML and PDF again, or another format, from a report's data; no model is loaded."""
    from reportgen.rendering.render import render as render_files
    from reportgen.report.open import open_report, run_folder
    from reportgen.sharing.annotate import annotated, write_annotated

    with open_report(source) as (report, folder):
        terminal.detail(
            f"the report of {counted(report.counts.images, 'image')}, made by reportgen {report.provenance.reportgen}"
        )
        chosen = template or str(report.settings.get("template", "writeup"))
        pages = split_formats(formats) or ("pdf", "html")
        archive = archive or bool(report.settings.get("archive"))
        if notes is None:
            written = render_files(report, folder, out or run_folder(source), chosen, pages, archive=archive)
        else:
            report = annotated(report, notes, terminal.say)
            written = write_annotated(report, source, folder, out, chosen, pages, archive=archive)
    terminal.found(paths=written)
    for file in written:
        terminal.result(file)
    terminal.say(f"{counted(len(written), 'file')}, {duration(terminal.seconds)}")
