"""The true class of an image: from labels.csv, or from its file name."""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.folder import Folder
from reportgen.images.remarks import Remarks
from reportgen.report.document import Label
from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from reportgen.models.classifiers.base import ClassList

LABELS_FILE = "labels.csv"
_WNID_STEM = re.compile(r"(n\d{8})_(.+)", re.ASCII | re.DOTALL)


def read_labels(given: Folder, classes: ClassList, remarks: Remarks) -> dict[str, Label]:
    """The true class of each image that has one.

    `labels.csv` in `folder` wins: a header `name,class`, then one row an image; the class is its index, its
    WordNet id, or its name (or one of the synonyms that commas part), whatever the case, an underscore
    standing for a space. Otherwise a file called `<wnid>_<class>` carries its label.

    Args:
        remarks: where everything is noted that is not understood.

    Raises:
        UsageError: labels.csv cannot be read as such a table; the message names the line.
    """
    by_key = _class_keys(classes)
    names = given.names
    labels = {name: label for name in names if (label := _label_in_name(name, classes, by_key))}
    table = given.beside.get(LABELS_FILE)
    if table is not None:
        # A Mac may store a name decomposed that the user types composed; the exact name comes first.
        known = {unicodedata.normalize("NFC", name): name for name in names} | {name: name for name in names}
        remarks.use(table.name)
        for line, name, text in _table_rows(table):
            image = known.get(name) or known.get(unicodedata.normalize("NFC", name))
            index = _class_index(text, by_key, line)
            if image is not None:
                labels[image] = Label(index=index, name=classes.names[index], source=LABELS_FILE)
            elif name not in given.beside:
                raise _table_error(line, f"no image {name!r} in the folder")
    return labels


def class_part(name: str) -> str:
    """The class in a file name: `goldfish` for `n01443537_goldfish.JPEG`; the stem where there is none."""
    stem = PurePosixPath(name).stem
    match = _WNID_STEM.fullmatch(stem)
    return match[2] if match else stem


def _label_in_name(name: str, classes: ClassList, by_key: Mapping[str, Sequence[int]]) -> Label | None:
    match = _WNID_STEM.fullmatch(PurePosixPath(name).stem)
    if not match or not classes.wnids or len(found := by_key.get(match[1], [])) != 1:
        return None
    return Label(index=found[0], name=classes.names[found[0]], source="file name")


def _class_keys(classes: ClassList) -> dict[str, list[int]]:
    """Everything that a class may be called by -> the indices of the classes called so."""
    keys: dict[str, set[int]] = defaultdict(set)
    for index, name in enumerate(classes.names):
        for key in (str(index), name, *name.split(",")):
            keys[_key(key)].add(index)
    for index, wnid in enumerate(classes.wnids or ()):
        keys[_key(wnid)].add(index)
    return {key: sorted(indices) for key, indices in keys.items()}


def _key(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _class_index(text: str, by_key: Mapping[str, Sequence[int]], line: int) -> int:
    found = by_key.get(_key(text), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise _table_error(line, f"class {text!r} could be {' or '.join(map(str, found))}: give the index")
    close = difflib.get_close_matches(_key(text), by_key, n=1)
    raise _table_error(line, f"unknown class {text!r}" + (f"; did you mean {close[0]!r}?" if close else ""))


def _table_rows(table: InputFile) -> Iterator[tuple[int, str, str]]:
    """(line, name, class) of each row of labels.csv; blank lines do not count."""
    try:
        text = table.read().decode("utf-8-sig")
    except UnreadableFile as error:
        raise UsageError(f"{table.path}: {error.reason}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{table.path}: not UTF-8 text; save it as CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: dict[str, int] = {}
    try:
        rows = ([cell.strip() for cell in row] for row in reader)
        filled = (row for row in rows if any(row))
        if [cell.lower() for cell in next(filled, [])] != ["name", "class"]:
            raise _table_error(max(1, reader.line_num), "the header is not name,class")
        for row in filled:
            if len(row) != 2:
                raise _table_error(reader.line_num, f"{len(row)} cells, not two; quote what holds a comma")
            if row[0] in lines:
                raise _table_error(reader.line_num, f"{row[0]!r} stands in line {lines[row[0]]} already")
            lines[row[0]] = reader.line_num
            yield reader.line_num, row[0], row[1]
    except csv.Error as error:
        raise _table_error(max(1, reader.line_num), f"not valid CSV ({error})") from None


def _table_error(line: int, problem: str) -> UsageError:
    return UsageError(f"{LABELS_FILE} line {line}: {problem}")
