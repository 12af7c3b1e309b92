"""reportgen.analysis.verdicts: what one test says, and what several say together."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.analysis import rules, stats, verdicts, wording
from reportgen.analysis.sample_size import Pilot
from reportgen.analysis.verdicts import ALPHA, UNDECIDED, Decision, all_of, any_of
from reportgen.report.document import Verdict
from reportgen.settings.model import StatisticsSettings


def said(verdict: Verdict, p: float | None) -> Decision:
    return Decision(verdict, p, ((Pilot("shift", (1.0, 2.0)),),))


# --- one test -------------------------------------------------------------------------------------


def test_a_shift_must_be_of_interest_and_point_as_the_mean_does() -> None:
    clear = stats.shifted([0.1, 0.12, 0.09, 0.11, 0.13, 0.1, 0.08])
    assert verdicts.of_paired(clear, 0.05).verdict == "supported"
    assert verdicts.of_paired(clear, 0.2).verdict == "undecided"
    assert verdicts.of_paired(clear, 0.05, tests=4).verdict == "undecided", "2 of 128 patterns are not below 0.05 / 4"
    assert verdicts.of_paired(stats.shifted([-d for d in clear.differences]), 0.05).verdict == "contradicted"
    assert verdicts.of_paired(stats.shifted([0.0] * 7)).p is None


def test_a_pairing_is_supported_above_contradicted_below_and_open_between() -> None:
    rng = np.random.default_rng(0)
    noise = 0.02 * rng.standard_normal((12, 12))
    assert verdicts.of_pairing(stats.pairing_test(noise + 0.1 * np.eye(12)), 0.02).verdict == "supported"
    assert verdicts.of_pairing(stats.pairing_test(noise - 0.1 * np.eye(12)), 0.02).verdict == "contradicted"
    assert verdicts.of_pairing(stats.pairing_test(noise + 0.1 * np.eye(12)), 0.2).verdict == "contradicted"
    assert verdicts.of_pairing(stats.pairing_test(noise + 0.025 * np.eye(12)), 0.02).verdict == "supported"
    assert verdicts.of_pairing(stats.pairing_test(noise + 0.015 * np.eye(12)), 0.02).verdict == "undecided"
    few = verdicts.of_pairing(stats.pairing_test(np.eye(5)))
    assert (few.verdict, few.p) == ("undecided", None)
    assert "6" in few.needs


def test_that_a_pairing_adds_too_little_is_said_no_more_often_than_it_may_be() -> None:
    """What one image has over others is exactly the smallest effect; large masks overlap more with everything, own or not."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(500):
        matrix = rng.normal(0, 0.1, (14, 14)) + rng.normal(0, 0.1, (14, 1)) + rng.normal(0, 0.1, 14) + 0.02 * np.eye(14)
        wrong += verdicts.of_pairing(stats.pairing_test(matrix), 0.02).verdict == "contradicted"
    assert wrong / 500 < 0.07


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.001, -0.001, 0.002, -0.002, 0.0005, 0.001, -0.001, -0.0005], "supported"),
        ([0.05, 0.06, 0.04, 0.05, 0.07, 0.05, 0.06, 0.05], "contradicted"),
        ([-0.05, -0.06, -0.04, -0.05, -0.07, -0.05, -0.06, -0.05], "contradicted"),
        ([0.05, -0.06, 0.04, -0.05, 0.07, -0.05, 0.06, -0.05], "undecided"),
        # Shown not to be zero, and by too little to be of interest: that they are equal stands.
        ([0.005, 0.006, 0.004, 0.005, 0.007, 0.005, 0.006, 0.005], "supported"),
        # Not zero and beyond the margin, which is not shown to be exceeded: the paired rule decides.
        ([0.011, 0.009, 0.012, 0.013, 0.008, 0.014, 0.011, 0.012], "contradicted"),
        ([0.001, -0.001], "undecided"),
        ([0.05, -0.02, 0.06, -0.03, 0.05], "undecided"),
    ],
)
def test_equivalence_is_shown_and_never_assumed(differences: list[float], verdict: Verdict) -> None:
    found = verdicts.of_equivalence(stats.shifted(differences), 0.01)
    assert found.verdict == verdict
    assert found.p is not None and (found.p < ALPHA) == (verdict != "undecided")
    if verdict == "undecided":
        # Beyond the margin more images would contradict, within it they would support: what they are planned from differs.
        beyond = abs(np.mean(differences)) >= 0.01
        assert (found.against, len(found.pilots)) == ((True, 1) if beyond else (False, 2))


def test_independence_is_shown_and_never_assumed() -> None:
    def at(rho: float, n: int) -> Decision:
        return verdicts.of_independence(stats.Correlation(rho, None, n, exact=False), 0.5)

    assert at(0.0, 100).verdict == "supported"
    assert at(0.0, 10).verdict == "undecided"
    assert at(0.8, 100).verdict == "contradicted"
    assert at(-0.8, 100).verdict == "contradicted"
    assert at(0.5, 10_000).verdict == "undecided"
    constant, few = (verdicts.of_independence(stats.Correlation(None, None, n, exact=True), 0.5) for n in (10, 3))
    assert (constant.verdict, constant.p, few.verdict, few.p) == ("undecided", None, "undecided", None)
    assert "does not vary" in constant.needs
    assert "at least 6" in few.needs


