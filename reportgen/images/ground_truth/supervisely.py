"""Supervisely: a JSON an image, `img/a.jpg` and `ann/a.jpg.json`, with `objects` and the `size` of the image."""

from __future__ import annotations

from collections.abc import Mapping

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.shapes import Flaw, Shape, box_between, polygon

SUPERVISELY = "Supervisely"
WORDS = (("objects", "geometryType"), ("objects", "exterior"))


def is_supervisely(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("objects"), list) and isinstance(data.get("size"), dict)


def read_supervisely(file: InputFile, data: Mapping[str, object], reading: Reading) -> None:
    """Add what a file that `is_supervisely` marks."""
    images, size, objects = reading.partners.of(file.name), data["size"], data["objects"]
    assert isinstance(size, dict) and isinstance(objects, list)
    if not images:
        reading.leave(file, "Supervisely of an image that is not in the folder")
        return
    reading.remarks.use(file.name)
    stated = size_of(size.get("width"), size.get("height"))
    for place, item in enumerate(objects):
        with reading.object(file.name, f"objects[{place}]"):
            shape = _shape(item)
            for image in images:
                reading.mark(SUPERVISELY, image, shape, size=stated, category=item.get("classTitle"))


def _shape(item: object) -> Shape:
    points = item.get("points") if isinstance(item, dict) else None
    outline = points.get("exterior") if isinstance(points, dict) else None
    if not isinstance(item, dict) or not isinstance(outline, list):
        raise Flaw("a shape of a kind that is not read")
    kind = item.get("geometryType")
    if kind == "rectangle":
        return box_between(outline)
    if kind == "polygon":
        return polygon(outline)
    raise Flaw("a shape of a kind that is not read")
