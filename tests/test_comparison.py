"""analyses.comparison: shared parts against coordinates of the original, likeness against loops and scipy, claims on made pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from scipy.stats import spearmanr

from made_comparison import ComparedRun, blob, cams_of, faithfulness_of
from reportgen.analyses.comparison import pairing
from reportgen.analyses.comparison.measured import compared
from reportgen.analyses.comparison.pairing import Alike, MapOf, alike, map_of
from reportgen.analyses.comparison.section import reduce_comparison
from reportgen.analyses.comparison.shared import shared_part
from reportgen.analyses.comparison.statistics import rows
from reportgen.analysis import masks
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import Preprocessing
from reportgen.report.blocks import Figure, Listing, Table, Text
from reportgen.report.document import Finding

R = TypeVar("R")


def preprocessing(size: int, resize: int, geometry: str = "crop") -> Preprocessing:
    return Preprocessing(size, resize, (0.5,) * 3, (0.25,) * 3, "bilinear", geometry)  # type: ignore[arg-type]


# --- the shared part -------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (500, 500)])
@pytest.mark.parametrize("other", [preprocessing(260, 297), preprocessing(112, 224), preprocessing(64, 64)])
def test_both_cuts_show_the_same_part_of_the_photograph(width: int, height: int, other: Preprocessing) -> None:
    """Each model's frame of a picture whose pixels say where they are, cut to the shared part, says the same places."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    first = preprocessing(224, 256)
    shared = shared_part(width, height, first, other)
    for places, length in ((x, width), (y, height)):
        picture = np.repeat((places * 255 / length)[..., None], 3, axis=2).astype(np.uint8)
        cuts = [
            shared.cut(model_frame(picture, of)[..., 0].astype(float) * length / 255, which)
            for which, of in enumerate((first, other))
        ]
        assert cuts[0].shape == cuts[1].shape == (min(224, other.size),) * 2
        # Grey levels are whole, and a pixel of a frame is a few of the original.
        assert np.abs(cuts[0] - cuts[1])[2:-2, 2:-2].max() < 2.5 * length / 255


def test_the_shares_are_those_of_the_sides() -> None:
    shared = shared_part(640, 480, preprocessing(224, 256), preprocessing(112, 224))
    # 224 of 256 of the short side, and 112 of 224: the second lies wholly within the first.
    assert shared.shares == pytest.approx(((0.5 / 0.875) ** 2, 1.0), abs=0.01)
    assert shared.side == 112


def test_squashed_frames_share_everything() -> None:
    shared = shared_part(640, 480, preprocessing(224, 256, "squash"), preprocessing(260, 297, "squash"))
    assert shared.shares == pytest.approx((1.0, 1.0))
    values = np.random.default_rng(0).random((224, 224)).astype(np.float32)
    assert np.array_equal(shared.cut(values, 0), values)


# --- likeness --------------------------------------------------------------------------------------


def pairs_of(n: int, side: int = 12, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [(rng.random((side, side)), rng.random((side, side))) for _ in range(n)]


def held(maps: Sequence[tuple[np.ndarray, np.ndarray] | None], observations: Sequence[int]) -> Alike:
    def of(position: int) -> tuple[MapOf, MapOf] | None:
        pair = maps[position]
        if pair is None:
            return None
        a, b = map_of(pair[0]), map_of(pair[1])
        return None if a is None or b is None else (a, b)

    return alike(map(of, range(len(maps))), observations, 0)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    both = sum(x > 0.5 and y > 0.5 for x, y in zip(a.ravel(), b.ravel(), strict=True))
    either = sum(x > 0.5 or y > 0.5 for x, y in zip(a.ravel(), b.ravel(), strict=True))
    return float(both / either)


def test_likeness_is_what_loops_and_scipy_give() -> None:
    maps = pairs_of(4)
    found = held(maps, range(4))
    for i, (a, b) in enumerate(maps):
        others = [j for j in range(4) if j != i]
        like = found.images[i]
        assert like is not None
        assert like.iou == pytest.approx(iou(a, b))
        assert like.rank_correlation == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-6)
        crossed = [*((a, maps[j][1]) for j in others), *((maps[j][0], b) for j in others)]
        assert like.other_iou == pytest.approx(np.mean([iou(*pair) for pair in crossed]))
        rhos = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in crossed]
        assert like.other_rank_correlation == pytest.approx(np.mean(rhos), abs=1e-6)


