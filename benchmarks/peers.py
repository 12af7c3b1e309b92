"""Libraries that a user might take instead, where they are installed: torchcam's ScoreCAM and captum's Lime."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch

from benchmarks.shipped import Whole
from reportgen.analyses.lime.settings import LimeSettings


def torchcam_scorecam(model: Whole, x: np.ndarray, target: int) -> None:
    from torchcam.methods import ScoreCAM

    with ScoreCAM(model, target_layer=model.layer, input_shape=x.shape) as extractor, torch.no_grad():
        scores = model(torch.from_numpy(x[None]))
        extractor(target, scores)


def captum_lime(model: Whole, x: np.ndarray, target: int, segments: np.ndarray, settings: LimeSettings) -> None:
    from captum.attr import Lime

    with torch.no_grad():
        Lime(model).attribute(
            torch.from_numpy(x[None]),
            target=target,
            feature_mask=torch.from_numpy(segments.astype(np.int64))[None, None],
            n_samples=settings.num_samples,
            perturbations_per_eval=settings.batch_size,
        )


def seconds(model: Whole, x: np.ndarray, target: int, segments: np.ndarray, settings: LimeSettings) -> dict[str, float]:
    """Seconds of each peer that is installed, for one image."""
    peers: dict[str, tuple[str, Callable[[], None]]] = {
        "torchcam ScoreCAM": ("torchcam", lambda: torchcam_scorecam(model, x, target)),
        "captum Lime": ("captum", lambda: captum_lime(model, x, target, segments, settings)),
    }
    measured = {}
    for name, (package, call) in peers.items():
        if find_spec(package) is None:
            continue
        start = time.perf_counter()
        call()
        measured[name] = time.perf_counter() - start
    return measured
