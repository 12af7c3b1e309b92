"""When a claim is supported, contradicted or undecided: the only place where levels of tests stand.

A test gives a `Decision`; those of the parts of a claim make the claim's. All of them together are corrected when every analysis
has spoken (`settled`), since the chance of a false verdict is one of the whole report. `reportgen.analysis.rules` prints what is in
force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reportgen.analysis import stats
from reportgen.analysis.sample_size import Pilot
from reportgen.analysis.stats import Correlation, Paired, Pairing, sign_test
from reportgen.report.document import Evidence, Finding, Verdict

ALPHA = 0.05
SMALL_N = 20


@dataclass(frozen=True)
class Decision:
    """What a test says.

    Attributes:
        verdict: at the level `ALPHA`, before claims are corrected for one another.
        p: of the test, or of the tests of a claim's parts together; None where there was none to make.
        pilots: for each part that has to be decided, the tests of which any can decide it: what the number of images is planned
            from.
        needs: what would let an undecided claim be tested, in a sentence, where that is not a number of images.
        against: whether what was observed points against the claim.
    """

    verdict: Verdict
    p: float | None = None
    pilots: tuple[tuple[Pilot, ...], ...] = ()
    needs: str = ""
    against: bool = False


UNDECIDED = Decision("undecided")
AT_LEAST = f"It takes at least {stats.FEWEST_PAIRINGS} different images to test it."


class Claim(Finding):
    """A finding as its analysis makes it; `verdict` and `p` are not yet corrected for the other claims."""

    pilots: tuple[tuple[Pilot, ...], ...] = ()
    needs: str = ""


def claim(id: str, section: str, words: str, decision: Decision, text: str, evidence: Sequence[Evidence] = ()) -> Claim:
    """The claim called `id` of a section, decided."""
    return Claim(
        id=id,
        section=section,
        claim=words,
        verdict=decision.verdict,
        text=text,
        evidence=list(evidence),
        p=decision.p,
        pilots=decision.pilots,
        needs=decision.needs,
    )


def not_measured(id: str, section: str, words: str, text: str, evidence: Sequence[Evidence] = ()) -> Claim:
    """A claim whose evidence this run did not collect; `text` says what would."""
    return claim(id, section, words, Decision("not measured"), text, evidence)


# --- one test -------------------------------------------------------------------------------------


def of_paired(comparison: Paired, smallest: float = 0.0, tests: int = 1) -> Decision:
    """The claim is that the first is larger, by more than `smallest`; `tests` comparisons share the error rate."""
    pilots = ((Pilot("shift", comparison.differences, smallest, tests=tests),),)
    p, shift = comparison.p, comparison.shift
    # The shift is a median: one that points away from the mean, which the test is about, decides nothing.
    total = sum(comparison.differences)
    if p is None or p >= ALPHA / tests or abs(shift) <= smallest or shift * total <= 0:
        return Decision("undecided", p, pilots, against=shift < 0)
    return Decision("supported" if shift > 0 else "contradicted", p, pilots)


def of_pairing(found: Pairing, smallest: float = 0.0, tests: int = 1) -> Decision:
    """The claim is that things of one image fit better than those of two, by more than `smallest`.

    It is contradicted where the mean difference is shown to lie below `smallest`, by a one-sided sign-flip test.
    """
    if found.p is None or found.other is None:
        return Decision("undecided", needs=AT_LEAST)
    by = found.own - found.other
    if by > smallest:
        pilots = ((Pilot("shift", found.differences, smallest, sides=1, tests=tests),),)
        return Decision("supported" if found.p < ALPHA / tests else "undecided", found.p, pilots)
    below = tuple(smallest - difference for difference in found.differences)
    pilots = ((Pilot("shift", below, sides=1, tests=tests),),)
    none = stats.sign_flips(below).greater
    return Decision("contradicted" if none < ALPHA / tests else "undecided", none, pilots, against=True)


def of_correlation(correlation: Correlation, claimed_sign: int, smallest: float = 0.0, tests: int = 1) -> Decision:
    """The claim is that rho has `claimed_sign` (+1 or -1) and is larger than `smallest`; `tests` relations share the error rate."""
    rho, p = correlation.rho, correlation.p
    if rho is None or p is None:
        return _no_relation(correlation)
    pilots = ((Pilot("rho", (rho, float(correlation.n)), smallest, tests=tests),),)
    if p >= ALPHA / tests or abs(rho) <= smallest:
        return Decision("undecided", p, pilots, against=rho * claimed_sign < 0)
    return Decision("supported" if rho * claimed_sign > 0 else "contradicted", p, pilots)


def of_equivalence(comparison: Paired, margin: float) -> Decision:
    """The claim is that the mean difference lies within +- `margin`: two one-sided tests, never a p of no difference.

    It is contradicted where the paired comparison is decided: the mean is shown not to be zero, and the estimated shift is larger
    than `margin`.
    """
    apart = of_paired(comparison, margin)
    if apart.verdict != "undecided":
        return Decision("contradicted", apart.p, apart.pilots)
    within = stats.equivalence(comparison.differences, margin)
    if abs(sum(comparison.differences)) >= margin * comparison.n:
        return Decision("undecided", within, apart.pilots, against=True)
    # Both sides have to be shown.
    sides = [tuple(margin + sign * difference for difference in comparison.differences) for sign in (-1, 1)]
    pilots = tuple((Pilot("shift", side, sides=1),) for side in sides)
    return Decision("supported" if within < ALPHA else "undecided", within, pilots)


def of_independence(correlation: Correlation, limit: float) -> Decision:
    """The claim is that |rho| lies below `limit`: an equivalence test, never a p of no effect."""
    found = stats.rho_equivalence(correlation, limit)
    if found is None or correlation.rho is None:
        return _no_relation(correlation)
    within, above = found
    pilots = ((Pilot("rho within", (correlation.rho, float(correlation.n)), limit),),)
    verdict: Verdict = "supported" if within < ALPHA else "contradicted" if above < ALPHA else "undecided"
    beyond = abs(correlation.rho) > limit
    return Decision(verdict, above if beyond else within, pilots, against=beyond)


def _no_relation(correlation: Correlation) -> Decision:
    few = correlation.n < stats.FEWEST_PAIRINGS
    return Decision("undecided", needs=AT_LEAST if few else "What is related does not vary over these images.")


def of_majority(supporting: int, opposing: int, tests: int = 1) -> Decision:
    """The claim is that more images are for it than against it; `tests` share the error rate."""
    p = sign_test(supporting, opposing)
    if p is None:
        return UNDECIDED
    pilots = ((Pilot("share", (float(supporting), float(opposing)), tests=tests),),)
    if p >= ALPHA / tests:
        return Decision("undecided", p, pilots, against=supporting < opposing)
    return Decision("supported" if supporting > opposing else "contradicted", p, pilots)


# --- several tests of one claim -------------------------------------------------------------------


def all_of(parts: Sequence[Decision]) -> Decision:
    """A claim whose parts must all hold: supported where every part is (p is the largest), contradicted where one part is.

    For a contradiction any part can do it, so that its p is the smallest one times the number of parts. A claim with a part
    that could not be tested can only be contradicted; it has the p of that, decided or not, since which claims are corrected for
    must not depend on what they say.
    """
    if not parts or all(part.p is None for part in parts):
        return Decision("undecided", needs=_needs(parts))
    against = [part for part in parts if part.verdict == "contradicted" and part.p is not None]
    contradiction = min([1.0, *(len(parts) * part.p for part in against if part.p is not None)])
    if contradiction < ALPHA:
        return Decision("contradicted", contradiction, _any_group(against, len(parts)))
    if any(part.p is None for part in parts):
        return Decision("undecided", contradiction, needs=_needs(parts))
    p = max(part.p for part in parts if part.p is not None)
    pointing = [part for part in parts if part.against or part.verdict == "contradicted"]
    contrary = [part for part in pointing if not all(pilot.too_small for group in part.pilots for pilot in group)]
    if contrary:  # what was observed cannot support the claim, and any of these parts could contradict it
        return Decision("undecided", p, _any_group(contrary, len(parts)), against=True)
    still_open = tuple(group for part in parts if part.verdict != "supported" for group in part.pilots)
    if all(part.verdict == "supported" for part in parts):
        return Decision("supported", p, tuple(group for part in parts for group in part.pilots))
    return Decision("undecided", p, still_open)


def _needs(parts: Sequence[Decision]) -> str:
    return next((part.needs for part in parts if part.needs), "")


def _any_group(parts: Sequence[Decision], tests: int) -> tuple[tuple[Pilot, ...], ...]:
    """The pilots of parts of which any can decide, at a level that `tests` share."""
    pilots = tuple(
        replace(pilot, tests=pilot.tests * tests) for part in parts for group in part.pilots for pilot in group
    )
    return (pilots,) if pilots else ()


def any_of(parts: Sequence[Decision]) -> Decision:
    """A claim that any of several tests can decide, each made with `tests` their number; not measured where there is none.

    Tests that decide for it and against it leave it open. Where the claim is decided its p is of those tests that decide it: a
    smaller one of a test that leaves it open (its effect is none of interest) says nothing for the verdict.
    """
    made = [part for part in parts if part.verdict != "not measured"]
    if not made:
        return Decision("not measured")
    decided = {part.verdict for part in made} - {"undecided"}
    verdict: Verdict = decided.pop() if len(decided) == 1 else "undecided"
    known = [part.p for part in made if part.p is not None and verdict in ("undecided", part.verdict)]
    p = min(1.0, len(made) * min(known)) if known else None
    return Decision(verdict, p, _any_group(made, 1), "" if known else _needs(made))
