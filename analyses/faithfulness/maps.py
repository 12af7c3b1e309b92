"""The maps that are held against each other: the explanations of one image, and the controls that know no model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reportgen.analysis import baselines as controls

from ..cams.result import CamsResult
from ..lime.result import LimeResult

MEAN, LIME, GAUSSIAN = "mean", "lime", "gaussian"
CONTROLS = {"random": "Random map", GAUSSIAN: "Centred Gaussian", "sobel": "Sobel edge map", "empty": "Empty map"}
# What the CAMs are called stands in their results.
LABELS = {MEAN: "Mean of the CAMs", LIME: "LIME", **CONTROLS}


def explanations(cams: CamsResult | None, lime: LimeResult) -> dict[str, np.ndarray]:
    """(H, W) maps by name: the CAMs that could be computed, their mean where there are several, and LIME's signed weights.

    Args:
        cams: None of a model that has no feature map.
    """
    found = {} if cams is None else {name: cam.map for name, cam in cams.maps.items() if cam.failure is None}
    if len(found) > 1:
        found[MEAN] = np.mean(list(found.values()), axis=0)
    found[LIME] = lime.weight_map
    return found


def labels_of(cams: CamsResult | None, names: Iterable[str]) -> dict[str, str]:
    """What pages call each map."""
    of_cams = {} if cams is None else {name: cam.label for name, cam in cams.maps.items()}
    return {name: of_cams.get(name) or LABELS[name] for name in names}


def cams_among(names: Iterable[str]) -> list[str]:
    """The class activation maps among the names of maps."""
    return [name for name in names if name not in LABELS]


def control_maps(frame: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    """The controls of a (H, W, 3) uint8 frame; the random map is `noise`, (H, W)."""
    size = frame.shape[:2]
    return {
        "random": noise,
        GAUSSIAN: controls.centred_gaussian(*size),
        "sobel": controls.sobel_edges(frame),
        "empty": controls.empty_map(*size),
    }
