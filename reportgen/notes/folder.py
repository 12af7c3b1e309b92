"""A folder of notes: which files are notes, which place of the report each is about, and their texts.

    introduction.md, conclusion.md      at the beginning and at the end
    cams.md, cams@resnet18.md           at the end of a section, by its id
    images/NAME.md                      with an image, NAME with or without its ending

Whatever else lies there stops no run: it is left out, and said.
"""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from reportgen.notes.limits import MOST_BYTES, MOST_FILES
from reportgen.report.document import Note
from reportgen.utils.errors import UsageError
from reportgen.utils.terminal_text import first_of, printable
from reportgen.utils.untrusted_files import is_folder, read_at_most, user_path

NOTES = "notes"  # the folder beside the images
IMAGES = "images"  # its folder of notes on images
ENDING = ".md"
PAGES: tuple[Literal["introduction", "conclusion"], ...] = ("introduction", "conclusion")
_MOST_SHOWN = 3


@dataclass(frozen=True)
class NoteFile:
    """A file that is a note, and the place that it is about; see `Note`."""

    path: Path
    name: str
    place: Literal["introduction", "conclusion", "section", "image"]
    of: str = ""

    def read(self) -> Note:
        """The note, with line ends of one kind.

        Raises:
            UsageError: it is not UTF-8 text, larger than a note may be, or cannot be read.
        """
        try:
            text = read_at_most(self.path, MOST_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError(f"{self.path}: not UTF-8 text") from None
        return Note(name=self.name, place=self.place, of=self.of, text="\n".join(text.splitlines()))


def holds_notes(folder: Path) -> bool:
    """Whether a folder called `notes` is one: some Markdown lies in it. Every other is a folder of images like all."""
    return folder.name == NOTES and next(_markdown(folder), None) is not None


def notes_folder(images: Path | None, named: str | None) -> Path | None:
    """The folder of notes that the settings name, or the one in the folder of images; None where there is none.

    Raises:
        UsageError: the settings name no folder.
    """
    if named is not None:
        folder = user_path(named)
        if not is_folder(folder):
            raise UsageError(f"setting document.notes: {folder}: no such folder; give the folder of your notes")
        return folder
    return images / NOTES if images is not None and holds_notes(images / NOTES) else None


def find_notes(folder: Path, sections: Sequence[str], images: Sequence[str]) -> tuple[list[NoteFile], list[str]]:
    """The notes of a folder, by name, and a line for what lies there and is none.

    Args:
        sections: ids of the sections that a note may be about; images: names of the images.

    Raises:
        UsageError: the folder cannot be read, or holds more files than anybody writes.
    """
    found: dict[tuple[str, str], NoteFile] = {}
    left_out: list[str] = []
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror or error})") from None
    for name in sorted(_markdown(folder)):
        if isinstance(file := _placed(folder, name, sections, images), str):
            left_out.append(f"{_shown(folder, name)}: {file}; it is left out")
        elif (file.place, file.of) in found:
            first = found[file.place, file.of].name
            left_out.append(f"{_shown(folder, name)}: is about what {printable(first)} is about; it is left out")
        else:
            found[file.place, file.of] = file
    return list(found.values()), [*left_out, *_foreign(folder)]


def of_name(name: str, known: Iterable[str]) -> str | None:
    """What of the known a name means: the same, or the only one of the same letters and digits."""
    known = list(known)
    if name in known:
        return name
    alike = [other for other in known if _letters(other) == _letters(name)]
    return alike[0] if len(alike) == 1 else None


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?`, else the first few that are known."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.5) or [one for one in known if name and name in one]
    if close:
        return f"; did you mean {printable(close[0])}?"
    more = ", …" if len(known) > _MOST_SHOWN else ""
    return f"; known: {', '.join(map(printable, known[:_MOST_SHOWN]))}{more}" if known else "; there is none"


def _markdown(folder: Path) -> Iterator[str]:
    """Posix paths of the Markdown in a folder of notes; the first few thousand of them."""
    count = 0
    for name, is_directory in _entries(folder):
        if not is_directory and name.lower().endswith(ENDING):
            count += 1
            if count > MOST_FILES:
                raise UsageError(f"{folder}: more than {MOST_FILES} notes")
            yield name


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """What lies in a folder of notes and is not hidden: files, other folders, and what lies in `images/`, at any depth."""
    waiting = [PurePosixPath()]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(folder / inside) as listing:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing]
        except (OSError, ValueError):  # not there, a file, or locked
            continue
        for name, is_directory in entries:
            path = inside / name
            if name.startswith(".") or not _is_text(str(path)):
                continue
            if is_directory and path.parts[0] == IMAGES:
                waiting.append(path)
            else:
                yield path.as_posix(), is_directory


def _placed(folder: Path, name: str, sections: Sequence[str], images: Sequence[str]) -> NoteFile | str:
    """A file of notes by what it is about, or why it is about nothing."""
    stem, path = name[: -len(ENDING)], folder / name
    if name.startswith(f"{IMAGES}/"):
        image = _image(stem.removeprefix(f"{IMAGES}/"), images)
        return NoteFile(path, name, "image", image[0]) if len(image) == 1 else _no_image(stem, image, images)
    for page in PAGES:
        if stem.casefold() == page:
            return NoteFile(path, name, page)
    section = of_name(unicodedata.normalize("NFC", stem), sections)
    if section is not None:
        return NoteFile(path, name, "section", section)
    return f"no section is called '{printable(stem)}'{nearest(stem, [*PAGES, *sections])}"


def _image(name: str, images: Sequence[str]) -> list[str]:
    """The images that a name means: one of that name, or all of it without their ending."""
    wanted = unicodedata.normalize("NFC", name)
    composed = {image: unicodedata.normalize("NFC", image) for image in images}
    whole = [image for image, text in composed.items() if text == wanted]
    return whole or [image for image, text in composed.items() if str(PurePosixPath(text).with_suffix("")) == wanted]


def _no_image(stem: str, found: Sequence[str], images: Sequence[str]) -> str:
    name = stem.removeprefix(f"{IMAGES}/")
    if found:
        return (
            f"{' and '.join(map(printable, found[:2]))} are both called so: name the note {printable(found[0])}{ENDING}"
        )
    return f"no image is called '{printable(name)}'{nearest(name, images)}"


def _foreign(folder: Path) -> list[str]:
    """One line for everything that is no Markdown."""
    entries = _entries(folder)
    others = sorted(name for name, is_directory in entries if is_directory or not name.lower().endswith(ENDING))
    if not others:
        return []
    first = first_of(others, _MOST_SHOWN, told=printable)
    return [f"{printable(str(folder))}: left out, for no Markdown: {first}"]


def _shown(folder: Path, name: str) -> str:
    return printable(str(folder / name))


@lru_cache(1 << 16)
def _letters(text: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFC", text).casefold() if character.isalnum())


def _is_text(name: str) -> bool:
    """Whether a file's name can stand in a report: bytes that are no text cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
