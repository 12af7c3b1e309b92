"""What LIME says of one image: the result that other analyses may read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from reportgen.storage.codec import Array

Varied = Literal["seeds", "resamples"]


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
        packed: (masks, bytes) uint8, eight pixels a byte: the explanation's mask, then the others (`masks`).
        surrogate: of the first draw.
        n_selected: superpixels in the first mask.
        forward_passes: of all draws.
        varied: what the others are: masks of draws under further seeds, or of resamples of the only draw.
        jaccard_seeds: mean over pairs of the masks that are compared; r2_seeds: of the fits behind them.
        jaccard_half_samples, jaccard_half_features: as `jaccard_seeds`, of masks from half of the samples each, and from half the
            features. A Jaccard index is None where there are no two masks to compare, or all are empty.
        n_segments: how many superpixels there are; area: share of the frame in the first mask. Both are in the arrays, and stand here
            so that a reduce need not read these.
    """

    target: int
    seed: int
    segments: Array
    packed: Array
    surrogate: Surrogate
    n_selected: int
    forward_passes: int
    varied: Varied
    jaccard_seeds: float | None
    r2_seeds: tuple[float, ...]
    jaccard_half_samples: float | None
    jaccard_half_features: float | None
    n_segments: int
    area: float

    @property
    def masks(self) -> np.ndarray:
        """(masks, H, W) bool; the first is the explanation."""
        return self._unpacked(0, None)

    @property
    def compared(self) -> np.ndarray:
        """(masks, H, W) bool: those that are held against each other. A resample is no further draw beside the one that it is from."""
        return self._unpacked(len(self.packed) - self.n_compared, None)

    @property
    def n_compared(self) -> int:
        """How many masks are held against each other."""
        return len(self.packed) - (self.varied == "resamples")

    @cached_property
    def mask(self) -> np.ndarray:
        """(H, W) bool: the explanation."""
        mask: np.ndarray = self._unpacked(0, 1)[0]
        return mask

    def _unpacked(self, first: int, end: int | None) -> np.ndarray:
        flat = np.unpackbits(self.packed[first:end], axis=1, count=self.segments.size)
        return flat.reshape(-1, *self.segments.shape).astype(bool)

    @property
    def weight_map(self) -> np.ndarray:
        """(H, W) float32: each pixel has the signed weight of its superpixel; 0 where the surrogate fitted none."""
        by_superpixel = np.zeros(self.n_segments, np.float32)
        for superpixel, weight in self.surrogate.weights:
            by_superpixel[superpixel] = weight
        weights: np.ndarray = by_superpixel[self.segments]
        return weights
