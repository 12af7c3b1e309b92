"""`reportgen open`: a finished report before the user's eyes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file, is_folder

Source = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or its report.html or report.pdf.", show_default=False)
]
AsPdf = Annotated[bool, typer.Option("--pdf", help="The PDF, and not the HTML.")]
PAGES = ("report.html", "report.pdf")


@mannered
def open_run(terminal: Terminal, run: Source = Path("report"), pdf: AsPdf = False) -> None:
    """Open a report with the system's viewer; where there is no display, say where it lies."""
    file = page_of(run, pdf=pdf)
    opened = show(file)
    terminal.found(paths=[file], opened=opened)
    terminal.result(file)
    if not opened:
        terminal.say(
            "there is no display here; open this file in a browser or PDF viewer, or copy it to where there is one"
        )


def page_of(source: Path, *, pdf: bool = False) -> Path:
    """The page to open: of a run its HTML; its PDF where that is asked for, or where it has no other.

    Raises:
        UsageError: there is none, or it is a bundle.
    """
    if source.suffix.lower() == ".zip" and is_file(source):
        into = shlex.quote(source.stem)
        raise UsageError(
            f"{source}: is a bundle; unpack it first (unzip {shlex.quote(str(source))} -d {into}), then reportgen open {into}"
        )
    if is_file(source):
        if source.suffix.lower() not in (".html", ".pdf"):
            raise UsageError(f"{source}: is no page; give a run folder, its report.html or its report.pdf")
        return source
    if not is_folder(source):
        raise UsageError(f"{source}: no such run; give the folder that reportgen run wrote (its -o)")
    there = [source / name for name in (PAGES[1:] if pdf else PAGES) if is_file(source / name)]
    if not there:
        wanted, form = ("report.pdf", "pdf") if pdf else ("report.html", "html")
        raise UsageError(
            f"{source}: has no {wanted}; if it is a run folder, reportgen render {shlex.quote(str(source))} --format {form} makes it"
        )
    return there[0]


def show(
    file: Path,
    *,
    platform: str = sys.platform,
    environ: Mapping[str, str] | None = None,
    start: Callable[[list[str]], object] | None = None,
) -> bool:
    """Hand a file to the system's viewer; returns whether there is one.

    Without a display nothing is started: a browser of text would take the terminal.

    Args:
        start: starts a program that goes on by itself.
    """
    environ = os.environ if environ is None else environ
    start = start or _start
    path = file.resolve()
    if platform == "win32":
        os.startfile(path)  # type: ignore[attr-defined,unused-ignore]
        return True
    if platform == "darwin":
        start(["open", str(path)])
        return True
    # An editor on another machine sets BROWSER to a program that opens pages there.
    if environ.get("BROWSER") and path.suffix == ".html":
        import webbrowser

        return webbrowser.open(path.as_uri())
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return False
    if shutil.which("xdg-open", path=environ.get("PATH")):
        start(["xdg-open", str(path)])
        return True
    import webbrowser

    return webbrowser.open(path.as_uri())


def _start(command: list[str]) -> None:
    """It has no part of our terminal, and outlives us."""
    nothing = subprocess.DEVNULL
    subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
