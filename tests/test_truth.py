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
from reportgen.images.ground_truth.annotation import Annotation, TruthNote, warnings_of
from reportgen.images.ground_truth.read import read_truth
from reportgen.images.ground_truth.shapes import Box
from reportgen.images.remarks import Remarks
from reportgen.report.blocks import Section
from reportgen.settings.group import NoSettings
from truth_folders import BOX, HEIGHT, WIDTH, beside, folder_with, painted, preprocessing, read, seen


def only(folder: Path, name: str = "a.jpg") -> Annotation:
    found = read(folder).truths
    assert set(found) == {name}
    return found[name]


def in_frame(folder: Path, geometry: str = "crop", name: str = "a.jpg") -> np.ndarray:
    return read(folder).mask(name, geometry)


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
        truth = only(folder).in_frame(48, 48, preprocessing(size=48, resize=48)).truth
        assert truth is not None
        masks.append(truth.mask)
    assert all(np.array_equal(mask, painted((30, 20, 48, 48), width=48, height=48)) for mask in masks)


def test_a_pixel_is_the_objects_when_its_centre_lies_in_the_box(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", width=48, height=48)
    (folder / "boxes.csv").write_text("name,x0,y0,x1,y1\na.jpg,2.4,3.6,5.5,7\n")
    same = preprocessing(size=48, resize=48)
    truth = only(folder).in_frame(48, 48, same).truth
    assert truth is not None
    assert {(int(y), int(x)) for y, x in np.argwhere(truth.mask)} == {(y, x) for y in range(4, 7) for x in range(2, 5)}


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


def test_a_rotated_mask_that_is_not_upright_is_no_truth(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    Image.fromarray(np.rot90(painted(BOX)).astype(np.uint8)).save(folder / "a.mask.png")
    fitted = read(folder).fitted()
    assert fitted.truth is None
    assert fitted.notes == (TruthNote("truth-other-shape", detail="80 x 120 pixels, the upright image has 120 x 80"),)


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


def test_of_one_image_that_is_given_the_files_of_others_are_not_spoken_of(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "b.jpg", "b.mask.png")
    other = {"id": 8, "file_name": "b.jpg"}
    objects = [{"image_id": 7, "bbox": [30, 20, 40, 40]}, {"image_id": 8, "bbox": [1, 1, 2, 2]}]
    beside(folder, "t.json", json.dumps({"images": [{"id": 7, "file_name": "a.jpg"}, other], "annotations": objects}))
    for name, content in (("b.xml", voc((5, 5, 9, 9))), ("b.txt", "0 0.5 0.5 0.1 0.1"), ("c.json", "{}")):
        beside(folder, name, content)
    remarks = Remarks()
    found = read_truth(find_images(folder / "a.jpg", remarks), remarks)
    assert {name: [mark.shape for mark in of.marks] for name, of in found.items()} == {"a.jpg": [Box(30, 20, 70, 60)]}
    assert remarks.warnings == [] and remarks.left_alone == []


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
    remarks = Remarks()
    assert read_truth(holding(folder, ["sub/a.jpg", "other/a.jpg"]), remarks) == {}
    assert [warning.text for warning in remarks.warnings] == [
        "Annotations of 1 image could be of several in the folder, and were left out: truth.json: a.jpg."
    ]


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
        source = {"coco box": "COCO", "voc": "Pascal VOC", "boxes.csv": "a table of boxes", "mask": "masks"}[kind]
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
    notes: tuple[str, ...] = ()


class Reader(Analysis[NoSettings, Told]):
    """Says how much of the frame it was told is the object."""

    title, version = "Reader", "1"

    def __init__(self, name: str, uses_truth: bool) -> None:
        self.name, self.uses_truth, self.calls = name, uses_truth, 0

    def map(self, subject: Subject[NoSettings]) -> Told:
        self.calls += 1
        notes = tuple(note.kind for note in subject.truth_notes)
        return Told(None if subject.truth is None else float(subject.truth.mask.mean()), notes)

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
    report, _ = analyse_toy(folder, tmp_path / "out", tmp_path / "cache", [Reader("does not", False)])
    assert "a table without" not in str(report.left_alone)
    report, _ = analyse_toy(folder, tmp_path / "out", tmp_path / "cache", [Reader("asks", True)])
    assert [(left.reason, left.names) for left in report.left_alone] == [
        ("a table without columns of names and of boxes", ["boxes.csv"])
    ]


# --- what has a flaw, or does not fit ------------------------------------------------------------

GOOD_ROW = "a.jpg,30,20,70,60\n"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.jpg,1,2,3\n", "1 marked object was left out (a row with too few cells): boxes.csv line 2."),
        ("a.jpg,1,2,x,4\n", "1 marked object was left out (a coordinate that is not a number): boxes.csv line 2."),
        ("a.jpg,1,2,nan,4\n", "1 marked object was left out (a coordinate that is not a number): boxes.csv line 2."),
        ("a.jpg,1,2,1e9,4\n", "1 marked object was left out (a coordinate beyond any image): boxes.csv line 2."),
        ("a.jpg,9,2,3,4\n", "1 marked object was left out (a box without area): boxes.csv line 2."),
        (
            "a.jpg,9,2,3,4\n" * 5,
            "5 marked objects were left out (a box without area): "
            "boxes.csv line 2; boxes.csv line 3; boxes.csv line 4; 2 more.",
        ),
        ("z.jpg,1,2,3,4\n", "Annotations name 1 image not in the folder: boxes.csv: z.jpg."),
    ],
)
def test_a_row_with_a_flaw_is_said_and_the_others_count(tmp_path: Path, rows: str, said: str) -> None:
    folder = beside(folder_with(tmp_path, "a.jpg"), "boxes.csv", f"name,x0,y0,x1,y1\n{rows}{GOOD_ROW}")
    found = read(folder)
    assert found.shapes() == [Box(30, 20, 70, 60)]
    assert found.said == said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "an empty table"),
        ("name,class\na.jpg,tench\n", "a table without columns of names and of boxes"),
        (b"\x01\xff\x00\x00name", "not a text file"),
    ],
)
def test_a_table_that_is_not_understood_is_left_alone(tmp_path: Path, content: str | bytes, reason: str) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "boxes.csv", content))
    assert found.truths == {}
    assert found.left == {"boxes.csv": reason}