# --- several tests --------------------------------------------------------------------------------


def test_all_parts_must_hold_and_the_weakest_counts() -> None:
    both = all_of([said("supported", 0.001), said("supported", 0.03)])
    assert (both.verdict, both.p) == ("supported", 0.03)
    one_open = all_of([said("supported", 0.001), said("undecided", 0.3)])
    assert (one_open.verdict, one_open.p) == ("undecided", 0.3)
    assert len(one_open.pilots) == 1, "only the open part asks for more images"


def test_one_part_sinks_a_claim_at_its_p_times_the_parts() -> None:
    sunk = all_of([said("supported", 0.001), said("contradicted", 0.02)])
    assert (sunk.verdict, sunk.p) == ("contradicted", 0.04)
    weak = all_of([said("supported", 0.001), said("contradicted", 0.03)])
    assert weak.verdict == "undecided"


def test_a_claim_that_can_only_be_contradicted_is_tested_whatever_it_says() -> None:
    """Else the claims that are corrected for one another would depend on what they say."""
    open_part = Decision("undecided", needs="It takes masks.")
    for part, verdict, p in (
        (said("contradicted", 0.01), "contradicted", 0.02),
        (said("contradicted", 0.04), "undecided", 0.08),
        (said("undecided", 0.3), "undecided", 1.0),
        (said("supported", 0.001), "undecided", 1.0),
    ):
        found = all_of([part, open_part])
        assert (found.verdict, found.p) == (verdict, p)
        assert not (verdict == "undecided" and found.pilots), "images alone would not decide it"
    assert all_of([open_part, UNDECIDED]) == open_part
    assert all_of([said("undecided", 0.3), open_part]).needs == "It takes masks."


def test_any_test_decides_and_disagreement_leaves_it_open() -> None:
    one = any_of([said("supported", 0.01), said("undecided", 0.4)])
    assert (one.verdict, one.p) == ("supported", 0.02)
    assert any_of([said("supported", 0.01), said("contradicted", 0.01)]).verdict == "undecided"
    assert any_of([Decision("not measured"), said("contradicted", 0.04)]) == said("contradicted", 0.04)
    assert any_of([]).verdict == any_of([Decision("not measured")]).verdict == "not measured"
    assert len(any_of([said("undecided", 0.5), said("undecided", 0.4)]).pilots[0]) == 2, "either may decide"


def test_the_p_of_a_decided_claim_is_of_the_tests_that_decide_it() -> None:
    """A tiny p of an effect that is none of interest must not carry the weak test beside it through the correction."""
    found = any_of([said("undecided", 1e-6), said("supported", 0.02)])
    assert (found.verdict, found.p) == ("supported", 0.04)


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
@pytest.mark.parametrize("dependent", [False, True])
@pytest.mark.parametrize("combine", [all_of, any_of])
def test_several_tests_together_are_wrong_no_more_often_than_their_p_says(
    parts: int, dependent: bool, combine: object
) -> None:
    """Where nothing is there, the share of claims that are decided with p below a level is at most that level."""
    rng, count = np.random.default_rng(parts), 4000
    p = rng.random((count, 1 if dependent else parts)) * np.ones((1, parts))
    positive = rng.random((count, 1 if dependent else parts)) < 0.5
    positive = positive & np.ones((1, parts), bool)
    tests = parts if combine is any_of else 1
    decided = []
    for row, signs in zip(p.tolist(), positive.tolist(), strict=True):
        made = [
            Decision("undecided" if q >= ALPHA / tests else "supported" if up else "contradicted", q)
            for q, up in zip(row, signs, strict=True)
        ]
        found = combine(made)  # type: ignore[operator]
        decided.append((found.verdict != "undecided", found.p))
    for level in (0.05, 0.01):
        wrong = np.mean([verdict and q < level for verdict, q in decided])
        small = np.mean([q < level for _, q in decided])
        allowed = level + 3 * np.sqrt(level / count)
        assert wrong <= allowed
        assert small <= allowed, "nor do undecided claims take the place of others in the correction"


def test_the_rules_print_the_numbers_in_force() -> None:
    settings = StatisticsSettings(area=0.031, shared=0.6, fold_near=True)
    text = " ".join(rules.rules_with(settings, ["A rule of an analysis."]))
    for words in (
        f"{ALPHA:g}",
        "3.1 %",
        "±0.6",
        "36 %",
        wording.whole(stats.PAIRINGS),
        wording.whole(stats.FLIPS),
        "A rule of an analysis.",
    ):
        assert words in text
    assert text.index("A rule of an analysis.") < text.index("Everything else is undecided")
    assert "fold_near = true" not in text
    assert "fold_near = true" in " ".join(rules.rules(StatisticsSettings()))
