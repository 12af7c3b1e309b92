"""Bytes that lie nowhere as they are needed (unpacked, or fetched), kept for the process in a temporary file without a name.

The system removes it with the process, however that ends. Memory does not grow with what is kept.
"""

from __future__ import annotations

import atexit
import io
import tempfile
import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from itertools import accumulate
from typing import IO, TYPE_CHECKING

from reportgen.images.files import UnreadableFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Of everything that is kept at once.
MOST_BYTES = 32 << 30
_CHUNK = 1 << 20
Piece = tuple[int, int]  # where it begins in the file, and how many bytes it has


class Spool:
    """A file that only grows; what was put in under a key is found there again. Several threads may use it at once."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._file: IO[bytes] | None = None
        self._end = 0
        self._kept: dict[Hashable, tuple[Piece, ...]] = {}
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def kept(
        self, key: Hashable, opened: Callable[[], AbstractContextManager[IO[bytes]]], most: int
    ) -> tuple[Piece, ...]:
        """The pieces of what is kept under `key`, in order; it is read from `opened` where it is not here.

        Raises:
            UnreadableFile: more than `most`, more than is kept at all, or no room on the disk.
        """
        with self._lock:
            lock = self._locks[key]
        with lock:
            if key not in self._kept:
                with opened() as source:
                    self._kept[key] = self._filled(source, most)
            return self._kept[key]

    def read(self, at: int, count: int) -> bytes:
        with self._lock:
            file = self._open()
            file.seek(at)
            return file.read(count)

    def _filled(self, source: IO[bytes], most: int) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        size = 0
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise UnreadableFile(f"more than {most} bytes when it is unpacked or fetched")
            at = self._appended(chunk)
            if pieces and sum(pieces[-1]) == at:
                pieces[-1] = (pieces[-1][0], pieces[-1][1] + len(chunk))
            else:  # another thread came between
                pieces.append((at, len(chunk)))
        return tuple(pieces)

    def _appended(self, chunk: bytes) -> int:
        with self._lock:
            at = self._end
            if at + len(chunk) > self._most:
                raise UnreadableFile(f"more than {self._most} bytes are unpacked or fetched together")
            try:
                file = self._open()
                file.seek(at)
                file.write(chunk)
                file.flush()
            except OSError as error:
                raise UnreadableFile(f"does not fit into the folder of temporary files ({error.strerror})") from None
            self._end = at + len(chunk)
            return at

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="reportgen-")  # noqa: SIM115 (open as long as the process)
            atexit.register(self._file.close)
        return self._file


class PiecesReader(io.RawIOBase):
    """Pieces of a spool as one file."""

    def __init__(self, spool: Spool, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._spool = spool
        self._pieces = pieces
        self._ends = list(accumulate(size for _, size in pieces))
        self._size = self._ends[-1] if pieces else 0
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        if at < 0:
            raise OSError("before the beginning")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not len(view):
            return 0
        index = bisect_right(self._ends, self._at)
        begin, size = self._pieces[index]
        inside = self._at - (self._ends[index] - size)
        data = self._spool.read(begin + inside, min(len(view), size - inside))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


SPOOL = Spool()
