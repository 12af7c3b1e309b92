"""CVAT for images 1.1: one XML for all images, `<annotations>` with an `<image>` each."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

import numpy as np

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.runs import placed
from reportgen.images.ground_truth.shapes import (
    MAX_MASK_PIXELS,
    Flaw,
    Runs,
    Shape,
    box,
    ellipse,
    number,
    polygon,
    turned,
)

CVAT = "CVAT"
_NO_AREA = ("points", "polyline", "skeleton", "cuboid", "tag", "attribute")


def is_cvat(root: Element) -> bool:
    return root.tag == "annotations" and root.find("image") is not None


def read_cvat(file: InputFile, root: Element, reading: Reading) -> None:
    """Add what a file that `is_cvat` marks."""
    reading.remarks.use(file.name)
    for item in root.findall("image"):
        written = item.get("name", "")
        image = reading.image(written, file.name)
        if image is None:
            continue
        size = size_of(item.get("width"), item.get("height"))
        for place, child in enumerate(item, 1):
            if child.tag in ("tag", "attribute"):
                continue
            with reading.object(file.name, f"{written[:80]!r} {child.tag[:20]} {place}"):
                reading.afford(image)
                shape = _mask(child, size) if child.tag == "mask" else _shape(child)
                reading.mark(CVAT, image, shape, size=size, category=child.get("label", ""))


def _shape(item: Element) -> Shape:
    get = item.get
    if item.tag == "box":
        made = box(get("xtl"), get("ytl"), get("xbr"), get("ybr"))
        middle = ((made.x0 + made.x1) / 2, (made.y0 + made.y1) / 2)
        return turned(made, number(get("rotation", "0")), middle)
    if item.tag == "polygon":
        return polygon([pair.split(",") for pair in get("points", "").split(";")])
    if item.tag == "ellipse":
        return ellipse(get("cx"), get("cy"), get("rx"), get("ry"), math.radians(number(get("rotation", "0"))))
    if item.tag in _NO_AREA:
        raise Flaw("a point or a line, which has no area")
    raise Flaw("a shape of a kind that is not read")


def _mask(item: Element, size: tuple[float, float] | None) -> Runs:
    """A mask: counts of pixels, row after row of the part of the image that it lies in."""
    left, top, width, height = (round(number(item.get(key))) for key in ("left", "top", "width", "height"))
    try:
        counts = [int(count) for count in item.get("rle", "").split(",")]
    except ValueError:
        raise Flaw("runs of pixels whose counts are no numbers") from None
    if not 0 < width * height <= MAX_MASK_PIXELS or width < 0 or min(counts) < 0 or sum(counts) != width * height:
        raise Flaw("runs of pixels that do not fill their mask")
    part = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)
    return placed(part, left, top, size)
