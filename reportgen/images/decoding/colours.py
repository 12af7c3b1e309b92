"""Any mode of Pillow's -> mode RGB, sRGB, over white."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms

from reportgen.images.decoding.samples import scaled, sixteen_bit
from reportgen.images.decoding.source import Source

# Levels of 255: profiles that call themselves sRGB differ by about this much from one another.
_SRGB_TOLERANCE = 3
# Pillow reads their 16-bit grey as mode I, and has scaled it to 16 bits.
_SIXTEEN_BIT_IN_I = ("PNG", "PPM", "JPEG2000", "JXL")
# Its decoders bring any declared number of bits to 16.
_SCALED_TO_SIXTEEN = ("PPM", "JPEG2000", "JXL")


def to_srgb(image: Image.Image, source: Source) -> Image.Image:
    """A decoded image -> mode RGB, sRGB, over white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        return grey_to_srgb(eight_bit_grey(image, source), profile)
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        colours = from_profile(layers.convert("RGB"), profile)
        return over_white(colours, layers.getchannel("A"))
    return from_profile(image if image.mode in ("RGB", "CMYK") else image.convert("RGB"), profile)


def is_transparent(image: Image.Image) -> bool:
    """Whether every pixel of a decoded image is transparent."""
    if not image.has_transparency_data or image.mode.startswith("I"):
        return False
    return image.convert("RGBA").getchannel("A").getextrema() == (0, 0)


def over_white(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    """Mode RGB, laid over white by mode L."""
    layers = colours.convert("RGBA")
    layers.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), layers).convert("RGB")


def eight_bit_grey(image: Image.Image, source: Source) -> Image.Image:
    """Mode I;16, I or F -> L."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or image.format in _SIXTEEN_BIT_IN_I:
        declared = 16 if image.format in _SCALED_TO_SIXTEEN else None
        return Image.fromarray(sixteen_bit(values.clip(0, 65535).astype(np.uint16), source, declared))
    return Image.fromarray(scaled(values))


def grey_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Mode L -> RGB. A profile of grey is left alone, as Pillow's 8-bit grey is; one of colours cannot be grey's."""
    return from_profile(image.convert("RGB"), profile)


def from_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Mode RGB or CMYK -> sRGB by the embedded ICC profile; by Pillow's formula where none works."""
    if profile:
        with suppress(Exception):  # a profile is advice, and its parser meets hostile bytes too
            kind = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = ImageCms.buildTransform(kind, ImageCms.createProfile("sRGB"), image.mode, "RGB")
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
