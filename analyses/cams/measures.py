"""What a saliency map looks like, in numbers: how concentrated, how smooth, how far from the centre, how alike two are.

Maps are (H, W) float in [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np


def area_above_half(saliency: np.ndarray) -> float:
    """Share of the frame where the map exceeds half of its maximum."""
    return float((saliency > 0.5 * saliency.max()).mean())


def gini(saliency: np.ndarray) -> float | None:
    """Gini index of the pixels: 0 for an even map, towards 1 for one bright point; None for a map of zeros.

    Source: Hurley and Rickard, Comparing measures of sparsity, 2009.
    """
    values = np.sort(saliency.ravel().astype(np.float64))
    total = values.sum()
    if total == 0:
        return None
    n = len(values)
    return float((2 * (np.arange(1, n + 1) @ values) / (n * total)) - (n + 1) / n)


def total_variation(saliency: np.ndarray) -> float:
    """Sum of absolute steps between neighbouring pixels, divided by the length of a side: small for a smooth map."""
    steps = np.abs(np.diff(saliency, axis=0)).sum() + np.abs(np.diff(saliency, axis=1)).sum()
    return float(steps / saliency.shape[0])


def centre_offset(saliency: np.ndarray) -> float | None:
    """Distance of the centre of mass from the frame's centre, in half diagonals; None for a map of zeros."""
    total = float(saliency.sum())
    if total == 0:
        return None
    height, width = saliency.shape
    row = float(saliency.sum(axis=1) @ (np.arange(height) + 0.5)) / total - height / 2
    column = float(saliency.sum(axis=0) @ (np.arange(width) + 0.5)) / total - width / 2
    return float(np.hypot(row, column) / (np.hypot(height, width) / 2))


def measures(saliency: np.ndarray) -> dict[str, Any]:
    """Every measure of one map, by name."""
    return {
        "area_above_half": area_above_half(saliency),
        "gini": gini(saliency),
        "total_variation": total_variation(saliency),
        "centre_offset": centre_offset(saliency),
    }


def centred_gaussian(height: int, width: int) -> np.ndarray:
    """The control that knows nothing of the image: a Gaussian on the frame's centre, sigma a quarter of a side."""
    rows = (np.arange(height) + 0.5 - height / 2) / (height / 4)
    columns = (np.arange(width) + 0.5 - width / 2) / (width / 4)
    bell = np.exp(-0.5 * (rows[:, None] ** 2 + columns[None, :] ** 2))
    return ((bell - bell.min()) / np.ptp(bell)).astype(np.float32)


def likeness(a: np.ndarray, b: np.ndarray) -> dict[str, float | None]:
    """Two maps of one image: Spearman's rho of the pixels, IoU of the parts above half of the maximum, and the IoU
    that parts of these areas have by chance. None where a map is constant."""
    from scipy.stats import spearmanr

    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return {"rank_correlation": None, "iou": None, "chance": None}
    above_a, above_b = a > 0.5 * a.max(), b > 0.5 * b.max()
    share_a, share_b = float(above_a.mean()), float(above_b.mean())
    return {
        "rank_correlation": float(spearmanr(a.ravel(), b.ravel()).statistic),
        "iou": float((above_a & above_b).sum() / (above_a | above_b).sum()),
        "chance": share_a * share_b / (share_a + share_b - share_a * share_b),
    }
