"""Maps and masks over a photograph, as the figures of a report draw them, as Pillow images."""

from __future__ import annotations

import numpy as np
from PIL import Image

from reportgen.figures import overlays

SIZE = 448  # pixels of the longer side, as in a report's figures
THUMB = 224


def drawn(frame: np.ndarray, values: np.ndarray | None, mask: np.ndarray | None, size: int = SIZE) -> Image.Image:
    """A map over its photograph, or where there is none the outline of a mask on it; the photograph where nothing is marked.

    Args:
        frame: (H, W, 3) uint8.
        values: (H, W) in [0, 1]; with a negative number it is signed, for and against the class.
        mask: (H, W) bool.
        size: pixels of the longer side; a picture is never made smaller.
    """
    large = overlays.upscale(frame, size)
    if values is not None and values.min() < 0:
        return Image.fromarray(overlays.signed_overlay(large, overlays.upscale(values, size)))
    if values is not None and values.any():
        return Image.fromarray(overlays.heat_overlay(large, np.clip(overlays.upscale(values, size), 0, 1)))
    if mask is not None and mask.any():
        return Image.fromarray(overlays.outline(large, overlays.upscale(mask, size)))
    return Image.fromarray(large)
