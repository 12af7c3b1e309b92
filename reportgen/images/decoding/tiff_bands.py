"""The bands of a TIFF, as numbers of any type -> an image of Pillow's, with its profile and orientation."""

from __future__ import annotations

import numpy as np
import tifffile
from PIL import Image

from reportgen.images.decoding.samples import declared_bits, few_bits, high_bits, of_shares, scaled, sixteen_bit
from reportgen.images.decoding.source import Source, UnreadableImage

_GREY_FROM_WHITE, _GREY, _RGB, _PALETTE, _SEPARATED, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOURS = {_GREY_FROM_WHITE: 1, _GREY: 1, _RGB: 3, _PALETTE: 1, _SEPARATED: 4, _YCBCR: 3}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # tag ExtraSamples: colours are multiplied by alpha, or not
_MAX_SAMPLE, _S_MAX_SAMPLE, _ORIENTATION, _SUBSAMPLING, _PROFILE, _INK, _EXTRA = 281, 341, 274, 530, 34675, 332, 338
_CMYK_INK = 1
_JPEG = (6, 7)  # values of the tag Compression


def picture_of(page: tifffile.TiffPage, bands: np.ndarray, source: Source) -> Image.Image:
    """The image, not yet turned upright (its EXIF says how).

    Args:
        bands: (H, W, bands).

    Raises:
        UnreadableImage: the file does not say which colours its bands are.
    """
    count, photometric = bands.shape[2], _photometric(page)
    colours = _colours_of(page, count, source)
    eight = _eight_bit(bands[..., :colours], page, source)
    if photometric == _GREY_FROM_WHITE:
        eight = 255 - eight
    image = _image(eight, page, photometric)
    alpha = next(iter(_alphas(page, count)), None)
    if alpha is not None and alpha >= colours:
        opacity = _opacity(bands[..., alpha], page)
        associated = page.extrasamples[alpha - count :][:1] == (_ASSOCIATED,)
        image = _divided(image, opacity) if associated else image.convert("RGB")
        image.putalpha(Image.fromarray(opacity))
    _remark_left_out(colours, count, alpha, source)
    profile = page.tags.valueof(_PROFILE)
    if isinstance(profile, bytes):
        image.info["icc_profile"] = profile
    orientation = page.tags.valueof(_ORIENTATION)
    if isinstance(orientation, int):
        image.getexif()[_ORIENTATION] = int(orientation)
    return image


def _photometric(page: tifffile.TiffPage) -> int:
    """The tag PhotometricInterpretation; YCbCr in a JPEG has been made RGB when it was unpacked."""
    in_jpeg = int(page.compression) in _JPEG and page.planarconfig == 1
    return _RGB if in_jpeg and int(page.photometric) == _YCBCR else int(page.photometric)


def _colours_of(page: tifffile.TiffPage, count: int, source: Source) -> int:
    """How many of the first bands are colours."""
    photometric = _photometric(page)
    before_alpha = next(iter(_alphas(page, count)), count)
    if photometric in (_GREY, _GREY_FROM_WHITE) and before_alpha >= 3:
        if before_alpha > 3:
            raise UnreadableImage(
                f"a TIFF of {count} bands that does not say which are red, green and blue: export it as RGB"
            )
        source.remark(
            "tiff-bands",
            "Bands without colours",
            "The file does not say which colours its three bands are; they were read as red, green and blue.",
        )
        return 3
    if photometric not in _COLOURS:
        name = str(getattr(page.photometric, "name", photometric))
        raise UnreadableImage(f"a TIFF of the colours {name}, which reportgen does not read: save it as RGB")
    if photometric == _SEPARATED and page.tags.valueof(_INK) not in (None, _CMYK_INK):
        raise UnreadableImage("a TIFF of inks other than CMYK: save it as RGB")
    if photometric == _YCBCR and tuple(page.tags.valueof(_SUBSAMPLING) or (1, 1)) != (1, 1):
        raise UnreadableImage("a TIFF with planes of subsampled colours: save it as RGB")
    if count < _COLOURS[photometric]:
        raise UnreadableImage(f"damaged TIFF (it has {count} of {_COLOURS[photometric]} bands)")
    return _COLOURS[photometric]


