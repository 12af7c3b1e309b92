"""How verdicts are made, in the words that a report prints, from the numbers that decide."""

from __future__ import annotations

from collections.abc import Iterable

from reportgen.analysis import stats, verdicts, wording
from reportgen.analysis.sample_size import POWER
from reportgen.images.copies import BITS, MOST_BITS_APART
from reportgen.settings.model import StatisticsSettings

# So many at the end speak of everything that was said before.
CLOSING = 2


def rules(statistics: StatisticsSettings) -> list[str]:
    """How verdicts are made, a sentence each, with the numbers in force; the closing ones are `CLOSING` many."""
    s = statistics
    return [
        f"A paired claim (a is larger than b) is decided when the sign-flip test of the mean difference over images (all patterns of signs "
        f"up to n = {stats.EXACT_FLIPS_UP_TO}, {wording.whole(stats.FLIPS)} seeded ones beyond, the normal limit of many) has p < "
        f"{verdicts.ALPHA:g} and the "
        "Hodges-Lehmann shift is larger than the smallest effect of interest: supported when it points the claimed way, contradicted when "
        "it points the other way.",
        f"Smallest effects of interest: area {s.area * 100:g} % of the frame, area under a deletion or insertion curve {s.auc:g}, Gini "
        f"index {s.gini:g}, IoU or Jaccard index {s.iou:g}, total variation {s.variation:g}, gradient along a border {s.gradient:g}, "
        f"probability "
        f"{s.probability:g}, a share of a map or of a sum {s.share:g}, rank correlation {s.correlation:g}.",
        "That explanations of one image belong together is decided by permuting the pairing: the mean of their IoU is held against that "
        f"of {wording.whole(stats.PAIRINGS)} seeded pairings with other images (all pairings up to n = {stats.EXACT_PAIRINGS_UP_TO}). With "
        f"fewer than "
        f"{stats.FEWEST_PAIRINGS} images it stays undecided. It is contradicted when a one-sided sign-flip test shows that what one image "
        "has over others is less than the smallest effect of interest.",
        f"A claim about a relation is decided when Spearman's rho is larger than the smallest effect of interest and its permutation p is "
        f"below {verdicts.ALPHA:g}, divided by the number of relations that the claim is tested on.",
        f"A claim about a majority of images is decided when the exact two-sided sign test has p < {verdicts.ALPHA:g}.",
        f"That a measure does not merely follow another is decided by an equivalence test, two one-sided tests that rho (variance of "
        f"Bonett and Wright, 2000) lies within ±{s.shared:g}, where one explains {s.shared**2 * 100:.0f} % of the other's order; "
        f"contradicted when "
        "it is shown to lie beyond. No claim of a relation or of no difference is decided by a p above the level.",
        "A claim that any of several tests can decide has the smallest p of those that decide it times the number of all; tests that "
        "disagree leave it undecided. A claim that says several things at once is supported when every part is (its p is the largest), and "
        "contradicted when one part is (its p is that part's times the number of parts); where a part could not be tested, it can only "
        "be contradicted, and its p is of that.",
        f"The p of every claim is corrected by Holm's method over all claims tested in the report, so that the chance of any false verdict "
        f"stays below {verdicts.ALPHA:g} where differences without an effect are symmetric about zero; the verdict follows the corrected "
        f"p. Claims about units that are decided by counting have no p.",
        f"Byte-equal images are one observation. Near-equal ones (perceptual hash, at most {MOST_BITS_APART} of {BITS} bits apart) are "
        "named in a warning"
        + (", and count once as well." if s.fold_near else "; statistics.fold_near = true counts them once as well."),
        f"An undecided claim says how many images would decide an effect of the observed size with power {POWER:g}, at the level divided "
        "by the number of claims tested.",
        "Everything else is undecided. A claim whose evidence this run did not collect is not measured.",
        f"Fewer than {verdicts.SMALL_N} images are called a small sample wherever a verdict rests on them.",
    ]


def rules_with(statistics: StatisticsSettings, further: Iterable[str] = ()) -> list[str]:
    """How verdicts are made: the rules of this module, and those that analyses have of their own before the closing ones."""
    own = rules(statistics)
    return [*own[:-CLOSING], *further, *own[-CLOSING:]]
