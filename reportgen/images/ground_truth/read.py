"""Ground truth that a user lays beside the images: every kind of file that says where the object is, and which of them holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.folder import Folder
from reportgen.images.formats import EXTENSIONS
from reportgen.images.ground_truth.annotation import Annotation, Mark, first_places
from reportgen.images.ground_truth.boxes import BOXES, is_box_table, read_boxes
from reportgen.images.ground_truth.coco import COCO, CocoFiles, is_coco, is_results
from reportgen.images.ground_truth.coco import WORDS as COCO_WORDS
from reportgen.images.ground_truth.createml import CREATE_ML, is_createml, read_createml
from reportgen.images.ground_truth.createml import WORDS as CREATE_ML_WORDS
from reportgen.images.ground_truth.cvat import CVAT, is_cvat, read_cvat
from reportgen.images.ground_truth.documents import json_in, xml_in
from reportgen.images.ground_truth.json_lines import JSON_LINES, read_json_lines
from reportgen.images.ground_truth.label_studio import LABEL_STUDIO, is_label_studio, read_label_studio
from reportgen.images.ground_truth.label_studio import WORDS as STUDIO_WORDS
from reportgen.images.ground_truth.labelme import LABELME, is_labelme, read_labelme
from reportgen.images.ground_truth.labelme import WORDS as LABELME_WORDS
from reportgen.images.ground_truth.masks import MASK_SUFFIX, by_image, masks_of
from reportgen.images.ground_truth.reading import Reading
from reportgen.images.ground_truth.supervisely import SUPERVISELY, is_supervisely, read_supervisely
from reportgen.images.ground_truth.supervisely import WORDS as SUPERVISELY_WORDS
from reportgen.images.ground_truth.via import VIA, is_via, is_via_table, read_via, read_via_table
from reportgen.images.ground_truth.via import WORDS as VIA_WORDS
from reportgen.images.ground_truth.voc import VOC, is_voc, read_voc
from reportgen.images.ground_truth.yolo import YOLO, read_yolo
from reportgen.images.remarks import Remarks
from reportgen.images.tables import read_table

MASKS = "masks"
BOXES_FILE = "boxes.csv"
# Of an image that several kinds of file mark the first holds.
ORDER = (MASKS, BOXES, VOC, COCO, LABELME, VIA, YOLO, CVAT, LABEL_STUDIO, CREATE_ML, SUPERVISELY, JSON_LINES)
# What can be laid beside the images, in words.
FORMATS = (f"<image>{MASK_SUFFIX}", "boxes.csv", "Pascal VOC", "COCO", "LabelMe", "VIA", "YOLO", "CVAT", "Label Studio")
_WORDS = (*COCO_WORDS, *LABELME_WORDS, *VIA_WORDS, *STUDIO_WORDS, *CREATE_ML_WORDS, *SUPERVISELY_WORDS)
_TABLES = (".csv", ".tsv")


def read_truth(given: Folder, remarks: Remarks) -> dict[str, Annotation]:
    """The annotation of each image that has one. Every object that a kind of file marks in an image belongs to it.

    Of several kinds the first of `ORDER` that fits the image holds. Whatever is not understood is left alone, an object that
    has a flaw is left out, and the others count: nothing in a file stops a run.

    Args:
        remarks: what was used, and everything that was not.
    """
    reading = Reading(given, remarks)
    masks = _masks(reading)
    for of_kind in (_tables, _xml, _json):
        of_kind(reading)
    read_yolo(reading)
    reading.say()
    by_kind = {kind: reading.found(kind) for kind in ORDER}
    found: dict[str, Annotation] = {}
    several: dict[str, str] = {}
    for name in given.names:
        marked = {kind: by_kind[kind][name] for kind in ORDER if name in by_kind[kind]}
        held: Annotation | None = None
        for kind in reversed(marked):
            held = Annotation.of_marks(kind, marked[kind]).or_else(held)
        if name in masks:
            held = masks[name].or_else(held)
        if held is None:
            continue
        found[name] = held
        others = [kind for kind in marked if kind != found[name].source and not _equal(found[name], marked[kind])]
        if others:
            several[name] = f"{found[name].source}, not {' or '.join(others)}"
    _say_which(several, remarks)
    return found


def _equal(annotation: Annotation, marks: Sequence[Mark]) -> bool:
    """Whether another kind of file marks the very same shapes."""
    return {mark.shape for mark in annotation.marks} == {mark.shape for mark in marks}


def _say_which(several: Mapping[str, str], remarks: Remarks) -> None:
    if not several:
        return
    places = [f"{image} ({held})" for image, held in several.items()]
    are = "image is" if len(several) == 1 else "images are"
    text = (
        f"{len(several)} {are} marked in more than one kind of file, and not alike; of each the first that fits holds: "
    )
    text += f"{first_places(places)}."
    remarks.warn("truth-in-several-kinds", "Ground truth of more than one kind", text)


# --- the kinds of file ---------------------------------------------------------------------------


def _masks(reading: Reading) -> dict[str, Annotation]:
    beside = reading.given.beside
    pictures = [name for name in beside if PurePosixPath(name).suffix.lower() in EXTENSIONS]
    masks = {mask: images for mask, images in masks_of([*reading.given.names, *pictures]).items() if mask in beside}
    for mask, images in masks.items():
        if not images:
            reading.leave(beside[mask], "a mask of an image that is not in the folder")
    known = set(reading.given.names)
    found = {}
    for image, names in by_image(masks).items():
        if image not in known:
            continue  # of a picture that lies beside, and is not explained
        files = [beside[name] for name in names]
        try:
            found[image] = Annotation.of_masks(MASKS, files)
        except UnreadableFile as error:
            for file in files:
                reading.leave(file, error.reason)
            continue
        for file in files:
            reading.remarks.use(file.name)
    return found


def _each(reading: Reading, extensions: tuple[str, ...], read: Callable[[InputFile], None]) -> None:
    """Read every file of these extensions; what cannot be read is left alone, with the reason."""
    for name, file in reading.given.beside.items():
        if name.lower().endswith(extensions):
            try:
                read(file)
            except UnreadableFile as error:
                reading.leave(file, error.reason)


def _tables(reading: Reading) -> None:
    def read(file: InputFile) -> None:
        table = read_table(file)
        if is_via_table(table):
            read_via_table(file, table, reading)
        elif is_box_table(table):
            read_boxes(file, table, reading)
        elif PurePosixPath(file.name).name.lower() == BOXES_FILE:
            reading.leave(file, "a table without columns of names and of boxes")

    _each(reading, _TABLES, read)


def _xml(reading: Reading) -> None:
    def read(file: InputFile) -> None:
        root = xml_in(file)
        if is_voc(root):
            read_voc(file, root, reading)
        elif is_cvat(root):
            read_cvat(file, root, reading)
        else:
            reading.leave(file, "XML that marks no object in a form that is read")

    _each(reading, (".xml",), read)


def _json(reading: Reading) -> None:
    coco = CocoFiles(reading)

    def read(file: InputFile) -> None:
        data = json_in(file, _WORDS)
        if is_coco(data) or is_results(data):
            coco.add(file, data)
        elif isinstance(data, dict) and is_labelme(data):
            read_labelme(file, data, reading)
        elif is_via(data):
            read_via(file, data, reading)
        elif is_label_studio(data):
            read_label_studio(file, data, reading)
        elif is_createml(data):
            read_createml(file, data, reading)
        elif isinstance(data, dict) and is_supervisely(data):
            read_supervisely(file, data, reading)
        else:
            reading.leave(file, "JSON that marks no object in a form that is read")

    _each(reading, (".json",), read)
    coco.finish()
    _each(reading, (".jsonl",), lambda file: read_json_lines(file, reading))
