"""What LIME says of one image: the result that other analyses may read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reportgen.storage.codec import Array


@dataclass(frozen=True)
class Surrogate:
    """The fitted local model of one class.

    Attributes:
        weights: (superpixel, weight) pairs as fitted, strongest |weight| first; at most `num_features`.
        intercept: of the fit; prediction: its value on the whole image; r2: weighted, on the samples, 1 is perfect.
        probability, top_class: the class's probability and the likeliest class of the whole image, on LIME's own path.
        forward_passes: of the network; one for each distinct sample.
    """

    weights: tuple[tuple[int, float], ...]
    intercept: float
    prediction: float
    r2: float
    probability: float
    top_class: int
    forward_passes: int


@dataclass(frozen=True)
class LimeResult:
    """The surrogate of one image for one class, and how far its mask holds.

    Attributes:
        target: index of the explained class; seed: of the first draw.
        segments: (H, W) int32 superpixels of the input frame, numbered from 0 without gaps.
        masks: (repeats, H, W) bool, the mask of each draw; the first is the explanation.
        surrogate: of the first draw.
        n_selected: superpixels in the first mask.
        forward_passes: of all draws.
        jaccard_seeds: mean over pairs of masks; r2_seeds: of each draw.
        jaccard_half_samples, jaccard_half_features: as `jaccard_seeds`, of masks from half of each draw's samples, and from half the
            features. A Jaccard index is None with one draw, or where all masks are empty.
    """

    target: int
    seed: int
    segments: Array
    masks: Array
    surrogate: Surrogate
    n_selected: int
    forward_passes: int
    jaccard_seeds: float | None
    r2_seeds: tuple[float, ...]
    jaccard_half_samples: float | None
    jaccard_half_features: float | None

    @property
    def n_segments(self) -> int:
        """How many superpixels there are."""
        return int(self.segments.max()) + 1

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: the explanation."""
        mask: np.ndarray = self.masks[0]
        return mask

    @property
    def weight_map(self) -> np.ndarray:
        """(H, W) float32: each pixel has the signed weight of its superpixel; 0 where the surrogate fitted none."""
        by_superpixel = np.zeros(self.n_segments, np.float32)
        for superpixel, weight in self.surrogate.weights:
            by_superpixel[superpixel] = weight
        weights: np.ndarray = by_superpixel[self.segments]
        return weights
