"""Do the labels of units explain the predictions? D5 and D6, each decided on the run's data."""

from __future__ import annotations

import numpy as np

from reportgen.analysis import evidence, verdicts, wording
from reportgen.analysis.layer_words import words_of
from reportgen.analysis.stats import Paired
from reportgen.analysis.verdicts import Claim, Decision
from reportgen.report.document import Evidence
from reportgen.settings.model import StatisticsSettings

from ..dissection.result import UnitLabels
from .measured import REMOVED_CONCEPTS, Measured, RemovalTest

SECTION = "attribution"
CLAIMS = {
    "D5": "The labels of the units that carry a prediction are related to its class, more than by chance.",
    "D6": "Removing a concept's units takes more from its class than removing other units.",
}


def attribution_findings(measured: Measured, smallest: StatisticsSettings, permutations: int) -> list[Claim]:
    """Both claims.

    Args:
        smallest: the smallest effects of interest.
        permutations: of the labels, that were drawn.
    """
    if measured.labels is None:
        text = f"{measured.missing} Labels for its units (dissection.labels, or a probe set of its own) would let it be measured."
        return [verdicts.not_measured(id_, SECTION, words, text) for id_, words in CLAIMS.items()]
    unsettled = unsettling(measured.labels)
    return [
        labels_are_related(measured, smallest.share, unsettled, permutations),
        removal_removes_class(measured, smallest.probability, unsettled),
    ]


def unsettling(labels: UnitLabels) -> str:
    """Why nothing is decided on these labels, in a sentence; empty where there is no reason."""
    if labels.own_images:
        return (
            "The labels come from the very images that are explained: which label a unit has and what it adds to their logits come from "
            "the same activations, so that nothing is decided; labels from other images would."
        )
    if labels.exploratory:
        images = "few images" if labels.n_images is None else wording.count(labels.n_images, "probe image")
        return f"The labels are exploratory: they come from {images} and say more of those than of the units, so that nothing is decided."
    return ""


def labels_are_related(measured: Measured, smallest: float, unsettled: str, permutations: int) -> Claim:
    """D5: the share of the positive sum under labels related to the class, against permuted labels."""
    test = measured.test
    if test is None:
        return verdicts.not_measured("D5", SECTION, CLAIMS["D5"], "No unit adds to the logit of any image.")
    own, other = test.pairing.own, test.pairing.other or 0.0
    p = test.pairing.p
    drawn = (
        ""
        if p is None
        else f"; 97.5 % of {wording.whole(permutations)} permutations stay under {exact_percent(test.high)}, {wording.probability(p)}"
    )
    text = (
        f"{_first_order(measured)}Labels related to the class carry a mean of {exact_percent(own)} of the positive sum over "
        f"{wording.count(test.n, 'image')}{wording.small(test.n)}; permuted labels carry {exact_percent(other)}{drawn}. The other "
        f"{exact_percent(1 - own)} stand under labels that are not related to it, or under none."
    )
    numbers = [
        Evidence(
            name="related_share_mean",
            words="share of the positive sum under related labels, mean over images",
            value=own,
            unit="%",
            n=test.n,
            p=p,
            source="attribution",
        ),
        Evidence(
            name="related_share_permuted",
            words="the same for permuted labels, mean",
            value=other,
            unit="%",
            n=test.n,
            source="attribution-related",
        ),
    ]
    text, numbers = _with_strict(measured, text, numbers)
    decision = verdicts.of_pairing(test.pairing, smallest)
    if own - other <= smallest and not unsettled:
        shown = "is shown to be" if decision.verdict == "contradicted" else "is"
        text = (
            f"{text} What related labels have over permuted ones {shown} less than the smallest share of interest, "
            f"{exact_percent(smallest)}"
            + ("." if decision.p is None else f" (that it is less: {wording.probability(decision.p)}).")
        )
    return _claim("D5", decision, text, numbers, unsettled)


