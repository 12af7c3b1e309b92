"""Where a map lies, against the object that the user marked: pointing game, energy inside, IoU at equal area."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .result import Localisation


def localise(saliency: np.ndarray, truth: np.ndarray, ranks: Sequence[np.ndarray]) -> Localisation:
    """Measures of one map; each is 1 where the map is the object, and the object's share of the frame on an empty map.

    - `pointing` (Zhang et al., 2016, without a tolerance): whether the map's maximum lies on the object; where several pixels
      share the maximum, the share of them that does.
    - `energy`: the share of the map's positive values that lies on the object.
    - `iou`: of the object and as many of the map's first pixels as the object has; the mean over the orders in `ranks`.

    Args:
        truth: (H, W) bool, not empty.
        ranks: orders of the pixels, (H, W) with 0 the most important.
    """
    area = float(truth.mean())
    largest = saliency == saliency.max()
    positive = np.maximum(saliency, 0).astype(np.float64)
    total = float(positive.sum())
    pixels = int(truth.sum())
    inside = [int((truth & (rank < pixels)).sum()) for rank in ranks]
    return Localisation(
        pointing=float(truth[largest].mean()),
        energy=float(positive[truth].sum()) / total if total > 0 else area,
        iou=float(np.mean([shared / (2 * pixels - shared) for shared in inside])),
    )
