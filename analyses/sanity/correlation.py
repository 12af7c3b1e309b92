"""How much of the trained network's map is left when the network has lost its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

Maps = Mapping[str, np.ndarray]


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rho of the absolute values of two (H, W) maps; 0 where one is constant, for it keeps nothing of the other."""
    from scipy.stats import spearmanr

    a, b = np.abs(a).ravel(), np.abs(b).ravel()
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)


def down_the_cascade(trained: Maps, steps: Iterable[Maps]) -> dict[str, list[float]]:
    """By method the correlation of its map, (H, W), with its trained one, after each step."""
    found: dict[str, list[float]] = {}
    for maps in steps:
        for method, saliency in maps.items():
            found.setdefault(method, []).append(rank_correlation(trained[method], saliency))
    return found
