"""Made-up measurements of a report whose truth is known: differences, correlations, votes, and masks with a common bias to the centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr

Shape = Literal["normal", "heavy", "skewed"]
SIDE = 16
WAVES = 3
# So that masks behave as those of 24 photographs of 24 classes did: IoU of one image 0.43, of two 0.32, by area 0.24.
CENTRE = 0.58
SHARED = 0.42
AREA = (5.0, 7.7)  # of a Beta distribution, mean 0.39
IMAGE_EFFECT = 0.3  # correlation of any two measures of one image


def differences(rng: np.random.Generator, measures: int, n: int, shape: Shape) -> np.ndarray:
    """(measures, n) of mean 0 and standard deviation 1; those of one image are correlated.

    `heavy` is what exchangeable skewed measures differ by (Laplace, symmetric); `skewed` is a centred exponential, which no sign
    test and no rank test allows for: its mean is 0, its median is not.
    """
    own, common = rng.standard_normal((measures, n)), rng.standard_normal(n)
    normal = np.sqrt(1 - IMAGE_EFFECT) * own + np.sqrt(IMAGE_EFFECT) * common
    if shape == "normal":
        return normal
    if shape == "skewed":
        return -np.log(ndtr(-normal)) - 1
    tail = -np.log(2 * ndtr(-np.abs(normal)))
    return np.sign(normal) * tail / np.sqrt(2)


def related(rng: np.random.Generator, x: np.ndarray, rho: float) -> np.ndarray:
    """Values with correlation `rho` with the standard normal x."""
    values: np.ndarray = rho * x + np.sqrt(1 - rho**2) * rng.standard_normal(x.shape)
    return values


@dataclass(frozen=True)
class Overlaps:
    """Of two kinds of masks over n images: matrix[i, j] the IoU of the first of i with the second of j; areas of both."""

    matrix: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        return np.diagonal(self.matrix)

    @property
    def chance(self) -> np.ndarray:
        """By area alone: ab / (a + b - ab)."""
        both = self.first * self.second
        return both / (self.first + self.second - both)

    @property
    def ceiling(self) -> np.ndarray:
        return np.minimum(self.first, self.second) / np.maximum(self.first, self.second)


def masks(rng: np.random.Generator, kinds: int, n: int, shared: float) -> np.ndarray:
    """(kinds, n, SIDE**2) bool: the highest part of a random smooth field with a bias to the frame's centre.

    Args:
        shared: of the field's variance, what all kinds of one image have in common; 0: they are related by the centre alone.
    """
    at = (np.arange(SIDE) + 0.5) / SIDE
    waves = np.cos(np.pi * np.outer(np.arange(WAVES), at))
    basis = np.einsum("iy,jx->ijyx", waves, waves).reshape(WAVES**2, -1)[1:]
    basis /= np.sqrt((basis**2).sum(axis=0, keepdims=True))
    noise = np.sqrt(1 - shared) * rng.standard_normal((kinds, n, len(basis)))
    noise += np.sqrt(shared) * rng.standard_normal((n, len(basis)))
    distance = (at[:, None] - 0.5) ** 2 + (at - 0.5) ** 2
    centre = np.exp(-distance / 0.1).ravel()
    fields = noise @ basis + CENTRE * (centre - centre.mean()) / centre.std()
    ranks = fields.argsort(axis=-1).argsort(axis=-1)
    return ranks >= np.round(SIDE**2 * (1 - rng.beta(*AREA, (kinds, n, 1))))


def overlaps(first: np.ndarray, second: np.ndarray) -> Overlaps:
    """Of two (n, pixels) bool arrays."""
    a, b = first.sum(axis=1), second.sum(axis=1)
    shared = first.astype(float) @ second.astype(float).T
    return Overlaps(shared / (a[:, None] + b - shared), a / first.shape[1], b / second.shape[1])
