"""Ground truth beside the images (COCO, VOC, YOLO, labelme and the others), read and drawn. Nothing in a file may stop a run."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from fuzz.harness import Held, changed_file, parted, require_line
from reportgen.images.files import InputFile
from reportgen.images.folder import Folder
from reportgen.images.ground_truth.read import read_truth
from reportgen.images.remarks import Remarks
from truth_folders import HEIGHT, WIDTH, preprocessing

READERS = ("reportgen/images/ground_truth", "reportgen/images/texts.py", "reportgen/images/tables.py")
CHANGE = changed_file
IMAGES = ("a.png", "b.png", "train/c.png")


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(buffer, "PNG")
    return buffer.getvalue()


_PICTURE = Held(_picture())


def folder_of(files: dict[str, bytes]) -> Folder:
    """Three images, and these files beside them."""
    images = tuple(InputFile(name, Path(name), _PICTURE) for name in IMAGES)
    beside = {name: InputFile(name, Path(name), Held(data)) for name, data in sorted(files.items())}
    return Folder(Path("given"), images, beside={name: file for name, file in beside.items() if name not in IMAGES})


def require_lines(remarks: Remarks) -> None:
    for text in (*(warning.text for warning in remarks.warnings), *(group.reason for group in remarks.left_alone)):
        assert text and "\n" not in text, text[:200]


def one(data: bytes) -> None:
    remarks = Remarks()
    truths = read_truth(folder_of(parted(data)), remarks)
    for annotation in truths.values():
        for note in annotation.in_frame(WIDTH, HEIGHT, preprocessing()).notes:
            require_line(note.kind + note.detail)
    require_lines(remarks)
