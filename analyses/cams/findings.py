"""The write-up's claims about the maps themselves (C2 to C5), each decided by paired comparisons over the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.stats import Paired, paired
from reportgen.report.document import Evidence, Finding, Verdict

from .measures import centred_gaussian, measures

LABELS = {"gradcam": "Grad-CAM", "ablationcam": "AblationCAM", "scorecam": "ScoreCAM"}
SECTION = "cams"
Entries = Sequence[dict[str, Any]]


def cam_findings(entries: Entries, methods: Sequence[str], frame: tuple[int, int]) -> list[Finding]:
    """The findings that the computed methods allow.

    Args:
        entries: per image, the measures of each method and `pairs`, by `a~b`.
        frame: height and width of the maps.
    """
    computed: dict[str, Callable[[], Finding]] = {}
    if "gradcam" in methods:
        computed["C2"] = lambda: sharp_and_centred(entries, frame)
    if {"gradcam", "ablationcam"} <= set(methods):
        computed["C3"] = lambda: ablation_more_focused(entries)
    if {"gradcam", "scorecam"} <= set(methods):
        computed["C4"] = lambda: scorecam_smoother_broader(entries)
    if len(methods) > 1:
        computed["C5"] = lambda: same_region(entries, methods)
    return [make() for make in computed.values()]


def pair_key(a: str, b: str) -> str:
    return f"{a}~{b}"


def sharp_and_centred(entries: Entries, frame: tuple[int, int]) -> Finding:
    """C2: sharpness against the centred Gaussian; centring on the object is out of reach without ground truth."""
    control = measures(centred_gaussian(*frame))
    known = [e["gradcam"] for e in entries if e["gradcam"]["gini"] is not None]
    sharpness = _paired([m["gini"] for m in known], [control["gini"]] * len(known))
    offsets = [m["centre_offset"] for m in known]
    sharp = verdicts.of_paired(sharpness) if sharpness else "undecided"
    # Sharp *and* centred on the object: one half of the claim can sink it, but not carry it.
    verdict: Verdict = "contradicted" if sharp == "contradicted" else "undecided"
    if sharpness is None:
        return _finding("C2", verdict, "No Grad-CAM map could be measured.", [])
    text = (
        f"Grad-CAM's Gini index is {_more(sharpness)} than that of a Gaussian on the frame's centre by a median of "
        f"{abs(sharpness.median):.2f} ({wording.tested(sharpness)}). Its centre of mass lies a median of "
        f"{np.median(offsets):.2f} half "
        "diagonals from the frame's centre; whether that is the object's centre takes boxes or masks to say."
    )
    evidence = [
        _evidence("gradcam_gini_minus_gaussian", sharpness, "cams-measures"),
        Evidence(
            name="gradcam_centre_offset_median", value=float(np.median(offsets)), n=len(offsets), source="cams-measures"
        ),
    ]
    return _finding("C2", verdict, text, evidence)


def ablation_more_focused(entries: Entries) -> Finding:
    """C3: smaller area and larger Gini than Grad-CAM, image by image."""
    area = _compare(entries, "area_above_half", "gradcam", "ablationcam")  # Grad-CAM minus AblationCAM
    gini = _compare(entries, "gini", "ablationcam", "gradcam")
    return _two_measures(
        "C3",
        "AblationCAM",
        (area, "smaller", "larger", "area above half of the maximum", "gradcam_minus_ablationcam_area"),
        (gini, "larger", "smaller", "Gini index", "ablationcam_minus_gradcam_gini"),
    )


def scorecam_smoother_broader(entries: Entries) -> Finding:
    """C4: smaller total variation and larger area than Grad-CAM, image by image."""
    variation = _compare(entries, "total_variation", "gradcam", "scorecam")
    area = _compare(entries, "area_above_half", "scorecam", "gradcam")
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


def same_region(entries: Entries, methods: Sequence[str]) -> Finding:
    """C5: the parts above half of the maximum overlap by more than chance for every pair, and some pair's areas differ.

    The write-up says object; that a region is the object's is out of reach without ground truth.
    """
    pairs = list(combinations(methods, 2))
    overlaps: list[Verdict] = []
    parts, apart, evidence, p_values = [], [], [], []
    for a, b in pairs:
        known = [p for p in (e["pairs"][pair_key(a, b)] for e in entries) if p["iou"] is not None]
        if not known:
            overlaps.append("undecided")
            continue
        above = sum(p["iou"] > p["chance"] for p in known)
        overlaps.append(verdicts.of_majority(above, len(known) - above))
        iou, rho = (float(np.median([p[key] for p in known])) for key in ("iou", "rank_correlation"))
        parts.append(
            f"{LABELS[a]} and {LABELS[b]}: IoU above chance on {above} of {len(known)}, median {iou:.2f}, rank correlation {rho:.2f}"
        )
        evidence += [
            Evidence(name=f"{a}_{b}_iou_above_chance", value=above, n=len(known), source="cams-pairs"),
            Evidence(name=f"{a}_{b}_iou_median", value=iou, n=len(known), source="cams-pairs"),
            Evidence(name=f"{a}_{b}_rank_correlation_median", value=rho, n=len(known), source="cams-pairs"),
        ]
        area = _compare(entries, "area_above_half", a, b)
        if area is not None:
            evidence.append(_evidence(f"{a}_minus_{b}_area", area, "cams-measures"))
            p_values += [] if area.p is None else [area.p]
            if verdicts.of_paired(area, tests=len(pairs)) != "undecided":
                apart.append(
                    f"{LABELS[a]}'s is {'larger' if area.median > 0 else 'smaller'} than {LABELS[b]}'s ({wording.tested(area)})"
                )
    if not parts:
        return _finding("C5", "undecided", "No pair of maps could be compared.", [])
    extents = wording.listed(apart) if apart else _none_differs(p_values, len(pairs))
    verdict = verdicts.of_all([*overlaps, "supported" if apart else "undecided"])
    text = (
        f"{'; '.join(parts)}. Of the areas above half of the maximum, {extents}. "
        "That the methods mark the object, and not only each other's region, takes boxes or masks to say."
    )
    return _finding("C5", verdict, text, evidence)


def _none_differs(p_values: Sequence[float], pairs: int) -> str:
    smallest = f"the smallest p is {min(p_values):.3f}, and" if p_values else "none could be tested,"
    needed = f"{verdicts.ALPHA / pairs:.3f} was needed"
    return f"none was shown to differ: of {wording.count(pairs, 'pair')} {smallest} {needed}"


CLAIMS = {
    "C2": "Grad-CAM is sharp and centred on the object.",
    "C3": "AblationCAM is more focused and sparser than Grad-CAM.",
    "C4": "ScoreCAM is smoother and broader than Grad-CAM.",
    "C5": "The methods mark the same region, with different extents.",
}


def _finding(claim: str, verdict: Verdict, text: str, evidence: list[Evidence]) -> Finding:
    return Finding(id=claim, section=SECTION, claim=CLAIMS[claim], verdict=verdict, text=text, evidence=evidence)


def _compare(entries: Entries, measure: str, a: str, b: str) -> Paired | None:
    known = [(e[a][measure], e[b][measure]) for e in entries if None not in (e[a][measure], e[b][measure])]
    return _paired([x for x, _ in known], [y for _, y in known])


def _paired(a: Sequence[float], b: Sequence[float]) -> Paired | None:
    return paired(a, b) if a else None


def _more(comparison: Paired) -> str:
    return "higher" if comparison.median > 0 else "lower"


def _evidence(name: str, comparison: Paired, source: str) -> Evidence:
    return Evidence(name=name, value=comparison.median, n=comparison.n, ci=comparison.ci, p=comparison.p, source=source)
