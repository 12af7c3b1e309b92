"""An untrusted file -> upright 8-bit sRGB pixels, or one plain reason why not."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL import ImageFile as PillowFile
from PIL.TiffImagePlugin import TiffImageFile

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.formats import FORMATS, HEAD_BYTES, format_of, what_instead
from reportgen.utils.concurrency import PROCESS_WIDE

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags
# No encoding takes more a pixel (four 64-bit channels); the rest is room for metadata and further frames.
_BYTES_PER_PIXEL, _BYTES_BESIDE = 32, 64 * 2**20
# Levels of 255: profiles that call themselves sRGB differ by about this much from one another.
_SRGB_TOLERANCE = 3


class UnreadableImage(UnreadableFile):
    """A file that cannot be decoded."""


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """One image.

    Attributes:
        name: as in `InputFile`.
        sha256: of the file's bytes, lower-case hex.
        pixels: (H, W, 3) uint8, sRGB, upright.
    """

    name: str
    sha256: str
    pixels: np.ndarray


def read_image(file: InputFile, max_pixels: int) -> DecodedImage:
    """Read a file once: its hash, and its first frame as upright 8-bit sRGB.

    Transparent pixels are laid over white. 16-bit channels keep their high byte. 32-bit grey is scaled from
    [0, 1] (floats) or [0, 255] (integers) where all of it lies in there, otherwise from [min, max]; pixels
    that are not finite become black. An embedded RGB or CMYK profile is applied, a broken one is ignored.

    Args:
        max_pixels: width times height of the largest image that is decoded.

    Raises:
        UnreadableImage: not an image, truncated, damaged, too large, or the file cannot be read.
    """
    try:
        data = file.read(max_pixels * _BYTES_PER_PIXEL + _BYTES_BESIDE)
    except UnreadableFile as error:
        raise UnreadableImage(error.reason) from None
    kind = format_of(data[:HEAD_BYTES])
    if kind is None:
        raise UnreadableImage(what_instead(data[:HEAD_BYTES]))
    try:
        with guarded_pillow(), _quiet_libtiff(kind):
            pixels = np.array(_decode(data, max_pixels))
    except UnreadableImage:
        raise
    except MemoryError:
        raise UnreadableImage("needs more memory than there is") from None
    except Exception as error:  # decoders meeting hostile bytes raise nearly anything
        # Pillow's own words stay out: some hold an address, and two equal runs give equal bytes.
        damage = "truncated" if "truncated" in str(error).lower() else "damaged or truncated"
        raise UnreadableImage(f"{damage} {kind}") from error
    return DecodedImage(file.name, hashlib.sha256(data).hexdigest(), pixels)


def upright_pixels(image: Image.Image, max_pixels: int) -> np.ndarray:
    """(H, W, 3) uint8 of an image that somebody has opened: what `read_image` makes of its file. The image stays as it is.

    Raises:
        UnreadableImage: it cannot be decoded, or is too large.
    """
    _check_size(image, max_pixels)
    try:
        with guarded_pillow(), _quiet_libtiff(image.format or ""):
            upright = image
            with suppress(Exception):  # as in _decode
                upright = ImageOps.exif_transpose(image)
            return np.array(_to_srgb(upright))
    except UnreadableImage:
        raise
    except Exception as error:  # its file is read only now, and may be damaged
        raise UnreadableImage("damaged or truncated") from error


@contextmanager
def guarded_pillow() -> Iterator[None]:
    """Pillow's switches for one decode at a time: silent, strict about truncation, no pixel limit but our own."""
    with PROCESS_WIDE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved = Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES = saved


@contextmanager
def _quiet_libtiff(kind: str) -> Iterator[None]:
    """libtiff writes about damage straight to file descriptor 2, where no Python filter sees it."""
    kept = None
    if kind == "TIFF":
        with suppress(OSError):  # a service may run without one
            kept = os.dup(2)
    if kept is None:
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def _decode(data: bytes, max_pixels: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image, max_pixels)
        _check_tile(image, max_pixels)
        image.load()
        with suppress(Exception):  # a broken EXIF block: turned if it could be read that far
            ImageOps.exif_transpose(image, in_place=True)
        return _to_srgb(image)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadableImage(f"{width} x {height} pixels are more than max_pixels = {max_pixels}")


def _check_tile(image: Image.Image, max_pixels: int) -> None:
    """A tile of a TIFF is unpacked whole, however small the image that it belongs to."""
    if isinstance(image, TiffImageFile):
        sides = [image.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
        if not all(isinstance(side, int) for side in sides) or sides[0] * sides[1] > max_pixels:
            raise UnreadableImage(f"a tile of {sides[0]} x {sides[1]} pixels is more than max_pixels = {max_pixels}")


def _to_srgb(image: Image.Image) -> Image.Image:
    """Every mode -> mode RGB, sRGB, over white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        colours = _from_profile(layers.convert("RGB"), profile)
        colours.putalpha(layers.getchannel("A"))
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    return _from_profile(image if image.mode in ("RGB", "CMYK") else image.convert("RGB"), profile)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Mode I;16, I or F -> L (see `read_image`)."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or image.format == "PNG":  # older Pillow reads 16-bit PNG as mode I
        return Image.fromarray((values.astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))
    finite = np.isfinite(values)
    if not finite.any():
        raise UnreadableImage("no pixel has a finite value")
    low, high = float(values[finite].min()), float(values[finite].max())
    whole = 1.0 if image.mode == "F" else 255.0
    if low >= 0 and high <= whole:
        low, high = 0.0, whole
    scaled = (np.where(finite, values, low).astype(np.float64) - low) * (255 / ((high - low) or 1))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _from_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Mode RGB or CMYK -> sRGB by the embedded ICC profile; by Pillow's formula where none works."""
    if profile:
        with suppress(Exception):  # a profile is advice, and its parser meets hostile bytes too
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
            if image.mode == "CMYK" or not _is_identity(transform):
                return _applied(transform, image)
    return image.convert("RGB")


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only in place
    return converted


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether the profile is sRGB by another name: then the stored pixels are left exactly as they are."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(16, -1, 3)
    moved = np.asarray(_applied(transform, Image.fromarray(cube)))
    return int(np.abs(moved.astype(int) - cube).max()) <= _SRGB_TOLERANCE
