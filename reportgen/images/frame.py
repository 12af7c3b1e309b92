"""The model's input frame: resize and crop as torchvision does, and where a point of the original lands in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from reportgen.models.classifiers.base import Preprocessing

# Pixels: a larger resized copy (of a strip 1 pixel wide) is never made whole.
_LARGEST_RESIZED = 2**24


def model_frame(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The model's input frame: what torchvision's `Resize` and `CenterCrop` make of a PIL image.

    Args:
        pixels: (H, W, 3) uint8.

    Returns:
        (size, size, 3) uint8, of a network that takes grey images three equal channels (ITU-R 601 luma, as Pillow's "L").
        Where `resize` is less than `size` the border is black, as in torchvision.
    """
    image = Image.fromarray(pixels)
    if preprocessing.grey:
        image = image.convert("L")
    size = preprocessing.size
    resized = _resized(image.width, image.height, preprocessing)
    if resized[0] * resized[1] <= _LARGEST_RESIZED:
        image = image.resize(resized, _resample(preprocessing))
    else:
        image = _middle_of_resized(image, resized, preprocessing)
    left, top = (_crop_offset(length, preprocessing) for length in image.size)
    image = image.crop((left, top, left + size, top + size))
    return np.array(image.convert("RGB") if preprocessing.grey else image)


def frame_transform(width: int, height: int, preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """Where a point of the original lies in the model's frame.

    Args:
        width, height: of the upright original, pixels.

    Returns:
        (scale_x, scale_y, offset_x, offset_y): x_frame = x * scale_x + offset_x, and so for y. Coordinates
        are continuous: pixel i spans [i, i + 1]. A point that the crop removed lands outside [0, size].
    """
    new_width, new_height = _resized(width, height, preprocessing)
    offset_x = -_crop_offset(new_width, preprocessing)
    offset_y = -_crop_offset(new_height, preprocessing)
    return new_width / width, new_height / height, float(offset_x), float(offset_y)


def _resample(preprocessing: Preprocessing) -> Image.Resampling:
    return Image.Resampling[preprocessing.interpolation.upper()]


def _resized(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Width and height after the resize; the long side is cut to an integer, as torchvision does."""
    if preprocessing.geometry == "squash":
        return preprocessing.size, preprocessing.size
    if preprocessing.geometry == "squash_crop":
        return preprocessing.resize, preprocessing.resize
    short, long = min(width, height), max(width, height)
    new_long = int(preprocessing.resize * long / short)
    return (preprocessing.resize, new_long) if width <= height else (new_long, preprocessing.resize)


def _crop_offset(length: int, preprocessing: Preprocessing) -> int:
    """Where the centre crop begins; of a border that they have to add torchvision rounds the first side down, transformers up."""
    size = preprocessing.size
    if length < size and preprocessing.crop_start == "even":
        return -((size - length) // 2)
    return round((length - size) / 2) if preprocessing.crop_start == "even" else (length - size) // 2


def _middle_of_resized(image: Image.Image, resized: tuple[int, int], preprocessing: Preprocessing) -> Image.Image:
    """The middle `size` x `size` pixels of the resized image, without making the rest of it."""
    left, right, box_left, box_right, width = _source_span(image.width, resized[0], preprocessing)
    top, bottom, box_top, box_bottom, height = _source_span(image.height, resized[1], preprocessing)
    part = image.crop((left, top, right, bottom))
    resample = _resample(preprocessing)
    return part.resize((width, height), resample, box=(box_left, box_top, box_right, box_bottom))


def _source_span(length: int, resized: int, preprocessing: Preprocessing) -> tuple[int, int, float, float, int]:
    """Along one side: source pixels [start, stop) to keep, the box in them to resize, and its new length."""
    kept = min(preprocessing.size, resized)
    scale = length / resized
    first = max(0, _crop_offset(resized, preprocessing)) * scale
    last = first + kept * scale
    margin = math.ceil(4 * max(scale, 1.0))  # the widest filter, Lanczos, reaches three (scaled) pixels past the box
    # Cut to whole pixels first: Pillow keeps a box in single precision, exact enough only near zero.
    start, stop = max(0, math.floor(first) - margin), min(length, math.ceil(last) + margin)
    return start, stop, first - start, min(last - start, stop - start), kept
