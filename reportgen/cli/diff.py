"""`reportgen diff`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed
from reportgen.utils.terminal_text import printable


@mannered
def diff(
    terminal: Terminal,
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder, report.json, report.pdf or bundle.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="The run to compare it with.")],
    tolerance: Annotated[
        float, typer.Option(min=0, help="Numbers that differ by no more, absolutely or relatively, are equal.")
    ] = 1e-6,
) -> None:
    """Show what differs between two runs: images, verdicts, gates, numbers. Exit with 1 where anything does."""
    from reportgen.report.diff import compare
    from reportgen.report.open import read_report

    found = compare(read_report(before), read_report(after), tolerance)
    terminal.found(same=found.same, count=found.count, **asdict(found))
    for line in (*found.images, *found.verdicts, *found.numbers, *found.other):
        terminal.result(printable(str(line)))
    for note in found.notes:
        terminal.say(f"note: {note}")
    if not found.same:
        raise CheckFailed(f"{found.count} differences between {before} and {after}")
    terminal.result("same")
