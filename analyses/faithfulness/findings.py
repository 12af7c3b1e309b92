"""The write-up's claims that deletion, insertion and ground truth decide: C1, C6, C7, L1 and A5.

Where the object is marked, its place decides C1, C6 and A5, and the control to beat there is the centred Gaussian: photographs
have their object in the middle, and a map that says nothing but "the middle" lies on it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.analysis import evidence, verdicts, wording
from reportgen.analysis.stats import Paired, paired
from reportgen.analysis.verdicts import Claim, Decision
from reportgen.images.ground_truth.read import FORMATS
from reportgen.report.document import Evidence
from reportgen.settings.model import StatisticsSettings

from .compare import BETTER, Scores, best, better_by, decided, median
from .maps import CLASS_BLIND, CONTROLS, GAUSSIAN, LIME, MEAN, cams_among, controls_among
from .result import HiddenMask

# By map what pages call it.
Labels = Mapping[str, str]
CLAIMS = {
    "C1": ("cams", "Grad-CAM highlights the main object."),
    "C6": ("cams", "ScoreCAM is less precise than AblationCAM."),
    "C7": ("cams", "Combining the three maps says more than each of them."),
    "L1": ("lime", "LIME's superpixels are those that drive the prediction."),
    "A5": ("agreement", "For precise localisation LIME is preferable to Grad-CAM."),
}
CURVES = {"deletion": "faithfulness", "insertion": "faithfulness"}
PLACES = {"iou": "localisation", "energy": "localisation"}
SOURCES = {**CURVES, **PLACES}
# How a sentence on a measure begins, and what its difference is a difference of.
MEASURES = {
    "deletion": ("When the pixels that a map ranks first are taken away (deletion)", " in area under the curve"),
    "insertion": ("When they are brought back into a blurred copy (insertion)", " in area under the curve"),
    "energy": ("In the share of the map that lies on the object", " of the map"),
    "iou": ("In IoU with the object at equal area", ""),
}
# What the number of a measure is, and the unit of its evidence.
WORDS = {
    "deletion": ("Area under the deletion curve", None),
    "insertion": ("Area under the insertion curve", None),
    "energy": ("Share of the map on the object", "%"),
    "iou": ("IoU with the object at equal area", None),
}
BESIDE = "Where the object is marked the curves do not decide; they stand beside it."
NO_TRUTH = (
    f"boxes or masks beside the images would measure it ({', '.join(FORMATS[:-1])} or {FORMATS[-1]}), and none that could be used "
    "were given"
)


def faithfulness_findings(
    scores: Scores,
    located: Scores,
    hidden: Sequence[HiddenMask],
    labels: Labels,
    statistics: StatisticsSettings,
    *,
    agreement: bool,
) -> list[Claim]:
    """The findings that the computed maps allow.

    Args:
        scores: per image the areas under the curves; `located`: localisation, for the images with ground truth.
        hidden: per image what hiding LIME's mask does.
        labels: by map what pages call it.
        statistics: the smallest effects of interest.
        agreement: whether the run has the agreement section, whose claim A5 is.
    """
    names = list(scores[0])
    found = []
    if "gradcam" in names:
        found.append(highlights_object(scores, located, labels, statistics))
    if {"scorecam", "ablationcam"} <= set(names):
        found.append(scorecam_less_precise(scores, located, labels, statistics))
    if MEAN in names:
        found.append(mean_says_more(scores, located, labels, statistics))
    found.append(superpixels_drive_prediction(hidden, statistics))
    if agreement and "gradcam" in names:
        found.append(lime_localises_better(located, labels, statistics))
    return found


def highlights_object(scores: Scores, located: Scores, labels: Labels, statistics: StatisticsSettings) -> Claim:
    """C1: its maximum lies on the object on most images, and it covers the object better than the centred Gaussian does.

    Without ground truth not measured, and what the curves say.
    """
    if not located:
        against = {m: best(scores, controls_among(scores[0]), m) for m in CURVES}
        comparisons = {m: better_by(scores, "gradcam", against[m], m) for m in CURVES}
        said = " ".join(_sentence("gradcam", against[m], m, by, labels) for m, by in comparisons.items())
        text = f"Whether the map lies on the object was not measured: {NO_TRUTH}. Whether the model follows the map was measured. {said}"
        numbers = [_shift("gradcam", against[m], m, by, labels) for m, by in comparisons.items()]
        return verdicts.not_measured("C1", *CLAIMS["C1"], text, numbers)
    n = len(located)
    on_object, by_middle = (hits(located, name) for name in ("gradcam", GAUSSIAN))
    pointing = verdicts.of_majority(on_object, n - on_object)
    iou, energy = (better_by(located, "gradcam", GAUSSIAN, m) for m in ("iou", "energy"))
    text = (
        f"The maximum of Grad-CAM's map lies on the marked object on {on_object} of {wording.count(n, 'image')}"
        f"{'' if pointing.p is None else f' ({wording.probability(pointing.p)})'}; that of the centred Gaussian, which knows nothing "
        f"of the image, on {by_middle} of them. {_sentence('gradcam', GAUSSIAN, 'iou', iou, labels)} The median IoU is "
        f"{median(located, 'gradcam', 'iou'):.2f} against {median(located, GAUSSIAN, 'iou'):.2f}. Of Grad-CAM's map a median of "
        f"{wording.percent(median(located, 'gradcam', 'energy'))} lies on the object, of the Gaussian's "
        f"{wording.percent(median(located, GAUSSIAN, 'energy'))} ({wording.tested(energy)}); this stands beside and does not decide."
    )
    numbers = [
        _count("gradcam", on_object, n, pointing.p, labels),
        _count(GAUSSIAN, by_middle, n, None, labels),
        *(_median(located, name, m, labels) for m in ("iou", "energy") for name in ("gradcam", GAUSSIAN)),
        _shift("gradcam", GAUSSIAN, "iou", iou, labels),
        _shift("gradcam", GAUSSIAN, "energy", energy, labels),
    ]
    both = verdicts.all_of([pointing, verdicts.of_paired(iou, statistics.iou)])
    return verdicts.claim("C1", *CLAIMS["C1"], both, text, numbers)


def scorecam_less_precise(scores: Scores, located: Scores, labels: Labels, statistics: StatisticsSettings) -> Claim:
    """C6: AblationCAM against ScoreCAM on the object where it is marked; else on both curves."""
    rivals = dict.fromkeys(SOURCES, "scorecam")
    curves = {m: better_by(scores, "ablationcam", "scorecam", m) for m in CURVES}
    if not located:
        return _pairs("C6", "ablationcam", rivals, curves, labels, decided(curves, statistics))
    places = {m: better_by(located, "ablationcam", "scorecam", m) for m in PLACES}
    return _pairs("C6", "ablationcam", rivals, places, labels, decided(places, statistics), beside=curves)


def mean_says_more(scores: Scores, located: Scores, labels: Labels, statistics: StatisticsSettings) -> Claim:
    """C7: the mean map against the single one that is best on each measure."""
    rivals = {m: best(scores, cams_among(scores[0]), m) for m in CURVES}
    comparisons = {m: better_by(scores, MEAN, rivals[m], m) for m in CURVES}
    if located:
        rivals |= {m: best(located, cams_among(located[0]), m) for m in PLACES}
        comparisons |= {m: better_by(located, MEAN, rivals[m], m) for m in PLACES}
    return _pairs("C7", MEAN, rivals, comparisons, labels, decided(comparisons, statistics))


def superpixels_drive_prediction(hidden: Sequence[HiddenMask], statistics: StatisticsSettings) -> Claim:
    """L1: the drop in probability when LIME's mask is hidden, against random superpixels of the same area."""
    known = [h for h in hidden if h.random]
    if not known:
        text = (
            "No random masks were drawn to compare with; faithfulness.random_masks of 1 or more gives them."
            if any(h.area > 0 for h in hidden)
            else "LIME's mask is empty on every image."
        )
        return verdicts.not_measured("L1", *CLAIMS["L1"], text)
    lime = [h.probability - h.hidden for h in known]
    random = [h.probability - float(np.mean(h.random)) for h in known]
    by, n = paired(lime, random), len(known)
    area = float(np.median([h.area for h in known]))
    word = "more" if by.shift > 0 else "less" if by.shift < 0 else "no more and no less"
    amount = f" {wording.by_shift(by, _decimals)}" if by.shift else ""
    text = (
        f"Hiding LIME's mask, a median of {wording.percent(area)} of the frame, lowers the probability of the class by a median of "
        f"{np.median(lime):.2f}; hiding random superpixels of the same area, by {np.median(random):.2f}. LIME's mask costs {word} "
        f"than the mean of {wording.count(len(known[0].random), 'random mask')}{amount} ({wording.tested(by)})."
    )
    falls = "Fall of the probability when {} hidden, median"
    source = "lime-hidden"
    numbers = [
        Evidence(
            name="lime_area_median", words="Area of LIME's mask, median", value=area, unit="%", n=n, source=source
        ),
        Evidence(
            name="lime_drop_median",
            words=falls.format("LIME's mask is"),
            value=float(np.median(lime)),
            n=n,
            source=source,
        ),
        Evidence(
            name="random_drop_median",
            words=falls.format("random superpixels are"),
            value=float(np.median(random)),
            n=n,
            source=source,
        ),
        evidence.shift(
            "lime_minus_random_drop",
            "Fall of the probability, LIME's mask hidden minus random superpixels hidden",
            by,
            source,
        ),
    ]
    return verdicts.claim("L1", *CLAIMS["L1"], verdicts.of_paired(by, statistics.probability), text, numbers)


