"""Annotation files of strangers: whatever is in them, or wrong with them, no run is stopped, and something is said of each."""

from __future__ import annotations

import copy
import io
import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from reportgen.images.ground_truth import reading
from reportgen.images.ground_truth.shapes import Box
from test_annotation_files import CORNERS, RECT, TABLES, cvat, drawn, labelme, studio, via
from truth_folders import BOX, HEIGHT, WIDTH, beside, folder_with, preprocessing, read

SHAPE = Box(*BOX)


def png_of(mask: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()


STRAY = {
    "settings.json": '{ // a comment\n "a": NaN }',
    "meta.json": '{"file":"a.jpg"}\n{"file":"b.jpg"}\n',
    "empty.json": "",
    "blank.json": "  \n",
    "latin.json": '{"ort":"München"}'.encode("latin-1"),
    "utf16.json": '{"a":1}'.encode("utf-16"),
    "list.json": "[]",
    "number.json": "7",
    "binary.json": bytes(range(256)) * 4,
    "half.json": '{"images": [], "annotations": [{"bbox": [1, 2',
    "shapes.json": '{"shapes": [{"points": 5}], "version": 1}',
    "Info.plist.xml": '<?xml version="1.0"?><!DOCTYPE plist SYSTEM "x"><plist><dict/></plist>',
    "latin.xml": '<?xml version="1.0" encoding="ISO-8859-1"?><meta>Müller</meta>'.encode("latin-1"),
    "a.xml": "<html><body></html>",
    "a.txt": "Foto vom See, München 2019\n".encode("latin-1"),
    "prompts.jsonl": '{"prompt": "x"}\n{"prompt": "y"}\n',
    "README.txt": "Photographs of fish.\n",
    "notes.csv": 'one,two\n1,2,3\n"\n',
    "data.yaml": "a: [1\n",
}


def test_a_folder_of_stray_files_keeps_its_truth_and_each_is_left_alone(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    beside(folder, "instances.json", via(RECT))
    for name, content in STRAY.items():
        beside(folder, name, content)
    found = read(folder)
    assert found.shapes() == [SHAPE]
    assert found.said == ""
    quiet = {"README.txt", "data.yaml"}  # nothing claims to be of an image
    left = {name for group in found.remarks.left_alone for name in group.names}
    assert len(found.remarks.seen) == len(STRAY) - len(quiet) + 1
    assert left <= set(STRAY) - quiet


PIXELS = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
GOOD: dict[str, Any] = {
    "coco.json": {
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [30, 20, 40, 40], "iscrowd": 0},
            {
                "id": 2,
                "image_id": 1,
                "category_id": 3,
                "segmentation": [[30, 20, 70, 20, 70, 60]],
                "bbox": [30, 20, 40, 40],
            },
            {"id": 3, "image_id": 1, "segmentation": {"size": [2, 3], "counts": [1, 2, 3]}, "bbox": [30, 20, 40, 40]},
        ],
        "categories": [{"id": 3, "name": "tench"}],
    },
    "results.json": [{"image_id": "a", "bbox": [30, 20, 40, 40], "category_id": 3, "score": 0.9}],
    "a.json": json.loads(labelme(drawn("rectangle", [30, 20], [70, 60]), drawn("circle", [50, 40], [53, 44]))),
    "b.json": json.loads(labelme({**drawn("mask", [1, 2]), "mask": PIXELS}, drawn("polygon", *CORNERS))),
    "via.json": json.loads(via(RECT, {"name": "ellipse", "cx": 50, "cy": 40, "rx": 9, "ry": 5, "theta": 0.5})),
    "via1.json": json.loads(via(RECT, version=1, project=False)),
    "studio.json": json.loads(
        studio({"x": 25.0, "y": 25.0, "width": 33, "height": 50.0, "rectanglelabels": ["tench"]}, "rectanglelabels")
    ),
}
GOOD["lines.jsonl"] = {"file_name": "a.jpg", "objects": {"bbox": [[30, 20, 40, 40]], "categories": ["tench"]}}
GOOD["createml.json"] = [
    {"image": "a.jpg", "annotations": [{"label": "x", "coordinates": {"x": 50, "y": 40, "width": 40, "height": 40}}]}
]
GOOD["a.jpg.json"] = {
    "size": {"height": HEIGHT, "width": WIDTH},
    "objects": [{"geometryType": "rectangle", "points": {"exterior": [[30, 20], [70, 60]], "interior": []}}],
}
VALUES = st.sampled_from(
    (
        None,
        True,
        -1,
        0,
        7,
        1e308,
        -0.5,
        math.nan,
        math.inf,
        10**400,
        "",
        "a.jpg",
        "x" * 300,
        [],
        {},
        [[]],
        [None],
        {"a": 1},
    )
)


