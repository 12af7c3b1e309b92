"""Where the object of one image is, as files say it; and brought into the model's frame, as far as it fits the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.frame import frame_transform, model_frame
from reportgen.images.ground_truth.mask_file import fits, read_mask
from reportgen.images.ground_truth.shapes import Box, Runs, Shape, as_json, painted
from reportgen.models.classifiers.base import Preprocessing
from reportgen.report.document import Warning_
from reportgen.utils.hashing import digest_of
from reportgen.utils.terminal_text import counted, first_of

# Of the frame: what covers more is no evidence of where the object is.
_ALL = 0.999
# Joins every digest: results that an older way of reading made are made again.
_READING = 2
_MOST_NAMED = 3


def first_places(places: Sequence[str]) -> str:
    """Where something stands: the first few places, and how many others."""
    return first_of(places, _MOST_NAMED, "; ", "; ")


@dataclass(frozen=True)
class Truth:
    """The object of one image in the model's frame.

    Attributes:
        mask: (H, W) bool.
        source: the kind of file it came from, in words.
        categories: what the files call it.
    """

    mask: np.ndarray
    source: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class TruthNote:
    """What a reader must know of how an annotation fits its image: a key of `NOTES`, how many objects, and the sizes."""

    kind: str
    count: int = 1
    detail: str = ""


@dataclass(frozen=True)
class Fitted:
    """An annotation laid over its image. `truth` is None where it does not fit or says nothing; `notes` then says why."""

    truth: Truth | None
    notes: tuple[TruthNote, ...] = ()


# By kind of note: the name of its warning, and its sentence of one and of several.
NOTES = {
    "truth-scaled": (
        "Ground truth of another size",
        "The ground truth of {} is written for another size of the same shape, and was scaled",
    ),
    "truth-other-shape": (
        "Ground truth that does not fit",
        "The ground truth of {} is written for a picture of another shape, and was left out",
    ),
    "truth-outside-image": (
        "Marked objects outside the image",
        "Objects that are marked outside the image were left out of the ground truth of {}",
    ),
    "truth-says-nothing": (
        "Ground truth that says nothing",
        "The ground truth of {} marks everything or nothing: that is no evidence of where the object is, and was left out",
    ),
    "truth-unreadable": ("A mask that cannot be read", "The mask of {} cannot be read, and was left out"),
    "truth-soft-mask": (
        "Masks without a sharp border",
        "The mask of {} has a soft border, as JPEG and smoothing make it: what is brighter than half counts as the object",
    ),
}


def warnings_of(notes: Iterable[tuple[str, TruthNote]]) -> list[Warning_]:
    """One warning for each kind of note, from (image, note)."""
    by_kind: dict[str, dict[str, TruthNote]] = {kind: {} for kind in NOTES}
    for image, note in notes:
        by_kind.setdefault(note.kind, {}).setdefault(image, note)
    made = []
    for kind, found in by_kind.items():
        if found:
            name, sentence = NOTES[kind]
            places = [f"{image} ({note.detail})" if note.detail else image for image, note in found.items()]
            text = f"{sentence.format(counted(len(found), 'image'))}: {first_places(places)}."
            made.append(Warning_(code=kind, name=name, text=text))
    return made


@dataclass(frozen=True)
class Mark:
    """One object in one image.

    Attributes:
        size: (width, height) that the file says the image has.
        relative: the coordinates are shares of the image's sides, 0 to 1.
        category: what the file calls it.
    """

    shape: Shape
    size: tuple[float, float] | None = None
    relative: bool = False
    category: str = ""


@dataclass(frozen=True)
class Annotation:
    """The object of one image as its files have it.

    Attributes:
        source: the kind of file, in words.
        marks: every object that is marked; empty where `masks` are the truth.
        masks: files, of which each marks a part of it.
        digest: of all that decides the truth.
        otherwise: what another kind of file says, where this one does not fit the image or says nothing.
    """

    source: str
    marks: tuple[Mark, ...] = ()
    masks: tuple[InputFile, ...] = ()
    digest: str = field(default="", compare=False)
    otherwise: Annotation | None = None

    def or_else(self, other: Annotation | None) -> Annotation:
        """This annotation, and the other where this one is no truth of the image."""
        if other is None:
            return self
        return replace(self, otherwise=other, digest=digest_of([self.digest, other.digest]))

    @classmethod
    def of_marks(cls, source: str, marks: Sequence[Mark]) -> Annotation:
        said = sorted(str([as_json(mark.shape), mark.size, mark.relative, mark.category]) for mark in marks)
        return cls(source, tuple(marks), digest=digest_of([_READING, source, said]))

    @classmethod
    def of_masks(cls, source: str, masks: Sequence[InputFile]) -> Annotation:
        """Raises: UnreadableFile: a mask cannot be read."""
        # Its kind may follow from its name.
        said = [[mask.sha256(), mask.name.casefold().split("/")[:-1]] for mask in masks]
        return cls(source, masks=tuple(masks), digest=digest_of([_READING, source, said]))

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted({mark.category for mark in self.marks if mark.category}))

    def in_frame(self, width: int, height: int, preprocessing: Preprocessing) -> Fitted:
        """What it says of an upright image of this size, in the model's frame. Nothing in a file makes it fail."""
        fitted = self._fitted(width, height, preprocessing)
        if fitted.truth is not None or self.otherwise is None:
            return fitted
        other = self.otherwise.in_frame(width, height, preprocessing)
        return Fitted(other.truth, (*fitted.notes, *other.notes))

    def _fitted(self, width: int, height: int, preprocessing: Preprocessing) -> Fitted:
        found, notes = self._of_masks(width, height) if self.masks else self._of_marks(width, height, preprocessing)
        if found is None:
            return Fitted(None, notes)
        mask = found if not self.masks else in_model_frame(found, width, height, preprocessing)
        whole = float(mask.mean())
        # What the crop removed is a fact of the model, not of the file.
        if whole > _ALL or (self.masks and not found.any()):
            detail = "everything" if whole > _ALL else "nothing"
            return Fitted(None, (*notes, TruthNote("truth-says-nothing", detail=f"{self.source}: {detail}")))
        return Fitted(Truth(mask, self.source, self.categories), notes)

    def _of_masks(self, width: int, height: int) -> tuple[np.ndarray | None, tuple[TruthNote, ...]]:
        """(height, width) bool, of the masks that fit the image; None where none does."""
        whole: np.ndarray | None = None
        notes: dict[str, TruthNote] = {}
        for file in self.masks:
            try:
                mask = read_mask(file, width, height)
            except UnreadableFile as error:
                notes.setdefault("truth-unreadable", TruthNote("truth-unreadable", detail=error.reason))
                continue
            if not fits(mask.size, width, height):
                notes["truth-other-shape"] = TruthNote("truth-other-shape", detail=_both(mask.size, width, height))
                continue
            if mask.size != (width, height):
                notes["truth-scaled"] = TruthNote("truth-scaled", detail=_both(mask.size, width, height))
            if mask.soft:
                notes["truth-soft-mask"] = TruthNote("truth-soft-mask")
            pixels = _to_size(mask.marked, width, height)
            whole = pixels if whole is None else whole | pixels
        return whole, tuple(notes.values())

    def _of_marks(
        self, width: int, height: int, preprocessing: Preprocessing
    ) -> tuple[np.ndarray | None, tuple[TruthNote, ...]]:
        """The model's frame as (H, W) bool; None where no object fits the image."""
        frame: np.ndarray | None = None
        runs: dict[tuple[int, int], np.ndarray] = {}
        notes: dict[str, TruthNote] = {}
        outside = 0
        for mark in self.marks:
            size = (width, height) if mark.relative or mark.size is None else mark.size
            if not fits(size, width, height):
                notes["truth-other-shape"] = TruthNote("truth-other-shape", detail=_both(size, width, height))
                continue
            if size != (width, height):
                notes["truth-scaled"] = TruthNote("truth-scaled", detail=_both(size, width, height))
            if isinstance(mark.shape, Runs):
                at = (mark.shape.width, mark.shape.height)
                runs[at] = mark.shape.columns() | runs.get(at, np.False_)
                continue
            if (drawn := _drawn(mark, size, width, height, preprocessing)) is None:
                outside += 1
                continue
            frame = drawn if frame is None else frame | drawn
        for columns in runs.values():
            drawn = in_model_frame(_to_size(columns.T, width, height), width, height, preprocessing)
            frame = drawn if frame is None else frame | drawn
        if outside:
            detail = counted(outside, "object")
            notes["truth-outside-image"] = TruthNote("truth-outside-image", outside, detail)
        return frame, tuple(notes.values())


