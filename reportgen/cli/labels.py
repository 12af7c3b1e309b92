"""`reportgen labels`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import Config, known_models
from reportgen.cli.terminal import Terminal
from reportgen.utils.terminal_text import counted, first_of, printable

if TYPE_CHECKING:
    from reportgen.pipeline.label_check import LabelCheck

# Of lines, names in a line, and characters of a name so many are shown; the rest are counted.
_MOST_SHOWN, _MOST_NAMED, _MOST_CHARACTERS = 10, 5, 80


@mannered
def labels(
    terminal: Terminal,
    images: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of images.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(
            help="The classifier whose classes count.",
            show_default="the first explained one",
            autocompletion=known_models,
        ),
    ] = None,
    config: Config = None,
    strict: Annotated[bool, typer.Option("--strict", help="A class that the model does not have is an error.")] = False,
) -> None:
    """Say which labels of a folder's images are understood, from where, and what is left over."""
    from reportgen.pipeline.label_check import check_labels
    from reportgen.settings.load import load

    flags = {"models": (model,) if model else None, "explain": (model,) if model else None, "strict": strict or None}
    found = check_labels(images, load(flags, config).settings)
    terminal.found(
        model=found.model,
        images=len(found.images),
        labelled=len(found.images) - len(found.unlabelled),
        sources=[asdict(source) for source in found.sources],
        classes=[{"index": index, "name": name, "images": number} for index, name, number in found.counts],
        unlabelled=found.unlabelled,
        absent=found.absent,
        unknown=[asdict(one) for one in found.unknown],
        warnings=[warning.text for warning in found.warnings],
        left_alone=[left.model_dump() for left in found.left_alone],
    )
    _show(terminal, found)


def _show(terminal: Terminal, found: LabelCheck) -> None:
    labelled = len(found.images) - len(found.unlabelled)
    terminal.result(
        f"{labelled} of {counted(len(found.images), 'image')} labelled, as one of the {found.n_classes} classes of {found.model}"
    )
    for source in found.sources:
        terminal.result(f"from {_shown(source.name)} ({_shown(source.how)}): {counted(source.images, 'image')}")
    if found.counts:
        terminal.result("")
        shown = [(_shown(name), str(index), str(number)) for index, name, number in found.counts[:_MOST_SHOWN]]
        terminal.table(("class", "index", "images"), shown)
        if len(found.counts) > len(shown):
            terminal.result(f"{len(found.counts) - len(shown)} further classes")
    left = _left_over(found)
    if left:
        terminal.result("")
        terminal.result("left over")
    for line in left:
        terminal.result(f"  {line}")


def _left_over(found: LabelCheck) -> list[str]:
    lines = []
    if found.unlabelled:
        lines.append(f"{counted(len(found.unlabelled), 'image')} without a label{_first(found.unlabelled)}")
    lines += [warning.text for warning in found.warnings]
    if found.numbered:
        lines.append(f"folders called by numbers, which are no classes without a classes.txt{_first(found.numbered)}")
    return lines + [f"left alone, {printable(left.reason)}{_first(left.names)}" for left in found.left_alone]


def _first(names: Sequence[str]) -> str:
    """`: a.jpg, b.jpg and 4 more`"""
    return f": {first_of(names, _MOST_NAMED, told=_shown)}"


def _shown(text: str) -> str:
    return printable(text, _MOST_CHARACTERS)
