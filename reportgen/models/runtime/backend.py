"""What a backend is: the few calls that torch and OpenVINO answer alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Fill = Callable[[int, np.ndarray], None]
StageRunner = Callable[[np.ndarray], dict[str, np.ndarray]]

EXACT_TOLERANCE = 1e-4
NO_ACTIVATIONS = np.empty((1, 0, 0, 0), np.float32)


@dataclass(frozen=True)
class Forward:
    """One forward pass: what the trunk and the head put out.

    Attributes:
        logits: (N, classes) float32.
        activations: (N, C, h, w) float32, the feature map; (N, 0, 0, 0) of a classifier that lacks it (`ClassifierSpec.lacks`).
        context: what the head reads besides, each (N, ...) float32 (`Network.trunk`).
    """

    logits: np.ndarray
    activations: np.ndarray
    context: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class LayerAttention:
    """What one self-attention layer weighs on one image, over its heads: T x T, a row from each token to all.

    Attributes:
        mean: (T, T) float64, the mean over heads of the weights.
        weighted: (T, T) float64, the mean over heads of the positive part of the weights times a logit's gradient by them.
        read: (T,) bool, the tokens by whose attention that logit has a gradient.
    """

    mean: np.ndarray
    weighted: np.ndarray
    read: np.ndarray


class Backend(Protocol):
    """Executes one network. One backend serves one thread at a time."""

    def forward(self, batch: np.ndarray) -> Forward:
        """(N, 3, H, W) float32 network input -> logits and activations."""

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        """(count, classes) float32 logits of `count` inputs; `fill(i, out)` writes input i into out (3, H, W)."""


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """max |ours - theirs| / max |theirs|; infinite where one is not finite, or where theirs alone are all zero."""
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return math.inf
    difference, scale = float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())
    return difference / scale if scale else (math.inf if difference else 0.0)
