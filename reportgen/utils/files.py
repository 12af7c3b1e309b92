"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from reportgen.utils.errors import ReportgenError

PARTIAL = ".partial-"
_FULL = (errno.ENOSPC, errno.EDQUOT)
# What a disk, not a programmer, is at fault for.
DISK_ERRORS = frozenset(
    {*_FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO, errno.ENOTDIR, errno.EISDIR}
    | {errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.EBUSY}
)

NO_SCRATCH = "no folder for temporary files can be written; set TMPDIR to one that can, and give the same command again"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that takes its place when the block ends well, and vanishes otherwise.

    The target's folder is made. The name is this block's own: two runs may write one target. A process that is killed
    leaves the temporary file behind; its name begins with `PARTIAL`, and whoever owns the folder sweeps it up.

    Raises:
        ReportgenError: the disk is full, or the folder cannot be written.
    """
    temporary = target.parent / f"{PARTIAL}{os.getpid()}-{uuid4().hex[:8]}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        # An error that names another file is about what the block reads.
        if error.filename is None or Path(os.fsdecode(error.filename)) in (temporary, target, *target.parents):
            raise ReportgenError(unwritable(target, error)) from None
        raise


def write_file(path: Path, data: bytes) -> None:
    """Write all of `data` or nothing.

    Raises:
        ReportgenError: the disk is full, or the folder cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def unwritable(path: Path, error: OSError) -> str:
    """One line for a file that cannot be written: why, and what helps where that is known."""
    if no_scratch(error):
        return NO_SCRATCH
    hint = "; make room and give the same command again" if error.errno in _FULL else ""
    return f"{path}: cannot be written ({error.strerror or error}){hint}{_elsewhere(path) if hint else ''}"


def no_scratch(error: OSError) -> bool:
    """Whether there is no folder for temporary files."""
    return error.errno == errno.ENOENT and str(error.strerror).startswith("No usable temporary directory")


def _elsewhere(path: Path) -> str:
    """Where temporary files lie, if on another disk: the error of a full one does not say which it is."""
    try:
        scratch = Path(tempfile.gettempdir())
        scratch = scratch.parent if scratch.name.startswith("reportgen-") else scratch  # a renderer has a folder in it
        near = next(place for place in (path, *path.absolute().parents) if place.exists())
        other = scratch.stat().st_dev != near.stat().st_dev
    except OSError:
        return ""
    return f" (temporary files lie in {scratch}, another disk; TMPDIR moves them)" if other else ""
