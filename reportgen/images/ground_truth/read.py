"""Ground truth that a user lays beside the images: where the object is, in the model's frame.

Read in this order, the first that knows an image wins:

- `<stem>.mask.png` beside the image, as large as the upright image: what is not 0 is the object;
- `boxes.csv` in the folder, with the header `name,x0,y0,x1,y1`: pixels of the upright image, x1 and y1 not included, a row a box;
- `<stem>.xml` beside the image, Pascal VOC (its pixels count from 1 and its ends are included);
- one COCO `.json` in the folder: polygons where an annotation has them, else its box; crowds are left out.

Every object that a file marks in an image belongs to the truth.
"""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from reportgen.images.decode import guarded_pillow
from reportgen.images.find import MASK_SUFFIX
from reportgen.images.folder import Folder
from reportgen.images.frame import frame_transform, model_frame
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers.base import Preprocessing
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of, file_sha256
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import is_file, read_at_most

BOXES_FILE = "boxes.csv"
HEADER = ["name", "x0", "y0", "x1", "y1"]
MAX_CORNERS, MAX_SHAPES = 10_000, 10_000  # of a polygon, and shapes of an image: to draw them takes time
FORMATS = (f"<image>{MASK_SUFFIX}", BOXES_FILE, "Pascal VOC <image>.xml", "COCO .json")

# Corners (x, y) in pixels of the upright image; two are opposite corners of a box.
Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Truth:
    """The object of one image in the model's frame. `mask`: (H, W) bool; `source`: the kind of file it came from."""

    mask: np.ndarray
    source: str


@dataclass(frozen=True)
class Annotation:
    """The object of one image as its file has it.

    Attributes:
        source: the kind of file, in words.
        polygons: empty where `png` is the truth.
        where: for each polygon the file and place it stands at, for messages.
        size: (width, height) that the file says the image has.
        png: path of a mask.
        digest: of all that decides the truth.
    """

    source: str
    polygons: tuple[Polygon, ...] = ()
    where: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    png: Path | None = None
    digest: str = field(default="", compare=False)

    def in_frame(self, width: int, height: int, preprocessing: Preprocessing) -> Truth:
        """The truth of an upright image of this size, in the model's frame.

        Raises:
            UsageError: the file does not fit the image.
        """
        if self.png is not None:
            return Truth(mask_in_frame(self.png, width, height, preprocessing), self.source)
        if self.size is not None and self.size != (width, height):
            stated = "{} x {}".format(*self.size)
            raise UsageError(f"{self.where[0]}: written for {stated} pixels; the upright image has {width} x {height}")
        mask = np.zeros((preprocessing.size, preprocessing.size), bool)
        scale_x, scale_y, offset_x, offset_y = frame_transform(width, height, preprocessing)
        for polygon, where in zip(self.polygons, self.where, strict=True):
            x, y = np.array(polygon).T
            if x.min() >= width or y.min() >= height or x.max() <= 0 or y.max() <= 0:
                raise UsageError(f"{where}: lies outside the image, which has {width} x {height} pixels")
            mask |= _filled(x * scale_x + offset_x, y * scale_y + offset_y, mask.shape)
        return Truth(mask, self.source)


def read_truth(given: Folder, remarks: Remarks) -> dict[str, Annotation]:
    """The annotation of each image that has one.

    Args:
        remarks: where everything is noted that is not understood.

    Raises:
        UsageError: a file that looks like ground truth cannot be read as such; the message names the file and the place.
    """
    folder, names = given.path, given.names
    by_csv, by_coco = _boxes_csv(folder, names), _coco(folder, names)
    found: dict[str, Annotation] = {}
    for name in names:
        annotation = _mask_png(folder, name) or by_csv.get(name) or _voc(folder, name) or by_coco.get(name)
        if annotation is not None:
            found[name] = annotation
    return found


# --- in the frame --------------------------------------------------------------------------------


