"""Made-up results in which each claim is true, false or undecidable: the verdict and the sentence are read back."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from made_results import cams_result, comparison
from reportgen.analyses.agreement.findings import agreement_findings
from reportgen.analyses.agreement.other_images import Agreed, Compared
from reportgen.analyses.agreement.result import Comparison
from reportgen.analyses.cams.findings import cam_findings
from reportgen.analyses.cams.result import CamsResult, Likeness, pair_key
from reportgen.analyses.lime.findings import depends_on_parameters
from reportgen.analysis import rules, verdicts, wording
from reportgen.analysis.stats import Correlation, Pairing, paired, pairing_test, shifted
from reportgen.analysis.verdicts import Claim, Decision
from reportgen.settings.model import StatisticsSettings

METHODS = ("gradcam", "ablationcam", "scorecam")
N = 12
SMALLEST = StatisticsSettings()


def spread(base: float, n: int = N) -> list[float]:
    """n distinct values near `base`."""
    return [base + 0.001 * i for i in range(n)]


def cam_results(n: int = N, **shift: float) -> list[CamsResult]:
    """Measures of three methods, equal but for the shifts `method_measure=by`; pairs overlap far above chance."""
    results = []
    bases = (("area_above_half", 0.3), ("gini", 0.4), ("total_variation", 2.0), ("centre_offset", 0.1))
    for i in range(n):
        measures = {
            method: {key: base + 0.001 * i + shift.get(f"{method}_{key}", 0.0) for key, base in bases}
            for method in METHODS
        }
        alike = Likeness(rank_correlation=0.9, iou=0.8 + shift.get("iou", 0.0), chance=0.2)
        results.append(
            cams_result(measures=measures, pairs={pair_key(*pair): alike for pair in combinations(METHODS, 2)})
        )
    return results


def moved(result: CamsResult, method: str, by: float) -> CamsResult:
    """With the area of one method's map larger by so much."""
    cam = result.maps[method]
    return replace(result, maps={**result.maps, method: replace(cam, area_above_half=cam.area_above_half + by)})


def agreement_entries(n: int = N, **changed: Any) -> list[Comparison]:
    entries = []
    for i in range(n):
        entry = {
            "iou": 0.5 + 0.01 * i, "chance": 0.2, "ceiling": 0.8, "cam_area": 0.3, "lime_area": 0.3,
            "complexity": {"superpixels": 30.0 + (i * 7) % n, "edge_density": 0.1 + (i * 5) % n, "entropy": 7.0 + (i * 11) % n},
            "components": {"gradcam": 1, "lime": 4},
            "edge_gradient": {"gradcam": 0.1, "lime": 0.1, "shifted_lime": 0.1},
        }  # fmt: skip
        entry.update({key: value(i) if callable(value) else value for key, value in changed.items()})
        entries.append(comparison(**entry))
    return entries


def by_id(findings: list[Claim]) -> dict[str, Claim]:
    return {finding.id: finding for finding in findings}


def paired_images(own: list[float], other: float = 0.2) -> Pairing:
    """Masks that overlap by `own` on one image, and by `other` on any two."""
    matrix = np.full((len(own), len(own)), other)
    np.fill_diagonal(matrix, own)
    return pairing_test(matrix)


def alike(results: list[CamsResult]) -> dict[str, Pairing]:
    """Every two methods on one image, as their pairs say, and on two."""
    known = {
        pair: [iou for result in results if (iou := result.pairs[pair].iou) is not None] for pair in results[0].pairs
    }
    return {pair: paired_images(iou) for pair, iou in known.items() if iou}


def cam(claim: str, results: list[CamsResult]) -> Claim:
    return by_id(cam_findings(results, (32, 32), alike(results), results[0], SMALLEST))[claim]


def agreed(entries: list[Comparison], other: float = 0.2) -> Agreed:
    known = [entry.iou for entry in entries if entry.iou is not None]
    images = [Compared(entry, None if entry.iou is None or len(known) < 2 else other) for entry in entries]
    return Agreed(images, images, paired_images(known, other) if known else None)


