"""The command line: its commands by name, and `main`, which turns what a user can cause into one line and an exit code.

Each command parses, calls one function and prints: results to stdout, progress and messages to stderr. Nothing heavy is
imported before there is work, so every command imports what it calls in its own body.
"""

from __future__ import annotations

import os
import sys

import typer

from reportgen.cli import cache, config, models, templates
from reportgen.cli.bundle import bundle
from reportgen.cli.card import card
from reportgen.cli.diff import diff
from reportgen.cli.dissect import dissect
from reportgen.cli.doctor import doctor
from reportgen.cli.log import log
from reportgen.cli.render import render
from reportgen.cli.run import run
from reportgen.cli.schema import schema
from reportgen.cli.submit import submit
from reportgen.cli.summary import summary
from reportgen.cli.terminal import say
from reportgen.cli.validate import validate
from reportgen.cli.verify import verify
from reportgen.utils.errors import ReportgenError, UsageError

INTERRUPTED = 130
# Read by huggingface_hub, which open_clip and timm import, and by what it may bring. OpenVINO: see models.quiet.
NO_TELEMETRY = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
app = typer.Typer(
    help="Turn a folder of images into an explainability report, HTML and PDF.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (run, render, dissect, doctor, validate, submit, bundle, card, verify, diff, log, summary, schema):
    app.command()(command)
app.add_typer(templates.app, name="templates")
app.add_typer(config.app, name="config")
app.add_typer(models.app, name="models")
app.add_typer(cache.app, name="cache")


def main() -> None:
    """Entry point: every error that a user can cause is one line and an exit code."""
    for name in NO_TELEMETRY:
        os.environ.setdefault(name, "1")
    try:
        code = app(standalone_mode=False)  # the code of an Exit, or what the command returned: None
    except ReportgenError as error:
        for line in error.lines:
            say(f"reportgen: {line}")
        sys.exit(error.exit_code)
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):  # newer Typers make an Exit of it
        code = INTERRUPTED
    except OSError as error:
        from reportgen.utils.files import DISK_ERRORS

        if error.errno not in DISK_ERRORS:
            raise
        say(f"reportgen: {error.filename or 'a file'}: {error.strerror}; what is finished is kept")
        sys.exit(ReportgenError.exit_code)
    except Exception as error:
        # Wrong usage, as Click (or the copy of it inside Typer) words it.
        if not hasattr(error, "format_message"):
            raise
        say(f"reportgen: {error.format_message()} (see reportgen --help)")
        sys.exit(UsageError.exit_code)
    if code == INTERRUPTED:
        from reportgen.utils.concurrency import force_exit

        say("reportgen: interrupted; finished results are kept, the same command goes on from there")
        force_exit(INTERRUPTED)
    if code:
        sys.exit(code)
