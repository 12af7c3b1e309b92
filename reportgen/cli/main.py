"""The command line: its commands by name, and `main`, which turns what a user can cause into one line and an exit code.

Each command parses, calls one function and prints: results to stdout, progress and messages to stderr. Nothing heavy is
imported before there is work, so every command imports what it calls in its own body.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli import cache, config, models, templates
from reportgen.cli.bundle import bundle
from reportgen.cli.card import card
from reportgen.cli.diff import diff
from reportgen.cli.dissect import dissect
from reportgen.cli.doctor import doctor
from reportgen.cli.init import init
from reportgen.cli.labels import labels
from reportgen.cli.libraries import heard
from reportgen.cli.log import log
from reportgen.cli.manners import mannered
from reportgen.cli.open_run import open_run
from reportgen.cli.render import render
from reportgen.cli.run import run
from reportgen.cli.schema import schema
from reportgen.cli.stopping import SIGNALLED, Stop, told_to_stop
from reportgen.cli.streams import open_standard_streams
from reportgen.cli.submit import submit
from reportgen.cli.summary import summary
from reportgen.cli.terminal import Terminal
from reportgen.cli.validate import validate
from reportgen.cli.verify import verify
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.untrusted_files import is_folder

INTERRUPTED = 130  # what Typer makes of a KeyboardInterrupt
# Read by huggingface_hub, which open_clip and timm import, and by what it may bring. OpenVINO: see models.quiet.
NO_TELEMETRY = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
app = typer.Typer(
    help="Turn a folder of images into an explainability report, HTML and PDF.",
    epilog="Start with: reportgen doctor, then reportgen run IMAGES. More of a command: reportgen help COMMAND.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (run, render):
    app.command()(command)
app.command("open")(open_run)
for command in (init, labels, dissect, doctor, validate, submit, bundle, card, verify, diff, log, summary, schema):
    app.command()(command)
app.add_typer(templates.app, name="templates")
app.add_typer(config.app, name="config")
app.add_typer(models.app, name="models")
app.add_typer(cache.app, name="cache")


def _show_version(asked: bool) -> None:
    if asked:
        from reportgen.utils.versions import own_version

        typer.echo(f"reportgen {own_version()}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
]


@app.callback()
@mannered
def _root(version: Version = False) -> None:
    """Turn a folder of images into an explainability report, HTML and PDF."""


@app.command("help")
def show_help(
    context: typer.Context, names: Annotated[list[str] | None, typer.Argument(metavar="COMMAND...")] = None
) -> None:
    """Show the help of a command, as COMMAND --help does."""
    app([*(names or ()), "--help"], prog_name=context.find_root().info_name, standalone_mode=False)


def main() -> None:
    """Entry point: every error that a user can cause is one line and an exit code."""
    for name in NO_TELEMETRY:
        os.environ.setdefault(name, "1")
    open_standard_streams()
    terminal = Terminal()
    with heard(terminal), told_to_stop() as stop:
        code = _call(terminal, stop)
    code = _finished(terminal, code)
    if code > SIGNALLED:
        from reportgen.utils.concurrency import force_exit

        force_exit(code)
    if code:
        sys.exit(code)


def _finished(terminal: Terminal, code: int) -> int:
    """Print what `--json` asks for; the exit code, which is another where that cannot be written."""
    try:
        terminal.finish(code)
    except ReportgenError as error:
        terminal.fail(error.lines)
        return code or error.exit_code
    return code


def _call(terminal: Terminal, stop: Stop) -> int:
    """Run the command that the arguments name; what a user can cause is said, and becomes the exit code."""
    try:
        # The code of an Exit, or what the command returned: None.
        code = int(app(prog_name="reportgen", standalone_mode=False, obj=terminal) or 0)
    except typer.Exit as end:
        code = end.exit_code
    except (KeyboardInterrupt, typer.Abort):  # newer Typers make an Exit of it
        code = INTERRUPTED
    except Exception as error:
        # Python makes another error of an interrupt that comes while a class is made, and an import fails with that.
        code = INTERRUPTED if stop.came else _told(terminal, error)
    if code == INTERRUPTED:
        terminal.fail([stop.sentence])
        return stop.exit_code
    return code


def _told(terminal: Terminal, error: Exception) -> int:
    """Say an error that a user can cause; its exit code.

    Raises:
        Exception: `error`, where it is a bug of ours.
    """
    if isinstance(error, ReportgenError):
        terminal.fail(error.lines)
        return error.exit_code
    if isinstance(error, OSError):
        from reportgen.utils.files import DISK_ERRORS, NO_SCRATCH, no_scratch

        if error.errno not in DISK_ERRORS and not no_scratch(error):
            raise error
        said = f"{error.filename or 'a file'}: {error.strerror}; what is finished is kept"
        terminal.fail([NO_SCRATCH if no_scratch(error) else said])
        return ReportgenError.exit_code
    # Wrong usage, as Click (or the copy of it inside Typer) words it.
    if not hasattr(error, "format_message"):
        raise error
    terminal.json = terminal.json or asks_for_json(sys.argv[1:])  # it may not have come so far
    terminal.fail([_wrong_usage(error)])
    return UsageError.exit_code


def asks_for_json(arguments: list[str]) -> bool:
    """Whether `--json` stands among arguments that could not be parsed."""
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _wrong_usage(error: Exception) -> str:
    """What was wrong with the arguments, and which help says more."""
    said = str(error.format_message())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    path = str(context.command_path) if context is not None else "reportgen"
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if said.startswith(f"No such command '{first}'") and is_folder(Path(first)):
        said = f"No such command {first!r}: to explain the images of this folder: reportgen run {first}"
    return f"{said} (see {path} --help)"
