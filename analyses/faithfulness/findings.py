"""The write-up's claims that deletion, insertion and ground truth decide: C1, C6, C7, L1 and A5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.stats import Paired, paired
from reportgen.images.ground_truth import FORMATS
from reportgen.report.document import Evidence, Finding, Verdict

from .compare import Scores, best, better_by, decided, median
from .maps import CONTROLS, LIME, MEAN, cams_among
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
PLACES = {"energy": "localisation", "iou": "localisation"}
SOURCES = {**CURVES, **PLACES}
# How a sentence on a measure begins, and what its difference is a difference of.
MEASURES = {
    "deletion": ("When the pixels that a map ranks first are taken away (deletion)", "in area under the curve"),
    "insertion": ("When they are brought back into a blurred copy (insertion)", "in area under the curve"),
    "energy": ("In the share of the map that lies on the object", "of the map"),
    "iou": ("In IoU with the object at equal area", "in IoU"),
}
NO_TRUTH = f"boxes or masks beside the images would measure it ({', '.join(FORMATS[:-1])} or {FORMATS[-1]}), and none were given"


def faithfulness_findings(
    scores: Scores, located: Scores, hidden: Sequence[HiddenMask], labels: Labels, *, agreement: bool
) -> list[Finding]:
    """The findings that the computed maps allow.

    Args:
        scores: per image the areas under the curves; `located`: localisation, for the images with ground truth.
        hidden: per image what hiding LIME's mask does.
        labels: by map what pages call it.
        agreement: whether the run has the agreement section, whose claim A5 is.
    """
    names = list(scores[0])
    found = []
    if "gradcam" in names:
        found.append(highlights_object(scores, located, labels))
    if {"scorecam", "ablationcam"} <= set(names):
        found.append(scorecam_less_precise(scores, located, labels))
    if MEAN in names:
        found.append(mean_says_more(scores, located, labels))
    found.append(superpixels_drive_prediction(hidden))
    if agreement and "gradcam" in names:
        found.append(lime_localises_better(located, labels))
    return found


def highlights_object(scores: Scores, located: Scores, labels: Labels) -> Finding:
    """C1: with ground truth the pointing game and the energy inside; without it not measured, and what the curves say."""
    if not located:
        against = {m: best(scores, CONTROLS, m) for m in CURVES}
        comparisons = {m: better_by(scores, "gradcam", against[m], m) for m in CURVES}
        said = " ".join(_sentence("gradcam", against[m], m, by, labels) for m, by in comparisons.items())
        text = f"Whether the map lies on the object was not measured: {NO_TRUTH}. Whether the model follows the map was measured. {said}"
        return _finding(
            "C1", "not measured", text, [_evidence("gradcam", against[m], m, by) for m, by in comparisons.items()]
        )
    n, control = len(located), best(located, CONTROLS, "energy")
    hits = sum(image["gradcam"]["pointing"] >= 0.5 for image in located)
    energy = better_by(located, "gradcam", control, "energy")
    text = (
        f"The maximum of Grad-CAM's map lies on the marked object on {hits} of {wording.count(n, 'image')}. A median of "
        f"{wording.percent(median(located, 'gradcam', 'energy'))} of the map lies on it, against "
        f"{wording.percent(median(located, control, 'energy'))} for the best control, {in_a_sentence(control, labels)} "
        f"({wording.tested(energy)})."
    )
    evidence = [
        Evidence(name="gradcam_pointing_hits", value=hits, n=n, source="localisation"),
        *(
            Evidence(name=f"{name}_energy_median", value=median(located, name, "energy"), n=n, source="localisation")
            for name in ("gradcam", control)
        ),
        _evidence("gradcam", control, "energy", energy),
    ]
    return _finding(
        "C1",
        verdicts.combined([verdicts.of_majority(hits, n - hits, tests=2), verdicts.of_paired(energy, tests=2)]),
        text,
        evidence,
    )


def scorecam_less_precise(scores: Scores, located: Scores, labels: Labels) -> Finding:
    """C6: AblationCAM against ScoreCAM on both curves, and on the object where it is marked."""
    comparisons = {m: better_by(scores, "ablationcam", "scorecam", m) for m in CURVES}
    if located:
        comparisons |= {m: better_by(located, "ablationcam", "scorecam", m) for m in PLACES}
    return _pairs("C6", "ablationcam", dict.fromkeys(comparisons, "scorecam"), comparisons, labels)


def mean_says_more(scores: Scores, located: Scores, labels: Labels) -> Finding:
    """C7: the mean map against the single one that is best on each measure."""
    rivals = {m: best(scores, cams_among(scores[0]), m) for m in CURVES}
    comparisons = {m: better_by(scores, MEAN, rivals[m], m) for m in CURVES}
    if located:
        rivals |= {m: best(located, cams_among(located[0]), m) for m in PLACES}
        comparisons |= {m: better_by(located, MEAN, rivals[m], m) for m in PLACES}
    return _pairs("C7", MEAN, rivals, comparisons, labels)


def superpixels_drive_prediction(hidden: Sequence[HiddenMask]) -> Finding:
    """L1: the drop in probability when LIME's mask is hidden, against random superpixels of the same area."""
    known = [h for h in hidden if h.random]
    if not known:
        text = (
            "No random masks were drawn to compare with; faithfulness.random_masks of 1 or more gives them."
            if any(h.area > 0 for h in hidden)
            else "LIME's mask is empty on every image."
        )
        return _finding("L1", "not measured", text, [])
    lime = [h.probability - h.hidden for h in known]
    random = [h.probability - float(np.mean(h.random)) for h in known]
    by, n = paired(lime, random), len(known)
    area = float(np.median([h.area for h in known]))
    text = (
        f"Hiding LIME's mask, a median of {wording.percent(area)} of the frame, lowers the probability of the class by a median of "
        f"{np.median(lime):.2f}; hiding random superpixels of the same area, by {np.median(random):.2f}. LIME's mask costs "
        f"{'more' if by.median > 0 else 'no more'} than the mean of {wording.count(len(known[0].random), 'random mask')} "
        f"({wording.tested(by)})."
    )
    evidence = [
        Evidence(name="lime_area_median", value=area, n=n, source="lime-hidden"),
        Evidence(name="lime_drop_median", value=float(np.median(lime)), n=n, source="lime-hidden"),
        Evidence(name="random_drop_median", value=float(np.median(random)), n=n, source="lime-hidden"),
        Evidence(name="lime_minus_random_drop", value=by.median, n=n, ci=by.ci, p=by.p, source="lime-hidden"),
    ]
    return _finding("L1", verdicts.of_paired(by), text, evidence)


