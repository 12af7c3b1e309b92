"""The rules for verdicts that stood before the present ones, kept to be measured beside them.

A paired claim took the exact sign test and the bootstrap interval of the median both; what two masks share was held against the chance
level of their areas; no claim was corrected for the others, and copies counted as images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis.stats import Correlation, sign_test
from reportgen.report.document import Verdict

ALPHA = 0.05
MOST_SHARED_RHO = 0.5**0.5
# The report drew 9999; fewer change no verdict that is not at the edge of one.
RESAMPLES = 999


def of_paired(differences: np.ndarray, tests: int = 1) -> Verdict:
    """The claim is that the differences are positive: the sign test and the bootstrap interval of the median must both say so."""
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    p = sign_test(wins, losses)
    if p is None or p >= ALPHA / tests or len(differences) < 3:
        return "undecided"
    draws = np.random.default_rng(0).integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.quantile(np.median(differences[draws], axis=1), [0.025, 0.975])
    if low > 0 and wins > losses:
        return "supported"
    return "contradicted" if high < 0 and losses > wins else "undecided"


def of_correlation(correlation: Correlation, claimed_sign: int, tests: int = 1) -> Verdict:
    """The claim is that rho has `claimed_sign`."""
    if correlation.rho is None or correlation.p is None or correlation.p >= ALPHA / tests:
        return "undecided"
    return "supported" if correlation.rho * claimed_sign > 0 else "contradicted"


def of_independence(correlation: Correlation) -> Verdict:
    """The claim is that less than half of the order of one measure is explained by the other: by the 95 % interval of rho."""
    if correlation.ci is None:
        return "undecided"
    low, high = correlation.ci
    if high < MOST_SHARED_RHO:
        return "supported"
    return "contradicted" if low > MOST_SHARED_RHO else "undecided"


def of_majority(supporting: int, opposing: int) -> Verdict:
    """The claim is that more images are for it than against it."""
    p = sign_test(supporting, opposing)
    if p is None or p >= ALPHA:
        return "undecided"
    return "supported" if supporting > opposing else "contradicted"


def of_overlap(iou: np.ndarray, chance: np.ndarray) -> Verdict:
    """The claim is that the IoU lies above the chance level of the areas on most images."""
    return of_majority(int((iou > chance).sum()), int((iou < chance).sum()))


def of_all(verdicts: Sequence[Verdict]) -> Verdict:
    """Every part must hold; one that is contradicted sinks the claim."""
    if "contradicted" in verdicts:
        return "contradicted"
    return "supported" if set(verdicts) == {"supported"} else "undecided"


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """Any of several tests decides; those that disagree leave the claim open."""
    supports, contradicts = "supported" in verdicts, "contradicted" in verdicts
    if supports != contradicts:
        return "supported" if supports else "contradicted"
    return "undecided"
