"""What the check by re-initialisation found on one image: the result that other analyses may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reportgen.models.classifiers.base import FeatureLayer


@dataclass(frozen=True)
class SanityResult:
    """How much of each method's map was left on one image.

    Attributes:
        stages: of the network, in the order in which they lose their weights.
        correlation: by method the rank correlation with the trained network's map after each stage; of ScoreCAM only after the last.
        constant: by method the maps of the cascade that mark no place.
        forward_passes: of whole networks.
        layer: that the maps are read from.
    """

    stages: tuple[str, ...]
    correlation: Mapping[str, tuple[float, ...]]
    constant: Mapping[str, int]
    forward_passes: int
    layer: FeatureLayer = field(default_factory=FeatureLayer)
