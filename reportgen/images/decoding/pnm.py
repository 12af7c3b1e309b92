"""PBM, PGM and PPM: by Pillow, but for binary samples of an unusual range, at which it takes minutes."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from reportgen.images.decoding.pillow import read_with_pillow, upright
from reportgen.images.decoding.samples import high_bits, of_shares, sixteen_bit
from reportgen.images.decoding.source import Source, UnreadableImage

_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_BINARY = re.compile(rb"P([56])" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,5})\s")
_LARGEST = 2**16 - 1
# Samples that are written as words are read by a loop in Python.
_MOST_WRITTEN = 10_000_000


def read_pnm(source: Source) -> np.ndarray:
    """(H, W, 3) uint8.

    Raises:
        UnreadableImage: too large, or cut.
        Exception: nearly anything, where the bytes are damaged.
    """
    header = _BINARY.match(source.data[:4096])
    if header is None or int(header[4]) == 255:
        if source.data[:2] in (b"P2", b"P3") and len(source.data) > 4 * _MOST_WRITTEN:
            raise UnreadableImage("a picture whose numbers are written as text, too many of them: save it as PNG")
        return read_with_pillow(source, ("PPM",))
    bands, width, height, largest = 1 if header[1] == b"5" else 3, int(header[2]), int(header[3]), int(header[4])
    source.check_size(width, height)
    if not 0 < largest <= _LARGEST:
        raise UnreadableImage("damaged or truncated PNM")
    kind = np.dtype(">u2" if largest > 255 else "u1")
    count = width * height * bands
    if len(source.data) - header.end() < count * kind.itemsize:
        raise UnreadableImage("truncated PNM")
    values = np.frombuffer(source.data, kind, count, header.end()).reshape(height, width, bands)
    bits = largest.bit_length()
    if largest == _LARGEST:  # which many writers say of any numbers
        eight = sixteen_bit(values.astype(np.uint16), source)
    elif largest == 2**bits - 1 and bits >= 8:
        eight = high_bits(values.astype(np.uint16), bits)
    else:
        eight = of_shares(values.astype(np.float32) / largest)
    return upright(Image.fromarray(eight[..., 0] if bands == 1 else eight), source)