def lime_localises_better(located: Scores, labels: Labels) -> Finding:
    """A5: LIME against Grad-CAM on the marked objects."""
    if not located:
        return _finding("A5", "not measured", f"How precisely the maps localise was not measured: {NO_TRUTH}.", [])
    comparisons = {m: better_by(located, LIME, "gradcam", m) for m in PLACES}
    return _pairs("A5", LIME, dict.fromkeys(PLACES, "gradcam"), comparisons, labels)


def _pairs(claim: str, a: str, rivals: Mapping[str, str], comparisons: Mapping[str, Paired], labels: Labels) -> Finding:
    """Map `a` against a rival on each measure; the claim is that `a` is better."""
    said = " ".join(_sentence(a, rivals[m], m, by, labels) for m, by in comparisons.items())
    evidence = [_evidence(a, rivals[m], m, by) for m, by in comparisons.items()]
    return _finding(claim, decided(list(comparisons.values())), said, evidence)


def _sentence(a: str, b: str, measure: str, by: Paired, labels: Labels) -> str:
    start, unit = MEASURES[measure]
    word = "better than" if by.median > 0 else "worse than" if by.median < 0 else "no better and no worse than"
    amount = f" by a median of {wording.small_amount(by.median)} {unit}" if by.median else ""
    return f"{start}, {in_a_sentence(a, labels)} does {word} {in_a_sentence(b, labels)}{amount} ({wording.tested(by)})."


def in_a_sentence(name: str, labels: Labels) -> str:
    """What a map is called inside a sentence: `the centred Gaussian`, `Grad-CAM`."""
    label = labels[name]
    if name not in CONTROLS and name != MEAN:
        return label
    return f"the {label if label.startswith('Sobel') else label[0].lower() + label[1:]}"


def _evidence(a: str, b: str, measure: str, by: Paired) -> Evidence:
    return Evidence(
        name=f"{a}_better_than_{b}_{measure}", value=by.median, n=by.n, ci=by.ci, p=by.p, source=SOURCES[measure]
    )


def _finding(claim: str, verdict: Verdict, text: str, evidence: list[Evidence]) -> Finding:
    section, words = CLAIMS[claim]
    return Finding(id=claim, section=section, claim=words, verdict=verdict, text=text, evidence=evidence)