def agreement(claim: str, **changed: Any) -> Claim:
    return by_id(agreement_findings(agreed(agreement_entries(**changed)), SMALLEST))[claim]


# --- class activation maps -----------------------------------------------------------------------


def test_c2_sharpness_can_sink_the_claim_but_never_carry_it() -> None:
    blunt = cam("C2", cam_results(gradcam_gini=-0.35))
    sharp = cam("C2", cam_results(gradcam_gini=+0.3))
    assert blunt.verdict == "contradicted"
    assert "lower than" in blunt.text
    assert sharp.verdict == "undecided"


@pytest.mark.parametrize(
    ("shift", "verdict", "words"),
    [
        (
            {"ablationcam_area_above_half": -0.1, "ablationcam_gini": 0.1},
            "supported",
            "smaller than Grad-CAM's by 10.0 % of the frame, 95 % interval 10.0 to 10.0 (12 of 12 images",
        ),
        (
            {"ablationcam_area_above_half": 0.1, "ablationcam_gini": -0.1},
            "contradicted",
            "larger than Grad-CAM's by 10.0 % of the frame",
        ),
        ({"ablationcam_area_above_half": -0.1, "ablationcam_gini": -0.1}, "contradicted", "Gini index is smaller"),
        ({"ablationcam_area_above_half": -0.1}, "undecided", "Gini index is no other"),
        ({}, "undecided", "no other than Grad-CAM's"),
    ],
)
def test_c3_asks_for_a_smaller_area_and_a_larger_gini_index(shift: dict[str, float], verdict: str, words: str) -> None:
    finding = cam("C3", cam_results(**shift))
    assert finding.verdict == verdict
    assert words in finding.text


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [
        ({"scorecam_total_variation": -1.0, "scorecam_area_above_half": 0.1}, "supported"),
        ({"scorecam_total_variation": 1.0, "scorecam_area_above_half": -0.1}, "contradicted"),
        ({"scorecam_area_above_half": 0.1}, "undecided"),
        ({}, "undecided"),
    ],
)
def test_c4_asks_for_less_variation_and_more_area(shift: dict[str, float], verdict: str) -> None:
    assert cam("C4", cam_results(**shift)).verdict == verdict


@pytest.mark.parametrize(
    ("shift", "verdict", "words"),
    [
        ({}, "undecided", "none was shown to differ: of 3 pairs none could be tested, 0.017 was needed"),
        ({"scorecam_area_above_half": 0.1}, "supported", "Grad-CAM's is smaller than ScoreCAM's"),
        ({"iou": -0.7}, "contradicted", "none was shown to differ"),
        ({"iou": -0.7, "scorecam_area_above_half": 0.1}, "contradicted", "Grad-CAM's is smaller than ScoreCAM's"),
    ],
)
def test_c5_asks_for_more_overlap_than_on_other_images_and_for_extents_that_differ(
    shift: dict[str, float], verdict: str, words: str
) -> None:
    finding = cam("C5", cam_results(**shift))
    assert finding.verdict == verdict
    assert words in finding.text


def test_c5_takes_no_evidence_from_methods_that_are_related_by_algebra() -> None:
    """On a linear head Grad-CAM and AblationCAM are: their overlap, whatever it is, changes nothing."""
    results = [replace(result, linear_head=True) for result in cam_results(scorecam_area_above_half=0.1)]
    apart = [replace(r, pairs={**r.pairs, "gradcam~ablationcam": Likeness(0.1, 0.1, 0.2)}) for r in results]
    found = cam("C5", apart)
    assert found.verdict == "supported"
    assert "no evidence: Grad-CAM and AblationCAM." in found.text
    alone = [replace(r, maps={k: v for k, v in r.maps.items() if k != "scorecam"}) for r in results]
    assert (cam("C5", alone).verdict, cam("C5", alone).p) == ("undecided", None)