def _image(eight: np.ndarray, page: tifffile.TiffPage, photometric: int) -> Image.Image:
    """(H, W, colours) uint8 -> mode L, RGB or CMYK."""
    if photometric == _PALETTE:
        return _coloured(eight[..., 0], page)
    if eight.shape[2] == 1:
        return Image.fromarray(np.ascontiguousarray(eight[..., 0]))
    mode = {_SEPARATED: "CMYK", _YCBCR: "YCbCr"}.get(photometric, "RGB")
    height, width = eight.shape[:2]
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(eight).tobytes())
    return image.convert("RGB") if mode == "YCbCr" else image


def _coloured(indices: np.ndarray, page: tifffile.TiffPage) -> Image.Image:
    palette = page.colormap
    if palette is None:
        raise UnreadableImage("damaged TIFF (its palette is missing)")
    levels = (np.asarray(palette).astype(np.uint16) >> 8).astype(np.uint8).T  # (colours, 3)
    return Image.fromarray(levels[np.minimum(indices, len(levels) - 1)])


def _eight_bit(values: np.ndarray, page: tifffile.TiffPage, source: Source) -> np.ndarray:
    """The colours as uint8; the indices of a palette as they are."""
    if _photometric(page) == _PALETTE:
        return values.astype(np.int64) if values.dtype.kind == "i" else values
    bits = page.bitspersample
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and bits <= 8:
        return values if bits == 8 else few_bits(values, bits)
    if values.dtype.kind == "u" and bits <= 16:
        declared = bits if bits < 16 else _declared(page)
        return sixteen_bit(values.astype(np.uint16), source, declared)
    if values.dtype.kind == "u" and bits < 32:
        return high_bits(values, bits)
    if values.dtype.kind not in "uif":
        raise UnreadableImage("a TIFF of complex numbers: there is no picture of them")
    return scaled(values)


def _declared(page: tifffile.TiffPage) -> int | None:
    """Bits of the range that the file declares of its 16-bit samples."""
    largest: list[int] = []
    for tag in (_MAX_SAMPLE, _S_MAX_SAMPLE):
        value = page.tags.valueof(tag)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, int | float) and 0 < one < 2**32:
                largest.append(int(one))
    return declared_bits(max(largest, default=None))


def _alphas(page: tifffile.TiffPage, count: int) -> list[int]:
    """The bands that are opacity; the kinds of extra bands are given for the last ones."""
    if _photometric(page) == _RGB and count == 4 and page.tags.valueof(_EXTRA) is None:
        return [3]  # older writers say nothing of their alpha
    kinds = page.extrasamples[-count:]
    return [count - len(kinds) + at for at, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)]


def _opacity(values: np.ndarray, page: tifffile.TiffPage) -> np.ndarray:
    """(H, W) of the page's type -> uint8; all of the type's range is used, of floats [0, 1]."""
    bits = page.bitspersample
    if values.dtype.kind == "f":
        return of_shares(np.nan_to_num(values))
    if values.dtype.kind == "i":
        return of_shares(values.astype(np.float64) / np.iinfo(values.dtype).max)
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    return high_bits(values, bits)


def _divided(image: Image.Image, opacity: np.ndarray) -> Image.Image:
    """Mode RGB, whose colours are no longer multiplied by alpha."""
    colours = np.asarray(image.convert("RGB")).astype(np.float32)
    part = np.maximum(opacity, 1)[..., None] / np.float32(255)
    return Image.fromarray(np.rint(colours / part).clip(0, 255).astype(np.uint8))


def _remark_left_out(colours: int, count: int, alpha: int | None, source: Source) -> None:
    left = count - colours - (alpha is not None)
    if left:
        read = {1: "the first was read as grey", 3: "the first three were read as red, green and blue"}
        what = read.get(colours, f"the first {colours} were read")
        source.remark("tiff-bands-left-out", "Bands left out", f"Of its {count} bands {what}, and {left} left out.")
