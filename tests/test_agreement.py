"""analyses.agreement: overlaps against loops over pixels and against simulation; masks from maps; refusals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from made_results import cams_result, lime_result
from made_runs import MadeRun
from reportgen.analyses.agreement.figures import overlap_figures
from reportgen.analyses.agreement.overlap import overlap, threshold_mask, top_pixels
from reportgen.analyses.agreement.result import AgreementResult
from reportgen.analyses.agreement.section import reduce_agreement
from reportgen.analyses.agreement.settings import AgreementSettings
from reportgen.analyses.agreement.task import ANALYSIS
from reportgen.analyses.lime.result import LimeResult
from reportgen.analysis import masks
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.view import View
from reportgen.report.blocks import Figure, Listing, Picture, Table
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from toys import CountingEngine, subject, toy_network, toy_spec

B = TypeVar("B", Table, Figure)
L = TypeVar("L")


def random_mask(seed: int, area: float, shape: tuple[int, int] = (23, 31)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < area


def mask_of(pixels: int, size: int, offset: int = 0) -> np.ndarray:
    """(1, size) with `pixels` set from `offset` on."""
    mask = np.zeros((1, size), bool)
    mask[0, offset : offset + pixels] = True
    return mask


# --- overlap -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("area_a", "area_b"), [(0.1, 0.8), (0.5, 0.5), (0.02, 0.03)])
def test_overlap_is_what_counting_pixels_gives(area_a: float, area_b: float) -> None:
    a, b = random_mask(1, area_a), random_mask(2, area_b)
    both = either = in_a = in_b = 0
    for row in range(a.shape[0]):
        for column in range(a.shape[1]):
            both += a[row, column] and b[row, column]
            either += a[row, column] or b[row, column]
            in_a += a[row, column]
            in_b += b[row, column]
    found = overlap(a, b)
    assert found.iou == pytest.approx(both / either, abs=1e-12)
    assert (found.area_a, found.area_b) == pytest.approx((in_a / a.size, in_b / a.size), abs=1e-12)


def test_overlap_reads_both_masks_alike() -> None:
    a, b = random_mask(1, 0.2), random_mask(2, 0.6)
    there, back = overlap(a, b), overlap(b, a)
    assert (there.iou, there.chance, there.ceiling) == (back.iou, back.chance, back.ceiling)
    assert (there.area_a, there.area_b) == (back.area_b, back.area_a)


def test_overlap_of_a_mask_with_itself_and_with_its_complement() -> None:
    a = random_mask(1, 0.3)
    assert overlap(a, a).iou == overlap(a, a).ceiling == 1
    assert overlap(a, ~a).iou == 0


@pytest.mark.parametrize(("area_a", "area_b"), [(0.2, 0.3), (0.05, 0.7), (0.9, 0.9)])
def test_chance_is_the_iou_of_masks_that_know_nothing_of_each_other(area_a: float, area_b: float) -> None:
    rng = np.random.default_rng(0)
    shape = (300, 300)
    a = rng.random(shape) < area_a
    drawn = [overlap(a, rng.random(shape) < area_b) for _ in range(20)]
    assert np.mean([o.iou for o in drawn]) == pytest.approx(np.mean([o.chance for o in drawn]), abs=2e-3)


@pytest.mark.parametrize(("pixels_a", "pixels_b"), [(3, 12), (12, 3), (7, 7)])
def test_ceiling_is_the_iou_of_nested_masks_and_no_shift_beats_it(pixels_a: int, pixels_b: int) -> None:
    a = mask_of(pixels_a, 20)
    found = [overlap(a, mask_of(pixels_b, 20, offset)) for offset in range(21 - pixels_b)]
    assert {o.ceiling for o in found} == {found[0].ceiling}
    assert max(o.iou for o in found if o.iou is not None) == found[0].iou == found[0].ceiling


def test_two_empty_masks_have_no_iou() -> None:
    empty = np.zeros((4, 5), bool)
    found = overlap(empty, empty)
    assert (found.iou, found.chance, found.ceiling) == (None, None, None)
    assert (found.area_a, found.area_b) == (0, 0)


def test_one_empty_mask_has_an_iou_of_zero() -> None:
    found = overlap(np.zeros((4, 5), bool), np.ones((4, 5), bool))
    assert (found.iou, found.chance, found.ceiling) == (0, 0, 0)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (np.zeros((4, 5), bool), np.zeros((5, 4), bool), "different frames"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), bool), "uint8"),
        (np.zeros((4, 5), bool), np.zeros((4, 5)), "float64"),
        (np.zeros((4, 5, 1), bool), np.zeros((4, 5, 1), bool), r"\(4, 5, 1\)"),
    ],
)
def test_masks_that_cannot_be_compared_are_errors(a: np.ndarray, b: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        overlap(a, b)


# --- masks from maps -----------------------------------------------------------------------------


@pytest.fixture
def saliency() -> np.ndarray:
    """(16, 24) in [0, 1], no two pixels alike."""
    values = np.random.default_rng(4).permutation(16 * 24).reshape(16, 24)
    return (values / values.max()).astype(np.float32) ** 2


def test_otsu_keeps_what_lies_above_otsus_threshold(saliency: np.ndarray) -> None:
    # By Otsu's own criterion, over every cut: the split with the largest variance between the classes.
    histogram, edges = np.histogram(saliency, 256)
    centres, best = (edges[:-1] + edges[1:]) / 2, (0.0, 0.0)
    for cut in range(1, 256):
        low, high = histogram[:cut].sum(), histogram[cut:].sum()
        between = (
            low
            * high
            * (np.average(centres[:cut], weights=histogram[:cut]) - np.average(centres[cut:], weights=histogram[cut:]))
            ** 2
        )
        best = max(best, (between, float(centres[cut - 1])))
    kept = threshold_mask(saliency, "otsu", 0)
    assert threshold_otsu(saliency) == pytest.approx(best[1], abs=1e-6)
    assert np.array_equal(kept, saliency > best[1])
    assert 0 < kept.sum() < kept.size


def test_max_keeps_a_share_of_the_maximum(saliency: np.ndarray) -> None:
    half = saliency * 0.8
    assert np.array_equal(threshold_mask(half, "max:0.5", 0), half >= 0.4)
    tied = np.array([[0.0, 0.5, 1.0]])
    assert threshold_mask(tied, "max:0.5", 0).tolist() == [[False, True, True]]


@pytest.mark.parametrize(
    ("rule", "pixels"), [("area:0.25", 96), ("area:0.001", 0), ("area:0.9", 346), ("area:lime", 11)]
)
def test_area_keeps_as_many_of_the_strongest_pixels(saliency: np.ndarray, rule: str, pixels: int) -> None:
    kept = threshold_mask(saliency, rule, 11)
    assert kept.sum() == pixels
    assert kept.sum() == 0 or saliency[kept].min() > saliency[~kept].max()


@pytest.mark.parametrize("rule", ["otsu", "max:0.5", "area:0.2", "area:lime"])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_constant_map_marks_no_place(rule: str, level: float) -> None:
    assert not threshold_mask(np.full((4, 4), level, np.float32), rule, 5).any()


def test_of_equal_pixels_the_first_in_reading_order_are_kept() -> None:
    saliency = np.array([[1, 3, 2], [3, 2, 2]])
    assert top_pixels(saliency, 3).tolist() == [[False, True, True], [True, False, False]]
    large = np.arange(40 * 40).reshape(40, 40) % 3  # large enough for a sort that is not stable
    assert np.array_equal(top_pixels(large, 100), (large == 2) & (np.cumsum(large.ravel() == 2).reshape(40, 40) <= 100))
    assert top_pixels(saliency, 0).sum() == 0
    assert top_pixels(saliency, 99).all()


@pytest.mark.parametrize(
    "rule", ["otsu:0.5", "max", "max:0", "max:1", "max:nan", "area:1.5", "area:x", "area:", "", "lime"]
)
def test_rules_that_mean_nothing_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="use otsu, max:SHARE"):
        AgreementSettings(threshold=rule)


# --- the analysis --------------------------------------------------------------------------------


def compared(
    saliency: np.ndarray, lime_mask: np.ndarray, *, cam_target: int = 2, rule: str = "otsu"
) -> AgreementResult:
    view = View(np.zeros((*lime_mask.shape, 3), np.uint8), CountingEngine(toy_spec(toy_network())))
    results = {"cams": cams_result({"gradcam": saliency}, target=cam_target), "lime": lime_of(lime_mask)}
    return ANALYSIS.map(subject(view, 2, AgreementSettings(threshold=rule), results=results))


def lime_of(*masks: np.ndarray) -> LimeResult:
    """LIME with one mask a draw."""
    return lime_result(np.zeros(masks[0].shape, int), masks=np.array(masks))


def test_map_compares_the_masks_as_arrays(saliency: np.ndarray) -> None:
    lime = random_mask(5, 0.3, saliency.shape)
    result = compared(saliency, lime, rule="max:0.5")
    cam = saliency >= 0.5
    assert np.array_equal(result.gradcam, cam)
    assert result.comparison.iou == (cam & lime).sum() / (cam | lime).sum()
    assert result.comparison.cam_area == cam.mean()
    assert result.comparison.lime_area == lime.mean()
    strongest = saliency >= np.sort(saliency.ravel())[-int(lime.sum())]
    assert strongest.sum() == lime.sum()
    assert result.comparison.iou_area_matched == (strongest & lime).sum() / (strongest | lime).sum()
    assert result.comparison.chance_area_matched == pytest.approx(lime.mean() / (2 - lime.mean()))


def test_map_of_nothing_against_nothing_has_no_iou() -> None:
    values = compared(np.zeros((8, 8), np.float32), np.zeros((8, 8), bool)).comparison
    assert [values.iou, values.chance, values.ceiling, values.iou_area_matched] == [None] * 4


def test_explanations_of_different_classes_are_not_compared(saliency: np.ndarray) -> None:
    with pytest.raises(ValueError, match="different classes"):
        compared(saliency, random_mask(5, 0.3, saliency.shape), cam_target=1)


def test_masks_of_different_frames_are_not_compared(saliency: np.ndarray) -> None:
    with pytest.raises(ValueError, match="different frames"):
        compared(saliency, random_mask(5, 0.3, (8, 8)))


def test_without_gradcam_there_is_nothing_to_compare() -> None:
    def relevant(**values: Any) -> dict[str, Any]:
        ANALYSIS.require_settings(Settings(**values))
        return ANALYSIS.relevant(Settings(**values))

    with pytest.raises(UsageError, match=r"add gradcam to cams\.methods"):
        relevant(cams={"methods": ("scorecam",)})
    assert relevant() == relevant(seed=4)
    assert relevant(agreement={"threshold": "max:0.5"}) != relevant()


@pytest.mark.parametrize(
    ("pictures", "figures"), [(0, []), (1, [(1, 1)]), (5, [(5, 5)]), (10, [(10, 5)]), (12, [(8, 4), (4, 4)])]
)
def test_overlaps_fill_their_rows(pictures: int, figures: list[tuple[int, int]]) -> None:
    made = [Picture(file=f"figures/{i}.jpg", width=8, height=8, alt="masks") for i in range(pictures)]
    drawn = overlap_figures(made)
    assert [(len(figure.pictures), figure.columns) for figure in drawn] == figures
    assert all(("of 12" in figure.caption) == (pictures == 12) for figure in drawn)


# --- the chapter ---------------------------------------------------------------------------------


def chapter(
    folder: Path,
    *lime_masks: np.ndarray,
    rule: str = "max:0.5",
    draws: int = 1,
    observations: Sequence[int] | None = None,
) -> Contribution:
    saliency = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
    results = [compared(saliency, mask, rule=rule) for mask in lime_masks]
    limes = [lime_of(*[mask] * draws) for mask in lime_masks]
    run = MadeRun(folder, {"agreement": results, "lime": limes}, AgreementSettings(threshold=rule))
    run.observations = list(run.observations if observations is None else observations)
    return reduce_agreement(run)


def blocks(contribution: Contribution, kind: type[B]) -> dict[str, B]:
    assert contribution.section is not None
    return {block.id: block for block in contribution.section.blocks if isinstance(block, kind)}


def blocks_of(contribution: Contribution, kind: type[L]) -> list[L]:
    assert contribution.section is not None
    return [block for block in contribution.section.blocks if isinstance(block, kind)]


def test_the_chapter_sorts_images_by_iou_and_writes_a_mask_each(tmp_path: Path) -> None:
    lower = np.arange(32 * 32).reshape(32, 32) >= 512
    found = chapter(tmp_path, ~lower, lower, random_mask(3, 0.5, (32, 32)))
    table = blocks(found, Table)["agreement"]
    assert [row[0] for row in table.rows] == ["image-1.jpg", "image-2.jpg", "image-0.jpg"]
    assert [row[1] for row in table.rows][::2] == [1, 0]
    assert [entry["gradcam_mask"] for entry in found.per_image] == [f"masks/image-{i}/gradcam.png" for i in range(3)]
    assert all((tmp_path / str(entry["gradcam_mask"])).is_file() for entry in found.per_image)
    assert found.per_image[1]["iou"] == 1
    figures = blocks(found, Figure)
    assert [picture.image for picture in figures["overlaps-1"].pictures] == [row[0] for row in table.rows]
    assert found.gates["iou_above_chance"] == pytest.approx(np.mean([row[1] - row[4] for row in table.rows]))  # type: ignore[operator]
    above = np.mean([row[1] - row[2] for row in table.rows])  # type: ignore[operator]
    assert found.gates["iou_above_other_images"] == pytest.approx(above)


def test_other_image_iou_is_the_mean_over_both_kinds_of_pairs(tmp_path: Path) -> None:
    """All three images have one Grad-CAM mask, so that IoU(G_i, L_j) is image j's own IoU."""
    lower = np.arange(32 * 32).reshape(32, 32) >= 512
    found = chapter(tmp_path, ~lower, lower, random_mask(3, 0.5, (32, 32)))
    own = np.array([entry["iou"] for entry in found.per_image], float)
    expected = [(np.delete(own, i).mean() + own[i]) / 2 for i in range(3)]
    assert [entry["iou_other"] for entry in found.per_image] == pytest.approx(expected)


