"""The maps that are held against each other: the explanations of one image, and the controls that know no model."""

from __future__ import annotations

import numpy as np

from reportgen.analysis import baselines as controls
from reportgen.storage.store import Result

CAMS = {"gradcam": "Grad-CAM", "ablationcam": "AblationCAM", "scorecam": "ScoreCAM"}
MEAN, LIME = "mean", "lime"
CONTROLS = {"random": "Random map", "gaussian": "Centred Gaussian", "sobel": "Sobel edge map", "empty": "Empty map"}
LABELS = {**CAMS, MEAN: "Mean of the CAMs", LIME: "LIME", **CONTROLS}


def explanations(cams: Result, lime: Result) -> dict[str, np.ndarray]:
    """(H, W) maps by name: the computed CAMs, their mean where there are several, and LIME's signed weights."""
    found = {name: cams.arrays[name] for name in CAMS if name in cams.arrays}
    if len(found) > 1:
        found[MEAN] = np.mean(list(found.values()), axis=0)
    found[LIME] = weight_map(lime)
    return found


def weight_map(lime: Result) -> np.ndarray:
    """(H, W) float32: each pixel has the signed weight of its superpixel, 0 where the surrogate gave none."""
    segments = lime.arrays["segments"]
    weights = np.zeros(int(segments.max()) + 1, np.float32)
    for superpixel, weight in lime.values["weights"]:
        weights[superpixel] = weight
    return weights[segments]


def control_maps(frame: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    """The controls of a (H, W, 3) uint8 frame; the random map is `noise`, (H, W)."""
    size = frame.shape[:2]
    return {
        "random": noise,
        "gaussian": controls.centred_gaussian(*size),
        "sobel": controls.sobel_edges(frame),
        "empty": controls.empty_map(*size),
    }
