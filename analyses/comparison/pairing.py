"""How alike two models' maps are: on one image, and on two different ones, which is the level that any two maps reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# So many images are held against one another at most, drawn by the run's seed: memory grows with them, not with the folder.
MOST_PAIRED = 128


@dataclass(frozen=True)
class MapOf:
    """A map on the shared part as it is compared.

    Attributes:
        mask: (P,) float32, 1 above half of the map's maximum and 0 elsewhere.
        ranks: (P,) float32, the pixels' ranks about their mean, of length 1: the product of two is Spearman's correlation.
    """

    mask: np.ndarray
    ranks: np.ndarray


@dataclass(frozen=True)
class Likeness:
    """How alike the maps of two models are on one image.

    Attributes:
        iou, rank_correlation: of the two maps of this image.
        other_iou, other_rank_correlation: mean of either map of this image with the other model's of other images; None where there
            is no other.
    """

    iou: float
    rank_correlation: float
    other_iou: float | None
    other_rank_correlation: float | None


def map_of(saliency: np.ndarray) -> MapOf | None:
    """A (H, W) map of maximum 1 on the shared part; None where it is constant there, or marks nothing."""
    from scipy.stats import rankdata

    mask = (saliency > 0.5).ravel()
    if np.ptp(saliency) == 0 or not mask.any():
        return None
    ranks = rankdata(saliency.ravel())
    ranks -= ranks.mean()
    return MapOf(mask.astype(np.float32), (ranks / np.linalg.norm(ranks)).astype(np.float32))


def drawn(positions: Sequence[int], seed: int) -> list[int]:
    """The images that are held against one another, at most `MOST_PAIRED`, in order."""
    if len(positions) <= MOST_PAIRED:
        return list(positions)
    chosen = np.random.default_rng(seed).choice(len(positions), MOST_PAIRED, replace=False)
    return [positions[i] for i in sorted(chosen.tolist())]


def ious(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) IoU of every two of (n, P) and (m, P) masks of 0 and 1, none of them empty."""
    both = first @ second.T
    areas = first.sum(axis=1)[:, None] + second.sum(axis=1)[None]
    found: np.ndarray = both / (areas - both)
    return found


class Bench:
    """The maps of two models on the images that are held against one another.

    Attributes:
        iou, rank_correlation: (n, n) float64, of the first model's map of image i and the second's of image j.
    """

    def __init__(self, maps: Sequence[tuple[MapOf, MapOf]], names: Sequence[str]) -> None:
        """Args: maps: of each image; names: SHA-256 of each, so that no image is held against a copy of itself."""
        self._names = np.array(names)
        self._masks = [np.stack([pair[which].mask for pair in maps]) for which in (0, 1)]
        self._ranks = [np.stack([pair[which].ranks for pair in maps]) for which in (0, 1)]
        self.iou = ious(*self._masks).astype(np.float64)
        self.rank_correlation = (self._ranks[0] @ self._ranks[1].T).astype(np.float64)

    def likeness(self, first: MapOf, second: MapOf, name: str) -> Likeness:
        """Of the two maps of an image, which need not be among those of the bench."""
        other = self._names != name
        own_iou = float(ious(first.mask[None], second.mask[None])[0, 0])
        own_rho = float(first.ranks @ second.ranks)
        if not other.any():
            return Likeness(own_iou, own_rho, None, None)
        overlaps = [ious(first.mask[None], self._masks[1])[0][other], ious(second.mask[None], self._masks[0])[0][other]]
        relations = [(self._ranks[1] @ first.ranks)[other], (self._ranks[0] @ second.ranks)[other]]
        return Likeness(own_iou, own_rho, float(np.mean(overlaps)), float(np.mean(relations)))