def nodes(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every node of a document."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for key, value in inside for found in nodes(value, (*path, key)))]


def mutated(data: Any, path: tuple[Any, ...], how: str, value: Any) -> Any:
    """A document with one node dropped, repeated, or replaced."""
    if not path:
        return value
    made = copy.deepcopy(data)
    parent = made
    for key in path[:-1]:
        parent = parent[key]
    if how == "drop":
        del parent[path[-1]]
    elif how == "repeat" and isinstance(parent, list):
        parent.insert(0, copy.deepcopy(parent[path[-1]]))
    elif how == "swap" and isinstance(parent, list):
        parent.reverse()
    else:
        parent[path[-1]] = value
    return made


HOW = st.sampled_from(("drop", "repeat", "swap", "replace", "replace"))
BOUNDED = settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with(tmp_path_factory.mktemp("photos"), "a.jpg")


def ends_well(folder: Path, file: str, content: str | bytes) -> None:
    """Whatever a file holds: a truth, or something is said of it, and nothing is raised."""
    beside(folder, file, content)
    try:
        found = read(folder)
        for annotation in found.truths.values():
            fitted = annotation.in_frame(WIDTH, HEIGHT, preprocessing())
            assert fitted.truth is not None or fitted.notes
        assert file in found.remarks.seen
        assert all("\n" not in warning.text and len(warning.text) < 1000 for warning in found.remarks.warnings)
    finally:
        (folder / file).unlink()


@pytest.mark.parametrize("file", GOOD)
def test_the_good_files_have_a_truth(folder: Path, file: str) -> None:
    beside(folder, file, json.dumps(GOOD[file]))
    try:
        assert set(read(folder).truths) == {"a.jpg"}
    finally:
        (folder / file).unlink()


@BOUNDED
@given(st.data())
@pytest.mark.parametrize("file", GOOD)
def test_a_json_with_anything_wrong_never_stops_a_run(folder: Path, file: str, data: st.DataObject) -> None:
    made = GOOD[file]
    for _ in range(data.draw(st.integers(1, 3))):
        made = mutated(made, data.draw(st.sampled_from(nodes(made))), data.draw(HOW), data.draw(VALUES))
    ends_well(folder, file, json.dumps(made))


XML = {
    "a.xml": (
        f"<annotation><filename>a.jpg</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height></size><object>"
        "<name>tench</name><bndbox><xmin>31</xmin><ymin>21</ymin><xmax>70</xmax><ymax>60</ymax></bndbox></object>"
        "<object><polygon><x1>1</x1><y1>2</y1><x2>9</x2><y2>2</y2><x3>9</x3><y3>9</y3></polygon></object></annotation>"
    ),
    "cvat.xml": cvat(
        '<box label="tench" xtl="30" ytl="20" xbr="70" ybr="60" rotation="30"/><polygon points="1,2;9,2;9,9"/>'
        '<ellipse cx="9" cy="9" rx="3" ry="2"/><mask rle="1,3" left="1" top="1" width="2" height="2"/>'
    ),
}
TEXTS = st.sampled_from(("", "-1", "0", "nan", "1e400", "9" * 5000, "x", "a.jpg", "1,2", ";", "50", "1;2,3"))


@BOUNDED
@given(st.data())
@pytest.mark.parametrize("file", XML)
def test_an_xml_with_anything_wrong_never_stops_a_run(folder: Path, file: str, data: st.DataObject) -> None:
    root = ElementTree.fromstring(XML[file])
    for _ in range(data.draw(st.integers(1, 3))):
        parent = data.draw(st.sampled_from(list(root.iter())))
        how = data.draw(st.sampled_from(("drop", "swap", "text", "attribute", "tag")))
        if how == "drop" and len(parent):
            parent.remove(data.draw(st.sampled_from(list(parent))))
        elif how == "swap":
            parent[:] = list(parent)[::-1]
        elif how == "text":
            parent.text = data.draw(TEXTS)
        elif how == "attribute" and parent.attrib:
            parent.set(data.draw(st.sampled_from(sorted(parent.attrib))), data.draw(TEXTS))
        elif how == "tag":
            parent.tag = data.draw(st.sampled_from(("object", "box", "annotation", "x1", "image", "bndbox")))
    ends_well(folder, file, ElementTree.tostring(root))


LINES = st.lists(
    st.lists(
        st.sampled_from(
            ("0", "1", "0.5", "0.2", "-3", "nan", "inf", "1e309", "x", "2.5", "0,0", "1_0", "٣", "9" * 5000)
        ),
        max_size=12,
    ),
    max_size=4,
).map(lambda lines: "\n".join(" ".join(line) for line in lines))


@BOUNDED
@given(LINES)
def test_a_yolo_with_anything_wrong_never_stops_a_run(folder: Path, text: str) -> None:
    ends_well(folder, "a.txt", text)


CELLS = st.sampled_from(
    ("a.jpg", "30", "20", "70", "0.5", "", "x", "nan", "1e400", "9" * 5000, "[1, 2, 3, 4]", '"', "tench")
)


@BOUNDED
@given(
    st.sampled_from([text.splitlines()[0] for text in TABLES.values()] + [None]),
    st.lists(st.lists(CELLS, max_size=9).map(",".join), max_size=5),
)
def test_a_table_with_anything_wrong_never_stops_a_run(folder: Path, header: str | None, rows: list[str]) -> None:
    ends_well(folder, "boxes.csv", "\n".join([*([header] if header else []), *rows]))


def test_masks_that_unfold_are_bounded_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 60 kB that says to draw 3000 masks of 64 million pixels."""
    monkeypatch.setattr(reading, "_MOST_COST", 0.1)  # a tenth, for the test's own time
    inside = '<mask rle="1,63999999" left="0" top="0" width="8000" height="8000"/>' * 3000
    content = cvat(inside).replace(f'width="{WIDTH}" height="{HEIGHT}"', 'width="8000" height="8000"')
    found = read(beside(folder_with(tmp_path, "a.jpg"), "annotations.xml", content))
    assert "(more corners or pixels in one image than are drawn)" in found.said
    assert len(found.truths["a.jpg"].marks) == 1  # the others are equal to it