def test_a_file_that_another_reader_left_is_not_left_alone_where_it_is_used(tmp_path: Path) -> None:
    folder = beside(folder_with(tmp_path, "a.jpg"), "train.csv", f"name,x0,y0,x1,y1\n{GOOD_ROW}")
    remarks = Remarks()
    remarks.leave("train.csv", "its classes are not those of the model")
    remarks.leave("b.csv", "its classes are not those of the model")
    assert set(read_truth(find_images(folder), remarks)) == {"a.jpg"}
    assert [(left.count, left.names) for left in remarks.left_alone] == [(1, ["b.csv"])]


def of_pieces(*pieces: str) -> str:
    return f"<annotation>{''.join(pieces)}</annotation>"


OBJECT = "<object><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


@pytest.mark.parametrize(
    ("flawed", "said"),
    [
        ("<object><name>x</name></object>", "an object without bndbox"),
        (OBJECT.format(5, 5, "five", 9), "a coordinate that is not a number"),
        (OBJECT.format(9, 9, 5, 5), "a box without area"),
    ],
)
def test_a_voc_object_with_a_flaw_is_said_and_the_others_count(tmp_path: Path, flawed: str, said: str) -> None:
    content = of_pieces(OBJECT.format(31, 21, 70, 60), flawed)
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.xml", content))
    assert found.shapes() == [Box(30, 20, 70, 60)]
    assert found.said == f"1 marked object was left out ({said}): a.xml object 2."


