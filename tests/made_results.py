"""Results made by hand, as the maps of the analyses return them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reportgen.analyses.agreement.result import Comparison, Complexity, Components, EdgeGradient
from reportgen.analyses.cams.result import CamMap, CamsResult
from reportgen.analyses.lime.result import LimeResult, Surrogate


def lime_result(segments: np.ndarray, surrogate: Surrogate | None = None, **values: Any) -> LimeResult:
    """LIME on (H, W) superpixels; without a surrogate none of them weighs anything, and the mask is empty."""
    fitted = surrogate or Surrogate((), 0.0, 0.0, 1.0, 0.9, 2, 8)
    chosen = [superpixel for superpixel, weight in fitted.weights if weight > 0]
    made: dict[str, Any] = {
        "target": 2,
        "seed": 0,
        "segments": segments.astype(np.int32),
        "masks": np.isin(segments, chosen)[None],
        "surrogate": fitted,
        "n_selected": len(chosen),
        "forward_passes": fitted.forward_passes,
        "jaccard_seeds": None,
        "r2_seeds": (fitted.r2,),
        "jaccard_half_samples": None,
        "jaccard_half_features": None,
        **values,
    }
    return LimeResult(**made)


def cams_result(target: int = 2, **maps: np.ndarray) -> CamsResult:
    """Maps by method, (H, W) in [0, 1]; what is measured on them is made up."""
    labels = {"gradcam": "Grad-CAM", "ablationcam": "AblationCAM", "scorecam": "ScoreCAM"}
    made = {
        name: CamMap(
            label=labels.get(name, name),
            map=saliency,
            degenerate=bool(np.ptp(saliency) == 0),
            forward_passes=1,
            head_passes=0,
            area_above_half=0.3,
            gini=0.4,
            total_variation=2.0,
            centre_offset=0.1,
        )
        for name, saliency in maps.items()
    }
    return CamsResult(target, 3.0, True, 10, (8, 8), made, {})


def comparison(
    complexity: dict[str, float], components: dict[str, int], edge_gradient: dict[str, float | None], **values: Any
) -> Comparison:
    """The masks of one image in numbers."""
    made: dict[str, Any] = {
        "iou_area_matched": values["iou"],
        "chance_area_matched": values["chance"],
        "iou_seeds": (values["iou"],),
        "iou_by_threshold": (values["iou"],),
        "chance_by_threshold": (values["chance"],),
        **values,
    }
    return Comparison(
        complexity=Complexity(**complexity),
        components=Components(**components),
        edge_gradient=EdgeGradient(**edge_gradient),
        **made,
    )
