"""How many images would decide: held against statsmodels, the binomial, and the real tests on simulated samples of that size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.power import TTestPower

from reportgen.analysis import stats, verdicts
from reportgen.analysis.sample_size import MOST_IMAGES, POWER, Pilot, images_needed, power

ALPHA = 0.05
NORMAL = norm.ppf((np.arange(60) + 0.5) / 60)
NORMAL = NORMAL / NORMAL.std()


def shifted(by: float, smallest: float = 0.0, sides: int = 2) -> Pilot:
    return Pilot("shift", tuple(NORMAL + by), smallest, sides)


@pytest.mark.parametrize("effect", [0.25, 0.5, 0.8, 1.2])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 13])
@pytest.mark.parametrize(("sides", "alternative"), [(2, "two-sided"), (1, "larger")])
def test_a_shift_of_normal_differences_takes_what_statsmodels_says(
    effect: float, alpha: float, sides: int, alternative: str
) -> None:
    theirs = TTestPower().solve_power(effect, alpha=alpha, power=POWER, alternative=alternative)
    found = images_needed(shifted(effect, sides=sides), alpha)
    assert found is not None
    assert abs(found - theirs) <= max(2, 0.1 * theirs)


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.exponential(1, n) - 0.45


def near(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(0.5, 1, n)


@pytest.mark.parametrize(("draw", "smallest"), [(skewed, 0.0), (near, 0.0), (near, 0.37)])
def test_the_real_rule_decides_in_eight_of_ten_samples_of_that_size(draw: object, smallest: float) -> None:
    """Samples are drawn from the pilot's own differences. At a smallest effect of 0.37, close to the 0.44 of this pilot, the estimate
    has to get past it too, which takes more images than the test alone."""
    rng = np.random.default_rng(0)
    values = draw(rng, 40)  # type: ignore[operator]
    n = images_needed(Pilot("shift", tuple(values), smallest), ALPHA)
    assert n is not None
    decided = [
        verdicts.of_paired(stats.shifted(rng.choice(values, n)), smallest).verdict == "supported" for _ in range(400)
    ]
    assert 0.72 <= np.mean(decided) <= 0.9


@pytest.mark.parametrize("rho", [0.35, 0.6])
def test_the_real_correlation_decides_in_eight_of_ten_samples_of_that_size(rho: float) -> None:
    n = images_needed(Pilot("rho", (-rho, 20.0), 0.1), ALPHA)
    assert n is not None
    rng, r = (
        np.random.default_rng(1),
        2 * np.sin(np.pi * rho / 6),
    )  # Pearson's of a bivariate normal with that Spearman's
    decided = []
    for _ in range(400):
        x, noise = rng.standard_normal((2, n))
        found = verdicts.of_correlation(stats.spearman(x, -r * x + np.sqrt(1 - r * r) * noise), -1, 0.1)
        decided.append(found.verdict == "supported")
    assert 0.72 <= np.mean(decided) <= 0.88


@pytest.mark.parametrize(("rho", "verdict"), [(0.1, "supported"), (0.75, "contradicted")])
def test_the_real_equivalence_decides_in_eight_of_ten_samples_of_that_size(rho: float, verdict: str) -> None:
    n = images_needed(Pilot("rho within", (rho, 20.0), 0.5), ALPHA)
    assert n is not None
    rng, r = np.random.default_rng(2), 2 * np.sin(np.pi * rho / 6)
    x, noise = rng.standard_normal((2, 600, n))
    y = r * x + np.sqrt(1 - r * r) * noise
    ranks = [values.argsort(axis=1).argsort(axis=1) for values in (x, y)]
    decided = []
    for first, second in zip(*ranks, strict=True):
        found = float(np.corrcoef(first, second)[0, 1])
        decided.append(verdicts.of_independence(stats.Correlation(found, None, n, exact=False), 0.5).verdict == verdict)
    assert 0.74 <= np.mean(decided) <= 0.87


def test_a_pairing_of_that_size_is_decided() -> None:
    """The plan is by a one-sided test of the differences; the pairing is permuted."""
    rng = np.random.default_rng(3)

    def matrix(n: int) -> np.ndarray:
        made: np.ndarray = rng.random((n, n)) + 0.5 * rng.random((n, 1)) + 0.5 * rng.random(n) + 0.25 * np.eye(n)
        return made

    pilot = Pilot("shift", stats.pairing_test(matrix(300)).differences, 0.02, sides=1)
    n = images_needed(pilot, ALPHA)
    assert n is not None
    decided = [verdicts.of_pairing(stats.pairing_test(matrix(n)), 0.02).verdict == "supported" for _ in range(300)]
    assert np.mean(decided) >= 0.74


@pytest.mark.parametrize(("supporting", "opposing"), [(7, 3), (13, 11), (90, 10)])
def test_a_majority_takes_what_the_binomial_says(supporting: int, opposing: int) -> None:
    share = supporting / (supporting + opposing)
    found = images_needed(Pilot("share", (supporting, opposing)), ALPHA)
    assert found is not None

    def reaches(n: int) -> float:
        rejecting = [k for k in range(n // 2 + 1, n + 1) if 2 * binom.sf(k - 1, n, 0.5) < ALPHA]
        return float(binom.sf(rejecting[0] - 1, n, share)) if rejecting else 0.0

    assert reaches(found) >= POWER - 0.01
    assert reaches(int(found * 0.85)) < POWER, "not many more than needed, and fewer would not do"


def test_more_is_needed_for_less_and_for_a_stricter_level() -> None:
    for pilots in (
        [shifted(by) for by in (1.2, 0.8, 0.5, 0.3, 0.1)],
        [Pilot("rho", (rho, 20.0)) for rho in (0.9, 0.7, 0.5, 0.3, 0.1)],
        [Pilot("rho within", (rho, 20.0), 0.5) for rho in (0.0, 0.1, 0.3, 0.4)],
        [Pilot("share", (share, 100 - share)) for share in (90, 80, 70, 60)],
        [Pilot("shift", tuple(NORMAL + 0.5), tests=tests) for tests in (1, 3, 10)],
    ):
        needed = [images_needed(pilot, ALPHA) for pilot in pilots]
        assert all(needed)
        assert needed == sorted(needed, key=lambda n: n or 0)
        assert len(set(needed)) == len(needed)
    assert (images_needed(shifted(0.5), 0.05) or 0) < (images_needed(shifted(0.5), 0.001) or 0)


def test_the_power_grows_with_the_images() -> None:
    for pilot in (shifted(0.4), Pilot("rho", (0.4, 20.0), 0.1), Pilot("rho within", (0.2, 20.0), 0.5)):
        found = [power(pilot, n, ALPHA) for n in (6, 12, 25, 50, 100, 400)]
        assert found == sorted(found)
        assert found[-1] > 0.95


@pytest.mark.parametrize(
    "pilot",
    [
        shifted(0.1, smallest=0.2),
        shifted(-0.5, smallest=0.2, sides=1),
        shifted(0.001),
        Pilot("shift", (0.0,) * 8),
        Pilot("rho", (0.05, 20.0), 0.1),
        Pilot("rho within", (0.5, 20.0), 0.5),
        Pilot("share", (5.0, 5.0)),
    ],
)
def test_no_number_of_images_decides_what_is_none_of_interest_or_next_to_nothing(pilot: Pilot) -> None:
    assert images_needed(pilot, ALPHA) is None


@pytest.mark.parametrize(
    "pilot",
    [Pilot("shift", (1.0,)), Pilot("shift", (1.0, 1.1) * 2), Pilot("rho", (0.9, 5.0)), Pilot("share", (5.0, 0.0))],
)
def test_nothing_is_planned_from_fewer_than_six_images(pilot: Pilot) -> None:
    """One difference has no spread: any test planned from it would seem sure to decide."""
    assert pilot.too_few
    assert images_needed(pilot, ALPHA) is None


def test_a_level_that_few_signs_cannot_reach_takes_more_images() -> None:
    """However large the difference: 2 of 2^n patterns must be below the level."""
    sure = Pilot("shift", (1.0, 1.01, 1.02) * 2)
    assert images_needed(sure, 0.05) == 6
    assert images_needed(sure, 0.05 / 16) == 10
    assert images_needed(sure, 1e-5) == 18
    assert power(sure, MOST_IMAGES, 1e-9) == 1
