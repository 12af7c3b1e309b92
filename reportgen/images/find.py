"""The images below a folder, by name; a file that only claims to be one is skipped with a reason."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reportgen.images.files import InputFile, os_reason
from reportgen.images.folder import Folder
from reportgen.images.formats import EXTENSIONS, HEAD_BYTES, UNREAD_EXTENSIONS, format_of, what_instead
from reportgen.images.ground_truth.masks import masks_of
from reportgen.images.remarks import Remarks
from reportgen.notes.folder import NOTES, holds_notes
from reportgen.report.document import Skipped
from reportgen.report.manifest import OWN_NAMES, is_run
from reportgen.utils.errors import UsageError

_IGNORED_NAMES = frozenset({"__macosx", "thumbs.db"})
_BROKEN_LINK = (errno.ENOENT, errno.ELOOP)


def find_images(folder: Path, remarks: Remarks | None = None) -> Folder:
    """Every image under `folder`, the files that only claim to be one, and what lies beside them.

    A file is an image when its first bytes are those of a format that is read (`formats`), whatever its
    extension. A file that is none is skipped with a reason when its extension is an image's, otherwise
    ignored. Hidden files and folders, `__MACOSX` and `Thumbs.db` are ignored. Links to files are followed.
    Links to folders are not; one that leads out of `folder` stands in `skipped`, for its images are missed.
    A mask of an image, by its name (`masks_of`), is its ground truth, and no image.
    The figures of a report are no photographs: where a run wrote, its own files and folders are ignored. So is a folder
    `notes` directly in `folder` in which Markdown lies: the author's own words (`reportgen.notes`).

    Args:
        remarks: where files are noted that are not meant to be explained, and why.

    Returns:
        Images, skipped files and those beside them, each sorted by name, a plain sort of the posix paths. Bytes of a file
        name that are not text stand in the name as `\\xff`; of two files whose names become equal that way, the second is
        skipped.

    Raises:
        UsageError: `folder` is missing, is not a folder, or cannot be read.
    """
    _check_folder(folder)
    images: dict[str, InputFile] = {}
    beside: dict[str, InputFile] = {}
    skipped: list[Skipped] = []
    for file in sorted(_walk(folder, skipped), key=lambda file: (file.name, os.fsencode(file.path))):
        reason = _refusal(file.path)
        if reason is None and file.name in images:
            reason = "its name, written as text, is another file's"
        if reason is None:
            images[file.name] = file
        elif PurePosixPath(file.name).suffix.lower() in EXTENSIONS | UNREAD_EXTENSIONS:
            skipped.append(Skipped(name=file.name, reason=reason))
        else:
            beside[file.name] = file
    beside |= {name: images.pop(name) for name in masks_of(images)}
    return Folder(
        path=folder,
        files=tuple(images.values()),
        skipped=tuple(sorted(skipped, key=lambda item: item.name)),
        beside=dict(sorted(beside.items())),
    )


def _check_folder(folder: Path) -> None:
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        raise UsageError(f"{folder}: no such folder") from None
    except NotADirectoryError:
        raise UsageError(f"{folder}: not a folder; give the folder that holds the images") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{str(folder)!r}: no such folder") from None
    except OSError as error:
        raise UsageError(f"{folder}: {os_reason(error)}") from None


def _walk(folder: Path, skipped: list[Skipped]) -> Iterator[InputFile]:
    """Every entry under `folder` that is not a folder, in no order; folders not walked go to `skipped`."""
    root = folder.resolve()
    waiting = [folder]  # a list, not recursion: an untrusted tree may be deeper than Python's stack
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(inside) as listing:
                entries = [entry for entry in listing if not _is_ignored(entry.name)]
            # These names alone: a manifest is as untrusted as the folder, and must not hide photographs.
            if is_run(inside):
                entries = [entry for entry in entries if entry.name not in OWN_NAMES]
        except OSError as error:
            skipped.append(Skipped(name=_name(inside, folder), reason=f"folder {os_reason(error)}"))
            continue
        for entry in entries:
            path = inside / entry.name
            if inside == folder and entry.name == NOTES and holds_notes(path):
                continue
            if not entry.is_symlink() and entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a parent is locked)
                yield InputFile(_name(path, folder), path)
            elif not path.resolve().is_relative_to(root):
                reason = "a link to a folder elsewhere: not followed"
                skipped.append(Skipped(name=_name(path, folder), reason=reason))


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED_NAMES


def _name(path: Path, folder: Path) -> str:
    """The posix path under `folder`, as valid text: what does not decode is written as `\\xff`."""
    raw = os.fsencode(path.relative_to(folder).as_posix())
    return raw.decode(sys.getfilesystemencoding(), "backslashreplace")


def _refusal(path: Path) -> str | None:
    """Why `path` is not an image, or None where it is one; only a regular file is ever opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a regular file"
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return "a link that leads nowhere" if error.errno in _BROKEN_LINK else os_reason(error)
    return None if format_of(head, path.name) else what_instead(head)
