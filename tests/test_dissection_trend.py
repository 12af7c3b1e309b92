"""The Cochran-Armitage test, against statsmodels and against the correlation over single units."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from reportgen.analyses.dissection.trend import cochran_armitage

CASES = [
    ((20, 27, 33, 24, 8), (64, 256, 512, 1024, 2048)),
    ((1, 5, 10, 20, 40), (100, 100, 100, 100, 100)),
    ((3, 0, 2), (7, 11, 400)),
    ((0, 4), (12, 12)),
]


@pytest.mark.parametrize(("successes", "totals"), CASES)
def test_z_squared_is_the_units_number_times_their_squared_correlation(
    successes: tuple[int, ...], totals: tuple[int, ...]
) -> None:
    groups = np.repeat(np.arange(len(totals)), totals)
    units = np.concatenate([[1] * s + [0] * (t - s) for s, t in zip(successes, totals, strict=True)])
    r = np.corrcoef(groups, units)[0, 1]
    found = cochran_armitage(successes, totals)
    assert found.z == pytest.approx(np.sqrt(len(units)) * r)
    assert found.p == pytest.approx(2 * norm.sf(np.sqrt(len(units)) * abs(r)))
    assert (found.n, found.sign) == (len(units), np.sign(r))
    slope = np.polyfit(groups, units, 1)[0]
    assert found.rise == pytest.approx(slope * (len(totals) - 1))


@pytest.mark.parametrize(("successes", "totals"), CASES)
def test_statsmodels_finds_the_same(successes: tuple[int, ...], totals: tuple[int, ...]) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    table = np.array([[t - s, s] for s, t in zip(successes, totals, strict=True)])
    theirs = tables.Table(table, shift_zeros=False).test_ordinal_association(col_scores=np.array([0, 1]))
    n = sum(totals)
    # Theirs divides by N - 1, ours, as Armitage does, by N.
    assert cochran_armitage(successes, totals).z == pytest.approx(theirs.zscore * np.sqrt(n / (n - 1)))


@pytest.mark.parametrize(
    ("successes", "totals"), [((0, 0), (5, 9)), ((5, 9), (5, 9)), ((2,), (5,)), ((), ()), ((2, 0), (5, 0))]
)
def test_without_a_difference_or_a_second_group_there_is_no_test(
    successes: tuple[int, ...], totals: tuple[int, ...]
) -> None:
    found = cochran_armitage(successes, totals)
    assert (found.z, found.p, found.sign, found.rise) == (None, None, 0, 0)


def test_more_successes_than_observations_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="no shares"):
        cochran_armitage((3, 1), (2, 5))
