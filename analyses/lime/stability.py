"""How far a LIME mask can be trusted: other draws, half the samples, half the features.

Other draws are made under other seeds, or estimated without a forward pass: the samples of one draw, drawn again with replacement, stand
for a draw of their own (the bootstrap, Efron 1979). `python -m benchmarks resamples` holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reportgen.analysis.view import View
from reportgen.utils.hashing import seed_from

from .refit import refit
from .result import Surrogate
from .settings import LimeSettings
from .surrogate import Draw, draw, positive_mask


def jaccard(a: np.ndarray, b: np.ndarray) -> float | None:
    """|A & B| / |A | B| of two bool masks; None where both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else None


def repeat_seeds(seed: int, repeats: int) -> list[int]:
    """The seeds of all draws: the image's own first, the others made from it."""
    return [seed, *(seed_from(seed, number) for number in range(1, repeats))]


def repeats(view: View, segments: np.ndarray, seed: int, settings: LimeSettings) -> list[Draw]:
    """One draw a seed. The superpixels stay: only the perturbation is drawn anew."""
    return [
        draw(view, segments, settings, np.random.RandomState(number)) for number in repeat_seeds(seed, settings.repeats)
    ]


def resampled(drawn: Draw, count: int, seed: int) -> list[Draw]:
    """`count` draws of as many samples as `drawn` has, taken from its own with replacement. The first, the whole image, is in each: every
    draw of LIME's has it."""
    n, made = len(drawn.data), []
    for number in range(count):
        others = np.random.RandomState(seed_from(seed, "resample", number)).randint(1, n, n - 1)
        rows = np.concatenate([[0], others])
        made.append(Draw(drawn.data[rows], drawn.probabilities[rows]))
    return made


@dataclass(frozen=True)
class Stability:
    """What the mask owes to the draw, and how much more with fewer samples or features.

    Attributes:
        surrogates: of each draw (`refit`); masks: theirs, (H, W) bool.
        jaccard_seeds: mean over pairs of masks; None with one draw, or where all are empty.
        jaccard_half_samples, jaccard_half_features: the same of masks from half of each draw's samples, and from half the features.
    """

    surrogates: Sequence[Surrogate]
    masks: Sequence[np.ndarray]
    jaccard_seeds: float | None
    jaccard_half_samples: float | None
    jaccard_half_features: float | None


def stability(segments: np.ndarray, draws: Sequence[Draw], target: int, settings: LimeSettings) -> Stability:
    """How far masks of different draws agree, as they are, with half the samples and with half the features.

    Each half is held against the same half of another draw, and not against the mask that it is part of. The halves cost no
    forward pass: they refit the first half of each draw's samples, or fewer features.
    """
    fewer = settings.model_copy(update={"num_features": max(1, settings.num_features // 2)})

    def masks_of(some: Iterable[Draw], own: LimeSettings) -> list[np.ndarray]:
        return [positive_mask(segments, refit(drawn, target, own), own.num_features) for drawn in some]

    surrogates = [refit(drawn, target, settings) for drawn in draws]
    masks = [positive_mask(segments, surrogate, settings.num_features) for surrogate in surrogates]
    several = draws if len(draws) > 1 else ()
    return Stability(
        surrogates=surrogates,
        masks=masks,
        jaccard_seeds=_mean_jaccard(masks),
        jaccard_half_samples=_mean_jaccard(masks_of(map(_first_half, several), settings)),
        jaccard_half_features=_mean_jaccard(masks_of(several, fewer)),
    )


def _first_half(drawn: Draw) -> Draw:
    count = max(2, len(drawn.data) // 2)
    return Draw(drawn.data[:count], drawn.probabilities[:count])


def _mean_jaccard(masks: Sequence[np.ndarray]) -> float | None:
    """Over pairs; None where there is none, or where all are empty."""
    between = [value for a, b in combinations(masks, 2) if (value := jaccard(a, b)) is not None]
    return float(np.mean(between)) if between else None
