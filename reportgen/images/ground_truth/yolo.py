"""YOLO: a text for each image, a line an object: the class, then a box or a polygon in shares of the image's sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
_NO_SHARES = "numbers that are no shares of the image's sides, as YOLO's are"
# Of a pose's point: not there, hidden, seen.
_VISIBILITIES, _SEEN = {0.0, 1.0, 2.0}, 2.0


@dataclass(frozen=True)
class _Line:
    """A line of YOLO's form: the class, and the numbers behind it."""

    place: int
    number: int
    values: tuple[float, ...]


def read_yolo(reading: Reading) -> None:
    """Add what the texts beside the images mark; a text that is no YOLO is left alone."""
    texts = {name: file for name, file in reading.given.beside.items() if name.lower().endswith(".txt")}
    about = {name: images for name in texts if (images := _images(name, reading))}
    classes: _Classes | None = None
    for name, images in about.items():
        file = texts[name]
        try:
            lines, flaws = _lines_of(text_in(file))
        except UnreadableFile as error:
            reading.leave(file, error.reason)
            continue
        classes = classes or _Classes(reading)  # read only where there is something to name
        reading.remarks.use(file.name)
        for place, reason in flaws:
            reading.flaw(reason, f"{file.name} line {place}")
        for line in lines:
            with reading.object(file.name, f"line {line.place}"):
                shape = _shape(line.values, classes.have_points(file.name))
                for image in images:
                    reading.mark(YOLO, image, shape, relative=True, category=classes.name(file.name, line.number))


def _images(name: str, reading: Reading) -> tuple[str, ...]:
    folders, last = parts_of(name)
    if beside := reading.partners.beside(folders, stem_of(last), stem_of(name.rpartition("/")[2])):
        return beside
    return reading.partners.of(name) if _FOLDERS & set(folders) else ()


def _lines_of(text: str) -> tuple[list[_Line], list[tuple[int, str]]]:
    """The lines of YOLO's form, and what is wrong with the others.

    Raises:
        UnreadableFile: fewer than half of them are.
    """
    lines: list[_Line] = []
    flaws: list[tuple[int, str]] = []
    for place, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                lines.append(_line(place, line.split()))
            except Flaw as flaw:
                flaws.append((place, flaw.reason))
    if not lines and not flaws:
        raise UnreadableFile("an empty text, which marks no object")
    if len(flaws) > len(lines):
        raise UnreadableFile(_NO_SHARES if flaws[0][1] == _NO_SHARES else "a text that is not of YOLO's form")
    if all(_is_pose(line.values) for line in lines):
        raise UnreadableFile("YOLO of poses, which mark points and no object")
    return lines, flaws


def _line(place: int, cells: Sequence[str]) -> _Line:
    """Raises: Flaw: it is not of YOLO's form."""
    class_, *values = (number(cell) for cell in cells)
    if len(values) < 4 or class_ < 0 or not class_.is_integer():
        raise Flaw("a line that is not of YOLO's form")
    if not all(-_SLACK <= value <= 1 + _SLACK for value in values[:4]):
        raise Flaw(_NO_SHARES)
    return _Line(place, int(class_), tuple(values))


def _is_pose(values: Sequence[float]) -> bool:
    """A box, and after it x, y and a visibility for each point."""
    visible = set(values[6::3])
    if len(values) < 7 or (len(values) - 4) % 3 or not visible <= _VISIBILITIES:
        return False
    return len(values) % 2 == 1 or _SEEN in visible  # a polygon has an even number of values, none of them 2


def _shape(values: Sequence[float], have_points: bool) -> Shape:
    """Of `x y w h`, with a confidence behind it or not; or of `x y x y x y` and so on."""
    if _is_pose(values) or (have_points and len(values) > 5):
        raise Flaw("a pose, which marks points and no object")
    if len(values) % 2 and values[-1] < LEAST_SCORE:
        raise Flaw(f"a detector's box with a score below {LEAST_SCORE:g}")
    if len(values) in (4, 5):
        x, y, width, height = values[:4]
        return box_of_sides(x - width / 2, y - height / 2, width, height)
    return polygon_of_flat(values[: len(values) // 2 * 2])


class _Classes:
    """What the classes are called: by `classes.txt`, `obj.names`, or the `names` of a YAML, the nearest above a file."""

    def __init__(self, reading: Reading) -> None:
        self._by_folder: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._with_points: set[str] = set()
        self._reading = reading
        for name, file in reading.given.beside.items():
            last = name.rpartition("/")[2].lower()
            try:
                if last in _NAME_FILES:
                    found = dict(zip(map(str, range(10**6)), _lines(text_in(file)), strict=False))
                elif last.endswith(_YAML):
                    data = yaml_in(file)
                    found = _of_yaml(data)
                    if isinstance(data, dict) and "kpt_shape" in data:
                        self._with_points.add(folder_of(name))
                else:
                    continue
            except UnreadableFile as error:
                reading.leave(file, error.reason)
                continue
            if found:
                self._by_folder.setdefault(folder_of(name), (name, found))

    def name(self, file: str, number_: int) -> str:
        """What a class is called; `` where nothing says so."""
        for folder in _upwards(file):
            if folder in self._by_folder:
                name, names = self._by_folder[folder]
                self._reading.remarks.use(name)
                return names.get(str(number_), "")
        return ""

    def have_points(self, file: str) -> bool:
        """Whether a YAML above a file says that its objects are poses."""
        return bool(self._with_points) and any(folder in self._with_points for folder in _upwards(file))


def _upwards(file: str) -> Iterator[str]:
    """The folder that a file lies in, and those that it lies in, up to the first, which is ``."""
    folder = folder_of(file)
    yield folder
    while folder:
        folder = folder_of(folder)
        yield folder


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _of_yaml(data: object) -> dict[str, str]:
    names = data.get("names") if isinstance(data, dict) else None
    if isinstance(names, list):
        return {str(place): name for place, name in enumerate(names) if isinstance(name, str)}
    if isinstance(names, dict):
        return {str(key): name for key, name in names.items() if isinstance(name, str)}
    return {}