def test_a_voc_box_is_clipped_to_the_image(tmp_path: Path) -> None:
    content = of_pieces(OBJECT.format(-30, -3, "70.5", 200))
    assert np.array_equal(
        read(beside(folder_with(tmp_path, "a.jpg"), "a.xml", content)).mask(geometry="squash"),
        seen(painted((0, 0, 70, 80)), "squash"),
    )


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-16", "utf-8", "gb2312", "shift_jis"])
def test_voc_is_read_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    name = {"gb2312": "鱼", "shift_jis": "魚"}.get(encoding, "Fisch für Müller")
    text = of_pieces(OBJECT.format(31, 21, 70, 60).replace("<bndbox>", f"<name>{name}</name><bndbox>"))
    content = f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'.encode(encoding)
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.xml", content))
    assert found.shapes() == [Box(30, 20, 70, 60)]
    if encoding not in (
        "gb2312",
        "shift_jis",
    ):  # expat reads none of several bytes; then the encoding is told by its bytes
        assert found.truths["a.jpg"].categories == (name,)


def test_latin_1_that_calls_itself_utf_8_is_read(tmp_path: Path) -> None:
    text = of_pieces("<folder>C:\\Users\\Jürgen Schäfer\\Bilder für später</folder>", OBJECT.format(31, 21, 70, 60))
    content = f'<?xml version="1.0" encoding="utf-8"?>\n{text}'.encode("latin-1")
    assert read(beside(folder_with(tmp_path, "a.jpg"), "a.xml", content)).shapes() == [Box(30, 20, 70, 60)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "an empty file"),
        ("<annotation>\n<object>\n</annotation>", "not valid XML (line 3: mismatched tag)"),
        ("<svg/>", "XML that marks no object in a form that is read"),
        ('<?xml version="1.0"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://x"><plist/>', "declares"),
        (b"bplist00\xd1\x01\x02\x00\x08", "not a text file"),
        ("<a>" * 200_000, "XML that is nested too deep to read"),
    ],
    ids=["empty", "broken", "svg", "plist", "bplist", "deep"],
)
def test_other_xml_is_left_alone(tmp_path: Path, content: str | bytes, reason: str) -> None:
    found = read(beside(folder_with(tmp_path, "a.jpg"), "a.xml", content))
    assert found.truths == {}
    assert reason in found.left["a.xml"]


