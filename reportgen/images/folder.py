"""What was given to explain, looked through once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from reportgen.images.files import InputFile
from reportgen.images.formats import READ
from reportgen.images.naming import Named
from reportgen.report.document import Skipped
from reportgen.utils.errors import NothingToDo


@dataclass(frozen=True)
class Folder:
    """A folder of images, or what takes its place: an archive, several paths, a list.

    Attributes:
        path: the folder, or the archive; of several paths what their names are relative to.
        files: the images that are explained, by name.
        skipped: files that only claim to be images.
        beside: by name every other file that was found: labels, annotations, masks, and what nobody understands.
        neighbours: names of those beside that nobody gave: they lie in the folder of an image that was given.
        shown: what messages call it; `path` where nothing is said.
    """

    path: Path
    files: tuple[InputFile, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    beside: Mapping[str, InputFile] = field(default_factory=dict)
    neighbours: frozenset[str] = frozenset()
    shown: str = ""

    @property
    def names(self) -> list[str]:
        return [file.name for file in self.files]

    @cached_property
    def named(self) -> Named:
        """The images by the names that people and programs write for them."""
        return Named(self.names)

    def no_image(self, skipped: Sequence[Skipped]) -> NothingToDo:
        """The error of a folder in which no image can be read."""
        shown = self.shown or str(self.path)
        if not skipped:
            return NothingToDo(f"{shown}: no image in it; give a folder with files of {READ}")
        first = skipped[0]
        return NothingToDo(
            f"{shown}: no readable image; {len(skipped)} skipped, the first is {first.name} ({first.reason})"
        )