def test_c5_says_how_near_the_areas_come_to_differing() -> None:
    # 11 of 12 by 0.1: only flipping the one as well is as extreme, on either side: p = 2 (1 + 12) / 4096 = 0.006
    results = [moved(result, "ablationcam", 0.1 if i else -0.1) for i, result in enumerate(cam_results())]
    assert "AblationCAM's (11 of 12" in cam("C5", results).text
    # 10 of 12: none, one or two patterns of 12 are as extreme: p = 2 (1 + 12 + 66) / 4096 = 0.039
    results[1] = moved(results[1], "ablationcam", -0.2)
    assert "of 3 pairs the smallest p is 0.039, and 0.017 was needed" in cam("C5", results).text


def test_c5_is_open_where_a_pair_cannot_be_compared() -> None:
    unknown = dict.fromkeys(("gradcam~ablationcam", "ablationcam~scorecam"), Likeness(None, None, None))
    results = [
        replace(result, pairs={**result.pairs, **unknown}) for result in cam_results(scorecam_area_above_half=0.1)
    ]
    assert cam("C5", results).verdict == "undecided"


def test_further_methods_change_no_claim_of_the_write_up() -> None:
    plain = cam_results(scorecam_area_above_half=0.1)
    further = cams_result(measures={"layercam": {"area_above_half": 0.9}, "eigencam": {"gini": 0.9}}).maps
    with_more = [
        replace(r, maps={**further, **r.maps}, pairs={**r.pairs, "layercam~eigencam": Likeness(0.0, 0.0, 0.5)})
        for r in plain
    ]
    more, before = (cam_findings(results, (32, 32), alike(plain), plain[0], SMALLEST) for results in (with_more, plain))
    assert more == before


def test_pairs_that_are_asked_whether_any_differs_share_the_error_rate() -> None:
    eight_of_nine = paired([1.0] * 8 + [0.0], [0.5] * 9)
    assert eight_of_nine.p == pytest.approx(2 * 10 / 512)
    assert verdicts.of_paired(eight_of_nine).verdict == "supported"
    assert verdicts.of_paired(eight_of_nine, tests=3).verdict == "undecided"


# --- LIME ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changed", "verdict"), [(-0.3, "supported"), (0.2, "contradicted")])
def test_l4_asks_whether_seeds_agree_less_once_a_parameter_is_halved(changed: float, verdict: str) -> None:
    entries = [
        SimpleNamespace(jaccard_seeds=v, jaccard_half_samples=v + changed, jaccard_half_features=v + changed)
        for v in spread(0.7)
    ]
    finding = depends_on_parameters(entries, SMALLEST.iou)
    assert finding.verdict == verdict
    assert ("they agree less" in finding.text) == (changed < 0)


def test_l4_without_repeats_is_not_measured() -> None:
    entry = SimpleNamespace(jaccard_seeds=None, jaccard_half_samples=0.5, jaccard_half_features=0.5)
    assert depends_on_parameters([entry] * N, SMALLEST.iou).verdict == "not measured"


# --- agreement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("iou", "verdict"), [(0.6, "supported"), (0.1, "contradicted"), (0.201, "contradicted")])
def test_l2_holds_the_iou_against_that_of_other_images(iou: float, verdict: str) -> None:
    finding = agreement("L2", iou=iou)
    assert finding.verdict == verdict
    assert f"of one image is {iou:.3f} over {N} images" in finding.text
    assert "Of the masks of two different images it is 0.200 (the other-image IoU)" in finding.text
    assert f"{wording.whole(10_000)} permutations" in finding.text


def test_l2_names_the_gaussian_that_has_seen_nothing() -> None:
    finding = agreement("L2", iou=0.6, iou_gaussian=0.65)
    assert finding.verdict == "supported"
    assert "reaches 0.650 with LIME's masks; Grad-CAM lies below it by 0.050" in finding.text


