"""A file of the input: what it is called in the report, and how its bytes are had. No other module opens one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol

from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import MAX_TEXT_BYTES, NotRegular, opened, read_up_to

NOT_REGULAR = "not a regular file"
_CHUNK = 1 << 20


class UnreadableFile(Exception):
    """A file that cannot be read; `reason` is one plain line for the report, equal from run to run."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Stored(Protocol):
    """Bytes that are no file of this machine: a member of an archive, a file far away.

    What implements it is a frozen dataclass of plain data: it can be a key, and be sent to another process. Several threads may
    open it at once.
    """

    def __hash__(self) -> int: ...

    def size(self) -> int:
        """Bytes. Raises: UnreadableFile: it cannot be told."""
        ...

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Its bytes from the first on. Raises: UnreadableFile, also while they are read: they cannot be had."""
        ...


@dataclass(frozen=True)
class InputFile:
    """A file by its `name`, the posix path under what was given.

    Attributes:
        path: where it lies; of one in an archive, or far away, only what messages call it.
        stored: where its bytes are, if they are no file of this machine.
    """

    name: str
    path: Path
    stored: Stored | None = None

    def read(self, most: int = MAX_TEXT_BYTES) -> bytes:
        """All its bytes, `most` of them at the most.

        Raises:
            UnreadableFile: it is gone, no regular file (a pipe would wait for ever), larger, or cannot be read.
        """
        if self.stored is not None:
            return _read(self.stored, most)
        with _reasons():
            with opened(self.path) as file:
                _require_size(os.fstat(file.fileno()).st_size, most)
                data = read_up_to(file, most)
            _require_size(len(data), most)  # it may grow while it is read
            return data

    def head(self, count: int) -> bytes:
        """Its first `count` bytes, or all of a shorter one.

        Raises:
            UnreadableFile: as for `read`.
        """
        if self.stored is not None:
            with self.stored.open() as file:
                return file.read(count)
        with _reasons(), opened(self.path) as file:
            return file.read(count)

    def sha256(self) -> str:
        """Of its bytes, lower-case hex.

        Raises:
            UnreadableFile: it cannot be read.
        """
        if self.stored is not None:
            return _sha256(self.stored)
        with _reasons():
            return file_sha256(self.path)


def os_reason(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"


def _read(stored: Stored, most: int) -> bytes:
    _require_size(stored.size(), most)
    chunks, size = [], 0
    with stored.open() as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            _require_size(size, most)  # what its archive says of its size may be a lie
            chunks.append(chunk)
    return b"".join(chunks)


@lru_cache(maxsize=1 << 17)
def _sha256(stored: Stored) -> str:
    digest = hashlib.sha256()
    with stored.open() as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _require_size(size: int, most: int) -> None:
    if size > most:
        raise UnreadableFile(f"{size} bytes; at most {most} are read")


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except NotRegular:
        raise UnreadableFile(NOT_REGULAR) from None
    except OSError as error:
        raise UnreadableFile(os_reason(error)) from None
    except ValueError as error:  # a name that no file can have
        raise UnreadableFile(f"cannot be read: {error}") from None
