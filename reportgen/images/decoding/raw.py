"""Camera raw: the largest JPEG that the camera put into it; sensor data are not developed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from reportgen.images.decoding.directories import Directory, directories
from reportgen.images.decoding.jpeg import FORMATS, end_of, frame_of
from reportgen.images.decoding.pillow import read_with_pillow
from reportgen.images.decoding.source import Source, UnreadableImage
from reportgen.images.formats import RAW_EXTENSIONS

_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _COUNTS, _ORIENTATION = 256, 257, 259, 262, 273, 279, 274
_SUBFILE, _TILES, _SUB_DIRECTORIES = 254, 324, 330
_JPEG_AT, _JPEG_BYTES, _DNG_VERSION = 513, 514, 50706
_PANASONIC_JPEG = 46
_SENSOR, _LINEAR = 32803, 34892  # values of PhotometricInterpretation
# Of sensors alone: Sony, Nikon, Pentax, Samsung, Kodak, Panasonic.
_RAW_COMPRESSIONS = frozenset({32767, 34713, 65535, 32770, 32772, 65000, 34316, 34826, 34828, 34830})
_JPEG_COMPRESSIONS = (6, 7, 34892)
# Pixels of the long side, and the share of the raw's own: what has neither is a thumbnail, and so is what is smaller than the last.
_SMALLEST, _SMALLEST_SHARE, _LEAST = 640, 0.5, 256
_JPEG = b"\xff\xd8\xff"
_MOST_CANDIDATES = 1000
_EXPORT = "export it as JPEG or TIFF"


@dataclass(frozen=True)
class _Preview:
    width: int
    height: int
    start: int
    stop: int

    @property
    def long_side(self) -> int:
        return max(self.width, self.height)


def is_raw(data: bytes, name: str) -> bool:
    """Whether a file built as a TIFF is a camera's: its main image is what a sensor saw, before it is a picture.

    Args:
        name: of the file; one that is called as a raw is none only where it holds a full image in colours.
    """
    if data[8:10] == b"CR":
        return True
    found = list(directories(data))
    if any(d.first(_COMPRESSION) in _RAW_COMPRESSIONS or d.first(_PHOTOMETRIC) in (_SENSOR, _LINEAR) for d in found):
        return True
    called = PurePosixPath(name).suffix.lower() in RAW_EXTENSIONS
    reduced = bool(found) and found[0].first(_SUBFILE) & 1 == 1 and _SUB_DIRECTORIES in found[0].values
    least = _SMALLEST if called else 0
    built_as_raw = called or reduced or any(_DNG_VERSION in d.values for d in found[:1])
    return built_as_raw and not any(_shows_colours(d, least) for d in found)


def _shows_colours(directory: Directory, least: int) -> bool:
    """Whether it is a full image in colours: a DNG may be one, and is a TIFF like others then."""
    stored = _STRIPS in directory.values or _TILES in directory.values
    full = directory.first(_SUBFILE) & 1 == 0 and directory.first(_PHOTOMETRIC, -1) in (0, 1, 2, 3, 5, 6, 8)
    return stored and full and max(directory.first(_WIDTH), directory.first(_LENGTH)) >= least


def read_raw(source: Source) -> np.ndarray:
    """(H, W, 3) uint8 of the largest JPEG in a camera raw of any maker.

    Raises:
        UnreadableImage: there is none that is larger than a thumbnail, or it is damaged.
    """
    data = source.data
    built = list(directories(data))
    own = max((max(d.first(_WIDTH), d.first(_LENGTH)) for d in built), default=0)
    previews = _previews(data, built)
    least = max(_LEAST, min(_SMALLEST, _SMALLEST_SHARE * own)) if own else _SMALLEST
    large = [preview for preview in previews if preview.long_side >= least]
    for preview in large:
        within = source.other(data[preview.start : preview.stop])
        before = len(source.remarks)
        try:
            pixels = read_with_pillow(within, FORMATS, orientation=_turned(data, built))
        except (OSError, ValueError, SyntaxError):  # a damaged one; there may be a smaller that is whole
            del source.remarks[before:]
            continue
        source.remark(
            "camera-raw-preview",
            "Preview of a camera raw",
            f"It is a camera raw, and the preview embedded in it was read ({preview.width} x {preview.height} pixels).",
        )
        return pixels
    if large:
        raise UnreadableImage(f"camera raw with a damaged preview: {_EXPORT}")
    if previews:
        size = f"{previews[0].width} x {previews[0].height}"
        raise UnreadableImage(f"camera raw without a preview but a thumbnail of {size} pixels: {_EXPORT}")
    raise UnreadableImage(f"camera raw without a preview: {_EXPORT}")


def _previews(data: bytes, built: Sequence[Directory]) -> list[_Preview]:
    """The JPEGs in it, the largest first: those that its directories name, and where they name none of use those found by content."""
    named = [preview for d in built for preview in _named(data, d)]
    if not any(preview.long_side >= _SMALLEST for preview in named):
        named += _found(data)
    return sorted(named, key=lambda preview: (-preview.width * preview.height, preview.start))


def _named(data: bytes, directory: Directory) -> Iterator[_Preview]:
    places = [(directory.first(_JPEG_AT), directory.first(_JPEG_BYTES))]
    strips, counts = directory.values.get(_STRIPS, ()), directory.values.get(_COUNTS, ())
    if directory.first(_COMPRESSION) in _JPEG_COMPRESSIONS and len(strips) == len(counts) == 1:
        places.append((strips[0], counts[0]))
    if _PANASONIC_JPEG in directory.places:
        places.append(directory.places[_PANASONIC_JPEG])
    for start, size in places:
        frame = frame_of(data, start) if size and data[start : start + 3] == _JPEG else None
        if frame is not None:
            yield _Preview(*frame, start, start + size)


def _found(data: bytes) -> Iterator[_Preview]:
    at = data.find(_JPEG)
    for _ in range(_MOST_CANDIDATES):
        if at < 0:
            return
        frame = frame_of(data, at)
        if frame is not None:
            yield _Preview(*frame, at, end_of(data, at) or len(data))
        at = data.find(_JPEG, at + len(_JPEG))


def _turned(data: bytes, built: Sequence[Directory]) -> int | None:
    """The orientation that the raw declares: in its first directory, or in Canon's block CMT1."""
    first = built[0] if built else next(directories(data, data.find(b"CMT1", 0, 2**20) + 4), None)
    turned = first.first(_ORIENTATION) if first else 0
    return turned if 1 <= turned <= 8 else None
