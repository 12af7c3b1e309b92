"""When a claim is supported, contradicted or undecided: the only place where thresholds stand.

Every rule is symmetric: what would support a claim one way contradicts it the other way, and everything between is
undecided. `RULES` prints them in the report's appendix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reportgen.analysis.stats import Correlation, Paired, sign_test
from reportgen.report.document import Verdict

ALPHA = 0.05
SMALL_N = 20
# Of two measures with this rank correlation one explains half of the other's order (rho squared).
MOST_SHARED_RHO = 0.5**0.5
# So many at the end of `RULES` speak of everything that was said before.
CLOSING_RULES = 2
RULES = (
    "A paired claim (a is larger than b) is supported when the exact two-sided sign test over images has p < "
    f"{ALPHA:g} and the "
    "95 % bootstrap interval of the median difference lies above zero; it is contradicted when both hold below zero. Where "
    "several pairs are asked whether any differs, p must be below that divided by their number.",
    "A claim about a relation is supported when Spearman's rho has the claimed sign and its permutation p is "
    f"below {ALPHA:g}, divided by "
    "the number of relations that the claim is tested on; it is contradicted when the sign is the other one.",
    f"A claim about a majority of images is supported when the exact two-sided sign test has p < {ALPHA:g} and "
    "more images are for it "
    "than against it; it is contradicted when more are against it.",
    "A claim that any of several tests can decide is supported when at least one supports it and none contradicts it, contradicted "
    f"when at least one contradicts it and none supports it; p must then be below {ALPHA:g} divided by their number.",
    "A claim that says several things at once is supported when every part is supported, and contradicted when one part is.",
    "That a measure does not merely follow another is supported when the 95 % interval of Spearman's rho (Bonett and Wright, 2000) lies "
    f"below {MOST_SHARED_RHO:.2f}, where one explains half of the other's order, and contradicted when it lies above.",
    "Everything else is undecided. A claim whose evidence this run did not collect is not measured.",
    f"Fewer than {SMALL_N} images are called a small sample wherever a verdict rests on them.",
)


def rules_with(further: Iterable[str]) -> list[str]:
    """How verdicts are made: the rules of this module, and those that analyses have of their own before the closing ones."""
    return [*RULES[:-CLOSING_RULES], *further, *RULES[-CLOSING_RULES:]]


def of_paired(comparison: Paired, tests: int = 1) -> Verdict:
    """The claim is that the first is larger; `tests` comparisons share the error rate."""
    if comparison.p is None or comparison.p >= ALPHA / tests or comparison.ci is None:
        return "undecided"
    low, high = comparison.ci
    if low > 0 and comparison.wins > comparison.losses:
        return "supported"
    if high < 0 and comparison.losses > comparison.wins:
        return "contradicted"
    return "undecided"


def of_correlation(correlation: Correlation, claimed_sign: int, tests: int = 1) -> Verdict:
    """The claim is that rho has `claimed_sign` (+1 or -1); `tests` relations share the error rate."""
    if correlation.rho is None or correlation.p is None or correlation.p >= ALPHA / tests:
        return "undecided"
    return "supported" if correlation.rho * claimed_sign > 0 else "contradicted"


def of_independence(correlation: Correlation) -> Verdict:
    """The claim is that less than half of the order of one measure is explained by the other, in the same sense."""
    if correlation.ci is None:
        return "undecided"
    low, high = correlation.ci
    if high < MOST_SHARED_RHO:
        return "supported"
    return "contradicted" if low > MOST_SHARED_RHO else "undecided"


def of_majority(supporting: int, opposing: int, tests: int = 1) -> Verdict:
    """The claim is that more images are for it than against it; `tests` share the error rate."""
    p = sign_test(supporting, opposing)
    if p is None or p >= ALPHA / tests:
        return "undecided"
    return "supported" if supporting > opposing else "contradicted"


def of_all(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of a claim whose parts must all hold: one part that is contradicted sinks it, one that is open leaves it open."""
    if "contradicted" in verdicts:
        return "contradicted"
    return "supported" if set(verdicts) == {"supported"} else "undecided"


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of several tests of one claim; not measured where none was made."""
    made = [verdict for verdict in verdicts if verdict != "not measured"]
    if not made:
        return "not measured"
    supports, contradicts = "supported" in made, "contradicted" in made
    if supports != contradicts:
        return "supported" if supports else "contradicted"
    return "undecided"
