"""The write-up's claims about the maps themselves (C2 to C5), each decided by comparisons over the images.

They speak of the write-up's three methods; whatever further methods were computed stand in the tables alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from reportgen.analysis import evidence, verdicts, wording
from reportgen.analysis.baselines import centred_gaussian
from reportgen.analysis.stats import Paired, Pairing, paired
from reportgen.analysis.verdicts import Claim, Decision
from reportgen.report.document import Evidence
from reportgen.settings.model import StatisticsSettings

from .algebra import relation
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
# What pages call a measure, the unit of its evidence, and how a difference of it is written.
WORDS: dict[Measure, tuple[str, str | None, Callable[[float], str]]] = {
    "area_above_half": ("area above half of the maximum", "%", lambda by: f"{by * 100:.1f}"),
    "gini": ("Gini index", None, lambda by: f"{by:.3f}"),
    "total_variation": ("total variation", None, lambda by: f"{by:.2f}"),
}


def cam_findings(
    results: Results,
    frame: tuple[int, int],
    pairings: Mapping[str, Pairing],
    network: CamsResult,
    smallest: StatisticsSettings,
) -> list[Claim]:
    """The findings that the computed methods allow.

    Args:
        results: of each observation; only their numbers are read.
        frame: height and width of the maps.
        pairings: by `pair_key`, two methods on one image and on two (`analyses.cams.alike`).
        network: says what holds for the network: which methods are related by algebra.
        smallest: effects of interest.
    """
    methods = [method for method in results[0].maps if method in WRITEUP]
    computed: dict[str, Callable[[], Claim]] = {}
    if "gradcam" in methods:
        computed["C2"] = lambda: sharp_and_centred(results, frame, smallest)
    if {"gradcam", "ablationcam"} <= set(methods):
        computed["C3"] = lambda: ablation_more_focused(results, smallest)
    if {"gradcam", "scorecam"} <= set(methods):
        computed["C4"] = lambda: scorecam_smoother_broader(results, smallest)
    if len(methods) > 1:
        computed["C5"] = lambda: same_region(results, methods, pairings, network, smallest)
    return [make() for make in computed.values()]


def sharp_and_centred(results: Results, frame: tuple[int, int], smallest: StatisticsSettings) -> Claim:
    """C2: sharpness against the centred Gaussian; centring on the object is out of reach without ground truth."""
    control = measures(centred_gaussian(*frame)).gini
    known = [result.maps["gradcam"] for result in results]
    ginis = [cam.gini for cam in known if cam.gini is not None]
    offsets = [cam.centre_offset for cam in known if cam.gini is not None and cam.centre_offset is not None]
    sharpness = None if control is None else _paired(ginis, [control] * len(ginis))
    if sharpness is None:
        return _claim("C2", verdicts.UNDECIDED, "No Grad-CAM map could be measured.")
    sharp = verdicts.of_paired(sharpness, smallest.gini)
    # Sharp *and* centred on the object: one half of the claim can sink it, but not carry it.
    centred = Decision("undecided", needs="That a map is centred on the object takes boxes or masks to say.")
    offset = float(np.median(offsets))
    text = (
        f"Grad-CAM's Gini index is {'higher' if sharpness.shift > 0 else 'lower'} than that of a Gaussian on the frame's centre "
        f"{wording.by_shift(sharpness, WORDS['gini'][2])} ({wording.tested(sharpness)}). Its centre of mass lies a median of {offset:.2f} "
        "half diagonals from the frame's centre; whether that is the object's centre takes boxes or masks to say."
    )
    numbers = [
        evidence.shift(
            "gradcam_gini_minus_gaussian",
            "Gini index of Grad-CAM's map minus that of a centred Gaussian",
            sharpness,
            "cams-measures",
        ),
        Evidence(
            name="gradcam_centre_offset_median",
            words="Distance of Grad-CAM's centre of mass from the frame's centre, median",
            value=offset,
            unit="half diagonals",
            n=len(offsets),
            source="cams-measures",
        ),
    ]
    return _claim("C2", verdicts.all_of([sharp, centred]), text, numbers)


def ablation_more_focused(results: Results, smallest: StatisticsSettings) -> Claim:
    """C3: smaller area and larger Gini than Grad-CAM, image by image."""
    return _two_measures(
        "C3",
        "ablationcam",
        [("area_above_half", "smaller", smallest.area), ("gini", "larger", smallest.gini)],
        results,
    )


def scorecam_smoother_broader(results: Results, smallest: StatisticsSettings) -> Claim:
    """C4: smaller total variation and larger area than Grad-CAM, image by image."""
    return _two_measures(
        "C4",
        "scorecam",
        [("total_variation", "smaller", smallest.variation), ("area_above_half", "larger", smallest.area)],
        results,
    )


def _two_measures(
    id_: str, method: str, asked: Sequence[tuple[Measure, Literal["smaller", "larger"], float]], results: Results
) -> Claim:
    """A claim that says two things of a method, beside Grad-CAM, at once: both must hold."""
    decided: list[Decision] = []
    sentences, numbers = [], []
    for measure, claimed, smallest in asked:
        a, b = ("gradcam", method) if claimed == "smaller" else (method, "gradcam")
        comparison = _compare(results, measure, a, b)
        if comparison is None:
            decided.append(verdicts.UNDECIDED)
            continue
        decided.append(verdicts.of_paired(comparison, smallest))
        opposite = "larger" if claimed == "smaller" else "smaller"
        word = claimed if comparison.shift > 0 else opposite if comparison.shift < 0 else "no other"
        words, unit, number = WORDS[measure]
        by = f" {wording.by_shift(comparison, number, ' % of the frame' if unit else '')}" if comparison.shift else ""
        sentences.append(f"{label(method)}'s {words} is {word} than Grad-CAM's{by} ({wording.tested(comparison)}).")
        short = "area" if measure == "area_above_half" else measure
        numbers.append(
            evidence.shift(
                f"{a}_minus_{b}_{short}",
                f"{words[0].upper()}{words[1:]}, {label(a)} minus {label(b)}",
                comparison,
                "cams-measures",
                unit,
            )
        )
    return _claim(id_, verdicts.all_of(decided), " ".join(sentences) or "No pair of maps could be measured.", numbers)


def same_region(
    results: Results,
    methods: Sequence[str],
    pairings: Mapping[str, Pairing],
    network: CamsResult,
    smallest: StatisticsSettings,
) -> Claim:
    """C5: the parts above half of the maximum overlap more on one image than on two, for every pair, and some pair's areas differ.

    Pairs that are related by algebra overlap whatever the image shows, and decide nothing. The write-up says object; that a region is
    the object's is out of reach without ground truth.
    """
    pairs = [pair for pair in combinations(methods, 2) if pair_key(*pair) in pairings]
    if not pairs:
        return _claim("C5", verdicts.UNDECIDED, "No pair of maps could be compared.")
    asked = len(methods) * (len(methods) - 1) // 2
    overlaps = [verdicts.UNDECIDED] * (asked - len(pairs))
    parts, numbers, related = [], [], []
    for a, b in pairs:
        part, shown = _overlap(results, a, b, pairings[pair_key(a, b)])
        parts.append(part)
        numbers += shown
        if relation(a, b, network) == "no":
            overlaps.append(verdicts.of_pairing(pairings[pair_key(a, b)], smallest.iou))
        else:
            related.append(f"{label(a)} and {label(b)}")
    differ, said, areas = _extents(results, pairs, asked, smallest.area)
    algebra = f" Related by algebra on this head, and so no evidence: {'; '.join(related)}." if related else ""
    text = (
        f"{'; '.join(parts)}.{algebra} Of the areas above half of the maximum, {said}. "
        "That the methods mark the object, and not only each other's region, takes boxes or masks to say."
    )
    decision = Decision("undecided", needs="Methods that are not related by algebra would test it.")
    if overlaps:
        decision = verdicts.all_of([*overlaps, differ])
    return _claim("C5", decision, text, [*numbers, *areas])


def _extents(
    results: Results, pairs: Sequence[tuple[str, str]], tests: int, smallest: float
) -> tuple[Decision, str, list[Evidence]]:
    """Whether the areas of some pair of methods differ, either way, in a decision, words and evidence; `tests` share the error rate."""
    decided, apart, numbers, p_values = [], [], [], []
    for a, b in pairs:
        area = _compare(results, "area_above_half", a, b)
        if area is None:
            continue
        words = f"Area above half of the maximum, {label(a)} minus {label(b)}"
        numbers.append(evidence.shift(f"{a}_minus_{b}_area", words, area, "cams-measures", "%"))
        p_values += [] if area.p is None else [area.p]
        differs = verdicts.of_paired(area, smallest, tests)
        found = differs.verdict != "undecided"
        decided.append(Decision("supported" if found else "undecided", differs.p, differs.pilots))
        if found:
            word = "larger" if area.shift > 0 else "smaller"
            apart.append(f"{label(a)}'s is {word} than {label(b)}'s ({wording.tested(area)})")
    said = wording.listed(apart) if apart else _none_differs(p_values, tests)
    return (verdicts.any_of(decided) if decided else verdicts.UNDECIDED), said, numbers


def _overlap(results: Results, a: str, b: str, found: Pairing) -> tuple[str, list[Evidence]]:
    """How two methods overlap on one image and on two, as a sentence and its evidence."""
    pairs = [result.pairs[pair_key(a, b)] for result in results]
    rho = float(np.median([p.rank_correlation for p in pairs if p.rank_correlation is not None]))
    other = "" if found.other is None else f" on one image, {found.other:.2f} on two different ones"
    p = "" if found.p is None else f" ({wording.probability(found.p)}{wording.small(found.n)})"
    known = sum(pair.iou is not None for pair in pairs)
    sample = f" over a sample of {wording.count(found.n, 'image')}" if found.n < known else ""
    part = f"{label(a)} and {label(b)}: mean IoU {found.own:.2f}{sample}{other}{p}, rank correlation {rho:.2f}"
    numbers = evidence.pairing(
        f"{a}_{b}_iou", f"IoU of {label(a)}'s and {label(b)}'s parts above half of the maximum", found, "cams-pairs"
    )
    numbers.append(
        Evidence(
            name=f"{a}_{b}_rank_correlation_median",
            words=f"Rank correlation of {label(a)}'s and {label(b)}'s pixels, median",
            value=rho,
            n=len(pairs),
            source="cams-pairs",
        )
    )
    return part, numbers


def _none_differs(p_values: Sequence[float], pairs: int) -> str:
    smallest = f"the smallest p is {min(p_values):.3f}, and" if p_values else "none could be tested,"
    needed = f"{verdicts.ALPHA / pairs:.3f} was needed"
    return f"none was shown to differ: of {wording.count(pairs, 'pair')} {smallest} {needed}"


def _claim(id_: str, decision: Decision, text: str, numbers: Sequence[Evidence] = ()) -> Claim:
    return verdicts.claim(id_, SECTION, CLAIMS[id_], decision, text, numbers)


def _compare(results: Results, measure: Measure, a: str, b: str) -> Paired | None:
    both = [(_value(r, a, measure), _value(r, b, measure)) for r in results]
    known = [(x, y) for x, y in both if x is not None and y is not None]
    return _paired([x for x, _ in known], [y for _, y in known])


def _value(result: CamsResult, method: str, measure: Measure) -> float | None:
    value: float | None = getattr(result.maps[method], measure)
    return value


def _paired(a: Sequence[float], b: Sequence[float]) -> Paired | None:
    return paired(a, b) if a else None
