"""Images far away, by their address: fetched only where the user allows it, and kept for the process (`spool`).

`https://` is one archive or one image. `s3://`, `gs://`, `az://` and `hf://` are that, or a folder, by fsspec and the package that
knows the store. Each file is fetched once, when it is first read. No message holds more of an address than what names the file:
it may carry a password or a token.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.formats import HEAD_BYTES, format_of
from reportgen.images.sources.archives import archive_files, is_archive, looks_like_archive
from reportgen.images.sources.disk import Look
from reportgen.images.sources.flat import meant
from reportgen.images.sources.given import last_part
from reportgen.images.sources.listed import Listed
from reportgen.images.sources.spool import MOST_BYTES, SPOOL, PiecesReader
from reportgen.images.sources.zips import LIMITS
from reportgen.utils.encodings import as_text
from reportgen.utils.errors import UsageError
from reportgen.utils.https import HTTPS, opened
from reportgen.utils.object_stores import STORES, file_system, plain
from reportgen.utils.secrets import shown_address

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CHUNK = 1 << 20
MOST_FILE_BYTES = 4 << 30  # of one image in a store


@dataclass(frozen=True)
class Fetched:
    """One file far away. `length`: what its store says of its bytes; None: that is seen when it is fetched."""

    address: str = field(repr=False)
    most: int = MOST_BYTES
    length: int | None = None

    def size(self) -> int:
        if self.length is not None:
            return self.length
        with self.open() as file:
            return file.seek(0, os.SEEK_END)

    def open(self) -> IO[bytes]:
        pieces = SPOOL.kept(self, self._stream, self.most)
        return cast("IO[bytes]", io.BufferedReader(PiecesReader(SPOOL, pieces), 1 << 16))

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        try:
            if urlsplit(self.address).scheme in ("http", "https"):
                with opened(self.address, _schemes(self.address)) as (response, _):
                    yield cast("IO[bytes]", _Body(response.iter_raw(_CHUNK)))
            else:
                store, path = file_system(self.address)
                with store.open(path, "rb") as file:
                    yield file
        except (UnreadableFile, UsageError):
            raise
        except Exception as error:  # every store has errors of its own
            raise UnreadableFile(f"cannot be fetched: {plain(error)}") from None


class _Body:
    """The pieces of an answer as a file that is read from front to end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        return next(self._pieces, b"")


def remote_files(address: str, prefix: str, look: Look, *, allow_download: bool) -> Iterator[Listed]:
    """What lies at an address, by names under `prefix`.

    Raises:
        UsageError: not allowed, an address of another kind, a package is missing, or nothing can be had there.
    """
    shown = shown_address(address)
    try:
        scheme, known_schemes = urlsplit(address).scheme.lower(), STORES | _schemes(address)
    except ValueError:  # "http://[": no host
        scheme, known_schemes = "", STORES
    if scheme not in known_schemes or "::" in address:
        known = ", ".join(f"{name}://" for name in ("https", "s3", "gs", "az", "hf"))
        raise UsageError(
            f"{shown}: not an address that is read; known are {known}; give what is on this machine as a path"
        )
    if not allow_download:
        raise UsageError(f"{shown}: is fetched only with --allow-download")
    if scheme in STORES:
        file_system(address)  # its package may be missing
    look.say(f"fetching from {shown}")
    if scheme in STORES and (found := _folder(address, shown)) is not None:
        files = [replace(item, file=replace(item.file, name=prefix + item.file.name)) for item in found]
    else:
        files = list(_one_file(address, prefix, shown))
    yield from meant(files, prefix, look.remarks)


def _schemes(address: str) -> frozenset[str]:
    """Of the servers that may be asked: plain http of this machine alone."""
    return HTTPS | {"http"} if urlsplit(address).hostname in _LOOPBACK else HTTPS


def _one_file(address: str, prefix: str, shown: str) -> Iterator[Listed]:
    name, stored = as_text(last_part(address)) or "image", Fetched(address)
    file = InputFile(name, Path(name), stored)
    try:
        head = file.head(HEAD_BYTES)
    except UnreadableFile as error:
        raise UsageError(f"{shown}: {error.reason}") from None
    kind = format_of(head, name)
    if kind is None and (is_archive(name) or looks_like_archive(file)):
        yield from archive_files(stored, Path(name), prefix, shown)
    elif kind is None:
        raise UsageError(f"{shown}: neither an image nor an archive of images")
    else:
        yield Listed(InputFile(prefix.rstrip("/") or name, Path(name), stored))


def _folder(address: str, shown: str) -> list[Listed] | None:
    """The files below a folder of a store; None where a file lies there.

    Raises:
        UsageError: nothing is there, or more than is read.
    """
    store, top = file_system(address)
    top = top.rstrip("/")
    try:
        if store.info(top)["type"] != "directory":
            return None
        found = store.find(top, detail=True)
        if len(found) > LIMITS.entries:
            raise UsageError(f"{shown}: holds {len(found)} files, more than {LIMITS.entries}")
        files = []
        for path, about in sorted(found.items()):
            name, size = as_text(path[len(top) :].lstrip("/")), about.get("size")
            stored = Fetched(store.unstrip_protocol(path), MOST_FILE_BYTES, size if isinstance(size, int) else None)
            files.append(Listed(InputFile(name, Path(name), stored), by_name=True))
    except UsageError:
        raise
    except Exception as error:  # every store has errors of its own
        raise UsageError(f"{shown}: cannot be read: {plain(error)}") from None
    return files
