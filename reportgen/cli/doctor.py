"""`reportgen doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed
from reportgen.utils.terminal_text import counted


@mannered
def doctor(
    terminal: Terminal,
    security: Annotated[
        bool,
        typer.Option(
            "--security", help="Look at the versions of what reads strangers' files instead, for known faults."
        ),
    ] = False,
) -> None:
    """Check what on this machine would stop a run, and say how to fix it."""
    from dataclasses import asdict

    from reportgen.cli.faults import KNOWN_ON, NOT_COMPLETE, security_checks
    from reportgen.cli.machine import machine_checks

    checks = []
    for check in security_checks() if security else machine_checks():
        checks.append(check)
        if check.problem is not None:
            terminal.result(f"PROBLEM {check.name}: {check.problem}", "red")
        elif check.note is not None:
            terminal.result(f"note    {check.name}: {check.note}", "yellow")
        else:
            terminal.result(f"ok      {check.name}")
    terminal.found(checks=[asdict(check) for check in checks])
    if security:
        terminal.found(known_on=KNOWN_ON)
        terminal.result(NOT_COMPLETE)
    problems = [check for check in checks if check.problem is not None]
    if problems:
        raise CheckFailed(f"{counted(len(problems), 'problem')} found")