def _with_strict(measured: Measured, text: str, numbers: list[Evidence]) -> tuple[str, list[Evidence]]:
    """The same of those labels alone that fit better than chance."""
    test = measured.strict
    if test is None or test.pairing.other is None:
        return text, numbers
    own, other, p = test.pairing.own, test.pairing.other, test.pairing.p
    shown = "" if p is None else f" ({wording.probability(p)})"
    text = (
        f"{text} Counting those labels alone that fit their unit better than chance, related ones carry {exact_percent(own)}, permuted "
        f"ones {exact_percent(other)}{shown}."
    )
    number = Evidence(
        name="related_share_better_than_chance",
        words="share of the positive sum under related labels that fit better than chance, mean over images",
        value=own,
        unit="%",
        n=test.n,
        p=p,
        source="attribution",
    )
    return text, [*numbers, number]


def exact_percent(share: float) -> str:
    """A share in [0, 1] with one decimal: what labels have over permuted ones may be a matter of few percent."""
    return f"{100 * share:.1f} %"


def _first_order(measured: Measured) -> str:
    return "" if measured.exact else "The head is not linear, so the sums are of first order. "


def removal_removes_class(measured: Measured, smallest: float, unsettled: str) -> Claim:
    """D6: the drop of the probability, against random units and against the groups that permuted labels make."""
    if not measured.exact:
        text = (
            f"The head is not {words_of(measured.layer).linear_head}, so that the logits without some units do not follow from the "
            "weights: a pass "
            "through the head for every set of units would measure it."
        )
        return verdicts.not_measured("D6", SECTION, CLAIMS["D6"], text)
    test = measured.removal
    if test is None:
        return verdicts.not_measured("D6", SECTION, CLAIMS["D6"], "No label adds to the logit of an image.")
    text = f"{removal_sentence(measured, test)} {_compared(test)}"
    numbers = [
        evidence.shift(
            "drop_minus_matched_drop",
            "drop of probability when a label's units are removed, less that for random units of equal activation",
            test.matched,
            "attribution-removal",
        ),
        evidence.shift(
            "drop_minus_relabelled_drop",
            "the same, less that for the largest groups of permuted labels",
            test.relabelled,
            "attribution-removal",
        ),
    ]
    decision = verdicts.all_of([verdicts.of_paired(by, smallest) for by in (test.matched, test.relabelled)])
    return _claim("D6", decision, text, numbers, unsettled)


def removal_sentence(measured: Measured, test: RemovalTest) -> str:
    """What removing the largest labels does, whatever is compared with it."""
    drops = [image.drop for image in measured.observed if image.removals]
    n = wording.count(len(drops), "image")
    low, high = (wording.signed(-end, 3) for end in (min(drops), max(drops)))
    return (
        f"Removing the units of one of an image's largest labels ({REMOVED_CONCEPTS} at most) changes the probability of "
        "its class by a mean of "
        f"{wording.signed(-float(np.mean(drops)), 3)} over {n} (on single images {low} to {high}); another class comes first after "
        f"{wording.whole(test.changed)} of {wording.count(test.removals, 'removal')}."
    )


def _compared(test: RemovalTest) -> str:
    return (
        f"Beside removing random units of equal mean activation the probability falls {_further(test.matched)}; beside "
        "removing the largest "
        f"groups that permuted labels make it falls {_further(test.relabelled)}."
    )


def _further(by: Paired) -> str:
    if by.shift == 0:
        return f"as far ({wording.tested(by)})"
    word = "further" if by.shift > 0 else "less far"
    return f"{word}, {wording.by_shift(by, wording.small_amount)} ({wording.tested(by)})"


def _claim(id_: str, decision: Decision, text: str, numbers: list[Evidence], unsettled: str) -> Claim:
    if unsettled:
        decision, text = Decision("undecided"), f"{text} {unsettled}"
    return verdicts.claim(id_, SECTION, CLAIMS[id_], decision, text, numbers)
