"""COCO as people have it: folders in names, several files, polygons and runs, crowds, results, exports of Roboflow and others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.images.ground_truth.runs import placed, runs_of
from reportgen.images.ground_truth.shapes import Box, Flaw, Polygon, Runs
from truth_folders import BOX, HEIGHT, WIDTH, beside, folder_with, painted, read, seen

IMAGE = {"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}
OBJECT = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [30.0, 20.0, 40.0, 40.0], "iscrowd": 0}
SHAPE = Box(30, 20, 70, 60)


def coco(*annotations: dict[str, object], images: object = (IMAGE,), **others: object) -> str:
    return json.dumps({"images": images, "annotations": annotations, **others})


def runs(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed counts of an (H, W) bool mask: columns one after another, what is not the object's first."""
    flat = mask.T.ravel()
    ends = [*(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), len(flat)]
    counts = np.diff([0, *ends]).tolist()
    return [0, *counts] if flat[0] else counts


def packed(counts: list[int]) -> str:
    """As pycocotools packs them (maskApi.c, rleToString)."""
    text = ""
    for place, count in enumerate(counts):
        value, more = count - (counts[place - 2] if place > 2 else 0), True
        while more:
            bits, value = value & 31, value >> 5
            more = value != -1 if bits & 16 else value != 0
            text += chr((bits | 32 if more else bits) + 48)
    return text


# --- which image ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "file", "written"),
    [
        ("a.jpg", "annotations.json", "images/a.jpg"),
        ("a.jpg", "annotations.json", "C:\\data\\train\\a.jpg"),
        ("images/a.jpg", "annotations/instances_val2017.json", "a.jpg"),
        ("train/a.jpg", "train/_annotations.coco.json", "a.jpg"),
        ("A.JPG", "result.json", "./images/a.jpg"),
        ("bücher.jpg", "t.json", "bu\u0308cher.jpg"),  # decomposed, as a Mac writes it
    ],
)
def test_the_image_is_found_as_people_name_it(tmp_path: Path, image: str, file: str, written: str) -> None:
    folder = folder_with(tmp_path, image, "other.jpg")
    found = read(beside(folder, file, coco(OBJECT, images=[{"id": 1, "file_name": written}])))
    assert found.shapes(image) == [SHAPE]
    assert found.said == ""
    assert file in found.remarks.seen and not found.left


def test_each_folder_of_roboflow_has_its_own_file(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "train/a.jpg", "valid/a.jpg")
    beside(folder, "train/_annotations.coco.json", coco(OBJECT))
    beside(folder, "valid/_annotations.coco.json", coco({**OBJECT, "bbox": [1, 1, 5, 5]}))
    found = read(folder)
    assert (found.shapes("train/a.jpg"), found.shapes("valid/a.jpg")) == ([SHAPE], [Box(1, 1, 6, 6)])


def test_a_file_is_of_the_split_that_it_is_called_after(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "train2017/a.jpg", "val2017/a.jpg")
    found = read(beside(folder, "annotations/instances_val2017.json", coco(OBJECT)))
    assert set(found.truths) == {"val2017/a.jpg"} and found.said == ""


@pytest.mark.parametrize("id_", [1, "1", 1.0, "a"])
def test_ids_are_numbers_or_text(tmp_path: Path, id_: object) -> None:
    image = {"id": "a" if id_ == "a" else "1", "file_name": "a.jpg"}
    assert read(
        beside(folder_with(tmp_path, "a.jpg"), "t.json", coco({**OBJECT, "image_id": id_}, images=[image]))
    ).shapes()


def test_images_that_are_not_there_are_counted(tmp_path: Path) -> None:
    images = [IMAGE, *({"id": n, "file_name": f"{n:012}.jpg"} for n in range(2, 9))]
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco(OBJECT, images=images)))
    assert found.said == (
        "Annotations name 7 images not in the folder: t.json: 000000000002.jpg; t.json: 000000000003.jpg; "
        "t.json: 000000000004.jpg; 4 more."
    )
    assert found.shapes() == [SHAPE]


# --- several files -------------------------------------------------------------------------------


