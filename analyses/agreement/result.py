"""How Grad-CAM and LIME agree on one image: the result that other analyses may read."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.storage.codec import Array


@dataclass(frozen=True)
class Complexity:
    """How complex an image is: number of superpixels, share of pixels on an edge, entropy of the grey levels in bits."""

    superpixels: float
    edge_density: float
    entropy: float


@dataclass(frozen=True)
class Components:
    """Connected parts of each mask."""

    gradcam: int
    lime: int


@dataclass(frozen=True)
class EdgeGradient:
    """The image's mean gradient along each mask's border, 1 for a step from black to white; None where there is no border.

    Attributes:
        shifted_lime: of LIME's mask at random places, the level that its shape alone gives.
    """

    gradcam: float | None
    lime: float | None
    shifted_lime: float | None

    @property
    def known(self) -> bool:
        return None not in (self.gradcam, self.lime, self.shifted_lime)


@dataclass(frozen=True)
class Comparison:
    """The two masks of one image, in numbers; see `analyses.agreement.overlap.Overlap`. None where both are empty.

    Attributes:
        cam_area, lime_area: shares of the frame.
        iou_area_matched, chance_area_matched: when Grad-CAM's mask is cut to LIME's area.
        iou_gaussian: of LIME's mask and a centred Gaussian cut to Grad-CAM's area, which knows nothing of the image.
        iou_seeds: with each of LIME's masks (`LimeResult.masks`), the explanation first.
        iou_by_threshold, chance_by_threshold: when Grad-CAM's mask holds all pixels from a share of the maximum on.
    """

    iou: float | None
    cam_area: float
    lime_area: float
    chance: float | None
    ceiling: float | None
    iou_area_matched: float | None
    chance_area_matched: float | None
    iou_gaussian: float | None
    iou_seeds: tuple[float | None, ...]
    iou_by_threshold: tuple[float | None, ...]
    chance_by_threshold: tuple[float | None, ...]
    complexity: Complexity
    components: Components
    edge_gradient: EdgeGradient

    @property
    def above_chance(self) -> float | None:
        """IoU minus its chance level."""
        return None if self.iou is None or self.chance is None else self.iou - self.chance


@dataclass(frozen=True)
class AgreementResult:
    """Grad-CAM's mask, (H, W) bool in the input frame, and its comparison with LIME's."""

    gradcam: Array
    comparison: Comparison
