"""The files of a tar, read where they lie: nothing is extracted. One that is packed as a whole is unpacked once (`containers`)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from reportgen.images.files import UnreadableFile
from reportgen.images.sources.containers import DAMAGE, Container, damage_as_reason, guarded
from reportgen.images.sources.members import Member
from reportgen.images.sources.zips import LIMITS
from reportgen.utils.encodings import as_text
from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True)
class TarMember:
    """One file of a tar: so many bytes from a place on."""

    container: Container
    offset: int
    length: int

    def size(self) -> int:
        return self.length

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with damage_as_reason(), self.container.open() as file:
            file.seek(self.offset)
            yield cast("IO[bytes]", io.BufferedReader(_Part(file, self.length), 1 << 16))


class _Part(io.RawIOBase):
    """The next `left` bytes of a file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        super().__init__()
        self._file = file
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._file.read(min(len(view), self._left))
        view[: len(data)] = data
        self._left -= len(data)
        return len(data)


def tar_members(container: Container, shown: str) -> Iterator[Member]:
    """The files of a tar, in its order; a link to a file before it in the tar is that file again.

    Args:
        shown: what messages call the tar.

    Raises:
        UsageError: it cannot be read to its end, or is refused.
    """
    places: dict[str, TarMember] = {}
    count = 0
    try:
        with guarded(container) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for entry in archive:
                count += 1
                if count > LIMITS.entries:
                    raise UsageError(f"{shown}: refused, it has more than {LIMITS.entries} entries")
                place = (
                    places.get(entry.linkname) if entry.islnk() else TarMember(container, entry.offset_data, entry.size)
                )
                if place is not None and (entry.isfile() or entry.islnk()) and not entry.issparse():
                    places[entry.name] = place
                    yield Member(as_text(entry.name), place)
                elif not entry.isdir():
                    refusal = (
                        "stored with holes in an archive"
                        if entry.issparse()
                        else "a link or a device in an archive: not followed"
                    )
                    yield Member(as_text(entry.name), TarMember(container, 0, 0), refusal)
                archive.members = []  # type: ignore[attr-defined]  # it would remember them all
            # tarfile ends in silence at a header that is none.
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise tarfile.ReadError("no header")
    except UnreadableFile as error:
        raise UsageError(f"{shown}: {error.reason}") from None
    except DAMAGE:
        raise UsageError(f"{shown}: damaged or cut off; fetch or pack it again") from None