def test_a_copy_is_no_other_image() -> None:
    maps = pairs_of(3)
    found, without = held([*maps, maps[0]], range(3)), held(maps, range(3))
    assert found.images[:3] == without.images
    copy, own = found.images[3], found.images[0]
    assert copy is not None and own is not None
    assert (copy.iou, copy.rank_correlation) == (own.iou, own.rank_correlation)
    assert copy.other_iou is None and copy.other_rank_correlation is None
    assert found.iou == without.iou


def test_a_map_that_marks_nothing_is_in_no_comparison() -> None:
    maps: list[tuple[np.ndarray, np.ndarray] | None] = [*pairs_of(3)]
    empty = np.zeros((12, 12))
    faint = np.where(np.arange(144).reshape(12, 12) % 2 == 0, 0.4, 0.1)
    found = held([*maps, (empty, maps[0][0]), (maps[0][0], faint)], range(5))  # type: ignore[index]
    assert found.images[3:] == [None, None]
    assert found.iou == held(maps, range(3)).iou
    nothing = held([None, None], range(2))
    assert (nothing.iou, nothing.rank_correlation, list(nothing.images)) == (None, None, [None, None])


# --- claims ----------------------------------------------------------------------------------------


def by_id(run: ComparedRun) -> dict[str, Finding]:
    return {finding.id: finding for finding in reduce_comparison(run).findings}


def test_maps_at_the_same_place_support_and_maps_that_know_no_image_do_not(tmp_path: Path) -> None:
    places = [blob(4 * i % 20, 3 * i % 20) for i in range(7)]
    same = ComparedRun(tmp_path / "same", [(place, place) for place in places])
    found = by_id(same)["M1"]
    assert (found.verdict, found.section) == ("supported", "comparison")
    assert found.p < 0.01
    centre = ComparedRun(tmp_path / "centre", [(blob(8, 8), blob(9, 9))] * 7)
    centred = by_id(centre)["M1"]
    # Their IoU is 0.62, and that of maps of different images no less.
    assert centred.verdict == "contradicted"


def test_few_images_decide_nothing(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3 * i, i), blob(3 * i, i)) for i in range(5)])
    found = by_id(run)["M1"]
    assert found.verdict == "undecided" and found.p is None
    assert "cannot be tested" in found.text


def printed(run: ComparedRun) -> tuple[list[str], Table]:
    """What is said of a pair, and the table of its images."""
    section = reduce_comparison(run).section
    assert section is not None
    said = next(block.items for block in section.blocks if isinstance(block, Listing) and block.role == "observation")
    return said, next(block for block in section.blocks if isinstance(block, Table) and block.id == "comparison")


def test_copies_count_once_in_every_number_printed(tmp_path: Path) -> None:
    """The last of three images stands there five times: sentences, means and pictures are as without its copies, rows are all."""
    maps = [(blob(4, 4), blob(4, 4)), (blob(4, 4), blob(8, 4)), (blob(12, 4), blob(18, 4))]
    classes = ["class 2", "class 2", "class 1"]
    once = ComparedRun(tmp_path / "once", maps, second_classes=classes)
    copied = ComparedRun(tmp_path / "copied", [*maps, *maps[2:] * 4], second_classes=[*classes, *classes[2:] * 4])
    copied.observations = [0, 1, 2]
    (said, table), (said_of_copied, of_copied) = printed(once), printed(copied)
    assert said == said_of_copied
    assert said[0] == "net_a and net_b name the same class on 2 of 3 images."
    # Of 8 x 8 pixels 8 x 8, 4 x 8 and 2 x 8 are shared.
    mean = np.mean([1, 32 / 96, 16 / 112])
    assert f"is {mean:.3f} on average over 3 images (from 0.143 to 1.000)" in said[1]
    assert of_copied.summary == table.summary and table.summary[0][3] == pytest.approx(mean)
    assert len(of_copied.rows) == 7
    assert by_id(copied)["M1"].evidence[0].value == pytest.approx(mean)
    figures = [
        b.title for b in reduce_comparison(copied).section.blocks if isinstance(b, Figure) and b.kind == "panels"
    ]  # type: ignore[union-attr]
    assert figures == ["image-2.jpg"]


