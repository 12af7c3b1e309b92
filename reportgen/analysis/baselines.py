"""Maps that know nothing of the model: what an explanation has to beat before it says anything.

Defined in docs/methods.md, Faithfulness.

All are (H, W) float32 in [0, 1].
"""

from __future__ import annotations

import numpy as np


def random_map(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Every pixel drawn uniformly, each on its own."""
    return rng.random((height, width), dtype=np.float32)


def centred_gaussian(height: int, width: int) -> np.ndarray:
    """A Gaussian on the frame's centre, sigma a quarter of a side: where photographers put things."""
    rows = (np.arange(height) + 0.5 - height / 2) / (height / 4)
    columns = (np.arange(width) + 0.5 - width / 2) / (width / 4)
    bell = np.exp(-0.5 * (rows[:, None] ** 2 + columns[None, :] ** 2))
    values: np.ndarray = ((bell - bell.min()) / np.ptp(bell)).astype(np.float32)
    return values


def sobel_edges(frame: np.ndarray) -> np.ndarray:
    """The Sobel gradient of a (H, W, 3) uint8 frame's grey levels: where the image has edges, whatever the class."""
    from skimage.color import rgb2gray
    from skimage.filters import sobel

    edges = sobel(rgb2gray(frame))
    values: np.ndarray = (edges / (edges.max() or 1)).astype(np.float32)
    return values


def empty_map(height: int, width: int) -> np.ndarray:
    """Zero everywhere: every order of its pixels is as good as any other."""
    return np.zeros((height, width), np.float32)
