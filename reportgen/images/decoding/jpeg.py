"""JPEG: read by Pillow, and where only the last rows or the end mark are missing, still read."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from PIL import Image

from reportgen.images.decoding.pillow import read_with_pillow, upright
from reportgen.images.decoding.source import Source, UnreadableImage

FORMATS = ("JPEG",)  # a picture of several, MPO, among them
_END = b"\xff\xd9"
# Of the rows: of a picture that misses more too little is known. One row of blocks at least, which of a small picture is an eighth.
_MOST_MISSING, _MOST_OF_SMALL, _ROW_OF_BLOCKS = 0.05, 1 / 8, 17
# Bytes that no encoder wrote: where pixels follow from them, the file's own have ended.
_PADDINGS = tuple(bytes((i * step + 17) % 251 for i in range(1, 512)) for step in (37, 89, 151))
_STANDALONE = (0x01, 0xD8)
# What is none within coded pixels: a byte 255 of theirs, filling, and marks of restarts.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MOST_SEGMENTS = 10_000
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def read_jpeg(source: Source) -> np.ndarray:
    """(H, W, 3) uint8.

    Raises:
        UnreadableImage: too large, or more is missing than the last rows.
        Exception: nearly anything, where the bytes are damaged.
    """
    # Pillow takes the zeros of a download that was given its size beforehand for pixels.
    return read_with_pillow(source, FORMATS) if end_of(source.data) else _read_cut(source)


def _read_cut(source: Source) -> np.ndarray:
    # Half of a mark, and zeros that fill a file up, are no pixels.
    data = source.data.rstrip(b"\xff\0")
    with Image.open(io.BytesIO(data + _END), formats=FORMATS) as image:
        source.check_size(*image.size)
        image.load()
        height, missing = image.height, _missing_rows(image, data)
        most = max(_MOST_MISSING * height, min(_ROW_OF_BLOCKS, _MOST_OF_SMALL * height))
        if missing > most or not _is_last_pass(data):
            raise UnreadableImage("truncated JPEG")
        lost = f"the last {missing} of {height} rows are" if missing > 1 else f"the last of {height} rows is"
        what = f"about {lost}" if missing else "only the mark of its end is"
        source.remark(
            "jpeg-cut",
            "JPEG without its end",
            f"The file is cut: {what} missing, and the rest was read.",
            refusal=f"truncated JPEG ({what} missing)",
        )
        return upright(image, source)


def _missing_rows(image: Image.Image, data: bytes) -> int:
    """How many rows, from the bottom, follow from what stands after the cut instead of from the file."""
    read = np.asarray(image)
    first = image.height
    for padding in _PADDINGS:
        with Image.open(io.BytesIO(data + padding + _END), formats=FORMATS) as other:
            other.load()
            differ = (np.asarray(other) != read).reshape(image.height, -1).any(axis=1)
        if differ.any():
            first = min(first, int(differ.argmax()))
    return image.height - first


def _is_last_pass(data: bytes) -> bool:
    """Whether a cut in the last scan of a progressive JPEG; of a baseline one always.

    Each coefficient of each component is sent first without its low bits, then these one by one; in the last scan none is left.
    """
    left: dict[tuple[int, int], int] = defaultdict(lambda: 1)
    components: tuple[int, ...] = ()
    progressive = False
    for marker, segment in segments(data):
        if marker in _FRAMES:
            progressive = marker in PROGRESSIVE
            components = tuple(segment[6::3][: segment[5]])
        elif marker == 0xDA and len(segment) >= 4 + 2 * segment[0]:
            count = segment[0]
            start, stop, low = segment[-3], segment[-2], segment[-1] & 15
            for component in segment[1 : 1 + 2 * count : 2]:
                left.update({(component, at): low for at in range(start, min(stop, 63) + 1)})
    return not progressive or all(left[component, at] == 0 for component in components for at in range(64))


def segments(data: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Marker and content of the segments of the JPEG that begins at `at`, up to its end or to where it is cut."""
    return ((marker, data[start:stop]) for marker, start, stop in _walked(data, at) if marker != _END[1])


def end_of(data: bytes, at: int = 0) -> int | None:
    """Where the JPEG that begins at `at` ends, behind the mark of its end; None where it is cut."""
    return next((stop for marker, _, stop in _walked(data, at) if marker == _END[1]), None)


def _walked(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Marker, and where the content of its segment starts and stops."""
    at += 2
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found.end() + 2 > len(data) + 2 * (data[found.end() - 1] == _END[1]):
            return
        marker, at = data[found.end() - 1], found.end()
        if marker == _END[1]:
            yield marker, at, at
            return
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2:
            return
        yield marker, at + 2, at + length
        at += length


def frame_of(data: bytes, at: int, *, any_precision: bool = False) -> tuple[int, int] | None:
    """Width and height of the JPEG that begins at `at`.

    Args:
        any_precision: also where it shows no photograph, which has 8 bits and a lossy frame.
    """
    for count, (marker, segment) in enumerate(segments(data, at)):
        if marker in _FRAMES:
            if len(segment) < 6:
                return None
            photograph = marker in (0xC0, 0xC1, 0xC2) and segment[0] == 8 and segment[5] in (1, 3)
            if not photograph and not any_precision:
                return None
            return int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        if marker == 0xDA or count > 100:
            return None
    return None
