"""Small pictures in many formats, and how the tests read them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.images.decode import DecodedImage, Reading, UnreadableImage, read_image
from reportgen.images.files import InputFile

MAX_PIXELS = 10_000_000
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def blocks(width: int = 64, height: int = 48) -> Image.Image:
    """Random colours in blocks of 8 x 8: photographs of nothing, kind to every codec."""
    levels = np.random.default_rng(3).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(levels.repeat(8, axis=0).repeat(8, axis=1))


def decoded(data: bytes, tmp_path: Path, name: str = "image", max_pixels: int = MAX_PIXELS, **how: Any) -> DecodedImage:
    """The picture, read as a file of that name; `how` are fields of `Reading`."""
    path = tmp_path / name
    path.write_bytes(data)
    return read_image(InputFile(name, path), max_pixels, Reading(**how))


def pixels_of(data: bytes, tmp_path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    return decoded(data, tmp_path, max_pixels=max_pixels).pixels


def remarks_of(data: bytes, tmp_path: Path, name: str = "image", **how: Any) -> dict[str, str]:
    """By code the sentences that were remarked."""
    return {remark.code: remark.text for remark in decoded(data, tmp_path, name, **how).remarks}


def reason_of(data: bytes, tmp_path: Path, max_pixels: int = MAX_PIXELS, name: str = "image", **how: Any) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decoded(data, tmp_path, name, max_pixels, **how)
    assert "\n" not in caught.value.reason
    assert "0x" not in caught.value.reason  # an address would make two equal runs differ
    return caught.value.reason


def raw_png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand, for what Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
