"""How much two binary masks agree, and how much of that their areas alone would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Shares of the map's maximum at which the IoU is drawn as a curve.
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True)
class Overlap:
    """The agreement of masks A and B of one frame.

    Attributes:
        iou: |A & B| / |A | B|; None where both are empty, for then there is nothing to compare.
        area_a, area_b: shares of the frame, a and b.
        chance: ab / (a + b - ab), the IoU that masks of these areas have when one says nothing about the other.
        ceiling: min(a, b) / max(a, b), the most that masks of these areas can reach.
    """

    iou: float | None
    area_a: float
    area_b: float
    chance: float | None
    ceiling: float | None


def overlap(a: np.ndarray, b: np.ndarray) -> Overlap:
    """Compare two (H, W) bool masks.

    Raises:
        ValueError: different shapes, or a mask that is not binary.
    """
    for mask in (a, b):
        if mask.dtype != bool or mask.ndim != 2:
            raise ValueError(f"a mask is a (H, W) bool array; got {mask.dtype} {mask.shape}")
    if a.shape != b.shape:
        raise ValueError(f"masks of different frames: {a.shape} and {b.shape}")
    area_a, area_b = float(a.mean()), float(b.mean())
    union = int((a | b).sum())
    if union == 0:
        return Overlap(None, area_a, area_b, None, None)
    return Overlap(
        iou=int((a & b).sum()) / union,
        area_a=area_a,
        area_b=area_b,
        chance=area_a * area_b / (area_a + area_b - area_a * area_b),
        ceiling=min(area_a, area_b) / max(area_a, area_b),
    )


def threshold_mask(saliency: np.ndarray, rule: str, other_area: int) -> np.ndarray:
    """(H, W) bool: the part of a (H, W) map in [0, 1] that a rule keeps.

    Args:
        rule: `otsu` (Otsu, 1979), `max:F` (at least F of the maximum), `area:F` (the top share F of the pixels),
            `area:lime` (as many pixels as the other mask holds).
        other_area: pixels in the other mask, for `area:lime`.
    """
    if np.ptp(saliency) == 0:
        return np.zeros(saliency.shape, bool)  # a constant map marks no place
    if rule == "otsu":
        from skimage.filters import threshold_otsu

        above: np.ndarray = saliency > threshold_otsu(saliency)
        return above
    if rule == "area:lime":
        return top_pixels(saliency, other_area)
    name, _, share = rule.partition(":")
    if name == "max":
        kept: np.ndarray = saliency >= float(share) * saliency.max()
        return kept
    return top_pixels(saliency, round(float(share) * saliency.size))


def top_pixels(saliency: np.ndarray, count: int) -> np.ndarray:
    """(H, W) bool: the `count` largest pixels; of equal ones those that come first in reading order."""
    mask = np.zeros(saliency.size, bool)
    mask[np.argsort(-saliency.ravel(), kind="stable")[:count]] = True
    return mask.reshape(saliency.shape)