def lime_localises_better(located: Scores, labels: Labels, statistics: StatisticsSettings) -> Claim:
    """A5: LIME against Grad-CAM on the marked objects, and against the centred Gaussian, which it has to beat as well."""
    if not located:
        text = f"How precisely the maps localise was not measured: {NO_TRUTH}."
        return verdicts.not_measured("A5", *CLAIMS["A5"], text)
    comparisons = {m: better_by(located, LIME, "gradcam", m) for m in PLACES}
    middle = better_by(located, LIME, GAUSSIAN, "iou")
    text = (
        f"{_said(LIME, dict.fromkeys(PLACES, 'gradcam'), comparisons, labels)} A map that knows nothing of the image has to be beaten "
        f"as well. {_sentence(LIME, GAUSSIAN, 'iou', middle, labels)} The median IoU is {median(located, LIME, 'iou'):.2f} for LIME, "
        f"{median(located, 'gradcam', 'iou'):.2f} for Grad-CAM and {median(located, GAUSSIAN, 'iou'):.2f} for the centred Gaussian."
    )
    numbers = [
        *(_shift(LIME, "gradcam", m, by, labels) for m, by in comparisons.items()),
        _shift(LIME, GAUSSIAN, "iou", middle, labels),
        *(_median(located, name, "iou", labels) for name in (LIME, "gradcam", GAUSSIAN)),
    ]
    both = verdicts.all_of([decided(comparisons, statistics), verdicts.of_paired(middle, statistics.iou)])
    return verdicts.claim("A5", *CLAIMS["A5"], both, text, numbers)


