"""Task 4: the IoU between Grad-CAM and LIME, and what it means."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from reportgen.analysis.protocol import Contribution, Result, RunView, Subject
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

from .complexity import complexity, components, edge_gradient, edge_gradient_by_chance, gradient
from .overlap import THRESHOLDS, overlap, threshold_mask, top_pixels
from .section import reduce_agreement


class Agreement:
    """Masks of one frame and one class, compared as arrays."""

    name = "agreement"
    title = "Agreement of Grad-CAM and LIME"
    version = "2"
    order = 40
    requires: tuple[str, ...] = ("cams", "lime")
    over: Literal["images", "probe"] = "images"
    concurrent = True
    gates: ClassVar = {"iou_above_chance": "mean over images of IoU minus the IoU that the areas reach by chance"}
    ranks_by = ("iou", "the IoU of Grad-CAM and LIME")

    def models(self, settings: Settings) -> tuple[str, ...]:
        return settings.models[:1]

    def relevant(self, settings: Settings) -> dict[str, Any]:
        if "gradcam" not in settings.cams.methods:
            raise UsageError(
                "the agreement task compares Grad-CAM with LIME: add gradcam to cams.methods, or drop the task"
            )
        return settings.agreement.model_dump()

    def map(self, subject: Subject) -> Result:
        """Arrays: `gradcam`, the (H, W) bool mask of the Grad-CAM map. Values: the overlap with LIME's mask."""
        cams, lime = subject.results["cams"], subject.results["lime"]
        if not cams.values["target"] == lime.values["target"] == subject.target:
            raise ValueError("Grad-CAM and LIME explain different classes: their masks cannot be compared")
        saliency, lime_mask = cams.arrays["gradcam"], lime.arrays["mask"]
        lime_area = int(lime_mask.sum())
        mask = threshold_mask(saliency, subject.settings.agreement.threshold, lime_area)
        found = overlap(mask, lime_mask)
        frame, segments = subject.view.frame, lime.arrays["segments"]
        gradients = gradient(frame)
        matched = overlap(threshold_mask(saliency, "area:lime", lime_area), lime_mask)
        values = {
            "iou": found.iou,
            "cam_area": found.area_a,
            "lime_area": found.area_b,
            "chance": found.chance,
            "ceiling": found.ceiling,
            "iou_area_matched": matched.iou,
            "chance_area_matched": matched.chance,
            "iou_seeds": [overlap(mask, other).iou for other in lime.arrays["masks"]],
            "iou_by_threshold": [overlap(saliency >= t, lime_mask).iou for t in THRESHOLDS],
            "chance_by_threshold": [overlap(saliency >= t, lime_mask).chance for t in THRESHOLDS],
            "complexity": complexity(frame, int(segments.max()) + 1),
            "components": {"gradcam": components(mask), "lime": components(lime_mask)},
            "edge_gradient": {
                "gradcam": edge_gradient(mask, gradients),
                "lime": edge_gradient(lime_mask, gradients),
                "shifted_lime": edge_gradient_by_chance(lime_mask, gradients, subject.seed),
            },
        }
        return Result(values, {"gradcam": mask})

    def reduce(self, run: RunView) -> Contribution:
        return reduce_agreement(run)


ANALYSIS = Agreement()
__all__ = ["ANALYSIS", "overlap", "threshold_mask", "top_pixels"]
