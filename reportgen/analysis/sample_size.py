"""How many images a test would take to decide an effect of the size that was observed, with power 0.8.

Differences are resampled from the observed ones; correlations and shares have the closed or exact form of their test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

POWER = 0.8
# Beyond so many images nobody is told to go.
MOST_IMAGES = 10_000
SIMULATIONS = 1000
MOST_VALUES = 100
FEWEST = 6


@dataclass(frozen=True)
class Pilot:
    """What a test saw that has not decided, so that a larger one can be planned.

    Attributes:
        kind: `shift`, of differences; `rho`, of a correlation; `rho within`, that |rho| lies below `smallest`, or above;
            `share`, of a majority.
        values: the differences; or (rho, n); or (for, against).
        smallest: the smallest effect of interest in the unit of the values; for `rho within` the limit.
        sides: of the test of a shift: 1 where it asks for a positive one alone.
        tests: so many share the error rate.
    """

    kind: Literal["shift", "rho", "rho within", "share"]
    values: tuple[float, ...]
    smallest: float = 0.0
    sides: int = 2
    tests: int = 1

    @property
    def n(self) -> int:
        """How many images it saw."""
        return {"shift": len(self.values), "share": int(sum(self.values))}.get(self.kind) or int(self.values[1])

    @property
    def too_few(self) -> bool:
        """Whether nothing can be planned from so few images: one difference has no spread at all."""
        return self.n < FEWEST

    @property
    def too_small(self) -> bool:
        """Whether the observed effect is none of interest, so that no number of images would decide."""
        if self.kind == "shift":
            shift = float(np.mean(self.values))
            return (shift if self.sides == 1 else abs(shift)) <= self.smallest
        if self.kind == "share":
            return self.values[0] == self.values[1]
        return self.kind == "rho" and abs(self.values[0]) <= self.smallest


def images_needed(pilot: Pilot, alpha: float) -> int | None:
    """The smallest number of images with which the test rejects at `alpha` in at least 80 of 100 samples.

    None where no number up to 10,000 does, where the effect is none of interest, or where too few images were seen to tell.
    """
    level = alpha / pilot.tests
    if pilot.too_few or pilot.too_small or power(pilot, MOST_IMAGES, level) < POWER:
        return None
    low, high = FEWEST - 1, FEWEST
    while power(pilot, high, level) < POWER:
        low, high = high, min(2 * high, MOST_IMAGES)
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if power(pilot, middle, level) >= POWER else (middle, high)
    return high


def power(pilot: Pilot, n: int, alpha: float) -> float:
    """The chance that the test decides at `alpha` with n images, if the observed effect is the true one."""
    if pilot.kind == "shift":
        return _of_shift(pilot, n, alpha)
    if pilot.kind == "share":
        return _of_share(pilot.values[0] / sum(pilot.values), n, alpha)
    return _of_rho(pilot, n, alpha)


def _of_shift(pilot: Pilot, n: int, alpha: float) -> float:
    """By the t-test of samples drawn from the differences, which the sign-flip test is close to; the mean has to be of interest too."""
    from scipy.stats import t

    values, sides = np.asarray(pilot.values), pilot.sides
    # The fewest patterns of signs that can reach the level: with less no difference is large enough.
    if sides * 0.5**n > alpha:
        return 0.0
    if len(values) > MOST_VALUES:
        values = np.quantile(values, (np.arange(MOST_VALUES) + 0.5) / MOST_VALUES)
    counts = np.random.default_rng(0).multinomial(n, np.full(len(values), 1 / len(values)), SIMULATIONS)
    mean = counts @ values / n * np.sign(values.sum())
    variance = np.maximum(counts @ values**2 / n - mean**2, 0) * n / max(n - 1, 1)
    statistic = mean / np.sqrt(np.maximum(variance, 1e-30) / n)
    return float(((statistic > t.isf(alpha / sides, n - 1)) & (mean > pilot.smallest)).mean())


def _of_share(share: float, n: int, alpha: float) -> float:
    from scipy.stats import binom

    most = max(share, 1 - share)
    needed = binom.isf(alpha / 2, n, 0.5) + 1  # so many of n reject a fair coin
    return float(binom.sf(needed - 1, n, most))


def _of_rho(pilot: Pilot, n: int, alpha: float) -> float:
    from scipy.stats import norm, t

    rho = min(abs(pilot.values[0]), 0.999)
    error = np.sqrt((1 + rho**2 / 2) / (n - 3))
    if pilot.kind == "rho":
        # The permutation p of a rank correlation is close to that of t with n - 2 degrees of freedom.
        critical = t.isf(alpha / 2, n - 2)
        least = max(critical / np.sqrt(n - 2 + critical**2), pilot.smallest)
        return float(norm.sf((np.arctanh(least) - np.arctanh(rho)) / error))
    limit = np.arctanh(pilot.smallest)
    upper = float(norm.sf(norm.isf(alpha) - abs(np.arctanh(rho) - limit) / error))
    if rho >= pilot.smallest:
        return upper
    # Within the limits both one-sided tests have to reject.
    return max(0.0, upper + float(norm.sf(norm.isf(alpha) - (np.arctanh(rho) + limit) / error)) - 1)
