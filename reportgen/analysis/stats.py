"""Statistics of small samples: exact where that is possible, seeded where it is not.

Every function says what n it saw; none turns a small sample into a firm statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

EXACT_UP_TO = 12
RESAMPLES = 9999
PAIRINGS_DRAWN_UP_TO = 1000
CONFIDENCE = 0.95
EXACT_FLIPS_UP_TO = 16
FLIPS = 100_000
FLIPS_DRAWN_UP_TO = 1000
WALSH_DRAWN = 1_000_000
EXACT_PAIRINGS_UP_TO = 7
FEWEST_PAIRINGS = 6
PAIRINGS = 10_000
ORDERED_AT_ONCE = 1 << 20


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
class Flips:
    """What the signs of differences say of their mean when either sign is equally likely.

    Attributes:
        p: two-sided; greater, less: one-sided, that the mean lies above zero, and below.
        exact: whether every pattern of signs was counted.
    """

    p: float
    greater: float
    less: float
    exact: bool


@dataclass(frozen=True)
class Paired:
    """A paired comparison of a with b: positive where a is larger.

    Attributes:
        differences: a - b, one a pair.
        shift: the Hodges-Lehmann estimate, the median of the means of every two differences (each with itself as well).
        ci: its 95 % interval, by inverting Wilcoxon's signed-rank test; None where n is too small for one.
        wins, losses: pairs with a positive and a negative difference; ties count in neither.
        p: two-sided, of the sign-flip test of the mean difference; None where every pair is tied.
    """

    differences: tuple[float, ...]
    shift: float
    ci: tuple[float, float] | None
    wins: int
    losses: int
    p: float | None

    @property
    def n(self) -> int:
        return len(self.differences)


@dataclass(frozen=True)
class Pairing:
    """Whether things of one image belong together more than things of two images do.

    Attributes:
        own: mean of the matrix' diagonal; other: mean of everything beside it; None with a single image.
        differences: for each image its own value minus the mean of those that it shares with another image.
        p: one-sided, share of the pairings of a with b whose mean is at least `own`; None for fewer than 6 images.
        exact: whether every pairing was counted.
        others: for each image the mean of those that it shares with another image; empty with a single image.
    """

    own: float
    other: float | None
    differences: tuple[float, ...]
    p: float | None
    exact: bool
    others: tuple[float, ...] = ()

    @property
    def n(self) -> int:
        return len(self.differences)


def spearman(x: Sequence[float], y: Sequence[float], seed: int = 0) -> Correlation:
    """Rank correlation (ties share their mean rank) of two equally long samples.

    p is the share of all pairings whose |rho| is at least the observed one: all n! of them up to n = 12 (by dynamic
    programming over subsets), 9999 seeded ones up to n = 1000, and beyond that the normal limit of rho over all pairings, whose
    variance is 1 / (n - 1) (Hotelling and Pabst, 1936).

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
    elif n > PAIRINGS_DRAWN_UP_TO:
        from scipy.stats import norm

        p = float(2 * norm.sf(abs(rho) * np.sqrt(n - 1)))
    else:
        drawn = np.concatenate([b[order] @ a for order in _orders(n, RESAMPLES, seed)])
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