def test_the_gaussian_has_grad_cams_area() -> None:
    saliency = np.zeros((32, 32), np.float32)
    saliency[:4, :4] = 1  # a corner: 16 pixels
    centre = np.zeros((32, 32), bool)
    centre[14:18, 14:18] = True
    result = compared(saliency, centre, rule="max:0.5")
    assert (result.comparison.iou, result.comparison.iou_gaussian) == (0, 1)


def test_copies_change_no_claim(tmp_path: Path) -> None:
    """Six masks, then the same six and three copies of the first: every finding and mean is the same."""
    masks = [random_mask(i, 0.3 + 0.05 * i, (32, 32)) for i in range(6)]
    plain = chapter(tmp_path / "a", *masks)
    with_copies = chapter(tmp_path / "b", *masks, *masks[:1] * 3, observations=range(6))
    assert with_copies.findings == plain.findings
    assert with_copies.gates == plain.gates
    assert len(with_copies.per_image) == 9
    counted = chapter(tmp_path / "c", *masks, *masks[:1] * 3)
    assert counted.findings != plain.findings


def test_outside_the_sample_of_a_large_run_an_image_has_no_level_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of seven images three are compared with one another: numbers are of these, and of the others there is an IoU alone."""
    monkeypatch.setattr(masks, "MOST_PAIRED", 3)
    lime_masks = [random_mask(i, 0.3 + 0.05 * i, (32, 32)) for i in range(7)]
    found = chapter(tmp_path / "all", *lime_masks)
    sampled = [i for i, entry in enumerate(found.per_image) if entry["iou_other"] is not None]
    assert len(sampled) == 3 and all(entry["iou"] is not None for entry in found.per_image)
    alone = chapter(tmp_path / "alone", *(lime_masks[i] for i in sampled))
    assert [found.per_image[i]["iou_other"] for i in sampled] == [entry["iou_other"] for entry in alone.per_image]
    assert found.gates["iou_above_other_images"] == alone.gates["iou_above_other_images"]
    table = blocks(found, Table)["agreement"]
    assert len(table.rows) == 7 and sum(row[2] is None for row in table.rows) == 4
    [l2] = [finding for finding in found.findings if finding.id == "L2"]
    assert [number.n for number in l2.evidence[:2]] == [3, 3]
    assert "over 3 images" in l2.text
    observed = next(iter(blocks_of(found, Listing))).items
    assert "The mean IoU over 7 images is" in observed[0]
    assert " of 3, by " in observed[1]


def test_an_image_without_an_iou_is_warned_of_and_stands_last(tmp_path: Path) -> None:
    lower = np.arange(32 * 32).reshape(32, 32) >= 512
    nothing = np.zeros((32, 32), bool)
    found = chapter(tmp_path, nothing, lower, rule="area:lime")
    assert [(warning.code, warning.image) for warning in found.warnings] == [("no-iou", "image-0.jpg")]
    assert [row[:2] for row in blocks(found, Table)["agreement"].rows] == [["image-1.jpg", 1], ["image-0.jpg", None]]


@pytest.mark.parametrize(
    ("draws", "said"), [(1, "1 image and one LIME draw each"), (3, "1 image and 3 LIME draws each")]
)
def test_the_limits_say_how_often_lime_was_drawn(tmp_path: Path, draws: int, said: str) -> None:
    section = chapter(tmp_path, random_mask(3, 0.5, (32, 32)), draws=draws).section
    assert section is not None
    [limits] = [block for block in section.blocks if isinstance(block, Listing) and block.role == "limit"]
    assert said in limits.items[1]


@pytest.mark.parametrize(("rule", "cited"), [("otsu", True), ("max:0.5", False)])
def test_otsu_is_cited_where_his_threshold_is_used(tmp_path: Path, rule: str, cited: bool) -> None:
    found = chapter(tmp_path, random_mask(3, 0.5, (32, 32)), rule=rule)
    assert ("otsu1979" in found.references, "Otsu's threshold" in found.terms) == (cited, cited)
    assert {work.key for work in ANALYSIS.works} == {"otsu1979"}