def test_several_files_are_one_truth_and_what_both_have_counts_once(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "b.jpg")
    second = {**OBJECT, "bbox": [1, 1, 5, 5]}
    other = {"id": 1, "file_name": "b.jpg"}  # the ids of the files are their own
    beside(folder, "instances_train.json", coco(OBJECT))
    beside(folder, "instances_val.json", coco(OBJECT, second))
    beside(folder, "instances_more.json", coco({**OBJECT, "bbox": [2, 2, 5, 5]}, images=[other]))
    found = read(folder)
    assert found.shapes("a.jpg") == [SHAPE, Box(1, 1, 6, 6)]
    assert found.shapes("b.jpg") == [Box(2, 2, 7, 7)]
    assert found.said == "" and not found.left


def test_the_order_of_files_and_objects_does_not_change_the_digest(tmp_path: Path) -> None:
    digests = set()
    second = {**OBJECT, "bbox": [1, 1, 5, 5]}
    for place, pair in enumerate(((OBJECT, second), (second, OBJECT))):
        folder = folder_with(tmp_path / str(place), "a.jpg")
        digests.add(read(beside(folder, "t.json", coco(*pair))).truths["a.jpg"].digest)
    assert len(digests) == 1


# --- what is marked ------------------------------------------------------------------------------


def test_polygons_come_before_the_box_and_flaws_of_one_leave_the_others(tmp_path: Path) -> None:
    square = [30, 20, 70, 20, 70.0, 60, 30, 60]
    marked = {**OBJECT, "bbox": [0, 0, 1, 1], "segmentation": [square, [1, 2, 3, 4], [5, 6, 7], []]}
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco(marked)))
    assert found.shapes() == [Polygon(((30, 20), (70, 20), (70, 60), (30, 60)))]
    assert found.said == (
        "1 marked object was left out (a polygon of fewer than three corners): t.json annotations[0].\n"
        "1 marked object was left out (a polygon with an x that has no y): t.json annotations[0]."
    )


def test_a_box_stands_in_where_no_polygon_is_sound(tmp_path: Path) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco({**OBJECT, "segmentation": [[1, 2, 3, 4]]})))
    assert found.shapes() == [SHAPE]


@pytest.mark.parametrize("form", ["list", "text"])
def test_runs_of_pixels_are_where_the_object_is(tmp_path: Path, form: str) -> None:
    counts: object = runs(painted(BOX))
    if form == "text":
        counts = packed(runs(painted(BOX)))
    marked = {**OBJECT, "bbox": [0, 0, 1, 1], "segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}}
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco(marked)))
    assert np.array_equal(found.mask(), seen(painted(BOX)))


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ({"size": [HEIGHT, WIDTH], "counts": [10, 20]}, "runs of pixels that do not fill their mask"),
        ({"size": [HEIGHT, WIDTH], "counts": [WIDTH * HEIGHT + 5, -5]}, "runs of pixels whose counts are no numbers"),
        ({"size": [HEIGHT], "counts": []}, "runs of pixels without a size"),
        ({"size": [0, 5], "counts": []}, "runs of pixels without a size"),
        ({"size": [HEIGHT, WIDTH]}, "runs of pixels without counts"),
        ({"size": [HEIGHT, WIDTH], "counts": "é"}, "runs of pixels that cannot be unpacked"),
    ],
)
def test_runs_with_a_flaw_are_said_and_the_box_counts(tmp_path: Path, segmentation: object, said: str) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco({**OBJECT, "segmentation": segmentation})))
    assert found.said == f"1 marked object was left out ({said}): t.json annotations[0]."
    assert found.shapes() == [SHAPE]


MASKS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda flat: np.array(flat, bool).reshape(size)
    )
)


@settings(max_examples=200, deadline=None)
@given(MASKS, st.integers(1, 40))
def test_runs_come_back_as_the_mask_that_they_were_made_of(mask: np.ndarray, times: int) -> None:
    large = np.kron(mask, np.ones((times, 1), bool))  # long runs take several characters
    height, width = large.shape
    for counts in (runs(large), packed(runs(large))):
        assert np.array_equal(runs_of({"size": [height, width], "counts": counts}).pixels(), large)


@settings(max_examples=100, deadline=None)
@given(MASKS, st.integers(1, 40))
def test_runs_are_what_pycocotools_makes_and_reads(mask: np.ndarray, times: int) -> None:
    coco_mask = pytest.importorskip("pycocotools.mask")
    large = np.kron(mask, np.ones((times, 1), bool))
    theirs = coco_mask.encode(np.asfortranarray(large.astype(np.uint8)))
    text = theirs["counts"].decode()
    assert packed(runs(large)) == text
    ours = runs_of({"size": list(large.shape), "counts": text})
    assert np.array_equal(ours.pixels(), coco_mask.decode(theirs).astype(bool))