def _filled(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels whose centres lie inside a polygon of frame coordinates."""
    mask = np.zeros(shape, bool)
    if len(x) == 2:  # opposite corners of a box
        rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
        mask[np.ix_((rows >= y[0]) & (rows < y[1]), (columns >= x[0]) & (columns < x[1]))] = True
        return mask
    from skimage.draw import polygon

    mask[polygon(y - 0.5, x - 0.5, shape)] = True
    return mask


def mask_in_frame(
    path: Path, width: int, height: int, preprocessing: Preprocessing, *, framed: bool = False
) -> np.ndarray:
    """(H, W) bool: a PNG mask, what is not 0 is the object, in the model's frame.

    Args:
        width, height: of the upright image, which the mask must have.
        framed: the mask may also be as large as the model's frame, and is then taken as it is.

    Raises:
        UsageError: it cannot be read, or has another size.
    """
    try:
        with guarded_pillow(), Image.open(path, formats=("PNG",)) as image:
            as_it_is = framed and image.size == (preprocessing.size, preprocessing.size) != (width, height)
            if not as_it_is and image.size != (width, height):  # known before a pixel is decoded
                raise UsageError(
                    f"{path.name}: a mask of {image.size[0]} x {image.size[1]} pixels; the upright image has {width} x {height}"
                )
            values = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UsageError(f"{path.name}: not a PNG that can be read; save the mask again") from None
    # An alpha channel says nothing about the object.
    colours = values[..., : 3 if values.shape[2] > 2 else 1] if values.ndim == 3 else values[..., None]
    marked: np.ndarray = (colours != 0).any(axis=2)
    if as_it_is:
        return marked
    painted = np.repeat(marked[..., None].astype(np.uint8) * 255, 3, axis=2)
    return model_frame(painted, preprocessing)[..., 0] > 127


# --- mask PNG ------------------------------------------------------------------------------------


def _mask_png(folder: Path, name: str) -> Annotation | None:
    path = folder / PurePosixPath(name).with_suffix(MASK_SUFFIX)
    if not is_file(path):
        return None
    return Annotation(f"mask {MASK_SUFFIX}", png=path, digest=file_sha256(path))


# --- boxes.csv -----------------------------------------------------------------------------------


def _boxes_csv(folder: Path, names: Sequence[str]) -> dict[str, Annotation]:
    path = folder / BOXES_FILE
    if not is_file(path):
        return {}
    known = {unicodedata.normalize("NFC", name): name for name in names} | {name: name for name in names}
    boxes: dict[str, list[tuple[Polygon, str]]] = defaultdict(list)
    for line, row in _csv_rows(path):
        where = f"{BOXES_FILE} line {line}"
        image = known.get(row[0]) or known.get(unicodedata.normalize("NFC", row[0]))
        if image is None and not is_file(folder / row[0]):
            raise UsageError(f"{where}: no image {row[0]!r} in the folder")
        box = _box(row[1:], where)
        if image is not None:
            boxes[image].append((box, where))
    return {image: _annotation(BOXES_FILE, found) for image, found in boxes.items()}


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row; blank lines do not count."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        rows = ((reader.line_num, [cell.strip() for cell in row]) for row in reader)
        filled = ((line, row) for line, row in rows if any(row))
        line, header = next(filled, (1, []))
        if [cell.lower() for cell in header] != HEADER:
            raise UsageError(f"{path.name} line {line}: the header is not {','.join(HEADER)}")
        for line, row in filled:
            if len(row) != len(HEADER):
                raise UsageError(
                    f"{path.name} line {line}: {len(row)} cells, not {len(HEADER)}; quote what holds a comma"
                )
            yield line, row
    except csv.Error as error:
        raise UsageError(f"{path.name} line {reader.line_num}: not valid CSV ({error})") from None


# --- Pascal VOC ----------------------------------------------------------------------------------


def _voc(folder: Path, name: str) -> Annotation | None:
    path = folder / PurePosixPath(name).with_suffix(".xml")
    if not is_file(path):
        return None
    text = _text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UsageError(f"{path.name}: declares a document type or entities, which no annotation needs; remove them")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UsageError(f"{path.name} line {error.position[0]}: not valid XML ({error})") from None
    if root.tag != "annotation":
        return None  # some other tool's file
    found = []
    for number, item in enumerate(root.findall("object"), 1):
        where = f"{path.name} object {number}"
        corners = [item.findtext(f"bndbox/{corner}") for corner in ("xmin", "ymin", "xmax", "ymax")]
        if None in corners:
            raise UsageError(f"{where}: no bndbox with xmin, ymin, xmax and ymax")
        (x0, y0), (x1, y1) = _box([str(corner) for corner in corners], where, least=0)
        found.append((((x0 - 1, y0 - 1), (x1, y1)), where))
    if not found:
        return None
    return _annotation("Pascal VOC", found, _voc_size(root, path))


def _voc_size(root: ElementTree.Element, path: Path) -> tuple[int, int] | None:
    sides = [root.findtext(f"size/{side}") for side in ("width", "height")]
    if None in sides:
        return None
    width, height = (_number(side, f"{path.name}: size") for side in sides)
    return (int(width), int(height)) if width > 0 and height > 0 else None  # some tools write 0 for unknown


# --- COCO ----------------------------------------------------------------------------------------


def _coco(folder: Path, names: Sequence[str]) -> dict[str, Annotation]:
    files = [path for path in sorted(folder.glob("*.json")) if not path.name.startswith(".") and is_file(path)]
    tables = [(path, data) for path in files if (data := _coco_table(path)) is not None]
    if not tables:
        return {}
    if len(tables) > 1:
        several = " and ".join(path.name for path, _ in tables)
        raise UsageError(f"{several}: COCO annotations in several files; leave one of them in the folder")
    path, data = tables[0]
    images = _coco_images(path, data["images"], names)
    found: dict[str, list[tuple[Polygon, str]]] = defaultdict(list)
    sizes: dict[str, tuple[int, int] | None] = {}
    for number, item in enumerate(data["annotations"]):
        where = f"{path.name} annotations[{number}]"
        if not isinstance(item, dict) or not isinstance(item.get("image_id"), int | str):
            raise UsageError(f"{where}: no image_id")
        if str(item["image_id"]) in images and not item.get("iscrowd"):
            name, sizes[name] = images[str(item["image_id"])]
            found[name] += [(polygon, where) for polygon in _coco_shapes(item, where)]
    return {name: _annotation("COCO JSON", shapes, sizes[name]) for name, shapes in found.items()}


def _coco_table(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise UsageError(f"{path.name} line {error.lineno}: not valid JSON ({error.msg})") from None
    except RecursionError:
        raise UsageError(f"{path.name}: not COCO annotations; it is nested too deep to read") from None
    except ValueError:  # an integer of more digits than Python reads
        raise UsageError(f"{path.name}: not COCO annotations; a number in it is too long to read") from None
    if not isinstance(data, dict) or not {"images", "annotations"} <= set(data):
        return None  # some other tool's file
    if not isinstance(data["images"], list) or not isinstance(data["annotations"], list):
        raise UsageError(f"{path.name}: images and annotations must be lists, as in COCO")
    return data


def _coco_images(
    path: Path, items: Sequence[object], names: Sequence[str]
) -> dict[str, tuple[str, tuple[int, int] | None]]:
    """COCO image id -> our name and the size it states. A file name without a folder finds the only image called so."""
    by_name = {name: [name] for name in names}
    for name in names:
        by_name.setdefault(PurePosixPath(name).name, []).append(name)
    found: dict[str, tuple[str, tuple[int, int] | None]] = {}
    for number, item in enumerate(items):
        if not (
            isinstance(item, dict) and isinstance(item.get("file_name"), str) and isinstance(item.get("id"), int | str)
        ):
            raise UsageError(f"{path.name} images[{number}]: no id and file_name")
        called = set(by_name.get(item["file_name"], []))
        if len(called) > 1:
            raise UsageError(
                f"{path.name} images[{number}]: {item['file_name']!r} could be {' or '.join(sorted(called))}; give its folder"
            )
        size = (item.get("width"), item.get("height"))
        stated = (size[0], size[1]) if isinstance(size[0], int) and isinstance(size[1], int) else None
        for name in called:
            found[str(item["id"])] = (name, stated)
    return found


def _coco_shapes(item: Mapping[str, Any], where: str) -> list[Polygon]:
    segmentation = item.get("segmentation")
    if isinstance(segmentation, list) and segmentation:
        return [_coco_polygon(flat, where) for flat in segmentation]
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise UsageError(f"{where}: no polygons, and bbox is not [x, y, width, height]")
    x, y, width, height = (_number(value, where) for value in box)
    return [_box([x, y, x + width, y + height], where)]


def _coco_polygon(flat: object, where: str) -> Polygon:
    if not isinstance(flat, list) or len(flat) < 6 or len(flat) % 2:
        raise UsageError(f"{where}: a polygon is a list of at least three x, y pairs")
    if len(flat) > 2 * MAX_CORNERS:
        raise UsageError(f"{where}: a polygon of {len(flat) // 2} corners; at most {MAX_CORNERS} are drawn")
    numbers = [_number(value, where) for value in flat]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


# --- shared --------------------------------------------------------------------------------------


def _annotation(source: str, shapes: Sequence[tuple[Polygon, str]], size: tuple[int, int] | None = None) -> Annotation:
    if len(shapes) > MAX_SHAPES:
        raise UsageError(f"{shapes[0][1]}: an image with {len(shapes)} shapes; at most {MAX_SHAPES} are drawn")
    polygons = tuple(polygon for polygon, _ in shapes)
    digest = digest_of([source, [[list(corner) for corner in polygon] for polygon in polygons], size])
    return Annotation(source, polygons, tuple(where for _, where in shapes), size, digest=digest)


def _box(values: Sequence[object], where: str, least: float = -math.inf) -> Polygon:
    """Two opposite corners from x0, y0, x1, y1."""
    x0, y0, x1, y1 = (_number(value, where) for value in values)
    if x1 <= x0 or y1 <= y0:
        raise UsageError(f"{where}: the box is empty (x {x0:g} to {x1:g}, y {y0:g} to {y1:g})")
    if min(x0, y0) < least:
        raise UsageError(f"{where}: a coordinate is negative")
    return ((x0, y0), (x1, y1))


def _number(value: object, where: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        shown = repr(value) if isinstance(value, str | float | None) else f"something of type {type(value).__name__}"
        raise UsageError(f"{where}: {printable(shown, 80)} is not a number")
    return number


def _text(path: Path) -> str:
    try:
        return read_at_most(path, name=path.name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path.name}: not UTF-8 text") from None
