"""A zip or tar that was given as images: listed, and its members read."""

from __future__ import annotations

from fuzz.harness import on_disk, refused
from reportgen.images.files import UnreadableFile
from reportgen.images.find import find_images
from reportgen.images.sources import zips
from reportgen.images.sources.spool import SPOOL

READERS = tuple(f"reportgen/images/sources/{name}.py" for name in ("archives", "containers", "members", "tars", "zips"))
MOST_READ, MOST_BYTES = 16, 1 << 20


def one(data: bytes) -> None:
    try:
        with on_disk(data, "given.zip") as path, refused():
            found = find_images([path])
            for file in (*found.files, *found.beside.values())[:MOST_READ]:
                with refused(UnreadableFile):
                    file.read(MOST_BYTES)
    finally:  # else what one input unpacked would count against the next
        zips._table.cache_clear()
        SPOOL._kept.clear()
        SPOOL._locks.clear()
        SPOOL._end = 0