@pytest.mark.parametrize("n", [1, 2, 5])
def test_l2_of_fewer_than_six_images_is_not_decided(n: int) -> None:
    finding = agreement("L2", n=n, iou=0.9)
    assert (finding.verdict, finding.p) == ("undecided", None)
    assert finding.needs == "It takes at least 6 different images to test it."


def test_l2_without_any_iou_is_not_measured() -> None:
    assert agreement("L2", iou=None, chance=None, ceiling=None).verdict == "not measured"


@pytest.mark.parametrize(("lime", "verdict", "word"), [(0.1, "supported", "smaller"), (0.6, "contradicted", "larger")])
def test_l3_compares_areas(lime: float, verdict: str, word: str) -> None:
    finding = agreement("L3", lime_area=lime)
    assert finding.verdict == verdict
    assert f"LIME's mask is {word}" in finding.text


def _complexity(slope: int) -> Any:
    return lambda i: {"superpixels": 30.0 + slope * i, "edge_density": 1.0 + (i * 5) % N, "entropy": 7.0 + (i * 7) % N}


@pytest.mark.parametrize(("slope", "verdict"), [(-1, "supported"), (1, "contradicted")])
def test_a1_follows_the_rank_correlation_after_correction(slope: int, verdict: str) -> None:
    finding = agreement("A1", complexity=_complexity(slope))
    assert finding.verdict == verdict
    assert f"rho {'+' if slope > 0 else '−'}1.00" in finding.text


def test_a1_of_unrelated_complexity_is_undecided_and_says_what_p_would_take() -> None:
    finding = agreement(
        "A1", complexity=lambda i: {key: float((i * 5) % N) for key in ("superpixels", "edge_density", "entropy")}
    )
    assert finding.verdict == "undecided"
    assert f"it has to be below {0.05 / 6:.3f}." in finding.text


@pytest.mark.parametrize(
    ("lime", "shifted", "verdict"), [(0.4, 0.1, "supported"), (0.02, 0.1, "contradicted"), (0.4, 0.4, "undecided")]
)
def test_a2_asks_for_more_than_grad_cam_and_more_than_chance(lime: float, shifted: float, verdict: str) -> None:
    finding = agreement("A2", edge_gradient={"gradcam": 0.1, "lime": lime, "shifted_lime": shifted})
    assert finding.verdict == verdict


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ({"gradcam": 1, "lime": 5}, "supported"),
        ({"gradcam": 3, "lime": 5}, "contradicted"),
        ({"gradcam": 0, "lime": 0}, "not measured"),
    ],
)
def test_a3_counts_connected_parts(parts: dict[str, int], verdict: str) -> None:
    assert agreement("A3", components=parts).verdict == verdict


def test_a4_is_contradicted_where_the_iou_is_that_of_other_images_and_follows_the_areas() -> None:
    follows = agreement("A4", iou=lambda i: 0.1 + 0.001 * i, chance=lambda i: 0.2 + 0.01 * i)
    assert follows.verdict == "contradicted"
    assert "rho +1.00" in follows.text


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "supported"),
        ({"n": 10}, "undecided"),  # above other images, but rho of ten images may be anything
        ({"iou": lambda i: 0.5}, "undecided"),  # a constant follows nothing that can be told
        ({"chance": lambda i: 0.2 + 0.01 * i}, "contradicted"),  # in the order of the areas
        ({"iou": lambda i: 0.1 + 0.001 * (i * 5 % 12)}, "contradicted"),  # below other images everywhere
    ],
)
def test_a4_asks_for_more_than_other_images_and_for_more_than_area(changed: dict[str, Any], verdict: str) -> None:
    """24 images shuffled so that rho with the areas is near 0; of 24 its 90 % interval lies within 0.4."""
    scattered = {"chance": lambda i: 0.2 + 0.01 * (i * 17 % 24), "ceiling": lambda i: 0.6 + 0.01 * (i * 11 % 24)}
    assert agreement("A4", **{"n": 24, **scattered, **changed}).verdict == verdict


