"""The true class of each image: from tables, from the folders that images lie in, and from file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.folder import Folder
from reportgen.images.labels.candidates import meant_tables, other_tables, spreadsheets
from reportgen.images.labels.class_list import ClassLists, ClassNumbers
from reportgen.images.labels.classes import KnownClasses
from reportgen.images.labels.folders import said_by_folders
from reportgen.images.labels.gather import said_by_tables
from reportgen.images.labels.said import FILE_NAME, FOLDER, LeftOver, Said, Sayings
from reportgen.images.labels.table import LabelTable, NoLabels, read_label_table
from reportgen.images.labels.tell import mistakes, tell
from reportgen.images.naming import Named
from reportgen.images.remarks import Remarks
from reportgen.report.document import Label
from reportgen.utils.errors import Problems
from reportgen.utils.hashing import digest_of

if TYPE_CHECKING:
    from reportgen.models.classifiers.base import ClassList

_WNID_STEM = re.compile(r"(n\d{8})_(.+)", re.ASCII | re.DOTALL)
# Tables that are read: of those called `labels`, and of others that may be of labels. More would take long.
_MOST_MEANT, _MOST_TABLES = 1000, 50


@dataclass(frozen=True)
class Source:
    """Where labels come from. `how`: what was understood of it; `images`: how many have their label from it."""

    name: str
    how: str
    images: int


@dataclass(frozen=True)
class Labelled:
    """What is known of the classes of the images.

    Attributes:
        labels: by image.
        sources: of the labels, the one that holds over the others first.
        inputs: SHA-256 of what was read, by the name of the file; "labels" for folders.
        left: what is left over.
    """

    labels: Mapping[str, Label] = field(default_factory=dict)
    sources: Sequence[Source] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    left: LeftOver = field(default_factory=LeftOver)


def read_labels(given: Folder, classes: ClassList, remarks: Remarks, *, strict: bool = False) -> Labelled:
    """The true class of each image that has one.

    A table called `labels` (`labels.csv`) holds over one called otherwise (`train.csv`), that over the folder that an image lies in,
    and that over a file name `<wnid>_<class>`. A class is its name, one of the synonyms that commas part, its WordNet id or
    its index, or the number that a list in the folder (`classes.txt`) gives it.

    Args:
        remarks: where everything is noted that is not understood.
        strict: a table that cannot be read, or a class that the model does not have, is an error.

    Raises:
        Problems: `strict`, a line each, with file and line.
    """
    named, known, left = given.named, KnownClasses(classes), LeftOver()
    lists = ClassLists(given, named)
    meant, others = _tables(given, named, known, lists, remarks, left)
    sayings = (
        said_by_tables(meant, given, named, known, lists, left),
        said_by_tables(others, given, named, known, lists, left),
        said_by_folders(given.names, known, lists, left),
        _said_by_file_names(given.names, classes, known),
    )
    said = _settled(sayings, left)
    lines = mistakes(left, known) if strict else []
    if lines:
        raise Problems(lines)
    labels = {
        image: Label(index=one.index, name=classes.names[one.index], source=one.source)
        for image in given.names
        if (one := said.get(image)) is not None and one.index is not None
    }
    read = [*meant, *others]
    for file in (*(table.file for table in read), *lists.files):
        remarks.use(file)
    for file, reason in left.unread.items():
        remarks.leave(file, reason)
    tell(left, labels, known, remarks)
    inputs = _inputs(given, labels, [*(table.file for table in read), *sorted(left.asked)])
    return Labelled(labels, _sources(labels, read), inputs, left)


def class_part(name: str) -> str:
    """The class in a file name: `goldfish` for `n01443537_goldfish.JPEG`; the stem where there is none."""
    stem = PurePosixPath(name).stem
    match = _WNID_STEM.fullmatch(stem)
    return match[2] if match else stem


def _tables(
    given: Folder, named: Named, known: KnownClasses, lists: ClassLists, remarks: Remarks, left: LeftOver
) -> tuple[list[LabelTable], list[LabelTable]]:
    """The tables that are called `labels`, and those that are clearly of labels though called otherwise."""
    meant: list[LabelTable] = []
    others: list[LabelTable] = []
    for name in spreadsheets(given):
        remarks.leave(name, "a spreadsheet; save its table as CSV")
    called_so = meant_tables(given, lists.files)
    for file in called_so[_MOST_MEANT:]:
        remarks.leave(file.name, f"more than {_MOST_MEANT} tables of labels")
    for file in called_so[:_MOST_MEANT]:
        try:
            table = read_label_table(file, named, known, _numbers_of(file, lists), meant=True)
        except UnreadableFile as error:
            left.unread[file.name] = error.reason
        else:
            meant += [table] if table is not None else []
    for file in other_tables(given, lists.files)[:_MOST_TABLES]:
        try:
            table = read_label_table(file, named, known, _numbers_of(file, lists), meant=False)
        except NoLabels as error:
            remarks.leave(file.name, error.reason)
        except UnreadableFile:  # whoever knows it may read it
            continue
        else:
            others += [table] if table is not None else []
    return meant, others


def _numbers_of(file: InputFile, lists: ClassLists) -> ClassNumbers | None:
    return lists.of(str(PurePosixPath(file.name).parent))


def _said_by_file_names(names: Sequence[str], classes: ClassList, known: KnownClasses) -> dict[str, Said]:
    if not classes.wnids:
        return {}
    said = {}
    for name in names:
        match = _WNID_STEM.fullmatch(PurePosixPath(name).stem)
        if match and (index := known.find_name(match[1]).index) is not None:
            said[name] = Said(index, FILE_NAME)
    return said


def _settled(sayings: Sequence[Sayings], left: LeftOver) -> dict[str, Said]:
    """By image what the first source says that says anything; where a later one says another class, that is noted."""
    said: dict[str, Said] = {}
    for one in sayings:
        for image, other in one.items():
            holds = said.setdefault(image, other)
            if None not in (holds.index, other.index) and holds.index != other.index:
                left.disagreeing.setdefault((holds.source, other.source), []).append(image)
    return said


def _sources(labels: Mapping[str, Label], tables: Sequence[LabelTable]) -> list[Source]:
    counts = Counter(label.source for label in labels.values())
    rows = [
        Source(table.file, f"images in {table.names_in}, classes in {table.classes_in}", counts[table.file])
        for table in tables
    ]
    ways = ((FOLDER, "a folder for each class"), (FILE_NAME, "<wnid>_<class>"))
    return [*rows, *(Source(name, how, counts[name]) for name, how in ways if counts[name])]


def _inputs(given: Folder, labels: Mapping[str, Label], files: Sequence[str]) -> dict[str, str]:
    inputs = {}
    for file in files:
        with suppress(UnreadableFile):  # it was read a moment ago
            inputs[file] = given.beside[file].sha256()
    by_folder = {image: label.index for image, label in labels.items() if label.source == FOLDER}
    return {**inputs, "labels": digest_of(by_folder)} if by_folder else inputs
