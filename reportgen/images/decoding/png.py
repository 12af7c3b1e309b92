"""PNG: chunks with a wrong checksum that do not matter are left out, and 16-bit colours keep their bits until their range is known."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from reportgen.images.decoding.colours import to_srgb
from reportgen.images.decoding.pillow import read_with_pillow
from reportgen.images.decoding.samples import sixteen_bit
from reportgen.images.decoding.source import Source, UnreadableImage

_SIGNATURE = 8
# An ancillary chunk is one that a reader may leave out, but without this one other pixels are seen.
_MATTERS = (b"tRNS",)
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
# By the colour type of a 16-bit PNG: how many channels are colours, and the raw mode that reads the low bytes where Pillow keeps the high.
_COLOUR_TYPES = {2: (3, "RGB;16L"), 4: (1, "RGBA"), 6: (3, "RGBA;16L")}
# Samples that a range of at most 15 bits can hold begin with a bit of zero.
_HALF = 128


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    start: int
    end: int
    sound: bool


def read_png(source: Source) -> np.ndarray:
    """(H, W, 3) uint8.

    Raises:
        UnreadableImage: a checksum is wrong of something that matters, or too large.
    """
    chunks = list(_chunks(source.data))
    wrong = [chunk for chunk in chunks if not chunk.sound]
    if any(chunk.name[0] & 0x20 == 0 or chunk.name in _MATTERS for chunk in wrong):
        raise UnreadableImage("damaged PNG (the checksum of a part that its pixels need is wrong)")
    if chunks[0].name != b"IHDR":
        raise UnreadableImage("damaged or truncated PNG")
    depth, colour_type = source.data[24], source.data[25]
    data, bits = source.data, _significant_bits(source.data, chunks)
    if wrong:
        names = sorted({chunk.name.decode("ascii", "replace") for chunk in wrong})
        source.remark(
            "png-checksum",
            "Damage beside the pixels",
            f"The checksum of its {_listed(names)} is wrong; that part was left out, and its pixels are whole.",
        )
        # An animation that has lost a part is none: its still picture is read.
        gone = _ANIMATION if any(chunk.name in _ANIMATION for chunk in wrong) else ()
        kept = [data[chunk.start : chunk.end] for chunk in chunks if chunk.sound and chunk.name not in gone]
        data = data[:_SIGNATURE] + b"".join(kept)

    def convert(image: Image.Image, of: Source) -> Image.Image:
        if depth != 16:
            return to_srgb(image, of)
        if colour_type == 0:
            return to_srgb(_grey(image, of, bits), of)
        return to_srgb(_colours(image, data, colour_type, of, bits), of)

    return read_with_pillow(source.other(data), ("PNG",), convert=convert)


def _listed(names: list[str]) -> str:
    return f"chunk {names[0]}" if len(names) == 1 else f"chunks {', '.join(names)}"


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Of a PNG in order, up to its end or to where it is cut; what follows IEND is none of it."""
    at = _SIGNATURE
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        name = data[at + 4 : at + 8]
        if end > len(data) or not name.isalpha():  # cut, or no chunk: Pillow says what that means
            yield _Chunk(b"IDAT", at, len(data), True)
            return
        checksum = int.from_bytes(data[end - 4 : end], "big")
        yield _Chunk(name, at, end, zlib.crc32(memoryview(data)[at + 4 : end - 4]) == checksum)
        if name == b"IEND":
            return
        at = end


def _significant_bits(data: bytes, chunks: list[_Chunk]) -> int | None:
    """The most bits that a sound sBIT declares of a colour channel, where it is fewer than 16."""
    for chunk in chunks:
        if chunk.name == b"sBIT" and chunk.sound:
            channels = 1 if data[25] in (0, 4) else 3
            bits = max(data[chunk.start + 8 : chunk.end - 4][:channels], default=0)
            return bits if 8 <= bits < 16 else None
    return None


def _in_range(values: np.ndarray, source: Source, bits: int | None) -> np.ndarray:
    """16-bit samples -> 8 bits. By the standard samples of fewer significant bits are scaled to 16; many writers leave them as they are."""
    if bits is not None:
        shift = 16 - bits
        scaled = bool((values.astype(np.int32) - (values >> shift << shift) <= (values >> bits) + 1).all())
        if scaled or values.max(initial=0) >= 2**bits:
            return sixteen_bit(values, source, 16)
    return sixteen_bit(values, source, bits)


def _grey(image: Image.Image, source: Source, bits: int | None) -> Image.Image:
    values = np.asarray(image).clip(0, 65535).astype(np.uint16)
    grey = Image.fromarray(_in_range(values, source, bits))
    grey.info = {key: value for key, value in image.info.items() if key == "icc_profile"}
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _colours(image: Image.Image, data: bytes, colour_type: int, source: Source, bits: int | None) -> Image.Image:
    """The image as it is, where its range is 16 bits; Pillow has kept the high bytes."""
    count, raw_mode = _COLOUR_TYPES[colour_type]
    high = np.asarray(image)[..., :count]
    if high.max(initial=0) >= _HALF or image.tell():
        return image
    with Image.open(io.BytesIO(data), formats=("PNG",)) as again:
        assert isinstance(again, PngImagePlugin.PngImageFile)
        again.tile = [type(tile)(*tile[:3], raw_mode) for tile in again.tile]
        again.load()
        with suppress(Exception):  # as the image itself was turned
            ImageOps.exif_transpose(again, in_place=True)
        low = np.asarray(again)[..., 1:2] if colour_type == 4 else np.asarray(again)[..., :count]
    values = (high.astype(np.uint16) << 8) | low
    eight = np.asarray(image).copy()
    eight[..., :3] = _in_range(values, source, bits)
    read = Image.fromarray(eight)
    read.info = dict(image.info)
    return read
