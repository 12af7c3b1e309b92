"""What hiding a mask does to the probability, against random superpixels of the same area."""

from __future__ import annotations

import numpy as np


def random_regions(segments: np.ndarray, pixels: int, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`count` (H, W) bool masks of exactly `pixels` pixels: superpixels in random order, the last one cut to fit.

    Args:
        segments: (H, W) int superpixels, numbered from 0.
    """
    flat = segments.ravel()
    sizes = np.bincount(flat)
    masks = []
    for _ in range(count):
        place = np.empty(len(sizes), np.int64)
        place[rng.permutation(len(sizes))] = np.arange(len(sizes))
        # Stable: of the superpixel that is cut, the pixels that come first in reading order stay.
        chosen = np.argsort(place[flat], kind="stable")[:pixels]
        mask = np.zeros(flat.size, bool)
        mask[chosen] = True
        masks.append(mask.reshape(segments.shape))
    return masks
