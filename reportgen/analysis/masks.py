"""Masks of many images against one another: the IoU of every two, in memory that grows with the square of a bounded number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of more images a seeded sample of so many stands for all: each of them is compared with 2000 others.
MOST_PAIRED = 2001
# Masks that are unpacked at once; 50,000 pixels of float32 each.
_BLOCK = 256


def paired_sample(observations: Sequence[int], seed: int, most: int | None = None) -> list[int]:
    """The positions among `observations` whose masks are compared with those of other images, in order; `MOST_PAIRED` at most."""
    most = MOST_PAIRED if most is None else most
    if len(observations) <= most:
        return list(observations)
    chosen = np.random.default_rng(seed).choice(len(observations), most, replace=False)
    return [observations[i] for i in np.sort(chosen)]


def packed(mask: np.ndarray) -> np.ndarray:
    """(bytes,) uint8: an (H, W) bool mask, eight pixels a byte."""
    return np.packbits(mask)


def cross_iou(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """(len(a), len(b)) float64: the IoU of each packed mask of a with each of b, all of one frame; 0 where both are empty."""
    rows, columns = np.stack(a), np.stack(b)
    size_a, size_b = (np.array([int(np.unpackbits(mask).sum()) for mask in masks]) for masks in (rows, columns))
    shared = np.empty((len(rows), len(columns)))
    for start in range(0, len(columns), _BLOCK):
        right = np.unpackbits(columns[start : start + _BLOCK], axis=1).astype(np.float32).T
        for top in range(0, len(rows), _BLOCK):
            left = np.unpackbits(rows[top : top + _BLOCK], axis=1).astype(np.float32)
            shared[top : top + _BLOCK, start : start + _BLOCK] = left @ right  # whole numbers below 2^24: exact
    union = size_a[:, None] + size_b[None, :] - shared
    result: np.ndarray = shared / np.maximum(union, 1)
    return result
