"""Options that every command has: `--quiet`, `--verbose`, `--json`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import UsageError

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr; results stay on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more of what is done, on stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, also for an error.")]
MANNERS = {"quiet": Quiet, "verbose": Verbose, "as_json": AsJson}
# What such a command may be given that is no option of its own.
_GIVEN = ("terminal", "context")


def mannered(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with these options; a parameter `terminal` of its is the Terminal that follows them, `context` the context."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name not in _GIVEN]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, keyword, default=False, annotation=kind) for name, kind in MANNERS.items()]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *own, *added]

    @functools.wraps(command)
    def called(context: typer.Context, quiet: bool, verbose: bool, as_json: bool, **values: object) -> None:
        terminal = _follow(context, quiet=quiet, verbose=verbose, as_json=as_json)
        given = {"terminal": terminal, "context": context}
        command(**{name: given[name] for name in _GIVEN if name in signature.parameters}, **values)

    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _follow(context: typer.Context, *, quiet: bool, verbose: bool, as_json: bool) -> Terminal:
    """The terminal of the call, in the manner that the options ask for; a group's hold for its commands.

    Raises:
        UsageError: they contradict each other.
    """
    terminal = context.obj if isinstance(context.obj, Terminal) else Terminal()
    terminal.quiet, terminal.verbose = terminal.quiet or quiet, terminal.verbose or verbose
    terminal.json = terminal.json or as_json
    if terminal.quiet and terminal.verbose:
        raise UsageError("--quiet and --verbose contradict each other; give one of them")
    terminal.found(command=" ".join(_names(context)))
    return terminal


def _names(context: typer.Context) -> list[str]:
    """The command's name, behind those of the groups that it is in."""
    above = context.parent
    return [] if above is None else [*_names(above), str(context.info_name)]  # type: ignore[arg-type]
