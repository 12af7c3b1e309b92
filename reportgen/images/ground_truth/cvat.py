"""CVAT for images 1.1: one XML for all images, `<annotations>` with an `<image>` each."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.shapes import Flaw, Shape, box, ellipse, number, polygon, turned

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
                reading.mark(CVAT, image, _shape(child), size=size, category=child.get("label", ""))


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
