"""Apple's Create ML: a list of images, each with `annotations`, boxes by their centres in pixels."""

from __future__ import annotations

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading
from reportgen.images.ground_truth.shapes import Box, Flaw, box_of_sides, number

CREATE_ML = "Create ML"
WORDS = (("coordinates", "annotations"), ("coordinates", "annotation"))


def is_createml(data: object) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(
            isinstance(item, dict) and isinstance(_objects(item), list) and _name(item) is not None for item in data
        )
    )


def read_createml(file: InputFile, data: object, reading: Reading) -> None:
    """Add what a file that `is_createml` marks."""
    assert isinstance(data, list)
    reading.remarks.use(file.name)
    for place, item in enumerate(data):
        written, objects = _name(item), _objects(item)
        assert written is not None and isinstance(objects, list)
        image = reading.image(written, file.name)
        for number_, object_ in enumerate(objects if image is not None else ()):
            with reading.object(file.name, f"[{place}] annotation {number_}"):
                assert image is not None
                shape, category = _marked(object_)
                reading.mark(CREATE_ML, image, shape, category=category)


def _objects(item: dict[str, object]) -> object:
    return item.get("annotations", item.get("annotation"))


def _name(item: dict[str, object]) -> str | None:
    return next((value for key in ("image", "imagefilename") if isinstance(value := item.get(key), str)), None)


def _marked(item: object) -> tuple[Box, object]:
    at = item.get("coordinates") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(at, dict):
        raise Flaw("an object without coordinates")
    x, y, width, height = (number(at.get(key)) for key in ("x", "y", "width", "height"))
    return box_of_sides(x - width / 2, y - height / 2, width, height), item.get("label", "")
