"""The surrogate by its normal equations: what the library's two ridge regressions return, without what scikit-learn does around them.

How far a mask holds takes some thirty fits an image (`stability`); the explanation itself is the library's own (`surrogate.fit`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .result import Surrogate
from .settings import LimeSettings
from .surrogate import Draw, fit, sample_weights

# Of `lime.lime_base.LimeBase`: what it selects features by, and what it fits them with; up to so many it selects one after another.
SELECTION_ALPHA, FIT_ALPHA = 0.01, 1.0
FORWARD_SELECTION = 6


@dataclass(frozen=True)
class Ridge:
    """A weighted ridge regression with an intercept that is not penalised.

    Attributes:
        coefficients: (features,) float64; intercept: of the fit; r2: weighted, on the samples.
    """

    coefficients: np.ndarray
    intercept: float
    r2: float


def ridge(features: np.ndarray, values: np.ndarray, weights: np.ndarray, alpha: float) -> Ridge:
    """Minimise the weighted squares plus `alpha` times the squared coefficients (Hoerl and Kennard, 1970).

    Args:
        features: (samples, features); values, weights: (samples,), all float64.
    """
    total = weights.sum()
    centre, level = weights @ features / total, float(weights @ values / total)
    centred, rest = features - centre, values - level
    weighted = centred * weights[:, None]
    gram = weighted.T @ centred
    gram[np.diag_indices_from(gram)] += alpha
    coefficients = np.linalg.solve(gram, weighted.T @ rest)
    left, spread = float(weights @ (rest - centred @ coefficients) ** 2), float(weights @ rest**2)
    # A constant is fitted by the intercept alone: 1, as scikit-learn has it.
    r2 = 1 - left / spread if np.ptp(values) else 1.0
    return Ridge(coefficients, level - float(centre @ coefficients), r2)


def refit(drawn: Draw, target: int, settings: LimeSettings) -> Surrogate:
    """As `surrogate.fit`, to rounding; where the library selects features one after another, by the library."""
    if settings.num_features <= FORWARD_SELECTION:
        # Ridge regression's closed form draws nothing.
        return fit(drawn.data, drawn.probabilities, target, settings, np.random.RandomState(0))
    data, values = drawn.data.astype(float), drawn.probabilities[:, target].astype(float)
    weights = sample_weights(drawn.data, settings)
    every = ridge(data, values, weights, SELECTION_ALPHA).coefficients * data[0]
    used = np.argsort(-np.abs(every), kind="stable")[: settings.num_features]
    found = ridge(data[:, used], values, weights, FIT_ALPHA)
    by_strength = np.argsort(-np.abs(found.coefficients), kind="stable")
    return Surrogate(
        weights=tuple((int(used[i]), float(found.coefficients[i])) for i in by_strength),
        intercept=found.intercept,
        prediction=found.intercept + float(data[0, used] @ found.coefficients),
        r2=found.r2,
        probability=float(drawn.probabilities[0, target]),
        top_class=int(drawn.probabilities[0].argmax()),
        forward_passes=len({row.tobytes() for row in drawn.data}),
    )
