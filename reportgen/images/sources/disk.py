"""The files below a folder of this machine; what is not meant to be explained is left alone, and counted."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.images.files import InputFile, os_reason
from reportgen.images.formats import EXTENSIONS
from reportgen.images.left_alone import EARLIER_RUN, NOTES_UNREAD, file_reason, folder_reason
from reportgen.images.remarks import Remarks
from reportgen.images.sources.listed import Listed
from reportgen.notes.folder import NOTES, holds_notes
from reportgen.report.document import Skipped
from reportgen.report.manifest import LOCK, OWN_NAMES, TEX, UNFINISHED, files_of_run, is_run
from reportgen.utils.encodings import as_text
from reportgen.utils.errors import UsageError

# So many files in folders that are left alone are counted; to walk through a million thumbnails would take longer than the run.
MOST_COUNTED = 100_000
MORE = ", at least so many: no more were counted"
_BROKEN_LINK = (errno.ENOENT, errno.ELOOP)


@dataclass
class Look:
    """One look through what was given.

    Attributes:
        remarks: where files are noted that are left alone.
        skipped: what is missed, and why.
        apart: folders, resolved, that are no part of the images, and why.
        out: the run folder, resolved. What an earlier run left there this one writes again: it is not counted, so that the
            second report is the same as the first.
        counts: how many more files are counted in folders that are left alone.
        say: tells the user a line.
    """

    remarks: Remarks
    skipped: list[Skipped] = field(default_factory=list)
    apart: Mapping[Path, str] = field(default_factory=dict)
    out: Path | None = None
    counts: int = field(default_factory=lambda: MOST_COUNTED)
    say: Callable[[str], None] = lambda line: None

    def miss(self, name: str, reason: str) -> None:
        """Note a folder whose images are missed; once, though it may be given twice."""
        if (missed := Skipped(name=name, reason=reason)) not in self.skipped:
            self.skipped.append(missed)

    def reason_of_folder(self, path: Path) -> str | None:
        """Why what lies in a folder is left alone; None: it is walked."""
        of_name = folder_reason(path.name, path.parent.name)
        if of_name is None and any(path.name == folder.name for folder in self.apart):
            return self.apart.get(path.resolve())
        return of_name

    def is_out(self, path: Path) -> bool:
        return self.out is not None and path.resolve() == self.out


def check_folder(folder: Path) -> None:
    """Raises: UsageError: it is missing, no folder, or cannot be read."""
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        raise UsageError(f"{folder}: no such folder or file") from None
    except NotADirectoryError:
        raise UsageError(f"{folder}: not a folder") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{str(folder)!r}: no such folder or file") from None
    except OSError as error:
        raise UsageError(f"{folder}: {os_reason(error)}") from None


def files_below(folder: Path, prefix: str, look: Look, *, notes: bool = True) -> Iterator[Listed]:
    """Every entry below `folder` that is meant and is not a folder, by its name under `prefix`, in no order.

    Links to files are followed. Links to folders are not; one that leads out of `folder` is skipped, for its images are missed.

    Args:
        notes: whether the author's own words in it are read.
    """
    root = folder.resolve()
    waiting = [folder]  # a list, not recursion: an untrusted tree may be deeper than Python's stack
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(inside) as listing:
                entries = sorted(listing, key=_by_name)  # so that no system's order decides what is counted
            own = _written_by_run(inside)
        except OSError as error:
            look.miss(_name(inside, folder, prefix), f"folder {os_reason(error)}")
            continue
        if own and look.is_out(inside):
            entries = [entry for entry in entries if entry.name not in own]
        for entry in entries:
            path = inside / entry.name
            name = _name(path, folder, prefix)
            is_folder = not entry.is_symlink() and entry.is_dir(follow_symlinks=False)
            reason = EARLIER_RUN if entry.name in own else None
            if is_folder:
                holds = inside == folder and entry.name == NOTES and holds_notes(path)
                if holds and notes:
                    continue
                reason = reason or (NOTES_UNREAD if holds else look.reason_of_folder(path))
                if reason is None:
                    waiting.append(path)
                else:
                    leave_folder(path, name, reason, look)
                continue
            reason = reason or file_reason(entry.name)
            if reason is not None:
                look.remarks.leave(name, reason)
            elif not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a parent is locked)
                yield listed(path, name, link=entry.is_symlink())
            elif not path.resolve().is_relative_to(root) and not look.is_out(path):
                look.miss(name, "a link to a folder elsewhere: not followed")


def listed(path: Path, name: str, *, link: bool = True, neighbour: bool = False) -> Listed:
    """A file of this machine; a link that leads nowhere is said to be one. `link`: whether it may be a link."""
    refusal = None
    if link and os.path.islink(path):  # noqa: PTH114 (as above)
        try:
            path.stat()
        except OSError as error:
            refusal = "a link that leads nowhere" if error.errno in _BROKEN_LINK else os_reason(error)
    return Listed(InputFile(name, path), refusal, neighbour=neighbour)


def leave_folder(folder: Path, name: str, reason: str, look: Look) -> None:
    """Count the files of a folder that is left alone; none is opened, no link followed."""
    waiting = [(folder, name)]
    while waiting:
        inside, prefix = waiting.pop()
        try:
            with os.scandir(inside) as listing:
                entries = sorted(listing, key=_by_name)
        except OSError:
            look.remarks.leave(prefix, f"{reason}, in a folder that cannot be read")
            continue
        if look.out is not None and inside.name == look.out.name and look.is_out(inside):
            own = _written_by_run(inside)
            entries = [entry for entry in entries if entry.name not in own]
        for entry in entries:
            called = f"{prefix}/{as_text(entry.name)}"
            if look.counts <= 0:
                look.remarks.leave(called, reason + MORE)
                return
            look.counts -= 1
            if not entry.is_symlink() and entry.is_dir(follow_symlinks=False):
                waiting.append((inside / entry.name, called))
            else:
                look.remarks.leave(called, reason)


def _written_by_run(folder: Path) -> frozenset[str]:
    """What a run wrote directly into a folder, where one did.

    A manifest is as untrusted as the folder, and must not hide photographs: the names that every run gives count, and of those
    that a manifest lists besides what is not called as an image (a file of parameters).
    """
    files = files_of_run(folder) if is_run(folder) else None
    if files is None:
        return frozenset()
    further = {name for name in files if "/" not in name and Path(name).suffix.lower() not in EXTENSIONS}
    return frozenset({*OWN_NAMES, TEX.rstrip("/"), LOCK, UNFINISHED, *further})


def _by_name(entry: os.DirEntry[str]) -> bytes:
    return os.fsencode(entry.name)


def _name(path: Path, folder: Path, prefix: str) -> str:
    """The posix path under `folder`, behind what stands before the names of it."""
    return prefix + as_text(path.relative_to(folder).as_posix())
