"""The part of an image that two models both see: each cuts its own frame out of the photograph, and none sees the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from reportgen.images.frame import frame_transform
from reportgen.models.classifiers.base import Preprocessing

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shared:
    """Where the shared part lies.

    Attributes:
        boxes: (left, top, right, bottom) in pixels of each model's frame; coordinates are continuous.
        shares: of each frame's area, in [0, 1].
        side: of the smaller frame, pixels: the size that maps of both are brought to.
    """

    boxes: tuple[Box, Box]
    shares: tuple[float, float]
    side: int

    def cut(self, values: np.ndarray, which: int) -> np.ndarray:
        """(side, side) float32: the shared part of a (H, W) map of the first (0) or the second (1) model, bilinear."""
        image = Image.fromarray(np.ascontiguousarray(values, np.float32))
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.BILINEAR, box=self.boxes[which]))


def shared_part(width: int, height: int, first: Preprocessing, second: Preprocessing) -> Shared:
    """The shared part of an upright image of this size, in pixels.

    Two frames of one image always share its centre, so that the part is never empty.
    """
    both = (first, second)
    transforms = [frame_transform(width, height, of) for of in both]
    seen = [_seen(transform, of.size) for transform, of in zip(transforms, both, strict=True)]
    left, top = (max(extent[side] for extent in seen) for side in (0, 1))
    right, bottom = (min(extent[side] for extent in seen) for side in (2, 3))
    boxes, shares = [], []
    for (scale_x, scale_y, offset_x, offset_y), of in zip(transforms, both, strict=True):
        box = (
            max(0.0, left * scale_x + offset_x),
            max(0.0, top * scale_y + offset_y),
            min(float(of.size), right * scale_x + offset_x),
            min(float(of.size), bottom * scale_y + offset_y),
        )
        boxes.append(box)
        shares.append((box[2] - box[0]) * (box[3] - box[1]) / of.size**2)
    return Shared((boxes[0], boxes[1]), (shares[0], shares[1]), min(of.size for of in both))


def _seen(transform: tuple[float, float, float, float], size: int) -> Box:
    """What of the original lies in a frame, in the original's pixels."""
    scale_x, scale_y, offset_x, offset_y = transform
    return -offset_x / scale_x, -offset_y / scale_y, (size - offset_x) / scale_x, (size - offset_y) / scale_y
