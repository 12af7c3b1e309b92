"""Results made by hand, as the maps of the analyses return them."""

from __future__ import annotations

from typing import Any

import numpy as np

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
