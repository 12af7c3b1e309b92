"""A trend of shares over ordered groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trend:
    """Whether a share rises or falls over ordered groups.

    Attributes:
        z: above zero where it rises; None where there is nothing to test.
        p: two-sided.
        rise: of the share from the first group to the last, along the line that fits the observations best; 0 without a z.
        n: observations in all groups.
    """

    z: float | None
    p: float | None
    n: int
    rise: float = 0.0

    @property
    def sign(self) -> int:
        """+1 where the share rises, -1 where it falls, else 0."""
        return int(np.sign(self.z or 0.0))


def cochran_armitage(successes: Sequence[int], totals: Sequence[int]) -> Trend:
    """The Cochran-Armitage test for a linear trend of a share (Cochran, 1954; Armitage, 1955), groups scored 1, 2, 3...

    With N observations and r the correlation of an observation's success with its group's score, z = r sqrt(N); p by the normal
    distribution. None where all observations are of one group, or all or none are successes.

    Raises:
        ValueError: groups of different number, or more successes than observations.
    """
    hits, sizes = np.asarray(successes, float), np.asarray(totals, float)
    if hits.shape != sizes.shape or (hits < 0).any() or (hits > sizes).any():
        raise ValueError(f"no shares: {list(successes)} of {list(totals)}")
    n = float(sizes.sum())
    share = hits.sum() / n if n else 0.0
    scores = np.arange(1, len(sizes) + 1, dtype=float)
    spread = (sizes * scores**2).sum() - (sizes * scores).sum() ** 2 / n if n else 0.0
    variance = share * (1 - share) * spread
    if variance <= 0:
        return Trend(None, None, int(n))
    from scipy.stats import norm

    slope = (scores * (hits - sizes * share)).sum()
    z = float(slope / np.sqrt(variance))
    return Trend(z, float(2 * norm.sf(abs(z))), int(n), float(slope / spread * (len(sizes) - 1)))
