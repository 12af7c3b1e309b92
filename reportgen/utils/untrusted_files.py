"""Untrusted files, opened only where they are regular files, and read no further than they should be."""

from __future__ import annotations

import stat
from pathlib import Path

from reportgen.utils.errors import UsageError

# Tables and annotations beside the images, settings, a report.json: COCO's training set, the largest known, is 450 MB as JSON.
MAX_TEXT_BYTES = 512 * 2**20


def is_file(path: Path) -> bool:
    """Whether a regular file lies at `path`; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder lies at `path`; a name that no folder can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def user_path(text: str) -> Path:
    """A path as a user writes it: `~` is their home, and a home that nobody has is left as it stands."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def read_at_most(path: Path, most: int = MAX_TEXT_BYTES, name: str | None = None) -> bytes:
    """All bytes of a regular file that holds no more than `most`.

    Args:
        name: what messages call the file; its path where nothing else is given.

    Raises:
        UsageError: it is missing, no regular file (a pipe would wait for ever), larger, or cannot be read.
    """
    shown = name or str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{shown}: not a regular file")
        if status.st_size > most:
            raise UsageError(f"{shown}: {status.st_size} bytes; at most {most} are read")
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{shown}: no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
