"""The images of what was given, by name; a file that only claims to be one is skipped with a reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from reportgen.images.files import NOT_REGULAR, InputFile, UnreadableFile
from reportgen.images.folder import Folder
from reportgen.images.formats import EXTENSIONS, HEAD_BYTES, UNREAD_EXTENSIONS, format_of, what_instead
from reportgen.images.ground_truth.masks import masks_of
from reportgen.images.left_alone import OUT
from reportgen.images.remarks import Remarks
from reportgen.images.sources.disk import Look
from reportgen.images.sources.given import Given, Images, given_of
from reportgen.images.sources.listed import Listed
from reportgen.images.sources.places import files_of
from reportgen.report.document import Skipped


def find_images(
    images: Images,
    remarks: Remarks | None = None,
    *,
    apart: Mapping[Path, str] | None = None,
    out: Path | None = None,
    allow_download: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Folder:
    """Every image of what was given, the files that only claim to be one, and what lies beside them.

    A folder, an image, an archive of images, several of these, a pattern, a list (`read_list`), or an address: `sources`.
    A file is an image when its first bytes are those of a format that is read (`formats`), whatever its
    extension. A file that is none is skipped with a reason when its extension is an image's, otherwise
    it lies beside. What systems and programs leave behind, and what is hidden, is left alone (`left_alone`).
    Links to files are followed. Links to folders are not; one that leads out of the folder given stands in `skipped`.
    A mask of an image, by its name (`masks_of`), is its ground truth, and no image.
    The figures of a report are no photographs: where a run wrote, its own files and folders are left alone. A folder
    `notes` directly in the one folder given, in which Markdown lies, holds the author's own words (`reportgen.notes`).

    Args:
        remarks: where files are noted that are not meant to be explained, and why.
        apart: folders below those given that are no part of the images, and why.
        out: the run folder, whether it is there or not: no part of the images either.
        allow_download: whether addresses may be read.
        say: tells the user a line, of what takes long.

    Returns:
        Images, skipped files and those beside them, each sorted by name, a plain sort of the posix paths. Bytes of a file
        name that are not text stand in the name as `\\xff`; of two files whose names become equal that way, the second is
        skipped.

    Raises:
        UsageError: something is missing, cannot be read, or is neither an image nor holds any.
    """
    given = given_of(images)
    folders = {**(apart or {}), **({} if out is None else {out: OUT})}
    resolved = {path.resolve(): reason for path, reason in folders.items()}
    look = Look(remarks or Remarks(), apart=resolved, out=None if out is None else out.resolve(), say=say)
    root, files = files_of(given, look, allow_download=allow_download)
    return _sorted_out(given, root, files, look)


def _sorted_out(given: Given, root: Path, files: Iterable[Listed], look: Look) -> Folder:
    images: dict[str, InputFile] = {}
    beside: dict[str, InputFile] = {}
    neighbours: set[str] = set()
    seen: set[tuple[str, Path]] = set()
    for item in sorted(files, key=lambda item: (item.file.name, os.fsencode(item.file.path))):
        file = item.file
        if (file.name, file.path) in seen and not file.stored:  # given twice
            continue
        seen.add((file.name, file.path))
        if item.neighbour:
            neighbours.add(file.name)
            beside.setdefault(file.name, file)
            continue
        reason = _refusal(item)
        if reason is None and file.name in images:
            reason = "its name, written as text, is another file's"
        if reason is None:
            images[file.name] = file
        elif PurePosixPath(file.name).suffix.lower() in EXTENSIONS | UNREAD_EXTENSIONS:
            look.skipped.append(Skipped(name=file.name, reason=reason))
        elif item.refusal is not None or reason == NOT_REGULAR:
            look.remarks.leave(file.name, reason)
        else:
            beside[file.name] = file
    look.remarks.silence(frozenset(neighbours))
    beside |= {name: images.pop(name) for name in masks_of(images)}
    return Folder(
        path=root,
        files=tuple(images.values()),
        skipped=tuple(sorted(look.skipped, key=lambda item: item.name)),
        beside=dict(sorted(beside.items())),
        neighbours=frozenset(neighbours),
        shown=given.shown,
    )


def _refusal(item: Listed) -> str | None:
    """Why a file is not an image, or None where it is one; only a regular file is ever opened."""
    if item.refusal is not None:
        return item.refusal
    if item.by_name:
        return None if PurePosixPath(item.file.name).suffix.lower() in EXTENSIONS else "not called as an image"
    try:
        head = item.file.head(HEAD_BYTES)
    except UnreadableFile as error:
        return error.reason
    return None if format_of(head, item.file.name) else what_instead(head)
