"""Where a store's bytes lie: files of a folder, by names such as `ab/abcd.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reportgen.storage.cache import touch
from reportgen.utils.files import write_file


class Blobs(Protocol):
    """Bytes by name, each written whole. Several threads, processes and machines may use the same at once."""

    def read(self, name: str) -> bytes | None:
        """The bytes under a name; None where there are none."""

    def write(self, name: str, data: bytes) -> None:
        """Keep bytes under a name; whoever reads sees all of them or none.

        Raises:
            ReportgenError: they cannot be written.
        """

    def used(self, name: str) -> None:
        """Note that what is under a name was of use now."""


@dataclass(frozen=True)
class FolderBlobs:
    """Files of a folder. A write is a temporary file and a rename."""

    folder: Path

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except OSError:  # what cannot be read is made again, and the write says what is wrong
            return None

    def write(self, name: str, data: bytes) -> None:
        write_file(self.folder / name, data)

    def used(self, name: str) -> None:
        touch(self.folder / name)
