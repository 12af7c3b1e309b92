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
from reportgen.analyses.agreement.result import Comparison
from reportgen.analyses.cams.findings import cam_findings
from reportgen.analyses.cams.result import CamsResult, Likeness, pair_key
from reportgen.analyses.faithfulness.compare import decided
from reportgen.analyses.lime.findings import depends_on_parameters
from reportgen.analysis import verdicts
from reportgen.analysis.stats import Correlation, Paired, paired
from reportgen.report.document import Finding

METHODS = ("gradcam", "ablationcam", "scorecam")
N = 12


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


def by_id(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.id: finding for finding in findings}


def cam(claim: str, results: list[CamsResult]) -> Finding:
    return by_id(cam_findings(results, (32, 32)))[claim]


def agreement(claim: str, **changed: Any) -> Finding:
    return by_id(agreement_findings(agreement_entries(**changed)))[claim]


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
            "smaller than Grad-CAM's by a median of 0.100",
        ),
        (
            {"ablationcam_area_above_half": 0.1, "ablationcam_gini": -0.1},
            "contradicted",
            "larger than Grad-CAM's by a median of 0.100",
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
def test_c5_asks_for_overlap_above_chance_and_for_extents_that_differ(
    shift: dict[str, float], verdict: str, words: str
) -> None:
    finding = cam("C5", cam_results(**shift))
    assert finding.verdict == verdict
    assert words in finding.text


def test_c5_says_how_near_the_areas_come_to_differing() -> None:
    # 11 of 12: the sign test's p is 0.006
    results = [moved(result, "ablationcam", 0.1 if i else -0.1) for i, result in enumerate(cam_results())]
    assert "AblationCAM's (11 of 12" in cam("C5", results).text
    results[1] = moved(results[1], "ablationcam", -0.2)  # 10 of 12
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
    assert cam_findings(with_more, (32, 32)) == cam_findings(plain, (32, 32))


def test_pairs_that_are_asked_whether_any_differs_share_the_error_rate() -> None:
    eight_of_nine = paired([1.0] * 8 + [0.0], [0.5] * 9)
    assert eight_of_nine.p is not None and 0.05 / 3 < eight_of_nine.p < 0.05
    assert (verdicts.of_paired(eight_of_nine), verdicts.of_paired(eight_of_nine, tests=3)) == ("supported", "undecided")


# --- LIME ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changed", "verdict"), [(-0.3, "supported"), (0.2, "contradicted")])
def test_l4_asks_whether_a_parameter_moves_the_mask_further_than_a_seed(changed: float, verdict: str) -> None:
    entries = [
        SimpleNamespace(jaccard_seeds=v, jaccard_half_samples=v + changed, jaccard_half_features=v + changed)
        for v in spread(0.7)
    ]
    finding = depends_on_parameters(entries)
    assert finding.verdict == verdict
    assert ("which is further" in finding.text) == (changed < 0)


def test_l4_without_repeats_is_not_measured() -> None:
    entry = SimpleNamespace(jaccard_seeds=None, jaccard_half_samples=0.5, jaccard_half_features=0.5)
    assert depends_on_parameters([entry] * N).verdict == "not measured"


# --- agreement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("iou", "verdict"), [(0.6, "supported"), (0.1, "contradicted")])
def test_l2_counts_images_above_chance(iou: float, verdict: str) -> None:
    finding = agreement("L2", iou=iou)
    assert finding.verdict == verdict
    assert f"on {N if iou > 0.2 else 0} of {N} images" in finding.text


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
    assert f"rho {slope:+d}.00" in finding.text


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


def test_a4_is_contradicted_where_the_iou_is_below_chance_and_follows_the_areas() -> None:
    follows = agreement("A4", iou=lambda i: 0.1 + 0.01 * i, chance=lambda i: 0.2 + 0.01 * i)
    assert follows.verdict == "contradicted"
    assert "rho +1.00" in follows.text


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "supported"),
        ({"n": 6}, "undecided"),  # above chance on 6 of 6, but rho may be anything
        ({"iou": lambda i: 0.1}, "undecided"),  # a constant follows nothing that can be told
        ({"chance": lambda i: 0.2 + 0.01 * i}, "contradicted"),  # above chance everywhere, in the order of the areas
        ({"iou": lambda i: 0.1 + 0.001 * (i * 5 % 12)}, "contradicted"),  # below chance everywhere
    ],
)
def test_a4_asks_for_more_than_chance_and_for_more_than_area(changed: dict[str, Any], verdict: str) -> None:
    scattered = {"chance": lambda i: 0.2 + 0.01 * (i * 7 % 24), "ceiling": lambda i: 0.6 + 0.01 * (i * 11 % 24)}
    assert agreement("A4", **{"n": 24, **scattered, **changed}).verdict == verdict


