"""COCO: `images`, `annotations` and `categories` in one JSON, whatever it is called; and lists of a detector's results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.runs import runs_of
from reportgen.images.ground_truth.shapes import Flaw, Runs, Shape, box_of_sides, number, polygon_of_flat

COCO = "COCO"
WORDS = (("images", "annotations"), ("image_id", "bbox"), ("image_id", "segmentation"))
# Of a detector's results those below are guesses.
LEAST_SCORE = 0.5
_MARKS = ("bbox", "segmentation")

Item = Mapping[str, object]


@dataclass(frozen=True)
class CocoImage:
    """An image of ours, and the size that the file says it has."""

    name: str
    size: tuple[float, float] | None


def is_coco(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("images"), list) and isinstance(data.get("annotations"), list)


def is_results(data: object) -> bool:
    """Whether it is a list of results: each names an image by its id, and marks something in it."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(item, dict) and "image_id" in item and any(key in item for key in _MARKS) for item in data)
    )


class CocoFiles:
    """All COCO files of a folder; results are read after the others, whose ids they use."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._images: dict[str, CocoImage] = {}
        self._categories: dict[str, str] = {}
        self._results: list[tuple[InputFile, Sequence[Item]]] = []

    def add(self, file: InputFile, data: object) -> None:
        """Read a file that `is_coco`, or keep one that `is_results`."""
        if isinstance(data, list):
            self._results.append((file, data))
            return
        assert isinstance(data, dict)
        items = [item for item in data["annotations"] if isinstance(item, dict)]
        if items and not any(key in item for item in items for key in _MARKS):
            self._reading.leave(file, "COCO without boxes or polygons: captions, or of whole pictures")
            return
        images = dict(self._found(file, data["images"]))
        categories = dict(_categories(data.get("categories")))
        self._images |= images
        self._categories |= categories
        self._read(file, data["annotations"], images, categories)
        self._reading.remarks.use(file.name)

    def finish(self) -> None:
        """Read the results that were kept."""
        for file, items in self._results:
            images = self._images or self._by_number(file, items)
            self._read(file, items, images, self._categories)
            self._reading.remarks.use(file.name)

    def _found(self, file: InputFile, items: Sequence[object]) -> Iterator[tuple[str, CocoImage]]:
        """By id the images of ours that a file names."""
        for place, item in enumerate(items):
            written = item.get("file_name") if isinstance(item, dict) else None
            key = _key(item.get("id")) if isinstance(item, dict) else None
            if not isinstance(item, dict) or not isinstance(written, str) or key is None:
                self._reading.flaw("an image without id and file_name", f"{file.name} images[{place}]")
            elif (name := self._reading.image(written, file.name)) is not None:
                yield key, CocoImage(name, size_of(item.get("width"), item.get("height")))

    def _by_number(self, file: InputFile, items: Sequence[Item]) -> dict[str, CocoImage]:
        """Results alone: an id that is an image's name, as COCO's own are."""
        found = {}
        for key in dict.fromkeys(key for item in items if (key := _key(item["image_id"])) is not None):
            padded = f"{key:0>12}" if key.isdigit() else key
            name = self._reading.image(padded if self._reading.is_here(padded) else key, file.name)
            if name is not None:
                found[key] = CocoImage(name, None)
        return found

    def _read(
        self, file: InputFile, items: Sequence[object], images: Mapping[str, CocoImage], categories: Mapping[str, str]
    ) -> None:
        for place, item in enumerate(items):
            where = f"annotations[{place}]"
            key = _key(item.get("image_id")) if isinstance(item, dict) else None
            if not isinstance(item, dict) or key is None:
                self._reading.flaw("an annotation without image_id", f"{file.name} {where}")
            elif key in images:
                self._read_object(
                    file, where, item, images[key], categories.get(str(_key(item.get("category_id"))), "")
                )

    def _read_object(self, file: InputFile, where: str, item: Item, image: CocoImage, category: str) -> None:
        if item.get("iscrowd"):
            self._reading.flaw("a crowd, in which no single object is marked", f"{file.name} {where}")
            return
        with self._reading.object(file.name, where):
            if "score" in item and number(item["score"]) < LEAST_SCORE:
                raise Flaw(f"a detector's box with a score below {LEAST_SCORE:g}")
            for shape in self._shapes(file, where, item):
                size = (shape.width, shape.height) if isinstance(shape, Runs) else image.size
                self._reading.mark(COCO, image.name, shape, size=size, category=category)

    def _shapes(self, file: InputFile, where: str, item: Item) -> list[Shape]:
        """Its polygons or runs; its box where it has none that are sound. Raises: Flaw: not that either."""
        segmentation = item.get("segmentation")
        shapes: list[Shape] = []
        if isinstance(segmentation, dict):
            with self._reading.object(file.name, where):
                shapes.append(runs_of(segmentation))
        elif isinstance(segmentation, list):
            flat = segmentation and not isinstance(segmentation[0], list)
            for part in [segmentation] if flat else segmentation:
                if part == []:
                    continue
                with self._reading.object(file.name, where):
                    shapes.append(polygon_of_flat(part if isinstance(part, list) else [part]))
        if shapes:
            return shapes
        box = item.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise Flaw("an object with neither polygons nor a box of x, y, width and height")
        return [box_of_sides(*box)]


def _key(value: object) -> str | None:
    """An id, whether it is written 7, "7" or 7.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**100:
        return str(value)
    return value if isinstance(value, str) else None


def _categories(items: object) -> Iterator[tuple[str, str]]:
    for item in items if isinstance(items, list) else ():
        key = _key(item.get("id")) if isinstance(item, dict) else None
        if key is not None and isinstance(item.get("name"), str):
            yield key, item["name"]