def test_a_result_is_read_once_for_a_pair(tmp_path: Path) -> None:
    read: list[tuple[str, int, str | None]] = []

    class Counting(ComparedRun):
        def result(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
            read.append((analysis, image, model))
            return super().result(analysis, image, kind, model)

    run = Counting(tmp_path, [(blob(3, 4), blob(3, 4))] * 3)
    compared(run, *run.explained)
    # But for the size of the grid, of the first image.
    assert max(Counter(at for at in read if at[0] != "cams" or at[1]).values()) == 1
    assert len(set(read)) == 2 * 3 * 4


@pytest.fixture
def few_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most three images are compared with others, and ranks of two."""
    monkeypatch.setattr(masks, "MOST_PAIRED", 3)
    monkeypatch.setattr(pairing, "MOST_RANKED", 2)


@pytest.mark.usefixtures("few_paired")
def test_outside_the_sample_of_a_large_run_an_image_has_no_level_of_others(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(4 * i % 20, 3 * i % 20), blob(4 * i % 20, 3 * i % 20)) for i in range(7)])
    made = reduce_comparison(run)
    likenesses = [image["net_a~net_b"]["likeness"] for image in made.per_image]  # type: ignore[index, call-overload]
    assert [like["iou"] for like in likenesses] == [1] * 7  # type: ignore[index, call-overload]
    for key, most in (("other_iou", 3), ("other_rank_correlation", 2)):
        assert sum(like[key] is not None for like in likenesses) == most  # type: ignore[index, call-overload]
    m1 = next(finding for finding in made.findings if finding.id == "M1")
    assert [number.n for number in m1.evidence] == [3, 3, 2, 2]
    assert "the pixels' rank correlation (over a sample of 2 images) is" in m1.text
    assert "With 3 images it cannot be tested" in m1.text
    said, table = printed(run)
    assert "is 1.000 on average over 7 images" in said[1]
    assert len(table.rows) == 7 and sum(row[4] is None for row in table.rows) == 4


def test_copies_of_one_photograph_decide_nothing(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3, 4), blob(3, 4))] * 12)
    run.observations = [0]
    found = by_id(run)
    assert found["M1"].verdict == "undecided" and found["M1"].p is None
    assert found["M2"].verdict == "undecided"


def test_gains_are_over_the_random_order_of_the_same_model(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3, 4), blob(3, 4))] * 2)
    # deletion: smaller is better, insertion: larger; by map (deletion, insertion).
    areas = [
        {"gradcam": (0.2, 0.7), "lime": (0.3, 0.5), "random": (0.5, 0.4)},
        {"gradcam": (0.1, 0.3), "lime": (0.15, 0.2), "random": (0.2, 0.1)},
    ]
    for model, of in zip(run.explained, areas, strict=True):
        run.of_model[model]["faithfulness"] = [faithfulness_of(of)] * 2
    found = compared(run, *run.explained)
    values = {measure.key: of[0] for measure, of in found.values.items() if measure.gain}
    assert values == {
        "gradcam_deletion_gain": pytest.approx((0.3, 0.1)),
        "gradcam_insertion_gain": pytest.approx((0.3, 0.2)),
        "lime_deletion_gain": pytest.approx((0.2, 0.05)),
        "lime_insertion_gain": pytest.approx((0.1, 0.1)),
    }


def test_a_row_is_the_first_minus_the_second(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3, 4, 10), blob(3, 4, 6)) for _ in range(3)])
    found = compared(run, *run.explained)
    area = next(row for row in rows(found) if row.measure.key == "gradcam_area")
    assert area.medians == pytest.approx((100 / 32**2, 36 / 32**2))
    assert area.by.shift == pytest.approx(64 / 32**2)
    assert area.by.n == 3


# --- the section -----------------------------------------------------------------------------------


def test_images_on_which_the_classes_differ_are_shown_side_by_side(tmp_path: Path) -> None:
    run = ComparedRun(
        tmp_path, [(blob(3, 4), blob(3, 4))] * 4, second_classes=["class 2", "class 1", "class 2", "class 3"]
    )
    section = reduce_comparison(run).section
    assert section is not None
    figures = [block for block in section.blocks if isinstance(block, Figure) and block.kind == "panels"]
    assert [figure.title for figure in figures] == ["image-1.jpg", "image-3.jpg"]
    labels = [picture.label for picture in figures[0].pictures]
    assert labels == ["Input of net_a", "net_a: class 2, 0.90", "net_b: class 1, 0.90"]
    # Frames of two models are two frames: no picture of the second may lie over the photograph of the first.
    assert all(figure.image is None and not any(p.image for p in figure.pictures) for figure in figures)
    table = next(block for block in section.blocks if isinstance(block, Table) and block.id == "comparison")
    assert [row[1:3] for row in table.rows] == [["class 2", f"class {i}"] for i in (2, 1, 2, 3)]


def test_where_all_name_one_class_the_least_alike_are_shown(tmp_path: Path) -> None:
    maps = [(blob(4, 4), blob(4 + shift, 4)) for shift in (0, 9, 2, 6, 1)]
    section = reduce_comparison(ComparedRun(tmp_path, maps)).section
    assert section is not None
    figures = [block for block in section.blocks if isinstance(block, Figure) and block.kind == "panels"]
    assert [figure.title for figure in figures] == ["image-1.jpg", "image-3.jpg", "image-2.jpg"]
    text = [block.text for block in section.blocks if isinstance(block, Text) and block.role == "observation"]
    assert text == ["On the images with figures all models name the same class. Here their maps overlap least."]


def test_three_models_make_three_pairs_with_ids_of_their_own(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3, 4), blob(3, 4), blob(9, 9))] * 2, models=("net_a", "net_b", "net_c"))
    found = reduce_comparison(run)
    ids = [finding.id for finding in found.findings]
    assert ids == [
        f"{claim}@{pair}" for pair in ("net_a~net_b", "net_a~net_c", "net_b~net_c") for claim in ("M1", "M2")
    ]
    assert found.section is not None
    blocks = [block.id for block in found.section.blocks if isinstance(block, Figure | Table)]
    assert len(set(blocks)) == len(blocks)
    assert list(found.per_image[0]) == ["net_a~net_b", "net_a~net_c", "net_b~net_c"]
    panels = [block for block in found.section.blocks if isinstance(block, Figure) and block.kind == "panels"]
    assert all(len(figure.pictures) == 4 for figure in panels)


def test_frames_that_differ_are_said_to(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3, 4), blob(3, 4))] * 2)
    run.of_preprocessing["net_b"] = preprocessing(32, 64)
    section = reduce_comparison(run).section
    assert section is not None
    limits = [
        item for block in section.blocks if isinstance(block, Listing) and block.role == "limit" for item in block.items
    ]
    assert any("cut different frames" in item and "25 % of the frame of net_a" in item for item in limits)


def test_results_of_the_run_that_are_not_there_are_not_asked_for(tmp_path: Path) -> None:
    run = ComparedRun(tmp_path, [(blob(3, 4), blob(3, 4))] * 2)
    run.analyses = ("cams", "comparison")
    for model in run.explained:
        run.of_model[model] = {"cams": cams_of([blob(3, 4)] * 2)}
    found = reduce_comparison(run)
    assert [finding.id for finding in found.findings] == ["M1"]
    assert set(found.per_image[0]["net_a~net_b"]["values"]) == {"gradcam_area", "gradcam_gini"}  # type: ignore[index, arg-type, call-overload]
