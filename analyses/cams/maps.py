"""Grad-CAM, AblationCAM and ScoreCAM by shortcuts of our own: one definition each, on the trunk's output after its activation.

With A the (C, h, w) activations and y the target logit, every map is ReLU(sum_k w_k A_k), bilinear to the input size,
min-max to [0, 1]; the methods differ in w:

- Grad-CAM (Selvaraju et al., 2017): w_k = mean over positions of dy/dA_k.
- AblationCAM (Desai and Ramaswamy, 2020): w_k = (y - y without channel k) / y.
- ScoreCAM (Wang et al., 2020): w = softmax over channels of y on the input masked by channel k.

A head of global pooling and one linear layer, logits = W mean(A) + b, gives the first two in closed form:
w_k = W_k / (h w) and w_k = W_k mean(A_k) / y. Both meet the `grad-cam` library's maps (tests hold them to 1e-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reportgen.analysis.view import View
from reportgen.utils.softmax import softmax

HEAD_BATCH = 32
EPSILON = np.float32(1e-8)  # what the library adds to a channel's span before it divides by it


@dataclass(frozen=True)
class Cam:
    """One class activation map.

    Attributes:
        map: (H, W) float32 in [0, 1]; all zero where `degenerate`.
        weights: (C,) float64, w_k; None for a method that has no one weight a channel.
        forward_passes: of the whole network; the trunk pass that all methods share counts in each.
        head_passes: of what follows the trunk alone.
        degenerate: nothing is left after the ReLU, or the map is constant: it marks no place.
    """

    map: np.ndarray
    weights: np.ndarray | None
    forward_passes: int
    head_passes: int
    degenerate: bool


def gradcam(view: View, target: int) -> Cam:
    """Grad-CAM of class `target`."""
    activations = view.forward.activations[0]
    linear = view.engine.linear_head
    if linear is not None:
        weights = linear.weight[target].astype(np.float64) / (activations.shape[1] * activations.shape[2])
        return _cam(view, weights, forward_passes=1)
    gradient = view.engine.head_gradient(view.forward, target)
    return _cam(view, gradient.mean((1, 2), dtype=np.float64), forward_passes=1, head_passes=1)


def ablationcam(view: View, target: int) -> Cam:
    """AblationCAM of class `target`; a channel is ablated by setting it to zero.

    A negative target logit turns the map around, for the weights are divided by it; one of zero leaves no map.
    """
    activations = view.forward.activations[0]
    logit = float(view.forward.logits[0, target])
    linear = view.engine.linear_head
    if linear is not None:
        drop = linear.weight[target].astype(np.float64) * activations.mean((1, 2), dtype=np.float64)
        return _cam(view, _share(drop, logit), forward_passes=1)
    live = np.flatnonzero(activations.any((1, 2)))  # zeroing a zero channel changes nothing
    drop = np.zeros(len(activations))
    for start in range(0, len(live), HEAD_BATCH):
        channels = live[start : start + HEAD_BATCH]
        batch = np.repeat(activations[None], len(channels), axis=0)
        batch[np.arange(len(channels)), channels] = 0
        drop[channels] = logit - view.engine.head_logits(batch, view.forward.context)[:, target]
    return _cam(view, _share(drop, logit), forward_passes=1, head_passes=len(live))


def _share(drop: np.ndarray, logit: float) -> np.ndarray:
    return drop / logit if logit else np.zeros_like(drop)


def scorecam(view: View, target: int) -> Cam:
    """ScoreCAM of class `target`.

    Min-max takes a channel's size away: channels with one mask share one pass. Those are the channels active in the same
    single position, a tenth of them, and all constant ones, whose mask is zero everywhere.
    """
    activations, x = view.forward.activations[0], view.input
    upsample = Bilinear(activations.shape[1:], x.shape[1:], align_corners=True)
    # In steps of a thousandth, the maximum that the library's epsilon leaves a mask: 1, but for a channel all but constant.
    span = np.ptp(activations, axis=(1, 2), keepdims=True)
    masks, which = np.unique(_min_max(activations) * np.round(span / (span + EPSILON), 3), axis=0, return_inverse=True)

    def masked_input(i: int, out: np.ndarray) -> None:
        np.multiply(x, _min_max(upsample(masks[i])) * masks[i].max(), out=out)

    scores = view.engine.logits(len(masks), masked_input)[which.ravel(), target].astype(np.float64)
    return _cam(view, softmax(scores), forward_passes=1 + len(masks))


def effective_channels(weights: np.ndarray) -> float:
    """1 / sum(w^2) of weights that sum to 1: how many channels own the sum."""
    return float(1 / np.square(weights).sum())


class Bilinear:
    """Bilinear interpolation (h, w) -> (H, W), one axis after the other.

    No matrix product: numpy's would wake a thread on every core, beside those that the passes run on.

    `align_corners` as in torch: True puts the corner pixels' centres on each other (UpsamplingBilinear2d), False
    their edges (`cv2.resize`).
    """

    def __init__(self, source: tuple[int, ...], size: tuple[int, ...], *, align_corners: bool) -> None:
        self._rows = _neighbours(source[0], size[0], align_corners)
        self._columns = _neighbours(source[1], size[1], align_corners)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(h, w) -> (H, W), in the values' dtype."""
        low, high, share = self._rows
        share = share.astype(values.dtype)[:, None]
        tall = values[low] * (1 - share) + values[high] * share
        low, high, share = self._columns
        share = share.astype(values.dtype)
        result: np.ndarray = tall[:, low] * (1 - share) + tall[:, high] * share
        return result


@lru_cache(maxsize=32)
def _neighbours(source: int, size: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each of `size` output pixels the two source pixels that make it, and the share of the second, each (size,)."""
    if align_corners:
        at = np.arange(size) * ((source - 1) / max(size - 1, 1))
    else:
        at = np.clip((np.arange(size) + 0.5) * (source / size) - 0.5, 0, source - 1)
    low = np.minimum(np.floor(at).astype(int), source - 1)
    return low, np.minimum(low + 1, source - 1), at - low


def _min_max(maps: np.ndarray) -> np.ndarray:
    """(..., h, w) maps, each from 0 to 1; a constant one is zero everywhere."""
    low = maps.min((-2, -1), keepdims=True)
    span = maps.max((-2, -1), keepdims=True) - low
    values: np.ndarray = (maps - low) / np.where(span > 0, span, 1)
    return values


def _cam(view: View, weights: np.ndarray, *, forward_passes: int, head_passes: int = 0) -> Cam:
    activations = view.forward.activations[0]
    summed = np.tensordot(weights, activations.astype(np.float64), axes=1)
    # Against the size of the sum's own terms: rounding alone must not look like a map.
    scale = float(np.abs(weights).max() * np.abs(activations).max())
    saliency, degenerate = in_frame(summed, view.frame.shape[:2], scale)
    return Cam(saliency, weights, forward_passes, head_passes, degenerate)


def in_frame(summed: np.ndarray, size: tuple[int, ...], scale: float) -> tuple[np.ndarray, bool]:
    """The map of a (h, w) sum over channels, and whether it is degenerate: positive part, bilinear, min-max.

    Args:
        size: (H, W) of the frame.
        scale: size of what was summed: a map that varies by no more than 1e-6 of it is constant.
    """
    fine = Bilinear(summed.shape, size, align_corners=False)(np.maximum(summed, 0))
    low, high = fine.min(), fine.max()
    degenerate = bool(high - low <= 1e-6 * scale)
    scaled = np.zeros_like(fine) if degenerate else (fine - low) / (high - low)
    return scaled.astype(np.float32), degenerate
