"""`reportgen submit`."""

from __future__ import annotations

from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import FinishedRun
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed


@mannered
def submit(
    terminal: Terminal,
    run: FinishedRun,
    url: Annotated[str, typer.Option(help="Where to send it: http or https.", show_default=False)],
    file: Annotated[
        str | None, typer.Option(help="Which file of the run.", show_default="its file of parameters")
    ] = None,
) -> None:
    """Send a file of a run to an evaluation server; the token is read from REPORTGEN_TOKEN and from nowhere else."""
    from reportgen.sharing.submit import submit as send

    sent = send(run, url, file, say=terminal.say)
    terminal.found(accepted=sent.accepted, answer=sent.lines, record=sent.record)
    for line in sent.lines:
        terminal.result(line)
    if not sent.accepted:
        raise CheckFailed(f"{sent.problem}{f'; the answer is kept in {sent.record}' if sent.record else ''}")
