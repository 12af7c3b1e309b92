"""HEIC, AVIF and JPEG XL, by what is installed for them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile, features

from reportgen.images.decoding.pillow import read_with_pillow, upright
from reportgen.images.decoding.source import Source, UnreadableImage

_JXL_RATIOS = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_JXL_SIZE_BITS = (9, 13, 18, 30)
_JXL_START = b"\xff\x0a"


def read_heic(source: Source) -> np.ndarray:
    """(H, W, 3) uint8. Raises: UnreadableImage: pillow-heif is not installed, or it is too large."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise _missing("HEIC", "heif") from None
    opened: Callable[[io.BytesIO], ImageFile.ImageFile] = HeifImageFile
    with opened(io.BytesIO(source.data)) as image:
        source.check_size(*image.size)
        image.load()
        return upright(image, source)


def read_avif(source: Source) -> np.ndarray:
    """(H, W, 3) uint8. Raises: UnreadableImage: neither Pillow nor pillow-heif reads it here, or it is too large."""
    if "avif" in features.get_supported():
        return read_with_pillow(source, ("AVIF",))
    try:
        return read_heic(source)
    except UnreadableImage as error:
        raise _missing("AVIF", "heif") if "extra" in error.reason else error from None


def read_jpeg_xl(source: Source) -> np.ndarray:
    """(H, W, 3) uint8. Raises: UnreadableImage: pillow-jxl-plugin is not installed, or it is too large."""
    try:
        import pillow_jxl  # noqa: F401  # teaches Pillow the format
    except ImportError:
        raise _missing("JPEG XL", "jxl") from None
    source.check_size(*_jxl_size(source.data))  # the decoder unpacks all of it when it is opened
    return read_with_pillow(source, ("JXL",))


def _missing(kind: str, extra: str) -> UnreadableImage:
    return UnreadableImage(
        f"{kind}: reading it needs the extra {extra} (pip install 'reportgen[{extra}]'), or save it as JPEG or PNG"
    )


def _jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height by the header of the first codestream (ISO/IEC 18181-1, SizeHeader)."""
    start = 0 if data.startswith(_JXL_START) else data.find(_JXL_START, 0, 2**20)
    if start < 0:
        raise UnreadableImage("damaged or truncated JPEG XL")
    bits = int.from_bytes(data[start + 2 : start + 14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def side(small: int) -> int:
        return 8 * (take(5) + 1) if small else 1 + take(_JXL_SIZE_BITS[take(2)])

    small = take(1)
    height = side(small)
    ratio = _JXL_RATIOS[take(3)]
    width = side(small) if ratio is None else height * ratio[0] // ratio[1]
    return width, height


def read_icon(source: Source) -> np.ndarray:
    """(H, W, 3) uint8 of the largest picture of an icon. Raises: UnreadableImage: one of its pictures is too large."""
    data = source.data
    for entry in range(6, 6 + 16 * min(int.from_bytes(data[4:6], "little"), 256), 16):
        at = int.from_bytes(data[entry + 12 : entry + 16], "little")
        if data[at : at + 8] == b"\x89PNG\r\n\x1a\n":  # whose size the icon may lie about
            source.check_size(*(int.from_bytes(data[at + side : at + side + 4], "big") for side in (16, 20)))
        else:
            width, height = (
                abs(int.from_bytes(data[at + side : at + side + 4], "little", signed=True)) for side in (4, 8)
            )
            source.check_size(max(width, 1), max(height // 2, 1))
    with Image.open(io.BytesIO(data), formats=("ICO",)) as image:
        source.check_size(*image.size)
        image.load()
        return upright(image, source)
