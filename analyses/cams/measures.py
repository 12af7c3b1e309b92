"""What a saliency map looks like, in numbers: how concentrated, how smooth, how far from the centre, how alike two are.

Maps are (H, W) float in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .result import Likeness, pair_key


@dataclass(frozen=True)
class Measures:
    """The measures of one map; `result.CamMap` says what they are."""

    area_above_half: float
    gini: float | None
    total_variation: float
    centre_offset: float | None


def measures(saliency: np.ndarray) -> Measures:
    """Every measure of one map."""
    return Measures(area_above_half(saliency), gini(saliency), total_variation(saliency), centre_offset(saliency))


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


def likenesses(maps: Mapping[str, np.ndarray]) -> dict[str, Likeness]:
    """How alike every two maps of one image are, by `pair_key` in the order of `maps`."""
    from scipy.stats import rankdata

    # Ranked once a map: fifteen methods make 105 pairs.
    ranks = {name: rankdata(saliency.ravel()) for name, saliency in maps.items() if np.ptp(saliency) > 0}
    above = {name: maps[name] > 0.5 * maps[name].max() for name in ranks}
    found = {}
    for a, b in combinations(maps, 2):
        known = a in ranks and b in ranks
        found[pair_key(a, b)] = (
            _likeness(ranks[a], ranks[b], above[a], above[b]) if known else Likeness(None, None, None)
        )
    return found


def _likeness(ranks_a: np.ndarray, ranks_b: np.ndarray, above_a: np.ndarray, above_b: np.ndarray) -> Likeness:
    share_a, share_b = float(above_a.mean()), float(above_b.mean())
    return Likeness(
        # Pearson's correlation of the ranks is Spearman's of the values.
        rank_correlation=float(np.corrcoef(ranks_a, ranks_b)[1, 0]),
        iou=float((above_a & above_b).sum() / (above_a | above_b).sum()),
        chance=share_a * share_b / (share_a + share_b - share_a * share_b),
    )
