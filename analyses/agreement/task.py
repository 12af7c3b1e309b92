"""Task 4: the IoU between Grad-CAM and LIME, and what it means."""

from __future__ import annotations

from typing import ClassVar

from reportgen.analysis.baselines import centred_gaussian
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

from ..cams.result import CamsResult
from ..cams.settings import CamSettings
from ..lime.result import LimeResult
from .complexity import complexity, components, edge_gradient, edge_gradient_by_chance, gradient
from .overlap import THRESHOLDS, overlap, threshold_mask, top_pixels
from .result import AgreementResult, Comparison, Components, EdgeGradient
from .section import reduce_agreement
from .settings import AgreementSettings
from .terms import TERMS
from .works import WORKS


class Agreement(Analysis[AgreementSettings, AgreementResult]):
    """Masks of one frame and one class, compared as arrays."""

    name = "agreement"
    title = "Agreement of Grad-CAM and LIME"
    version = "3"
    concurrent = True
    order = 40
    requires = ("cams", "lime")
    gates: ClassVar = {
        "iou_above_chance": "mean over images of IoU minus the IoU that the areas reach by chance",
        "iou_above_other_images": "mean over images of IoU minus the IoU with the masks of other images",
    }
    ranked_by = "the IoU of Grad-CAM and LIME"
    works = WORKS
    terms = TERMS

    def require_settings(self, settings: Settings) -> None:
        if "gradcam" not in settings.group("cams", CamSettings).methods:
            raise UsageError(
                "the agreement task compares Grad-CAM with LIME: add gradcam to cams.methods, or drop the task"
            )

    def rank(self, result: AgreementResult) -> float | None:
        return result.comparison.iou

    def map(self, subject: Subject[AgreementSettings]) -> AgreementResult:
        cams, lime = subject.required("cams", CamsResult), subject.required("lime", LimeResult)
        if not cams.target == lime.target == subject.target:
            raise ValueError("Grad-CAM and LIME explain different classes: their masks cannot be compared")
        saliency, area = cams.maps["gradcam"].map, int(lime.mask.sum())
        mask = threshold_mask(saliency, subject.settings.threshold, area)
        found, matched = overlap(mask, lime.mask), overlap(threshold_mask(saliency, "area:lime", area), lime.mask)
        by_threshold = [overlap(saliency >= threshold, lime.mask) for threshold in THRESHOLDS]
        gradients = gradient(subject.view.frame)
        gaussian = top_pixels(centred_gaussian(*mask.shape), int(mask.sum()))
        comparison = Comparison(
            iou=found.iou,
            cam_area=found.area_a,
            lime_area=found.area_b,
            chance=found.chance,
            ceiling=found.ceiling,
            iou_area_matched=matched.iou,
            chance_area_matched=matched.chance,
            iou_gaussian=overlap(gaussian, lime.mask).iou,
            iou_seeds=tuple(overlap(mask, other).iou for other in lime.masks),
            iou_by_threshold=tuple(at.iou for at in by_threshold),
            chance_by_threshold=tuple(at.chance for at in by_threshold),
            complexity=complexity(subject.view.frame, lime.n_segments),
            components=Components(components(mask), components(lime.mask)),
            edge_gradient=EdgeGradient(
                gradcam=edge_gradient(mask, gradients),
                lime=edge_gradient(lime.mask, gradients),
                shifted_lime=edge_gradient_by_chance(lime.mask, gradients, subject.seed),
            ),
        )
        return AgreementResult(mask, comparison)

    def reduce(self, run: RunView[AgreementSettings]) -> Contribution:
        return reduce_agreement(run)


ANALYSIS = Agreement()
