"""`reportgen bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import FinishedRun, Template
from reportgen.cli.terminal import Terminal
from reportgen.utils.terminal_text import counted


@mannered
def bundle(
    terminal: Terminal,
    run: FinishedRun,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.zip", help="The zip.", show_default=False)],
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Leave out authors, paths, and what pictures hold besides pixels.")
    ] = False,
    max_pages: Annotated[int | None, typer.Option(min=1, help="Exit with 1 when the PDF has more.")] = None,
    template: Template = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD", help="With --anonymous: a name of this machine, or what looks like a path, that may stand."
        ),
    ] = None,
) -> None:
    """Pack a run for a reader: report, data, parameters, settings and a README; equal runs give equal bytes."""
    from reportgen.report.open import read_report
    from reportgen.sharing.bundle import bundle as pack

    names = pack(run, out, anonymous=anonymous, max_pages=max_pages, template=template, allowed=allow or ())
    terminal.found(paths=[out], files=names)
    terminal.result(out)
    terminal.say(counted(len(names), "file"))
    if anonymous and read_report(run).document.notes:
        terminal.say(
            "note: your own words are in it; names of the authors were looked for in them, whom else they name only you know"
        )
