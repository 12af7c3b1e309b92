"""Folders of images with ground truth beside them, and what is read from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.images.ground_truth.annotation import Annotation, Fitted
from reportgen.images.ground_truth.read import read_truth
from reportgen.images.ground_truth.shapes import Shape
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers import Preprocessing

WIDTH, HEIGHT = 120, 80
BOX = (30, 20, 70, 60)  # x0, y0, x1, y1


def preprocessing(geometry: str = "crop", size: int = 48, resize: int = 54) -> Preprocessing:
    return Preprocessing(size, resize, (0.5,) * 3, (0.25,) * 3, "bilinear", geometry)  # type: ignore[arg-type]


def painted(*boxes: tuple[int, int, int, int], width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(H, W) bool: the boxes filled."""
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def seen(mask: np.ndarray, geometry: str = "crop") -> np.ndarray:
    """The same object, painted on the photograph and sent down the photograph's own way into the frame."""
    pixels = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    return model_frame(pixels, preprocessing(geometry))[..., 0] > 127


def folder_with(path: Path, *names: str, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.mkdir(exist_ok=True, parents=True)
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (90, 120, 30)).save(path / name)
    return path


@dataclass(frozen=True)
class Read:
    """What was read from a folder, and what was said of its files."""

    truths: dict[str, Annotation]
    remarks: Remarks

    def fitted(self, name: str = "a.jpg", geometry: str = "crop") -> Fitted:
        return self.truths[name].in_frame(WIDTH, HEIGHT, preprocessing(geometry))

    def mask(self, name: str = "a.jpg", geometry: str = "crop") -> np.ndarray:
        fitted = self.fitted(name, geometry)
        assert fitted.truth is not None, fitted.notes
        return fitted.truth.mask

    def shapes(self, name: str = "a.jpg") -> list[Shape]:
        return [mark.shape for mark in self.truths[name].marks]

    @property
    def said(self) -> str:
        return "\n".join(warning.text for warning in self.remarks.warnings)

    @property
    def left(self) -> dict[str, str]:
        """By file why it was left alone."""
        return {name: group.reason for group in self.remarks.left_alone for name in group.names}


def read(folder: Path) -> Read:
    """Everything in a folder, as a run reads it."""
    remarks = Remarks()
    return Read(read_truth(find_images(folder, remarks), remarks), remarks)


def beside(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, and return its folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