# --- sentences and numbers -----------------------------------------------------------------------


def _pairs(
    claim: str,
    a: str,
    rivals: Mapping[str, str],
    comparisons: Mapping[str, Paired],
    labels: Labels,
    decision: Decision,
    beside: Mapping[str, Paired] | None = None,
) -> Claim:
    """Map `a` against a rival on each measure; the claim is that `a` is better. What is `beside` does not decide."""
    text = _said(a, rivals, comparisons, labels)
    if beside:
        text = f"{text} {BESIDE} {_said(a, rivals, beside, labels)}"
    numbers = [_shift(a, rivals[m], m, by, labels) for m, by in {**comparisons, **(beside or {})}.items()]
    return verdicts.claim(claim, *CLAIMS[claim], decision, text, numbers)


def _said(a: str, rivals: Mapping[str, str], comparisons: Mapping[str, Paired], labels: Labels) -> str:
    return " ".join(_sentence(a, rivals[m], m, by, labels) for m, by in comparisons.items())


def _sentence(a: str, b: str, measure: str, by: Paired, labels: Labels) -> str:
    start, unit = MEASURES[measure]
    word = "better than" if by.shift > 0 else "worse than" if by.shift < 0 else "no better and no worse than"
    number = wording.percent if measure == "energy" else _decimals
    amount = f" {wording.by_shift(by, number, unit)}" if by.shift else ""
    return f"{start}, {in_a_sentence(a, labels)} does {word} {in_a_sentence(b, labels)}{amount} ({wording.tested(by)})."


def _decimals(value: float) -> str:
    return f"{value:.3f}"


def _shift(a: str, b: str, measure: str, by: Paired, labels: Labels) -> Evidence:
    """Positive where `a` is better, which in deletion is where it is smaller."""
    words, unit = WORDS[measure]
    first, second = (a, b) if BETTER[measure] > 0 else (b, a)
    difference = f"{in_a_sentence(first, labels)} minus {in_a_sentence(second, labels)}"
    return evidence.shift(f"{a}_better_than_{b}_{measure}", f"{words}, {difference}", by, SOURCES[measure], unit)


def _median(located: Scores, name: str, measure: str, labels: Labels) -> Evidence:
    words, unit = WORDS[measure]
    return Evidence(
        name=f"{name}_{measure}_median",
        words=f"{words}, {in_a_sentence(name, labels)}, median",
        value=median(located, name, measure),
        unit=unit,
        n=len(located),
        source=SOURCES[measure],
    )


def hits(located: Scores, name: str) -> int:
    """Images on which the map's maximum lies on the object; of several equal maxima at least half."""
    return sum(image[name]["pointing"] >= 0.5 for image in located)


def _count(name: str, found: int, n: int, p: float | None, labels: Labels) -> Evidence:
    return Evidence(
        name=f"{name}_pointing_hits",
        words=f"Images with the map's maximum on the object, {in_a_sentence(name, labels)}",
        value=found,
        unit="images",
        n=n,
        p=p,
        source="localisation",
    )


def in_a_sentence(name: str, labels: Labels) -> str:
    """What a map is called inside a sentence: `the centred Gaussian`, `Grad-CAM`."""
    label = labels[name]
    if name == CLASS_BLIND:
        return f"the {label[0].lower()}{label[1:]}"
    if name not in CONTROLS and name != MEAN:
        return label
    return f"the {label if label.startswith('Sobel') else label[0].lower() + label[1:]}"
