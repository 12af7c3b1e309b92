"""Ground truth as the tools write it: YOLO, LabelMe, VIA, CVAT, Label Studio, tables of boxes; and files that are none."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.boxes import is_box_table
from reportgen.images.ground_truth.shapes import Box, Ellipse, Polygon
from reportgen.images.tables import read_table
from truth_folders import BOX, HEIGHT, WIDTH, Read, beside, folder_with, painted, read, seen

SHAPE = Box(*BOX)
SHARES = "0.416667 0.500000 0.333333 0.500000"  # BOX of 120 x 80, as centre and sides


def close(found: Read, expected: np.ndarray, name: str = "a.jpg") -> bool:
    """Whether a truth is the object, but for a pixel where a border was rounded."""
    return bool((found.mask(name) ^ seen(expected)).sum() <= 0.06 * seen(expected).sum())


def said_of(folder: Path) -> tuple[str, dict[str, str]]:
    found = read(folder)
    return found.said, found.left


# --- YOLO ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "file"),
    [
        ("a.jpg", "a.txt"),
        ("a.jpg", "labels/a.txt"),
        ("images/a.jpg", "labels/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("data/images/val/a.jpg", "data/labels/val/a.txt"),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        f"0 {SHARES}",
        f"0 {SHARES} 0.93",
        "0 0.25 0.25 0.583333 0.25 0.583333 0.75 0.25 0.75",
        "0 0.25 0.25 0.583333 0.25 0.583333 0.75 0.25 0.75 0.87",
        f"0.0 {SHARES}",
        "0,0 0,416667 0,5 0,333333 0,5",
    ],
)
def test_yolo_is_read_beside_and_in_parallel_folders(tmp_path: Path, image: str, file: str, line: str) -> None:
    found = read(beside(folder_with(tmp_path, image, "other.jpg"), file, f"{line}\r\n"))
    assert close(found, painted(BOX), image)
    assert found.truths[image].source == "YOLO" and found.said == "" and not found.left


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("classes.txt", "reed\ntench\n"),
        ("labels/classes.txt", "reed\r\ntench"),
        ("obj.names", "reed\ntench"),
        ("data.yaml", "train: ../train/images\nnc: 2\nnames: ['reed', 'tench']\n"),
        ("dataset.yaml", "path: .\nnames:\n  0: reed\n  1: tench\n"),
        ("fish.yml", "names:\n- reed\n- tench\n"),
    ],
)
def test_classes_of_yolo_are_named(tmp_path: Path, file: str, content: str) -> None:
    folder = beside(folder_with(tmp_path, "images/a.jpg"), "labels/a.txt", f"1 {SHARES}\n")
    found = read(beside(folder, file, content))
    assert found.truths["images/a.jpg"].categories == ("tench",)
    assert file in found.remarks.seen


@pytest.mark.parametrize(
    "content", ["names: !!python/object/apply:os.system ['true']", "a: &a [x]\n<<: *b", "names: 5", "[" * 5000, "\t- x"]
)
def test_a_yaml_that_is_none_names_nothing(tmp_path: Path, content: str) -> None:
    folder = beside(folder_with(tmp_path, "a.jpg"), "a.txt", f"1 {SHARES}\n")
    found = read(beside(folder, "data.yaml", content))
    assert found.truths["a.jpg"].categories == () and len(found.shapes()) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "an empty text, which marks no object"),
        ("a photo of a tench on the grass\n", "a text that is not of YOLO's form"),
        ("0 0.5 0.5\n", "a text that is not of YOLO's form"),
        ("0 10 10 300 200\n", "numbers that are no shares of the image's sides, as YOLO's are"),
        ("Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n", "not of YOLO's form"),
        (f"0 {SHARES} " + "0.5 0.5 2.0 " * 17, "YOLO of poses, which mark points and no object"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", ""),
    ],
    ids=["empty", "caption", "short", "pixels", "kitti", "pose", "jpeg"],
)
def test_a_text_that_is_no_yolo_is_left_alone(tmp_path: Path, content: str | bytes, reason: str) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.txt", content))
    assert found.truths == {} and found.said == ""
    assert reason in found.left.get("a.txt", "")


def test_poses_are_known_by_their_yaml(tmp_path: Path) -> None:
    folder = beside(folder_with(tmp_path, "images/a.jpg"), "labels/a.txt", f"0 {SHARES} 0.4 0.4 0.5 0.5\n")
    found = read(beside(folder, "data.yaml", "kpt_shape: [2, 2]\nnames: {0: fish}\n"))
    assert found.truths == {}
    assert found.said == "1 marked object was left out (a pose, which marks points and no object): labels/a.txt line 1."


def test_a_line_of_yolo_with_a_flaw_is_said_and_the_others_count(tmp_path: Path) -> None:
    content = f"0 0.5 0.5 0 0.2\n0 {SHARES}\n0 0.2 0.2 0.1 0.1 0.07\n0 0.5 0.5 nan 0.1\n"
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.txt", content))
    assert close(found, painted(BOX))
    assert found.said == (
        "1 marked object was left out (a box without area): a.txt line 1.\n"
        "1 marked object was left out (a coordinate that is not a number): a.txt line 4.\n"
        "1 marked object was left out (a detector's box with a score below 0.5): a.txt line 3."
    )


# --- LabelMe -------------------------------------------------------------------------------------


def labelme(*shapes: object, **others: object) -> str:
    head = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.jpg", "imageData": "/9j/4AAQSkZJRg=="}
    return json.dumps({**head, "imageHeight": HEIGHT, "imageWidth": WIDTH, **others}, indent=2)


def drawn(kind: str | None, *points: Sequence[float]) -> dict[str, object]:
    return {"label": "tench", "points": points, "group_id": None, "shape_type": kind, "flags": {}}


CORNERS = ([30.0, 20.0], [70.0, 20.0], [70.0, 60.0], [30.0, 60.0])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (drawn("rectangle", [30.0, 20.0], [70.0, 60.0]), SHAPE),
        (drawn("rectangle", [70.0, 60.0], [30.0, 20.0]), SHAPE),  # drawn from the lower right
        (drawn("rectangle", [30.0, 60.0], [70.0, 20.0]), SHAPE),
        (drawn("polygon", *CORNERS), Polygon(((30, 20), (70, 20), (70, 60), (30, 60)))),
        (drawn(None, *CORNERS), Polygon(((30, 20), (70, 20), (70, 60), (30, 60)))),
        (drawn("circle", [50, 40], [53, 44]), Ellipse(50, 40, 5, 5)),
        (drawn("rectangle", *CORNERS), Polygon(((30, 20), (70, 20), (70, 60), (30, 60)))),  # X-AnyLabeling
    ],
)
def test_labelme_shapes_are_read(tmp_path: Path, shape: dict[str, object], expected: object) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.json", labelme(shape)))
    assert found.shapes() == [expected]
    assert found.truths["a.jpg"].source == "LabelMe" and found.truths["a.jpg"].categories == ("tench",)


@pytest.mark.parametrize(
    ("image", "file", "path"),
    [
        ("a.jpg", "a.json", "..\\old\\IMG_7.jpg"),  # renamed since: the file beside the image is of it
        ("images/a.jpg", "json/a.json", "..\\images\\a.jpg"),
        ("images/a.jpg", "json/7.json", "../images/a.jpg"),
        ("a.jpg", "7.json", "a.jpg"),
    ],
)
def test_labelme_finds_its_image(tmp_path: Path, image: str, file: str, path: str) -> None:
    folder = folder_with(tmp_path, image, "other.jpg")
    content = labelme(drawn("rectangle", [30, 20], [70, 60]), imagePath=path)
    assert read(beside(folder, file, content)).shapes(image) == [SHAPE]


def test_a_circle_is_round_in_the_frame(tmp_path: Path) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.json", labelme(drawn("circle", [60, 40], [60, 60]))))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    assert close(found, (x - 60) ** 2 + (y - 40) ** 2 <= 400)


def test_a_mask_within_labelme_is_where_the_object_is(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.ones((40, 40), bool)).save(buffer, "PNG")
    shape = {**drawn("mask", [30, 20], [69, 59]), "mask": base64.b64encode(buffer.getvalue()).decode()}
    broken = {**shape, "mask": "iVBOR"}
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.json", labelme(shape, broken)))
    assert np.array_equal(found.mask(), seen(painted(BOX)))
    assert found.said == "1 marked object was left out (a mask that cannot be read): a.json shapes[1]."


def test_points_and_lines_of_labelme_mark_no_object(tmp_path: Path) -> None:
    kinds = [drawn("point", [1, 2]), drawn("line", [1, 2], [3, 4]), drawn("linestrip", [1, 2], [3, 4], [5, 6])]
    content = labelme(*kinds, drawn("rectangle", [30, 20], [70, 60]), drawn("polygon", [1, 2], [3, 4]))
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.json", content))
    assert found.shapes() == [SHAPE]
    assert found.said == (
        "3 marked objects were left out (a point or a line, which has no area): "
        "a.json shapes[0]; a.json shapes[1]; a.json shapes[2].\n"
        "1 marked object was left out (a polygon of fewer than three corners): a.json shapes[4]."
    )


# --- VIA -----------------------------------------------------------------------------------------

RECT = {"name": "rect", "x": 30, "y": 20, "width": 40, "height": 40}


def via(*shapes: dict[str, object], version: int = 2, project: bool = True, filename: str = "a.jpg") -> str:
    regions: object = [{"shape_attributes": shape, "region_attributes": {"class": "tench"}} for shape in shapes]
    if version == 1:
        assert isinstance(regions, list)
        regions = {str(place): region for place, region in enumerate(regions)}
    files = {f"{filename}-1": {"filename": filename, "size": -1, "regions": regions, "file_attributes": {}}}
    return json.dumps(
        {"_via_settings": {"ui": {}}, "_via_img_metadata": files, "_via_attributes": {}} if project else files
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("project", [True, False])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (RECT, SHAPE),
        ({"name": "circle", "cx": 50, "cy": 40, "r": 12.5}, Ellipse(50, 40, 12.5, 12.5)),
        ({"name": "ellipse", "cx": 50, "cy": 40, "rx": 9, "ry": 5, "theta": 0.5}, Ellipse(50, 40, 9, 5, 0.5)),
        (
            {"name": "polygon", "all_points_x": [30, 70, 70], "all_points_y": [20, 20, 60]},
            Polygon(((30, 20), (70, 20), (70, 60))),
        ),
    ],
)
def test_via_shapes_are_read(
    tmp_path: Path, shape: dict[str, object], expected: object, version: int, project: bool
) -> None:
    content = via(shape, version=version, project=project)
    found = read(beside(folder_with(tmp_path, "a.jpg"), "via_region_data.json", content))
    assert found.shapes() == [expected]
    assert found.truths["a.jpg"].source == "VIA" and found.truths["a.jpg"].categories == ("tench",)


@pytest.mark.parametrize("first", ["filename", "#filename"])
def test_a_table_of_via_is_read(tmp_path: Path, first: str) -> None:
    content = (
        f"{first},file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        'a.jpg,9122,"{}",2,0,"{""name"":""rect"",""x"":30,""y"":20,""width"":40,""height"":40}","{""class"":""tench""}"\n'
        'a.jpg,9122,"{}",2,1,"{""name"":""point"",""cx"":30,""cy"":20}","{}"\n'
        'b.jpg,9122,"{}",0,0,"{}","{}"\n'
    )
    found = read(beside(folder_with(tmp_path, "a.jpg", "b.jpg"), "via_export_csv.csv", content))
    assert found.shapes() == [SHAPE] and set(found.truths) == {"a.jpg"}
    assert found.truths["a.jpg"].categories == ("tench",)
    assert found.said == (
        "1 marked object was left out (a point or a line, which has no area): via_export_csv.csv line 3."
    )


def test_an_ellipse_turns_clockwise(tmp_path: Path) -> None:
    shape = {"name": "ellipse", "cx": 60, "cy": 40, "rx": 30, "ry": 6, "theta": math.pi / 4}
    mask = read(beside(folder_with(tmp_path, "a.jpg"), "v.json", via(shape))).mask(geometry="squash")
    rows, columns = np.nonzero(mask)
    assert np.corrcoef(rows, columns)[0, 1] > 0.8  # down to the right, as y counts downwards


# --- CVAT and Label Studio -----------------------------------------------------------------------


def cvat(inside: str, name: str = "a.jpg") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><job><id>1</id></job></meta>'
        f'<image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}">{inside}</image></annotations>\n'
    )


@pytest.mark.parametrize(
    "inside",
    [
        '<box label="tench" occluded="0" xtl="30.00" ytl="20.00" xbr="70.00" ybr="60.00" z_order="0"></box>',
        '<polygon label="tench" occluded="0" points="30.0,20.0;70.0,20.0;70.0,60.0;30.0,60.0" z_order="0"></polygon>',
        '<mask label="tench" source="manual" rle="0, 1600" left="30" top="20" width="40" height="40"></mask>',
        '<box label="tench" rotation="90" xtl="30" ytl="20" xbr="70" ybr="60"><attribute name="x">1</attribute></box>',
    ],
)
def test_cvat_is_read(tmp_path: Path, inside: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    found = read(beside(folder, "annotations.xml", cvat(inside + '<tag label="day"/>', name="images/a.jpg")))
    assert close(found, painted(BOX))
    assert found.truths["a.jpg"].source == "CVAT" and found.truths["a.jpg"].categories == ("tench",)
    assert found.said == ""


def studio(value: dict[str, object], kind: str, image: str = "/data/upload/2/1a2b3c4d-a.jpg") -> str:
    result = {"id": "x", "type": kind, "value": value, "original_width": WIDTH, "original_height": HEIGHT}
    annotations = [{"id": 1, "was_cancelled": False, "result": [result]}]
    return json.dumps([{"id": 1, "annotations": annotations, "data": {"image": image}}])


@pytest.mark.parametrize(
    "image", ["/data/upload/2/1a2b3c4d-a.jpg", "/data/local-files/?d=fish%5Ca.jpg", "s3://b/a.jpg"]
)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rectanglelabels", {"x": 25.0, "y": 25.0, "width": 33.3333, "height": 50.0, "rotation": 0}),
        ("polygonlabels", {"points": [[25, 25], [58.3333, 25], [58.3333, 75], [25, 75]], "closed": True}),
    ],
)
def test_label_studio_is_read(tmp_path: Path, kind: str, value: dict[str, object], image: str) -> None:
    content = studio({**value, kind: ["tench"]}, kind, image)
    found = read(beside(folder_with(tmp_path, "a.jpg", "b.jpg"), "project-1.json", content))
    assert close(found, painted(BOX))
    assert found.truths["a.jpg"].source == "Label Studio" and found.truths["a.jpg"].categories == ("tench",)


def test_create_ml_is_read(tmp_path: Path) -> None:
    at = {"x": 50, "y": 40, "width": 40, "height": 40}
    content = json.dumps([{"image": "a.jpg", "annotations": [{"label": "tench", "coordinates": at}]}])
    found = read(beside(folder_with(tmp_path, "train/a.jpg"), "train/_annotations.createml.json", content))
    assert found.shapes("train/a.jpg") == [SHAPE]
    assert found.truths["train/a.jpg"].categories == ("tench",)


def test_metadata_of_hugging_face_is_read(tmp_path: Path) -> None:
    content = (
        '{"file_name": "a.jpg", "objects": {"bbox": [[30.0, 20.0, 40.0, 40.0], [1, 2, 0, 4]], "categories": ["tench", 0]}}\n'
        '{"file_name": "b.jpg", "objects": {"bbox": [], "categories": []}}\n\nhalf a li\n'
    )
    found = read(beside(folder_with(tmp_path, "train/a.jpg", "train/b.jpg"), "train/metadata.jsonl", content))
    assert found.shapes("train/a.jpg") == [SHAPE] and set(found.truths) == {"train/a.jpg"}
    assert found.truths["train/a.jpg"].categories == ("tench",)
    assert found.said == (
        "1 marked object was left out (a box without area): train/metadata.jsonl line 1 object 1.\n"
        "1 marked object was left out (a line that is not valid JSON): train/metadata.jsonl line 4."
    )


@pytest.mark.parametrize(
    ("kind", "points"), [("rectangle", [[30, 20], [70, 60]]), ("polygon", [[30, 20], [70, 20], [70, 60], [30, 60]])]
)
def test_supervisely_is_read(tmp_path: Path, kind: str, points: list[list[int]]) -> None:
    marked = {"classTitle": "tench", "geometryType": kind, "points": {"exterior": points, "interior": []}}
    content = json.dumps({"description": "", "size": {"height": HEIGHT, "width": WIDTH}, "objects": [marked]})
    found = read(beside(folder_with(tmp_path, "ds/img/a.jpg"), "ds/ann/a.jpg.json", content))
    assert close(found, painted(BOX), "ds/img/a.jpg")
    assert found.truths["ds/img/a.jpg"].categories == ("tench",)


# --- tables of boxes -----------------------------------------------------------------------------

TABLES = {
    "ours": "name,x0,y0,x1,y1\na.jpg,30,20,70,60\n",
    "TensorFlow": "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,120,80,tench,30,20,70,60\n",
    "Open Images": (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded\na,xclick,/m/0fly7,1,0.25,0.583333,0.25,0.75,0\n"
    ),
    "Kaggle wheat": 'image_id,width,height,bbox,source\na,120,80,"[30.0, 20.0, 40.0, 40.0]",usask_1\n',
    "sides": "image,x,y,width,height,label\nimages/a.jpg,30,20,40,40,tench\n",
    "sides in short": "file;x;y;w;h\na.jpg;30;20;40;40\n",
    "centres": "image_name,x_center,y_center,width,height\na.jpg,0.4166667,0.5,0.3333333,0.5\n",
    "German Excel": "\ufeffDateiname;Name;left;top;right;bottom\r\nx;a.jpg;30,0;20,0;70,0;60,0\r\n",
    "pandas": ",image_path,x1,y1,x2,y2,class\n0,data\\train\\a.jpg,30,20,70,60,tench\n",
    "RetinaNet": "a.jpg,30,20,70,60,tench\nb.jpg,,,,,\n",
    "names of classes": "image,name,xmin,ymin,xmax,ymax\na.jpg,tench,30,20,70,60\n",
    "numbered": "id,image_id,x,y,width,height,category\n7,a.jpg,30,20,40,40,tench\n",
    "makesense.ai": "tench,30,20,40,40,a.jpg,120,80\n",
    "tabs": "filename\tx_min\ty_min\tx_max\ty_max\na.jpg\t30\t20\t70\t60\n",
    "any order": "ymax,xmax,label,ymin,xmin,filename\n60,70,tench,20,30,a.jpg\n",
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_boxes_is_read_as_its_tool_writes_it(tmp_path: Path, table: str) -> None:
    folder = folder_with(tmp_path, "a.jpg", "b.jpg")
    found = read(beside(folder, "train.csv", TABLES[table]))
    assert close(found, painted(BOX)), found.shapes()
    assert set(found.truths) == {"a.jpg"} and found.said == ""
    assert found.truths["a.jpg"].source == "a table of boxes"
    if "tench" in TABLES[table]:
        assert found.truths["a.jpg"].categories == ("tench",)


@pytest.mark.parametrize(
    "text",
    [
        "name,class\na.jpg,tench\n",
        "image_id,label\na,0\n",
        "name;class;width;height\na.jpg;tench;120;80\n",
        "filename,class,x,y\na.jpg,tench,1,2\n",  # a place, and no box
        "a.jpg,tench\nb.jpg,gold\n",
        "id,cat,dog,fish,bird\na.jpg,0,0,1,0\n",  # one column a class
        "xmin,ymin,xmax,ymax\n1,2,3,4\n",  # of no image
    ],
)
def test_a_table_of_labels_is_no_table_of_boxes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    assert not is_box_table(read_table(InputFile("labels.csv", path)))
    found = read(beside(folder_with(tmp_path, "a.jpg"), "labels.csv", text))
    assert found.truths == {} and "labels.csv" not in found.remarks.seen


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_boxes_is_one(tmp_path: Path, table: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TABLES[table])
    assert is_box_table(read_table(InputFile("t.csv", path)))