def mask_in_frame(file: InputFile, width: int, height: int, preprocessing: Preprocessing) -> np.ndarray:
    """(H, W) bool: a mask in the model's frame. It is as large as the upright image, or as that frame; nothing is scaled unsaid.

    Args:
        width, height: of the upright image.

    Raises:
        UnreadableFile: it cannot be read, or has another size.
    """
    try:
        mask = read_mask(file, width, height)
    except UnreadableFile as error:
        raise UnreadableFile(f"{file.name}: {error.reason}") from None
    if mask.size == (preprocessing.size, preprocessing.size) != (width, height):
        return mask.marked
    if mask.size != (width, height):
        raise UnreadableFile(f"{file.name}: a mask of {_both(mask.size, width, height)}")
    return in_model_frame(mask.marked, width, height, preprocessing)


def in_model_frame(mask: np.ndarray, width: int, height: int, preprocessing: Preprocessing) -> np.ndarray:
    """(H, W) bool: a mask of the upright image, (height, width) bool, in the model's frame."""
    assert mask.shape == (height, width)
    grey = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    return model_frame(grey, preprocessing)[..., 0] > 127


def _drawn(
    mark: Mark, size: tuple[float, float], width: int, height: int, preprocessing: Preprocessing
) -> np.ndarray | None:
    """(H, W) bool: a shape in the model's frame; None where it lies outside the image."""
    assert not isinstance(mark.shape, Runs)
    x, y = mark.shape.outline()
    across, down = (width, height) if mark.relative else (width / size[0], height / size[1])
    x, y = x * across, y * down
    if x.min() >= width or y.min() >= height or x.max() <= 0 or y.max() <= 0:
        return None
    scale_x, scale_y, offset_x, offset_y = frame_transform(width, height, preprocessing)
    side = preprocessing.size
    is_box = isinstance(mark.shape, Box)
    return painted(x * scale_x + offset_x, y * scale_y + offset_y, (side, side), is_box=is_box)


def _to_size(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height, width) bool: the nearest pixel of a mask for each of the image."""
    if mask.shape == (height, width):
        return mask
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST)) > 0


def _both(size: tuple[float, float], width: int, height: int) -> str:
    """The size that ground truth is written for, and the image's."""
    return f"{size[0]:g} x {size[1]:g} pixels, the upright image has {width} x {height}"