def _orders(n: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Seeded random orders of n things, `draws` rows in all, some at a time, so that memory stays small."""
    rng, most = np.random.default_rng(seed), max(1, ORDERED_AT_ONCE // n)
    for start in range(0, draws, most):
        yield rng.permuted(np.tile(np.arange(n), (min(most, draws - start), 1)), axis=1)


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
    if len(a) != len(b):
        raise ValueError(f"samples of different length: {len(a)} and {len(b)}")
    return shifted(np.asarray(a, float) - np.asarray(b, float), seed)


def shifted(differences: Sequence[float] | np.ndarray, seed: int = 0) -> Paired:
    """As `paired`, of differences that are there already.

    Raises:
        ValueError: there is none.
    """
    values = np.asarray(differences, float)
    if len(values) == 0:
        raise ValueError("no pairs to compare")
    shift, ci = hodges_lehmann(values, seed)
    return Paired(
        differences=tuple(values.tolist()),
        shift=shift,
        ci=ci,
        wins=int((values > 0).sum()),
        losses=int((values < 0).sum()),
        p=sign_flips(values, seed).p if values.any() else None,
    )


def sign_flips(differences: Sequence[float] | np.ndarray, seed: int = 0) -> Flips:
    """The sign-flip permutation test of the mean (Fisher, 1935; Ernst, 2004): is it zero, if each difference may have either sign?

    All 2^n patterns of signs up to n = 16, 100,000 seeded ones up to n = 1000 (the observed one counts among them), and
    beyond that the normal limit of their sum, whose variance is the sum of squares.

    Raises:
        ValueError: no difference.
    """
    values = np.asarray(differences, float)
    n, observed = len(values), float(values.sum())
    if n == 0:
        raise ValueError("no difference to flip")
    slack = 1e-9 * float(np.abs(values).sum())  # sums in another order differ in their last digits
    if n > FLIPS_DRAWN_UP_TO and values.any():
        from scipy.stats import norm

        z = observed / float(np.sqrt((values**2).sum()))
        return Flips(float(2 * norm.sf(abs(z))), float(norm.sf(z)), float(norm.cdf(z)), exact=False)
    exact = n <= EXACT_FLIPS_UP_TO
    sums = _all_sums(values) if exact else _drawn_sums(values, seed)
    counts = (
        (np.abs(sums) >= abs(observed) - slack).sum(),
        (sums >= observed - slack).sum(),
        (sums <= observed + slack).sum(),
    )
    added = 0 if exact else 1
    two, greater, less = ((int(count) + added) / (len(sums) + added) for count in counts)
    return Flips(two, greater, less, exact)


def _all_sums(values: np.ndarray) -> np.ndarray:
    """(2^n,): the sum of the values under every pattern of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sums(values: np.ndarray, seed: int) -> np.ndarray:
    """(FLIPS,): the sum of the values under seeded random signs."""
    n, rng = len(values), np.random.default_rng(seed)
    sums = np.empty(FLIPS)
    for start in range(0, FLIPS, 4096):
        rows = min(4096, FLIPS - start)
        bits = np.unpackbits(rng.integers(0, 256, (rows, -(-n // 8)), np.uint8), axis=1, count=n)
        sums[start : start + rows] = values.sum() - 2 * (bits @ values)
    return sums


def hodges_lehmann(values: np.ndarray, seed: int = 0) -> tuple[float, tuple[float, float] | None]:
    """The Hodges-Lehmann shift (1963) and its 95 % interval, by inverting Wilcoxon's signed-rank test.

    Of more than 1000 values a million seeded means of two stand for all of them.
    """
    n = len(values)
    if n <= FLIPS_DRAWN_UP_TO:
        first, second = np.triu_indices(n)
    else:
        first, second = np.random.default_rng(seed).integers(0, n, (2, WALSH_DRAWN))
    means = np.sort((values[first] + values[second]) / 2)
    shift, pairs = float(np.median(means)), n * (n + 1) // 2
    below = _signed_rank_quantile(n)
    if below is None:
        return shift, None
    cut = below if len(means) == pairs else round(below * len(means) / pairs)
    return shift, (float(means[cut - 1]), float(means[len(means) - cut]))


def _signed_rank_quantile(n: int) -> int | None:
    """The largest k for which the signed-rank sum of n is below k with a probability of at most 2.5 %; None where none is.

    Exact up to n = 50; then the normal approximation.
    """
    tail = (1 - CONFIDENCE) / 2
    if n > 50:
        from scipy.stats import norm

        return int(np.floor(n * (n + 1) / 4 + norm.ppf(tail) * np.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1
    for rank in range(1, n + 1):
        counts[rank:] += counts[:-rank].copy()
    reached = int((np.cumsum(counts) / 2.0**n <= tail).sum())
    return reached or None


def equivalence(differences: Sequence[float] | np.ndarray, margin: float, seed: int = 0) -> float:
    """p of the claim that the mean difference lies within +- margin: two one-sided sign-flip tests (Schuirmann, 1987)."""
    values = np.asarray(differences, float)
    return max(sign_flips(values - margin, seed).less, sign_flips(values + margin, seed).greater)


def rho_equivalence(correlation: Correlation, limit: float) -> tuple[float, float] | None:
    """p of the claim that |rho| lies below `limit` (two one-sided tests), and p of the claim that it lies above.

    By Fisher's transformation with the variance of Bonett and Wright (2000), and at |rho| = 1, where it knows no error, the
    permutation p; None where rho is undefined, or for fewer than 6 images.
    """
    rho, n = correlation.rho, correlation.n
    if rho is None or n < FEWEST_PAIRINGS:
        return None
    from scipy.stats import norm

    if abs(rho) >= 1:
        return 1.0, 1.0 if correlation.p is None else correlation.p
    error = np.sqrt((1 + rho**2 / 2) / (n - 3))
    above, below = ((np.arctanh(abs(rho)) - sign * np.arctanh(limit)) / error for sign in (1, -1))
    # At rho = limit a |rho| so large may come from either side; the farther one counts little, unless the limit is near zero.
    return float(max(norm.cdf(above), norm.sf(below))), float(norm.sf(above) + norm.sf(below))


def pairing_test(matrix: np.ndarray, seed: int = 0) -> Pairing:
    """Does a of an image fit b of the same image better than b of another? By permuting the pairing.

    p is the share of the pairings pi whose mean of matrix[i, pi(i)] is at least the observed one: all n! of them up to
    n = 7, else 10,000 seeded ones and the observed one. Below 6 images there is none.

    Args:
        matrix: (n, n), how well a of image i fits b of image j.
    """
    n = len(matrix)
    diagonal = np.diagonal(matrix)
    own = float(diagonal.mean())
    if n < 2:
        return Pairing(own, None, (0.0,) * n, None, exact=True)
    others = (matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * diagonal) / (2 * (n - 1))
    exact = n <= EXACT_PAIRINGS_UP_TO
    p = None
    if n >= FEWEST_PAIRINGS:
        rows = np.arange(n)
        if exact:
            means = matrix[rows, np.array(list(permutations(range(n))))].mean(axis=1)
        else:
            means = np.concatenate([matrix[rows, order].mean(axis=1) for order in _orders(n, PAIRINGS, seed)])
        added = 0 if exact else 1  # the observed pairing is among all of them
        p = (int((means >= own - 1e-12).sum()) + added) / (len(means) + added)
    return Pairing(own, float(others.mean()), tuple((diagonal - others).tolist()), p, exact, tuple(others.tolist()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p corrected for all of them (Holm, 1979): the chance of any false rejection stays below the level."""
    count = len(p_values)
    corrected, largest = [1.0] * count, 0.0
    for position, i in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (count - position) * p_values[i]))
        corrected[i] = largest
    return corrected


def sign_test(wins: int, losses: int) -> float | None:
    """Exact two-sided p of as uneven a split under a fair coin; None where there is nothing to split."""
    if wins + losses == 0:
        return None
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)
