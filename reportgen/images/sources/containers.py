"""The file that an archive is: on this machine, packed once more by gzip, bzip2 or xz, or fetched."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from reportgen.images.files import UnreadableFile, os_reason
from reportgen.images.sources.spool import SPOOL, PiecesReader
from reportgen.report.limits import DEFAULT_LIMITS

# What reading damaged or hostile bytes of an archive raises.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,  # also NotImplementedError and RecursionError
)
# No single read of an archive's own tables is larger: they are read whole, and would fill the memory.
_MOST_AT_ONCE = 64 << 20
_MOST_UNPACKED = 16 << 30
_MOST_XZ_MEMORY = 1 << 29  # eight times what `xz -9` asks for
OTHER_PACKING = "packed in a way that is not read; pack it again as an ordinary zip"
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}


class Container(Protocol):
    """What holds an archive's bytes: a frozen dataclass of plain data, so that its members can be sent to another process."""

    def __hash__(self) -> int: ...

    def open(self) -> IO[bytes]:
        """Its bytes, to be read from any place. Raises: UnreadableFile, OSError."""
        ...

    def size(self) -> int: ...


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine. `state`: as it was when the archive was looked through."""

    path: Path
    state: tuple[int, ...]

    @staticmethod
    def of(path: Path) -> LocalFile:
        # Absolute: it may be opened by a process that works in another folder.
        return LocalFile(path.absolute(), _state(path))

    def open(self) -> IO[bytes]:
        if _state(self.path) != self.state:
            raise UnreadableFile("its archive changed while it was being read")
        return self.path.open("rb")

    def size(self) -> int:
        return self.state[1]


def _state(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


@dataclass(frozen=True)
class Unpacked:
    """What another container holds, packed as a whole; it is unpacked once, for such a stream has no places to read from."""

    packed: Container
    how: str

    def open(self) -> IO[bytes]:
        most = min(_MOST_UNPACKED, max(DEFAULT_LIMITS.dense_total, DEFAULT_LIMITS.ratio * self.packed.size()))
        pieces = SPOOL.kept(self, self._stream, most)
        return cast("IO[bytes]", io.BufferedReader(PiecesReader(SPOOL, pieces), 1 << 16))

    def size(self) -> int:
        with self.open() as file:
            return file.seek(0, os.SEEK_END)

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        with self.packed.open() as file, _unpacking(file, self.how) as stream:
            yield cast("IO[bytes]", stream)


def _unpacking(file: IO[bytes], how: str) -> AbstractContextManager[object]:
    if how == "gzip":
        return gzip.GzipFile(fileobj=file)
    return bz2.BZ2File(file) if how == "bzip2" else nullcontext(_Xz(file))


class _Xz:
    """What lzma.LZMAFile reads, with a limit on the memory that a stream may ask for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._stream = lzma.LZMADecompressor(memlimit=_MOST_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        """Some of the next bytes, `size` at the most; none at the end."""
        while True:
            if self._stream.eof:  # another stream may follow, behind zeros
                packed = self._stream.unused_data.lstrip(b"\0")
                while not packed:
                    if not (more := self._file.read(size)):
                        return b""
                    packed = more.lstrip(b"\0")
                self._stream = lzma.LZMADecompressor(memlimit=_MOST_XZ_MEMORY)
            else:
                packed = self._file.read(size) if self._stream.needs_input else b""
                if self._stream.needs_input and not packed:
                    raise EOFError
            if data := self._stream.decompress(packed, size):
                return data


def unpacked(container: Container) -> Container:
    """What is inside, where the file is packed as a whole."""
    with container.open() as file:
        head = file.read(8)
    how = next((how for magic, how in _PACKED.items() if head.startswith(magic)), None)
    return container if how is None else Unpacked(container, how)


class Guarded(io.BufferedReader):
    """A file of which no more is read at once than an honest archive's tables have; it is closed by whoever forgets it last."""

    def __del__(self) -> None:
        self.close()

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_AT_ONCE:
            raise OSError(f"a table of {size} bytes")
        return super().read(size)


def guarded(container: Container) -> Guarded:
    return Guarded(cast("io.RawIOBase", container.open()))


@contextmanager
def damage_as_reason() -> Iterator[None]:
    """What reading a member raises, as one plain reason."""
    try:
        yield
    except NotImplementedError:
        raise UnreadableFile(OTHER_PACKING) from None
    except OSError as error:
        raise UnreadableFile(os_reason(error) if error.errno else "damaged in its archive") from None
    except DAMAGE:
        raise UnreadableFile("damaged in its archive") from None
