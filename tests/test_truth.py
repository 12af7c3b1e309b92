"""reportgen.truth: boxes, annotations and masks land on the pixels that the model sees; what is malformed is named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from folders import holding, looked_through
from made_runs import analyse_toy
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.images.decode import read_image
from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.images.ground_truth.read import Annotation, read_truth
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers import Preprocessing
from reportgen.report.blocks import Section
from reportgen.settings.group import NoSettings
from reportgen.utils.errors import UsageError

WIDTH, HEIGHT = 120, 80
BOX = (30, 20, 70, 60)  # x0, y0, x1, y1


def preprocessing(geometry: str = "crop", size: int = 48, resize: int = 54) -> Preprocessing:
    return Preprocessing(size, resize, (0.5,) * 3, (0.25,) * 3, "bilinear", geometry)  # type: ignore[arg-type]


def painted(*boxes: tuple[int, int, int, int], width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(H, W) bool: the boxes filled."""
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def seen(mask: np.ndarray, geometry: str = "crop") -> np.ndarray:
    """The same object, painted on the photograph and sent down the photograph's own way into the frame."""
    pixels = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    return model_frame(pixels, preprocessing(geometry))[..., 0] > 127


def folder_with(path: Path, *names: str, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (90, 120, 30)).save(path / name)
    return path


def only(folder: Path, name: str = "a.jpg") -> Annotation:
    found = read_truth(holding(folder, [file.name for file in find_images(folder).files]), Remarks())
    assert set(found) == {name}
    return found[name]


def in_frame(folder: Path, geometry: str = "crop", name: str = "a.jpg") -> np.ndarray:
    return only(folder, name).in_frame(WIDTH, HEIGHT, preprocessing(geometry)).mask


