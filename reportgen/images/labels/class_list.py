"""The folder's own list of its classes: what the numbers in its tables, and its numbered folders, mean."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.folder import Folder
from reportgen.images.labels.classes import number_in
from reportgen.images.naming import Named, has_image_extension
from reportgen.images.tables import MAX_TABLE_BYTES
from reportgen.images.texts import text_of
from reportgen.utils.json_types import JSON

FILES = (
    "classes.txt",
    "class_names.txt",
    "classnames.txt",
    "categories.txt",
    "labels.txt",
    "classes.json",
    "class_names.json",
    "class_to_idx.json",
    "idx_to_class.json",
    "class_indices.json",
    "id2label.json",
    "label2id.json",
    "labels.json",
)
_MOST_CLASSES = 1_000_000
_NUMBER_FIRST = re.compile(r"(\d{1,9})[\s,:;=.]+(\S.*)", re.ASCII)
_NUMBER_LAST = re.compile(r"(.*\S)[\s,:;=]+(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class ClassNumbers:
    """Which class the folder calls by which number. `files`: where that stands."""

    files: tuple[str, ...]
    names: Mapping[int, str]


# Of numbers that are not the model's, and that no list explains.
NOBODYS = ClassNumbers((), {})


class ClassLists:
    """The lists of a folder and of the folders in it."""

    def __init__(self, given: Folder, named: Named) -> None:
        lists: dict[str, list[ClassNumbers]] = defaultdict(list)
        for name, file in sorted(given.beside.items()):
            path = PurePosixPath(name)
            if path.name.casefold() not in FILES:
                continue
            try:
                numbers = _numbers_in(file, named)
            except UnreadableFile:
                continue
            if numbers:
                lists[str(path.parent)].append(ClassNumbers((name,), numbers))
        self._by_folder = {folder: _agreed(found) for folder, found in lists.items()}
        self.files = frozenset(name for found in self._by_folder.values() for name in found.files)

    def of(self, folder: str) -> ClassNumbers | None:
        """What numbers mean in a folder: by the list in it, or in the nearest folder around it."""
        path = PurePosixPath(folder)
        return next((self._by_folder[str(at)] for at in (path, *path.parents) if str(at) in self._by_folder), None)


def _agreed(lists: Sequence[ClassNumbers]) -> ClassNumbers:
    """Of several lists in one folder what none of them contradicts."""
    names = dict(lists[0].names)
    for other in lists[1:]:
        for number, name in other.names.items():
            if names.setdefault(number, name) != name:
                names[number] = ""  # no class is called so
    return ClassNumbers(tuple(file for one in lists for file in one.files), names)


def _numbers_in(file: InputFile, named: Named) -> dict[int, str]:
    text = text_of(file.read(MAX_TABLE_BYTES))
    if file.name.casefold().endswith(".json"):
        try:
            numbers = _of_json(json.loads(text))
        except (ValueError, RecursionError):
            raise UnreadableFile("not JSON") from None
        return {} if any(map(has_image_extension, numbers.values())) else numbers
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text.rstrip())]
    if len(lines) > _MOST_CLASSES:
        return {}
    written = [line for line in lines if line]
    # labels.txt may be a table of images as well, or the class of each image, in an order that nobody knows.
    if not written or all(number_in(line) is not None for line in written) or _names_images(written, named, file.name):
        return {}
    for pattern, number_at, name_at in ((_NUMBER_FIRST, 1, 2), (_NUMBER_LAST, 2, 1)):
        found = [match for line in written if (match := pattern.fullmatch(line))]
        if len(found) == len(written) and len({match[number_at] for match in found}) == len(written):
            return {int(match[number_at]): match[name_at] for match in found}
    return {number: line for number, line in enumerate(lines) if line}


def _names_images(lines: Sequence[str], named: Named, file: str) -> bool:
    """Whether lines begin with images: by their extension, or, in labels.txt, where more follows in the line, by any name of one."""
    parts = [re.split(r"[,;\t| ]+", line, maxsplit=1) for line in lines[:50]]
    first = [text for text, *_ in parts]
    may_be_table = PurePosixPath(file.casefold()).name == "labels.txt"
    by_name = (
        may_be_table
        and all(len(part) > 1 for part in parts)
        and sum(named.find(text) is not None for text in first) * 2 > len(first)
    )
    return by_name or any(has_image_extension(text) for text in first)


def _of_json(data: JSON) -> dict[int, str]:
    """A list of names, `{name: number}`, or `{number: name}`; nothing where it is none of them."""
    if isinstance(data, list) and data and all(isinstance(name, str) for name in data):
        return {number: str(name) for number, name in enumerate(data)}
    if not isinstance(data, dict) or not data or len(data) > _MOST_CLASSES:
        return {}
    if all(isinstance(value, int) and not isinstance(value, bool) for value in data.values()):
        return {value: name for name, value in data.items() if isinstance(value, int)}
    numbers = {number: value for key, value in data.items() if (number := number_in(key)) is not None}
    if len(numbers) < len(data):
        return {}
    # Keras' imagenet_class_index.json has [wnid, name].
    return {number: name for number, value in numbers.items() if (name := _name_in(value))}


def _name_in(value: JSON) -> str:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0]
    return value if isinstance(value, str) else ""