@pytest.mark.parametrize("place", ["Annotations/a.xml", "xml/other.xml"])
def test_voc_lies_in_a_parallel_folder_or_names_its_image(tmp_path: Path, place: str) -> None:
    content = of_pieces("<folder>x</folder><filename>a.jpg</filename>", OBJECT.format(31, 21, 70, 60))
    folder = beside(folder_with(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg"), place, content)
    assert set(read(folder).truths) == {"JPEGImages/a.jpg"}


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_annotations_of_another_shape_are_no_truth(tmp_path: Path, kind: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    if kind == "voc":
        (folder / "a.xml").write_text(voc((5, 5, 9, 9), size=(80, 120)))
    else:
        (folder / "t.json").write_text(coco([{"image_id": 7, "bbox": [5, 5, 9, 9]}], width=80, height=120))
    fitted = read(folder).fitted()
    assert fitted.truth is None
    assert fitted.notes == (TruthNote("truth-other-shape", detail="80 x 120 pixels, the upright image has 120 x 80"),)


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_annotations_of_another_size_are_scaled(tmp_path: Path, kind: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    x0, y0, x1, y1 = (2 * side for side in BOX)
    if kind == "voc":
        (folder / "a.xml").write_text(voc((x0 + 1, y0 + 1, x1, y1), size=(240, 160)))
    else:
        objects = [{"image_id": 7, "bbox": [x0, y0, x1 - x0, y1 - y0]}]
        (folder / "t.json").write_text(coco(objects, width=240, height=160))
    fitted = read(folder).fitted(geometry="squash")
    assert fitted.truth is not None
    assert np.array_equal(fitted.truth.mask, seen(painted(BOX), "squash"))
    assert fitted.notes == (TruthNote("truth-scaled", detail="240 x 160 pixels, the upright image has 120 x 80"),)


def test_a_box_beside_the_image_is_left_out_and_the_others_count(tmp_path: Path) -> None:
    content = "name,x0,y0,x1,y1\na.jpg,130,20,150,60\n" + GOOD_ROW
    fitted = read(beside(folder_with(tmp_path, "a.jpg"), "boxes.csv", content)).fitted("a.jpg", "squash")
    assert fitted.truth is not None
    assert np.array_equal(fitted.truth.mask, seen(painted(BOX), "squash"))
    assert fitted.notes == (TruthNote("truth-outside-image", 1, "1 object"),)


def test_a_box_of_the_whole_image_is_no_evidence(tmp_path: Path) -> None:
    folder = beside(folder_with(tmp_path, "a.jpg"), "boxes.csv", "name,x0,y0,x1,y1\na.jpg,0,0,120,80\n")
    fitted = read(folder).fitted()
    assert fitted.truth is None
    assert [(note.kind, note.detail) for note in fitted.notes] == [
        ("truth-says-nothing", "a table of boxes: everything")
    ]


def test_what_does_not_fit_is_warned_of_once_for_each_kind() -> None:
    sizes = TruthNote("truth-scaled", detail="1 x 1 pixels, the upright image has 2 x 2")
    notes = [(f"{letter}.jpg", sizes) for letter in "abcde"] + [("f.jpg", TruthNote("truth-soft-mask"))]
    assert [(warning.code, warning.text) for warning in warnings_of(notes)] == [
        (
            "truth-scaled",
            "The ground truth of 5 images is written for another size of the same shape, and was scaled: "
            "a.jpg (1 x 1 pixels, the upright image has 2 x 2); b.jpg (1 x 1 pixels, the upright image has 2 x 2); "
            "c.jpg (1 x 1 pixels, the upright image has 2 x 2); 2 more.",
        ),
        (
            "truth-soft-mask",
            "The mask of 1 image has a soft border, as JPEG and smoothing make it: what is brighter than half counts as "
            "the object: f.jpg.",
        ),
    ]


def test_two_kinds_that_disagree_are_said_once(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg", "b.jpg")
    write_truth(folder, "boxes.csv")
    beside(folder, "a.xml", voc((5, 5, 9, 9)))
    beside(folder, "t.json", coco([{"image_id": 7, "bbox": [30, 20, 40, 40]}]))  # as the table has it
    assert read(folder).said == (
        "1 image is marked in more than one kind of file, and not alike; of each the first that fits holds: "
        "a.jpg (a table of boxes, not Pascal VOC)."
    )


def test_where_the_first_kind_does_not_fit_the_next_one_holds(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    Image.new("L", (80, 120), 255).save(folder / "a.mask.png")
    write_truth(folder, "boxes.csv")
    before = only(folder)
    fitted = read(folder).fitted(geometry="squash")
    assert fitted.truth is not None and fitted.truth.source == "a table of boxes"
    assert np.array_equal(fitted.truth.mask, seen(painted(BOX), "squash"))
    assert [note.kind for note in fitted.notes] == ["truth-other-shape"]
    beside(folder, "boxes.csv", "name,x0,y0,x1,y1\na.jpg,1,1,9,9\n")
    assert only(folder).digest != before.digest


def test_the_run_goes_on_and_says_what_does_not_fit(tmp_path: Path) -> None:
    """A mask that is damaged, and one of another shape: found only when the image is decoded, in the map."""
    folder = folder_with(tmp_path / "photos", "a.png", "b.png")
    beside(folder, "a.mask.png", b"\x89PNG\r\n\x1a\n\0\0")
    Image.new("L", (80, 120), 255).save(folder / "b.mask.png")
    report, _ = analyse_toy(folder, tmp_path / "out", tmp_path / "cache", [Reader("asks", True)])
    assert [image.model_extra["asks"] for image in report.images] == [  # type: ignore[index]
        {"area": None, "notes": ["truth-unreadable"]},
        {"area": None, "notes": ["truth-other-shape"]},
    ]
