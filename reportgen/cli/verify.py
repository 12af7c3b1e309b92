"""`reportgen verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed
from reportgen.utils.terminal_text import printable


@mannered
def verify(
    terminal: Terminal,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FILE.zip|report.pdf", help="A run folder, a bundle, or the PDF.", show_default=False
        ),
    ],
    images: Annotated[
        str | None,
        typer.Option(help="The images, as they were given to run: are they those that were explained?"),
    ] = None,
) -> None:
    """Check that a run is as it was made; exit with 1 where something was changed or is missing."""
    from reportgen.sharing.verify import verify as verify_run

    found = verify_run(source, images)
    terminal.found(
        ok=found.ok,
        matched=found.matched,
        changed=found.changed,
        missing=found.missing,
        not_in_manifest=found.extra,
        notes=found.notes,
    )
    terminal.result(f"{found.matched} as they were made")
    for word, lines in (("changed", found.changed), ("missing", found.missing), ("not in the manifest", found.extra)):
        for line in lines:
            terminal.result(f"{word}: {printable(line)}")
    for note in found.notes:
        terminal.result(printable(note))
    if not found.ok:
        raise CheckFailed(f"{source}: {found.summary}")
