"""The IoU of Grad-CAM's mask of one image with LIME's mask of another: what both owe to the frame, and not to the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.analysis.masks import cross_iou
from reportgen.analysis.stats import Pairing, pairing_test

from .result import Comparison


@dataclass(frozen=True)
class Compared:
    """One image: its masks against each other, and what is known only beside other images.

    Attributes:
        iou_other: the mean IoU over all other images, Grad-CAM's mask of one with LIME's of the other and the reverse; None where
            the image has no IoU, is a copy, is not in the sample of a large run, or has no other beside it.
    """

    masks: Comparison
    iou_other: float | None = None

    @property
    def above_others(self) -> float | None:
        """IoU minus the other-image IoU."""
        return None if self.masks.iou is None or self.iou_other is None else self.masks.iou - self.iou_other


@dataclass(frozen=True)
class Agreed:
    """All images of a run.

    Attributes:
        images: every image, in order; observed: those that count as one observation each.
        pairing: own against other images, and the permutation; None where no image has an IoU.
    """

    images: Sequence[Compared]
    observed: Sequence[Compared]
    pairing: Pairing | None


def against_others(
    comparisons: Sequence[Comparison],
    masks: Mapping[int, tuple[np.ndarray, np.ndarray]],
    observations: Sequence[int],
    seed: int,
) -> Agreed:
    """Compare the masks of every image with those of the others.

    Args:
        masks: by position Grad-CAM's and LIME's mask, packed (`reportgen.analysis.masks`), of those that are compared; an image
            without an IoU is passed over.
        observations: positions that count as one observation each.
    """
    known = {position: pair for position, pair in masks.items() if comparisons[position].iou is not None}
    pairing = None
    others: dict[int, float] = {}
    if known:
        pairing = pairing_test(cross_iou([a for a, _ in known.values()], [b for _, b in known.values()]), seed)
        others = dict(zip(known, pairing.others, strict=False))
    images = [Compared(comparison, others.get(position)) for position, comparison in enumerate(comparisons)]
    return Agreed(images, [images[position] for position in observations], pairing)
