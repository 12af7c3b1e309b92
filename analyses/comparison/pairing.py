"""How alike two models' maps are: on one image, and on two different ones, which is the level that any two maps reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.analysis.masks import cross_iou, packed, paired_sample
from reportgen.analysis.stats import Pairing, pairing_test

# Ranks of so many images are held against one another at most; 100,000 bytes and more each, eight times a packed mask and four more.
MOST_RANKED = 128


@dataclass(frozen=True)
class MapOf:
    """A map on the shared part as it is compared.

    Attributes:
        mask: (H, W) bool, above half of the map's maximum.
        ranks: (H W,) float32, the pixels' ranks about their mean, of length 1: the product of two is Spearman's correlation.
    """

    mask: np.ndarray
    ranks: np.ndarray


@dataclass(frozen=True)
class Likeness:
    """How alike the maps of two models are on one image.

    Attributes:
        iou, rank_correlation: of the two maps of this image.
        other_iou, other_rank_correlation: mean of either map of this image with the other model's of other images; None for a copy
            of another image, one outside the sample of a large run, and where there is no other.
    """

    iou: float
    rank_correlation: float
    other_iou: float | None
    other_rank_correlation: float | None


@dataclass(frozen=True)
class Alike:
    """All images of a run.

    Attributes:
        images: in order; None where a map of either model marks no place.
        iou, rank_correlation: own against other images, and the permutation; None where no image has both maps.
    """

    images: Sequence[Likeness | None]
    iou: Pairing | None
    rank_correlation: Pairing | None


def map_of(saliency: np.ndarray) -> MapOf | None:
    """A (H, W) map of maximum 1 on the shared part; None where it is constant there, or marks nothing."""
    from scipy.stats import rankdata

    mask = saliency > 0.5
    if np.ptp(saliency) == 0 or not mask.any():
        return None
    ranks = rankdata(saliency.ravel())
    ranks -= ranks.mean()
    return MapOf(mask, (ranks / np.linalg.norm(ranks)).astype(np.float32))


def alike(maps: Iterable[tuple[MapOf, MapOf] | None], observations: Sequence[int], seed: int) -> Alike:
    """Hold two models' maps of every image against each other.

    Args:
        maps: of each image in order, read one at a time; None where a map marks no place.
        observations: positions that count as one observation each.
    """
    masked, ranked = set(paired_sample(observations, seed)), set(paired_sample(observations, seed, MOST_RANKED))
    own: list[tuple[float, float] | None] = []
    masks: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    ranks: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for position, pair in enumerate(maps):
        if pair is None:
            own.append(None)
            continue
        a, b = pair
        own.append((float((a.mask & b.mask).sum() / (a.mask | b.mask).sum()), float(a.ranks @ b.ranks)))
        if position in masked:
            masks[position] = (packed(a.mask), packed(b.mask))
        if position in ranked:
            ranks[position] = (a.ranks, b.ranks)
    iou = pairing_test(cross_iou(*_sides(masks)), seed) if masks else None
    rho = pairing_test(_products(*_sides(ranks)), seed) if ranks else None
    other_iou, other_rho = _others(iou, masks), _others(rho, ranks)
    images = [
        None if found is None else Likeness(*found, other_iou.get(i), other_rho.get(i)) for i, found in enumerate(own)
    ]
    return Alike(images, iou, rho)


def _sides(pairs: dict[int, tuple[np.ndarray, np.ndarray]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [a for a, _ in pairs.values()], [b for _, b in pairs.values()]


def _products(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    found: np.ndarray = (np.stack(a) @ np.stack(b).T).astype(np.float64)
    return found


def _others(found: Pairing | None, positions: dict[int, tuple[np.ndarray, np.ndarray]]) -> dict[int, float]:
    return {} if found is None else dict(zip(positions, found.others, strict=False))
