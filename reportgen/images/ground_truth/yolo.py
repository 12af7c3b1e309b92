"""YOLO: a text for each image, a line an object: the class, then a box or a polygon in shares of the image's sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reportgen.images.files import UnreadableFile
from reportgen.images.ground_truth.coco import LEAST_SCORE
from reportgen.images.ground_truth.documents import folder_of, yaml_in
from reportgen.images.ground_truth.partners import parts_of, stem_of
from reportgen.images.ground_truth.reading import Reading
from reportgen.images.ground_truth.shapes import Flaw, Shape, box_of_sides, number, polygon_of_flat
from reportgen.images.texts import text_in

YOLO = "YOLO"
# Where a text is looked at that does not lie beside its image.
_FOLDERS = frozenset(["labels", "label", "yolo", "txt", "obj_train_data", "annotations", "annotation", "predict"])
_NAME_FILES = ("classes.txt", "obj.names", "classes.names", "_darknet.labels")
_YAML = (".yaml", ".yml")
# Shares may pass the border by so much: a box about something that is cut off.
_SLACK = 0.5
_VISIBILITIES = {0.0, 1.0, 2.0}


def read_yolo(reading: Reading) -> None:
    """Add what the texts beside the images mark; a text that is no YOLO is left alone."""
    texts = {name: file for name, file in reading.given.beside.items() if name.lower().endswith(".txt")}
    about = {name: images for name in texts if (images := _images(name, reading))}
    names: _Names | None = None
    for name, images in about.items():
        file = texts[name]
        try:
            text = text_in(file)
        except UnreadableFile as error:
            reading.leave(file, error.reason)
            continue
        lines = [(place, line.split()) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
        if reason := _no_yolo(lines):
            reading.leave(file, reason)
            continue
        names = names or _Names(reading)
        reading.remarks.use(file.name)
        for place, cells in lines:
            with reading.object(file.name, f"line {place}"):
                shape = _shape(cells)
                for image in images:
                    reading.mark(YOLO, image, shape, relative=True, category=names.of(file.name, cells[0]))


def _images(name: str, reading: Reading) -> tuple[str, ...]:
    folders, last = parts_of(name)
    if beside := reading.partners.beside(folders, stem_of(last), stem_of(name.rpartition("/")[2])):
        return beside
    return reading.partners.of(name) if _FOLDERS & set(folders) else ()


def _no_yolo(lines: Sequence[tuple[int, Sequence[str]]]) -> str | None:
    """Why a text is no YOLO."""
    if not lines:
        return "an empty text, which marks no object"
    poses = 0
    for _, cells in lines:
        try:
            values = [number(cell) for cell in cells]
        except Flaw:
            return "a text that is not of YOLO's form"
        if len(values) < 5 or values[0] < 0 or not values[0].is_integer():
            return "a text that is not of YOLO's form"
        if not all(-_SLACK <= value <= 1 + _SLACK for value in values[1:5]):
            return "numbers that are no shares of the image's sides, as YOLO's are"
        poses += _is_pose(values)
    return "YOLO of poses, which mark points and no object" if poses == len(lines) else None


def _is_pose(values: Sequence[float]) -> bool:
    """A box, and after it x, y and a visibility for each point."""
    visible = values[7::3]
    return len(values) > 6 and (len(values) - 5) % 3 == 0 and set(visible) <= _VISIBILITIES and not len(values) % 2


def _shape(cells: Sequence[str]) -> Shape:
    """Of `class x y w h`, with a confidence behind it or not; or of `class x y x y x y` and so on."""
    values = [number(cell) for cell in cells[1:]]
    if _is_pose([0.0, *values]):
        raise Flaw("a pose, which marks points and no object")
    if len(values) % 2 and values[-1] < LEAST_SCORE:
        raise Flaw(f"a detector's box with a score below {LEAST_SCORE:g}")
    if len(values) in (4, 5):
        x, y, width, height = values[:4]
        return box_of_sides(x - width / 2, y - height / 2, width, height)
    return polygon_of_flat(values[: len(values) // 2 * 2])


class _Names:
    """What the classes are called: by `classes.txt`, `obj.names`, or the `names` of a YAML, the nearest above a file."""

    def __init__(self, reading: Reading) -> None:
        self._by_folder: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._reading = reading
        for name, file in reading.given.beside.items():
            last = name.rpartition("/")[2].lower()
            try:
                if last in _NAME_FILES:
                    found = dict(zip(map(str, range(10**6)), _lines(text_in(file)), strict=False))
                elif last.endswith(_YAML):
                    found = _of_yaml(yaml_in(file))
                else:
                    continue
            except UnreadableFile as error:
                reading.leave(file, error.reason)
                continue
            if found:
                self._by_folder.setdefault(folder_of(name), (name, found))

    def of(self, file: str, class_: str) -> str:
        folder = folder_of(file)
        while True:
            if folder in self._by_folder:
                name, names = self._by_folder[folder]
                self._reading.remarks.use(name)
                return names.get(str(int(float(class_))), "")
            if not folder:
                return ""
            folder = folder_of(folder)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _of_yaml(data: object) -> dict[str, str]:
    names = data.get("names") if isinstance(data, dict) else None
    if isinstance(names, list):
        return {str(place): name for place, name in enumerate(names) if isinstance(name, str)}
    if isinstance(names, dict):
        return {str(key): name for key, name in names.items() if isinstance(name, str)}
    return {}
