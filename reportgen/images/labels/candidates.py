"""Which files beside the images may be tables of labels, by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import PurePosixPath

from reportgen.images.files import InputFile
from reportgen.images.folder import Folder
from reportgen.images.labels.records import SUFFIXES

_TABLES = (".csv", ".tsv", ".tab")
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
_CALLED = ("labels", "label")
# Parts of the names of tables that are of labels though called otherwise; and of those that are not though they look like it.
_PARTS = "label class train val test annot meta truth target solution images data"
_OTHER_PARTS = "submission predict boxes"


def meant_tables(given: Folder, lists: Collection[str]) -> list[InputFile]:
    """Those that are called as tables of labels are: `labels.csv`, `labels.tsv`, `label.txt`.

    Args:
        lists: files that are lists of classes.
    """
    suffixes = (*_TABLES, ".txt", *SUFFIXES)
    return [file for name, file in sorted(given.beside.items()) if _is_called(name, suffixes) and name not in lists]


def other_tables(given: Folder, lists: Collection[str]) -> list[InputFile]:
    """Those that are called otherwise, and may be of labels by a part of their name, or as the only table in their folder."""
    beside = Counter(str(PurePosixPath(name).parent) for name in given.beside if _suffix(name) in _TABLES)
    images = {str(PurePosixPath(name).with_suffix("")) for name in given.names}
    found = []
    for name, file in given.beside.items():
        path, suffix = PurePosixPath(name), _suffix(name)
        stem = path.stem.casefold()
        if _is_called(name, (suffix,)) or name in lists or any(part in stem for part in _OTHER_PARTS.split()):
            continue
        telling = any(part in stem for part in _PARTS.split())
        # A text of the name of an image is about that image alone.
        text = suffix == ".txt" and telling and str(path.with_suffix("")) not in images
        if (suffix in (*_TABLES, ".jsonl") and (telling or beside[str(path.parent)] == 1)) or text:
            found.append(file)
    return sorted(found, key=lambda file: (_suffix(file.name) == ".txt", file.name.count("/"), file.name))


def spreadsheets(given: Folder) -> list[str]:
    """Those that are called as tables of labels are, in a format of a spreadsheet's own."""
    return [name for name in given.beside if _is_called(name, _SPREADSHEETS)]


def _is_called(name: str, suffixes: Collection[str]) -> bool:
    return PurePosixPath(name).stem.casefold() in _CALLED and _suffix(name) in suffixes


def _suffix(name: str) -> str:
    return PurePosixPath(name.casefold()).suffix
