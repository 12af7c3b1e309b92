"""The maps that are held against each other: the explanations of one image, and the controls that know no model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reportgen.analysis import baselines as controls

from ..cams.result import CamsResult
from ..cams.settings import OF_ATTENTION, ROLLOUT
from ..lime.result import LimeResult

MEAN, LIME, GAUSSIAN = "mean", "lime", "gaussian"
CONTROLS = {"random": "Random map", GAUSSIAN: "Centred Gaussian", "sobel": "Sobel edge map", "empty": "Empty map"}
# Of a network of tokens one control more: what its attention gathers, whatever the class.
CLASS_BLIND = ROLLOUT
# What the CAMs are called stands in their results.
LABELS = {MEAN: "Mean of the CAMs", LIME: "LIME", **CONTROLS}


def explanations(cams: CamsResult | None, lime: LimeResult) -> dict[str, np.ndarray]:
    """(H, W) maps by name: those that could be computed, the mean of the class activation maps where there are several, and LIME's
    signed weights.

    Args:
        cams: None of a model that has no feature map.
    """
    found = {} if cams is None else {name: cam.map for name, cam in cams.maps.items() if cam.failure is None}
    activation = [saliency for name, saliency in found.items() if name not in OF_ATTENTION]
    if len(activation) > 1:
        found[MEAN] = np.mean(activation, axis=0)
    found[LIME] = lime.weight_map
    return found


def labels_of(cams: CamsResult | None, names: Iterable[str]) -> dict[str, str]:
    """What pages call each map."""
    of_cams = {} if cams is None else {name: cam.label for name, cam in cams.maps.items()}
    return {name: of_cams.get(name) or LABELS[name] for name in names}


def cams_among(names: Iterable[str]) -> list[str]:
    """The class activation maps among the names of maps."""
    return [name for name in names if name not in LABELS and name not in OF_ATTENTION]


def controls_among(names: Iterable[str]) -> list[str]:
    """The controls: those that know nothing of the model, and the map of its attention that knows nothing of the class."""
    return [name for name in names if name in CONTROLS or name == CLASS_BLIND]


def control_maps(frame: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    """The controls of a (H, W, 3) uint8 frame; the random map is `noise`, (H, W)."""
    size = frame.shape[:2]
    return {
        "random": noise,
        GAUSSIAN: controls.centred_gaussian(*size),
        "sobel": controls.sobel_edges(frame),
        "empty": controls.empty_map(*size),
    }
