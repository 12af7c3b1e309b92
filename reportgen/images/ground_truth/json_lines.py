"""Hugging Face's `metadata.jsonl`: a JSON a line, an image's `file_name` and its `objects`, boxes as COCO has them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.ground_truth.reading import Reading
from reportgen.images.ground_truth.shapes import Flaw, box_of_sides
from reportgen.images.texts import text_in

JSON_LINES = "metadata.jsonl"
_BOXES = ("bbox", "bboxes", "boxes")
_CATEGORIES = ("category", "categories", "label", "labels")


def read_json_lines(file: InputFile, reading: Reading) -> None:
    """Add what a file of JSON lines marks.

    Raises:
        UnreadableFile: no text, or no line of it marks an object in this form.
    """
    text = text_in(file)
    if '"objects"' not in text or '"file_name"' not in text:
        raise UnreadableFile("JSON lines that mark no object in a form that is read")
    reading.remarks.use(file.name)
    for place, line in enumerate(text.split("\n"), 1):
        if line.strip():
            with reading.object(file.name, f"line {place}"):
                _read_line(file, place, line, reading)


def _read_line(file: InputFile, place: int, line: str, reading: Reading) -> None:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        raise Flaw("a line that is not valid JSON") from None
    written = item.get("file_name") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(written, str):
        raise Flaw("a line without file_name")
    objects = list(_objects(item.get("objects")))
    image = reading.image(written, file.name) if objects else None
    for number, (box, category) in enumerate(objects if image is not None else ()):
        with reading.object(file.name, f"line {place} object {number}"):
            assert image is not None
            if not isinstance(box, list) or len(box) != 4:
                raise Flaw("a box that is not four numbers")
            reading.mark(JSON_LINES, image, box_of_sides(*box), category=category if isinstance(category, str) else "")


def _objects(objects: object) -> Iterator[tuple[object, object]]:
    """(box, category) of each."""
    if not isinstance(objects, dict):
        return
    boxes: list[object] = next((objects[key] for key in _BOXES if isinstance(objects.get(key), list)), [])
    called: list[object] = next((objects[key] for key in _CATEGORIES if isinstance(objects.get(key), list)), [])
    for i, box in enumerate(boxes):
        yield box, called[i] if i < len(called) else ""
