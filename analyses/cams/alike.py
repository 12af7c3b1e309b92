"""How alike the maps of two methods are on one image, and how alike they are on two: what is due to the image and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from reportgen.analysis.masks import MOST_PAIRED, cross_iou, packed
from reportgen.analysis.stats import Pairing, pairing_test

from .methods import WRITEUP
from .result import CamsResult, pair_key

# Of more methods than the write-up's every pair is compared on fewer images: fifteen make 105 pairs.
MOST_PAIRED_OF_MANY = 401


def most_paired(methods: Sequence[str]) -> int:
    """On how many images at most every two methods are compared with other images."""
    return MOST_PAIRED if len(methods) <= len(WRITEUP) else MOST_PAIRED_OF_MANY


def halves(result: CamsResult) -> dict[str, np.ndarray | None]:
    """By method the part above half of the maximum, packed; None where the map marks no place."""
    return {
        method: packed(cam.map > 0.5 * cam.map.max()) if np.ptp(cam.map) > 0 else None
        for method, cam in result.maps.items()
    }


def pairings(of_images: Sequence[Mapping[str, np.ndarray | None]], seed: int) -> dict[str, Pairing]:
    """By `pair_key` the permutation of the pairing of two methods' parts, over the images where both have one; without, no entry.

    Args:
        of_images: `halves` of each image.
    """
    found = {}
    methods = list(of_images[0]) if of_images else []
    for a, b in combinations(methods, 2):
        both = [(of[a], of[b]) for of in of_images]
        known = [(x, y) for x, y in both if x is not None and y is not None]
        if known:
            matrix = cross_iou([x for x, _ in known], [y for _, y in known])
            found[pair_key(a, b)] = pairing_test(matrix, seed)
    return found
