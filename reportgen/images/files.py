"""A file of the input: what it is called in the report, and how its bytes are had. No other module opens one."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import MAX_TEXT_BYTES


class UnreadableFile(Exception):
    """A file that cannot be read; `reason` is one plain line for the report, equal from run to run."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class InputFile:
    """A file by its `name`, the posix path under what was given, and the `path` where it really lies."""

    name: str
    path: Path

    def read(self, most: int = MAX_TEXT_BYTES) -> bytes:
        """All its bytes, `most` of them at the most.

        Raises:
            UnreadableFile: it is gone, no regular file (a pipe would wait for ever), larger, or cannot be read.
        """
        with _reasons():
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableFile("not a regular file")
            if status.st_size > most:
                raise UnreadableFile(f"{status.st_size} bytes; at most {most} are read")
            return self.path.read_bytes()

    def sha256(self) -> str:
        """Of its bytes, lower-case hex.

        Raises:
            UnreadableFile: it cannot be read.
        """
        with _reasons():
            return file_sha256(self.path)


def os_reason(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableFile(os_reason(error)) from None
    except ValueError as error:  # a name that no file can have
        raise UnreadableFile(f"cannot be read: {error}") from None
