"""The directories of a file that is built as a TIFF, hostile or not: tags as numbers, within limits. Camera raws are built so."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SUB_DIRECTORIES, _EXIF = 330, 34665
_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I"}
# No camera writes so many; each is looked at once.
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_VALUES = 64, 2000, 10_000


@dataclass(frozen=True)
class Directory:
    """The tags of one image of the file: a few numbers each; `places` says where the values of a tag lie, and in how many bytes."""

    values: Mapping[int, tuple[int, ...]]
    places: Mapping[int, tuple[int, int]]

    def first(self, tag: int, otherwise: int = 0) -> int:
        return next(iter(self.values.get(tag, ())), otherwise)


def directories(data: bytes, base: int = 0) -> Iterator[Directory]:
    """The directories of the TIFF that begins at `base`, those below others among them; what is damaged is passed over."""
    order = {b"II": "<", b"MM": ">"}.get(data[base : base + 2])
    if order is None or base + 8 > len(data):
        return
    waiting, seen = [int(struct.unpack_from(f"{order}I", data, base + 4)[0])], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen or not 8 <= at <= len(data) - base - 2:
            continue
        seen.add(at)
        directory, following = _directory(data, base, base + at, order)
        yield directory
        waiting += [*directory.values.get(_SUB_DIRECTORIES, ()), *directory.values.get(_EXIF, ()), following]


def _directory(data: bytes, base: int, at: int, order: str) -> tuple[Directory, int]:
    count = struct.unpack_from(f"{order}H", data, at)[0]
    values: dict[int, tuple[int, ...]] = {}
    places: dict[int, tuple[int, int]] = {}
    for entry in range(at + 2, at + 2 + 12 * min(count, _MOST_ENTRIES), 12):
        if entry + 12 > len(data):
            break
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, entry)
        letter = _TYPES.get(kind)
        if letter is None:
            continue
        size = struct.calcsize(letter) * number
        place = entry + 8 if size <= 4 else base + struct.unpack_from(f"{order}I", data, entry + 8)[0]
        if place + size > len(data):
            continue
        places[tag] = place, size
        if number <= _MOST_VALUES:
            values[tag] = struct.unpack_from(f"{order}{number}{letter}", data, place)
    end = at + 2 + 12 * count
    following = struct.unpack_from(f"{order}I", data, end)[0] if end + 4 <= len(data) else 0
    return Directory(values, places), following
