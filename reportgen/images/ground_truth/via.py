"""VGG Image Annotator 1 and 2: `regions` of each file, in a project, an exported JSON, or a table with JSON in its cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading
from reportgen.images.ground_truth.shapes import Flaw, Shape, box_of_sides, ellipse, number, polygon
from reportgen.images.tables import Table

VIA = "VIA"
WORDS = (("regions", "filename"),)
_NAME, _SHAPE, _ATTRIBUTES = ("filename",), ("regionshapeattributes",), ("regionattributes",)

Item = Mapping[str, object]


def is_via(data: object) -> bool:
    files = _files(data)
    return files is not None and any(isinstance(item, dict) and "regions" in item for item in files.values())


def read_via(file: InputFile, data: object, reading: Reading) -> None:
    """Add what a file that `is_via` marks."""
    reading.remarks.use(file.name)
    for key, item in (_files(data) or {}).items():
        written = item.get("filename") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(written, str):
            reading.flaw("an image without filename", f"{file.name} {str(key)[:40]!r}")
        elif (image := reading.image(written, file.name)) is not None:
            for place, region in _regions(item.get("regions")):
                with reading.object(file.name, f"{written[:80]!r} region {place}"):
                    if not isinstance(region, dict):
                        raise Flaw("a region without a shape")
                    shape = shape_of(region.get("shape_attributes"))
                    reading.mark(VIA, image, shape, category=_category(region.get("region_attributes")))


def is_via_table(table: Table) -> bool:
    return table.column(_NAME) is not None and table.column(_SHAPE) is not None


def read_via_table(file: InputFile, table: Table, reading: Reading) -> None:
    """Add what a table that `is_via_table` marks."""
    name, shape, attributes = table.column(_NAME), table.column(_SHAPE), table.column(_ATTRIBUTES)
    assert name is not None and shape is not None
    reading.remarks.use(file.name)
    for line, cells in table.rows:
        with reading.object(file.name, f"line {line}"):
            if len(cells) <= max(name, shape):
                raise Flaw("a row with too few cells")
            marked = _data(cells[shape])
            if not marked or (image := reading.image(cells[name], file.name)) is None:
                continue  # an image without regions has one row, and in it {}
            said = _data(cells[attributes]) if attributes is not None and len(cells) > attributes else {}
            reading.mark(VIA, image, shape_of(marked), category=_category(said))


def shape_of(attributes: object) -> Shape:
    """The shape that `shape_attributes` describe. Raises: Flaw: none that has an area."""
    if not isinstance(attributes, dict):
        raise Flaw("a region without a shape")
    get, kind = attributes.get, attributes.get("name")
    if kind == "rect":
        return box_of_sides(get("x"), get("y"), get("width"), get("height"))
    if kind == "circle":
        return ellipse(get("cx"), get("cy"), get("r"), get("r"))
    if kind == "ellipse":
        return ellipse(get("cx"), get("cy"), get("rx"), get("ry"), number(get("theta", 0)))
    if kind in ("polygon", "polyline"):
        xs, ys = get("all_points_x"), get("all_points_y")
        if kind == "polyline":
            raise Flaw("a point or a line, which has no area")
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise Flaw("a polygon with an x that has no y")
        return polygon(list(zip(xs, ys, strict=True)))
    if kind == "point":
        raise Flaw("a point or a line, which has no area")
    raise Flaw("a shape of a kind that is not read")


def _files(data: object) -> Mapping[str, object] | None:
    if not isinstance(data, dict):
        return None
    inside = data.get("_via_img_metadata", data)
    return inside if isinstance(inside, dict) else None


def _regions(regions: object) -> Iterator[tuple[str, object]]:
    """VIA 2 has a list of them, VIA 1 a mapping from numbers."""
    if isinstance(regions, dict):
        yield from ((str(key)[:40], region) for key, region in regions.items())
    elif isinstance(regions, list):
        yield from ((str(place), region) for place, region in enumerate(regions))


def _category(attributes: object) -> str:
    values: Sequence[object] = list(attributes.values()) if isinstance(attributes, dict) else []
    return next((value for value in values if isinstance(value, str) and value), "")


def _data(cell: str) -> object:
    try:
        return json.loads(cell) if cell else {}
    except (ValueError, RecursionError):
        raise Flaw("a cell that is not valid JSON") from None
