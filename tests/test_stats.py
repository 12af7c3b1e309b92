"""Small-sample statistics against brute force, scipy and statsmodels."""

from itertools import permutations, product
from math import factorial

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from reportgen.analysis import stats
from reportgen.analysis.stats import (
    Correlation,
    equivalence,
    hodges_lehmann,
    holm,
    paired,
    pairing_test,
    rho_equivalence,
    rho_interval,
    sign_flips,
    sign_test,
    spearman,
)


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


def test_random_orders_are_orders_however_many_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "ORDERED_AT_ONCE", 50)
    made = list(stats._orders(7, 30, 0))
    assert [len(rows) for rows in made] == [7, 7, 7, 7, 2]
    orders = np.concatenate(made)
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert len(np.unique(orders, axis=0)) > 25


# --- sign flips -----------------------------------------------------------------------------------

SAMPLES = {
    "all of one sign": [0.1, 0.4, 0.2, 0.9, 0.3, 0.5],
    "mixed": [0.5, -0.2, 1.1, 0.7, -0.1, 0.3, 0.9, -0.6],
    "ties": [1, 1, -1, 1, 2, -2, 1, 1, 1],
    "zeros": [0.0, 0.0, 0.4, -0.1, 0.7, 0.2],
    "all zero": [0.0, 0.0, 0.0],
    "tenths": [0.1, 0.2, -0.3, 0.1, 0.2, 0.3, -0.1],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sign_flips_are_scipys_permutation_test_of_one_sample(name: str) -> None:
    values = np.array(SAMPLES[name], float)
    found = sign_flips(values)
    assert found.exact
    for ours, alternative in ((found.p, "two-sided"), (found.greater, "greater"), (found.less, "less")):
        # scipy compares sums as they come; of whole numbers they are exact.
        theirs = scipy_stats.permutation_test(
            (np.round(values * 10),), np.sum, permutation_type="samples", n_resamples=np.inf, alternative=alternative
        )
        assert ours == pytest.approx(theirs.pvalue), alternative


def test_sign_flips_count_every_pattern_of_signs() -> None:
    values = np.random.default_rng(2).normal(0.4, 1, 11)
    means = np.array([np.mean(signs * values) for signs in product((1, -1), repeat=11)])
    found = sign_flips(values)
    assert found.p == pytest.approx(np.mean(np.abs(means) >= abs(values.mean()) - 1e-12))
    assert found.greater == pytest.approx(np.mean(means >= values.mean() - 1e-12))
    assert found.less == pytest.approx(np.mean(means <= values.mean() + 1e-12))


@pytest.mark.parametrize("shift", [0.0, 0.4, -0.8])
def test_drawn_flips_are_seeded_and_near_the_exact_ones(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(7).normal(shift, 1, 14)
    exact = sign_flips(values)
    monkeypatch.setattr(stats, "EXACT_FLIPS_UP_TO", 4)
    drawn = sign_flips(values, seed=1)
    assert not drawn.exact
    assert drawn == sign_flips(values, seed=1) != sign_flips(values, seed=2)
    for name in ("p", "greater", "less"):
        assert getattr(drawn, name) == pytest.approx(getattr(exact, name), abs=0.006)


def test_one_difference_says_nothing() -> None:
    assert sign_flips([0.3]).p == 1
    assert sign_flips([0.3]).greater == 0.5
    with pytest.raises(ValueError, match="no difference"):
        sign_flips([])


def test_the_observed_signs_count_among_the_drawn_ones() -> None:
    """No p of zero: 40 differences of one sign are never drawn, and yet they were seen."""
    found = sign_flips(np.ones(40))
    assert found.greater == 1 / (stats.FLIPS + 1)
    assert found.less == 1


def test_the_normal_limit_is_near_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).exponential(1, 1200) - 0.95
    limit = sign_flips(values)
    monkeypatch.setattr(stats, "FLIPS_DRAWN_UP_TO", 2000)
    drawn = sign_flips(values)
    assert limit != drawn
    for name in ("p", "greater", "less"):
        assert getattr(limit, name) == pytest.approx(getattr(drawn, name), abs=0.006)


# --- paired comparisons ---------------------------------------------------------------------------


def test_paired_counts_ties_in_neither_side() -> None:
    found = paired([3, 2, 1, 5], [1, 2, 2, 1])
    assert (found.wins, found.losses, found.n) == (2, 1, 4)
    assert found.differences == (2, 0, -1, 4)
    # The means of two of -1, 0, 2 and 4 are -1, -0.5, 0, 0.5, 1, 1.5, 2, 2, 3 and 4.
    assert found.shift == 1.25
    assert found.p == sign_flips([2, 0, -1, 4]).p


def test_pairs_that_are_all_tied_have_no_p() -> None:
    found = paired([1, 2, 3], [1, 2, 3])
    assert (found.p, found.shift, found.ci) == (None, 0, None)
    with pytest.raises(ValueError, match="no pairs"):
        paired([], [])
    with pytest.raises(ValueError, match="different length"):
        paired([1], [1, 2])


@pytest.mark.parametrize("n", [6, 7, 9, 12, 18, 30, 50])
def test_the_interval_of_the_shift_inverts_the_signed_rank_test(n: int) -> None:
    """A shift lies inside where Wilcoxon's exact test of the differences less that shift has p above 0.05."""
    values = np.random.default_rng(n).normal(0.3, 1, n)
    shift, ci = hodges_lehmann(values)
    means = np.sort([(a + b) / 2 for i, a in enumerate(values) for b in values[i:]])
    assert shift == pytest.approx(np.median(means))
    assert ci is not None
    between = np.concatenate([[means[0] - 1], (means[1:] + means[:-1]) / 2, [means[-1] + 1]])
    # Near the ends is where it is decided; the middle would only cost time.
    near = [theta for theta in between if min(abs(theta - ci[0]), abs(theta - ci[1])) < 0.25] or list(between)
    for theta in near:
        p = scipy_stats.wilcoxon(values - theta, method="exact").pvalue
        assert (ci[0] < theta < ci[1]) == (p > 0.05), theta


def test_five_differences_have_no_interval() -> None:
    assert hodges_lehmann(np.array([1.0, 2, 3, 4, 5]))[1] is None


def test_the_interval_by_the_normal_approximation_is_the_exact_one_within_two_ranks() -> None:
    for n in (51, 80, 150):
        k = stats._signed_rank_quantile(n)
        assert k is not None
        counts = np.array([1.0])
        for rank in range(1, n + 1):
            counts = np.convolve(counts, np.eye(1, rank + 1)[0] / 2 + np.eye(1, rank + 1, rank)[0] / 2)
        below = np.cumsum(counts)
        exact = int((below <= 0.025).sum())
        assert 0 <= exact - k <= 2, "never narrower than the exact interval"


def test_of_many_differences_drawn_means_stand_for_all() -> None:
    values = np.random.default_rng(0).exponential(1, 1500)
    shift, ci = hodges_lehmann(values)
    first, second = np.triu_indices(1500)
    means = np.sort((values[first] + values[second]) / 2)
    low, high = np.round(len(means) / 2 + np.array([-1, 1]) * 1.96 * np.sqrt(1500 * 1501 * 3001 / 24)).astype(int)
    assert ci is not None
    assert shift == pytest.approx(np.median(means), abs=0.004)
    assert ci == pytest.approx((means[low], means[high]), abs=0.008)
    assert hodges_lehmann(values) == (shift, ci)


# --- equivalence ----------------------------------------------------------------------------------


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    values = np.random.default_rng(1).normal(0.02, 0.1, 9)
    signs = np.array(list(product((1, -1), repeat=9)))
    above, below = values + 0.1, values - 0.1
    p_above = np.mean((signs * above).mean(axis=1) >= above.mean() - 1e-12)
    p_below = np.mean((signs * below).mean(axis=1) <= below.mean() + 1e-12)
    assert equivalence(values, 0.1) == pytest.approx(max(p_above, p_below))


@pytest.mark.parametrize("mean", [0.0, 0.15, 0.3, 0.6])
def test_equivalence_of_many_is_near_the_t_test(mean: float) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(mean, 1, 80), rng.normal(0, 1, 80)
    theirs = ttost_paired(a, b, -0.4, 0.4)[0]
    assert equivalence(a - b, 0.4) == pytest.approx(theirs, abs=0.01)


def test_a_correlation_within_limits_is_one_whose_90_percent_interval_is() -> None:
    for rho, n in product((-0.45, -0.2, 0.0, 0.1, 0.3, 0.42, 0.6, 0.9), (8, 20, 60, 300)):
        found = rho_equivalence(Correlation(rho, None, n, exact=False), 0.5)
        assert found is not None
        half = 1.6448536 * np.sqrt((1 + rho**2 / 2) / (n - 3))
        low, high = np.tanh(np.arctanh(rho) + np.array([-half, half]))
        assert (found[0] < 0.05) == (low > -0.5 and high < 0.5)
        assert (found[1] < 0.05) == (low > 0.5 or high < -0.5)


def test_a_correlation_at_the_limit_is_called_neither_more_often_than_it_may() -> None:
    rng, n, r = np.random.default_rng(0), 30, 2 * np.sin(np.pi * 0.5 / 6)  # Spearman's rho is then 0.5
    within, beyond = [], []
    for _ in range(1500):
        x, noise = rng.standard_normal((2, n))
        rho = scipy_stats.spearmanr(x, r * x + np.sqrt(1 - r * r) * noise).statistic
        p = rho_equivalence(Correlation(rho, None, n, exact=False), 0.5)
        assert p is not None
        within.append(p[0] < 0.05)
        beyond.append(p[1] < 0.05)
    assert np.mean(within) < 0.07
    assert np.mean(beyond) < 0.07


def test_that_a_correlation_is_not_zero_is_two_sided() -> None:
    """At a limit of zero it lies beyond on either side."""
    found = rho_equivalence(Correlation(0.3, None, 40, exact=False), 0.0)
    assert found is not None
    z = np.arctanh(0.3) / np.sqrt((1 + 0.045) / 37)
    assert found == pytest.approx((scipy_stats.norm.cdf(z), 2 * scipy_stats.norm.sf(z)))


def test_a_perfect_or_unknown_correlation() -> None:
    assert rho_equivalence(Correlation(1.0, 0.0, 10, exact=True), 0.5) == (1, 0)
    # Of four images one order in twelve is perfect by chance: that is no proof.
    assert rho_equivalence(spearman([1, 2, 3, 4], [1, 2, 3, 4]), 0.5) is None
    six = spearman(range(6), range(6))
    assert rho_equivalence(six, 0.5) == (1, six.p)
    assert rho_equivalence(Correlation(None, None, 10, exact=True), 0.5) is None
    assert rho_equivalence(Correlation(0.5, 1.0, 3, exact=True), 0.5) is None


# --- the pairing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 7])
def test_a_pairing_is_held_against_every_other(n: int) -> None:
    matrix = np.random.default_rng(n).random((n, n)) + 0.3 * np.eye(n)
    own = sum(matrix[i, i] for i in range(n)) / n
    reached = 0
    for order in permutations(range(n)):
        reached += sum(matrix[i, j] for i, j in enumerate(order)) / n >= own - 1e-12
    found = pairing_test(matrix)
    assert found.exact
    assert found.p == pytest.approx(reached / factorial(n))


def test_a_pairing_of_equal_things_has_p_one() -> None:
    assert pairing_test(np.ones((6, 6))).p == 1
    assert pairing_test(np.ones((20, 20))).p == 1


def test_drawn_pairings_are_seeded_and_near_all_of_them() -> None:
    matrix = np.random.default_rng(1).random((8, 8)) + 0.2 * np.eye(8)
    every = matrix[np.arange(8), np.array(list(permutations(range(8))))].mean(axis=1)
    found = pairing_test(matrix, seed=3)
    assert not found.exact
    assert found == pairing_test(matrix, seed=3)
    assert found.p == pytest.approx(np.mean(every >= found.own - 1e-12), abs=0.015)
    assert found.p != pairing_test(matrix, seed=4).p


def test_the_observed_pairing_counts_among_the_drawn_ones() -> None:
    assert pairing_test(np.eye(30)).p == 1 / (stats.PAIRINGS + 1)


def test_the_rest_of_the_pairing_is_what_differs_from_other_images() -> None:
    matrix = np.random.default_rng(5).random((4, 4))
    found = pairing_test(matrix)
    assert found.p is None
    assert pairing_test(matrix[:1, :1]).other is None
    beside = [matrix[i, j] for i in range(4) for j in range(4) if i != j]
    assert (found.own, found.other) == pytest.approx((np.trace(matrix) / 4, np.mean(beside)))
    for i, difference in enumerate(found.differences):
        shared = [matrix[i, j] for j in range(4) if j != i] + [matrix[j, i] for j in range(4) if j != i]
        assert difference == pytest.approx(matrix[i, i] - np.mean(shared))
    assert np.mean(found.differences) == pytest.approx(found.own - found.other)


def test_a_common_bias_alone_gives_every_p_alike() -> None:
    """Rows and columns of their own level, as of large masks and central ones, and no relation: p is uniform."""
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        found = pairing_test(rng.random((9, 9)) + rng.random((9, 1)) + rng.random(9))
        p.append(found.p)
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) < 0.05) < 0.085


# --- many claims ----------------------------------------------------------------------------------


def test_holm_is_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 20):
        p = rng.beta(0.3, 2, count)
        p[: count // 2] = p[count // 2 : 2 * (count // 2)]  # ties
        assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]


def test_sign_test_is_the_binomial() -> None:
    assert sign_test(10, 0) == pytest.approx(2 / 2**10)
    assert sign_test(0, 0) is None