# --- every finding -------------------------------------------------------------------------------


def every_finding(n: int) -> list[Claim]:
    lime = [
        SimpleNamespace(jaccard_seeds=v, jaccard_half_samples=v - 0.3, jaccard_half_features=v - 0.3)
        for v in spread(0.7, n)
    ]
    shift = {"ablationcam_area_above_half": -0.1, "scorecam_total_variation": -1.0}
    results = cam_results(n, **shift)
    return [
        *cam_findings(results, (32, 32), alike(results), results[0], SMALLEST),
        depends_on_parameters(lime, SMALLEST.iou),
        *agreement_findings(agreed(agreement_entries(n, lime_area=0.1)), SMALLEST),
    ]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_nothing_is_supported_or_contradicted_by_luck_on_very_few_images(n: int) -> None:
    assert {finding.verdict for finding in every_finding(n)} <= {"undecided", "not measured"}


def test_small_samples_are_called_small() -> None:
    assert sum("small sample" in finding.text for finding in every_finding(10)) >= 8


@pytest.mark.parametrize("finding", every_finding(N), ids=lambda finding: finding.id)
def test_evidence_has_words_finite_values_n_and_a_source(finding: Claim) -> None:
    assert finding.evidence
    for item in finding.evidence:
        assert item.words
        assert "_" not in item.words
        assert item.n is not None
        assert item.source
        assert item.value is None or np.isfinite(float(item.value))


# --- the rules -----------------------------------------------------------------------------------


def verdict_of(values: list[float], smallest: float = 0.0, tests: int = 1) -> str:
    return verdicts.of_paired(shifted(values), smallest, tests).verdict


def test_rules_are_symmetric() -> None:
    up = [0.1 + 0.01 * i for i in range(10)]
    down, unsure = [-v for v in up], [0.1, -0.1] * 5
    assert [verdict_of(values) for values in (up, down, unsure)] == ["supported", "contradicted", "undecided"]
    assert verdicts.of_correlation(Correlation(-0.9, 0.001, 10, True), -1).verdict == "supported"
    assert verdicts.of_correlation(Correlation(-0.9, 0.001, 10, True), +1).verdict == "contradicted"
    assert verdicts.of_correlation(Correlation(-0.7, 0.03, 10, True), -1, tests=6).verdict == "undecided"


def test_what_is_no_larger_than_the_smallest_effect_of_interest_decides_nothing() -> None:
    surely = [0.015 + 0.0001 * i for i in range(10)]  # p = 0.002
    assert (verdict_of(surely), verdict_of(surely, 0.02)) == ("supported", "undecided")
    assert verdicts.of_correlation(Correlation(0.08, 0.001, 5000, False), +1, 0.1).verdict == "undecided"


def test_a_shift_that_points_away_from_the_mean_decides_nothing() -> None:
    """Nineteen a little above zero and one far below: the median shift is positive, the mean is not."""
    values = [0.01] * 19 + [-100.0]
    found = replace(shifted(values), p=0.001)  # whatever the test says
    assert found.shift > 0
    assert verdicts.of_paired(found).verdict == "undecided"


@pytest.mark.parametrize(
    ("rho", "n", "verdict"),
    [
        (0.0, 10, "undecided"),
        (0.0, 24, "supported"),
        (0.95, 10, "contradicted"),
        (0.5, 100, "undecided"),
        (-0.9, 30, "contradicted"),
    ],
)
def test_independence_is_decided_by_equivalence_alone(rho: float, n: int, verdict: str) -> None:
    """With ten images nothing is shown to be unrelated, whatever its p."""
    assert verdicts.of_independence(Correlation(rho, 1.0, n, True), 0.5).verdict == verdict


