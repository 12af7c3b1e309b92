"""Task 4: the IoU between Grad-CAM and LIME, and what it means."""

from __future__ import annotations

from typing import ClassVar

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.settings.model import Settings
from reportgen.storage.store import Result
from reportgen.utils.errors import UsageError

from ..cams.settings import CamSettings
from .complexity import complexity, components, edge_gradient, edge_gradient_by_chance, gradient
from .overlap import THRESHOLDS, overlap, threshold_mask
from .section import reduce_agreement
from .settings import AgreementSettings


class Agreement(Analysis[AgreementSettings, Result]):
    """Masks of one frame and one class, compared as arrays."""

    name = "agreement"
    title = "Agreement of Grad-CAM and LIME"
    version = "2"
    order = 40
    requires = ("cams", "lime")
    gates: ClassVar = {"iou_above_chance": "mean over images of IoU minus the IoU that the areas reach by chance"}
    ranked_by = "the IoU of Grad-CAM and LIME"

    def require_settings(self, settings: Settings) -> None:
        if "gradcam" not in settings.group("cams", CamSettings).methods:
            raise UsageError(
                "the agreement task compares Grad-CAM with LIME: add gradcam to cams.methods, or drop the task"
            )

    def rank(self, result: Result) -> float | None:
        iou: float | None = result.values["iou"]
        return iou

    def map(self, subject: Subject[AgreementSettings]) -> Result:
        """Arrays: `gradcam`, the (H, W) bool mask of the Grad-CAM map. Values: the overlap with LIME's mask."""
        cams, lime = subject.required("cams", Result), subject.required("lime", Result)
        if not cams.values["target"] == lime.values["target"] == subject.target:
            raise ValueError("Grad-CAM and LIME explain different classes: their masks cannot be compared")
        saliency, lime_mask = cams.arrays["gradcam"], lime.arrays["mask"]
        lime_area = int(lime_mask.sum())
        mask = threshold_mask(saliency, subject.settings.threshold, lime_area)
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

    def reduce(self, run: RunView[AgreementSettings]) -> Contribution:
        return reduce_agreement(run)


ANALYSIS = Agreement()