# --- every finding -------------------------------------------------------------------------------


def every_finding(n: int) -> list[Finding]:
    lime = [
        SimpleNamespace(jaccard_seeds=v, jaccard_half_samples=v - 0.3, jaccard_half_features=v - 0.3)
        for v in spread(0.7, n)
    ]
    shift = {"ablationcam_area_above_half": -0.1, "scorecam_total_variation": -1.0}
    return [
        *cam_findings(cam_results(n, **shift), (32, 32)),
        depends_on_parameters(lime),
        *agreement_findings(agreement_entries(n, lime_area=0.1)),
    ]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_nothing_is_supported_or_contradicted_by_luck_on_very_few_images(n: int) -> None:
    assert {finding.verdict for finding in every_finding(n)} <= {"undecided", "not measured"}


def test_small_samples_are_called_small() -> None:
    assert sum("small sample" in finding.text for finding in every_finding(10)) >= 8


@pytest.mark.parametrize("finding", every_finding(N), ids=lambda finding: finding.id)
def test_evidence_has_finite_values_n_and_a_source(finding: Finding) -> None:
    assert finding.evidence
    for item in finding.evidence:
        assert item.n is not None
        assert item.source
        assert item.value is None or np.isfinite(float(item.value))


# --- the rules -----------------------------------------------------------------------------------


def test_rules_are_symmetric() -> None:
    up = Paired(0.1, (0.05, 0.2), 10, 0, 0.002, 10)
    down = Paired(-0.1, (-0.2, -0.05), 0, 10, 0.002, 10)
    unsure = Paired(0.1, (-0.1, 0.2), 7, 3, 0.34, 10)
    assert [verdicts.of_paired(p) for p in (up, down, unsure)] == ["supported", "contradicted", "undecided"]
    assert verdicts.of_correlation(Correlation(-0.9, 0.001, 10, True), -1) == "supported"
    assert verdicts.of_correlation(Correlation(-0.9, 0.001, 10, True), +1) == "contradicted"
    assert verdicts.of_correlation(Correlation(-0.7, 0.03, 10, True), -1, tests=6) == "undecided"
    intervals = [(-0.3, 0.7), (0.72, 0.9), (0.6, 0.8), None]
    follows = [verdicts.of_independence(Correlation(0.5, 0.1, 10, True, ci)) for ci in intervals]
    assert follows == ["supported", "contradicted", "undecided", "undecided"]


def test_tests_that_can_each_decide_a_claim_share_the_error_rate() -> None:
    eight_of_nine = Paired(0.1, (0.05, 0.2), 8, 1, 0.039, 9)
    assert verdicts.of_paired(eight_of_nine) == "supported"
    assert (
        verdicts.of_paired(eight_of_nine, tests=2)
        == decided([eight_of_nine, Paired(0.1, None, 5, 4, 1.0, 9)])
        == "undecided"
    )
    assert verdicts.of_majority(8, 1) == "supported" and verdicts.of_majority(8, 1, tests=2) == "undecided"
    lime = [
        SimpleNamespace(jaccard_seeds=0.7, jaccard_half_features=0.7, jaccard_half_samples=0.5 + 0.3 * (i == 0))
        for i in range(9)
    ]
    assert depends_on_parameters(lime).verdict == "undecided"


def test_a_claim_of_several_parts_needs_them_all() -> None:
    assert verdicts.of_all(["supported", "supported"]) == "supported"
    assert verdicts.of_all(["supported", "undecided"]) == "undecided"
    assert verdicts.of_all(["supported", "contradicted"]) == "contradicted"
    assert verdicts.of_all(["undecided", "contradicted"]) == "contradicted"


def test_conflicting_tests_leave_a_claim_undecided() -> None:
    assert verdicts.combined(["supported", "contradicted"]) == "undecided"
    assert verdicts.combined(["supported", "undecided", "not measured"]) == "supported"
    assert verdicts.combined([]) == "not measured"


def test_the_printed_rules_name_the_thresholds_in_force() -> None:
    printed = " ".join(verdicts.RULES)
    assert f"p < {verdicts.ALPHA:g}" in printed
    assert str(verdicts.SMALL_N) in printed
