"""A mask in a picture file: which of its pixels are the object's, however the tool that wrote it says so."""

from __future__ import annotations

import io
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from reportgen.images.decoding.pillow import guarded_pillow, quiet_standard_error
from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.ground_truth.shapes import MAX_MASK_PIXELS

_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "JPEG", "WEBP", "PPM")
# Of a palette or of class numbers: pixels that are nobody's, as Pascal VOC draws them between objects.
_BORDER = 255
_HIGHEST_CLASS = 200
_GREY, _HALF, _WHITE = 32, 127, 224
_MOST_GREYS, _MOST_WHITES = 16, 4  # levels in a mask that is sharp
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags
# The Oxford-IIIT pets: 1 is the animal, 2 what is behind it, 3 the border.
_TRIMAPS = "trimaps"


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask as its file has it. `marked`: (h, w) bool; `soft`: its border was blurred, and its values cut at half."""

    marked: np.ndarray
    soft: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.marked.shape[1], self.marked.shape[0]


def fits(size: tuple[float, float], width: int, height: int) -> bool:
    """Whether a picture of this size is one of `width` x `height`, scaled, but for rounding."""
    across, down = size[0] / width, size[1] / height
    return abs(size[1] - across * height) <= 1 or abs(size[0] - down * width) <= 1


def read_mask(file: InputFile, width: int, height: int) -> Mask:
    """The object's pixels.

    What is not 0 is the object; of a palette what has not its first colour; where alpha alone differs from pixel to pixel,
    what is opaque; of JPEG, and of grey levels that were smoothed or were a JPEG once, what is brighter than half. 255 among
    numbers of classes is a border, and no object's.

    Args:
        width, height: of the upright image, to bound what is decoded.

    Raises:
        UnreadableFile: it cannot be decoded, or is far larger than the image.
    """
    try:
        data = file.read()
        quiet = quiet_standard_error() if data.startswith((b"II", b"MM")) else nullcontext()  # libtiff talks
        with guarded_pillow(), quiet, Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > max(MAX_MASK_PIXELS, width * height) or _tile(image) > max(MAX_MASK_PIXELS, width * height):
                raise UnreadableFile(f"a mask of {image.width} x {image.height} pixels is too large")
            soft = _soft(image)
            marked = _marked(image) if soft is None else soft > _HALF
            if _TRIMAPS in PurePosixPath(file.name.casefold()).parts[:-1]:
                values = np.asarray(image)
                marked = values == 1 if values.ndim == 2 and values.max() <= 3 else marked
            return Mask(marked, soft=soft is not None)
    except UnreadableFile:
        raise
    except MemoryError:
        raise UnreadableFile("a mask that needs more memory than there is") from None
    except Exception:  # decoders meeting hostile bytes raise nearly anything
        raise UnreadableFile("not a picture that can be read") from None


def _tile(image: Image.Image) -> int:
    """Pixels of a tile of a TIFF, which is unpacked whole."""
    if not isinstance(image, TiffImageFile):
        return 0
    sides = [image.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
    return int(sides[0]) * int(sides[1])


def _soft(image: Image.Image) -> np.ndarray | None:
    """(h, w) uint8: the grey levels of a mask whose border is not sharp; None where it is."""
    if image.format == "JPEG":
        levels: np.ndarray = np.asarray(image.convert("RGB")).max(axis=2)
        return levels
    if image.mode not in ("L", "RGB"):
        return None
    values = np.asarray(image)
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            return None  # colours, of classes
        values = values[..., 0]
    counts = np.bincount(values.ravel(), minlength=256)
    greys, white = counts[_GREY:_WHITE], counts[_WHITE:]
    # Mostly white, among many greys or in many shades. Numbers of classes are few; those of many objects are not mostly white.
    shades = np.count_nonzero(greys) >= _MOST_GREYS or np.count_nonzero(white) >= _MOST_WHITES
    return values if shades and white.sum() > greys.sum() / 2 else None


def _marked(image: Image.Image) -> np.ndarray:
    """(h, w) bool."""
    if image.mode == "P":
        marked: np.ndarray = _of_palette(image)
        if image.has_transparency_data and (marked.all() or not marked.any()):
            marked = np.asarray(image.convert("RGBA"))[..., 3] > 127
        return marked
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layers = np.asarray(image.convert("RGBA"))
        return _of_layers(layers[..., :3], layers[..., 3])
    values = np.asarray(image)
    if values.ndim == 3:
        coloured: np.ndarray = (values != 0).any(axis=2)
        return coloured
    return _of_numbers(np.nan_to_num(values) if values.dtype.kind == "f" else values)


def _of_numbers(values: np.ndarray) -> np.ndarray:
    """Of grey levels or numbers of classes: all but 0, and but for the border between objects."""
    marked: np.ndarray = values != 0
    border: np.ndarray = values == _BORDER
    classes: np.ndarray = marked & ~border
    # A soft-edged mask of grey levels is mostly 255; one of classes has little of it, and nothing just below.
    if border.any() and classes.any() and values[classes].max() <= _HIGHEST_CLASS and border.sum() < classes.sum():
        return classes
    return marked


def _of_palette(image: Image.Image) -> np.ndarray:
    indices = np.asarray(image)
    colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    dark: np.ndarray = np.zeros(256, bool)
    dark[: len(colours)] = np.logical_not((colours != 0).any(axis=1))[:256]
    if (
        not dark[0] and dark[np.unique(indices)].any()
    ):  # a drawing program that sorted its colours by how often they occur
        bright: np.ndarray = np.logical_not(dark)[indices]
        return bright
    return _of_numbers(indices)


def _of_layers(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """By alpha where it draws a shape; by colours where alpha is the same everywhere, or they draw one within what is opaque."""
    opaque: np.ndarray = alpha > 127
    coloured: np.ndarray = (colours != 0).any(axis=2)
    if alpha.min() == alpha.max():
        return coloured
    inside = colours[opaque]
    drawn = len(inside) > 0 and (inside == 0).all(axis=1).any() and len(np.unique(inside, axis=0)) == 2
    return opaque & coloured if drawn else opaque