def test_tests_that_can_each_decide_a_claim_share_the_error_rate() -> None:
    eight_of_nine = [0.1] * 8 + [-0.1]  # p = 0.039
    assert verdict_of(eight_of_nine) == "supported"
    assert verdict_of(eight_of_nine, tests=2) == "undecided"
    assert verdicts.of_majority(8, 1).verdict == "supported"
    assert verdicts.of_majority(8, 1, tests=2).verdict == "undecided"
    both = [verdicts.of_paired(shifted(values), tests=2) for values in (eight_of_nine, [0.1, -0.1] * 4 + [0.1])]
    assert verdicts.any_of(both).verdict == "undecided"
    assert verdicts.any_of(both).p == pytest.approx(2 * 2 * 10 / 512)
    lime = [
        SimpleNamespace(jaccard_seeds=0.7, jaccard_half_features=0.7, jaccard_half_samples=0.5 + 0.4 * (i == 0))
        for i in range(9)
    ]
    assert depends_on_parameters(lime, 0.0).verdict == "undecided"


def test_a_claim_of_several_parts_needs_them_all() -> None:
    yes, no, open_ = Decision("supported", 0.01), Decision("contradicted", 0.002), Decision("undecided", 0.3)
    untested = Decision("undecided", needs="More images.")
    found = verdicts.all_of([yes, Decision("supported", 0.04)])
    assert (found.verdict, found.p) == ("supported", 0.04)
    assert (verdicts.all_of([yes, open_]).verdict, verdicts.all_of([yes, open_]).p) == ("undecided", 0.3)
    found = verdicts.all_of([yes, no, open_])
    assert (found.verdict, found.p) == ("contradicted", pytest.approx(0.006))
    barely = Decision("contradicted", 0.03)  # of two parts that could have done it
    assert verdicts.all_of([yes, barely]).verdict == "undecided"
    assert (verdicts.all_of([yes, untested]).verdict, verdicts.all_of([yes, untested]).needs) == (
        "undecided",
        "More images.",
    )
    assert verdicts.all_of([untested, no]).verdict == "contradicted"
    assert verdicts.all_of([untested, untested]).p is None


def test_a_part_that_points_against_a_claim_decides_how_many_images_would() -> None:
    """Whatever the other part would take: one that is contradicted alone, or merely points that way, can sink the claim."""
    weak = verdicts.of_paired(shifted([0.1, -0.1, 0.3, -0.2, 0.2, 0.1, -0.1]))
    alone = verdicts.of_paired(shifted([-0.1, -0.2, -0.3, -0.15, -0.25, -0.1]))  # p = 1/32, times two parts 1/16
    pointing = verdicts.of_paired(shifted([-0.1, 0.2, -0.3, -0.15, -0.25, -0.1]))
    assert (alone.verdict, pointing.verdict) == ("contradicted", "undecided")
    for part in (alone, pointing):
        found = verdicts.all_of([weak, part])
        assert (found.verdict, found.against) == ("undecided", True)
        [[pilot]] = found.pilots
        assert (pilot.values, pilot.tests) == (part.pilots[0][0].values, 2)


def test_conflicting_tests_leave_a_claim_undecided() -> None:
    yes, no, open_ = Decision("supported", 0.01), Decision("contradicted", 0.002), Decision("undecided", 0.3)
    unmeasured = Decision("not measured")
    assert verdicts.any_of([yes, no]).verdict == "undecided"
    assert verdicts.any_of([yes, open_, unmeasured]).verdict == "supported"
    assert verdicts.any_of([yes, open_, unmeasured]).p == pytest.approx(0.02)
    assert verdicts.any_of([]).verdict == "not measured"


def test_the_printed_rules_name_the_thresholds_in_force() -> None:
    printed = " ".join(rules.rules_with(StatisticsSettings(area=0.07, shared=0.4)))
    assert f"p < {verdicts.ALPHA:g}" in printed
    assert str(verdicts.SMALL_N) in printed
    assert "area 7 % of the frame" in printed
    assert "±0.4, where one explains 16 %" in printed
