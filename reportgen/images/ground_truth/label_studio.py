"""Label Studio's JSON export: a list of tasks, each with `annotations` and their `result`s in percent of the image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading
from reportgen.images.ground_truth.shapes import Ellipse, Flaw, Shape, box_of_sides, ellipse, number, polygon

LABEL_STUDIO = "Label Studio"
WORDS = (("result", "annotations"), ("result", "completions"))
_LOADED = re.compile(r"^[0-9a-f]{8}-(.+)$")  # its own copy of `tench.jpg` is called `1a2b3c4d-tench.jpg`

Item = Mapping[str, object]


def is_label_studio(data: object) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in data)
        and any(isinstance(_made(task), list) for task in data)
    )


def read_label_studio(file: InputFile, data: object, reading: Reading) -> None:
    """Add what a file that `is_label_studio` marks."""
    assert isinstance(data, list)
    reading.remarks.use(file.name)
    for place, task in enumerate(data):
        results = list(_results(task))
        if not results or (image := _image(file, task, reading)) is None:
            continue
        for number_, result in enumerate(results):
            with reading.object(file.name, f"task {place} result {number_}"):
                shape, category = _marked(result)
                reading.mark(LABEL_STUDIO, image, shape, relative=True, category=category)


def _made(task: Item) -> object:
    return task.get("annotations", task.get("completions"))


def _results(task: Item) -> Iterator[object]:
    made = _made(task)
    for annotation in made if isinstance(made, list) else ():
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            results = annotation.get("result")
            yield from results if isinstance(results, list) else ()


def _image(file: InputFile, task: Item, reading: Reading) -> str | None:
    """The image of a task: an address, of whose path the last part counts, with or without the prefix of its copy."""
    data = task["data"]
    assert isinstance(data, dict)
    written = next((value for value in (data.get("image"), *data.values()) if isinstance(value, str)), None)
    if written is None:
        return None
    path = unquote(written.partition("?d=")[2] or written.partition("?")[0])
    folder, slash, last = path.replace("\\", "/").rpartition("/")
    copy = _LOADED.match(last)
    names = [path, *([f"{folder}{slash}{copy[1]}"] if copy else [])]
    here = next((name for name in names if reading.is_here(name)), names[-1])
    return reading.image(here, file.name)


def _marked(result: object) -> tuple[Shape, str]:
    """A shape in shares of the image, and what it is called."""
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(value, dict):
        raise Flaw("a result without a value")
    kind = str(result.get("type", "")).removesuffix("labels")
    called = next((v for k, v in value.items() if k.endswith("labels") and isinstance(v, list) and v), [""])
    category = called[0] if isinstance(called[0], str) else ""
    if kind == "rectangle":
        if number(value.get("rotation", 0)) % 360 != 0:
            raise Flaw("a box that is turned, in percent of sides that differ")
        return box_of_sides(*(_share(value.get(key)) for key in ("x", "y", "width", "height"))), category
    if kind == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or not all(isinstance(point, list) for point in points):
            raise Flaw("a polygon without points")
        return polygon([[_share(side) for side in point] for point in points]), category
    if kind == "ellipse":
        return _ellipse(value), category
    raise Flaw("a shape of a kind that is not read")


def _ellipse(value: Item) -> Ellipse:
    return ellipse(*(_share(value.get(key)) for key in ("x", "y", "radiusX", "radiusY")))


def _share(value: object) -> float:
    return number(value) / 100
