"""Statistics of small samples: exact where that is possible, seeded where it is not.

Every function says what n it saw; none turns a small sample into a firm statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXACT_UP_TO = 12
RESAMPLES = 9999
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation and its two-sided permutation p; both None where a side is constant or n < 3.

    Attributes:
        exact: whether p is over all pairings.
        ci: 95 % interval of rho; None where rho is, and for n < 4.
    """

    rho: float | None
    p: float | None
    n: int
    exact: bool
    ci: tuple[float, float] | None = None


@dataclass(frozen=True)
class Paired:
    """A paired comparison: the median of the differences, its bootstrap interval, and the exact sign test.

    Attributes:
        wins, losses: pairs with a positive and a negative difference; ties count in neither.
        p: two-sided sign test on wins and losses; None where every pair is tied.
        ci: 95 % percentile bootstrap interval of the median difference; None where n < 3.
    """

    median: float
    ci: tuple[float, float] | None
    wins: int
    losses: int
    p: float | None
    n: int


def spearman(x: Sequence[float], y: Sequence[float], seed: int = 0) -> Correlation:
    """Rank correlation (ties share their mean rank) of two equally long samples.

    p is the share of all pairings whose |rho| is at least the observed one: all n! of them up to n = 12 (by dynamic
    programming over subsets), 9999 seeded ones beyond.

    Raises:
        ValueError: the samples differ in length.
    """
    if len(x) != len(y):
        raise ValueError(f"samples of different length: {len(x)} and {len(y)}")
    n = len(x)
    if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(None, None, n, exact=True)
    from scipy.stats import rankdata

    # Twice the ranks: ties make halves, and whole numbers compare exactly.
    a, b = ((2 * rankdata(values)).astype(int) for values in (x, y))
    observed = int(a @ b)
    centre = n * a.mean() * b.mean()
    rho = (observed - centre) / np.sqrt(((a - a.mean()) ** 2).sum() * ((b - b.mean()) ** 2).sum())
    if n <= EXACT_UP_TO:
        counts = _pairing_sums(a, b)
        sums = np.arange(len(counts))
        extreme = np.abs(sums - centre) >= abs(observed - centre) - 1e-9
        p = float(counts[extreme].sum() / counts.sum())
    else:
        rng = np.random.default_rng(seed)
        drawn = np.array([a @ rng.permutation(b) for _ in range(RESAMPLES)])
        extreme = np.abs(drawn - centre) >= abs(observed - centre) - 1e-9
        p = float((extreme.sum() + 1) / (RESAMPLES + 1))
    return Correlation(float(rho), p, n, exact=n <= EXACT_UP_TO, ci=rho_interval(float(rho), n))


def rho_interval(rho: float, n: int) -> tuple[float, float] | None:
    """95 % interval of Spearman's rho by Fisher's transformation, with the variance of Bonett and Wright (2000).

    Approximate; at n = 10 it is wide. None for n < 4.
    """
    if n < 4:
        return None
    if abs(rho) >= 1:
        return rho, rho
    from scipy.stats import norm

    half = norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    low, high = np.tanh(np.arctanh(rho) + np.array([-half, half]))
    return float(low), float(high)


def _pairing_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """counts[s]: how many of the n! pairings of `a` with `b` (whole numbers >= 0) have sum of products s."""
    n = len(a)
    most = int(np.sort(a) @ np.sort(b))
    counts = np.zeros((1 << n, most + 1))
    counts[0, 0] = 1
    for used in range(1, 1 << n):
        row = a[used.bit_count() - 1]  # the next value of a, once this many of b are used
        for j in range(n):
            if used >> j & 1:
                step = int(row * b[j])
                counts[used, step:] += counts[used ^ (1 << j), : most + 1 - step]
    values: np.ndarray = counts[-1]
    return values


def paired(a: Sequence[float], b: Sequence[float], seed: int = 0) -> Paired:
    """Compare a with b, pair by pair: positive means that a is larger.

    Raises:
        ValueError: no pairs, or samples of different length.
    """
    differences = np.asarray(a, float) - np.asarray(b, float)
    if len(differences) == 0:
        raise ValueError("no pairs to compare")
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return Paired(
        median=float(np.median(differences)),
        ci=bootstrap_median(differences, seed),
        wins=wins,
        losses=losses,
        p=sign_test(wins, losses),
        n=len(differences),
    )


def sign_test(wins: int, losses: int) -> float | None:
    """Exact two-sided p of as uneven a split under a fair coin; None where there is nothing to split."""
    if wins + losses == 0:
        return None
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


def bootstrap_median(values: np.ndarray, seed: int = 0) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of the median; None for fewer than three values."""
    if len(values) < 3:
        return None
    rng = np.random.default_rng(seed)
    medians = np.median(values[rng.integers(0, len(values), (RESAMPLES, len(values)))], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
