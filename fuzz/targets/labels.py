"""Tables of labels and lists of classes beside the images: lenient, and with `--strict`, where a mistake is a line."""

from __future__ import annotations

from fuzz.harness import changed_file, parted, refused
from fuzz.targets.annotations import folder_of, require_lines
from reportgen.images import files
from reportgen.images.labels.read import read_labels
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers.base import ClassList

READERS = ("reportgen/images/labels", "reportgen/images/tables.py", "reportgen/images/naming.py")
CHANGE = changed_file
CLASSES = ClassList(("tench, Tinca tinca", "goldfish", "kite", "1", "cat"), tuple(f"n0144353{i}" for i in range(5)))


def one(data: bytes) -> None:
    given, remarks = folder_of(parted(data)), Remarks()
    try:
        read_labels(given, CLASSES, remarks)
        require_lines(remarks)
        with refused():
            read_labels(given, CLASSES, Remarks(), strict=True)
    finally:
        files._sha256.cache_clear()  # it would hold every input
