"""How complex an image is, and how a mask lies on it: computed, never labelled by hand."""

from __future__ import annotations

import numpy as np

from .result import Complexity

# Of the Sobel magnitude on grey values in [0, 1]; a step of about a quarter of the range.
EDGE = 0.25
ROLLS = 10


def grey(frame: np.ndarray) -> np.ndarray:
    """(H, W) float64 in [0, 1]: Rec. 709 luma of (H, W, 3) uint8 pixels."""
    values: np.ndarray = frame.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722]) / 255
    return values


def gradient(frame: np.ndarray) -> np.ndarray:
    """(H, W) float64: Sobel gradient magnitude of the grey values, 1 for a full step from black to white."""
    from scipy import ndimage

    values = grey(frame)
    result: np.ndarray = np.hypot(ndimage.sobel(values, axis=0), ndimage.sobel(values, axis=1)) / 4
    return result


def complexity(frame: np.ndarray, superpixels: int) -> Complexity:
    """Of a frame that is cut into so many superpixels; an edge is where the gradient exceeds `EDGE`."""
    counts = np.bincount(np.rint(grey(frame) * 255).astype(int).ravel(), minlength=256)
    share = counts[counts > 0] / counts.sum()
    return Complexity(
        superpixels=float(superpixels),
        edge_density=float((gradient(frame) > EDGE).mean()),
        entropy=float(-(share * np.log2(share)).sum()),
    )


def components(mask: np.ndarray) -> int:
    """Number of connected parts of a (H, W) bool mask; pixels that touch at a corner are connected."""
    from scipy import ndimage

    return int(ndimage.label(mask, structure=np.ones((3, 3)))[1])


def edge_gradient(mask: np.ndarray, gradients: np.ndarray) -> float | None:
    """Mean image gradient along the mask's border; None where it has none. The frame's own border does not count."""
    from scipy import ndimage

    inside = mask & ~ndimage.binary_erosion(mask, border_value=1)
    return float(gradients[inside].mean()) if inside.any() else None


def edge_gradient_by_chance(mask: np.ndarray, gradients: np.ndarray, seed: int) -> float | None:
    """As `edge_gradient`, averaged over seeded random shifts of the mask (wrapped around): its shape, anywhere else."""
    rng = np.random.default_rng(seed)
    height, width = mask.shape
    shifts = [(int(rng.integers(height)), int(rng.integers(width))) for _ in range(ROLLS)]
    found = [edge_gradient(np.roll(mask, shift, axis=(0, 1)), gradients) for shift in shifts]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None
