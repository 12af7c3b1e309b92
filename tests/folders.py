"""Input folders as readers are given them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reportgen.images.files import InputFile
from reportgen.images.find import find_images
from reportgen.images.folder import Folder
from reportgen.report.document import Skipped


def looked_through(folder: Path) -> tuple[list[InputFile], list[Skipped]]:
    """The images below a folder, and the files that only claim to be some."""
    found = find_images(folder)
    return list(found.files), list(found.skipped)


def holding(folder: Path, images: Sequence[str]) -> Folder:
    """A folder with these images, whether they exist or not; every other file in it lies beside them."""
    others = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Folder(
        path=folder,
        files=tuple(InputFile(name, folder / name) for name in images),
        beside={name: InputFile(name, folder / name) for name in others if name not in images},
    )
