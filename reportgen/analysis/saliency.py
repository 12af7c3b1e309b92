"""Where in one image a method finds what decides for a class: what an analysis hands to who asks for a single picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Saliency:
    """What one method says of one image.

    Attributes:
        label: what pages call the method.
        map: (H, W) float32 in the model's input frame; in [0, 1], or where `signed` any number, for and against the class.
        mask: (H, W) bool, for a method that chooses what it shows; None for a map that is only shades.
        signed: whether the map has two signs.
        forward_passes: of the whole network.
        failure: why the method marks nothing on this image, in one line; None where it does.
    """

    label: str
    map: np.ndarray
    mask: np.ndarray | None
    signed: bool
    forward_passes: int
    failure: str | None = None
