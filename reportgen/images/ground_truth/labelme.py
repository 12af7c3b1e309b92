"""LabelMe: a JSON beside each image, `imagePath` and `shapes`."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from reportgen.images.decoding.pillow import guarded_pillow
from reportgen.images.files import InputFile
from reportgen.images.ground_truth.partners import parts_of, stem_of
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.runs import placed
from reportgen.images.ground_truth.shapes import (
    MAX_MASK_PIXELS,
    Flaw,
    Runs,
    Shape,
    box_between,
    circle_through,
    number,
    polygon,
)

LABELME = "LabelMe"
WORDS = (("shapes", "points"),)


def is_labelme(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("shapes"), list) and "imagePath" in data


def read_labelme(file: InputFile, data: Mapping[str, object], reading: Reading) -> None:
    """Add what a file that `is_labelme` marks."""
    images = _images(file, data, reading)
    if not images:
        reading.leave(file, "LabelMe of an image that is not in the folder")
        return
    reading.remarks.use(file.name)
    size = size_of(data.get("imageWidth"), data.get("imageHeight"))
    shapes = data["shapes"]
    assert isinstance(shapes, list)
    for place, item in enumerate(shapes):
        with reading.object(file.name, f"shapes[{place}]"):
            if not isinstance(item, dict):
                raise Flaw("a shape without points")
            reading.afford(images[0])
            shape = _mask(item, size) if item.get("shape_type") == "mask" else _shape(item)
            for image in images:
                reading.mark(LABELME, image, shape, size=size, category=item.get("label"))


def _images(file: InputFile, data: Mapping[str, object], reading: Reading) -> tuple[str, ...]:
    """The image beside the file that is called as it is; else the one that it names; else one in a parallel folder."""
    folders, last = parts_of(file.name)
    if beside := reading.partners.beside(folders, stem_of(last), stem_of(file.name.rpartition("/")[2])):
        return beside
    if across := reading.partners.of(file.name):
        return across
    written = data.get("imagePath")
    named = reading.image(written, file.name) if isinstance(written, str) else None
    return () if named is None else (named,)


def _shape(item: Mapping[str, object]) -> Shape:
    points, kind = item.get("points"), item.get("shape_type") or "polygon"
    if not isinstance(points, list):
        raise Flaw("a shape without points")
    if kind == "rectangle" and len(points) != 4:  # X-AnyLabeling writes all four corners
        return box_between(points)
    if kind == "circle":
        return circle_through(points)
    if kind in ("polygon", "rectangle", "rotation", "quadrilateral"):
        return polygon(points)
    if kind in ("point", "points", "line", "linestrip"):
        raise Flaw("a point or a line, which has no area")
    raise Flaw("a shape of a kind that is not read")


def _mask(item: Mapping[str, object], size: tuple[float, float] | None) -> Runs:
    """A mask, a PNG in base64 whose upper left pixel lies at the first point."""
    text, points = item.get("mask"), item.get("points")
    if not isinstance(text, str) or not isinstance(points, list) or not points or not isinstance(points[0], list):
        raise Flaw("a mask without pixels or place")
    left, top = (round(number(side)) for side in (points[0] + [None, None])[:2])
    try:
        with guarded_pillow(), Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as image:
            if image.width * image.height > MAX_MASK_PIXELS:
                raise Flaw(f"a mask of more than {MAX_MASK_PIXELS} pixels")
            part = np.asarray(image.convert("L")) > 0
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise Flaw("a mask that cannot be read") from None
    return placed(part, left, top, size)
