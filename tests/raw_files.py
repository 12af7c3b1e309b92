"""Camera raws, byte by byte: directories of a TIFF with thumbnails, previews and sensor data in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

SHORT, LONG = 3, 4
SENSOR, LINEAR = 32803, 34892


@dataclass
class Image:
    """A directory: tags with their numbers; `data` goes to the strip, or where `jpeg` is set to JPEGInterchangeFormat."""

    tags: dict[int, Sequence[int]]
    data: bytes = b""
    jpeg: bool = False
    below: list[Image] = field(default_factory=list)


def thumbnail(width: int = 160, height: int = 120, **more: Sequence[int]) -> Image:
    """Uncompressed RGB, said to be a smaller copy, as the first directory of a NEF or DNG is."""
    tags = {254: [1], 256: [width], 257: [height], 258: [8, 8, 8], 259: [1], 262: [2], 277: [3], 278: [height]}
    tags |= {int(tag[1:]): values for tag, values in more.items()}
    return Image(tags, bytes([90, 140, 200]) * (width * height))


def sensor(width: int, height: int, photometric: int = SENSOR) -> Image:
    """16-bit numbers of a sensor; no picture."""
    tags = {254: [0], 256: [width], 257: [height], 258: [16], 259: [1], 262: [photometric], 277: [1], 278: [height]}
    return Image(tags, bytes(2 * width * height))


def preview(jpeg: bytes, **more: Sequence[int]) -> Image:
    """A JPEG of its own directory."""
    return Image({254: [1], 259: [6], **{int(tag[1:]): values for tag, values in more.items()}}, jpeg, jpeg=True)


def jpeg_strip(jpeg: bytes, width: int, height: int, compression: int = 7) -> Image:
    """A JPEG in a strip, as in a DNG or the first directory of a CR2."""
    tags = {254: [1], 256: [width], 257: [height], 258: [8, 8, 8], 259: [compression], 262: [6], 277: [3]}
    return Image({**tags, 278: [height]}, jpeg)


def raw(images: Sequence[Image], order: str = "<", magic: bytes | None = None, after: bytes = b"") -> bytes:
    """The file: directories one after another, and those below each; `after` stands behind the address of the first."""
    data = bytearray((magic or {"<": b"II*\0", ">": b"MM\0*"}[order]) + bytes(4) + after)
    link = 4
    for image in images:
        at = _directory(data, image, order)
        struct.pack_into(f"{order}I", data, link, at)
        link = at + 2 + 12 * struct.unpack_from(f"{order}H", data, at)[0]
    return bytes(data)


def _directory(data: bytearray, image: Image, order: str) -> int:
    """Write what belongs to a directory, then the directory itself; its place."""
    tags = dict(image.tags)
    if image.data:
        start, size = len(data), len(image.data)
        data += image.data
        tags |= {513: [start], 514: [size]} if image.jpeg else {273: [start], 279: [size]}
    if image.below:
        tags[330] = [_directory(data, inner, order) for inner in image.below]
    entries = b""
    for tag, values in sorted(tags.items()):
        kind = SHORT if tag not in (273, 279, 330, 513, 514) and max(values) < 2**16 else LONG
        packed = struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values)
        if len(packed) > 4:
            packed, at = struct.pack(f"{order}I", len(data)), packed
            data += at
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    data += bytes(len(data) % 2)
    place = len(data)
    data += struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return place
