"""Results made by hand, of the analyses' own types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.result import CamMap, CamsResult, Likeness, pair_key


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
