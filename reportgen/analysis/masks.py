"""Masks of many images against one another: the IoU of every two, in memory that grows with the square of a bounded number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of more images a seeded sample of so many stands for all: each of them is compared with 2000 others.
MOST_PAIRED = 2001
# Masks that one is held against at once: a few MB, which stay near the processor.
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
    """(len(a), len(b)) float64: the IoU of each packed mask of a with each of b, all of one frame; 0 where both are empty.

    The pixels that two masks share are counted bit by bit, sixty-four at a time.
    """
    rows, columns = _words(a), _words(b)
    size_a, size_b = (np.bitwise_count(masks).sum(axis=1, dtype=np.int64) for masks in (rows, columns))
    shared = np.empty((len(rows), len(columns)), np.int64)
    for start in range(0, len(columns), _BLOCK):
        block = columns[start : start + _BLOCK]
        both, counts = np.empty_like(block), np.empty(block.shape, np.uint8)
        for row, mask in enumerate(rows):
            np.bitwise_count(np.bitwise_and(mask, block, out=both), out=counts)
            shared[row, start : start + _BLOCK] = counts.sum(axis=1, dtype=np.uint32)
    union = size_a[:, None] + size_b[None, :] - shared
    result: np.ndarray = shared / np.maximum(union, 1)
    return result


def _words(masks: Sequence[np.ndarray]) -> np.ndarray:
    """(masks, words) uint64: packed masks, with as many empty pixels at the end as whole words need."""
    rows = np.stack(masks)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8))).view(np.uint64)