def voc(*boxes: tuple[float, float, float, float], size: tuple[int, int] | None = (WIDTH, HEIGHT)) -> str:
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    objects = "".join(
        f"<object><name>fish</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in boxes
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotation>{stated}{objects}</annotation>'


def coco(annotations: list[dict[str, object]], file_name: str = "a.jpg", **image: object) -> str:
    return json.dumps({"images": [{"id": 7, "file_name": file_name, **image}], "annotations": annotations})


def write_truth(folder: Path, kind: str) -> None:
    """BOX in one of the four formats."""
    x0, y0, x1, y1 = BOX
    if kind == "boxes.csv":
        (folder / "boxes.csv").write_text(f"name,x0,y0,x1,y1\na.jpg,{x0},{y0},{x1},{y1}\n")
    elif kind == "voc":
        (folder / "a.xml").write_text(voc((x0 + 1, y0 + 1, x1, y1)))
    elif kind == "coco box":
        (folder / "truth.json").write_text(coco([{"image_id": 7, "bbox": [x0, y0, x1 - x0, y1 - y0]}]))
    elif kind == "coco polygon":
        corners = [x0, y0, x1, y0, x1, y1, x0, y1]
        (folder / "truth.json").write_text(coco([{"image_id": 7, "bbox": [0, 0, 1, 1], "segmentation": [corners]}]))
    else:
        Image.fromarray(painted(BOX).astype(np.uint8)).save(folder / "a.mask.png")  # 1 is an object, as much as 255


KINDS = ("boxes.csv", "voc", "coco box", "coco polygon", "mask")


# --- into the frame ------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", ["crop", "squash"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_lands_where_the_frame_shows_the_object(tmp_path: Path, kind: str, geometry: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    write_truth(folder, kind)
    found, expected = in_frame(folder, geometry), seen(painted(BOX), geometry)
    assert found.shape == (48, 48)
    # Interpolation may decide a row of pixels along the border either way.
    border = expected ^ seen(painted((32, 22, 68, 58)), geometry) | expected ^ seen(painted((28, 18, 72, 62)), geometry)
    assert not (found ^ expected)[~border].any()
    assert abs(int(found.sum()) - int(expected.sum())) <= 0.06 * expected.sum()


def test_the_formats_agree_on_where_a_box_ends(tmp_path: Path) -> None:
    masks = []
    for kind in ("boxes.csv", "voc", "coco box", "coco polygon"):
        folder = folder_with(tmp_path / kind, "a.jpg", width=48, height=48)
        write_truth(folder, kind)
        (folder / "a.xml").write_text(voc((31, 21, 70, 60), size=(48, 48))) if kind == "voc" else None
        masks.append(only(folder).in_frame(48, 48, preprocessing(size=48, resize=48)).mask)
    assert all(np.array_equal(mask, painted((30, 20, 48, 48), width=48, height=48)) for mask in masks)


def test_a_pixel_is_the_objects_when_its_centre_lies_in_the_box(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", width=48, height=48)
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\na.jpg,2.4,3.6,5.5,7\n")
    same = preprocessing(size=48, resize=48)
    mask = only(folder).in_frame(48, 48, same).mask
    assert {(int(y), int(x)) for y, x in np.argwhere(mask)} == {(y, x) for y in range(4, 7) for x in range(2, 5)}


def test_several_boxes_of_an_image_are_one_truth(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\na.jpg,30,20,50,40\n\na.jpg,60,50,90,70\n")
    first, second = ((30, 20, 50, 40), (60, 50, 90, 70))
    single = []
    for number, (x0, y0, x1, y1) in enumerate((first, second)):
        alone = folder_with(tmp_path / str(number), "a.jpg")
        (alone / "boxes.csv").write_text(f"name,x0,y0,x1,y1\na.jpg,{x0},{y0},{x1},{y1}\n")
        single.append(in_frame(alone))
    assert np.array_equal(in_frame(folder), single[0] | single[1])
    assert all(mask.any() for mask in single)


def test_what_the_crop_removed_is_not_in_the_frame(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\na.jpg,0,0,6,80\n")
    assert not in_frame(folder, "crop").any()
    assert in_frame(folder, "squash").any()


@pytest.mark.parametrize("kind", ["boxes.csv", "mask"])
def test_coordinates_are_those_of_the_upright_image(tmp_path: Path, kind: str) -> None:
    """A photograph stored on its side: its tag turns it, and the truth is of what a viewer shows."""
    folder = tmp_path / "photos"
    folder.mkdir()
    upright = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    upright[painted(BOX)] = (255, 255, 255)
    stored, exif = Image.fromarray(np.rot90(upright)), Image.Exif()  # turned left; tag 6 turns it right
    exif[0x0112] = 6
    stored.save(folder / "a.jpg", exif=exif, quality=95)
    write_truth(folder, kind)
    [file], _ = looked_through(folder)
    pixels = read_image(file, 10**6).pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    mask = in_frame(folder)
    frame = model_frame(pixels, preprocessing())[..., 0]
    assert mask.any()
    assert frame[mask].mean() > 235
    assert frame[~mask].mean() < 20


def test_a_rotated_mask_that_is_not_upright_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    Image.fromarray(np.rot90(painted(BOX)).astype(np.uint8)).save(folder / "a.mask.png")
    with pytest.raises(UsageError, match=r"a\.mask\.png: a mask of 80 x 120 pixels; the upright image has 120 x 80"):
        in_frame(folder)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_mask_of_any_mode_says_the_same(tmp_path: Path, mode: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    object_ = painted(BOX)
    if mode == "P":
        mask = Image.fromarray(object_.astype(np.uint8) * 3).convert("P")
        mask.putpalette([0] * 9 + [200, 10, 10] + [255] * 3 * 252)
    elif mode == "I;16":
        mask = Image.fromarray(object_.astype(np.uint16))  # 1 of 65535
    else:
        mask = Image.fromarray(object_.astype(np.uint8) * 255).convert(mode)
    mask.save(folder / "a.mask.png")
    assert np.array_equal(in_frame(folder), seen(object_))


def test_an_object_that_is_not_marked_leaves_an_image_without_truth(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\na.jpg,1,1,9,9\n")
    (folder / "b.xml").write_text(voc())
    (folder / "c.xml").write_text("<svg/>")
    (folder / "notes.json").write_text('{"of": "another tool"}')
    assert set(read_truth(holding(folder, ["a.jpg", "b.jpg", "c.jpg"]), Remarks())) == {"a.jpg"}


# --- which file speaks for which image -----------------------------------------------------------


def test_a_mask_beside_its_image_is_no_image(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "a.mask.png", "sub/b.png", "sub/b.mask.png", "lonely.mask.png")
    assert [file.name for file in find_images(folder).files] == ["a.jpg", "lonely.mask.png", "sub/b.png"]


def test_names_are_paths_under_the_folder(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "sub/a.jpg", "sub/b.jpg")
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\nsub/a.jpg,1,1,9,9\n")
    (folder / "sub" / "b.xml").write_text(voc((2, 2, 9, 9)))
    assert set(read_truth(holding(folder, ["a.jpg", "sub/a.jpg", "sub/b.jpg"]), Remarks())) == {
        "sub/a.jpg",
        "sub/b.jpg",
    }


def test_coco_finds_an_image_by_its_last_part_where_that_is_clear(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "sub/a.jpg", "b.jpg")
    (folder / "truth.json").write_text(coco([{"image_id": 7, "bbox": [1, 1, 20, 20]}]))
    assert set(read_truth(holding(folder, ["sub/a.jpg", "b.jpg"]), Remarks())) == {"sub/a.jpg"}
    with pytest.raises(UsageError, match=r"truth\.json images\[0\]: 'a\.jpg' could be other/a\.jpg or sub/a\.jpg"):
        read_truth(holding(folder, ["sub/a.jpg", "other/a.jpg"]), Remarks())


def test_coco_leaves_crowds_out_and_ignores_images_that_are_not_here(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "truth.json").write_text(
        coco([{"image_id": 7, "bbox": [1, 1, 100, 70], "iscrowd": 1}, {"image_id": 99, "bbox": [1, 1, 2, 2]}])
    )
    assert read_truth(holding(folder, ["a.jpg"]), Remarks()) == {}


def test_the_first_kind_of_file_wins(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    for kind in ("coco box", "voc", "boxes.csv", "mask"):  # each beats the one before
        write_truth(folder, kind)
        source = {"coco box": "COCO JSON", "voc": "Pascal VOC", "boxes.csv": "boxes.csv", "mask": "mask .mask.png"}[
            kind
        ]
        assert only(folder).source == source


def test_the_digest_changes_with_the_truth_and_with_nothing_else(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "b.jpg")
    csv = folder / "boxes.csv"
    csv.write_text("name,x0,y0,x1,y1\na.jpg,1,1,9,9\nb.jpg,1,1,9,9\n")
    before = read_truth(holding(folder, ["a.jpg", "b.jpg"]), Remarks())
    csv.write_text("name,x0,y0,x1,y1\n\nb.jpg,1,1,9,10\na.jpg,1,1,9,9\n")
    after = read_truth(holding(folder, ["a.jpg", "b.jpg"]), Remarks())
    assert before["a.jpg"].digest == after["a.jpg"].digest
    assert before["b.jpg"].digest != after["b.jpg"].digest
    digests = set()
    for pixels in (painted(BOX), painted((1, 1, 9, 9))):
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "a.mask.png")
        digests.add(read_truth(holding(folder, ["a.jpg"]), Remarks())["a.jpg"].digest)
    assert len(digests) == 2


# --- handed to an analysis -----------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    area: float | None


class Reader(Analysis[NoSettings, Told]):
    """Says how much of the frame it was told is the object."""

    title, version = "Reader", "1"

    def __init__(self, name: str, uses_truth: bool) -> None:
        self.name, self.uses_truth, self.calls = name, uses_truth, 0

    def map(self, subject: Subject[NoSettings]) -> Told:
        self.calls += 1
        return Told(None if subject.truth is None else float(subject.truth.mask.mean()))

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        entries = [vars(run.result(self.name, i, Told)) for i in range(len(run.images))]
        return Contribution(Section(id=self.name, title=self.name, blocks=[]), per_image=entries)


def test_truth_reaches_those_who_ask_and_joins_their_key(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "photos", "a.png", "b.png")
    csv = folder / "boxes.csv"

    def run() -> list[tuple[float | None, float | None]]:
        report, _ = analyse_toy(folder, tmp_path / "out", tmp_path / "cache", [asks, does_not])
        return [(i.model_extra["asks"]["area"], i.model_extra["does not"]["area"]) for i in report.images]  # type: ignore[index]

    asks, does_not = Reader("asks", True), Reader("does not", False)
    assert run() == [(None, None), (None, None)]
    csv.write_text("name,x0,y0,x1,y1\nb.png,20,0,60,80\n")  # the left half of what the toy's crop keeps
    assert run() == [(None, None), (0.5, None)]
    assert run() == [(None, None), (0.5, None)]
    csv.write_text("name,x0,y0,x1,y1\nb.png,20,0,60,40\n")
    assert run() == [(None, None), (0.25, None)]
    csv.unlink()
    assert run() == [(None, None), (None, None)]
    # Both images are the same bytes: one computation without truth, and one for each truth.
    assert (asks.calls, does_not.calls) == (3, 1)


def test_files_that_nobody_asks_for_are_not_read(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "photos", "a.png")
    (folder / "boxes.csv").write_text("nonsense")
    analyse_toy(folder, tmp_path / "out", tmp_path / "cache", [Reader("does not", False)])
    with pytest.raises(UsageError, match=r"boxes\.csv line 1"):
        analyse_toy(folder, tmp_path / "out", tmp_path / "cache", [Reader("asks", True)])


# --- malformed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"boxes\.csv line 1: the header is not name,x0,y0,x1,y1"),
        ("name,xmin,ymin,xmax,ymax\n", r"boxes\.csv line 1: the header is not"),
        ("name,x0,y0,x1,y1\na.jpg,1,2,3\n", r"boxes\.csv line 2: 4 cells, not 5"),
        ("name,x0,y0,x1,y1\n\na.jpg,1,2,x,4\n", r"boxes\.csv line 3: 'x' is not a number"),
        ("name,x0,y0,x1,y1\na.jpg,1,2,nan,4\n", r"boxes\.csv line 2: 'nan' is not a number"),
        ("name,x0,y0,x1,y1\na.jpg,9,2,3,4\n", r"boxes\.csv line 2: the box is empty \(x 9 to 3, y 2 to 4\)"),
        ("name,x0,y0,x1,y1\nz.jpg,1,2,3,4\n", r"boxes\.csv line 2: no image 'z\.jpg' in the folder"),
        ('name,x0,y0,x1,y1\n"a.jpg,1,2,3,4\n', r"boxes\.csv line 2: not valid CSV"),
        (b"name,x0,y0,x1,y1\n\xff\xfe,1,2,3,4\n", r"boxes\.csv: not UTF-8 text"),
    ],
)
def test_malformed_boxes_name_file_and_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "boxes.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=said):
        read_truth(holding(folder, ["a.jpg"]), Remarks())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotation>\n<object>\n</annotation>", r"a\.xml line 3: not valid XML"),
        ("<annotation><object><name>x</name></object></annotation>", r"a\.xml object 1: no bndbox with xmin"),
        (voc((5, 5, "five", 9)), r"a\.xml object 1: 'five' is not a number"),  # type: ignore[arg-type]
        (voc((5, 5, 9, 9), (9, 9, 5, 5)), r"a\.xml object 2: the box is empty"),
        (voc((-3, 5, 9, 9)), r"a\.xml object 1: a coordinate is negative"),
        ('<!DOCTYPE annotation [<!ENTITY a "b">]><annotation>&a;</annotation>', r"a\.xml: declares a document type"),
    ],
)
def test_malformed_voc_names_file_and_place(tmp_path: Path, text: str, said: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "a.xml").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_truth(holding(folder, ["a.jpg"]), Remarks())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"images": [],\n "annotations": [}', r"truth\.json line 2: not valid JSON"),
        ("[" * 100_000, r"truth\.json: not COCO annotations; it is nested too deep"),
        ('{"images": {}, "annotations": []}', r"truth\.json: images and annotations must be lists"),
        ('{"images": [{"id": 1}], "annotations": []}', r"truth\.json images\[0\]: no id and file_name"),
        (coco([{"bbox": [1, 2, 3, 4]}]), r"truth\.json annotations\[0\]: no image_id"),
        (coco([{"image_id": 7}]), r"truth\.json annotations\[0\]: no polygons, and bbox is not"),
        (coco([{"image_id": 7, "bbox": [1, 2, 0, 4]}]), r"truth\.json annotations\[0\]: the box is empty"),
        (
            coco([{"image_id": 7, "segmentation": [[1, 2, 3, 4]]}]),
            r"truth\.json annotations\[0\]: a polygon is a list of",
        ),
        (coco([{"image_id": 7, "bbox": [1, 2, 3, None]}]), r"truth\.json annotations\[0\]: None is not a number"),
    ],
)
def test_malformed_coco_names_file_and_place(tmp_path: Path, text: str, said: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "truth.json").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_truth(holding(folder, ["a.jpg"]), Remarks())


