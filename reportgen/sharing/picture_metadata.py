"""JPEG and PNG files with their pixels and nothing else.

Our own encoders write nothing but pixels, and a logo is encoded anew. But an analysis may write any bytes as a figure
(`Files.raw`): a third-party one that copies a photograph copies its EXIF too, with the camera, the place and the name of
its owner. Cut from the bytes and not encoded again: a JPEG would lose pixels, and the numbers belong to those it has.
"""

from __future__ import annotations

from collections.abc import Iterator

from reportgen.utils.errors import ReportgenError

# APP0 and APP14 say how to decode, APP2 is the colour.
_DROPPED_JPEG = frozenset({0xE1, *range(0xE3, 0xEE), 0xEF, 0xFE})
_KEPT_PNG = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs".split())
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def without_metadata(name: str, data: bytes) -> bytes:
    """A JPEG or PNG with its pixels, and nothing else; any other file as it is.

    Raises:
        ReportgenError: the picture is damaged.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return b"".join(_jpeg_parts(data))
        if data.startswith(_PNG_HEAD):
            return _PNG_HEAD + b"".join(_png_chunks(data))
    except (IndexError, ValueError):
        raise ReportgenError(f"{name}: a damaged picture; what it holds besides pixels cannot be taken out") from None
    return data


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    """The segments that decode the image, to its end; what follows the end is none of it."""
    yield data[:2]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker == 0xD9:
            yield data[at : at + 2]
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            raise ValueError("cut off")
        if marker == 0xDA:
            end = _scan_end(data, end)
        if marker not in _DROPPED_JPEG:
            yield data[at:end]
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Where the next marker stands: inside a scan 0xFF is followed by 0 or by a restart marker."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_HEAD)
    while True:
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data):
            raise ValueError("cut off")
        if kind in _KEPT_PNG:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end
