"""What class activation maps of one image are: the result that other analyses may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reportgen.models.classifiers.base import FeatureLayer
from reportgen.storage.codec import Array


@dataclass(frozen=True)
class CamMap:
    """The map of one method.

    Attributes:
        label: what pages call the method.
        map: (H, W) float32 in [0, 1], in the model's input frame; all zero where `degenerate`.
        degenerate: nothing is left after the ReLU, or the map is constant: it marks no place.
        forward_passes: of the whole network; the pass that all methods share counts in each.
        head_passes: of what follows the feature map alone.
        area_above_half: share of the frame above half of the maximum.
        gini: 0 for an even map, towards 1 for one bright point; None for a map of zeros.
        total_variation: sum of absolute steps between neighbouring pixels over the length of a side: small is smooth.
        centre_offset: distance of the centre of mass from the frame's centre, in half diagonals; None for a map of zeros.
        effective_channels: 1 / sum of squared weights, for a method whose weights sum to 1; else None.
        failure: why the method could not be computed, in one line; it is then `degenerate` as well. None where it was.
    """

    label: str
    map: Array
    degenerate: bool
    forward_passes: int
    head_passes: int
    area_above_half: float
    gini: float | None
    total_variation: float
    centre_offset: float | None
    effective_channels: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Likeness:
    """How alike two maps of one image are; None where one is constant.

    Attributes:
        rank_correlation: Spearman's rho of the pixels.
        iou: of the parts above half of the maximum; chance: the IoU that parts of these areas have by chance.
    """

    rank_correlation: float | None
    iou: float | None
    chance: float | None


@dataclass(frozen=True)
class CamsResult:
    """The maps of one image for one class.

    Attributes:
        linear_head: whether the head is pooling and one linear layer.
        channels, grid: of the feature map: C, and (h, w).
        maps: by method, in the order of the settings.
        pairs: by `pair_key`, for every two methods.
        non_negative: whether no activation is negative, as after a ReLU.
        layer: that the maps are read from.
    """

    target: int
    target_logit: float
    linear_head: bool
    channels: int
    grid: tuple[int, int]
    maps: Mapping[str, CamMap]
    pairs: Mapping[str, Likeness]
    non_negative: bool = False
    layer: FeatureLayer = field(default_factory=FeatureLayer)

    def without_maps(self) -> CamsResult:
        """The numbers alone, every map of shape (0, 0): what a reduce may keep of every image of a large folder."""
        empty = np.zeros((0, 0), np.float32)
        return replace(self, maps={method: replace(cam, map=empty) for method, cam in self.maps.items()})


def pair_key(a: str, b: str) -> str:
    """What `CamsResult.pairs` calls two methods."""
    return f"{a}~{b}"