@settings(max_examples=200, deadline=None)
@given(MASKS, st.integers(-15, 15), st.integers(-15, 15), st.integers(1, 15), st.integers(1, 15))
def test_a_part_is_placed_where_it_lies_and_cut_at_the_borders(
    part: np.ndarray, left: int, top: int, width: int, height: int
) -> None:
    around = np.zeros((height + 60, width + 60), bool)
    around[top + 30 : top + 30 + part.shape[0], left + 30 : left + 30 + part.shape[1]] = part
    expected = around[30 : 30 + height, 30 : 30 + width]
    if not expected.any():
        with pytest.raises(Flaw):
            placed(part, left, top, (width, height))
    else:
        assert np.array_equal(placed(part, left, top, (width, height)).pixels(), expected)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30), st.integers(1, 30), st.integers(1, 30))
def test_any_text_is_runs_or_has_a_flaw(text: str, height: int, width: int) -> None:
    try:
        found = runs_of({"size": [height, width], "counts": text})
    except Flaw:
        return
    assert isinstance(found, Runs) and found.pixels().shape == (height, width)


def test_a_crowd_is_left_out_and_said(tmp_path: Path) -> None:
    crowd = {**OBJECT, "iscrowd": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": runs(painted(BOX))}}
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco(crowd, {**OBJECT, "bbox": [1, 1, 5, 5]})))
    assert found.shapes() == [Box(1, 1, 6, 6)]
    assert "(a crowd, in which no single object is marked): t.json annotations[0]." in found.said


def test_categories_are_named(tmp_path: Path) -> None:
    categories = [{"id": 3, "name": "tench", "supercategory": "fish"}, {"id": "4", "name": "reed"}, {"id": 5}, "x"]
    content = coco(OBJECT, {**OBJECT, "category_id": 4, "bbox": [1, 1, 5, 5]}, categories=categories)
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", content))
    assert found.truths["a.jpg"].categories == ("reed", "tench")
    fitted = found.fitted()
    assert fitted.truth is not None and fitted.truth.categories == ("reed", "tench")


@pytest.mark.parametrize("categories", [[], None, {"3": "x"}, "x"])
def test_categories_may_be_missing(tmp_path: Path, categories: object) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "t.json", coco(OBJECT, categories=categories)))
    assert found.shapes() == [SHAPE] and found.truths["a.jpg"].categories == ()


# --- other files of COCO -------------------------------------------------------------------------


def test_captions_mark_no_object(tmp_path: Path) -> None:
    caption = {"id": 48, "image_id": 1, "caption": "A fish lies on the grass."}
    found = read(beside(folder_with(tmp_path, "a.jpg"), "captions_val2017.json", coco(caption, caption)))
    assert found.truths == {} and found.said == ""
    assert found.left == {"captions_val2017.json": "COCO without boxes or polygons: captions, or of whole pictures"}


@pytest.mark.parametrize("image", ["a.jpg", "000000000139.jpg"])
def test_results_of_a_detector_are_read_where_it_was_sure(tmp_path: Path, image: str) -> None:
    key = 139 if image != "a.jpg" else "a"
    results = [
        {"image_id": key, "category_id": 3, "bbox": [30, 20, 40, 40], "score": 0.9},
        {"image_id": key, "category_id": 3, "bbox": [0, 0, 9, 9], "score": 0.1},
    ]
    found = read(beside(folder_with(tmp_path, image), "results.json", json.dumps(results)))
    assert found.shapes(image) == [SHAPE]
    assert found.said == (
        "1 marked object was left out (a detector's box with a score below 0.5): results.json annotations[1]."
    )


def test_results_use_the_ids_of_the_files_beside(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    beside(folder, "z_images.json", coco(images=[IMAGE], categories=[{"id": 3, "name": "tench"}]))
    beside(folder, "a_results.json", json.dumps([{"image_id": 1, "category_id": 3, "bbox": [30, 20, 40, 40]}]))
    found = read(folder)
    assert found.shapes() == [SHAPE] and found.truths["a.jpg"].categories == ("tench",)
