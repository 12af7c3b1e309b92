"""The write-up's claims about the maps themselves (C2 to C5), each decided by paired comparisons over the images.

They speak of the write-up's three methods; whatever further methods were computed stand in the tables alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.baselines import centred_gaussian
from reportgen.analysis.stats import Paired, paired
from reportgen.report.document import Evidence, Finding, Verdict

from .measures import measures
from .methods import WRITEUP, label
from .result import CamsResult, pair_key

SECTION = "cams"
CLAIMS = {
    "C2": "Grad-CAM is sharp and centred on the object.",
    "C3": "AblationCAM is more focused and sparser than Grad-CAM.",
    "C4": "ScoreCAM is smoother and broader than Grad-CAM.",
    "C5": "The methods mark the same region, with different extents.",
}
Measure = Literal["area_above_half", "gini", "total_variation"]
Results = Sequence[CamsResult]


def cam_findings(results: Results, frame: tuple[int, int]) -> list[Finding]:
    """The findings that the computed methods allow.

    Args:
        results: of each image; only their numbers are read.
        frame: height and width of the maps.
    """
    methods = [method for method in results[0].maps if method in WRITEUP]
    computed: dict[str, Callable[[], Finding]] = {}
    if "gradcam" in methods:
        computed["C2"] = lambda: sharp_and_centred(results, frame)
    if {"gradcam", "ablationcam"} <= set(methods):
        computed["C3"] = lambda: ablation_more_focused(results)
    if {"gradcam", "scorecam"} <= set(methods):
        computed["C4"] = lambda: scorecam_smoother_broader(results)
    if len(methods) > 1:
        computed["C5"] = lambda: same_region(results, methods)
    return [make() for make in computed.values()]


def sharp_and_centred(results: Results, frame: tuple[int, int]) -> Finding:
    """C2: sharpness against the centred Gaussian; centring on the object is out of reach without ground truth."""
    control = measures(centred_gaussian(*frame)).gini
    known = [result.maps["gradcam"] for result in results]
    ginis = [cam.gini for cam in known if cam.gini is not None]
    offsets = [cam.centre_offset for cam in known if cam.gini is not None and cam.centre_offset is not None]
    sharpness = None if control is None else _paired(ginis, [control] * len(ginis))
    sharp = verdicts.of_paired(sharpness) if sharpness else "undecided"
    # Sharp *and* centred on the object: one half of the claim can sink it, but not carry it.
    verdict: Verdict = "contradicted" if sharp == "contradicted" else "undecided"
    if sharpness is None:
        return _finding("C2", verdict, "No Grad-CAM map could be measured.", [])
    offset = float(np.median(offsets))
    text = (
        f"Grad-CAM's Gini index is {_more(sharpness)} than that of a Gaussian on the frame's centre by a median of "
        f"{abs(sharpness.median):.2f} ({wording.tested(sharpness)}). Its centre of mass lies a median of {offset:.2f} half "
        "diagonals from the frame's centre; whether that is the object's centre takes boxes or masks to say."
    )
    evidence = [
        _evidence("gradcam_gini_minus_gaussian", sharpness, "cams-measures"),
        Evidence(name="gradcam_centre_offset_median", value=offset, n=len(offsets), source="cams-measures"),
    ]
    return _finding("C2", verdict, text, evidence)


def ablation_more_focused(results: Results) -> Finding:
    """C3: smaller area and larger Gini than Grad-CAM, image by image."""
    area = _compare(results, "area_above_half", "gradcam", "ablationcam")  # Grad-CAM minus AblationCAM
    gini = _compare(results, "gini", "ablationcam", "gradcam")
    return _two_measures(
        "C3",
        "AblationCAM",
        (area, "smaller", "larger", "area above half of the maximum", "gradcam_minus_ablationcam_area"),
        (gini, "larger", "smaller", "Gini index", "ablationcam_minus_gradcam_gini"),
    )


def scorecam_smoother_broader(results: Results) -> Finding:
    """C4: smaller total variation and larger area than Grad-CAM, image by image."""
    variation = _compare(results, "total_variation", "gradcam", "scorecam")
    area = _compare(results, "area_above_half", "scorecam", "gradcam")
    return _two_measures(
        "C4",
        "ScoreCAM",
        (variation, "smaller", "larger", "total variation", "gradcam_minus_scorecam_total_variation"),
        (area, "larger", "smaller", "area above half of the maximum", "scorecam_minus_gradcam_area"),
    )


Measured = tuple[Paired | None, str, str, str, str]


def _two_measures(claim: str, method: str, first: Measured, second: Measured) -> Finding:
    """A claim that says two things of a method at once: both must hold."""
    decided: list[Verdict] = []
    sentences, evidence = [], []
    for comparison, claimed, opposite, measure, name in (first, second):
        if comparison is None:
            decided.append("undecided")
            continue
        decided.append(verdicts.of_paired(comparison))
        word = claimed if comparison.median > 0 else opposite if comparison.median < 0 else "no other"
        by = f" by a median of {wording.small_amount(comparison.median)}" if comparison.median else ""
        sentences.append(f"{method}'s {measure} is {word} than Grad-CAM's{by} ({wording.tested(comparison)}).")
        evidence.append(_evidence(name, comparison, "cams-measures"))
    return _finding(
        claim, verdicts.of_all(decided), " ".join(sentences) or "No pair of maps could be measured.", evidence
    )


def same_region(results: Results, methods: Sequence[str]) -> Finding:
    """C5: the parts above half of the maximum overlap by more than chance for every pair, and some pair's areas differ.

    The write-up says object; that a region is the object's is out of reach without ground truth.
    """
    pairs = list(combinations(methods, 2))
    verdict_of_overlaps: list[Verdict] = []
    parts, apart, evidence, p_values = [], [], [], []
    for a, b in pairs:
        overlap, part, numbers = _overlap(results, a, b)
        verdict_of_overlaps.append(overlap)
        if not part:
            continue
        parts.append(part)
        evidence += numbers
        area = _compare(results, "area_above_half", a, b)
        if area is None:
            continue
        evidence.append(_evidence(f"{a}_minus_{b}_area", area, "cams-measures"))
        p_values += [] if area.p is None else [area.p]
        if verdicts.of_paired(area, tests=len(pairs)) != "undecided":
            word = "larger" if area.median > 0 else "smaller"
            apart.append(f"{label(a)}'s is {word} than {label(b)}'s ({wording.tested(area)})")
    if not parts:
        return _finding("C5", "undecided", "No pair of maps could be compared.", [])
    extents = wording.listed(apart) if apart else _none_differs(p_values, len(pairs))
    verdict = verdicts.of_all([*verdict_of_overlaps, "supported" if apart else "undecided"])
    text = (
        f"{'; '.join(parts)}. Of the areas above half of the maximum, {extents}. "
        "That the methods mark the object, and not only each other's region, takes boxes or masks to say."
    )
    return _finding("C5", verdict, text, evidence)


def _overlap(results: Results, a: str, b: str) -> tuple[Verdict, str, list[Evidence]]:
    """Whether two methods overlap by more than chance, as a verdict, a sentence and its evidence; no sentence without pairs."""
    pairs = [result.pairs[pair_key(a, b)] for result in results]
    known = [(p.iou, p.chance, p.rank_correlation) for p in pairs if p.iou is not None]
    if not known:
        return "undecided", "", []
    n = len(known)
    above = sum(iou > chance for iou, chance, _ in known if chance is not None)
    iou, rho = (float(np.median([values[i] for values in known])) for i in (0, 2))
    part = (
        f"{label(a)} and {label(b)}: IoU above chance on {above} of {n}, median {iou:.2f}, rank correlation {rho:.2f}"
    )
    evidence = [
        Evidence(name=f"{a}_{b}_iou_above_chance", value=above, n=n, source="cams-pairs"),
        Evidence(name=f"{a}_{b}_iou_median", value=iou, n=n, source="cams-pairs"),
        Evidence(name=f"{a}_{b}_rank_correlation_median", value=rho, n=n, source="cams-pairs"),
    ]
    return verdicts.of_majority(above, n - above), part, evidence


def _none_differs(p_values: Sequence[float], pairs: int) -> str:
    smallest = f"the smallest p is {min(p_values):.3f}, and" if p_values else "none could be tested,"
    needed = f"{verdicts.ALPHA / pairs:.3f} was needed"
    return f"none was shown to differ: of {wording.count(pairs, 'pair')} {smallest} {needed}"


def _finding(claim: str, verdict: Verdict, text: str, evidence: list[Evidence]) -> Finding:
    return Finding(id=claim, section=SECTION, claim=CLAIMS[claim], verdict=verdict, text=text, evidence=evidence)


def _compare(results: Results, measure: Measure, a: str, b: str) -> Paired | None:
    both = [(_value(r, a, measure), _value(r, b, measure)) for r in results]
    known = [(x, y) for x, y in both if x is not None and y is not None]
    return _paired([x for x, _ in known], [y for _, y in known])


def _value(result: CamsResult, method: str, measure: Measure) -> float | None:
    value: float | None = getattr(result.maps[method], measure)
    return value


def _paired(a: Sequence[float], b: Sequence[float]) -> Paired | None:
    return paired(a, b) if a else None


def _more(comparison: Paired) -> str:
    return "higher" if comparison.median > 0 else "lower"


def _evidence(name: str, comparison: Paired, source: str) -> Evidence:
    return Evidence(name=name, value=comparison.median, n=comparison.n, ci=comparison.ci, p=comparison.p, source=source)
