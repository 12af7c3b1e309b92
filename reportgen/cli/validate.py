"""`reportgen validate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import Config
from reportgen.cli.progress import progress_of
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed, NothingToDo, UsageError
from reportgen.utils.terminal_text import counted, printable

if TYPE_CHECKING:
    from reportgen.sharing.validate import Scored

MOST_PROBLEMS = 50


@mannered
def validate(
    terminal: Terminal,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A file of parameters, such as explain_params.pkl.", show_default=False),
    ],
    images: Annotated[str | None, typer.Option(help="Score it: its images, a folder or an archive.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Score it: a folder of PNG masks named like the images.")] = None,
    model: Annotated[str | None, typer.Option(help="The classifier to score it with.")] = None,
    config: Config = None,
) -> None:
    """Check a file of parameters without running anything in it; score it on images with masks."""
    if (images is None) != (masks is None):
        raise UsageError("--images and --masks belong together: give both, or neither")
    from reportgen.sharing.validate import read_parameters, score_parameters

    checked = read_parameters(file)
    terminal.found(columns=checked.columns, rows=checked.rows, problems=checked.problems, more_problems=checked.more)
    terminal.table(checked.columns, checked.rows)
    for problem in checked.problems[:MOST_PROBLEMS]:
        terminal.result(f"PROBLEM {problem}", "red")
    if checked.problems:
        found = len(checked.problems) + checked.more
        rest = f", of which {MOST_PROBLEMS} are shown" if found > MOST_PROBLEMS else ""
        raise CheckFailed(f"{file}: {counted(found, 'problem')} found{rest}")
    if images is None or masks is None:
        return
    from reportgen.settings.load import load

    settings = load({"explain": (model,) if model else None}, config).settings
    with progress_of(terminal) as progress:
        scored = list(score_parameters(checked, images, masks, settings, progress))
    _tell_scores(scored, terminal)


def _tell_scores(scored: Sequence[Scored], terminal: Terminal) -> None:
    """A line an entry, then the averages. Seconds stand here and in no file."""
    done = [entry for entry in scored if entry.problem is None]
    rows = [(printable(s.entry, 40), "none" if s.iou is None else f"{s.iou:.3f}", f"{s.seconds:.2f}") for s in done]
    terminal.found(scores=[asdict(entry) for entry in scored])
    terminal.table(("entry", "IoU", "seconds"), rows)
    for entry in scored:
        if entry.problem is not None:
            terminal.say(f"not scored {entry.entry!r}: {entry.problem}")
    values = [entry.iou for entry in done if entry.iou is not None]
    if not values:
        raise NothingToDo("no entry has an IoU: see the lines above")
    terminal.result(f"average IoU: {sum(values) / len(values):.3f} over {len(values)} of {len(scored)} entries")
    terminal.result(f"average time: {sum(entry.seconds for entry in done) / len(done):.2f} s")
