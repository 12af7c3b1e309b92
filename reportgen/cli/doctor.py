"""`reportgen doctor`."""

from __future__ import annotations

import typer

from reportgen.utils.errors import CheckFailed


def doctor() -> None:
    """Check what on this machine would stop a run, and say how to fix it."""
    from reportgen.cli.machine import machine_checks

    problems = 0
    for check in machine_checks():
        problems += check.problem is not None
        typer.echo(
            f"{'ok     ' if check.problem is None else 'PROBLEM'} "
            f"{check.name}{': ' + check.problem if check.problem else ''}"
        )
    if problems:
        raise CheckFailed(f"{problems} problem{'s' if problems > 1 else ''} found")
