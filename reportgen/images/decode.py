"""An untrusted file -> upright 8-bit sRGB pixels, or one plain reason why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageOps

from reportgen.images.decoding.colours import to_srgb
from reportgen.images.decoding.dicom import read_dicom
from reportgen.images.decoding.jpeg import read_jpeg
from reportgen.images.decoding.modern import read_avif, read_heic, read_icon, read_jpeg_xl
from reportgen.images.decoding.pillow import guarded_pillow, quiet_standard_error, read_with_pillow
from reportgen.images.decoding.png import read_png
from reportgen.images.decoding.pnm import read_pnm
from reportgen.images.decoding.raw import is_raw, read_raw
from reportgen.images.decoding.source import PictureRemark, Reading, Source, UnreadableImage, require_whole
from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.formats import HEAD_BYTES, format_of, what_instead

__all__ = [
    "DecodedImage",
    "PictureRemark",
    "Reading",
    "UnreadableImage",
    "guarded_pillow",
    "read_image",
    "require_whole",
    "upright_pixels",
]

# No encoding takes more a pixel (four 64-bit channels); the rest is room for metadata and further frames.
_BYTES_PER_PIXEL, _BYTES_BESIDE = 32, 64 * 2**20
_AS_USUAL = Reading()
_BY_PILLOW = {"WebP": "WEBP", "BMP": "BMP", "GIF": "GIF", "JPEG 2000": "JPEG2000", "TGA": "TGA"}
_DECODERS: Mapping[str, Callable[[Source], np.ndarray]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "HEIC": read_heic,
    "AVIF": read_avif,
    "JPEG XL": read_jpeg_xl,
    "ICO": read_icon,
    "PNM": read_pnm,
    "DICOM": read_dicom,
    "camera raw": read_raw,
    **{kind: partial(read_with_pillow, formats=(of_pillow,)) for kind, of_pillow in _BY_PILLOW.items()},
}
# Whose libraries write to standard error; while they are kept from it, so is the progress of other threads.
_TALKING = frozenset({"TIFF", "JPEG 2000", "JPEG XL", "HEIC", "AVIF", "DICOM"})


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """One image.

    Attributes:
        name: as in `InputFile`.
        sha256: of the file's bytes, lower-case hex.
        pixels: (H, W, 3) uint8, sRGB, upright.
        remarks: what a reader must know of how it was read.
    """

    name: str
    sha256: str
    pixels: np.ndarray
    remarks: tuple[PictureRemark, ...] = ()


def read_image(file: InputFile, max_pixels: int, reading: Reading = _AS_USUAL) -> DecodedImage:
    """Read a file once: its hash, and its picture as upright 8-bit sRGB. docs/pictures.md says how each kind is brought to that.

    Args:
        max_pixels: width times height of the largest image that is decoded.

    Raises:
        UnreadableImage: not an image, truncated, damaged, too large, or the file cannot be read.
    """
    try:
        data = file.read(max_pixels * _BYTES_PER_PIXEL + _BYTES_BESIDE)
    except UnreadableFile as error:
        raise UnreadableImage(error.reason) from None
    kind = format_of(data[:HEAD_BYTES], file.name)
    if kind is None:
        raise UnreadableImage(what_instead(data[:HEAD_BYTES]))
    source = Source(data, max_pixels, reading)
    try:
        with guarded_pillow(), quiet_standard_error() if kind in _TALKING else nullcontext():
            pixels = _decode(source, kind, file.name)
    except UnreadableImage:
        raise
    except MemoryError:
        raise UnreadableImage("needs more memory than there is") from None
    except Exception as error:  # decoders meeting hostile bytes raise nearly anything
        # Their own words stay out: some hold an address, and two equal runs give equal bytes.
        damage = "truncated" if "truncated" in str(error).lower() else "damaged or truncated"
        raise UnreadableImage(f"{damage} {kind}") from error
    require_whole(source.remarks, reading.strict)
    return DecodedImage(file.name, hashlib.sha256(data).hexdigest(), pixels, tuple(source.remarks))


def upright_pixels(image: Image.Image, max_pixels: int) -> np.ndarray:
    """(H, W, 3) uint8 of an image that somebody has opened: what `read_image` makes of its file. The image stays as it is.

    Raises:
        UnreadableImage: it cannot be decoded, or is too large.
    """
    source = Source(b"", max_pixels)
    source.check_size(*image.size)
    try:
        with guarded_pillow(), quiet_standard_error() if image.format == "TIFF" else nullcontext():
            upright = image
            with suppress(Exception):  # a broken EXIF block: turned if it could be read that far
                upright = ImageOps.exif_transpose(image)
            return np.array(to_srgb(upright, source))
    except UnreadableImage:
        raise
    except Exception as error:  # its file is read only now, and may be damaged
        raise UnreadableImage("damaged or truncated") from error


def _decode(source: Source, kind: str, name: str) -> np.ndarray:
    """(H, W, 3) uint8. tifffile, which loads slowly, is imported when the first TIFF is met."""
    if kind == "TIFF":
        from reportgen.images.decoding.tiff import read_tiff

        return read_raw(source) if is_raw(source.data, name) else read_tiff(source)
    return _DECODERS[kind](source)