def test_two_coco_files_are_one_too_many(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    for name in ("train.json", "val.json", "._val.json"):
        (folder / name).write_text(coco([]))
    with pytest.raises(UsageError, match=r"^train\.json and val\.json: COCO annotations in several files"):
        read_truth(holding(folder, ["a.jpg"]), Remarks())


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_annotations_of_another_size_are_refused(tmp_path: Path, kind: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    if kind == "voc":
        (folder / "a.xml").write_text(voc((5, 5, 9, 9), size=(80, 120)))
    else:
        (folder / "t.json").write_text(coco([{"image_id": 7, "bbox": [5, 5, 9, 9]}], width=80, height=120))
    with pytest.raises(UsageError, match="written for 80 x 120 pixels; the upright image has 120 x 80"):
        in_frame(folder)


def test_a_box_beside_the_image_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\na.jpg,130,20,150,60\n")
    with pytest.raises(UsageError, match=r"boxes\.csv line 2: lies outside the image, which has 120 x 80 pixels"):
        in_frame(folder)


def test_a_damaged_mask_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    Image.fromarray(painted(BOX).astype(np.uint8)).save(folder / "a.mask.png")
    data = (folder / "a.mask.png").read_bytes()
    (folder / "a.mask.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UsageError, match=r"a\.mask\.png: not a PNG that can be read"):
        in_frame(folder)
