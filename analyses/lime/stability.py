"""How far a LIME mask can be trusted: repeats under other seeds, half the samples, half the features."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reportgen.analysis.view import View
from reportgen.utils.hashing import seed_from

from .result import Surrogate
from .settings import LimeSettings
from .surrogate import Draw, draw, fit, positive_mask


def jaccard(a: np.ndarray, b: np.ndarray) -> float | None:
    """|A & B| / |A | B| of two bool masks; None where both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else None


def repeat_seeds(seed: int, repeats: int) -> list[int]:
    """The seeds of all draws: the image's own first, the others made from it."""
    return [seed, *(seed_from(seed, number) for number in range(1, repeats))]


def repeats(
    view: View, segments: np.ndarray, target: int, seed: int, settings: LimeSettings
) -> tuple[list[Surrogate], Draw]:
    """One surrogate a seed, and the first seed's draw. The superpixels stay: only the perturbation is drawn anew."""
    fitted, first = [], None
    for number in repeat_seeds(seed, settings.repeats):
        random_state = np.random.RandomState(number)
        drawn = draw(view, segments, settings, random_state)
        first = first or drawn
        fitted.append(fit(drawn.data, drawn.probabilities, target, settings, random_state))
    assert first is not None  # repeats >= 1
    return fitted, first


@dataclass(frozen=True)
class Stability:
    """What the mask owes to the seed, to num_samples and to num_features.

    Attributes:
        masks: (repeats, H, W) bool, of each draw.
        jaccard_seeds: mean over pairs of masks; None with one draw, or where all are empty.
        jaccard_half_samples, jaccard_half_features: against the first mask; None where both are empty.
    """

    masks: np.ndarray
    jaccard_seeds: float | None
    jaccard_half_samples: float | None
    jaccard_half_features: float | None


def stability(
    segments: np.ndarray, fitted: list[Surrogate], first: Draw, target: int, settings: LimeSettings
) -> Stability:
    """How far the first mask holds.

    The halves cost no forward pass: they refit the first half of the first draw's samples, or fewer features.
    """
    masks = [positive_mask(segments, surrogate, settings.num_features) for surrogate in fitted]
    between = [value for a, b in combinations(masks, 2) if (value := jaccard(a, b)) is not None]
    half = max(2, len(first.data) // 2)
    fewer = settings.model_copy(update={"num_features": max(1, settings.num_features // 2)})
    state = np.random.RandomState(0)  # ridge regression's closed form draws nothing
    with_half = fit(first.data[:half], first.probabilities[:half], target, settings, state)
    with_fewer = fit(first.data, first.probabilities, target, fewer, state)
    return Stability(
        masks=np.stack(masks),
        jaccard_seeds=float(np.mean(between)) if between else None,
        jaccard_half_samples=jaccard(masks[0], positive_mask(segments, with_half, settings.num_features)),
        jaccard_half_features=jaccard(masks[0], positive_mask(segments, with_fewer, fewer.num_features)),
    )
