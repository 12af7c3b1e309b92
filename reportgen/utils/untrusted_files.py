"""Untrusted files, opened only where they are regular files, and read no further than they should be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from reportgen.utils.errors import UsageError

# Tables and annotations beside the images, settings, a report.json: COCO's training set, the largest known, is 450 MB as JSON.
MAX_TEXT_BYTES = 512 * 2**20
_CHUNK = 1 << 20


class NotRegular(OSError):
    """What lies at a path is a folder, a pipe, a device or a socket."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, to be read, whatever is put in its place at this very moment: a pipe is not waited for.

    Raises:
        NotRegular: something else lies there.
        OSError: it cannot be opened.
    """
    _require_regular(path, path.stat())
    # Another may lie there by now. Without the flag the opening of a pipe waits for a writer.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        _require_regular(path, os.fstat(file.fileno()))
        yield file


def read_up_to(file: BinaryIO, most: int) -> bytes:
    """What is left of a file, but no more than one byte more than `most`; it may grow while it is read.

    Asked for at once, so many bytes as a limit allows would be taken from the memory before one is read.
    """
    data = file.read(min(os.fstat(file.fileno()).st_size, most) + 1)
    while len(data) <= most and (more := file.read(min(_CHUNK, most + 1 - len(data)))):
        data += more
    return data


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(errno.EINVAL, "not a regular file", str(path))


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
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > most else read_up_to(file, most)
        if max(size, len(data)) > most:
            raise UsageError(f"{shown}: {max(size, len(data))} bytes; at most {most} are read")
        return data
    except NotRegular:
        raise UsageError(f"{shown}: not a regular file") from None
    except FileNotFoundError:
        raise UsageError(f"{shown}: no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
