"""The softmax and the sigmoid, written once."""

from __future__ import annotations

import numpy as np


def softmax(values: np.ndarray) -> np.ndarray:
    """Softmax over the last axis of a floating-point array: float64 inside, the array's own type out."""
    # Here, not above: SciPy takes long to import, and a run from the store needs no softmax.
    from scipy.special import softmax as in_float64

    return np.asarray(in_float64(values.astype(np.float64), axis=-1), values.dtype)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) of a floating-point array: float64 inside, the array's own type out."""
    from scipy.special import expit

    return np.asarray(expit(values.astype(np.float64)), values.dtype)
