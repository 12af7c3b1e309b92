"""Small-sample statistics against brute force and scipy."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from reportgen.analysis.stats import bootstrap_median, paired, rho_interval, sign_test, spearman


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_p_counts_every_pairing(ties: bool) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 4 if ties else 10_000, 6).astype(float)
    y = rng.integers(0, 4 if ties else 10_000, 6).astype(float)
    found = spearman(x, y)
    rho = scipy_stats.spearmanr(x, y).statistic
    every = [scipy_stats.spearmanr(x, list(shuffled)).statistic for shuffled in permutations(y)]
    assert found.rho == pytest.approx(rho)
    assert found.p == pytest.approx(np.mean(np.abs(every) >= abs(rho) - 1e-9))
    assert found.exact


def test_spearman_of_ten_is_significant_only_past_065() -> None:
    """docs/methods.md, Statistics: with n = 10, |rho| below 0.65 is not significant."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = spearman(rng.normal(size=10), rng.normal(size=10))
        assert found.rho is not None and found.p is not None
        assert (found.p < 0.05) == (abs(found.rho) > 0.64)


def test_spearman_of_many_is_seeded_and_near_scipy() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    y = x + rng.normal(size=40) * 2
    found = spearman(x, y)
    assert not found.exact
    assert found == spearman(x, y)
    assert found.p == pytest.approx(scipy_stats.spearmanr(x, y).pvalue, abs=0.01)


def test_constant_or_tiny_samples_have_no_correlation() -> None:
    assert spearman([1, 1, 1, 1], [1, 2, 3, 4]).rho is None
    assert spearman([1, 2], [2, 1]).p is None


def test_the_interval_of_rho_is_bonett_and_wrights() -> None:
    """Worked by hand: z = atanh(0.5) = 0.5493, standard error sqrt(1.125 / 17) = 0.2572."""
    assert rho_interval(0.5, 20) == pytest.approx((0.0451, 0.7832), abs=2e-4)
    assert rho_interval(-0.5, 20) == pytest.approx((-0.7832, -0.0451), abs=2e-4)
    assert (rho_interval(1.0, 5), rho_interval(-1.0, 5), rho_interval(0.9, 3)) == ((1, 1), (-1, -1), None)


def test_the_interval_of_rho_holds_it_about_as_often_as_it_says() -> None:
    """Spearman's rho of a bivariate normal is 6 / pi asin(r / 2) (Pearson, 1907)."""
    rng, r, hits = np.random.default_rng(0), 0.6, 0
    for _ in range(500):
        x, noise = rng.standard_normal((2, 20))
        rho = scipy_stats.spearmanr(x, r * x + np.sqrt(1 - r * r) * noise).statistic
        low, high = rho_interval(rho, 20) or (1, -1)
        hits += low <= 6 / np.pi * np.arcsin(r / 2) <= high
    assert 0.92 <= hits / 500 <= 0.98


def test_paired_counts_ties_in_neither_side() -> None:
    found = paired([3, 2, 1, 5], [1, 2, 2, 1])
    assert (found.wins, found.losses, found.n) == (2, 1, 4)
    assert found.median == 1.0
    assert found.p == pytest.approx(1.0)


def test_sign_test_is_the_binomial() -> None:
    assert sign_test(10, 0) == pytest.approx(2 / 2**10)
    assert sign_test(0, 0) is None


def test_bootstrap_interval_holds_the_median_of_a_wide_sample() -> None:
    values = np.random.default_rng(5).normal(2, 1, 200)
    interval = bootstrap_median(values)
    assert interval is not None
    assert interval[0] < np.median(values) < interval[1]
    assert interval == bootstrap_median(values)
    assert bootstrap_median(values[:2]) is None
