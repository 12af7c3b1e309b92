"""Results made by hand, as the maps of the analyses return them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from reportgen.analyses.agreement.result import Comparison, Complexity, Components, EdgeGradient
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.result import CamMap, CamsResult, Likeness, pair_key
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


def cams_result(
    maps: Mapping[str, np.ndarray] | None = None,
    measures: Mapping[str, Mapping[str, float]] | None = None,
    pairs: Mapping[str, Likeness] | None = None,
    *,
    target: int = 2,
    target_logit: float = 2.0,
    linear_head: bool = False,
    non_negative: bool = True,
) -> CamsResult:
    """What the CAMs of one image are: by method a map, or measures of a map that is not there; pairs are alike by half."""
    maps = maps or {}
    made = {
        method: CamMap(
            label=METHODS[method].label,
            map=maps.get(method, np.zeros((0, 0), np.float32)),
            degenerate=False,
            forward_passes=1,
            head_passes=0,
            area_above_half=0.3,
            gini=0.4,
            total_variation=2.0,
            centre_offset=0.1,
            effective_channels=3.0 if method == "scorecam" else None,
        )
        for method in {**maps, **(measures or {})}
    }
    made = {method: replace(cam, **(measures or {}).get(method, {})) for method, cam in made.items()}  # type: ignore[arg-type]
    half = Likeness(0.5, 0.5, 0.25)
    return CamsResult(
        target=target,
        target_logit=target_logit,
        linear_head=linear_head,
        channels=10,
        grid=(8, 8),
        maps=made,
        pairs=dict(pairs or {pair_key(a, b): half for a, b in combinations(made, 2)}),
        non_negative=non_negative,
    )


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
