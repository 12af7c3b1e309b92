"""What was given, made into files: where each lies, and what it is called in the report.

One folder, or one archive: the path in it. Several things: the path below the folder that holds them all, or that their pattern or
list begins in; where that would name places of the machine, no more of each path than tells them apart.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.formats import EXTENSIONS, HEAD_BYTES, UNREAD_EXTENSIONS, format_of
from reportgen.images.left_alone import file_reason, path_reason
from reportgen.images.sources.archives import is_archive, local_archive, looks_like_archive, refuse_other, stem_of
from reportgen.images.sources.disk import Look, check_folder, files_below, leave_folder, listed
from reportgen.images.sources.flat import meant
from reportgen.images.sources.given import Given, expanded, last_part
from reportgen.images.sources.listed import Listed
from reportgen.images.sources.remote import remote_files
from reportgen.report.document import Skipped
from reportgen.utils.encodings import as_text
from reportgen.utils.errors import Problems
from reportgen.utils.secrets import is_address

# Files of a folder of which only some images were given: so many are looked at for labels and annotations.
_MOST_NEIGHBOURS = 100_000


def files_of(given: Given, look: Look, *, allow_download: bool) -> tuple[Path, Iterator[Listed]]:
    """The folder that what was given lies in (or the archive, or only a name), and its files in no order.

    Raises:
        UsageError: something is missing, cannot be read, or is neither an image nor holds any.
    """
    first = given.paths[0]
    pattern = None if given.listed else expanded(first)
    if len(given.paths) == 1 and not given.listed and pattern is None:
        return _one(first, look, allow_download=allow_download)
    items, bases = _items(given)
    here = [item for item in items if not is_address(item.text)]
    root = Path(_absolute(os.fspath(given.root))) if given.root is not None else _common(here, bases)
    return root or Path(), _several(items, _names(here, root), look, allow_download=allow_download)


def _one(text: str, look: Look, *, allow_download: bool) -> tuple[Path, Iterator[Listed]]:
    path = Path(text)
    if is_address(text):
        return Path(last_part(text)), remote_files(text, "", look, allow_download=allow_download)
    if not _is_file(path):
        check_folder(path)
        return path, files_below(path, "", look)
    if is_archive(path.name):
        return path, meant(list(local_archive(path, "")), "", look.remarks)
    file = InputFile(as_text(path.name), path)
    if not _claims_to_be_image(file):
        if not looks_like_archive(file):
            raise refuse_other(path)
        return path, meant(list(local_archive(path, "")), "", look.remarks)
    return path.parent, iter([listed(path, file.name), *_neighbours(path, file.name, {file.name})])


def _is_file(path: Path) -> bool:
    """Whether something lies there that is no folder; what cannot be looked at is left to `check_folder`."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _claims_to_be_image(file: InputFile) -> bool:
    try:
        is_image = format_of(file.head(HEAD_BYTES), file.name) is not None
    except UnreadableFile:
        is_image = False
    return is_image or file.path.suffix.lower() in EXTENSIONS | UNREAD_EXTENSIONS


# --- several -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Item:
    """One path of several, absolute, and whether a folder lies there; None: nothing does."""

    text: str
    is_folder: bool | None


def _items(given: Given) -> tuple[list[_Item], list[str]]:
    """What was given, patterns expanded, each once; and the folders that patterns begin in.

    Raises:
        Problems: a path that is not there, a line each; one of a list is no problem.
    """
    texts: dict[str, None] = {}
    bases: list[str] = []
    for text in given.paths:
        found = None if given.listed else expanded(text)
        if found is not None:
            bases.append(_absolute(os.fspath(found[1])))
        for path in (text,) if found is None else found[0]:
            texts.setdefault(path if is_address(path) else _absolute(path))
    items = [_Item(text, _kind(text)) for text in texts]
    missing = [item.text for item in items if item.is_folder is None]
    if missing and not given.listed:
        by_path = {_absolute(text): text for text in given.paths}
        raise Problems([f"{by_path.get(text, text)}: no such folder or file" for text in missing])
    return items, bases


def _absolute(text: str) -> str:
    """Links in it stay: a file is called as it was given."""
    return os.path.abspath(text)  # noqa: PTH100 (as said)


def _kind(text: str) -> bool | None:
    if is_address(text):
        return False
    path = Path(text)
    try:
        return path.is_dir() if os.path.lexists(path) else None
    except (OSError, ValueError):
        return None


def _common(items: Sequence[_Item], bases: Sequence[str]) -> Path | None:
    """The folder that holds everything; None where names below it would tell of the machine or its user."""
    folders = [*bases, *(os.fspath(Path(item.text).parent) for item in items)]
    try:
        root = Path(os.path.commonpath(folders))
    except ValueError:  # nothing at all, or on two drives
        return None
    return None if root == Path(root.anchor) or root in _home().parents else root


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path()


def _names(items: Sequence[_Item], root: Path | None) -> dict[str, str]:
    """What each path is called: below `root`, else by as many of its last parts as tell all of them apart."""
    paths = {item.text: Path(item.text) for item in items}
    if root is not None:
        return {text: as_text(path.relative_to(root).as_posix()) for text, path in paths.items()}
    count = 1
    longest = max((len(path.parts) for path in paths.values()), default=1)
    while count < longest and len({path.parts[-count:] for path in paths.values()}) < len(paths):
        count += 1
    return {
        text: as_text("/".join(part for part in path.parts[-count:] if part != path.anchor))
        for text, path in paths.items()
    }


def _several(items: Sequence[_Item], names: dict[str, str], look: Look, *, allow_download: bool) -> Iterator[Listed]:
    singles: set[str] = set()
    for item in items:
        if is_address(item.text):
            prefix = last_part(item.text) + "/"
            yield from remote_files(item.text, prefix, look, allow_download=allow_download)
            continue
        path, name = Path(item.text), names[item.text]
        reason = path_reason(f"{name}/" if item.is_folder else name, named=True)
        if item.is_folder is None:
            look.skipped.append(Skipped(name=name, reason="no such file"))
        elif item.is_folder:
            if reason is not None:
                leave_folder(path, name, reason, look)
            else:
                yield from files_below(path, "" if name == "." else f"{name}/", look, notes=False)
        elif reason is not None:
            look.remarks.leave(name, reason)
        elif is_archive(name):
            stem = posixpath.join(posixpath.dirname(name), stem_of(posixpath.basename(name)))
            prefix = f"{name if stem in names.values() else stem}/"
            yield from meant(list(local_archive(path, prefix)), prefix, look.remarks)
        else:
            singles.add(item.text)
            yield listed(path, name)
    seen = {names[text] for text in singles}
    one_of_each = {Path(text).parent: text for text in sorted(singles)}
    for text in one_of_each.values():
        yield from _neighbours(Path(text), names[text], seen)


def _neighbours(path: Path, name: str, seen: set[str]) -> list[Listed]:
    """The other files in the folder of a file that was given: labels and annotations of it may be among them."""
    prefix = name[: len(name) - len(posixpath.basename(name))]
    try:
        with os.scandir(path.parent) as listing:
            entries = [e.name for e in islice(listing, _MOST_NEIGHBOURS) if not e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    called = {prefix + as_text(entry): path.parent / entry for entry in entries if file_reason(entry) is None}
    return [listed(at, name, neighbour=True) for name, at in sorted(called.items()) if name not in seen]
